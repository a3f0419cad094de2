/**
 * Flies traces (see traces.py) with the browser's movement: reads them as JSON from stdin, writes
 * the states of each to stdout.  `node fly_traces.mjs step` flies those of whole ship steps.
 */

import { readFileSync } from "node:fs";

import * as movement from "../../../clients/web/arena/movement.js";
import * as shipStep from "../../../clients/web/arena/ship_step.js";

const NAMES = ["x", "y", "vx", "vy", "heading", "energy", "dash_left"];
export const STEP_NAMES = [...NAMES, "aim", "fire_wait", "mine_wait"];

const named = (names, values) => Object.fromEntries(names.map((name, i) => [name, values[i]]));
const discs = (rocks) => rocks.map(([x, y, radius]) => ({ x, y, radius }));

export function fly({ size, rocks, start, controls }) {
  let state = named(NAMES, start);
  return controls.map(([turn, thrust, dash]) => {
    state = movement.move(state, { turn, thrust, dash }, discs(rocks), size);
    return NAMES.map((name) => state[name]);
  });
}

export function flyAndShoot({ size, rocks, start, controls, armed }) {
  let state = named(STEP_NAMES, start);
  return controls.map((values, tick) => {
    const steer = named(["turn", "thrust", "dash", "fire", "mine", "aim"], values);
    state = shipStep.step_ship(state, steer, discs(rocks), size, armed[tick]);
    return STEP_NAMES.map((name) => state[name]);
  });
}

export function constants(names, module = movement) {
  return Object.fromEntries(names.map((name) => [name, module[name]]));
}

if (process.argv[1] === import.meta.filename) {
  const flight = process.argv[2] === "step" ? flyAndShoot : fly;
  process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(flight)));
}
