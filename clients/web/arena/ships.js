/**
 * Drawing of ships: trail, flame, hull, aim, state, name and bounty.
 *
 * Owns their looks and the trails.  Reads poses from the scene, and never moves a ship.
 */

import { stamp } from "./objects.js";
import { colourOf, withAlpha } from "./palette.js";
import { Flag, FULL_HULL, SHIP_RADIUS, toRadians } from "./units.js";

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./ship_view.js").ShipView} ShipView */
/** @typedef {import("./sprites.js").Sprites} Sprites */

/** A trail has a point this often, and each lives so long. */
const TRAIL_STEP_S = 0.03;
const TRAIL_S = 0.5;
/** A ship that moved farther in one step was placed there; its trail is cut. */
const TRAIL_JUMP = 150;
const FLASH_S = 0.22;
const BOUNTY_COLOUR = "#ffd166";
const BOT_NAME = "#9fb0cc";
const NAME = "#e8eefc";

/**
 * The sprites and colours of one ship.
 * @typedef {object} Stage
 * @property {CanvasRenderingContext2D} context  scaled to CSS pixels
 * @property {Camera} camera
 * @property {Scene} scene
 * @property {Sprites} sprites
 * @property {number} pixelRatio
 * @property {number} now_s
 */

export class ShipPainter {
  /** Let `elapsed_s` pass for trails and flashes. @param {Scene} scene @param {number} now_s @param {number} elapsed_s */
  pass(scene, now_s, elapsed_s) {
    for (const ship of scene.drawnShips()) {
      ship.flash = Math.max(0, ship.flash - elapsed_s / FLASH_S);
      lengthenTrail(ship, now_s);
    }
  }

  /** @param {Stage} stage */
  draw(stage) {
    const { context, camera, scene } = stage;
    const ships = [...scene.drawnShips()].filter(({ pose }) => camera.sees(pose.x, pose.y, 160));
    // The own ship is never hidden under another.
    ships.sort((a, b) => Number(a.seat === scene.seat) - Number(b.seat === scene.seat));
    context.globalCompositeOperation = "lighter";
    for (const ship of ships) drawTrail(stage, ship, shipColour(scene, ship));
    context.globalCompositeOperation = "source-over";
    for (const ship of ships) drawShip(stage, ship);
    for (const ship of ships) drawLabel(stage, ship);
  }
}

/** @param {Scene} scene @param {ShipView} ship */
export function shipColour(scene, ship) {
  return colourOf(scene.pilots.get(ship.seat)?.colour ?? -1);
}

/** @param {ShipView} ship @param {number} now_s */
function lengthenTrail(ship, now_s) {
  const { trail, pose, flags } = ship;
  while (trail.length > 0 && now_s - Number(trail[0]?.at_s) > TRAIL_S) trail.shift();
  const last = trail.at(-1);
  if ((flags & (Flag.THRUST | Flag.DASH)) === 0) return;
  if (last !== undefined && now_s - last.at_s < TRAIL_STEP_S) return;
  if (last !== undefined && Math.hypot(pose.x - last.x, pose.y - last.y) > TRAIL_JUMP)
    trail.length = 0;
  const heading = toRadians(pose.heading);
  const x = pose.x - Math.cos(heading) * SHIP_RADIUS * 0.5;
  const y = pose.y - Math.sin(heading) * SHIP_RADIUS * 0.5;
  trail.push({ x, y, at_s: now_s });
}

/** A ribbon that narrows as its points age. @param {Stage} stage @param {ShipView} ship @param {string} hex */
function drawTrail({ context, camera, now_s }, { trail }, hex) {
  const oldest = trail[0];
  const newest = trail.at(-1);
  if (oldest === undefined || newest === undefined || trail.length < 3) return;
  /** @type {number[]} */
  const otherSide = [];
  context.beginPath();
  trail.forEach(({ x, y, at_s }, point) => {
    const before = trail[Math.max(point - 1, 0)] ?? newest;
    const next = trail[Math.min(point + 1, trail.length - 1)] ?? newest;
    const length = Math.hypot(next.x - before.x, next.y - before.y) || 1;
    const wide = (SHIP_RADIUS * 0.36 * Math.max(0, 1 - (now_s - at_s) / TRAIL_S)) / length;
    const asideX = (next.y - before.y) * wide;
    const asideY = (before.x - next.x) * wide;
    context.lineTo(camera.screenX(x + asideX), camera.screenY(y + asideY));
    otherSide.push(camera.screenX(x - asideX), camera.screenY(y - asideY));
  });
  for (let at = otherSide.length - 2; at >= 0; at -= 2) {
    context.lineTo(Number(otherSide[at]), Number(otherSide[at + 1]));
  }
  const gradient = context.createLinearGradient(
    camera.screenX(oldest.x),
    camera.screenY(oldest.y),
    camera.screenX(newest.x),
    camera.screenY(newest.y),
  );
  gradient.addColorStop(0, withAlpha(hex, 0));
  gradient.addColorStop(1, withAlpha(hex, 0.65));
  context.fillStyle = gradient;
  context.fill();
}

