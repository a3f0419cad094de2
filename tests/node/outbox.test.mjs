import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeHeld } from "../../clients/web/net/held.js";
import { MAX_UNSETTLED, Outbox } from "../../clients/web/net/outbox.js";
import { toHex } from "./vectors.mjs";

const seqs = (commands) => commands.map(({ seq }) => seq);

function outbox(...ticks) {
  const made = new Outbox();
  ticks.forEach((tick, i) => made.sent({ seq: i + 1, tick, bytes: new Uint8Array() }));
  return made;
}

test("what was not dealt with is sent again, in order", () => {
  const box = outbox(0, 0, 0, 0, 0);
  box.settled(2);
  assert.deepEqual(seqs(box.toSendAgain(3, 100)), [4, 5]);
  assert.deepEqual(seqs(box.toSendAgain(3, 100)), [4, 5], "the way may be lost again");
  box.settled(5);
  assert.equal(box.size, 0);
});

test("what was for ticks that have passed is forgotten", () => {
  const box = outbox(9, 10, 11, 0, 12);
  assert.deepEqual(seqs(box.toSendAgain(0, 10)), [3, 4, 5]);
  assert.equal(box.size, 3);
});

test("it is bounded", () => {
  const box = outbox(...Array.from({ length: MAX_UNSETTLED + 3 }, () => 0));
  assert.equal(box.size, MAX_UNSETTLED);
  assert.equal(box.dropped, 3);
  assert.equal(box.toSendAgain(0, 0)[0].seq, 4);
});

test("the ids that are held", () => {
  assert.equal(toHex(encodeHeld([])), "");
  assert.equal(toHex(encodeHeld([3, 1, 2])), "010101");
  assert.equal(toHex(encodeHeld([1, 129, 128, 16_513])), "017f01808001");
  assert.equal(toHex(encodeHeld([2 ** 52])), "8080808080808008");
  const many = Array.from({ length: 2049 }, (_, i) => i + 1);
  assert.equal(encodeHeld(many), null);
  assert.equal(encodeHeld(many.slice(1)).length, 2048);
});
