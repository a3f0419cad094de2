/**
 * Which tick the server is at, from pongs and deltas.
 *
 * Owns the estimate of `offset`: the server's time in ticks when this side's clock showed 0.  Pure:
 * times are arguments, in milliseconds of any steady clock.  `clients/netcode/tickclock.py` is the same in
 * seconds; `tests/vectors/netcode_tickclock.json` holds the two together.
 *
 * What is certain, with `rate` ticks per millisecond (whatever the delays and however they vary):
 *
 * - a delta of tick n that came at t was sent at tick n or later:  `offset >= n - t * rate`
 * - a pong with tick n, sent for at s and received at r, was written in between:
 *   `n - r * rate <= offset <= n - s * rate`
 *
 * So each pong is an interval, and a delta narrows the newest one from below.  The estimate is the
 * middle of the intersection of the last `WINDOW` intervals (as in RFC 5905, 11.2.1, where NTP
 * intersects the intervals of servers).  It is as narrow as the quickest way up and the quickest way
 * down together, so a slow sample changes nothing at all.  Samples that contradict the newest one
 * tell that the server's time has jumped; they are dropped at once.
 *
 * A server may slow its game down.  Then all this holds for *steady* ticks (`tempo.js`), which run
 * at `rate` at any pace, so a change of pace that is announced in time changes no estimate.  This
 * file is the only one of the client that keeps the pace of the room.
 */

import { Tempo } from "./tempo.js";

/** Intervals that count: at one ping a second, how far back the estimate looks. */
const WINDOW = 20;
/** Two intervals this far apart still agree: clocks drift a little within the window. */
const AGREE_TICKS = 0.5;
/**
 * A server may read pings only at its ticks.  Pings that come at ever other phases of a tick (the
 * golden ratio spreads them best) meet it just before it reads soon enough.
 */
const PING_PHASE_TICKS = (Math.sqrt(5) - 1) / 2;

/**
 * How long to wait for the next ping: whole ticks, about `aboutMs`, and a phase.
 * @param {number} aboutMs
 * @param {number} tickRate  ticks per second
 */
export function pingIntervalMs(aboutMs, tickRate) {
  return ((Math.round((aboutMs * tickRate) / 1000) + PING_PHASE_TICKS) * 1000) / tickRate;
}

/**
 * `low <= offset <= high`; `rttMs` is Infinity if no pong has come for it.
 * @typedef {{ low: number, high: number, rttMs: number }} Interval
 */

/**
 * The server's tick at a local time.  The estimate may step, forwards or backwards: whoever draws
 * or simulates by it has to smooth.
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

  /** How often the server's time turned out to have jumped. */
  jumps = 0;

  #tempo = new Tempo();
  #publishEvery;
  /** @type {Interval[]} oldest first, never empty */
  #held = [];
  /** @type {number | null} */ #rttMs = null;
  #low = -Infinity;
  #high = Infinity;
  #offset = 0;
  /** The newest tick that the server spoke of, and when that came. */
  #heard;

  // -------------------------------------------------------------- what came

  /**
   * Take in a pong: `tick` was read between these local times.
   * @param {number} sentMs  as noted under the nonce: the time that a pong echoes is the server's word
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
      const guess = this.#newest; // only a guess from before the first pong
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

  // -------------------------------------------------------------- what is known

  /** Whether there was a pong; before it, `tickAt` is behind by the way down. */
  get known() {
    return this.#rttMs !== null;
  }

  /** The newest round trip of a ping message, null before the first. */
  get rttMs() {
    return this.#rttMs;
  }

  /** The quickest round trip of the window, null before the first. @returns {number | null} */
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

  /** Forget all but this: the server is at least there. @param {number} low */
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
        : // By the newest round trip, a delta that is quick takes half of it.
          this.#low + ((this.#rttMs ?? 0) / 2) * this.ticksPerMs;
  }
}

/** Whether one offset could explain both. @param {Interval} one @param {Interval} other */
function agree(one, other) {
  return Math.max(one.low, other.low) <= Math.min(one.high, other.high) + AGREE_TICKS;
}
