// GameClient against a fake socket and a fake clock: joining, playing, checking, losing, returning.

import assert from "node:assert/strict";
import test from "node:test";

import { CLOSE_CODES } from "../../clients/web/net/closing.js";
import { Kind } from "../../clients/web/net/messages.js";
import { Float64 } from "../../clients/web/net/msgpack.js";
import { delta, hit, playing, ship, welcome, world } from "./fakes.mjs";

const states = (told) => told("state").map(({ state }) => state);

const wrongCheck = (client, tick) => [
  Kind.CHECK,
  tick,
  (client.replica.checksum() + 1) % 2 ** 32,
];

// ---------------------------------------------------------------- joining

test("hello is sent when the socket opens, and a welcome begins the game", () => {
  const { client, socket, told } = world({ token: "t", schemaHash: "0123456789abcdef" });
  assert.equal(client.state, "idle");
  client.connect();
  assert.equal(socket().offered, "gameserver.v1.msgpack");
  assert.equal(socket().binaryType, "arraybuffer");
  assert.deepEqual(socket().take(), []);
  socket().accept();
  assert.deepEqual(socket().take(), [[1, 1, "0123456789abcdef", "arena", "Ada", "t", null, 0, null]]);
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

test("connect() is for once", () => {
  const { client } = world();
  client.connect();
  assert.throws(() => client.connect(), /connect\(\) while connecting/);
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
  assert.equal(socket().closed.code, 1000);
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
  client.shownTick = 9.7;
  assert.equal(client.send("Steer"), 3);
  client.shownTick = -2;
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
  client.shownTick = 17.25;
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

test("a budget says where a command's time went", () => {
  const { client, socket, time } = timed();
  client.commandTickNow();
  client.send("Steer", {}, 24);
  assert.equal(client.budget.newest, null);
  time.advance(120);
  client.shownTick = 22;
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
  assert.ok(socket().closed);
});

test("a server that is heard is not lost", () => {
  const { client, socket, time } = playing();
  for (let second = 1; second <= 30; second += 1) {
    time.advance(1000);
    socket().say(delta(10 + second));
  }
  assert.equal(client.state, "playing");
});

// ---------------------------------------------------------------- checks and malformed data

test("a check that agrees is counted", () => {
  const { client, socket } = playing();
  socket().say(delta(11, { enters: ship(1, 5) }));
  socket().say([Kind.CHECK, 11, client.replica.checksum()]);
  assert.equal(client.statistics().checksPassed, 1);
  assert.deepEqual(socket().take(), []);
});

test("a check that disagrees asks for a full state, once until it comes", () => {
  const { client, socket } = playing();
  socket().say(delta(11, { enters: ship(1, 5) }));
  socket().say(wrongCheck(client, 11));
  socket().say(wrongCheck(client, 11));
  assert.deepEqual(socket().take(), [[6]]);
  assert.equal(client.statistics().checksumFailures, 1);
  socket().say(delta(12, { sets: [1, 1, 6] }));
  assert.equal(client.replica.entities.get(1).x, 3, "what is held goes on meanwhile");
  socket().say(delta(13, { leaves: null, enters: ship(1, 7) }));
  socket().say(wrongCheck(client, 13));
  assert.deepEqual(socket().take(), [[6]]);
  assert.equal(client.statistics().resyncs, 2);
});

test("the first malformed delta asks for a full state, the second closes", () => {
  const { client, socket, told } = playing();
  socket().say(delta(11, { enters: ship(1) }));
  socket().say(delta(12, { leaves: [7] }));
  assert.deepEqual(socket().take(), [[6]]);
  assert.equal(client.state, "playing");
  socket().say(delta(13, { sets: [1, 1, 6] }));
  assert.equal(client.replica.entities.size, 0, "passed over until the full state");
  socket().say(delta(14, { leaves: null, enters: ship(1) }));
  assert.equal(client.replica.entities.size, 1);
  assert.deepEqual(told("delta").map(({ tick }) => tick), [11, 14]);
  socket().say(delta(15, { leaves: [7] }));
  assert.equal(client.state, "closed");
  assert.equal(socket().closed.code, 4000);
  assert.equal(client.statistics().protocolErrors, 2);
});

test("a malformed delta asks even while a full state is on its way", () => {
  const { client, socket } = playing();
  socket().say(wrongCheck(client, 10));
  socket().say(delta(11, { leaves: null, enters: [1] })); // the very answer is malformed
  assert.deepEqual(socket().take(), [[6], [6]]);
});

test("a full state that never comes is a lost connection", () => {
  const { client, socket, time, told } = playing();
  socket().say(wrongCheck(client, 10));
  for (let second = 1; second <= 11; second += 1) {
    time.advance(1030);
    socket().say(delta(10 + second));
  }
  assert.equal(client.state, "reconnecting");
  assert.equal(told("state").at(-1).reason, "no full state in time");
});

test("any other malformed message closes with 4000 and a reason that fits a close frame", () => {
  const wrong = [
    new Uint8Array([0xc1]),
    [99],
    [Kind.SAID, 1],
    [Kind.MOVED, "http://x/", "t"],
    [Kind.MOVED, `é${"x".repeat(300)}`, "t"],
    welcome(),
  ];
  for (const message of wrong) {
    const { client, socket, told } = playing();
    socket().say(message);
    assert.equal(client.state, "closed");
    const { code, action } = told("state").at(-1);
    assert.deepEqual([code, action], [4000, "stop"]);
    assert.equal(socket().closed.code, 4000);
    assert.ok(new TextEncoder().encode(socket().closed.reason).length <= 123);
  }
});

test("a text message closes with 4000", () => {
  const { client, socket } = playing();
  socket().onmessage({ data: "hello" });
  assert.deepEqual([client.state, socket().closed.code], ["closed", 4000]);
  assert.equal(client.statistics().protocolErrors, 1);
});

// ---------------------------------------------------------------- losing and returning

test("each close code does what the table says", () => {
  for (const { code, action } of [...CLOSE_CODES, { code: 1006, action: "resume" }]) {
    const { client, socket, time, sockets, told } = playing();
    socket().lose(code, "why");
    const change = told("state").at(-1);
    const { state, reason } = change;
    assert.deepEqual([change.code, reason, change.action], [code, "why", action]);
    assert.equal(state, action === "resume" ? "reconnecting" : "closed", `${code}`);
    time.advance(60_000);
    assert.equal(sockets.length > 1, action === "resume", `${code}`);
    if (action !== "resume") assert.deepEqual(time.timers, [], "nothing is left to happen");
    client.close();
  }
});

test("a close without a reason is told by its name", () => {
  const { socket, told } = playing();
  socket().lose(4010);
  assert.equal(told("state").at(-1).reason, "kicked");
});

test("what bye said counts, however the close looks", () => {
  const { client, socket, told } = playing();
  socket().say([Kind.BYE, 4010, "no shouting", null]);
  socket().lose(1006);
  const { code, reason } = told("state").at(-1);
  assert.deepEqual([client.state, code, reason], ["closed", 4010, "no shouting"]);
});

test("the pause asked for in bye is kept", () => {
  const { client, socket, time, sockets } = world();
  client.connect();
  socket().accept();
  socket().say([Kind.BYE, 4005, "no seat is free", 30]);
  socket().lose(4005);
  time.advance(29_999);
  assert.equal(sockets.length, 1);
  time.advance(1);
  assert.equal(sockets.length, 2);
});

test("coming back: growing pauses, the resume token, a fresh replica", () => {
  const { client, socket, time, sockets, told } = playing();
  socket().say(delta(11, { enters: [...ship(1), ...ship(2)] }));
  client.send("Steer");
  const before = client.replica;
  socket().lose(1006);
  assert.equal(before.entities.size, 2, "drawn frozen meanwhile");
  for (const pauseMs of [500, 1000, 2000, 4000, 8000, 8000]) {
    assert.equal(told("state").at(-1).retryInS, pauseMs / 1000);
    const tries = sockets.length;
    time.advance(pauseMs - 1);
    assert.equal(sockets.length, tries);
    time.advance(1);
    assert.equal(sockets.length, tries + 1);
    if (pauseMs < 8000 || sockets.length < 7) socket().lose(1006);
  }
  socket().accept();
  assert.deepEqual(socket().take(), [[1, 1, null, "arena", "Ada", null, "resume-1", 11, new Uint8Array([1, 1])]]);
  told();
  socket().say(welcome({ tick: 900, resume: "resume-2" }));
  assert.deepEqual(told("leave").map(({ id }) => id), [1, 2]);
  assert.notEqual(client.replica, before);
  socket().say(delta(901, { enters: ship(1) }));
  assert.equal(client.send("Steer"), 1, "another seat, another seq");
  assert.equal(client.statistics().reconnects, 6);
});

/** Lose the connection of a client that plays, and let it come up to its hello. */
function comeBack({ socket, time }, pauseMs = 500) {
  socket().lose(1006);
  time.advance(pauseMs);
  socket().accept();
}

test("resumed: the same replica is brought up to date, and nothing leaves", () => {
  const made = playing();
  const { client, socket, told } = made;
  socket().say(delta(11, { leaves: null, enters: [...ship(1), ...ship(3)], own: [1, 1, 1, 9] }));
  const before = client.replica;
  comeBack(made);
  assert.deepEqual(socket().take(), [
    [1, 1, null, "arena", "Ada", null, "resume-1", 11, new Uint8Array([1, 2])],
  ]);
  told();
  socket().say(welcome({ tick: 40, resume: "resume-2", resumed: true }));
  assert.equal(client.replica, before);
  assert.deepEqual(told("leave"), []);
  socket().say(delta(41, { leaves: [3], enters: ship(2), sets: [1, 1, 7], own: [1, 1, 1, 8] }));
  assert.deepEqual([...client.replica.entities.keys()], [1, 2]);
  assert.equal(client.replica.own.x, 3.5);
  assert.equal(client.replica.own.ammo, 8);
  assert.equal(client.statistics().resumes, 1);
  comeBack(made, 1000);
  assert.equal(socket().take()[0][6], "resume-2");
});

test("resumed: what was not dealt with is sent again, but not for ticks that have passed", () => {
  const made = playing();
  const { client, socket } = made;
  socket().say(delta(11, { leaves: null, enters: ship(1), own: [1] }));
  client.send("Steer", { turn: 1 });
  client.send("Steer", { turn: 1 }, 20);
  client.send("Steer", { turn: -1 });
  client.send("Steer", { turn: 0 }, 90);
  const sent = socket().take(Kind.COMMAND);
  comeBack(made);
  assert.equal(client.send("Steer"), 0, "nothing is sent meanwhile");
  socket().take();
  socket().say(welcome({ tick: 40, resumed: true, ack: 1 }));
  assert.deepEqual(socket().take(Kind.COMMAND), [sent[2], sent[3]]);
  assert.equal(client.statistics().commandsAgain, 2);
  assert.equal(client.send("Steer"), 5);
});

test("a seat that was not resumed is another one: nothing is sent again", () => {
  const made = playing();
  const { client, socket } = made;
  client.send("Steer", { turn: 1 });
  comeBack(made);
  socket().take();
  socket().say(welcome({ tick: 40 }));
  assert.deepEqual(socket().take(Kind.COMMAND), []);
});

test("who waits for a full state, or holds too much, asks for one", () => {
  const made = playing();
  const { socket } = made;
  comeBack(made);
  assert.deepEqual(socket().take()[0].slice(6), ["resume-1", 0, null], "before the first delta");
  socket().say(welcome({ tick: 40, resumed: true }));
  const ids = Array.from({ length: 2049 }, (_, i) => i + 1);
  socket().say(delta(41, { leaves: null, enters: ids.flatMap((id) => ship(id)), own: [1] }));
  comeBack(made, 1000);
  assert.deepEqual(socket().take()[0].slice(6), ["resume-1", 0, null], "too many to tell");
});

test("told that another connection is just resuming the seat, it tries again", () => {
  const made = playing();
  const { client, socket, time, sockets } = made;
  comeBack(made);
  socket().say([Kind.BYE, 4013, "this seat is just being resumed", 1]);
  socket().lose(4013);
  assert.equal(client.state, "reconnecting");
  const tries = sockets.length;
  time.advance(1000);
  assert.equal(sockets.length, tries + 1);
});

test("a connection that lasted takes the pauses back to the first; a short one does not", () => {
  const { socket, time, told } = playing();
  const serve = (ms) => {
    for (let passed = 0; passed < ms; passed += 1000) {
      time.advance(1000);
      socket().say([Kind.SAID, 0, "", "tick"]);
    }
  };
  const back = (pauseMs) => {
    time.advance(pauseMs);
    socket().accept();
    socket().say(welcome());
  };
  serve(1000);
  socket().lose(1011);
  back(500);
  serve(1000);
  socket().lose(1011);
  assert.equal(told("state").at(-1).retryInS, 1);
  back(1000);
  serve(8000);
  socket().lose(1011);
  assert.equal(told("state").at(-1).retryInS, 0.5);
});

test("pauses are jittered", () => {
  const { socket, told } = playing({ random: () => 0.5 });
  socket().lose(1006);
  assert.equal(told("state").at(-1).retryInS, 0.375);
});

test("moved: the new address, with the new token, and again after a loss", () => {
  const { client, socket, time, told } = playing();
  const old = socket();
  old.say([Kind.MOVED, "wss://other/play", "token-2"]);
  assert.equal(old.closed.code, 1000);
  assert.equal(client.state, "reconnecting");
  time.advance(500);
  assert.equal(socket().url, "wss://other/play");
  socket().accept();
  assert.deepEqual(socket().take(), [[1, 1, null, "arena", "Ada", "token-2", "resume-1", 0, null]]);
  socket().lose(1006);
  time.advance(1000);
  assert.equal(socket().url, "wss://other/play");
  assert.equal(states(told).includes("closed"), false);
});

test("nobody moves us from wss to ws", () => {
  const { client, socket } = playing({ url: "wss://server/" });
  socket().say([Kind.MOVED, "ws://other/", "t"]);
  assert.equal(client.state, "closed");
});

test("close() leaves for good, from every state", () => {
  const reach = {
    idle: () => world(),
    connecting: () => {
      const made = world();
      made.client.connect();
      return made;
    },
    playing: () => playing(),
    reconnecting: () => {
      const made = playing();
      made.socket().lose(1006);
      return made;
    },
  };
  for (const [state, make] of Object.entries(reach)) {
    const { client, socket, sockets, time, told } = make();
    assert.equal(client.state, state);
    client.close();
    const { code, action } = told("state").at(-1);
    assert.deepEqual([client.state, code, action], ["closed", 1000, "stop"]);
    if (state === "playing") assert.equal(socket().closed.code, 1000);
    const tries = sockets.length;
    time.advance(60_000);
    assert.equal(sockets.length, tries);
    client.close();
    assert.deepEqual(told(), [], "once");
  }
});

test("what an abandoned socket still has to say is not heard", () => {
  const { client, socket, told } = playing();
  const { onmessage, onclose } = socket();
  assert.ok(onmessage && onclose);
  client.close();
  told();
  assert.deepEqual([socket().onmessage, socket().onclose, socket().onopen], [null, null, null]);
});

test("a listener may close the client at any moment", () => {
  for (const name of ["enter", "leave", "event", "delta", "welcome", "bye", "said", "status"]) {
    const { client, socket, time } = playing();
    client.on(name, () => client.close());
    socket().say(delta(11, { enters: [...ship(1), ...ship(2)], events: [hit] }));
    for (const message of [
      delta(12, { leaves: [1] }),
      [Kind.SAID, 0, "", "x"],
      [Kind.STATUS, 1, 1, 1, 1, 1, 1],
      [Kind.BYE, 1001, "restart", null],
    ]) {
      socket().say(message);
    }
    socket().lose(1001);
    time.advance(500);
    socket().accept();
    socket().say(welcome());
    time.advance(30_000);
    assert.equal(client.state, "closed", name);
    assert.deepEqual(time.timers, [], name);
  }
});

test("a listener may close the client while a new connection clears the old view", () => {
  const { client, socket, time } = playing();
  socket().say(delta(11, { enters: ship(1) }));
  socket().lose(1006);
  client.on("leave", () => client.close());
  time.advance(500);
  socket().accept();
  socket().say(welcome());
  assert.equal(client.state, "closed");
  assert.deepEqual(time.timers, []);
});

test("a new connection owes nothing to the old one", () => {
  const { client, socket, time } = playing();
  socket().say(delta(11, { leaves: [7] })); // its one malformed delta
  socket().lose(1006);
  time.advance(500);
  socket().accept();
  socket().say(welcome());
  socket().take();
  socket().say(wrongCheck(client, 10));
  assert.deepEqual(socket().take(), [[6]], "no full state is on its way here");
  socket().say(delta(11, { leaves: [7] }));
  assert.equal(client.state, "playing", "a malformed delta is forgiven anew");
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
