/**
 * Repeatable random numbers.
 *
 * Owns one small generator: Mulberry32 (Tommy Ettinger, 2017, public domain), 32 bits of state.
 * Good enough for losing segments, not for secrets.
 */

/**
 * @param {number} seed  an integer
 * @returns {() => number} like `Math.random`, always the same for the same seed
 */
export function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A seed derived from another one, always the same, so that one seed gives many generators.
 * @param {number} seed
 * @param {number} part
 */
export function partSeed(seed, part) {
  return (Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(part + 1, 0x85ebca6b)) >>> 0;
}
