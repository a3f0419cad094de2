/**
 * What the page knows of the arena, and what of it the screen shows at a moment.
 *
 * Owns the sorting of entities by kind, the track of every ship, and the waiting of events and
 * departures until playback reaches their tick, so that a beam leaves the muzzle that is drawn
 * and a ship vanishes where it was hit.  Never draws, never sends, reads no clock.
 */

import { newPose, PlaybackClock, Track } from "../interpolation.js";
import { OwnMotion } from "./own_motion.js";
import { UNIT } from "./units.js";

/** @typedef {import("../net/schema.js").EntityView} EntityView */
/** @typedef {import("../net/schema.js").GameEvent} GameEvent */

/** Others are drawn at least this far in the past, in milliseconds. */
const MIN_DELAY_MS = 66;
/** No ship, not even a dashing one, covers more than this in a tick, in world units. */
const JUMP_DISTANCE = 60;

/** One ship as drawn. */
export class ShipView {
  /** @param {EntityView} entity */
  constructor(entity) {
    this.entity = entity;
    this.seat = /** @type {number} */ (entity.seat);
    this.track = new Track(JUMP_DISTANCE);
    /** Where it is drawn, in world units. */
    this.pose = newPose();
    /** Whether playback has reached its entering. */
    this.shown = false;
    /** The tick at which it left, Infinity while it is in view. */
    this.leftTick = Infinity;
    /** 1 just after a hit, fading to 0. */
    this.flash = 0;
    /** Where its engine was lately, oldest first. @type {{x: number, y: number, at_s: number}[]} */
    this.trail = [];
  }
}

export class Scene {
  /** The own seat, 0 before `welcome`. */
  seat = 0;
  tickRate = 30;
  /** @type {Map<number, ShipView>} by entity id, in view */
  ships = new Map();
  /** @type {ShipView[]} gone from the view, but not yet on the screen */
  ghosts = [];
  /** @type {Map<number, EntityView>} by seat */
  pilots = new Map();
  /** @type {Set<EntityView>} */
  rocks = new Set();
  /** @type {Set<EntityView>} */
  mines = new Set();
  /** @type {Set<EntityView>} */
  pickups = new Set();
  /** @type {EntityView | null} */
  round = null;
  /** The tick that others are drawn at, NaN before the first delta. */
  playbackTick = NaN;

  #clock = new PlaybackClock({ tickMs: 1000 / 30, intervalTicks: 1, minDelayMs: MIN_DELAY_MS });
  #ownMotion = new OwnMotion(1000 / 30, 1);
  /** @type {GameEvent[]} of the delta that is being announced */
  #fresh = [];
  /** @type {{tick: number, event: GameEvent}[]} */
  #waiting = [];
  /** @type {Map<number, ShipView>} left in the delta that is being announced */
  #leaving = new Map();

  /**
   * A new session: forget everything of the last one.
   * @param {{seat: number, tickRate: number, publishEvery: number}} welcome
   */
  reset({ seat, tickRate, publishEvery }) {
    this.seat = seat;
    this.tickRate = tickRate;
    const tickMs = 1000 / tickRate;
    const delay = Math.max(MIN_DELAY_MS, 2 * publishEvery * tickMs);
    this.#clock = new PlaybackClock({ tickMs, intervalTicks: publishEvery, minDelayMs: delay });
    this.#ownMotion = new OwnMotion(tickMs, publishEvery);
    for (const known of [this.ships, this.pilots, this.rocks, this.mines, this.pickups])
      known.clear();
    this.ghosts = [];
    this.round = null;
    this.playbackTick = NaN;
    this.#fresh = [];
    this.#waiting = [];
    this.#leaving.clear();
  }

  /** How far in the past others are drawn, in milliseconds. */
  get delayMs() {
    return this.#clock.delayMs;
  }

  /** The pilot of the own seat, if it plays. @returns {EntityView | undefined} */
  get ownPilot() {
    return this.pilots.get(this.seat);
  }

  /** The own ship, if it flies. @returns {ShipView | undefined} */
  get ownShip() {
    const pilot = this.ownPilot;
    return pilot === undefined ? undefined : this.shipOf(pilot);
  }

  /** Side of the square world, in world units. */
  get worldSize() {
    return (this.round?.world_size ?? 4000 * UNIT) / UNIT;
  }

