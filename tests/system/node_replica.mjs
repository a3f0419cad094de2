/**
 * What a client holds, written from `gameserver/protocol/README.md` alone: applies deltas, and makes
 * the checksum of the result.  Owns no socket.
 *
 * Shares no code with `clients/web`, so that both cannot be wrong alike.
 */

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(new URL("../node/package.json", import.meta.url));
const { encode } = require("@msgpack/msgpack");

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, c) => {
  for (let bit = 0; bit < 8; bit += 1) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});
const crc32 = (bytes) => ~bytes.reduce((crc, b) => CRC_TABLE[(crc ^ b) & 0xff] ^ (crc >>> 8), -1) >>> 0;

const isDifference = ([name]) => name === "int" || name === "steps";

/** The value of a list, dict or value after a change; any other comes as it is. */
function changed([name, ...of], held, told) {
  if (name === "optional") return changed(of[0], held, told);
  if (name !== "list" && name !== "dict" && name !== "value") return told;
  if (typeof told[0] !== "number") return told[0];
  const made = [...held];
  if (name === "value") {
    let next = 1;
    for (const bit of bitsOf(told[0])) made[bit] = changed(of[1][bit][1], made[bit], told[next++]);
  } else if (name === "list") {
    for (let next = 0, at = 0; next < told.length; ) {
      const edit = told[next++];
      at += Math.floor(edit / 4);
      if (edit % 4 === 2) made.splice(at, 1);
      else if (edit % 4 === 1) made.splice(at++, 0, told[next++]);
      else if (edit % 4 === 0) made[at++] = told[next++];
      else made[at] = changed(of[0], made[at++], told[next++]);
    }
  } else {
    for (let next = 0, at = 0; next < told.length; ) {
      const edit = told[next++];
      at += 2 * Math.floor(edit / 4);
      if (edit % 4 === 2) made.splice(at, 2);
      else if (edit % 4 === 1) made.splice(at, 0, told[next++], told[next++]);
      else if (edit % 4 === 0) made[at + 1] = told[next++];
      else made[at + 1] = changed(of[1], made[at + 1], told[next++]);
      if (edit % 4 !== 2) at += 2;
    }
  }
  return made;
}

/** The numbers of the bits that are set, in ascending order. */
function* bitsOf(mask) {
  for (let bit = 0; 2 ** bit <= mask; bit += 1) if (Math.floor(mask / 2 ** bit) % 2 === 1) yield bit;
}

export class Replica {
  /** @param {any[]} schema  as `welcome` carries it */
  constructor(schema) {
    this.kinds = schema[0]; // of each entity: name, at, fields, owner fields
    this.tick = 0;
    this.ownEntity = 0;
    this.entities = new Map(); // id → { kind, values, owner }
    this.seen = { adds: 0, sets: 0, fullStates: 0 };
  }

  apply([, tick, , , leaves, enters, sets, adds, own]) {
    assert.ok(tick > this.tick || this.seen.fullStates === 0);
    this.tick = tick;
    if (leaves === null) {
      this.entities.clear();
      this.seen.fullStates += 1;
    }
    for (const id of leaves ?? []) assert.ok(this.entities.delete(id));
    for (let at = 0; at < enters.length; ) {
      const [id, kind] = [enters[at], enters[at + 1]];
      const count = this.kinds[kind][2].length;
      assert.ok(!this.entities.has(id));
      this.entities.set(id, { kind, values: enters.slice(at + 2, at + 2 + count), owner: null, held: 0 });
      at += 2 + count;
    }
    this.change(sets, (value) => value, "sets");
    this.change(adds, (value, held, type) => (isDifference(type) ? held + value : changed(type, held, value)), "adds");
    if (own.length > 0) this.ownEntity = own[0];
    for (let at = 1; at < own.length; ) {
      const [entity, mask] = [this.entities.get(own[at]), own[at + 1]];
      at += 2;
      // An entity that has left took its owner fields along.
      if (entity !== undefined) entity.owner = mask === 0 ? null : (entity.owner ?? []);
      if (entity !== undefined) entity.held = mask === 0 ? 0 : entity.held | mask;
      for (const bit of bitsOf(mask)) {
        const type = this.kinds[entity.kind][3][bit][1];
        entity.owner[bit] = changed(type, entity.owner[bit], own[at++]);
      }
    }
  }

  change(section, made, counted) {
    for (let at = 0; at < section.length; ) {
      const [{ kind, values }, mask] = [this.entities.get(section[at]), section[at + 1]];
      at += 2;
      for (const bit of bitsOf(mask)) {
        values[bit] = made(section[at++], values[bit], this.kinds[kind][2][bit][1]);
        this.seen[counted] += 1;
      }
    }
  }

  checksum() {
    let sum = 0;
    for (const [id, { kind, values, owner, held }] of this.entities) {
      const [, , fields, ownerFields] = this.kinds[kind];
      sum += crc32(Buffer.concat([encode(id), encode(kind), packed(values, fields)]));
      if (owner === null) continue;
      const bits = [...bitsOf(held)];
      const [some, fieldsOf] = [bits.map((bit) => owner[bit]), bits.map((bit) => ownerFields[bit])];
      sum += crc32(Buffer.concat([encode(id), encode(held), packed(some, fieldsOf)]));
    }
    return sum % 2 ** 32;
  }

  /** The entities called `name`, as objects. */
  all(name) {
    const named = ({ kind, values }) =>
      Object.fromEntries(this.kinds[kind][2].map(([field], i) => [field, values[i]]));
    return [...this.entities]
      .filter(([, { kind }]) => this.kinds[kind][0] === name)
      .map(([id, entity]) => ({ id, ...named(entity), owned: entity.owner !== null }));
  }
}

const packed = (values, fields) => Buffer.concat(fields.map(([, type], i) => pack(values[i], type)));

/** The bytes of a value: JavaScript alone does not tell the float 2 from the integer 2. */
function pack(value, [name, inner, last]) {
  if (name === "float32") return encode(value, { forceFloat32: true, forceIntegerToFloat: true });
  if (name === "optional" && value !== null) return pack(value, inner);
  if (!["tuple", "list", "dict", "value"].includes(name)) return encode(value);
  const header = encode(value.map(() => null)).slice(0, value.length === 0 ? 1 : -value.length);
  const typeOf = {
    tuple: (i) => inner[i],
    list: () => inner,
    dict: (i) => [inner, last][i % 2],
    value: (i) => last[i][1],
  }[name];
  const items = value.map((item, i) => pack(item, typeOf(i)));
  return Buffer.concat([header, ...items]);
}
