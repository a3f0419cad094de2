// GameClient against a fake socket and a fake clock: joining, playing, acks, commands, figures.

import assert from "node:assert/strict";
import test from "node:test";

import { Kind } from "../../clients/web/net/messages.js";
import { Float32, Float64 } from "../../clients/web/net/msgpack.js";
import { delta, hit, playing, ship, welcome, world } from "./fakes.mjs";

// ---------------------------------------------------------------- joining

test("hello is sent when the socket opens, and a welcome begins the game", () => {
  const { client, socket, told } = world({ token: "t", schemaHash: "0123456789abcdef" });
  assert.equal(client.state, "idle");
  client.connect();
  assert.equal(socket().offered, "gameserver.v2.msgpack");
  assert.equal(socket().binaryType, "arraybuffer");
  assert.deepEqual(socket().take(), []);
  socket().accept();
  assert.deepEqual(socket().take(), [[1, 2, "0123456789abcdef", "arena", "Ada", "t", null, 0, null, null, null, null]]);
  socket().say(welcome());
  assert.equal(client.state, "playing");
  assert.equal(client.welcome.room, "arena/main");
  assert.equal(client.replica.ownEntity, 1);
  const heard = told();
  assert.deepEqual(
    heard.map(([name, payload]) => (name === "state" ? payload.state : name)),
    ["connecting", "joining", "playing", "welcome"],
  );
});

test("options and filters go with every hello, those of the room's query too", () => {
  const options = { size: 4, password: "pw", constructor: "odd", gravity: 1.5 };
  const room = "arena?mode=RANKED&level=3&__proto__=x";
  const { client, socket } = world({ room, options, filters: { level: 4, rated: true } });
  client.connect();
  socket().accept();
  const [hello] = socket().take();
  assert.equal(hello[3], "arena");
  assert.deepEqual({ ...hello[9] }, options);
  const wanted = Object.entries(hello[10]).sort();
  assert.deepEqual(wanted, [["__proto__", "x"], ["level", 4], ["mode", "RANKED"], ["rated", true]]);
});

test("more options or filters than a hello holds are a mistake of the page", () => {
  const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`o${i}`, i]));
  assert.throws(() => world({ options: many }), { message: "at most 32 options and 8 filters" });
  assert.throws(() => world({ filters: many }), RangeError);
});

test("connect() is for once", () => {
  const { client } = world();
  client.connect();
  assert.throws(() => client.connect(), /connect\(\) while connecting/);
});

test("what is never told cannot be listened to", () => {
  const { client } = world();
  for (const name of ["typo", "toString", "Event"]) {
    assert.throws(() => client.on(name, () => {}), {
      name: "Error",
      message:
        `no signal is called "${name}"; there are ` +
        "state, welcome, enter, leave, change, event, delta, said, status, pace, bye",
    });
  }
});

test("a server that chooses no subprotocol is not for us", () => {
  const { client, socket, told } = world();
  client.connect();
  socket().accept("");
  assert.equal(client.state, "closed");
  assert.deepEqual([socket().take(), socket().closed.code], [[], 4002]);
  assert.equal(told("state").at(-1).action, "stop");
});

test("no welcome in time is a lost connection", () => {
  const { client, socket, sockets, time, told } = world();
  client.connect();
  socket().accept();
  time.advance(9999);
  assert.equal(client.state, "joining");
  time.advance(1);
  assert.equal(socket().closed.code, 4001, "not 1000: the seat is to be held");
  assert.deepEqual(told("state").at(-1), {
    state: "reconnecting",
    code: 1006,
    reason: "no welcome in time",
    action: "resume",
    retryInS: 0.5,
  });
  time.advance(500);
  assert.equal(sockets.length, 2);
});

test("only a welcome, a move or a goodbye may answer a hello", () => {
  for (const message of [delta(1), [Kind.CHECK, 1, 1], [Kind.PONG, 1, 0, new Float64(0.5)]]) {
    const { client, socket } = world();
    client.connect();
    socket().accept();
    socket().say(message);
    assert.equal(client.state, "closed");
    assert.equal(socket().closed.code, 4000);
  }
});

