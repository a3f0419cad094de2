// GameClient that loses its connection: what each close means, pauses, coming back to its seat.

import assert from "node:assert/strict";
import test from "node:test";

import { CLOSE_CODES } from "../../clients/web/net/closing.js";
import { Kind } from "../../clients/web/net/messages.js";
import { delta, hit, SCHEMA, playing, ship, welcome, world, wrongCheck } from "./fakes.mjs";

const states = (told) => told("state").map(({ state }) => state);

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
  assert.deepEqual(socket().take(), [[1, 2, null, "arena", "Ada", null, "resume-1", 11, new Uint8Array([1, 1]), null, null, null]]);
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
    [1, 2, null, "arena", "Ada", null, "resume-1", 11, new Uint8Array([1, 2]), null, null, null],
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

test("resumed in a game that has changed: everything is read anew, and by its new schema", () => {
  const made = playing();
  const { client, socket, told } = made;
  socket().say(delta(11, { leaves: null, enters: [...ship(1), ...ship(3)], own: [1] }));
  client.send("Steer", { turn: 1 });
  const before = client.replica;
  comeBack(made);
  socket().take();
  told();
  const [entities, [[, fields]], events] = SCHEMA;
  const schema = [entities, [["Fly", fields]], events];
  socket().say(welcome({ tick: 40, resumed: true, schema }));
  assert.notEqual(client.replica, before);
  assert.deepEqual(told("leave").map(({ id }) => id), [1, 3]);
  assert.deepEqual(socket().take(Kind.COMMAND), [], "the old command means something else now");
  assert.equal(client.send("Fly", { turn: 1 }), 2);
  socket().say(delta(41, { leaves: null, enters: ship(1), own: [1] }));
  assert.equal(client.replica.own.id, 1);
  assert.equal(client.state, "playing");
});

