/**
 * The arena's netcode as the network panel sees it: its switches, its figures, its budget.
 *
 * Owns the effect of each switch, and sends the one that concerns the server.  Measures nothing
 * itself.
 */

import { ESTIMATED, SHARES } from "../net/budget.js";
import { defaultSwitches } from "../panel/switches.js";

/** @typedef {import("../lab/conditioned_socket.js").LabLink} LabLink */
/** @typedef {import("../net/client.js").GameClient} GameClient */
/** @typedef {import("../panel/panel.js").Netcode} Netcode */
/** @typedef {import("./scene.js").Scene} Scene */

/** @type {Record<import("../net/budget.js").Share, string>} */
const LABELS = {
  up: "way up",
  wait: "waits for its tick",
  simulate: "simulated",
  post: "waits to be sent",
  down: "way down",
  drawn: "until it is drawn",
};

/** @implements {Netcode} */
export class ArenaNetcode {
  switches = defaultSwitches();

  #client;
  #scene;
  /** The sum of the distances of all corrections, at the last call. */
  #corrected = 0;

  /** @param {GameClient} client @param {Scene} scene @param {LabLink} lab */
  constructor(client, scene, lab) {
    this.#client = client;
    this.#scene = scene;
    this.lab = lab;
    client.on("welcome", () => {
      this.#corrected = 0;
      if (!this.switches.compensation) this.#tellServer();
    });
  }

  /** @param {import("../panel/switches.js").SwitchName} name */
  switched(name) {
    this.#scene.predicts = this.switches.prediction;
    this.#scene.interpolates = this.switches.interpolation;
    this.#scene.compensates = this.switches.compensation;
    this.#scene.marksmanship.forget();
    if (name === "compensation") this.#tellServer();
  }

  #tellServer() {
    this.#client.send("Compensate", { on: this.switches.compensation });
  }

  /** @returns {import("../panel/graphs.js").Figures} */
  figures() {
    const { appRttMs, marginTicks, bytesInPerS, bytesOutPerS } = this.#client.statistics();
    const { distanceSum } = this.#scene.corrections;
    const correction = distanceSum - this.#corrected;
    this.#corrected = distanceSum;
    return {
      rttMs: appRttMs ?? NaN,
      jitterMs: this.#scene.jitterMs,
      margin: marginTicks ?? NaN,
      correction,
      kbInPerS: bytesInPerS / 1024,
      kbOutPerS: bytesOutPerS / 1024,
      delayMs: this.#scene.delayMs,
    };
  }

  /** The median shares of a command's latency. */
  budget() {
    const percentiles = this.#client.budget?.percentiles() ?? null;
    if (percentiles === null) return [];
    return SHARES.map((share) => ({
      name: share,
      label: LABELS[share],
      ms: percentiles[share].p50,
      estimated: ESTIMATED.includes(share),
    }));
  }

  marksmanship() {
    return this.#scene.marksmanship.words;
  }
}
