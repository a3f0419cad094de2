/**
 * The start of the page: it reads the address and makes a client and the page.
 *
 * Owns the reading of the address: `?room=arena/x` names the room, `?name=Ada` the pilot, and
 * `&autoplay=1` flies at once (for tests and screenshots).  `&network=train` plays over that link (see
 * `lab/profiles.js`), and `&seed=7` makes its delays repeatable.  `#token=…` signs in where a room
 * requires it.  Browsers send the part after # to no server, and the page removes it at once.
 *
 * Leaves `window.arena = { client, scene, stats }` for tests: the `GameClient`, what the screen
 * shows, and how many frames were drawn, how many per second, and how many milliseconds of script
 * each took.
 */

import { LabLink } from "../lab/conditioned_socket.js";
import { linkNamed } from "../lab/profiles.js";
import { GameClient } from "../net/client.js";
import { cleanName } from "../net/texts.js";
import { ArenaPage } from "./app.js";
import { PALETTE } from "./palette.js";

const asked = new URLSearchParams(location.search);
const name = cleanName(asked.get("name") ?? "");
const given = name === "" ? null : { name, colour: Math.floor(Math.random() * PALETTE.length) };

const lab = new LabLink(Number(asked.get("seed") ?? Date.now()) | 0);
lab.link = linkNamed(asked.get("network") ?? "");

const client = new GameClient({
  url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/`,
  room: asked.get("room") ?? "arena",
  name: name || "Guest",
  token: takeToken(),
  socketFactory: lab.sockets(WebSocket),
});
// Registered before the page's listeners, which would treat any room as the arena.
client.on("welcome", ({ schema }) => {
  if (schema.entities.some((kind) => kind.name === "Pilot")) return;
  client.close();
  page.tellOfAnotherGame();
});
const page = new ArenaPage(client, given, lab);
Object.assign(window, { arena: { client, scene: page.scene, stats: page.stats } });
client.connect();
// Closing the page leaves the room at once, so that the seat is free for another player.
addEventListener("pagehide", ({ persisted }) => {
  if (!persisted) client.close();
});
// Browsers close the connections of tabs that they put to sleep.
document.addEventListener("resume", () => client.wake());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) client.wake();
});
if (asked.get("autoplay") === "1") page.play(given ?? { name: "Pilot", colour: 0 });

/** Take the token out of the address, where others might see it. @returns {string | null} */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname + location.search);
  return token;
}
