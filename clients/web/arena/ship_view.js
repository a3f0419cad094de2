/**
 * One ship on the screen: the server's entity, and the state that drawing needs.
 *
 * Owns only that record; `scene.js` keeps it up to date.
 */

import { newPose, Track } from "../net/interpolation.js";

/** @typedef {import("../net/schema.js").EntityView} EntityView */

/** The farthest that a ship can move in one tick, with a dash, in world units. */
const JUMP_DISTANCE = 60;

/** One ship as drawn. */
export class ShipView {
  /** @param {EntityView} entity @param {number} tickMs */
  constructor(entity, tickMs) {
    this.entity = entity;
    this.seat = /** @type {number} */ (entity.seat);
    this.track = new Track(JUMP_DISTANCE, tickMs);
    /** Its visible state; see `Flag`. */
    this.flags = /** @type {number} */ (entity.flags);
    /** Where it is drawn, in world units. */
    this.pose = newPose();
    /** Whether playback has reached the tick at which it entered. */
    this.shown = false;
    /** The tick at which it left, Infinity while it is in view. */
    this.leftTick = Infinity;
    /** 1 just after a hit, fading to 0. */
    this.flash = 0;
    /** Where its engine was lately, oldest first. @type {{x: number, y: number, at_s: number}[]} */
    this.trail = [];
  }
}
