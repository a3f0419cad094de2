/**
 * The actions of an operator: the questions before each, and a note of its result.
 *
 * Owns both.  Never decides whether an action is allowed, and never logs one: the server does both.
 */

import { byId, make } from "../elements.js";
import { Dialog } from "./dialog.js";
import { secondsIn } from "./text.js";

/** @typedef {import("./connection.js").MonitorConnection} MonitorConnection */
/** @typedef {import("./connection.js").PlayerFigures} PlayerFigures */
/** @typedef {import("./dialog.js").Field} Field */

/** How long a note is shown; so many stay for screen readers. */
const NOTE_MS = 6000;
const NOTES = 5;
/** @type {Field} */
const REASON = { name: "reason", label: "Reason, which the player is told", placeholder: "none" };
/** @type {Field} */
const DURATION = { name: "duration", label: "For how long", placeholder: "without end; or 30m, 12h, 7d" };

export class Actions {
  #dialog = new Dialog();
  #connection;
  #done;

  /** @param {() => MonitorConnection | null} connection @param {(action: string) => void} done */
  constructor(connection, done) {
    this.#connection = connection;
    this.#done = done;
  }

  /** Carry out an action and note its result. @param {string} action @param {Record<string, any>} arguments_ */
  async carryOut(action, arguments_) {
    const given = Object.fromEntries(Object.entries(arguments_).filter(([, value]) => value !== "" && value !== null));
    try {
      const result = await this.#connection()?.act(action, given);
      note(String(result), "good");
    } catch (error) {
      note(error instanceof Error ? error.message : String(error), "bad");
    }
    this.#done(action);
  }

  /** @param {PlayerFigures} player */
  async kick({ room, seat, name }) {
    const given = await this.#dialog.ask(`Kick ${name}`, `Seat ${seat} of ${room}. The player may join again.`, "Kick", [REASON]);
    if (given !== null) await this.carryOut("kick", { room, seat, reason: given.reason });
  }

  /** @param {PlayerFigures} player @param {"ban" | "mute"} action */
  async punish({ room, seat, name, identity, address }, action) {
    const by = identity === "" ? `the address ${address}` : `the identity ${identity}`;
    const title = `${action === "ban" ? "Ban" : "Mute"} ${name}`;
    const given = await this.#dialog.ask(title, `By ${by}.`, action === "ban" ? "Ban" : "Mute", [DURATION, REASON]);
    if (given === null) return;
    const forS = secondsIn(given.duration);
    if (Number.isNaN(forS)) note(`${given.duration} is no duration, such as 30m, 12h or 7d`, "bad");
    else await this.carryOut(action, { room, seat, for_s: forS, reason: given.reason });
  }

  /** Ban or mute somebody who is not here. */
  async punishOther() {
    const given = await this.#dialog.ask("Ban or mute", "Somebody who may not be here now.", "Go", [
      { name: "action", label: "What", choices: ["ban", "mute"] },
      { name: "of", label: "By", choices: ["identity", "address"] },
      { name: "subject", label: "Identity, address or network", required: true },
      DURATION,
      REASON,
    ]);
    if (given === null) return;
    const forS = secondsIn(given.duration);
    if (Number.isNaN(forS)) note(`${given.duration} is no duration, such as 30m, 12h or 7d`, "bad");
    else await this.carryOut(given.action, { [given.of]: given.subject, for_s: forS, reason: given.reason });
  }

  /** @param {PlayerFigures} player @param {string[]} rooms  the labels of all rooms */
  async move({ room, seat, name }, rooms) {
    const others = rooms.filter((each) => each !== room);
    const given = await this.#dialog.ask(`Move ${name}`, `From ${room}; a room that does not exist is made.`, "Move", [
      { name: "to", label: "To the room", required: true, placeholder: others[0] ?? "kind/name" },
    ]);
    if (given !== null) await this.carryOut("move", { room, seat, to: given.to });
  }

  /** @param {string | null} room  null: all rooms */
  async announce(room) {
    const given = await this.#dialog.ask("Announce", room === null ? "To every player of this server." : `To the players of ${room}.`, "Announce", [
      { name: "text", label: "Text", required: true },
    ]);
    if (given !== null) await this.carryOut("announce", { room, text: given.text });
  }

  /** @param {string} room @param {boolean} locked  as it is now */
  async lock(room, locked) {
    await this.carryOut(locked ? "unlock" : "lock", { room });
  }

  /** @param {string} node */
  async drain(node) {
    const which = node === "" ? "This server" : `Node ${node}`;
    const text = `${which} makes no room any more, and gives its rooms to other nodes. The rooms that stay play on.`;
    const given = await this.#dialog.ask("Drain", text, "Drain", []);
    if (given !== null) await this.carryOut("drain", { node });
  }
}

/** @param {string} text @param {"good" | "bad"} state */
export function note(text, state) {
  const item = make("li", state, text);
  const notes = byId("toasts");
  notes.append(item);
  if (notes.children.length > NOTES) notes.firstElementChild?.remove();
  setTimeout(() => item.classList.add("old"), NOTE_MS);
}
