/**
 * The career on the start card: the totals of a player who has signed in, and this week's best.
 *
 * Owns its elements and the pauses between reads.  On a server without storage it stays hidden.
 */

import { byId, make } from "../elements.js";

/** The collection and the leaderboard of the room (`careers.py`). */
const CAREERS = "arena_careers";
const KILLS = "arena_kills";
const PLACES = 5;
/** Reads are limited by the server; a player may open and leave the card quickly. */
const MIN_PAUSE_MS = 5000;

/** @typedef {import("../net/stored_reads.js").StoredReads} StoredReads */
/** @typedef {import("../net/stored_reads.js").ReadPlace} ReadPlace */

export class Career {
  #section = byId("career");
  #own = byId("career-own");
  #top = byId("career-top");
  #stored;
  #readMs = -Infinity;

  /** @param {StoredReads} stored */
  constructor(stored) {
    this.#stored = stored;
  }

  /** Read and show what there is.  @param {number} nowMs */
  async refresh(nowMs) {
    if (nowMs - this.#readMs < MIN_PAUSE_MS) return;
    this.#readMs = nowMs;
    const [own, top] = await Promise.all([
      this.#stored.own(CAREERS).catch(() => null),
      this.#stored.top(KILLS, { limit: PLACES }).catch(() => []),
    ]);
    this.#own.textContent = own === null ? "" : careerLine(own);
    this.#top.replaceChildren(...top.map(placeRow));
    this.#section.hidden = own === null && top.length === 0;
  }
}

/** @param {Record<string, any>} career @returns {string} */
export function careerLine({ kills, best_streak: streak, rounds_won: rounds }) {
  const parts = [counted(kills, "kill"), `best streak ${Number(streak)}`, `${counted(rounds, "round")} won`];
  return parts.join(" · ");
}

/** @param {any} count @param {string} thing */
function counted(count, thing) {
  return `${Number(count)} ${thing}${count === 1 ? "" : "s"}`;
}

/** @param {ReadPlace} place @returns {HTMLElement} */
function placeRow({ rank, name, score, own }) {
  return make("li", own ? "own" : "", "", [
    make("span", "rank", String(rank)),
    make("span", "pilot", name),
    make("span", "kills", String(score)),
  ]);
}
