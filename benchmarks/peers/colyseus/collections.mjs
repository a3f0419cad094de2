/**
 * How many bytes Colyseus' schema takes for one edit of a list, a map or a nested value.
 *
 * Prints an object: the name of each edit of `benchmarks/studies/collections.py` → bytes of the patch.
 */
import { Encoder, schema, t } from "@colyseus/schema";

const Spot = schema({ x: t.int16(), y: t.int16() }, "Spot");
const Item = schema({ kind: t.uint8(), count: t.uint16(), label: t.string() }, "Item");
const Best = schema({ kind: t.uint8(), at: t.ref(Spot) }, "Best");
const Ship = schema(
  {
    hold: t.array(Item),
    path: t.array("int16"),
    prices: t.map("uint16"),
    shelf: t.map(Item),
    best: t.ref(Best),
  },
  "Ship",
);
const State = schema({ ships: t.map(Ship) }, "State");

const item = (kind, count, label) => new Item().assign({ kind, count, label });

/** A ship as `make_ship` makes it. */
function makeShip() {
  const ship = new Ship();
  ship.assign({ hold: [], path: [] });
  for (let i = 0; i < 20; i += 1) {
    ship.hold.push(item(i % 3, i, `item ${i}`));
    ship.path.push(100 + i);
  }
  for (let i = 0; i < 10; i += 1) {
    ship.prices.set(`ware ${i}`, 100 + i);
    ship.shelf.set(`slot ${i}`, item(i % 3, i, `item ${i}`));
  }
  ship.best = new Best().assign({ kind: 1, at: new Spot().assign({ x: 10, y: 20 }) });
  return ship;
}

const swap = (list) =>
  list.move(() => {
    [list[3], list[15]] = [list[15], list[3]];
  });

/** @type {Record<string, (ship: any) => void>} */
const EDITS = {
  "push a value": ({ hold }) => hold.push(item(2, 7, "sword")),
  "pop a value": ({ hold }) => hold.pop(),
  "set one field of one value": ({ hold }) => (hold[10].count = 300),
  "insert a value at the front": ({ hold }) => hold.unshift(item(2, 7, "sword")),
  "remove a value in the middle": ({ hold }) => hold.splice(10, 1),
  "swap two values": ({ hold }) => swap(hold),
  "clear the values": ({ hold }) => hold.clear(),
  "push a number": ({ path }) => path.push(77),
  "pop a number": ({ path }) => path.pop(),
  "set a number": ({ path }) => (path[10] = 300),
  "insert a number at the front": ({ path }) => path.unshift(77),
  "remove a number in the middle": ({ path }) => path.splice(10, 1),
  "swap two numbers": ({ path }) => swap(path),
  "clear the numbers": ({ path }) => path.clear(),
  "set a new key": ({ prices }) => prices.set("ware 10", 110),
  "set a key that is there": ({ prices }) => prices.set("ware 5", 300),
  "delete a key": ({ prices }) => prices.delete("ware 5"),
  "put a value under a new key": ({ shelf }) => shelf.set("slot 10", item(2, 7, "sword")),
  "set one field of the value of a key": ({ shelf }) => (shelf.get("slot 5").count = 300),
  "set one field of a value within a value": ({ best }) => (best.at.x = 300),
};

const bytes = {};
for (const [name, edit] of Object.entries(EDITS)) {
  const state = new State();
  const encoder = new Encoder(state);
  const ship = makeShip();
  state.ships.set("1", ship);
  encoder.encode({ offset: 1 });
  encoder.discardChanges();
  edit(ship);
  const it = { offset: 1 };
  bytes[name] = encoder.encode(it).length - 1;
  encoder.discardChanges();
}
console.log(JSON.stringify(bytes));
