/**
 * A small msgpack codec: the bytes of `gameserver/protocol/README.md`, "Transport".
 *
 * Owns reading and writing single values with strict bounds.  What it writes is canonical:
 * shortest forms, byte for byte what msgpack-python writes, because the checksum is taken over
 * bytes.  No extension types, no maps with keys other than str, no NaN or infinities, integers
 * within ±2^53.  Knows nothing about messages; never raises anything but `ProtocolError` while
 * reading.
 */

import { ProtocolError } from "./errors.js";

const TWO_32 = 2 ** 32;
const MAX_DEPTH = 32;

const utf8Encoder = new TextEncoder();
// Without `ignoreBOM` a leading U+FEFF would be dropped, and the checksum would not agree.
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LONE_SURROGATE = /\p{Surrogate}/u;

/** A number to be written as float 32, whatever its value. */
export class Float32 {
  /** @param {number} value */
  constructor(value) {
    this.value = value;
  }
}

/** A number to be written as float 64, whatever its value. */
export class Float64 {
  /** @param {number} value */
  constructor(value) {
    this.value = value;
  }
}

/** Writes msgpack values one after another into a buffer of its own, which grows. */
export class Writer {
  /** @param {number} [capacityBytes] */
  constructor(capacityBytes = 256) {
    this.#allocate(capacityBytes);
  }

  /** @type {Uint8Array} */ #bytes = new Uint8Array(0);
  /** @type {DataView} */ #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Forget what was written, keep the buffer. */
  clear() {
    this.#length = 0;
  }

