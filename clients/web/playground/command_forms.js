/**
 * A form for every command of the room.
 *
 * Owns the forms, and sending again and again what is held: a room applies the last input for a few
 * ticks only.
 */

import { byId, make } from "../elements.js";
import { fieldOf } from "./value_inputs.js";

/** @typedef {import("../net/commands.js").CommandKind} CommandKind */

const HELD_EVERY_MS = 50;

export class CommandForms {
  #parent = byId("forms");
  #send;
  /** @type {Set<any>} */ #timers = new Set();

  /** @param {(command: string, fields: Record<string, any>) => number} send  0 if it was not sent */
  constructor(send) {
    this.#send = send;
  }

  /** Show the commands of a room. @param {CommandKind[]} commands */
  show(commands) {
    this.clear();
    this.#parent.replaceChildren(...commands.map((command) => this.#form(command)));
    if (commands.length === 0) this.#parent.append(make("p", "hint", "The room has no commands."));
  }

  /** Send nothing more. */
  clear() {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers.clear();
    this.#parent.replaceChildren(make("p", "hint", "Join a room to give commands."));
  }

  /** @param {CommandKind} command */
  #form(command) {
    const inputs = command.fields.map((field) => {
      const { fallback, type } = field;
      const value = fallback === null ? undefined : type.fromWire(fallback);
      return { name: field.name, ...fieldOf(field.name, type, field, value) };
    });
    const fault = make("p", "fault");
    fault.setAttribute("role", "alert");
    const form = document.createElement("form");
    form.className = "card command";
    const send = () => {
      try {
        const values = Object.fromEntries(inputs.map(({ name, read }) => [name, read()]));
        const sent = this.#send(command.name, values);
        fault.textContent = sent === 0 ? "not sent: the connection is not open" : "";
      } catch (error) {
        if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
        fault.textContent = error.message;
        hold.checked = false;
        stop();
      }
    };
    /** @type {any} */
    let timer = null;
    const stop = () => {
      clearInterval(timer);
      this.#timers.delete(timer);
    };
    const hold = document.createElement("input");
    hold.type = "checkbox";
    hold.addEventListener("change", () => {
      stop();
      if (!hold.checked) return;
      timer = setInterval(send, HELD_EVERY_MS);
      this.#timers.add(timer);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send();
    });
    const holding = make("label", "check", "", []);
    holding.append(hold, " hold");
    holding.title = "Send it twenty times a second";
    const button = make("button", "", "Send");
    button.setAttribute("aria-label", `Send ${command.name}`);
    const head = make("div", "bar", "", [make("h3", "", command.name), holding, button]);
    form.append(head, make("div", "fields", "", inputs.map(({ element }) => element)), fault);
    return form;
  }
}
