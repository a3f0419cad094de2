// The schema: field types both ways, the shape of entities and events, refusal of what is none.

import assert from "node:assert/strict";
import test from "node:test";

import { ProtocolError } from "../../clients/web/net/errors.js";
import { readType, roundHalfEven } from "../../clients/web/net/fieldtypes.js";
import { encode, Float64, Reader, Writer } from "../../clients/web/net/msgpack.js";
import { Replica } from "../../clients/web/net/replica.js";
import { schemaOf, unmarked, vectors } from "./vectors.mjs";

const fieldType = (description) => readType(new Reader(encode(description)));
const COLOR = ["enum", "Color", ["RED", "GREEN"]];

const ITEM = [
  "value",
  "Item",
  [
    ["kind", COLOR, null, null, null],
    ["count", ["int"], 0, 9, null],
    ["tags", ["list", ["str"]], null, null, 3],
  ],
];

/** Description, value, wire value. */
const CONVERSIONS = [
  [["bool"], true, true],
  [["int"], -7, -7],
  [["steps", 0.25], 1.5, 6],
  [["steps", 0.25], -0.05, 0],
  [["float32"], 0.1, Math.fround(0.1)],
  [["str"], "Zoë", "Zoë"],
  [["bytes"], new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  [COLOR, "GREEN", 1],
  [["tuple", [["int"], COLOR]], [3, "RED"], [3, 0]],
  [["list", ["steps", 0.5]], [0.5, 1], [1, 2]],
  [["optional", COLOR], null, null],
  [["optional", COLOR], "RED", 0],
  [ITEM, { kind: "GREEN", count: 3, tags: ["a"] }, [1, 3, ["a"]]],
  [["dict", COLOR, ["steps", 0.5]], new Map([["GREEN", 1.5], ["RED", 0]]), [1, 3, 0, 0]],
  [["dict", ["int"], ITEM], new Map([[7, { kind: "RED", count: 0, tags: [] }]]), [7, [0, 0, []]]],
];

test("what is read of a list, dict or value is the same until it changes", () => {
  const type = fieldType(["dict", ["str"], ["list", ITEM]]);
  const wire = ["__proto__", [[1, 3, ["a"]]], "b", []];
  const value = type.fromWire(wire);
  assert.equal(type.fromWire(wire), value);
  assert.ok(value instanceof Map);
  assert.equal(value.get("__proto__")[0].kind, "GREEN");
  assert.throws(() => value.get("b").push(1), TypeError);
  assert.equal(
    JSON.stringify(value),
    '{"__proto__":[{"kind":"GREEN","count":3,"tags":["a"]}],"b":[]}',
  );
});

test("a list, dict or value that breaks its type is refused", () => {
  const refused = [
    [["dict", ["int"], ["int"]], [1, 2, 3]],
    [["dict", ["int"], ["int"]], [1, 2, 1, 3]],
    [["dict", ["int"], ["int"]], ["1", 2]],
    [["dict", ["int"], ["int"]], Array(2 * 4097).fill(0)],
    [["list", ["int"]], Array(4097).fill(0)],
    [ITEM, [0, 1]],
    [ITEM, [0, 1, [], 4]],
    [ITEM, [2, 1, []]],
    [ITEM, null],
  ];
  for (const [description, wire] of refused) {
    const reader = new Reader(encode(wire));
    assert.throws(() => fieldType(description).read(reader), ProtocolError);
  }
});

test("values become wire values, are written, read and become values again", () => {
  for (const [description, value, wire] of CONVERSIONS) {
    const type = fieldType(description);
    assert.deepEqual(type.toWire(value), wire, description[0]);
    const writer = new Writer();
    type.write(writer, wire);
    const reader = new Reader(writer.written());
    assert.deepEqual(type.read(reader), wire, description[0]);
    reader.end();
    assert.deepEqual(type.toWire(type.fromWire(wire)), wire, description[0]);
  }
});

test("values of another type are refused", () => {
  const refused = [
    [["bool"], 1],
    [["int"], 1.5],
    [["int"], true],
    [["int"], "1"],
    [["steps", 0.5], NaN],
    [["float32"], Infinity],
    [["float32"], null],
    [["str"], 5],
    [["bytes"], [1]],
    [COLOR, "BLUE"],
    [COLOR, 0],
    [["tuple", [["int"]]], [1, 2]],
    [["tuple", [["int"]]], 1],
    [["list", ["int"]], "12"],
    [["optional", ["int"]], "x"],
    [["dict", ["int"], ["int"]], { 1: 2 }],
    [ITEM, null],
    [ITEM, { kind: "RED", count: 1 }],
    [ITEM, { kind: "RED", count: 1, tags: [], size: 1 }],
  ];
  for (const [description, value] of refused) {
    assert.throws(() => fieldType(description).toWire(value), TypeError, `${description} ${value}`);
  }
  const outside = [
    [["int"], 2 ** 53],
    [["float32"], 1e300],
    [["str"], "\ud800"],
  ];
  for (const [description, value] of outside) {
    assert.throws(() => fieldType(description).toWire(value), RangeError, `${description}`);
  }
});

test("halves are rounded to even, as the server does", () => {
  const values = [0.5, 1.5, 2.5, -0.5, -1.5, 0.49, 0.51, 3];
  assert.deepEqual(values.map((value) => roundHalfEven(value) + 0), [0, 2, 2, 0, -2, 0, 1, 3]);
});

test("only int and steps are sent as differences", () => {
  const additive = CONVERSIONS.filter(([description]) => fieldType(description).additive);
  assert.deepEqual(additive.map(([description]) => description[0]), ["int", "steps", "steps"]);
});

/** So many types inside one another. */
const nested = (levels) => (levels === 1 ? ["int"] : ["list", nested(levels - 1)]);

test("a description that is no type is refused", () => {
  const wrong = [null, 5, [], ["int", 1], ["steps"], ["steps", 0], ["steps", "1"], ["nonsense"]];
  wrong.push(["enum", "E", []], ["enum", "E", [1]], ["tuple", ["int"]], ["list"]);
  wrong.push(["optional", ["optional", ["int"]]], { name: "int" }, [{ toString: "int" }], [["int"]]);
  wrong.push(["steps", true], ["steps", -1], ["enum", 1, ["A"]], nested(17));
  assert.equal(fieldType(nested(16)).name, "list");
  for (const description of wrong) {
    assert.throws(() => fieldType(description), ProtocolError, JSON.stringify(description));
  }
});

test("what is no schema is refused", () => {
  const fields = [["x", ["int"]], ["y", ["int"]]];
  const wrong = [
    null,
    [],
    [[], []],
    [[["E", [], fields]], [], []],
    [[["E", [0], fields, []]], [], []],
    [[["E", [0, 2], fields, []]], [], []],
    [[["E", [0, -1], fields, []]], [], []],
    [[[5, [], fields, []]], [], []],
    [[["E", [], [["x"]], []]], [], []],
    [[["E", [], [[7, ["int"]]], []]], [], []],
    [[["E", [], Array(32).fill(["x", ["int"]]), []]], [], []],
    [[], [["C", [["f", ["int"]]]]], []],
    [[], [["C", [["f", ["int"], 0, "low", 1, null]]]], []],
    [[], [], [["E"]]],
    [[["E", [new Float64(0), new Float64(1)], fields, []]], [], []],
    [[["E", [], [["x", ["int"]], ["x", ["str"]]], []]], [], []],
    [[["E", [], fields, fields]], [], []],
    [[["E", [], fields, []], ["E", [], [], []]], [], []],
    [[], [["C", [["f", ["int"], "a default", null, null, null]]]], []],
    [[], [["C", [["f", ["int"], 0, null, null, null], ["f", ["int"], 0, null, null, null]]]], []],
    [[], [], [["E", [["x", ["int"]], ["x", ["str"]]]]]],
    [[], [], Array.from({ length: 1025 }, (_, at) => [`E${at}`, []])],
  ];
  for (const description of wrong) {
    const text = JSON.stringify(description);
    assert.throws(() => schemaOf(description), ProtocolError, text);
  }
  assert.ok(schemaOf([[["E", [0, 1], fields, []]], [], []]));
});

test("an event may have more fields than an entity", () => {
  const fields = Array.from({ length: 40 }, (_, at) => [`f${at}`, ["int"]]);
  assert.equal(schemaOf([[], [], [["E", fields]]]).events[0].fields.length, 40);
});

test("an underscore leads to no other field", () => {
  const fields = ["kind_", "kind", "kind__"].map((name) => [name, ["str"]]);
  const schema = schemaOf([[["E", [], fields.slice(0, 2), fields.slice(2)]], [], [["Took", fields]]]);
  const entity = schema.entities[0].create(7, ["of kind_", "of kind"], 3);
  entity.owner = ["of kind__"];
  assert.deepEqual([entity.kind_, entity.kind__, entity.kind___], ["of kind_", "of kind__", "of kind"]);
});

test("a field with the name of an entity's own property has an underscore behind it", () => {
  const names = ["id", "kind", "values", "constructor", "__proto__", "x"];
  const fields = names.map((name) => [name, ["str"]]);
  const schema = schemaOf([[["Pickup", [], fields, []]], [], [["Took", fields]]]);
  const entity = schema.entities[0].create(7, names.map((name) => `of ${name}`), 3);
  assert.deepEqual([entity.id, entity.kind, entity.x], [7, "Pickup", "of x"]);
  assert.deepEqual([entity.id_, entity.kind_], ["of id", "of kind"]);
  assert.equal(entity.constructor_, "of constructor");
  const writer = new Writer();
  for (const name of names) writer.str(name);
  const event = schema.events[0].read(new Reader(writer.written()));
  assert.deepEqual([event.kind, event.kind_, event.x], ["Took", "kind", "x"]);
  assert.equal(Object.getPrototypeOf(event), Object.prototype);
});

test("entities and events become the JSON that the Python client makes of them", () => {
  const { schema, delta, entities, events } = vectors("plain_values.json");
  const replica = new Replica(schemaOf(unmarked(schema, true)));
  const applied = replica.apply(encode(unmarked(delta, true)));
  const copy = (value) => JSON.parse(JSON.stringify(value));
  assert.deepEqual(copy([...replica.entities.values()]), entities);
  assert.deepEqual(copy(applied.events), events);
  const [ship] = replica.entities.values();
  assert.deepEqual(Object.keys(ship.toJSON()), Object.keys(entities[0]));
  assert.deepEqual([ship.kind, ship.kind__, ship.kind_, ship.owner_], ["Ship", "LARGE", 12, "Ada"]);
});
