/**
 * The messages of protocol version 2: the client's are written, the server's are read.
 *
 * Owns the layout of every message except the content of a delta, which `replica.js` reads directly
 * into the replica.  Never sends, never keeps state.
 */

import { ProtocolError } from "./errors.js";
import { INT_LIMIT } from "./fieldtypes.js";
import { MAX_NESTING, Reader, Writer } from "./msgpack.js";
import { Schema } from "./schema.js";

export const SUBPROTOCOL = "gameserver.v2.msgpack";
export const PROTOCOL_VERSION = 2;

/** Message kinds, as numbered in the protocol. */
export const Kind = Object.freeze({
  HELLO: 1,
  COMMAND: 2,
  ACK: 3,
  PING: 4,
  SAY: 5,
  RESYNC: 6,
  DESYNC: 7,
  READ: 8,
  REPORT: 9,
  WELCOME: 17,
  DELTA: 18,
  PONG: 19,
  STATUS: 20,
  SAID: 21,
  CHECK: 22,
  MOVED: 23,
  BYE: 24,
  PACE: 25,
  HASHES: 26,
  RESULT: 27,
});

/** Longer messages are refused. */
const MAX_BYTES = 2 ** 20;
const UINT32_MAX = 2 ** 32 - 1;
/** The slowest pace of game time, as a share of real time. */
const MIN_PACE = 1 / 16;
const SEQ_MAX = 2 ** 31 - 1;

/** `rendered` of a command counts parts of a tick, as a screen shows positions between two ticks. */
export const RENDERED_PER_TICK = 32;

/**
 * `kind/name` of the room, own seat and entity (0: none), the tick at which it was sent, ticks per
 * second, the resume token, and the limits of the server.
 * @typedef {object} Welcome
 * @property {typeof Kind.WELCOME} kind
 * @property {string} room
 * @property {number} seat
 * @property {number} ownEntity
 * @property {number} tick
 * @property {number} tickRate
 * @property {Schema} schema
 * @property {string} resume
 * @property {{ messageBytes: number, sayLength: number, publishEvery: number }} limits
 * @property {boolean} resumed  whether this is the seat that the client had …
 * @property {number} ack  … and the seq of the newest command dealt with there
 */
/** @typedef {{ kind: typeof Kind.PONG, nonce: number, clientTime: number, tick: number }} Pong */
/**
 * The server's measurements, in microseconds; null if it does not know one yet.  The fields from
 * `late` on are about this player's commands: counts since the seat was taken, and medians of the
 * latest inputs.  An older server does not send them, and they are null.
 * @typedef {object} Status
 * @property {typeof Kind.STATUS} kind
 * @property {number | null} rttUs  the last ping frame's round trip
 * @property {number | null} smoothedUs
 * @property {number | null} jitterUs
 * @property {number | null} minUs
 * @property {number | null} workUs  the duration of the room's last tick
 * @property {number} players
 * @property {number | null} late  inputs that came after their tick
 * @property {number | null} early  refused: too far ahead
 * @property {number | null} dropped  all others that were refused, or never applied
 * @property {number | null} idleTicks  ticks for which no input had come
 * @property {number | null} waitUs  from when the server read it to the beginning of its tick
 * @property {number | null} simulateUs  the duration of the room's last step
 * @property {number | null} sendUs  from the end of the step until its delta was written
 * @property {number | null} disputed  `rendered` that the measured latency refuted
 */
/** @typedef {{ kind: typeof Kind.SAID, seat: number, name: string, text: string }} Said */
/** @typedef {{ kind: typeof Kind.CHECK, tick: number, checksum: number }} Check */
/**
 * `again` is 1 if the hello there is the one that would be sent here, with the ticket.
 * @typedef {{ kind: typeof Kind.MOVED, url: string, room: string, ticket: string,
 *   again: number | null }} Moved
 */
/**
 * @typedef {object} Bye
 * @property {typeof Kind.BYE} kind
 * @property {number} code  of the close that follows; see `closing.js`
 * @property {string} reason
 * @property {number | null} retryAfterS
 */
