/**
 * How long a client pauses before its next attempt to connect.
 *
 * Owns the pauses.  The end of a session that had lasted is often that of a server that starts
 * again at once, and the seat is held meanwhile.  So the first `QUICK_TRIES` pauses after it are
 * random, up to one second: a crowd comes back evenly within that second, and not all at one
 * moment.  Further pauses, and those of a client that never played for long, grow from half a
 * second to eight, half of each random.  Sets no timers.
 */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
/** A session that lasted this long takes the pauses back to the beginning. */
const LASTING_MS = 4_000;
/** The quick tries after such a session, about ten seconds of them, and their longest pause. */
const QUICK_TRIES = 20;
const QUICK_PAUSE_MS = 1_000;
/** The longest `retry_after_s` that is obeyed; browsers' timers overflow after 24 days. */
const LONGEST_RETRY_AFTER_S = 3600;

export class Backoff {
  /** @param {() => number} random  0 ≤ x < 1 */
  constructor(random) {
    this.#random = random;
  }

  #random;
  #quickTries = 0;
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
    if (lastedMs >= LASTING_MS) {
      this.#quickTries = QUICK_TRIES;
      this.#tries = 0;
    }
    const pauseMs = this.#quickTries > 0 ? this.#quickPauseMs() : this.#growingPauseMs();
    return Math.max(pauseMs, Math.min(atLeastS, LONGEST_RETRY_AFTER_S) * 1000);
  }

  #quickPauseMs() {
    this.#quickTries -= 1;
    return QUICK_PAUSE_MS * this.#random();
  }

  #growingPauseMs() {
    const fullMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#tries, LONGEST_PAUSE_MS);
    this.#tries += 1;
    return fullMs * (0.5 + 0.5 * this.#random());
  }
}
