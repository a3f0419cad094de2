// Keys and thumbs: which way a player steers.

import assert from "node:assert/strict";
import test from "node:test";

import { directions } from "../../clients/web/net/directions.js";

/** As much of a page as the module needs. */
class Page extends EventTarget {
  rings = [];
  surface = Object.assign(new EventTarget(), { style: {} });
  document = {
    createElement: () => {
      const part = { style: {}, append: (knob) => (part.firstElementChild = knob) };
      part.remove = () => this.rings.splice(this.rings.indexOf(part), 1);
      return part;
    },
    body: { append: (ring) => this.rings.push(ring) },
  };
  steered = directions(this.surface, this);

  /** Whether the page keeps the key from scrolling. */
  key(type, code, more = {}) {
    const event = Object.assign(new Event(type, { cancelable: true }), { code, ...more });
    const target = more.on;
    if (target !== undefined) Object.defineProperty(event, "target", { value: target });
    return !this.dispatchEvent(event);
  }

  touch(type, pointerId, clientX, clientY, pointerType = "touch", target = this.surface) {
    const event = Object.assign(new Event(type), { pointerId, clientX, clientY, pointerType });
    Object.defineProperty(event, "target", { value: target });
    (type === "pointerdown" ? this.surface : this).dispatchEvent(event);
  }

  get way() {
    const { dx, dy } = this.steered();
    return [dx, dy];
  }
}

test("keys add up, and opposite ones cancel out", () => {
  const page = new Page();
  assert.deepEqual(page.way, [0, 0]);
  assert.ok(page.key("keydown", "KeyD"));
  page.key("keydown", "ArrowRight");
  page.key("keydown", "KeyW");
  assert.deepEqual(page.way, [1, -1]);
  page.key("keydown", "ArrowLeft");
  page.key("keydown", "KeyA");
  page.key("keyup", "KeyW");
  assert.deepEqual(page.way, [0, 0]);
  page.key("keyup", "KeyD");
  assert.deepEqual(page.way, [-1, 0]);
  page.dispatchEvent(new Event("blur"));
  assert.deepEqual(page.way, [0, 0]);
});

test("other keys, shortcuts and keys of text fields are left alone", () => {
  const page = new Page();
  assert.ok(!page.key("keydown", "KeyQ"));
  assert.ok(!page.key("keydown", "KeyA", { ctrlKey: true }));
  for (const on of [{ tagName: "INPUT" }, { tagName: "DIV", isContentEditable: true }]) {
    assert.ok(!page.key("keydown", "KeyA", { on }));
  }
  assert.deepEqual(page.way, [0, 0]);
  page.key("keydown", "KeyA", { on: { tagName: "BODY" } });
  assert.deepEqual(page.way, [-1, 0]);
});

test("a thumb steers in eight directions from where it began", () => {
  const page = new Page();
  assert.equal(page.surface.style.touchAction, "none");
  page.touch("pointerdown", 7, 100, 100);
  assert.equal(page.rings.length, 1);
  for (const [x, y, way] of [
    [105, 95, [0, 0]],
    [160, 104, [1, 0]],
    [150, 60, [1, -1]],
    [98, 40, [0, -1]],
    [60, 130, [-1, 1]],
  ]) {
    page.touch("pointermove", 7, x, y);
    assert.deepEqual(page.way, way, `${x}, ${y}`);
  }
  page.touch("pointermove", 8, 500, 100); // another finger
  assert.deepEqual(page.way, [-1, 1]);
  assert.equal(page.rings[0].firstElementChild.style.translate, "-40px 30px");
  page.touch("pointermove", 7, 212, 100);
  assert.equal(page.rings[0].firstElementChild.style.translate, "56px 0px");
  page.touch("pointerup", 8, 500, 100);
  assert.equal(page.rings.length, 1);
  page.touch("pointercancel", 7, 0, 0);
  assert.deepEqual([page.way, page.rings], [[0, 0], []]);
});

test("a second thumb does not take over, a mouse is none, and buttons are pressed", () => {
  const page = new Page();
  const button = { closest: (selector) => (/\bbutton\b/.test(selector) ? button : null) };
  page.touch("pointerdown", 1, 0, 0, "touch", button);
  page.touch("pointerdown", 1, 0, 0, "mouse");
  assert.equal(page.rings.length, 0);
  page.touch("pointerdown", 1, 0, 0);
  page.touch("pointerdown", 2, 50, 50);
  assert.equal(page.rings.length, 1);
  page.touch("pointermove", 2, 90, 50);
  assert.deepEqual(page.way, [0, 0]);
});
