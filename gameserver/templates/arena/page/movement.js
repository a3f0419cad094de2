/**
 * Made from the Python module `gameserver.templates.arena.movement`.  Edit that, not this, and run:
 *
 *     gameserver step gameserver.templates.arena.movement
 *
 * How a ship moves, for the server and the page, which is given it by `gameserver step`.
 *
 * Lengths are integers, so that both compute the same to the last bit.
 */

/** An integer within ±(2^53 - 1). @typedef {number} int */

/**
 * @typedef {object} Motion
 * @property {int} x
 * @property {int} y
 * @property {int} vx
 * @property {int} vy
 */

/**
 * @typedef {{
 *   readonly dx: int,
 *   readonly dy: int,
 * }} Pushed
 */

/** @type {int} */
export const UNIT = 32;
/** @type {int} */
export const WIDTH = 38400;
/** @type {int} */
export const HEIGHT = 25600;
/** @type {int} */
export const RADIUS = 448;
/** @type {int} */
export const PUSH = 14;
/** @type {int} */
export const DRAG_SHIFT = 4;

/**
 * Return the ship one tick later.
 *
 * @param {Motion} ship
 * @param {Pushed} held
 * @returns {Motion}
 */
export function step(ship, held) {
  let vx = $int($int(ship.vx + $int(held.dx * PUSH)) - $shiftRight(ship.vx, DRAG_SHIFT));
  let vy = $int($int(ship.vy + $int(held.dy * PUSH)) - $shiftRight(ship.vy, DRAG_SHIFT));
  let x = $int(ship.x + vx);
  let y = $int(ship.y + vy);
  if (x < RADIUS || x > $int(WIDTH - RADIUS)) {
    x = Math.min(Math.max(x, RADIUS), $int(WIDTH - RADIUS));
    vx = 0 - vx;
  }
  if (y < RADIUS || y > $int(HEIGHT - RADIUS)) {
    y = Math.min(Math.max(y, RADIUS), $int(HEIGHT - RADIUS));
    vy = 0 - vy;
  }
  return { x, y, vx, vy };
}

/** The result of integer arithmetic, within ±(2^53 - 1). @param {number} value @returns {number} */
function $int(value) {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is outside ±(2^53 - 1)`);
  return value + 0; // -0 becomes 0
}

/** `a >> b`, beyond 32 bits too. @param {number} a @param {number} b @returns {number} */
function $shiftRight(a, b) {
  if (b < 0) throw new RangeError("negative shift count");
  return Math.floor(a / 2 ** Math.min(b, 64));
}
