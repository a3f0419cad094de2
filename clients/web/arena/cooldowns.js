/**
 * The two chips at the bottom: may I dash, may I drop a mine.
 *
 * Owns their elements; they are the touch buttons as well.
 */

import { byId } from "./elements.js";

/** What a dash needs; the server decides, this only shades the chip. */
const DASH_ENERGY = 25;

export class Cooldowns {
  #panel = byId("abilities");
  #dash = byId("dash", HTMLButtonElement);
  #mine = byId("mine", HTMLButtonElement);

  /**
   * @param {boolean} shown
   * @param {{mine: number, dashing: boolean, energy: number}} readiness  see `Overlay.readiness`
   */
  refresh(shown, { mine, dashing, energy }) {
    this.#panel.hidden = !shown;
    if (!shown) return;
    fill(this.#dash, dashing ? 0 : Math.min(1, energy / DASH_ENERGY));
    fill(this.#mine, mine);
  }
}

/** @param {HTMLElement} chip @param {number} part  1 is ready */
function fill(chip, part) {
  chip.style.setProperty("--ready", part.toFixed(2));
  chip.classList.toggle("ready", part >= 1);
}
