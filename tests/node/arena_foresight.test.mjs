// What the own ship does is shown at once, confirmed or undone; where pulses end; how many hit.

import assert from "node:assert/strict";
import test from "node:test";

import { Marksmanship } from "../../clients/web/arena/marksmanship.js";
import { PULSE_RANGE, pulseEnd } from "../../clients/web/arena/pulse.js";
import { Scene } from "../../clients/web/arena/scene.js";
import { clockAndLead } from "./fakes.mjs";

const TICK_MS = 1000 / 30;
const UNIT = 32;
const AHEAD = 6;
const IDLE = { turn: 0, thrust: false, dash: false, fire: false, mine: false, aim: 0 };

function ship(id, seat, x = 1000, more = {}) {
  return {
    ...{ kind: "Ship", id, seat, x: x * UNIT, y: 1000 * UNIT, heading: 0, aim: 0, hull: 100 },
    ...{ flags: 0, ...more },
  };
}

const OWNED = { vx: 0, vy: 0, energy: 100, dash_left: 0, fire_wait: 0, mine_wait: 0 };
const ROUND = { kind: "Round", id: 90, phase: "PLAYING", ends_at: 9000, world_size: 4000 * UNIT };

/** A scene in which seat 1 flies, at the server's tick 110. */
function flying(things = []) {
  const scene = new Scene();
  scene.reset({ seat: 1, tickRate: 30, ...clockAndLead(AHEAD) });
  const own = ship(7, 1, 1000, OWNED);
  const pilot = { kind: "Pilot", id: 10, seat: 1, ship: 7, score: 0, name: "Ada", colour: 0 };
  for (const thing of [pilot, own, ROUND, ...things]) scene.enter(thing);
  const game = { scene, own, tick: 100, steer: IDLE };
  game.pass = (events = []) => {
    game.tick += 1;
    for (const event of events) scene.event(event);
    scene.applied(game.tick, game.tick * TICK_MS);
    scene.steer(game.tick * TICK_MS, () => game.steer);
    return scene.frame(game.tick * TICK_MS, game.steer).map((event) => event);
  };
  for (let i = 0; i < 10; i += 1) game.pass();
  return game;
}

const kinds = (events) => events.map(({ kind }) => kind);

test("a pulse is shown with its command, and not again when the server tells of it", () => {
  const game = flying();
  game.steer = { ...IDLE, fire: true };
  const [shot, ...more] = game.pass();
  assert.deepEqual([shot.kind, shot.seat, more.length], ["Shot", 1, 0]);
  assert.equal(Math.round(shot.to_x / UNIT), 1000 + PULSE_RANGE);
  const firedAt = game.tick + AHEAD;
  game.steer = IDLE;
  while (game.tick < firedAt - 1) assert.deepEqual(game.pass(), []);
  // The page has drawn it as it thought; the server hit something nearer.
  shot.beam = { toX: 0, toY: 0 };
  const told = { kind: "Shot", seat: 1, x: 1, y: 1, to_x: 1200 * UNIT, to_y: 1000 * UNIT };
  assert.deepEqual(game.pass([told]), []);
  assert.deepEqual(shot.beam, { toX: 1200, toY: 1000 });
  assert.deepEqual(game.scene.foresight.counts, { confirmed: 1, undone: 0 });
});

test("a pulse that the server never tells of is taken back", () => {
  const game = flying();
  game.steer = { ...IDLE, fire: true };
  const [shot] = game.pass();
  shot.beam = { age: 0 };
  game.steer = IDLE;
  for (let i = 0; i < 20; i += 1) game.pass();
  assert.equal(shot.beam.age, Infinity);
  assert.ok(game.scene.foresight.counts.undone >= 1);
});

test("a pulse that was not foreseen is shown when it is told of", () => {
  const game = flying();
  assert.deepEqual(kinds(game.pass([{ kind: "Shot", seat: 1, x: 0, y: 0 }])), ["Shot"]);
});

test("without prediction nothing is shown ahead", () => {
  const game = flying();
  game.scene.predicts = false;
  game.steer = { ...IDLE, fire: true, dash: true };
  assert.deepEqual(game.pass(), []);
  assert.equal(game.scene.ownState, null);
});

test("a pickup is gone when the own ship touches it, and back if it was not", () => {
  const pickup = {
    kind: "Pickup",
    id: 30,
    x: 1020 * UNIT,
    y: 1000 * UNIT,
    kind_: "ENERGY",
  };
  const far = { ...pickup, id: 31, x: 1100 * UNIT };
  const game = flying([far]);
  game.scene.enter(pickup);
  const [taken, ...more] = game.pass();
  assert.deepEqual([taken.kind, taken.kind_, more.length], ["Taken", "ENERGY", 0]);
  assert.deepEqual([...game.scene.foresight.taken], [pickup]);
  assert.deepEqual(game.pass(), [], "once");
  for (let i = 0; i < 20; i += 1) game.pass();
  assert.ok(game.scene.foresight.counts.undone >= 1);

  const other = flying();
  other.scene.enter(pickup);
  other.pass();
  const { x, y } = pickup;
  other.scene.leave(pickup);
  assert.deepEqual(other.pass([{ kind: "Taken", seat: 1, kind_: "ENERGY", x, y }]), []);
  assert.equal(other.scene.foresight.taken.size, 0);
  assert.equal(other.scene.foresight.counts.confirmed, 1);
});

