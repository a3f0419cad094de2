// The table of close codes against the one in the protocol document.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { CLOSE_CODES, closeCode } from "../../clients/web/net/closing.js";

const README = new URL("../../gameserver/protocol/README.md", import.meta.url);

test("the close codes are those of the protocol document", () => {
  const section = readFileSync(README, "utf8").split("## Close codes")[1].split("\n## ")[0];
  const rows = section.matchAll(/^\| (\d{4}) \| ([^|]+) \| [^|]+ \| ([^|]+) \|$/gm);
  const documented = [...rows].map(([, code, name, action]) => ({
    code: Number(code),
    name: name.trim(),
    action: action.trim(),
  }));
  assert.ok(documented.length > 10);
  assert.deepEqual(CLOSE_CODES, documented);
});

test("codes outside the table", () => {
  for (const code of [1005, 1006, 1012, 1013, 1014]) {
    assert.equal(closeCode(code).action, "resume", `${code}`);
  }
  for (const code of [1002, 1007, 1010, 1015, 3000, 4099, 4999]) {
    assert.equal(closeCode(code).action, "stop", `${code}`);
  }
});
