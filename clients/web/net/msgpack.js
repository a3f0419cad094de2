/**
 * A small msgpack codec: the bytes of `gameserver/protocol/README.md`, "Transport".
 *
 * Owns whole values; the single ones are `msgpack_writer.js` and `msgpack_reader.js`, whose classes
 * are exported here too.  The output is canonical, because the checksum is taken over bytes.
 * No extension types, no maps with keys other than str, no NaN or infinities, integers within
 * ±2^52.  Knows nothing about messages.
 */

import { Reader } from "./msgpack_reader.js";
import { Writer } from "./msgpack_writer.js";

export { INT_LIMIT, MAX_NESTING, Reader } from "./msgpack_reader.js";
export { Float32, Float64, isWellFormed, Writer } from "./msgpack_writer.js";

/**
 * The msgpack bytes of one value.
 * @param {unknown} value see `Writer.value`
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encode(value) {
  const writer = new Writer();
  writer.value(value);
  return writer.bytes();
}

/**
 * The one value that `bytes` hold.
 * @param {Uint8Array} bytes
 * @returns {any} see `Reader.value`
 */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value();
  reader.end();
  return value;
}
