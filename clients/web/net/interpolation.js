/**
 * Interpolation: others are drawn smoothly, at a tick in the past.
 *
 * Owns the playback clock, which says which tick the screen shows, and the track of one moving
 * entity. Pure: times are arguments, in milliseconds of any steady clock, and ticks otherwise.
 * `clients/netcode/interpolation.py` is its twin, in seconds;
 * `tests/vectors/netcode_interpolation.json` tests both.
 *
 * Three invariants.  The playback tick never decreases.  A position between two snapshots lies on
 * the straight line between them, as in the server's lag compensation, so a shot at a drawn
 * position hits. After the newest snapshot an entity moves on for at most `EXTRAPOLATION_MS`, and
 * then stops.
 */

/** @typedef {import("./tickclock.js").TickClock} TickClock */

/** Weight of a new arrival in the running means: 1/16, the gain of RFC 3550 (6.4.1) for jitter. */
const GAIN = 1 / 16;
/** A larger error (the tab slept, say) is corrected by a jump, a smaller one by a change of speed. */
const SNAP_MS = 500;
/** How much faster or slower than real time playback may run to correct an error. */
const MAX_SLEW = 0.1;
/** An error is corrected in about this time, while `MAX_SLEW` allows. */
const SETTLE_MS = 500;
/** Playback is behind the mean arrival by one interval between deltas and this many deviations. */
const JITTERS = 4;
/** The longest delay of playback. */
const MAX_DELAY_MS = 400;
/** Moving on at the last speed for longer than this is wrong more often than it helps. */
const EXTRAPOLATION_MS = 100;
/** An error of extrapolation fades over this time. */
const CORRECTION_MS = 200;
/** How many snapshots of an entity are kept: more than the longest delay at any usual rate. */
const CAPACITY = 32;

/** The tick that the screen shows: behind the newest delta by a delay that grows with jitter. */
export class PlaybackClock {
  /** Gaps between deltas in which playback went past the tick of the next delta. */
  underruns = 0;

  #clock;
  #tickMs;
  #minDelayMs;
  #minIntervals;
  /** Mean of the arrival time minus the time of the tick, NaN before the first arrival. */
  #lagMs = NaN;
  #jitterMs = 0;
  #newest = -Infinity;
  #missing = false;
  #shown = NaN;
  #drawn = -Infinity;
  #held = false;
  #atMs = 0;

  /**
   * The delay is at least `minDelayMs`, and at least `minIntervals` times the interval between two
   * deltas, which `clock` knows.  All is computed in the steady ticks of `clock`.
   * @param {TickClock} clock
   * @param {{ minDelayMs: number, minIntervals?: number }} options
   */
  constructor(clock, { minDelayMs, minIntervals = 0 }) {
    this.#clock = clock;
    this.#tickMs = 1 / clock.ticksPerMs;
    this.#minDelayMs = minDelayMs;
    this.#minIntervals = minIntervals;
  }

  /** Mean deviation of the arrival times, in milliseconds. */
  get jitterMs() {
    return this.#jitterMs;
  }

