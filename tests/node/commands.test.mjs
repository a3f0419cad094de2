// Command values: defaults, limits, and the texts that say what is wrong.

import assert from "node:assert/strict";
import test from "node:test";

import { Float64 } from "../../clients/web/net/msgpack.js";
import { schemaOf } from "./vectors.mjs";

const schema = schemaOf([
  [],
  [
    [
      "Steer",
      [
        ["turn", ["int"], 0, -1, 1, null],
        ["thrust", ["bool"], false, null, null, null],
        ["aim", ["steps", 0.4], 0, -1, 1, null],
        ["power", ["float32"], new Float64(0), 0, 0.1, null],
        ["text", ["str"], "", null, null, 3],
        ["path", ["list", ["steps", 0.4]], [], -1, 1, 2],
        ["target", ["optional", ["int"]], null, 1, 9, null],
      ],
    ],
    ["Name", [["name", ["str"], null, null, null, 3000]]],
    [
      "Sort",
      [
        [
          "items",
          [
            "list",
            [
              "value",
              "Item",
              [
                ["count", ["int"], 0, 9, null],
                ["at", ["optional", ["steps", 0.4]], -1, 1, null],
                ["tags", ["list", ["str"]], null, null, 2],
                ["rows", ["list", ["str"]], null, null, null],
              ],
            ],
          ],
          [],
          null,
          null,
          2,
        ],
      ],
    ],
  ],
  [],
]);
const steer = schema.command("Steer");
const only = (fields) => steer.toWire(fields);

test("fields left out take their defaults", () => {
  assert.deepEqual(only({}), [0, false, 0, 0, "", [], null]);
  assert.deepEqual(only({ turn: -1, thrust: true, target: 3 }), [-1, true, 0, 0, "", [], 3]);
});

test("a field without default must be given", () => {
  assert.throws(() => schema.command("Name").toWire({}), /^TypeError: Name\.name must be given$/);
});

test("an unknown field or command is named, with those that there are", () => {
  assert.throws(() => only({ tunr: 1 }), /^TypeError: Steer has no field tunr; it has turn, thr/);
  assert.throws(
    () => schema.command("Fire"),
    /^TypeError: the room has no command Fire; it has Steer, Name, Sort$/,
  );
});

test("values outside their limits are refused with a readable error", () => {
  const refused = [
    [{ turn: 2 }, /^RangeError: Steer\.turn: 2 is outside -1 … 1$/],
    [{ turn: -2 }, /^RangeError: Steer\.turn: -2 is outside -1 … 1$/],
    [{ aim: 1.01 }, /^RangeError: Steer\.aim: 1\.01 is outside -1 … 1$/],
    [{ power: 0.2 }, /^RangeError: Steer\.power: 0\.2 is outside 0 … 0\.1$/],
    [{ text: "abcd" }, /^RangeError: Steer\.text: longer than 3$/],
    [{ path: [0, 0, 0] }, /^RangeError: Steer\.path: longer than 2$/],
    [{ path: [0, 5] }, /^RangeError: Steer\.path: 5 is outside -1 … 1$/],
    [{ target: 10 }, /^RangeError: Steer\.target: 10 is outside 1 … 9$/],
    [{ text: "\ud800" }, /^RangeError: Steer\.text: half a character/],
    [{ turn: 0.5 }, /^TypeError: Steer\.turn: 0\.5 is not an integer$/],
    [{ turn: null }, /^TypeError: Steer\.turn: null is not an integer$/],
    [{ thrust: 1 }, /^TypeError: Steer\.thrust: 1 is not true or false$/],
    [{ aim: NaN }, /^TypeError: Steer\.aim: NaN is not a finite number$/],
  ];
  for (const [fields, error] of refused) assert.throws(() => only(fields), error);
});

test("characters are counted as the server counts them, not as UTF-16", () => {
  assert.equal(only({ text: "🚀🚀🚀" })[4], "🚀🚀🚀");
});

test("no str is longer than a server takes, whatever its field allows", () => {
  const name = schema.command("Name");
  assert.equal(name.toWire({ name: "é".repeat(1024) })[0].length, 1024);
  assert.throws(() => name.toWire({ name: "é".repeat(1025) }), /longer than 2048 bytes/);
});

test("rounding never carries a value over its limit", () => {
  // 1 / 0.4 is 2.5 steps, -0.99 / 0.4 is -2.475: three steps would be 1.2
  assert.equal(only({ aim: 1 })[2], 2);
  assert.equal(only({ aim: -1 })[2], -2);
  assert.deepEqual(only({ path: [1, -1] })[5], [2, -2]);
  // the float 32 next to 0.1 is larger than 0.1
  const power = only({ power: 0.1 })[3];
  assert.ok(power < 0.1 && power > 0.0999999);
  assert.equal(power, Math.fround(power));
  const tight = schemaOf([[], [["C", [["v", ["steps", 0.3], 0, -1, 1, null]]]], []]);
  assert.deepEqual([1, -1].map((v) => tight.command("C").toWire({ v })[0]), [3, -3]);
  const wide = schemaOf([[], [["C", [["v", ["steps", 0.6], 0, -1, 1, null]]]], []]);
  assert.deepEqual([1, -1].map((v) => wide.command("C").toWire({ v })[0]), [1, -1]);
});

test("a field that is called as something every object has is only what the page gave", () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    const kind = schemaOf([[], [["Odd", [[name, ["int"], 7, null, null, null]]]], []]).command("Odd");
    assert.deepEqual(kind.toWire({}), [7], name);
    assert.deepEqual(kind.toWire({ [name]: 8 }), [8], name);
  }
});

test("values within a command have limits of their own", () => {
  const sort = (...items) => schema.command("Sort").toWire({ items });
  const item = { count: 3, at: 1, tags: ["a"], rows: [] };
  assert.deepEqual(sort(item), [[[3, 2, ["a"], []]]]);
  assert.deepEqual(schema.command("Sort").toWire({}), [[]]);
  const refused = [
    [[{ ...item, count: 10 }], /^RangeError: Sort\.items: count: 10 is outside 0 … 9$/],
    [[{ ...item, at: 1.1 }], /^RangeError: Sort\.items: at: 1.1 is outside -1 … 1$/],
    [[{ ...item, tags: ["a", "b", "c"] }], /^RangeError: Sort\.items: tags: longer than 2$/],
    [[{ ...item, rows: Array(65).fill("a") }], /^RangeError: Sort\.items: rows: longer than 64$/],
    [[item, item, item], /^RangeError: Sort\.items: longer than 2$/],
    [[{ count: 1, at: null }], /^TypeError: Sort\.items: Item\.tags must be given$/],
    [[{ ...item, cuont: 1 }], /^TypeError: Sort\.items: Item has no field cuont$/],
    [[7], /^TypeError: Sort\.items: 7 is not a Item$/],
  ];
  for (const [items, message] of refused) assert.throws(() => sort(...items), message);
});
