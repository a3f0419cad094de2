// Changes of lists, dicts and values: what those of the vectors make, and which are refused.

import assert from "node:assert/strict";
import test from "node:test";

import { readChange } from "../../clients/web/net/edits.js";
import { ProtocolError } from "../../clients/web/net/errors.js";
import { readType } from "../../clients/web/net/fieldtypes.js";
import { encode, Reader } from "../../clients/web/net/msgpack.js";
import { unmarked, vectors } from "./vectors.mjs";

const readerOf = (json) => new Reader(encode(unmarked(json, true)));

for (const { name, type: described, held: heldJson, change, after, error } of vectors("changes.json")) {
  test(`${error ? "refused: " : ""}${name}`, () => {
    const type = readType(readerOf(described));
    const held = type.name === "optional" && heldJson === null ? null : type.read(readerOf(heldJson));
    const reader = readerOf(change);
    if (error) {
      assert.throws(() => readChange(reader, type, held), ProtocolError);
    } else {
      assert.deepEqual(readChange(reader, type, held), unmarked(after, false));
      reader.end();
    }
    assert.deepEqual(held, unmarked(heldJson, false), "what is held is not changed in place");
  });
}
