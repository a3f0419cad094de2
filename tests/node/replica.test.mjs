// The replica: the delta stream of the vectors, its hooks, and what it refuses.

import assert from "node:assert/strict";
import test from "node:test";

import { ProtocolError } from "../../clients/web/net/errors.js";
import { decodeMessage, Kind } from "../../clients/web/net/messages.js";
import { encode, Float32 } from "../../clients/web/net/msgpack.js";
import { Replica } from "../../clients/web/net/replica.js";
import { fromHex, schemaOf, unmarked, vectors } from "./vectors.mjs";

const STREAM = vectors("delta_stream.json");
const CRATE = 0;
const SHIP = 1;

const schema = schemaOf(unmarked(STREAM.schema, true));

/** A replica, and what its hooks were called with: `["enter", 1]`, `["change", 1, 10]` … */
function watched(ownEntity = 0) {
  /** @type {any[][]} */
  const calls = [];
  const replica = new Replica(schema, ownEntity, {
    onEnter: (entity) => calls.push(["enter", entity.id]),
    onLeave: (entity) => calls.push(["leave", entity.id]),
    onChange: (entity, tick) => calls.push(["change", entity.id, tick]),
    onEvent: (event) => calls.push(["event", event.kind]),
  });
  return { replica, calls: () => calls.splice(0) };
}

/** The bytes of a delta; sections that are not given are empty. */
function delta(tick, sections) {
  const empty = { ack: 0, margin: null, leaves: [], enters: [], sets: [], adds: [] };
  const all = { ...empty, own: [], events: [], ...sections };
  const { ack, margin, leaves, enters, sets, adds, own, events } = all;
  return encode([Kind.DELTA, tick, ack, margin, leaves, enters, sets, adds, own, events]);
}

const ship = (id, x = 0, y = 0) => [id, SHIP, x, y, 100, new Float32(1.5)];
const crate = (id, { color = 0, lock = [7, new Float32(0.25)] } = {}) => {
  return [id, CRATE, true, "box", new Uint8Array([1]), color, lock, [1, 3], null];
};
const ownerFields = [7, new Float32(0.5), null];

/** What the replica holds, in the form of the vectors' `after`. */
function state(replica) {
  const entities = [...replica.entities.values()].sort((a, b) => a.id - b.id);
  const owned = entities.filter((entity) => entity.owner !== null);
  return {
    own_entity: replica.ownEntity,
    entities: Object.fromEntries(
      entities.map((entity) => [entity.id, { kind: entity.kind, values: entity.values }]),
    ),
    owned: Object.fromEntries(
      owned.map((entity) => [entity.id, Array.from(entity.owner, (value) => value ?? null)]),
    ),
    checksum: replica.checksum(),
  };
}

function expected(after) {
  const entities = Object.entries(after.entities).map(([id, { kind, values }]) => [
    id,
    { kind, values: unmarked(values, false) },
  ]);
  const owned = Object.entries(after.owned).map(([id, values]) => [id, unmarked(values, false)]);
  return {
    own_entity: after.own_entity,
    entities: Object.fromEntries(entities),
    owned: Object.fromEntries(owned),
    checksum: after.checksum,
  };
}

/** An event of the vectors as the page sees it. */
function asSeen([kind, ...wire]) {
  const { name, fields } = schema.events[kind];
  const values = unmarked(wire, false);
  const seen = fields.map((field, index) => [field.name, field.type.fromWire(values[index])]);
  return { kind: name, ...Object.fromEntries(seen) };
}

test("the delta stream of the vectors, step by step", () => {
  let replica = new Replica(schema);
  let deltas = 0;
  let checks = 0;
  for (const { note, message, hex, after } of STREAM.steps) {
    const bytes = fromHex(hex);
    let events = [];
    if (message[0] === Kind.DELTA) {
      const applied = replica.apply(bytes);
      events = applied.events;
      deltas += 1;
      assert.equal(replica.tick, after.tick, note);
      assert.equal(applied.ack, message[2], note);
      assert.equal(applied.margin, message[3], note);
    } else {
      const decoded = decodeMessage(bytes);
      if (decoded.kind === Kind.WELCOME) replica = new Replica(decoded.schema, decoded.ownEntity);
      if (decoded.kind === Kind.CHECK) {
        checks += 1;
        assert.equal(replica.checksum(), decoded.checksum, note);
      }
    }
    assert.deepEqual(state(replica), expected(after), note);
    assert.deepEqual(events, after.events.map(asSeen), note);
  }
  assert.ok(deltas > 10 && checks > 3, "the vectors hold a stream");
});

