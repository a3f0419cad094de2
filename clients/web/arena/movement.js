/**
 * Made from the Python module `gameserver.games.arena.movement`.  Edit that, not this, and run:
 *
 *     gameserver step gameserver.games.arena.movement
 *
 * How a ship moves: one pure function of integers, `move(state, controls, rocks, size)`.
 *
 * Owns turning, thrust, drag, the dash, the soft wall and rocks.  Never looks at other ships,
 * weapons or clocks.  Units as in `model.py`: lengths in 1/32 of a world unit, speeds in that per
 * tick, headings in 1/256 of a turn.
 *
 * The browser client predicts with the same function: `gameserver step` makes
 * `clients/web/arena/movement.js` of this module, so it keeps to that command's subset of Python.
 */

/** An integer within ±(2^53 - 1). @typedef {number} int */

/**
 * The state that movement depends on; the fields of `Ship` with the same names.
 * @typedef {object} Motion
 * @property {int} x
 * @property {int} y
 * @property {int} vx
 * @property {int} vy
 * @property {int} heading
 * @property {int} energy
 * @property {int} dash_left
 */

/**
 * The fields of a `Steer` command that movement reads.
 * @typedef {{
 *   readonly turn: int,
 *   readonly thrust: boolean,
 *   readonly dash: boolean,
 * }} Controls
 */

/**
 * A rock: its centre and radius.
 * @typedef {object} Disc
 * @property {int} x
 * @property {int} y
 * @property {int} radius
 */

/** @type {int} */
export const SHIP_RADIUS = 512;
/** @type {int} */
export const TURN_RATE = 6;
/** @type {int} */
export const THRUST = 16;
/** @type {int} */
export const DRAG_SHIFT = 5;
/** @type {int} */
export const TOP_SPEED = 320;
/** @type {int} */
export const FADE_SHIFT = 3;
/** @type {int} */
export const MAX_ENERGY = 100;
/** @type {int} */
export const ENERGY_REFILL = 1;
/** @type {int} */
export const DASH_COST = 35;
/** @type {int} */
export const DASH_TICKS = 6;
/** @type {int} */
export const DASH_SPEED = 800;
/** @type {int} */
export const WALL_PUSH = 8;
/** @type {int} */
export const WALL_DEPTH_SHIFT = 5;
/** @type {int} */
export const WALL_BRAKE_SHIFT = 2;
/** @type {int} */
export const ROCK_GAP = 2;
/** @type {int} */
export const SINE_SHIFT = 10;
/** @type {int} */
const _SINE_HALF = 512;
/** @type {readonly int[]} */
export const SINE = [
  0, 25, 50, 75, 100, 125, 150, 175, 200, 224, 249, 273, 297, 321, 345, 369, 392, 415, 438, 460,
  483, 505, 526, 548, 569, 590, 610, 630, 650, 669, 688, 706, 724, 742, 759, 775, 792, 807, 822,
  837, 851, 865, 878, 891, 903, 915, 926, 936, 946, 955, 964, 972, 980, 987, 993, 999, 1004, 1009,
  1013, 1016, 1019, 1021, 1023, 1024, 1024, 1024, 1023, 1021, 1019, 1016, 1013, 1009, 1004, 999,
  993, 987, 980, 972, 964, 955, 946, 936, 926, 915, 903, 891, 878, 865, 851, 837, 822, 807, 792,
  775, 759, 742, 724, 706, 688, 669, 650, 630, 610, 590, 569, 548, 526, 505, 483, 460, 438, 415,
  392, 369, 345, 321, 297, 273, 249, 224, 200, 175, 150, 125, 100, 75, 50, 25, 0, -25, -50, -75,
  -100, -125, -150, -175, -200, -224, -249, -273, -297, -321, -345, -369, -392, -415, -438, -460,
  -483, -505, -526, -548, -569, -590, -610, -630, -650, -669, -688, -706, -724, -742, -759, -775,
  -792, -807, -822, -837, -851, -865, -878, -891, -903, -915, -926, -936, -946, -955, -964, -972,
  -980, -987, -993, -999, -1004, -1009, -1013, -1016, -1019, -1021, -1023, -1024, -1024, -1024,
  -1023, -1021, -1019, -1016, -1013, -1009, -1004, -999, -993, -987, -980, -972, -964, -955, -946,
  -936, -926, -915, -903, -891, -878, -865, -851, -837, -822, -807, -792, -775, -759, -742, -724,
  -706, -688, -669, -650, -630, -610, -590, -569, -548, -526, -505, -483, -460, -438, -415, -392,
  -369, -345, -321, -297, -273, -249, -224, -200, -175, -150, -125, -100, -75, -50, -25,
];
/** @type {readonly int[]} */
export const COSINE = [
  1024, 1024, 1023, 1021, 1019, 1016, 1013, 1009, 1004, 999, 993, 987, 980, 972, 964, 955, 946, 936,
  926, 915, 903, 891, 878, 865, 851, 837, 822, 807, 792, 775, 759, 742, 724, 706, 688, 669, 650,
  630, 610, 590, 569, 548, 526, 505, 483, 460, 438, 415, 392, 369, 345, 321, 297, 273, 249, 224,
  200, 175, 150, 125, 100, 75, 50, 25, 0, -25, -50, -75, -100, -125, -150, -175, -200, -224, -249,
  -273, -297, -321, -345, -369, -392, -415, -438, -460, -483, -505, -526, -548, -569, -590, -610,
  -630, -650, -669, -688, -706, -724, -742, -759, -775, -792, -807, -822, -837, -851, -865, -878,
  -891, -903, -915, -926, -936, -946, -955, -964, -972, -980, -987, -993, -999, -1004, -1009, -1013,
  -1016, -1019, -1021, -1023, -1024, -1024, -1024, -1023, -1021, -1019, -1016, -1013, -1009, -1004,
  -999, -993, -987, -980, -972, -964, -955, -946, -936, -926, -915, -903, -891, -878, -865, -851,
  -837, -822, -807, -792, -775, -759, -742, -724, -706, -688, -669, -650, -630, -610, -590, -569,
  -548, -526, -505, -483, -460, -438, -415, -392, -369, -345, -321, -297, -273, -249, -224, -200,
  -175, -150, -125, -100, -75, -50, -25, 0, 25, 50, 75, 100, 125, 150, 175, 200, 224, 249, 273, 297,
  321, 345, 369, 392, 415, 438, 460, 483, 505, 526, 548, 569, 590, 610, 630, 650, 669, 688, 706,
  724, 742, 759, 775, 792, 807, 822, 837, 851, 865, 878, 891, 903, 915, 926, 936, 946, 955, 964,
  972, 980, 987, 993, 999, 1004, 1009, 1013, 1016, 1019, 1021, 1023, 1024,
];
/** @type {int} */
export const TURN = 256;

