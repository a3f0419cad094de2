/**
 * The types that a field may have, and their wire values.
 *
 * Owns the mapping between JavaScript values and wire values (`gameserver/protocol/README.md`,
 * "Schema"): reading and writing wire values, and converting them.  Knows nothing of entities.
 *
 * A *value* is the page's form (`0.5`, `"RED"`); a *wire value* is the form in msgpack (`16`
 * steps, index `0`).  bool → boolean, int, steps and float32 → number, str → string, bytes →
 * Uint8Array, enum → the member's name, tuple and list → array, dict → Map, value → object, optional
 * → null or the value.
 *
 * Wire values never change: a change makes new ones.  So what one of many elements becomes is made
 * once, and the same array, Map or object is read until it changes.
 */

import { editDict, editList, editValue, MAX_ELEMENTS } from "./edits.js";
import { ProtocolError } from "./errors.js";
import { INT_LIMIT, isWellFormed } from "./msgpack.js";

export { INT_LIMIT };

/** Types inside one another. */
const MAX_TYPE_NESTING = 16;
/** Most fields of an entity or value: masks are computed with 32-bit operations. */
export const MAX_FIELDS = 31;

/** @typedef {import("./msgpack.js").Reader} Reader */
/** @typedef {import("./msgpack.js").Writer} Writer */

/**
 * @typedef {object} FieldType
 * @property {string} name  as in the schema: `"int"`, `"steps"` …
 * @property {boolean} additive  whether `adds` carries a difference
 * @property {boolean} changing  whether `adds` and `own` carry a change (`edits.js`)
 * @property {boolean} plain  whether wire value and value are the same
 * @property {(reader: Reader) => any} read  the next wire value, or `ProtocolError`
 * @property {(writer: Writer, wire: any) => void} write  the wire value's canonical bytes
 * @property {(wire: any) => any} fromWire  wire value → value
 * @property {(value: any) => any} toWire  value → wire value; `TypeError` or `RangeError`
 * @property {((reader: Reader, held: any, count: number) => any) | null} edit  the new wire value
 *   that the edits in a change of `count` elements make; null if the type has no parts
 * @property {FieldType[]} items  the types of its elements, if it has some
 * @property {number | null} step  of `steps` only
 * @property {ValueField[]} fields  of a value only
 */

/**
 * A field of a value.  The limits bind commands only; null where there is none.
 * @typedef {object} ValueField
 * @property {string} name
 * @property {FieldType} type
 * @property {number | null} low
 * @property {number | null} high
 * @property {number | null} maxLength
 */

/** @param {any} wire @returns {any} */
const same = (wire) => wire;

/**
 * @param {string} name
 * @param {Pick<FieldType, "read" | "write" | "toWire"> & Partial<FieldType>} parts
 * @returns {FieldType}
 */
function make(name, parts) {
  const plain = parts.fromWire === undefined;
  const changing = (parts.edit ?? null) !== null;
  const none = { edit: null, items: [], fields: [], step: null };
  return { name, additive: false, changing, plain, fromWire: same, ...none, ...parts };
}

/**
 * `convert`, called once for each wire value that is an array.
 * @param {(wire: any[]) => object} convert
 * @returns {(wire: any[]) => any}
 */
function once(convert) {
  /** @type {WeakMap<any[], object>} */
  const made = new WeakMap();
  return (wire) => {
    let value = made.get(wire);
    if (value === undefined) {
      value = convert(wire);
      made.set(wire, value);
    }
    return value;
  };
}

/** The Map that a dict becomes; in JSON an object. @template Key, Item @extends Map<Key, Item> */
class DictView extends Map {
  toJSON() {
    return Object.fromEntries(this);
  }
}

const bool = make("bool", {
  read: (reader) => reader.bool(),
  write: (writer, wire) => writer.bool(wire),
  toWire: (value) => {
    if (typeof value !== "boolean") throw unfit(value, "true or false");
    return value;
  },
});

const int = make("int", {
  additive: true,
  read: (reader) => reader.int(-INT_LIMIT, INT_LIMIT),
  write: (writer, wire) => writer.int(wire),
  toWire: (value) => {
    if (!Number.isInteger(value)) throw unfit(value, "an integer");
    if (Math.abs(value) > INT_LIMIT) throw new RangeError(`${value} is outside ±2^52`);
    return value + 0; // -0 is no integer on the wire
  },
});

const float32 = make("float32", {
  read: (reader) => reader.float32(),
  write: (writer, wire) => writer.float32(wire),
  toWire: (value) => {
    if (!Number.isFinite(value)) throw unfit(value, "a finite number");
    const wire = Math.fround(value);
    if (!Number.isFinite(wire)) throw new RangeError(`${value} is too large for a float 32`);
    return wire;
  },
});

const str = make("str", {
  read: (reader) => reader.str(),
  write: (writer, wire) => writer.str(wire),
  toWire: (value) => {
    if (typeof value !== "string") throw unfit(value, "a string");
    if (!isWellFormed(value)) throw new RangeError("half a character (a lone surrogate)");
    return value;
  },
});

