/**
 * The panels of text: leaderboard, kill feed, round timer, podium, network line, cooldowns.
 *
 * Owns their elements.  Reads the scene a few times a second and writes only what changed.  Names
 * come from other players: they are only ever set as text, never as HTML.
 */

import { byId, make } from "../elements.js";
import { colourOf } from "./palette.js";

/** @typedef {import("../net/schema.js").EntityView} EntityView */
/** @typedef {import("../net/schema.js").GameEvent} GameEvent */
/** @typedef {import("./scene.js").Scene} Scene */

const TOP = 8;
const FEED_LINES = 5;
const FEED_S = 7;
const REFRESH_S = 0.2;

/**
 * The figures of the network line; null if one is not known yet.
 * @typedef {{rttMs: number | null, players: number | null, pace: number}} Network
 */

export class Board {
  /** Whether all pilots are listed (Tab is held). */
  whole = false;

  #leaders = byId("leaders");
  #feed = byId("feed");
  #timer = byId("timer");
  #network = byId("network");
  #podium = byId("podium");
  #podiumPlaces = byId("podium-places");
  #leadersSeen = "";
  #podiumSeen = "";
  #since_s = Infinity;

  /**
   * @param {Scene} scene
   * @param {number} serverTick  now
   * @param {() => Network} network
   * @param {number} elapsed_s
   */
  refresh(scene, serverTick, network, elapsed_s) {
    this.#since_s += elapsed_s;
    if (this.#since_s < REFRESH_S) return;
    this.#since_s = 0;
    this.#showLeaders(scene);
    this.#showRound(scene, serverTick);
    showParts(this.#network, networkParts(network()));
  }

  /** @param {GameEvent} event  a Kill @param {Scene} scene */
  kill(event, scene) {
    const victim = scene.pilots.get(event.seat);
    const killer = scene.pilots.get(event.by);
    const line = make("li", "", "", [pilotName(victim)]);
    if (killer === undefined || event.by === event.seat) {
      line.append(" was lost");
    } else {
      line.replaceChildren(pilotName(killer), make("span", "verb", " ✕ "), pilotName(victim));
      line.append(make("span", "reward", ` +${event.reward}`));
    }
    if ([event.seat, event.by].includes(scene.seat)) line.classList.add("mine");
    this.#feed.append(line);
    while (this.#feed.children.length > FEED_LINES) this.#feed.firstElementChild?.remove();
    setTimeout(() => line.remove(), FEED_S * 1000);
  }

  /** @param {Scene} scene */
  #showLeaders(scene) {
    const ranked = [...scene.pilots.values()].sort((a, b) => b.score - a.score || a.seat - b.seat);
    const listed = ranked
      .map((pilot, index) => ({ pilot, rank: index + 1 }))
      .filter(({ pilot, rank }) => this.whole || rank <= TOP || pilot.seat === scene.seat);
    const seen = String(this.whole) + JSON.stringify(
      listed.map(({ pilot: { seat, name, colour, score, ship, bot }, rank }) => [
        seat,
        name,
        colour,
        score,
        ship > 0,
        bot,
        rank,
      ]),
    );
    if (seen === this.#leadersSeen) return;
    this.#leadersSeen = seen;
    this.#leaders.classList.toggle("whole", this.whole);
    this.#leaders.replaceChildren(
      ...listed.map(({ pilot, rank }) => leaderLine(pilot, rank, scene.seat)),
    );
  }

  /** @param {Scene} scene @param {number} serverTick */
  #showRound(scene, serverTick) {
    const { round } = scene;
    const onPodium = round?.phase === "PODIUM";
    const left_s =
      round === null ? NaN : Math.max(0, (round.ends_at - serverTick) / scene.tickRate);
    setText(
      this.#timer,
      Number.isNaN(left_s) ? "" : onPodium ? `Next round in ${Math.ceil(left_s)}` : clock(left_s),
    );
    this.#timer.classList.toggle("last", !onPodium && left_s < 30);
    this.#podium.hidden = !onPodium;
    if (round === null || !onPodium) return;
    const seen = `${round.number} ${round.podium}`;
    if (seen === this.#podiumSeen) return;
    this.#podiumSeen = seen;
    const places = round.podium
      .slice(0, 3)
      .map((/** @type {number} */ seat, /** @type {number} */ index) => {
        const pilot = scene.pilots.get(seat);
        return make("li", `place place-${index + 1}`, "", [
          make("span", "medal", String(index + 1)),
          pilotName(pilot),
          make("span", "points", String(pilot?.score ?? "")),
        ]);
      });
    this.#podiumPlaces.replaceChildren(...places);
  }
}

/** @param {EntityView} pilot @param {number} rank @param {number} ownSeat */
function leaderLine(pilot, rank, ownSeat) {
  const line = make("li", "", "", [
    make("span", "rank", String(rank)),
    swatch(pilot.colour),
    make("span", pilot.bot ? "name bot" : "name", pilot.name),
    make("span", "points", String(pilot.score)),
  ]);
  if (pilot.bot) line.title = "a bot";
  line.classList.toggle("own", pilot.seat === ownSeat);
  line.classList.toggle("dead", pilot.ship === 0);
  return line;
}

/** @param {number} colour */
function swatch(colour) {
  const element = make("span", "swatch");
  element.style.background = colourOf(colour);
  return element;
}

/** A name in its pilot's colour. @param {EntityView | undefined} pilot */
export function pilotName(pilot) {
  const element = make("b", "pilot", pilot?.name ?? "someone");
  element.style.color = colourOf(pilot?.colour ?? -1);
  return element;
}

/** @param {number} left_s */
function clock(left_s) {
  const whole = Math.ceil(left_s);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {Network} network */
function networkParts({ rttMs, players, pace }) {
  const parts = [`ping ${rttMs === null ? "–" : Math.ceil(rttMs)} ms`];
  if (players !== null) parts.push(`${players} here`);
  if (pace < 1) parts.unshift(`busy room: time runs at ${Math.round(pace * 100)} %`);
  return parts;
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** One span for each part: small screens hide the last ones. @param {HTMLElement} element @param {string[]} parts */
function showParts(element, parts) {
  while (element.children.length > parts.length) element.lastElementChild?.remove();
  while (element.children.length < parts.length) element.append(make("span", ""));
  parts.forEach((part, index) =>
    setText(/** @type {HTMLElement} */ (element.children[index]), part),
  );
}
