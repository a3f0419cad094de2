/**
 * How much of something happens per second, over the last two seconds.
 *
 * Owns a few slots of counts.  Times are arguments; nothing here reads a clock.
 */

const SLOT_MS = 250;
const SLOTS = 8;

export class Rate {
  /** Everything ever counted. */
  total = 0;

  /** @type {number[]} a ring: the slot of time t is t / SLOT_MS modulo SLOTS */
  #counts = new Array(SLOTS).fill(0);
  #newest = -Infinity;

  /** @param {number} nowMs @param {number} [amount] */
  add(nowMs, amount = 1) {
    this.#advance(nowMs);
    this.total += amount;
    this.#counts[this.#newest % SLOTS] += amount;
  }

  /** @param {number} nowMs @returns {number} */
  perSecond(nowMs) {
    this.#advance(nowMs);
    // Seven whole slots, and the part of the newest one that has passed.
    const spanMs = (SLOTS - 1) * SLOT_MS + (nowMs % SLOT_MS);
    return this.#counts.reduce((sum, count) => sum + count, 0) / (spanMs / 1000);
  }

  /** Empty the slots of the time that has passed. @param {number} nowMs */
  #advance(nowMs) {
    const slot = Math.floor(nowMs / SLOT_MS);
    const first = Math.max(this.#newest + 1, slot - SLOTS + 1);
    for (let passed = first; passed <= slot; passed += 1) this.#counts[passed % SLOTS] = 0;
    this.#newest = Math.max(this.#newest, slot);
  }
}
