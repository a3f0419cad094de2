/**
 * The list of happenings: events, texts, changes of the connection, and under `gameserver dev` the log.
 *
 * Owns the lines, their filters and the line to type into.  Texts of players are set as text.
 */

import { byId, make } from "../elements.js";
import { cleanText } from "../net/texts.js";
import { shown } from "./shown.js";

/** @typedef {"event" | "chat" | "link" | "log"} Source */

const MAX_LINES = 300;
/** @type {readonly [Source, string][]} */
const SOURCES = [["event", "events"], ["chat", "chat"], ["link", "link"], ["log", "log"]];

export class Feed {
  #lines = byId("lines");
  #filters = byId("filters");

  /** @param {(text: string) => void} say */
  constructor(say) {
    const form = byId("say", HTMLFormElement);
    const input = byId("say-text", HTMLInputElement);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = cleanText(input.value);
      if (text !== "") say(text);
      form.reset();
    });
    for (const [source, label] of SOURCES) this.#filters.append(this.#filter(source, label));
    this.#filterOf("log").hidden = true;
  }

  /** Show the filter of the log, which only `gameserver dev` has. */
  offerLog() {
    this.#filterOf("log").hidden = false;
  }

  /** @param {Record<string, any>} event */
  event(event) {
    const { kind, ...fields } = event;
    const text = Object.entries(fields).map(([name, value]) => `${name} ${shown(value)}`).join(", ");
    this.#add("event", kind, text);
  }

  /** @param {string} name @param {string} text */
  chat(name, text) {
    this.#add("chat", name, text);
  }

  /** @param {string} text */
  link(text) {
    this.#add("link", "link", text);
  }

  /** @param {string} level @param {string} text @param {Record<string, any>} fields */
  log(level, text, fields) {
    const { level: _level, timestamp: _timestamp, ...rest } = fields;
    const more = Object.entries(rest).map(([name, value]) => `${name}=${shown(value)}`).join(" ");
    this.#add("log", text, more).classList.add(level);
  }

  /** @param {Source} source @param {string} head @param {string} text */
  #add(source, head, text) {
    const line = make("li", source, "", [make("b", "", head), make("span", "", text)]);
    const { scrollTop, scrollHeight, clientHeight } = this.#lines;
    const isAtEnd = scrollTop + clientHeight > scrollHeight - 40;
    this.#lines.append(line);
    while (this.#lines.children.length > MAX_LINES) this.#lines.firstElementChild?.remove();
    if (isAtEnd) this.#lines.scrollTop = this.#lines.scrollHeight;
    return line;
  }

  /** @param {Source} source @param {string} label */
  #filter(source, label) {
    const button = make("button", "chip", label);
    button.dataset.source = source;
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const isShown = this.#lines.classList.toggle(`no-${source}`);
      button.setAttribute("aria-pressed", String(!isShown));
    });
    return button;
  }

  /** @param {Source} source */
  #filterOf(source) {
    return /** @type {HTMLElement} */ (this.#filters.querySelector(`[data-source=${source}]`));
  }
}
