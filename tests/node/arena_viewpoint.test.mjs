// The camera follows the own ship, its wreck, or what a spectator watches.

import assert from "node:assert/strict";
import test from "node:test";

import { Scene } from "../../clients/web/arena/scene.js";
import { Viewpoint } from "../../clients/web/arena/viewpoint.js";
import { clockAndLead } from "./fakes.mjs";

const UNIT = 32;
const FRAME_S = 1 / 60;

/** A scene with still ships: seat → x in world units. */
function sceneOf(ships) {
  const scene = new Scene();
  scene.reset({ seat: 1, tickRate: 30, ...clockAndLead(1) });
  for (const [seat, x] of Object.entries(ships)) enterShip(scene, Number(seat), x);
  show(scene);
  return scene;
}

function enterShip(scene, seat, x) {
  const at = { x: x * UNIT, y: 0, heading: 0, aim: 0 };
  scene.enter({ kind: "Ship", id: seat, seat, hull: 100, flags: 0, ...at });
  scene.enter({ kind: "Pilot", id: 100 + seat, seat, ship: seat, score: 0 });
}

let nowMs = 0;

/** Two deltas, and a frame well after them. */
function show(scene) {
  nowMs += 10_000;
  const tick = Math.round((nowMs * 30) / 1000);
  scene.applied(tick, nowMs);
  scene.frame(nowMs);
  scene.frame(nowMs + 400);
}

function leaveShip(scene, seat) {
  scene.leave(scene.ships.get(seat).entity);
  scene.pilots.get(seat).ship = 0;
  show(scene);
}

test("with nothing in view there is no place", () => {
  const viewpoint = new Viewpoint();
  viewpoint.choose(sceneOf({}), null, FRAME_S);
  assert.ok(Number.isNaN(viewpoint.x));
});

test("the own ship is followed, leaning to where its pilot looks", () => {
  const viewpoint = new Viewpoint();
  viewpoint.choose(sceneOf({ 1: 300, 2: 900 }), { x: 0.5, y: -3 }, FRAME_S);
  assert.deepEqual(
    [viewpoint.x, viewpoint.leanX, viewpoint.leanY, viewpoint.zoom],
    [300, 0.5, -1, 1],
  );
});

test("when it is destroyed the view stays there", () => {
  const scene = sceneOf({ 1: 300, 2: 900 });
  const viewpoint = new Viewpoint();
  viewpoint.choose(scene, null, FRAME_S);
  leaveShip(scene, 1);
  for (let frame = 0; frame < 300; frame += 1) viewpoint.choose(scene, null, FRAME_S);
  assert.equal(viewpoint.x, 300);
});

test("a spectator watches the most central ship, and keeps to it", () => {
  const scene = sceneOf({ 2: 0, 3: 480, 4: 1000 });
  const viewpoint = new Viewpoint();
  viewpoint.choose(scene, null, FRAME_S);
  assert.equal(viewpoint.x, 480);
  enterShip(scene, 5, 500);
  enterShip(scene, 6, 520);
  enterShip(scene, 7, 2000);
  show(scene);
  viewpoint.choose(scene, null, FRAME_S);
  assert.equal(viewpoint.x, 480);
});

test("after a while at the wreck it glides to another ship", () => {
  const scene = sceneOf({ 2: 0, 3: 480, 4: 1000 });
  const viewpoint = new Viewpoint();
  viewpoint.choose(scene, null, FRAME_S);
  leaveShip(scene, 3);
  leaveShip(scene, 2);
  for (let frame = 0; frame < 60; frame += 1) viewpoint.choose(scene, null, FRAME_S);
  assert.equal(viewpoint.x, 480);
  let before = viewpoint.x;
  for (let frame = 0; frame < 400; frame += 1) {
    viewpoint.choose(scene, null, FRAME_S);
    assert.ok(viewpoint.x >= before && viewpoint.x - before < 30);
    before = viewpoint.x;
  }
  assert.ok(Math.abs(before - 1000) < 1);
});

test("a far ship is cut to", () => {
  const scene = sceneOf({ 2: 0 });
  const viewpoint = new Viewpoint();
  viewpoint.choose(scene, null, FRAME_S);
  leaveShip(scene, 2);
  enterShip(scene, 3, 2000);
  show(scene);
  for (let frame = 0; frame < 100; frame += 1) viewpoint.choose(scene, null, FRAME_S);
  assert.equal(viewpoint.x, 2000);
});
