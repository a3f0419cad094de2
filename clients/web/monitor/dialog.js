/**
 * The one dialog of the page: it asks for the arguments of an action, or for a confirmation.
 *
 * Owns the dialog and its fields.  Never carries an action out: the caller gets the values.
 */

import { byId, make } from "../elements.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} [placeholder]
 * @property {string[]} [choices]
 * @property {boolean} [required]
 */

export class Dialog {
  #dialog = byId("dialog", HTMLDialogElement);
  #fields = byId("dialog-fields");
  /** @type {((values: Record<string, string> | null) => void) | null} */ #answer = null;

  constructor() {
    byId("dialog-cancel").addEventListener("click", () => this.#dialog.close("cancel"));
    this.#dialog.addEventListener("close", () => {
      const answer = this.#answer;
      this.#answer = null;
      answer?.(this.#dialog.returnValue === "go" ? this.#values() : null);
    });
    byId("dialog-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#dialog.close("go");
    });
  }

  /**
   * Ask; the answer is null if the operator cancels.
   * @param {string} title @param {string} text @param {string} go @param {Field[]} fields
   * @returns {Promise<Record<string, string> | null>}
   */
  ask(title, text, go, fields) {
    byId("dialog-title").textContent = title;
    byId("dialog-text").textContent = text;
    byId("dialog-go").textContent = go;
    this.#fields.replaceChildren(...fields.map(inputOf));
    this.#dialog.returnValue = "cancel";
    this.#dialog.showModal();
    return new Promise((resolve) => (this.#answer = resolve));
  }

  #values() {
    const inputs = /** @type {NodeListOf<HTMLInputElement>} */ (this.#fields.querySelectorAll("[name]"));
    return Object.fromEntries([...inputs].map(({ name, value }) => [name, value.trim()]));
  }
}

/** @param {Field} field */
function inputOf({ name, label, placeholder = "", choices, required = false }) {
  const input = document.createElement(choices === undefined ? "input" : "select");
  input.name = name;
  input.required = required;
  if (input instanceof HTMLSelectElement) input.append(...(choices ?? []).map((choice) => new Option(choice)));
  else {
    input.placeholder = placeholder;
    input.maxLength = 200;
    input.autocomplete = "off";
  }
  return make("label", "field", label, [input]);
}
