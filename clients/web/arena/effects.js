/**
 * Short-lived light: beams, sparks, rings, dash streaks, floating points.
 *
 * Owns their lives, in bounded lists: when a list is full, its oldest light is removed.  Draws them
 * additively.  Never decides that something happened: `happenings.js` does.
 */

import { stamp } from "./objects.js";
import { withAlpha } from "./palette.js";

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./sprites.js").Sprites} Sprites */

const MAX_SPARKS = 700;
const MAX_OTHERS = 80;
const BEAM_S = 0.16;
const STREAK_S = 0.45;
const WORDS_S = 1.2;

/** @typedef {{x: number, y: number, vx: number, vy: number, age: number, life: number, size: number, hex: string}} Spark */
/** @typedef {{x: number, y: number, toX: number, toY: number, hex: string, age: number, own: boolean}} Beam */
/** @typedef {{x: number, y: number, radius: number, life: number, hex: string, age: number}} Ring */
/** @typedef {{x: number, y: number, toX: number, toY: number, hex: string, age: number}} Streak */
/** @typedef {{x: number, y: number, text: string, hex: string, age: number}} Words */

export class Effects {
  /** @type {Spark[]} */ #sparks = [];
  /** @type {Beam[]} */ #beams = [];
  /** @type {Ring[]} */ #rings = [];
  /** @type {Streak[]} */ #streaks = [];
  /** @type {Words[]} */ #words = [];

  /**
   * A pulse along a line.
   * @param {{x: number, y: number}} from  world units
   * @param {{x: number, y: number}} to
   * @param {string} hex
   * @param {boolean} own  drawn a little stronger
   * @returns {Beam}
   */
  beam(from, to, hex, own) {
    const beam = { x: from.x, y: from.y, toX: to.x, toY: to.y, hex, age: 0, own };
    bounded(this.#beams, MAX_OTHERS, beam);
    return beam;
  }

  /**
   * Sparks that fly apart.
   * @param {{x: number, y: number}} at
   * @param {string} hex
   * @param {{count: number, speed: number, life: number, size: number}} shape  speed in units per second, life in seconds
   */
  sparks(at, hex, { count, speed, life, size }) {
    for (let spark = 0; spark < count; spark += 1) {
      const angle = Math.random() * 2 * Math.PI;
      const fast = speed * (0.25 + 0.75 * Math.random());
      bounded(this.#sparks, MAX_SPARKS, {
        x: at.x,
        y: at.y,
        vx: Math.cos(angle) * fast,
        vy: Math.sin(angle) * fast,
        age: 0,
        life: life * (0.5 + 0.5 * Math.random()),
        size: size * (0.6 + 0.7 * Math.random()),
        hex,
      });
    }
  }

