/**
 * A player's whole netcode: places to draw, and commands to send.
 *
 * Owns the client's loop of ticks, and connects its parts: the lead (the tick of the next command),
 * the predictor (the own entity, now), playback and tracks (others, a moment ago), and predicted
 * effects.  Pure: times are arguments, in milliseconds of one steady clock.  `predicted_play.js`
 * waits and sends for it.  `clients/netcode/steering.py` is its twin, in seconds;
 * `tests/vectors/netcode_steering.json` tests both.
 *
 * In a tick of the loop, `due` returns the tick, the player looks at `own` and at `placeOf` others
 * and decides, and `steer` predicts the command and returns what to send.  A command that the
 * server would repeat by itself is sent only every `KEEP_ALIVE_TICKS`: the result is the same, with
 * far fewer messages.  After a late command all commands are sent for `EAGER_TICKS`, so that the
 * lead is corrected soon.
 *
 * Two differences to the twin.  The session of `client.js` owns the lead and the latency budget,
 * and passes margins and sent commands to them.  And a page looks at others when it draws, so `look`
 * is a call of its own.
 */

import { PendingEffects } from "./effects.js";
import { PlaybackClock } from "./interpolation.js";
import { RENDERED_PER_TICK } from "./messages.js";
import { Others } from "./others.js";
import { Predictor, sameValue, Smoothing } from "./prediction.js";

/** @typedef {import("./lead.js").Lead} Lead */
/** @typedef {import("./others.js").Place} Place */
/** @typedef {import("./schema.js").EntityView} EntityView */
/** @typedef {import("./schema.js").GameEvent} GameEvent */
/** @typedef {import("./tickclock.js").TickClock} TickClock */

/** Without a delta for this long, prediction stops: the server may be gone. */
const MAX_PREDICTED_MS = 2000;
/** A command is sent at least this often, so that deltas keep reporting a margin. */
export const KEEP_ALIVE_TICKS = 10;
/** After a late command, all commands are sent for this long. */
const EAGER_TICKS = 30;
/** How many sent commands are remembered, to predict them again after a reset. */
const REMEMBERED = 128;
/** Tolerance for rounding when a tick is due: `nextDueMs` is rounded as well. */
const ROUNDING_TICKS = 1e-6;
/** Others are drawn at least this long in the past, and at least so many intervals between deltas. */
const MIN_DELAY_MS = 66;
const MIN_INTERVALS = 2;
/**
 * How many changes of effects may wait.  Overflow policy `drop-oldest`, counted in
 * `changesDropped`: a page that draws nothing never takes them.
 */
const MAX_CHANGES = 256;

/** @typedef {import("./effects.js").Effect<any>} Effect */
/**
 * An effect of a step; `key` and `what` are null if they are left out.
 * @typedef {{ kind: string, tick: number, key?: number | string | null, what?: any }} NewEffect
 */

/**
 * A game's rules for the entity that a player steers.
 * @template State  must be immutable
 * @template Command  with all its fields
 * @template {object} [View=EntityView]  the own entity in the replica
 * @template {object} [Event=GameEvent]
 * @typedef {object} Vehicle
 * @property {(entity: View) => State | null} state  the server's state of the own entity; null if
 *   it cannot be steered
 * @property {(state: State, command: Command, tick: number) => State} step  the state one tick
 *   later, at `tick`, exactly as the server computes it
 * @property {(last: Command | null, silentTicks: number) => Command} idle  the input that the
 *   server applies `silentTicks` after the `last` one
 * @property {(one: State, other: State) => boolean} [equal]  left out: the same fields
 * @property {(state: State) => Place} [place]  where a state is drawn; left out: at its `x` and `y`
 * @property {number} snapDistance  a correction longer than this is not smoothed, in the units of
 *   `place`
 * @property {readonly string[]} kinds  the names of the entity classes that are drawn in the past
 * @property {number} jumpDistance  the farthest that one of them can move in one tick, in its own
 *   units
 * @property {(before: State, after: State, tick: number) => Iterable<NewEffect>} [effects]  the
 *   effects of a step that are shown before the server confirms them
 * @property {(event: Event) => { kind: string, key?: number | string | null } | null} [effectOf]
 *   which own effect `event` confirms
 */

