/**
 * Changes of lists, dicts and values: applying received ones to the values held.
 *
 * Owns their form (`gameserver/protocol/README.md`, "Changes").  All values here are wire values, and
 * none is ever changed in place.  `gameserver/model/edits.py` is the twin; both read
 * `tests/vectors/changes.json`.
 */

import { ProtocolError } from "./errors.js";

/** @typedef {import("./msgpack.js").Reader} Reader */
/** @typedef {import("./fieldtypes.js").FieldType} FieldType */

/** Most elements of a list or dict. */
export const MAX_ELEMENTS = 4096;

/** Actions of an edit on the element, or key, after those that it skips; 0 sets it. */
const [INSERT, REMOVE, WITHIN] = [1, 2, 3];

/**
 * Read a change of a value of a type that is `changing`.
 * @param {Reader} reader
 * @param {FieldType} type
 * @param {any} held  the wire value held, null or undefined for none
 * @returns {any} the new one
 */
export function readChange(reader, type, held) {
  const count = reader.array();
  if (count === 0) throw new ProtocolError("an empty change");
  if (reader.isNilOrArray()) {
    if (count > 1) throw new ProtocolError("more than a whole value in a change");
    return type.read(reader);
  }
  if (type.edit === null) throw new ProtocolError("an edit within an element that has no parts");
  if (held === null || held === undefined) {
    throw new ProtocolError("edits of a value that is not there");
  }
  return type.edit(reader, held, count);
}

/**
 * @param {Reader} reader  at the mask
 * @param {FieldType[]} types  of the fields
 * @param {any[]} held
 * @param {number} count  of the elements of the change
 * @returns {any[]}
 */
export function editValue(reader, types, held, count) {
  const mask = reader.int(1, 2 ** types.length - 1);
  const made = [...held];
  let left = count - 1;
  for (let rest = mask, at = 0; rest !== 0; rest >>>= 1, at += 1) {
    if ((rest & 1) === 0) continue;
    left = take(left, 1);
    const type = types[at];
    made[at] = type.changing ? readChange(reader, type, held[at]) : type.read(reader);
  }
  if (left > 0) throw new ProtocolError("a change has more values than fields");
  return made;
}

/**
 * @param {Reader} reader  at the first edit
 * @param {FieldType} item
 * @param {any[]} held
 * @param {number} count  of the elements of the change
 * @returns {any[]}
 */
export function editList(reader, item, held, count) {
  return edited(reader, null, item, held, count);
}

/**
 * @param {Reader} reader  at the first edit
 * @param {FieldType} key
 * @param {FieldType} item
 * @param {any[]} held  `key, value, …`
 * @param {number} count  of the elements of the change
 * @returns {any[]}
 */
export function editDict(reader, key, item, held, count) {
  const made = edited(reader, key, item, held, count);
  const keys = new Set(made.filter((_, at) => at % 2 === 0));
  if (2 * keys.size < made.length) throw new ProtocolError("a dict has the same key twice");
  return made;
}

/**
 * Return a list, or a dict if there is a `key`, after edits.
 * @param {Reader} reader
 * @param {FieldType | null} key
 * @param {FieldType} item
 * @param {any[]} held
 * @param {number} count
 * @returns {any[]}
 */
function edited(reader, key, item, held, count) {
  const parts = key === null ? 1 : 2;
  /** @type {any[]} */
  const made = [];
  let taken = 0;
  for (let left = count; left > 0; ) {
    const edit = reader.int(0, 4 * MAX_ELEMENTS + 3);
    const code = edit & 3;
    const end = taken + parts * (edit >> 2);
    left -= 1;
    if (end > held.length || (end === held.length && code !== INSERT)) {
      throw new ProtocolError("an edit beyond the end");
    }
    while (taken < end) made.push(held[taken++]);
    if (code === INSERT) {
      left = take(left, parts);
      if (key !== null) made.push(key.read(reader));
      made.push(item.read(reader));
      continue;
    }
    taken += parts;
    if (code === REMOVE) continue;
    left = take(left, 1);
    if (key !== null) made.push(held[taken - 2]);
    made.push(code === WITHIN ? within(reader, item, held[taken - 1]) : item.read(reader));
  }
  while (taken < held.length) made.push(held[taken++]);
  if (made.length > parts * MAX_ELEMENTS) {
    throw new ProtocolError(`more than ${MAX_ELEMENTS} elements`);
  }
  return made;
}

/** @param {Reader} reader @param {FieldType} item @param {any} held */
function within(reader, item, held) {
  if (!item.changing) throw new ProtocolError("an edit within an element that has no parts");
  return readChange(reader, item, held);
}

/** The rest of a change after `count` more elements. @param {number} left @param {number} count */
function take(left, count) {
  if (left < count) throw new ProtocolError("a change ends in the middle");
  return left - count;
}
