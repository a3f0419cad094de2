/**
 * The scene: the entities of the arena that the page knows, and their state on the screen.
 *
 * Owns the entities by kind, the track of every ship, and the switches of the netcode.  Events and
 * departures wait until playback reaches their tick, so that a beam starts at the drawn muzzle and
 * a ship vanishes where it was hit.  The own ship is predicted instead: see `own_motion.js` and
 * `foresight.js`.  Never draws, never sends, reads no clock.
 */

import { PlaybackClock } from "../net/interpolation.js";
import { Lead } from "../net/lead.js";
import { TickClock } from "../net/tickclock.js";
import { Foresight } from "./foresight.js";
import { Marksmanship } from "./marksmanship.js";
import { OwnMotion } from "./own_motion.js";
import { ShipView } from "./ship_view.js";
import { Flag, UNIT } from "./units.js";

/** @typedef {import("../net/schema.js").EntityView} EntityView */
/** @typedef {import("../net/schema.js").GameEvent} GameEvent */

/** @typedef {import("./controls.js").Steer} Steer */

/** Events that a ship's own controls cause; for the own ship they may have been predicted. */
const OWN_DEEDS = new Set(["Shot", "Dashed", "Taken"]);
/** The clock before the first welcome. */
const NO_CLOCK = new TickClock(30, 0, 0);
const NO_LEAD = new Lead(NO_CLOCK);
/** Events that wait; overflow policy `drop-oldest`: in a hidden tab nothing is shown for hours. */
const MAX_WAITING = 500;
/** An event that is overdue by more than this is not shown. */
const STALE_S = 1;
const DEFAULT_WORLD = 4000 * UNIT;
/** Bits of a ship's flags that its own controls decide. */
const STEERED = Flag.THRUST | Flag.DASH;

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
  /** The map of the whole room. @type {EntityView | null} */
  chart = null;
  /** @type {Set<EntityView>} */
  mines = new Set();
  /** @type {Set<EntityView>} */
  pickups = new Set();
  /** @type {EntityView | null} */
  round = null;
  /** The tick that others are drawn at, NaN before the first delta. */
  playbackTick = NaN;
  /** Whether the own ship is drawn where it is predicted, or where the server last had it. */
  predicts = true;
  /** Whether others glide between deltas, or jump. */
  interpolates = true;
  /** Whether the server tests shots against what this screen showed. */
  compensates = true;
  foresight = new Foresight();
  marksmanship = new Marksmanship();

  /** The playback clock of the own ship without prediction: as near to the newest delta as possible. */
  #ownClock = new PlaybackClock(NO_CLOCK, { minDelayMs: 0 });
  #lead = NO_LEAD;
  #ownMotion = new OwnMotion(this.#surroundings(), NO_CLOCK, NO_LEAD);
  /** @type {import("./ship_step.js").ShipState | null} */ #ownState = null;
  #newestTick = NaN;
  /** When the own ship was steered last; NaN: not in this connection. */
  #steeredMs = NaN;
  /** @type {GameEvent[]} of the delta that is being announced */
  #fresh = [];
  /** @type {{tick: number, event: GameEvent}[]} */
  #waiting = [];
  /** Predicted events, to show at the next frame. @type {GameEvent[]} */
  #foreseen = [];
  /** @type {Map<number, ShipView>} left in the delta that is being announced */
  #leaving = new Map();

  /**
   * A new session: forget everything of the last one.
   * @param {{seat: number, tickRate: number, clock: TickClock, lead: Lead}} welcome
   */
  reset({ seat, tickRate, clock, lead }) {
    this.seat = seat;
    this.tickRate = tickRate;
    this.#ownClock = new PlaybackClock(clock, { minDelayMs: 0 });
    this.#lead = lead;
    this.#ownMotion = new OwnMotion(this.#surroundings(), clock, lead);
    this.#ownState = null;
    this.#newestTick = this.#steeredMs = NaN;
    this.#foreseen = [];
    this.foresight.forget();
    for (const known of [this.ships, this.pilots, this.rocks, this.mines, this.pickups])
      known.clear();
    this.ghosts = [];
    this.round = null;
    this.chart = null;
    this.playbackTick = NaN;
    this.#fresh = [];
    this.#waiting = [];
    this.#leaving.clear();
  }

  /** The session was resumed: start the prediction over with the next delta. */
  resume() {
    this.#ownMotion.reconnected();
    this.#ownState = null;
    this.#steeredMs = NaN;
    this.#foreseen = [];
    this.foresight.forget();
  }

  /** How far in the past others are drawn, in milliseconds. */
  get delayMs() {
    return this.interpolates ? this.#ownMotion.playback.delayMs : 0;
  }

  /** The jitter of deltas: the mean deviation of their times of arrival. */
  get jitterMs() {
    return this.#ownMotion.playback.jitterMs;
  }

  /** Counts of the server's corrections of the own ship. */
  get corrections() {
    return this.#ownMotion.counts;
  }

  /** The own ship's predicted state; null while it is not predicted. */
  get ownState() {
    return this.predicts ? this.#ownState : null;
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
      case "Chart":
        this.chart = entity;
        return;
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
   * All signals of a delta have been emitted.
   * @param {number} tick
   * @param {number} nowMs
   * @param {number | null} [margin]  as the delta has it
   */
  applied(tick, nowMs, margin = null) {
    this.#newestTick = tick;
    this.#ownClock.arrived(tick, nowMs);
    for (const ship of this.#leaving.values()) {
      ship.leftTick = tick;
      this.ghosts.push(ship);
    }
    this.#leaving.clear();
    // Otherwise a hidden tab, which draws no frames, would keep them for hours.
    const stale = tick - STALE_S * this.tickRate;
    this.ghosts = this.ghosts.filter(({ leftTick }) => leftTick > stale);
    for (const { entity, track } of this.ships.values()) {
      const { heading, aim } = entity;
      track.push(tick, { x: entity.x / UNIT, y: entity.y / UNIT, heading, aim });
    }
    this.#ownApplied(tick, margin, nowMs);
    for (const event of this.#fresh) {
      const own = OWN_DEEDS.has(event.kind) && event.seat === this.seat;
      if (!own || !this.foresight.confirms(event, tick)) this.#waiting.push({ tick, event });
    }
    this.#waiting.splice(0, Math.max(0, this.#waiting.length - MAX_WAITING));
    this.foresight.expire(tick);
    this.marksmanship.take(this.#fresh, this.seat);
    this.#fresh = [];
  }

  /**
   * Steer the own ship, if a tick of the client is due.
   * @param {number} nowMs
   * @param {() => Steer} take  the controls, used up
   * @returns {{ command: Steer, tick: number } | null} what to send
   */
  steer(nowMs, take) {
    this.#steeredMs = nowMs;
    const order = this.#ownMotion.advance(nowMs, take);
    this.#foresee();
    return order;
  }

  /** When the next command is due; NaN if unknown. */
  get nextCommandMs() {
    return this.#ownMotion.nextDueMs;
  }

  /** Where the server will look for a ship when a pulse that is fired now arrives. @param {ShipView} ship */
  targetOf({ pose, track, shown }) {
    const commandTick = this.#lead.tickAt(this.#steeredMs);
    if (this.compensates || !shown || Number.isNaN(commandTick)) return pose;
    return track.ahead(commandTick);
  }

  /**
   * Move everything to where it is drawn at `nowMs`.
   * @param {number} nowMs
   * @param {Steer} [steer]  the controls as they are held now; left out: nobody steers
   * @returns {GameEvent[]} the events that happen on the screen now
   */
  frame(nowMs, steer) {
    const glide = this.#ownMotion.playback.tickAt(nowMs);
    const tick = this.interpolates ? glide : this.#newestTick;
    this.playbackTick = tick;
    const own = this.ownShip;
    for (const ship of this.ships.values()) {
      ship.shown = ship === own || ship.track.firstTick <= tick;
      ship.flags = ship.entity.flags;
      if (ship === own) this.#moveOwn(ship, nowMs, steer);
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
      this.ships.set(entity.id, new ShipView(entity, 1000 / this.tickRate));
    }
  }

  /** The parts of the world that steps of the own ship depend on. @returns {import("./own_motion.js").Surroundings} */
  #surroundings() {
    const scene = this;
    return {
      get rocks() {
        return /** @type {Iterable<any>} */ (scene.rocks);
      },
      get size() {
        return scene.round?.world_size ?? DEFAULT_WORLD;
      },
      armed: (tick) => {
        const { round } = scene;
        // The phase ends after the tick `ends_at`, so the next phase is known until then, too.
        return round !== null && (round.phase === "PLAYING") === (tick <= round.ends_at);
      },
    };
  }

  /**
   * Pass the server's state of the own ship to the prediction.
   * @param {number} tick
   * @param {number | null} margin
   * @param {number} nowMs
   */
  #ownApplied(tick, margin, nowMs) {
    const entity = this.ownShip?.entity;
    // Without the owner fields no prediction is possible.
    const own = entity?.vx === undefined ? undefined : entity;
    this.#ownMotion.applied(tick, margin, own, nowMs);
    this.#foresee();
  }

  #foresee() {
    const steps = this.#ownMotion.takeSteps();
    if (this.predicts) this.#foreseen.push(...this.foresight.events(steps, this));
  }

  /** @param {ShipView} ship  the own one @param {number} nowMs @param {Steer | undefined} steer */
  #moveOwn(ship, nowMs, steer) {
    ship.track.sample(this.#ownClock.tickAt(nowMs), ship.pose);
    this.#ownState = null;
    if (steer === undefined || !this.predicts) return;
    this.#ownState = this.#ownMotion.pose(steer, this.#steeredMs, ship.pose);
    if (this.#ownState === null) return;
    const steered = (steer.thrust ? Flag.THRUST : 0) | (this.#ownState.dash_left > 0 ? Flag.DASH : 0);
    ship.flags = (ship.flags & ~STEERED) | steered;
  }

  /**
   * The events that are due: those about the own ship at once, others when playback reaches their
   * tick.
   * @param {number} tick
   */
  #due(tick) {
    /** @type {GameEvent[]} */
    const due = this.#foreseen.splice(0);
    const stale = tick - STALE_S * this.tickRate;
    this.#waiting = this.#waiting.filter((waiting) => {
      const { event } = waiting;
      const own = this.seat !== 0 && (event.seat === this.seat || event.by === this.seat);
      if (!own && waiting.tick > tick) return true;
      if (waiting.tick >= stale || event.kind === "Kill") due.push(event);
      return false;
    });
    return due;
  }
}