  /** How far behind the mean arrival playback aims to be, in milliseconds. */
  get delayMs() {
    const intervalMs = this.#clock.intervalTicks * this.#tickMs;
    const leastMs = Math.max(this.#minDelayMs, this.#minIntervals * intervalMs);
    return Math.min(Math.max(leastMs, intervalMs + JITTERS * this.#jitterMs), MAX_DELAY_MS);
  }

  /**
   * A delta of this tick was applied at `nowMs`.
   * @param {number} gameTick
   * @param {number} nowMs
   */
  arrived(gameTick, nowMs) {
    const tick = this.#clock.steadyOf(gameTick);
    // Ticks without a delta were quiet: nothing moved that playback could have missed.
    const missed = this.#shown > Math.max(this.#newest, tick - this.#clock.intervalTicks);
    if (missed && !this.#missing) this.underruns += 1;
    this.#missing = missed;
    this.#newest = tick;
    const lagMs = nowMs - tick * this.#tickMs;
    const offMs = lagMs - this.#lagMs;
    if (Number.isNaN(this.#lagMs) || Math.abs(offMs) > SNAP_MS) {
      this.#lagMs = lagMs;
      return;
    }
    this.#lagMs += offMs * GAIN;
    this.#jitterMs += (Math.abs(offMs) - this.#jitterMs) * GAIN;
  }

  /**
   * The tick, with its fraction, to draw at `nowMs`; NaN before the first delta.  It does not
   * decrease.
   * @param {number} nowMs  must not decrease from call to call
   */
  tickAt(nowMs) {
    const target = (nowMs - this.#lagMs - this.delayMs) / this.#tickMs;
    if (Number.isNaN(target)) return NaN;
    if (Number.isNaN(this.#shown)) this.#shown = target;
    else this.#shown = this.#next(target, nowMs - this.#atMs);
    this.#atMs = nowMs;
    // A change of pace that is announced late also changes the time of ticks already drawn.
    this.#drawn = Math.max(this.#drawn, this.#clock.tickOf(this.#shown));
    return this.#drawn;
  }

  /**
   * The tick to show after `elapsedMs`; no less than the one shown before.
   * @param {number} target
   * @param {number} elapsedMs
   */
  #next(target, elapsedMs) {
    const shown =
      this.#held && target > this.#shown // everything stood still, so nothing is skipped
        ? target
        : this.#shown + this.#advance(target, elapsedMs);
    // Playback must not run far ahead of a server that has paused.
    const limit = Math.max(this.#newest + SNAP_MS / this.#tickMs, this.#shown);
    this.#held = shown >= limit;
    return Math.min(shown, limit);
  }

  /**
   * Ticks to move on by in `elapsedMs`, seeking `target`; 0 or more.
   * @param {number} target
   * @param {number} elapsedMs
   */
  #advance(target, elapsedMs) {
    const elapsed = elapsedMs / this.#tickMs;
    const errorMs = (target - this.#shown - elapsed) * this.#tickMs;
    if (errorMs > SNAP_MS) return target - this.#shown;
    const guessing = this.#shown > this.#newest;
    if (errorMs < (guessing ? -EXTRAPOLATION_MS : -SNAP_MS)) return 0;
    const slew = Math.min(Math.max(errorMs / SETTLE_MS, -MAX_SLEW), MAX_SLEW);
    const off = Math.abs(errorMs);
    // Never beyond the target, however long the last call is ago.
    const changeMs = Math.max(Math.min(slew * elapsedMs, off), -off);
    return Math.max(elapsed + changeMs / this.#tickMs, 0);
  }
}

/**
 * `from` to `to` along the shorter way around a turn of 256; the result lies in 0 ≤ angle < 256.
 * @param {number} from
 * @param {number} to
 * @param {number} part  0 … 1
 */
export function turnBetween(from, to, part) {
  const way = ((((to - from) % 256) + 384) % 256) - 128;
  return (((from + way * part) % 256) + 256) % 256;
}

/**
 * Where a thing is and where it looks.
 * @typedef {object} Pose
 * @property {number} x
 * @property {number} y
 * @property {number} heading  0 ≤ heading < 256
 * @property {number} aim  0 ≤ aim < 256
 */

/** @returns {Pose} */
export function newPose() {
  return { x: 0, y: 0, heading: 0, aim: 0 };
}

/** The last poses of one moving thing, by tick, and the pose at any tick between. */
export class Track {
  /** @type {{tick: number, pose: Pose}[]} oldest first */
  #snapshots = [];
  /** A step longer than this between two ticks is a jump, not a movement. */
  #jumpDistance;
  #sampledTick = -Infinity;
  #errorX = 0;
  #errorY = 0;
  #errorTick = -Infinity;
  #extrapolationTicks;
  #correctionTicks;

  /**
   * @param {number} jumpDistance  the farthest that it can honestly move in one tick
   * @param {number} tickMs  milliseconds in one tick
   */
  constructor(jumpDistance, tickMs) {
    this.#jumpDistance = jumpDistance;
    this.#extrapolationTicks = EXTRAPOLATION_MS / tickMs;
    this.#correctionTicks = CORRECTION_MS / tickMs;
  }

  /** Tick of the first snapshot still held, Infinity if there is none. */
  get firstTick() {
    return this.#snapshots[0]?.tick ?? Infinity;
  }

  /** Tick of the newest snapshot, -Infinity if there is none. */
  get lastTick() {
    return this.#snapshots.at(-1)?.tick ?? -Infinity;
  }

  /**
   * Add the pose at `tick`, which must be later than all before; copies it.
   * @param {number} tick
   * @param {Pose} pose
   */
  push(tick, pose) {
    if (tick <= this.lastTick) return;
    const guessed = this.#sampledTick > this.lastTick && this.#snapshots.length > 0;
    const drawn = guessed ? this.sample(this.#sampledTick, newPose()) : null;
    const snapshot =
      this.#snapshots.length < CAPACITY
        ? { tick, pose: newPose() }
        : /** @type {{tick: number, pose: Pose}} */ (this.#snapshots.shift());
    snapshot.tick = tick;
    Object.assign(snapshot.pose, { x: pose.x, y: pose.y, heading: pose.heading, aim: pose.aim });
    this.#snapshots.push(snapshot);
    if (drawn !== null) this.#bleedOff(drawn);
  }

  /**
   * Write the pose at `tick` into `out` and return it; the newest pose goes on for a moment after
   * its time and then stands still.  Without any snapshot `out` stays as it is.
   * @param {number} tick
   * @param {Pose} out
   */
  sample(tick, out) {
    if (this.#snapshots.length === 0) return out;
    this.#raw(tick, out);
    this.#sampledTick = tick;
    const left = 1 - (tick - this.#errorTick) / this.#correctionTicks;
    if (left > 0 && left <= 1) {
      out.x += this.#errorX * left;
      out.y += this.#errorY * left;
    }
    return out;
  }

  /**
   * The position at a later tick if the last speed stays the same; not for drawing the entity.
   * @param {number} tick
   * @returns {{x: number, y: number}}
   */
  ahead(tick) {
    const last = this.#snapshots.at(-1);
    const before = this.#snapshots.at(-2);
    if (last === undefined) return { x: NaN, y: NaN };
    const { x, y } = last.pose;
    if (before === undefined || this.#isJump(before, last)) return { x, y };
    const part = Math.max(tick - last.tick, 0) / (last.tick - before.tick);
    return { x: x + (x - before.pose.x) * part, y: y + (y - before.pose.y) * part };
  }

  /**
   * Keep the difference between the drawn, extrapolated position and the known one, to let it fade.
   * @param {Pose} drawn
   */
  #bleedOff(drawn) {
    const known = this.#raw(this.#sampledTick, newPose());
    this.#errorX = drawn.x - known.x;
    this.#errorY = drawn.y - known.y;
    this.#errorTick = this.#sampledTick;
    const reach = this.#jumpDistance * this.#extrapolationTicks;
    if (Math.hypot(this.#errorX, this.#errorY) > reach) this.#errorX = this.#errorY = 0;
  }

  /**
   * @param {number} tick
   * @param {Pose} out
   */
  #raw(tick, out) {
    const snapshots = this.#snapshots;
    let after = snapshots.length;
    while (after > 0 && snapshots[after - 1].tick > tick) after--;
    if (after === 0) return Object.assign(out, snapshots[0].pose);
    if (after === snapshots.length) return this.#beyond(tick, out);
    const from = snapshots[after - 1];
    const to = snapshots[after];
    if (this.#isJump(from, to)) return Object.assign(out, from.pose);
    const part = (tick - from.tick) / (to.tick - from.tick);
    out.x = from.pose.x + (to.pose.x - from.pose.x) * part;
    out.y = from.pose.y + (to.pose.y - from.pose.y) * part;
    out.heading = turnBetween(from.pose.heading, to.pose.heading, part);
    out.aim = turnBetween(from.pose.aim, to.pose.aim, part);
    return out;
  }

  /**
   * The pose after the newest snapshot: its last speed for a moment, then still.
   * @param {number} tick
   * @param {Pose} out
   */
  #beyond(tick, out) {
    const last = this.#snapshots[this.#snapshots.length - 1];
    Object.assign(out, last.pose);
    const before = this.#snapshots.at(-2);
    if (before === undefined || this.#isJump(before, last)) return out;
    const ahead = Math.min(tick - last.tick, this.#extrapolationTicks);
    const part = ahead / (last.tick - before.tick);
    out.x += (last.pose.x - before.pose.x) * part;
    out.y += (last.pose.y - before.pose.y) * part;
    return out;
  }

  /**
   * @param {{tick: number, pose: Pose}} from
   * @param {{tick: number, pose: Pose}} to
   */
  #isJump(from, to) {
    const distance = Math.hypot(to.pose.x - from.pose.x, to.pose.y - from.pose.y);
    return distance > this.#jumpDistance * (to.tick - from.tick);
  }
}
