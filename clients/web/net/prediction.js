/**
 * Client-side prediction of the player's own entity: predict, reconcile, smooth corrections.
 *
 * Owns the predicted states for commands that the server has not acknowledged.  Pure.  The game
 * defines states and commands, and provides a pure function `step(state, command) → state`, the one
 * that the server runs.  `clients/netcode/prediction.py` is its twin;
 * `tests/vectors/netcode_prediction.json` tests both.
 *
 * Reconciliation is by tick.  The server's state *after* tick T is compared with the prediction for
 * T.  If they are equal (the usual case), later predictions are right too.  If not, the commands
 * for ticks after T are replayed on the server's state.  States must be immutable.
 */

/** The offset of a correction on the screen halves in this time. */
const HALF_LIFE_MS = 80;
/** An offset of less than this share of the snap distance is dropped. */
const NOTHING = 1 / 4096;

/**
 * Counts of reconciliation.  Distances are between the newest state before and after.
 * `corrections` moved the entity.  `adjustments` changed only state that does not move it now, such
 * as the energy from a pickup, which no command explains.  `refused` counts ticks that were not
 * predicted because
 * `maxPending` ticks waited for the server.
 * @typedef {{corrections: number, adjustments: number, distanceSum: number, distanceWorst: number, refused: number}} CorrectionCounts
 */

/**
 * The state of the entity that the player steers, after the newest command.
 * @template State
 * @template Command
 */
export class Predictor {
  /**
   * @param {object} game
   * @param {(state: State, command: Command, tick: number) => State} game.step  the state after `tick`
   * @param {(one: State, other: State) => boolean} game.equal
   * @param {(before: State, after: State) => number} game.distance  how far apart they would be drawn
   * @param {number} game.maxPending  ticks that are predicted beyond the server's word, at most:
   *   the entity stops, instead of moving on by guesses for seconds
   */
  constructor({ step, equal, distance, maxPending }) {
    this.#step = step;
    this.#equal = equal;
    this.#distance = distance;
    this.#maxPending = maxPending;
  }

  /** @type {CorrectionCounts} */
  counts = { corrections: 0, adjustments: 0, distanceSum: 0, distanceWorst: 0, refused: 0 };
  /** The tick after which `state` is predicted. */
  tick = 0;

  #step;
  #equal;
  #distance;
  #maxPending;
  /** @type {State | null} */ #state = null;
  /** The server's newest word: its state after `#knownTick`. @type {State | null} */
  #known = null;
  #knownTick = 0;
  /** For ticks after `#knownTick`, the oldest first. @type {{tick: number, command: Command, state: State}[]} */
  #pending = [];

  /** The predicted state after `tick`; null while there is no entity to steer. */
  get state() {
    return this.#state;
  }

  /** The number of predicted ticks that the server has not confirmed. */
  get pending() {
    return this.#pending.length;
  }

  /**
   * Start over from the server's state after `tick`.  This is for an entity that is new or was
   * away, so it counts no correction.
   * @param {number} tick
   * @param {State | null} state  null: there is nothing to steer
   */
  reset(tick, state) {
    this.#pending = [];
    this.#state = this.#known = state;
    this.tick = this.#knownTick = tick;
  }

  /**
   * Predict `tick`, which must be later than all before.  Skipped ticks are not simulated: the
   * caller applies the commands that the server will apply then.
   * @param {number} tick
   * @param {Command} command
   * @returns {boolean} whether it was predicted
   */
  apply(tick, command) {
    if (this.#state === null || tick <= this.tick) return false;
    if (this.#pending.length >= this.#maxPending) {
      this.counts.refused += 1;
      return false;
    }
    this.#state = this.#step(this.#state, command, tick);
    this.tick = tick;
    this.#pending.push({ tick, command, state: this.#state });
    return true;
  }

  /**
   * The state after the next tick if `command` is given.  Drawing the entity between `state` and
   * this one shows a key press in the next frame, although ticks are further apart.
   * @param {Command} command
   * @returns {State | null}
   */
  peek(command) {
    return this.#state === null ? null : this.#step(this.#state, command, this.tick + 1);
  }

  /**
   * Take in the server's `state` after `tick`.
   * @param {number} tick
   * @param {State} state
   * @returns {State | null} the newest predicted state from before the correction, for `Smoothing`;
   *   null if no correction was needed
   */
  reconcile(tick, state) {
    const before = this.#state;
    let predicted = this.#known;
    if (before === null || tick < this.#knownTick) return null;
    while (this.#pending[0] !== undefined && this.#pending[0].tick <= tick) {
      predicted = /** @type {{state: State}} */ (this.#pending.shift()).state;
    }
    this.#known = state;
    this.#knownTick = tick;
    if (predicted !== null && this.#equal(predicted, state) && tick <= this.tick) return null;
    this.#replay(tick, state);
    return this.#counted(before);
  }

  /** @param {number} tick @param {State} known */
  #replay(tick, known) {
    let state = known;
    for (const each of this.#pending) {
      each.state = state = this.#step(state, each.command, each.tick);
    }
    this.#state = state;
    this.tick = Math.max(this.tick, tick);
  }

  /** @param {State} before @returns {State | null} */
  #counted(before) {
    const after = /** @type {State} */ (this.#state);
    if (this.#equal(before, after)) return null;
    const distance = this.#distance(before, after);
    const { counts } = this;
    if (distance === 0) {
      counts.adjustments += 1;
    } else {
      counts.corrections += 1;
      counts.distanceSum += distance;
      counts.distanceWorst = Math.max(counts.distanceWorst, distance);
    }
    return before;
  }
}

/**
 * Smooths corrections: an offset that is added to the drawn position and halves every
 * `HALF_LIFE_MS`. An offset longer than the snap distance is dropped: the entity was moved, not
 * mispredicted.
 */
export class Smoothing {
  /** @param {number} snapDistance */
  constructor(snapDistance) {
    this.#snapDistance = snapDistance;
  }

  snaps = 0;

  #snapDistance;
  #x = 0;
  #y = 0;
  #atMs = 0;

  /**
   * Take in a correction: the drawn position lies `dx, dy` from the corrected one.
   * @param {number} dx
   * @param {number} dy
   * @param {number} nowMs
   */
  add(dx, dy, nowMs) {
    let { x, y } = this.offset(nowMs);
    x += dx;
    y += dy;
    if (Math.hypot(x, y) > this.#snapDistance) {
      x = y = 0;
      this.snaps += 1;
    }
    this.#x = x;
    this.#y = y;
    this.#atMs = nowMs;
  }

  /** Drop the offset: another entity is drawn now. */
  clear() {
    this.#x = this.#y = 0;
  }

  /** The offset to add to the predicted place at `nowMs`. @param {number} nowMs */
  offset(nowMs) {
    if (this.#x === 0 && this.#y === 0) return { x: 0, y: 0 };
    const left = 0.5 ** ((nowMs - this.#atMs) / HALF_LIFE_MS);
    if (left * Math.hypot(this.#x, this.#y) < this.#snapDistance * NOTHING) {
      this.#x = this.#y = 0;
    }
    return { x: this.#x * left, y: this.#y * left };
  }
}

/**
 * Whether two values are equal: numbers, strings and the like, arrays, and plain objects of these.
 * @param {any} one
 * @param {any} other
 * @returns {boolean}
 */
export function sameValue(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return one !== one && other !== other; // NaN
  }
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  return names.every((name) => Object.hasOwn(other, name) && sameValue(one[name], other[name]));
}
