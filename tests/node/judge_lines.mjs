/**
 * Judges lines of hexadecimal from the standard input, one verdict in JSON a line: the other half of
 * `tests/hostile/client_verdicts.py`.  The first line is the game, as `verdicts_of_the_page` writes it.
 */

import { createInterface } from "node:readline";

import { decodeMessage } from "../../clients/web/net/messages.js";
import { survives, unpolluted, verdict } from "./judge.mjs";
import { fromHex } from "./vectors.mjs";

/** @type {import("./judge.mjs").Game | null} */
let game = null;
for await (const line of createInterface({ input: process.stdin })) {
  if (game === null) {
    const { welcome, deltas, beginnings } = JSON.parse(line);
    const { schema } = decodeMessage(fromHex(welcome));
    game = { schema, deltas: deltas.map(fromHex), beginnings };
    continue;
  }
  const bytes = fromHex(line);
  const judged = verdict(bytes, game);
  survives(bytes);
  if (!unpolluted()) throw new Error("a prototype has been changed");
  process.stdout.write(`${JSON.stringify(judged)}\n`);
}
