/**
 * How far ahead of the server a client plays: which tick its next command is for.
 *
 * Owns the client's tick, a line of its own that runs at the server's rate, only up to `MAX_SLEW`
 * faster or slower while it seeks its place.  Pure: times are arguments, in milliseconds of any
 * steady clock; `clients/lead.py` is the same in seconds, and says more on why; both are held
 * together by `tests/vectors/netcode_lead.json`.
 *
 * All is told in *offsets*: ticks minus `local time * rate`, so that nothing here depends on when it
 * is asked.  `arrival` is the offset at which commands arrive (a loop that wakes late adds to it as a
 * slow link does).  It begins as the clock's offset and half the round trip, and is corrected by the
 * margins in deltas: a command sent when the offset was o, that was m ticks early, arrived within
 * `o - m - 1 < arrival <= o - m`.  Late ones move it up quickly, early ones down slowly, so that it
 * settles at the smallest lead that the jitter allows.
 */

/** @typedef {import("./tickclock.js").TickClock} TickClock */

/** The client's tick runs at most this much faster or slower than the server's. */
const MAX_SLEW = 0.05;
/** An error is made good in about this long, while `MAX_SLEW` allows. */
const SETTLE_MS = 500;
/** Further off than this (the machine slept, the server's time jumped) the tick is set, not slewed. */
const JUMP_TICKS = 8;
/** Commands are to arrive this long before they are needed: the clock may be half a tick off. */
const MARGIN_TICKS = 0.5;
const LATE_STEP_TICKS = 0.5;
const EARLY_STEP_TICKS = 0.001;
const LATE_RUN = 4;
const EARLY_RUN = 60;
/** Sent commands that are remembered until a delta tells of them; the oldest is forgotten. */
const REMEMBERED = 128;

/** The client's tick. */
export class Lead {
  /** @param {TickClock} clock  that of the same connection, and fed by someone else */
  constructor(clock) {
    this.#clock = clock;
  }

  /** How often the tick was set instead of slewed; the first setting does not count. */
  jumps = 0;

  #clock;
  #clockJumps = 0;
  /** The offset at which commands arrive, NaN before the first `advance`. */
  #arrival = NaN;
  #offset = NaN;
  #atMs = 0;
  /** Tick of a sent command → the offset when it was sent. @type {Map<number, number>} */
  #sent = new Map();
  /** Margins in a row that said late (negative) or early (positive), and the least of them. */
  #run = 0;
  #runEdge = 0;

  /** Whether there is a tick to speak of. */
  get started() {
    return !Number.isNaN(this.#offset);
  }

  /** How far the client's tick is ahead of the server's, as the clock has it. */
  get leadTicks() {
    return this.#offset - this.#clock.offset;
  }

  /**
   * Move the client's tick on to `nowMs` and return it, with its fraction.  It grows, but for a jump.
   * @param {number} nowMs  must not decrease from call to call
   */
  advance(nowMs) {
    const rate = this.#clock.ticksPerMs;
    if (this.#clock.jumps !== this.#clockJumps || Number.isNaN(this.#arrival)) {
      this.#clockJumps = this.#clock.jumps;
      this.#arrival = this.#clock.offset + ((this.#clock.minRttMs ?? 0) / 2) * rate;
      this.#run = 0;
    }
    const wanted = this.#arrival + MARGIN_TICKS;
    const error = wanted - this.#offset;
    if (Number.isNaN(error)) {
      this.#offset = wanted;
    } else if (Math.abs(error) > JUMP_TICKS) {
      this.#offset = wanted;
      this.jumps += 1;
    } else {
      const slew = Math.min(Math.max(error / (SETTLE_MS * rate), -MAX_SLEW), MAX_SLEW);
      const change = slew * (nowMs - this.#atMs) * rate;
      this.#offset += Math.abs(change) < Math.abs(error) ? change : error;
    }
    this.#atMs = nowMs;
    return this.#offset + nowMs * rate;
  }

  /** The local time at which the client's tick will be `tick`. @param {number} tick */
  timeOf(tick) {
    return (tick - this.#offset) / this.#clock.ticksPerMs;
  }

  /** Remember that the command for `tick` is sent, by the client's tick as it runs now. @param {number} tick */
  sent(tick) {
    this.#sent.set(tick, this.#offset);
    if (this.#sent.size > REMEMBERED) {
      const [oldest] = this.#sent.keys();
      if (oldest !== undefined) this.#sent.delete(oldest);
    }
  }

  /** Take in the margin of the delta of `tick`. @param {number} tick @param {number} marginTicks */
  margin(tick, marginTicks) {
    const offset = this.#sent.get(tick + marginTicks) ?? this.#offset;
    if (Number.isNaN(offset) || Number.isNaN(this.#arrival)) return;
    const latest = offset - marginTicks;
    if (this.#arrival < latest - 1) this.#late(latest - 1);
    else if (this.#arrival > latest) this.#early(latest);
    else this.#run = 0;
  }

  /** A command arrived at `edge` at the earliest, which is later than counted on. @param {number} edge */
  #late(edge) {
    this.#runEdge = this.#run < 0 ? Math.min(this.#runEdge, edge) : edge;
    this.#run = Math.min(this.#run, 0) - 1;
    this.#arrival += LATE_STEP_TICKS;
    if (this.#run > -LATE_RUN) return;
    this.#arrival = Math.max(this.#arrival, this.#runEdge);
    this.#run = 0;
  }

  /** A command arrived at `edge` at the latest, which is earlier than counted on. @param {number} edge */
  #early(edge) {
    this.#runEdge = this.#run > 0 ? Math.max(this.#runEdge, edge) : edge;
    this.#run = Math.max(this.#run, 0) + 1;
    this.#arrival -= EARLY_STEP_TICKS;
    if (this.#run < EARLY_RUN) return;
    this.#arrival = Math.min(this.#arrival, this.#runEdge);
    this.#run = 0;
  }
}
