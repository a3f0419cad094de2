/**
 * The camera: the part of the world that the screen shows.
 *
 * Owns the centre, the scale and the shake.  Follows a target without lag; when the target itself
 * jumps (death, respawn, a new ship to watch) it glides there instead.  Never draws; pure but for
 * the random of the shake.
 */

import { clamp, FOCUS_INSIDE, VIEW_RADIUS } from "./units.js";

/** A step longer than this in one frame is a new target, in world units. */
const JUMP = 90;
/** For a longer step the camera cuts instead of gliding, which would show only a blur. */
const CUT = 900;
/** How far the view leans towards the aim, in world units. */
const LOOK_AHEAD = 70;
const GLIDE_PER_S = 4;
const LEAN_PER_S = 5;
const ZOOM_PER_S = 3;
const SHAKE_FADE_PER_S = 5;
/**
 * How much of what lies beyond the border is shown, in world units.  The rest of the screen shows
 * more of the world, which the server sends: near the border it looks from farther inside.
 */
const BEYOND = VIEW_RADIUS - FOCUS_INSIDE;

export class Camera {
  /** Centre, in world units. */
  x = 2000;
  y = 2000;
  /** CSS pixels per world unit. */
  scale = 1;
  /** Size of the screen in CSS pixels. */
  width = 1;
  height = 1;
  /** 0 takes all shake away (prefers-reduced-motion: see `main.js`). */
  shakeStrength = 1;
  /** The side of the world, in world units; NaN while it is not known. */
  worldSize = NaN;

  #targetX = NaN;
  #targetY = NaN;
  /** The remaining distance from the last target to this one. */
  #slipX = 0;
  #slipY = 0;
  #leanX = 0;
  #leanY = 0;
  #zoom = 0.8;
  #shake = 0;

  /** @param {number} width  CSS pixels @param {number} height */
  resize(width, height) {
    this.width = Math.max(width, 1);
    this.height = Math.max(height, 1);
    this.#rescale();
  }

  /**
   * @param {object} target
   * @param {number} target.x  world units; NaN while there is nothing to see
   * @param {number} target.y
   * @param {number} target.leanX  -1 … 1: where the pilot looks
   * @param {number} target.leanY
   * @param {number} target.zoom  1 while flying, less to see more
   * @param {number} elapsed_s
   */
  follow({ x, y, leanX, leanY, zoom }, elapsed_s) {
    if (Number.isNaN(x)) return;
    if (Number.isNaN(this.#targetX)) {
      this.#targetX = x;
      this.#targetY = y;
    }
    const step = Math.hypot(x - this.#targetX, y - this.#targetY);
    if (step > CUT) {
      this.#slipX = this.#slipY = 0;
    } else if (step > JUMP) {
      this.#slipX += this.#targetX - x;
      this.#slipY += this.#targetY - y;
    }
    this.#targetX = x;
    this.#targetY = y;
    const glide = Math.exp(-GLIDE_PER_S * elapsed_s);
    this.#slipX *= glide;
    this.#slipY *= glide;
    const lean = 1 - Math.exp(-LEAN_PER_S * elapsed_s);
    this.#leanX += (leanX * LOOK_AHEAD - this.#leanX) * lean;
    this.#leanY += (leanY * LOOK_AHEAD - this.#leanY) * lean;
    this.#zoom += (zoom - this.#zoom) * (1 - Math.exp(-ZOOM_PER_S * elapsed_s));
    this.#rescale();
    this.#shake *= Math.exp(-SHAKE_FADE_PER_S * elapsed_s);
    const reach = this.#shake * this.shakeStrength;
    this.x = this.#inside(x + this.#slipX + this.#leanX, this.width);
    this.y = this.#inside(y + this.#slipY + this.#leanY, this.height);
    this.x += reach * (Math.random() - 0.5);
    this.y += reach * (Math.random() - 0.5);
  }

  /** The middle of a view of `pixels` that shows no more than `BEYOND`. @param {number} middle @param {number} pixels */
  #inside(middle, pixels) {
    if (Number.isNaN(this.worldSize)) return middle;
    const least = pixels / 2 / this.scale - BEYOND;
    if (2 * least > this.worldSize) return this.worldSize / 2;
    return clamp(middle, least, this.worldSize - least);
  }

  /** Shake the view by about this many world units. @param {number} units */
  shake(units) {
    this.#shake = Math.min(this.#shake + units, 40);
  }

  /** @param {number} x  world units @returns {number} CSS pixels from the left */
  screenX(x) {
    return (x - this.x) * this.scale + this.width / 2;
  }

  /** @param {number} y  world units @returns {number} CSS pixels from the top */
  screenY(y) {
    return (y - this.y) * this.scale + this.height / 2;
  }

  /**
   * Whether a disc may be seen.
   * @param {number} x
   * @param {number} y
   * @param {number} radius
   */
  sees(x, y, radius) {
    const halfWidth = this.width / 2 / this.scale + radius;
    const halfHeight = this.height / 2 / this.scale + radius;
    return Math.abs(x - this.x) < halfWidth && Math.abs(y - this.y) < halfHeight;
  }

  /** The longer side of the screen shows the whole radius of the view, in any window. */
  #rescale() {
    const whole = Math.max(this.width, this.height) / (2 * VIEW_RADIUS - 2 * LOOK_AHEAD);
    this.scale = clamp(whole * this.#zoom, 0.2, 4);
  }
}
