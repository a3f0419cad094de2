/**
 * Changes of lists, dicts and values: what a received one makes of the value held.
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

/** What an edit of a list does with the element after those that it skips; 0 sets it. */
const [INSERT, REMOVE, WITHIN] = [1, 2, 3];
/** What an edit of a dict does with the key that follows; 0 puts it. */
const [DELETE, WITHIN_KEY] = [1, 2];

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
    left = take(left);
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
  /** @type {any[]} */
  const made = [];
  let taken = 0;
  for (let left = count; left > 0; ) {
    const edit = reader.int(0, 4 * MAX_ELEMENTS + 3);
    const code = edit & 3;
    const end = taken + (edit >> 2);
    left -= 1;
    if (end > held.length || (end === held.length && code !== INSERT)) {
      throw new ProtocolError("an edit beyond the end of a list");
    }
    while (taken < end) made.push(held[taken++]);
    if (code === REMOVE) {
      taken += 1;
      continue;
    }
    left = take(left);
    made.push(code === WITHIN ? within(reader, item, held[taken]) : item.read(reader));
    if (code !== INSERT) taken += 1;
  }
  while (taken < held.length) made.push(held[taken++]);
  return bounded(made, made.length);
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
  const made = new Map();
  for (let at = 0; at < held.length; at += 2) made.set(held[at], held[at + 1]);
  for (let left = count; left > 0; ) {
    const code = reader.int(0, WITHIN_KEY);
    left = take(left - 1);
    const name = key.read(reader);
    if (code !== 0 && !made.has(name)) throw new ProtocolError("a dict has no such key");
    if (code === DELETE) {
      made.delete(name);
      continue;
    }
    left = take(left);
    made.set(
      name,
      code === WITHIN_KEY ? within(reader, item, made.get(name)) : item.read(reader),
    );
  }
  return bounded([...made].flat(1), made.size);
}

/** @param {Reader} reader @param {FieldType} item @param {any} held */
function within(reader, item, held) {
  if (!item.changing) throw new ProtocolError("an edit within an element that has no parts");
  return readChange(reader, item, held);
}

/** What is left of a change after one more element. @param {number} left @returns {number} */
function take(left) {
  if (left <= 0) throw new ProtocolError("a change ends in the middle");
  return left - 1;
}

/** @template Wire @param {Wire} made @param {number} count @returns {Wire} */
function bounded(made, count) {
  if (count > MAX_ELEMENTS) throw new ProtocolError(`more than ${MAX_ELEMENTS} elements`);
  return made;
}
