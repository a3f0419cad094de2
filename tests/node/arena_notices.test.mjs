// What the banner says while the connection is gone.

import assert from "node:assert/strict";
import test from "node:test";

import { CLOSE_CODES } from "../../clients/web/net/closing.js";

const elements = new Map();
globalThis.document = {
  getElementById(id) {
    if (!elements.has(id)) elements.set(id, { hidden: true, textContent: "" });
    return elements.get(id);
  },
};
const { Notices } = await import("../../clients/web/arena/notices.js");

/** A banner, and what it says after each of these states and codes. */
function banner() {
  const notices = new Notices();
  return (state, code = null, reason = "") => {
    const retryInS = state === "reconnecting" ? 2 : null;
    notices.connection({ state, code, reason, action: null, retryInS }, 0);
    return document.getElementById("banner").hidden
      ? ""
      : document.getElementById("banner-text").textContent;
  };
}

test("why the server went is said until it is back, whatever tries fail", () => {
  const after = banner();
  after("playing");
  assert.equal(after("reconnecting", 1001), "The server is restarting.");
  for (let failed = 0; failed < 3; failed += 1) {
    assert.equal(after("connecting"), "The server is restarting. Trying again now…");
    assert.equal(after("reconnecting", 1006), "The server is restarting.");
  }
  assert.equal(after("playing"), "");
  assert.equal(after("reconnecting", 1006), "The connection was lost.");
});

test("what the server says later is newer", () => {
  const after = banner();
  after("playing");
  after("reconnecting", 1006);
  assert.equal(after("reconnecting", 1001), "The server is restarting.");
  assert.equal(after("reconnecting", 4005), "The room is full.");
  assert.equal(after("reconnecting", 1006), "The room is full.");
  assert.equal(after("closed", 4010, "enough"), "You were removed from the room. (enough)");
});

test("a server that was never reached", () => {
  const after = banner();
  assert.equal(after("reconnecting", 1006), "The server cannot be reached.");
  assert.equal(after("reconnecting", 1006), "The server cannot be reached.");
});

test("every close code has plain words", () => {
  const after = banner();
  after("playing");
  for (const { code } of CLOSE_CODES.filter(({ code }) => code !== 1000)) {
    assert.doesNotMatch(after("closed", code, "why"), /^The connection ended/, String(code));
  }
  assert.match(after("closed", 4014, "mode is unknown"), /\(mode is unknown\)$/);
});
