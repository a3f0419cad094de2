/**
 * The state of the room that this client sees, kept equal to the server's by applying its deltas.
 *
 * Owns the entities in view, their owner-only fields and the checksum over both.  Decodes deltas
 * straight into the entities.  No sockets, no clock, no drawing.
 *
 * A delta is applied whole before any hook is called, so hooks see one consistent tick.  A delta
 * that breaks the protocol raises `ProtocolError`; the view is then emptied (`onLeave` for each
 * entity), and deltas are ignored until one brings a full state (`needsFullState`).
 */

import { crc32 } from "./checksum.js";
import { readChange } from "./edits.js";
import { FullStateError, ProtocolError } from "./errors.js";
import { INT_LIMIT } from "./fieldtypes.js";
import { closeMessage, Kind, openMessage } from "./messages.js";
import { Writer } from "./msgpack.js";

/** @typedef {import("./msgpack.js").Reader} Reader */
/** @typedef {import("./fieldtypes.js").FieldType} FieldType */
/** @typedef {import("./schema.js").Schema} Schema */
/** @typedef {import("./schema.js").Field} Field */
/** @typedef {import("./schema.js").EntityView} EntityView */
/** @typedef {import("./schema.js").GameEvent} GameEvent */

const DELTA_FIELDS = 9;
const SEQ_MAX = 2 ** 31 - 1;
const ANY_MASK = 2 ** 31 - 1;
/** The difference of two wire integers. */
const DIFFERENCE_MAX = 2 * INT_LIMIT;

/**
 * The effects of one delta.
 * @typedef {object} Delta
 * @property {number} tick
 * @property {number} ack  seq of the last command that the server applied, 0 for none
 * @property {number | null} margin  by how many ticks the newest command was early
 * @property {boolean} full  whether everything was forgotten first (all of `left`)
 * @property {EntityView[]} left  with the values that they had last
 * @property {EntityView[]} entered
 * @property {EntityView[]} changed  each once, none of `entered`; also for owner-only fields
 * @property {GameEvent[]} events
 */

/**
 * @typedef {object} Hooks
 * @property {(entity: EntityView) => void} [onEnter]
 * @property {(entity: EntityView) => void} [onLeave]
 * @property {(entity: EntityView, tick: number) => void} [onChange]  it has the new values already
 * @property {(event: GameEvent) => void} [onEvent]
 */

export class Replica {
  /**
   * @param {Schema} schema
   * @param {number} [ownEntity]  as `welcome` says it
   * @param {Hooks} [hooks]  called in the order leaves, enters, changes, events
   */
  constructor(schema, ownEntity = 0, hooks = {}) {
    this.schema = schema;
    this.#hooks = hooks;
    /** Id of the entity that the player steers, 0 for none; it may be out of view. */
    this.ownEntity = ownEntity;
    /** @type {Map<number, EntityView>} */
    this.entities = new Map();
    /** The tick of the newest delta applied, 0 before the first. */
    this.tick = 0;
    /** Set after a malformed delta: the replica is empty, and ignores deltas until a full state. */
    this.needsFullState = false;
  }

  /** @type {Hooks} */ #hooks;
  /** As `tick`, but -1 before the first delta: that of tick 0 is newer. */
  #newest = -1;
  #writer = new Writer(1024);

  /** The entity that the player steers, if it is in view. @returns {EntityView | undefined} */
  get own() {
    return this.entities.get(this.ownEntity);
  }

  /**
   * The entities in view of the class called `kind`.
   * @param {string} kind
   * @returns {EntityView[]}
   */
  ofKind(kind) {
    return [...this.entities.values()].filter((entity) => entity.kind === kind);
  }

  /**
   * Apply one delta message.
   * @param {Uint8Array} bytes
   * @returns {Delta | null} null if it was ignored (`needsFullState`)
   * @throws {ProtocolError} if it does not fit; a `FullStateError` if it is a full state
   */
  apply(bytes) {
    /** @type {Delta} */
    const delta = {
      tick: 0,
      ack: 0,
      margin: null,
      full: false,
      left: [],
      entered: [],
      changed: [],
      events: [],
    };
    try {
      const { reader, kind, count } = openMessage(bytes);
      if (kind !== Kind.DELTA || count < DELTA_FIELDS) throw new ProtocolError("not a delta");
      this.#readHeader(reader, delta);
      if (this.needsFullState && !delta.full) return null;
      this.#readSections(reader, delta);
      closeMessage(reader, count - DELTA_FIELDS);
    } catch (error) {
      this.#abandon(delta);
      throw delta.full && error instanceof ProtocolError ? new FullStateError(error.message) : error;
    }
    this.tick = this.#newest = delta.tick;
    this.needsFullState = false;
    this.#announce(delta);
    return delta;
  }

