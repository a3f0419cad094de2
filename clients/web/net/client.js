/**
 * A player's connection to a room of a gameserver: it joins, keeps the replica, and reconnects.
 *
 * Owns the socket, the states of the connection and reconnecting; `session.js` handles the messages
 * from a welcome to the end of its connection.  Never draws and never predicts; the world is in
 * `client.replica`.  Clock, timers, randomness and the socket are arguments, so tests need not wait.
 *
 * ```js
 * import { GameClient } from "./net/client.js";
 *
 * const client = new GameClient({ url: `ws://${location.host}/`, room: "arena", name: "Ada" });
 * client.on("state", ({ state, reason, action, retryInS }) => showState(state, reason));
 * client.on("welcome", ({ seat, tickRate, resumed }) => …);
 * client.on("enter", (entity) => …);        // entity.id, entity.kind === "Ship", entity.x …
 * client.on("leave", (entity) => …);        // for every entity if the seat could not be resumed
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
 * client.report(3, "insults everybody");    // the player in seat 3, to the operators
 * await client.stored.top("wins");          // what the storage of the room lets clients read
 * client.renderedTick = 1234.5;             // the tick that the screen shows; null: the newest
 * client.serverTickNow();                   // the server's present tick, with its fraction
 * client.commandTickNow();                  // the tick of a command that is sent now
 * client.send("Steer", { turn: 1 }, 1240);  // a command for that tick
 * client.steering({ command: "Steer", controls, state, step, idle, … });   // see predicted_play.js
 * client.replica.own?.x;                    // null before the first welcome
 * client.statistics().bytesInPerS;
 * client.wake();                            // the page is visible again: reconnect without a pause
 * client.close();
 * ```
 *
 * Every `on` returns a function that removes the listener.
 *
 * States: `idle` → `connecting` (a socket is opening) → `joining` (hello sent) → `playing`
 * (welcomed) → `reconnecting` (a pause of `retryInS`) → `connecting` …, and finally `closed`, with
 * the code, the reason, and the `action` in the protocol's table of close codes: `stop`, or `sign
 * in again` (make a new GameClient with another name or token).  While the client is
 * `reconnecting`, the replica stays as it was, to be drawn frozen.  The client presents its resume
 * token.  If the next welcome says `resumed`, the seat is the same, the next delta brings the
 * replica up to date, and unacknowledged commands have been sent again.  Otherwise all entities
 * leave, and `client.replica` is a new one.
 *
 * The types of options and signals are in `client_types.js`.  `gameserver types` makes those of one
 * room: with `@type {GameClient<import("./game").Game>}` an editor checks `send`, signals and
 * replica.
 */

import { asked } from "./asking.js";
import { Backoff } from "./backoff.js";
import { closeCode, Code } from "./closing.js";
import { ProtocolError } from "./errors.js";
import { Line } from "./line.js";
import * as messages from "./messages.js";
import { Kind } from "./messages.js";
import { PredictedPlay } from "./predicted_play.js";
import { Session } from "./session.js";
import { Signals } from "./signals.js";
import { StoredReads } from "./stored_reads.js";
import { canBeSaid } from "./texts.js";
import { pingIntervalMs } from "./tickclock.js";
import { Traffic } from "./traffic.js";

export { ProtocolError };

/** The interval between pings, and between checks whether the server still answers. */
const PING_ABOUT_EVERY_MS = 1000;
/** Longest time from opening the socket until the welcome. */
const JOIN_DEADLINE_MS = 10_000;
/** A page that wakes learns within this time that its connection was lost while it slept. */
const WAKING_MS = 1000;
/** So many moves to other rooms are followed in so long a time; servers may send players in circles. */
const MAX_MOVES = 8;
const MOVES_MS = 60_000;
/** After so many tries to reach the server that it was moved to, it asks the first one again. */
const MISSES = 2;

/** The names of the signals. @type {Record<keyof Payloads, true>} */
const SIGNALS = {
  state: true,
  welcome: true,
  enter: true,
  leave: true,
  change: true,
  event: true,
  delta: true,
  said: true,
  status: true,
  pace: true,
  bye: true,
};

