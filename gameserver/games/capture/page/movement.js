/**
 * Made from the Python module `gameserver.games.capture.movement`.  Edit that, not this, and run:
 *
 *     gameserver step gameserver.games.capture.movement
 *
 * How a racer moves among walls and gates; `gameserver step` makes `page/movement.js` of it.
 */

/** An integer within ±(2^53 - 1). @typedef {number} int */

/**
 * @typedef {{
 *   readonly x: int,
 *   readonly y: int,
 *   readonly opens: int,
 *   readonly closes: int,
 * }} Door
 */

/**
 * @typedef {object} Motion
 * @property {int} x
 * @property {int} y
 * @property {int} fast_from
 * @property {int} fast_until
 * @property {int} tick
 */

/** @type {int} */
export const UNIT = 16;
/** @type {int} */
export const WIDTH = 17920;
/** @type {int} */
export const HEIGHT = 10240;
/** @type {int} */
export const RADIUS = 176;
/** @type {int} */
export const SPEED = 64;
/** @type {int} */
export const FAST_SPEED = 96;
/** @type {int} */
export const GATE_X = 128;
/** @type {int} */
export const GATE_Y = 736;
/** @type {readonly (readonly [int, int, int, int])[]} */
export const WALLS = [
  [2560, 1600, 2880, 4352], [2560, 5888, 2880, 8640], [2880, 4032, 4800, 4352], [4320, 5888, 4640,
  7680], [4800, 1280, 6720, 1600], [6400, 2880, 6720, 4736], [6400, 6144, 6720, 8960], [7680, 0,
  8000, 1920], [7680, 8320, 8000, 10240], [8160, 3520, 8480, 6720], [15040, 5888, 15360, 8640],
  [15040, 1600, 15360, 4352], [13120, 5888, 15040, 6208], [13280, 2560, 13600, 4352], [11200, 8640,
  13120, 8960], [11200, 5504, 11520, 7360], [11200, 1280, 11520, 4096], [9920, 8320, 10240, 10240],
  [9920, 0, 10240, 1920], [9440, 3520, 9760, 6720],
];

/**
 * Return whether a racer at this place touches the gate.
 *
 * @param {Door} door
 * @param {int} x
 * @param {int} y
 * @returns {boolean}
 */
export function is_shut(door, x, y) {
  return Math.abs($int(x - door.x)) < $int(GATE_X + RADIUS) && Math.abs($int(y - door.y)) < $int(GATE_Y + RADIUS);
}

/**
 * Return whether a racer may go to this place from where it is now.
 *
 * @param {int} x
 * @param {int} y
 * @param {Motion} now
 * @param {Iterable<Door>} doors
 * @returns {boolean}
 */
export function is_free(x, y, now, doors) {
  for (const [left, top, right, bottom] of WALLS) {
    if (($int(left - RADIUS) < x && x < $int(right + RADIUS)) && ($int(top - RADIUS) < y && y < $int(bottom + RADIUS))) {
      return false;
    }
  }
  for (const door of doors) {
    const is_open = door.opens < now.tick && now.tick <= door.closes;
    if (!is_open && is_shut(door, x, y) && !is_shut(door, now.x, now.y)) {
      return false;
    }
  }
  return true;
}

/**
 * Return the racer one tick later.
 *
 * @param {Motion} before
 * @param {int} dx
 * @param {int} dy
 * @param {Iterable<Door>} doors
 * @returns {Motion}
 */
export function step(before, dx, dy, doors) {
  let now = { x: before.x, y: before.y, fast_from: before.fast_from, fast_until: before.fast_until, tick: $int(before.tick + 1) };
  const speed = now.fast_from < now.tick && now.tick <= now.fast_until ? FAST_SPEED : SPEED;
  const x = Math.min(Math.max($int(now.x + $int(dx * speed)), RADIUS), $int(WIDTH - RADIUS));
  if (is_free(x, now.y, now, doors)) {
    now = { x, y: now.y, fast_from: now.fast_from, fast_until: now.fast_until, tick: now.tick };
  }
  const y = Math.min(Math.max($int(now.y + $int(dy * speed)), RADIUS), $int(HEIGHT - RADIUS));
  return is_free(now.x, y, now, doors) ? { x: now.x, y, fast_from: now.fast_from, fast_until: now.fast_until, tick: now.tick } : now;
}

/** The result of integer arithmetic, within ±(2^53 - 1). @param {number} value @returns {number} */
function $int(value) {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is outside ±(2^53 - 1)`);
  return value + 0; // -0 becomes 0
}
