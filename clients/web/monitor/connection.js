/**
 * The connection to the monitor room: figures as entities, actions and their answers.
 *
 * Owns the client, the numbers of actions, and putting parts together.  Never draws.
 */

import { GameClient } from "../net/client.js";

/** @typedef {import("../net/client_types.js").StateChange} StateChange */

/**
 * The entities and maps of the monitor room; `gameserver/admin/monitor_room.py` has their classes.
 * @typedef {{ name: string, rooms: number, players: number, connections: number, held: number, behind: number,
 *   computed: number, waited: number, level: number, ready: boolean, work_us: number[], late_us: number[],
 *   rtt_us: number[], storage_waiting: number, bans: number, mutes: number,
 *   counts: Map<string, number>, refusals: Map<string, number> }} NodeFigures
 * @typedef {{ id: number, node: string, label: string, players: number, max_players: number, entities: number,
 *   tick: number, tick_rate: number, load: number, work_us: number[], late_us: number, rtt_us: number,
 *   level: number, pace: number, behind: number, locked: boolean, private: boolean, delta_bytes: number,
 *   shares: Map<string, number> }} RoomFigures
 * @typedef {{ id: number, room: string, seat: number, name: string, identity: string, address: string,
 *   connected: boolean, rtt_us: number, behind: number, bytes_out: number }} PlayerFigures
 * @typedef {{ room: string, tick: number, kinds: string[], things: MapThing[] }} RoomMap
 * @typedef {{ id: number, kind: number, seat: number, at: [number, number] }} MapThing
 */

/** Bytes of an entity on a map: id, kind, seat, x, y. */
const ON_MAP_BYTES = 16;
const ANSWER_WITHIN_MS = 30_000;

export class MonitorConnection {
  /** @type {GameClient<any>} */ #client;
  #number = 0;
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void, parts: Uint8Array[] }>} */
  #asked = new Map();
  /** @type {Uint8Array[]} */ #mapParts = [];
  #watched = "";

  /**
   * @param {string} token
   * @param {{ changed: (change: StateChange) => void, figures: () => void, map: (map: RoomMap) => void }} told
   */
  constructor(token, { changed, figures, map }) {
    const url = `${location.origin.replace("http", "ws")}/`;
    const client = new GameClient({ url, room: "monitor", name: "operator", token });
    this.#client = client;
    client.on("state", (change) => changed(change));
    client.on("welcome", ({ resumed }) => {
      if (!resumed && this.#watched !== "") this.watch(this.#watched);
    });
    client.on("delta", () => figures());
    client.on("event", (event) => this.#part(/** @type {any} */ (event), map));
  }

  connect() {
    this.#client.connect();
  }

  close() {
    this.#client.close();
    for (const { reject } of this.#asked.values()) reject(new Error("the connection is closed"));
    this.#asked.clear();
  }

  wake() {
    this.#client.wake();
  }

  /** @returns {NodeFigures[]} */
  get nodes() {
    return this.#all("NodeFigures");
  }

  /** @returns {RoomFigures[]} */
  get rooms() {
    return this.#all("RoomFigures");
  }

  /** The players of the watched rooms. @returns {PlayerFigures[]} */
  get players() {
    return this.#all("PlayerFigures");
  }

  /** @param {string} kind @returns {any[]} */
  #all(kind) {
    return this.#client.replica?.ofKind(kind) ?? [];
  }

  /** Watch a room; an empty name: none. @param {string} room */
  watch(room) {
    this.#watched = room;
    this.#mapParts = [];
    this.#client.send("Watch", { room });
  }

  /**
   * Carry out an action; the result is rejected with the server's reason.
   * @param {string} action
   * @param {Record<string, any>} [arguments_]
   * @returns {Promise<any>}
   */
  act(action, arguments_ = {}) {
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      this.#asked.set(number, { resolve, reject, parts: [] });
      setTimeout(() => this.#end(number)?.reject(new Error("the server did not answer")), ANSWER_WITHIN_MS);
      const sent = this.#client.send("Act", { number, action, arguments: JSON.stringify(arguments_) });
      if (sent === 0) this.#end(number)?.reject(new Error("not connected"));
    });
  }

  /** @param {number} number */
  #end(number) {
    const asked = this.#asked.get(number);
    this.#asked.delete(number);
    return asked;
  }

  /**
   * @param {{ kind: string, number: number, index: number, count: number, about: string, tick: number,
   *   kinds: string[], data: Uint8Array }} part
   * @param {(map: RoomMap) => void} showMap
   */
  #part({ kind, number, index, count, about, tick, kinds, data }, showMap) {
    if (kind !== "Part") return;
    const parts = number === 0 ? this.#mapParts : this.#asked.get(number)?.parts;
    if (parts === undefined) return;
    if (index === 0) parts.length = 0;
    if (index !== parts.length) return; // one was lost: the next map comes soon
    parts.push(data);
    if (index < count - 1) return;
    const whole = joined(parts);
    if (number === 0) {
      if (about === this.#watched) showMap({ room: about, tick, kinds, things: thingsIn(whole) });
      return;
    }
    const answer = JSON.parse(new TextDecoder().decode(whole));
    const asked = this.#end(number);
    if ("error" in answer) asked?.reject(new Error(answer.error));
    else asked?.resolve(answer.ok);
  }
}

/** @param {Uint8Array[]} parts */
function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {Uint8Array} data @returns {MapThing[]} */
export function thingsIn(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const things = [];
  for (let at = 0; at + ON_MAP_BYTES <= data.length; at += ON_MAP_BYTES) {
    /** @type {[number, number]} */
    const place = [view.getFloat32(at + 8, true), view.getFloat32(at + 12, true)];
    things.push({ id: view.getUint32(at, true), kind: view.getUint16(at + 4, true), seat: view.getUint16(at + 6, true), at: place });
  }
  return things;
}
