/**
 * CRC-32 as in zlib (IEEE 802.3; the polynomial 0x04C11DB7, reflected).
 *
 * Owns the table.  `replica.js` chooses the hashed bytes and sums the hashes.
 */

const TABLE = new Uint32Array(256);
for (let index = 0; index < 256; index += 1) {
  let rest = index;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  TABLE[index] = rest;
}

/**
 * @param {Uint8Array} bytes
 * @returns {number} an unsigned 32-bit integer
 */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at += 1) {
    crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]) & 0xff];
  }
  return (crc ^ 0xffffffff) >>> 0;
}
