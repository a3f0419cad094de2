/**
 * Which tick the server is at, and how far away it is, from pings and their pongs.
 *
 * Owns the estimate of the offset between this side's clock and the server's ticks.  Times are
 * arguments, in milliseconds of any steady clock; nothing here reads a clock.
 *
 * A pong says the server's tick at some moment between sending and receiving.  Taking the middle
 * (as NTP does, RFC 5905, section 8) is wrong by at most half the round trip, so of the last
 * samples the ones with the shortest round trips decide, and a slow one changes nothing.
 */

/** Pings are sent every second: how far back the estimate looks. */
const WINDOW = 12;
/** How many of the window's quickest samples are averaged. */
const BEST = 3;

/** @typedef {{ rttMs: number, offset: number }} Sample  `offset`: the tick when this clock was 0 */

export class TickClock {
  /**
   * @param {number} tickRate  ticks per second
   * @param {number} tick  a tick that the server just said, as a first guess
   * @param {number} nowMs
   */
  constructor(tickRate, tick, nowMs) {
    this.#ticksPerMs = tickRate / 1000;
    this.#offset = tick - nowMs * this.#ticksPerMs;
  }

  #ticksPerMs;
  /** @type {Sample[]} oldest first */
  #samples = [];
  #offset;

  /** The last round trip of a ping message, null before the first. @returns {number | null} */
  get rttMs() {
    return this.#samples.at(-1)?.rttMs ?? null;
  }

  /** The shortest round trip of the window, null before the first. @returns {number | null} */
  get minRttMs() {
    return this.#samples.length === 0 ? null : Math.min(...this.#samples.map((s) => s.rttMs));
  }

  /** The server's tick at `nowMs`, with its fraction. @param {number} nowMs @returns {number} */
  tickAt(nowMs) {
    return this.#offset + nowMs * this.#ticksPerMs;
  }

  /**
   * Take in a pong.
   * @param {number} sentMs  when its ping was sent
   * @param {number} receivedMs
   * @param {number} tick  the server's tick that it carries
   */
  add(sentMs, receivedMs, tick) {
    const rttMs = receivedMs - sentMs;
    const sample = { rttMs, offset: tick - ((sentMs + receivedMs) / 2) * this.#ticksPerMs };
    // The true offset is within half a round trip of every sample.  Where old samples leave no
    // room for the new one, the server's ticks have jumped (it dropped some): they are worthless.
    this.#samples = this.#samples.filter((old) => this.#agree(old, sample)).slice(1 - WINDOW);
    this.#samples.push(sample);
    const best = [...this.#samples].sort((a, b) => a.rttMs - b.rttMs).slice(0, BEST);
    this.#offset = best.reduce((sum, each) => sum + each.offset, 0) / best.length;
  }

  /**
   * Whether one offset could explain both.
   * @param {Sample} a
   * @param {Sample} b
   * @returns {boolean}
   */
  #agree(a, b) {
    const slack = ((a.rttMs + b.rttMs) / 2) * this.#ticksPerMs;
    // One tick: a server that stamps whole ticks is not lying.
    return Math.abs(a.offset - b.offset) <= slack + 1;
  }
}
