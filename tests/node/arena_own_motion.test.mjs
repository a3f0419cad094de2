// The own ship's prediction: commands for each tick, the next frame, corrections, pauses.

import assert from "node:assert/strict";
import test from "node:test";

import { OwnMotion, REPEAT_TICKS } from "../../clients/web/arena/own_motion.js";
import { step_ship } from "../../clients/web/arena/ship_step.js";
import { newPose } from "../../clients/web/interpolation.js";

const TICK_MS = 1000 / 30;
const UNIT = 32;
const SIZE = 4000 * UNIT;
const IDLE = { turn: 0, thrust: false, dash: false, fire: false, mine: false, aim: 0 };
const THRUST = { ...IDLE, thrust: true };
const REST = {
  ...{ x: 50_000, y: 50_000, vx: 0, vy: 0, heading: 0, energy: 100 },
  ...{ dash_left: 0, aim: 0, fire_wait: 0, mine_wait: 0 },
};
const SURROUNDINGS = { rocks: [], size: SIZE, armed: () => true };

const step = (state, steer) => step_ship(state, steer, [], SIZE, true);

/** A ship and its server, `ahead` ticks behind the client's time. */
class Flight {
  motion = new OwnMotion(SURROUNDINGS);
  /** The server's entity: one object, as in a replica. */
  ship = { id: 7, ...REST };
  tick = 100;
  steers = new Map();
  steer = IDLE;

  constructor(ahead = 6) {
    this.ahead = ahead;
    this.motion.applied(this.tick, this.ship, 0);
  }

  get nowMs() {
    return this.tick * TICK_MS;
  }

  /** The client's tick goes on, then the server's. */
  pass(ticks = 1, { lose = false } = {}) {
    for (let passed = 0; passed < ticks; passed += 1) {
      const sent = this.motion.advance(this.tick + this.ahead, () => this.steer);
      if (!lose) for (const { tick, steer } of sent) this.steers.set(tick, steer);
      this.play();
    }
  }

  play() {
    this.tick += 1;
    let steer = { ...IDLE, aim: this.ship.aim };
    for (let ago = REPEAT_TICKS; ago >= 0; ago -= 1) {
      steer = this.steers.get(this.tick - ago) ?? steer;
    }
    Object.assign(this.ship, step(this.ship, steer));
    this.motion.applied(this.tick, this.ship, this.nowMs);
  }

  pose(part = 0, steer = this.steer) {
    const out = newPose();
    const state = this.motion.pose(this.tick - 1 + this.ahead + part, steer, this.nowMs, out);
    return state === null ? null : out;
  }
}

test("on a clean link nothing is ever corrected", () => {
  const flight = new Flight();
  for (let turn = 0; turn < 200; turn += 1) {
    flight.steer = { ...THRUST, turn: (turn % 3) - 1, dash: turn % 17 === 0, fire: turn % 2 === 0 };
    flight.steer.aim = (turn * 7) % 256;
    flight.pass(5);
  }
  const { corrections, adjustments, refused } = flight.motion.counts;
  assert.deepEqual([corrections, adjustments, refused], [0, 0, 0]);
  assert.notEqual(flight.ship.x, REST.x);
});

test("a key shows before its command is even sent", () => {
  const flight = new Flight();
  flight.pass(10);
  const before = flight.pose(0.5);
  const after = flight.pose(0.5, { ...IDLE, turn: 1, thrust: true, aim: 99 });
  assert.equal(after.heading, before.heading + 3);
  assert.ok(after.x > before.x);
  assert.equal(after.aim, 99);
});

test("between two ticks the ship is drawn part of the way", () => {
  const flight = new Flight();
  flight.steer = THRUST;
  flight.pass(20);
  const [from, middle, to] = [0, 0.5, 1].map((part) => flight.pose(part).x);
  assert.ok(from < middle && middle < to);
  assert.ok(Math.abs(middle - (from + to) / 2) < 1e-9);
  assert.equal(flight.pose(5).x, to, "no further than the next tick");
  flight.pass(1);
  assert.ok(Math.abs(flight.pose(0).x - to) < 1e-9, "and there the next one begins");
});

test("one command for each tick, several in a slow frame, none twice", () => {
  const motion = new OwnMotion(SURROUNDINGS);
  const ticks = (at) => motion.advance(at, () => IDLE).map(({ tick }) => tick);
  assert.deepEqual(ticks(NaN), []);
  assert.deepEqual(ticks(50.2), [50]);
  assert.deepEqual(ticks(50.9), []);
  assert.deepEqual(ticks(52.1), [51, 52]);
  assert.deepEqual(ticks(60), [58, 59, 60], "those before would come too late");
  assert.deepEqual(ticks(55), [], "a small step back waits");
  assert.deepEqual(ticks(61), [61]);
  assert.deepEqual(ticks(20), [20], "a jump begins anew");
  assert.deepEqual(ticks(21), [21]);
});