/**
 * The pace of the room from `tick` on: game time as a share of real time, and the number of ticks
 * from one delta to the next.
 * @typedef {{ kind: typeof Kind.PACE, tick: number, pace: number, publishEvery: number }} Pace
 */
/**
 * Of the entities that the client should hold as of the delta of `tick`: id → share of the checksum.
 * @typedef {{ kind: typeof Kind.HASHES, tick: number, held: Map<number, number> }} Hashes
 */
/**
 * The answer to a read: a value of any kind, or an error.
 * @typedef {{ kind: typeof Kind.RESULT, number: number, value: any, error: string | null }} Result
 */
/** @typedef {Welcome | Pong | Status | Said | Check | Moved | Bye | Pace | Hashes | Result} ServerMessage */
/** @typedef {import("./schema.js").EntityView} EntityView */
/** @typedef {import("./schema.js").Field} Field */

// ---------------------------------------------------------------- from the client

/**
 * @param {number} count  elements, the kind included
 * @param {number} kind
 * @returns {Writer}
 */
function begin(count, kind) {
  const writer = new Writer();
  writer.array(count);
  writer.int(kind);
  return writer;
}

/**
 * @param {object} hello
 * @param {string | null} hello.schemaHash
 * @param {string} hello.room
 * @param {string} hello.name
 * @param {string | null} hello.token
 * @param {string | null} hello.resume
 * @param {number} [hello.tick]  with `resume`: the newest delta applied
 * @param {Uint8Array | null} [hello.held]  with `resume`: see `held.js`; null: a full state is wanted
 * @param {Record<string, any> | null} [hello.options]  by field name; enums by the names of members
 * @param {Record<string, string | number | boolean> | null} [hello.filter]  likewise
 * @param {string | null} [hello.ticket]
 */
export function encodeHello({
  schemaHash,
  room,
  name,
  token,
  resume,
  tick = 0,
  held = null,
  options = null,
  filter = null,
  ticket = null,
}) {
  const writer = begin(12, Kind.HELLO);
  writer.int(PROTOCOL_VERSION);
  writer.value(schemaHash);
  writer.str(room);
  writer.str(name);
  writer.value(token);
  writer.value(resume);
  writer.int(tick);
  writer.value(held);
  writer.value(options);
  writer.value(filter);
  writer.value(ticket);
  return writer.bytes();
}

/**
 * @param {number} seq
 * @param {number} tick  the tick for which it is meant; 0: the next free one
 * @param {number} rendered  the tick that the screen showed, in parts (`RENDERED_PER_TICK`); 0: unknown
 * @param {number} acked  the tick of the newest delta applied, 0 for none
 * @param {import("./commands.js").CommandKind} command
 * @param {any[]} wire  its wire values, as `command.toWire` returned them
 */
export function encodeCommand(seq, tick, rendered, acked, command, wire) {
  const writer = begin(6 + wire.length, Kind.COMMAND);
  writer.int(seq);
  writer.int(tick);
  writer.int(rendered);
  writer.int(acked);
  writer.int(command.index);
  command.write(writer, wire);
  return writer.bytes();
}

/** @param {number} tick */
export function encodeAck(tick) {
  const writer = begin(2, Kind.ACK);
  writer.int(tick);
  return writer.bytes();
}

/** @param {number} nonce @param {number} clientTimeMs */
export function encodePing(nonce, clientTimeMs) {
  const writer = begin(3, Kind.PING);
  writer.int(nonce);
  writer.float64(clientTimeMs);
  return writer.bytes();
}

/** @param {string} text */
export function encodeSay(text) {
  const writer = begin(2, Kind.SAY);
  writer.str(text);
  return writer.bytes();
}

/** @param {number} seat @param {string} reason */
export function encodeReport(seat, reason) {
  const writer = begin(3, Kind.REPORT);
  writer.int(seat);
  writer.str(reason);
  return writer.bytes();
}

export function encodeResync() {
  return begin(1, Kind.RESYNC).bytes();
}

/**
 * @param {number} tick  that of a check that was wrong
 * @param {[number, EntityView | undefined][] | null} held  what is held of the entities that differ;
 *   null: the server is asked for its hashes
 */
