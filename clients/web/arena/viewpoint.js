/**
 * Whom the camera follows.
 *
 * Owns the choice: the own ship; where it died until it is back; for spectators the middle of
 * what is in view.  Pure but for what it remembers; never moves the camera itself.
 */

import { clamp, UNIT } from "./units.js";

/** @typedef {import("./scene.js").Scene} Scene */

const SPECTATE_PER_S = 1.6;
/** Farther away than this is another place: the view is cut, as in a film. */
const CUT = 800;
const SHIP_WEIGHT = 3;

export class Viewpoint {
  /** NaN until there is anything to see. */
  x = NaN;
  y = NaN;
  leanX = 0;
  leanY = 0;
  zoom = 0.8;

  /**
   * @param {Scene} scene
   * @param {{x: number, y: number} | null} look  where the pilot looks: -1 … 1 from the middle of the screen
   * @param {number} elapsed_s
   */
  choose(scene, look, elapsed_s) {
    const own = scene.ownShip;
    this.leanX = this.leanY = 0;
    if (own !== undefined) {
      ({ x: this.x, y: this.y } = own.pose);
      this.leanX = clamp(look?.x ?? 0, -1, 1);
      this.leanY = clamp(look?.y ?? 0, -1, 1);
      this.zoom = 1;
    } else if (scene.ownPilot !== undefined && !Number.isNaN(this.x)) {
      this.zoom = 0.9;
    } else {
      this.zoom = 0.82;
      this.#drift(watched(scene), elapsed_s);
    }
  }

  /** @param {{x: number, y: number} | null} to @param {number} elapsed_s */
  #drift(to, elapsed_s) {
    if (to === null) return;
    const cut = Number.isNaN(this.x) || Math.hypot(to.x - this.x, to.y - this.y) > CUT;
    const part = cut ? 1 : 1 - Math.exp(-SPECTATE_PER_S * elapsed_s);
    const from = cut ? to : this;
    this.x = from.x + (to.x - from.x) * part;
    this.y = from.y + (to.y - from.y) * part;
  }
}

/**
 * What a spectator watches.  The server sends what lies around a spot of its choice and does not
 * say where that is, but all that is in view lies around it; ships count for more.
 * @param {Scene} scene
 */
function watched(scene) {
  let weight = 0;
  let x = 0;
  let y = 0;
  for (const { pose, shown } of scene.ships.values()) {
    if (!shown) continue;
    weight += SHIP_WEIGHT;
    x += pose.x * SHIP_WEIGHT;
    y += pose.y * SHIP_WEIGHT;
  }
  for (const still of [scene.rocks, scene.pickups]) {
    for (const thing of still) {
      weight += 1;
      x += thing.x / UNIT;
      y += thing.y / UNIT;
    }
  }
  return weight === 0 ? null : { x: x / weight, y: y / weight };
}
