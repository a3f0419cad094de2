/**
 * The playground's parts, and the connection that they share.
 *
 * Owns joining and leaving, and when the parts are drawn.
 */

import { byId } from "../elements.js";
import { LabLink } from "../lab/conditioned_socket.js";
import { GameClient } from "../net/client.js";
import { LinkControls } from "../panel/link_controls.js";
import { CommandForms } from "./command_forms.js";
import { EntityTable } from "./entity_table.js";
import { Feed } from "./feed.js";
import { Figures } from "./figures.js";
import { JoinPanel } from "./join_panel.js";
import { allThings, seenThings } from "./view_model.js";
import { WorldMap } from "./world_map.js";

/** @typedef {import("./join_panel.js").Joining} Joining */
/** @typedef {import("./view_model.js").WholeWorld} WholeWorld */

/** The table is read by people; the map is drawn with each delta. */
const TABLE_EVERY_MS = 200;

export class Playground {
  /** @type {GameClient<any> | null} */ client = null;
  #lab = new LabLink(Date.now() | 0);
  #join;
  #map = new WorldMap((id) => this.#pick(id));
  #table = new EntityTable((id) => this.#pick(id));
  #forms = new CommandForms((command, fields) => this.client?.send(command, fields) ?? 0);
  #feed = new Feed((text) => void this.client?.say(text));
  #figures = new Figures();
  /** @type {number | null} */ #picked = null;
  /** The whole world, under `gameserver dev` only. @type {WholeWorld | null} */ #world = null;
  #whole = byId("whole", HTMLInputElement);

  /** @param {{ name: string, room: string }} asked */
  constructor({ name, room }) {
    this.#join = new JoinPanel(name, room, (joining) => this.#begin(joining));
    new LinkControls(byId("link-controls"), this.#lab);
    byId("leave").addEventListener("click", () => this.#leave());
    this.#whole.addEventListener("change", () => this.#show());
    for (const button of byId("views").querySelectorAll("button")) {
      button.addEventListener("click", () => this.#turnTo(button.dataset.view ?? "join"));
    }
    addEventListener("gameserver-dev", (event) => this.#dev(/** @type {CustomEvent} */ (event).detail));
    addEventListener("gameserver-dev-open", () => this.#watch());
    addEventListener("pagehide", ({ persisted }) => {
      if (!persisted) this.client?.close();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.client?.wake();
    });
    setInterval(() => this.#showTable(), TABLE_EVERY_MS);
  }

  /** @param {boolean} joins  whether to join at once */
  async start(joins) {
    await this.#join.ready;
    if (joins) this.#join.submit();
  }

  // -------------------------------------------------------------- the connection

  /** @param {Joining} joining */
  #begin({ name, room, token, options }) {
    this.#leave();
    const client = new GameClient({
      url: `${location.origin.replace("http", "ws")}/`,
      socketFactory: this.#lab.sockets(WebSocket),
      ...{ name, room, token, options },
    });
    this.client = client;
    Object.assign(window, { client });
    const own = (/** @type {(payload: any) => void} */ listener) => (/** @type {any} */ payload) => {
      if (this.client === client) listener(payload);
    };
    client.on("state", own((change) => this.#changed(change)));
    client.on("welcome", own((welcome) => this.#welcomed(welcome)));
    client.on("delta", own(() => this.#show()));
    client.on("event", own((event) => this.#feed.event(event)));
    client.on("said", own(({ seat, name: speaker, text }) => this.#feed.chat(seat === 0 ? "server" : speaker, text)));
    client.connect();
  }

  #leave() {
    const { client } = this;
    this.client = null;
    client?.close();
    this.#empty();
    this.#place("not in a room", "");
  }

  #empty() {
    this.#picked = this.#world = null;
    this.#forms.clear();
    this.#join.playing("");
    this.#show();
    this.#showTable();
    byId("leave").hidden = true;
  }

  /** @param {string} text @param {string} state */
  #place(text, state) {
    byId("place").textContent = text;
    byId("place").dataset.state = state;
  }

  /** @param {import("../net/client_types.js").StateChange} change */
  #changed({ state, reason, retryInS }) {
    if (state === "playing") return;
    const again = retryInS === null ? "" : `, again in ${retryInS.toFixed(1)} s`;
    this.#place(reason === "" ? state : `${reason}${again}`, state);
    if (reason !== "") this.#feed.link(`${reason}${again}`);
    if (state !== "closed") return;
    this.#empty();
    this.#join.fault(reason);
    this.client = null;
  }

  /** @param {import("../net/messages.js").Welcome} welcome */
  #welcomed({ room, seat, resumed, schema }) {
    this.#place(`${room} · seat ${seat}`, "playing");
    this.#feed.link(resumed ? `back in ${room}` : `joined ${room}, seat ${seat}`);
    this.#forms.show(schema.commands);
    this.#join.playing(room);
    this.#map.reset();
    // Where nothing has a place, the table has all the room.
    byId("map").classList.toggle("flat", schema.entities.every(({ at }) => at.length === 0));
    byId("leave").hidden = false;
    this.#watch();
    if (!resumed) this.#turnTo("map");
  }

  // -------------------------------------------------------------- gameserver dev

  /** Ask for the whole world of the room, where there is a channel to ask. */
  #watch() {
    dispatchEvent(new CustomEvent("gameserver-dev-watch", { detail: this.client?.welcome?.room ?? null }));
  }

  /** @param {any} message  from the channel of `gameserver dev` */
  #dev(message) {
    byId("whole-label").hidden = false;
    this.#feed.offerLog();
    if (message.type === "log") this.#feed.log(message.level, message.text, message.fields);
    if (message.type === "code") {
      this.#feed.link(`the code is new after ${message.took_ms} ms`);
      void this.#join.loadKinds();
    }
    if (message.type === "world" && message.room === this.client?.welcome?.room) {
      this.#world = message;
      this.#show();
    }
  }

  // -------------------------------------------------------------- drawing

  /** @returns {import("./view_model.js").Thing[]} */
  #things() {
    const replica = this.client?.replica ?? null;
    if (replica === null) return [];
    return this.#whole.checked ? allThings(replica, this.#world) : seenThings(replica);
  }

  #show() {
    this.#map.show(this.#things(), this.#picked);
  }

  #showTable() {
    const things = this.#things();
    const kinds = this.client?.replica?.schema.entities.map(({ name }) => name) ?? [];
    this.#table.show(things, this.#picked, kinds);
    this.#figures.show(this.client);
    const seen = this.client?.replica?.entities.size ?? 0;
    const all = this.#world === null ? "" : ` of ${this.#world.count}`;
    byId("sight").textContent = kinds.length === 0 ? "" : `you see ${seen}${all}`;
  }

  /** @param {number | null} id */
  #pick(id) {
    this.#picked = id;
    const kind = this.#things().find((thing) => thing.id === id)?.kind;
    if (kind !== undefined) this.#table.turnTo(kind);
    byId("picked").classList.toggle("left", this.#map.hasOnTheRight(id));
    this.#show();
    this.#showTable();
  }

  /** Of the parts, narrow pages show one. @param {string} view */
  #turnTo(view) {
    document.body.dataset.view = view;
    for (const button of byId("views").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    }
  }
}