  /** The pilot with the highest score, if any has one. @returns {EntityView | undefined} */
  get leader() {
    /** @type {EntityView | undefined} */
    let best;
    for (const pilot of this.pilots.values()) {
      if (pilot.score > (best?.score ?? 0)) best = pilot;
    }
    return best;
  }

  /** The ship of a pilot, if it is in view. @param {EntityView} pilot */
  shipOf(pilot) {
    const ship = this.ships.get(pilot.ship);
    return ship?.seat === pilot.seat ? ship : undefined;
  }

  /** @param {EntityView} entity */
  enter(entity) {
    switch (entity.kind) {
      case "Ship":
        return this.#shipEnters(entity);
      case "Pilot":
        return void this.pilots.set(entity.seat, entity);
      case "Rock":
        return void this.rocks.add(entity);
      case "Mine":
        return void this.mines.add(entity);
      case "Pickup":
        return void this.pickups.add(entity);
      case "Round":
        this.round = entity;
    }
  }

  /** @param {EntityView} entity */
  leave(entity) {
    const ship = this.ships.get(entity.id);
    if (ship?.entity === entity) {
      this.ships.delete(entity.id);
      this.#leaving.set(entity.id, ship);
    } else if (entity.kind === "Pilot") {
      if (this.pilots.get(entity.seat) === entity) this.pilots.delete(entity.seat);
    } else if (entity === this.round) {
      this.round = null;
    } else {
      for (const known of [this.rocks, this.mines, this.pickups]) known.delete(entity);
    }
  }

  /** @param {GameEvent} event */
  event(event) {
    this.#fresh.push(event);
  }

  /**
   * A delta has been announced whole.
   * @param {number} tick
   * @param {number} nowMs
   */
  applied(tick, nowMs) {
    this.#clock.arrived(tick, nowMs);
    this.#ownMotion.arrived(tick, nowMs);
    for (const ship of this.#leaving.values()) {
      ship.leftTick = tick;
      this.ghosts.push(ship);
    }
    this.#leaving.clear();
    for (const { entity, track } of this.ships.values()) {
      const { heading, aim } = entity;
      track.push(tick, { x: entity.x / UNIT, y: entity.y / UNIT, heading, aim });
    }
    for (const event of this.#fresh) this.#waiting.push({ tick, event });
    this.#fresh = [];
  }

  /**
   * Move everything to where it is drawn at `nowMs`.
   * @param {number} nowMs
   * @returns {GameEvent[]} the events that happen on the screen now
   */
  frame(nowMs) {
    const tick = this.#clock.tickAt(nowMs);
    this.playbackTick = tick;
    const own = this.ownShip;
    for (const ship of this.ships.values()) {
      ship.shown = ship === own || ship.track.firstTick <= tick;
      if (ship === own) this.#ownMotion.pose(ship.track, nowMs, ship.pose);
      else ship.track.sample(tick, ship.pose);
    }
    this.ghosts = this.ghosts.filter((ghost) => ghost.leftTick > tick && ghost.seat !== this.seat);
    for (const ghost of this.ghosts) {
      ghost.shown = ghost.track.firstTick <= tick;
      ghost.track.sample(tick, ghost.pose);
    }
    return this.#due(tick);
  }

  /** Every ship on the screen. */
  *drawnShips() {
    for (const ship of this.ships.values()) if (ship.shown) yield ship;
    for (const ghost of this.ghosts) if (ghost.shown) yield ghost;
  }

  /** The ship of a seat that is on the screen. @param {number} seat */
  drawnShipOf(seat) {
    for (const ship of this.drawnShips()) if (ship.seat === seat) return ship;
    return undefined;
  }

  /** A ship that left and comes back within one delta (a full state) keeps its track. @param {EntityView} entity */
  #shipEnters(entity) {
    const known = this.#leaving.get(entity.id);
    if (known !== undefined && known.seat === entity.seat) {
      this.#leaving.delete(entity.id);
      known.entity = entity;
      this.ships.set(entity.id, known);
    } else {
      this.ships.set(entity.id, new ShipView(entity));
    }
  }

  /**
   * What the own ship does or suffers is shown at once, all else when playback gets there.
   * @param {number} tick
   */
  #due(tick) {
    /** @type {GameEvent[]} */
    const due = [];
    this.#waiting = this.#waiting.filter((waiting) => {
      const { event } = waiting;
      const own = this.seat !== 0 && (event.seat === this.seat || event.by === this.seat);
      if (!own && waiting.tick > tick) return true;
      due.push(event);
      return false;
    });
    return due;
  }
}
