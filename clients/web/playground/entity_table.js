/**
 * The entities as a table, one kind at a time, and all fields of the one that is picked.
 *
 * Owns the tabs of the kinds, the rows and the panel of the picked entity.
 */

import { byId, make } from "../elements.js";
import { colourOf, shown } from "./shown.js";

/** @typedef {import("./view_model.js").Thing} Thing */

const MAX_ROWS = 200;
/** Characters of a value of the picked entity. */
const MAX_PICKED = 600;

export class EntityTable {
  #tabs = byId("kinds");
  #head = /** @type {HTMLElement} */ (byId("table").querySelector("thead"));
  #body = /** @type {HTMLElement} */ (byId("table").querySelector("tbody"));
  #panel = byId("picked");
  #pick;
  /** The kind that is shown; empty: the first. */
  #kind = "";
  #columns = "";
  /** @type {Map<number, HTMLTableRowElement>} */ #rows = new Map();

  /** @param {(id: number | null) => void} pick */
  constructor(pick) {
    this.#pick = pick;
    this.#panel.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.#pick(null);
    });
  }

  /**
   * @param {Thing[]} things
   * @param {number | null} picked
   * @param {string[]} kinds  all of the schema
   */
  show(things, picked, kinds) {
    if (!kinds.includes(this.#kind)) this.#kind = kinds[0] ?? "";
    this.#showTabs(things, kinds);
    const ofKind = things.filter(({ kind }) => kind === this.#kind).sort((a, b) => a.id - b.id);
    this.#showRows(ofKind.slice(0, MAX_ROWS), picked);
    this.#showPicked(things.find(({ id }) => id === picked) ?? null);
  }

  /** Show the kind of an entity. @param {string} kind */
  turnTo(kind) {
    this.#kind = kind;
  }

  /** @param {Thing[]} things @param {string[]} kinds */
  #showTabs(things, kinds) {
    if (this.#tabs.children.length !== kinds.length || this.#tabs.dataset.kinds !== kinds.join()) {
      this.#tabs.dataset.kinds = kinds.join();
      this.#tabs.replaceChildren(...kinds.map((kind, index) => this.#tab(kind, index)));
    }
    for (const tab of this.#tabs.children) {
      const kind = /** @type {HTMLElement} */ (tab).dataset.kind;
      const count = things.filter((thing) => thing.kind === kind).length;
      tab.setAttribute("aria-selected", String(kind === this.#kind));
      setText(/** @type {HTMLElement} */ (tab.lastElementChild), String(count));
    }
  }

  /** @param {string} kind @param {number} index  in the schema */
  #tab(kind, index) {
    const dot = make("i", "dot");
    dot.style.background = colourOf(index);
    const tab = make("button", "chip", "", [dot, make("span", "", kind), make("b", "")]);
    tab.dataset.kind = kind;
    tab.setAttribute("role", "tab");
    tab.addEventListener("click", () => {
      this.#kind = kind;
      this.#pick(null);
    });
    return tab;
  }

  /** @param {Thing[]} things @param {number | null} picked */
  #showRows(things, picked) {
    const names = [...new Set(things.flatMap(({ fields }) => Object.keys(fields)))];
    const columns = `${this.#kind}:${names.join()}`;
    if (columns !== this.#columns) {
      this.#columns = columns;
      this.#rows.clear();
      this.#body.replaceChildren();
      this.#head.replaceChildren(make("tr", "", "", ["id", ...names].map((name) => make("th", "", name))));
    }
    const gone = new Set(this.#rows.keys());
    for (const thing of things) {
      gone.delete(thing.id);
      const row = this.#rows.get(thing.id) ?? this.#newRow(thing.id, names.length);
      row.classList.toggle("own", thing.own);
      row.classList.toggle("unseen", !thing.seen);
      row.setAttribute("aria-selected", String(thing.id === picked));
      names.forEach((name, at) => setText(row.cells[at + 1], shown(thing.fields[name])));
    }
    for (const id of gone) {
      this.#rows.get(id)?.remove();
      this.#rows.delete(id);
    }
  }

  /** @param {number} id @param {number} count  of its fields */
  #newRow(id, count) {
    const button = make("button", "quiet", String(id));
    button.setAttribute("aria-label", `Pick ${id}`);
    const row = document.createElement("tr");
    row.append(make("td", "", "", [button]), ...Array.from({ length: count }, () => make("td", "")));
    row.addEventListener("click", () => this.#pick(id));
    this.#body.append(row);
    this.#rows.set(id, row);
    return row;
  }

  /** @param {Thing | null} thing */
  #showPicked(thing) {
    this.#panel.hidden = thing === null;
    if (thing === null) return;
    const close = make("button", "quiet", "×");
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => this.#pick(null));
    const head = make("div", "bar", "", [make("h3", "", `${thing.kind} ${thing.id}`), close]);
    const list = document.createElement("dl");
    for (const [name, value] of Object.entries(thing.fields)) {
      list.append(make("dt", "", name), make("dd", "", shown(value, MAX_PICKED)));
    }
    if (this.#panel.contains(document.activeElement)) {
      this.#panel.lastElementChild?.replaceWith(list); // the button keeps the keyboard
    } else {
      this.#panel.replaceChildren(head, list);
    }
  }
}

/** Leave the page alone where nothing changed. @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
