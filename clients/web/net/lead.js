/**
 * How far ahead of the server a client plays: which tick its next command is for.
 *
 * Owns the client's tick, a line of its own that runs at the server's rate, only up to `MAX_SLEW`
 * faster or slower while it seeks its place.  Pure: times are arguments, in milliseconds of any
 * steady clock; `clients/netcode/lead.py` is the same in seconds, and says more on why; both are held
 * together by `tests/vectors/netcode_lead.json`.
 *
 * All is told in *offsets*: steady ticks (`tempo.js`) minus `local time * rate`, so that nothing here
 * depends on when it is asked.  `arrival` is the offset at which commands arrive (a loop that wakes late adds to it as a
 * slow link does).  It begins as the clock's offset and half the round trip, and is corrected by the
 * margins in deltas: a command sent when the offset was o, that was m ticks early, arrived within
 * `o - m - 1 < arrival <= o - m`.  Late ones move it up quickly, early ones down slowly, so that it
 * settles at the smallest lead that the jitter allows.  Where TCP stalls again and again because
 * segments are lost, the lead is longer by as much as is worth it.
 */

/** @typedef {import("./tickclock.js").TickClock} TickClock */

/** The client's tick runs at most this much faster or slower than the server's. */
const MAX_SLEW = 0.05;
/** An error is made good in about this long, while `MAX_SLEW` allows. */
const SETTLE_MS = 500;
/** Further off than this (the machine slept, the server's time jumped) the tick is set, not slewed. */
const JUMP_TICKS = 8;
/** Where the clock's word changes by more than this, margins from before say nothing any more. */
const BELIEVE_TICKS = 2;
/** Commands are to arrive this long before they are needed: the clock may be half a tick off. */
const MARGIN_TICKS = 0.5;
const LATE_STEP_TICKS = 0.5;
const EARLY_STEP_TICKS = 0.001;
const LATE_RUN = 4;
/** Both must be reached: commands may be sent at every tick or only now and then. */
const EARLY_RUN = 12;
const EARLY_RUN_TICKS = 60;
/** Sent commands that are remembered until a delta tells of them; the oldest is forgotten. */
const REMEMBERED = 128;
/** A batch whose first command arrived this much later than counted on was a stall. */
const LEAST_STALL_TICKS = 1;
/** The lead covers all but this many less one of the longest stalls … */
const STALLS = 5;
/** … among this many of the last commands … */
const STALL_COMMANDS = 600;
/** … which are forgotten after so long. */
const STALL_MEMORY_TICKS = 1800;
/** The lead is not made longer by more: it makes others see late what one does. */
const MOST_COVER_TICKS = 6;

/** Told by the delta of `tick`, at the `command`-th of ours. @typedef {{tick: number, command: number, ticks: number}} Stall */

/** The client's tick. */
export class Lead {
  /** @param {TickClock} clock  that of the same connection, and fed by someone else */
  constructor(clock) {
    this.#clock = clock;
  }

  /** How often the tick was set instead of slewed; the first setting does not count. */
  jumps = 0;

