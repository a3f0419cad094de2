/**
 * Two sticks and two buttons for thumbs.
 *
 * Owns the touches: the left half of the screen steers (turn and thrust towards where the stick
 * points), the right half aims and fires.  A stick appears where its thumb touches the screen.
 * Moves
 * `Controls` and draws the sticks' rings.
 */

/** @typedef {import("./controls.js").Controls} Controls */

const STICK_RADIUS = 56;
/** A thumb within this distance of the middle has no effect, in CSS pixels. */
const DEAD_ZONE = 12;

/** @typedef {{pointer: number, x: number, y: number, toX: number, toY: number}} Stick */

export class Touch {
  /** Whether a finger has ever touched the stage: only then are sticks and buttons shown. */
  inUse = false;

  #controls;
  /** @type {Stick | null} */ #left = null;
  /** @type {Stick | null} */ #right = null;
  #isFlying;

  /**
   * @param {Controls} controls
   * @param {HTMLElement} stage
   * @param {{dash: HTMLElement, mine: HTMLElement}} buttons
   * @param {() => boolean} isFlying
   */
  constructor(controls, stage, buttons, isFlying) {
    this.#controls = controls;
    this.#isFlying = isFlying;
    addEventListener("pointerdown", (event) => this.#noticed(event), { capture: true });
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    addEventListener("pointermove", (event) => this.#move(event));
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
      addEventListener(name, (event) => this.#up(event));
    }
    for (const name of /** @type {const} */ (["dash", "mine"])) {
      buttons[name].addEventListener("pointerdown", () => controls.press(name));
      for (const end of /** @type {const} */ (["pointerup", "pointercancel", "pointerleave"])) {
        buttons[name].addEventListener(end, () => controls.release(name));
      }
    }
  }

  /** @param {CanvasRenderingContext2D} context  scaled to CSS pixels */
  draw(context) {
    for (const stick of [this.#left, this.#right]) {
      if (stick === null) continue;
      const { x, y, toX, toY } = stick;
      const away = Math.hypot(toX - x, toY - y);
      const part = Math.min(1, STICK_RADIUS / (away || 1));
      disc(context, x, y, STICK_RADIUS, "rgba(160,190,255,0.08)", "rgba(190,212,255,0.35)");
      disc(
        context,
        x + (toX - x) * part,
        y + (toY - y) * part,
        24,
        "rgba(190,212,255,0.28)",
        "rgba(220,232,255,0.6)",
      );
    }
  }

  /** @param {PointerEvent} event */
  #noticed(event) {
    if (event.pointerType !== "touch" || this.inUse) return;
    this.inUse = true;
    document.body.classList.add("touch");
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.pointerType !== "touch" || !this.#isFlying()) return;
    event.preventDefault();
    const { pointerId: pointer, clientX: x, clientY: y } = event;
    const stick = { pointer, x, y, toX: x, toY: y };
    if (x < innerWidth / 2) this.#left ??= stick;
    else this.#right ??= stick;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const stick = [this.#left, this.#right].find((each) => each?.pointer === event.pointerId);
    if (stick === null || stick === undefined) return;
    stick.toX = event.clientX;
    stick.toY = event.clientY;
    if (Math.hypot(stick.toX - stick.x, stick.toY - stick.y) < DEAD_ZONE) return;
    const radians = Math.atan2(stick.toY - stick.y, stick.toX - stick.x);
    if (stick === this.#left) {
      this.#controls.steerTowards(radians);
    } else {
      this.#controls.aimAt(radians);
      this.#controls.press("fire");
    }
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (this.#left?.pointer === event.pointerId) {
      this.#left = null;
      this.#controls.course = null;
    }
    if (this.#right?.pointer === event.pointerId) {
      this.#right = null;
      this.#controls.release("fire");
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {string} fill
 * @param {string} edge
 */
function disc(context, x, y, radius, fill, edge) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = edge;
  context.stroke();
}
