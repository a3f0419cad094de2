/**
 * The small map: the world's border, all rocks, known ships, the screen's frame.
 *
 * Owns its canvas.  Shows only ships that the server has sent: it is a map, not a radar.
 */

import { shipColour } from "./ships.js";

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./scene.js").Scene} Scene */

export class Minimap {
  #canvas;
  #context;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  }

  /** @param {Scene} scene @param {Camera} camera @param {number} pixelRatio */
  draw(scene, camera, pixelRatio) {
    const side = this.#canvas.clientWidth;
    if (side === 0) return;
    const pixels = Math.round(side * pixelRatio);
    if (this.#canvas.width !== pixels) this.#canvas.width = this.#canvas.height = pixels;
    const context = this.#context;
    const scale = side / scene.worldSize;
    context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
    context.clearRect(0, 0, side, side);
    context.fillStyle = "rgba(132,150,184,0.75)";
    for (const [x, y, radius] of scene.chart?.rocks ?? []) {
      dot(context, x * scale, y * scale, Math.max(radius * scale, 1));
    }
    this.#drawFrame(camera, scale);
    for (const ship of scene.drawnShips()) {
      const own = ship.seat === scene.seat;
      context.fillStyle = own ? "#ffffff" : shipColour(scene, ship);
      dot(context, ship.pose.x * scale, ship.pose.y * scale, own ? 3.4 : 2.2);
      if (!own) continue;
      context.lineWidth = 1.5;
      context.strokeStyle = shipColour(scene, ship);
      context.stroke();
    }
  }

  /** @param {Camera} camera @param {number} scale */
  #drawFrame(camera, scale) {
    const width = (camera.width / camera.scale) * scale;
    const height = (camera.height / camera.scale) * scale;
    this.#context.strokeStyle = "rgba(190,210,250,0.35)";
    this.#context.lineWidth = 1;
    this.#context.strokeRect(
      camera.x * scale - width / 2,
      camera.y * scale - height / 2,
      width,
      height,
    );
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} radius */
function dot(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}
