// The page: it joins, shows the table and the own hand, and sends moves.

import { GameClient } from "/net/client.js";

const SUITS = { CLUBS: "♣", DIAMONDS: "♦", HEARTS: "♥", SPADES: "♠" };
const $ = (id) => document.getElementById(id);

const name = new URLSearchParams(location.search).get("name") ?? "Ada";
const client = new GameClient({ url: `${location.origin.replace("http", "ws")}/`, name });
client.on("state", ({ state, reason }) => {
  if (state !== "playing") $("state").textContent = reason || state;
});
client.on("delta", show);
client.on("event", ({ who, what }) => {
  const line = document.createElement("li");
  line.textContent = `${who} ${what}`; // names come from strangers: text, never HTML
  $("news").prepend(line);
  $("news").children[6]?.remove();
});
client.connect();
window.client = client; // for the console

$("draw").addEventListener("click", () => client.send("Draw"));
setInterval(showTime, 250);

const all = (kind) => [...client.replica.entities.values()].filter((each) => each.kind === kind);
const isTurn = (table) => table.seat === client.welcome.seat;

function show() {
  const [table] = all("Table");
  const me = client.replica.own;
  if (!table || !me) return;
  $("top").replaceWith(Object.assign(face(table.top, "div"), { id: "top" }));
  $("players").replaceChildren(...all("Hand").map((hand) => player(hand, table)));
  $("hand").replaceChildren(
    ...(me.cards ?? []).map((card) => {
      const button = face(card, "button");
      const fits = card.suit === table.top.suit || card.rank === table.top.rank;
      button.disabled = !isTurn(table) || !fits;
      button.addEventListener("click", () => client.send("Put", { card }));
      return button;
    }),
  );
  $("draw").disabled = !isTurn(table);
  showTime();
}

function showTime() {
  if (client.state !== "playing") return;
  const [table] = all("Table");
  if (!table) return;
  const ticks = Math.max(0, table.ends - client.serverTickNow());
  const seconds = Math.ceil(ticks / client.welcome.tickRate) || "";
  const whose = all("Hand").find(({ seat }) => seat === table.seat)?.name;
  if (!table.seat) $("state").textContent = table.ends ? "The next round begins." : "Waiting for a second player.";
  else $("state").textContent = isTurn(table) ? `Your turn: ${seconds} s` : `${whose} is thinking.`;
}

function face({ rank, suit }, tag) {
  const card = document.createElement(tag);
  card.className = `card ${suit === "HEARTS" || suit === "DIAMONDS" ? "red" : ""}`;
  card.textContent = `${rank}${SUITS[suit]}`;
  card.ariaLabel = `${rank} of ${suit.toLowerCase()}`;
  return card;
}

function player({ name, seat, size }, table) {
  const line = document.createElement("li");
  line.textContent = `${name} · ${size}`;
  line.classList.toggle("turn", seat === table.seat);
  return line;
}
