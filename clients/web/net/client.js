/**
 * A player's connection to a gameserver room: joins, keeps the replica, comes back when it is lost.
 *
 * Owns the socket, the states of the connection, pings, acks, checks and reconnecting.  Draws
 * nothing, predicts nothing; the world is in `client.replica`.  Clock, timers, randomness and the
 * socket are arguments, so tests need no waiting.
 *
 * ```js
 * import { GameClient } from "./net/client.js";
 *
 * const client = new GameClient({ url: `ws://${location.host}/`, room: "arena", name: "Ada" });
 * client.on("state", ({ state, reason, action, retryInS }) => showState(state, reason));
 * client.on("welcome", ({ seat, tickRate }) => …);
 * client.on("enter", (entity) => …);        // entity.id, entity.kind === "Ship", entity.x …
 * client.on("leave", (entity) => …);        // also all of them when a new connection begins
 * client.on("change", ({ entity, tick }) => …);
 * client.on("event", (event) => …);         // event.kind === "Shot", event.by …
 * client.on("delta", (delta) => …);         // after the hooks above: tick, ack, margin, changed …
 * client.on("said", ({ seat, name, text }) => …);
 * client.on("status", ({ rttUs, jitterUs, workUs, players }) => …);
 * client.on("bye", ({ code, reason, retryAfterS }) => …);
 * client.connect();
 *
 * client.send("Steer", { turn: 1, thrust: true });   // → seq, or 0 if it was not sent
 * client.say("hello");
 * client.shownTick = 1234;                  // what the screen shows; null: the newest delta
 * client.serverTickNow();                   // the server's tick at this moment, with fraction
 * client.replica.own?.x;                    // null before the first welcome
 * client.statistics().bytesInPerS;
 * client.close();
 * ```
 *
 * Every `on` returns a function that ends the listening.
 *
 * States: `idle` → `connecting` (a socket is opening) → `joining` (hello sent) → `playing`
 * (welcomed) → `reconnecting` (waiting for the next try, `retryInS` long) → `connecting` …, and
 * `closed` for good, with the code and reason, and what to do as the protocol's table of close
 * codes says it: `action` is `stop` or `sign in again` (make a new GameClient with another name or
 * token).  While it is `reconnecting`, the replica stays as it was, to be drawn frozen; with the
 * next welcome all its entities leave and `client.replica` is a new one.
 */

import { closeCode, Code } from "./closing.js";
import { ProtocolError } from "./errors.js";
import * as messages from "./messages.js";
import { Kind, SUBPROTOCOL } from "./messages.js";
import { Rate } from "./rates.js";
import { Replica } from "./replica.js";
import { Signals } from "./signals.js";
import { TickClock } from "./tickclock.js";

export { ProtocolError };

/** How often to ping, and to ask whether the server is still there. */
const PING_EVERY_MS = 1000;
/** An ack is due when no command carried one for this long. */
const ACK_AFTER_MS = 1000;
/** From the first try to connect until the welcome. */
const JOIN_DEADLINE_MS = 10_000;
/** The server sends at least one delta a second: after this long without any it is lost. */
const SILENCE_DEADLINE_MS = 10_000;
/** Unanswered pings that are remembered; the oldest is forgotten first. */
const PINGS_REMEMBERED = 8;
/** Pauses between tries: doubled each time, and taken back to the first by a lasting connection. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
/** The longest `retry_after_s` that is believed. */
const LONGEST_RETRY_AFTER_S = 3600;
/** Commands are dropped (and counted) while this much is still unsent: late input is worthless. */
const MAX_UNSENT_BYTES = 16 * 1024;
const SEQ_MAX = 2 ** 31 - 1;
/** RFC 6455, 5.5: a control frame has at most 125 bytes, of which the code takes two. */
const MAX_REASON_BYTES = 123;

/** @typedef {import("./closing.js").CloseAction} CloseAction */
/** @typedef {import("./messages.js").Welcome} Welcome */
/** @typedef {import("./messages.js").Status} Status */
/** @typedef {import("./messages.js").Said} Said */
/** @typedef {import("./messages.js").Bye} Bye */
/** @typedef {import("./replica.js").Delta} Delta */
/** @typedef {import("./schema.js").EntityView} EntityView */
/** @typedef {import("./schema.js").GameEvent} GameEvent */

