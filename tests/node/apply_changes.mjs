/**
 * Applies changes: reads lines of `type held change` in hexadecimal, and prints the new value of each,
 * or "refused".  Run by tests/model/test_edits.py.
 */

import { readFileSync } from "node:fs";

import { readChange } from "../../clients/web/net/edits.js";
import { ProtocolError } from "../../clients/web/net/errors.js";
import { readType } from "../../clients/web/net/fieldtypes.js";
import { Reader, Writer } from "../../clients/web/net/msgpack.js";
import { fromHex, toHex } from "./vectors.mjs";

for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const [described, heldBytes, changeBytes] = line.split(" ").map(fromHex);
  const type = readType(new Reader(described));
  const held = type.read(new Reader(heldBytes));
  console.log(applied(type, held, new Reader(changeBytes)));
}

function applied(type, held, reader) {
  const writer = new Writer();
  try {
    type.write(writer, readChange(reader, type, held));
    reader.end();
  } catch (error) {
    if (error instanceof ProtocolError) return "refused";
    throw error;
  }
  return toHex(writer.written());
}
