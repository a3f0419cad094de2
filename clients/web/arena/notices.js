/**
 * Urgent notices for the player: the connection is lost or refused, the ship was destroyed.
 *
 * Owns the banner, the death card and the red edge of the screen.  Never decides what to do about
 * the events that it reports.
 */

import { pilotName } from "./board.js";
import { byId, make } from "../elements.js";

/** @typedef {import("../net/client.js").StateChange} StateChange */
/** @typedef {import("../net/schema.js").GameEvent} GameEvent */
/** @typedef {import("./scene.js").Scene} Scene */

/** Plain words for close codes; see "Close codes" in the protocol document. @type {Record<number, string>} */
const WORDS = {
  1001: "The server is restarting.",
  1003: "The server did not understand this page.",
  1006: "The connection was lost.",
  1009: "The server did not understand this page.",
  1011: "The room had an accident.",
  4000: "This page and the server do not understand each other. Reload the page.",
  4001: "The server did not hear from this page in time.",
  4002: "This page is of another version than the server. Reload the page.",
  4003: "This page is of another version than the server. Reload the page.",
  4004: "There is no such room.",
  4005: "The room is full.",
  4006: "The server does not accept this name.",
  4007: "The server refused to let you in.",
  4008: "This page sent too much at once.",
  4009: "The connection was too slow to go on.",
  4010: "You were removed from the room.",
  4011: "The room has closed.",
  4012: "You are playing from another place now.",
  4013: "The seat is just being taken again.",
  4014: "The server does not accept these options.",
  4015: "You were moved to another room.",
  4016: "You are banned from this server.",
};

/** The connection ended without a code. */
const LOST = 1006;
const BACK_SHOWN_MS = 2500;

export class Notices {
  #banner = byId("banner");
  #bannerText = byId("banner-text");
  #death = byId("death");
  #deathBy = byId("death-by");
  #deathCount = byId("death-count");
  #vignette = byId("vignette");
  #retryAtMs = NaN;
  /** Until this time the banner says that the connection is back. */
  #backUntilMs = NaN;
  /** Why the client is not connected; empty while it is. */
  #why = "";
  #wasConnected = false;

  /** @param {StateChange} change @param {number} nowMs */
  connection({ state, code, reason, retryInS }, nowMs) {
    this.#retryAtMs = this.#backUntilMs = NaN;
    if (state === "playing") {
      this.#wasConnected = true;
      this.#why = "";
      this.#banner.hidden = true;
    } else if (state === "reconnecting") {
      this.#retryAtMs = nowMs + (retryInS ?? 0) * 1000;
      // A failed attempt brings no news: the first reason stays on the screen.
      if (this.#why === "" || code !== LOST) {
        this.#why = plainWords(code, reason, this.#wasConnected);
      }
      this.#say(this.#why, "trying");
    } else if (state === "closed") {
      this.#say(plainWords(code, reason, this.#wasConnected), "stopped");
    } else if (this.#why !== "") {
      this.#say(`${this.#why} Trying again now…`, "trying");
    }
  }

  /** A note for authors whose game has no page yet. */
  anotherGame() {
    this.#say("This page is the arena's; the room plays another game. Its own page: --page.", "stopped");
  }

  /** The seat, and the ship in it, are the same as before the gap. @param {number} nowMs */
  resumed(nowMs) {
    this.#backUntilMs = nowMs + BACK_SHOWN_MS;
    this.#say("Connected again. Your ship is where it drifted.", "back");
  }

  /**
   * Keep the countdowns going.
   * @param {Scene} scene
   * @param {number} serverTick
   * @param {number} pace  of the room: game time as a share of real time
   * @param {number} nowMs
   */
  refresh(scene, serverTick, pace, nowMs) {
    if (!Number.isNaN(this.#retryAtMs)) {
      const left_s = Math.max(0, Math.ceil((this.#retryAtMs - nowMs) / 1000));
      this.#say(`${this.#why} Trying again in ${left_s} s…`, "trying");
    }
    if (nowMs >= this.#backUntilMs) {
      this.#backUntilMs = NaN;
      this.#banner.hidden = true;
    }
    const pilot = scene.ownPilot;
    const dead = pilot !== undefined && pilot.ship === 0 && scene.round?.phase !== "PODIUM";
    this.#death.hidden = !dead;
    if (!dead) return;
    const left_s = Math.max(0, (pilot.respawn_at - serverTick) / (scene.tickRate * pace));
    this.#deathCount.textContent =
      left_s > 0 ? `Back in ${left_s.toFixed(1)} s` : "Back any moment";
  }

  /** @param {GameEvent} event  a Kill of the own ship @param {Scene} scene */
  died({ by, seat, reward }, scene) {
    const killer = scene.pilots.get(by);
    const words =
      killer === undefined || by === seat
        ? [make("span", "", "You were lost to the arena")]
        : [
            make("span", "", "Destroyed by "),
            pilotName(killer),
            make("span", "reward", ` +${reward}`),
          ];
    this.#deathBy.replaceChildren(...words);
  }

  /** The edge of the screen glows red for a moment. */
  hurt() {
    this.#vignette.classList.remove("hurt");
    // Reading the size makes the browser apply the removal of the class, so the glow restarts.
    void this.#vignette.offsetWidth;
    this.#vignette.classList.add("hurt");
  }

  /** @param {string} text @param {"trying" | "back" | "stopped"} kind */
  #say(text, kind) {
    this.#banner.hidden = false;
    this.#banner.className = kind;
    if (this.#bannerText.textContent !== text) this.#bannerText.textContent = text;
  }
}

/** @param {number | null} code @param {string} reason @param {boolean} wasConnected */
function plainWords(code, reason, wasConnected) {
  if (code === LOST && !wasConnected) return "The server cannot be reached.";
  const words = code === null ? undefined : WORDS[code];
  if (words === undefined) return `The connection ended: ${reason}.`;
  // The reason of a refusal or a kick is shown too.
  return [4006, 4007, 4010, 4014, 4016].includes(Number(code)) && reason !== ""
    ? `${words} (${reason})`
    : words;
}
