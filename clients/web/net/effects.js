/**
 * Effects that are shown at once, before the server has said that they happened.
 *
 * Owns what was shown and is not yet confirmed: the own shot, the pickup that the own ship touches.
 * Pure: time is counted in ticks of the server.  `clients/netcode/effects.py` is the same, held together
 * with this by `tests/vectors/netcode_effects.json`.
 *
 * The server's event for an effect comes in the delta of the tick in which it happened there: the
 * very tick for which it was predicted or, if a command came late, one near it.  Of the effects of
 * its kind and key that lie within `PATIENCE_TICKS` of it, an event confirms the one nearest in time
 * (of two equally near the earlier).  Once the server has told of all ticks up to that long after an
 * effect, it never happened, and is to be undone.
 */

/** A late command is applied a few ticks later; what comes later still is another one's. */
const PATIENCE_TICKS = 8;
/** Effects that wait; overflow policy `drop-oldest`: it is undone, and counted with those. */
const MAX_WAITING = 64;

/**
 * Something shown ahead of the server.  `kind` is what the event that confirms it is called, `key`
 * tells those of a kind apart that may happen in any order (the id of a pickup; null for shots,
 * which happen in theirs), `what` is the caller's own, to undo it by.
 * @template What
 * @typedef {{kind: string, tick: number, key: number | string | null, what: What}} Effect
 */

/**
 * The effects that wait for the server, in the order in which they were shown.
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
   * @returns {Effect<What> | null} the one to undo as there are too many
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
   * @returns {Effect<What> | null} the effect that it confirms; null: it was not foreseen, so it is
   *   to be shown now
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
   * Take in that the server has told of all up to `tick`.  To be called after the events of the
   * delta of `tick` have been given to `confirm`.
   * @param {number} tick
   * @returns {Effect<What>[]} what is to be undone
   */
  expire(tick) {
    const over = this.#waiting.filter((effect) => effect.tick + PATIENCE_TICKS <= tick);
    if (over.length > 0) {
      this.#waiting = this.#waiting.filter((effect) => effect.tick + PATIENCE_TICKS > tick);
      this.undone += over.length;
    }
    return over;
  }

  /** Forget all, as after a new start. @returns {Effect<What>[]} what was waiting, to be undone */
  clear() {
    return this.#waiting.splice(0);
  }
}
