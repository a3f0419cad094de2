// The viewpoint of a replay: it follows a ship or stays at a point.

import assert from "node:assert/strict";
import test from "node:test";

import { Viewpoint } from "../../clients/web/arena/viewpoint.js";
import { isReplay } from "../../clients/web/replay/replay_panel.js";

const ship = (id, x, y) => ({ entity: { id }, pose: { x, y, heading: 0, aim: 0 }, shown: true });
const sceneOf = (...ships) => ({
  ownShip: undefined,
  ownPilot: undefined,
  ships: new Map(ships.map((one) => [one.entity.id, one])),
  rocks: [],
  pickups: [],
});

test("a guide that names a ship is followed, one that is a point is looked at", () => {
  const viewpoint = new Viewpoint();
  const scene = sceneOf(ship(1, 0, 0), ship(2, 3000, 50), ship(3, 90, 0));
  viewpoint.guide = { ship: 2 };
  viewpoint.choose(scene, null, 0.1);
  assert.deepEqual([viewpoint.x, viewpoint.y], [3000, 50]);
  viewpoint.guide = { x: 7, y: 8 };
  viewpoint.choose(scene, null, 0.1);
  assert.deepEqual([viewpoint.x, viewpoint.y], [7, 8]);
});

test("a guide to a ship that is gone leaves the view to what is there", () => {
  const viewpoint = new Viewpoint();
  const scene = sceneOf(ship(1, 10, 20));
  viewpoint.guide = { ship: 99 };
  for (let frame = 0; frame < 30; frame += 1) viewpoint.choose(scene, null, 0.1);
  assert.deepEqual([Math.round(viewpoint.x), Math.round(viewpoint.y)], [10, 20]);
});

test("a replay is known by its clock", () => {
  assert.ok(isReplay({ entities: [{ name: "Ship" }, { name: "ReplayClock" }] }));
  assert.ok(!isReplay({ entities: [{ name: "Ship" }] }));
});
