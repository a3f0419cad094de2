/**
 * The controls as the player holds them.
 *
 * Owns the state of the stick, which keyboard and mouse or touch move.  A press that is shorter
 * than a tick is kept until it has been sent, so that no dash is lost between two commands.  Pure:
 * no page, no clock, no socket.
 */

import { toTurn, turnTowards } from "./units.js";

/**
 * The fields of the command `Steer`.
 * @typedef {{turn: number, thrust: boolean, dash: boolean, fire: boolean, mine: boolean, aim: number}} Steer
 */

/** @typedef {"left" | "right" | "thrust" | "dash" | "fire" | "mine"} Control */

/** Within this many angles of where the stick points, the ship holds its course. */
const HEADING_SLACK = 4;
/** Within this many it thrusts; beyond, it turns first. */
const THRUST_CONE = 48;

export class Controls {
  /** Where the pilot aims, 0 … 255. */
  aim = 0;
  /** Where a stick wants the ship to go, 0 … 255; null: keys steer. @type {number | null} */
  course = null;

  /** @type {Set<Control>} */ #held = new Set();
  /** @type {Set<Control>} */ #pressed = new Set();

  /** @param {Control} control */
  press(control) {
    if (!this.#held.has(control)) this.#pressed.add(control);
    this.#held.add(control);
  }

  /** @param {Control} control */
  release(control) {
    this.#held.delete(control);
  }

  /** Release all controls: the window lost the focus. */
  releaseAll() {
    this.#held.clear();
    this.#pressed.clear();
    this.course = null;
  }

  /** @param {number} radians  clockwise on the screen from "to the right" */
  aimAt(radians) {
    this.aim = toTurn(radians);
  }

  /** Point the ship there, as a stick does. @param {number} radians */
  steerTowards(radians) {
    this.course = toTurn(radians);
  }

  /**
   * The command for this tick; presses are then used up.
   * @param {number} heading  where the own ship points now, 0 … 255
   */
  take(heading) {
    const steer = this.held(heading);
    this.#pressed.clear();
    return steer;
  }

  /**
   * Return the command for the controls that are held now.
   * @param {number} heading  where the own ship points now, 0 … 255
   * @returns {Steer}
   */
  held(heading) {
    const on = (/** @type {Control} */ control) =>
      this.#held.has(control) || this.#pressed.has(control);
    const steer = {
      turn: Number(on("right")) - Number(on("left")),
      thrust: on("thrust"),
      dash: on("dash"),
      fire: on("fire"),
      mine: on("mine"),
      aim: this.aim,
    };
    if (this.course !== null) {
      const way = turnTowards(heading, this.course);
      steer.turn = Math.abs(way) <= HEADING_SLACK ? 0 : Math.sign(way);
      steer.thrust = Math.abs(way) <= THRUST_CONE;
    }
    return steer;
  }
}
