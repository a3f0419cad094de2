// The page: it joins, sends which keys are held, and draws what it sees.

import { GameClient } from "/net/client.js";

const canvas = document.querySelector("#view");
const pen = canvas.getContext("2d");

const name = new URLSearchParams(location.search).get("name") ?? "Ada";
const client = new GameClient({ url: `${location.origin.replace("http", "ws")}/`, name });
client.on("state", ({ state, reason }) => {
  document.querySelector("#state").textContent =
    state === "playing" ? "Arrow keys or WASD move you; so does a finger." : reason || state;
});
client.connect();
window.client = client; // for the console

const held = new Set();
let finger = null; // where it touches the field
const isHeld = (...keys) => Number(keys.some((key) => held.has(key)));
addEventListener("keydown", ({ key }) => move(() => held.add(key)));
addEventListener("keyup", ({ key }) => move(() => held.delete(key)));
addEventListener("blur", () => move(() => held.clear()));
for (const event of ["pointerdown", "pointermove"]) {
  canvas.addEventListener(event, ({ buttons, offsetX, offsetY }) => {
    const scale = canvas.width / canvas.clientWidth;
    if (buttons > 0) move(() => (finger = { x: offsetX * scale, y: offsetY * scale }));
  });
}
addEventListener("pointerup", () => move(() => (finger = null)));

let sent = { dx: 0, dy: 0 };
function move(change) {
  change();
  const me = client.replica?.own;
  if (!me) return;
  const far = (distance) => Math.sign(Math.round(distance / 20));
  const dx = finger ? far(finger.x - me.x) : isHeld("ArrowRight", "d") - isHeld("ArrowLeft", "a");
  const dy = finger ? far(finger.y - me.y) : isHeld("ArrowDown", "s") - isHeld("ArrowUp", "w");
  if (dx === sent.dx && dy === sent.dy) return;
  sent = { dx, dy };
  client.send("Move", sent);
}

client.on("delta", () => {
  if (finger) move(() => {});
  const colours = getComputedStyle(canvas);
  pen.clearRect(0, 0, 600, 600);
  pen.font = "600 14px system-ui";
  pen.textAlign = "center";
  for (const dot of client.replica.entities.values()) {
    pen.fillStyle = dot === client.replica.own ? colours.accentColor : colours.color;
    pen.beginPath();
    pen.arc(dot.x, dot.y, 12, 0, 7);
    pen.fill();
    pen.fillText(dot.name, dot.x, dot.y - 20);
  }
});
