/**
 * Figures as short texts, with their units.
 *
 * Pure: owns the format of bytes, times and counts.  Never touches the page.
 */

/** @param {number} perS  bytes a second */
export function bytesPerS(perS) {
  return perS >= 1e6 ? `${(perS / 1e6).toFixed(1)} MB/s` : `${(perS / 1e3).toFixed(perS < 1e4 ? 1 : 0)} KB/s`;
}

/** @param {number} bytes */
export function bytesOf(bytes) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e3).toFixed(0)} KB`;
}

/** @param {number} ms */
export function msOf(ms) {
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

/** @param {number} share */
export function percent(share) {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

/** @param {number} seconds  since 1970 */
export function timeOf(seconds) {
  const date = new Date(seconds * 1000);
  const day = date.toISOString().slice(0, 10) === new Date().toISOString().slice(0, 10) ? "" : `${date.toISOString().slice(0, 10)} `;
  return day + date.toTimeString().slice(0, 8);
}

/** Seconds of a duration such as 30m, 12h or 7d; null for none, NaN for anything else. @param {string} text */
export function secondsIn(text) {
  if (text.trim() === "") return null;
  const units = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)([smhdw])/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join("") !== text.trim()) return NaN;
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[/** @type {keyof units} */ (unit)], 0);
}
