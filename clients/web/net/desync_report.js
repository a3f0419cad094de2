/**
 * The report of a client whose checksum was wrong: what it holds of the entities that differ.
 *
 * Owns the comparison with the server's hashes, and the length of the report.
 */

import { encodeDesync } from "./messages.js";

/** As the protocol says: most entities of a report, and most bytes of a message. */
const MOST_ENTITIES = 4;
const MOST_BYTES = 4096;

/**
 * @param {import("./replica.js").Replica} replica
 * @param {Map<number, number>} hashes  of the server: id → share of the checksum
 * @returns {Uint8Array<ArrayBuffer> | null} a desync, or null if nothing differs, or nothing fits
 */
export function desyncReport(replica, hashes) {
  const ids = new Set([...hashes.keys(), ...replica.entities.keys()]);
  const wrong = [...ids]
    .sort((a, b) => a - b)
    .filter((id) => {
      const entity = replica.entities.get(id);
      return (entity && replica.hashOf(entity)) !== hashes.get(id);
    });
  for (let count = Math.min(wrong.length, MOST_ENTITIES); count > 0; count -= 1) {
    /** @type {[number, import("./schema.js").EntityView | undefined][]} */
    const held = wrong.slice(0, count).map((id) => [id, replica.entities.get(id)]);
    const report = encodeDesync(replica.tick, held);
    if (report.length <= MOST_BYTES) return report;
  }
  return null;
}
