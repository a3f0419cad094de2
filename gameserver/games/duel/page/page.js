// The page: it waits in the queue, follows to the duel, and shows what is going on.

import { GameClient } from "/net/client.js";

const $ = (id) => document.getElementById(id);
const latencies = [["here", 20]];
/** @type {GameClient} */
let client;

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  event.target.hidden = true;
  client = new GameClient({
    url: `${location.origin.replace("http", "ws")}/`,
    room: "ranked/main",
    name: form.get("name"),
    options: { rank: Number(form.get("rank")), latencies },
  });
  client.on("state", ({ state, reason }) => {
    if (state !== "playing") $("state").textContent = reason || state;
  });
  client.on("delta", show);
  client.on("event", ({ first, first_hand, second, second_hand, winner }) => {
    const line = document.createElement("li");
    const hands = `${first}: ${first_hand}, ${second}: ${second_hand}`;
    line.textContent = `${hands} – ${winner ? `${winner} wins` : "a draw"}`;
    $("news").prepend(line);
  });
  client.connect();
  window.client = client; // for the console
});

$("cancel").addEventListener("click", () => client.send("Cancel"));
$("enter").addEventListener("click", () => client.send("Enter"));
$("again").addEventListener("click", () => client.send("Again"));
for (const button of document.querySelectorAll("[data-hand]"))
  button.addEventListener("click", () => client.send("Choose", { hand: button.dataset.hand }));

function show() {
  const own = client.replica?.own;
  if (!own) return;
  $("queue").hidden = own.kind !== "Place";
  $("duel").hidden = own.kind !== "Duelist";
  if (own.kind === "Place") showWait(own);
  else showDuel(own);
}

function showWait({ status, place, parties, usual_wait_s }) {
  $("state").textContent = "in the queue";
  const usually = usual_wait_s < 0 ? "" : `; the last ones waited ${usual_wait_s} s`;
  $("wait").textContent = {
    IDLE: "You are not waiting.",
    FORMING: "Your party is not complete.",
    WAITING: `Place ${place} of ${parties}${usually}`,
    MATCHED: "There is a match for you.",
    UNMATCHABLE: "No match is possible for you.",
  }[status];
  $("cancel").hidden = status === "IDLE" || status === "MATCHED";
  $("enter").hidden = status !== "IDLE";
}

function showDuel(own) {
  const players = client.replica.ofKind("Duelist");
  const winner = client.replica.ofKind("Duelling")[0]?.winner ?? 0;
  $("players").replaceChildren(
    ...players.map(({ name, score, has_chosen }) => {
      const line = document.createElement("li");
      line.textContent = `${name}: ${score}${has_chosen ? " ✓" : ""}`; // text, never HTML
      return line;
    }),
  );
  if (winner) $("state").textContent = winner === own.id ? "You have won." : "You have lost.";
  else $("state").textContent = players.length < 2 ? "waiting for the other player" : "choose";
  for (const button of document.querySelectorAll("[data-hand]"))
    button.disabled = winner !== 0 || own.has_chosen;
  $("again").hidden = winner === 0;
}
