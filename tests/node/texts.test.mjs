// What players say and what they are called, as the vectors that the server reads, too.

import assert from "node:assert/strict";
import test from "node:test";

import { canBeName, canBeSaid, cleanName, cleanText } from "../../clients/web/net/texts.js";
import { vectors } from "./vectors.mjs";

const { texts, names } = vectors("texts.json");

test("texts", () => {
  for (const { text, valid, cleaned } of texts) {
    const length = [...text].length;
    assert.equal(canBeSaid(text) && length <= 256, valid, JSON.stringify(text));
    assert.equal(cleanText(text), cleaned, JSON.stringify(text));
  }
});

test("names", () => {
  for (const { name, valid, cleaned } of names) {
    assert.equal(canBeName(name), valid, JSON.stringify(name));
    assert.equal(cleanName(name), cleaned, JSON.stringify(name));
  }
});

test("half a character is neither a text nor a name", () => {
  for (const half of ["\ud83d", "a\ude80"]) {
    assert.equal(canBeSaid(half), false);
    assert.equal(canBeName(half), false);
  }
  assert.equal(cleanText("a\ud83d"), "a");
  assert.equal(cleanName("a\ud83d"), "a");
});