  /** A copy of what was written. @returns {Uint8Array<ArrayBuffer>} */
  bytes() {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  /** What was written, without copying: valid until the next write. @returns {Uint8Array} */
  written() {
    return this.#bytes.subarray(0, this.#length);
  }

  nil() {
    this.#byte(0xc0);
  }

  /** @param {boolean} value */
  bool(value) {
    this.#byte(value ? 0xc3 : 0xc2);
  }

  /** @param {number} value an integer within ±2^53 */
  int(value) {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an integer within ±2^53`);
    if (value >= 0) this.#unsigned(value);
    else this.#negative(value);
  }

  /** @param {number} value */
  #unsigned(value) {
    if (value < 0x80) {
      this.#byte(value);
    } else if (value < 0x100) {
      this.#byte(0xcc);
      this.#byte(value);
    } else if (value < 0x10000) {
      this.#byte(0xcd);
      this.#view.setUint16(this.#grow(2), value);
    } else if (value < TWO_32) {
      this.#byte(0xce);
      this.#view.setUint32(this.#grow(4), value);
    } else {
      this.#byte(0xcf);
      this.#wide(value);
    }
  }

  /** @param {number} value */
  #negative(value) {
    if (value >= -0x20) {
      this.#byte(value & 0xff);
    } else if (value >= -0x80) {
      this.#byte(0xd0);
      this.#byte(value & 0xff);
    } else if (value >= -0x8000) {
      this.#byte(0xd1);
      this.#view.setInt16(this.#grow(2), value);
    } else if (value >= -0x80000000) {
      this.#byte(0xd2);
      this.#view.setInt32(this.#grow(4), value);
    } else {
      this.#byte(0xd3);
      this.#wide(value);
    }
  }

  /** Sixty-four bits, two's complement. @param {number} value */
  #wide(value) {
    const high = Math.floor(value / TWO_32);
    const at = this.#grow(8);
    this.#view.setInt32(at, high);
    this.#view.setUint32(at + 4, value - high * TWO_32);
  }

  /** @param {number} value finite; rounded to the nearest float 32 */
  float32(value) {
    const rounded = Math.fround(value);
    if (!Number.isFinite(rounded)) throw new RangeError(`${value} is not a finite float 32`);
    this.#byte(0xca);
    this.#view.setFloat32(this.#grow(4), rounded);
  }

  /** @param {number} value finite */
  float64(value) {
    if (!Number.isFinite(value)) throw new RangeError(`${value} is not finite`);
    this.#byte(0xcb);
    this.#view.setFloat64(this.#grow(8), value);
  }

  /** @param {string} value without lone surrogates, which have no UTF-8 */
  str(value) {
    if (LONE_SURROGATE.test(value)) throw new RangeError("a str with a lone surrogate");
    const utf8 = utf8Encoder.encode(value);
    const size = utf8.length;
    if (size < 0x20) this.#byte(0xa0 | size);
    else this.#sized(size, 0xd9, 0xda, 0xdb);
    this.#raw(utf8);
  }

  /** @param {Uint8Array} value */
  bin(value) {
    this.#sized(value.length, 0xc4, 0xc5, 0xc6);
    this.#raw(value);
  }

  /** The header of an array: its `count` elements must follow. @param {number} count */
  array(count) {
    if (count < 0x10) this.#byte(0x90 | count);
    else this.#sized(count, -1, 0xdc, 0xdd);
  }

  /** The header of a map: `count` keys, each with its value, must follow. @param {number} count */
  map(count) {
    if (count < 0x10) this.#byte(0x80 | count);
    else this.#sized(count, -1, 0xde, 0xdf);
  }

  /**
   * Any value: null, booleans, numbers (integers as integers, others as float 64), `Float32`,
   * `Float64`, strings, `Uint8Array`, arrays and plain objects.
   * @param {unknown} value
   */
  value(value) {
    if (value === null) this.nil();
    else if (typeof value === "boolean") this.bool(value);
    else if (typeof value === "number") {
      if (Number.isInteger(value)) this.int(value);
      else this.float64(value);
    } else if (typeof value === "string") this.str(value);
    else if (value instanceof Float32) this.float32(value.value);
    else if (value instanceof Float64) this.float64(value.value);
    else if (value instanceof Uint8Array) this.bin(value);
    else if (Array.isArray(value)) {
      this.array(value.length);
      for (const element of value) this.value(element);
    } else if (isPlainObject(value)) {
      const entries = Object.entries(value);
      this.map(entries.length);
      for (const [key, element] of entries) {
        this.str(key);
        this.value(element);
      }
    } else throw new TypeError(`msgpack has no form for ${Object.prototype.toString.call(value)}`);
  }

  /**
   * @param {number} size
   * @param {number} code8 the code of the form with one byte of length, or -1 if there is none
   * @param {number} code16
   * @param {number} code32
   */
  #sized(size, code8, code16, code32) {
    if (size < 0x100 && code8 >= 0) {
      this.#byte(code8);
      this.#byte(size);
    } else if (size < 0x10000) {
      this.#byte(code16);
      this.#view.setUint16(this.#grow(2), size);
    } else {
      this.#byte(code32);
      this.#view.setUint32(this.#grow(4), size);
    }
  }

  /** @param {number} value */
  #byte(value) {
    this.#bytes[this.#grow(1)] = value;
  }

  /** @param {Uint8Array} bytes */
  #raw(bytes) {
    this.#bytes.set(bytes, this.#grow(bytes.length));
  }

  /** Make room for `count` bytes and return where they begin. @param {number} count */
  #grow(count) {
    const at = this.#length;
    this.#length = at + count;
    if (this.#length > this.#bytes.length) {
      const old = this.#bytes;
      this.#allocate(Math.max(this.#length, 2 * old.length));
      this.#bytes.set(old);
    }
    return at;
  }

  /** @param {number} capacityBytes */
  #allocate(capacityBytes) {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }
}

/** Reads msgpack values one after another; whatever is not there or not so is a `ProtocolError`. */
export class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @type {Uint8Array} */ #bytes;
  /** @type {DataView} */ #view;
  #at = 0;

  /** Must be called after the last value: bytes that follow it are an error. */
  end() {
    if (this.#at !== this.#bytes.length) {
      throw new ProtocolError(`${this.#bytes.length - this.#at} bytes after the message`);
    }
  }

  /** Take a nil if one is next. @returns {boolean} whether it was */
  takeNil() {
    if (this.#bytes[this.#at] !== 0xc0) return false;
    this.#at += 1;
    return true;
  }

  /** Take the integer 0 if it is next. @returns {boolean} whether it was */
  takeZero() {
    if (this.#bytes[this.#at] !== 0) return false;
    this.#at += 1;
    return true;
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

  /** The low half of a 64-bit integer. @param {number} high @returns {number} */
  #wide(high) {
    const value = high * TWO_32 + this.#view.getUint32(this.#take(4));
    if (!(value >= -(2 ** 53) && value <= 2 ** 53)) {
      throw new ProtocolError("an integer outside ±2^53");
    }
    return value;
  }

  /** @returns {number} a finite float 32 */
  float32() {
    const code = this.#byte();
    if (code !== 0xca) throw wrong("a float 32", code);
    return finite(this.#view.getFloat32(this.#take(4)));
  }

  /** @returns {number} a finite float, or an integer within ±2^53 */
  number() {
    const code = this.#byte();
    if (code === 0xcb) return finite(this.#view.getFloat64(this.#take(8)));
    if (code === 0xca) return finite(this.#view.getFloat32(this.#take(4)));
    return code < 0x80 ? code : code >= 0xe0 ? code - 0x100 : this.#int(code);
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
    // Every element has at least one byte: a count beyond that is a lie, and must not allocate.
    if (count > this.#bytes.length - this.#at) throw new ProtocolError("an array is cut short");
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
    return count;
  }

  /**
   * Any value.  Integers and floats both become numbers; a map becomes an object without
   * prototype, so that no key can reach one.
   * @param {number} [depth] how many arrays and maps may still be opened
   * @returns {any}
   */
  value(depth = MAX_DEPTH) {
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

/** @param {number} value @returns {number} */
function finite(value) {
  if (!Number.isFinite(value)) throw new ProtocolError("a float that is not finite");
  return value;
}

/** @param {string} due @param {number} code @returns {ProtocolError} */
function wrong(due, code) {
  return new ProtocolError(`${due} is due, not the msgpack code 0x${code.toString(16)}`);
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isPlainObject(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