/**
 * The part of a replica that steering uses.
 * @template View
 * @typedef {object} Seen
 * @property {number} tick
 * @property {View | undefined} own
 * @property {ReadonlyMap<number, import("./schema.js").Entity>} entities
 */

/** A command to send. @template Command @typedef {{ command: Command, tick: number, rendered: number }} Order */

/** An effect to show now or, if `undo`, to remove. @typedef {{ effect: Effect, undo: boolean }} Change */

/**
 * One player's netcode in one seat.  The session keeps `replica`, `clock` and `lead` up to date.
 * @template State
 * @template {object} Command
 * @template {{ readonly id: number }} [View=EntityView]
 * @template {object} [Event=GameEvent]
 */
export class Steering {
  /**
   * @param {Vehicle<State, Command, View, Event>} vehicle
   * @param {Seen<View>} replica
   * @param {TickClock} clock
   * @param {Lead} lead
   */
  constructor(vehicle, replica, clock, lead) {
    const tickMs = 1 / clock.ticksPerMs;
    this.vehicle = vehicle;
    this.#place = vehicle.place ?? ((state) => /** @type {Place} */ (/** @type {any} */ (state)));
    this.clock = clock;
    this.lead = lead;
    /** @type {Predictor<State, Command>} */
    this.predictor = new Predictor({
      step: vehicle.step,
      equal: vehicle.equal ?? sameValue,
      distance: (before, after) => {
        const [from, to] = [this.#place(before), this.#place(after)];
        return Math.hypot(to.x - from.x, to.y - from.y);
      },
      maxPending: Math.round(MAX_PREDICTED_MS / tickMs),
    });
    this.smoothing = new Smoothing(vehicle.snapDistance);
    this.playback = new PlaybackClock(clock, {
      minDelayMs: MIN_DELAY_MS,
      minIntervals: MIN_INTERVALS,
    });
    this.others = new Others(replica, vehicle.kinds, vehicle.jumpDistance, tickMs);
    this.#replica = replica;
    this.#jumps = lead.jumps;
  }

  /** @type {PendingEffects<any>} */
  effects = new PendingEffects();
  /** The tick of the client's loop, 0 before the first. */
  tick = 0;
  /** The tick at which the screen shows others, NaN before the first delta. */
  renderedTick = NaN;
  /** Ticks that the loop skipped because `due` was called too late. */
  missedTicks = 0;
  changesDropped = 0;

  #place;
  #replica;

  /** What it steers in; that of another seat, or another schema, needs another `Steering`. */
  get replica() {
    return this.#replica;
  }
  #jumps;
  #ownId = 0;
  #eagerUntil = 0;
  /** Commands as sent, the oldest first. @type {{ tick: number, command: Command }[]} */
  #sent = [];
  /** @type {Change[]} */ #changes = [];

  // -------------------------------------------------------------- the client's loop

  /**
   * The tick to steer now; null if none is due or no pong has come.  Missed ticks are skipped: for
   * these the server repeats the last input or asks `on_idle`, and the prediction does the same.
   * @param {number} nowMs
   * @returns {number | null}
   */
  due(nowMs) {
    if (!this.clock.known) return null;
    const newest = Math.floor(this.lead.advance(nowMs) + ROUNDING_TICKS);
    if (this.lead.jumps !== this.#jumps) {
      this.#jumps = this.lead.jumps;
      this.#beginAnew(newest - 1);
    }
    if (newest <= this.tick) return null;
    if (this.tick > 0) this.missedTicks += newest - this.tick - 1;
    this.#predictUntil(newest - 1);
    this.tick = newest;
    return newest;
  }

  /** The time at which the next tick will be due, at the lead's present speed. */
  nextDueMs() {
    return this.lead.timeOf(this.tick + 1);
  }

  /**
   * Move the screen on to `nowMs`, and return the tick at which it shows others.  It is rounded as
   * on the wire, so that the claim is exactly what the player aims at.
   * @param {number} nowMs  must not decrease from call to call
   */
  look(nowMs) {
    this.renderedTick =
      Math.round(this.playback.tickAt(nowMs) * RENDERED_PER_TICK) / RENDERED_PER_TICK;
    return this.renderedTick;
  }

  /**
   * Predict `command` for the tick that is due; return what to send, or null.
   * @param {Command} command
   * @returns {Order<Command> | null}
   */
  steer(command) {
    const { tick, predictor } = this;
    this.#predictUntil(tick - 1);
    const before = predictor.state;
    if (before === null || !predictor.apply(tick, command)) return null;
    const after = /** @type {State} */ (predictor.state);
    for (const effect of this.vehicle.effects?.(before, after, tick) ?? []) this.#show(effect);
    if (!this.#isNews(tick, command)) return null;
    this.#sent.push({ tick, command });
    if (this.#sent.length > REMEMBERED) this.#sent.shift();
    const rendered = Math.max(Math.round(this.renderedTick * RENDERED_PER_TICK), 0);
    return { command, tick, rendered: Number.isNaN(rendered) ? 0 : rendered };
  }

  /**
   * Whether the server would apply another command, or has received none for a while.
   * @param {number} tick
   * @param {Command} command
   */
  #isNews(tick, command) {
    const last = this.#sent.at(-1);
    if (last === undefined) return true;
    const silent = tick - last.tick;
    if (silent >= KEEP_ALIVE_TICKS || tick < this.#eagerUntil) return true;
    return !sameValue(command, this.vehicle.idle(last.command, silent));
  }

  // -------------------------------------------------------------- state and figures

  /** The predicted state of the own entity at the tick of the loop; null if there is none. */
  get own() {
    return this.predictor.state;
  }

  /**
   * The state of this tick, that of the next one with `command`, which part of the way the client's
   * time is between them, and the `ownPlace` there.  Drawing part of the way shows a key press in
   * the next frame.
   * @param {number} nowMs
   * @param {Command} command
   * @returns {{ state: State, next: State, part: number, place: Place } | null} null if there is
   *   none
   */
  ahead(nowMs, command) {
    const { state, tick } = this.predictor;
    const next = this.predictor.peek(command);
    if (state === null || next === null) return null;
    const past = this.lead.tickAt(nowMs) - tick;
    const part = past >= 0 ? Math.min(past, 1) : 0;
    const [from, to] = [this.#place(state), this.#place(next)];
    const [x, y] = [from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part];
    return { state, next, part, place: this.#smoothed({ x, y }, nowMs) };
  }

  /**
   * Where to draw the own entity: as predicted, with smoothed corrections.
   * @param {number} nowMs
   * @param {Command | null} [command]  the controls as they are held now; null: at the state of
   *   the tick, without the way to the next one
   * @returns {Place | null} null if there is none
   */
  ownPlace(nowMs, command = null) {
    const { state } = this.predictor;
    if (state === null) return null;
    if (command === null) return this.#smoothed(this.#place(state), nowMs);
    return this.ahead(nowMs, command)?.place ?? null;
  }

  /** @param {Place} place @param {number} nowMs @returns {Place} */
  #smoothed({ x, y }, nowMs) {
    const off = this.smoothing.offset(nowMs);
    return { x: x + off.x, y: y + off.y };
  }

  /**
   * Where the screen shows `entity`, of one of `vehicle.kinds`; null: nowhere yet.  A shot at this
   * position hits, as the next command names the same tick.
   * @param {{ readonly id: number }} entity
   * @returns {Place | null}
   */
  placeOf(entity) {
    return this.others.place(entity.id, this.renderedTick);
  }

  /** The effects to show and to undo since the last call, once. @returns {Change[]} */
  takeChanges() {
    return this.#changes.splice(0);
  }

  // -------------------------------------------------------------- messages of the server

  /**
   * Take in the delta that the replica has just applied.  The session has passed its margin to the
   * lead already.
   * @param {number | null} margin
   * @param {readonly Event[]} events
   * @param {number} nowMs  when it was received
   * @returns {Event[]} those of its events that confirm no predicted effect
   */
  delta(margin, events, nowMs) {
    const { tick } = this.#replica;
    this.playback.arrived(tick, nowMs);
    if (margin !== null && margin < 0) this.#eagerUntil = this.tick + EAGER_TICKS;
    this.others.follow(tick);
    this.#reconcile(tick, nowMs);
    const news = events.filter((event) => !this.#confirms(event, tick));
    for (const effect of this.effects.expire(tick)) this.#tell({ effect, undo: true });
    return news;
  }

  /**
   * Forget the prediction: sent commands may be lost, and the world may have changed.  Prediction
   * starts over with the next delta.
   */
  reconnected() {
    this.#sent = [];
    this.#lose(this.tick);
    this.effects.clear();
  }

  /** @param {number} tick @param {number} nowMs */
  #reconcile(tick, nowMs) {
    const { own } = this.#replica;
    const state = own === undefined ? null : this.vehicle.state(own);
    if (own === undefined || state === null) {
      this.#ownId = 0;
      if (this.predictor.state !== null) this.#lose(tick);
      return;
    }
    if (own.id !== this.#ownId || this.predictor.state === null) {
      this.#ownId = own.id;
      this.predictor.reset(tick, state);
      this.#predictUntil(this.tick);
      return;
    }
    const before = this.predictor.reconcile(tick, state);
    const after = this.predictor.state;
    if (before === null || after === null) return;
    const [from, to] = [this.#place(before), this.#place(after)];
    this.smoothing.add(from.x - to.x, from.y - to.y, nowMs);
  }

  // -------------------------------------------------------------- predicting

  /** Predict the ticks up to `tick`, with sent commands or the server's idle input. @param {number} tick */
  #predictUntil(tick) {
    const { predictor } = this;
    if (predictor.state === null) return;
    while (predictor.tick < tick) {
      const later = predictor.tick + 1;
      if (!predictor.apply(later, this.#commandAt(later))) return;
    }
  }

  /** The input that the server applies at `tick` if all commands come in time. @param {number} tick */
  #commandAt(tick) {
    const sent = this.#sent.findLast((each) => each.tick <= tick);
    if (sent === undefined) return this.vehicle.idle(null, 0);
    return sent.tick === tick ? sent.command : this.vehicle.idle(sent.command, tick - sent.tick);
  }

  /** Start over at `tick`: the lead has jumped, so sent commands have the wrong ticks. @param {number} tick */
  #beginAnew(tick) {
    this.tick = tick;
    this.#sent = [];
    this.#lose(tick);
  }

  /** Stop predicting until the server has an entity to steer. @param {number} tick */
  #lose(tick) {
    this.predictor.reset(tick, null);
    this.smoothing.clear();
  }

  // -------------------------------------------------------------- effects

  /** @param {NewEffect} given */
  #show({ kind, tick, key = null, what = null }) {
    const effect = { kind, tick, key, what };
    if (effect.key !== null && this.effects.isShown(effect.kind, effect.key)) return;
    this.#tell({ effect, undo: false });
    const dropped = this.effects.show(effect);
    if (dropped !== null) this.#tell({ effect: dropped, undo: true });
  }

  /** @param {Change} change */
  #tell(change) {
    this.#changes.push(change);
    if (this.#changes.length <= MAX_CHANGES) return;
    this.#changes.shift();
    this.changesDropped += 1;
  }

  /** @param {Event} event @param {number} tick */
  #confirms(event, tick) {
    const found = this.vehicle.effectOf?.(event) ?? null;
    return found !== null && this.effects.confirm(found.kind, tick, found.key ?? null) !== null;
  }
}