test("fields are properties in the page's units", () => {
  const { replica } = watched(1);
  const enters = [...ship(1, 32, -16), ...crate(2, { color: 2 })];
  replica.apply(delta(1, { enters, own: [1, 1, 7, ...ownerFields] }));
  const own = replica.own;
  assert.deepEqual([own.x, own.y, own.hp, own.speed], [1, -0.5, 100, 1.5]);
  assert.deepEqual([own.ammo, own.aim, own.target], [7, 0.5, null]);
  const box = replica.entities.get(2);
  assert.equal(box.kind, "Crate");
  assert.deepEqual([box.open, box.label, box.color, box.note], [true, "box", "BLUE", null]);
  assert.deepEqual([box.content, box.lock, box.path], [new Uint8Array([1]), [7, 0.25], [0.5, 1.5]]);
});

test("owner fields that are not held read as null", () => {
  const { replica } = watched();
  replica.apply(delta(1, { enters: ship(1) }));
  assert.equal(replica.entities.get(1).ammo, null);
  replica.apply(delta(2, { own: [1, 1, 7, ...ownerFields] }));
  assert.equal(replica.entities.get(1).ammo, 7);
  replica.apply(delta(3, { own: [0, 1, 0] }));
  assert.equal(replica.entities.get(1).ammo, null);
  assert.equal(replica.ownEntity, 0);
});

test("owner fields may be held in part: some are for the owner, others for the group", () => {
  const { replica } = watched();
  replica.apply(delta(1, { enters: ship(1) }));
  const ship1 = replica.entities.get(1);
  replica.apply(delta(2, { own: [0, 1, 1, 7] }));
  assert.deepEqual([ship1.ammo, ship1.owner[1]], [7, undefined]);
  const inPart = replica.checksum();
  replica.apply(delta(3, { own: [0, 1, 6, ...ownerFields.slice(1)] }));
  assert.equal(ship1.owner.length, 3);
  assert.notEqual(replica.checksum(), inPart);
  replica.apply(delta(4, { own: [0, 1, 0, 1, 1, 7] }));
  assert.equal(replica.checksum(), inPart);
});

test("hooks are called after the whole delta: leaves, enters, changes, events", () => {
  const { replica, calls } = watched();
  replica.apply(delta(1, { leaves: null, enters: [...ship(1), ...ship(2)] }));
  assert.deepEqual(calls(), [["enter", 1], ["enter", 2]]);
  replica.apply(
    delta(3, {
      leaves: [1],
      enters: ship(3),
      sets: [2, 1, 5, 3, 4, 50],
      adds: [2, 1, 5],
      own: [2, 2, 7, ...ownerFields],
      events: [[1], [0, 2, new Float32(1), null]],
    }),
  );
  assert.deepEqual(calls(), [
    ["leave", 1],
    ["enter", 3],
    ["change", 2, 3], // once, though it is in three sections; 3 has only just entered
    ["event", "Round"],
    ["event", "Hit"],
  ]);
  assert.equal(replica.entities.get(2).values[0], 10);
  assert.equal(replica.entities.get(2).changedAt, 3);
  assert.equal(replica.entities.get(2).enteredAt, 1);
  assert.equal(replica.entities.get(3).enteredAt, 3);
});

test("an id that leaves and enters in one delta is another entity", () => {
  const { replica, calls } = watched();
  replica.apply(delta(1, { enters: ship(1) }));
  const before = replica.entities.get(1);
  replica.apply(delta(2, { leaves: [1], enters: ship(1, 9) }));
  assert.notEqual(replica.entities.get(1), before);
  assert.deepEqual(calls(), [["enter", 1], ["leave", 1], ["enter", 1]]);
});

test("a full state forgets everything first, owner fields too", () => {
  const { replica, calls } = watched();
  replica.apply(delta(1, { enters: [...ship(1), ...ship(2)], own: [1, 1, 7, ...ownerFields] }));
  calls();
  const applied = replica.apply(delta(2, { leaves: null, enters: ship(1) }));
  assert.equal(applied.full, true);
  assert.equal(replica.entities.get(1).owner, null);
  assert.deepEqual(calls(), [["leave", 1], ["leave", 2], ["enter", 1]]);
});

test("two entities that swap their values change the checksum", () => {
  const one = watched().replica;
  const other = watched().replica;
  one.apply(delta(1, { enters: [...ship(1, 5), ...ship(2, 6)] }));
  other.apply(delta(1, { enters: [...ship(1, 6), ...ship(2, 5)] }));
  assert.notEqual(one.checksum(), other.checksum());
});

test("elements that a later server appends are ignored", () => {
  const { replica } = watched();
  const appended = encode([Kind.DELTA, 1, 0, null, [], ship(1), [], [], [], [], ["new", { a: 1 }]]);
  assert.equal(replica.apply(appended).entered.length, 1);
});

