/**
 * The row of figures at the top, each with its last minutes as a line.
 *
 * Owns the tiles and their lines.  Never keeps samples: `history.js` does.
 */

import { byId, make } from "../elements.js";
import { KEPT } from "./history.js";
import { bytesPerS, msOf, percent } from "./text.js";

/** @typedef {import("./history.js").Sample} Sample */

const HEIGHT = 34;
const WIDTH = 150;
/** So many samples fill a line; from then on it becomes denser. */
const LEAST_KEPT = 20;

/**
 * @typedef {object} Tile
 * @property {string} name
 * @property {(sample: Sample) => string} value
 * @property {(sample: Sample) => string} more
 * @property {(sample: Sample) => number} line
 * @property {(sample: Sample) => "" | "warn" | "bad"} state
 */

/** @type {Tile[]} */
const TILES = [
  { name: "Players", value: (s) => String(s.players), more: (s) => `${s.joinsPerS.toFixed(1)} joins/s`, line: (s) => s.players, state: () => "" },
  {
    name: "Tick work p99",
    value: (s) => msOf(s.workMs),
    more: (s) => `${msOf(s.lateMs)} late`,
    line: (s) => s.workMs,
    state: (s) => (s.lateMs > 50 ? "bad" : s.lateMs > 25 ? "warn" : ""),
  },
  {
    name: "Computes",
    value: (s) => percent(s.computed),
    more: (s) => `waits for a core ${percent(s.waited)}`,
    line: (s) => s.computed,
    state: (s) => (s.computed > 0.9 ? "bad" : s.computed > 0.7 ? "warn" : ""),
  },
  {
    name: "Round trip",
    value: (s) => msOf(s.rttMs),
    more: (s) => `p99 ${msOf(s.rttP99Ms)}`,
    line: (s) => s.rttMs,
    state: (s) => (s.rttMs > 200 ? "warn" : ""),
  },
  { name: "Sent", value: (s) => bytesPerS(s.outPerS), more: (s) => `${bytesPerS(s.inPerS)} received`, line: (s) => s.outPerS, state: () => "" },
  {
    name: "Behind",
    value: (s) => String(s.behind),
    more: (s) => `${s.counts.deltas_skipped ?? 0} deltas left out`,
    line: (s) => s.behind,
    state: (s) => (s.behind > s.players / 10 && s.behind > 1 ? "warn" : ""),
  },
];

export class Tiles {
  #tiles = TILES.map((tile) => {
    const value = make("b", "value", "–");
    const more = make("small", "", "");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    line.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    line.setAttribute("preserveAspectRatio", "none");
    line.setAttribute("aria-hidden", "true");
    const area = document.createElementNS("http://www.w3.org/2000/svg", "path");
    const stroke = document.createElementNS("http://www.w3.org/2000/svg", "path");
    area.setAttribute("class", "area");
    stroke.setAttribute("class", "line");
    line.append(area, stroke);
    const element = make("div", "tile", "", [make("span", "name", tile.name), value, more]);
    element.append(line);
    return { tile, element, value, more, area, stroke };
  });

  constructor() {
    byId("tiles").replaceChildren(...this.#tiles.map(({ element }) => element));
  }

  /** @param {Sample[]} samples  the newest last */
  show(samples) {
    const newest = samples.at(-1);
    if (newest === undefined) return;
    for (const { tile, element, value, more, area, stroke } of this.#tiles) {
      value.textContent = tile.value(newest);
      more.textContent = tile.more(newest);
      element.dataset.state = tile.state(newest);
      const points = pointsOf(samples.map(tile.line));
      stroke.setAttribute("d", `M${points.join("L")}`);
      area.setAttribute("d", `M${WIDTH},${HEIGHT}L${points[0].split(",")[0]},${HEIGHT}L${points.join("L")}Z`);
    }
  }
}

/** @param {number[]} values */
function pointsOf(values) {
  const most = Math.max(...values, 1e-9);
  const step = WIDTH / (Math.min(KEPT, Math.max(LEAST_KEPT, values.length)) - 1);
  const left = WIDTH - (values.length - 1) * step;
  return values.map((value, i) => `${(left + i * step).toFixed(1)},${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`);
}
