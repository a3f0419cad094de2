/**
 * How a ship moves: one pure function of integers, `move(state, controls, rocks, size)`.
 *
 * Owns turning, thrust, drag, the dash, the soft wall and rocks; never looks at other ships,
 * weapons or clocks.  `gameserver/games/arena/movement.py` is the same function at the server; the
 * traces in `tests/vectors/movement.json` hold the two together, to the last bit.
 *
 * Units: lengths in 1/32 of a world unit, speeds in that per tick, headings in 1/256 of a turn.
 * What both languages must do alike: `>>` rounds down and is used below 2^31 only; `quotient`
 * rounds down, exact below 2^52; nothing here yields a fraction or a negative zero.
 */

/**
 * All of a ship that moving depends on; the fields of `Ship` with the same names.
 * @typedef {object} Motion
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} heading
 * @property {number} energy
 * @property {number} dash_left
 */

/**
 * What moving reads of a `Steer` command.
 * @typedef {object} Controls
 * @property {number} turn -1, 0 or 1
 * @property {boolean} thrust
 * @property {boolean} dash
 */

/**
 * A rock.
 * @typedef {object} Disc
 * @property {number} x
 * @property {number} y
 * @property {number} radius
 */

const UNIT = 32;
export const TURN = 256;

/** A ship is a disc to rocks. */
export const SHIP_RADIUS = 16 * UNIT;
export const TURN_RATE = 6;
export const THRUST = 16;
/** Each tick the speed loses 1/32, rounded up, so that a drifting ship comes to rest. */
export const DRAG_SHIFT = 5;
export const TOP_SPEED = 10 * UNIT;
/** Speed above `TOP_SPEED` (after a dash) fades by 1/8 each tick. */
export const FADE_SHIFT = 3;

export const MAX_ENERGY = 100;
export const ENERGY_REFILL = 1;
export const DASH_COST = 35;
export const DASH_TICKS = 6;
export const DASH_SPEED = 25 * UNIT;

/**
 * Beyond the border a ship is pushed back by this, and more with each 32 steps of depth; what
 * still flies outwards loses a quarter of its speed each tick.
 */
export const WALL_PUSH = 8;
export const WALL_DEPTH_SHIFT = 5;
export const WALL_BRAKE_SHIFT = 2;
/** A ship that touches a rock is set this far off it: more than rounding can take back. */
export const ROCK_GAP = 2;

/** `SINE` counts in 1/1024. */
export const SINE_SHIFT = 10;
const SINE_HALF = 1 << (SINE_SHIFT - 1);
// The first quarter, written out: rounding in two maths libraries need not agree.
const QUARTER = [
  0, 25, 50, 75, 100, 125, 150, 175, 200, 224, 249, 273, 297, 321, 345, 369, 392,
  415, 438, 460, 483, 505, 526, 548, 569, 590, 610, 630, 650, 669, 688, 706, 724,
  742, 759, 775, 792, 807, 822, 837, 851, 865, 878, 891, 903, 915, 926, 936, 946,
  955, 964, 972, 980, 987, 993, 999, 1004, 1009, 1013, 1016, 1019, 1021, 1023, 1024, 1024,
];
const HALF_TURN = [...QUARTER, ...QUARTER.slice(1, -1).reverse()];
/** Sine and cosine of each of the 256 angles. */
export const SINE = [...HALF_TURN, ...HALF_TURN.map((value) => 0 - value)];
export const COSINE = [...SINE.slice(TURN / 4), ...SINE.slice(0, TURN / 4)];

/**
 * Return the state one tick later.
 *
 * `rocks` must hold every rock that the ship might touch (more do no harm, as rocks stand far
 * enough apart that no ship touches two); `size` is the width of the square world.
 * @param {Motion} state
 * @param {Controls} controls
 * @param {Iterable<Disc>} rocks
 * @param {number} size
 * @returns {Motion}
 */
