// The page's own network lab: what a link does to messages, and sockets that go through it.

import assert from "node:assert/strict";
import test from "node:test";

import { Conditioner } from "../../clients/web/lab/conditioner.js";
import { LabLink } from "../../clients/web/lab/conditioned_socket.js";
import { Outages } from "../../clients/web/lab/path.js";
import { conditioners, linkNamed, LINKS, timeoutMs } from "../../clients/web/lab/profiles.js";
import { partSeed, seededRandom } from "../../clients/web/lab/random.js";
import { Flight } from "../../clients/web/lab/recovery.js";
import { FakeSocket, FakeTime } from "./fakes.mjs";

const NEVER = new Outages({ seed: 1, beginMs: 0, everyMs: Infinity, leastMs: 0, mostMs: 0 });

function conditioner(more, { seed = 1, timeout = 200, outages = NEVER } = {}) {
  const path = { delayMs: 0, jitterMs: 0, bytesPerS: Infinity, loss: 0, ...more };
  const rttMs = 2 * path.delayMs;
  const measured = { leastRttMs: rttMs, smoothedRttMs: rttMs, timeoutMs: timeout };
  return new Conditioner(path, new Flight(path, path, measured, seededRandom(seed), outages));
}

/** When many messages are there, one sent each `everyMs`, in order as whoever holds them keeps it. */
function arrivals(way, count, everyMs, bytes = 50) {
  const passages = Array.from({ length: count }, (_, i) => way.send(i * everyMs, bytes));
  let front = -Infinity;
  return passages.map(({ arrivesMs }) => (front = Math.max(front, arrivesMs)));
}