/** @typedef {"idle" | "connecting" | "joining" | "playing" | "reconnecting" | "closed"} State */

/**
 * Code, reason and action say why the connection ended: null where it has not.
 * @typedef {object} StateChange
 * @property {State} state
 * @property {number | null} code
 * @property {string} reason  for a person to read
 * @property {CloseAction | null} action
 * @property {number | null} retryInS  the pause before the next try, while reconnecting
 */

/**
 * @typedef {object} Payloads
 * @property {StateChange} state
 * @property {Welcome} welcome
 * @property {EntityView} enter
 * @property {EntityView} leave
 * @property {{ entity: EntityView, tick: number }} change
 * @property {GameEvent} event
 * @property {Delta} delta
 * @property {Said} said
 * @property {Status} status
 * @property {Bye} bye
 */

/**
 * The part of a browser's WebSocket (or of Node's `ws`) that is used.
 * @typedef {object} Socket
 * @property {string} binaryType
 * @property {number} bufferedAmount
 * @property {string} protocol
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 * @property {(data: Uint8Array<ArrayBuffer>) => void} send
 * @property {(code?: number, reason?: string) => void} close
 */

/**
 * @typedef {object} Options
 * @property {string} url  `ws://` or `wss://`
 * @property {string} [room]  `"kind"`, `"kind/name"`, or `""` for the server's first kind
 * @property {string} name  the player's, 1–24 characters
 * @property {string | null} [token]  what the game's `on_auth` wants
 * @property {string | null} [schemaHash]  to insist on; null takes what the server brings
 * @property {new (url: string, protocol: string) => Socket} [socketFactory]
 * @property {() => number} [clock]  milliseconds, steady
 * @property {(callback: () => void, ms: number) => any} [setTimer]
 * @property {(timer: any) => void} [clearTimer]
 * @property {() => number} [random]  0 ≤ x < 1
 */

export class GameClient {
  /** @param {Options} options */
  constructor({
    url,
    room = "",
    name,
    token = null,
    schemaHash = null,
    socketFactory = WebSocket,
    clock = () => performance.now(),
    setTimer = (callback, ms) => setTimeout(callback, ms),
    clearTimer = (timer) => clearTimeout(timer),
    random = Math.random,
  }) {
    this.#url = url;
    this.#hello = { schemaHash, room, name, token, resume: /** @type {string | null} */ (null) };
    this.#Socket = socketFactory;
    this.#clock = clock;
    this.#setTimer = setTimer;
    this.#clearTimer = clearTimer;
    this.#random = random;
  }

  /** @type {Replica | null} what this player sees; null before the first welcome */
  replica = null;
  /** @type {Welcome | null} the newest welcome */
  welcome = null;
  /** @type {Status | null} the newest status */
  status = null;
  /** @type {number | null} the tick that the screen shows; null: that of the newest delta */
  shownTick = null;

