/**
 * Any value of a game as a short text.
 */

const MAX_LENGTH = 60;

/** @param {any} value @param {number} [maxLength] @returns {string} */
export function shown(value, maxLength = MAX_LENGTH) {
  const text = plain(value);
  return text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
}

/** @param {any} value @returns {string} */
function plain(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toFixed(2);
  if (typeof value !== "object") return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `[${value.map(plain).join(", ")}]`;
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return `{${entries.map(([key, each]) => `${key}: ${plain(each)}`).join(", ")}}`;
}

/** Each further number is this far on around the circle of hues: neighbours differ the most. */
const HUE_STEP = 137.5;
const FIRST_HUE = 225;

/** A colour for the n-th of some things, seen on light and on dark. @param {number} index */
export function colourOf(index) {
  return `hsl(${(FIRST_HUE + index * HUE_STEP) % 360} 68% 56%)`;
}
