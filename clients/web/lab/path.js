/**
 * One direction of a link, and when a link is dead: `clients/lab/path.py` in milliseconds.  Pure.
 *
 * Owns `Path` and `Outages`.  `recovery.js` and `conditioner.js` are the TCP connection over them.
 */

import { partSeed, seededRandom } from "./random.js";

/**
 * One direction of a link: the least delay of a byte, the mean of the exponentially distributed
 * jitter that is added, the bandwidth, and the probability that a segment is lost.
 * @typedef {{delayMs: number, jitterMs: number, bytesPerS: number, loss: number}} Path
 */

/** The outages of a link, in both directions: one in each `everyMs`, at a random time in it. */
export class Outages {
  #seed;
  #beginMs;
  #everyMs;
  #leastMs;
  #mostMs;

  /**
   * @param {object} options
   * @param {number} options.seed
   * @param {number} options.beginMs
   * @param {number} options.everyMs  Infinity: there is none
   * @param {number} options.leastMs  how long one lasts
   * @param {number} options.mostMs
   */
  constructor({ seed, beginMs, everyMs, leastMs, mostMs }) {
    this.#seed = seed;
    this.#beginMs = beginMs;
    this.#everyMs = everyMs;
    this.#leastMs = leastMs;
    this.#mostMs = mostMs;
  }

  /** Whether the link is dead at `atMs`. @param {number} atMs */
  cover(atMs) {
    const sinceMs = atMs - this.#beginMs;
    if (this.#everyMs === Infinity || sinceMs < 0) return false;
    const slot = Math.floor(sinceMs / this.#everyMs);
    const random = seededRandom(partSeed(this.#seed, slot));
    const lastsMs = this.#leastMs + random() * (this.#mostMs - this.#leastMs);
    const startMs = slot * this.#everyMs + random() * (this.#everyMs - lastsMs);
    return sinceMs >= startMs && sinceMs < startMs + lastsMs;
  }
}
