/**
 * The arena's numbers as the page needs them: units, angles, flags, sizes to draw.
 *
 * Owns constants that mirror the game's own (`model.py`, `rules.py`, `movement.py` in
 * `gameserver/games/arena`; `tests/node/arena_units.test.mjs` compares them) and conversions.  Holds no state.
 */

/** Fixed-point steps in one world unit. */
export const UNIT = 32;
/** Angles in one turn. */
export const TURN = 256;
/** The radius of the view around a ship, in world units. */
export const VIEW_RADIUS = 600;
/** The view of a ship lies at least this far inside the border, in world units. */
export const FOCUS_INSIDE = 480;
/** Radius of a ship as drawn, in world units. */
export const SHIP_RADIUS = 16;
export const FULL_HULL = 100;
export const FULL_ENERGY = 100;
/** Radius of a pickup, in world units. */
export const PICKUP_RADIUS = 14;

/** Bits of `Ship.flags`. */
export const Flag = Object.freeze({
  THRUST: 1,
  DASH: 2,
  PROTECTED: 4,
  BOOSTED: 8,
  SHIELDED: 16,
  NEWCOMER: 32,
});

/**
 * Angle on the wire (0 … 255, clockwise on the screen from "to the right") in radians.
 * @param {number} angle
 */
export function toRadians(angle) {
  return (angle * 2 * Math.PI) / TURN;
}

/**
 * Radians as the nearest angle on the wire.
 * @param {number} radians
 */
export function toTurn(radians) {
  return ((Math.round((radians * TURN) / (2 * Math.PI)) % TURN) + TURN) % TURN;
}

/**
 * How far to turn from `from` to `to` along the shorter way, in -128 … 127.
 * @param {number} from
 * @param {number} to
 */
export function turnTowards(from, to) {
  return ((((to - from) % TURN) + TURN + TURN / 2) % TURN) - TURN / 2;
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
