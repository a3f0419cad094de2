// What the player holds becomes `Steer` commands, once a tick, with no press lost.

import assert from "node:assert/strict";
import test from "node:test";

import { Beat, Controls } from "../../clients/web/arena/controls.js";

test("held keys steer until they are let go", () => {
  const controls = new Controls();
  controls.press("left");
  controls.press("thrust");
  controls.aimAt(Math.PI / 2);
  const steer = { turn: -1, thrust: true, dash: false, fire: false, mine: false, aim: 64 };
  assert.deepEqual(controls.take(0), steer);
  assert.deepEqual(controls.take(0), steer);
  controls.release("left");
  assert.equal(controls.take(0).turn, 0);
});

test("left and right together go straight", () => {
  const controls = new Controls();
  controls.press("left");
  controls.press("right");
  assert.equal(controls.take(0).turn, 0);
});

test("a press shorter than a tick is sent once", () => {
  const controls = new Controls();
  controls.press("dash");
  controls.release("dash");
  assert.equal(controls.take(0).dash, true);
  assert.equal(controls.take(0).dash, false);
});

test("when the window loses the focus, everything is let go", () => {
  const controls = new Controls();
  controls.press("fire");
  controls.steerTowards(1);
  controls.releaseAll();
  assert.deepEqual(controls.take(0), {
    turn: 0,
    thrust: false,
    dash: false,
    fire: false,
    mine: false,
    aim: 0,
  });
});

test("a stick turns the ship the shorter way and thrusts once it points there", () => {
  const controls = new Controls();
  controls.steerTowards(0);
  assert.deepEqual([controls.take(128).turn, controls.take(128).thrust], [-1, false]);
  assert.deepEqual([controls.take(226).turn, controls.take(226).thrust], [1, true]);
  assert.deepEqual([controls.take(30).turn, controls.take(30).thrust], [-1, true]);
  assert.deepEqual([controls.take(2).turn, controls.take(2).thrust], [0, true]);
});

test("the beat sends thirty commands a second at 60 frames, one a frame at fewer", () => {
  const count = (frames, rate) => {
    const beat = new Beat();
    let sent = 0;
    for (let frame = 0; frame < frames; frame += 1) sent += beat.pass(1 / rate, 30);
    return sent;
  };
  assert.ok(Math.abs(count(600, 60) - 300) <= 1);
  assert.ok(Math.abs(count(1440, 144) - 300) <= 1);
  assert.equal(count(100, 10), 100);
});

test("after a pause there is no burst", () => {
  const beat = new Beat();
  assert.equal(beat.pass(10, 30), 1);
  assert.ok(beat.pass(0.001, 30) <= 1);
});
