/**
 * Ping messages: which ping a pong answers, and whether the server still answers.
 *
 * Owns the nonces and the limit of patience.  Sends nothing and sets no timers: `client.js` calls
 * it once a second.
 */

/** How many unanswered pings are remembered; the oldest is forgotten. */
const REMEMBERED = 8;
/**
 * The connection is lost after this many pings without any message, or without a full state that
 * was asked for.  Pings are counted instead of time, because a page that the browser had frozen
 * must first read the messages that have come meanwhile.
 */
const PATIENCE = 10;

export class Pings {
  /** @type {Map<number, number>} nonce → when it was sent */
  #unanswered = new Map();
  #nonce = 0;
  #sinceHeard = 0;
  /** @type {number | null} null while no full state is awaited */
  #sinceAsked = null;

  /** Whether the client has asked for a full state that has not come. */
  get awaitsFullState() {
    return this.#sinceAsked !== null;
  }

  /** Why the connection must be taken for lost, or null. @returns {string | null} */
  get complaint() {
    if (this.#sinceHeard >= PATIENCE) return "the server fell silent";
    if ((this.#sinceAsked ?? 0) >= PATIENCE) return "no full state in time";
    return null;
  }

  /** A message came. */
  heard() {
    this.#sinceHeard = 0;
  }

  /** A full state was asked for. */
  askedForFullState() {
    this.#sinceAsked = 0;
  }

  /** A full state came. */
  fullStateCame() {
    this.#sinceAsked = null;
  }

  /** @param {number} nowMs @returns {number} the nonce of the ping to send now */
  next(nowMs) {
    this.#sinceHeard += 1;
    if (this.#sinceAsked !== null) this.#sinceAsked += 1;
    this.#nonce = (this.#nonce + 1) % 2 ** 32;
    this.#unanswered.set(this.#nonce, nowMs);
    if (this.#unanswered.size > REMEMBERED) {
      const [oldest] = this.#unanswered.keys();
      if (oldest !== undefined) this.#unanswered.delete(oldest);
    }
    return this.#nonce;
  }

  /**
   * @param {number} nonce  of a pong
   * @returns {number | null} when its ping was sent; null if it is forgotten or was never sent
   */
  answered(nonce) {
    const sentMs = this.#unanswered.get(nonce) ?? null;
    this.#unanswered.delete(nonce);
    return sentMs;
  }
}
