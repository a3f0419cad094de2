/**
 * One tick of one ship: all that its own controls do to it, as one pure function of integers.
 *
 * Owns the cooldowns and costs of pulse and mine, on top of `movement.js`.  The server's is
 * `gameserver/games/arena/ship_step.py`; `tests/vectors/ship_step.json` holds the two together.
 */

import { move } from "./movement.js";

/** @typedef {import("./movement.js").Motion} Motion */
/** @typedef {import("./movement.js").Disc} Disc */

/**
 * What a step changes; the fields of `Ship` with the same names.
 * @typedef {Motion & {aim: number, fire_wait: number, mine_wait: number}} ShipState
 */

/**
 * What a step reads of a `Steer` command.
 * @typedef {import("./movement.js").Controls & {fire: boolean, mine: boolean, aim: number}} ShipControls
 */

export const PULSE_COST = 7;
export const PULSE_WAIT_TICKS = 5;
export const MINE_COST = 25;
export const MINE_WAIT_TICKS = 30;

/** The names of a state's fields, in the order of the server's `ShipState`. */
export const STATE_FIELDS = Object.freeze(
  /** @type {(keyof ShipState)[]} */ ([
    ...["x", "y", "vx", "vy", "heading", "energy", "dash_left", "aim", "fire_wait", "mine_wait"],
  ]),
);

/**
 * Return the state one tick later.
 *
 * A ship dashed, fired or dropped a mine in this step if its `dash_left`, `fire_wait` or
 * `mine_wait` grew: each otherwise only falls.
 * @param {ShipState} state
 * @param {ShipControls} controls
 * @param {Iterable<Disc>} rocks  as for `move`
 * @param {number} size
 * @param {boolean} armed  whether weapons work; while they rest, their waits do too
 * @returns {ShipState}
 */
export function stepShip(state, controls, rocks, size, armed) {
  const moved = move(state, controls, rocks, size);
  let { energy } = moved;
  let { fire_wait, mine_wait } = state;
  if (armed) {
    if (fire_wait > 0) {
      fire_wait -= 1;
    } else if (controls.fire && energy >= PULSE_COST) {
      energy -= PULSE_COST;
      fire_wait = PULSE_WAIT_TICKS - 1;
    }
    if (mine_wait > 0) {
      mine_wait -= 1;
    } else if (controls.mine && energy >= MINE_COST) {
      energy -= MINE_COST;
      mine_wait = MINE_WAIT_TICKS - 1;
    }
  }
  return { ...moved, energy, aim: controls.aim, fire_wait, mine_wait };
}
