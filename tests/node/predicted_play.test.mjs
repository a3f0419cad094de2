// `client.steering`: the loop over a connection, against a server that is 50 ms away.

import assert from "node:assert/strict";
import test from "node:test";

import { Kind } from "../../clients/web/net/messages.js";
import { Float64 } from "../../clients/web/net/msgpack.js";
import { delta, hit, joining, welcome } from "./fakes.mjs";

const TICK_MS = 1000 / 30;
const WAY_MS = 50;
/** As `Room.idle_repeat_ticks` is by default, so the page's rules need no `idle`. */
const REPEAT_TICKS = 10;

/** A ship that moves by `turn` a tick, its server, and the page that steers it. */
class Game {
  made = joining();
  /** What the stick says. @type {number | null} */
  turn = 1;
  y = 0;
  tick = 0;
  turns = new Map();
  held = { tick: -99, turn: 0 };
  margin = null;
  other = 0;
  commands = 0;
  steered = [];

  constructor(more = {}) {
    const { client, time } = this.made;
    this.play = client.steering({
      command: "Steer",
      controls: (tick) => {
        this.steered.push(tick);
        return this.turn === null ? null : { turn: this.turn };
      },
      state: ({ y }) => ({ y }),
      step: ({ y }, { turn }) => ({ y: y + turn }),
      place: ({ y }) => ({ x: 0, y }),
      kinds: ["Ship"],
      jumpDistance: 10,
      snapDistance: 100,
      ...more,
    });
    this.beganMs = time.nowMs;
    this.welcome();
  }

  welcome(more = {}) {
    const { socket } = this.made;
    socket().say(welcome({ tick: this.tick, ...more }));
    this.entering = true;
  }

  /** Let `ticks` of the server pass. */
  pass(ticks) {
    for (let passed = 0; passed < ticks; passed += 1) this.#serve();
  }

  #serve() {
    const { time, socket } = this.made;
    time.advance(this.beganMs + (this.tick + 1) * TICK_MS - time.nowMs);
    this.#read();
    this.tick += 1;
    if (this.turns.has(this.tick)) this.held = { tick: this.tick, turn: this.turns.get(this.tick) };
    this.y += this.tick - this.held.tick > REPEAT_TICKS ? 0 : this.held.turn;
    this.other += 3;
    const { tick, y, other, margin, entering } = this;
    const sections = entering
      ? { leaves: null, enters: [1, 0, 0, y, 2, 0, 0, other], own: [1, 1, 1, 5] }
      : { sets: [1, 2, y, 2, 2, other], events: tick % 10 === 0 ? [hit] : [] };
    this.entering = false;
    this.margin = null;
    const message = delta(tick, sections);
    message[3] = margin;
    const to = socket();
    time.setTimer(() => to.onmessage && to.closed === null && to.say(message), WAY_MS);
  }

  /** Commands and pings arrive; they are read at the ticks. */
  #read() {
    const { time, socket } = this.made;
    for (const [kind, ...rest] of socket().inbox.splice(0)) {
      if (kind === Kind.PING) {
        const [nonce, sentMs] = rest;
        const to = socket();
        const pong = [Kind.PONG, nonce, new Float64(sentMs), new Float64(this.tick + 1)];
        time.setTimer(() => to.say(pong), 2 * WAY_MS);
      }
      if (kind !== Kind.COMMAND) continue;
      const [, tick, , , , turn] = rest;
      this.commands += 1;
      this.margin = tick - (this.tick + 1);
      this.turns.set(tick, turn);
    }
  }
}

test("a clean link needs no correction, and few messages", () => {
  const game = new Game();
  game.pass(30);
  for (let turn = 0; turn < 9; turn += 1) {
    game.turn = (turn % 3) - 1;
    game.pass(10);
  }
  const { predictor, missedTicks } = game.play.steering;
  assert.deepEqual(Object.values(predictor.counts), [0, 0, 0, 0, 0]);
  assert.equal(missedTicks, 0);
  assert.ok(game.commands > 10 && game.commands < 25, `${game.commands} commands`);
  assert.ok(game.steered.length > 100);
  assert.equal(new Set(game.steered).size, game.steered.length);
});