test("weapons rest while the podium is shown, and from the very tick", () => {
  const game = flying();
  Object.assign(game.scene.round, { ends_at: game.tick + AHEAD + 1 });
  game.steer = { ...IDLE, fire: true };
  assert.deepEqual(kinds(game.pass()), ["Shot"]);
  for (let i = 0; i < 6; i += 1) assert.deepEqual(game.pass(), []);
  Object.assign(game.scene.round, { phase: "PODIUM", ends_at: game.tick + AHEAD + 1 });
  game.pass();
  const shots = [1, 2, 3, 4, 5, 6].flatMap(() => kinds(game.pass()));
  assert.ok(shots.includes("Shot"), "and fire again with the next round");
});

test("the own ship's flame follows its controls, not the server", () => {
  const game = flying();
  game.steer = { ...IDLE, thrust: true };
  game.pass();
  assert.equal(game.scene.ownShip.flags & 1, 1);
  game.own.flags = 1;
  game.steer = IDLE;
  game.pass();
  assert.equal(game.scene.ownShip.flags & 1, 0);
});

test("without compensation the server looks where a ship will be", () => {
  const other = ship(8, 2, 1200);
  const game = flying([other]);
  for (let i = 0; i < 20; i += 1) {
    other.x += 5 * UNIT;
    game.pass();
  }
  const view = game.scene.ships.get(8);
  assert.equal(game.scene.targetOf(view), view.pose);
  game.scene.compensates = false;
  const { x } = game.scene.targetOf(view);
  assert.ok(Math.abs(x - (other.x / UNIT + 5 * AHEAD)) < 1e-6);
});

test("without interpolation others are where the newest delta has them", () => {
  const other = ship(8, 2, 1200);
  const game = flying([other]);
  for (let i = 0; i < 20; i += 1) {
    other.x += 5 * UNIT;
    game.pass();
  }
  const view = game.scene.ships.get(8);
  assert.ok(view.pose.x < other.x / UNIT - 5);
  game.scene.interpolates = false;
  game.scene.frame(game.tick * TICK_MS + 20, IDLE);
  assert.equal(view.pose.x, other.x / UNIT);
  assert.equal(game.scene.playbackTick, game.tick);
  assert.equal(game.scene.delayMs, 0);
});

test("a hidden tab keeps few events, and shows none that are long over", () => {
  const game = flying();
  for (let i = 0; i < 2000; i += 1) {
    game.tick += 1;
    game.scene.event({ kind: "Shot", seat: 2, number: i });
    game.scene.applied(game.tick, game.tick * TICK_MS);
  }
  const due = game.scene.frame(game.tick * TICK_MS, IDLE);
  assert.ok(due.length > 0 && due.length <= 31, `${due.length}`);
});

// ---------------------------------------------------------------- where a pulse ends

test("a pulse ends at the nearest disc on its way, or at its range", () => {
  const from = { x: 100, y: 100 };
  const near = { x: 200, y: 105, radius: 20 };
  const behind = { x: 50, y: 100, radius: 20 };
  const beside = { x: 150, y: 125, radius: 20 };
  assert.deepEqual(pulseEnd(from, 0, [behind, beside]), { x: 100 + PULSE_RANGE, y: 100 });
  const hit = pulseEnd(from, 0, [{ ...near, x: 400 }, near, behind]);
  assert.ok(Math.abs(hit.x - (200 - Math.sqrt(375))) < 1e-9);
  assert.deepEqual(pulseEnd(from, 0, [{ x: 101, y: 100, radius: 50 }]), from);
  const down = pulseEnd(from, 64, [{ x: 100, y: 300, radius: 10 }]);
  assert.ok(Math.abs(down.y - 290) < 1e-9 && Math.abs(down.x - 100) < 1e-9);
});

// ---------------------------------------------------------------- how many hit

test("a hit is counted with the shot that it ends", () => {
  const marks = new Marksmanship();
  assert.equal(marks.words, "no shots yet");
  const shot = { kind: "Shot", seat: 1, to_x: 5, to_y: 6 };
  marks.take([shot, { kind: "Hit", by: 1, seat: 2, x: 5, y: 6 }], 1);
  marks.take([shot, { kind: "Hit", by: 1, seat: 2, x: 9, y: 9 }], 1);
  marks.take([{ ...shot, seat: 3 }], 1);
  assert.equal(marks.words, "1 of 2 hit (50 %)");
  for (let i = 0; i < 100; i += 1) marks.take([shot], 1);
  assert.equal(marks.words, "0 of 50 hit (0 %)");
  marks.forget();
  assert.equal(marks.words, "no shots yet");
});