  /** Whether a hello can resume with `tick` and the ids of the entities. */
  get canResume() {
    return this.#newest >= 0 && !this.needsFullState;
  }

  /** Expect a full state, perhaps of an earlier tick: a crash has undone the newest ticks. */
  goBack() {
    this.#newest = -1;
  }

  /** Forget everything: `onLeave` for each entity. */
  clear() {
    const left = [...this.entities.values()];
    this.entities.clear();
    this.ownEntity = 0;
    for (const entity of left) this.#hooks.onLeave?.(entity);
  }

  /**
   * The checksum of `check`: the sum, modulo 2^32, of the CRC-32 of every entity as `enters` would
   * carry it, and of all held owner fields as `own` would carry them.
   * @returns {number}
   */
  checksum() {
    let sum = 0;
    for (const entity of this.entities.values()) sum += this.hashOf(entity);
    return sum % 2 ** 32;
  }

  /** An entity's share of the checksum. @param {EntityView} entity @returns {number} */
  hashOf({ id, spec, values, owner, ownerMask }) {
    const hash = this.#hash(id, spec.index, spec.fields, values);
    if (owner === null) return hash;
    return (hash + this.#hash(id, ownerMask, spec.ownerFields, owner)) % 2 ** 32;
  }

  /** @param {number} id @param {number} second @param {Field[]} fields @param {any[]} values */
  #hash(id, second, fields, values) {
    const writer = this.#writer;
    writer.clear();
    writer.int(id);
    writer.int(second);
    for (let at = 0; at < fields.length; at += 1) {
      if (values[at] !== undefined) fields[at].type.write(writer, values[at]);
    }
    return crc32(writer.written());
  }

  /**
   * Up to the nil that begins a full state, that included.
   * @param {Reader} reader
   * @param {Delta} delta
   */
  #readHeader(reader, delta) {
    delta.tick = reader.int(0, INT_LIMIT);
    delta.ack = reader.int(0, SEQ_MAX);
    delta.margin = reader.takeNil() ? null : reader.int(-INT_LIMIT, INT_LIMIT);
    delta.full = reader.takeNil();
    if (delta.tick <= this.#newest) {
      throw new ProtocolError(`tick ${delta.tick} after ${this.#newest}`);
    }
  }

  /** @param {Reader} reader after the nil of a full state, or at `leaves` @param {Delta} delta */
  #readSections(reader, delta) {
    if (delta.full) this.#forgetAll(delta);
    else this.#readLeaves(reader, delta);
    this.#readEnters(reader, delta);
    this.#readChanges(reader, delta, false);
    this.#readChanges(reader, delta, true);
    this.#readOwn(reader, delta);
    this.#readEvents(reader, delta);
  }

  /** @param {Delta} delta */
  #forgetAll(delta) {
    delta.left.push(...this.entities.values());
    this.entities.clear();
  }

  /** @param {Reader} reader @param {Delta} delta */
  #readLeaves(reader, delta) {
    for (let left = reader.array(); left > 0; left -= 1) {
      const entity = this.#held(readId(reader));
      this.entities.delete(entity.id);
      delta.left.push(entity);
    }
  }

  /** @param {Reader} reader @param {Delta} delta */
  #readEnters(reader, delta) {
    const { entities } = this.schema;
    for (let left = reader.array(); left > 0; ) {
      const id = readId(reader);
      const spec = entities[reader.int(0, entities.length - 1)];
      if (spec === undefined) throw new ProtocolError("no such kind of entity");
      left = fitting(left, spec.fields.length);
      if (this.entities.has(id)) throw new ProtocolError(`entity ${id} enters twice`);
      const values = new Array(spec.fields.length);
      for (let at = 0; at < values.length; at += 1) {
        values[at] = spec.fields[at].type.read(reader);
      }
      const entity = spec.create(id, values, delta.tick);
      this.entities.set(id, entity);
      delta.entered.push(entity);
    }
  }

  /**
   * `sets`, or `adds` where `additive`.
   * @param {Reader} reader
   * @param {Delta} delta
   * @param {boolean} additive
   */
  #readChanges(reader, delta, additive) {
    for (let left = reader.array(); left > 0; ) {
      const entity = this.#held(readId(reader));
      const { fields } = entity.spec;
      const mask = readMask(reader, fields);
      left = fitting(left, bitCount(mask));
      readMasked(reader, mask, fields, entity.values, additive ? readAdd : readSet);
      touch(entity, delta);
    }
  }

  /** @param {Reader} reader @param {Delta} delta */
  #readOwn(reader, delta) {
    let left = reader.array();
    if (left === 0) return;
    this.ownEntity = reader.int(0, INT_LIMIT);
    for (left -= 1; left > 0; ) left = this.#readOwned(reader, delta, left);
  }

  /**
   * One entity's owner fields.
   * @param {Reader} reader
   * @param {Delta} delta
   * @param {number} left  of the section
   * @returns {number} the number of elements left after it
   */
  #readOwned(reader, delta, left) {
    const id = readId(reader);
    const mask = reader.int(0, ANY_MASK);
    if (mask === 0) {
      // The entity may have left already, with its owner fields.
      const lost = this.entities.get(id);
      if (lost !== undefined) {
        lost.owner = null;
        lost.ownerMask = 0;
        touch(lost, delta);
      }
      return fitting(left, 0);
    }
    const entity = this.#held(id);
    const { ownerFields, fullOwnerMask } = entity.spec;
    if (mask > fullOwnerMask) throw new ProtocolError(`entity ${id} has no such owner fields`);
    const rest = fitting(left, bitCount(mask));
    entity.owner ??= new Array(ownerFields.length);
    entity.ownerMask |= mask;
    readMasked(reader, mask, ownerFields, entity.owner, readOwn);
    touch(entity, delta);
    return rest;
  }

  /** @param {Reader} reader @param {Delta} delta */
  #readEvents(reader, delta) {
    const { events } = this.schema;
    for (let left = reader.array(); left > 0; left -= 1) {
      const count = reader.array() - 1;
      const kind = events[reader.int(0, events.length - 1)];
      if (kind === undefined || kind.fields.length !== count) {
        throw new ProtocolError("no such event");
      }
      delta.events.push(kind.read(reader));
    }
  }

  /** @param {number} id @returns {EntityView} */
  #held(id) {
    const entity = this.entities.get(id);
    if (entity === undefined) throw new ProtocolError(`entity ${id} is not in view`);
    return entity;
  }

  /**
   * Empty the view after a malformed delta; entities that it added were never announced.
   * @param {Delta} delta
   */
  #abandon(delta) {
    this.needsFullState = true;
    for (const entity of delta.entered) {
      if (this.entities.get(entity.id) === entity) this.entities.delete(entity.id);
    }
    this.#forgetAll(delta);
    for (const entity of delta.left) this.#hooks.onLeave?.(entity);
  }

  /** @param {Delta} delta */
  #announce(delta) {
    const { onLeave, onEnter, onChange, onEvent } = this.#hooks;
    if (onLeave) for (const entity of delta.left) onLeave(entity);
    if (onEnter) for (const entity of delta.entered) onEnter(entity);
    if (onChange) for (const entity of delta.changed) onChange(entity, delta.tick);
    if (onEvent) for (const event of delta.events) onEvent(event);
  }
}

