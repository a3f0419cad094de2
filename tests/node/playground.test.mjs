// The playground's pure parts: what map and table are given, and values as text.

import assert from "node:assert/strict";
import test from "node:test";

import { colourOf, shown } from "../../clients/web/playground/shown.js";
import { allThings, seenThings } from "../../clients/web/playground/view_model.js";
import { delta, playing, ship } from "./fakes.mjs";

function seen() {
  const { client, socket } = playing();
  socket().say(delta(11, { leaves: null, enters: [...ship(1), ...ship(3, 8)], own: [1] }));
  return client.replica;
}

test("what the seat sees, with its place", () => {
  const things = seenThings(seen());
  assert.deepEqual(things.map(({ id, kind, own, seen }) => [id, kind, own, seen]), [
    [1, "Ship", true, true],
    [3, "Ship", false, true],
  ]);
  assert.deepEqual(things[1].at, [things[1].fields.x, things[1].fields.y]);
});

test("the whole world adds what is hidden, and what the server alone knows", () => {
  const replica = seen();
  const entity = (id, fields) => ({ id, kind: "Ship", seat: 0, fields: { x: 0, y: 0, ...fields } });
  const entities = [entity(1, { x: 99, secret: 7 }), entity(5, { x: 4, y: 2, secret: 8 })];
  const things = allThings(replica, { room: "arena/1", tick: 12, count: 2, entities });
  assert.deepEqual(things.map(({ id, seen }) => [id, seen]), [[5, false], [1, true], [3, true]]);
  assert.deepEqual(things[0].at, [4, 2]);
  const own = things[1];
  assert.equal(own.fields.secret, 7);
  assert.equal(own.fields.x, replica.own.x, "what the seat sees is shown as it sees it");
  assert.deepEqual(allThings(replica, null), seenThings(replica));
});

test("an id that was given to another kind meanwhile is another thing", () => {
  const entities = [{ id: 1, kind: "Rock", seat: 0, fields: {} }];
  const things = allThings(seen(), { room: "", tick: 1, count: 1, entities });
  assert.deepEqual(things.map(({ id, kind }) => [id, kind]), [[1, "Rock"], [1, "Ship"], [3, "Ship"]]);
  assert.equal(things[0].at, null);
});

test("values as short text", () => {
  const cases = [
    [null, "–"],
    [undefined, "–"],
    [3, "3"],
    [0.125, "0.13"],
    ["text", "text"],
    [true, "true"],
    [new Uint8Array(3), "3 bytes"],
    [[1, [2]], "[1, [2]]"],
    [new Map([["a", 1]]), "{a: 1}"],
    [{ kind: "KEY", count: 2 }, "{kind: KEY, count: 2}"],
    ["x".repeat(100), `${"x".repeat(59)}…`],
  ];
  for (const [value, text] of cases) assert.equal(shown(value), text);
});

test("colours of neighbours differ", () => {
  const colours = Array.from({ length: 12 }, (_, index) => colourOf(index));
  assert.equal(new Set(colours).size, 12);
});
