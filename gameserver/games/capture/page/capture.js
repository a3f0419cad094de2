// The page of Capture: it joins, predicts the own racer with the server's own step, and draws.

import { GameClient } from "/net/client.js";
import { directions } from "/net/directions.js";
import { GATE_X, GATE_Y, HEIGHT, UNIT, WALLS, WIDTH } from "./movement.js";
import { rules } from "./rules.js";

const VIEW = 240 * UNIT;
const COLOURS = { RED: "#ff6b5e", BLUE: "#5aa9ff", KEY: "#ffd166", BOOTS: "#6ee7a8" };
const DARK = "#04060bb8";
const $ = (id) => document.getElementById(id);
const pen = $("map").getContext("2d");
pen.scale(1 / UNIT, 1 / UNIT);
pen.textAlign = "center";
const shade = new OffscreenCanvas(WIDTH / UNIT / 2, HEIGHT / UNIT / 2).getContext("2d");
shade.scale(1 / UNIT / 2, 1 / UNIT / 2);

const controls = directions(document.body); // keys, or a thumb

$("join").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const [name, room, password] = ["name", "room", "password"].map((each) => $("join")[each].value);
  $("join").hidden = true;
  begin({ name, room: room === "" ? "capture" : `capture/${room}`, options: { password } });
});

function begin(asked) {
  const client = new GameClient({ url: `${location.origin.replace("http", "ws")}/`, ...asked });
  const play = client.steering({ command: "Move", controls, ...rules(client) });
  client.on("state", ({ state, reason }) => ($("state").textContent = reason || state));
  client.on("welcome", ({ room }) => ($("state").textContent = room));
  client.on("event", ({ who, what, team }) => {
    const line = Object.assign(document.createElement("li"), { className: team });
    line.textContent = `${who} ${what}`; // names come from strangers: text, never HTML
    $("news").append(line);
    while ($("news").children.length > 3) $("news").firstChild.remove();
  });
  for (const kind of ["KEY", "BOOTS"]) {
    $(kind).addEventListener("click", () => client.send("Use", { kind }));
    addEventListener("keydown", ({ key }) => key === $(kind).accessKey && $(kind).click());
  }
  client.connect();
  Object.assign(window, { client, play }); // for tests, and for the curious
  requestAnimationFrame(function frame() {
    requestAnimationFrame(frame);
    if (client.replica !== null) draw(client, play.frame(controls()), play);
  });
}

function draw(client, me, play) {
  const [own, tick] = [client.replica.own, client.serverTickNow()];
  for (const [at, team, floor] of [[0, "RED", "#33252c"], [1, "BLUE", "#212d45"]]) {
    rectangle(floor, (at * WIDTH) / 2, 0, WIDTH / 2, HEIGHT);
    disc(`${COLOURS[team]}3a`, Math.abs(at * WIDTH - 60 * UNIT), HEIGHT / 2, 44);
  }
  for (const { x, y, kind_ } of client.replica.ofKind("Crate")) {
    disc(COLOURS[kind_], x, y, 11);
    write(kind_ === "KEY" ? "key" : "run", x, y + 3 * UNIT, "#0a0d14", 9);
  }
  if (own) drawFog(me ?? own);
  for (const [x, y, right, bottom] of WALLS) rectangle("#75839f", x, y, right - x, bottom - y);
  for (const { x, y, opens, closes } of client.replica.ofKind("Gate")) {
    const isOpen = tick > opens && tick <= closes;
    rectangle(isOpen ? "#ffd1662e" : "#ffd166", x - GATE_X / 2, y - GATE_Y, GATE_X, 2 * GATE_Y);
  }
  const at = (me ?? own ?? { x: WIDTH / 2 }).x / WIDTH; // a narrow screen shows a part of the map
  $("view").scrollLeft = at * $("map").clientWidth - $("view").clientWidth / 2;
  document.body.classList.toggle("out", own?.out === true);
  const places = new Map();
  for (const racer of client.replica.ofKind("Racer")) {
    const at = racer === own ? (me ?? own) : play.placeOf(racer);
    if (at !== null) drawRacer(racer, at, racer === own);
    places.set(racer.id, at);
  }
  for (const flag of client.replica.ofKind("Flag")) drawFlag(flag, places.get(flag.carrier) ?? flag);
  for (const { points } of client.replica.ofKind("Match")) for (const [team, each] of points) $(team).textContent = each;
  for (const kind of ["KEY", "BOOTS"]) {
    const count = own?.items?.find((item) => item.kind === kind)?.count ?? 0;
    Object.assign($(kind), { disabled: count === 0, value: count }); // the style shows the value
  }
}

function rectangle(colour, left, top, width, height) {
  pen.fillStyle = colour;
  pen.fillRect(left, top, width, height);
}

function disc(colour, x, y, radius) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.arc(x, y, radius * UNIT, 0, 7);
  pen.fill();
}

function write(text, x, y, colour, size) {
  pen.font = `600 ${size * UNIT}px system-ui, sans-serif`;
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
}

// Dark, but for a circle around the own racer; and dark behind each wall in it.
function drawFog({ x, y }) {
  const light = shade.createRadialGradient(x, y, VIEW * 0.6, x, y, VIEW);
  light.addColorStop(0, "#04060b00");
  light.addColorStop(1, DARK);
  const behind = new Path2D();
  for (const [left, top, right, bottom] of WALLS) {
    const corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
    for (const [index, [fromX, fromY]] of corners.entries()) {
      const [toX, toY] = corners[(index + 1) % 4];
      if ((toX - fromX) * (y - fromY) < (toY - fromY) * (x - fromX)) continue; // faces the light
      behind.moveTo(fromX, fromY);
      behind.lineTo(toX, toY);
      behind.lineTo(toX + (toX - x) * 99, toY + (toY - y) * 99);
      behind.lineTo(fromX + (fromX - x) * 99, fromY + (fromY - y) * 99);
    }
  }
  shade.save();
  for (const colour of [light, DARK]) {
    shade.clearRect(0, 0, WIDTH, HEIGHT);
    shade.fillStyle = colour;
    shade.fillRect(0, 0, WIDTH, HEIGHT);
    shade.clip(behind);
  }
  shade.restore();
  pen.drawImage(shade.canvas, 0, 0, WIDTH, HEIGHT);
}

function drawRacer({ team, name, out }, { x, y }, isOwn) {
  if (isOwn) disc("#fffd", x, y, 14);
  disc(out ? "#6b7488" : COLOURS[team], x, y, 11);
  disc("#0a0d1466", x, y, 5);
  write(name, x, y < 40 * UNIT ? y + 28 * UNIT : y - 18 * UNIT, isOwn ? "#fff" : COLOURS[team], 12);
}

function drawFlag({ team }, { x, y }) {
  rectangle("#e8eefc", x - UNIT, y - 30 * UNIT, 2 * UNIT, 34 * UNIT);
  rectangle(COLOURS[team], x + UNIT, y - 30 * UNIT, 20 * UNIT, 14 * UNIT);
}