export function encodeDesync(tick, held) {
  const writer = begin(3, Kind.DESYNC);
  writer.int(tick);
  if (held === null) {
    writer.value(null);
    return writer.bytes();
  }
  writer.array(held.length);
  for (const [id, entity] of held) {
    writer.array(4);
    writer.int(id);
    writer.value(entity === undefined ? null : entity.spec.index);
    writeFields(writer, entity?.spec.fields ?? [], entity?.values ?? []);
    if (entity?.owner) writeFields(writer, entity.spec.ownerFields, entity.owner);
    else writer.value(null);
  }
  return writer.bytes();
}

/**
 * @param {number} number  of the question
 * @param {string} name  of a collection or leaderboard
 * @param {string} what  `own`, `top`, `rank` or `around`
 * @param {(string | number)[]} given  its arguments, as the protocol orders them
 */
export function encodeRead(number, name, what, given) {
  const writer = begin(5, Kind.READ);
  writer.int(number);
  writer.str(name);
  writer.str(what);
  writer.array(given.length);
  for (const argument of given) writer.value(argument);
  return writer.bytes();
}

/** @param {Writer} writer @param {Field[]} fields @param {any[]} values */
function writeFields(writer, fields, values) {
  writer.array(fields.length);
  fields.forEach((field, at) => {
    if (values[at] === undefined) writer.value(null);
    else field.type.write(writer, values[at]);
  });
}

// ---------------------------------------------------------------- from the server

/**
 * Begin a server's message.
 * @param {Uint8Array} bytes
 * @returns {{ reader: Reader, kind: number, count: number }} `count` elements follow the kind
 */
export function openMessage(bytes) {
  if (bytes.length > MAX_BYTES) throw new ProtocolError(`a message of ${bytes.length} bytes`);
  const reader = new Reader(bytes);
  const count = reader.array() - 1;
  if (count < 0) throw new ProtocolError("an empty message");
  return { reader, kind: reader.int(0, UINT32_MAX), count };
}

/**
 * End a server's message: skip `extra` elements that a newer server appended.
 * @param {Reader} reader
 * @param {number} extra  how many elements are left; negative: some are missing
 */
export function closeMessage(reader, extra) {
  for (let left = extra; left > 0; left -= 1) reader.value(MAX_NESTING - 1);
  reader.end();
}

/**
 * `appended`: counts or null, which only newer servers send.
 * @type {Record<number, { count: number, read: (reader: Reader) => ServerMessage, appended?: string[] }>}
 */
const LAYOUTS = {
  [Kind.WELCOME]: { count: 10, read: readWelcome },
  [Kind.PONG]: {
    count: 3,
    read: (reader) => ({
      kind: Kind.PONG,
      nonce: reader.int(0, UINT32_MAX),
      clientTime: reader.number(),
      tick: reader.float(),
    }),
  },
  [Kind.STATUS]: {
    count: 6,
    read: (reader) => ({
      kind: Kind.STATUS,
      rttUs: countOrNull(reader),
      smoothedUs: countOrNull(reader),
      jitterUs: countOrNull(reader),
      minUs: countOrNull(reader),
      workUs: countOrNull(reader),
      players: reader.int(0, INT_LIMIT),
      late: null,
      early: null,
      dropped: null,
      idleTicks: null,
      waitUs: null,
      simulateUs: null,
      sendUs: null,
      disputed: null,
    }),
    appended: ["late", "early", "dropped", "idleTicks", "waitUs", "simulateUs", "sendUs", "disputed"],
  },
  [Kind.SAID]: {
    count: 3,
    read: (reader) => ({
      kind: Kind.SAID,
      seat: reader.int(0, INT_LIMIT),
      name: reader.str(),
      text: reader.str(),
    }),
  },
  [Kind.CHECK]: {
    count: 2,
    read: (reader) => ({
      kind: Kind.CHECK,
      tick: reader.int(0, INT_LIMIT),
      checksum: reader.int(0, UINT32_MAX),
    }),
  },
  [Kind.HASHES]: {
    count: 2,
    read: (reader) => ({
      kind: Kind.HASHES,
      tick: reader.int(0, INT_LIMIT),
      held: readHashes(reader),
    }),
  },
  [Kind.RESULT]: {
    count: 3,
    read: (reader) => ({
      kind: Kind.RESULT,
      number: reader.int(0, UINT32_MAX),
      value: reader.value(MAX_NESTING - 1),
      error: reader.takeNil() ? null : reader.str(),
    }),
  },
  [Kind.MOVED]: {
    count: 3,
    read: (reader) => ({
      kind: Kind.MOVED,
      url: reader.str(),
      room: reader.str(),
      ticket: reader.str(),
      again: null,
    }),
    appended: ["again"],
  },
  [Kind.BYE]: {
    count: 3,
    read: (reader) => ({
      kind: Kind.BYE,
      code: reader.int(1000, 4999),
      reason: reader.str(),
      retryAfterS: reader.takeNil() ? null : notNegative(reader.number()),
    }),
  },
  [Kind.PACE]: {
    count: 3,
    read: (reader) => ({
      kind: Kind.PACE,
      tick: reader.int(0, INT_LIMIT),
      pace: aPace(reader.number()),
      publishEvery: reader.int(1, INT_LIMIT),
    }),
  },
};