/**
 * Return the state one tick later.
 *
 * `rocks` must hold every rock that the ship might touch.  Further rocks do no harm, as rocks
 * are so far apart that no ship touches two.  `size` is the width of the square world.
 *
 * @param {Motion} state
 * @param {Controls} controls
 * @param {Iterable<Disc>} rocks
 * @param {int} size
 * @returns {Motion}
 */
export function move(state, controls, rocks, size) {
  let { x, y, vx, vy, heading, energy, dash_left } = state;
  heading = $modulo($int(heading + $int(controls.turn * TURN_RATE)), TURN);
  energy = Math.min($int(energy + ENERGY_REFILL), MAX_ENERGY);
  if (controls.dash && dash_left === 0 && energy >= DASH_COST) {
    energy = $int(energy - DASH_COST);
    dash_left = DASH_TICKS;
  }
  if (dash_left !== 0) {
    dash_left = $int(dash_left - 1);
    vx = $shiftRight($int($int($element(COSINE, heading) * DASH_SPEED) + _SINE_HALF), SINE_SHIFT);
    vy = $shiftRight($int($int($element(SINE, heading) * DASH_SPEED) + _SINE_HALF), SINE_SHIFT);
  } else {
    if (controls.thrust) {
      vx = $int(vx + $shiftRight($int($int($element(COSINE, heading) * THRUST) + _SINE_HALF), SINE_SHIFT));
      vy = $int(vy + $shiftRight($int($int($element(SINE, heading) * THRUST) + _SINE_HALF), SINE_SHIFT));
    }
    [vx, vy] = _limited(_dragged(vx), _dragged(vy));
  }
  if (!((0 <= x && x <= size) && (0 <= y && y <= size))) {
    vx = _walled(vx, x, size);
    vy = _walled(vy, y, size);
  }
  x = $int(x + vx);
  y = $int(y + vy);
  for (const rock of rocks) {
    [x, y, vx, vy] = _off_rock(x, y, vx, vy, rock);
  }
  return { x, y, vx, vy, heading, energy, dash_left };
}

/**
 * Return one component of the speed after drag, which is the same in both directions.
 *
 * @param {int} v
 * @returns {int}
 */
function _dragged(v) {
  if (v > 0) {
    return $int(v - $shiftRight($int($int(v + $shiftLeft(1, DRAG_SHIFT)) - 1), DRAG_SHIFT));
  }
  return $int(v + $shiftRight($int($int($shiftLeft(1, DRAG_SHIFT) - 1) - v), DRAG_SHIFT));
}

