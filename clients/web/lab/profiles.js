/**
 * Links by name, for trying the game on them: `clients/lab/profiles.py` says where the numbers come
 * from, and a test holds the two together.
 *
 * Owns `LINKS`, finding one by name, and what follows from a link's numbers.  Pure.
 */

import { Conditioner, Outages } from "./conditioner.js";
import { partSeed } from "./random.js";

/** @typedef {import("./conditioner.js").Path} Path */

/**
 * A link: the way up to the server, the way down, and when it is dead: for `leastMs` to `mostMs`
 * once in each `everyMs`.
 * @typedef {object} Link
 * @property {Path} up
 * @property {Path} down
 * @property {{everyMs: number, leastMs: number, mostMs: number}} outages
 */

/** The least timeout of Linux (`TCP_RTO_MIN`). */
const LEAST_TIMEOUT_MS = 200;
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
});

/** The link of that name, which may come from the address; null if there is none. @param {string} name */
export function linkNamed(name) {
  return Object.hasOwn(LINKS, name) ? LINKS[name] : null;
}

/** The round trip without jitter, loss and queues. @param {Link} link */
export function rttMs({ up, down }) {
  return up.delayMs + down.delayMs;
}

/** The retransmission timeout at which TCP arrives there (RFC 6298, 2.3). @param {Link} link */
export function timeoutMs(link) {
  const jitterMs = link.up.jitterMs + link.down.jitterMs;
  return Math.max(rttMs(link) + jitterMs + 4 * DEVIATION * jitterMs, LEAST_TIMEOUT_MS);
}

/**
 * A connection over this link: its way up, and its way down.
 * @param {Link} link
 * @param {number} seed  decides all that is chance
 * @param {number} beginMs  now
 */
export function conditioners(link, seed, beginMs) {
  const outages = new Outages({ seed: partSeed(seed, 0), beginMs, ...link.outages });
  const timeout = timeoutMs(link);
  return {
    up: new Conditioner(link.up, partSeed(seed, 1), timeout, outages),
    down: new Conditioner(link.down, partSeed(seed, 2), timeout, outages),
  };
}