/** @param {Stage} stage @param {ShipView} ship */
function drawShip(stage, ship) {
  const { context, camera, scene, sprites, now_s } = stage;
  const { pose, flags } = ship;
  const pilot = scene.pilots.get(ship.seat);
  const colour = pilot?.colour ?? 0;
  const hex = shipColour(scene, ship);
  context.save();
  context.translate(camera.screenX(pose.x), camera.screenY(pose.y));
  context.scale(camera.scale, camera.scale);
  drawAim(context, toRadians(pose.aim), hex, ship.seat === scene.seat);
  context.rotate(toRadians(pose.heading));
  if (flags & (Flag.THRUST | Flag.DASH))
    drawFlame(context, (flags & Flag.DASH) !== 0, now_s + ship.seat, hex);
  if (flags & Flag.PROTECTED) context.globalAlpha = 0.55 + 0.25 * Math.sin(now_s * 9);
  const { canvas, half } = sprites.ship(hex, colour);
  context.drawImage(canvas, -half, -half, 2 * half, 2 * half);
  if (ship.flash > 0) {
    const flash = sprites.flash(colour);
    context.globalAlpha = ship.flash;
    context.drawImage(flash.canvas, -flash.half, -flash.half, 2 * flash.half, 2 * flash.half);
  }
  context.globalAlpha = 1;
  if (flags & Flag.PROTECTED) drawProtection(context, now_s);
  if (flags & Flag.SHIELDED) drawShield(context, now_s);
  context.restore();
  if (flags & Flag.BOOSTED) drawBoost(stage, ship);
}

/**
 * A small barb that circles the hull; the own one casts a fading line.
 * @param {CanvasRenderingContext2D} context
 * @param {number} aim  radians
 * @param {string} hex
 * @param {boolean} own
 */
function drawAim(context, aim, hex, own) {
  const reach = SHIP_RADIUS * 1.5;
  context.save();
  context.rotate(aim);
  context.beginPath();
  context.moveTo(reach + 7, 0);
  context.lineTo(reach - 1, 4.2);
  context.lineTo(reach + 1.2, 0);
  context.lineTo(reach - 1, -4.2);
  context.closePath();
  context.fillStyle = withAlpha(hex, 0.9);
  context.fill();
  if (own) {
    const far = SHIP_RADIUS * 11;
    const gradient = context.createLinearGradient(SHIP_RADIUS * 3, 0, far, 0);
    gradient.addColorStop(0, withAlpha(hex, 0.4));
    gradient.addColorStop(1, withAlpha(hex, 0));
    context.beginPath();
    context.moveTo(SHIP_RADIUS * 3, 0);
    context.lineTo(far, 0);
    context.setLineDash([3, 7]);
    context.lineWidth = 1.4;
    context.strokeStyle = gradient;
    context.stroke();
  }
  context.restore();
}

/** @param {CanvasRenderingContext2D} context @param {boolean} dash @param {number} phase @param {string} hex */
function drawFlame(context, dash, phase, hex) {
  const flicker = 0.82 + 0.18 * Math.sin(phase * 47) * Math.sin(phase * 29);
  const length = SHIP_RADIUS * (dash ? 2.6 : 1.25) * flicker;
  for (const [part, colour] of /** @type {const} */ ([
    [1, withAlpha(hex, 0.55)],
    [0.55, "rgba(255,255,255,0.9)"],
  ])) {
    context.beginPath();
    context.moveTo(-SHIP_RADIUS * 0.5, SHIP_RADIUS * 0.3 * part);
    context.quadraticCurveTo(
      -SHIP_RADIUS * 0.9,
      SHIP_RADIUS * 0.2 * part,
      -SHIP_RADIUS * 0.5 - length * part,
      0,
    );
    context.quadraticCurveTo(
      -SHIP_RADIUS * 0.9,
      -SHIP_RADIUS * 0.2 * part,
      -SHIP_RADIUS * 0.5,
      -SHIP_RADIUS * 0.3 * part,
    );
    context.fillStyle = colour;
    context.fill();
  }
}

