/**
 * The overlay for the own ship on the canvas: its arcs, and the arrows at the screen's edge.
 *
 * Owns their looks.  Text panels are not here; they are HTML, see `board.js`.
 */

import { shipColour } from "./ships.js";
import { clamp, FULL_ENERGY, FULL_HULL, SHIP_RADIUS } from "./units.js";

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./ships.js").Stage} Stage */

const ARC_RADIUS = SHIP_RADIUS * 2.55;
/** Half the opening of each arc, in radians. */
const ARC_HALF = 0.92;
const EDGE_MARGIN = 46;
/** How long the arrow to the last attacker stays. */
const ATTACKER_S = 4;

/** @typedef {{seat: number, x: number, y: number, at_s: number}} Attacker  x and y: where the shot came from */

export class Overlay {
  /** @type {Attacker | null} */
  attacker = null;

  /** @param {Stage} stage */
  draw(stage) {
    const { scene, camera, context } = stage;
    const own = scene.ownShip;
    if (own === undefined) return;
    const { hull } = own.entity;
    const { energy = FULL_ENERGY } = scene.ownState ?? own.entity;
    context.save();
    context.translate(camera.screenX(own.pose.x), camera.screenY(own.pose.y));
    context.scale(camera.scale, camera.scale);
    const low = hull / FULL_HULL < 0.35;
    arc(context, "left", hull / FULL_HULL, low ? "#ff6a57" : "#5fe39b");
    arc(context, "right", energy / FULL_ENERGY, "#5cc4ff");
    context.restore();
    this.#drawArrows(stage);
  }

  /** @param {Stage} stage */
  #drawArrows(stage) {
    const { scene, now_s } = stage;
    const leader = scene.leader;
    if (leader !== undefined && leader.seat !== scene.seat) {
      const ship = scene.shipOf(leader);
      if (ship !== undefined) drawArrow(stage, ship.pose.x, ship.pose.y, "#ffd166", "♛", 1);
    }
    if (this.attacker === null) return;
    const left = 1 - (now_s - this.attacker.at_s) / ATTACKER_S;
    if (left <= 0) {
      this.attacker = null;
      return;
    }
    const ship = scene.drawnShipOf(this.attacker.seat);
    const { x, y } = ship?.pose ?? this.attacker;
    drawArrow(
      stage,
      x,
      y,
      ship === undefined ? "#ff6a57" : shipColour(scene, ship),
      "!",
      Math.min(1, 2 * left),
    );
  }
}

/**
 * An arc beside the ship that fills from the bottom up.
 * @param {CanvasRenderingContext2D} context
 * @param {"left" | "right"} side
 * @param {number} part  0 … 1
 * @param {string} colour
 */
function arc(context, side, part, colour) {
  const middle = side === "left" ? Math.PI : 0;
  const filled = 2 * ARC_HALF * clamp(part, 0, 1);
  // Canvas angles run clockwise: the left arc begins at its bottom, the right one at its top.
  const from = side === "left" ? middle - ARC_HALF : middle + ARC_HALF - filled;
  context.lineCap = "round";
  context.lineWidth = 3.6;
  context.beginPath();
  context.arc(0, 0, ARC_RADIUS, middle - ARC_HALF, middle + ARC_HALF);
  context.strokeStyle = "rgba(120,140,180,0.2)";
  context.stroke();
  if (filled === 0) return;
  context.beginPath();
  context.arc(0, 0, ARC_RADIUS, from, from + filled);
  context.strokeStyle = colour;
  context.stroke();
}

/**
 * An arrow at the edge of the screen towards a place beyond it; none if the place is on the screen.
 * @param {Stage} stage
 * @param {number} x  world units
 * @param {number} y
 * @param {string} colour
 * @param {string} sign
 * @param {number} alpha
 */
function drawArrow({ context, camera, sprites, pixelRatio }, x, y, colour, sign, alpha) {
  const towardsX = camera.screenX(x) - camera.width / 2;
  const towardsY = camera.screenY(y) - camera.height / 2;
  const reachX = camera.width / 2 - EDGE_MARGIN;
  const reachY = camera.height / 2 - EDGE_MARGIN;
  const part = Math.min(reachX / Math.abs(towardsX || 1), reachY / Math.abs(towardsY || 1));
  if (part >= 1) return;
  context.save();
  context.globalAlpha = alpha;
  context.translate(camera.width / 2 + towardsX * part, camera.height / 2 + towardsY * part);
  const label = sprites.label(sign, colour, 15);
  const width = label.width / pixelRatio;
  const height = label.height / pixelRatio;
  context.drawImage(label, -width / 2, -height / 2, width, height);
  context.rotate(Math.atan2(towardsY, towardsX));
  context.beginPath();
  context.moveTo(27, 0);
  context.lineTo(14, -9);
  context.lineTo(17.5, 0);
  context.lineTo(14, 9);
  context.closePath();
  context.fillStyle = colour;
  context.fill();
  context.restore();
}
