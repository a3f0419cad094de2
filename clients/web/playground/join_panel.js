/**
 * The rooms that are open, and the form to join one or make one.
 *
 * Owns the form, whose options are those of the kind that is chosen.
 */

import { byId, make } from "../elements.js";
import { fetchKinds, fetchRooms } from "./kinds.js";
import { shown } from "./shown.js";
import { fieldOf } from "./value_inputs.js";

/** @typedef {import("./kinds.js").Kind} Kind */
/** @typedef {import("./kinds.js").ListedRoom} ListedRoom */
/** @typedef {import("./value_inputs.js").Field} Field */

/**
 * @typedef {object} Joining
 * @property {string} name
 * @property {string} room
 * @property {string | null} token
 * @property {Record<string, any>} options
 */

const ROOMS_EVERY_MS = 2000;

export class JoinPanel {
  #name = byId("join-name", HTMLInputElement);
  #kind = byId("join-kind", HTMLSelectElement);
  #room = byId("join-room", HTMLInputElement);
  #token = byId("join-token-input", HTMLInputElement);
  #options = byId("join-options");
  #fault = byId("join-fault");
  #list = byId("rooms");
  #join;
  /** @type {Kind[]} */ #kinds = [];
  /** @type {Map<string, Field>} */ #inputs = new Map();
  /** The label of the room that is played. */
  #here = "";

  /** @param {string} name @param {string} room @param {(joining: Joining) => void} join */
  constructor(name, room, join) {
    this.#join = join;
    this.#name.value = name;
    const [kind, , own] = room.match(/^([^/]*)(\/(.*))?$/)?.slice(1) ?? [];
    this.#room.value = own ?? "";
    this.#kind.addEventListener("change", () => this.#showOptions());
    byId("join-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.ready = this.loadKinds(kind ?? "");
    void this.#showRooms();
    setInterval(() => {
      if (!document.hidden) void this.#showRooms();
    }, ROOMS_EVERY_MS);
  }

  /** Once the kinds are known. @type {Promise<void>} */
  ready;

  /** Read the kinds again, as after a change of the code. @param {string} [chosen] */
  async loadKinds(chosen = this.#kind.value) {
    this.#kinds = await fetchKinds();
    this.#kind.replaceChildren(...this.#kinds.map(({ name }) => new Option(name)));
    if (this.#kinds.some(({ name }) => name === chosen)) this.#kind.value = chosen;
    this.#showOptions();
  }

  /** Ask to join, with what the form holds. */
  submit() {
    this.fault("");
    const options = Object.fromEntries([...this.#inputs].map(([name, { read }]) => [name, read()]));
    const token = this.#token.value === "" ? null : this.#token.value;
    const own = this.#room.value.trim();
    const room = own === "" ? this.#kind.value : `${this.#kind.value}/${own}`;
    this.#join({ name: this.#name.value.trim(), room, token, options });
  }

  /** @param {string} text */
  fault(text) {
    this.#fault.textContent = text;
  }

  /** @param {string} room  the label of the room that is played, or empty */
  playing(room) {
    this.#here = room;
    void this.#showRooms();
  }

  #showOptions() {
    const kind = this.#kinds.find(({ name }) => name === this.#kind.value);
    byId("join-token").hidden = kind === undefined || !kind.requiresToken;
    this.#inputs.clear();
    for (const field of kind?.options.fields ?? []) {
      const { fallback, type, name } = field;
      const value = fallback === null ? undefined : type.fromWire(fallback);
      this.#inputs.set(name, fieldOf(name, type, field, value));
    }
    this.#options.replaceChildren(...[...this.#inputs.values()].map(({ element }) => element));
  }

  async #showRooms() {
    /** @type {ListedRoom[]} */
    const rooms = await fetchRooms().catch(() => []);
    const items = rooms.map((room) => this.#item(room));
    if (items.length === 0) items.push(make("li", "hint", "No room is open; the first to join makes one."));
    // The keyboard stays where it is.
    const focused = document.activeElement?.getAttribute("data-room");
    this.#list.replaceChildren(...items);
    if (focused) /** @type {HTMLElement | null} */ (this.#list.querySelector(`[data-room="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {ListedRoom} room */
  #item(room) {
    const button = make("button", "quiet", room.name === this.#here ? "here" : room.locked ? "locked" : "Join");
    button.setAttribute("aria-label", `Join ${room.name}`);
    button.dataset.room = room.name;
    button.toggleAttribute("disabled", room.name === this.#here || room.locked);
    button.addEventListener("click", () => {
      const [kind, own] = room.name.split("/");
      this.#kind.value = kind;
      this.#room.value = own;
      this.#showOptions();
      this.submit();
    });
    const facts = [`${room.players} of ${room.max_players}`];
    for (const [name, value] of Object.entries(room.listing)) facts.push(`${name} ${shown(value)}`);
    const text = make("div", "", "", [make("b", "", room.name), make("small", "", facts.join(" · "))]);
    return make("li", "", "", [text, button]);
  }
}
