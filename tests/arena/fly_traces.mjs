/**
 * Flies traces of movement (see traces.py) with the browser's `move`: reads them as JSON from
 * stdin, writes all constants and, for each trace, the states to stdout.
 */

import { readFileSync } from "node:fs";

import * as movement from "../../clients/web/arena/movement.js";

const NAMES = ["x", "y", "vx", "vy", "heading", "energy", "dash_left"];

export function fly({ size, rocks, start, controls }) {
  const discs = rocks.map(([x, y, radius]) => ({ x, y, radius }));
  let state = Object.fromEntries(NAMES.map((name, i) => [name, start[i]]));
  return controls.map(([turn, thrust, dash]) => {
    state = movement.move(state, { turn, thrust, dash }, discs, size);
    return NAMES.map((name) => state[name]);
  });
}

export function constants(names) {
  return Object.fromEntries(names.map((name) => [name, movement[name]]));
}

if (process.argv[1] === import.meta.filename) {
  process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(fly)));
}
