// What the player holds becomes `Steer` commands, with no press lost.

import assert from "node:assert/strict";
import test from "node:test";

import { Controls } from "../../clients/web/arena/controls.js";

test("held keys steer until they are released", () => {
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

test("when the window loses the focus, all controls are released", () => {
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

test("looking at the controls uses no press up", () => {
  const controls = new Controls();
  controls.press("dash");
  controls.release("dash");
  assert.equal(controls.held(0).dash, true);
  assert.equal(controls.take(0).dash, true);
  assert.equal(controls.held(0).dash, false);
});
