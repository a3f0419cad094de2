/**
 * The schema of a room: what `welcome` says once, so that all else travels by position.
 *
 * Owns the tables of entity and event kinds and the entity objects' shape: one prototype per kind,
 * with a getter per field.  Commands and their limits are in `commands.js`.  Never holds live
 * entities, never sends.
 *
 * Entity and event objects have properties of their own beside their fields.  A field whose name
 * is one of them (`RESERVED`) is reached with an underscore behind it: `pickup.kind_`.
 */

import { CommandKind } from "./commands.js";
import { ProtocolError } from "./errors.js";
import { fieldType } from "./fieldtypes.js";

/** @typedef {import("./fieldtypes.js").FieldType} FieldType */
/** @typedef {{ readonly name: string, readonly type: FieldType }} Field */

/**
 * An entity that this client sees.  Beside these, every field of its kind is a property that
 * gives the converted value: `ship.x`, `ship.hull`; owner-only fields are null unless they are
 * held.
 * @typedef {Entity & Record<string, any>} EntityView
 */

/**
 * Something that happened: `kind` is the event's name, its fields are properties.
 * @typedef {{ kind: string } & Record<string, any>} GameEvent
 */

/** Masks are 32-bit operations. */
const MAX_FIELDS = 31;

/** Names that entity and event objects keep for themselves. */
export const RESERVED = new Set([
  "id",
  "kind",
  "values",
  "owner",
  "enteredAt",
  "changedAt",
  "spec",
  "constructor",
  "__proto__",
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
    /** The tick of the delta that brought it into view. */
    this.enteredAt = tick;
    /** The tick of the last delta in which any of its fields came. */
    this.changedAt = tick;
  }
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
    fields.forEach(({ name, type }, at) => {
      /** @this {Entity} */
      const plain = function () {
        return this.values[at];
      };
      /** @this {Entity} */
      const converted = function () {
        return type.fromWire(this.values[at]);
      };
      defineGetter(this.#View.prototype, name, type.plain ? plain : converted);
    });
    ownerFields.forEach(({ name, type }, at) => {
      /** @this {Entity} */
      const held = function () {
        return this.owner === null ? null : type.fromWire(this.owner[at]);
      };
      defineGetter(this.#View.prototype, name, held);
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

/** An event kind. */
export class EventKind {
  /** @param {string} name @param {Field[]} fields */
  constructor(name, fields) {
    this.name = name;
    this.fields = fields;
    this.#names = fields.map((field) => propertyName(field.name));
  }

  /** @type {string[]} */ #names;

  /**
   * @param {import("./msgpack.js").Reader} reader  at the first of its fields
   * @returns {GameEvent}
   */
  read(reader) {
    /** @type {GameEvent} */
    const event = { kind: this.name };
    this.fields.forEach(({ type }, index) => {
      event[this.#names[index]] = type.fromWire(type.read(reader));
    });
    return event;
  }
}

/** All that a room and its clients call each other's things. */
export class Schema {
  /**
   * @param {EntityKind[]} entities
   * @param {CommandKind[]} commands
   * @param {EventKind[]} events
   */
  constructor(entities, commands, events) {
    this.entities = entities;
    this.commands = commands;
    this.events = events;
  }

  /**
   * The schema that `welcome` carries, decoded; `ProtocolError` if it is none.
   * @param {any} description
   * @returns {Schema}
   */
  static fromDescription(description) {
    const [entities, commands, events] = row(description, 3, "a schema");
    return new Schema(
      rows(entities, 4, "an entity").map(
        ([name, at, fields, owner], index) =>
          new EntityKind(
            index,
            text(name),
            position(at, fields),
            fieldsOf(fields),
            fieldsOf(owner),
          ),
      ),
      rows(commands, 2, "a command").map(
        ([name, fields], index) =>
          new CommandKind(index, text(name), rows(fields, 6, "a command field").map(commandField)),
      ),
      rows(events, 2, "an event").map(
        ([name, fields]) => new EventKind(text(name), fieldsOf(fields)),
      ),
    );
  }

  /** @param {string} name @returns {CommandKind} `TypeError` if the room has no such command */
  command(name) {
    const found = this.commands.find((command) => command.name === name);
    if (found !== undefined) return found;
    throw new TypeError(
      `the room knows no command ${name}; it knows ${this.commands.map((c) => c.name).join(", ")}`,
    );
  }
}

/** @param {string} name @returns {string} */
function propertyName(name) {
  return RESERVED.has(name) ? `${name}_` : name;
}

/** @param {object} prototype @param {string} name @param {() => any} get */
function defineGetter(prototype, name, get) {
  Object.defineProperty(prototype, propertyName(name), { get, enumerable: true });
}

/** @param {any} value @param {number} count @param {string} what @returns {any[]} */
function row(value, count, what) {
  if (Array.isArray(value) && value.length === count) return value;
  throw new ProtocolError(`${what} of a schema is not an array of ${count}`);
}

/** @param {any} value @param {number} count @param {string} what @returns {any[][]} */
function rows(value, count, what) {
  if (!Array.isArray(value)) throw new ProtocolError(`${what} of a schema is not in an array`);
  return value.map((element) => row(element, count, what));
}

/** @param {any} value @returns {string} */
function text(value) {
  if (typeof value === "string") return value;
  throw new ProtocolError("a name in a schema is not a str");
}

/** @param {any} descriptions @returns {Field[]} */
function fieldsOf(descriptions) {
  const fields = rows(descriptions, 2, "a field");
  if (fields.length > MAX_FIELDS) throw new ProtocolError(`more than ${MAX_FIELDS} fields`);
  return fields.map(([name, type]) => ({ name: text(name), type: fieldType(type) }));
}

/** @param {any} at @param {any} fields @returns {number[]} */
function position(at, fields) {
  const fits =
    Array.isArray(at) &&
    (at.length === 0 || at.length === 2) &&
    at.every((index) => Number.isInteger(index) && index >= 0 && index < fields?.length);
  if (!fits) throw new ProtocolError("the position of an entity in a schema names no fields");
  return at;
}

/** @param {any[]} description @returns {import("./commands.js").CommandField} */
function commandField([name, type, fallback, low, high, maxLength]) {
  for (const limit of [low, high, maxLength]) {
    if (limit !== null && typeof limit !== "number") {
      throw new ProtocolError("a limit in a schema is not a number");
    }
  }
  return { name: text(name), type: fieldType(type), fallback, low, high, maxLength };
}
