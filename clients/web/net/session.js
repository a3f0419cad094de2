/**
 * One connection to a room, from its welcome to its end.
 *
 * Owns pings, acks, checks, the commands that were sent and their latency budget.  The next session
 * of the same seat takes over the tick clock and the lead; if the room still has the same schema,
 * also the replica and the unacknowledged commands. Opens and closes nothing and sets no timers: `client.js` does, passes in the server's
 * messages, and calls `beat` once a second.
 */

import { LatencyBudget } from "./budget.js";
import { desyncReport } from "./desync_report.js";
import { FullStateError, ProtocolError } from "./errors.js";
import { encodeHeld } from "./held.js";
import { Lead } from "./lead.js";
import * as messages from "./messages.js";
import { Kind } from "./messages.js";
import { Outbox } from "./outbox.js";
import { Pings } from "./pings.js";
import { Replica } from "./replica.js";
import { TickClock } from "./tickclock.js";

/** An ack is sent when no command was sent for this long. */
const ACK_AFTER_MS = 1000;
/** While this much is unsent, commands are dropped and counted: they would come too late. */
const MAX_UNSENT_BYTES = 16 * 1024;
const SEQ_MAX = 2 ** 31 - 1;

/** @typedef {import("./client_types.js").Payloads} Payloads */
/** @typedef {import("./messages.js").ServerMessage} ServerMessage */
/** @typedef {import("./messages.js").Status} Status */
/** @typedef {import("./messages.js").Welcome} Welcome */
/** @typedef {import("./replica.js").Delta} Delta */
/** @typedef {import("./signals.js").Signals<Payloads>} PlayerSignals */
/** @typedef {import("./traffic.js").Traffic} Traffic */

/**
 * The part of a connection that a session uses.
 * @typedef {object} Connection
 * @property {() => number} clock  milliseconds, steady
 * @property {(bytes: Uint8Array<ArrayBuffer>) => void} post
 * @property {() => number} unsentBytes
 * @property {() => boolean} isOpen  false once a listener has closed the client
 */

export class Session {
  /**
   * @param {Welcome} welcome
   * @param {Connection} connection
   * @param {PlayerSignals} signals
   * @param {Traffic} traffic
   * @param {Session | null} before  the last session of the same seat, which this one continues; null if new
   */
  constructor(welcome, connection, signals, traffic, before = null) {
    const now = connection.clock();
    this.welcome = welcome;
    this.seq = before?.seq ?? 0;
    const kept = hasSchemaOf(before, welcome) ? before : null;
    if (kept === null) before?.replica.clear();
    /** @type {Replica} */
    this.replica = kept?.replica ?? new Replica(welcome.schema, welcome.ownEntity, {
      onEnter: (entity) => signals.emit("enter", entity),
      onLeave: (entity) => signals.emit("leave", entity),
      onChange: (entity, tick) => signals.emit("change", { entity, tick }),
      onEvent: (event) => signals.emit("event", event),
    });
    if (welcome.tick < this.replica.tick) this.replica.goBack();
    this.tickClock = before?.tickClock ?? newClock(welcome, now);
    this.lead = before?.lead ?? new Lead(this.tickClock);
    this.#outbox = kept?.outbox ?? new Outbox();
    this.#connection = connection;
    this.#signals = signals;
    this.#traffic = traffic;
    this.#beganMs = this.#ackedMs = now;
  }

  /** @type {Status | null} the newest status */
  status = null;
  /** @type {number | null} by how many ticks the newest timed command was early, as last told */
  margin = null;
  /** @type {number | null} the tick that the screen shows; null: that of the newest delta */
  renderedTick = null;
  budget = new LatencyBudget();

  /** @type {Outbox} */ #outbox;
  #connection;
  #signals;
  #traffic;
  #pings = new Pings();
  #beganMs;
  #ackedMs;
  /** Whether this connection has had a malformed delta; a second one ends it. */
  #forgiven = false;
  #askedForHashes = false;

  /** How long the session has lasted. @returns {number} */
  get lastedMs() {
    return this.#connection.clock() - this.#beganMs;
  }

  /** The commands that the server has not acknowledged. @returns {Outbox} */
  get outbox() {
    return this.#outbox;
  }

  /**
   * The fields of a hello that resumes this seat.
   * @returns {{ tick: number, held: Uint8Array | null }}
   */
  get holding() {
    const { replica } = this;
    const resumable = replica.canResume && !this.#pings.awaitsFullState;
    const held = resumable ? encodeHeld(replica.entities.keys()) : null;
    return { tick: held === null ? 0 : replica.tick, held };
  }

  /** Send the unacknowledged commands again, in a seat that was resumed. */
  sendAgain() {
    const { ack, tick } = this.welcome;
    for (const { bytes } of this.#outbox.toSendAgain(ack, tick)) {
      this.#connection.post(bytes);
      this.#traffic.commandsAgain += 1;
    }
  }

  /** A message came. */
  heard() {
    this.#pings.heard();
  }

  /**
   * Ping, once a second, unless the server has not answered for too long.
   * @returns {string | null} why the connection must be taken for lost
   */
  beat() {
    const { complaint } = this.#pings;
    if (complaint !== null) return complaint;
    const now = this.#connection.clock();
    this.#connection.post(messages.encodePing(this.#pings.next(now), now));
    return null;
  }