/** A shimmering broken ring: cannot be hurt. @param {CanvasRenderingContext2D} context @param {number} now_s */
function drawProtection(context, now_s) {
  context.save();
  context.rotate(now_s * 1.6);
  context.setLineDash([9, 6]);
  context.lineWidth = 2;
  context.strokeStyle = `rgba(235,245,255,${0.55 + 0.3 * Math.sin(now_s * 9)})`;
  context.beginPath();
  context.arc(0, 0, SHIP_RADIUS * 1.75, 0, 2 * Math.PI);
  context.stroke();
  context.restore();
}

/** A closed double ring. @param {CanvasRenderingContext2D} context @param {number} now_s */
function drawShield(context, now_s) {
  context.beginPath();
  context.arc(0, 0, SHIP_RADIUS * 1.5, 0, 2 * Math.PI);
  context.fillStyle = "rgba(180,160,255,0.13)";
  context.fill();
  context.lineWidth = 2.2;
  context.strokeStyle = `rgba(201,182,255,${0.75 + 0.2 * Math.sin(now_s * 4)})`;
  context.stroke();
}

/** Twin sparks that circle, and an amber glow: double damage. @param {Stage} stage @param {ShipView} ship */
function drawBoost({ context, camera, sprites, now_s }, { pose }) {
  context.globalCompositeOperation = "lighter";
  const light = sprites.light("#ffb340");
  context.globalAlpha = 0.3 + 0.1 * Math.sin(now_s * 6);
  stamp(context, camera, light, pose.x, pose.y, 2.6);
  context.globalAlpha = 1;
  for (const side of [0, Math.PI]) {
    const angle = now_s * 5 + side;
    const reach = SHIP_RADIUS * 1.5;
    stamp(
      context,
      camera,
      light,
      pose.x + Math.cos(angle) * reach,
      pose.y + Math.sin(angle) * reach,
      0.55,
    );
  }
  context.globalCompositeOperation = "source-over";
}

/** Name, hull if it is hurt, and bounty under the ship. @param {Stage} stage @param {ShipView} ship */
function drawLabel({ context, camera, scene, sprites, pixelRatio }, ship) {
  const pilot = scene.pilots.get(ship.seat);
  const own = ship.seat === scene.seat;
  const x = camera.screenX(ship.pose.x);
  let top = camera.screenY(ship.pose.y) - (own ? 3.2 : 2.1) * SHIP_RADIUS * camera.scale - 18;
  if (pilot !== undefined && !own) {
    const name = sprites.label(pilot.name, pilot.bot ? BOT_NAME : NAME, 12);
    const width = name.width / pixelRatio;
    context.drawImage(name, x - width / 2, top, width, name.height / pixelRatio);
  }
  if (ship.entity.bounty > 0) {
    const bounty = sprites.label(`★ ${ship.entity.bounty}`, BOUNTY_COLOUR, 12);
    const width = bounty.width / pixelRatio;
    top -= own ? 0 : 15;
    context.drawImage(bounty, x - width / 2, top, width, bounty.height / pixelRatio);
  }
  if (!own && ship.entity.hull < FULL_HULL) drawHullBar(context, camera, ship, x);
}

/** @param {CanvasRenderingContext2D} context @param {Camera} camera @param {ShipView} ship @param {number} x */
function drawHullBar(context, camera, { pose, entity }, x) {
  const width = 34;
  const top = camera.screenY(pose.y) + 2 * SHIP_RADIUS * camera.scale;
  const part = Math.max(0, entity.hull / FULL_HULL);
  context.fillStyle = "rgba(4,7,14,0.75)";
  context.fillRect(x - width / 2 - 1, top - 1, width + 2, 5);
  context.fillStyle = part > 0.35 ? "#d7e3fb" : "#ff7a66";
  context.fillRect(x - width / 2, top, width * part, 3);
}
