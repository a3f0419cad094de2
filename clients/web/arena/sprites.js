/**
 * Sprites, which are drawn once and copied often: hulls with their glow, sparks, rocks, name
 * labels.
 *
 * Owns the caches, which are made for one scale (device pixels per world unit) and dropped when the
 * scale changes.  Copying a sprite is much cheaper than drawing its shape with a gradient.  Never
 * decides where anything is.
 */

import { newCanvas, seeded } from "./offscreen.js";
import { mixed, withAlpha } from "./palette.js";
import { SHIP_RADIUS } from "./units.js";

/** Half the side of a ship's picture, in ship radii: the glow reaches that far. */
const GLOW_REACH = 2.8;
const MAX_LABELS = 400;

/** Hull outlines, nose to the right, in ship radii; the other half mirrors this one. */
const HULLS = [
  [
    [1.2, 0],
    [-0.85, 0.85],
    [-0.5, 0.28],
    [-0.5, 0],
  ],
  [
    [1.1, 0],
    [0.25, 0.34],
    [-0.35, 0.98],
    [-0.85, 0.8],
    [-0.62, 0.3],
    [-0.62, 0],
  ],
  [
    [1.25, 0],
    [0.1, 0.3],
    [-0.1, 0.86],
    [-0.62, 0.96],
    [-0.95, 0.34],
    [-0.7, 0],
  ],
];

/**
 * @typedef {object} Sprite
 * @property {HTMLCanvasElement} canvas
 * @property {number} half  half its side, in world units
 */

export class Sprites {
  /** Device pixels per world unit. */
  #scale = 0;
  #pixelRatio = 1;
  /** @type {Map<string, Sprite>} */
  #sprites = new Map();
  /** @type {Map<string, HTMLCanvasElement>} least recently used first */
  #labels = new Map();

  /**
   * Use pictures for this scale from now on.
   * @param {number} scale  CSS pixels per world unit
   * @param {number} pixelRatio
   */
  prepare(scale, pixelRatio) {
    // In steps of an eighth, so that a slow zoom stretches sprites instead of making new ones.
    const wanted = Math.max(Math.ceil(scale * pixelRatio * 8) / 8, 0.25);
    if (wanted !== this.#scale) this.#sprites.clear();
    if (pixelRatio !== this.#pixelRatio) this.#labels.clear();
    this.#scale = wanted;
    this.#pixelRatio = pixelRatio;
  }

  /**
   * A ship with its glow, nose to the right.
   * @param {string} hex
   * @param {number} colour  its index picks the hull
   */
  ship(hex, colour) {
    return this.#sprite(`ship ${colour} ${hex}`, SHIP_RADIUS * GLOW_REACH, (context, half) => {
      drawGlow(context, half, hex);
      drawHull(context, hex, colour);
    });
  }

  /** The white silhouette that flashes on damage. @param {number} colour */
  flash(colour) {
    return this.#sprite(`flash ${colour % HULLS.length}`, SHIP_RADIUS * 1.5, (context) => {
      context.fillStyle = "#ffffff";
      context.fill(hullPath(colour));
    });
  }

  /** A soft round light. @param {string} hex */
  light(hex) {
    return this.#sprite(`light ${hex}`, 16, (context, half) => {
      const gradient = context.createRadialGradient(0, 0, 0, 0, 0, half);
      gradient.addColorStop(0, "rgba(255,255,255,0.95)");
      gradient.addColorStop(0.18, withAlpha(hex, 0.85));
      gradient.addColorStop(0.5, withAlpha(hex, 0.22));
      gradient.addColorStop(1, withAlpha(hex, 0));
      context.fillStyle = gradient;
      context.fillRect(-half, -half, 2 * half, 2 * half);
    });
  }

  /**
   * A rock, jagged as its seed says; the drawn edge swings about the radius that ships meet.
   * @param {number} radius  world units
   * @param {number} shape
   */
  rock(radius, shape) {
    return this.#sprite(`rock ${radius} ${shape}`, radius * 1.15, (context) =>
      drawRock(context, radius, seeded(shape * 7919 + Math.round(radius))),
    );
  }

  /**
   * A line of text with a dark edge.
   * @param {string} text
   * @param {string} colour  a CSS colour
   * @param {number} size  CSS pixels
   * @returns {HTMLCanvasElement} divide its size by the pixel ratio to get CSS pixels
   */
  label(text, colour, size) {
    const key = `${size} ${colour} ${text}`;
    const found = this.#labels.get(key);
    if (found !== undefined) {
      this.#labels.delete(key);
      this.#labels.set(key, found);
      return found;
    }
    const made = labelCanvas(text, colour, size, this.#pixelRatio);
    this.#labels.set(key, made);
    if (this.#labels.size > MAX_LABELS) {
      this.#labels.delete(/** @type {string} */ (this.#labels.keys().next().value));
    }
    return made;
  }

  /**
   * @param {string} key
   * @param {number} half  world units
   * @param {(context: CanvasRenderingContext2D, half: number) => void} draw  in world units about 0, 0
   * @returns {Sprite}
   */
  #sprite(key, half, draw) {
    let sprite = this.#sprites.get(key);
    if (sprite === undefined) {
      const { canvas, context } = newCanvas(2 * half * this.#scale, 2 * half * this.#scale);
      context.setTransform(
        canvas.width / 2 / half,
        0,
        0,
        canvas.height / 2 / half,
        canvas.width / 2,
        canvas.height / 2,
      );
      draw(context, half);
      sprite = { canvas, half };
      this.#sprites.set(key, sprite);
    }
    return sprite;
  }
}

