/**
 * The schema of a room: the welcome brings it once, so that fields travel by position later.
 *
 * Owns the tables of entity and event kinds and the entity objects' shape: one prototype per kind,
 * with a getter per field.  Commands and their limits are in `commands.js`.  Never holds live
 * entities, never sends.
 *
 * Entity and event objects have properties of their own beside their fields.  A field whose name
 * is one of them (`RESERVED`) is reached with an underscore behind it: `pickup.kind_` (with two
 * where that is another field's name).
 */

import { CommandKind } from "./commands.js";
import { ProtocolError } from "./errors.js";
import { MAX_FIELDS, readType } from "./fieldtypes.js";

/** @typedef {import("./fieldtypes.js").FieldType} FieldType */
/** @typedef {import("./msgpack.js").Reader} Reader */
/** @typedef {{ readonly name: string, readonly type: FieldType }} Field */

/**
 * An entity that this client sees.  Besides these, every field of its kind is a property with the
 * converted value: `ship.x`, `ship.hull`; owner-only fields are null for other players' entities.
 * @typedef {Entity & Record<string, any>} EntityView
 */

/**
 * An event: `kind` is its name, its fields are properties.
 * @typedef {{ kind: string } & Record<string, any>} GameEvent
 */

/** Kinds of entities, and of commands, and of events. */
const MAX_KINDS = 1024;

/** Names that the clients' entities and events keep for themselves, in either language. */
export const RESERVED = new Set([
  "id",
  "kind",
  "values",
  "owner",
  "ownerMask",
  "owner_mask",
  "enteredAt",
  "changedAt",
  "spec",
  "constructor",
  "__proto__",
  "toJSON",
  "owner_values",
  "changed_tick",
  "crc",
  "owner_crc",
  "layout",
  "checksum",
  "from_wire",
  "to_json",
]);

export class Entity {
  /**
   * @param {EntityKind} spec
   * @param {number} id
   * @param {any[]} values
   * @param {number} tick
   */
  constructor(spec, id, values, tick) {
    /** Its kind's table. */
    this.spec = spec;
    /** Small and reused: only the entity object says whether it is still the same one. */
    this.id = id;
    /** The kind's name, such as `"Ship"`. */
    this.kind = spec.name;
    /** Wire values of the public fields, in the order of `spec.fields`. */
    this.values = values;
    /** @type {any[] | null} wire values of the owner-only fields, null if they are not held */
    this.owner = null;
    /** Which of them are held: a bit for each. */
    this.ownerMask = 0;
    /** The tick of the delta that brought it into view. */
    this.enteredAt = tick;
    /** The tick of the last delta in which any of its fields came. */
    this.changedAt = tick;
  }

  /**
   * A copy of plain values, as `to_json` of the Python client makes it: `id`, `kind`, and every
   * field under its property's name.
   * @returns {Record<string, any>}
   */
  toJSON() {
    /** @type {Record<string, any>} */
    const copy = { id: this.id, kind: this.kind };
    const view = /** @type {EntityView} */ (/** @type {unknown} */ (this));
    for (const name of this.spec.properties) copy[name] = plainValue(view[name]);
    return copy;
  }
}

/**
 * The value of a field as JSON can hold it: byte strings as arrays of numbers, maps as objects.
 * @param {any} value
 * @returns {any}
 */
function plainValue(value) {
  if (typeof value !== "object" || value === null) {
    return typeof value === "number" && !Number.isFinite(value) ? null : value;
  }
  if (value instanceof Uint8Array || Array.isArray(value)) return Array.from(value, plainValue);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(entries.map(([key, each]) => [String(key), plainValue(each)]));
}