/** Arrival minus sending of many messages, one each 10 ms. */
function journeys(way, count, bytes = 50) {
  return arrivals(way, count, 10, bytes).map((ms, i) => ms - i * 10);
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// ---------------------------------------------------------------- chance

test("the same seed gives the same numbers, another gives others, all in [0, 1)", () => {
  const draw = (seed) => Array.from({ length: 1000 }, seededRandom(seed));
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
  assert.ok(draw(7).every((value) => value >= 0 && value < 1));
  assert.ok(Math.abs(mean(draw(7)) - 0.5) < 0.03);
  assert.equal(new Set([0, 1, 2, 3].map((part) => partSeed(7, part))).size, 4);
});

// ---------------------------------------------------------------- a link

test("a plain delay delays by just that", () => {
  assert.ok(journeys(conditioner({ delayMs: 75 }), 100).every((ms) => ms === 75));
});

test("what fits through is what is asked for, and the rest queues", () => {
  const way = conditioner({ bytesPerS: 10_000 });
  const { leavesMs, arrivesMs } = way.send(0, 1000);
  assert.deepEqual([leavesMs, arrivesMs], [100, 100]);
  assert.equal(way.send(0, 3000).arrivesMs, 400); // three segments
  assert.equal(way.send(1000, 100).arrivesMs, 1010);
});

test("jitter comes on top, with the mean asked for, and nothing overtakes", () => {
  const way = conditioner({ delayMs: 20, jitterMs: 5 });
  const late = arrivals(way, 4000, 100).map((ms, i) => ms - i * 100 - 20);
  assert.ok(late.every((ms) => ms >= 0));
  assert.ok(Math.abs(mean(late) - 5) < 0.4);
  const thick = conditioner({ delayMs: 20, jitterMs: 30 });
  const close = Array.from({ length: 4000 }, (_, i) => thick.send(i, 50)).map((p) => p.arrivesMs);
  assert.ok(close.every((ms, i) => i === 0 || ms >= close[i - 1]));
});

test("a lost segment stalls all that is behind it for a round trip, and nothing is lost", () => {
  const way = conditioner({ delayMs: 20, loss: 0.02 });
  const took = journeys(way, 3000);
  assert.ok(Math.abs(way.stalls / 3000 - 0.02) < 0.01);
  const stalled = took.filter((ms) => ms > 20);
  assert.ok(stalled.length > 3 * way.stalls, "each holds up some others");
  // The next is acknowledged 50 ms after the lost one was sent: as long as RACK waits for reordering.
  assert.equal(stalled.filter((ms) => ms === 50 + 20).length > 0, true);
});

test("in an outage segments are sent again until one comes through", () => {
  const outages = new Outages({ seed: 5, beginMs: 0, everyMs: 1000, leastMs: 300, mostMs: 300 });
  const dead = Array.from({ length: 10_000 }, (_, ms) => outages.cover(ms)).filter(Boolean);
  assert.ok(Math.abs(dead.length - 3000) <= 20, "three tenths of the time");
  const way = conditioner({ delayMs: 1 }, { timeout: 50, outages });
  const passages = [];
  for (let ms = 0; ms < 10_000; ms += 7) {
    passages.push(way.send(ms, 10));
  }
  assert.ok(passages.every(({ arrivesMs }) => !outages.cover(arrivesMs)));
});

test("the same seed loses the same segments", () => {
  const fates = (seed) => journeys(conditioner({ loss: 0.05, jitterMs: 3 }, { seed }), 500);
  assert.deepEqual(fates(3), fates(3));
  assert.notDeepEqual(fates(3), fates(4));
});

test("the timeout is a round trip and the least of Linux", () => {
  assert.equal(timeoutMs(LINKS.cable), 27 + 200);
  assert.equal(timeoutMs(LINKS["other-continent"]), 225 + 200);
});

// ---------------------------------------------------------------- sockets

/** A socket through a link, with the far end in hand. */
function conditioned(link) {
  const time = new FakeTime();
  const lab = new LabLink(1, {
    now: () => time.nowMs,
    setTimer: time.setTimer,
    clearTimer: time.clearTimer,
  });
  lab.link = link;
  /** @type {FakeSocket} */
  let far;
  const Socket = lab.sockets(
    class extends FakeSocket {
      constructor(url, protocol) {
        super(url, protocol);
        far = this;
      }
    },
  );
  const near = new Socket("ws://server/", "p");
  const heard = [];
  near.onopen = () => heard.push([time.nowMs, "open"]);
  near.onmessage = ({ data }) => heard.push([time.nowMs, new Uint8Array(data)[0]]);
  near.onclose = ({ code }) => heard.push([time.nowMs, `closed ${code}`]);
  return { time, lab, near, far, heard };
}

const path = (delayMs, more = {}) => ({
  delayMs,
  jitterMs: 0,
  bytesPerS: Infinity,
  loss: 0,
  ...more,
});
const link = (up, down) => ({
  up: path(up),
  down: path(down),
  outages: { everyMs: Infinity, leastMs: 0, mostMs: 0 },
});

test("without a link nothing is held", () => {
  const { near, far, heard } = conditioned(null);
  far.accept();
  far.say([7]);
  near.send(new Uint8Array([5]));
  assert.deepEqual(heard.map(([, what]) => what), ["open", 0x91]);
  assert.equal(far.inbox.length, 1);
  assert.equal(near.bufferedAmount, 0);
});

test("both ways take their time, and the handshake takes both", () => {
  const { time, near, far, heard } = conditioned(link(30, 20));
  far.accept();
  time.advance(49);
  assert.deepEqual(heard, []);
  time.advance(1);
  assert.deepEqual(heard, [[1050, "open"]]);
  far.say(new Uint8Array([42]));
  near.send(new Uint8Array([5]));
  time.advance(20);
  assert.deepEqual(heard.at(-1), [1070, 42]);
  assert.deepEqual(far.inbox, []);
  time.advance(10);
  assert.deepEqual(far.inbox, [5]);
});

test("a close comes behind the messages before it", () => {
  const { time, far, heard } = conditioned(link(30, 20));
  far.say(new Uint8Array([1]));
  far.lose(4001);
  far.say(new Uint8Array([2]));
  time.advance(20);
  assert.deepEqual(heard.map(([, what]) => what), [1, "closed 4001", 2]);
});

test("a page that closes loses nothing that it has sent", () => {
  const { time, near, far } = conditioned(link(30, 20));
  near.send(new Uint8Array([1]));
  near.send(new Uint8Array([2]));
  near.close(1000, "");
  assert.deepEqual(far.inbox, [1, 2]);
  assert.equal(far.closed.code, 1000);
  assert.deepEqual(time.timers, []);
});

test("a link that changes lets nothing overtake what is on its way", () => {
  const { time, lab, far, heard } = conditioned(link(200, 200));
  far.say(new Uint8Array([1]));
  time.advance(10);
  lab.link = link(1, 1);
  far.say(new Uint8Array([2]));
  lab.link = null;
  far.say(new Uint8Array([3]));
  time.advance(189);
  assert.deepEqual(heard, []);
  time.advance(1);
  assert.deepEqual(heard, [1, 2, 3].map((what) => [1200, what]));
  far.say(new Uint8Array([4]));
  assert.equal(heard.length, 4);
});

test("what was lost is heard when TCP has sent it again, and what is behind it with it", () => {
  const shaky = { ...link(30, 30), down: path(30, { loss: 0.3 }) };
  const { time, far, heard } = conditioned(shaky);
  const { down } = conditioners(shaky, 1, 1000);
  const begin = time.nowMs;
  const passages = [];
  for (let i = 0; i < 60; i += 1) {
    far.say(new Uint8Array([i]));
    passages.push(down.send(time.nowMs, 1));
    time.advance(10);
  }
  time.advance(60_000);
  let front = begin;
  const expected = passages.map(({ arrivesMs }, i) => [(front = Math.max(front, arrivesMs)), i]);
  assert.ok(down.stalls > 5);
  assert.deepEqual(heard.map(([, what]) => what), expected.map(([, what]) => what));
  heard.forEach(([ms], i) => assert.ok(Math.abs(ms - expected[i][0]) < 1.001, `${ms}: ${expected[i]}`));
});

test("what waits for the narrow link counts as unsent", () => {
  const narrow = { ...link(0, 0), up: path(50, { bytesPerS: 1000 }) };
  const { time, near } = conditioned(narrow);
  near.send(new Uint8Array(10));
  near.send(new Uint8Array(20));
  assert.equal(near.bufferedAmount, 30);
  time.advance(10);
  assert.equal(near.bufferedAmount, 20);
  time.advance(20);
  assert.equal(near.bufferedAmount, 0);
});

test("one listener that throws holds up no other message", () => {
  const { time, near, far, heard } = conditioned(link(0, 20));
  const listen = near.onmessage;
  near.onmessage = (event) => {
    near.onmessage = listen;
    throw new Error(`at ${event.data.byteLength}`);
  };
  far.say(new Uint8Array([1]));
  far.say(new Uint8Array([2]));
  assert.throws(() => time.advance(20), /at 1/);
  time.advance(1);
  assert.deepEqual(heard.map(([, what]) => what), [2]);
});

test("each profile carries a game's traffic in about its time", () => {
  for (const [name, each] of Object.entries(LINKS)) {
    const { down } = conditioners(each, 3, 0);
    const took = journeys(down, 2000, 400).sort((a, b) => a - b);
    assert.ok(took[0] >= each.down.delayMs, name);
    assert.ok(took[1000] <= each.down.delayMs + 3 * each.down.jitterMs + 1, name);
  }
});

test("a link is found by its name, and nothing by a name that every object has", () => {
  for (const [name, link] of Object.entries(LINKS)) assert.equal(linkNamed(name), link);
  for (const name of ["", "none", "__proto__", "constructor", "toString", "hasOwnProperty"]) {
    assert.equal(linkNamed(name), null, name);
  }
});
