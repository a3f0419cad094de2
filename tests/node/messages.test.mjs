// Every message of the vectors: the client's are written, the server's are read.

import assert from "node:assert/strict";
import test from "node:test";

import { ProtocolError } from "../../clients/web/net/errors.js";
import * as messages from "../../clients/web/net/messages.js";
import { decode, encode, Float64 } from "../../clients/web/net/msgpack.js";
import { fromHex, schemaOf, toHex, unmarked, vectors } from "./vectors.mjs";

const { Kind } = messages;
const VECTORS = vectors("messages.json");
const valid = VECTORS.filter((vector) => !vector.error);

/** The type of a wire value in a vector's JSON, as a command's field would have it. */
function typeOf(json) {
  if (json === null) return ["optional", ["int"]];
  if (Array.isArray(json)) return ["tuple", json.map(typeOf)];
  if (typeof json === "object") return ["f32" in json ? "float32" : "bytes"];
  return [{ boolean: "bool", number: "int", string: "str" }[typeof json]];
}

/** How the client writes the message of a vector. */
const WRITE = {
  [Kind.HELLO]: ([, , schemaHash, room, name, token, resume, tick, held, options, filter, ticket]) =>
    messages.encodeHello({
      schemaHash,
      room,
      name,
      token,
      resume,
      tick,
      held: unmarked(held, true),
      options: options?.map ?? null,
      filter: filter?.map ?? null,
      ticket,
    }),
  [Kind.COMMAND]: ([, seq, tick, rendered, acked, index, ...values]) => {
    const fields = values.map((json, at) => [`f${at}`, typeOf(json), null, null, null, null]);
    const names = Array.from({ length: index }, (_, at) => [`other${at}`, []]);
    const schema = schemaOf([[], [...names, ["Any", fields]], []]);
    const given = Object.fromEntries(values.map((json, at) => [`f${at}`, unmarked(json, false)]));
    const command = schema.command("Any");
    return messages.encodeCommand(seq, tick, rendered, acked, command, command.toWire(given));
  },
  [Kind.ACK]: ([, tick]) => messages.encodeAck(tick),
  [Kind.PING]: ([, nonce, time]) => messages.encodePing(nonce, time.f64),
  [Kind.SAY]: ([, text]) => messages.encodeSay(text),
  [Kind.REPORT]: ([, seat, reason]) => messages.encodeReport(seat, reason),
  [Kind.RESYNC]: () => messages.encodeResync(),
  [Kind.DESYNC]: ([, tick, held]) => messages.encodeDesync(tick, held && held.map(heldEntity)),
  [Kind.READ]: ([, number, name, what, given]) => messages.encodeRead(number, name, what, given),
};

/** An entity whose fields write whatever the vector has. */
function heldEntity([id, index, values, owner]) {
  if (index === null) return [id, undefined];
  const anything = { type: { write: (writer, value) => writer.value(value) } };
  const fields = values.map(() => anything);
  const ownerFields = (owner ?? []).map(() => anything);
  return [id, { id, spec: { index, fields, ownerFields }, values, owner }];
}

