/**
 * The shipped page's markup and modules, wired to `demo_world.js` in place of a server.
 *
 * Owns nothing else.  `?ships=100` how many bots, `&crowd=1` all of them in view, `&autoplay=1`.
 */

import { DemoClient } from "./demo_world.js";

const asked = new URLSearchParams(location.search);
const markup = await (await fetch("../../../clients/web/index.html")).text();
const page = new DOMParser().parseFromString(
  markup.replace(/<script.*<\/script>/, ""),
  "text/html",
);
const base = document.createElement("base");
base.href = "../../../clients/web/";
document.head.append(base, ...page.head.querySelectorAll("meta[name], link"));
document.body.replaceChildren(...page.body.childNodes);

const { ArenaPage } = await import("../../../clients/web/arena/app.js");
const { LabLink } = await import("../../../clients/web/lab/conditioned_socket.js");
const client = new DemoClient({
  ships: Number(asked.get("ships") ?? 30),
  crowd: asked.get("crowd") === "1",
});
const arena = new ArenaPage(/** @type {any} */ (client), null, new LabLink(1));
Object.assign(window, { arena: { client, scene: arena.scene, stats: arena.stats } });
client.connect();
if (asked.get("autoplay") === "1") {
  client.on("welcome", () => setTimeout(() => arena.play({ name: "Ada", colour: 0 }), 100));
}
