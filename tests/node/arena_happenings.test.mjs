// What the page shows of the events of a room, which may be another game's.

import assert from "node:assert/strict";
import test from "node:test";

import { happen } from "../../clients/web/arena/happenings.js";

/** A page that accepts every call, and notes the calls. */
function page() {
  const called = [];
  const part = (name) =>
    new Proxy({}, { get: (_, method) => (...rest) => called.push([`${name}.${method}`, ...rest]) });
  return {
    called,
    show: {
      scene: { seat: 1, pilots: new Map(), ownShip: undefined },
      ...Object.fromEntries(["effects", "camera", "sound", "board"].map((n) => [n, part(n)])),
      now_s: 0,
    },
  };
}

test("an event of the game is shown", () => {
  const { called, show } = page();
  happen({ kind: "RoundStarted" }, show);
  assert.deepEqual(called, [["sound.play", "round"]]);
});

test("events called as something that every object has are none of the game's", () => {
  for (const kind of ["__proto__", "constructor", "toString", "Unknown"]) {
    const { called, show } = page();
    happen({ kind }, show);
    assert.deepEqual(called, [], kind);
  }
});

test("a pickup called as something that every object has is drawn as one without a name", () => {
  const words = (kind_) => {
    const { called, show } = page();
    happen({ kind: "Taken", kind_, seat: 1, x: 0, y: 0 }, show);
    return called.find(([name]) => name === "effects.words")?.slice(2);
  };
  assert.deepEqual(words("ENERGY"), ["energy", "#58c8ff"]);
  const unknown = words("UNKNOWN");
  for (const name of ["__proto__", "constructor", "toString"]) {
    assert.deepEqual(words(name), unknown, name);
  }
});
