/**
 * The latency budget of commands, as the client sees it.
 *
 * Owns the shares of the time from a command to its effect on the screen, and their percentiles.
 * Pure: times are arguments, in milliseconds of any steady clock.  `clients/netcode/budget.py` is
 * its twin, in seconds; `tests/vectors/netcode_budget.json` tests both.
 *
 * A command for tick k is sent at s.  The server simulates tick k at the time that the tick clock
 * estimates, and the first delta of tick k or later comes at r.  `r - s` is measured and divided:
 * `up` is half of the shortest round trip, `wait` is the time until tick k, the server reports
 * `simulate` and `post`, and `down` is the rest.  The time of tick k is an estimate (`tickclock.js`),
 * and the two directions are assumed to take equally long.  So the shares in `ESTIMATED` are
 * estimates too.
 */

/**
 * The shares of one command, in milliseconds.  `up`: travelling to the server; `wait`: waiting for
 * its tick; `simulate`: the server's tick; `post`: the delta waits to be sent; `down`: the delta
 * travels; `drawn`: from the delta's arrival until playback shows it (the own ship, which is
 * predicted, was drawn long before).
 * @typedef {{up: number, wait: number, simulate: number, post: number, down: number, drawn: number}} Budget
 */

/** @typedef {keyof Budget} Share */
/** @typedef {{p50: number, p95: number, p99: number}} Percentiles */

/** The shares in the order in which they occur. */
export const SHARES = Object.freeze(
  /** @type {Share[]} */ (["up", "wait", "simulate", "post", "down", "drawn"]),
);
/** The shares that cannot be measured without a common clock. */
export const ESTIMATED = Object.freeze(/** @type {Share[]} */ (["up", "wait", "down"]));
/** How many commands the percentiles cover: some seconds. */
const WINDOW = 256;
/** How many commands may wait for their delta; then the oldest is forgotten. */
const MAX_WAITING = 128;

/** From sending to seeing. @param {Budget} budget */
export function total(budget) {
  return SHARES.reduce((sum, share) => sum + budget[share], 0);
}

/** The budgets of the last `WINDOW` commands. */
export class LatencyBudget {
  /** The oldest first. @type {{tick: number, sentMs: number}[]} */
  #waiting = [];
  /** @type {Budget[]} */ #budgets = [];

  /** Note that the command for `tick` was sent at `nowMs`. @param {number} tick @param {number} nowMs */
  sent(tick, nowMs) {
    this.#waiting.push({ tick, sentMs: nowMs });
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
  }

  /**
   * Take in the delta of `tick`, which came at `nowMs`: it answers all commands up to it.
   * @param {number} tick
   * @param {number} nowMs
   * @param {object} known
   * @param {number} known.tickTimeMs  the local time at which the server was at `tick`
   * @param {number} known.tickMs  the length of a tick
   * @param {number} known.halfRttMs  half of the shortest round trip
   * @param {number} known.simulateMs  the server's word
   * @param {number} known.postMs  the server's word
   * @param {number} known.drawnMs  how long playback will take to get to this tick
   */
  answered(tick, nowMs, { tickTimeMs, tickMs, halfRttMs, simulateMs, postMs, drawnMs }) {
    while (this.#waiting[0] !== undefined && this.#waiting[0].tick <= tick) {
      const { tick: of, sentMs } = this.#waiting[0];
      this.#waiting.shift();
      const dueMs = tickTimeMs - (tick - of) * tickMs;
      const tookMs = nowMs - sentMs;
      const up = Math.min(halfRttMs, tookMs);
      // A command that came late has not waited.
      const wait = Math.min(Math.max(dueMs - sentMs - up, 0), tookMs - up);
      const down = Math.max(tookMs - up - wait - simulateMs - postMs, 0);
      this.#budgets.push({ up, wait, simulate: simulateMs, post: postMs, down, drawn: drawnMs });
      if (this.#budgets.length > WINDOW) this.#budgets.shift();
    }
  }

  /** The shares of the newest command with an answer, null before the first. */
  get newest() {
    return this.#budgets.at(-1) ?? null;
  }

  /**
   * The percentiles of each share and of the `total`; null before the first.
   * @returns {Record<Share | "total", Percentiles> | null}
   */
  percentiles() {
    if (this.#budgets.length === 0) return null;
    const of = (/** @type {(budget: Budget) => number} */ value) =>
      percentiles(this.#budgets.map(value).sort((a, b) => a - b));
    const shares = SHARES.map((share) => [share, of((budget) => budget[share])]);
    return Object.fromEntries([...shares, ["total", of(total)]]);
  }
}

/** By nearest rank. @param {number[]} ordered  ascending @returns {Percentiles} */
function percentiles(ordered) {
  const at = (/** @type {number} */ part) =>
    Number(ordered[Math.floor(part * (ordered.length - 1) + 0.5)]);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
