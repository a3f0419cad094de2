/**
 * The tick clock: an estimate of the server's tick, from pongs and deltas.
 *
 * Owns the estimate of `offset`: the server's time in ticks when the local clock showed 0.  Pure:
 * times are arguments, in milliseconds of any steady clock.  `clients/netcode/tickclock.py` is its
 * twin, in seconds; `tests/vectors/netcode_tickclock.json` tests both.
 *
 * Two facts hold with any delays, at `rate` ticks per millisecond:
 *
 * - a delta of tick n that came at t was sent at tick n or later:  `offset >= n - t * rate`
 * - a pong with tick n, whose ping was sent at s and which came at r, was written in between:
 *   `n - r * rate <= offset <= n - s * rate`
 *
 * So each pong gives an interval, and a delta raises the lower end of the newest one.  The estimate
 * is the middle of the intersection of the last `WINDOW` intervals (as in RFC 5905, 11.2.1, where
 * NTP intersects the intervals of servers).  The width of the intersection is the shortest delay to
 * the server plus the shortest delay back; slower samples do not change it.  An older sample that
 * contradicts the newest one shows that the server's time has jumped, and is dropped at once.
 *
 * A server may slow its game down.  Then all this holds for *steady* ticks (`tempo.js`), which run
 * at `rate` at any pace, so a change of pace that is announced in time changes no estimate.  This
 * file is the only one of the client that keeps the pace of the room.
 */

import { Tempo } from "./tempo.js";

/** How many intervals are intersected: about as many seconds, at one ping a second. */
const WINDOW = 20;
/** Two intervals this far apart still agree, as clocks drift a little within the window. */
const AGREE_TICKS = 0.5;
/**
 * A server may read pings only at its ticks.  Pings therefore come at different phases of a tick,
 * so that one of them soon comes just before a read.  The golden ratio spreads the phases best.
 */
const PING_PHASE_TICKS = (Math.sqrt(5) - 1) / 2;

/**
 * The time until the next ping: whole ticks, about `aboutMs`, plus a phase.
 * @param {number} aboutMs
 * @param {number} tickRate  ticks per second
 */
export function pingIntervalMs(aboutMs, tickRate) {
  return ((Math.round((aboutMs * tickRate) / 1000) + PING_PHASE_TICKS) * 1000) / tickRate;
}

/**
 * `low <= offset <= high`; `rttMs` is Infinity if the interval comes from no pong.
 * @typedef {{ low: number, high: number, rttMs: number }} Interval
 */

/**
 * The server's tick at a local time.  The estimate may jump, forwards or backwards, so drawing and
 * simulation must smooth it.
 */
export class TickClock {
  /**
   * @param {number} tickRate  ticks per second
   * @param {number} tick  a tick that the server just said, as a first guess
   * @param {number} nowMs
   * @param {number} publishEvery  ticks from one delta to the next
   */
  constructor(tickRate, tick, nowMs, publishEvery = 1) {
    this.ticksPerMs = tickRate / 1000;
    this.#publishEvery = publishEvery;
    this.#heard = { tick, atMs: nowMs };
    this.#begin(tick - nowMs * this.ticksPerMs);
  }

  /** How often a jump of the server's time was detected. */
  jumps = 0;

  #tempo = new Tempo();
  #publishEvery;
  /** @type {Interval[]} oldest first, never empty */
  #held = [];
  /** @type {number | null} */ #rttMs = null;
  #low = -Infinity;
  #high = Infinity;
  #offset = 0;
  /** The newest tick in a message of the server, and when that message came. */
  #heard;

  // -------------------------------------------------------------- messages of the server

