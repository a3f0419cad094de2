/**
 * The tracks of other entities: one for each located entity of some kinds, fed by deltas.
 *
 * Owns the set of tracks.  Pure.  A full state, in which all entities enter again under their ids,
 * continues the existing tracks; an entity that left the view loses its track.
 * `clients/netcode/tracks.py` is its twin; `tests/vectors/netcode_steering.json` tests both.
 */

import { newPose, Track } from "./interpolation.js";

/** @typedef {import("./schema.js").Entity} Entity */
/** @typedef {{ x: number, y: number }} Place */

/** The tracks of the entities of the classes named `kinds`, by id. */
export class Others {
  /**
   * @param {{ readonly entities: ReadonlyMap<number, Entity> }} replica
   * @param {readonly string[]} kinds  all have a position
   * @param {number} jumpDistance  the farthest that one can move in one tick
   * @param {number} tickMs
   */
  constructor(replica, kinds, jumpDistance, tickMs) {
    this.#replica = replica;
    this.#kinds = new Set(kinds);
    this.#jumpDistance = jumpDistance;
    this.#tickMs = tickMs;
  }

  #replica;
  #kinds;
  #jumpDistance;
  #tickMs;
  /** @type {Map<number, Track>} */ #tracks = new Map();
  /** Written anew for each entity; a track copies it. */
  #pose = newPose();

  /** Note the positions of all these entities after the delta of `tick`. @param {number} tick */
  follow(tick) {
    let count = 0;
    for (const entity of this.#replica.entities.values()) {
      if (!this.#kinds.has(entity.kind)) continue;
      count += 1;
      let track = this.#tracks.get(entity.id);
      if (track === undefined) {
        track = new Track(this.#jumpDistance, this.#tickMs);
        this.#tracks.set(entity.id, track);
      }
      placeOf(entity, this.#pose);
      track.push(tick, this.#pose);
    }
    if (count === this.#tracks.size) return;
    for (const [id, track] of this.#tracks) if (track.lastTick !== tick) this.#tracks.delete(id);
  }

  /**
   * Where the entity is drawn when the screen shows `tick`; null if not yet.
   * @param {number} id
   * @param {number} tick
   * @returns {Place | null}
   */
  place(id, tick) {
    const track = this.#tracks.get(id);
    if (track === undefined || !(tick >= track.firstTick)) return null;
    const { x, y } = track.sample(tick, newPose());
    return { x, y };
  }
}

/** Write the position of `entity`, in the units of the game, into `out`. @param {Entity} entity @param {Place} out */
function placeOf({ spec, values, kind }, out) {
  const [atX, atY] = spec.at;
  if (atX === undefined || atY === undefined) throw new TypeError(`${kind} has no position`);
  out.x = spec.fields[atX].type.fromWire(values[atX]);
  out.y = spec.fields[atY].type.fromWire(values[atY]);
}
