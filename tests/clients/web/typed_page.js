// A page of the arena, checked with the types that `gameserver types` makes of it.  A type checker
// must complain of each line that ends with "wrong", and of no other.

import { GameClient } from "WEB/net/client.js";

/** @typedef {import("./game").Game} Game */

/** @type {GameClient<Game>} */
const client = new GameClient({ url: "ws://localhost/", name: "Ada" });
export const cast = /** @type {GameClient<Game>} */ (new GameClient({ url: "", name: "Ada" }));

const at = { url: "", name: "Ada" };
/** @type {GameClient<Game>} */
export const one = new GameClient({ ...at, options: { mode: "RANKED", size: 3 }, filters: { mode: "CASUAL" } });
/** @type {GameClient<Game>} */
export const two = new GameClient({ ...at, options: { mode: "FAST" } }); // wrong
/** @type {GameClient<Game>} */
export const three = new GameClient({ ...at, options: { seats: 3 } }); // wrong
/** @type {GameClient<Game>} */
export const four = new GameClient({ ...at, filters: { title: "x" } }); // wrong
/** @typedef {Omit<Game, "options"> & { options: { team: string } }} Strict */
/** @type {GameClient<Strict>} */
export const five = new GameClient({ ...at, options: { team: "red" } });
/** @type {GameClient<Strict>} */
export const six = new GameClient(at); // wrong
export const anyGame = new GameClient({ ...at, options: { anything: [1] }, filters: { level: 3 } });

client.send("Steer", { turn: 1, thrust: true }, 5);
client.send("Steer");
client.send("Watch");
client.send("Stear", {}); // wrong
client.send("Steer", { trun: 1 }); // wrong
client.send("Steer", { turn: "left" }); // wrong
client.send("Steer", {}, "now"); // wrong
client.send("Watch", { at: 1 }); // wrong
client.send("Demand", { count: 1, at: null });
client.send("Demand", {}); // wrong
client.send("Demand"); // wrong
client.send("Demand", { count: 1, colour: "RED" });
client.send("Demand", { count: 1, colour: "GREEN" }); // wrong

client.send("Pack", { items: [{ kind: "RED", count: 1 }] });
client.send("Pack", { items: [{ kind: "RED" }] }); // wrong
client.send("Pack", { items: [{ kind: "RED", cuont: 1 }] }); // wrong
client.send("Pack", { items: [{ kind: "PINK", count: 1 }] }); // wrong
client.send("Pack", { items: { kind: "RED", count: 1 } }); // wrong

client.on("enter", (entity) => {
  if (entity.kind === "Chest") for (const { kind, count } of entity.items) kind.padEnd(count);
  if (entity.kind === "Chest") entity.items[0]?.label; // wrong
  if (entity.kind === "Chest") entity.items.push({ kind: "RED", count: 1 }); // wrong
  if (entity.kind === "Chest" && entity.items[0]) entity.items[0].count = 2; // wrong
  if (entity.kind === "Chest") entity.prices.get("RED")?.toFixed();
  if (entity.kind === "Chest") entity.prices.get("PINK"); // wrong
  if (entity.kind === "Chest") entity.prices.set("RED", 1); // wrong
  if (entity.kind === "Chest") entity.best?.count.toFixed();
  if (entity.kind === "Chest") entity.best.count; // wrong
  if (entity.kind === "Ship") entity.x.toFixed();
  if (entity.kind === "Ship") entity.enteredAt.toFixed();
  if (entity.kind === "Ship") entity.vx?.toFixed();
  if (entity.kind === "Ship") entity.vx.toFixed(); // wrong
  if (entity.kind === "Ship") entity.podium; // wrong
  if (entity.kind === "Shop") return; // wrong
  if (entity.kind === "Pickup" && entity.kind_ === "HULL") entity.id.toFixed();
  if (entity.kind === "Pickup" && entity.kind_ === "HUL") return; // wrong
  if (entity.kind === "Ship") entity.x = 3; // wrong
});
client.on("change", ({ entity, tick }) => {
  if (entity.kind === "Round") entity.podium.includes(tick);
  if (entity.kind === "Round") entity.podium.push(tick); // wrong
});
client.on("event", (event) => {
  if (event.kind === "Kill") event.assists[0]?.toFixed();
  if (event.kind === "Kill") event.asists; // wrong
});
client.on("delta", ({ tick, entered, events }) => {
  for (const entity of entered) if (entity.kind === "Rock") entity.shape.toFixed(tick);
  for (const entity of entered) entity.shape; // wrong
  if (events[0]?.kind === "Shot") events[0].to_x.toFixed();
});
client.on("wellcome", () => {}); // wrong
client.on("said", ({ text }) => text.trim());
client.on("said", ({ txt }) => txt); // wrong

const own = client.replica?.own;
if (own?.kind === "Ship") own.hull.toFixed();
own?.hull; // wrong
for (const entity of client.replica?.entities.values() ?? []) {
  if (entity.kind === "Pilot") entity.name.trim();
  entity.nme; // wrong
}
for (const pilot of client.replica?.ofKind("Pilot") ?? []) {
  pilot.name.trim();
  pilot.hull; // wrong
}
client.replica?.ofKind("Pirate"); // wrong

const play = client.steering({
  command: "Steer",
  controls: (tick) => (tick > 0 ? { turn: 1 } : null),
  state: (entity) => (entity.kind === "Ship" ? { x: entity.x, vx: entity.vx ?? 0 } : null),
  step: ({ x, vx }, { turn, thrust }) => ({ x: x + vx * turn, vx: thrust ? vx + 1 : vx }),
  idle: (last, silentTicks) => (last === null || silentTicks > 15 ? {} : last),
  place: ({ x }) => ({ x, y: 0 }),
  effects: (before, after, tick) => (after.vx > before.vx ? [{ kind: "Dashed", tick }] : []),
  effectOf: (event) => (event.kind === "Dashed" ? { kind: event.kind } : null),
  kinds: ["Ship"],
  jumpDistance: 20,
  snapDistance: 200,
});
play.own?.vx.toFixed();
play.own?.vy; // wrong
play.own.vx; // wrong
play.frame({ thrust: true })?.state.x.toFixed();
play.frame({ thrust: 1 }); // wrong
play.placeOf({ id: 1 })?.x.toFixed();
const bare = { kinds: [], jumpDistance: 0, snapDistance: 9, place: () => ({ x: 0, y: 0 }) };
client.steering({
  ...bare,
  command: "Steer",
  controls: () => ({ trust: true }), // wrong
  state: (entity) => entity.id,
  step: (state, command) => state + command.turn,
});
client.steering({
  ...bare,
  command: "Steer",
  controls: () => ({}),
  state: (entity) => entity.id,
  step: (state, command) => state + command.trun, // wrong
  idle: () => ({ turn: "left" }), // wrong
});

/** A client of a game whose types are not known takes anything. @type {GameClient} */
const untyped = new GameClient({ url: "", name: "Ada" });
untyped.send("Anything", { at: "all" });
untyped.on("enter", (entity) => entity.anything);
untyped.replica?.own?.anything;
untyped.replica?.ofKind("Anything")[0]?.anything;
untyped.on("wellcome", () => {}); // wrong
untyped.steering({
  ...bare,
  command: "Anything",
  controls: () => ({ up: 1 }),
  state: (entity) => ({ y: entity.y }),
  step: ({ y }, { up }) => ({ y: y + up }),
  idle: () => ({}),
});
