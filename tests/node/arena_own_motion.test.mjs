// The own ship's prediction: commands for each tick, the next frame, corrections, pauses.

import assert from "node:assert/strict";
import test from "node:test";

import { OwnMotion, REPEAT_TICKS } from "../../clients/web/arena/own_motion.js";
import { step_ship } from "../../clients/web/arena/ship_step.js";
import { newPose } from "../../clients/web/net/interpolation.js";
import { clockAndLead } from "./fakes.mjs";

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
  /** The server's entity: one object, as in a replica. */
  ship = { id: 7, ...REST };
  tick = 100;
  steers = new Map();
  steer = IDLE;

  constructor(ahead = 6) {
    this.ahead = ahead;
    const { clock, lead } = clockAndLead(ahead);
    this.motion = new OwnMotion(SURROUNDINGS, clock, lead);
    this.motion.applied(this.tick, null, this.ship, 0);
  }

  get nowMs() {
    return this.tick * TICK_MS;
  }

  /** The client's tick goes on, then the server's. */
  pass(ticks = 1, { lose = false } = {}) {
    for (let passed = 0; passed < ticks; passed += 1) {
      this.command({ lose });
      this.play();
    }
  }

  /** The client steers, `later` ticks from now. */
  command({ later = 0, lose = false } = {}) {
    const order = this.motion.advance((this.tick + later) * TICK_MS, () => this.steer);
    if (order !== null && !lose) this.steers.set(order.tick, order.command);
    return order;
  }

  play() {
    this.tick += 1;
    let steer = { ...IDLE, aim: this.ship.aim };
    for (let ago = REPEAT_TICKS; ago >= 0; ago -= 1) {
      steer = this.steers.get(this.tick - ago) ?? steer;
    }
    Object.assign(this.ship, step(this.ship, steer));
    this.motion.applied(this.tick, null, this.ship, this.nowMs);
  }

  pose(part = 0, steer = this.steer) {
    const out = newPose();
    const state = this.motion.pose(steer, (this.tick - 1 + part) * TICK_MS, out);
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
  assert.ok(Math.abs(after.heading - before.heading - 3) < 1e-9);
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

test("one command for each tick, none twice, and none for ticks that were missed", () => {
  const flight = new Flight();
  const tick = (later) => {
    flight.steer = { ...THRUST, aim: flight.steer.aim + 1 }; // each is news
    return (flight.command({ later })?.tick ?? NaN) - flight.tick - flight.ahead;
  };
  assert.equal(tick(0.2), 0);
  assert.ok(Number.isNaN(tick(0.9)));
  assert.equal(tick(1.1), 1);
  assert.equal(tick(5), 5);
  assert.ok(Number.isNaN(tick(5.5)));
  assert.equal(tick(6), 6);
});

test("a command that the server repeats by itself is sent only now and then", () => {
  const flight = new Flight();
  flight.steer = THRUST;
  flight.pass(100);
  assert.equal(flight.steers.size, 10);
  assert.equal(flight.motion.counts.corrections, 0);
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
    flight.motion.pose(IDLE, flight.nowMs + ms, out);
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
  flight.motion.applied(flight.tick, null, undefined, flight.nowMs);
  assert.equal(flight.motion.state, null);
  assert.equal(flight.pose(), null);
  flight.command();
  flight.ship = { id: 8, ...REST };
  flight.motion.applied(flight.tick, null, flight.ship, flight.nowMs);
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
    flight.steer = THRUST;
    flight.command({ later: gap - 1 });
    for (let played = 0; played < gap + 5; played += 1) flight.play();
    assert.equal(flight.motion.counts.corrections, 0, `a gap of ${gap}`);
  }
});

test("a server that falls silent stops the ship after two seconds, and then it flies on", () => {
  const flight = new Flight();
  flight.steer = THRUST;
  flight.pass(10);
  for (let silent = 0; silent < 90; silent += 1) flight.command({ later: silent });
  assert.ok(flight.motion.counts.refused > 0);
  const { x } = flight.motion.state;
  flight.command({ later: 90 });
  assert.equal(flight.motion.state.x, x);
  for (let heard = 0; heard < 60; heard += 1) flight.play();
  flight.command({ later: 31 });
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
