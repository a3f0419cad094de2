/**
 * A map of the entities that have a place: zoom, pan, pick.
 *
 * Owns the canvas and the part of the world that it shows.  Until somebody zooms or pans, it shows
 * all that there is.
 */

import { byId } from "../elements.js";
import { colourOf } from "./shown.js";

/** @typedef {import("./view_model.js").Thing} Thing */

const MARGIN = 0.08;
const DOT = 5;
const REACH_PX = 18;
const ZOOM = 1.25;
const PAN_PX = 60;
const GRID_PX = 90;
const TAP_PX = 6;

export class WorldMap {
  #canvas = byId("canvas", HTMLCanvasElement);
  #pen = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d"));
  /** @type {Thing[]} */ #things = [];
  /** The centre, in the game's units, and pixels to a unit. */
  #view = { x: 0, y: 0, scale: 1 };
  #fits = true;
  #pick;
  /** @type {number | null} */ #picked = null;
  /** @type {Map<number, { x: number, y: number }>} */ #fingers = new Map();
  #moved = 0;
  #isDue = false;

  /** @param {(id: number | null) => void} pick */
  constructor(pick) {
    this.#pick = pick;
    new ResizeObserver(() => this.#due()).observe(this.#canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#due());
    byId("zoom-in").addEventListener("click", () => this.#zoom(ZOOM));
    byId("zoom-out").addEventListener("click", () => this.#zoom(1 / ZOOM));
    byId("zoom-fit").addEventListener("click", () => this.#fit());
    this.#canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#zoom(ZOOM ** (-event.deltaY / 100), event.offsetX, event.offsetY);
    });
    this.#canvas.addEventListener("keydown", (event) => this.#key(event));
    this.#canvas.addEventListener("pointerdown", (event) => this.#down(event));
    this.#canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
      this.#canvas.addEventListener(end, (event) => this.#up(event));
    }
  }

  /** @param {Thing[]} things @param {number | null} picked */
  show(things, picked) {
    this.#things = things.filter(({ at }) => at !== null);
    this.#picked = picked;
    byId("map-empty").hidden = this.#things.length > 0;
    this.#due();
  }

  /** Show all again, as of another room. */
  reset() {
    this.#fit();
  }

  /** Whether an entity is in the right half of the map. @param {number | null} id */
  hasOnTheRight(id) {
    const at = this.#things.find((thing) => thing.id === id)?.at ?? null;
    return at !== null && this.#screenAt(at)[0] > this.#canvas.clientWidth / 2;
  }

  // -------------------------------------------------------------- the part that it shows

  #fit() {
    this.#fits = true;
    this.#due();
  }

  #fitNow() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const [left, right] = spread(this.#things.map(({ at }) => at?.[0] ?? 0));
    const [top, bottom] = spread(this.#things.map(({ at }) => at?.[1] ?? 0));
    const room = 1 - 2 * MARGIN;
    const scale = Math.min((width * room) / (right - left), (height * room) / (bottom - top));
    this.#view = { x: (left + right) / 2, y: (top + bottom) / 2, scale };
  }