test("a correction is drawn away over some frames, not at once", () => {
  const flight = new Flight();
  flight.pass(10);
  const before = flight.pose(0);
  flight.ship.x += 40 * UNIT;
  flight.ship.heading = 10;
  flight.pass(1);
  const { corrections, distanceSum, distanceWorst } = flight.motion.counts;
  assert.deepEqual([corrections, distanceSum, distanceWorst], [1, 40, 40]);
  const at = (ms) => {
    const out = newPose();
    flight.motion.pose(flight.tick - 1 + flight.ahead, IDLE, flight.nowMs + ms, out);
    return out;
  };
  assert.ok(Math.abs(at(0).x - before.x) < 1e-9);
  assert.ok(Math.abs(at(80).x - before.x - 20) < 1e-9);
  assert.ok(Math.abs(at(0).heading) < 1e-9);
  assert.ok(Math.abs(at(80).heading - 5) < 1e-9);
  assert.ok(Math.abs(at(2000).x - before.x - 40) < 0.1);
});

test("a ship that is far from where it was is simply there", () => {
  const flight = new Flight();
  flight.pass(10);
  const before = flight.pose(0);
  flight.ship.x += 900 * UNIT;
  flight.pass(1);
  assert.ok(Math.abs(flight.pose(0).x - before.x - 900) < 1e-9);
});

test("a new ship starts without a correction, with what was commanded meanwhile", () => {
  const flight = new Flight();
  flight.steer = THRUST;
  flight.pass(10);
  flight.motion.applied(flight.tick, undefined, flight.nowMs);
  assert.equal(flight.motion.state, null);
  assert.equal(flight.pose(), null);
  flight.motion.advance(flight.tick + flight.ahead, () => THRUST);
  flight.ship = { id: 8, ...REST };
  flight.motion.applied(flight.tick, flight.ship, flight.nowMs);
  let expected = REST;
  for (let tick = 0; tick < flight.ahead; tick += 1) expected = step(expected, THRUST);
  assert.deepEqual(flight.motion.state, expected);
  assert.equal(flight.motion.counts.corrections, 0);
});

test("after a full state the ship is another object but the same ship", () => {
  const flight = new Flight();
  flight.steer = THRUST;
  flight.pass(10);
  flight.ship = { ...flight.ship };
  flight.pass(10);
  assert.equal(flight.motion.counts.corrections, 0);
});

test("where no command was sent, what the server makes of it is predicted", () => {
  for (const gap of [10, 40]) {
    const flight = new Flight();
    flight.steer = { ...THRUST, turn: 1, aim: 9 };
    flight.pass(10);
    const last = flight.tick - 1 + flight.ahead;
    const sent = flight.motion.advance(last + gap, () => THRUST);
    assert.equal(sent.length, 3);
    for (const { tick, steer } of sent) flight.steers.set(tick, steer);
    for (let played = 0; played < gap + 5; played += 1) flight.play();
    assert.equal(flight.motion.counts.corrections, 0, `a gap of ${gap}`);
  }
});

test("a server that falls silent stops the ship after two seconds, and then it flies on", () => {
  const flight = new Flight();
  flight.steer = THRUST;
  flight.pass(10);
  let at = flight.tick + flight.ahead;
  for (let silent = 0; silent < 90; silent += 1) {
    for (const { tick, steer } of flight.motion.advance(at, () => THRUST)) {
      flight.steers.set(tick, steer);
    }
    at += 1;
  }
  assert.ok(flight.motion.counts.refused > 0);
  const { x } = flight.motion.state;
  flight.motion.advance(at, () => THRUST);
  assert.equal(flight.motion.state.x, x);
  for (let heard = 0; heard < 60; heard += 1) flight.play();
  assert.ok(flight.motion.state.x > x);
  assert.equal(flight.motion.counts.corrections, 0);
});

test("what was predicted for the first time is told once, though corrected later", () => {
  const flight = new Flight();
  flight.pass(5);
  const ticks = flight.motion.takeSteps().map(({ tick }) => tick);
  assert.deepEqual(ticks, [...new Set(ticks)]);
  assert.equal(ticks.at(-1), flight.tick - 1 + flight.ahead);
  flight.ship.x += 100;
  flight.play();
  assert.deepEqual(flight.motion.takeSteps(), []);
});

test("a shot is predicted at the tick of its command", () => {
  const flight = new Flight();
  flight.pass(5);
  flight.motion.takeSteps();
  flight.steer = { ...IDLE, fire: true };
  flight.pass(1);
  const [shot] = flight.motion.takeSteps();
  assert.equal(shot.tick, flight.tick - 1 + flight.ahead);
  assert.ok(shot.after.fire_wait > shot.before.fire_wait);
});

test("a client whose time is set back tells no tick again that stays", () => {
  const flight = new Flight(20);
  flight.pass(5);
  flight.motion.takeSteps();
  const due = flight.tick + 4;
  flight.motion.advance(due, () => THRUST);
  assert.deepEqual(flight.motion.takeSteps().map(({ tick }) => tick), [due]);
});
