/**
 * Drawing of rocks, mines and pickups.
 *
 * Owns their looks.  Reads the scene, changes nothing in it.
 */

import { colourOf, withAlpha } from "./palette.js";
import { UNIT } from "./units.js";

/** @typedef {import("./camera.js").Camera} Camera */
/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./sprites.js").Sprites} Sprites */

/** The colour of each pickup, and its icon in a box of -1 … 1. */
const PICKUPS = /** @type {Record<string, {colour: string, icon: Path2D}>} */ ({
  HULL: { colour: "#4be38a", icon: new Path2D("M-.2-.6h.4v.4h.4v.4h-.4v.4h-.4v-.4h-.4v-.4h.4z") },
  ENERGY: { colour: "#58c8ff", icon: new Path2D("M.15-.7-.4.12h.32l-.1.58.6-.84h-.34z") },
  DAMAGE: {
    colour: "#ffb340",
    icon: new Path2D("M0-.7 .55-.12h-.3L0-.36-.25-.12h-.3zM0-.05 .55.53h-.3L0 .29-.25.53h-.3z"),
  },
  SHIELD: {
    colour: "#c9b6ff",
    icon: new Path2D("M0-.68.55-.45V.02C.55.36.3.58 0 .7-.3.58-.55.36-.55.02v-.47z"),
  },
});

const MINE_RADIUS = 9;
const PICKUP_RADIUS = 14;

/**
 * All rocks, mines and pickups that the camera sees.
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {Scene} scene
 * @param {Sprites} sprites
 * @param {number} now_s
 */
export function drawObjects(context, camera, scene, sprites, now_s) {
  for (const rock of scene.rocks) {
    const radius = rock.radius / UNIT;
    if (!camera.sees(rock.x / UNIT, rock.y / UNIT, radius * 1.2)) continue;
    stamp(context, camera, sprites.rock(radius, rock.shape), rock.x / UNIT, rock.y / UNIT);
  }
  for (const pickup of scene.pickups) {
    if (!scene.foresight.taken.has(pickup) && camera.sees(pickup.x / UNIT, pickup.y / UNIT, 40))
      drawPickup(context, camera, sprites, pickup, now_s);
  }
  for (const mine of scene.mines) {
    if (camera.sees(mine.x / UNIT, mine.y / UNIT, 40))
      drawMine(context, camera, scene, sprites, mine, now_s);
  }
}

/**
 * Put a picture at a place of the world, upright.
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {import("./sprites.js").Sprite} sprite
 * @param {number} x  world units
 * @param {number} y
 * @param {number} [size]  1 is its own size
 */
export function stamp(context, camera, { canvas, half }, x, y, size = 1) {
  const reach = half * camera.scale * size;
  context.drawImage(
    canvas,
    camera.screenX(x) - reach,
    camera.screenY(y) - reach,
    2 * reach,
    2 * reach,
  );
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {Sprites} sprites
 * @param {import("../net/schema.js").EntityView} pickup
 * @param {number} now_s
 */
function drawPickup(context, camera, sprites, pickup, now_s) {
  if (!Object.hasOwn(PICKUPS, pickup.kind_)) return;
  const look = PICKUPS[pickup.kind_];
  const x = pickup.x / UNIT;
  const y = pickup.y / UNIT + 2.5 * Math.sin(now_s * 2 + pickup.id);
  context.globalAlpha = 0.55 + 0.2 * Math.sin(now_s * 3 + pickup.id);
  context.globalCompositeOperation = "lighter";
  stamp(context, camera, sprites.light(look.colour), x, y, 2.2);
  context.globalCompositeOperation = "source-over";
  context.globalAlpha = 1;
  context.save();
  context.translate(camera.screenX(x), camera.screenY(y));
  context.scale(PICKUP_RADIUS * camera.scale, PICKUP_RADIUS * camera.scale);
  context.beginPath();
  context.arc(0, 0, 1, 0, 2 * Math.PI);
  context.fillStyle = "rgba(7,12,24,0.88)";
  context.fill();
  context.lineWidth = 0.13;
  context.strokeStyle = look.colour;
  context.stroke();
  context.fillStyle = look.colour;
  context.fill(look.icon);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Camera} camera
 * @param {Scene} scene
 * @param {Sprites} sprites
 * @param {import("../net/schema.js").EntityView} mine
 * @param {number} now_s
 */
function drawMine(context, camera, scene, sprites, mine, now_s) {
  const x = mine.x / UNIT;
  const y = mine.y / UNIT;
  const colour = colourOf(scene.pilots.get(mine.seat)?.colour ?? -1);
  const lit = mine.armed && (now_s * 2.5 + mine.id * 0.37) % 1 < 0.45;
  context.save();
  context.translate(camera.screenX(x), camera.screenY(y));
  context.scale(camera.scale, camera.scale);
  context.rotate(now_s * 0.6 + mine.id);
  context.beginPath();
  for (let spike = 0; spike < 6; spike += 1) {
    const angle = (spike * Math.PI) / 3;
    context.moveTo(Math.cos(angle) * MINE_RADIUS * 0.7, Math.sin(angle) * MINE_RADIUS * 0.7);
    context.lineTo(Math.cos(angle) * MINE_RADIUS * 1.4, Math.sin(angle) * MINE_RADIUS * 1.4);
  }
  context.lineWidth = 2.4;
  context.lineCap = "round";
  context.strokeStyle = mine.armed ? colour : withAlpha(colour, 0.45);
  context.stroke();
  context.beginPath();
  context.arc(0, 0, MINE_RADIUS, 0, 2 * Math.PI);
  context.fillStyle = "#0d1322";
  context.fill();
  context.lineWidth = 1.8;
  context.stroke();
  context.beginPath();
  context.arc(0, 0, MINE_RADIUS * 0.4, 0, 2 * Math.PI);
  context.fillStyle = lit ? "#ff5b52" : mine.armed ? "#5a2430" : "#39445c";
  context.fill();
  context.restore();
  if (!lit) return;
  context.globalCompositeOperation = "lighter";
  stamp(context, camera, sprites.light("#ff5b52"), x, y, 1.6);
  context.globalCompositeOperation = "source-over";
}