  /** @param {number} factor @param {number} [atX] @param {number} [atY]  the point that stays */
  #zoom(factor, atX = this.#canvas.clientWidth / 2, atY = this.#canvas.clientHeight / 2) {
    const [x, y] = this.#worldAt(atX, atY);
    const view = this.#view;
    this.#fits = false;
    view.scale *= factor;
    const [movedX, movedY] = this.#worldAt(atX, atY);
    view.x += x - movedX;
    view.y += y - movedY;
    this.#due();
  }

  /** @param {number} dx @param {number} dy  pixels */
  #pan(dx, dy) {
    this.#fits = false;
    this.#view.x -= dx / this.#view.scale;
    this.#view.y -= dy / this.#view.scale;
    this.#due();
  }

  /** @param {number} px @param {number} py */
  #worldAt(px, py) {
    const { x, y, scale } = this.#view;
    return [x + (px - this.#canvas.clientWidth / 2) / scale, y + (py - this.#canvas.clientHeight / 2) / scale];
  }

  /** @param {[number, number]} at */
  #screenAt([x, y]) {
    const view = this.#view;
    return [
      (x - view.x) * view.scale + this.#canvas.clientWidth / 2,
      (y - view.y) * view.scale + this.#canvas.clientHeight / 2,
    ];
  }

  // -------------------------------------------------------------- keys and fingers

  /** @param {KeyboardEvent} event */
  #key(event) {
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => this.#pan(PAN_PX, 0),
      ArrowRight: () => this.#pan(-PAN_PX, 0),
      ArrowUp: () => this.#pan(0, PAN_PX),
      ArrowDown: () => this.#pan(0, -PAN_PX),
      "+": () => this.#zoom(ZOOM),
      "-": () => this.#zoom(1 / ZOOM),
      0: () => this.#fit(),
      Escape: () => this.#pick(null),
    };
    const action = actions[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    action();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.#moved = 0;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const before = this.#fingers.get(event.pointerId);
    if (before === undefined) return;
    const now = { x: event.offsetX, y: event.offsetY };
    const other = [...this.#fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.#fingers.set(event.pointerId, now);
    this.#moved += Math.hypot(now.x - before.x, now.y - before.y);
    if (this.#moved < TAP_PX) return;
    if (other === undefined) {
      this.#pan(now.x - before.x, now.y - before.y);
    } else {
      const factor = distance(now, other) / Math.max(distance(before, other), 1);
      this.#zoom(factor, (now.x + other.x) / 2, (now.y + other.y) / 2);
    }
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.#fingers.delete(event.pointerId) || this.#moved >= TAP_PX) return;
    let nearest = null;
    let reach = REACH_PX;
    for (const { id, at } of this.#things) {
      const [x, y] = this.#screenAt(at ?? [NaN, NaN]);
      const away = Math.hypot(x - event.offsetX, y - event.offsetY);
      if (away < reach) [nearest, reach] = [id, away];
    }
    this.#pick(nearest);
  }

  // -------------------------------------------------------------- drawing

  #due() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (width === 0 || height === 0) return;
    const pen = this.#pen;
    const ratio = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * ratio) || this.#canvas.height !== Math.round(height * ratio)) {
      this.#canvas.width = Math.round(width * ratio);
      this.#canvas.height = Math.round(height * ratio);
    }
    if (this.#fits && this.#things.length > 0) this.#fitNow();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const { color, borderTopColor } = getComputedStyle(this.#canvas);
    if (this.#things.length > 0) this.#drawGrid(width, height, borderTopColor, color);
    for (const thing of this.#things) this.#drawThing(thing, color);
  }

  /** @param {number} width @param {number} height @param {string} line @param {string} ink */
  #drawGrid(width, height, line, ink) {
    const pen = this.#pen;
    const step = niceStep(GRID_PX / this.#view.scale);
    const [left, top] = this.#worldAt(0, 0);
    const [right, bottom] = this.#worldAt(width, height);
    pen.lineWidth = 1;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "left";
    for (let x = Math.ceil(left / step) * step; x <= right; x += step) {
      const [at] = this.#screenAt([x, 0]);
      this.#line(at, 0, at, height, line);
      this.#label(short(x), at + 4, height - 6, ink);
    }
    for (let y = Math.ceil(top / step) * step; y <= bottom; y += step) {
      const [, at] = this.#screenAt([0, y]);
      this.#line(0, at, width, at, line);
      this.#label(short(y), 4, at - 4, ink);
    }
  }

  /** @param {number} x @param {number} y @param {number} toX @param {number} toY @param {string} colour */
  #line(x, y, toX, toY, colour) {
    const pen = this.#pen;
    pen.strokeStyle = colour;
    pen.beginPath();
    pen.moveTo(Math.round(x) + 0.5, Math.round(y) + 0.5);
    pen.lineTo(Math.round(toX) + 0.5, Math.round(toY) + 0.5);
    pen.stroke();
  }

  /** @param {string} text @param {number} x @param {number} y @param {string} ink */
  #label(text, x, y, ink) {
    this.#pen.globalAlpha = 0.55;
    this.#pen.fillStyle = ink;
    this.#pen.fillText(text, x, y);
    this.#pen.globalAlpha = 1;
  }

  /** @param {Thing} thing @param {string} ink */
  #drawThing({ id, kind, kindIndex, seen, own, at, fields }, ink) {
    const pen = this.#pen;
    const [x, y] = this.#screenAt(at ?? [NaN, NaN]);
    pen.fillStyle = pen.strokeStyle = colourOf(kindIndex);
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.arc(x, y, own ? DOT + 2 : DOT, 0, 2 * Math.PI);
    if (seen) pen.fill();
    else pen.stroke();
    if (own || id === this.#picked) {
      pen.strokeStyle = ink;
      pen.lineWidth = id === this.#picked ? 2.5 : 1.5;
      pen.beginPath();
      pen.arc(x, y, DOT + 6, 0, 2 * Math.PI);
      pen.stroke();
    }
    const name = typeof fields.name === "string" ? fields.name : id === this.#picked ? `${kind} ${id}` : "";
    if (name === "" || (!seen && id !== this.#picked)) return;
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.fillStyle = ink;
    pen.fillText(name, x, y - DOT - 8);
  }
}

/** Least and greatest, apart by something. @param {number[]} values @returns {[number, number]} */
function spread(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  if (most - least > 1e-9) return [least, most];
  const around = Math.max(Math.abs(least), 1);
  return [least - around / 2, most + around / 2];
}

/** @param {{ x: number, y: number }} one @param {{ x: number, y: number }} other */
function distance(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}

/** The next of 1, 2, 5, 10 … @param {number} least */
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((each) => each * power >= least) ?? 10);
}

/** @param {number} value */
function short(value) {
  return String(Number(value.toPrecision(6)));
}
