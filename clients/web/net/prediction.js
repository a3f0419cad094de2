/**
 * The own ship, ahead of the server: predict, reconcile, and smooth what had to be corrected.
 *
 * Owns the states that commands not yet acknowledged lead to.  Pure: what a state and a command are
 * is the game's, which gives one pure `step(state, command) → state`, the very one that the server
 * runs.  `clients/netcode/prediction.py` is the same, held together with this by
 * `tests/vectors/netcode_prediction.json`.
 *
 * Reconciliation is by tick.  The server's state *after* tick T is compared with what was predicted
 * for T.  If they are equal (the usual case: one comparison), so is all that follows.  If not, the
 * commands for ticks after T are replayed on the server's state.  States are never changed.
 */

/** What was corrected fades on the screen by half in this time. */
const HALF_LIFE_MS = 80;
/** Less than this part of the snap distance is not worth drawing. */
const NOTHING = 1 / 4096;

/**
 * What reconciling had to mend.  Distances are of the newest predicted state, before and after.
 * `corrections` moved the ship; `adjustments` changed only what does not move it now (a pickup's
 * energy: the world's doing, which no command explains).  `refused`: ticks that were not predicted
 * because `maxPending` waited for the server already.
 * @typedef {{corrections: number, adjustments: number, distanceSum: number, distanceWorst: number, refused: number}} CorrectionCounts
 */

/**
 * The state of what the player steers, after the newest command.
 * @template State
 * @template Command
 */
export class Predictor {
  /**
   * @param {object} game
   * @param {(state: State, command: Command) => State} game.step
   * @param {(one: State, other: State) => boolean} game.equal
   * @param {(before: State, after: State) => number} game.distance  how far apart they would be drawn
   * @param {number} game.maxPending  ticks that are predicted beyond the server's word, at most:
   *   it is better to stop than to fly on for seconds by guess
   */
  constructor({ step, equal, distance, maxPending }) {
    this.#step = step;
    this.#equal = equal;
    this.#distance = distance;
    this.#maxPending = maxPending;
  }

  /** @type {CorrectionCounts} */
  counts = { corrections: 0, adjustments: 0, distanceSum: 0, distanceWorst: 0, refused: 0 };
  /** The tick after which `state` is what is predicted. */
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

  /** The predicted state after `tick`; null while there is nothing to steer. */
  get state() {
    return this.#state;
  }

  /** How many predicted ticks the server has not confirmed. */
  get pending() {
    return this.#pending.length;
  }

  /**
   * Begin anew from the server's state after `tick`.  No correction: this is for what came into
   * being, or was away.
   * @param {number} tick
   * @param {State | null} state  null: there is nothing to steer
   */
  reset(tick, state) {
    this.#pending = [];
    this.#state = this.#known = state;
    this.tick = this.#knownTick = tick;
  }

  /**
   * Predict `tick`, which must be later than all before.  Ticks left out are not simulated; who
   * skips some applies what the server will do then.
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
    this.#state = this.#step(this.#state, command);
    this.tick = tick;
    this.#pending.push({ tick, command, state: this.#state });
    return true;
  }

  /**
   * What `command` would lead to in the next tick, to draw a part of the way there: this is how a
   * key shows within a frame although ticks are further apart.
   * @param {Command} command
   * @returns {State | null}
   */
  peek(command) {
    return this.#state === null ? null : this.#step(this.#state, command);
  }

  /**
   * Take in the server's `state` after `tick`.
   * @param {number} tick
   * @param {State} state
   * @returns {State | null} the newest predicted state as it was before, if that had to be
   *   corrected, for `Smoothing`; null if there was nothing to mend
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
    for (const each of this.#pending) each.state = state = this.#step(state, each.command);
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
 * Lets what was corrected fade on the screen: an offset to add where the ship is drawn.  It halves
 * every `HALF_LIFE_MS`.  One that is longer than the snap distance is dropped: it was no error but
 * another place.
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
   * Take in that what was drawn lies `dx, dy` from where it will be drawn now.
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

  /** Forget what was corrected: what is drawn now is another thing. */
  clear() {
    this.#x = this.#y = 0;
  }

  /** What to add to the predicted place at `nowMs`. @param {number} nowMs */
  offset(nowMs) {
    if (this.#x === 0 && this.#y === 0) return { x: 0, y: 0 };
    const left = 0.5 ** ((nowMs - this.#atMs) / HALF_LIFE_MS);
    if (left * Math.hypot(this.#x, this.#y) < this.#snapDistance * NOTHING) {
      this.#x = this.#y = 0;
    }
    return { x: this.#x * left, y: this.#y * left };
  }
}
