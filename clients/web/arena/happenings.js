/**
 * The looks, the sound and the text of each event of the game.
 *
 * Owns that table.  Called when an event happens on the screen (which is later than when it
 * arrived); changes effects, shake, sound, feed and the attacker's arrow, never the scene.
 */

import { colourOf, NEUTRAL } from "./palette.js";
import { SHIP_RADIUS, toRadians, UNIT } from "./units.js";

/** @typedef {import("../net/schema.js").GameEvent} GameEvent */

/**
 * @typedef {object} Show
 * @property {import("./scene.js").Scene} scene
 * @property {import("./effects.js").Effects} effects
 * @property {import("./camera.js").Camera} camera
 * @property {import("./sound.js").Sound} sound
 * @property {import("./board.js").Board} board
 * @property {import("./overlay.js").Overlay} overlay
 * @property {import("./notices.js").Notices} notices
 * @property {number} now_s
 */

/** About how far a dash carries, in world units. */
const DASH_LENGTH = 150;

/** By the name of the event, which the room chooses. @type {Map<string, (event: GameEvent, show: Show) => void>} */
const SHOWN = new Map([
  ["Shot", showShot],
  ["Hit", showHit],
  ["Kill", showKill],
  ["Blast", showBlast],
  ["Taken", showTaken],
  ["Dashed", showDash],
  ["RoundStarted", showRound],
  ["RoundEnded", showRound],
]);

/** @param {GameEvent} event @param {Show} show */
export function happen(event, show) {
  SHOWN.get(event.kind)?.(event, show);
}

/** @param {GameEvent} _event @param {Show} show */
function showRound(_event, { sound }) {
  sound.play("round");
}

/** @param {Show} show @param {number} seat */
function seatColour({ scene }, seat) {
  return colourOf(scene.pilots.get(seat)?.colour ?? -1);
}

/** @param {GameEvent} event */
function place(event) {
  return { x: event.x / UNIT, y: event.y / UNIT };
}

/** How loud something is there: 1 near the middle of the screen, 0 far out. @param {Show} show @param {{x: number, y: number}} at */
function loudness({ camera }, { x, y }) {
  return Math.max(0, 1 - Math.hypot(x - camera.x, y - camera.y) / 800);
}

/** @param {GameEvent} event @param {Show} show */
function showShot(event, show) {
  const { scene, effects, sound } = show;
  const to = { x: event.to_x / UNIT, y: event.to_y / UNIT };
  let from = place(event);
  const ship = scene.drawnShipOf(event.seat);
  if (ship !== undefined) {
    // From the muzzle as it is drawn: the own ship and the server's are never quite in one place.
    const angle = Math.atan2(to.y - ship.pose.y, to.x - ship.pose.x);
    const reach = SHIP_RADIUS * 1.9;
    from = { x: ship.pose.x + Math.cos(angle) * reach, y: ship.pose.y + Math.sin(angle) * reach };
  }
  const own = event.seat === scene.seat;
  // Foresight may have to put it right.
  event.beam = effects.beam(from, to, seatColour(show, event.seat), own);
  sound.play("shot", own ? 1 : 0.45 * loudness(show, from));
}

/** @param {GameEvent} event @param {Show} show */
function showHit(event, show) {
  const { scene, effects, camera, sound, overlay, now_s } = show;
  const at = place(event);
  const ship = scene.drawnShipOf(event.seat);
  if (ship !== undefined) ship.flash = 1;
  const hex = event.shielded ? "#c9b6ff" : seatColour(show, event.seat);
  effects.sparks(at, hex, { count: 9, speed: 230, life: 0.45, size: 0.42 });
  if (event.shielded) effects.ring(at, SHIP_RADIUS * 1.9, 0.3, hex);
  if (event.seat === scene.seat) {
    camera.shake(4 + event.damage * 0.45);
    show.notices.hurt();
    sound.play("hurt");
    const shooter = scene.drawnShipOf(event.by);
    if (event.by !== 0 && event.by !== scene.seat) {
      overlay.attacker = { seat: event.by, ...(shooter?.pose ?? at), at_s: now_s };
    }
  } else if (event.by === scene.seat) {
    effects.words(at, event.shielded ? "shield" : String(event.damage), "#ffffff");
    sound.play("hit");
  }
}

/** @param {GameEvent} event @param {Show} show */
function showKill(event, show) {
  const { scene, effects, camera, sound, board, notices } = show;
  const at = place(event);
  const hex = seatColour(show, event.seat);
  effects.ring(at, 95, 0.65, hex);
  effects.ring(at, 46, 0.4, "#ffffff");
  effects.sparks(at, hex, { count: 34, speed: 420, life: 0.95, size: 0.62 });
  effects.sparks(at, "#ffb340", { count: 16, speed: 260, life: 0.7, size: 0.5 });
  sound.play("death", Math.max(0.35, loudness(show, at)));
  board.kill(event, scene);
  if (event.seat === scene.seat) {
    camera.shake(26);
    notices.died(event, scene);
  } else if (event.by === scene.seat) {
    camera.shake(5);
    effects.words(at, `+${event.reward}`, "#ffd166");
    sound.play("kill");
  } else if (event.assists.includes(scene.seat)) {
    effects.words(at, "assist", "#ffd166");
  }
}

/** @param {GameEvent} event @param {Show} show */
function showBlast(event, show) {
  const at = place(event);
  const radius = event.radius / UNIT;
  show.effects.ring(at, radius, 0.5, "#ff8a4c");
  show.effects.ring(at, radius * 0.6, 0.35, "#ffe0b0");
  show.effects.sparks(at, "#ff8a4c", { count: 26, speed: radius * 4, life: 0.7, size: 0.6 });
  const own = show.scene.ownShip;
  if (own !== undefined && Math.hypot(own.pose.x - at.x, own.pose.y - at.y) < radius * 1.5)
    show.camera.shake(9);
  show.sound.play("blast", loudness(show, at));
}

const TAKEN = new Map([
  ["HULL", { text: "hull repaired", hex: "#4be38a" }],
  ["ENERGY", { text: "energy", hex: "#58c8ff" }],
  ["DAMAGE", { text: "double damage", hex: "#ffb340" }],
  ["SHIELD", { text: "shield", hex: "#c9b6ff" }],
]);

/** @param {GameEvent} event @param {Show} show */
function showTaken(event, show) {
  const at = place(event);
  const { text, hex } = TAKEN.get(event.kind_) ?? { text: "", hex: NEUTRAL };
  show.effects.ring(at, 34, 0.4, hex);
  show.effects.sparks(at, hex, { count: 10, speed: 150, life: 0.5, size: 0.4 });
  if (event.seat !== show.scene.seat) return;
  show.effects.words(at, text, hex);
  show.sound.play("pickup");
}

/** @param {GameEvent} event @param {Show} show */
function showDash(event, show) {
  const { scene, effects, sound } = show;
  const from = place(event);
  const ship = scene.drawnShipOf(event.seat);
  const heading = toRadians(ship?.pose.heading ?? 0);
  const to = {
    x: from.x + Math.cos(heading) * DASH_LENGTH,
    y: from.y + Math.sin(heading) * DASH_LENGTH,
  };
  effects.streak(from, to, seatColour(show, event.seat));
  effects.ring(from, 30, 0.35, seatColour(show, event.seat));
  sound.play("dash", event.seat === scene.seat ? 1 : 0.4 * loudness(show, from));
}
