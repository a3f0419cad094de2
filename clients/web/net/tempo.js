/**
 * The map between ticks and real time, in a room that changes the pace of its game.
 *
 * Owns the map between ticks and *steady ticks*, which are real time counted in ticks of the
 * nominal length.  The map is a line with a bend at each change of pace.  Pure.
 * `gameserver/protocol/tempo.py` is its twin; `tests/vectors/netcode_tempo.json` tests both.
 */

/** How many bends are kept.  The map before the oldest continues at the pace of the oldest. */
const MAX_BENDS = 8;

/**
 * The pace from `tick` on, which is the steady tick `steady`.
 * @typedef {{ tick: number, steady: number, pace: number }} Bend
 */

/** The map of one room.  Initially, ticks and steady ticks are the same. */
export class Tempo {
  /** @type {Bend[]} oldest first, never empty */
  #bends = [{ tick: 0, steady: 0, pace: 1 }];

  /** The newest pace: game time as a share of real time. */
  get pace() {
    return this.#newest.pace;
  }

  /**
   * Run at `pace` from `tick` on.  Replaces every bend at `tick` or later.
   * @param {number} tick
   * @param {number} pace
   * @returns {boolean} whether this changes anything
   */
  bend(tick, pace) {
    if (pace === this.#newest.pace && tick >= this.#newest.tick) return false;
    const steady = this.steadyOf(tick);
    this.#bends = this.#bends.filter((bend) => bend.tick < tick);
    this.#bends.push({ tick, steady, pace });
    this.#bends.splice(0, this.#bends.length - MAX_BENDS);
    return true;
  }

  /** The steady tick at which `tick` is. @param {number} tick @returns {number} */
  steadyOf(tick) {
    const bend = this.#bends.findLast((each) => tick >= each.tick) ?? this.#oldest;
    return bend.steady + (tick - bend.tick) / bend.pace;
  }

  /** The tick, with its fraction, at a steady tick. @param {number} steady @returns {number} */
  tickOf(steady) {
    const bend = this.#bends.findLast((each) => steady >= each.steady) ?? this.#oldest;
    return bend.tick + (steady - bend.steady) * bend.pace;
  }

  /** @returns {Bend} */
  get #newest() {
    return /** @type {Bend} */ (this.#bends.at(-1));
  }

  /** @returns {Bend} */
  get #oldest() {
    return /** @type {Bend} */ (this.#bends[0]);
  }
}
