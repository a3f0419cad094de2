// What is known of the arena, and what of it the screen shows when.

import assert from "node:assert/strict";
import test from "node:test";

import { Scene } from "../../clients/web/arena/scene.js";
import { Lead } from "../../clients/web/net/lead.js";
import { TickClock } from "../../clients/web/net/tickclock.js";
import { clockAndLead } from "./fakes.mjs";

const TICK_MS = 1000 / 30;
const UNIT = 32;

/** A scene of seat 1 with deltas at will. */
function newScene() {
  const scene = new Scene();
  scene.reset({ seat: 1, tickRate: 30, ...clockAndLead(1) });
  return scene;
}

function ship(id, seat, x = 0) {
  return { kind: "Ship", id, seat, x: x * UNIT, y: 0, heading: 0, aim: 0, hull: 100, flags: 0 };
}

function pilot(id, seat, shipId, score = 0) {
  return { kind: "Pilot", id, seat, ship: shipId, score, name: `P${seat}`, colour: 0 };
}

/** Deltas for the ticks `from` to `to`, each applied at its own time. */
function run(scene, from, to, eachTick = () => {}) {
  for (let tick = from; tick <= to; tick += 1) {
    eachTick(tick);
    scene.applied(tick, tick * TICK_MS);
    scene.frame(tick * TICK_MS);
  }
}

test("entities are sorted by kind and forgotten when they leave", () => {
  const scene = newScene();
  const things = [
    ship(1, 2),
    pilot(2, 2, 1),
    { kind: "Rock", id: 3 },
    { kind: "Mine", id: 4 },
    { kind: "Pickup", id: 5 },
    { kind: "Round", id: 6, world_size: 2000 * UNIT },
  ];
  for (const thing of things) scene.enter(thing);
  assert.deepEqual(
    [scene.ships.size, scene.pilots.size, scene.rocks.size, scene.mines.size, scene.pickups.size],
    [1, 1, 1, 1, 1],
  );
  assert.equal(scene.worldSize, 2000);
  for (const thing of things) scene.leave(thing);
  assert.deepEqual(
    [scene.ships.size, scene.pilots.size, scene.rocks.size, scene.mines.size, scene.pickups.size],
    [0, 0, 0, 0, 0],
  );
  assert.equal(scene.round, null);
});

test("in a hidden tab, which draws no frame, ships that left do not pile up", () => {
  const scene = newScene();
  for (let tick = 1; tick <= 3000; tick += 1) {
    const passing = ship(tick, 2);
    scene.enter(passing);
    scene.applied(tick, tick * TICK_MS);
    scene.leave(passing);
  }
  assert.ok(scene.ghosts.length > 0 && scene.ghosts.length <= 31, `${scene.ghosts.length}`);
});

test("the own ship is that of the own pilot, and an id reused by another seat is not", () => {
  const scene = newScene();
  scene.enter(pilot(10, 1, 7));
  assert.equal(scene.ownShip, undefined);
  scene.enter(ship(7, 1));
  assert.equal(scene.ownShip?.seat, 1);
  scene.enter(pilot(11, 5, 7));
  assert.equal(scene.shipOf(scene.pilots.get(5)), undefined);
});

test("others are drawn two ticks in the past, the own ship one", () => {
  const scene = newScene();
  const own = ship(7, 1);
  const other = ship(8, 2);
  for (const thing of [pilot(10, 1, 7), own, other]) scene.enter(thing);
  run(scene, 100, 160, (tick) => {
    own.x = other.x = tick * 4 * UNIT;
  });
  assert.ok(Math.abs(scene.ships.get(8).pose.x - (160 - 2) * 4) < 0.2);
  assert.ok(Math.abs(scene.ownShip.pose.x - (160 - 1) * 4) < 0.2);
});

test("events wait for the screen to reach their tick, but not what is one's own", () => {
  const scene = newScene();
  scene.enter(ship(8, 2));
  run(scene, 100, 110);
  scene.event({ kind: "Shot", seat: 2 });
  scene.event({ kind: "Shot", seat: 1 });
  scene.event({ kind: "Hit", seat: 2, by: 1 });
  scene.applied(111, 111 * TICK_MS);
  const kinds = (nowMs) => scene.frame(nowMs).map(({ kind, seat }) => `${kind} ${seat}`);
  assert.deepEqual(kinds(111 * TICK_MS), ["Shot 1", "Hit 2"]);
  assert.deepEqual(kinds(112 * TICK_MS), []);
  assert.deepEqual(kinds(113.2 * TICK_MS), ["Shot 2"]);
  assert.deepEqual(kinds(114 * TICK_MS), []);
});

test("a ship is shown until the screen reaches its leaving, and not before its entering", () => {
  const scene = newScene();
  const other = ship(8, 2, 50);
  const late = ship(9, 3, 70);
  scene.enter(other);
  run(scene, 100, 110);
  scene.leave(other);
  scene.enter(late);
  scene.applied(111, 111 * TICK_MS);
  const seats = (nowMs) => {
    scene.frame(nowMs);
    return [...scene.drawnShips()].map(({ seat }) => seat);
  };
  assert.deepEqual(seats(111 * TICK_MS), [2]);
  assert.deepEqual(seats(113.2 * TICK_MS), [3]);
  assert.equal(scene.ghosts.length, 0);
});

test("after a full state ships go on smoothly from where they were", () => {
  const scene = newScene();
  const before = ship(8, 2);
  scene.enter(before);
  run(scene, 100, 110, (tick) => (before.x = tick * UNIT));
  const view = scene.ships.get(8);
  scene.leave(before);
  scene.enter(ship(8, 2, 111));
  scene.applied(111, 111 * TICK_MS);
  scene.frame(111 * TICK_MS);
  assert.equal(scene.ships.get(8), view);
  assert.ok(Math.abs(view.pose.x - 109) < 0.3);
  assert.equal(scene.ghosts.length, 0);
});

test("an id that now is another seat's is another ship", () => {
  const scene = newScene();
  const before = ship(8, 2);
  scene.enter(before);
  run(scene, 100, 110);
  const view = scene.ships.get(8);
  scene.leave(before);
  scene.enter(ship(8, 3, 900));
  scene.applied(111, 111 * TICK_MS);
  assert.notEqual(scene.ships.get(8), view);
});

test("the leader has the highest score; none has any, none leads", () => {
  const scene = newScene();
  scene.enter(pilot(1, 2, 0, 0));
  assert.equal(scene.leader, undefined);
  scene.enter(pilot(2, 3, 0, 50));
  scene.enter(pilot(3, 4, 0, 25));
  assert.equal(scene.leader?.seat, 3);
});

test("a new session forgets the last one", () => {
  const scene = newScene();
  scene.enter(ship(8, 2));
  scene.event({ kind: "Shot", seat: 2 });
  run(scene, 100, 101);
  const clock = new TickClock(20, 0, 0, 2);
  scene.reset({ seat: 4, tickRate: 20, clock, lead: new Lead(clock) });
  assert.equal(scene.seat, 4);
  assert.equal(scene.ships.size, 0);
  assert.ok(Number.isNaN(scene.playbackTick));
  // The new server's ticks begin anywhere, earlier too.
  scene.applied(5, 99_000);
  assert.deepEqual(scene.frame(99_000), []);
  assert.ok(scene.playbackTick < 5);
});
