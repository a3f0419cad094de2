/**
 * The start card over the arena: name, colour, Play.
 *
 * Owns the card's elements, and remembers the pilot between visits.  Never sends anything: the page
 * does, when the card calls `onPlay`.
 */

import { byId, make } from "../elements.js";
import { cleanName, MAX_NAME_LENGTH } from "../net/texts.js";
import { PALETTE } from "./palette.js";
import { remember, remembered } from "./remembered.js";

/** @typedef {{name: string, colour: number}} Pilot */

const KEPT_AS = "pilot";

export class StartCard {
  #card = byId("start");
  #form = byId("start-form", HTMLFormElement);
  #name = byId("name", HTMLInputElement);
  #colours = byId("colours");
  #play = byId("play", HTMLButtonElement);
  #colour = 0;

  /**
   * @param {Pilot | null} given  from the address; it takes precedence over the remembered pilot
   * @param {(pilot: Pilot) => void} onPlay
   */
  constructor(given, onPlay) {
    const pilot = given ??
      rememberedPilot() ?? { name: "", colour: Math.floor(Math.random() * PALETTE.length) };
    this.#colour = pilot.colour;
    this.#name.value = pilot.name;
    this.#name.maxLength = 2 * MAX_NAME_LENGTH; // which counts UTF-16 units
    this.#colours.append(...PALETTE.map((colour, index) => this.#choice(colour, index)));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = { name: cleanName(this.#name.value) || "Pilot", colour: this.#colour };
      remember(KEPT_AS, chosen);
      onPlay(chosen);
    });
  }

  /** @param {boolean} shown */
  show(shown) {
    if (this.#card.hidden !== shown) return;
    this.#card.hidden = !shown;
    if (shown && !matchMedia("(pointer: coarse)").matches) this.#name.focus();
    if (!shown && document.activeElement instanceof HTMLElement) document.activeElement.blur();
  }

  /** Play works only while connected. @param {import("../net/client.js").State} state */
  connection(state) {
    this.#play.disabled = state !== "playing";
    this.#play.textContent =
      state === "playing" ? "Play" : state === "closed" ? "Not connected" : "Connecting…";
  }

  /** @param {import("./palette.js").PilotColour} colour @param {number} index */
  #choice({ name, hex }, index) {
    const input = document.createElement("input");
    input.type = "radio";
    input.name = "colour";
    input.checked = index === this.#colour;
    input.setAttribute("aria-label", name);
    input.addEventListener("change", () => (this.#colour = index));
    const dot = make("span", "dot");
    dot.style.setProperty("--colour", hex);
    const label = make("label", "choice", "", [input, dot]);
    label.title = name;
    return label;
  }
}

/** The pilot of the last visit; null if none is remembered. @returns {Pilot | null} */
export function rememberedPilot() {
  const { name, colour } = remembered(KEPT_AS) ?? {};
  if (typeof name !== "string" || !Number.isInteger(colour)) return null;
  if (PALETTE[colour] === undefined) return null;
  return { name: cleanName(name), colour };
}
