/**
 * Where the own ship is drawn.
 *
 * Owns that one decision, so that prediction can take its place without touching the scene: now
 * it is interpolated like any other ship, only as close to the newest delta as one delta allows.
 * Pure: times are arguments.
 */

import { PlaybackClock } from "../interpolation.js";

/** @typedef {import("../interpolation.js").Pose} Pose */
/** @typedef {import("../interpolation.js").Track} Track */

export class OwnMotion {
  #clock;

  /**
   * @param {number} tickMs  milliseconds in one tick
   * @param {number} intervalTicks  ticks from one delta to the next
   */
  constructor(tickMs, intervalTicks) {
    this.#clock = new PlaybackClock({ tickMs, intervalTicks, minDelayMs: intervalTicks * tickMs });
  }

  /**
   * A delta of this tick was applied at `nowMs`.
   * @param {number} tick
   * @param {number} nowMs
   */
  arrived(tick, nowMs) {
    this.#clock.arrived(tick, nowMs);
  }

  /**
   * Write the pose to draw at `nowMs` into `out`.
   * @param {Track} track
   * @param {number} nowMs
   * @param {Pose} out
   */
  pose(track, nowMs, out) {
    track.sample(this.#clock.tickAt(nowMs), out);
  }
}
