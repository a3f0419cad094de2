import assert from "node:assert/strict";
import { test } from "node:test";

import { newPose, PlaybackClock, Track, turnBetween } from "../../clients/web/net/interpolation.js";
import { TickClock } from "../../clients/web/net/tickclock.js";

const TICK_MS = 1000 / 30;

/** @param {{publishEvery?: number, minDelayMs?: number}} [options] */
function newClock({ publishEvery = 1, minDelayMs = 66 } = {}) {
  return new PlaybackClock(new TickClock(30, 0, 0, publishEvery), { minDelayMs });
}

/** @param {number} x @param {Partial<import("../../clients/web/net/interpolation.js").Pose>} [more] */
function at(x, more = {}) {
  return { ...newPose(), x, ...more };
}

/** Repeatable numbers 0 … 1. @param {number} seed */
function randomOf(seed) {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

test("angles turn the shorter way around 256", () => {
  assert.equal(turnBetween(250, 10, 0.5), 2);
  assert.equal(turnBetween(10, 250, 0.5), 2);
  assert.equal(turnBetween(10, 20, 0.25), 12.5);
  assert.equal(turnBetween(0, 255, 0.5), 255.5);
  for (let from = 0; from < 256; from += 7) {
    for (let to = 0; to < 256; to += 5) {
      assert.equal(turnBetween(from, to, 0), from);
      assert.equal(turnBetween(from, to, 1), to);
      const half = turnBetween(from, to, 0.5);
      assert.ok(half >= 0 && half < 256);
    }
  }
});

test("nothing is shown before the first delta", () => {
  assert.ok(Number.isNaN(newClock().tickAt(100)));
});

test("with steady deltas playback is the least delay behind", () => {
  const clock = newClock();
  for (let tick = 100; tick < 400; tick += 1) {
    clock.arrived(tick, tick * TICK_MS + 25);
    clock.tickAt(tick * TICK_MS + 25);
  }
  const nowMs = 400 * TICK_MS + 25;
  assert.ok(Math.abs(clock.tickAt(nowMs) - (400 - 66 / TICK_MS)) < 0.01);
  assert.equal(clock.delayMs, 66);
});

test("a rarer delta asks for more delay than the least", () => {
  const clock = newClock({ publishEvery: 4 });
  clock.arrived(4, 0);
  assert.ok(Math.abs(clock.delayMs - 4 * TICK_MS) < 1e-9);
});

test("jitter lengthens the delay, and steady deltas shorten it again", () => {
  const clock = newClock();
  const random = randomOf(7);
  for (let tick = 0; tick < 300; tick += 1) clock.arrived(tick, tick * TICK_MS + 80 * random());
  const rough = clock.delayMs;
  assert.ok(rough > 90, `${rough}`);
  for (let tick = 300; tick < 900; tick += 1) clock.arrived(tick, tick * TICK_MS + 40);
  assert.equal(clock.delayMs, 66);
});

test("playback never runs backwards, whatever arrives when", () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const clock = newClock();
    const random = randomOf(seed * 977);
    let nowMs = 0;
    let tick = 0;
    let shown = -Infinity;
    for (let step = 0; step < 400; step += 1) {
      nowMs += random() * 40;
      if (random() < 0.7) {
        tick += 1 + Math.floor(random() * 3);
        // Late, in bursts, and now and then a server that jumps by seconds.
        if (random() < 0.01) tick += 200;
        clock.arrived(tick, nowMs + (random() < 0.02 ? 900 : 0));
      }
      const now = clock.tickAt(nowMs);
      if (Number.isNaN(now)) continue;
      assert.ok(now >= shown, `seed ${seed}, step ${step}: ${shown} then ${now}`);
      shown = now;
    }
  }
});

test("after a pause playback jumps ahead instead of racing", () => {
  const clock = newClock();
  for (let tick = 0; tick < 60; tick += 1) {
    clock.arrived(tick, tick * TICK_MS);
    clock.tickAt(tick * TICK_MS);
  }
  clock.arrived(600, 600 * TICK_MS);
  const after = clock.tickAt(600 * TICK_MS);
  assert.ok(Math.abs(after - (600 - 66 / TICK_MS)) < 0.1, `${after}`);
});

test("when the server's ticks jump ahead, playback is there at once", () => {
  const clock = newClock();
  for (let tick = 0; tick < 60; tick += 1) {
    clock.arrived(tick, tick * TICK_MS);
    clock.tickAt(tick * TICK_MS);
  }
  clock.arrived(360, 60 * TICK_MS);
  const after = clock.tickAt(60 * TICK_MS);
  assert.ok(Math.abs(after - (360 - 66 / TICK_MS)) < 0.1, `${after}`);
});

