/**
 * Made from the Python module `gameserver.games.arena.ship_step`.  Edit that, not this, and run:
 *
 *     gameserver step gameserver.games.arena.ship_step
 *
 * One tick of one ship: the effects of its own controls, as one pure function of integers.
 *
 * Owns the cooldowns and costs of pulse and mine, in addition to `movement.move`.  Never looks at
 * other ships: the room applies their effects (damage, pickups, a new life), and a client learns of
 * them from the next delta.  The room steps every ship with this function, and clients predict their
 * own ship with it, so a prediction from the right commands is exact.  `gameserver step` makes
 * `clients/web/arena/ship_step.js` of this module, so it keeps to that command's subset of Python.
 */

import { move } from "./movement.js";

/** An integer within ±(2^53 - 1). @typedef {number} int */

/**
 * The state that a step changes; the fields of `Ship` with the same names.
 *
 * The first seven are `Motion`.
 * @typedef {object} ShipState
 * @property {int} x
 * @property {int} y
 * @property {int} vx
 * @property {int} vy
 * @property {int} heading
 * @property {int} energy
 * @property {int} dash_left
 * @property {int} aim
 * @property {int} fire_wait
 * @property {int} mine_wait
 */

/**
 * The fields of a `Steer` command that a step reads.
 * @typedef {{
 *   readonly turn: int,
 *   readonly thrust: boolean,
 *   readonly dash: boolean,
 *   readonly fire: boolean,
 *   readonly mine: boolean,
 *   readonly aim: int,
 * }} ShipControls
 */

/**
 * A rock: its centre and radius.
 * @typedef {object} Disc
 * @property {int} x
 * @property {int} y
 * @property {int} radius
 */

/** @type {int} */
export const PULSE_COST = 7;
/** @type {int} */
export const PULSE_WAIT_TICKS = 5;
/** @type {int} */
export const MINE_COST = 25;
/** @type {int} */
export const MINE_WAIT_TICKS = 30;

/**
 * Return the state one tick later.
 *
 * `rocks` and `size` are those of `move`.  `armed` says whether weapons work
 * (`Round.phase` is playing); while they do not, their waits do not change.  A ship dashed,
 * fired or dropped a mine in this step if its `dash_left`, `fire_wait` or `mine_wait` grew:
 * otherwise each only falls.
 *
 * @param {ShipState} state
 * @param {ShipControls} controls
 * @param {Iterable<Disc>} rocks
 * @param {int} size
 * @param {boolean} armed
 * @returns {ShipState}
 */
export function step_ship(state, controls, rocks, size, armed) {
  let { x, y, vx, vy, heading, energy, dash_left, fire_wait, mine_wait } = state;
  const before = { x, y, vx, vy, heading, energy, dash_left };
  ({ x, y, vx, vy, heading, energy, dash_left } = move(before, controls, rocks, size));
  if (armed) {
    if (fire_wait !== 0) {
      fire_wait = $int(fire_wait - 1);
    } else if (controls.fire && energy >= PULSE_COST) {
      energy = $int(energy - PULSE_COST);
      fire_wait = $int(PULSE_WAIT_TICKS - 1);
    }
    if (mine_wait !== 0) {
      mine_wait = $int(mine_wait - 1);
    } else if (controls.mine && energy >= MINE_COST) {
      energy = $int(energy - MINE_COST);
      mine_wait = $int(MINE_WAIT_TICKS - 1);
    }
  }
  return { x, y, vx, vy, heading, energy, dash_left, aim: controls.aim, fire_wait, mine_wait };
}

/** The result of integer arithmetic, within ±(2^53 - 1). @param {number} value @returns {number} */
function $int(value) {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is outside ±(2^53 - 1)`);
  return value + 0; // -0 becomes 0
}
