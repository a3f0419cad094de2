/**
 * A WebSocket over a worse link: every message is delayed, in order, in both directions.
 *
 * Owns the delayed messages and their timers, and `LabLink`, the link of the page's connection,
 * which may change while messages are on their way.  It sees whole messages only.  The browser
 * answers ping frames itself, so the server measures the real link, and the page's own pings
 * measure this one.  In a hidden tab the browser delays timers by up to a second.
 */

import { conditioners } from "./profiles.js";

/** @typedef {import("../net/line.js").Socket} Socket */
/** @typedef {import("../net/line.js").SocketFactory} SocketFactory */
/** @typedef {import("./conditioner.js").Conditioner} Conditioner */
/** @typedef {import("./conditioner.js").Passage} Passage */
/** @typedef {import("./profiles.js").Link} Link */

/**
 * @typedef {object} Time
 * @property {() => number} now  milliseconds, steady
 * @property {(callback: () => void, ms: number) => any} setTimer
 * @property {(timer: any) => void} clearTimer
 */

/** @type {Time} */
const BROWSER_TIME = {
  now: () => performance.now(),
  setTimer: (callback, ms) => setTimeout(callback, ms),
  clearTimer: (timer) => clearTimeout(timer),
};

/** The link that the page's connections go through. */
export class LabLink {
  /** @type {Link | null} null: nothing is held */
  #link = null;
  /** @type {{up: Conditioner, down: Conditioner} | null} */
  #ways = null;
  #seed;
  #time;

  /** @param {number} seed @param {Time} [time] */
  constructor(seed, time = BROWSER_TIME) {
    this.#seed = seed;
    this.#time = time;
  }

  get link() {
    return this.#link;
  }

  /** Change the link.  Messages on their way keep their times, and stay ahead of later ones. */
  set link(link) {
    this.#link = link;
    this.#ways = link === null ? null : conditioners(link, this.#seed, this.#time.now());
  }

  /** How often a lost segment has stalled the present link. */
  get stalls() {
    return (this.#ways?.up.stalls ?? 0) + (this.#ways?.down.stalls ?? 0);
  }

  /**
   * The class of sockets over this link.
   * @param {SocketFactory} Inner  the real ones
   * @returns {SocketFactory}
   */
  sockets(Inner) {
    const time = this.#time;
    const way = (/** @type {"up" | "down"} */ name) => () => this.#ways?.[name] ?? null;
    return class extends ConditionedSocket {
      /** @param {string} url @param {string} protocol */
      constructor(url, protocol) {
        super(new Inner(url, protocol), way("up"), way("down"), time);
      }
    };
  }
}

/** Messages that wait for their time, in the order in which they came. */
class HeldBack {
  /** The passage is null for what was let through while nothing was held. @type {{passage: Passage | null, bytes: number, act: () => void}[]} */
  #held = [];
  /** @type {any} */ #timer = null;
  #way;
  #time;

  /** @param {() => Conditioner | null} way @param {Time} time */
  constructor(way, time) {
    this.#way = way;
    this.#time = time;
  }

  /** The messages that have not left yet. */
  get unsentBytes() {
    const now = this.#time.now();
    const waits = (/** @type {Passage | null} */ passage) => passage !== null && passage.leavesMs > now;
    return this.#held.reduce((sum, { passage, bytes }) => sum + (waits(passage) ? bytes : 0), 0);
  }

  /** Let `act` happen once a message of so many bytes has arrived. @param {number} bytes @param {() => void} act */
  pass(bytes, act) {
    const now = this.#time.now();
    const passage = this.#way()?.send(now, bytes) ?? null;
    if (this.#held.length === 0 && (passage === null || passage.arrivesMs <= now)) {
      act();
      return;
    }
    this.#held.push({ passage, bytes, act });
    // The first may arrive at another time now.
    this.#disarm();
    this.#arm();
  }

  /** Deliver everything now. */
  flush() {
    this.#disarm();
    for (const { act } of this.#held.splice(0)) act();
  }

  #arm() {
    const first = this.#held[0];
    if (this.#timer !== null || first === undefined) return;
    const inMs = (first.passage?.arrivesMs ?? 0) - this.#time.now();
    this.#timer = this.#time.setTimer(() => this.#due(), Math.max(0, inMs));
  }

  #disarm() {
    if (this.#timer !== null) this.#time.clearTimer(this.#timer);
    this.#timer = null;
  }

  #due() {
    this.#timer = null;
    const now = this.#time.now();
    try {
      while (this.#held[0] !== undefined && (this.#held[0].passage?.arrivesMs ?? now) <= now) {
        this.#held.shift()?.act();
      }
    } finally {
      this.#arm();
    }
  }
}

/** @implements {Socket} */
class ConditionedSocket {
  /** @type {((event: any) => void) | null} */ onopen = null;
  /** @type {((event: any) => void) | null} */ onmessage = null;
  /** @type {((event: any) => void) | null} */ onclose = null;
  /** @type {((event: any) => void) | null} */ onerror = null;

  #inner;
  #up;
  #down;

  /**
   * @param {Socket} inner
   * @param {() => Conditioner | null} up
   * @param {() => Conditioner | null} down
   * @param {Time} time
   */
  constructor(inner, up, down, time) {
    this.#inner = inner;
    this.#up = new HeldBack(up, time);
    this.#down = new HeldBack(down, time);
    // The handshake is a request and an answer: it waits both ways.
    inner.onopen = (event) => this.#up.pass(0, () => this.#down.pass(0, () => this.onopen?.(event)));
    inner.onmessage = (event) =>
      this.#down.pass(event.data.byteLength ?? 0, () => this.onmessage?.(event));
    inner.onclose = (event) => this.#down.pass(0, () => this.onclose?.(event));
    inner.onerror = (event) => this.onerror?.(event);
  }

  get binaryType() {
    return this.#inner.binaryType;
  }

  set binaryType(type) {
    this.#inner.binaryType = type;
  }

  get bufferedAmount() {
    return this.#inner.bufferedAmount + this.#up.unsentBytes;
  }

  get protocol() {
    return this.#inner.protocol;
  }

  get readyState() {
    return this.#inner.readyState;
  }

  /** @param {Uint8Array<ArrayBuffer>} data */
  send(data) {
    this.#up.pass(data.length, () => this.#inner.send(data));
  }

  /** Close after the messages that are on their way. @param {number} [code] @param {string} [reason] */
  close(code, reason) {
    this.#up.flush();
    this.#inner.close(code, reason);
  }
}
