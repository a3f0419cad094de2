/**
 * Applies changes: reads lines of `type held change` in hexadecimal, and prints the new value of each.
 * Run by tests/model/test_edits.py.
 */

import { readFileSync } from "node:fs";

import { readChange } from "../../clients/web/net/edits.js";
import { readType } from "../../clients/web/net/fieldtypes.js";
import { Reader, Writer } from "../../clients/web/net/msgpack.js";
import { fromHex, toHex } from "./vectors.mjs";

for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const [described, heldBytes, changeBytes] = line.split(" ").map(fromHex);
  const type = readType(new Reader(described));
  const held = type.read(new Reader(heldBytes));
  const reader = new Reader(changeBytes);
  const wire = readChange(reader, type, held);
  reader.end();
  const writer = new Writer();
  type.write(writer, wire);
  console.log(toHex(writer.written()));
}
