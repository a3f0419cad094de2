// What one client of a game of Capture did and heard, once more with the page's own netcode: reads
// `{ schema, began, steps }` from standard input, and prints what differs from the Python client.

import { readFileSync } from "node:fs";

import { Lead } from "../../../clients/web/net/lead.js";
import { Reader } from "../../../clients/web/net/msgpack.js";
import { Replica } from "../../../clients/web/net/replica.js";
import { Schema } from "../../../clients/web/net/schema.js";
import { Steering } from "../../../clients/web/net/steering.js";
import { TickClock } from "../../../clients/web/net/tickclock.js";
import { step, UNIT } from "../../../gameserver/games/capture/page/movement.js";

const { began, schema, steps } = JSON.parse(readFileSync(0, "utf8"));
const replica = new Replica(Schema.read(new Reader(Buffer.from(schema, "hex"))));
const clock = new TickClock(30, began, 0);
const lead = new Lead(clock);
const gates = () => [...replica.entities.values()].filter(({ kind }) => kind === "Gate");
const steering = new Steering(
  {
    state: ({ x, y, fast_from, fast_until, out }) =>
      out ? null : { x, y, fast_from, fast_until, tick: replica.tick },
    step: (before, move) => step(before, move.dx, move.dy, gates()),
    idle: (last, silentTicks) => (last === null || silentTicks > 10 ? { dx: 0, dy: 0 } : last),
    kinds: ["Racer"],
    jumpDistance: 12 * UNIT,
    snapDistance: 100 * UNIT,
  },
  replica,
  clock,
  lead,
);
const acts = {
  pong: (sentMs, tick, nowMs) => clock.pong(sentMs, nowMs, tick),
  delta: (hex, nowMs) => {
    const { tick, margin, events } = replica.apply(new Uint8Array(Buffer.from(hex, "hex")));
    clock.delta(tick, nowMs);
    lead.margin(tick, margin);
    steering.delta(margin, events, nowMs);
  },
  turn: (tick, held, nowMs) => {
    if (steering.due(nowMs) !== tick) throw new Error(`${steering.tick} is due, not ${tick}`);
    const order = held === null ? null : steering.steer({ dx: held[0], dy: held[1] });
    if (order !== null) lead.sent(order.tick);
  },
};
let compared = 0;
for (const [what, ...values] of steps) {
  const own = values.pop();
  acts[what](...values);
  const found = steering.own === null ? null : Object.values(steering.own);
  if (`${found}` !== `${own}`) throw new Error(`${what} ${values}: ${found}, not ${own}`);
  compared += Number(own !== null);
}
console.log(JSON.stringify([compared, steering.predictor.counts.corrections]));
