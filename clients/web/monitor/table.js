/**
 * A table whose rows stay the same elements while their figures change, sorted by a column.
 *
 * Owns the rows of one table, and the column that sorts it.  Never changes the figures.
 */

import { make } from "../elements.js";

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} name
 * @property {(row: Row) => string} text
 * @property {(row: Row) => number | string} [sort]  without it the column does not sort
 * @property {(row: Row) => "" | "warn" | "bad"} [state]
 * @property {boolean} [figure]  whether it is set to the right
 */

/** @template Row */
export class Table {
  #body;
  #columns;
  #key;
  #actions;
  /** @type {Map<string, { row: HTMLTableRowElement, cells: HTMLTableCellElement[] }>} */ #rows = new Map();
  #sortedBy = -1;
  #descending = true;
  /** @type {Row[]} */ #shown = [];
  #chosen = "";
  #choose;

  /**
   * @param {HTMLElement} table
   * @param {Column<Row>[]} columns
   * @param {(row: Row) => string} key
   * @param {{ choose?: (row: Row) => void, actions?: (row: Row) => HTMLElement[], sortedBy?: number }} [options]
   */
  constructor(table, columns, key, { choose, actions, sortedBy = -1 } = {}) {
    this.#columns = columns;
    this.#key = key;
    this.#choose = choose;
    this.#actions = actions;
    this.#sortedBy = sortedBy;
    this.#body = /** @type {HTMLElement} */ (table.querySelector("tbody"));
    const heads = columns.map((column, index) => this.#head(column, index));
    if (actions !== undefined) heads.push(make("th", ""));
    /** @type {HTMLElement} */ (table.querySelector("thead")).replaceChildren(make("tr", "", "", heads));
  }

  /** @param {Column<Row>} column @param {number} index */
  #head({ name, sort, figure }, index) {
    const head = make("th", figure ? "figure" : "");
    if (sort === undefined) {
      head.textContent = name;
      return head;
    }
    const button = make("button", "sort", name);
    button.addEventListener("click", () => {
      this.#descending = this.#sortedBy === index ? !this.#descending : true;
      this.#sortedBy = index;
      this.show(this.#shown, this.#chosen);
    });
    head.append(button);
    return head;
  }

  /** @param {Row[]} rows @param {string} [chosen]  the key of the row that is marked */
  show(rows, chosen = "") {
    this.#shown = rows;
    this.#chosen = chosen;
    const sorted = this.#sorted(rows);
    const gone = new Set(this.#rows.keys());
    sorted.forEach((row, place) => {
      const key = this.#key(row);
      gone.delete(key);
      const made = this.#rows.get(key) ?? this.#make(row, key);
      this.#columns.forEach(({ text, state }, index) => {
        const cell = made.cells[index];
        const now = text(row);
        if (cell.textContent !== now) cell.textContent = now;
        if (state !== undefined) cell.dataset.state = state(row);
      });
      made.row.setAttribute("aria-selected", String(key === chosen));
      if (this.#body.children[place] !== made.row) this.#body.insertBefore(made.row, this.#body.children[place] ?? null);
    });
    for (const key of gone) {
      this.#rows.get(key)?.row.remove();
      this.#rows.delete(key);
    }
  }

  /** @param {Row[]} rows */
  #sorted(rows) {
    const sort = this.#columns[this.#sortedBy]?.sort;
    if (sort === undefined) return rows;
    const sign = this.#descending ? -1 : 1;
    return [...rows].sort((one, other) => {
      const [a, b] = [sort(one), sort(other)];
      return a < b ? -sign : a > b ? sign : 0;
    });
  }

  /** @param {Row} row @param {string} key */
  #make(row, key) {
    const cells = this.#columns.map(({ figure }) => {
      const cell = document.createElement("td");
      if (figure) cell.className = "figure";
      return cell;
    });
    const element = document.createElement("tr");
    element.append(...cells);
    if (this.#actions !== undefined) {
      const cell = document.createElement("td");
      cell.className = "actions";
      cell.append(...this.#actions(row));
      element.append(cell);
    }
    if (this.#choose !== undefined) {
      const choose = () => {
        const newest = this.#shown.find((each) => this.#key(each) === key);
        if (newest !== undefined) this.#choose?.(newest);
      };
      element.tabIndex = 0;
      element.className = "choosable";
      element.addEventListener("click", choose);
      element.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && event.target === element) choose();
      });
    }
    const made = { row: element, cells };
    this.#rows.set(key, made);
    return made;
  }
}

/** A small button of a row. @param {string} text @param {string} about @param {() => void} action */
export function rowButton(text, about, action) {
  const button = make("button", "quiet small", text);
  button.setAttribute("aria-label", `${text} ${about}`);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    action();
  });
  return button;
}
