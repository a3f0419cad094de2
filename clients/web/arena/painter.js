/**
 * One frame on the canvas, from the back to the front.
 *
 * Owns the canvas, its size in device pixels, and the order of drawing.  Changes nothing of the
 * game.
 */

import { Background } from "./background.js";
import { drawGhost, drawTargets } from "./netcode_marks.js";
import { drawObjects } from "./objects.js";
import { ShipPainter } from "./ships.js";
import { Sprites } from "./sprites.js";

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./effects.js").Effects} Effects */
/** @typedef {import("./overlay.js").Overlay} Overlay */
/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./touch.js").Touch} Touch */

/** More device pixels per CSS pixel than this make no visible difference, but heat up phones. */
const MAX_PIXEL_RATIO = 3;

export class Painter {
  pixelRatio = 1;

  #canvas;
  #context;
  #background = new Background();
  #sprites = new Sprites();
  #ships = new ShipPainter();

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (
      canvas.getContext("2d", { alpha: false })
    );
  }

  /** Take the window's size and density. @param {Camera} camera */
  fit(camera) {
    const ratio = Math.min(devicePixelRatio || 1, MAX_PIXEL_RATIO);
    const width = Math.round(innerWidth * ratio);
    const height = Math.round(innerHeight * ratio);
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    this.pixelRatio = ratio;
    if (camera.width !== innerWidth || camera.height !== innerHeight)
      camera.resize(innerWidth, innerHeight);
  }

  /**
   * @param {{scene: Scene, camera: Camera, effects: Effects, overlay: Overlay, touch: Touch, ghost: boolean}} shown
   * @param {number} now_s
   * @param {number} elapsed_s
   */
  draw({ scene, camera, effects, overlay, touch, ghost }, now_s, elapsed_s) {
    const context = this.#context;
    const sprites = this.#sprites;
    const { pixelRatio } = this;
    const stage = { context, camera, scene, sprites, pixelRatio, now_s };
    sprites.prepare(camera.scale, pixelRatio);
    this.#ships.pass(scene, now_s, elapsed_s);
    context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
    this.#background.draw(context, camera, scene.worldSize, pixelRatio);
    effects.drawBelow(context, camera);
    drawObjects(context, camera, scene, sprites, now_s);
    this.#ships.draw(stage);
    drawTargets(stage);
    if (ghost) drawGhost(stage);
    effects.drawAbove(context, camera, sprites);
    effects.drawWords(context, camera, sprites, pixelRatio);
    overlay.draw(stage);
    touch.draw(context);
  }
}