  #clock;
  /** The offset at which commands arrive: as the clock has it, NaN before the first `advance` … */
  #byClock = NaN;
  /** … and as margins have corrected that. */
  #arrival = NaN;
  #offset = NaN;
  #atMs = 0;
  /** Tick of a sent command → the offset when it was sent. @type {Map<number, number>} */
  #sent = new Map();
  /** Margins in a row that said late (negative) or early (positive), and the least of them. */
  #run = 0;
  #runEdge = 0;
  /** The tick whose delta told of the first early one in a row. */
  #runTick = 0;
  /** The newest delta, the newest command that one told of (by its tick), and how many were. */
  #toldTick = -1;
  #newestTold = -1;
  #commandsTold = 0;
  /** @type {Stall[]} */
  #stalls = [];
  /** By how many ticks the lead is longer, so as to cover stalls. */
  #cover = 0;

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
    const byClock = this.#clock.offset + ((this.#clock.minRttMs ?? 0) / 2) * rate;
    if (!(Math.abs(byClock - this.#byClock) <= BELIEVE_TICKS)) {
      this.#arrival = this.#byClock = byClock;
      this.#run = 0;
      this.#stalls = [];
      this.#cover = 0;
    }
    const wanted = this.#arrival + MARGIN_TICKS + this.#cover;
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
    return this.#clock.tickOf(this.#offset + nowMs * rate);
  }

  /** The local time at which the client's tick will be `tick`. @param {number} tick */
  timeOf(tick) {
    return (this.#clock.steadyOf(tick) - this.#offset) / this.#clock.ticksPerMs;
  }

  /** Remember that the command for `tick` is sent, by the client's tick as it runs now. @param {number} tick */
  sent(tick) {
    this.#sent.set(tick, this.#offset);
    this.#newestTold = Math.min(this.#newestTold, tick - 1); // the tick has jumped back
    if (this.#sent.size > REMEMBERED) {
      const [oldest] = this.#sent.keys();
      if (oldest !== undefined) this.#sent.delete(oldest);
    }
  }

  /**
   * Take in the margin of the delta of `tick`.
   * @param {number} tick
   * @param {number | null} marginTicks  null: the server has read nothing since the delta before
   */
  margin(tick, marginTicks) {
    const afterTick = this.#toldTick;
    this.#toldTick = tick;
    if (marginTicks === null) return;
    this.#lookForStall(afterTick, tick, tick + marginTicks);
    const offset = this.#sent.get(tick + marginTicks) ?? this.#offset;
    if (Number.isNaN(offset) || Number.isNaN(this.#arrival)) return;
    const clock = this.#clock;
    const read = clock.steadyOf(tick);
    const latest = offset - (clock.steadyOf(tick + marginTicks) - read);
    const earliest = latest - (read - clock.steadyOf(tick - 1));
    if (this.#arrival < earliest) this.#late(earliest);
    else if (this.#arrival > latest) this.#early(latest, tick);
    else this.#run = 0;
  }

  /**
   * Between the ticks `afterTick` and `tick` our commands up to that for `newest` were read.
   * @param {number} afterTick
   * @param {number} tick
   * @param {number} newest
   */
  #lookForStall(afterTick, tick, newest) {
    const batch = [...this.#sent].filter(([sent]) => this.#newestTold < sent && sent <= newest);
    this.#newestTold = Math.max(this.#newestTold, newest);
    const [first] = batch;
    if (first !== undefined && afterTick >= 0) {
      this.#commandsTold += batch.length;
      const clock = this.#clock;
      const [firstTick, offset] = first;
      // It was read at the tick after `afterTick` at the earliest, and had come by then.
      const read = clock.steadyOf(afterTick + 1);
      const latest = offset - (clock.steadyOf(firstTick) - read);
      const ticks = latest - (read - clock.steadyOf(afterTick)) - this.#arrival;
      if (ticks >= LEAST_STALL_TICKS) this.#stalls.push({ tick, command: this.#commandsTold, ticks });
    }
    this.#coverStalls(tick);
  }

  /** Make the lead as much longer as the stalls that are remembered want it. @param {number} tick */
  #coverStalls(tick) {
    const oldest = tick - STALL_MEMORY_TICKS;
    const first = this.#commandsTold - STALL_COMMANDS;
    this.#stalls = this.#stalls.filter((stall) => stall.tick > oldest && stall.command > first);
    const longest = this.#stalls.map(({ ticks }) => ticks).sort((a, b) => b - a);
    this.#cover = Math.min(longest[STALLS - 1] ?? 0, MOST_COVER_TICKS);
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

  /**
   * A command arrived at `edge` at the latest, which is earlier than counted on.
   * @param {number} edge
   * @param {number} tick  whose delta tells of it
   */
  #early(edge, tick) {
    if (this.#run <= 0) {
      this.#run = 0;
      this.#runEdge = edge;
      this.#runTick = tick;
    }
    this.#run += 1;
    this.#runEdge = Math.max(this.#runEdge, edge);
    this.#arrival -= EARLY_STEP_TICKS;
    if (this.#run < EARLY_RUN || tick - this.#runTick < EARLY_RUN_TICKS) return;
    this.#arrival = Math.min(this.#arrival, this.#runEdge);
    this.#run = 0;
  }
}
