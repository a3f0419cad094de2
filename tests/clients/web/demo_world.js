/**
 * A world of its own for looking at the page without a server: ships that wander and fight.
 *
 * Owns a stand-in for `GameClient` with the same signals and calls, and rules just good enough to
 * look at.  For `tests/clients/web/demo.html` only; it never ships.
 */

import { Signals } from "../../../clients/web/net/signals.js";
import { Lead } from "../../../clients/web/net/lead.js";
import { TickClock } from "../../../clients/web/net/tickclock.js";

const UNIT = 32;
const WORLD = 4000;
const TICK_RATE = 30;
const NAMES =
  "Vesper Kestrel Orion Juno Nimbus Talon Echo Lyra Rook Sable Quill Mira Atlas Pike Wren Zephyr".split(
    " ",
  );

export class DemoClient {
  renderedTick = null;
  status = { players: 31, rttUs: 18400, jitterUs: 2100 };
  replica = { tick: 0 };
  budget = null;
  stored = { own: async () => null, top: async () => [] };
  tickClock = new TickClock(TICK_RATE, 0, 0);
  lead = new Lead(this.tickClock);
  pace = 1;
  state = "idle";
  seq = 0;

  #signals = new Signals();
  #tick = 1000;
  #ships = new Map();
  #pilots = new Map();
  #pickups = [];
  #mines = [];
  #steer = { turn: 0, thrust: false, dash: false, fire: false, mine: false, aim: 0 };
  #nextId = 1;
  #seat = 1;
  #count;
  #crowd;
  #round;
  #startedMs = 0;
  #frozen = false;

  /** @param {{ships: number, crowd: boolean}} options  crowd: all in view at once */
  constructor({ ships, crowd }) {
    this.#count = ships;
    this.#crowd = crowd;
  }

  on(name, listener) {
    return this.#signals.on(name, listener);
  }

