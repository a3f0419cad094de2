/**
 * How ticks lie in real time while a room slows its game down: `pace` messages, as a map.
 *
 * Owns the map between ticks and *steady ticks*: real time, counted in ticks of the nominal length.
 * It is a line with a bend wherever the pace changes.  Pure.  `gameserver/protocol/tempo.py` is the
 * same; `tests/vectors/netcode_tempo.json` holds the two together.
 */

/** Bends that are remembered; what lies before the oldest is taken to run on as it. */
const MAX_BENDS = 8;

/**
 * At `tick`, which is `steady` steady ticks, begins this pace.
 * @typedef {{ tick: number, steady: number, pace: number }} Bend
 */

/** The map of one room; at first ticks and steady ticks are the same. */
export class Tempo {
  /** @type {Bend[]} oldest first, never empty */
  #bends = [{ tick: 0, steady: 0, pace: 1 }];

  /** The newest pace: game time as a share of real time. */
  get pace() {
    return this.#newest.pace;
  }

  /**
   * Run at `pace` from `tick` on; what was to change at `tick` or later does not.
   * @param {number} tick
   * @param {number} pace
   * @returns {boolean} whether that was news
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
