/**
 * The target that the camera follows.
 *
 * Owns the choice: the own ship; where it died until it is back; for spectators one ship after
 * another.  Pure but for what it remembers; never moves the camera itself.
 */

import { clamp, UNIT } from "./units.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./ship_view.js").ShipView} ShipView */

/** How quickly the view comes to rest on a ship that is newly watched. */
const SETTLE_PER_S = 2.5;
/** Farther away than this is another place: the view is cut, as in a film. */
const CUT = 700;
/** The view stays at a wreck for so long. */
const WRECK_S = 1.5;

export class Viewpoint {
  /** NaN until there is anything to see. */
  x = NaN;
  y = NaN;
  leanX = 0;
  leanY = 0;
  zoom = 0.85;
  /**
   * Of a replay: the ship to follow, by id, or a point to look at; null: as a spectator.
   * @type {{ ship: number } | { x: number, y: number } | null}
   */
  guide = null;

  /** @type {ShipView | null} */ #watched = null;
  #wreck_s = 0;
  /** The rest of the way from the last place to the watched ship. */
  #slipX = 0;
  #slipY = 0;

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
      this.#watched = null;
    } else if (scene.ownPilot !== undefined && !Number.isNaN(this.x)) {
      this.zoom = 0.9;
    } else {
      this.zoom = 0.85;
      this.#spectate(scene, elapsed_s);
    }
  }

  /** @param {Scene} scene @param {number} elapsed_s */
  #spectate(scene, elapsed_s) {
    const { guide } = this;
    if (guide !== null && "x" in guide) {
      ({ x: this.x, y: this.y } = guide);
      this.#watched = null;
      return;
    }
    const followed = guide === null ? undefined : scene.ships.get(guide.ship);
    if (followed !== undefined && followed !== this.#watched) this.#turnTo(followed);
    if (this.#watched === null || scene.ships.get(this.#watched.entity.id) !== this.#watched) {
      this.#wreck_s += elapsed_s;
      if (this.#watched === null || this.#wreck_s > WRECK_S) this.#turnTo(mostCentral(scene));
    }
    if (this.#watched === null) return;
    const settle = Math.exp(-SETTLE_PER_S * elapsed_s);
    this.#slipX *= settle;
    this.#slipY *= settle;
    this.x = this.#watched.pose.x + this.#slipX;
    this.y = this.#watched.pose.y + this.#slipY;
  }

  /** @param {ShipView | null} ship */
  #turnTo(ship) {
    this.#watched = ship;
    this.#wreck_s = 0;
    if (ship === null) return;
    const wayX = this.x - ship.pose.x;
    const wayY = this.y - ship.pose.y;
    const glides = Math.hypot(wayX, wayY) < CUT;
    this.#slipX = glides ? wayX : 0;
    this.#slipY = glides ? wayY : 0;
  }
}

/**
 * The ship to watch: the server sends what lies around a spot of its choice and does not say where
 * that is, but it is the middle of all that is in view.
 * @param {Scene} scene
 * @returns {ShipView | null}
 */
function mostCentral(scene) {
  const ships = [...scene.ships.values()].filter(({ shown }) => shown);
  const places = ships.map(({ pose }) => pose);
  for (const still of [scene.rocks, scene.pickups]) {
    for (const { x, y } of still) places.push({ x: x / UNIT, y: y / UNIT, heading: 0, aim: 0 });
  }
  const middleX = places.reduce((sum, { x }) => sum + x, 0) / places.length;
  const middleY = places.reduce((sum, { y }) => sum + y, 0) / places.length;
  const away = (/** @type {ShipView} */ { pose }) => Math.hypot(pose.x - middleX, pose.y - middleY);
  return ships.reduce(
    (best, ship) => (best === null || away(ship) < away(best) ? ship : best),
    /** @type {ShipView | null} */ (null),
  );
}
