/**
 * A world for one GameClient in which nothing waits: a clock that the test moves, and sockets whose
 * other end is the test.
 */

import { GameClient } from "../../clients/web/net/client.js";
import { Lead } from "../../clients/web/net/lead.js";
import { Kind } from "../../clients/web/net/messages.js";
import { decode, encode, Float32, Float64 } from "../../clients/web/net/msgpack.js";
import { TickClock } from "../../clients/web/net/tickclock.js";

export const SCHEMA = [
  [["Ship", [0, 1], [["x", ["steps", new Float64(0.5)]], ["y", ["int"]]], [["ammo", ["int"]]]]],
  [["Steer", [["turn", ["int"], 0, -1, 1, null]]]],
  [["Hit", [["power", ["float32"]]]]],
];

/** At 0 ms it is tick 0, 30 a second, and the client's tick is `ahead` of the server's. */
export function clockAndLead(ahead) {
  const clock = new TickClock(30, -1000, 0); // a first guess that no pong contradicts
  const roundTripTicks = 2 * ahead - 1; // the lead is half of it, and half a tick
  clock.pong(0, (roundTripTicks * 1000) / 30, roundTripTicks / 2);
  return { clock, lead: new Lead(clock) };
}

/** The clock and its timers; `advance` calls what falls due, in order. */
export class FakeTime {
  nowMs = 1000;
  /** @type {{ atMs: number, callback: () => void }[]} */
  timers = [];

  setTimer = (callback, ms) => {
    const timer = { atMs: this.nowMs + ms, callback };
    this.timers.push(timer);
    return timer;
  };

  clearTimer = (timer) => {
    this.timers = this.timers.filter((other) => other !== timer);
  };

  advance(ms) {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const [next] = this.timers.filter((t) => t.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.clearTimer(next);
      this.nowMs = next.atMs;
      next.callback();
    }
    this.nowMs = untilMs;
  }
}

/** A client's socket, seen from the server. */
export class FakeSocket {
  bufferedAmount = 0;
  readyState = 1;
  protocol = "";
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  /** @type {any[]} messages that the client sent, decoded */
  inbox = [];
  /** @type {{ code: number, reason: string } | null} how the client closed it */
  closed = null;

  constructor(url, protocol) {
    this.url = url;
    this.offered = protocol;
  }

  send(bytes) {
    this.inbox.push(decode(bytes));
  }

  close(code, reason) {
    this.closed ??= { code, reason };
  }

  /** What the client sent since the last look, pings left out unless asked for. */
  take(kind = null) {
    const taken = this.inbox.splice(0);
    return taken.filter(([sent]) => (kind === null ? sent !== Kind.PING : sent === kind));
  }

  accept(protocol = this.offered) {
    this.protocol = protocol;
    this.onopen?.({});
  }

  /** Send the client a message: an array, or bytes as they are. */
  say(message) {
    const bytes = message instanceof Uint8Array ? message : encode(message);
    this.onmessage?.({ data: bytes.slice().buffer });
  }

  lose(code, reason = "") {
    this.onclose?.({ code, reason });
  }
}

/** A client in such a world, with everything that it tells. */
export function world(options = {}) {
  const time = new FakeTime();
  const sockets = [];
  const client = new GameClient({
    url: "ws://server/",
    room: "arena",
    name: "Ada",
    socketFactory: class extends FakeSocket {
      constructor(url, protocol) {
        super(url, protocol);
        sockets.push(this);
      }
    },
    clock: () => time.nowMs,
    setTimer: time.setTimer,
    clearTimer: time.clearTimer,
    random: () => 1,
    ...options,
  });
  const told = [];
  for (const name of ["state", "welcome", "enter", "leave", "change", "event", "delta"]) {
    client.on(name, (payload) => told.push([name, payload]));
  }
  for (const name of ["said", "status", "pace", "bye"]) {
    client.on(name, (payload) => told.push([name, payload]));
  }
  return {
    client,
    time,
    sockets,
    socket: () => sockets.at(-1),
    /** What the client told since the last look; of one kind, if named: the payloads. */
    told: (name = null) => {
      const all = told.splice(0);
      return name === null ? all : all.filter(([n]) => n === name).map(([, payload]) => payload);
    },
  };
}

export function welcome(given = {}) {
  const { tick = 10, ownEntity = 1, resume = "resume-1", limits = {}, resumed = false, ack = 0 } = given;
  const { schema = SCHEMA } = given;
  const seat = [1, ownEntity, tick, 30];
  return [Kind.WELCOME, "arena/main", ...seat, schema, resume, limits, resumed, ack];
}

/** A delta message; sections that are not given are empty. */
export function delta(tick, { leaves = [], enters = [], sets = [], own = [], events = [] } = {}) {
  return [Kind.DELTA, tick, 0, null, leaves, enters, sets, [], own, events];
}

/** A check that disagrees with what the client holds. */
export const wrongCheck = (client, tick) => [
  Kind.CHECK,
  tick,
  (client.replica.checksum() + 1) % 2 ** 32,
];

export const ship = (id, x = 0) => [id, 0, x, 0];
export const hit = [0, new Float32(1)];

/** A world whose client has said hello. */
export function joining(options = {}) {
  const made = world(options);
  made.client.connect();
  made.socket().accept();
  return made;
}

/** A world whose client is playing, its hello and first ping taken. */
export function playing(options = {}) {
  const made = joining(options);
  made.socket().say(welcome(options.welcome));
  made.socket().take();
  made.told();
  return made;
}
