// The small measuring parts: checksum, tick clock, rates, pauses, pings, signals.

import assert from "node:assert/strict";
import test from "node:test";
import { crc32 as zlibCrc32 } from "node:zlib";

import { Backoff } from "../../clients/web/net/backoff.js";
import { crc32 } from "../../clients/web/net/checksum.js";
import { Pings } from "../../clients/web/net/pings.js";
import { Signals } from "../../clients/web/net/signals.js";
import { TickClock } from "../../clients/web/net/tickclock.js";
import { Rate } from "../../clients/web/net/traffic.js";

test("CRC-32 has its published check value", () => {
  // The catalogue of parametrised CRC algorithms: CRC-32/ISO-HDLC, check 0xcbf43926
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assert.equal(crc32(new Uint8Array()), 0);
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) & 0xff);
  if (zlibCrc32 !== undefined) assert.equal(crc32(bytes), zlibCrc32(bytes));
});

/** A server whose tick at `ms` is known, asked over a line of known delays. */
function ask(clock, tickAtMs, sentMs, thereMs, backMs) {
  clock.pong(sentMs, sentMs + thereMs + backMs, tickAtMs(sentMs + thereMs));
}

test("the tick clock begins with the welcome's tick and goes on at the rate", () => {
  const clock = new TickClock(30, 100, 5000);
  assert.equal(clock.tickAt(5000), 100);
  assert.equal(clock.tickAt(6000), 130);
  assert.equal(clock.rttMs, null);
  assert.equal(clock.minRttMs, null);
});

test("even delays give the exact tick", () => {
  const clock = new TickClock(30, 0, 0);
  const tickAtMs = (ms) => 1000 + ms * 0.03;
  for (let second = 0; second < 5; second += 1) ask(clock, tickAtMs, second * 1000, 20, 20);
  assert.ok(Math.abs(clock.tickAt(5000) - tickAtMs(5000)) < 1e-9);
  assert.equal(clock.rttMs, 40);
});

test("one slow sample changes nothing", () => {
  const clock = new TickClock(30, 0, 0);
  const tickAtMs = (ms) => 1000 + ms * 0.03;
  for (let second = 0; second < 5; second += 1) ask(clock, tickAtMs, second * 1000, 20, 20);
  const before = clock.tickAt(9000);
  ask(clock, tickAtMs, 5000, 20, 900);
  assert.equal(clock.tickAt(9000), before);
  assert.equal(clock.rttMs, 920);
  assert.equal(clock.minRttMs, 40);
});

test("ticks that jumped are followed at once", () => {
  const clock = new TickClock(30, 0, 0);
  const steady = (ms) => ms * 0.03;
  for (let second = 0; second < 12; second += 1) ask(clock, steady, second * 1000, 10, 10);
  const later = (ms) => ms * 0.03 - 40; // the server dropped forty ticks
  ask(clock, later, 12_000, 10, 10);
  assert.ok(Math.abs(clock.tickAt(12_020) - later(12_020)) < 1e-9);
});

test("old samples are forgotten, so that a slow drift is followed", () => {
  const clock = new TickClock(30, 0, 0);
  ask(clock, (ms) => ms * 0.03, 0, 1, 1);
  const drifted = (ms) => ms * 0.03 + 0.9;
  for (let second = 1; second <= 20; second += 1) ask(clock, drifted, second * 1000, 10, 10);
  assert.ok(Math.abs(clock.tickAt(21_000) - drifted(21_000)) < 1e-9);
  assert.equal(clock.minRttMs, 20);
});

test("a rate counts the last two seconds, and a total everything", () => {
  const rate = new Rate();
  for (let ms = 0; ms < 4000; ms += 50) rate.add(ms, 2);
  assert.equal(rate.perSecond(3999.999).toFixed(1), "40.0");
  assert.equal(rate.perSecond(10_000), 0);
  assert.equal(rate.total, 160);
});

test("pauses double from half a second to eight, half of each random", () => {
  const longest = new Backoff(() => 1);
  const shortest = new Backoff(() => 0);
  const pauses = (backoff) => Array.from({ length: 7 }, () => backoff.nextPauseMs(0, 0));
  assert.deepEqual(pauses(longest), [500, 1000, 2000, 4000, 8000, 8000, 8000]);
  assert.deepEqual(pauses(shortest), [250, 500, 1000, 2000, 4000, 4000, 4000]);
});

test("a session that lasted is followed by twenty quick tries, each random up to a second", () => {
  const backoff = new Backoff(() => 1);
  backoff.nextPauseMs(0, 0);
  assert.equal(backoff.nextPauseMs(3999, 0), 1000);
  const pauses = [4000, ...Array(19).fill(0)].map((lastedMs) => backoff.nextPauseMs(lastedMs, 0));
  assert.deepEqual(pauses, Array(20).fill(1000));
  assert.equal(backoff.nextPauseMs(0, 0), 500);
  assert.equal(new Backoff(() => 0).nextPauseMs(4000, 0), 0);
});

test("the server's wish for a longer pause is granted, within reason", () => {
  const backoff = new Backoff(() => 1);
  assert.equal(backoff.nextPauseMs(0, 30), 30_000);
  assert.equal(backoff.nextPauseMs(0, 1e12), 3_600_000);
  assert.equal(backoff.nextPauseMs(0, 0.1), 2000);
});

test("pings are matched by nonce, once, and forgotten after eight more", () => {
  const pings = new Pings();
  const first = pings.next(100);
  assert.equal(pings.answered(first), 100);
  assert.equal(pings.answered(first), null);
  const old = pings.next(200);
  const nonces = Array.from({ length: 8 }, (_, i) => pings.next(300 + i));
  assert.equal(pings.answered(old), null);
  assert.equal(pings.answered(nonces[0]), 300);
});

test("ten pings into silence are enough", () => {
  const pings = new Pings();
  for (let sent = 0; sent < 9; sent += 1) pings.next(0);
  assert.equal(pings.complaint, null);
  pings.heard();
  for (let sent = 0; sent < 10; sent += 1) pings.next(0);
  assert.equal(pings.complaint, "the server fell silent");
});

test("a listener that throws stops neither the others nor the sender", (t) => {
  const queue = t.mock.method(globalThis, "queueMicrotask", () => {});
  const signals = new Signals();
  const heard = [];
  signals.on("it", () => {
    throw new Error("a listener's bug");
  });
  const off = signals.on("it", (what) => heard.push(what));
  signals.emit("it", 1);
  off();
  signals.emit("it", 2);
  signals.emit("nobody", 3);
  assert.deepEqual(heard, [1]);
  assert.equal(queue.mock.callCount(), 2);
  assert.throws(queue.mock.calls[0].arguments[0], /a listener's bug/, "it is not swallowed");
});
