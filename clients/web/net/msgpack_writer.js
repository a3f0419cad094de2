/**
 * Writing msgpack values, one after another.
 *
 * Owns the canonical bytes: shortest forms, the same bytes as msgpack-python writes.  A value
 * without a form in the protocol is a `RangeError` or a `TypeError`.
 */

const TWO_32 = 2 ** 32;
const LONE_SURROGATE = /\p{Surrogate}/u;

const utf8Encoder = new TextEncoder();

/** Whether `value` has a form in UTF-8. @param {string} value @returns {boolean} */
export function isWellFormed(value) {
  return !LONE_SURROGATE.test(value);
}

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

  /** Drop the written bytes, keep the buffer. */
  clear() {
    this.#length = 0;
  }

  /** A copy of the written bytes. @returns {Uint8Array<ArrayBuffer>} */
  bytes() {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  /** The written bytes, without copying: valid until the next write. @returns {Uint8Array} */
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
    if (!Number.isSafeInteger(value)) {
      throw new RangeError(`${value} is not an integer within ±2^53`);
    }
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
      const at = this.#grow(2);
      this.#view.setUint16(at, value);
    } else if (value < TWO_32) {
      this.#byte(0xce);
      const at = this.#grow(4);
      this.#view.setUint32(at, value);
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
      const at = this.#grow(2);
      this.#view.setInt16(at, value);
    } else if (value >= -0x80000000) {
      this.#byte(0xd2);
      const at = this.#grow(4);
      this.#view.setInt32(at, value);
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
    const at = this.#grow(4);
    this.#view.setFloat32(at, rounded);
  }

  /** @param {number} value finite */
  float64(value) {
    if (!Number.isFinite(value)) throw new RangeError(`${value} is not finite`);
    this.#byte(0xcb);
    const at = this.#grow(8);
    this.#view.setFloat64(at, value);
  }

  /** @param {string} value without lone surrogates, which have no UTF-8 */
  str(value) {
    if (!isWellFormed(value)) throw new RangeError("a str with a lone surrogate");
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
      const at = this.#grow(2);
      this.#view.setUint16(at, size);
    } else {
      this.#byte(code32);
      const at = this.#grow(4);
      this.#view.setUint32(at, size);
    }
  }

  /** @param {number} value */
  #byte(value) {
    const at = this.#grow(1);
    this.#bytes[at] = value;
  }

  /** @param {Uint8Array} bytes */
  #raw(bytes) {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /**
   * Make room for `count` bytes and return where they begin.
   *
   * May replace the buffer, so it must be called before `#bytes` or `#view` is looked at.
   * @param {number} count
   */
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

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isPlainObject(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
