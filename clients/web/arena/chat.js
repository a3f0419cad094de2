/**
 * The chat: a log that fades, and a line to type into.
 *
 * Owns its elements.  Texts of players are set as text, never as HTML.
 */

import { byId, make } from "../elements.js";
import { cleanText } from "../net/texts.js";
import { colourOf } from "./palette.js";

/** @typedef {import("../net/messages.js").Said} Said */
/** @typedef {import("./scene.js").Scene} Scene */

const LINES = 40;
const FRESH_S = 9;

export class Chat {
  #log = byId("chat-log");
  #form = byId("chat-form", HTMLFormElement);
  #input = byId("chat-input", HTMLInputElement);

  /** @param {(text: string) => void} say */
  constructor(say) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = cleanText(this.#input.value);
      if (text !== "") say(text);
      this.close();
    });
    this.#input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    this.#input.addEventListener("blur", () => this.close());
  }

  /** Show the line and put the cursor there. */
  open() {
    this.#form.hidden = false;
    this.#log.classList.add("open");
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#input.focus();
  }

  close() {
    if (this.#form.hidden) return;
    this.#form.hidden = true;
    this.#log.classList.remove("open");
    this.#input.value = "";
    this.#input.blur();
  }

  /** @param {Said} said @param {Scene} scene */
  heard({ seat, name, text }, scene) {
    const speaker = make("b", "", seat === 0 ? "" : `${scene.pilots.get(seat)?.name ?? name} `);
    speaker.style.color = colourOf(scene.pilots.get(seat)?.colour ?? -1);
    const line = make("li", seat === 0 ? "server" : "", "", [speaker, make("span", "", text)]);
    this.#log.append(line);
    while (this.#log.children.length > LINES) this.#log.firstElementChild?.remove();
    this.#log.scrollTop = this.#log.scrollHeight;
    setTimeout(() => line.classList.add("old"), FRESH_S * 1000);
  }
}