  /** @param {{x: number, y: number}} at @param {number} radius @param {number} life_s @param {string} hex */
  ring(at, radius, life_s, hex) {
    bounded(this.#rings, MAX_OTHERS, { x: at.x, y: at.y, radius, life: life_s, hex, age: 0 });
  }

  /** @param {{x: number, y: number}} from @param {{x: number, y: number}} to @param {string} hex */
  streak(from, to, hex) {
    bounded(this.#streaks, MAX_OTHERS, { x: from.x, y: from.y, toX: to.x, toY: to.y, hex, age: 0 });
  }

  /** @param {{x: number, y: number}} at @param {string} text @param {string} hex */
  words(at, text, hex) {
    bounded(this.#words, MAX_OTHERS, { x: at.x, y: at.y, text, hex, age: 0 });
  }

  /** Let `elapsed_s` pass. @param {number} elapsed_s */
  pass(elapsed_s) {
    const drag = Math.exp(-2.6 * elapsed_s);
    for (const spark of this.#sparks) {
      spark.age += elapsed_s;
      spark.x += spark.vx * elapsed_s;
      spark.y += spark.vy * elapsed_s;
      spark.vx *= drag;
      spark.vy *= drag;
    }
    for (const list of [this.#beams, this.#rings, this.#streaks, this.#words]) {
      for (const light of list) light.age += elapsed_s;
    }
    this.#sparks = this.#sparks.filter(({ age, life }) => age < life);
    this.#beams = this.#beams.filter(({ age }) => age < BEAM_S);
    this.#rings = this.#rings.filter(({ age, life }) => age < life);
    this.#streaks = this.#streaks.filter(({ age }) => age < STREAK_S);
    this.#words = this.#words.filter(({ age }) => age < WORDS_S);
  }

  /** Draw the effects under the ships. @param {CanvasRenderingContext2D} context @param {Camera} camera */
  drawBelow(context, camera) {
    context.globalCompositeOperation = "lighter";
    context.lineCap = "round";
    for (const streak of this.#streaks) drawStreak(context, camera, streak);
    context.globalCompositeOperation = "source-over";
  }

  /** Draw the effects over the ships. @param {CanvasRenderingContext2D} context @param {Camera} camera @param {Sprites} sprites */
  drawAbove(context, camera, sprites) {
    context.globalCompositeOperation = "lighter";
    context.lineCap = "round";
    for (const beam of this.#beams) drawBeam(context, camera, sprites, beam);
    for (const ring of this.#rings) drawRing(context, camera, ring);
    for (const { x, y, age, life, size, hex } of this.#sparks) {
      if (!camera.sees(x, y, 20)) continue;
      const left = 1 - age / life;
      context.globalAlpha = left;
      stamp(context, camera, sprites.light(hex), x, y, size * (0.4 + 0.6 * left));
    }
    context.globalCompositeOperation = "source-over";
    context.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} context @param {Camera} camera @param {Sprites} sprites @param {number} pixelRatio */
  drawWords(context, camera, sprites, pixelRatio) {
    for (const { x, y, text, hex, age } of this.#words) {
      const label = sprites.label(text, hex, 16);
      const width = label.width / pixelRatio;
      context.globalAlpha = Math.min(1, 2 * (1 - age / WORDS_S));
      const top = camera.screenY(y) - 26 - 34 * (age / WORDS_S);
      context.drawImage(
        label,
        camera.screenX(x) - width / 2,
        top,
        width,
        label.height / pixelRatio,
      );
    }
    context.globalAlpha = 1;
  }
}

/**
 * @template T
 * @param {T[]} list
 * @param {number} most
 * @param {T} added
 */
function bounded(list, most, added) {
  if (list.length >= most) list.shift();
  list.push(added);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {readonly [number, number, number, number]} ends  CSS pixels
 * @param {string | CanvasGradient} style
 * @param {number} width
 */
function line(context, [x, y, toX, toY], style, width) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.strokeStyle = style;
  context.lineWidth = width;
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {Camera} camera @param {Sprites} sprites @param {Beam} beam */
function drawBeam(context, camera, sprites, { x, y, toX, toY, hex, age, own }) {
  const left = 1 - age / BEAM_S;
  // The tail runs after the head, so that a beam that is hit at once still reads as a shot.
  const tail = 0.75 * (age / BEAM_S);
  const ends = /** @type {const} */ ([
    camera.screenX(x + (toX - x) * tail),
    camera.screenY(y + (toY - y) * tail),
    camera.screenX(toX),
    camera.screenY(toY),
  ]);
  const size = camera.scale * (own ? 1.25 : 1);
  line(context, ends, withAlpha(hex, 0.16 * left), 11 * size);
  line(context, ends, withAlpha(hex, 0.75 * left), 3.4 * size);
  line(context, ends, `rgba(255,255,255,${0.9 * left})`, 1.3 * size);
  context.globalAlpha = left;
  if (age < BEAM_S / 2) stamp(context, camera, sprites.light(hex), x, y, 1.1);
  stamp(context, camera, sprites.light(hex), toX, toY, 0.9);
  context.globalAlpha = 1;
}

/** A wedge of light that widens towards the ship. @param {CanvasRenderingContext2D} context @param {Camera} camera @param {Streak} streak */
function drawStreak(context, camera, { x, y, toX, toY, hex, age }) {
  const left = 1 - age / STREAK_S;
  const tail = /** @type {const} */ ([camera.screenX(x), camera.screenY(y)]);
  const head = /** @type {const} */ ([camera.screenX(toX), camera.screenY(toY)]);
  const angle = Math.atan2(head[1] - tail[1], head[0] - tail[0]);
  const gradient = context.createLinearGradient(...tail, ...head);
  gradient.addColorStop(0, withAlpha(hex, 0));
  gradient.addColorStop(1, withAlpha(hex, 0.55 * left));
  for (const wide of [13, 5]) {
    const asideX = -Math.sin(angle) * wide * left * camera.scale;
    const asideY = Math.cos(angle) * wide * left * camera.scale;
    context.beginPath();
    context.moveTo(...tail);
    context.lineTo(head[0] + asideX, head[1] + asideY);
    context.lineTo(head[0] - asideX, head[1] - asideY);
    context.fillStyle = gradient;
    context.fill();
  }
}

/** @param {CanvasRenderingContext2D} context @param {Camera} camera @param {Ring} ring */
function drawRing(context, camera, { x, y, radius, life, hex, age }) {
  const part = age / life;
  const reach = radius * (1 - (1 - part) ** 3) * camera.scale;
  context.beginPath();
  context.arc(camera.screenX(x), camera.screenY(y), reach, 0, 2 * Math.PI);
  context.strokeStyle = withAlpha(hex, 0.9 * (1 - part) ** 1.5);
  context.lineWidth = (1 + Math.min(9, radius * 0.1) * (1 - part)) * camera.scale;
  context.stroke();
  if (part > 0.4) return;
  context.fillStyle = withAlpha(hex, 0.3 * (1 - part / 0.4));
  context.fill();
}
