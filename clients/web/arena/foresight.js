/**
 * Predicted effects of the own ship: the page shows them before the server has confirmed them.
 *
 * Owns the predicted pulses, dashes and pickups, as events like the server's, until an event of the
 * server confirms them or its absence undoes them.  Draws nothing, changes no ship.
 */

import { PendingEffects } from "../net/effects.js";
import { PULSE_HIT_RADIUS, pulseEnd } from "./pulse.js";
import { Flag, PICKUP_RADIUS, SHIP_RADIUS, UNIT } from "./units.js";

/** @typedef {import("../net/schema.js").EntityView} EntityView */
/** @typedef {import("../net/schema.js").GameEvent} GameEvent */
/** @typedef {import("./own_motion.js").Stepped} Stepped */
/** @typedef {import("./scene.js").Scene} Scene */

const REACH = (PICKUP_RADIUS + SHIP_RADIUS) * UNIT;

export class Foresight {
  /** Pickups that the own ship has taken, as this page sees it. @type {Set<EntityView>} */
  taken = new Set();

  /** @type {PendingEffects<GameEvent>} */ #pending = new PendingEffects();

  /** How many predicted effects were confirmed, and how many undone. */
  get counts() {
    const { confirmed, undone } = this.#pending;
    return { confirmed, undone };
  }

  /**
   * The effects of the own ship in ticks that were just predicted.
   * @param {Stepped[]} steps
   * @param {Scene} scene
   * @returns {GameEvent[]} to show now
   */
  events(steps, scene) {
    /** @type {GameEvent[]} */
    const events = [];
    for (const { tick, before, after } of steps) {
      const { x, y } = after;
      const own = { seat: scene.seat, x, y };
      if (after.dash_left > before.dash_left) {
        events.push(this.#shown(tick, null, { kind: "Dashed", ...own }));
      }
      if (after.fire_wait > before.fire_wait) {
        const end = pulseEnd({ x: x / UNIT, y: y / UNIT }, after.aim, targets(scene));
        const shot = { kind: "Shot", ...own, to_x: end.x * UNIT, to_y: end.y * UNIT };
        events.push(this.#shown(tick, null, shot));
      }
      for (const pickup of scene.pickups) {
        if (this.taken.has(pickup) || Math.hypot(pickup.x - x, pickup.y - y) > REACH) continue;
        const { kind_, x: pickupX, y: pickupY } = pickup;
        const event = { kind: "Taken", seat: scene.seat, kind_, x: pickupX, y: pickupY, pickup };
        this.taken.add(pickup);
        events.push(this.#shown(tick, placeOf(event), event));
      }
    }
    return events;
  }

  /**
   * Take in the server's event of `tick`, about the own ship.
   * @param {GameEvent} event
   * @param {number} tick
   * @returns {boolean} whether it has been shown already
   */
  confirms(event, tick) {
    const key = event.kind === "Taken" ? placeOf(event) : null;
    const shown = this.#pending.confirm(event.kind, tick, key)?.what;
    // A pulse that is still visible must end where the server says.
    if (shown?.beam !== undefined) {
      shown.beam.toX = event.to_x / UNIT;
      shown.beam.toY = event.to_y / UNIT;
    }
    if (shown?.pickup !== undefined) this.taken.delete(shown.pickup);
    return shown !== undefined;
  }

  /** Undo the effects that no event has confirmed by the delta of `tick`. @param {number} tick */
  expire(tick) {
    for (const { what } of this.#pending.expire(tick)) this.#undo(what);
  }

  /** Forget all effects: after a new session or a new life, no event will confirm them. */
  forget() {
    for (const { what } of this.#pending.clear()) this.#undo(what);
  }

  /** @param {number} tick @param {string | null} key @param {GameEvent} event */
  #shown(tick, key, event) {
    const tooMany = this.#pending.show({ kind: event.kind, tick, key, what: event });
    if (tooMany !== null) this.#undo(tooMany.what);
    return event;
  }

  /** @param {GameEvent} event */
  #undo(event) {
    if (event.beam !== undefined) event.beam.age = Infinity;
    if (event.pickup !== undefined) this.taken.delete(event.pickup);
  }
}

/** Pickups have no two at one place. @param {GameEvent} event */
function placeOf({ x, y }) {
  return `${x},${y}`;
}

/** The obstacles for a pulse of the own ship, where the screen shows them. @param {Scene} scene */
function* targets(scene) {
  for (const { x, y, radius } of scene.rocks) {
    yield { x: x / UNIT, y: y / UNIT, radius: radius / UNIT };
  }
  for (const ship of scene.drawnShips()) {
    if (ship.seat === scene.seat || (ship.flags & Flag.PROTECTED) !== 0) continue;
    const { x, y } = scene.targetOf(ship);
    yield { x, y, radius: PULSE_HIT_RADIUS };
  }
}