const bytes = make("bytes", {
  read: (reader) => reader.bin(),
  write: (writer, wire) => writer.bin(wire),
  toWire: (value) => {
    if (!(value instanceof Uint8Array)) throw unfit(value, "a Uint8Array");
    return value;
  },
});

/** An entity, by its id. */
const reference = make("entity", {
  read: (reader) => reader.int(1, INT_LIMIT),
  write: int.write,
  toWire: (value) => {
    if (!Number.isInteger(value) || value < 1) throw unfit(value, "an id");
    return value;
  },
});

/** @param {number} step @returns {FieldType} */
function steps(step) {
  return make("steps", {
    additive: true,
    step,
    read: int.read,
    write: int.write,
    fromWire: (wire) => wire * step,
    toWire: (value) => {
      if (!Number.isFinite(value)) throw unfit(value, "a finite number");
      return int.toWire(roundHalfEven(value / step));
    },
  });
}

/** @param {string[]} members @returns {FieldType} */
function enumeration(members) {
  return make("enum", {
    read: (reader) => reader.int(0, members.length - 1),
    write: int.write,
    fromWire: (wire) => members[wire],
    toWire: (value) => {
      const index = members.indexOf(value);
      if (index < 0) throw unfit(value, `one of ${members.join(", ")}`);
      return index;
    },
  });
}

/** @param {FieldType[]} items @returns {FieldType} */
function tuple(items) {
  return make("tuple", {
    items,
    read: (reader) => {
      const count = reader.array();
      if (count !== items.length) {
        throw new ProtocolError(`a tuple of ${items.length} is due, not of ${count}`);
      }
      return items.map((item) => item.read(reader));
    },
    write: (writer, wire) => {
      writer.array(items.length);
      items.forEach((item, index) => item.write(writer, wire[index]));
    },
    fromWire: once((wire) =>
      Object.freeze(items.map((item, index) => item.fromWire(wire[index]))),
    ),
    toWire: (value) => {
      if (!Array.isArray(value) || value.length !== items.length) {
        throw unfit(value, `an array of ${items.length}`);
      }
      return items.map((item, index) => item.toWire(value[index]));
    },
  });
}

/** @param {FieldType} item @returns {FieldType} */
function list(item) {
  return make("list", {
    items: [item],
    read: (reader) => {
      const values = [];
      for (let left = bounded(reader.array(), MAX_ELEMENTS); left > 0; left -= 1) {
        values.push(item.read(reader));
      }
      return values;
    },
    write: (writer, wire) => {
      writer.array(wire.length);
      for (const element of wire) item.write(writer, element);
    },
    edit: (reader, held, count) => editList(reader, item, held, count),
    fromWire: once((wire) => Object.freeze(wire.map(item.fromWire))),
    toWire: (value) => {
      if (!Array.isArray(value)) throw unfit(value, "an array");
      return value.map(item.toWire);
    },
  });
}

/** @param {FieldType} key @param {FieldType} item @returns {FieldType} */
function dict(key, item) {
  return make("dict", {
    items: [key, item],
    read: (reader) => {
      const wire = [];
      const keys = new Set();
      const count = bounded(reader.array(), 2 * MAX_ELEMENTS);
      if (count % 2 !== 0) throw new ProtocolError("a dict ends after a key");
      for (let left = count; left > 0; left -= 2) {
        const name = key.read(reader);
        keys.add(name);
        wire.push(name, item.read(reader));
      }
      if (2 * keys.size < count) throw new ProtocolError("a dict has the same key twice");
      return wire;
    },
    write: (writer, wire) => {
      writer.array(wire.length);
      for (let at = 0; at < wire.length; at += 2) {
        key.write(writer, wire[at]);
        item.write(writer, wire[at + 1]);
      }
    },
    edit: (reader, held, count) => editDict(reader, key, item, held, count),
    fromWire: once((wire) => {
      const view = new DictView();
      for (let at = 0; at < wire.length; at += 2) {
        view.set(key.fromWire(wire[at]), item.fromWire(wire[at + 1]));
      }
      return view;
    }),
    toWire: (value) => {
      if (!(value instanceof Map)) throw unfit(value, "a Map");
      return [...value].flatMap(([name, held]) => [key.toWire(name), item.toWire(held)]);
    },
  });
}

/** @param {string} name  of the class @param {ValueField[]} fields @returns {FieldType} */
function valueOf(name, fields) {
  const types = fields.map(({ type }) => type);
  return make("value", {
    fields,
    read: (reader) => {
      const count = reader.array();
      if (count !== fields.length) {
        throw new ProtocolError(`a value of ${fields.length} fields is due, not of ${count}`);
      }
      return fields.map(({ type }) => type.read(reader));
    },
    write: (writer, wire) => {
      writer.array(fields.length);
      fields.forEach(({ type }, index) => type.write(writer, wire[index]));
    },
    edit: (reader, held, count) => editValue(reader, types, held, count),
    // Object.fromEntries makes own properties, also of a field called `__proto__`.
    fromWire: once((wire) =>
      Object.freeze(
        Object.fromEntries(
          fields.map((field, index) => [field.name, field.type.fromWire(wire[index])]),
        ),
      ),
    ),
    toWire: (value) => {
      if (typeof value !== "object" || value === null) throw unfit(value, `a ${name}`);
      const unknown = Object.keys(value).find((key) => !fields.some((f) => f.name === key));
      if (unknown !== undefined) throw new TypeError(`${name} has no field ${unknown}`);
      return fields.map((field) => {
        if (!Object.hasOwn(value, field.name)) {
          throw new TypeError(`${name}.${field.name} must be given`);
        }
        return field.type.toWire(value[field.name]);
      });
    },
  });
}

