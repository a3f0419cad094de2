/**
 * Where a player steers: arrow keys, WASD, or a thumb on a touch screen.
 *
 * Owns the listeners, and the ring that shows a stick where a thumb touches.  While a text field has
 * the focus, keys belong to it.  Knows no game and no connection:
 *
 * ```js
 * const steered = directions(document.querySelector("canvas"));
 * const { dx, dy } = steered();   // each -1, 0 or 1
 * ```
 */

/** A thumb that is nearer to where it began does not steer, in CSS pixels. */
const DEAD_ZONE = 14;
/** The ring's radius, and that of the knob in it, in CSS pixels. */
const RING = 56;
const KNOB = 24;
/** By `KeyboardEvent.code`, so that the places are the same on every keyboard layout. */
const KEYS = new Map([
  ["ArrowLeft", [-1, 0]],
  ["KeyA", [-1, 0]],
  ["ArrowRight", [1, 0]],
  ["KeyD", [1, 0]],
  ["ArrowUp", [0, -1]],
  ["KeyW", [0, -1]],
  ["ArrowDown", [0, 1]],
  ["KeyS", [0, 1]],
]);

/** @typedef {{ dx: -1 | 0 | 1, dy: -1 | 0 | 1 }} Direction */

/**
 * Listen to the page's keys, and to thumbs on `surface`.
 * @param {HTMLElement} surface  a thumb on it steers, but for links, buttons and fields; it does not
 *   scroll the page any more
 * @param {Window} [page]  the window of the page; another one only in tests
 * @returns {() => Direction}  where the player steers now, x to the right and y down
 */
export function directions(surface, page = window) {
  /** @type {Set<string>} */
  const held = new Set();
  /** @type {{ pointer: number, x: number, y: number, dx: number, dy: number, ring: HTMLElement } | null} */
  let thumb = null;

  page.addEventListener("keydown", (event) => {
    const { code, target, ctrlKey, metaKey, altKey } = event;
    if (!KEYS.has(code) || ctrlKey || metaKey || altKey || isText(target)) return;
    held.add(code);
    event.preventDefault(); // arrows would scroll the page
  });
  page.addEventListener("keyup", ({ code }) => held.delete(code));
  page.addEventListener("blur", () => held.clear());

  surface.style.touchAction = "none";
  surface.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch" || thumb !== null || isPressed(event.target)) return;
    event.preventDefault();
    const { pointerId: pointer, clientX: x, clientY: y } = event;
    thumb = { pointer, x, y, dx: 0, dy: 0, ring: ringAt(page.document, x, y) };
  });
  page.addEventListener("pointermove", ({ pointerId, clientX, clientY }) => {
    if (thumb?.pointer !== pointerId) return;
    thumb.dx = clientX - thumb.x;
    thumb.dy = clientY - thumb.y;
    const part = Math.min(1, RING / (Math.hypot(thumb.dx, thumb.dy) || 1));
    const knob = /** @type {HTMLElement} */ (thumb.ring.firstElementChild);
    knob.style.translate = `${thumb.dx * part}px ${thumb.dy * part}px`;
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
    page.addEventListener(end, ({ pointerId }) => {
      if (thumb?.pointer !== pointerId) return;
      thumb.ring.remove();
      thumb = null;
    });
  }

  return () => {
    if (thumb !== null) return ofThumb(thumb.dx, thumb.dy);
    let [dx, dy] = [0, 0];
    for (const code of held) {
      const [right, down] = KEYS.get(code) ?? [0, 0];
      dx += right;
      dy += down;
    }
    return { dx: sign(dx), dy: sign(dy) };
  };
}

/**
 * The nearest of the eight directions.
 * @param {number} dx
 * @param {number} dy
 * @returns {Direction}
 */
function ofThumb(dx, dy) {
  const far = Math.hypot(dx, dy);
  if (far < DEAD_ZONE) return { dx: 0, dy: 0 };
  return { dx: sign(Math.round(dx / far)), dy: sign(Math.round(dy / far)) };
}

/** @param {number} value @returns {-1 | 0 | 1} */
function sign(value) {
  return value > 0 ? 1 : value < 0 ? -1 : 0;
}

/** Whether keys belong to what has the focus. @param {EventTarget | null} target */
function isText(target) {
  const element = /** @type {Partial<HTMLElement> | null} */ (target);
  if (element?.isContentEditable === true) return true;
  return ["INPUT", "TEXTAREA", "SELECT"].includes(element?.tagName ?? "");
}

/** Whether touches belong to what is touched. @param {EventTarget | null} target */
function isPressed(target) {
  const element = /** @type {Partial<HTMLElement> | null} */ (target);
  return Boolean(element?.closest?.("a, button, input, label, select, textarea"));
}

/** Show a ring with a knob. @param {Document} document @param {number} x @param {number} y */
function ringAt(document, x, y) {
  const ring = document.createElement("div");
  const knob = document.createElement("div");
  for (const [part, radius, colour] of /** @type {const} */ ([
    [ring, RING, "#a0beff1f"],
    [knob, KNOB, "#bed4ff66"],
  ])) {
    Object.assign(part.style, {
      position: "absolute",
      inset: `${-radius}px auto auto ${-radius}px`,
      width: `${2 * radius}px`,
      height: `${2 * radius}px`,
      boxSizing: "border-box",
      border: "1.5px solid #dce8ff8c",
      borderRadius: "50%",
      background: colour,
      pointerEvents: "none",
    });
  }
  Object.assign(ring.style, { position: "fixed", left: `${x - RING}px`, top: `${y - RING}px` });
  Object.assign(knob.style, { left: `${RING - KNOB}px`, top: `${RING - KNOB}px` });
  ring.append(knob);
  document.body.append(ring);
  return ring;
}