/** Deltas of tick 2 that break the protocol, for a view that holds the ships 1 (ours) and 2. */
const BROKEN = {
  "an unknown entity leaves": delta(2, { leaves: [9] }),
  "an entity leaves twice": delta(2, { leaves: [1, 1] }),
  "an entity enters twice": delta(2, { enters: ship(1) }),
  "id 0 enters": delta(2, { enters: ship(0) }),
  "an unknown kind enters": delta(2, { enters: [3, 2] }),
  "an entity enters with too few fields": delta(2, { enters: [3, SHIP, 1, 2, 3] }),
  "an id alone": delta(2, { enters: [3] }),
  "an unknown entity is set": delta(2, { sets: [9, 1, 5] }),
  "a mask with too many bits": delta(2, { sets: [1, 16, 5] }),
  "a negative mask": delta(2, { sets: [1, -1, 5] }),
  "a set that ends too soon": delta(2, { sets: [1, 3, 5] }),
  "a bool where an int is due": delta(2, { sets: [1, 4, true] }),
  "a float where an int is due": delta(2, { sets: [1, 4, new Float32(1)] }),
  "an int where a float 32 is due": delta(2, { sets: [1, 8, 1] }),
  "an int beyond 2^52": delta(2, { sets: [1, 4, 2 ** 52 + 2] }),
  "an add that carries beyond 2^52": delta(2, { adds: [1, 4, 2 ** 52] }),
  "an enum beyond its members": delta(2, { enters: crate(3, { color: 3 }) }),
  "a tuple of another length": delta(2, { enters: crate(3, { lock: [1] }) }),
  "owner fields of an unknown entity": delta(2, { own: [9, 9, 7, ...ownerFields] }),
  "an owner mask with too many bits": delta(2, { own: [1, 1, 8, 5] }),
  "an id of ours alone": delta(2, { own: [1, 1] }),
  "an unknown event": delta(2, { events: [[2]] }),
  "an event without its fields": delta(2, { events: [[0, 1]] }),
  "an event with one field too many": delta(2, { events: [[1, 1]] }),
  "an empty event": delta(2, { events: [[]] }),
  "the tick before": delta(1, {}),
  "a negative ack": delta(2, { ack: -1 }),
  "a section that is nil": delta(2, { enters: null }),
  "too few elements": encode([Kind.DELTA, 2, 0, null, [], [], [], [], []]),
  "bytes behind it": new Uint8Array([...delta(2, {}), 0]),
  "no array": encode(7),
  "no bytes": new Uint8Array(),
};

for (const [what, bytes] of Object.entries(BROKEN)) {
  test(`refused: ${what}`, () => {
    const { replica, calls } = watched(1);
    replica.apply(delta(1, { enters: [...ship(1), ...ship(2)], own: [1, 1, 7, ...ownerFields] }));
    calls();
    assert.throws(() => replica.apply(bytes), ProtocolError);
    assert.deepEqual(calls().sort(), [["leave", 1], ["leave", 2]], "each entity leaves once");
    assert.equal(replica.entities.size, 0);
    assert.equal(replica.apply(delta(3, { enters: ship(4) })), null, "passed over");
    assert.equal(replica.apply(delta(4, { leaves: null, enters: ship(4) })).full, true);
    assert.deepEqual(calls(), [["enter", 4]]);
    assert.equal(replica.apply(delta(5, { adds: [4, 1, 2] })).changed.length, 1);
  });
}

test("a section that ends inside an entity does not go on in the next one", () => {
  const { replica } = watched();
  replica.apply(delta(1, { enters: crate(2) }));
  // The mask says that a path follows: `adds`, an empty array, would do, and so on to the end.
  const shifted = encode([Kind.DELTA, 2, 0, null, [], [], [2, 32], [], [], [], [], []]);
  assert.throws(() => replica.apply(shifted), /a section ends inside an entity/);
});

test("a delta cut at any byte is refused", () => {
  const whole = delta(2, { sets: [1, 9, 5, new Float32(2)], own: [1, 1, 1, 3], events: [[1]] });
  for (let length = 0; length < whole.length; length += 1) {
    const { replica } = watched(1);
    replica.apply(delta(1, { enters: ship(1), own: [1, 1, 7, ...ownerFields] }));
    assert.throws(() => replica.apply(whole.subarray(0, length)), ProtocolError, `${length}`);
  }
});

test("clear() lets every entity leave", () => {
  const { replica, calls } = watched(1);
  replica.apply(delta(1, { enters: [...ship(1), ...ship(2)] }));
  calls();
  replica.clear();
  assert.deepEqual(calls(), [["leave", 1], ["leave", 2]]);
  assert.equal(replica.own, undefined);
});

test("ofKind() has the entities of one class, in the order in which they came", () => {
  const { replica } = watched(1);
  replica.apply(delta(1, { enters: [...ship(3), ...crate(2), ...ship(1)] }));
  assert.deepEqual(replica.ofKind("Ship").map(({ id }) => id), [3, 1]);
  assert.deepEqual(replica.ofKind("Crate").map(({ id }) => id), [2]);
  assert.deepEqual(replica.ofKind("Nothing"), []);
});