  /**
   * Take in a pong: the server read its `tick` between these local times.
   * @param {number} sentMs  as noted for the nonce: the time in the pong itself is not trusted
   * @param {number} receivedMs  not before `sentMs`, else `RangeError`
   * @param {number} tick
   */
  pong(sentMs, receivedMs, tick) {
    const rttMs = receivedMs - sentMs;
    if (!(rttMs >= 0 && rttMs < Infinity && Number.isFinite(tick))) {
      throw new RangeError(`${sentMs} … ${receivedMs} is not a round trip`);
    }
    const rate = this.ticksPerMs;
    this.#rttMs = rttMs;
    this.#hear(tick, receivedMs);
    tick = this.#tempo.steadyOf(tick);
    const fresh = { low: tick - receivedMs * rate, high: tick - sentMs * rate, rttMs };
    if (this.#newest.rttMs === Infinity) {
      const guess = this.#newest; // the first guess, from before the first pong
      this.#held.pop();
      if (agree(guess, fresh)) fresh.low = Math.max(fresh.low, guess.low);
    }
    this.#keepWhatAgrees(fresh);
    this.#held.push(fresh);
    if (this.#held.length > WINDOW) this.#held.shift();
    this.#intersect();
  }

  /** Take in that the delta of `tick` was received at `nowMs`. @param {number} tick @param {number} nowMs */
  delta(tick, nowMs) {
    this.#hear(tick, nowMs);
    const low = this.#tempo.steadyOf(tick) - nowMs * this.ticksPerMs;
    if (low > this.#high + AGREE_TICKS) {
      this.jumps += 1;
      this.#begin(low);
      return;
    }
    if (low <= this.#newest.low) return;
    this.#newest.low = low;
    if (low > this.#low) this.#intersect();
  }

  /**
   * Take in the server's `pace` message.
   * @param {number} tick
   * @param {number} pace  game time as a share of real time, from `tick` on
   * @param {number} publishEvery  ticks from one delta to the next; it counts at once
   */
  changePace(tick, pace, publishEvery) {
    this.#publishEvery = publishEvery;
    if (!this.#tempo.bend(tick, pace) || this.#heard.tick <= tick) return;
    // The announcement came late: ticks after the bend were placed at the wrong times.
    this.jumps += 1;
    this.#begin(this.#tempo.steadyOf(this.#heard.tick) - this.#heard.atMs * this.ticksPerMs);
  }

  // -------------------------------------------------------------- estimates

  /** Whether a pong has come; before it, `tickAt` is late by the delay of a delta. */
  get known() {
    return this.#rttMs !== null;
  }

  /** The newest round trip of a ping message, null before the first. */
  get rttMs() {
    return this.#rttMs;
  }

  /** The shortest round trip of the window, null before the first. @returns {number | null} */
  get minRttMs() {
    const least = Math.min(...this.#held.map(({ rttMs }) => rttMs));
    return least < Infinity ? least : this.#rttMs;
  }

  /** The server's time in steady ticks when the local clock showed 0. */
  get offset() {
    return this.#offset;
  }

  /** Game time as a share of real time, as last announced. */
  get pace() {
    return this.#tempo.pace;
  }

  /** The length of a tick in real time, as last announced. */
  get tickMs() {
    return 1 / (this.ticksPerMs * this.#tempo.pace);
  }

  /** Steady ticks from one delta to the next, as last announced. */
  get intervalTicks() {
    return this.#publishEvery / this.#tempo.pace;
  }

  /** The steady tick of `tick`. @param {number} tick */
  steadyOf(tick) {
    return this.#tempo.steadyOf(tick);
  }

  /** The tick, with its fraction, of a steady tick. @param {number} steady */
  tickOf(steady) {
    return this.#tempo.tickOf(steady);
  }

  /** The server's tick at `nowMs`, with its fraction. @param {number} nowMs @returns {number} */
  tickAt(nowMs) {
    return this.#tempo.tickOf(this.#offset + nowMs * this.ticksPerMs);
  }

  /** The local time at which the server is at `tick`. @param {number} tick @returns {number} */
  timeOf(tick) {
    return (this.#tempo.steadyOf(tick) - this.#offset) / this.ticksPerMs;
  }

  // -------------------------------------------------------------- the intersection

  /** @param {number} tick @param {number} atMs */
  #hear(tick, atMs) {
    if (tick >= this.#heard.tick) this.#heard = { tick, atMs };
  }

  /** @returns {Interval} */
  get #newest() {
    return /** @type {Interval} */ (this.#held.at(-1));
  }

  /** Forget everything but the lower bound `low`. @param {number} low */
  #begin(low) {
    this.#held = [{ low, high: Infinity, rttMs: Infinity }];
    this.#intersect();
  }

  /** @param {Interval} fresh */
  #keepWhatAgrees(fresh) {
    const agreeing = this.#held.filter((old) => agree(old, fresh));
    if (agreeing.length < this.#held.length) this.jumps += 1;
    this.#held = agreeing;
  }

  #intersect() {
    this.#low = Math.max(...this.#held.map(({ low }) => low));
    this.#high = Math.min(...this.#held.map(({ high }) => high));
    this.#offset =
      this.#high < Infinity
        ? (this.#low + this.#high) / 2
        : // A fast delta takes about half of the newest round trip.
          this.#low + ((this.#rttMs ?? 0) / 2) * this.ticksPerMs;
  }
}

/** Whether an offset exists that lies in both. @param {Interval} one @param {Interval} other */
function agree(one, other) {
  return Math.max(one.low, other.low) <= Math.min(one.high, other.high) + AGREE_TICKS;
}
