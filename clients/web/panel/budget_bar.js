/**
 * The latency budget of a command, as one stacked bar.
 *
 * Owns its elements.  The figures are those of `net/budget.js`.
 */

import { make } from "../elements.js";

/**
 * One share of the budget: its duration, and whether that is an estimate.
 * @typedef {{name: string, label: string, ms: number, estimated: boolean}} BudgetPart
 */

const COLOURS = ["#5cc4ff", "#96a9ff", "#ffd166", "#c9b6ff", "#59edb7", "#ffb340"];

export class BudgetBar {
  #bar = make("div", "bar");
  #legend = make("ul", "legend");
  #total;

  /** @param {HTMLElement} parent @param {HTMLElement} total  the element for the sum */
  constructor(parent, total) {
    this.#total = total;
    this.#bar.setAttribute("aria-hidden", "true");
    parent.append(this.#bar, this.#legend);
  }

  /** @param {BudgetPart[]} parts  in the order of the way; empty: nothing is known yet */
  draw(parts) {
    const sum = parts.reduce((total, { ms }) => total + ms, 0);
    setText(this.#total, parts.length === 0 ? "–" : `${sum.toFixed(0)} ms`);
    if (this.#bar.children.length !== parts.length) this.#make(parts);
    parts.forEach(({ label, ms, estimated }, at) => {
      const block = /** @type {HTMLElement} */ (this.#bar.children[at]);
      block.style.flexGrow = String(Math.max(ms, 0.001));
      block.classList.toggle("estimated", estimated);
      const about = estimated ? "≈ " : "";
      const line = /** @type {HTMLElement} */ (this.#legend.children[at]);
      setText(/** @type {HTMLElement} */ (line.children[1]), label);
      setText(/** @type {HTMLElement} */ (line.children[2]), `${about}${ms.toFixed(ms < 10 ? 1 : 0)}`);
    });
  }

  /** @param {BudgetPart[]} parts */
  #make(parts) {
    const coloured = (/** @type {HTMLElement} */ element, /** @type {number} */ at) => {
      element.style.setProperty("--part", COLOURS[at % COLOURS.length] ?? "");
      return element;
    };
    this.#bar.replaceChildren(...parts.map((_part, at) => coloured(make("i", ""), at)));
    this.#legend.replaceChildren(
      ...parts.map((_part, at) =>
        coloured(make("li", "", "", [make("i", ""), make("span", ""), make("b", "")]), at),
      ),
    );
  }
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