test("resumed in a room that a crash has taken back: the full state of an earlier tick counts", () => {
  const made = playing();
  const { client, socket, told } = made;
  socket().say(delta(50, { leaves: null, enters: ship(1), own: [1] }));
  comeBack(made);
  socket().take();
  socket().say(welcome({ tick: 44, resumed: true }));
  assert.equal(client.replica.entities.size, 1, "what was shown stays until the full state");
  socket().say(delta(45, { leaves: null, enters: ship(2), own: [2] }));
  assert.deepEqual([...client.replica.entities.keys()], [2]);
  socket().say(delta(46));
  assert.equal(client.state, "playing");
  assert.deepEqual(told("state").at(-1).state, "playing");
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
  assert.deepEqual(socket().take()[0].slice(6, 9), ["resume-1", 0, null], "before the first delta");
  socket().say(welcome({ tick: 40, resumed: true }));
  const ids = Array.from({ length: 2049 }, (_, i) => i + 1);
  socket().say(delta(41, { leaves: null, enters: ids.flatMap((id) => ship(id)), own: [1] }));
  comeBack(made, 1000);
  assert.deepEqual(socket().take()[0].slice(6, 9), ["resume-1", 0, null], "too many to tell");
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

test("a connection that lasted takes the pauses back to quick ones; a short one does not", () => {
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
  serve(1000);
  socket().lose(1011);
  assert.equal(told("state").at(-1).retryInS, 2);
  back(2000);
  serve(4000);
  socket().lose(1011);
  assert.equal(told("state").at(-1).retryInS, 1);
});

test("pauses are jittered", () => {
  const { socket, told } = playing({ random: () => 0.5 });
  socket().lose(1006);
  assert.equal(told("state").at(-1).retryInS, 0.375);
});

test("woken while it waits to come back, it tries at once", () => {
  const { client, sockets, socket, time } = playing();
  for (let times = 0; times < 4; times += 1) {
    socket().lose(1006);
    time.advance(60_000);
  }
  socket().lose(1006);
  assert.equal(client.state, "reconnecting");
  const before = sockets.length;
  client.wake();
  assert.deepEqual([client.state, sockets.length], ["connecting", before + 1]);
  socket().lose(1006);
  assert.equal(client.state, "reconnecting"); // the waking is used up: pauses as ever
  time.advance(250);
  assert.equal(client.state, "reconnecting");
});

test("woken just before it hears that the connection is gone, it comes back without a pause", () => {
  const { client, socket, time, told } = playing();
  client.wake();
  assert.equal(client.state, "playing");
  time.advance(900);
  socket().lose(1006);
  assert.equal(told("state").at(-1).retryInS, 0);
  time.advance(0);
  assert.equal(client.state, "connecting");
});

test("a waking long ago counts for nothing, nor does one against the server's word", () => {
  const { client, socket, time, told } = playing();
  client.wake();
  time.advance(1001);
  socket().lose(1006);
  assert.ok(told("state").at(-1).retryInS > 0);
  time.advance(60_000);
  client.wake();
  socket().accept();
  socket().say([Kind.BYE, 4005, "full", 30]);
  socket().lose(4005);
  assert.equal(told("state").at(-1).retryInS, 30);
  client.wake();
  assert.equal(client.state, "reconnecting");
});

test("waking changes nothing before the first try, nor after the last", () => {
  const { client } = world();
  client.wake();
  assert.equal(client.state, "idle");
  client.connect();
  client.close();
  client.wake();
  assert.equal(client.state, "closed");
});

test("moved: at once to the new address and room, with the ticket, and again after a loss", () => {
  const { client, socket, time, told } = playing({ token: "t", options: { size: 4 } });
  const old = socket();
  const hello = [1, 2, null, "duel/7", "Ada", null, null, 0, null, null, null, "ticket"];
  old.say([Kind.MOVED, "wss://other/play", "duel/7", "ticket"]);
  assert.equal(old.closed.code, 1000);
  assert.equal(client.state, "reconnecting");
  time.advance(0);
  assert.equal(socket().url, "wss://other/play");
  socket().accept();
  assert.deepEqual(socket().take(), [hello]);
  socket().lose(1006); // before the welcome: the ticket may still be good
  time.advance(1000);
  assert.equal(socket().url, "wss://other/play");
  socket().accept();
  assert.deepEqual(socket().take(), [hello]);
  socket().say(welcome());
  assert.equal(client.state, "playing");
  socket().lose(1006);
  time.advance(1000);
  socket().accept();
  const [again] = socket().take();
  assert.deepEqual(again.slice(3, 7), ["duel/7", "Ada", "t", "resume-1"]);
  assert.equal(again[11], null);
  assert.equal(states(told).includes("closed"), false);
});

test("moved again: another server hears what this one would have heard, with the ticket", () => {
  const { client, socket, time } = playing({ token: "t", options: { size: 4 } });
  socket().say(delta(11, { enters: ship(1) }));
  socket().lose(1006);
  time.advance(1000);
  socket().accept();
  const [hello] = socket().take();
  assert.equal(hello[6], "resume-1");
  socket().say([Kind.MOVED, "wss://other/play", "duel/7", "ticket", 1]);
  time.advance(0);
  assert.equal(socket().url, "wss://other/play");
  socket().accept();
  const [there] = socket().take();
  assert.deepEqual(there.slice(0, 3), hello.slice(0, 3));
  assert.deepEqual(there.slice(3, 11), ["duel/7", ...hello.slice(4, 11)]);
  assert.equal(there[11], "ticket");
  socket().say(welcome({ resumed: true }));
  assert.deepEqual([client.state, client.replica.entities.size], ["playing", 1]);
});

test("where it was moved to nothing answers: it asks the first server again", () => {
  const { client, socket, time } = playing();
  const { url } = socket();
  socket().say([Kind.MOVED, "wss://other/play", "duel/7", "ticket"]);
  time.advance(0);
  socket().accept();
  socket().say(welcome());
  socket().lose(1006);
  for (const tries of [1, 2]) {
    time.advance(8000);
    assert.equal(socket().url, "wss://other/play", `try ${tries}`);
    socket().lose(1006);
  }
  time.advance(8000);
  assert.equal(socket().url, url);
  socket().accept();
  assert.deepEqual(socket().take()[0].slice(3, 7), ["duel/7", "Ada", null, "resume-1"]);
  socket().say(welcome({ resumed: true }));
  assert.equal(client.state, "playing");
});

test("moved in place of the welcome, to another room of the same server", () => {
  const { client, socket, time } = world();
  client.connect();
  const { url } = socket();
  socket().accept();
  socket().say([Kind.MOVED, "", "duel/7", "ticket"]);
  time.advance(0);
  assert.equal(socket().url, url);
  socket().accept();
  assert.equal(socket().take()[0][11], "ticket");
});

test("a client that is moved about too often stops", () => {
  const { client, socket, time, told } = playing();
  for (let moves = 0; moves < 8; moves += 1) {
    socket().say([Kind.MOVED, "", `duel/${moves}`, "ticket"]);
    time.advance(0);
    socket().accept();
    socket().say(welcome());
    assert.equal(client.state, "playing");
  }
  socket().say([Kind.MOVED, "", "duel/9", "ticket"]);
  assert.equal(client.state, "closed");
  assert.equal(socket().closed.code, 4015);
  const last = told().filter(([name]) => name === "state").at(-1)[1];
  assert.deepEqual([last.code, last.action], [4015, "stop"]);
});

test("nobody moves us from wss to ws", () => {
  const { client, socket } = playing({ url: "wss://server/" });
  const old = socket();
  old.say([Kind.MOVED, "ws://other/", "t"]);
  assert.equal(client.state, "closed");
  assert.equal(old.closed.code, 4000);
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
