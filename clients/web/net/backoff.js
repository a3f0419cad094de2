/**
 * How long to wait before the next try to connect.
 *
 * Owns the pauses: half a second, doubled with each try up to eight seconds, half of each random,
 * since a thousand clients of a restarted server must not come back at once.  Sets no timers.
 */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
/** A connection that lasted this long takes the pauses back to the first. */
const LASTING_MS = LONGEST_PAUSE_MS;
/** The longest `retry_after_s` that is believed; browsers' timers overflow after 24 days. */
const LONGEST_RETRY_AFTER_S = 3600;

export class Backoff {
  /** @param {() => number} random  0 ≤ x < 1 */
  constructor(random) {
    this.#random = random;
  }

  #random;
  #tries = 0;

  /**
   * The pause after a connection that has ended.
   *
   * Being let in is not enough to start afresh: a room that fails on every join would else be
   * tried twice a second forever.
   * @param {number} lastedMs  how long it had been playing, 0 if it never came to that
   * @param {number} atLeastS  what the server asked for
   * @returns {number} milliseconds
   */
  nextPauseMs(lastedMs, atLeastS) {
    if (lastedMs >= LASTING_MS) this.#tries = 0;
    const fullMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#tries, LONGEST_PAUSE_MS);
    this.#tries += 1;
    const pauseMs = fullMs * (0.5 + 0.5 * this.#random());
    return Math.max(pauseMs, Math.min(atLeastS, LONGEST_RETRY_AFTER_S) * 1000);
  }
}
