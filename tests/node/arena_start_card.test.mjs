// A typed name becomes one that the server takes.

import assert from "node:assert/strict";
import test from "node:test";

import { cleanName } from "../../clients/web/arena/start_card.js";

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
