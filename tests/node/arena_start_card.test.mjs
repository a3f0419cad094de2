// What the start card remembers.

import assert from "node:assert/strict";
import test from "node:test";

import { rememberedPilot } from "../../clients/web/arena/start_card.js";

let kept = "";
Object.defineProperty(globalThis, "localStorage", { value: { getItem: () => kept } });

function pilot(value) {
  kept = JSON.stringify(value);
  return rememberedPilot();
}

test("a name that was remembered is cleaned, for it may be anybody's", () => {
  assert.deepEqual(pilot({ name: " Ada\n", colour: 3 }), { name: "Ada", colour: 3 });
});

test("a colour that there is not, or something else altogether, is not remembered", () => {
  for (const colour of ["length", "constructor", "__proto__", "3", 1.5, -1, 12, null]) {
    assert.equal(pilot({ name: "Ada", colour }), null, String(colour));
  }
  for (const other of [null, 5, [], { name: 5, colour: 3 }]) assert.equal(pilot(other), null);
});
