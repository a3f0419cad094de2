/**
 * The predicted end of a pulse.
 *
 * Owns that prediction, which is drawn before the server confirms it: geometry in world units, on
 * what the screen shows.  Only the server decides about hits and damage
 * (`gameserver/games/arena/pulse.py`).
 */

import { toRadians } from "./units.js";

export const PULSE_RANGE = 700;
/** A little more than the radius of the drawn ship, because there are only 256 angles of aim. */
export const PULSE_HIT_RADIUS = 20;

/**
 * Follow a pulse to the nearest disc.
 * @param {{x: number, y: number}} from  world units
 * @param {number} aim  0 … 255
 * @param {Iterable<{x: number, y: number, radius: number}>} discs
 * @returns {{x: number, y: number}}
 */
export function pulseEnd(from, aim, discs) {
  const dx = Math.cos(toRadians(aim));
  const dy = Math.sin(toRadians(aim));
  let nearest = PULSE_RANGE;
  for (const { x, y, radius } of discs) {
    const along = (x - from.x) * dx + (y - from.y) * dy;
    const across = (x - from.x) * dy - (y - from.y) * dx;
    const depth = radius * radius - across * across;
    if (depth < 0 || along + Math.sqrt(depth) < 0) continue;
    nearest = Math.min(nearest, Math.max(along - Math.sqrt(depth), 0));
  }
  return { x: from.x + dx * nearest, y: from.y + dy * nearest };
}