  #url;
  #hello;
  #Socket;
  #clock;
  #setTimer;
  #clearTimer;
  #random;
  /** @type {Signals<Payloads>} */ #signals = new Signals();
  /** @type {State} */ #state = "idle";
  /** @type {Socket | null} */ #socket = null;
  /** @type {any} the one timer: the next try, the join deadline, or the next ping */ #timer = null;
  /** @type {Bye | null} */ #bye = null;
  /** @type {TickClock | null} */ #tickClock = null;
  /** @type {Map<number, number>} nonce → when sent */ #pings = new Map();
  #nonce = 0;
  #seq = 0;
  #failedTries = 0;
  #welcomedMs = 0;
  #heardMs = 0;
  #ackedMs = 0;
  #resyncing = false;
  #forgiven = false;
  #bytesIn = new Rate();
  #bytesOut = new Rate();
  #messagesIn = new Rate();
  #messagesOut = new Rate();
  #deltas = new Rate();
  #counts = {
    checksPassed: 0,
    checksumFailures: 0,
    protocolErrors: 0,
    resyncs: 0,
    reconnects: 0,
    commandsDropped: 0,
  };

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  /** The newest seq that was sent, 0 for none. */
  get seq() {
    return this.#seq;
  }

  /**
   * Call `listener` at every `name` from now on; see the top of this file for the names.
   * @template {keyof Payloads} Name
   * @param {Name} name
   * @param {(payload: Payloads[Name]) => void} listener
   * @returns {() => void} call it to stop listening
   */
  on(name, listener) {
    return this.#signals.on(name, listener);
  }

  /** Open the connection.  Once: a client that is closed stays closed. */
  connect() {
    if (this.#state !== "idle") throw new TypeError(`connect() while ${this.#state}`);
    this.#open();
  }

  /**
   * Send a command.  Throws `TypeError` or `RangeError`, with a text to show, for values that the
   * server would refuse.
   * @param {string} command  its name, such as `"Steer"`
   * @param {Record<string, any>} [fields]  those left out take their defaults
   * @returns {number} its seq; 0 if it was not sent, as we are not playing or the line is clogged
   */
  send(command, fields = {}) {
    if (this.#state !== "playing" || this.replica === null) return 0;
    const kind = this.replica.schema.command(command);
    const wire = kind.toWire(fields);
    if ((this.#socket?.bufferedAmount ?? 0) > MAX_UNSENT_BYTES || this.#seq === SEQ_MAX) {
      this.#counts.commandsDropped += 1;
      return 0;
    }
    const acked = this.replica.tick;
    const shown = Math.max(0, Math.floor(this.shownTick ?? acked));
    this.#post(messages.encodeCommand(this.#seq + 1, shown, acked, kind, wire));
    this.#ackedMs = this.#clock();
    this.#seq += 1;
    return this.#seq;
  }

  /**
   * Say something in the room's chat.
   * @param {string} text  `RangeError` if it is empty or too long
   * @returns {boolean} whether it was sent
   */
  say(text) {
    if (this.#state !== "playing" || this.welcome === null) return false;
    const length = [...text].length;
    const { sayLength } = this.welcome.limits;
    if (length < 1 || length > sayLength) {
      throw new RangeError(`${length} characters; 1 to ${sayLength} can be said at once`);
    }
    this.#post(messages.encodeSay(text));
    return true;
  }

  /** Leave for good. */
  close() {
    if (this.#state !== "closed") this.#end(Code.NORMAL, "the player left");
  }

  /**
   * The server's tick at this moment, as a float; NaN before the first welcome.
   * @returns {number}
   */
  serverTickNow() {
    return this.#tickClock === null ? NaN : this.#tickClock.tickAt(this.#clock());
  }

  /**
   * Figures of this moment: totals since the client was made, rates over two seconds.  Bytes are
   * those of messages, without WebSocket headers.
   */
  statistics() {
    const now = this.#clock();
    return {
      ...this.#counts,
      bytesIn: this.#bytesIn.total,
      bytesOut: this.#bytesOut.total,
      messagesIn: this.#messagesIn.total,
      messagesOut: this.#messagesOut.total,
      deltas: this.#deltas.total,
      bytesInPerS: this.#bytesIn.perSecond(now),
      bytesOutPerS: this.#bytesOut.perSecond(now),
      messagesInPerS: this.#messagesIn.perSecond(now),
      messagesOutPerS: this.#messagesOut.perSecond(now),
      deltasPerS: this.#deltas.perSecond(now),
      /** Round trips of our own ping messages, which wait for frames and ticks as the game does. */
      appRttMs: this.#tickClock?.rttMs ?? null,
      appMinRttMs: this.#tickClock?.minRttMs ?? null,
      /** Round trips of ping frames, as the server measured them. */
      rttMs: inMs(this.status?.smoothedUs),
      jitterMs: inMs(this.status?.jitterUs),
    };
  }

  // -------------------------------------------------------------- the life of a connection

  #open() {
    const socket = new this.#Socket(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    this.#bye = null;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#join(socket.protocol);
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lost(event.code, event.reason);
    // An error is always followed by a close, which says more.
    socket.onerror = () => {};
    this.#arm(() => this.#lost(Code.LOST, "no welcome in time"), JOIN_DEADLINE_MS);
    this.#enter("connecting");
  }

  /** @param {string} protocol what the server chose */
  #join(protocol) {
    if (protocol !== SUBPROTOCOL) {
      this.#end(Code.VERSION, `the server does not speak ${SUBPROTOCOL}`);
      return;
    }
    this.#post(messages.encodeHello(this.#hello));
    this.#enter("joining");
  }

  /** The connection is gone, or must be taken for gone. @param {number} code @param {string} reason */
  #lost(code, reason) {
    const bye = this.#bye;
    this.#drop(Code.NORMAL, "");
    const said = bye ?? { code, reason, retryAfterS: null };
    const { name, action } = closeCode(said.code);
    if (action !== "resume") {
      this.#enter("closed", said.code, said.reason || name, action);
      return;
    }
    this.#comeBack(said.code, said.reason || name, said.retryAfterS ?? 0);
  }

  /** Try again after a pause. @param {number} code @param {string} reason @param {number} atLeastS */
  #comeBack(code, reason, atLeastS) {
    const lasted = this.#state === "playing" && this.#clock() - this.#welcomedMs >= LONGEST_PAUSE_MS;
    this.#failedTries = lasted ? 0 : this.#failedTries;
    const fullMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failedTries, LONGEST_PAUSE_MS);
    // Half of it is random: a thousand clients of a restarted server must not come at once.
    const pauseMs = fullMs * (0.5 + 0.5 * this.#random());
    const waitMs = Math.max(pauseMs, Math.min(atLeastS, LONGEST_RETRY_AFTER_S) * 1000);
    this.#failedTries += 1;
    this.#counts.reconnects += 1;
    this.#arm(() => this.#open(), waitMs);
    this.#enter("reconnecting", code, reason, "resume", waitMs / 1000);
  }

  /** Close for good, for a reason of our own. @param {number} code @param {string} reason */
  #end(code, reason) {
    this.#drop(code === Code.VERSION ? Code.NORMAL : code, reason);
    this.#enter("closed", code, reason, closeCode(code).action);
  }

  /** Let go of the socket, whatever state it is in. @param {number} code @param {string} reason */
  #drop(code, reason) {
    this.#disarm();
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code, truncated(reason));
  }

  /**
   * @param {State} state
   * @param {number | null} [code]
   * @param {string} [reason]
   * @param {CloseAction | null} [action]
   * @param {number | null} [retryInS]
   */
  #enter(state, code = null, reason = "", action = null, retryInS = null) {
    this.#state = state;
    this.#signals.emit("state", { state, code, reason, action, retryInS });
  }

  // -------------------------------------------------------------- messages in

  /** @param {ArrayBuffer | string} data */
  #receive(data) {
    try {
      if (typeof data === "string") throw new ProtocolError("a text message");
      const bytes = new Uint8Array(data);
      const now = this.#clock();
      this.#heardMs = now;
      this.#bytesIn.add(now, bytes.length);
      this.#messagesIn.add(now);
      const { kind } = messages.openMessage(bytes);
      if (kind === Kind.DELTA) this.#applyDelta(bytes);
      else this.#take(messages.decodeMessage(bytes));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#counts.protocolErrors += 1;
      this.#end(Code.PROTOCOL_ERROR, `the server sent nonsense: ${error.message}`);
    }
  }

  /** @param {messages.ServerMessage} message */
  #take(message) {
    if (message.kind === Kind.BYE) {
      this.#bye = message;
      this.#signals.emit("bye", message);
      return;
    }
    if ((message.kind === Kind.WELCOME) !== (this.#state === "joining")) {
      throw new ProtocolError(`a message of kind ${message.kind} while ${this.#state}`);
    }
    switch (message.kind) {
      case Kind.WELCOME:
        return this.#begin(message);
      case Kind.PONG:
        return this.#pong(message);
      case Kind.STATUS:
        this.status = message;
        return this.#signals.emit("status", message);
      case Kind.SAID:
        return this.#signals.emit("said", message);
      case Kind.CHECK:
        return this.#check(message);
      case Kind.MOVED:
        return this.#move(message);
    }
  }

  /** @param {Welcome} welcome */
  #begin(welcome) {
    const now = this.#clock();
    this.replica?.clear();
    this.welcome = welcome;
    this.status = null;
    this.#hello.resume = welcome.resume;
    this.replica = new Replica(welcome.schema, welcome.ownEntity, {
      onEnter: (entity) => this.#signals.emit("enter", entity),
      onLeave: (entity) => this.#signals.emit("leave", entity),
      onChange: (entity, tick) => this.#signals.emit("change", { entity, tick }),
      onEvent: (event) => this.#signals.emit("event", event),
    });
    this.#tickClock = new TickClock(welcome.tickRate, welcome.tick, now);
    this.#welcomedMs = this.#ackedMs = now;
    this.#resyncing = this.#forgiven = false;
    this.#pings.clear();
    this.#beat();
    this.#enter("playing");
    this.#signals.emit("welcome", welcome);
  }

  /** @param {Uint8Array} bytes */
  #applyDelta(bytes) {
    if (this.#state !== "playing" || this.replica === null) {
      throw new ProtocolError(`a delta while ${this.#state}`);
    }
    const delta = this.#applied(this.replica, bytes);
    if (delta === null) return;
    const now = this.#clock();
    this.#deltas.add(now);
    if (delta.full) this.#resyncing = false;
    if (now - this.#ackedMs >= ACK_AFTER_MS) {
      this.#ackedMs = now;
      this.#post(messages.encodeAck(delta.tick));
    }
    this.#signals.emit("delta", delta);
  }

  /**
   * The first malformed delta of a connection is answered by asking for a full state, a second
   * one by closing.
   * @param {Replica} replica
   * @param {Uint8Array} bytes
   * @returns {Delta | null}
   */
  #applied(replica, bytes) {
    try {
      return replica.apply(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError) || this.#forgiven) throw error;
      this.#forgiven = true;
      this.#counts.protocolErrors += 1;
      this.#resync();
      return null;
    }
  }

  /** @param {messages.Check} check */
  #check({ checksum }) {
    // While a full state is on its way, what is held is known to be wrong.
    if (this.#resyncing || this.replica === null) return;
    if (this.replica.checksum() === checksum) {
      this.#counts.checksPassed += 1;
    } else {
      this.#counts.checksumFailures += 1;
      this.#resync();
    }
  }

  #resync() {
    if (this.#resyncing) return;
    this.#resyncing = true;
    this.#counts.resyncs += 1;
    this.#post(messages.encodeResync());
  }

  /** @param {messages.Moved} moved */
  #move({ url, token }) {
    if (!/^wss?:\/\//.test(url)) throw new ProtocolError(`moved to ${url}, no WebSocket address`);
    this.#url = url;
    this.#hello.token = token;
    this.#drop(Code.NORMAL, "moved");
    this.#comeBack(Code.NORMAL, "moved to another server", 0);
  }

  // -------------------------------------------------------------- pings and timers

  /** Once a second while playing: ping, unless the server has fallen silent. */
  #beat() {
    const now = this.#clock();
    if (now - this.#heardMs >= SILENCE_DEADLINE_MS) {
      this.#lost(Code.LOST, "the server fell silent");
      return;
    }
    this.#nonce = (this.#nonce + 1) % 2 ** 32;
    this.#pings.set(this.#nonce, now);
    for (const oldest of this.#pings.keys()) {
      if (this.#pings.size <= PINGS_REMEMBERED) break;
      this.#pings.delete(oldest);
    }
    this.#post(messages.encodePing(this.#nonce, now));
    this.#arm(() => this.#beat(), PING_EVERY_MS);
  }

  /** @param {messages.Pong} pong */
  #pong({ nonce, tick }) {
    const sentMs = this.#pings.get(nonce);
    if (sentMs === undefined) return; // so late that it says nothing
    this.#pings.delete(nonce);
    this.#tickClock?.add(sentMs, this.#clock(), tick);
  }

  /** Set the one timer. @param {() => void} callback @param {number} ms */
  #arm(callback, ms) {
    this.#disarm();
    this.#timer = this.#setTimer(callback, ms);
  }

  #disarm() {
    if (this.#timer !== null) this.#clearTimer(this.#timer);
    this.#timer = null;
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  #post(bytes) {
    const limit = this.welcome?.limits.messageBytes ?? Infinity;
    if (bytes.length > limit) {
      throw new RangeError(`a message of ${bytes.length} bytes; the server takes ${limit}`);
    }
    const now = this.#clock();
    this.#socket?.send(bytes);
    this.#bytesOut.add(now, bytes.length);
    this.#messagesOut.add(now);
  }
}

/** @param {number | null | undefined} us @returns {number | null} */
function inMs(us) {
  return us === null || us === undefined ? null : us / 1000;
}

/** What fits into a close frame. @param {string} reason @returns {string} */
function truncated(reason) {
  const encoder = new TextEncoder();
  let kept = reason;
  while (encoder.encode(kept).length > MAX_REASON_BYTES) kept = kept.slice(0, -1);
  return kept;
}
