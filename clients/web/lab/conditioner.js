/**
 * What a TCP connection over a given link does to the messages of one direction: how long each
 * takes.
 *
 * Owns `Conditioner` (a time in, a later time out, never before that of an earlier message) and
 * `Outages` (when a link is dead).  The twin of `clients/lab/conditioner.py`, whose header says why
 * it is as it is: loss shows up as a stall of all that is behind it, never as a missing message.
 * Pure: times are arguments in milliseconds, chance comes from a seed.  Holds no messages.
 */

import { partSeed, seededRandom } from "./random.js";

/** What one segment of TCP carries over Ethernet (RFC 791, RFC 9293, RFC 7323). */
const SEGMENT_BYTES = 1448;
/** Retransmission timeouts stop doubling here. */
const LONGEST_TIMEOUT_MS = 8000;

/**
 * One direction of a link: the least that a byte takes, the mean of what comes on top
 * (exponentially distributed), what fits through, and the chance of each segment to be lost.
 * @typedef {{delayMs: number, jitterMs: number, bytesPerS: number, loss: number}} Path
 */

/** When a link is dead, both ways: once in each `everyMs`, at a random time in it. */
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

/** One direction. */
export class Conditioner {
  /** Segments that had to be sent again, and so stalled what was behind them. */
  stalls = 0;

  #path;
  #random;
  #timeoutMs;
  #outages;
  /** When the last byte so far has left the sender. */
  #leftMs = -Infinity;
  /** When the last segment so far arrives: no later one does before. */
  #lastMs = -Infinity;

  /**
   * @param {Path} path
   * @param {number} seed
   * @param {number} timeoutMs  the first retransmission timeout
   * @param {Outages} outages
   */
  constructor(path, seed, timeoutMs, outages) {
    this.#path = path;
    this.#random = seededRandom(seed);
    this.#timeoutMs = timeoutMs;
    this.#outages = outages;
  }

  /**
   * Send a message of so many bytes at `nowMs`, which never goes back.
   * @param {number} nowMs
   * @param {number} bytes
   * @returns {{leavesMs: number, arrivesMs: number}} when its last byte has left, and is there
   */
  send(nowMs, bytes) {
    let left = bytes;
    do {
      const segment = Math.min(left, SEGMENT_BYTES);
      this.#leftMs = Math.max(nowMs, this.#leftMs) + (segment / this.#path.bytesPerS) * 1000;
      this.#lastMs = Math.max(this.#lastMs, this.#arrivalMs(this.#leftMs));
      left -= segment;
    } while (left > 0);
    return { leavesMs: this.#leftMs, arrivesMs: this.#lastMs };
  }

  /** @param {number} leavesMs */
  #arrivalMs(leavesMs) {
    const jitterMs = -Math.log(1 - this.#random()) * this.#path.jitterMs;
    let arrivesMs = leavesMs + this.#path.delayMs + jitterMs;
    let timeoutMs = this.#timeoutMs;
    while (this.#random() < this.#path.loss || this.#outages.cover(arrivesMs)) {
      this.stalls += 1;
      arrivesMs += timeoutMs;
      timeoutMs = Math.min(2 * timeoutMs, LONGEST_TIMEOUT_MS);
    }
    return arrivesMs;
  }
}
