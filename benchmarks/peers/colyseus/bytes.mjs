/**
 * How many bytes Colyseus' schema takes for a patch in which everyone in view moved.
 *
 *     node bytes.mjs FIRST_ID IN_VIEW TICKS
 */
import { Encoder, StateView } from "@colyseus/schema";
import { HEADINGS, advance, startOf, worldSide } from "./field.mjs";
import { BigWorldState, Mover } from "./state.mjs";

const [firstId, inView, ticks] = process.argv.slice(2).map(Number);
const side = worldSide(firstId + inView);
const state = new BigWorldState();
const encoder = new Encoder(state);
const view = new StateView();
const moving = [];
for (let i = 1; i < firstId + inView; i += 1) {
  const [x, y] = startOf(i, side);
  const [dx, dy] = HEADINGS[i % HEADINGS.length];
  const synced = new Mover();
  synced.assign({ x, y, colour: i % 256 });
  state.movers.set(String(i), synced);
  if (i < firstId) continue;
  view.add(synced);
  moving.push({ mover: { x, y, dx, dy }, synced });
}

/** One patch as it is sent: the protocol byte, what is shared, and what the view adds. */
function patchBytes() {
  const it = { offset: 1 };
  encoder.encode(it);
  const bytes = encoder.encodeView(view, it.offset, it).length;
  encoder.discardChanges();
  return bytes;
}

patchBytes();
let total = 0;
for (let tick = 0; tick < ticks; tick += 1) {
  for (const { mover, synced } of moving) {
    advance(mover, side);
    synced.x = mover.x;
    synced.y = mover.y;
  }
  const bytes = patchBytes();
  total += bytes + (bytes < 126 ? 2 : 4);
}
console.log(JSON.stringify({ bytes_per_entity: total / ticks / inView }));
