/**
 * The two chips at the bottom: they show whether the ship can dash and drop a mine.
 *
 * Owns their elements' shading; on touch screens the chips are the buttons as well.
 */

import { byId } from "../elements.js";
import { DASH_COST } from "./movement.js";
import { MINE_COST, MINE_WAIT_TICKS } from "./ship_step.js";

export class Cooldowns {
  #panel = byId("abilities");
  #dash = byId("dash");
  #mine = byId("mine");

  /** @param {import("./scene.js").Scene} scene */
  refresh(scene) {
    const own = scene.ownShip;
    this.#panel.hidden = own === undefined;
    if (own === undefined) return;
    // Undefined until the owner fields have come.
    const { energy = 0, dash_left: dashLeft = 0, mine_wait: mineWait = 0 } = scene.ownState ?? own.entity;
    fill(this.#dash, dashLeft > 0 ? 0 : energy / DASH_COST);
    fill(this.#mine, Math.min(energy / MINE_COST, 1 - mineWait / MINE_WAIT_TICKS));
  }
}

/** @param {HTMLElement} chip @param {number} part  1 is ready */
function fill(chip, part) {
  chip.style.setProperty("--ready", Math.min(Math.max(part, 0), 1).toFixed(2));
  chip.classList.toggle("ready", part >= 1);
}