export function move(state, controls, rocks, size) {
  let { x, y, vx, vy, heading, energy, dash_left } = state;
  heading = (heading + controls.turn * TURN_RATE + TURN) % TURN;
  energy = Math.min(energy + ENERGY_REFILL, MAX_ENERGY);
  if (controls.dash && !dash_left && energy >= DASH_COST) {
    energy -= DASH_COST;
    dash_left = DASH_TICKS;
  }

  const cosine = /** @type {number} */ (COSINE[heading]);
  const sine = /** @type {number} */ (SINE[heading]);
  if (dash_left) {
    dash_left -= 1;
    vx = (cosine * DASH_SPEED + SINE_HALF) >> SINE_SHIFT;
    vy = (sine * DASH_SPEED + SINE_HALF) >> SINE_SHIFT;
  } else {
    if (controls.thrust) {
      vx += (cosine * THRUST + SINE_HALF) >> SINE_SHIFT;
      vy += (sine * THRUST + SINE_HALF) >> SINE_SHIFT;
    }
    [vx, vy] = limited(dragged(vx), dragged(vy));
  }

  vx = walled(vx, x, size);
  vy = walled(vy, y, size);
  /** @type {Motion} */
  const next = { x: x + vx, y: y + vy, vx, vy, heading, energy, dash_left };
  for (const rock of rocks) setOffRock(next, rock);
  return next;
}

/**
 * Return one component of the speed after drag; alike for both directions.
 * @param {number} v
 * @returns {number}
 */
function dragged(v) {
  if (v > 0) return v - ((v + (1 << DRAG_SHIFT) - 1) >> DRAG_SHIFT);
  return v + (((1 << DRAG_SHIFT) - 1 - v) >> DRAG_SHIFT);
}

/**
 * Let speed above `TOP_SPEED` fade.
 * @param {number} vx
 * @param {number} vy
 * @returns {[number, number]}
 */
function limited(vx, vy) {
  const square = vx * vx + vy * vy;
  if (square <= TOP_SPEED * TOP_SPEED) return [vx, vy];
  const speed = integerRoot(square);
  const limit = Math.max(TOP_SPEED, speed - (speed >> FADE_SHIFT));
  return [quotient(vx * limit, speed), quotient(vy * limit, speed)];
}

/**
 * Return one component of the speed after the push of the wall on that axis.
 * @param {number} v
 * @param {number} position
 * @param {number} size
 * @returns {number}
 */
function walled(v, position, size) {
  if (position < 0) return pushed(v, 0 - position);
  if (position > size) return 0 - pushed(0 - v, position - size);
  return v;
}

/**
 * Return a speed (inwards is positive) after the push at `depth` beyond the border.
 * @param {number} v
 * @param {number} depth
 * @returns {number}
 */
function pushed(v, depth) {
  const braked = v < 0 ? v - (v >> WALL_BRAKE_SHIFT) : v;
  return braked + WALL_PUSH + (depth >> WALL_DEPTH_SHIFT);
}

/**
 * Set a ship that is inside a rock on its surface; its speed along the surface remains.
 * @param {Motion} ship changed in place
 * @param {Disc} rock
 */
function setOffRock(ship, rock) {
  let dx = ship.x - rock.x;
  const dy = ship.y - rock.y;
  const reach = rock.radius + SHIP_RADIUS;
  let square = dx * dx + dy * dy;
  if (square >= reach * reach) return;
  if (square === 0) dx = square = 1; // dead centre: one way out is as good as another
  const distance = integerRoot(square);
  const inwards = ship.vx * dx + ship.vy * dy;
  if (inwards < 0) {
    ship.vx -= quotient(inwards * dx, square);
    ship.vy -= quotient(inwards * dy, square);
  }
  ship.x = rock.x + quotient(dx * (reach + ROCK_GAP), distance);
  ship.y = rock.y + quotient(dy * (reach + ROCK_GAP), distance);
}

/**
 * Divide and round down, as Python's `//`.
 * @param {number} dividend
 * @param {number} divisor above 0
 * @returns {number}
 */
function quotient(dividend, divisor) {
  return Math.floor(dividend / divisor) + 0; // + 0: no negative zero
}

/**
 * Return the largest integer whose square is at most `square`, whatever `Math.sqrt` rounds to.
 * @param {number} square
 * @returns {number}
 */
function integerRoot(square) {
  let root = Math.floor(Math.sqrt(square));
  while (root * root > square) root -= 1;
  while ((root + 1) * (root + 1) <= square) root += 1;
  return root;
}
