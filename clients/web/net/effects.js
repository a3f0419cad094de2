/**
 * Predicted effects: a client shows them before the server has confirmed them.
 *
 * Owns the effects that were shown and are not yet confirmed, such as the player's own shot.  Pure:
 * time is counted in ticks of the server.  `clients/netcode/effects.py` is its twin;
 * `tests/vectors/netcode_effects.json` tests both.
 *
 * The server's event for an effect comes with the delta of the tick in which it happened.  That is
 * the predicted tick or, if a command came late, a tick near it.  An event confirms an effect of
 * its kind and key within `PATIENCE_TICKS` of its own tick: the nearest one in time, and of two
 * equally near ones the earlier.  An effect that no event has confirmed `PATIENCE_TICKS` after its
 * tick did not happen at the server, and is to be undone.
 */

/** A late command is applied a few ticks later; an event later than this is another command's. */
const PATIENCE_TICKS = 8;
/** How many effects may wait; overflow policy `drop-oldest`: the oldest is undone and counted so. */
const MAX_WAITING = 64;

/**
 * An effect that is shown before the server has confirmed it.  `kind` is the name of the event that
 * confirms it.  `key` distinguishes effects of one kind whose order may change (the id of a pickup;
 * null for shots, whose order is fixed).  `what` belongs to the caller, who undoes the effect with
 * it.
 * @template What
 * @typedef {{kind: string, tick: number, key: number | string | null, what: What}} Effect
 */

/**
 * The effects that wait for confirmation, in the order in which they were shown.
 * @template What
 */
export class PendingEffects {
  confirmed = 0;
  undone = 0;

  /** @type {Effect<What>[]} */ #waiting = [];

  get length() {
    return this.#waiting.length;
  }

  /**
   * Note that `effect` is shown.
   * @param {Effect<What>} effect
   * @returns {Effect<What> | null} an effect to undo if too many wait
   */
  show(effect) {
    this.#waiting.push(effect);
    if (this.#waiting.length <= MAX_WAITING) return null;
    this.undone += 1;
    return this.#waiting.shift() ?? null;
  }

  /** Whether an effect with this kind and key waits already. @param {string} kind @param {number | string | null} key */
  isShown(kind, key) {
    return this.#waiting.some((effect) => effect.kind === kind && effect.key === key);
  }

  /**
   * Take in the server's event of `tick`.
   * @param {string} kind
   * @param {number} tick
   * @param {number | string | null} [key]
   * @returns {Effect<What> | null} the effect that it confirms; null if no effect predicted this
   *   event, so it is to be shown now
   */
  confirm(kind, tick, key = null) {
    /** @type {Effect<What> | null} */
    let nearest = null;
    for (const effect of this.#waiting) {
      if (effect.kind !== kind || effect.key !== key) continue;
      const off = Math.abs(effect.tick - tick);
      if (off > PATIENCE_TICKS) continue;
      if (nearest === null || off < Math.abs(nearest.tick - tick)) nearest = effect;
    }
    if (nearest === null) return null;
    this.#waiting.splice(this.#waiting.indexOf(nearest), 1);
    this.confirmed += 1;
    return nearest;
  }

  /**
   * Take in that all events up to `tick` have come.  Call it after `confirm` has had the events of
   * the delta of `tick`.
   * @param {number} tick
   * @returns {Effect<What>[]} the effects to undo
   */
  expire(tick) {
    const over = this.#waiting.filter((effect) => effect.tick + PATIENCE_TICKS <= tick);
    if (over.length > 0) {
      this.#waiting = this.#waiting.filter((effect) => effect.tick + PATIENCE_TICKS > tick);
      this.undone += over.length;
    }
    return over;
  }

  /** Forget all effects. @returns {Effect<What>[]} those that were waiting, to be undone */
  clear() {
    return this.#waiting.splice(0);
  }
}
