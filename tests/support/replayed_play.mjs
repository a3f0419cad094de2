// What one client of a simulated play did and heard, once more with the netcode of pages: reads
// `{ schema, rate, began, input, rules, steps }` from standard input, and prints how many states of the
// prediction it compared with the Python client's, and how many corrections it made.
// `rules` is a module that exports `rules(client)`, what a page gives to `client.steering`.

import { readFileSync } from "node:fs";

import { Lead } from "../../clients/web/net/lead.js";
import { Reader } from "../../clients/web/net/msgpack.js";
import { withIdle } from "../../clients/web/net/predicted_play.js";
import { Replica } from "../../clients/web/net/replica.js";
import { Schema } from "../../clients/web/net/schema.js";
import { Steering } from "../../clients/web/net/steering.js";
import { TickClock } from "../../clients/web/net/tickclock.js";

const told = JSON.parse(readFileSync(0, "utf8"));
const { rules } = await import(told.rules);
const replica = new Replica(Schema.read(new Reader(Buffer.from(told.schema, "hex"))));
const clock = new TickClock(told.rate, told.began, 0);
const lead = new Lead(clock);
const input = replica.schema.command(told.input);
const vehicle = withIdle(rules({ replica }), (command) => input.complete(command));
const steering = new Steering(vehicle, replica, clock, lead);
const acts = {
  pong: (sentMs, tick, nowMs) => clock.pong(sentMs, nowMs, tick),
  delta: (hex, nowMs) => {
    const { tick, margin, events } = replica.apply(new Uint8Array(Buffer.from(hex, "hex")));
    clock.delta(tick, nowMs);
    lead.margin(tick, margin);
    steering.delta(margin, events, nowMs);
  },
  turn: (tick, command, nowMs) => {
    if (steering.due(nowMs) !== tick) throw new Error(`${steering.tick} is due, not ${tick}`);
    const order = command === null ? null : steering.steer(command);
    if (order !== null) lead.sent(order.tick);
  },
};
let compared = 0;
for (const [what, ...values] of told.steps) {
  const own = values.pop();
  acts[what](...values);
  const found = steering.own === null ? null : Object.values(steering.own);
  if (`${found}` !== `${own}`) throw new Error(`${what} ${values}: ${found}, not ${own}`);
  compared += Number(own !== null);
}
console.log(JSON.stringify([compared, steering.predictor.counts.corrections]));
