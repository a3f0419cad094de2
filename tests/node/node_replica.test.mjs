// The replica of the client that was made from the document, which the system tests play with.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";

import { Replica } from "../system/node_replica.mjs";
import { fromHex, vectors } from "./vectors.mjs";

const { decode } = createRequire(import.meta.url)("@msgpack/msgpack");
const [WELCOME, DELTA, CHECK] = [17, 18, 22];

const STREAM = vectors("delta_stream.json");

test("the delta stream of the vectors, step by step", () => {
  let replica;
  for (const { note, hex, after } of STREAM.steps) {
    const message = decode(fromHex(hex));
    if (message[0] === WELCOME) replica = new Replica(message[6]);
    if (message[0] === DELTA) replica.apply(message);
    if (message[0] === CHECK) assert.equal(replica.checksum(), message[2], note);
    const owned = [...replica.entities].filter(([, { owner }]) => owner !== null);
    assert.deepEqual([...replica.entities.keys()].map(String).sort(), Object.keys(after.entities).sort(), note);
    assert.deepEqual(owned.map(([id]) => String(id)), Object.keys(after.owned), note);
    assert.equal(replica.checksum(), after.checksum, note);
  }
});

test("a bool in adds stays a bool: a mine that is armed", () => {
  const mine = ["Mine", [0, 1], [["x", ["int"]], ["y", ["int"]], ["seat", ["int"]], ["armed", ["bool"]]], []];
  const replica = new Replica([[mine], [], []]);
  replica.apply([DELTA, 90, 0, null, null, [7, 0, 100, 200, 3, false], [], [], [0], []]);
  replica.apply([DELTA, 120, 0, null, [], [], [], [7, 8, true], [], []]);
  assert.deepEqual(replica.all("Mine"), [{ id: 7, x: 100, y: 200, seat: 3, armed: true, owned: false }]);
});