/** A ship's outline, nose to the right, in world units. @param {number} colour */
export function hullPath(colour) {
  const half = /** @type {number[][]} */ (HULLS[colour % HULLS.length]);
  const path = new Path2D();
  const mirrored = half.map(([x, y]) => [Number(x), -Number(y)]).reverse();
  const outline = [...half, ...mirrored];
  outline.forEach(([x, y], index) => {
    const at = /** @type {const} */ ([Number(x) * SHIP_RADIUS, Number(y) * SHIP_RADIUS]);
    if (index === 0) path.moveTo(...at);
    else path.lineTo(...at);
  });
  path.closePath();
  return path;
}

/** @param {CanvasRenderingContext2D} context @param {number} half @param {string} hex */
function drawGlow(context, half, hex) {
  const gradient = context.createRadialGradient(0, 0, SHIP_RADIUS * 0.4, 0, 0, half);
  gradient.addColorStop(0, withAlpha(hex, 0.42));
  gradient.addColorStop(0.35, withAlpha(hex, 0.17));
  gradient.addColorStop(0.7, withAlpha(hex, 0.04));
  gradient.addColorStop(1, withAlpha(hex, 0));
  context.fillStyle = gradient;
  context.fillRect(-half, -half, 2 * half, 2 * half);
}

/** @param {CanvasRenderingContext2D} context @param {string} hex @param {number} colour */
function drawHull(context, hex, colour) {
  const path = hullPath(colour);
  const body = context.createLinearGradient(-SHIP_RADIUS, 0, SHIP_RADIUS * 1.2, 0);
  body.addColorStop(0, mixed(hex, "#05070d", 0.78));
  body.addColorStop(1, mixed(hex, "#05070d", 0.25));
  context.fillStyle = body;
  context.fill(path);
  context.lineJoin = "round";
  context.lineWidth = 3.6;
  context.strokeStyle = withAlpha(hex, 0.45);
  context.stroke(path);
  context.lineWidth = 1.7;
  context.strokeStyle = mixed(hex, "#ffffff", 0.3);
  context.stroke(path);
  context.beginPath();
  context.ellipse(SHIP_RADIUS * 0.2, 0, SHIP_RADIUS * 0.28, SHIP_RADIUS * 0.13, 0, 0, 2 * Math.PI);
  context.fillStyle = mixed(hex, "#ffffff", 0.75);
  context.fill();
}

/** @param {CanvasRenderingContext2D} context @param {number} radius @param {() => number} random */
function drawRock(context, radius, random) {
  const corners = 11 + Math.floor(random() * 5);
  const outline = Array.from({ length: corners }, (_, corner) => {
    const angle = ((corner + 0.5 * (random() - 0.5)) / corners) * 2 * Math.PI;
    const reach = radius * (0.93 + 0.14 * random());
    return /** @type {const} */ ([Math.cos(angle) * reach, Math.sin(angle) * reach]);
  });
  const path = new Path2D();
  outline.forEach(([x, y]) => path.lineTo(x, y));
  path.closePath();
  const body = context.createRadialGradient(
    -radius * 0.4,
    -radius * 0.45,
    radius * 0.1,
    0,
    0,
    radius * 1.1,
  );
  body.addColorStop(0, "#3a465e");
  body.addColorStop(0.6, "#222b3f");
  body.addColorStop(1, "#141a29");
  context.fillStyle = body;
  context.fill(path);
  context.save();
  context.clip(path);
  drawCraters(context, radius, random);
  context.restore();
  context.lineJoin = "round";
  context.lineWidth = 2;
  context.strokeStyle = "#62728f";
  context.stroke(path);
}

/** @param {CanvasRenderingContext2D} context @param {number} radius @param {() => number} random */
function drawCraters(context, radius, random) {
  const craters = 3 + Math.floor(random() * 4);
  for (let crater = 0; crater < craters; crater += 1) {
    const angle = random() * 2 * Math.PI;
    const away = radius * 0.8 * Math.sqrt(random());
    const size = radius * (0.08 + 0.16 * random());
    const x = Math.cos(angle) * away;
    const y = Math.sin(angle) * away;
    context.beginPath();
    context.arc(x, y, size, 0, 2 * Math.PI);
    context.fillStyle = "rgba(8,11,20,0.38)";
    context.fill();
    context.beginPath();
    context.arc(x, y, size, 0.1 * Math.PI, 0.75 * Math.PI);
    context.lineWidth = 1.2;
    context.strokeStyle = "rgba(150,172,214,0.28)";
    context.stroke();
  }
}

/** @param {string} text @param {string} colour @param {number} size @param {number} pixelRatio */
function labelCanvas(text, colour, size, pixelRatio) {
  const font = `600 ${size}px system-ui, "Segoe UI", Roboto, sans-serif`;
  const { context: measuring } = newCanvas(1, 1);
  measuring.font = font;
  const width = measuring.measureText(text).width + 8;
  const { canvas, context } = newCanvas(width * pixelRatio, (size + 8) * pixelRatio);
  context.scale(pixelRatio, pixelRatio);
  context.font = font;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = "rgba(4,7,14,0.85)";
  context.strokeText(text, 4, size / 2 + 4);
  context.fillStyle = colour;
  context.fillText(text, 4, size / 2 + 4);
  return canvas;
}