/**
 * Reduce a speed above `TOP_SPEED`.
 *
 * @param {int} vx
 * @param {int} vy
 * @returns {readonly [int, int]}
 */
function _limited(vx, vy) {
  const square = $int($int(vx * vx) + $int(vy * vy));
  if (square <= $int(TOP_SPEED * TOP_SPEED)) {
    return [vx, vy];
  }
  const speed = $isqrt(square);
  const limit = Math.max(TOP_SPEED, $int(speed - $shiftRight(speed, FADE_SHIFT)));
  return [$floorDivide($int(vx * limit), speed), $floorDivide($int(vy * limit), speed)];
}

/**
 * Return one component of the speed after the push of the border on that axis.
 *
 * @param {int} v
 * @param {int} position
 * @param {int} size
 * @returns {int}
 */
function _walled(v, position, size) {
  if (position < 0) {
    return _pushed(v, 0 - position);
  }
  if (position > size) {
    return 0 - _pushed(0 - v, $int(position - size));
  }
  return v;
}

/**
 * Return a speed (inwards is positive) after the push at `depth` beyond the border.
 *
 * @param {int} v
 * @param {int} depth
 * @returns {int}
 */
function _pushed(v, depth) {
  if (v < 0) {
    v = $int(v - $shiftRight(v, WALL_BRAKE_SHIFT));
  }
  return $int($int(v + WALL_PUSH) + $shiftRight(depth, WALL_DEPTH_SHIFT));
}

/**
 * Move a ship that is inside a rock to its surface; its speed along the surface stays.
 *
 * @param {int} x
 * @param {int} y
 * @param {int} vx
 * @param {int} vy
 * @param {Disc} rock
 * @returns {readonly [int, int, int, int]}
 */
function _off_rock(x, y, vx, vy, rock) {
  const { x: rock_x, y: rock_y, radius } = rock;
  let dx = $int(x - rock_x);
  const dy = $int(y - rock_y);
  let reach = $int(radius + SHIP_RADIUS);
  let square = $int($int(dx * dx) + $int(dy * dy));
  if (square >= $int(reach * reach)) {
    return [x, y, vx, vy];
  }
  if (square === 0) {
    dx = 1;
    square = 1;
  }
  const distance = $isqrt(square);
  const inwards = $int($int(vx * dx) + $int(vy * dy));
  if (inwards < 0) {
    vx = $int(vx - $floorDivide($int(inwards * dx), square));
    vy = $int(vy - $floorDivide($int(inwards * dy), square));
  }
  reach = $int(reach + ROCK_GAP);
  return [$int(rock_x + $floorDivide($int(dx * reach), distance)), $int(rock_y + $floorDivide($int(dy * reach), distance)), vx, vy];
}

/** The result of integer arithmetic, within ±(2^53 - 1). @param {number} value @returns {number} */
function $int(value) {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is outside ±(2^53 - 1)`);
  return value + 0; // -0 becomes 0
}

/** `a // b` of ints. @param {number} a @param {number} b @returns {number} */
function $floorDivide(a, b) {
  if (b === 0) throw new RangeError("division by zero");
  return Math.floor(a / b) + 0;
}

/** `a % b` of ints, with the sign of `b`. @param {number} a @param {number} b @returns {number} */
function $modulo(a, b) {
  if (b === 0) throw new RangeError("division by zero");
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest + 0;
}

/** `a << b`, beyond 32 bits too. @param {number} a @param {number} b @returns {number} */
function $shiftLeft(a, b) {
  if (b < 0) throw new RangeError("negative shift count");
  return a === 0 ? 0 : $int(a * 2 ** b);
}

/** `a >> b`, beyond 32 bits too. @param {number} a @param {number} b @returns {number} */
function $shiftRight(a, b) {
  if (b < 0) throw new RangeError("negative shift count");
  return Math.floor(a / 2 ** Math.min(b, 64));
}

/** `math.sqrt`. @param {number} value @returns {number} */
function $sqrt(value) {
  if (value < 0) throw new RangeError("the square root of a negative number");
  return Math.sqrt(value);
}

/** `math.isqrt`. @param {number} value @returns {number} */
function $isqrt(value) {
  let root = Math.floor($sqrt(value));
  while (root * root > value) root -= 1;
  while ((root + 1) * (root + 1) <= value) root += 1;
  return root;
}

/**
 * `values[index]`: from the end below 0, and nothing beyond.
 * @template Value
 * @param {readonly Value[]} values
 * @param {number} index
 * @returns {Value}
 */
function $element(values, index) {
  const at = index < 0 ? index + values.length : index;
  if (at < 0 || at >= values.length) throw new RangeError(`there is no element ${index}`);
  return /** @type {Value} */ (values[at]);
}
