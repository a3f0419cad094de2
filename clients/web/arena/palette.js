/**
 * The twelve pilot colours, and the shades made of them.
 *
 * Owns the palette.  It was searched for the greatest least distance (OKLab) between any two
 * colours as seen with normal sight, protanopia, deuteranopia and tritanopia (Machado, Oliveira
 * and Fernandes, 2009), all light enough for a dark ground; `tests/node/arena_palette.test.mjs`
 * measures it.  Colour is never the only sign: hulls differ too, and names stand beside ships.
 */

/** @typedef {{ readonly name: string, readonly hex: string }} PilotColour */

/** @type {readonly PilotColour[]} the index is the colour on the wire */
export const PALETTE = Object.freeze([
  { name: "Mint", hex: "#59EDB7" },
  { name: "Azure", hex: "#1480FF" },
  { name: "Ochre", hex: "#C28327" },
  { name: "Magenta", hex: "#F916C3" },
  { name: "Lime", hex: "#BCFF40" },
  { name: "Periwinkle", hex: "#96A9FF" },
  { name: "Salmon", hex: "#F58FA1" },
  { name: "Sand", hex: "#EFC77E" },
  { name: "Frost", hex: "#FFEEFF" },
  { name: "Moss", hex: "#9FBB31" },
  { name: "Berry", hex: "#C65282" },
  { name: "Iris", hex: "#7C7CC2" },
]);

/** The colour of the world itself: rocks that kill, mines whose pilot is unknown. */
export const NEUTRAL = "#9FB2CC";

/**
 * @param {number} index  a colour on the wire; any other number gives the neutral colour
 * @returns {string} "#RRGGBB"
 */
export function colourOf(index) {
  return PALETTE[index]?.hex ?? NEUTRAL;
}

/**
 * @param {string} hex  "#RRGGBB"
 * @returns {[number, number, number]} 0 … 255 each
 */
export function channels(hex) {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/**
 * @param {string} hex  "#RRGGBB"
 * @param {number} alpha  0 … 1
 */
export function withAlpha(hex, alpha) {
  const [red, green, blue] = channels(hex);
  return `rgba(${red},${green},${blue},${alpha})`;
}

/**
 * `part` of the way from `hex` to `other`, in sRGB.
 * @param {string} hex
 * @param {string} other
 * @param {number} part  0 … 1
 */
export function mixed(hex, other, part) {
  const to = channels(other);
  const sums = channels(hex).map((from, at) => Math.round(from + (Number(to[at]) - from) * part));
  return `rgb(${sums.join(",")})`;
}