test("the client's messages have the vectors' bytes", () => {
  const seen = new Set();
  for (const { name, from, message, hex } of valid) {
    // The browser always sends its time as a float.
    if (from !== "client" || name === "ping, integer time") continue;
    seen.add(message[0]);
    assert.equal(toHex(WRITE[message[0]](message)), hex, name);
  }
  assert.deepEqual([...seen].sort(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

/** What the fields of a server's message are called here, in their order. */
const NAMES = {
  [Kind.PONG]: ["nonce", "clientTime", "tick"],
  [Kind.STATUS]: ["rttUs", "smoothedUs", "jitterUs", "minUs", "workUs", "players", "late", "early", "dropped", "idleTicks", "waitUs", "simulateUs", "sendUs", "disputed"],
  [Kind.SAID]: ["seat", "name", "text"],
  [Kind.CHECK]: ["tick", "checksum"],
  [Kind.MOVED]: ["url", "room", "ticket", "again"],
  [Kind.BYE]: ["code", "reason", "retryAfterS"],
  [Kind.RESULT]: ["number", "value", "error"],
};

test("the server's messages are read as the vectors say", () => {
  const seen = new Set();
  for (const { name, from, message, hex } of valid) {
    const kind = message[0];
    if (from !== "server" || !(kind in NAMES)) continue;
    seen.add(kind);
    const fields = unmarked(message.slice(1), false);
    const expected = Object.fromEntries(NAMES[kind].map((field, at) => [field, fields[at] ?? null]));
    assert.deepEqual(messages.decodeMessage(fromHex(hex)), { kind, ...expected }, name);
  }
  assert.equal(seen.size, 7);
});

test("a server that is older tells less in a status, and one that is newer more", () => {
  const old = messages.decodeMessage(encode([Kind.STATUS, 1, 2, 3, 4, 5, 6]));
  assert.deepEqual([old.players, old.late, old.simulateUs, old.disputed], [6, null, null, null]);
  const values = Array.from({ length: 20 }, (_, i) => i);
  const fresh = messages.decodeMessage(encode([Kind.STATUS, ...values]));
  assert.deepEqual([fresh.late, fresh.disputed], [6, 13]);
  const wrong = encode([Kind.STATUS, ...values.with(6, -1)]);
  assert.throws(() => messages.decodeMessage(wrong), ProtocolError);
});

test("hashes are read by id", () => {
  const read = (fields) => messages.decodeMessage(encode([Kind.HASHES, ...fields]));
  for (const { message, hex } of valid.filter((vector) => vector.message[0] === Kind.HASHES)) {
    const { tick, held } = messages.decodeMessage(fromHex(hex));
    assert.deepEqual([tick, [...held].flat()], message.slice(1));
  }
  for (const held of [[1], [0, 5], [1, 2 ** 32], [1, -1], ["a", 1]]) {
    assert.throws(() => read([5, held]), ProtocolError);
  }
});

test("a welcome is read with its schema and limits", () => {
  const welcomes = valid.filter(({ message }) => message[0] === Kind.WELCOME);
  assert.ok(welcomes.length >= 3);
  for (const { name, message, hex } of welcomes) {
    const [, room, seat, ownEntity, tick, tickRate, schema, resume, limits] = unmarked(
      message,
      false,
    );
    const read = messages.decodeMessage(fromHex(hex));
    assert.deepEqual(
      [read.room, read.seat, read.ownEntity, read.tick, read.tickRate, read.resume],
      [room, seat, ownEntity, tick, tickRate, resume],
      name,
    );
    assert.equal(read.limits.messageBytes, limits.message_bytes ?? 4096, name);
    assert.equal(read.limits.sayLength, limits.say_length ?? 256, name);
    assert.equal(read.limits.publishEvery, limits.publish_every ?? 1, name);
    assert.deepEqual(read.schema.entities.map((e) => e.name), schema[0].map((e) => e[0]), name);
    assert.deepEqual(read.schema.commands.map((c) => c.name), schema[1].map((c) => c[0]), name);
    assert.deepEqual(read.schema.events.map((e) => e.name), schema[2].map((e) => e[0]), name);
  }
});

test("all vectors survive the codec", () => {
  for (const { name, message, hex } of valid) {
    assert.deepEqual(decode(fromHex(hex)), unmarked(message, false), name);
    assert.equal(toHex(encode(unmarked(message, true))), hex, name);
  }
});

test("elements of wrong type, missing elements and unknown kinds are refused", () => {
  const welcome = [Kind.WELCOME, "a/b", 1, 0, 0, 30, [[], [], []], "", {}, false, 0];
  const at = (index, value) => welcome.with(index, value);
  const refused = [
    [],
    [0],
    [99, 1],
    ["x"],
    [Kind.DELTA, 1],
    at(1, 7),
    at(2, 0),
    at(2, 1.5),
    at(3, -1),
    at(5, 0),
    at(6, [[], []]),
    at(7, null),
    at(8, null),
    at(8, []),
    at(8, { say_length: 0 }),
    at(8, { message_bytes: "4096" }),
    at(8, { message_bytes: new Float64(4096) }),
    at(8, { unheard_of: "1" }),
    welcome.slice(0, 10),
    at(9, 0),
    at(10, -1),
    [Kind.PONG, -1, 0, 0.5],
    [Kind.PONG, 1, "x", 0.5],
    [Kind.PONG, 1, 0, 3],
    [Kind.STATUS, -1, null, null, null, null, 1],
    [Kind.STATUS, 1, 1, 1, 1, 1, null],
    [Kind.SAID, 1, 2, "text"],
    [Kind.CHECK, 1, 2 ** 32],
    [Kind.CHECK, true, 1],
    [Kind.MOVED, "ws://x", null],
    [Kind.BYE, 999, "", null],
    [Kind.BYE, 1000, "", -1],
    [Kind.BYE, 1000, null, null],
  ];
  for (const message of refused) {
    const bytes = encode(message);
    assert.throws(() => messages.decodeMessage(bytes), ProtocolError, JSON.stringify(message));
  }
  assert.equal(messages.decodeMessage(encode(welcome)).kind, Kind.WELCOME);
});
