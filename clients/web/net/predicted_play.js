/**
 * Playing with prediction over a connection: the loop of `Steering`, in real time.
 *
 * Owns the timer of the next tick, and sending.  `steering.js` decides when a tick is due and what
 * to send.  `GameClient.steering` makes one:
 *
 * ```js
 * const play = client.steering({
 *   command: "Steer",
 *   controls: () => ({ turn: right - left, thrust }),     // once for each tick of the client
 *   state: ({ x, y, vx, vy }) => ({ x, y, vx, vy }),      // of the own entity
 *   step,                                                 // made by `gameserver step`
 *   place: ({ x, y }) => ({ x, y }),
 *   kinds: ["Ship"], jumpDistance: 20, snapDistance: 200,
 * });
 * function draw() {
 *   requestAnimationFrame(draw);
 *   const me = play.frame({ turn: right - left, thrust });     // { x, y }, or null
 *   for (const ship of client.replica?.entities.values() ?? []) play.placeOf(ship);
 * }
 * ```
 *
 * The loop runs ahead of the server while the client is playing, so that commands arrive in time.
 * A client that joins anew has another seat, so it gets another `Steering` with counts from 0.
 */

import { Steering } from "./steering.js";

/** @typedef {import("./client_types.js").AnyGame} AnyGame */
/** @typedef {import("./client_types.js").GameTypes} GameTypes */
/** @typedef {import("./others.js").Place} Place */
/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./steering.js").Change} Change */

/** While no pong has come, the loop looks again after this long. */
const CLOCK_PAUSE_MS = 20;
/** For how many ticks a room repeats the last input, if it does not say. */
const IDLE_REPEAT_TICKS = 10;
/** How many events may wait in a page that takes none.  Overflow policy `drop-oldest`. */
const MAX_NEWS = 256;

/**
 * A command with all its fields, as steps receive it.
 * @template {GameTypes} Game
 * @template {keyof Game["commands"]} Name
 * @typedef {Required<Game["commands"][Name]> & object} WholeCommand
 */

/**
 * The rules for the entity that a page steers: a `Vehicle`, its command and the controls.
 * @template {GameTypes} Game
 * @template {keyof Game["commands"] & string} Name
 * @template State
 * @typedef {Omit<import("./steering.js").Vehicle<
 *   State,
 *   WholeCommand<Game, Name>,
 *   import("./client_types.js").EntityOf<Game>,
 *   import("./client_types.js").EventOf<Game> & object
 * >, "idle"> & {
 *   command: Name,
 *   controls: (tick: number) => Game["commands"][Name] | null,
 *   idle?: (last: WholeCommand<Game, Name> | null, silentTicks: number) => Game["commands"][Name],
 * }} Controlled  `idle` is only for rooms with an `on_idle` or `idle_repeat_ticks` of their own
 */

/**
 * The part of a client that the loop uses.
 * @typedef {object} Player
 * @property {() => Session | null} session  the newest one
 * @property {() => boolean} isPlaying
 * @property {(name: string, fields: Record<string, any>, tick: number) => void} send
 * @property {() => number} clock
 * @property {(callback: () => void, ms: number) => any} setTimer
 * @property {(timer: any) => void} clearTimer
 * @property {(name: any, listener: (payload: any) => void) => () => void} on
 */

/**
 * @template State
 * @template {Record<string, any>} [Command=any]  as `controls` returns it
 */
