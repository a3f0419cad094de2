/**
 * The marks that the network panel's switches draw over the ships: the own ship where the server
 * last had it, and rings where the server will look for the others.
 *
 * Owns their looks.  Places come from the scene.
 */

import { PULSE_HIT_RADIUS } from "./pulse.js";
import { hullPath } from "./sprites.js";
import { toRadians, UNIT } from "./units.js";

/** @typedef {import("./ships.js").Stage} Stage */

/** The own ship as the server last told it. @param {Stage} stage */
export function drawGhost({ context, camera, scene }) {
  const own = scene.ownShip;
  if (own === undefined) return;
  const { x, y, heading } = own.entity;
  context.save();
  context.translate(camera.screenX(x / UNIT), camera.screenY(y / UNIT));
  context.scale(camera.scale, camera.scale);
  context.rotate(toRadians(heading));
  context.lineWidth = 1.4 / camera.scale;
  context.setLineDash([4 / camera.scale, 3 / camera.scale]);
  context.strokeStyle = "rgba(255,255,255,0.85)";
  context.stroke(hullPath(scene.ownPilot?.colour ?? 0));
  context.restore();
}

/**
 * Where the server will have the others when a pulse that is fired now arrives.  Without lag
 * compensation, the player must aim there.
 * @param {Stage} stage
 */
export function drawTargets({ context, camera, scene }) {
  if (scene.compensates || scene.ownShip === undefined) return;
  context.save();
  context.lineWidth = 1.5;
  context.strokeStyle = "rgba(255,138,107,0.9)";
  for (const ship of scene.drawnShips()) {
    if (ship.seat === scene.seat) continue;
    const { x, y } = scene.targetOf(ship);
    const at = /** @type {const} */ ([camera.screenX(x), camera.screenY(y)]);
    context.setLineDash([5, 4]);
    context.beginPath();
    context.arc(...at, PULSE_HIT_RADIUS * camera.scale, 0, 2 * Math.PI);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 0.35;
    context.beginPath();
    context.moveTo(camera.screenX(ship.pose.x), camera.screenY(ship.pose.y));
    context.lineTo(...at);
    context.stroke();
    context.globalAlpha = 1;
  }
  context.restore();
}
