/**
 * The playground: a page for any game, made from the schema of the room.
 *
 * Owns the start.  `?name=Ada&room=chess/1&join=1` joins at once.  Leaves `window.playground` and
 * `window.client` for tests and the console.
 */

import { Playground } from "./app.js";

const asked = new URLSearchParams(location.search);
const playground = new Playground({
  name: asked.get("name") ?? `Guest ${Math.floor(Math.random() * 90) + 10}`,
  room: asked.get("room") ?? "",
});
Object.assign(window, { playground });
playground.start(asked.get("join") === "1");
