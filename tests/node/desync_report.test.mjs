// The report after a wrong checksum: what a server would refuse is left out of it.

import assert from "node:assert/strict";
import test from "node:test";

import { desyncReport } from "../../clients/web/net/desync_report.js";
import { Kind } from "../../clients/web/net/messages.js";
import { encode, Reader } from "../../clients/web/net/msgpack.js";
import { Replica } from "../../clients/web/net/replica.js";
import { schemaOf } from "./vectors.mjs";

const fields = [["name", ["str"]], ["items", ["list", ["int"]]], ["data", ["bytes"]]];
const schema = schemaOf([[["Store", [], fields, []]], [], []]);

/** The ids that a client reports that holds these, where the server has others. */
function reported(...entities) {
  const replica = new Replica(schema);
  const enters = entities.flatMap((values, at) => [at + 1, 0, ...values]);
  replica.apply(encode([Kind.DELTA, 1, 0, null, null, enters, [], [], [0], []]));
  const report = desyncReport(replica, new Map());
  return report === null ? [] : new Reader(report).value()[2].map(([id]) => id);
}

test("entities beyond a server's limits are left out", () => {
  const small = ["a", [1, 2], new Uint8Array(3)];
  assert.deepEqual(reported(small, small), [1, 2]);
  for (const large of [
    ["a", Array(65).fill(0), new Uint8Array()],
    ["é".repeat(1025), [], new Uint8Array()],
    ["a", [], new Uint8Array(2049)],
  ]) {
    assert.deepEqual(reported(small, large, small), [1, 3]);
    assert.deepEqual(reported(large), []);
  }
});

test("as many as fit a message are reported", () => {
  const long = ["a".repeat(1500), [], new Uint8Array()];
  assert.deepEqual(reported(long, long, long), [1, 2]);
});
