/**
 * The predicted motion of the own ship.
 *
 * Owns the ship as a vehicle of `net/steering.js`, which predicts, reconciles and smooths it, and
 * the heading with which it is drawn.  Pure: times are arguments, and commands are returned.
 */

import { turnBetween } from "../net/interpolation.js";
import { Smoothing } from "../net/prediction.js";
import { Steering } from "../net/steering.js";
import { step_ship } from "./ship_step.js";
import { turnTowards, UNIT } from "./units.js";

/** @typedef {import("../net/interpolation.js").Pose} Pose */
/** @typedef {import("../net/schema.js").EntityView} EntityView */
/** @typedef {import("./controls.js").Steer} Steer */
/** @typedef {import("./movement.js").Disc} Disc */
/** @typedef {import("./ship_step.js").ShipState} ShipState */

/** Without a new command, the server repeats the last one for this long (`rules.HOLD_TICKS`). */
export const REPEAT_TICKS = 15;
/** A longer correction is not smoothed: the ship was moved, not mispredicted.  In world units. */
const SNAP_DISTANCE = 250;
/** Every correction of the heading is smoothed.  In angles. */
const SNAP_ANGLE = 129;
/** @type {Steer} */
const NEUTRAL = { turn: 0, thrust: false, dash: false, fire: false, mine: false, aim: 0 };

/**
 * The parts of the world that affect a ship's step.
 * @typedef {object} Surroundings
 * @property {Iterable<Disc>} rocks
 * @property {number} size  of the square world, in steps
 * @property {(tick: number) => boolean} armed  whether weapons work in that tick
 */

/** A tick that was steered. @typedef {{tick: number, before: ShipState, after: ShipState}} Stepped */

export class OwnMotion {
  /** The replica for the steering; the scene says which ship is the own one. */
  #seen = { tick: 0, own: /** @type {EntityView | undefined} */ (undefined), entities: new Map() };
  /** @type {Steering<ShipState, Steer>} */ #steering;
  #turning = new Smoothing(SNAP_ANGLE);
  /** @type {Stepped[]} */ #fresh = [];

  /**
   * @param {Surroundings} surroundings  looked at in every step
   * @param {import("../net/tickclock.js").TickClock} clock
   * @param {import("../net/lead.js").Lead} lead
   */
  constructor(surroundings, clock, lead) {
    this.#steering = new Steering(
      {
        state: stateOf,
        step: (state, steer, tick) => {
          const { rocks, size, armed } = surroundings;
          return step_ship(state, steer, rocks, size, armed(tick));
        },
        idle: (last, silentTicks) => {
          if (last !== null && silentTicks <= REPEAT_TICKS) return last;
          return { ...NEUTRAL, aim: last?.aim ?? this.state?.aim ?? 0 };
        },
        place: ({ x, y }) => ({ x: x / UNIT, y: y / UNIT }),
        snapDistance: SNAP_DISTANCE,
        effects: (before, after, tick) => {
          this.#fresh.push({ tick, before, after });
          return []; // `foresight.js` keeps them
        },
        kinds: [], // the scene draws the others, with their headings
        jumpDistance: 0,
      },
      this.#seen,
      clock,
      lead,
    );
  }

  /** Counts of reconciliation since the session began; distances in world units. */
  get counts() {
    return this.#steering.predictor.counts;
  }

  /** The predicted state; null while no ship is predicted. */
  get state() {
    return this.#steering.own;
  }

  /** The clock of the tick at which others are drawn. */
  get playback() {
    return this.#steering.playback;
  }

  /** When the next command is due. */
  get nextDueMs() {
    return this.#steering.nextDueMs();
  }

  /** Start over with the next delta: the connection was lost and is back. */
  reconnected() {
    this.#steering.reconnected();
    this.#turning.clear();
  }

  /**
   * A delta was applied.
   * @param {number} tick
   * @param {number | null} margin
   * @param {EntityView | undefined} ship  the own one
   * @param {number} nowMs
   */
  applied(tick, margin, ship, nowMs) {
    const before = ship?.id === this.#seen.own?.id ? this.state : null;
    Object.assign(this.#seen, { tick, own: ship });
    this.#steering.delta(margin, [], nowMs);
    const after = this.state;
    if (before === null || after === null) this.#turning.clear();
    else this.#turning.add(turnTowards(after.heading, before.heading), 0, nowMs);
  }

  /**
   * Steer, if a tick of the client is due.
   * @param {number} nowMs
   * @param {() => Steer} take  the controls, used up
   * @returns {{ command: Steer, tick: number } | null} what to send
   */
  advance(nowMs, take) {
    return this.#steering.due(nowMs) === null ? null : this.#steering.steer(take());
  }

  /** The ticks that were steered since the last call. @returns {Stepped[]} */
  takeSteps() {
    return this.#fresh.splice(0);
  }

  /**
   * Write where to draw the ship into `out`.
   * @param {Steer} steer  the controls as they are held now
   * @param {number} nowMs
   * @param {Pose} out
   * @returns {ShipState | null} the predicted next state; null if nothing is predicted
   */
  pose(steer, nowMs, out) {
    const ahead = this.#steering.ahead(nowMs, steer);
    if (ahead === null) return null;
    const { state, next, part, place } = ahead;
    Object.assign(out, place);
    out.heading =
      turnBetween(state.heading, next.heading, part) + this.#turning.offset(nowMs).x;
    out.aim = steer.aim;
    return next;
  }
}

/** @param {EntityView} ship @returns {ShipState} */
function stateOf(ship) {
  const { x, y, vx, vy, heading, energy, dash_left, aim, fire_wait, mine_wait } = ship;
  return { x, y, vx, vy, heading, energy, dash_left, aim, fire_wait, mine_wait };
}
