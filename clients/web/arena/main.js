/**
 * Where the page begins: the address → a client and the page around it.
 *
 * Owns the reading of the address: `?room=arena/x` names the room, `?name=Ada` the pilot, and
 * `&autoplay=1` flies at once (for tests and screenshots); `&network=train` plays over that link (see
 * `lab/profiles.js`), with `&seed=7` over the same one each time.  `#token=…` signs in where a room requires it:
 * what follows a # is sent to no server, and it is taken out of the address at once.
 *
 * Leaves `window.arena = { client, scene, stats }` for tests: the `GameClient`, what the screen shows,
 * and how many frames were drawn, how many per second, and how many milliseconds of script each took.
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
// Before the page listens: it would greet the room as the arena.
client.on("welcome", ({ schema }) => {
  if (schema.entities.some((kind) => kind.name === "Pilot")) return;
  client.close();
  page.tellOfAnotherGame();
});
const page = new ArenaPage(client, given, lab);
Object.assign(window, { arena: { client, scene: page.scene, stats: page.stats } });
client.connect();
// Whoever closes the page has left: nobody else should wait for the seat until it is given up.
addEventListener("pagehide", ({ persisted }) => {
  if (!persisted) client.close();
});
// Browsers cut the connections of tabs that they put to sleep.
document.addEventListener("resume", () => client.wake());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) client.wake();
});
if (asked.get("autoplay") === "1") page.play(given ?? { name: "Pilot", colour: 0 });

/** The token in the address, which must not stay there: others may see it. @returns {string | null} */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname + location.search);
  return token;
}
