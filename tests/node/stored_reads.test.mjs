// client.stored: questions for what the storage keeps, and their answers.

import assert from "node:assert/strict";
import test from "node:test";

import { ReadError } from "../../clients/web/net/errors.js";
import { Kind } from "../../clients/web/net/messages.js";
import { joining, playing } from "./fakes.mjs";

test("questions are sent with numbers of their own and their defaults", () => {
  const { client, socket } = playing();
  void client.stored.own("careers");
  void client.stored.top("kills", { limit: 5, back: 1 });
  void client.stored.rank("kills");
  void client.stored.around("kills", { limit: 2 });
  assert.deepEqual(socket().take(), [
    [Kind.READ, 1, "careers", "own", [""]],
    [Kind.READ, 2, "kills", "top", [5, 0, 1]],
    [Kind.READ, 3, "kills", "rank", [0]],
    [Kind.READ, 4, "kills", "around", [2, 0]],
  ]);
});

test("answers come in any order, and each goes to its question", async () => {
  const { client, socket } = playing();
  const { stored } = client;
  const asked = [stored.own("careers"), stored.top("kills"), stored.rank("kills"), stored.own("none")];
  socket().say([Kind.RESULT, 3, [7, "Ann", 12, true], null]);
  socket().say([Kind.RESULT, 2, [[1, "Bob", 40, false]], null]);
  socket().say([Kind.RESULT, 1, { kills: 12 }, null]);
  socket().say([Kind.RESULT, 4, null, null]);
  const [career, top, rank, none] = await Promise.all(asked);
  assert.deepEqual({ ...career }, { kills: 12 });
  assert.deepEqual(top, [{ rank: 1, name: "Bob", score: 40, own: false }]);
  assert.deepEqual(rank, { rank: 7, name: "Ann", score: 12, own: true });
  assert.equal(none, null);
});

test("an error, nonsense, a lost connection and silence reject, and close nothing", async () => {
  const { client, socket, time } = playing();
  const { stored } = client;
  const error = stored.rank("kills");
  socket().say([Kind.RESULT, 1, null, "the storage does not answer"]);
  await assert.rejects(error, (e) => e instanceof ReadError && /does not answer/.test(e.message));
  for (const [number, wrong] of [[2, [1]], [3, 5]]) {
    const nonsense = stored.top("kills");
    socket().say([Kind.RESULT, number, wrong, null]);
    await assert.rejects(nonsense, ReadError);
  }
  const list = stored.own("careers");
  socket().say([Kind.RESULT, 4, [], null]);
  await assert.rejects(list, ReadError);
  socket().say([Kind.RESULT, 99, null, null]); // nobody asked
  assert.equal(client.state, "playing");
  const lost = stored.rank("kills");
  socket().lose(1006);
  await assert.rejects(lost, /connection is lost/);
  await assert.rejects(stored.rank("kills"), /not playing/);
  assert.ok(time.timers.every(({ atMs }) => atMs < time.nowMs + 10_000), "no timer is left");
});

test("a question that nobody answers ends after ten seconds", async () => {
  const { client, socket, time } = playing();
  const silent = client.stored.rank("kills");
  const ended = assert.rejects(silent, /no answer came in time/);
  for (let passedMs = 0; passedMs <= 10_000; passedMs += 500) {
    socket().say([Kind.SAID, 0, "", "the connection lives"]);
    time.advance(500);
  }
  await ended;
  assert.equal(client.state, "playing");
});

test("nothing can be read before the welcome", async () => {
  const { client } = joining();
  await assert.rejects(client.stored.rank("kills"), /not playing/);
});
