/**
 * How often the player's own pulses hit.
 *
 * Owns the last few shots.  The event of a hit comes with that of its shot, at the end of its line.
 */

/** @typedef {import("../net/schema.js").GameEvent} GameEvent */

const SHOTS = 50;

export class Marksmanship {
  /** Whether each hit, the oldest first. @type {boolean[]} */
  #shots = [];

  /** Take in the events of one delta. @param {GameEvent[]} events @param {number} seat  the own one */
  take(events, seat) {
    for (const shot of events) {
      if (shot.kind !== "Shot" || shot.seat !== seat) continue;
      const hit = events.some(
        (event) =>
          event.kind === "Hit" &&
          event.by === seat &&
          event.x === shot.to_x &&
          event.y === shot.to_y,
      );
      this.#shots.push(hit);
      if (this.#shots.length > SHOTS) this.#shots.shift();
    }
  }

  /** Start over: a switch of the netcode has changed. */
  forget() {
    this.#shots = [];
  }

  /** In words. */
  get words() {
    const shots = this.#shots.length;
    if (shots === 0) return "no shots yet";
    const hits = this.#shots.filter(Boolean).length;
    return `${hits} of ${shots} hit (${Math.round((100 * hits) / shots)} %)`;
  }
}
