// The page's mirrors of the game's numbers are those of the game; angles convert both ways.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { REPEAT_TICKS } from "../../clients/web/arena/own_motion.js";
import { PULSE_HIT_RADIUS, PULSE_RANGE } from "../../clients/web/arena/pulse.js";
import * as units from "../../clients/web/arena/units.js";

const GAME = new URL("../../gameserver/games/arena/", import.meta.url);

/** The expression that a Python module gives a name: what stands behind `NAME: Final = `. */
function declared(file, name) {
  const text = readFileSync(new URL(file, GAME), "utf8");
  const found = new RegExp(`^(?:    )?${name}(?:: Final)? = (.+?)(?:  #.*)?$`, "m").exec(text);
  assert.ok(found, `${file} declares no ${name}`);
  return found[1];
}

test("numbers of the game", () => {
  assert.equal(declared("model.py", "UNIT"), String(units.UNIT));
  assert.equal(declared("model.py", "TURN"), String(units.TURN));
  assert.equal(declared("rules.py", "VIEW_RADIUS"), `${units.VIEW_RADIUS} * UNIT`);
  assert.equal(declared("rules.py", "FOCUS_INSIDE"), `${units.FOCUS_INSIDE} * UNIT`);
  assert.equal(declared("movement.py", "SHIP_RADIUS"), `${units.SHIP_RADIUS} * UNIT`);
  assert.equal(declared("rules.py", "MAX_HULL"), String(units.FULL_HULL));
  assert.equal(declared("movement.py", "MAX_ENERGY"), String(units.FULL_ENERGY));
  assert.equal(declared("rules.py", "PICKUP_RADIUS"), `${units.PICKUP_RADIUS} * UNIT`);
  assert.equal(declared("rules.py", "PULSE_RANGE"), `${PULSE_RANGE} * UNIT`);
  assert.equal(declared("rules.py", "PULSE_HIT_RADIUS"), `${PULSE_HIT_RADIUS} * UNIT`);
  assert.equal(declared("rules.py", "HOLD_TICKS"), String(REPEAT_TICKS));
  assert.match(readFileSync(new URL("room.py", GAME), "utf8"), /idle_repeat_ticks = rules.HOLD_TICKS/);
  for (const [flag, bit] of Object.entries(units.Flag)) {
    assert.equal(declared("model.py", flag), String(bit));
  }
});

test("every angle on the wire survives the way to radians and back", () => {
  for (let angle = 0; angle < 256; angle += 1) {
    assert.equal(units.toTurn(units.toRadians(angle)), angle);
    assert.equal(units.toTurn(units.toRadians(angle) - 2 * Math.PI), angle);
  }
});

test("turning takes the shorter way", () => {
  assert.equal(units.turnTowards(250, 4), 10);
  assert.equal(units.turnTowards(4, 250), -10);
  assert.equal(units.turnTowards(7, 7), 0);
  assert.equal(units.turnTowards(0, 128), -128);
});
