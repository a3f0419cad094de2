/**
 * How long a client pauses before its next attempt to connect.
 *
 * Owns the pauses: half a second, doubled with each attempt, up to eight seconds.  Half of each
 * pause is random, so that the clients of a restarted server do not all come back at once.  Sets no
 * timers.
 */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
/** After a connection that lasted this long, the pauses start again from the shortest. */
const LASTING_MS = LONGEST_PAUSE_MS;
/** The longest `retry_after_s` that is obeyed; browsers' timers overflow after 24 days. */
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
   * Joining alone does not reset the pauses, or a room that fails on every join would be tried
   * twice a second forever.
   * @param {number} lastedMs  how long it had been playing, 0 if it never came to that
   * @param {number} atLeastS  the pause that the server asked for
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
