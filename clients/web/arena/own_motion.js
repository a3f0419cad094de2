/**
 * The predicted motion of the own ship.
 *
 * Owns the commands (one for each tick of the client's time, see `net/lead.js`), the prediction
 * from them, and the drawn position of the ship.  That position lies between the predicted state
 * and the state after the next tick with the present controls, so that a key press shows in the
 * next frame. Corrections by the server are smoothed.  Pure: times are arguments, and commands are
 * returned.
 */

import { turnBetween } from "../interpolation.js";
import { Predictor, Smoothing } from "../net/prediction.js";
import { step_ship } from "./ship_step.js";
import { clamp, turnTowards, UNIT } from "./units.js";

/** @typedef {import("../interpolation.js").Pose} Pose */
/** @typedef {import("../net/schema.js").EntityView} EntityView */
/** @typedef {import("./controls.js").Steer} Steer */
/** @typedef {import("./movement.js").Disc} Disc */
/** @typedef {import("./ship_step.js").ShipState} ShipState */

/** After a pause at most this many commands are made: those for earlier ticks would come too late. */
const MOST_AT_ONCE = 3;
/** If the client's tick is set back by more than this, prediction starts over. */
const REWOUND_TICKS = 8;
/** How many ticks are predicted beyond the server's newest state, at most: two seconds. */
const MAX_PENDING = 60;
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

/** A command to send. @typedef {{tick: number, steer: Steer}} Timed */
/** A tick that was predicted for the first time. @typedef {Timed & {before: ShipState, after: ShipState}} Stepped */

export class OwnMotion {
  /** @type {Predictor<ShipState, Timed>} */ #predictor;
  #smoothing = new Smoothing(SNAP_DISTANCE);
  #turning = new Smoothing(SNAP_ANGLE);
  /** What was commanded for each tick. @type {Map<number, Steer>} */
  #commands = new Map();
  /** The tick of the newest command, NaN before the first. */
  #lastTick = NaN;
  /** The newest tick that was ever predicted; the effects of later ticks are new. */
  #newestStep = -Infinity;
  /** The ship that is predicted, and the server's word on it. @type {EntityView | null} */
  #ship = null;
  #knownTick = 0;
  /** @type {Stepped[]} */ #fresh = [];

