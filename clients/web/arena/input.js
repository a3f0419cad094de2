/**
 * Keyboard and mouse.
 *
 * Owns the listeners and the key table; moves `Controls` and calls the page's shortcuts.  While a
 * text field has the focus, keys belong to it.
 */

/** @typedef {import("./controls.js").Control} Control */
/** @typedef {import("./controls.js").Controls} Controls */

/** By `KeyboardEvent.code`, so that the places are the same on every keyboard layout.  Enter is by `key`: keyboards have two. */
const KEYS = /** @type {Record<string, Control>} */ ({
  KeyW: "thrust",
  ArrowUp: "thrust",
  KeyA: "left",
  ArrowLeft: "left",
  KeyD: "right",
  ArrowRight: "right",
  Space: "fire",
  ShiftLeft: "dash",
  ShiftRight: "dash",
  KeyE: "mine",
  KeyQ: "mine",
});

/**
 * Actions of keys besides flying.
 * @typedef {object} Shortcuts
 * @property {() => void} chat
 * @property {() => void} sound
 * @property {(shown: boolean) => void} board  the whole leaderboard
 * @property {() => void} network  its panel
 * @property {() => boolean} isFlying
 */

export class Input {
  /** Where the mouse is, in CSS pixels; null before it moved, or when touch plays. @type {{x: number, y: number} | null} */
  pointer = null;

  #controls;
  #shortcuts;

  /**
   * @param {Controls} controls
   * @param {Shortcuts} shortcuts
   * @param {HTMLElement} stage  clicks on it fire
   */
  constructor(controls, shortcuts, stage) {
    this.#controls = controls;
    this.#shortcuts = shortcuts;
    addEventListener("keydown", (event) => this.#keyDown(event));
    addEventListener("keyup", (event) => this.#keyUp(event));
    addEventListener("blur", () => controls.releaseAll());
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("pointerdown", (event) => this.#pointerDown(event));
    addEventListener("pointerup", (event) => this.#pointerUp(event));
    addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") this.pointer = { x: event.clientX, y: event.clientY };
    });
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || takesKey(event.target, event.code)) return;
    const control = KEYS[event.code];
    if (control !== undefined && this.#shortcuts.isFlying()) {
      event.preventDefault();
      this.#controls.press(control);
    } else if (event.code === "Tab" && this.#shortcuts.isFlying()) {
      event.preventDefault();
      this.#shortcuts.board(true);
    } else if (event.key === "Enter" && !isButton(event.target)) {
      event.preventDefault();
      this.#shortcuts.chat();
    } else if (event.code === "KeyM" && !event.repeat) {
      this.#shortcuts.sound();
    } else if (["KeyN", "F2"].includes(event.code) && !event.repeat) {
      this.#shortcuts.network();
    }
  }

  /** @param {KeyboardEvent} event */
  #keyUp(event) {
    const control = KEYS[event.code];
    if (control !== undefined) this.#controls.release(control);
    if (event.code === "Tab") this.#shortcuts.board(false);
  }

  /** @param {PointerEvent} event */
  #pointerDown(event) {
    if (event.pointerType === "touch" || !this.#shortcuts.isFlying()) return;
    this.pointer = { x: event.clientX, y: event.clientY };
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    if (event.button === 0) this.#controls.press("fire");
    if (event.button === 2) this.#controls.press("mine");
  }

  /** @param {PointerEvent} event */
  #pointerUp(event) {
    if (event.pointerType === "touch") return;
    if (event.button === 0) this.#controls.release("fire");
    if (event.button === 2) this.#controls.release("mine");
  }
}

/**
 * Whether a key belongs to the focused element: a text field takes all keys, a form all except
 * letters and Shift, which still steer the ship.
 * @param {EventTarget | null} target
 * @param {string} code
 */
function takesKey(target, code) {
  if (target instanceof HTMLInputElement && target.type === "text") return true;
  const inForm = target instanceof Element && target.closest("#panel") !== null;
  return inForm && !/^(Key|Shift|F2)/.test(code);
}

/** @param {EventTarget | null} target */
function isButton(target) {
  return target instanceof HTMLButtonElement || target instanceof HTMLInputElement;
}