/**
 * Any message of the server except a delta.
 * @param {Uint8Array} bytes
 * @returns {ServerMessage} or `ProtocolError`
 */
export function decodeMessage(bytes) {
  const { reader, kind, count } = openMessage(bytes);
  const layout = LAYOUTS[kind];
  if (layout === undefined) throw new ProtocolError(`no message of kind ${kind}`);
  if (count < layout.count) {
    throw new ProtocolError(`a message of kind ${kind} with ${count} fields, not ${layout.count}`);
  }
  const message = layout.read(reader);
  const appended = (layout.appended ?? []).slice(0, count - layout.count);
  const more = Object.fromEntries(appended.map((name) => [name, countOrNull(reader)]));
  closeMessage(reader, count - layout.count - appended.length);
  return Object.assign(message, more);
}

/** @param {Reader} reader @returns {Welcome} */
function readWelcome(reader) {
  return {
    kind: Kind.WELCOME,
    room: reader.str(),
    seat: reader.int(1, INT_LIMIT),
    ownEntity: reader.int(0, INT_LIMIT),
    tick: reader.int(0, INT_LIMIT),
    tickRate: positive(reader.number()),
    schema: Schema.read(reader),
    resume: reader.str(),
    limits: readLimits(reader),
    resumed: reader.bool(),
    ack: reader.int(0, SEQ_MAX),
  };
}

/** @param {Reader} reader @returns {Welcome["limits"]} */
function readLimits(reader) {
  /** @type {Map<string, number>} */
  const limits = new Map();
  for (let left = reader.map(); left > 0; left -= 1) {
    const name = reader.str();
    if (limits.has(name)) throw new ProtocolError("a limit of a welcome comes twice");
    limits.set(name, reader.int(-INT_LIMIT, INT_LIMIT));
  }
  const limit = (/** @type {string} */ name, /** @type {number} */ usual) =>
    positive(limits.get(name) ?? usual);
  return {
    messageBytes: limit("message_bytes", 4096),
    sayLength: limit("say_length", 256),
    publishEvery: limit("publish_every", 1),
  };
}

/** @param {Reader} reader @returns {Map<number, number>} */
function readHashes(reader) {
  const count = reader.array();
  if (count % 2 !== 0) throw new ProtocolError("an id without its hash");
  const held = new Map();
  for (let left = count; left > 0; left -= 2) {
    const id = reader.int(1, INT_LIMIT);
    held.set(id, reader.int(0, UINT32_MAX));
  }
  return held;
}

/** @param {Reader} reader @returns {number | null} */
function countOrNull(reader) {
  return reader.takeNil() ? null : reader.int(0, INT_LIMIT);
}

/** @param {number} value @returns {number} */
function positive(value) {
  if (value > 0) return value;
  throw new ProtocolError(`${value} is not positive`);
}

/** @param {number} value @returns {number} */
function aPace(value) {
  if (value >= MIN_PACE && value <= 1) return value;
  throw new ProtocolError(`${value} is no pace`);
}

/** @param {number} value @returns {number} */
function notNegative(value) {
  if (value >= 0) return value;
  throw new ProtocolError(`${value} is negative`);
}
