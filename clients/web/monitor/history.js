/**
 * The last minutes of the server's figures: rates from counters, and lines to draw.
 *
 * Pure: owns the samples.  Time is an argument, in milliseconds.  Never draws: `tiles.js` does.
 */

/** @typedef {import("./connection.js").NodeFigures} NodeFigures */

/**
 * @typedef {object} Sample
 * @property {number} atMs
 * @property {number} players
 * @property {number} workMs      p99 of the worst room
 * @property {number} lateMs
 * @property {number} computed    share of the busiest node
 * @property {number} waited
 * @property {number} rttMs
 * @property {number} rttP99Ms
 * @property {number} behind
 * @property {number} outPerS     bytes
 * @property {number} inPerS
 * @property {number} joinsPerS
 * @property {Record<string, number>} counts
 */

export const KEPT = 180;
const LEAST_MS = 700;

export class History {
  /** @type {Sample[]} */ samples = [];

  /** @param {NodeFigures[]} nodes @param {number} nowMs @returns {boolean} whether there is a new sample */
  add(nodes, nowMs) {
    const last = this.samples.at(-1) ?? null;
    if (nodes.length === 0 || (last !== null && nowMs - last.atMs < LEAST_MS)) return false;
    const counts = summed(nodes.map(({ counts }) => counts));
    const most = (/** @type {(node: NodeFigures) => number} */ of) => Math.max(...nodes.map(of));
    const perS = (/** @type {string} */ name) => {
      if (last === null) return 0;
      const risen = (counts[name] ?? 0) - (last.counts[name] ?? 0);
      return Math.max(0, risen) / ((nowMs - last.atMs) / 1000);
    };
    this.samples.push({
      atMs: nowMs,
      players: nodes.reduce((sum, { players }) => sum + players, 0),
      workMs: most(({ work_us }) => (work_us[1] ?? 0) / 1000),
      lateMs: most(({ late_us }) => (late_us[1] ?? 0) / 1000),
      computed: most(({ computed }) => computed / 1000),
      waited: most(({ waited }) => waited / 1000),
      rttMs: most(({ rtt_us }) => (rtt_us[0] ?? 0) / 1000),
      rttP99Ms: most(({ rtt_us }) => (rtt_us[1] ?? 0) / 1000),
      behind: nodes.reduce((sum, { behind }) => sum + behind, 0),
      outPerS: perS("bytes_out"),
      inPerS: perS("bytes_in"),
      joinsPerS: perS("joins"),
      counts,
    });
    if (this.samples.length > KEPT) this.samples.shift();
    return true;
  }
}

/** The sums of counters by name. @param {Map<string, number>[]} parts @returns {Record<string, number>} */
export function summed(parts) {
  /** @type {Record<string, number>} */
  const total = {};
  for (const part of parts) {
    for (const [name, count] of part) total[name] = (total[name] ?? 0) + count;
  }
  return total;
}

/** Bytes a second of each thing with a counter of bytes. */
export class Rates {
  /** @type {Map<string, { bytes: number, atMs: number, perS: number }>} */ #known = new Map();

  /** @param {string} key @param {number} bytes @param {number} nowMs */
  of(key, bytes, nowMs) {
    const known = this.#known.get(key);
    if (known === undefined || bytes < known.bytes) {
      this.#known.set(key, { bytes, atMs: nowMs, perS: 0 });
      return 0;
    }
    if (nowMs - known.atMs >= LEAST_MS && bytes !== known.bytes) {
      known.perS = (bytes - known.bytes) / ((nowMs - known.atMs) / 1000);
      known.bytes = bytes;
      known.atMs = nowMs;
    }
    return known.perS;
  }
}
