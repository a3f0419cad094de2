/**
 * Drawing others in the past, smoothly: when to draw, and where a thing was then.
 *
 * Owns the playback clock (which tick the screen shows now) and the snapshot buffer of one moving
 * thing.  Pure: times are arguments, nothing here reads a clock, a socket or the page.
 *
 * Two invariants: the playback tick never runs backwards, and a pose between two snapshots lies
 * between them.  Break the first and ships twitch back at every late delta; break the second and
 * they leave their true path.
 */

/** Weight of a new arrival in the running means: 1/16, the gain of RFC 3550 (6.4.1) for jitter. */
const GAIN = 1 / 16;
/** A late burst or a sleeping tab moves the clock at once; below that it only runs faster. */
const SNAP_MS = 500;
/** How much faster or slower than real time playback may run while it seeks its place. */
const MAX_SLEW = 0.1;
/** Whole error is made good in about this long (while MAX_SLEW allows). */
const SETTLE_MS = 500;
const MAX_DELAY_MS = 400;

/** Which tick the screen shows: behind the newest delta by as much as the jitter asks for. */
export class PlaybackClock {
  #tickMs;
  #intervalMs;
  #minDelayMs;
  /** Mean of arrival time minus tick time, NaN before the first arrival. */
  #lagMs = NaN;
  #jitterMs = 0;
  #shown = NaN;
  #shownAtMs = 0;

  /**
   * @param {object} options
   * @param {number} options.tickMs  milliseconds in one tick
   * @param {number} options.intervalTicks  ticks from one delta to the next
   * @param {number} options.minDelayMs  never closer to the newest delta than this
   */
  constructor({ tickMs, intervalTicks, minDelayMs }) {
    this.#tickMs = tickMs;
    this.#intervalMs = intervalTicks * tickMs;
    this.#minDelayMs = minDelayMs;
  }

  /** Mean deviation of the arrival times, in milliseconds. */
  get jitterMs() {
    return this.#jitterMs;
  }

  /** How far behind the mean arrival playback aims to be, in milliseconds. */
  get delayMs() {
    const safe = this.#intervalMs + 4 * this.#jitterMs;
    return Math.min(Math.max(this.#minDelayMs, safe), MAX_DELAY_MS);
  }

  /**
   * A delta of this tick was applied at `nowMs`.
   * @param {number} tick
   * @param {number} nowMs
   */
  arrived(tick, nowMs) {
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
   * The tick (with its fraction) to draw at `nowMs`; NaN before the first delta.
   * @param {number} nowMs  must not decrease from call to call
   */
  tickAt(nowMs) {
    const target = (nowMs - this.#lagMs - this.delayMs) / this.#tickMs;
    if (Number.isNaN(target)) return NaN;
    if (Number.isNaN(this.#shown)) {
      this.#shown = target;
    } else {
      this.#shown += this.#advance(target, nowMs - this.#shownAtMs);
    }
    this.#shownAtMs = nowMs;
    return this.#shown;
  }

  /**
   * Ticks to move on by in `elapsedMs`, seeking `target`; never negative.
   * @param {number} target
   * @param {number} elapsedMs
   */
  #advance(target, elapsedMs) {
    const elapsed = elapsedMs / this.#tickMs;
    const errorMs = (target - this.#shown - elapsed) * this.#tickMs;
    if (errorMs > SNAP_MS) return target - this.#shown;
    if (errorMs < -SNAP_MS) return 0;
    const slew = Math.min(Math.max(errorMs / SETTLE_MS, -MAX_SLEW), MAX_SLEW);
    return elapsed * (1 + slew);
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

const CAPACITY = 32;
/** Going on at the last speed for longer than this guesses wrong more often than it helps. */
const MAX_EXTRAPOLATION_TICKS = 3;
/** What extrapolation got wrong is bled off over this many ticks. */
const CORRECTION_TICKS = 6;

/** The last poses of one moving thing, by tick, and the pose at any tick between. */
export class Track {
  /** @type {{tick: number, pose: Pose}[]} oldest first */
  #snapshots = [];
  /** A step longer than this between two ticks is a jump, not a movement. */
  #jumpDistance;
  #sampledTick = -Infinity;
  #errorX = 0;
  #errorY = 0;
  #errorTick = 0;

  /** @param {number} jumpDistance  the farthest that it can honestly move in one tick */
  constructor(jumpDistance) {
    this.#jumpDistance = jumpDistance;
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
    const left = 1 - (tick - this.#errorTick) / CORRECTION_TICKS;
    if (left > 0 && left <= 1) {
      out.x += this.#errorX * left;
      out.y += this.#errorY * left;
    }
    return out;
  }

  /**
   * What was drawn by guess and what is now known differ: keep the difference, to be bled off.
   * @param {Pose} drawn
   */
  #bleedOff(drawn) {
    const known = this.#raw(this.#sampledTick, newPose());
    this.#errorX = drawn.x - known.x;
    this.#errorY = drawn.y - known.y;
    this.#errorTick = this.#sampledTick;
    const reach = this.#jumpDistance * MAX_EXTRAPOLATION_TICKS;
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
    const ahead = Math.min(tick - last.tick, MAX_EXTRAPOLATION_TICKS);
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