// ---------------------------------------------------------------- playing

test("a delta is told as leaves, enters, changes, events, and then itself", () => {
  const { client, socket, told } = playing();
  socket().say(delta(11, { leaves: null, enters: [...ship(1), ...ship(2)], own: [1, 1, 1, 9] }));
  assert.equal(client.replica.own.ammo, 9);
  told();
  socket().say(delta(12, { leaves: [2], enters: ship(3), sets: [1, 1, 5], events: [hit] }));
  const heard = told();
  assert.deepEqual(heard.map(([name]) => name), ["leave", "enter", "change", "event", "delta"]);
  assert.deepEqual([heard[2][1].entity.x, heard[2][1].tick], [2.5, 12]);
  assert.deepEqual(heard[3][1], { kind: "Hit", power: 1 });
});

test("a command carries seq, what the screen showed in 32nds of a tick, and the newest tick", () => {
  const { client, socket } = playing();
  assert.equal(client.send("Steer", { turn: 1 }), 1);
  socket().say(delta(11));
  assert.equal(client.send("Steer", { turn: -1 }), 2);
  client.renderedTick = 9.7;
  assert.equal(client.send("Steer"), 3);
  client.renderedTick = -2;
  assert.equal(client.send("Steer"), 4);
  assert.deepEqual(socket().take(), [
    [2, 1, 0, 0, 0, 0, 1],
    [2, 2, 0, 11 * 32, 11, 0, -1],
    [2, 3, 0, 310, 11, 0, 0],
    [2, 4, 0, 0, 11, 0, 0],
  ]);
  assert.equal(client.seq, 4);
});

test("a command outside its limits is refused here, and uses up no seq", () => {
  const { client, socket } = playing();
  assert.throws(() => client.send("Steer", { turn: 2 }), /Steer\.turn: 2 is outside -1 … 1/);
  assert.throws(() => client.send("Fire"), /no command Fire/);
  assert.deepEqual(socket().take(), []);
  assert.equal(client.send("Steer"), 1);
});

test("commands are not sent unless playing", () => {
  const { client, socket } = world();
  assert.equal(client.send("Steer"), 0);
  client.connect();
  socket().accept();
  assert.equal(client.send("Steer"), 0);
  assert.equal(client.say("hello"), false);
});

test("commands are dropped and counted while the line is clogged", () => {
  const { client, socket } = playing();
  socket().bufferedAmount = 16 * 1024 + 1;
  assert.equal(client.send("Steer"), 0);
  assert.equal(client.statistics().commandsDropped, 1);
  socket().bufferedAmount = 0;
  assert.equal(client.send("Steer"), 1);
});

test("chat is sent, within the limit of the welcome", () => {
  const { client, socket } = playing({ welcome: { limits: { say_length: 3 } } });
  assert.equal(client.say("🚀🚀🚀"), true);
  assert.throws(() => client.say("abcd"), /4 characters; 1 to 3 can be said/);
  assert.throws(() => client.say(""), RangeError);
  assert.throws(() => client.say("a\n"), /a text with control characters/);
  assert.deepEqual(socket().take(), [[5, "🚀🚀🚀"]]);
});

test("no message is longer than the server takes", () => {
  const { client, socket } = playing({ welcome: { limits: { message_bytes: 20 } } });
  assert.throws(() => client.say("x".repeat(30)), /a message of \d+ bytes; the server takes 20/);
  assert.deepEqual(socket().take(), []);
});

test("chat, status and goodbye are told", () => {
  const { client, socket, told } = playing();
  socket().say([Kind.SAID, 2, "Bob", "hi"]);
  socket().say([Kind.STATUS, 21_000, 20_500, 800, 19_000, 1500, 31]);
  socket().say([Kind.BYE, 4010, "no shouting", null]);
  const [said, status, bye] = told().map(([, payload]) => payload);
  assert.deepEqual([said.seat, said.name, said.text], [2, "Bob", "hi"]);
  assert.deepEqual([status.players, client.status], [31, status]);
  assert.deepEqual([bye.code, bye.reason], [4010, "no shouting"]);
  const { rttMs, jitterMs } = client.statistics();
  assert.deepEqual([rttMs, jitterMs], [20.5, 0.8]);
});

