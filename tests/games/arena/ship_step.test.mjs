/** The browser's ship step against tests/vectors/ship_step.json, which the server's step wrote. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as shipStep from "../../../clients/web/arena/ship_step.js";
import { constants, flyAndShoot, STEP_NAMES } from "./fly_traces.mjs";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/ship_step.json", import.meta.url), "utf8"));

test("the numbers are those of the server", () => {
  assert.deepEqual(constants(Object.keys(vectors.constants), shipStep), vectors.constants);
});

test("each trace is flown and shot to the last bit, without a negative zero", () => {
  for (const trace of vectors.traces) assert.deepEqual(flyAndShoot(trace), trace.states);
});

test("a state has exactly the fields of the server's", () => {
  const state = Object.freeze(Object.fromEntries(STEP_NAMES.map((name) => [name, 0])));
  const steer = { turn: 0, thrust: true, dash: true, fire: true, mine: true, aim: 9 };
  const next = shipStep.step_ship(state, steer, [], 1000, true);
  assert.deepEqual(Object.keys(next).sort(), [...STEP_NAMES].sort());
});
