/**
 * TCP's loss recovery: when the segments of one direction arrive, retransmissions included.
 *
 * Owns the loss recovery of a sender: fast retransmit, tail loss probe and timeout.
 * `clients/lab/recovery.py` is its twin, in seconds, and has the sources;
 * `tests/vectors/netcode_recovery.json` tests both.  Pure: times (in milliseconds) and random numbers
 * are arguments.
 */

/** @typedef {import("./path.js").Path} Path */
/** @typedef {import("./path.js").Outages} Outages */

/** This many acknowledged later segments prove a loss (RFC 6675, 2). */
const DUPLICATES = 3;
/** The share of the least round trip for which RACK waits for reordered segments (RFC 8985, 6.2). */
const REORDERING_SHARE = 0.25;
/** A probe is due after this many round trips without a new segment (RFC 8985, 7.2). */
const PROBE_ROUND_TRIPS = 2;
/** Linux: `TCP_RTO_MIN`. */
export const LEAST_TIMEOUT_MS = 200;
/** Retransmission timeouts stop doubling here. */
const LONGEST_TIMEOUT_MS = 8000;

/**
 * A sender's measurements of its link.
 * @typedef {{leastRttMs: number, smoothedRttMs: number, timeoutMs: number}} Measured
 */

/** The chance of being lost, and the jitter. @typedef {{chance: number, jitterMs: number}} Fate */

/** One segment on its way; later segments may change its time of arrival. */
export class Segment {
  /** @param {number} sentMs */
  constructor(sentMs) {
    this.arrivesMs = sentMs;
    /** The times at which it is sent and sent again; the last of these arrives. */
    this.triesMs = [sentMs];
  }

  /** Of each time that it is sent again. @type {Fate[]} */
  fates = [];
  /** The number of acknowledged segments that were sent after a try, and the index of that try. */
  acknowledged = 0;
  acknowledgedTry = 0;
}

/** The segments of one direction. */
export class Flight {
  /** Segments that were lost when they were first sent. */
  lost = 0;

  #path;
  #back;
  #measured;
  #chance;
  #outages;
  /** Those that will be sent again. @type {Segment[]} */
  #missing = [];
  /** @type {Segment | null} */
  #newest = null;
  /** The arrival of the last segment that was not lost, since no segment overtakes another. */
  #frontMs = -Infinity;

  /**
   * @param {Path} path  that of the segments
   * @param {Path} back  that of their acknowledgements
   * @param {Measured} measured
   * @param {() => number} chance  numbers in [0, 1)
   * @param {Outages} outages
   */
  constructor(path, back, measured, chance, outages) {
    this.#path = path;
    this.#back = back;
    this.#measured = measured;
    this.#chance = chance;
    this.#outages = outages;
  }

  /** Send a segment that leaves at `atMs`, which is not before any other did. @param {number} atMs */
  send(atMs) {
    const newest = this.#newest;
    const { timeoutMs } = this.#measured;
    this.#missing = this.#missing.filter(({ triesMs }) => triesMs[triesMs.length - 1] > atMs);
    if (newest !== null && newest.triesMs.length > 1 && newest.triesMs[1] > atMs) {
      // It is not the last any more: nothing but its timeout comes without acknowledgements.
      this.#plan(newest, 0, newest.triesMs[0] + timeoutMs, 2 * timeoutMs);
    }
    const segment = (this.#newest = new Segment(atMs));
    const arrivesMs = this.#arrivalMs(atMs, this.#draw(this.#path));
    if (arrivesMs === null) {
      this.lost += 1;
      this.#plan(segment, 0, atMs + this.#probeWaitMs(atMs, newest), timeoutMs);
      this.#missing.push(segment);
      return segment;
    }
    segment.arrivesMs = this.#frontMs = Math.max(this.#frontMs, arrivesMs);
    if (this.#missing.length > 0) this.#acknowledge(segment);
    return segment;
  }

  /** @param {Path} path @returns {Fate} */
  #draw(path) {
    const jitterMs = -Math.log(1 - this.#chance()) * path.jitterMs;
    return { chance: this.#chance(), jitterMs };
  }

  /** @param {number} atMs @param {Fate} fate @returns {number | null} null: it is lost */
  #arrivalMs(atMs, { chance, jitterMs }) {
    const arrivesMs = atMs + this.#path.delayMs + jitterMs;
    return chance < this.#path.loss || this.#outages.cover(arrivesMs) ? null : arrivesMs;
  }

  /**
   * The time after which a segment that nothing follows is sent again.
   * @param {number} atMs
   * @param {Segment | null} before
   */
  #probeWaitMs(atMs, before) {
    const { smoothedRttMs, timeoutMs } = this.#measured;
    const alone = before === null || before.triesMs[0] + smoothedRttMs <= atMs;
    const probeMs = PROBE_ROUND_TRIPS * smoothedRttMs + (alone ? LEAST_TIMEOUT_MS : 0);
    return Math.min(probeMs, timeoutMs);
  }

  /** Let the sender receive the acknowledgement of `segment`, and draw its conclusions. @param {Segment} segment */
  #acknowledge(segment) {
    const { chance, jitterMs } = this.#draw(this.#back);
    if (chance < this.#back.loss) return;
    const heardMs = segment.arrivesMs + this.#back.delayMs + jitterMs;
    for (const missing of this.#missing) this.#conclude(missing, segment.triesMs[0], heardMs);
  }

  /**
   * Return whether `missing` is lost, after data sent at `sentMs` was acknowledged at `heardMs`.
   * @param {Segment} missing
   * @param {number} sentMs
   * @param {number} heardMs
   */
  #conclude(missing, sentMs, heardMs) {
    const { triesMs } = missing;
    // Later times were planned before this acknowledgement was known.
    const newestTry = triesMs.findLastIndex((ms) => ms <= sentMs);
    if (newestTry === triesMs.length - 1) return;
    if (missing.acknowledgedTry !== newestTry) {
      missing.acknowledgedTry = newestTry;
      missing.acknowledged = 0;
    }
    missing.acknowledged += 1;
    let againMs = heardMs;
    if (missing.acknowledged < DUPLICATES) {
      const reorderingMs = newestTry > 0 ? 0 : REORDERING_SHARE * this.#measured.leastRttMs;
      againMs = Math.max(heardMs, triesMs[newestTry] + (heardMs - sentMs) + reorderingMs);
    }
    if (againMs < triesMs[newestTry + 1]) {
      this.#plan(missing, newestTry, againMs, this.#measured.timeoutMs);
    }
  }

  /**
   * Let a segment be sent again at `againMs`, and then by timeouts until it arrives.
   * @param {Segment} segment
   * @param {number} newestTry
   * @param {number} againMs
   * @param {number} timeoutMs
   */
  #plan(segment, newestTry, againMs, timeoutMs) {
    segment.triesMs.length = newestTry + 1;
    for (;;) {
      segment.triesMs.push(againMs);
      const number = segment.triesMs.length - 2;
      const fate = (segment.fates[number] ??= this.#draw(this.#path));
      const arrivesMs = this.#arrivalMs(againMs, fate);
      if (arrivesMs !== null) {
        segment.arrivesMs = arrivesMs;
        return;
      }
      againMs += timeoutMs;
      timeoutMs = Math.min(2 * timeoutMs, LONGEST_TIMEOUT_MS);
    }
  }
}