// ---------------------------------------------------------------- acks and pings

test("an ack is sent when no command carried one for a second", () => {
  const { client, socket, time } = playing();
  time.advance(999);
  socket().say(delta(11));
  assert.deepEqual(socket().take(), []);
  time.advance(1);
  socket().say(delta(12));
  assert.deepEqual(socket().take(), [[3, 12]]);
  time.advance(600);
  client.send("Steer");
  socket().take();
  time.advance(999);
  socket().say(delta(13));
  assert.deepEqual(socket().take(), [], "the command acknowledged");
  time.advance(1);
  socket().say(delta(14));
  assert.deepEqual(socket().take(), [[3, 14]]);
});

test("a ping at once and then about every second, each with its own nonce", () => {
  const { socket, time } = playing();
  time.advance(3100);
  const nonces = socket().take(Kind.PING).map(([, nonce]) => nonce);
  assert.deepEqual(nonces, [2, 3, 4]); // the first was sent with the welcome
});

test("pongs set the clock", () => {
  const { client, socket, time } = world();
  assert.ok(Number.isNaN(client.serverTickNow()));
  client.connect();
  socket().accept();
  socket().say(welcome({ tick: 10 }));
  assert.equal(client.serverTickNow(), 10);
  const [[, nonce, sentMs]] = socket().take(Kind.PING);
  time.advance(40);
  socket().say([Kind.PONG, nonce, new Float64(sentMs), new Float64(20.25)]);
  // 20.25 was twenty milliseconds ago, 0.6 ticks
  assert.ok(Math.abs(client.serverTickNow() - 20.85) < 1e-9);
  assert.equal(client.statistics().appRttMs, 40);
  socket().say([Kind.PONG, 999, new Float64(0), new Float64(5000)]);
  assert.ok(Math.abs(client.serverTickNow() - 20.85) < 1e-9, "a pong to no ping says nothing");
});

// ---------------------------------------------------------------- timed commands

/** A client that knows how far away the server is: 50 ms each way, at tick 20 when it read. */
function timed() {
  const made = world();
  made.client.connect();
  made.socket().accept();
  made.socket().say(welcome({ tick: 10 }));
  const [[, nonce, sentMs]] = made.socket().take(Kind.PING);
  made.time.advance(100);
  made.socket().say([Kind.PONG, nonce, new Float64(sentMs), new Float64(20)]);
  made.socket().take();
  return made;
}

test("until the server's distance is known there is no tick to command", () => {
  const { client } = playing();
  assert.ok(Number.isNaN(client.commandTickNow()));
  client.close();
  assert.ok(Number.isNaN(client.commandTickNow()));
});

test("a command is meant for the tick at which it arrives, and a little later", () => {
  const { client, time } = timed();
  assert.ok(Math.abs(client.serverTickNow() - 21.5) < 1e-9);
  assert.ok(Math.abs(client.commandTickNow() - (21.5 + 1.5 + 0.5)) < 1e-9);
  time.advance(1000);
  assert.ok(Math.abs(client.commandTickNow() - 53.5) < 1e-9);
  assert.ok(Math.abs(client.statistics().leadTicks - 2) < 1e-9);
});

test("a timed command carries its tick and what the screen shows, in 32nds", () => {
  const { client, socket } = timed();
  client.renderedTick = 17.25;
  client.send("Steer", { turn: 1 }, 24);
  client.send("Steer", { turn: 1 });
  assert.deepEqual(socket().take(), [
    [Kind.COMMAND, 1, 24, 17.25 * 32, 0, 0, 1],
    [Kind.COMMAND, 2, 0, 17.25 * 32, 0, 0, 1],
  ]);
});