  /** @param {Surroundings} surroundings  looked at in every step */
  constructor(surroundings) {
    this.#predictor = new Predictor({
      step: (state, { tick, steer }) => {
        const { rocks, size, armed } = surroundings;
        return step_ship(state, steer, rocks, size, armed(tick));
      },
      equal: sameState,
      distance: (before, after) => Math.hypot(before.x - after.x, before.y - after.y) / UNIT,
      maxPending: MAX_PENDING,
    });
  }

  /** Counts of reconciliation since the session began; distances in world units. */
  get counts() {
    return this.#predictor.counts;
  }

  /** The predicted state; null while no ship is predicted. */
  get state() {
    return this.#predictor.state;
  }

  /**
   * A delta was applied.
   * @param {number} tick
   * @param {EntityView | undefined} ship  the own one
   * @param {number} nowMs
   */
  applied(tick, ship, nowMs) {
    this.#knownTick = tick;
    if (ship === undefined) {
      this.#ship = null;
      this.#predictor.reset(tick, null);
    } else if (ship !== this.#ship && ship.id !== this.#ship?.id) {
      this.#ship = ship;
      this.#predictor.reset(tick, stateOf(ship));
      this.#smoothing.clear();
      this.#turning.clear();
    } else {
      this.#ship = ship; // a full state makes new objects
      this.#reconcile(tick, stateOf(ship), nowMs);
    }
    this.#predict();
    for (const old of this.#commands.keys()) {
      if (old < tick - REPEAT_TICKS) this.#commands.delete(old);
    }
  }

  /**
   * Move the client's tick on.
   * @param {number} commandTick  with its fraction; NaN: not known yet
   * @param {() => Steer} take  the controls, used up
   * @returns {Timed[]} what to send
   */
  advance(commandTick, take) {
    const due = Math.floor(commandTick);
    if (Number.isNaN(due)) return [];
    if (this.#lastTick - due > REWOUND_TICKS) this.#rewind(due);
    const first = Number.isNaN(this.#lastTick) ? due : this.#lastTick + 1;
    /** @type {Timed[]} */
    const sent = [];
    for (let tick = Math.max(first, due - MOST_AT_ONCE + 1); tick <= due; tick += 1) {
      const steer = take();
      this.#commands.set(tick, steer);
      this.#lastTick = tick;
      sent.push({ tick, steer });
    }
    if (sent.length > 0) this.#predict();
    return sent;
  }

  /** The ticks that were predicted for the first time since the last call. @returns {Stepped[]} */
  takeSteps() {
    return this.#fresh.splice(0);
  }

  /**
   * Write where to draw the ship into `out`.
   * @param {number} commandTick  with its fraction
   * @param {Steer} steer  the controls as they are held now
   * @param {number} nowMs
   * @param {Pose} out
   * @returns {ShipState | null} the predicted next state; null if nothing is predicted
   */
  pose(commandTick, steer, nowMs, out) {
    const { state, tick } = this.#predictor;
    const next = this.#predictor.peek({ tick: tick + 1, steer });
    if (state === null || next === null || Number.isNaN(commandTick)) return null;
    const part = clamp(commandTick - tick, 0, 1);
    const off = this.#smoothing.offset(nowMs);
    out.x = (state.x + (next.x - state.x) * part) / UNIT + off.x;
    out.y = (state.y + (next.y - state.y) * part) / UNIT + off.y;
    out.heading = turnBetween(state.heading, next.heading, part) + this.#turning.offset(nowMs).x;
    out.aim = steer.aim;
    return next;
  }

  /** @param {number} tick @param {ShipState} known @param {number} nowMs */
  #reconcile(tick, known, nowMs) {
    const before = this.#predictor.reconcile(tick, known);
    const after = this.#predictor.state;
    if (before === null || after === null) return;
    this.#smoothing.add((before.x - after.x) / UNIT, (before.y - after.y) / UNIT, nowMs);
    this.#turning.add(turnTowards(after.heading, before.heading), 0, nowMs);
  }

  /** Predict all ticks that have a command, as far as possible. */
  #predict() {
    while (this.#predictor.state !== null && this.#predictor.tick < this.#lastTick) {
      const before = this.#predictor.state;
      const tick = this.#predictor.tick + 1;
      const steer = this.#commandOf(tick);
      if (!this.#predictor.apply(tick, { tick, steer })) return;
      if (tick <= this.#newestStep) continue;
      this.#newestStep = tick;
      this.#fresh.push({ tick, steer, before, after: this.#predictor.state });
    }
  }

  /** The controls that the server applies at `tick`, if all commands come in time. @param {number} tick @returns {Steer} */
  #commandOf(tick) {
    for (let ago = 0; ago <= REPEAT_TICKS; ago += 1) {
      const steer = this.#commands.get(tick - ago);
      if (steer !== undefined) return steer;
    }
    return { ...NEUTRAL, aim: this.#predictor.state?.aim ?? 0 };
  }

  /** Start over at `due`, since the client's tick was set back. @param {number} due */
  #rewind(due) {
    for (const tick of this.#commands.keys()) if (tick >= due) this.#commands.delete(tick);
    this.#lastTick = due - 1;
    this.#newestStep = due - 1;
    if (this.#ship !== null) this.#predictor.reset(this.#knownTick, stateOf(this.#ship));
  }
}

/** @param {EntityView} ship @returns {ShipState} */
function stateOf(ship) {
  const { x, y, vx, vy, heading, energy, dash_left, aim, fire_wait, mine_wait } = ship;
  return { x, y, vx, vy, heading, energy, dash_left, aim, fire_wait, mine_wait };
}

/** @param {ShipState} one @param {ShipState} other */
function sameState(one, other) {
  return (
    one.x === other.x &&
    one.y === other.y &&
    one.vx === other.vx &&
    one.vy === other.vy &&
    one.heading === other.heading &&
    one.energy === other.energy &&
    one.dash_left === other.dash_left &&
    one.aim === other.aim &&
    one.fire_wait === other.fire_wait &&
    one.mine_wait === other.mine_wait
  );
}
