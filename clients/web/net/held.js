/**
 * The ids of the entities that a client holds, as the byte string in a hello that resumes.
 *
 * Owns that form ("Resuming" in the protocol document): ids in ascending order, each as the
 * difference from the last one, in unsigned LEB128.  `gameserver/protocol/held.py` reads it.
 */

/** A client that holds more than fits gets a full state instead. */
const MAX_HELD_BYTES = 2048;

/**
 * @param {Iterable<number>} ids  distinct, from 1
 * @returns {Uint8Array | null} null if it would be too long
 */
export function encodeHeld(ids) {
  /** @type {number[]} */
  const held = [];
  let before = 0;
  for (const id of [...ids].sort((one, other) => one - other)) {
    let rest = id - before; // may be beyond 32 bits, so no shifts
    before = id;
    while (rest >= 0x80) {
      held.push((rest % 0x80) + 0x80);
      rest = Math.floor(rest / 0x80);
    }
    held.push(rest);
  }
  return held.length <= MAX_HELD_BYTES ? Uint8Array.from(held) : null;
}
