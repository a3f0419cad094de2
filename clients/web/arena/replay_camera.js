/**
 * The camera of a replay: it follows a ship, or goes where it is dragged.
 *
 * Owns the guide of the viewpoint, and the dragging.  `replay/replay_panel.js` has the controls.
 */

import { ReplayPanel } from "../replay/replay_panel.js";
import { UNIT } from "./units.js";

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./viewpoint.js").Viewpoint} Viewpoint */

/** The server is told of a dragged camera this often at most. */
const TELL_EVERY_MS = 200;

export class ReplayCamera {
  #viewpoint;
  #camera;
  #panel;
  #toldMs = -Infinity;

  /**
   * @param {import("../net/client.js").GameClient} client
   * @param {HTMLElement} stage
   * @param {Viewpoint} viewpoint
   * @param {Camera} camera
   */
  constructor(client, stage, viewpoint, camera) {
    this.#viewpoint = viewpoint;
    this.#camera = camera;
    this.#panel = new ReplayPanel(client, document.body, {
      follow: (ship) => (viewpoint.guide = { ship }),
      free: () => this.#free(),
    });
    stage.addEventListener("pointerdown", (event) => stage.setPointerCapture(event.pointerId));
    stage.addEventListener("pointermove", (event) => this.#drag(event));
    stage.addEventListener("pointerup", (event) => {
      if (viewpoint.guide !== null && "x" in viewpoint.guide) this.#tell(event.timeStamp, 0);
    });
    addEventListener("keydown", (event) => {
      if (event.code === "Space" && event.target === document.body) this.#panel.toggle();
    });
  }

  /** The tick of the journal that is shown; null before the first delta. */
  get tick() {
    return this.#panel.tick;
  }

  #free() {
    this.#viewpoint.guide = { x: this.#camera.x, y: this.#camera.y };
    this.#tell(performance.now(), 0);
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    if (event.buttons === 0) return;
    const { x, y, scale } = this.#camera;
    const { guide } = this.#viewpoint;
    const from = guide !== null && "x" in guide ? guide : { x, y };
    this.#viewpoint.guide = {
      x: from.x - event.movementX / scale,
      y: from.y - event.movementY / scale,
    };
    this.#tell(event.timeStamp, TELL_EVERY_MS);
  }

  /** Tell the server where to look. @param {number} nowMs @param {number} everyMs */
  #tell(nowMs, everyMs) {
    const { guide } = this.#viewpoint;
    if (guide === null || !("x" in guide) || nowMs - this.#toldMs < everyMs) return;
    this.#toldMs = nowMs;
    this.#panel.look(guide.x * UNIT, guide.y * UNIT);
  }
}
