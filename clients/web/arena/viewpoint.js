/**
 * Whom the camera follows.
 *
 * Owns the choice: the own ship; where it died until it is back; for spectators the leader, or
 * the middle of the ships in view.  Pure but for what it remembers; never moves the camera itself.
 */

import { clamp } from "./units.js";

/** @typedef {import("./scene.js").Scene} Scene */

const SPECTATE_PER_S = 1.6;

export class Viewpoint {
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

  /** @param {{x: number, y: number}} to @param {number} elapsed_s */
  #drift(to, elapsed_s) {
    const first = Number.isNaN(this.x);
    const part = first ? 1 : 1 - Math.exp(-SPECTATE_PER_S * elapsed_s);
    const from = first ? to : this;
    this.x = from.x + (to.x - from.x) * part;
    this.y = from.y + (to.y - from.y) * part;
  }
}

/** What a spectator watches: the leader, else the middle of all ships, else of the world. @param {Scene} scene */
function watched(scene) {
  const leader = scene.leader === undefined ? undefined : scene.shipOf(scene.leader);
  if (leader?.shown) return leader.pose;
  let count = 0;
  let x = 0;
  let y = 0;
  for (const { pose, shown } of scene.ships.values()) {
    if (!shown) continue;
    count += 1;
    x += pose.x;
    y += pose.y;
  }
  if (count > 0) return { x: x / count, y: y / count };
  return { x: scene.worldSize / 2, y: scene.worldSize / 2 };
}
