/**
 * Tools for pre-rendered pictures: hidden canvases and repeatable random numbers.
 *
 * Owns nothing, holds no state.
 */

/**
 * A canvas that is never shown.
 * @param {number} width  device pixels
 * @param {number} height
 * @param {CanvasRenderingContext2DSettings} [settings]
 */
export function newCanvas(width, height, settings) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.ceil(width));
  canvas.height = Math.max(1, Math.ceil(height));
  return {
    canvas,
    context: /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", settings)),
  };
}

/**
 * The same numbers 0 … 1 for the same seed (mulberry32, public domain).
 * @param {number} seed
 */
export function seeded(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mix = Math.imul(state ^ (state >>> 15), state | 1);
    mix ^= mix + Math.imul(mix ^ (mix >>> 7), mix | 61);
    return ((mix ^ (mix >>> 14)) >>> 0) / 2 ** 32;
  };
}
