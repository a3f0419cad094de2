/**
 * The lead: how far ahead of the server a client plays, and so the tick of its next command.
 *
 * Owns the client's tick.  It runs at the server's rate, and up to `MAX_SLEW` faster or slower to
 * correct an error.  Pure: times are arguments, in milliseconds of any steady clock.
 * `clients/netcode/lead.py` is its twin, in seconds, and explains more;
 * `tests/vectors/netcode_lead.json` tests both.
 *
 * This file computes with *offsets*: steady ticks (`tempo.js`) minus `local time * rate`.  An
 * offset does not depend on the time at which it is read.  `arrival` is the offset at which
 * commands arrive; a slow link raises it, and so does a server loop that wakes late.  At first it
 * is the clock's offset plus half the round trip.  The margins in deltas correct it: a command that
 * was sent at the offset o and was m ticks early arrived within `o - m - 1 < arrival <= o - m`.
 * Late commands raise it quickly, early ones lower it slowly, so it settles at the smallest lead
 * that the jitter allows.  If lost segments make TCP stall again and again, the lead grows to cover
 * the stalls.
 */

/** @typedef {import("./tickclock.js").TickClock} TickClock */

/** The client's tick runs at most this much faster or slower than the server's. */
const MAX_SLEW = 0.05;
/** An error is corrected in about this time, while `MAX_SLEW` allows. */
const SETTLE_MS = 500;
/** An error of more than this (the machine slept, the server's time jumped) is corrected at once. */
const JUMP_TICKS = 8;
/** After a larger change of the clock's estimate, earlier margins are no longer valid. */
const BELIEVE_TICKS = 2;
/** Commands should arrive this long before their tick, as the clock may be half a tick wrong. */
const MARGIN_TICKS = 0.5;
const LATE_STEP_TICKS = 0.5;
const EARLY_STEP_TICKS = 0.001;
const LATE_RUN = 4;
/** A run needs both, since commands may be sent at every tick or only from time to time. */
const EARLY_RUN = 12;
const EARLY_RUN_TICKS = 60;
/** How many sent commands are remembered until a delta reports them; the oldest is forgotten. */
const REMEMBERED = 128;
/** A batch was a stall if its first command arrived this much later than expected. */
const LEAST_STALL_TICKS = 1;
/** The lead covers the longest stall but this many less one, … */
const STALLS = 5;
/** … among this many of the last commands … */
const STALL_COMMANDS = 600;
/** … which are forgotten after so long. */
const STALL_MEMORY_TICKS = 1800;
/** The longest cover, since a longer lead makes others see the player's actions later. */
const MOST_COVER_TICKS = 6;

/** Told by the delta of `tick`, at the `command`-th of ours. @typedef {{tick: number, command: number, ticks: number}} Stall */

/** The client's tick. */
export class Lead {
  /** @param {TickClock} clock  that of the same connection, and fed by someone else */
  constructor(clock) {
    this.#clock = clock;
  }

  /** How often the tick jumped; the first setting does not count. */
  jumps = 0;

  #clock;
  /** The offset at which commands arrive, from the clock alone; NaN before `advance`. */
  #byClock = NaN;
  /** The same offset, corrected by margins. */
  #arrival = NaN;
  #offset = NaN;
  #atMs = 0;
  /** Tick of a sent command → the offset when it was sent. @type {Map<number, number>} */
  #sent = new Map();
  /** Number of margins in a row that were late (negative) or early (positive), and the least edge. */
  #run = 0;
  #runEdge = 0;
  /** The tick of the delta that reported the first early command in a row. */
  #runTick = 0;
  /** Ticks of the newest delta and of the newest reported command; number of reported commands. */
  #toldTick = -1;
  #newestTold = -1;
  #commandsTold = 0;
  /** @type {Stall[]} */
  #stalls = [];
  /** Ticks by which the lead is longer to cover stalls. */
  #cover = 0;

  /** Whether `advance` has set the client's tick. */
  get started() {
    return !Number.isNaN(this.#offset);
  }

  /** How far the client's tick is ahead of the server's tick, by the clock's estimate. */
  get leadTicks() {
    return this.#offset - this.#clock.offset;
  }

  /**
   * Move the client's tick on to `nowMs` and return it, with its fraction.  It only decreases if it
   * jumps.
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

  /** The client's tick at `nowMs`, with its fraction, as it runs now; NaN before `advance`. @param {number} nowMs */
  tickAt(nowMs) {
    return this.#clock.tickOf(this.#offset + nowMs * this.#clock.ticksPerMs);
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
   * Note a stall if the batch of commands up to `newest`, read after `afterTick` and by `tick`, was
   * late.
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
      // The server read it at the tick after `afterTick` at the earliest.
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

  /** Take in a command that arrived at `edge` or later, which is later than expected. @param {number} edge */
  #late(edge) {
    this.#runEdge = this.#run < 0 ? Math.min(this.#runEdge, edge) : edge;
    this.#run = Math.min(this.#run, 0) - 1;
    this.#arrival += LATE_STEP_TICKS;
    if (this.#run > -LATE_RUN) return;
    this.#arrival = Math.max(this.#arrival, this.#runEdge);
    this.#run = 0;
  }

  /**
   * Take in a command that arrived at `edge` or earlier, which is earlier than expected.
   * @param {number} edge
   * @param {number} tick  the tick of the delta that reported it
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