/** @typedef {import("./client_types.js").AnyGame} AnyGame */
/** @typedef {import("./client_types.js").GameTypes} GameTypes */
/** @typedef {import("./client_types.js").Payloads} Payloads */
/** @typedef {import("./client_types.js").State} State */
/** @typedef {import("./client_types.js").StateChange} StateChange */
/** @typedef {import("./closing.js").CloseAction} CloseAction */
/** @typedef {import("./messages.js").Bye} Bye */
/** @typedef {import("./messages.js").Said} Said */
/** @typedef {import("./messages.js").Status} Status */
/** @typedef {import("./messages.js").Welcome} Welcome */
/** @typedef {import("./replica.js").Replica} Replica */
/** @typedef {import("./tickclock.js").TickClock} TickClock */

/**
 * @template {GameTypes} [Game=AnyGame]  what `gameserver types` made of the room
 */
export class GameClient {
  /** @param {import("./client_types.js").Options<Game>} options */
  constructor({
    url,
    room = "",
    name,
    token = null,
    options = null,
    filters = null,
    ticket = null,
    schemaHash = null,
    socketFactory = WebSocket,
    clock = () => performance.now(),
    setTimer = (callback, ms) => setTimeout(callback, ms),
    clearTimer = (timer) => clearTimeout(timer),
    random = Math.random,
  }) {
    this.#url = this.#homeUrl = url;
    this.#hello = {
      schemaHash,
      name,
      token,
      ...asked(room, options, filters),
      resume: /** @type {string | null} */ (null),
      ticket,
    };
    this.#Socket = socketFactory;
    this.#clock = clock;
    this.#setTimer = setTimer;
    this.#clearTimer = clearTimer;
    this.#backoff = new Backoff(random);
    /** Reads of what the storage of the room keeps. */
    this.stored = new StoredReads((bytes) => this.#sendRead(bytes), setTimer, clearTimer);
  }