test("small errors are made good by running at most a tenth faster or slower", () => {
  const clock = newClock();
  for (let tick = 0; tick < 60; tick += 1) {
    clock.arrived(tick, tick * TICK_MS);
    clock.tickAt(tick * TICK_MS);
  }
  // The line becomes 100 ms longer.
  let before = clock.tickAt(59 * TICK_MS);
  for (let tick = 60; tick < 300; tick += 1) {
    const nowMs = tick * TICK_MS;
    clock.arrived(tick - 3, nowMs);
    const now = clock.tickAt(nowMs);
    assert.ok(now - before > 0.9 - 1e-9 && now - before < 1.1 + 1e-9, `${now - before}`);
    before = now;
  }
  assert.ok(Math.abs(before - (299 - 3 - clock.delayMs / TICK_MS)) < 0.6);
});

test("a pose lies on the line between its neighbours", () => {
  const track = new Track(60, TICK_MS);
  track.push(10, at(0, { y: 8, heading: 250, aim: 100 }));
  track.push(12, at(20, { y: 0, heading: 6, aim: 104 }));
  assert.deepEqual(track.sample(11, newPose()), { x: 10, y: 4, heading: 0, aim: 102 });
  assert.deepEqual(track.sample(10, newPose()), { x: 0, y: 8, heading: 250, aim: 100 });
});

test("before its first snapshot a thing stands there", () => {
  const track = new Track(60, TICK_MS);
  track.push(10, at(5));
  assert.equal(track.sample(3, newPose()).x, 5);
  assert.equal(track.firstTick, 10);
});

test("without a snapshot the pose is left alone", () => {
  const track = new Track(60, TICK_MS);
  assert.equal(track.sample(3, at(77)).x, 77);
  assert.equal(track.firstTick, Infinity);
});

test("in a gap a thing goes on for three ticks and then stops", () => {
  const track = new Track(60, TICK_MS);
  track.push(10, at(0));
  track.push(11, at(4));
  assert.equal(track.sample(12, newPose()).x, 8);
  assert.equal(track.sample(14, newPose()).x, 16);
  assert.equal(track.sample(40, newPose()).x, 16);
});

test("a thing that was still does not creep through a gap", () => {
  const track = new Track(60, TICK_MS);
  for (let tick = 1; tick <= 3; tick += 1) track.push(tick, at(9));
  assert.equal(track.sample(30, newPose()).x, 9);
});

test("what was guessed wrong is bled off without a step", () => {
  const track = new Track(60, TICK_MS);
  track.push(10, at(0));
  track.push(11, at(10));
  const guessed = track.sample(13, newPose()).x;
  assert.equal(guessed, 30);
  // It had turned round.
  track.push(12, at(10));
  track.push(13, at(0));
  track.push(14, at(-10));
  assert.ok(Math.abs(track.sample(13, newPose()).x - guessed) < 1e-9);
  let before = guessed;
  for (let tick = 13.25; tick <= 20; tick += 0.25) {
    if (Number.isInteger(tick)) track.push(tick + 1, at(-10));
    const { x } = track.sample(tick, newPose());
    assert.ok(Math.abs(x - before) <= 4.5, `${tick}: ${before} then ${x}`);
    before = x;
  }
  assert.equal(before, -10);
});

test("a jump is no movement: nothing slides across the world", () => {
  const track = new Track(60, TICK_MS);
  track.push(10, at(0));
  track.push(11, at(500));
  assert.equal(track.sample(10.9, newPose()).x, 0);
  assert.equal(track.sample(11, newPose()).x, 500);
  assert.equal(track.sample(13, newPose()).x, 500);
});

test("snapshots are copied, bounded, and never older than the newest", () => {
  const track = new Track(60, TICK_MS);
  const pose = at(1);
  track.push(1, pose);
  pose.x = 50;
  assert.equal(track.sample(1, newPose()).x, 1);
  track.push(1, at(30));
  track.push(0, at(30));
  assert.equal(track.lastTick, 1);
  for (let tick = 2; tick < 200; tick += 1) track.push(tick, at(tick));
  assert.equal(track.lastTick, 199);
  assert.equal(track.firstTick, 168);
  assert.equal(track.sample(180.5, newPose()).x, 180.5);
});
