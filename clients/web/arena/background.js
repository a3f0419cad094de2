/**
 * Everything behind the ships: space, stars in three depths, the grid, the border of the world.
 *
 * Owns the pre-rendered haze and the places of the stars.  Draws in CSS pixels (the canvas is
 * scaled by the device's pixel ratio); knows the camera, nothing of the game.
 *
 * The haze is one opaque picture larger than the screen, copied pixel by pixel, and stars are small
 * rectangles: without a graphics card, blending whole layers over the screen is slow.
 */

import { newCanvas, seeded } from "./offscreen.js";

/** @typedef {import("./camera.js").Camera} Camera */

const GRID = 100;
/** Side of the square of stars that is repeated, in CSS pixels. */
const TILE = 512;

/** The layers, farthest first: each has its share of the camera's movement, and its stars. */
const LAYERS = [
  { depth: 0.06, stars: 64, size: 1.1, colour: "rgba(190,205,245,0.42)" },
  { depth: 0.14, stars: 30, size: 1.6, colour: "rgba(214,226,255,0.6)" },
  { depth: 0.28, stars: 10, size: 2.2, colour: "rgba(240,244,255,0.85)" },
];

/** Colours and places of the haze, in parts of the picture. */
const HAZE = [
  { x: 0.2, y: 0.25, radius: 0.6, colour: "rgba(42,74,160,0.42)" },
  { x: 0.8, y: 0.7, radius: 0.55, colour: "rgba(100,44,136,0.34)" },
  { x: 0.6, y: 0.1, radius: 0.4, colour: "rgba(22,112,122,0.28)" },
];
/** How far the haze may move, in CSS pixels, and its share of the camera's movement. */
const SWAY = 200;
const HAZE_DEPTH = 0.03;

export class Background {
  /** @type {HTMLCanvasElement | null} */
  #haze = null;
  #fields = LAYERS.map(({ stars }, index) => starField(stars, 1009 * (index + 3)));

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Camera} camera
   * @param {number} worldSize  world units
   * @param {number} pixelRatio
   */
  draw(context, camera, worldSize, pixelRatio) {
    this.#drawHaze(context, camera, pixelRatio);
    LAYERS.forEach((layer, index) => drawStars(context, camera, layer, this.#fields[index] ?? []));
    drawGrid(context, camera, worldSize);
    drawBorder(context, camera, worldSize);
  }

  /** @param {CanvasRenderingContext2D} context @param {Camera} camera @param {number} pixelRatio */
  #drawHaze(context, camera, pixelRatio) {
    const width = Math.ceil((camera.width + SWAY) * pixelRatio);
    const height = Math.ceil((camera.height + SWAY) * pixelRatio);
    if (this.#haze?.width !== width || this.#haze.height !== height)
      this.#haze = hazePicture(width, height);
    const shift = (/** @type {number} */ way) =>
      Math.round(Math.min(Math.max(way * HAZE_DEPTH, 0), SWAY) * pixelRatio);
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.#haze, -shift(camera.x), -shift(camera.y));
    context.restore();
  }
}

/** @param {number} width  device pixels @param {number} height */
function hazePicture(width, height) {
  const { canvas, context } = newCanvas(width, height, { alpha: false });
  context.fillStyle = "#060a14";
  context.fillRect(0, 0, width, height);
  context.scale(width, height);
  for (const { x, y, radius, colour } of HAZE) {
    const gradient = context.createRadialGradient(x, y, 0, x, y, radius);
    gradient.addColorStop(0, colour);
    gradient.addColorStop(1, "rgba(0,0,0,0)");
    context.fillStyle = gradient;
    context.fillRect(0, 0, 1, 1);
  }
  return canvas;
}

/** Places in a tile and a size each, 0.5 … 1.2 of the layer's. @param {number} stars @param {number} seed */
function starField(stars, seed) {
  const random = seeded(seed);
  return Array.from({ length: stars }, () => ({
    x: random() * TILE,
    y: random() * TILE,
    size: 0.5 + 0.7 * random(),
  }));
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {{depth: number, size: number, colour: string}} layer
 * @param {{x: number, y: number, size: number}[]} field
 */
function drawStars(context, camera, { depth, size, colour }, field) {
  const offsetX = wrapped(-camera.x * depth * camera.scale);
  const offsetY = wrapped(-camera.y * depth * camera.scale);
  context.fillStyle = colour;
  for (const star of field) {
    const side = size * star.size;
    for (let x = wrapped(star.x + offsetX); x < camera.width; x += TILE) {
      for (let y = wrapped(star.y + offsetY); y < camera.height; y += TILE) {
        context.fillRect(x, y, side, side);
      }
    }
  }
}

/** @param {number} offset */
function wrapped(offset) {
  return ((offset % TILE) + TILE) % TILE;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {number} worldSize
 */
function drawGrid(context, camera, worldSize) {
  const halfWidth = camera.width / 2 / camera.scale;
  const halfHeight = camera.height / 2 / camera.scale;
  const left = Math.max(0, camera.x - halfWidth);
  const right = Math.min(worldSize, camera.x + halfWidth);
  const top = Math.max(0, camera.y - halfHeight);
  const bottom = Math.min(worldSize, camera.y + halfHeight);
  for (const strong of [false, true]) {
    context.beginPath();
    for (let x = Math.ceil(left / GRID) * GRID; x <= right; x += GRID) {
      if ((x % (5 * GRID) === 0) !== strong) continue;
      const at = crisp(camera.screenX(x));
      context.moveTo(at, camera.screenY(top));
      context.lineTo(at, camera.screenY(bottom));
    }
    for (let y = Math.ceil(top / GRID) * GRID; y <= bottom; y += GRID) {
      if ((y % (5 * GRID) === 0) !== strong) continue;
      const at = crisp(camera.screenY(y));
      context.moveTo(camera.screenX(left), at);
      context.lineTo(camera.screenX(right), at);
    }
    context.lineWidth = 1;
    context.strokeStyle = strong ? "rgba(126,160,230,0.15)" : "rgba(126,160,230,0.07)";
    context.stroke();
  }
}

/**
 * The soft wall: a glowing line, and darkness beyond.
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {number} worldSize
 */
function drawBorder(context, camera, worldSize) {
  const left = camera.screenX(0);
  const top = camera.screenY(0);
  const side = worldSize * camera.scale;
  const inside = left < 0 && top < 0 && left + side > camera.width && top + side > camera.height;
  if (inside) return;
  context.beginPath();
  context.rect(0, 0, camera.width, camera.height);
  context.rect(left, top, side, side);
  context.fillStyle = "rgba(2,4,9,0.72)";
  context.fill("evenodd");
  for (const [width, alpha] of /** @type {const} */ ([
    [14, 0.08],
    [6, 0.18],
    [2, 0.8],
  ])) {
    context.lineWidth = width;
    context.strokeStyle = `rgba(96,165,255,${alpha})`;
    context.strokeRect(left, top, side, side);
  }
}

/** The middle of a pixel, where a line of one pixel is sharp. @param {number} position */
function crisp(position) {
  return Math.round(position) + 0.5;
}
