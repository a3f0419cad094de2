/**
 * Small graphs of the last twenty seconds.
 *
 * Owns the samples (bounded) and their drawing.  Reads nothing of the game: figures are arguments.
 */

import { make } from "../elements.js";

/** Samples that a graph remembers, and how often one is taken. */
const SAMPLES = 200;
export const SAMPLE_EVERY_S = 0.1;
/** As in `panel.css`. */
const HEIGHT = 30;

/**
 * The figures of one moment; NaN if one is not known.
 * @typedef {object} Figures
 * @property {number} rttMs
 * @property {number} jitterMs
 * @property {number} margin  ticks by which the newest command was early
 * @property {number} correction  world units by which the own ship was put right since the last time
 * @property {number} kbInPerS
 * @property {number} kbOutPerS
 * @property {number} delayMs  how far in the past others are drawn
 */

/**
 * @typedef {object} Kind
 * @property {string} label
 * @property {string} colour
 * @property {number} least  the scale holds at least this much
 * @property {boolean} [bars]  single moments, not a course
 * @property {string} [quiet]  the colour of the text while no value is above 0
 * @property {(figures: Figures) => number} value
 * @property {(figures: Figures, values: number[]) => string} says
 */

/** @type {Kind[]} */
const KINDS = [
  {
    label: "RTT",
    colour: "#59edb7",
    least: 20,
    value: ({ rttMs }) => rttMs,
    says: ({ rttMs }) => known(rttMs, (ms) => `${ms.toFixed(ms < 10 ? 1 : 0)} ms`),
  },
  {
    label: "Jitter",
    colour: "#5cc4ff",
    least: 5,
    value: ({ jitterMs }) => jitterMs,
    says: ({ jitterMs }) => known(jitterMs, (ms) => `${ms.toFixed(1)} ms`),
  },
  {
    label: "Margin",
    colour: "#ffd166",
    least: 4,
    value: ({ margin }) => margin,
    says: ({ margin }) => known(margin, (ticks) => `${ticks > 0 ? "+" : ""}${ticks} ticks`),
  },
  {
    label: "Corrections",
    colour: "#ff8a6b",
    quiet: "#59edb7",
    least: 4,
    bars: true,
    value: ({ correction }) => correction,
    says: (_figures, values) => {
      const count = values.filter((units) => units > 0).length;
      return count === 0 ? "none" : `${count}, worst ${Math.max(...values).toFixed(1)}`;
    },
  },
  {
    label: "Down, up",
    colour: "#c9b6ff",
    least: 4,
    value: ({ kbInPerS }) => kbInPerS,
    says: ({ kbInPerS, kbOutPerS }) =>
      known(kbInPerS, (kb) => `${kb.toFixed(1)}, ${kbOutPerS.toFixed(1)} KB/s`),
  },
  {
    label: "View delay",
    colour: "#96a9ff",
    least: 100,
    value: ({ delayMs }) => delayMs,
    says: ({ delayMs }) => known(delayMs, (ms) => `−${ms.toFixed(0)} ms`),
  },
];

export class Graphs {
  #graphs = KINDS.map((kind) => new Graph(kind));

  /** @param {HTMLElement} parent */
  constructor(parent) {
    parent.append(...this.#graphs.map(({ element }) => element));
  }

  /** Remember what a moment was like. @param {Figures} figures */
  add(figures) {
    for (const graph of this.#graphs) graph.add(figures);
  }

  /** @param {Figures} figures  the newest */
  draw(figures) {
    for (const graph of this.#graphs) graph.draw(figures);
  }
}

class Graph {
  element = make("figure", "graph");

  /** @type {number[]} oldest first */ #values = [];
  #kind;
  #value = make("b", "");
  #canvas = document.createElement("canvas");

  /** @param {Kind} kind */
  constructor(kind) {
    this.#kind = kind;
    const caption = make("figcaption", "", "", [make("span", "", kind.label), this.#value]);
    this.#canvas.setAttribute("aria-hidden", "true");
    this.element.append(caption, this.#canvas);
    this.element.style.setProperty("--line", kind.colour);
  }

  /** @param {Figures} figures */
  add(figures) {
    this.#values.push(this.#kind.value(figures));
    if (this.#values.length > SAMPLES) this.#values.shift();
  }

  /** @param {Figures} figures */
  draw(figures) {
    const text = this.#kind.says(figures, this.#values);
    if (this.#value.textContent !== text) this.#value.textContent = text;
    const { quiet, colour } = this.#kind;
    const isQuiet = quiet !== undefined && !this.#values.some((value) => value > 0);
    this.#value.style.color = isQuiet ? quiet : colour;
    const context = this.#canvas.getContext("2d");
    const width = this.#canvas.clientWidth;
    if (context === null || width === 0) return;
    const ratio = devicePixelRatio || 1;
    const pixels = Math.round(width * ratio);
    if (this.#canvas.width !== pixels) {
      this.#canvas.width = pixels;
      this.#canvas.height = Math.round(HEIGHT * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, HEIGHT);
    this.#plot(context, width);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width */
  #plot(context, width) {
    const { bars = false, least, colour } = this.#kind;
    const finite = this.#values.filter(Number.isFinite);
    const top = Math.max(least, ...finite);
    const bottom = Math.min(0, ...finite);
    const y = (/** @type {number} */ value) =>
      HEIGHT - 2 - ((value - bottom) / (top - bottom)) * (HEIGHT - 5);
    const x = (/** @type {number} */ at) =>
      width - ((this.#values.length - 1 - at) / (SAMPLES - 1)) * width;
    context.fillStyle = "rgba(150,175,225,0.16)";
    context.fillRect(0, y(0), width, 1);
    context.fillStyle = context.strokeStyle = colour;
    if (bars) {
      this.#values.forEach((value, at) => {
        if (value > 0) context.fillRect(x(at) - 1, y(value), 2, y(0) - y(value));
      });
      return;
    }
    context.beginPath();
    let drawing = false;
    this.#values.forEach((value, at) => {
      if (drawing && Number.isFinite(value)) context.lineTo(x(at), y(value));
      else context.moveTo(x(at), y(Number.isFinite(value) ? value : 0));
      drawing = Number.isFinite(value);
    });
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.stroke();
  }
}

/** @param {number} value @param {(value: number) => string} text */
function known(value, text) {
  return Number.isFinite(value) ? text(value) : "–";
}