/** @param {Reader} reader @returns {number} */
function readId(reader) {
  return reader.int(1, INT_LIMIT);
}

/** @param {Reader} reader @param {Field[]} fields @returns {number} */
function readMask(reader, fields) {
  return reader.int(0, 2 ** fields.length - 1);
}

/**
 * The rest of a flat section after a record of two leading numbers and `count` values.
 * @param {number} left
 * @param {number} count
 * @returns {number}
 */
function fitting(left, count) {
  const rest = left - 2 - count;
  if (rest < 0) throw new ProtocolError("a section ends inside an entity");
  return rest;
}

/**
 * @param {Reader} reader
 * @param {number} mask
 * @param {Field[]} fields
 * @param {any[]} values  changed in place
 * @param {(reader: Reader, type: FieldType, held: any) => any} read  one of those below
 */
function readMasked(reader, mask, fields, values, read) {
  for (let rest = mask, at = 0; rest !== 0; rest >>>= 1, at += 1) {
    if ((rest & 1) !== 0) values[at] = read(reader, fields[at].type, values[at]);
  }
}

/** A value of `sets`. @param {Reader} reader @param {FieldType} type */
function readSet(reader, type) {
  return type.read(reader);
}

/** A value of `adds`. @param {Reader} reader @param {FieldType} type @param {any} held */
function readAdd(reader, type, held) {
  if (type.additive) return added(held, reader);
  return type.changing ? readChange(reader, type, held) : type.read(reader);
}

/** A value of `own`. @param {Reader} reader @param {FieldType} type @param {any} held */
function readOwn(reader, type, held) {
  return type.changing ? readChange(reader, type, held) : type.read(reader);
}

/** @param {number} value @param {Reader} reader @returns {number} */
function added(value, reader) {
  const sum = value + reader.int(-DIFFERENCE_MAX, DIFFERENCE_MAX);
  if (Math.abs(sum) > INT_LIMIT) throw new ProtocolError("a sum outside ±2^52");
  return sum;
}

/**
 * Note that fields of `entity` came in this delta.
 * @param {EntityView} entity
 * @param {Delta} delta
 */
function touch(entity, delta) {
  if (entity.changedAt === delta.tick) return;
  entity.changedAt = delta.tick;
  delta.changed.push(entity);
}

/** @param {number} mask @returns {number} */
function bitCount(mask) {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
