// A typed name becomes one that the server takes.

import assert from "node:assert/strict";
import test from "node:test";

import { cleanName, remembered } from "../../clients/web/arena/start_card.js";

test("spaces at the ends, doubled spaces and unprintable characters go", () => {
  assert.equal(cleanName("  Ada  Lovelace "), "Ada Lovelace");
  assert.equal(cleanName("A\u0000d\u200bA\n"), "AdA");
  assert.equal(cleanName("\u00a0\u2003"), "");
});

test("at most 24 characters, counted as the server counts them", () => {
  assert.equal(cleanName("x".repeat(40)), "x".repeat(24));
  assert.equal([...cleanName("🚀".repeat(40))].length, 24);
  assert.equal(cleanName(`${"x".repeat(23)} y`), "x".repeat(23));
});

test("what is remembered is a name and a colour that there is, or nothing", () => {
  let kept = "";
  Object.defineProperty(globalThis, "localStorage", { value: { getItem: () => kept } });
  const pilot = (/** @type {unknown} */ value) => {
    kept = JSON.stringify(value);
    return remembered();
  };
  assert.deepEqual(pilot({ name: " Ada ", colour: 3 }), { name: "Ada", colour: 3 });
  for (const colour of ["length", "constructor", "__proto__", "3", 1.5, -1, 12, null]) {
    assert.equal(pilot({ name: "Ada", colour }), null, String(colour));
  }
  for (const other of [null, 5, [], { name: 5, colour: 3 }]) assert.equal(pilot(other), null);
});
