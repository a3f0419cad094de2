/**
 * The network panel: the link that the page plays over, the switches of the netcode, and figures.
 *
 * Owns opening and closing, the keyboard focus, and how often figures are taken.  Its parts have
 * their own files.  Knows no game: figures and switches are arguments.
 */

import { byId } from "../elements.js";
import { BudgetBar } from "./budget_bar.js";
import { Graphs, SAMPLE_EVERY_S } from "./graphs.js";
import { LinkControls } from "./link_controls.js";
import { showSwitches } from "./switches.js";

/** @typedef {import("../lab/conditioned_socket.js").LabLink} LabLink */
/** @typedef {import("./budget_bar.js").BudgetPart} BudgetPart */
/** @typedef {import("./graphs.js").Figures} Figures */
/** @typedef {import("./switches.js").Switches} Switches */
/** @typedef {import("./switches.js").SwitchName} SwitchName */

/**
 * The part of the game that the panel uses.
 * @typedef {object} Netcode
 * @property {LabLink} lab
 * @property {Switches} switches
 * @property {(name: SwitchName) => void} switched
 * @property {() => Figures} figures  of this moment; corrections since the last call
 * @property {() => BudgetPart[]} budget
 * @property {() => string} marksmanship  how often shots hit, in words
 */

export class NetworkPanel {
  #netcode;
  #panel = byId("panel");
  #opener = byId("panel-open");
  #score = byId("panel-score");
  #stalls = byId("panel-stalls");
  #graphs = new Graphs(byId("panel-graphs"));
  #budget = new BudgetBar(byId("panel-budget"), byId("panel-total"));
  #since_s = 0;

  /** @param {Netcode} netcode */
  constructor(netcode) {
    this.#netcode = netcode;
    new LinkControls(byId("panel-link"), netcode.lab);
    showSwitches(byId("panel-switches"), netcode.switches, (name) => netcode.switched(name));
    this.#opener.addEventListener("click", () => this.toggle());
    byId("panel-close").addEventListener("click", () => this.toggle());
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#leave();
    });
    // The keys that a control would take are for flying, unless the keyboard chose the control.
    this.#panel.addEventListener("pointerup", () => setTimeout(() => this.#leave()));
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  /** Open or close.  @param {boolean} [byKey]  then the keyboard goes into it */
  toggle(byKey = false) {
    this.#panel.hidden = !this.#panel.hidden;
    document.body.classList.toggle("panelled", this.isOpen);
    this.#opener.setAttribute("aria-expanded", String(this.isOpen));
    if (!this.isOpen) this.#leave();
    else if (byKey) this.#panel.querySelector("input")?.focus({ preventScroll: true });
  }

  /** Take figures, and show them while it is open. @param {number} elapsed_s */
  refresh(elapsed_s) {
    this.#since_s += elapsed_s;
    if (this.#since_s < SAMPLE_EVERY_S) return;
    this.#since_s %= SAMPLE_EVERY_S;
    const figures = this.#netcode.figures();
    this.#graphs.add(figures);
    if (!this.isOpen) return;
    this.#graphs.draw(figures);
    this.#budget.draw(this.#netcode.budget());
    setText(this.#score, this.#netcode.marksmanship());
    const { stalls } = this.#netcode.lab;
    setText(this.#stalls, stalls === 0 ? "" : `${stalls} stall${stalls === 1 ? "" : "s"} so far`);
  }

  /** Return the keyboard focus to the game. */
  #leave() {
    const focused = document.activeElement;
    if (focused instanceof HTMLElement && this.#panel.contains(focused)) focused.blur();
  }
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
