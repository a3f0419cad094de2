/**
 * The report of a client whose checksum was wrong: its values of the entities that differ.
 *
 * Owns the comparison with the server's hashes, and the length of the report.
 */

import { encodeDesync } from "./messages.js";
import { Reader } from "./msgpack.js";

/** As the protocol says: most entities of a report, and what a server takes from a client. */
const MOST_ENTITIES = 4;
const MOST_BYTES = 4096;
const MOST_ELEMENTS = 64;
const MOST_TEXT_BYTES = 2048;
const DEEPEST = 8;

const utf8 = new TextEncoder();

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
  /** @type {[number, import("./schema.js").EntityView | undefined][]} */
  const held = [];
  let report = null;
  for (const id of wrong) {
    if (held.length === MOST_ENTITIES) break;
    held.push([id, replica.entities.get(id)]);
    const bytes = encodeDesync(replica.tick, held);
    if (bytes.length <= MOST_BYTES && isTaken(new Reader(bytes).value(), DEEPEST)) report = bytes;
    else held.pop();
  }
  return report;
}

/**
 * Whether a server takes a value from a client; long lists and deep values are beyond its limits.
 * @param {any} value
 * @param {number} levels  of arrays that may still be opened
 * @returns {boolean}
 */
function isTaken(value, levels) {
  if (typeof value === "string") return utf8.encode(value).length <= MOST_TEXT_BYTES;
  if (value instanceof Uint8Array) return value.length <= MOST_TEXT_BYTES;
  if (!Array.isArray(value)) return true;
  if (levels === 0 || value.length > MOST_ELEMENTS) return false;
  return value.every((element) => isTaken(element, levels - 1));
}
