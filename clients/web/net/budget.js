/**
 * Where the time of a command goes: the latency budget, as the client sees it.
 *
 * Owns the shares of each command's way from the key to the screen, and their percentiles.  Pure:
 * times are arguments, in milliseconds of any steady clock.  `clients/netcode/budget.py` is the same in
 * seconds, held together with this by `tests/vectors/netcode_budget.json`.
 *
 * A command for tick k is sent at s, its tick is simulated when the clock says k, and the first
 * delta of tick k or later comes at r.  `r - s` is measured.  Of it, `up` is half of the quickest
 * round trip, `wait` what is left until tick k, `simulate` and `post` are the server's word, and
 * `down` is the rest.  That the way up takes as long as the way down, and when tick k is, are
 * estimates (`tickclock.js`), and so are the shares that rest on them: `ESTIMATED`.
 */

/**
 * The shares of one command, in milliseconds.  `up`: on its way; `wait`: for its tick; `simulate`:
 * the server's tick; `post`: waiting to be sent; `down`: on its way back; `drawn`: from the delta's
 * arrival to the moment at which others' answer to it is on the screen (the own ship, predicted,
 * was drawn long before).
 * @typedef {{up: number, wait: number, simulate: number, post: number, down: number, drawn: number}} Budget
 */

/** @typedef {keyof Budget} Share */
/** @typedef {{p50: number, p95: number, p99: number}} Percentiles */

/** In the order in which a command meets them. */
export const SHARES = Object.freeze(
  /** @type {Share[]} */ (["up", "wait", "simulate", "post", "down", "drawn"]),
);
/** Those that no one can measure, as no two clocks are the same. */
export const ESTIMATED = Object.freeze(/** @type {Share[]} */ (["up", "wait", "down"]));
/** Commands that percentiles are about: some seconds. */
const WINDOW = 256;
/** Commands that wait for their delta; the oldest is forgotten, it was answered by none. */
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
   * Take in the delta of `tick`, which came at `nowMs`; it answers all up to its tick.
   * @param {number} tick
   * @param {number} nowMs
   * @param {object} known
   * @param {number} known.tickTimeMs  the local time at which the server was at `tick`
   * @param {number} known.tickMs  the length of a tick
   * @param {number} known.halfRttMs  half of the quickest round trip
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
      // One that came late has not waited.
      const wait = Math.min(Math.max(dueMs - sentMs - up, 0), tookMs - up);
      const down = Math.max(tookMs - up - wait - simulateMs - postMs, 0);
      this.#budgets.push({ up, wait, simulate: simulateMs, post: postMs, down, drawn: drawnMs });
      if (this.#budgets.length > WINDOW) this.#budgets.shift();
    }
  }

  /** The shares of the newest command that was answered, null before the first. */
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
