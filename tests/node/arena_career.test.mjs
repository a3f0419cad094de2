// The career on the start card.

import assert from "node:assert/strict";
import test from "node:test";

import { Career, careerLine } from "../../clients/web/arena/career.js";

/** As much of a page as a career needs. */
function element(tag = "div") {
  return {
    tag,
    hidden: true,
    textContent: "",
    className: "",
    children: [],
    append(...more) {
      this.children.push(...more);
    },
    replaceChildren(...more) {
      this.children = more;
    },
  };
}

function page() {
  const found = { career: element(), "career-own": element(), "career-top": element() };
  globalThis.document = { getElementById: (id) => found[id], createElement: element };
  return found;
}

const place = { rank: 1, name: "Bob", score: 40, own: false };

test("the line of a career has its plurals", () => {
  assert.equal(careerLine({ kills: 1, best_streak: 1, rounds_won: 0 }), "1 kill · best streak 1 · 0 rounds won");
  assert.equal(careerLine({ kills: 12, best_streak: 5, rounds_won: 1 }), "12 kills · best streak 5 · 1 round won");
});

test("a server that keeps nothing leaves the career hidden", async () => {
  const found = page();
  const fails = () => Promise.reject(new Error("this server keeps nothing"));
  await new Career({ own: fails, top: fails }).refresh(0);
  assert.equal(found.career.hidden, true);
});

test("what there is is shown, and read again after a pause only", async () => {
  const found = page();
  let reads = 0;
  const stored = {
    own: () => Promise.reject(new Error("sign in")),
    top: async () => {
      reads += 1;
      return [place];
    },
  };
  const career = new Career(stored);
  for (const nowMs of [0, 10, 4999, 5000]) await career.refresh(nowMs);
  assert.equal(reads, 2);
  assert.equal(found.career.hidden, false);
  assert.equal(found["career-own"].textContent, "");
  assert.deepEqual(found["career-top"].children[0].children.map((part) => part.textContent), ["1", "Bob", "40"]);
});