  connect() {
    this.#state("connecting");
    setTimeout(() => {
      this.#state("playing");
      this.#signals.emit("welcome", {
        seat: 1,
        tickRate: TICK_RATE,
        limits: { publishEvery: 1, sayLength: 256 },
        schema: { entities: [] },
      });
      this.#begin();
    }, 50);
  }

  send(command, fields = {}) {
    if (this.state !== "playing") return 0;
    if (command === "Play") this.#join(this.#seat, fields.name, fields.colour, false);
    if (command === "Watch") this.#quit();
    if (command === "Steer") this.#steer = fields;
    return ++this.seq;
  }

  say(text) {
    this.#signals.emit("said", { seat: 1, name: "Guest", text });
    setTimeout(
      () => this.#signals.emit("said", { seat: 5, name: NAMES[3], text: "good fight" }),
      400,
    );
    return true;
  }

  serverTickNow() {
    return 1000 + ((performance.now() - this.#startedMs) * TICK_RATE) / 1000;
  }

  statistics() {
    const rates = { deltasPerS: 30, bytesInPerS: 5400, bytesOutPerS: 700 };
    return { rttMs: 18.4, appRttMs: 30, jitterMs: 2.1, marginTicks: 1, ...rates };
  }

  /** For looking at the banner. */
  lose(ms) {
    this.#frozen = true;
    this.#state("reconnecting", 1006, "connection lost", ms / 1000);
    setTimeout(() => {
      this.#frozen = false;
      this.#state("playing");
    }, ms);
  }

  /** For looking at the podium. */
  endRound() {
    Object.assign(this.#round, { phase: "PODIUM", podium: [3, 1, 7], ends_at: this.#tick + 300 });
  }

  /** For looking at the death card. */
  killOwn() {
    const ship = this.#ships.get(this.#seat);
    if (ship) this.#kill(ship, 7);
  }

  /** For looking at the states of a ship. */
  dress(seat, values) {
    const ship = this.#ships.get(seat);
    if (ship) Object.assign(ship, values);
  }

  #state(state, code = null, reason = "", retryInS = null) {
    this.state = state;
    this.#signals.emit("state", {
      state,
      code,
      reason,
      action: code === null ? null : "resume",
      retryInS,
    });
  }

  #begin() {
    this.#startedMs = performance.now();
    this.tickClock.pong(this.#startedMs, this.#startedMs, 1000);
    this.#round = this.#enter("Round", {
      number: 1,
      phase: "PLAYING",
      podium: [],
      ends_at: 1000 + 247 * 30,
      world_size: WORLD * UNIT,
    });
    for (let rock = 0; rock < 60; rock += 1) {
      const [x, y] = this.#place(1);
      this.#enter("Rock", { x, y, radius: [24, 42, 70][rock % 3] * UNIT, shape: rock * 13 });
    }
    for (let pickup = 0; pickup < 24; pickup += 1) this.#newPickup();
    for (let bot = 0; bot < this.#count; bot += 1) {
      this.#join(bot + 2, NAMES[bot % 16] + (bot >= 16 ? ` ${bot}` : ""), bot % 12, true);
    }
    setInterval(() => {
      while (!this.#frozen && this.#tick < this.serverTickNow()) this.#step();
    }, 8);
  }

  #enter(kind, values) {
    const entity = { kind, id: this.#nextId++, ...values };
    this.#signals.emit("enter", entity);
    return entity;
  }

  #place(spread = this.#crowd ? 0.16 : 1) {
    const at = () =>
      Math.round((WORLD / 2 + (Math.random() - 0.5) * (WORLD - 100) * spread) * UNIT);
    return [at(), at()];
  }

  #newPickup() {
    const [x, y] = this.#place(this.#crowd ? 0.25 : 1);
    this.#pickups.push(
      this.#enter("Pickup", {
        x,
        y,
        kind_: ["HULL", "ENERGY", "DAMAGE", "SHIELD"][this.#pickups.length % 4],
      }),
    );
  }

  #join(seat, name, colour, bot) {
    let pilot = this.#pilots.get(seat);
    if (pilot === undefined) {
      pilot = this.#enter("Pilot", {
        seat,
        name,
        colour,
        bot,
        score: bot ? Math.floor(Math.random() * 20) * 25 : 0,
        kills: 0,
        deaths: 0,
        ship: 0,
        respawn_at: 0,
      });
      this.#pilots.set(seat, pilot);
    }
    Object.assign(pilot, { name, colour });
    this.#spawn(pilot);
  }

  #quit() {
    const ship = this.#ships.get(this.#seat);
    if (ship) this.#signals.emit("leave", ship);
    this.#ships.delete(this.#seat);
    const pilot = this.#pilots.get(this.#seat);
    if (pilot) this.#signals.emit("leave", pilot);
    this.#pilots.delete(this.#seat);
  }

  #spawn(pilot) {
    const [x, y] = this.#place();
    const heading = Math.floor(Math.random() * 256);
    const ship = this.#enter("Ship", {
      x,
      y,
      heading,
      aim: heading,
      hull: 100,
      flags: 4,
      seat: pilot.seat,
      bounty: pilot.seat % 9 === 3 ? 75 : 0,
      energy: 100,
      dash_left: 0,
      fire_wait: 0,
      mine_wait: 0,
      vx: 0,
      vy: 0,
      safeUntil: this.#tick + 60,
      turn: 0,
      target: 2 + Math.floor(Math.random() * this.#count),
    });
    this.#ships.set(pilot.seat, ship);
    pilot.ship = ship.id;
    pilot.respawn_at = 0;
  }

  #step() {
    this.#tick += 1;
    for (const ship of [...this.#ships.values()]) this.#fly(ship);
    for (const mine of [...this.#mines]) {
      if (this.#tick > mine.made + 30) mine.armed = true;
      if (this.#tick < mine.made + 240) continue;
      this.#mines.splice(this.#mines.indexOf(mine), 1);
      this.#signals.emit("leave", mine);
      this.#signals.emit("event", { kind: "Blast", x: mine.x, y: mine.y, radius: 110 * UNIT });
    }
    for (const pilot of this.#pilots.values()) {
      if (pilot.ship === 0 && this.#tick >= pilot.respawn_at) this.#spawn(pilot);
    }
    if (this.#round.ends_at <= this.#tick)
      Object.assign(this.#round, { phase: "PLAYING", ends_at: this.#tick + 9000 });
    this.replica.tick = this.#tick;
    this.#signals.emit("delta", { tick: this.#tick });
  }

  #fly(ship) {
    const own = ship.seat === this.#seat;
    const steer = own ? this.#steer : this.#think(ship);
    ship.heading = (ship.heading + steer.turn * 5 + 256) & 255;
    ship.aim = steer.aim;
    ship.energy = Math.min(100, ship.energy + 0.5);
    ship.mine_wait = Math.max(0, ship.mine_wait - 1);
    ship.fire_wait = Math.max(0, ship.fire_wait - 1);
    ship.dash_left = Math.max(0, ship.dash_left - 1);
    const angle = (ship.heading * Math.PI) / 128;
    const push = (steer.thrust ? 0.32 : 0) + (ship.dash_left > 0 ? 2.4 : 0);
    ship.vx = (ship.vx + Math.cos(angle) * push) * 0.975;
    ship.vy = (ship.vy + Math.sin(angle) * push) * 0.975;
    ship.x = Math.min(Math.max(ship.x + Math.round(ship.vx * UNIT), 0), WORLD * UNIT);
    ship.y = Math.min(Math.max(ship.y + Math.round(ship.vy * UNIT), 0), WORLD * UNIT);
    ship.flags =
      (ship.flags & 24) |
      (steer.thrust ? 1 : 0) |
      (ship.dash_left > 0 ? 2 : 0) |
      (this.#tick < ship.safeUntil ? 4 : 0);
    if (steer.dash && ship.dash_left === 0 && ship.energy > 25) {
      ship.dash_left = 6;
      ship.energy -= 25;
      this.#signals.emit("event", { kind: "Dashed", seat: ship.seat, x: ship.x, y: ship.y });
    }
    if (steer.mine && ship.mine_wait === 0) {
      ship.mine_wait = 90;
      this.#mines.push(
        this.#enter("Mine", {
          x: ship.x,
          y: ship.y,
          seat: ship.seat,
          armed: false,
          made: this.#tick,
        }),
      );
    }
    if (steer.fire && ship.fire_wait === 0 && ship.energy > 4) this.#shoot(ship);
  }

  #think(ship) {
    const random = Math.random();
    if (random < 0.03) ship.turn = Math.floor(Math.random() * 3) - 1;
    if (random > 0.993) ship.target = 1 + Math.floor(Math.random() * this.#count);
    const target = this.#ships.get(ship.target) ?? ship;
    const middle = WORLD * UNIT * 0.5;
    const reach = this.#crowd ? 300 * UNIT : middle * 0.9;
    const astray = Math.hypot(ship.x - middle, ship.y - middle) > reach;
    const home =
      (Math.round((Math.atan2(middle - ship.y, middle - ship.x) * 128) / Math.PI) + 256) & 255;
    const way = ((home - ship.heading + 384) & 255) - 128;
    return {
      turn: astray ? Math.sign(way) : ship.turn,
      thrust: (this.#tick + ship.seat * 13) % 90 < 60,
      dash: random < 0.002,
      fire: random < 0.025 && Math.hypot(target.x - ship.x, target.y - ship.y) < 600 * UNIT,
      mine: random > 0.9985,
      aim:
        (Math.round(
          (Math.atan2(target.y - ship.y, target.x - ship.x) * 128) / Math.PI + (random - 0.5) * 6,
        ) +
          256) &
        255,
    };
  }

  #shoot(ship) {
    ship.fire_wait = 6;
    ship.energy -= 4;
    const angle = (ship.aim * Math.PI) / 128;
    let best = 700 * UNIT;
    let hit = null;
    for (const other of this.#ships.values()) {
      if (other === ship) continue;
      const along = (other.x - ship.x) * Math.cos(angle) + (other.y - ship.y) * Math.sin(angle);
      const aside = Math.abs(
        (other.y - ship.y) * Math.cos(angle) - (other.x - ship.x) * Math.sin(angle),
      );
      if (along > 0 && along < best && aside < 20 * UNIT) [best, hit] = [along, other];
    }
    const to_x = Math.round(ship.x + Math.cos(angle) * best);
    const to_y = Math.round(ship.y + Math.sin(angle) * best);
    this.#signals.emit("event", {
      kind: "Shot",
      seat: ship.seat,
      x: ship.x,
      y: ship.y,
      to_x,
      to_y,
    });
    if (hit === null || hit.flags & 4) return;
    hit.hull -= 12;
    this.#signals.emit("event", {
      kind: "Hit",
      seat: hit.seat,
      by: ship.seat,
      damage: 12,
      x: to_x,
      y: to_y,
      shielded: (hit.flags & 16) !== 0,
    });
    if (hit.hull <= 0) this.#kill(hit, ship.seat);
  }

  #kill(ship, by) {
    const pilot = this.#pilots.get(ship.seat);
    this.#ships.delete(ship.seat);
    this.#signals.emit("leave", ship);
    pilot.ship = 0;
    pilot.respawn_at = this.#tick + 45;
    const killer = this.#pilots.get(by);
    if (killer) killer.score += 100;
    this.#signals.emit("event", {
      kind: "Kill",
      seat: ship.seat,
      by,
      assists: [],
      reward: 100,
      x: ship.x,
      y: ship.y,
    });
  }
}
