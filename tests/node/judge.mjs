/**
 * What the page's decoders make of any bytes: `tests/hostile/client_verdicts.py` says the same of Python's.
 *
 * Owns the promise: any bytes are a message, or are refused with a `ProtocolError`; nothing else is
 * ever thrown, by the decoders or by a client that is playing.  A verdict is `"refused"`, or what
 * the message says; of a delta, what it does to a replica that has had the first deltas of a game.
 */

import { ProtocolError } from "../../clients/web/net/errors.js";
import { decodeMessage, Kind, openMessage } from "../../clients/web/net/messages.js";
import { Replica } from "../../clients/web/net/replica.js";
import { joining, playing } from "./fakes.mjs";

export const REFUSED = "refused";

const NAMES = new Map(Object.entries(Kind).map(([name, kind]) => [kind, name.toLowerCase()]));

/** @template T @param {() => T} decode @returns {T | typeof REFUSED} */
function judged(decode) {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ProtocolError) return REFUSED;
    throw error;
  }
}

/**
 * The game to whose beginnings deltas are applied.
 * @typedef {object} Game
 * @property {import("../../clients/web/net/schema.js").Schema} schema
 * @property {Uint8Array[]} deltas
 * @property {number[]} beginnings  how many of the deltas come before the one that is judged
 */

/** @param {Uint8Array} bytes @param {Game} game @returns {any} */
export function verdict(bytes, game) {
  return judged(() => {
    if (openMessage(bytes).kind !== Kind.DELTA) return told(decodeMessage(bytes));
    const each = game.beginnings.map((before) => judged(() => applied(bytes, game, before)));
    return each.every((of) => of === REFUSED) ? REFUSED : ["delta", ...each];
  });
}

/** @param {Uint8Array} bytes @param {Game} game @param {number} before */
function applied(bytes, { schema, deltas }, before) {
  const replica = new Replica(schema);
  for (const earlier of deltas.slice(0, before)) replica.apply(earlier);
  let delta;
  try {
    delta = replica.apply(bytes);
  } catch (error) {
    if (!replica.needsFullState || replica.entities.size > 0) throw new Error("what was refused is held");
    throw error;
  }
  const { entities, ownEntity } = replica;
  for (const entity of entities.values()) for (const name in entity) void entity[name];
  const ids = [...entities.keys()].sort((a, b) => a - b);
  return [replica.checksum(), ids, ownEntity, delta.ack, delta.margin, delta.events.length];
}

const named = ({ name, type }) => [name, type.name];

/** @param {import("../../clients/web/net/messages.js").ServerMessage} message @returns {any[]} */
function told(message) {
  const name = NAMES.get(message.kind);
  if (message.kind === Kind.HASHES) return [name, message.tick, Object.fromEntries(message.held)];
  if (message.kind !== Kind.WELCOME) return [name, ...Object.values(message).slice(1)];
  const { entities, commands, events } = message.schema;
  const { messageBytes, sayLength, publishEvery } = message.limits;
  return [
    name,
    ...[message.room, message.seat, message.ownEntity, message.tick, message.tickRate],
    entities.map((each) => [each.name, each.at, each.fields.map(named), each.ownerFields.map(named)]),
    commands.map((each) => [
      each.name,
      each.fields.map((field) => [named(field), field.low, field.high, field.maxLength]),
    ]),
    events.map((each) => [each.name, each.fields.map(named)]),
    [messageBytes, sayLength],
    publishEvery,
    ...[message.resume, message.resumed, message.ack],
  ];
}

/**
 * Give the bytes to a client that waits for its welcome, and to one that is playing: each goes on, or
 * has closed for a reason that the protocol knows.
 * @param {Uint8Array} bytes
 */
export function survives(bytes) {
  for (const begin of [joining, playing]) {
    const { client, time, socket } = begin();
    socket().say(bytes);
    time.advance(1);
    if (client.state === "playing") {
      if (begin === playing) client.send("Steer", { turn: 0 });
      client.statistics();
      client.commandTickNow();
      client.replica?.checksum();
    }
    client.close();
  }
}

const PROTOTYPES = [Object, Array, Function, String, Number, Map, Uint8Array].map((each) => each.prototype);
const owned = () => JSON.stringify(PROTOTYPES.map((each) => Reflect.ownKeys(each).map(String)));
const CLEAN = owned();

/** Whether all prototypes are as they were. */
export function unpolluted() {
  return owned() === CLEAN;
}
