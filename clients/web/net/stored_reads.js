/**
 * Reads of a client from the storage of its room: its own objects, and places in leaderboards.
 *
 * Owns the unanswered reads.  Each is answered once, or ends with the connection that it was sent
 * over; the next connection does not repeat it.  Sends nothing by itself: `client.js` passes in the
 * function that sends, and the timers.
 */

import { ReadError } from "./errors.js";
import { encodeRead } from "./messages.js";

/** A server answers sooner, even where its storage does not; a slow link may lose an answer. */
const TIMEOUT_MS = 10_000;
const NUMBER_MAX = 2 ** 32 - 1;

/**
 * A place in a leaderboard; `own`: it is that of the reader.
 * @typedef {{ rank: number, name: string, score: number, own: boolean }} ReadPlace
 */
/** @typedef {import("./messages.js").Result} Result */
/** @typedef {{ resolve: (value: any) => void, reject: (error: Error) => void, timer: any }} Question */

/**
 * The reads of one client: `client.stored`.
 *
 * All reject with a `ReadError`, with the server's text, if there is no answer: the room does not
 * let clients read this, the storage does not answer, or the connection is lost.  A server takes
 * two reads a second (eight at once) and closes the connection of a client that sends more; it
 * answers four at a time.
 */
export class StoredReads {
  /**
   * @param {(bytes: Uint8Array<ArrayBuffer>) => boolean} send  false if it cannot be sent
   * @param {(callback: () => void, ms: number) => any} setTimer
   * @param {(timer: any) => void} clearTimer
   */
  constructor(send, setTimer, clearTimer) {
    this.#send = send;
    this.#setTimer = setTimer;
    this.#clearTimer = clearTimer;
  }

  #send;
  #setTimer;
  #clearTimer;
  #number = 0;
  /** @type {Map<number, Question>} */ #questions = new Map();

  /**
   * The fields of the player's object in a collection, or null if there is none.
   * @param {string} name
   * @param {string} [key]
   * @returns {Promise<Record<string, any> | null>}
   */
  async own(name, key = "") {
    const value = await this.#ask(name, "own", [key]);
    if (typeof value === "object" && !Array.isArray(value)) return value;
    throw new ReadError("the server answered with something that is no object");
  }

  /**
   * The best `limit` (at most 100) after the first `offset`.
   * @param {string} name
   * @param {object} [which]
   * @param {number} [which.limit]
   * @param {number} [which.offset]
   * @param {number} [which.back]  days or weeks ago, for a leaderboard that begins anew
   * @returns {Promise<ReadPlace[]>}
   */
  async top(name, { limit = 10, offset = 0, back = 0 } = {}) {
    return places(await this.#ask(name, "top", [limit, offset, back]));
  }

  /**
   * The player's own place, or null.
   * @param {string} name
   * @param {{ back?: number }} [which]
   * @returns {Promise<ReadPlace | null>}
   */
  async rank(name, { back = 0 } = {}) {
    const value = await this.#ask(name, "rank", [back]);
    return value === null ? null : place(value);
  }

  /**
   * The player's place with up to `limit` before and after; empty if unranked.
   * @param {string} name
   * @param {{ limit?: number, back?: number }} [which]
   * @returns {Promise<ReadPlace[]>}
   */
  async around(name, { limit = 5, back = 0 } = {}) {
    return places(await this.#ask(name, "around", [limit, back]));
  }

  /**
   * @param {string} name
   * @param {string} what
   * @param {(string | number)[]} given
   * @returns {Promise<any>}
   */
  #ask(name, what, given) {
    const number = (this.#number = (this.#number % NUMBER_MAX) + 1);
    const bytes = encodeRead(number, name, what, given);
    return new Promise((resolve, reject) => {
      if (!this.#send(bytes)) {
        reject(new ReadError("the client is not playing"));
        return;
      }
      const timer = this.#setTimer(() => {
        this.#questions.delete(number);
        reject(new ReadError("no answer came in time"));
      }, TIMEOUT_MS);
      this.#questions.set(number, { resolve, reject, timer });
    });
  }

  /** Answer the question of a result; one that nobody waits for is ignored. @param {Result} result */
  take({ number, value, error }) {
    const question = this.#questions.get(number);
    if (question === undefined) return;
    this.#questions.delete(number);
    this.#clearTimer(question.timer);
    if (error === null) question.resolve(value);
    else question.reject(new ReadError(error));
  }

  /** End all questions: the connection is lost. */
  lose() {
    for (const { reject, timer } of this.#questions.values()) {
      this.#clearTimer(timer);
      reject(new ReadError("the connection is lost"));
    }
    this.#questions.clear();
  }
}

/** @param {any} value @returns {ReadPlace[]} */
function places(value) {
  if (Array.isArray(value)) return value.map(place);
  throw new ReadError("the server answered with something that is no list of places");
}

/** @param {any} value @returns {ReadPlace} */
function place(value) {
  const types = Array.isArray(value) ? value.slice(0, 4).map((part) => typeof part).join() : "";
  if (types !== "number,string,number,boolean") {
    throw new ReadError("the server answered with something that is no place");
  }
  const [rank, name, score, own] = value;
  return { rank, name, score, own };
}
