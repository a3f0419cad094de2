/**
 * Figures of the connection: latency, rates, checks, and what the server reports of the room.
 *
 * Owns the list and the short line in the header.
 */

import { byId, make } from "../elements.js";

/** @typedef {import("../net/client.js").GameClient<any>} GameClient */

export class Figures {
  #list = byId("figures");
  #brief = byId("brief");

  /** @param {GameClient | null} client */
  show(client) {
    if (client === null || client.welcome === null) {
      this.#list.replaceChildren();
      this.#brief.replaceChildren();
      return;
    }
    const figures = client.statistics();
    const { status, welcome } = client;
    fill(this.#brief, [
      ["round trip", ms(figures.rttMs ?? figures.appRttMs)],
      ["tick", String(client.replica?.tick ?? 0)],
      ["players", String(status?.players ?? "–")],
    ]);
    fill(this.#list, [
      ["round trip, ping frames", ms(figures.rttMs)],
      ["jitter", ms(figures.jitterMs)],
      ["round trip, messages", ms(figures.appRttMs)],
      ["tick rate", `${welcome.tickRate} Hz`],
      ["work of the last tick", ms(inMs(status?.workUs))],
      ["pace", `${Math.round(client.pace * 100)} %`],
      ["deltas", `${figures.deltasPerS.toFixed(0)} /s`],
      ["in", `${(figures.bytesInPerS / 1000).toFixed(1)} kB/s`],
      ["out", `${(figures.bytesOutPerS / 1000).toFixed(1)} kB/s`],
      ["checks passed", String(figures.checksPassed)],
      ["checks failed", String(figures.checksumFailures)],
      ["reconnects", `${figures.reconnects}, ${figures.resumes} to the seat`],
    ]);
  }
}

/** @param {HTMLElement} list @param {[string, string][]} pairs */
function fill(list, pairs) {
  if (list.children.length !== 2 * pairs.length) {
    list.replaceChildren(...pairs.flatMap(([name]) => [make("dt", "", name), make("dd", "")]));
  }
  pairs.forEach(([, value], at) => {
    const element = list.children[2 * at + 1];
    if (element.textContent !== value) element.textContent = value;
  });
}

/** @param {number | null | undefined} us */
function inMs(us) {
  return us === null || us === undefined ? null : us / 1000;
}

/** @param {number | null} value */
function ms(value) {
  return value === null ? "–" : `${value.toFixed(1)} ms`;
}