/** An entity kind: its fields, and how its entities are made. */
export class EntityKind {
  /**
   * @param {number} index
   * @param {string} name
   * @param {number[]} at  indices of x and y in `fields`, or empty
   * @param {Field[]} fields
   * @param {Field[]} ownerFields
   */
  constructor(index, name, at, fields, ownerFields) {
    this.index = index;
    this.name = name;
    this.at = at;
    this.fields = fields;
    this.ownerFields = ownerFields;
    /** The mask of all owner-only fields. */
    this.fullOwnerMask = 2 ** ownerFields.length - 1;
    this.#View = class extends Entity {};
    /** The properties of entities for their fields, owner-only fields last. */
    this.properties = propertyNames([...fields, ...ownerFields]);
    const { properties } = this;
    fields.forEach(({ type }, at) => {
      /** @this {Entity} */
      const plain = function () {
        return this.values[at];
      };
      /** @this {Entity} */
      const converted = function () {
        return type.fromWire(this.values[at]);
      };
      defineGetter(this.#View.prototype, properties[at], type.plain ? plain : converted);
    });
    ownerFields.forEach(({ type }, at) => {
      /** @this {Entity} */
      const held = function () {
        const value = this.owner?.[at];
        return value === undefined ? null : type.fromWire(value);
      };
      defineGetter(this.#View.prototype, properties[fields.length + at], held);
    });
  }

  /** @type {typeof Entity} */ #View;

  /**
   * @param {number} id
   * @param {any[]} values  wire values of all public fields
   * @param {number} tick
   * @returns {EntityView}
   */
  create(id, values, tick) {
    return /** @type {EntityView} */ (new this.#View(this, id, values, tick));
  }
}

/** A copy of an event: `kind`, and every field, as plain values. @this {GameEvent} */
function eventToJSON() {
  return plainValue({ ...this });
}

/** An event kind. */
export class EventKind {
  /** @param {string} name @param {Field[]} fields */
  constructor(name, fields) {
    this.name = name;
    this.fields = fields;
    this.#names = propertyNames(fields);
  }

  /** @type {string[]} */ #names;

  /**
   * @param {Reader} reader  at the first of its fields
   * @returns {GameEvent}
   */
  read(reader) {
    /** @type {GameEvent} */
    const event = { kind: this.name };
    this.fields.forEach(({ type }, index) => {
      event[this.#names[index]] = type.fromWire(type.read(reader));
    });
    // Not enumerable, so that an event consists of its kind and its fields.
    Object.defineProperty(event, "toJSON", { value: eventToJSON });
    return event;
  }
}

/** The kinds of entities, commands and events of a room. */
export class Schema {
  /**
   * @param {EntityKind[]} entities
   * @param {CommandKind[]} commands
   * @param {EventKind[]} events
   * @param {Uint8Array} [bytes]  its form in a welcome
   */
  constructor(entities, commands, events, bytes = new Uint8Array()) {
    this.entities = entities;
    this.commands = commands;
    this.events = events;
    this.#bytes = bytes;
  }

  #bytes;

  /** Whether another schema is the same, so that what was read by one fits the other. @param {Schema} other */
  equals(other) {
    const [one, two] = [this.#bytes, other.#bytes];
    return one.length === two.length && one.every((byte, index) => byte === two[index]);
  }

  /**
   * The schema that `welcome` carries; `ProtocolError` if it is none.
   * @param {Reader} reader
   * @returns {Schema}
   */
  static read(reader) {
    const start = reader.at;
    exactly(reader, 3, "a schema");
    const entities = kinds(reader, 4, (index) => readEntityKind(reader, index));
    const commands = kinds(reader, 2, (index) => {
      const name = reader.str();
      return new CommandKind(index, name, readCommandFields(reader));
    });
    const events = kinds(reader, 2, () => new EventKind(reader.str(), distinct(readFields(reader))));
    return new Schema(entities, commands, events, reader.since(start));
  }

  /** @param {string} name @returns {CommandKind} `TypeError` if the room has no such command */
  command(name) {
    const found = this.commands.find((command) => command.name === name);
    if (found !== undefined) return found;
    throw new TypeError(
      `the room has no command ${name}; it has ${this.commands.map((c) => c.name).join(", ")}`,
    );
  }
}

/** @param {{ name: string }[]} fields @returns {string[]} what objects call them */
function propertyNames(fields) {
  const taken = new Set(fields.map(({ name }) => name));
  return fields.map(({ name }) => {
    let free = name;
    while (RESERVED.has(free) || (free !== name && taken.has(free))) free += "_";
    taken.add(free);
    return free;
  });
}

/** @param {object} prototype @param {string} name @param {() => any} get */
function defineGetter(prototype, name, get) {
  Object.defineProperty(prototype, name, { get, enumerable: true });
}

// ---------------------------------------------------------------- reading it

/** @param {Reader} reader @param {number} count @param {string} what */
function exactly(reader, count, what) {
  if (reader.array() !== count) throw new ProtocolError(`${what} is not an array of ${count}`);
}

/**
 * @template Row
 * @param {Reader} reader
 * @param {number} count  of the elements of each row
 * @param {(index: number) => Row} read  the elements
 * @returns {Row[]}
 */
function rows(reader, count, read) {
  const all = [];
  for (let left = reader.array(); left > 0; left -= 1) {
    exactly(reader, count, "a row of a schema");
    all.push(read(all.length));
  }
  return all;
}

/**
 * @template {{ name: string }} Kind
 * @param {Reader} reader
 * @param {number} count
 * @param {(index: number) => Kind} read
 * @returns {Kind[]}
 */
function kinds(reader, count, read) {
  const all = rows(reader, count, (index) => {
    if (index === MAX_KINDS) throw new ProtocolError(`more than ${MAX_KINDS} kinds in a schema`);
    return read(index);
  });
  return distinct(all);
}

/**
 * @template {{ name: string }} Named
 * @param {Named[]} all
 * @returns {Named[]}
 */
function distinct(all) {
  if (new Set(all.map(({ name }) => name)).size < all.length) {
    throw new ProtocolError("two of a schema have the same name");
  }
  return all;
}

/** @param {Reader} reader @param {number} index @returns {EntityKind} */
function readEntityKind(reader, index) {
  const name = reader.str();
  const at = [];
  for (let left = reader.array(); left > 0; left -= 1) at.push(reader.int(0, MAX_FIELDS - 1));
  const fields = readFields(reader);
  const owner = readFields(reader);
  if (Math.max(fields.length, owner.length) > MAX_FIELDS) {
    throw new ProtocolError(`an entity of more than ${MAX_FIELDS} fields`);
  }
  if ((at.length !== 0 && at.length !== 2) || at.some((each) => each >= fields.length)) {
    throw new ProtocolError("the position of an entity in a schema names no fields");
  }
  distinct([...fields, ...owner]);
  return new EntityKind(index, name, at, fields, owner);
}

/** @param {Reader} reader @returns {Field[]} */
function readFields(reader) {
  return rows(reader, 2, () => ({ name: reader.str(), type: readType(reader) }));
}

/** The fields of a command, or the options of a room. @param {Reader} reader */
export function readCommandFields(reader) {
  return distinct(rows(reader, 6, () => readCommandField(reader)));
}

/** @param {Reader} reader @returns {import("./commands.js").CommandField} */
function readCommandField(reader) {
  const name = reader.str();
  const type = readType(reader);
  const fallback = reader.takeNil() ? null : type.read(reader);
  const [low, high, maxLength] = [0, 0, 0].map(() => (reader.takeNil() ? null : reader.number()));
  return { name, type, fallback, low, high, maxLength };
}
