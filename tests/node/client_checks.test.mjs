// GameClient when what it holds, or what it is sent, is wrong: checks, malformed deltas and messages.

import assert from "node:assert/strict";
import test from "node:test";

import { Kind } from "../../clients/web/net/messages.js";
import { delta, joining, playing, ship, welcome, wrongCheck } from "./fakes.mjs";
import { unmarked, vectors } from "./vectors.mjs";

test("a check that agrees is counted", () => {
  const { client, socket } = playing();
  socket().say(delta(11, { enters: ship(1, 5) }));
  socket().say([Kind.CHECK, 11, client.replica.checksum()]);
  assert.equal(client.statistics().checksPassed, 1);
  assert.deepEqual(socket().take(), []);
});

test("a check that disagrees asks for a full state, once until it comes", () => {
  const { client, socket } = playing();
  socket().say(delta(11, { enters: ship(1, 5) }));
  socket().say(wrongCheck(client, 11));
  socket().say(wrongCheck(client, 11));
  assert.deepEqual(socket().take(), [[7, 11, null], [6]]);
  assert.equal(client.statistics().checksumFailures, 1);
  socket().say(delta(12, { sets: [1, 1, 6] }));
  assert.equal(client.replica.entities.get(1).x, 3, "the replica keeps its entities meanwhile");
  socket().say(delta(13, { leaves: null, enters: ship(1, 7) }));
  socket().say(wrongCheck(client, 13));
  assert.deepEqual(socket().take(), [[6]]);
  assert.equal(client.statistics().resyncs, 2);
});

test("a client that was corrupted reports what it holds, by the hashes of the server", () => {
  const { client, socket } = playing();
  socket().say(delta(11, { enters: [...ship(1, 5), ...ship(2, 7), ...ship(3, 9)] }));
  const { replica } = client;
  const hashes = [...replica.entities.values()].flatMap((e) => [e.id, replica.hashOf(e)]);
  socket().say([Kind.CHECK, 11, (replica.checksum() + 1) % 2 ** 32]);
  socket().take();
  replica.entities.get(2).values[0] = 8; // corrupted
  replica.entities.delete(3);
  socket().say([Kind.HASHES, 11, [...hashes, 4, 77]]);
  assert.deepEqual(socket().take(), [
    [7, 11, [[2, 0, [8, 0], null], [3, null, [], null], [4, null, [], null]]],
  ]);
});

test("hashes of another tick, of nothing wrong, or unasked for, are reported by nothing", () => {
  const { client, socket } = playing();
  socket().say(delta(11, { enters: ship(1, 5) }));
  socket().say([Kind.HASHES, 11, [1, 1]]);
  assert.deepEqual(socket().take(), []);
  socket().say(wrongCheck(client, 11));
  socket().take();
  socket().say([Kind.HASHES, 10, [1, 1]]);
  socket().say([Kind.HASHES, 11, [1, client.replica.hashOf(client.replica.entities.get(1))]]);
  assert.deepEqual(socket().take(), []);
});

test("the first malformed delta asks for a full state, the second closes", () => {
  const { client, socket, told } = playing();
  socket().say(delta(11, { enters: ship(1) }));
  socket().say(delta(12, { leaves: [7] }));
  assert.deepEqual(socket().take(), [[6]]);
  assert.equal(client.state, "playing");
  socket().say(delta(13, { sets: [1, 1, 6] }));
  assert.equal(client.replica.entities.size, 0, "passed over until the full state");
  socket().say(delta(14, { leaves: null, enters: ship(1) }));
  assert.equal(client.replica.entities.size, 1);
  assert.deepEqual(told("delta").map(({ tick }) => tick), [11, 14]);
  socket().say(delta(15, { leaves: [7] }));
  assert.equal(client.state, "closed");
  assert.equal(socket().closed.code, 4000);
  assert.equal(client.statistics().protocolErrors, 2);
});

test("a malformed delta asks for nothing more while a full state is on its way", () => {
  const { client, socket } = playing();
  socket().say(wrongCheck(client, 10));
  socket().say(delta(11, { leaves: [7] }));
  assert.deepEqual(socket().take(), [[6]]);
  assert.equal(client.state, "playing");
});

test("a malformed full state closes at once", () => {
  const { client, socket } = playing();
  socket().say(wrongCheck(client, 10));
  socket().say(delta(11, { leaves: null, enters: [1] })); // the very answer is malformed
  assert.deepEqual(socket().take(), [[6]]);
  assert.equal(client.state, "closed");
  assert.equal(socket().closed.code, 4000);
});

test("what a client sends to wrong checks and deltas agrees with the vectors", () => {
  const { welcome: welcomeForm, cases } = vectors("client_session.json");
  for (const { name, steps } of cases) {
    const { client, socket } = joining();
    socket().say(unmarked(welcomeForm, true));
    socket().take();
    for (const [message, after] of steps) {
      socket().say(unmarked(message, true));
      const sent = socket().take().filter(([kind]) => kind !== Kind.ACK);
      assert.deepEqual(sent, after.sends, `${name}: sends`);
      assert.equal(socket().closed?.code ?? null, after.closes ?? null, `${name}: closes`);
      const held = [...client.replica.entities].map(([id, entity]) => [id, ...entity.values]);
      assert.deepEqual(held, after.holds, `${name}: holds`);
    }
  }
});

test("a full state that never comes is a lost connection", () => {
  const { client, socket, time, told } = playing();
  socket().say(wrongCheck(client, 10));
  for (let second = 1; second <= 11; second += 1) {
    time.advance(1030);
    socket().say(delta(10 + second));
  }
  assert.equal(client.state, "reconnecting");
  assert.equal(told("state").at(-1).reason, "no full state in time");
});

test("any other malformed message closes with 4000 and a reason that fits a close frame", () => {
  const wrong = [
    new Uint8Array([0xc1]),
    [99],
    [Kind.SAID, 1],
    [Kind.MOVED, "http://x/", "t"],
    [Kind.MOVED, `é${"x".repeat(300)}`, "t"],
    [Kind.MOVED, "x".repeat(1_000_000), "t"],
    new Uint8Array(2 ** 20 + 1).fill(0xc0),
    welcome(),
  ];
  for (const message of wrong) {
    const { client, socket, told } = playing();
    socket().say(message);
    assert.equal(client.state, "closed");
    const { code, action } = told("state").at(-1);
    assert.deepEqual([code, action], [4000, "stop"]);
    assert.equal(socket().closed.code, 4000);
    assert.ok(new TextEncoder().encode(socket().closed.reason).length <= 123);
  }
});

test("a text message closes with 4000", () => {
  const { client, socket } = playing();
  socket().onmessage({ data: "hello" });
  assert.deepEqual([client.state, socket().closed.code], ["closed", 4000]);
  assert.equal(client.statistics().protocolErrors, 1);
});
