/**
 * Hints for a new player: one line at a time, each when it first matters.
 *
 * Owns the lines, their order, and which of them this browser has shown.  Never touches the game.
 */

import { byId } from "../elements.js";
import { DASH_COST } from "./movement.js";
import { remember, remembered } from "./remembered.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./controls.js").Steer} Steer */

/**
 * The state of the game that a hint can depend on.
 * @typedef {object} Moment
 * @property {Scene} scene
 * @property {Steer} held  the controls as they are now
 * @property {boolean} attacked  whether the arrow to an attacker is shown
 * @property {boolean} touch  whether thumbs play
 */

/**
 * A line, the condition for showing it, and the act of a player that makes it needless.
 * @typedef {object} Hint
 * @property {string} name  the key under which the browser remembers it
 * @property {string} text
 * @property {string} [touchText]  for thumbs
 * @property {(moment: Moment) => boolean} when
 * @property {(held: Steer) => boolean} [knows]
 */

const KEPT_AS = "hints";
/** How long a line stays, and how long the next one waits. */
const SHOWN_S = 6;
const PAUSE_S = 2;

/** @type {Hint[]} in the order in which they are told */
export const HINTS = [
  {
    name: "fly",
    text: "W is your engine, A and D turn. You are safe for five seconds, or until you fire.",
    touchText: "Your left thumb flies. You are safe for five seconds, or until you fire.",
    when: () => true,
    knows: ({ thrust }) => thrust,
  },
  {
    name: "fire",
    text: "Aim with the mouse, click to fire. A kill is 100 points.",
    touchText: "Your right thumb aims and fires. A kill is 100 points.",
    when: () => true,
    knows: ({ fire }) => fire,
  },
  {
    name: "attacker",
    text: "The arrow with ! points to the ship that hit you.",
    when: ({ attacked }) => attacked,
  },
  {
    name: "pickups",
    text: "Fly over an icon: cross repairs, bolt is energy, ×2 doubles your damage, shield absorbs.",
    when: ({ scene }) => scene.pickups.size > 0,
  },
  {
    name: "dash",
    text: "Shift dashes out of danger. It costs energy, the blue arc.",
    touchText: "Dash takes you out of danger. It costs energy, the blue arc.",
    when: ({ scene }) => (scene.ownState?.energy ?? 0) >= DASH_COST,
    knows: ({ dash }) => dash,
  },
  {
    name: "bounty",
    text: "★ under a ship is its bounty: what its kill is worth on top.",
    when: ({ scene }) => [...scene.drawnShips()].some(({ entity }) => entity.bounty > 0),
  },
  {
    name: "leader",
    text: "The arrow with ♛ points to the leader.",
    when: ({ scene }) => {
      const { leader } = scene;
      return leader !== undefined && leader.seat !== scene.seat && scene.shipOf(leader) !== undefined;
    },
  },
];

export class Hints {
  #element = byId("hint");
  #known = new Set(shownBefore());
  /** @type {Hint | null} */ #told = null;
  #since_s = PAUSE_S;

  /** @param {Moment} moment @param {number} elapsed_s */
  refresh(moment, elapsed_s) {
    this.#since_s += elapsed_s;
    const flying = moment.scene.ownShip !== undefined;
    for (const { name, knows } of HINTS) if (flying && knows?.(moment.held)) this.#known.add(name);
    if (this.#told !== null && (!flying || this.#since_s > SHOWN_S || this.#learnt(this.#told))) {
      this.#forget(this.#told);
    }
    if (this.#told !== null || !flying || this.#since_s < PAUSE_S) return;
    const next = HINTS.find(({ name, when }) => !this.#known.has(name) && when(moment));
    if (next !== undefined) this.#tell(next, moment.touch);
  }

  /** @param {Hint} hint */
  #learnt({ name }) {
    return this.#known.has(name);
  }

  /** @param {Hint} hint @param {boolean} touch */
  #tell(hint, touch) {
    this.#told = hint;
    this.#since_s = 0;
    this.#element.textContent = (touch && hint.touchText) || hint.text;
    this.#element.hidden = false;
  }

  /** @param {Hint} hint */
  #forget({ name }) {
    this.#told = null;
    this.#since_s = 0;
    this.#element.hidden = true;
    this.#known.add(name);
    remember(KEPT_AS, [...this.#known]);
  }
}

/** @returns {string[]} the names of the hints that this browser has shown */
function shownBefore() {
  const names = remembered(KEPT_AS);
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
}