test("a margin that says late moves the lead up, smoothly", () => {
  const { client, socket, time } = timed();
  const before = client.commandTickNow();
  client.send("Steer", {}, 24);
  socket().say([Kind.DELTA, 26, 1, -2, ...delta(26).slice(4)]);
  assert.equal(client.statistics().marginTicks, -2);
  time.advance(100);
  const moved = client.commandTickNow() - before;
  assert.ok(moved > 3 && moved <= 3 * 1.05 + 1e-9, `${moved} ticks in the time of three`);
  socket().say(delta(27));
  assert.equal(client.statistics().marginTicks, -2, "no news is no margin");
});

test("a room that slows down is followed: from its tick on, time runs at its pace", () => {
  const { client, time, socket, told } = timed();
  client.commandTickNow();
  const now = client.serverTickNow();
  const from = Math.ceil(now) + 3;
  socket().say([Kind.PACE, from, new Float32(0.5), 2]);
  assert.equal(client.pace, 0.5);
  assert.deepEqual(told("pace"), [{ kind: Kind.PACE, tick: from, pace: 0.5, publishEvery: 2 }]);
  const reached = ((from - now) * 1000) / 30;
  time.advance(reached);
  assert.ok(Math.abs(client.serverTickNow() - from) < 1e-6);
  time.advance(200);
  assert.ok(Math.abs(client.serverTickNow() - (from + 3)) < 1e-6);
  const before = client.commandTickNow();
  time.advance(200);
  const steps = client.commandTickNow() - before;
  assert.ok(Math.abs(steps - 3) < 0.2, `${steps}`);
});

test("a resumed seat keeps the pace that it knows, another one begins at the usual", () => {
  for (const resumed of [true, false]) {
    const { client, time, socket } = playing();
    socket().say([Kind.PACE, 20, new Float32(0.5), 2]);
    socket().lose(1006);
    time.advance(500);
    socket().accept();
    socket().say(welcome({ resumed }));
    assert.equal(client.pace, resumed ? 0.5 : 1);
  }
});

test("a budget says where a command's time went", () => {
  const { client, socket, time } = timed();
  client.commandTickNow();
  client.send("Steer", {}, 24);
  assert.equal(client.budget.newest, null);
  time.advance(120);
  client.renderedTick = 22;
  socket().say(delta(24));
  const { up, wait, down, drawn } = client.budget.newest;
  assert.equal(up, 50);
  assert.ok(Math.abs(up + wait + down - 120) < 1e-9);
  assert.ok(Math.abs(drawn - 2000 / 30) < 1e-9);
});

test("a server that falls silent is lost", () => {
  const { client, socket, time, told } = playing();
  time.advance(10_000);
  assert.equal(client.state, "playing");
  time.advance(300);
  assert.equal(client.state, "reconnecting");
  assert.equal(told("state").at(-1).reason, "the server fell silent");
  assert.equal(socket().closed.code, 4001, "not 1000: the seat is to be held");
});

test("a server that is heard is not lost", () => {
  const { client, socket, time } = playing();
  for (let second = 1; second <= 30; second += 1) {
    time.advance(1000);
    socket().say(delta(10 + second));
  }
  assert.equal(client.state, "playing");
});

// ---------------------------------------------------------------- figures

test("bytes, messages and deltas are counted, and their rates", () => {
  const { client, socket, time } = playing();
  const before = client.statistics();
  for (let tick = 11; tick < 71; tick += 1) {
    time.advance(1000 / 30);
    socket().say(delta(tick));
    client.send("Steer");
  }
  const after = client.statistics();
  assert.equal(after.deltas - before.deltas, 60);
  assert.equal(after.messagesIn - before.messagesIn, 60);
  assert.equal(after.bytesIn - before.bytesIn, 60 * 11);
  assert.ok(after.messagesOut - before.messagesOut >= 60);
  assert.ok(Math.abs(after.deltasPerS - 30) < 2, `${after.deltasPerS}`);
  assert.ok(Math.abs(after.bytesInPerS - 330) < 22, `${after.bytesInPerS}`);
  assert.equal(after.commandsDropped, 0);
});
