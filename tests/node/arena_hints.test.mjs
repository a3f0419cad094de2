// Which line a new player reads, when, and what is never told twice.

import assert from "node:assert/strict";
import test from "node:test";

const element = { hidden: true, textContent: "" };
globalThis.document = { getElementById: () => element };
const kept = new Map();
const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
Object.defineProperty(globalThis, "localStorage", { value: storage });
const { HINTS, Hints } = await import("../../clients/web/arena/hints.js");

const IDLE = { turn: 0, thrust: false, dash: false, fire: false, mine: false, aim: 0 };

/** A moment in which a ship flies and nothing is around it. */
function moment(more = {}, scene = {}) {
  return {
    held: IDLE,
    attacked: false,
    touch: false,
    scene: {
      ownShip: {},
      ownState: { energy: 0 },
      pickups: new Set(),
      leader: undefined,
      drawnShips: () => [][Symbol.iterator](),
      shipOf: () => undefined,
      seat: 1,
      ...scene,
    },
    ...more,
  };
}

/** The line that is shown after `seconds` of this moment. */
function after(hints, seconds, now) {
  for (let s = 0; s < seconds; s += 0.5) hints.refresh(now, 0.5);
  return element.hidden ? "" : element.textContent;
}

function fresh() {
  kept.clear();
  return new Hints();
}

test("lines come one after the other, with pauses", () => {
  const hints = fresh();
  assert.equal(after(hints, 1, moment()), HINTS[0].text);
  assert.equal(after(hints, 5.5, moment()), HINTS[0].text);
  assert.equal(after(hints, 1, moment()), "");
  assert.equal(after(hints, 2, moment()), HINTS[1].text);
});

test("a player who does it knows it", () => {
  const hints = fresh();
  const thrusting = moment({ held: { ...IDLE, thrust: true } });
  assert.equal(after(hints, 1, thrusting), HINTS[1].text);
  assert.equal(after(hints, 1, moment({ held: { ...IDLE, fire: true } })), "");
});

test("nothing is told to spectators and the dead, and nothing twice in one browser", () => {
  const hints = fresh();
  assert.equal(after(hints, 3, moment({}, { ownShip: undefined })), "");
  for (let s = 0; s < 20; s += 1) hints.refresh(moment(), 1);
  assert.equal(after(new Hints(), 9, moment()), "");
});

test("each line of the world waits for what it explains", () => {
  const bounty = () => [{ entity: { bounty: 50 } }][Symbol.iterator]();
  const leader = { seat: 2 };
  const moments = {
    attacker: moment({ attacked: true }),
    pickups: moment({}, { pickups: new Set([1]) }),
    dash: moment({}, { ownState: { energy: 100 } }),
    bounty: moment({}, { drawnShips: bounty }),
    leader: moment({}, { leader, shipOf: () => ({}) }),
  };
  for (const [name, now] of Object.entries(moments)) {
    kept.set("gameserver.arena.hints", JSON.stringify(["fly", "fire"]));
    const hint = HINTS.find((each) => each.name === name);
    element.hidden = true;
    assert.equal(after(new Hints(), 3, moment()), "");
    assert.equal(after(new Hints(), 1, now), hint.text);
  }
});

test("thumbs have lines of their own, and what storage holds may be anything", () => {
  kept.set("gameserver.arena.hints", "{");
  assert.equal(after(new Hints(), 1, moment({ touch: true })), HINTS[0].touchText);
});
