// The page: it joins, predicts the own ship with the server's own step, and draws.

import { GameClient } from "/net/client.js";
import { HEIGHT, RADIUS, step, UNIT, WIDTH } from "./movement.js";

const SHOT_MS = 150;
const $ = (id) => document.getElementById(id);
const pen = $("view").getContext("2d");
pen.scale(1 / UNIT, 1 / UNIT);
pen.textAlign = "center";

const held = new Set();
const pointer = { x: WIDTH / 2, y: 0, down: false, isFinger: false };
addEventListener("keydown", ({ key }) => held.add(key));
addEventListener("keyup", ({ key }) => held.delete(key));
addEventListener("blur", () => held.clear());
for (const event of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
  addEventListener(event, ({ clientX, clientY, buttons, pointerType }) => {
    const { left, top, width } = $("view").getBoundingClientRect();
    pointer.x = ((clientX - left) / width) * WIDTH;
    pointer.y = ((clientY - top) / width) * WIDTH;
    pointer.down = buttons > 0;
    pointer.isFinger = pointerType === "touch";
  });
}
const isHeld = (...keys) => Number(keys.some((key) => held.has(key)));

// A finger pulls the ship along, which shoots at where it is.
function controls() {
  const me = play.own ?? { x: WIDTH / 2, y: HEIGHT / 2 };
  const [right, down] = [pointer.x - me.x, pointer.y - me.y];
  const pull = (distance) => (pointer.isFinger && pointer.down ? Math.sign(Math.round(distance / (60 * UNIT))) : 0);
  return {
    dx: pull(right) || isHeld("ArrowRight", "d") - isHeld("ArrowLeft", "a"),
    dy: pull(down) || isHeld("ArrowDown", "s") - isHeld("ArrowUp", "w"),
    aim: Math.atan2(down, right),
    fire: pointer.down || held.has(" "),
  };
}

const name = new URLSearchParams(location.search).get("name") ?? "Ada";
const client = new GameClient({ url: `${location.origin.replace("http", "ws")}/`, name });
const play = client.steering({
  command: "Steer",
  controls,
  state: ({ x, y, vx, vy }) => ({ x, y, vx, vy }),
  step,
  idle: (last, silentTicks) => (last === null || silentTicks > 10 ? { aim: 0 } : last),
  snapDistance: 100 * UNIT, // a longer correction, as after a hit, is shown at once
  kinds: ["Ship"], // drawn a moment ago, between two deltas
  jumpDistance: 20 * UNIT, // the farthest that one can move in one tick
});
const shots = [];
client.on("state", ({ state, reason }) => {
  const hint = "WASD or arrow keys fly, the mouse aims and shoots; so does a finger.";
  $("state").textContent = state === "playing" ? hint : reason || state;
});
client.on("event", (event) => {
  if (event.kind === "Shot") shots.push({ ...event, until: performance.now() + SHOT_MS });
  else $("state").textContent = `${event.who} shot ${event.whom}`;
});
client.on("delta", () => {
  const ships = [...client.replica.entities.values()].sort((a, b) => b.score - a.score);
  $("scores").replaceChildren(...ships.slice(0, 5).map(line));
});
client.connect();
Object.assign(window, { client, play }); // for the console

function line({ name, score }) {
  const item = document.createElement("li");
  item.textContent = `${name} ${score}`; // names come from strangers: text, never HTML
  return item;
}

requestAnimationFrame(function draw() {
  requestAnimationFrame(draw);
  const me = play.frame(controls()); // first, once a frame
  const { color, accentColor } = getComputedStyle($("view"));
  pen.clearRect(0, 0, WIDTH, HEIGHT);
  for (const ship of client.replica?.entities.values() ?? []) {
    const isOwn = ship === client.replica.own;
    const at = isOwn ? me : play.placeOf(ship);
    if (at !== null) drawShip(ship, at, isOwn ? controls().aim : ship.aim, isOwn ? accentColor : color);
  }
  pen.strokeStyle = accentColor;
  pen.lineWidth = 2 * UNIT;
  while (shots[0]?.until < performance.now()) shots.shift();
  for (const { x, y, to_x, to_y } of shots) {
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(to_x, to_y);
    pen.stroke();
  }
});

function drawShip({ name, hull }, { x, y }, aim, colour) {
  pen.fillStyle = pen.strokeStyle = colour;
  pen.lineWidth = 6 * UNIT;
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + Math.cos(aim) * RADIUS * 1.6, y + Math.sin(aim) * RADIUS * 1.6);
  pen.stroke();
  pen.beginPath();
  pen.arc(x, y, RADIUS, 0, 7);
  pen.fill();
  pen.font = `600 ${15 * UNIT}px system-ui`;
  pen.fillText(`${name} ${"♥".repeat(hull)}`, x, y - RADIUS * 1.7);
}
