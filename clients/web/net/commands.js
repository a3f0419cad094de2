/**
 * The commands that a room knows, and the limits of their fields.
 *
 * Owns checking the page's commands, with readable errors, before the server would refuse one and
 * close the connection.  Never sends.
 */

/** @typedef {import("./fieldtypes.js").FieldType} FieldType */
/** @typedef {import("./msgpack.js").Writer} Writer */

/** The longest str or byte string, and the longest array, that a server accepts. */
const MAX_TEXT_BYTES = 2048;
const MAX_ITEMS = 64;

const utf8 = new TextEncoder();

/**
 * A field of a command; null where there is no such limit.  `fallback` is a wire value; null with
 * a type that is not optional means that the field must be given.
 * @typedef {object} CommandField
 * @property {string} name
 * @property {FieldType} type
 * @property {any} fallback
 * @property {number | null} low  in the game's units
 * @property {number | null} high
 * @property {number | null} maxLength  of a str in characters, of bytes or a list in elements
 */

/** A command kind: checks the fields that the page gives, before the server would refuse them. */
export class CommandKind {
  /** @param {number} index @param {string} name @param {CommandField[]} fields */
  constructor(index, name, fields) {
    this.index = index;
    this.name = name;
    this.fields = fields;
  }

  /**
   * The wire values for `values`, in field order; fields left out take their default.
   *
   * Throws `TypeError` for a field that is unknown, missing or of the wrong type and `RangeError`
   * for a value outside its limits, with a text such as `Steer.turn: 3 is outside -1 … 1`.
   * A value that rounding (to whole steps, to a float 32) would carry over a limit is rounded the
   * other way instead.
   * @param {Record<string, any>} values
   * @returns {any[]}
   */
  toWire(values) {
    for (const name of Object.keys(values)) {
      if (!this.fields.some((field) => field.name === name)) {
        throw new TypeError(
          `${this.name} has no field ${name}; it has ${this.fields.map((f) => f.name).join(", ")}`,
        );
      }
    }
    return this.fields.map((field) => {
      // A schema may call a field `constructor`: what every object inherits was not given.
      const given = Object.hasOwn(values, field.name) ? values[field.name] : undefined;
      return this.#fieldToWire(field, given);
    });
  }

  /**
   * `values` with the defaults of the fields that are left out, which `toWire` may still refuse.
   * @param {Record<string, any>} values
   * @returns {Record<string, any>}
   */
  complete(values) {
    const whole = { ...values };
    for (const { name, type, fallback } of this.fields) {
      if (!Object.hasOwn(whole, name) || whole[name] === undefined) {
        whole[name] = fallback === null ? null : type.fromWire(fallback);
      }
    }
    return whole;
  }

  /** @param {CommandField} field @param {any} value @returns {any} */
  #fieldToWire(field, value) {
    const where = `${this.name}.${field.name}`;
    if (value === undefined) {
      if (field.fallback === null && field.type.name !== "optional") {
        throw new TypeError(`${where} must be given`);
      }
      return field.fallback;
    }
    try {
      check(field.type, field, value);
      return withinLimits(field.type, field, field.type.toWire(value));
    } catch (error) {
      if (error instanceof TypeError) throw new TypeError(`${where}: ${error.message}`);
      if (error instanceof RangeError) throw new RangeError(`${where}: ${error.message}`);
      throw error;
    }
  }

  /**
   * @param {Writer} writer
   * @param {any[]} wire  as `toWire` returned them
   */
  write(writer, wire) {
    this.fields.forEach((field, index) => field.type.write(writer, wire[index]));
  }
}

/**
 * @typedef {object} Limits
 * @property {number | null} low
 * @property {number | null} high
 * @property {number | null} maxLength
 */

/**
 * Throw `RangeError` if a value, or one within it, is beyond its limits.
 * @param {FieldType} type
 * @param {Limits} limits
 * @param {any} value
 */
function check(type, limits, value) {
  if (value === null || value === undefined) return;
  if (type.name === "optional") {
    check(type.items[0], limits, value);
    return;
  }
  checkLength(limits.maxLength, value);
  if (type.name === "value") {
    for (const field of type.fields) {
      try {
        check(field.type, field, value[field.name]);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new RangeError(`${field.name}: ${error.message}`);
      }
    }
  } else if (Array.isArray(value)) {
    const inner = { ...limits, maxLength: null };
    value.forEach((element, index) => check(elementType(type, index), inner, element));
  } else {
    checkRange(limits, value);
  }
}

/** @param {number | null} maxLength @param {any} value */
function checkLength(maxLength, value) {
  const isText = typeof value === "string";
  const bytes = isText ? utf8.encode(value).length : value instanceof Uint8Array ? value.length : 0;
  if (bytes > MAX_TEXT_BYTES) throw new RangeError(`longer than ${MAX_TEXT_BYTES} bytes`);
  if (Array.isArray(value)) maxLength ??= MAX_ITEMS;
  if (maxLength === null) return;
  // The server counts characters, JavaScript counts UTF-16 units.
  const length = isText ? [...value].length : (value.length ?? 0);
  if (length > maxLength) throw new RangeError(`longer than ${maxLength}`);
}

/** @param {Limits} limits @param {any} value */
function checkRange({ low, high }, value) {
  if (low === null || high === null || typeof value !== "number") return;
  if (value < low || value > high) throw new RangeError(`${value} is outside ${low} … ${high}`);
}

/**
 * `wire`, moved back inside the limits if rounding a value inside them has carried it over.
 * @param {FieldType} type
 * @param {{ low: number | null, high: number | null }} limits
 * @param {any} wire
 * @returns {any}
 */
function withinLimits(type, limits, wire) {
  if (wire === null) return wire;
  if (type.name === "optional") return withinLimits(type.items[0], limits, wire);
  if (type.name === "value") {
    return type.fields.map((field, index) => withinLimits(field.type, field, wire[index]));
  }
  if (Array.isArray(wire)) {
    return wire.map((element, index) => withinLimits(elementType(type, index), limits, element));
  }
  const { low, high } = limits;
  if (low === null || high === null) return wire;
  const value = type.fromWire(wire);
  if (value >= low && value <= high) return wire;
  const inward = value > high ? -1 : 1;
  return type.step === null ? nextFloat32(wire, inward) : wire + inward;
}

/** @param {FieldType} type  of arrays @param {number} index @returns {FieldType} */
function elementType(type, index) {
  return type.items[type.name === "list" ? 0 : index] ?? type;
}

/** The neighbour of a float 32. @param {number} value @param {1 | -1} direction */
function nextFloat32(value, direction) {
  const floats = new Float32Array([value]);
  const bits = new Int32Array(floats.buffer);
  if (value === 0) return direction * 2 ** -149;
  bits[0] = bits[0] + (value > 0 ? direction : -direction);
  return floats[0];
}
