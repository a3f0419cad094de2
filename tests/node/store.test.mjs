// A room as values that are replaced: what changes, what stays the same object, who is told.

import assert from "node:assert/strict";
import test from "node:test";

import { RoomStore } from "../../clients/web/adapters/store.js";
import { delta, hit, playing, ship, welcome, world } from "./fakes.mjs";

/** A store, and how often it told. */
function stored() {
  const made = playing();
  const store = new RoomStore(made.client);
  const counts = { told: 0 };
  store.subscribe(() => (counts.told += 1));
  made.socket().say(delta(11, { leaves: null, enters: [...ship(1, 4), ...ship(2, 6)] }));
  return { ...made, store, counts };
}

test("entities are frozen copies with fields by name", () => {
  const { store, client } = stored();
  const [one, other] = store.entities("Ship");
  assert.deepEqual({ ...one }, { id: 1, kind: "Ship", x: 2, y: 0, ammo: null });
  assert.equal(other.x, 3);
  assert.ok(Object.isFrozen(one) && Object.isFrozen(store.entities("Ship")));
  assert.equal(store.own, one);
  assert.notEqual(one, client.replica.own);
  assert.deepEqual(store.entities("Rock"), []);
});

test("what has not changed stays the same object", () => {
  const { store, socket, counts } = stored();
  const before = store.entities("Ship");
  const told = counts.told;
  socket().say(delta(12, { events: [hit] }));
  assert.equal(store.entities("Ship"), before);
  assert.equal(counts.told, told + 1);
  socket().say(delta(13, { sets: [2, 2, 9] }));
  const after = store.entities("Ship");
  assert.notEqual(after, before);
  assert.equal(after[0], before[0]);
  assert.deepEqual([before[1].y, after[1].y], [0, 9]);
  socket().say(delta(14, { leaves: [1] }));
  assert.deepEqual(store.entities("Ship").map(({ id }) => id), [2]);
  assert.equal(store.own, null);
});

test("what becomes ours, and no longer is, is another copy", () => {
  const { store, socket } = stored();
  const before = store.own;
  socket().say(delta(12, { own: [1, 1, 1, 8] }));
  assert.equal(store.own.ammo, 8);
  socket().say(delta(13, { own: [2, 1, 0] }));
  assert.equal(store.entities("Ship")[0].ammo, null);
  assert.equal(store.own.id, 2);
  assert.equal(before.ammo, null);
});

test("the connection is told with its reason, and a new seat begins empty", () => {
  const { client, socket, time } = world();
  const store = new RoomStore(client);
  assert.deepEqual(store.connection, { state: "idle", reason: "", retryInS: null, room: "", seat: 0 });
  const states = [];
  store.subscribe(() => states.push(store.connection.state));
  client.connect();
  socket().accept();
  socket().say(welcome());
  assert.deepEqual(states, ["connecting", "joining", "playing", "playing"]);
  assert.deepEqual([store.connection.room, store.connection.seat], ["arena/main", 1]);
  socket().say(delta(11, { leaves: null, enters: ship(1) }));
  assert.equal(store.entities("Ship").length, 1);
  socket().lose(1006, "gone");
  assert.equal(store.connection.reason, "gone");
  assert.equal(store.entities("Ship").length, 1, "the last state stays to be drawn");
  time.advance(500);
  socket().accept();
  socket().say(welcome());
  assert.deepEqual(store.entities("Ship"), []);
});

test("after stop nobody is told", () => {
  const { store, socket, counts } = stored();
  store.stop();
  const { told } = counts;
  socket().say(delta(12));
  assert.equal(counts.told, told);
});

test("a listener that stops within a call is not called again, and the others are", () => {
  const { store, socket } = stored();
  const heard = [];
  const stop = store.subscribe(() => {
    heard.push("one");
    stop();
  });
  store.subscribe(() => heard.push("two"));
  socket().say(delta(12));
  socket().say(delta(13));
  assert.deepEqual(heard, ["one", "two", "two"]);
});
