/**
 * Reading msgpack values, one after another.
 *
 * Owns the bounds: for any bytes, a value is returned or `ProtocolError` is thrown.  A header alone
 * never causes an allocation.
 */

import { ProtocolError } from "./errors.js";

/** Wire integers lie within ±2^52, so that the difference of two is exact in a double. */
export const INT_LIMIT = 2 ** 52;
/** Arrays and maps inside one another, the message included. */
export const MAX_NESTING = 64;

/** Longer arrays and maps are refused. */
const MAX_ELEMENTS = 2 ** 18;
const FLOAT32_MAX = 2 ** 128 - 2 ** 104;
const TWO_32 = 2 ** 32;
/** The high half of 2^53. */
const HIGH_53 = 2 ** 21;

// Without `ignoreBOM` a leading U+FEFF would be dropped, and the checksum would not agree.
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads msgpack values one after another; a missing or unexpected one is a `ProtocolError`. */
export class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @type {Uint8Array} */ #bytes;
  /** @type {DataView} */ #view;
  #at = 0;

  /** Call this after the last value: further bytes are an error. */
  end() {
    if (this.#at !== this.#bytes.length) {
      throw new ProtocolError(`${this.#bytes.length - this.#at} bytes after the message`);
    }
  }

  /** How many bytes were read. @returns {number} */
  get at() {
    return this.#at;
  }

  /** A copy of what was read since a moment when `at` was this. @param {number} start */
  since(start) {
    return this.#bytes.slice(start, this.#at);
  }

  /** Take a nil if one is next. @returns {boolean} whether it was */
  takeNil() {
    if (this.#bytes[this.#at] !== 0xc0) return false;
    this.#at += 1;
    return true;
  }

  /** Whether a nil or an array is next. @returns {boolean} */
  isNilOrArray() {
    const code = this.#bytes[this.#at];
    return code === 0xc0 || (code & 0xf0) === 0x90 || code === 0xdc || code === 0xdd;
  }

  /** @returns {boolean} */
  bool() {
    const code = this.#byte();
    if (code === 0xc3) return true;
    if (code === 0xc2) return false;
    throw wrong("a bool", code);
  }

  /**
   * An integer, in any of its forms.
   * @param {number} low
   * @param {number} high
   * @returns {number} within low … high, which lie within ±2^53
   */
  int(low, high) {
    const code = this.#byte();
    const value = code < 0x80 ? code : code >= 0xe0 ? code - 0x100 : this.#int(code);
    if (value < low || value > high) {
      throw new ProtocolError(`${value} is outside ${low} … ${high}`);
    }
    return value;
  }

  /** @param {number} code @returns {number} */
  #int(code) {
    switch (code) {
      case 0xcc:
        return this.#byte();
      case 0xcd:
        return this.#view.getUint16(this.#take(2));
      case 0xce:
        return this.#view.getUint32(this.#take(4));
      case 0xcf:
        return this.#wide(this.#view.getUint32(this.#take(4)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return this.#wide(this.#view.getInt32(this.#take(4)));
      default:
        throw wrong("an integer", code);
    }
  }

  /** Read the low half of a 64-bit integer, after its high half. @param {number} high */
  #wide(high) {
    const low = this.#view.getUint32(this.#take(4));
    // Compared by halves: above 2^53 the sum would already be rounded.
    const inside = high >= -HIGH_53 && (high < HIGH_53 || (high === HIGH_53 && low === 0));
    if (!inside) throw new ProtocolError("an integer outside ±2^53");
    return high * TWO_32 + low;
  }

  /** @returns {number} a float of either width that a float 32 can hold, but for its rounding */
  float32() {
    const value = this.float();
    if (Math.abs(value) > FLOAT32_MAX) throw new ProtocolError(`${value} is no float 32`);
    return value;
  }

  /** @returns {number} a finite float of either width */
  float() {
    const code = this.#byte();
    if (code === 0xca) return finite(this.#view.getFloat32(this.#take(4)));
    if (code === 0xcb) return finite(this.#view.getFloat64(this.#take(8)));
    throw wrong("a float", code);
  }

  /** @returns {number} a finite float, or an integer within ±2^52 */
  number() {
    const code = this.#bytes[this.#at];
    return code === 0xca || code === 0xcb ? this.float() : this.int(-INT_LIMIT, INT_LIMIT);
  }

  /** @returns {string} */
  str() {
    const code = this.#byte();
    let size;
    if ((code & 0xe0) === 0xa0) size = code & 0x1f;
    else if (code === 0xd9) size = this.#byte();
    else if (code === 0xda) size = this.#view.getUint16(this.#take(2));
    else if (code === 0xdb) size = this.#view.getUint32(this.#take(4));
    else throw wrong("a str", code);
    const at = this.#take(size);
    try {
      return utf8Decoder.decode(this.#bytes.subarray(at, at + size));
    } catch (error) {
      if (error instanceof TypeError) throw new ProtocolError("a str that is not UTF-8");
      throw error;
    }
  }

  /** @returns {Uint8Array<ArrayBuffer>} a copy: it does not keep the message alive */
  bin() {
    const code = this.#byte();
    let size;
    if (code === 0xc4) size = this.#byte();
    else if (code === 0xc5) size = this.#view.getUint16(this.#take(2));
    else if (code === 0xc6) size = this.#view.getUint32(this.#take(4));
    else throw wrong("a byte string", code);
    const at = this.#take(size);
    return new Uint8Array(this.#bytes.subarray(at, at + size));
  }

  /**
   * The header of an array.
   * @returns {number} its count, never more than there are bytes left
   */
  array() {
    const code = this.#byte();
    let count;
    if ((code & 0xf0) === 0x90) count = code & 0x0f;
    else if (code === 0xdc) count = this.#view.getUint16(this.#take(2));
    else if (code === 0xdd) count = this.#view.getUint32(this.#take(4));
    else throw wrong("an array", code);
    // Every element has at least one byte, so a greater count is wrong and must not allocate.
    if (count > this.#bytes.length - this.#at) throw new ProtocolError("an array is cut short");
    if (count > MAX_ELEMENTS) throw new ProtocolError(`an array of ${count} elements`);
    return count;
  }

  /** The header of a map. @returns {number} its count, never more than half the bytes left */
  map() {
    const code = this.#byte();
    let count;
    if ((code & 0xf0) === 0x80) count = code & 0x0f;
    else if (code === 0xde) count = this.#view.getUint16(this.#take(2));
    else if (code === 0xdf) count = this.#view.getUint32(this.#take(4));
    else throw wrong("a map", code);
    if (2 * count > this.#bytes.length - this.#at) throw new ProtocolError("a map is cut short");
    if (count > MAX_ELEMENTS) throw new ProtocolError(`a map of ${count} keys`);
    return count;
  }

  /**
   * Any value.  Integers and floats both become numbers; a map becomes an object without
   * prototype, so that no key can reach one.
   * @param {number} [depth] how many arrays and maps may still be opened
   * @returns {any}
   */
  value(depth = MAX_NESTING) {
    const code = this.#bytes[this.#at];
    if (code === undefined) throw new ProtocolError("the message is cut short");
    if (this.takeNil()) return null;
    if (code === 0xc2 || code === 0xc3) return this.bool();
    if ((code & 0xe0) === 0xa0 || (code >= 0xd9 && code <= 0xdb)) return this.str();
    if (code >= 0xc4 && code <= 0xc6) return this.bin();
    if ((code & 0xf0) === 0x90 || code === 0xdc || code === 0xdd) return this.#values(depth);
    if ((code & 0xf0) === 0x80 || code === 0xde || code === 0xdf) return this.#object(depth);
    return this.number();
  }

  /** @param {number} depth @returns {any[]} */
  #values(depth) {
    if (depth === 0) throw new ProtocolError("arrays and maps are nested too deeply");
    const values = [];
    for (let left = this.array(); left > 0; left -= 1) values.push(this.value(depth - 1));
    return values;
  }

  /** @param {number} depth @returns {Record<string, any>} */
  #object(depth) {
    if (depth === 0) throw new ProtocolError("arrays and maps are nested too deeply");
    const object = Object.create(null);
    for (let left = this.map(); left > 0; left -= 1) {
      const key = this.str();
      if (key in object) throw new ProtocolError("a map has the same key twice");
      object[key] = this.value(depth - 1);
    }
    return object;
  }

  #byte() {
    const code = this.#bytes[this.#at];
    if (code === undefined) throw new ProtocolError("the message is cut short");
    this.#at += 1;
    return code;
  }

  /** Step over `count` bytes and return where they begin. @param {number} count */
  #take(count) {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw new ProtocolError("the message is cut short");
    this.#at = at + count;
    return at;
  }
}

/** @param {number} value @returns {number} */
function finite(value) {
  if (!Number.isFinite(value)) throw new ProtocolError("a float that is not finite");
  return value;
}

/** @param {string} due @param {number} code @returns {ProtocolError} */
function wrong(due, code) {
  return new ProtocolError(`${due} is due, not the msgpack code 0x${code.toString(16)}`);
}
