/**
 * Everything behind the ships: space, stars in three depths, the grid, the border of the world.
 *
 * Owns the pre-rendered star tiles and haze.  Draws in CSS pixels (the canvas is scaled by the
 * device's pixel ratio); knows the camera, nothing of the game.
 */

import { newCanvas, seeded } from "./offscreen.js";

/** @typedef {import("./camera.js").Camera} Camera */

const GRID = 100;
const TILE = 512;

/** The layers, farthest first: how much of the camera's way each moves, and its stars. */
const LAYERS = [
  { depth: 0.06, stars: 90, size: 0.7, alpha: 0.5 },
  { depth: 0.14, stars: 46, size: 1.0, alpha: 0.65 },
  { depth: 0.28, stars: 16, size: 1.5, alpha: 0.8 },
];

/** Colours and places of the haze, in parts of the screen. */
const HAZE = [
  { x: 0.2, y: 0.25, radius: 0.6, colour: "rgba(42,74,160,0.42)" },
  { x: 0.8, y: 0.7, radius: 0.55, colour: "rgba(100,44,136,0.34)" },
  { x: 0.6, y: 0.1, radius: 0.4, colour: "rgba(22,112,122,0.28)" },
];

export class Background {
  #pixelRatio = 0;
  /** @type {HTMLCanvasElement[]} */
  #tiles = [];
  #haze = hazeTile();

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Camera} camera
   * @param {number} worldSize  world units
   * @param {number} pixelRatio
   */
  draw(context, camera, worldSize, pixelRatio) {
    if (pixelRatio !== this.#pixelRatio) {
      this.#pixelRatio = pixelRatio;
      this.#tiles = LAYERS.map((layer, index) => starTile(layer, index + 1, pixelRatio));
    }
    context.fillStyle = "#060a14";
    context.fillRect(0, 0, camera.width, camera.height);
    this.#drawHaze(context, camera);
    LAYERS.forEach(({ depth }, index) => {
      const tile = this.#tiles[index];
      if (tile !== undefined) drawTiled(context, camera, tile, depth);
    });
    drawGrid(context, camera, worldSize);
    drawBorder(context, camera, worldSize);
  }

  /** @param {CanvasRenderingContext2D} context @param {Camera} camera */
  #drawHaze(context, camera) {
    // Drawn larger than the screen and moved a little: the slowest layer of all.
    const sway = 0.03;
    const shiftX = -camera.x * sway;
    const shiftY = -camera.y * sway;
    context.drawImage(this.#haze, shiftX, shiftY, camera.width + 260, camera.height + 260);
  }
}

/** Small, because it holds nothing sharp. */
function hazeTile() {
  const { canvas, context } = newCanvas(256, 256);
  for (const { x, y, radius, colour } of HAZE) {
    const gradient = context.createRadialGradient(x * 256, y * 256, 0, x * 256, y * 256, radius * 256);
    gradient.addColorStop(0, colour);
    gradient.addColorStop(1, "rgba(0,0,0,0)");
    context.fillStyle = gradient;
    context.fillRect(0, 0, 256, 256);
  }
  return canvas;
}

/**
 * @param {{stars: number, size: number, alpha: number}} layer
 * @param {number} seed
 * @param {number} pixelRatio
 */
function starTile({ stars, size, alpha }, seed, pixelRatio) {
  const { canvas, context } = newCanvas(TILE * pixelRatio, TILE * pixelRatio);
  context.scale(pixelRatio, pixelRatio);
  const random = seeded(seed);
  for (let star = 0; star < stars; star += 1) {
    const x = 4 + random() * (TILE - 8);
    const y = 4 + random() * (TILE - 8);
    const radius = size * (0.5 + random());
    context.globalAlpha = alpha * (0.35 + 0.65 * random());
    context.fillStyle = random() < 0.8 ? "#dfe8ff" : random() < 0.5 ? "#ffe3c2" : "#a8c6ff";
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
  return canvas;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {HTMLCanvasElement} tile
 * @param {number} depth
 */
function drawTiled(context, camera, tile, depth) {
  const offsetX = wrapped(-camera.x * depth * camera.scale);
  const offsetY = wrapped(-camera.y * depth * camera.scale);
  for (let x = offsetX - TILE; x < camera.width; x += TILE) {
    for (let y = offsetY - TILE; y < camera.height; y += TILE) {
      context.drawImage(tile, x, y, TILE, TILE);
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
  for (const [width, alpha] of /** @type {const} */ ([[14, 0.08], [6, 0.18], [2, 0.8]])) {
    context.lineWidth = width;
    context.strokeStyle = `rgba(96,165,255,${alpha})`;
    context.strokeRect(left, top, side, side);
  }
}

/** The middle of a pixel, where a line of one pixel is sharp. @param {number} position */
function crisp(position) {
  return Math.round(position) + 0.5;
}
