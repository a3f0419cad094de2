// The camera follows without lag, glides to a new target, and cuts to a far one.

import assert from "node:assert/strict";
import test from "node:test";

import { Camera } from "../../clients/web/arena/camera.js";
import { FOCUS_INSIDE, VIEW_RADIUS } from "../../clients/web/arena/units.js";

function target(x, y = 0, more = {}) {
  return { x, y, leanX: 0, leanY: 0, zoom: 1, ...more };
}

function newCamera() {
  const camera = new Camera();
  camera.resize(1200, 800);
  for (let frame = 0; frame < 300; frame += 1) camera.follow(target(100), 1 / 60);
  return camera;
}

test("what it follows stays in the middle", () => {
  const camera = newCamera();
  for (let x = 100; x < 300; x += 5) {
    camera.follow(target(x), 1 / 60);
    assert.ok(Math.abs(camera.screenX(x) - 600) < 1e-6);
  }
});

test("a jump of the target is glided over", () => {
  const camera = newCamera();
  camera.follow(target(500), 1 / 60);
  assert.ok(camera.x < 200);
  let before = camera.x;
  for (let frame = 0; frame < 180; frame += 1) {
    camera.follow(target(500), 1 / 60);
    assert.ok(camera.x >= before);
    before = camera.x;
  }
  assert.ok(Math.abs(camera.x - 500) < 1);
});

test("a far jump is cut", () => {
  const camera = newCamera();
  camera.follow(target(3000), 1 / 60);
  assert.equal(camera.x, 3000);
});

test("without a target it stays", () => {
  const camera = newCamera();
  const { x } = camera;
  camera.follow(target(NaN, NaN), 1 / 60);
  assert.equal(camera.x, x);
});

test("it leans towards the aim, and never shows more than the server sends", () => {
  for (const [width, height] of [
    [1440, 900],
    [390, 844],
    [3440, 1440],
    [320, 320],
  ]) {
    const camera = new Camera();
    camera.resize(width, height);
    for (let frame = 0; frame < 600; frame += 1) {
      camera.follow(target(0, 0, { leanX: 1, leanY: 0 }), 1 / 60);
    }
    assert.ok(camera.x > 50);
    const right = camera.x + camera.width / 2 / camera.scale;
    assert.ok(right <= 600.5, `${width}×${height}: ${right}`);
  }
});

test("at the border it shows little of what is beyond, and only what the server sends", () => {
  for (const zoom of [1, 0.9]) {
    const camera = newCamera();
    camera.worldSize = 4000;
    for (let frame = 0; frame < 600; frame += 1) camera.follow(target(10, 3990, { zoom }), 1 / 60);
    const left = camera.x - camera.width / 2 / camera.scale;
    const right = camera.x + camera.width / 2 / camera.scale;
    assert.ok(Math.abs(left + VIEW_RADIUS - FOCUS_INSIDE) < 1e-6);
    assert.ok(right <= FOCUS_INSIDE + VIEW_RADIUS);
    assert.ok(camera.y + camera.height / 2 / camera.scale <= 4000 + VIEW_RADIUS - FOCUS_INSIDE + 1e-6);
  }
});

test("a world smaller than the screen is in its middle", () => {
  const camera = newCamera();
  camera.worldSize = 300;
  camera.follow(target(10, 10), 1 / 60);
  assert.deepEqual([camera.x, camera.y], [150, 150]);
});

test("shake fades, and strength 0 takes it away", () => {
  const camera = newCamera();
  camera.shake(30);
  camera.shakeStrength = 0;
  camera.follow(target(100), 1 / 60);
  assert.equal(camera.x, 100);
  camera.shakeStrength = 1;
  for (let frame = 0; frame < 600; frame += 1) camera.follow(target(100), 1 / 60);
  assert.ok(Math.abs(camera.x - 100) < 1e-3);
});

test("sees() is true for what touches the screen", () => {
  const camera = newCamera();
  const half = 600 / camera.scale;
  assert.ok(camera.sees(100 + half + 9, 0, 10));
  assert.ok(!camera.sees(100 + half + 11, 0, 10));
});