export class PredictedPlay {
  /**
   * @param {Controlled<any, any, State>} vehicle
   * @param {Player} player
   */
  constructor(vehicle, player) {
    this.#vehicle = vehicle;
    this.#player = player;
    this.#stopListening = [
      player.on("welcome", ({ resumed }) => this.#welcomed(resumed)),
      // A state comes before its welcome, so only `#welcomed` starts the loop.
      player.on("state", () => player.clearTimer(this.#timer)),
      player.on("delta", ({ margin, events }) => this.#delta(margin, events)),
    ];
    if (player.isPlaying()) this.#welcomed(false);
  }

  #vehicle;
  #player;
  #stopListening;
  /** @type {Steering<State, any, any, any> | null} */ #steering = null;
  /** @type {any} */ #timer = null;
  /** The last command, with all fields. @type {any} */ #last = null;
  /** @type {any[]} */ #news = [];

  /** The netcode of the present seat, with all figures; null before the first welcome. */
  get steering() {
    return this.#steering;
  }

  /** The predicted state of the own entity at this tick; null if there is none. @returns {State | null} */
  get own() {
    return this.#steering?.own ?? null;
  }

  /**
   * To be called for each frame that the page draws, before `placeOf`: steers if a tick is due, and
   * moves the others on.
   * @param {Command | null} [held]  the controls as they are held now, which show in this very
   *   frame; left out: those of the last tick
   * @returns {(Place & { state: State }) | null} where to draw the own entity; null if there is none
   */
  frame(held = null) {
    this.#run();
    const steering = this.#steering;
    if (steering === null) return null;
    const now = this.#player.clock();
    const rendered = steering.look(now);
    const session = this.#player.session();
    if (session !== null) session.renderedTick = Number.isNaN(rendered) ? null : rendered;
    const state = steering.own;
    const place = steering.ownPlace(now, held === null ? this.#last : this.#whole(held));
    return state === null || place === null ? null : { ...place, state };
  }

  /**
   * Where the screen shows `entity` of another player; null: nowhere yet.
   * @param {{ readonly id: number }} entity
   * @returns {Place | null}
   */
  placeOf(entity) {
    return this.#steering?.placeOf(entity) ?? null;
  }

  /** The effects to show and to undo since the last call, once. @returns {Change[]} */
  takeChanges() {
    return this.#steering?.takeChanges() ?? [];
  }

  /** The events since the last call that confirm no effect shown before, once. @returns {any[]} */
  takeNews() {
    return this.#news.splice(0);
  }

  /** End the loop.  The client plays on. */
  stop() {
    for (const stop of this.#stopListening.splice(0)) stop();
    this.#player.clearTimer(this.#timer);
    this.#steering = null;
  }

  /** @param {boolean} resumed */
  #welcomed(resumed) {
    const session = this.#player.session();
    if (session === null) return;
    const steering = this.#steering;
    if (resumed && steering !== null && steering.replica === session.replica) {
      steering.reconnected();
    } else {
      const { replica, tickClock, lead } = session;
      const vehicle = withIdle(this.#vehicle, (command) => this.#whole(command));
      this.#steering = new Steering(vehicle, replica, tickClock, lead);
      this.#last = null;
    }
    this.#run();
  }

  /** @param {number | null} margin @param {any[]} events */
  #delta(margin, events) {
    const news = this.#steering?.delta(margin, events, this.#player.clock()) ?? [];
    this.#news.push(...news);
    this.#news.splice(0, Math.max(0, this.#news.length - MAX_NEWS));
  }

  /** Steer if a tick is due, and set the timer for the next one. */
  #run() {
    const { clock, clearTimer, setTimer, isPlaying } = this.#player;
    clearTimer(this.#timer);
    const steering = this.#steering;
    if (steering === null || !isPlaying()) return;
    const tick = steering.due(clock());
    if (tick !== null) this.#steer(steering, tick);
    const waitMs = steering.clock.known ? steering.nextDueMs() - clock() : CLOCK_PAUSE_MS;
    this.#timer = setTimer(() => this.#run(), Math.max(waitMs, 0));
  }

  /** @param {Steering<State, any, any, any>} steering @param {number} tick */
  #steer(steering, tick) {
    const given = this.#vehicle.controls(tick);
    if (given === null) return;
    this.#last = this.#whole(given);
    const order = steering.steer(this.#last);
    if (order !== null) this.#player.send(this.#vehicle.command, order.command, order.tick);
  }

  /** A command with its defaults. @param {any} command */
  #whole(command) {
    const kind = this.#player.session()?.replica.schema.command(this.#vehicle.command);
    return kind === undefined ? command : kind.complete(command);
  }
}

/**
 * A vehicle whose `idle` returns whole commands: its own one, or that of a room that says nothing
 * else, which repeats the last input for a while.
 * @template {object} V
 * @param {V & { idle?: (last: any, silentTicks: number) => any }} vehicle
 * @param {(command: any) => any} whole  completes a command with its defaults
 */
export function withIdle(vehicle, whole) {
  const idle =
    vehicle.idle ??
    ((/** @type {any} */ last, /** @type {number} */ silentTicks) =>
      last === null || silentTicks > IDLE_REPEAT_TICKS ? {} : last);
  return {
    ...vehicle,
    idle: (/** @type {any} */ last, /** @type {number} */ silentTicks) =>
      whole(idle(last, silentTicks)),
  };
}