test("a frame steers, draws the own ship ahead and the others in the past", () => {
  const game = new Game();
  assert.equal(game.play.frame(), null);
  game.pass(60);
  const me = game.play.frame();
  assert.deepEqual(me.state, game.play.own);
  assert.ok(me.y >= me.state.y && me.y <= me.state.y + 1);
  assert.ok(me.state.y > game.made.client.replica.own.y);
  const still = game.play.frame({ turn: 0 });
  assert.equal(still.y, still.state.y, "the stick that is held now shows at once");
  const other = game.made.client.replica.entities.get(2);
  const at = game.play.placeOf(other);
  assert.ok(at.y < other.y && at.y > other.y - 3 * 10);
  assert.equal(game.play.placeOf({ id: 99 }), null);
});

test("the command says which tick the screen showed", () => {
  const game = new Game();
  game.pass(60);
  game.play.frame();
  const { renderedTick } = game.play.steering;
  game.turn = -1;
  game.made.socket().take();
  game.made.time.advance(TICK_MS);
  const [[, , , rendered]] = game.made.socket().take(Kind.COMMAND);
  assert.equal(rendered, renderedTick * 32);
});

test("defaults are filled in, and null sends nothing", () => {
  const game = new Game();
  game.pass(60);
  game.turn = null;
  game.pass(10);
  const { commands } = game;
  game.pass(30);
  assert.equal(game.commands, commands);
  game.turn = undefined; // left out: 0
  game.pass(30);
  assert.equal(game.play.steering.predictor.counts.corrections, 0);
});

test("an event that a shown effect foretold is no news", () => {
  const foretells = new Game({
    effects: (_before, _after, tick) => (tick % 10 === 0 ? [{ kind: "Hit", tick }] : []),
    effectOf: ({ kind }) => ({ kind }),
  });
  foretells.pass(100);
  assert.ok(foretells.play.takeChanges().filter(({ undo }) => !undo).length >= 7);
  const news = foretells.play.takeNews().length;
  assert.ok(news <= 2, `${news} events came before the first prediction`);
  foretells.pass(50);
  assert.deepEqual(foretells.play.takeNews(), []);
  const tells = new Game();
  tells.pass(100);
  assert.ok(tells.play.takeNews().length >= 9);
  assert.deepEqual(tells.play.takeNews(), []);
});

test("after a resume the same seat goes on, after a join another one begins", () => {
  for (const resumed of [true, false]) {
    const game = new Game();
    game.pass(60);
    const { steering } = game.play;
    const { time, socket } = game.made;
    socket().lose(1006);
    const waiting = game.steered.length;
    time.advance(500);
    assert.equal(game.steered.length, waiting, "nobody steers without a connection");
    assert.notEqual(game.play.frame(), null);
    socket().accept();
    game.tick = Math.floor((time.nowMs - game.beganMs) / TICK_MS);
    game.turns.clear();
    game.welcome({ resumed });
    game.pass(90);
    assert.equal(game.play.steering === steering, resumed);
    assert.equal(game.play.own.y - game.made.client.replica.own.y > 0, true);
    const { corrections } = game.play.steering.predictor.counts;
    game.pass(30);
    assert.equal(game.play.steering.predictor.counts.corrections, corrections);
  }
});

test("a loop that has stopped steers no more", () => {
  const game = new Game();
  game.pass(60);
  game.play.stop();
  const { length } = game.steered;
  game.pass(20);
  assert.equal(game.play.frame(), null);
  assert.deepEqual([game.play.own, game.play.placeOf({ id: 2 })], [null, null]);
  assert.equal(game.steered.length, length);
});

test("steering may begin while the client plays already", () => {
  const game = new Game();
  game.pass(60);
  game.play.stop();
  const { client } = game.made;
  const play = client.steering({
    command: "Steer",
    controls: () => ({ turn: 1 }),
    state: ({ y }) => ({ y }),
    step: ({ y }, { turn }) => ({ y: y + turn }),
    idle: () => ({}),
    place: ({ y }) => ({ x: 0, y }),
    ...{ kinds: [], jumpDistance: 0, snapDistance: 9 },
  });
  game.pass(10);
  assert.ok(play.own.y > client.replica.own.y);
});