  /**
   * Send a command.
   * @param {string} command  its name
   * @param {Record<string, any>} fields
   * @param {number} tick  the tick for which it is meant; 0: the next free one
   * @returns {number} its seq, 0 if it was dropped
   */
  send(command, fields, tick) {
    const kind = this.replica.schema.command(command);
    const wire = kind.toWire(fields);
    if (this.#connection.unsentBytes() > MAX_UNSENT_BYTES || this.seq === SEQ_MAX) {
      this.#traffic.commandsDropped += 1;
      return 0;
    }
    const acked = this.replica.tick;
    const rendered = Math.max(0, Math.round((this.renderedTick ?? acked) * messages.RENDERED_PER_TICK));
    const bytes = messages.encodeCommand(this.seq + 1, tick, rendered, acked, kind, wire);
    this.#connection.post(bytes);
    this.#ackedMs = this.#connection.clock();
    this.seq += 1;
    this.#outbox.sent({ seq: this.seq, tick, bytes });
    if (tick > 0) {
      this.lead.sent(tick);
      this.budget.sent(tick, this.#ackedMs);
    }
    return this.seq;
  }

  /**
   * The tick, with its fraction, of a command that is sent at `nowMs`; NaN before the first pong.
   * @param {number} nowMs
   */
  commandTickAt(nowMs) {
    return this.tickClock.known ? this.lead.advance(nowMs) : NaN;
  }

  /** Take in any message of a welcomed client but a delta. @param {ServerMessage} message */
  take(message) {
    switch (message.kind) {
      case Kind.PONG:
        return this.#pong(message);
      case Kind.STATUS:
        this.status = message;
        return this.#signals.emit("status", message);
      case Kind.PACE:
        this.tickClock.changePace(message.tick, message.pace, message.publishEvery);
        return this.#signals.emit("pace", message);
      case Kind.SAID:
        return this.#signals.emit("said", message);
      case Kind.CHECK:
        return this.#check(message);
      case Kind.HASHES:
        return this.#report(message);
    }
  }

  /** @param {Uint8Array} bytes  a delta */
  applyDelta(bytes) {
    const delta = this.#applied(bytes);
    if (delta === null || !this.#connection.isOpen()) return;
    const now = this.#connection.clock();
    this.#outbox.settled(delta.ack);
    this.#traffic.appliedDelta(now);
    if (delta.full) this.#pings.fullStateCame();
    this.#measure(delta, now);
    if (now - this.#ackedMs >= ACK_AFTER_MS) {
      this.#ackedMs = now;
      this.#connection.post(messages.encodeAck(delta.tick));
    }
    this.#signals.emit("delta", delta);
  }

  /** Learn from a delta about clock, lead and budget. @param {Delta} delta @param {number} now */
  #measure({ tick, margin }, now) {
    const { tickClock } = this;
    tickClock.delta(tick, now);
    if (margin !== null) this.margin = margin;
    this.lead.margin(tick, margin);
    const { tickMs } = tickClock;
    this.budget.answered(tick, now, {
      tickTimeMs: tickClock.timeOf(tick),
      tickMs,
      halfRttMs: (tickClock.minRttMs ?? 0) / 2,
      simulateMs: (this.status?.simulateUs ?? 0) / 1000,
      postMs: (this.status?.sendUs ?? 0) / 1000,
      drawnMs: Math.max(0, (tick - (this.renderedTick ?? tick)) * tickMs),
    });
  }

  /**
   * Apply a delta.  After the first malformed delta of a connection the client asks for a full
   * state. A second one, or a malformed full state, ends the connection: asking again would not
   * help.
   * @param {Uint8Array} bytes
   * @returns {Delta | null}
   */
  #applied(bytes) {
    try {
      return this.replica.apply(bytes);
    } catch (error) {
      const mendable = error instanceof ProtocolError && !(error instanceof FullStateError);
      if (!mendable || this.#forgiven) throw error;
      this.#forgiven = true;
      this.#traffic.protocolErrors += 1;
      this.#resync();
      return null;
    }
  }

  /** @param {messages.Check} check */
  #check({ tick, checksum }) {
    // While a full state is on its way, the replica is known to be wrong.
    if (this.#pings.awaitsFullState) return;
    if (tick === this.replica.tick && this.replica.checksum() === checksum) {
      this.#traffic.checksPassed += 1;
    } else {
      this.#traffic.checksumFailures += 1;
      if (tick === this.replica.tick) this.#askForHashes(tick);
      this.#resync();
    }
  }

  /** Once: the answer, if it comes, is of the state that is wrong. @param {number} tick */
  #askForHashes(tick) {
    if (this.#askedForHashes) return;
    this.#askedForHashes = true;
    this.#connection.post(messages.encodeDesync(tick, null));
  }

  /** @param {messages.Hashes} hashes */
  #report({ tick, held }) {
    if (!this.#askedForHashes || tick !== this.replica.tick || this.replica.needsFullState) return;
    const report = desyncReport(this.replica, held);
    if (report !== null) this.#connection.post(report);
  }

  #resync() {
    if (this.#pings.awaitsFullState) return;
    this.#pings.askedForFullState();
    this.#traffic.resyncs += 1;
    this.#connection.post(messages.encodeResync());
  }

  /** @param {messages.Pong} pong */
  #pong({ nonce, tick }) {
    const sentMs = this.#pings.answered(nonce);
    if (sentMs === null) return; // its ping is forgotten
    this.tickClock.pong(sentMs, this.#connection.clock(), tick);
  }
}

/** Whether what a session knows can be read by the schema of a new welcome. @param {Session | null} before @param {Welcome} welcome */
function hasSchemaOf(before, welcome) {
  return before !== null && before.replica.schema.equals(welcome.schema);
}

/** @param {Welcome} welcome @param {number} now */
function newClock({ tickRate, tick, limits }, now) {
  return new TickClock(tickRate, tick, now, limits.publishEvery);
}
