/** The browser's movement against tests/vectors/movement.json, which the server's movement wrote. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { constants, fly } from "./fly_traces.mjs";
import { move } from "../../../clients/web/arena/movement.js";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/movement.json", import.meta.url), "utf8"));

test("the numbers are those of the server", () => {
  assert.deepEqual(constants(Object.keys(vectors.constants)), vectors.constants);
});

test("each trace is flown to the last bit, without a negative zero", () => {
  for (const trace of vectors.traces) assert.deepEqual(fly(trace), trace.states);
});

test("the given state is not changed", () => {
  const state = Object.freeze({ x: 0, y: 0, vx: 9, vy: 9, heading: 3, energy: 50, dash_left: 0 });
  const rock = Object.freeze({ x: 10, y: 10, radius: 1000 });
  move(state, { turn: 1, thrust: true, dash: true }, [rock], 1000);
});