/** @param {number} count @param {number} most @returns {number} */
function bounded(count, most) {
  if (count > most) throw new ProtocolError(`more than ${most} elements`);
  return count;
}

/** @param {FieldType} item @returns {FieldType} */
function optional(item) {
  return make("optional", {
    items: [item],
    read: (reader) => (reader.takeNil() ? null : item.read(reader)),
    write: (writer, wire) => (wire === null ? writer.nil() : item.write(writer, wire)),
    edit: item.edit,
    fromWire: (wire) => (wire === null ? null : item.fromWire(wire)),
    toWire: (value) => (value === null ? null : item.toWire(value)),
  });
}

/**
 * The type that a schema describes.
 * @param {Reader} reader  at its description, as `welcome` carries it
 * @param {number} [levels]  of types that may still be opened
 * @returns {FieldType} or `ProtocolError`
 */
export function readType(reader, levels = MAX_TYPE_NESTING) {
  if (levels === 0) throw new ProtocolError("a field type of a schema is nested too deeply");
  const count = reader.array();
  const name = reader.str();
  switch (`${name}/${count}`) {
    case "bool/1":
      return bool;
    case "int/1":
      return int;
    case "float32/1":
      return float32;
    case "str/1":
      return str;
    case "bytes/1":
      return bytes;
    case "steps/2":
      return steps(positive(reader.number()));
    case "enum/3":
      reader.str(); // its own name
      return enumeration(readMembers(reader));
    case "tuple/2":
      return tuple(readTypes(reader, levels - 1));
    case "list/2":
      return list(readType(reader, levels - 1));
    case "entity/2":
      reader.str(); // the name of its class
      return reference;
    case "dict/3":
      return dict(keyType(readType(reader, 1)), readType(reader, levels - 1));
    case "value/3":
      return valueOf(reader.str(), readValueFields(reader, levels - 1));
    case "optional/2":
      return optional(notOptional(readType(reader, levels - 1)));
  }
  throw new ProtocolError(`not a field type: ${name.slice(0, 40)} of ${count}`);
}

/** @param {Reader} reader @param {number} levels @returns {FieldType[]} */
function readTypes(reader, levels) {
  const types = [];
  for (let left = reader.array(); left > 0; left -= 1) types.push(readType(reader, levels));
  return types;
}

/** @param {Reader} reader @returns {string[]} */
function readMembers(reader) {
  const members = [];
  for (let left = reader.array(); left > 0; left -= 1) members.push(reader.str());
  if (members.length === 0) throw new ProtocolError("an enum without members in a schema");
  return members;
}

/** @param {FieldType} type @returns {FieldType} */
function keyType(type) {
  if (["int", "str", "enum"].includes(type.name)) return type;
  throw new ProtocolError(`a dict with keys of type ${type.name} in a schema`);
}

/** @param {Reader} reader @param {number} levels @returns {ValueField[]} */
function readValueFields(reader, levels) {
  /** @type {ValueField[]} */
  const fields = [];
  for (let left = reader.array(); left > 0; left -= 1) {
    if (reader.array() !== 5) throw new ProtocolError("a field of a value has five parts");
    const name = reader.str();
    const type = readType(reader, levels);
    const low = numberOrNull(reader);
    const high = numberOrNull(reader);
    const maxLength = reader.takeNil() ? null : reader.int(-INT_LIMIT, INT_LIMIT);
    fields.push({ name, type, low, high, maxLength });
  }
  const names = new Set(fields.map(({ name }) => name));
  if (fields.length === 0 || fields.length > MAX_FIELDS || names.size < fields.length) {
    throw new ProtocolError("no fields, too many, or two of one name in a value of a schema");
  }
  return fields;
}

/** @param {Reader} reader @returns {number | null} */
function numberOrNull(reader) {
  return reader.takeNil() ? null : reader.number();
}

/** Of an optional optional nil could mean either of two things. @param {FieldType} type */
function notOptional(type) {
  if (type.name === "optional") throw new ProtocolError("an optional optional in a schema");
  return type;
}

/** @param {number} step @returns {number} */
function positive(step) {
  if (step > 0) return step;
  throw new ProtocolError(`steps of ${step} in a schema`);
}

/** @param {any} value @param {string} due @returns {TypeError} */
function unfit(value, due) {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return new TypeError(`${shown.slice(0, 40)} is not ${due}`);
}

/** Rounds as the server does: halves go to the even side. @param {number} value */
export function roundHalfEven(value) {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