  #url;
  /** The address that the page gave. */
  #homeUrl;
  /** Tries in a row that found nothing where it was moved to. */
  #misses = 0;
  #hello;
  #Socket;
  #clock;
  #setTimer;
  #clearTimer;
  /** @type {Signals<import("./client_types.js").Payloads<Game>>} */ #signals = new Signals();
  /** @type {State} */ #state = "idle";
  /** @type {Line | null} */ #line = null;
  /** The one timer: the next try, the join deadline, or the next ping. @type {any} */
  #timer = null;
  /** @type {Bye | null} */ #bye = null;
  /** Of the newest welcome; frozen once its connection is gone. @type {Session | null} */
  #session = null;
  #traffic = new Traffic();
  /** @type {Backoff} */ #backoff;
  /** Whether this connection has had its welcome. */
  #hasPlayed = false;
  /** When the page last woke; -Infinity once an attempt without a pause has followed. */
  #wokenMs = -Infinity;
  /** Whether the server asked for the pause before the next attempt. */
  #mustWait = false;
  /** When the client was last moved. @type {number[]} */
  #movesMs = [];
  /** Whether it was moved, and has not had its welcome there. */
  #isMoving = false;

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  /**
   * The state that this player sees; null before the first welcome.
   * @returns {import("./client_types.js").ReplicaOf<Game> | null}
   */
  get replica() {
    return /** @type {any} */ (this.#session?.replica ?? null);
  }

  /** The newest welcome. @returns {Welcome | null} */
  get welcome() {
    return this.#session?.welcome ?? null;
  }

  /** The estimate of the server's tick; null before the first welcome. @returns {TickClock | null} */
  get tickClock() {
    return this.#session?.tickClock ?? null;
  }

  /** The client's own tick, ahead of the server's; null before the first welcome. */
  get lead() {
    return this.#session?.lead ?? null;
  }

  /** Game time as a share of real time, as last announced; 1 before the first welcome. */
  get pace() {
    return this.#session?.tickClock.pace ?? 1;
  }

  /** The newest status of this connection. @returns {Status | null} */
  get status() {
    return this.#session?.status ?? null;
  }

  /** The tick that the screen shows, which goes with every command; null: the newest delta's. */
  set renderedTick(/** @type {number | null} */ tick) {
    if (this.#session !== null) this.#session.renderedTick = tick;
  }

  /** The latency budget of the newest commands; null before the first welcome. */
  get budget() {
    return this.#session?.budget ?? null;
  }

  /** The newest seq that was sent, 0 for none. */
  get seq() {
    return this.#session?.seq ?? 0;
  }

  /**
   * Call `listener` at every signal `name`; the top of this file has the names.  Throws an error
   * for an unknown name.
   * @template {keyof Payloads} Name
   * @param {Name} name
   * @param {(payload: import("./client_types.js").Payloads<Game>[Name]) => void} listener
   * @returns {() => void} call it to stop listening
   */
  on(name, listener) {
    if (!Object.hasOwn(SIGNALS, name)) {
      throw new Error(`no signal is called "${name}"; there are ${Object.keys(SIGNALS).join(", ")}`);
    }
    return this.#signals.on(name, listener);
  }

  /** Open the connection.  Call it once: a closed client cannot connect again. */
  connect() {
    if (this.#state !== "idle") throw new TypeError(`connect() while ${this.#state}`);
    this.#open();
  }

  /**
   * Send a command.  Throws `TypeError` or `RangeError`, with a text to show, for values that the
   * server would refuse.
   * @template {keyof Game["commands"] & string} Name
   * @param {Name} command  its name, such as `"Steer"`
   * @param {import("./client_types.js").CommandArguments<Game["commands"][Name]>} rest  its fields;
   *   those left out take their defaults.  Then the tick for which it is meant; 0: the next free one
   * @returns {number} its seq; 0 if it was not sent: not playing, or too much data is unsent
   */
  send(command, ...rest) {
    const [fields = {}, tick = 0] = /** @type {[Record<string, any>?, number?]} */ (rest);
    if (this.#state !== "playing" || this.#session === null) return 0;
    return this.#session.send(command, fields, tick);
  }

  /**
   * Steer with prediction: the own entity answers at once, and others are drawn a moment ago.
   * `predicted_play.js` has an example, `Vehicle` in `steering.js` says what each part is.
   * @template {keyof Game["commands"] & string} Name
   * @template State
   * @param {import("./predicted_play.js").Controlled<Game, Name, State>} vehicle
   * @returns {PredictedPlay<State, Game["commands"][Name] & object>}
   */
  steering(vehicle) {
    return new PredictedPlay(/** @type {any} */ (vehicle), {
      session: () => this.#session,
      isPlaying: () => this.#state === "playing",
      send: (name, fields, tick) => void this.#session?.send(name, fields, tick),
      clock: this.#clock,
      setTimer: this.#setTimer,
      clearTimer: this.#clearTimer,
      on: (name, listener) => this.on(name, listener),
    });
  }

  /**
   * Say something in the room's chat.
   * @param {string} text  `RangeError` if it is too long or holds what no text may; `cleanText` of
   *   `texts.js` makes a typed text valid
   * @returns {boolean} whether it was sent
   */
  say(text) {
    if (this.#state !== "playing" || this.welcome === null) return false;
    this.#checkText(text, this.welcome);
    this.#post(messages.encodeSay(text));
    return true;
  }

  /**
   * Report the player in another seat to the operators of the server; false if that was not sent.
   * The answer is a text of the server.  Throws as `say` does.
   * @param {number} seat
   * @param {string} reason
   */
  report(seat, reason) {
    if (this.#state !== "playing" || this.welcome === null) return false;
    this.#checkText(reason, this.welcome);
    this.#post(messages.encodeReport(seat, reason));
    return true;
  }

  /** @param {string} text @param {Welcome} welcome */
  #checkText(text, { limits }) {
    const length = [...text].length;
    const { sayLength } = limits;
    if (length < 1 || length > sayLength) {
      throw new RangeError(`${length} characters; 1 to ${sayLength} can be said at once`);
    }
    if (!canBeSaid(text)) throw new RangeError("a text with control characters, or none to be seen");
  }

  /**
   * Tell the client that the page is awake or visible again: it reconnects without the rest of its
   * pause, unless the server asked for one.  Pauses spread the attempts of many clients; pages wake
   * at different times anyway.
   */
  wake() {
    this.#wokenMs = this.#clock();
    if (this.#state === "reconnecting" && !this.#mustWait) this.#retryNow();
  }

  /** Leave the room and close. */
  close() {
    if (this.#state !== "closed") this.#end(Code.NORMAL, "the player left");
  }

  /**
   * The server's tick at this moment, as a float; NaN before the first welcome.
   * @returns {number}
   */
  serverTickNow() {
    return this.#session?.tickClock.tickAt(this.#clock()) ?? NaN;
  }

  /**
   * The tick, with its fraction, of a command that is sent now.  It runs evenly, ahead of the
   * server by the time that a command travels and a margin.  NaN before the first pong.
   * @returns {number}
   */
  commandTickNow() {
    if (this.#state !== "playing") return NaN;
    return this.#session?.commandTickAt(this.#clock()) ?? NaN;
  }

  /** The present figures; `traffic.js` has those of the connection. */
  statistics() {
    return {
      ...this.#traffic.figures(this.#clock()),
      /** Round trips of the client's ping messages, which wait for frames and ticks as commands do. */
      appRttMs: this.#session?.tickClock.rttMs ?? null,
      appMinRttMs: this.#session?.tickClock.minRttMs ?? null,
      /** Margin of the newest timed command, from the newest delta that had one. */
      marginTicks: this.#session?.margin ?? null,
      /** The lead of commands over the server's tick; NaN before the first command. */
      leadTicks: this.#session?.lead.leadTicks ?? NaN,
      /** Round trips of ping frames, as the server measured them. */
      rttMs: inMs(this.status?.smoothedUs),
      jitterMs: inMs(this.status?.jitterUs),
    };
  }

  // -------------------------------------------------------------- the life of a connection

  #open() {
    this.#bye = null;
    this.#line = new Line(this.#Socket, this.#url, {
      opened: () => this.#join(),
      message: (bytes) => this.#receive(bytes),
      closed: (code, reason) => this.#lost(code, reason),
      refused: (code, reason) => this.#end(code, reason),
    });
    this.#arm(() => this.#lost(Code.LOST, "no welcome in time"), JOIN_DEADLINE_MS);
    this.#enter("connecting");
  }

  #join() {
    const holding = this.#hello.resume === null ? null : this.#session?.holding;
    // The server knows who comes with the ticket of a move.
    const token = this.#isMoving ? null : this.#hello.token;
    this.#post(messages.encodeHello({ ...this.#hello, ...holding, token }));
    this.#enter("joining");
  }

  /**
   * The connection is lost, or must be taken for lost.
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    const bye = this.#bye;
    // After 1000 the server would take the player to have left, and would free the seat.
    this.#drop(Code.TOO_SLOW, "");
    if (bye === null && code === Code.LOST && !this.#hasPlayed) this.#miss();
    const said = bye ?? { code, reason, retryAfterS: null };
    const { name, action } = closeCode(said.code);
    if (action !== "resume") {
      this.#enter("closed", said.code, said.reason || name, action);
      return;
    }
    this.#comeBack(said.code, said.reason || name, said.retryAfterS ?? 0);
  }

  /** Nothing answered: where the client was moved to, the server may have died. */
  #miss() {
    if (this.#url === this.#homeUrl) return;
    this.#misses += 1;
    if (this.#misses < MISSES) return;
    this.#url = this.#homeUrl;
    this.#misses = 0;
    this.#hello.ticket = null;
    this.#isMoving = false;
  }

  /**
   * Reconnect after a pause.
   * @param {number} code
   * @param {string} reason
   * @param {number} atLeastS
   */
  #comeBack(code, reason, atLeastS) {
    const lastedMs = this.#hasPlayed ? (this.#session?.lastedMs ?? 0) : 0;
    this.#hasPlayed = false;
    this.#mustWait = atLeastS > 0;
    const woken = this.#clock() - this.#wokenMs <= WAKING_MS && !this.#mustWait;
    const waitMs = woken ? 0 : this.#backoff.nextPauseMs(lastedMs, atLeastS);
    this.#traffic.reconnects += 1;
    if (woken) this.#arm(() => this.#retryNow(), 0);
    else this.#arm(() => this.#open(), waitMs);
    this.#enter("reconnecting", code, reason, "resume", waitMs / 1000);
  }

  /** Reconnect without a pause, once for each `wake`. */
  #retryNow() {
    this.#wokenMs = -Infinity;
    this.#open();
  }

  /** Close for good, for a reason of our own. @param {number} code @param {string} reason */
  #end(code, reason) {
    if (code === Code.PROTOCOL_ERROR) this.#traffic.protocolErrors += 1;
    this.#drop(code, reason);
    this.#enter("closed", code, reason, closeCode(code).action);
  }

  /** Drop the socket, whatever its state. @param {number} code @param {string} reason */
  #drop(code, reason) {
    this.#disarm();
    this.#line?.drop(code, reason);
    this.#line = null;
    this.stored.lose();
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

  /** @param {Uint8Array} bytes */
  #receive(bytes) {
    try {
      this.#session?.heard();
      this.#traffic.received(this.#clock(), bytes.length);
      const { kind } = messages.openMessage(bytes);
      if (kind === Kind.DELTA) this.#playing(kind).applyDelta(bytes);
      else this.#take(messages.decodeMessage(bytes));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
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
    if (message.kind === Kind.MOVED) {
      this.#move(message);
      return;
    }
    if (message.kind === Kind.RESULT) {
      this.stored.take(message);
      return;
    }
    if (message.kind === Kind.WELCOME && this.#state === "joining") this.#begin(message);
    else this.#playing(message.kind).take(message);
  }

  /** The session that a message of this kind is for. @param {number} kind @returns {Session} */
  #playing(kind) {
    if (this.#state === "playing" && this.#session !== null && kind !== Kind.WELCOME) {
      return this.#session;
    }
    throw new ProtocolError(`a message of kind ${kind} while ${this.#state}`);
  }

  /** @param {Welcome} welcome */
  #begin(welcome) {
    const before = welcome.resumed ? this.#session : null;
    if (before === null) this.#session?.replica.clear();
    if (this.#line === null) return; // a listener to `leave` has closed us
    this.#hello.resume = welcome.resume === "" ? null : welcome.resume;
    this.#hello.ticket = null;
    this.#isMoving = false;
    this.#misses = 0;
    const connection = {
      clock: this.#clock,
      post: (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => this.#post(bytes),
      unsentBytes: () => this.#line?.unsentBytes ?? 0,
      isOpen: () => this.#line !== null,
    };
    const signals = /** @type {Signals<any>} */ (this.#signals); // a session knows no game
    this.#session = new Session(welcome, connection, signals, this.#traffic, before);
    if (before !== null) {
      this.#traffic.resumes += 1;
      this.#session.sendAgain();
    }
    this.#hasPlayed = true;
    this.#beat();
    this.#enter("playing");
    if (this.#line !== null) this.#signals.emit("welcome", welcome);
  }

  /** Go on in another room, perhaps of another server. @param {messages.Moved} moved */
  #move({ url, room, ticket, again }) {
    // A server must not send a client from wss: to ws:.
    const allowed = this.#url.startsWith("wss:") ? ["wss:"] : ["ws:", "wss:"];
    if (url !== "" && (!URL.canParse(url) || !allowed.includes(new URL(url).protocol))) {
      throw new ProtocolError(`moved to ${url.slice(0, 80)}`);
    }
    const nowMs = this.#clock();
    this.#movesMs = [...this.#movesMs.filter((ms) => nowMs - ms < MOVES_MS), nowMs];
    if (this.#movesMs.length > MAX_MOVES) {
      this.#end(Code.MOVED, "moved about too often");
      return;
    }
    if (url !== "") this.#url = url;
    // Another server, which does not know the player, is told what this one was.
    const anew = again ? {} : { schemaHash: null, resume: null, options: null, filter: null };
    Object.assign(this.#hello, anew, { room, ticket: ticket === "" ? null : ticket });
    this.#isMoving = !again;
    this.#drop(Code.NORMAL, "moved");
    this.#hasPlayed = false;
    this.#traffic.reconnects += 1;
    this.#arm(() => this.#open(), 0);
    this.#enter("reconnecting", Code.MOVED, `moved to ${room}`, "resume", 0);
  }

  // -------------------------------------------------------------- timers and sending

  /** Once a second while playing. */
  #beat() {
    const complaint = this.#session?.beat() ?? null;
    if (complaint !== null) this.#lost(Code.LOST, complaint);
    else this.#arm(() => this.#beat(), pingIntervalMs(PING_ABOUT_EVERY_MS, this.welcome?.tickRate ?? 1));
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

  /** @param {Uint8Array<ArrayBuffer>} bytes @returns {boolean} whether it was sent */
  #sendRead(bytes) {
    if (this.#state !== "playing") return false;
    this.#post(bytes);
    return true;
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  #post(bytes) {
    if (this.#line === null) return; // a listener has closed us
    const limit = this.welcome?.limits.messageBytes ?? Infinity;
    if (bytes.length > limit) {
      throw new RangeError(`a message of ${bytes.length} bytes; the server takes ${limit}`);
    }
    this.#line.send(bytes);
    this.#traffic.sent(this.#clock(), bytes.length);
  }
}

/** @param {number | null | undefined} us @returns {number | null} */
function inMs(us) {
  return us === null || us === undefined ? null : us / 1000;
}
