/**
 * Links by name, to try the game on them.  `clients/lab/profiles.py` has the sources of the
 * numbers, and a test compares the two files.
 *
 * Owns `LINKS`, finding one by name, and values derived from a link's numbers.  Pure.
 */

import { Conditioner } from "./conditioner.js";
import { Outages } from "./path.js";
import { partSeed, seededRandom } from "./random.js";
import { Flight, LEAST_TIMEOUT_MS } from "./recovery.js";

/** @typedef {import("./path.js").Path} Path */

/**
 * A link: the path up to the server, the path down, and its outages, of `leastMs` to `mostMs` once
 * in each `everyMs`.
 * @typedef {object} Link
 * @property {Path} up
 * @property {Path} down
 * @property {{everyMs: number, leastMs: number, mostMs: number}} outages
 */

/** The mean absolute deviation of an exponential distribution, as a share of its mean. */
const DEVIATION = 2 / Math.E;
const BYTES_PER_MBIT = 1e6 / 8;
const NO_OUTAGES = { everyMs: Infinity, leastMs: 0, mostMs: 0 };

/**
 * @param {number} delayMs
 * @param {number} jitterMs
 * @param {number} mbitPerS
 * @param {number} [loss]
 * @returns {Path}
 */
function path(delayMs, jitterMs, mbitPerS, loss = 0) {
  return { delayMs, jitterMs, bytesPerS: mbitPerS * BYTES_PER_MBIT, loss };
}

/** A link that loses this share of segments, either way. @param {number} loss @returns {Link} */
function lossy(loss) {
  return { up: path(55, 20, 10, loss), down: path(55, 20, 10, loss), outages: NO_OUTAGES };
}

/** @type {Readonly<Record<string, Link>>} */
export const LINKS = Object.freeze({
  lan: { up: path(0.3, 0.1, 1000), down: path(0.3, 0.1, 1000), outages: NO_OUTAGES },
  cable: { up: path(14, 2, 10, 0.0005), down: path(10, 1, 100, 0.0005), outages: NO_OUTAGES },
  mobile: { up: path(28, 8, 7.6, 0.002), down: path(22, 5, 29.5, 0.002), outages: NO_OUTAGES },
  "bad-wifi": { up: path(15.5, 5, 5, 0.01), down: path(11.5, 5, 5, 0.01), outages: NO_OUTAGES },
  "other-continent": {
    up: path(112, 3, 10, 0.001),
    down: path(108, 2, 100, 0.001),
    outages: NO_OUTAGES,
  },
  train: {
    up: path(45, 15, 2, 0.01),
    down: path(40, 12, 8, 0.01),
    outages: { everyMs: 20_000, leastMs: 200, mostMs: 1500 },
  },
  "lossy-1": lossy(0.01),
  "lossy-3": lossy(0.03),
});

/** The link of that name, which may come from the address; null if there is none. @param {string} name */
export function linkNamed(name) {
  return Object.hasOwn(LINKS, name) ? LINKS[name] : null;
}

/** The round trip without jitter, loss and queues. @param {Link} link */
export function rttMs({ up, down }) {
  return up.delayMs + down.delayMs;
}

/** The smoothed round trip at which TCP arrives there. @param {Link} link */
function smoothedRttMs(link) {
  return rttMs(link) + link.up.jitterMs + link.down.jitterMs;
}

/**
 * The retransmission timeout of TCP on this link (RFC 6298, 2.3; in Linux, `4 RTTVAR` is at least
 * the least timeout).
 * @param {Link} link
 */
export function timeoutMs(link) {
  const deviationMs = DEVIATION * (link.up.jitterMs + link.down.jitterMs);
  return smoothedRttMs(link) + Math.max(4 * deviationMs, LEAST_TIMEOUT_MS);
}

/**
 * A connection over this link: its path up, and its path down.
 * @param {Link} link
 * @param {number} seed  decides all that is chance
 * @param {number} beginMs  now
 */
export function conditioners(link, seed, beginMs) {
  const outages = new Outages({ seed: partSeed(seed, 0), beginMs, ...link.outages });
  const measured = {
    leastRttMs: rttMs(link),
    smoothedRttMs: smoothedRttMs(link),
    timeoutMs: timeoutMs(link),
  };
  const way = (/** @type {Path} */ path, /** @type {Path} */ back, /** @type {number} */ part) => {
    const chance = seededRandom(partSeed(seed, part));
    return new Conditioner(path, new Flight(path, back, measured, chance, outages));
  };
  return { up: way(link.up, link.down, 1), down: way(link.down, link.up, 2) };
}
