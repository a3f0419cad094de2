/**
 * Runs step code: reads a line of JSON for each program, `{code, name, calls}`, and answers with one.
 * A number travels as the bits of its float 64, so that -0 and NaN do too; what raised as "raised".
 */

import { createInterface } from "node:readline";

const view = new DataView(new ArrayBuffer(8));

function encoded(value) {
  if (typeof value === "number") {
    if (Number.isNaN(value)) return "nan";
    view.setFloat64(0, value);
    return view.getBigUint64(0).toString(16).padStart(16, "0");
  }
  if (Array.isArray(value)) return value.map(encoded);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, encoded(each)]));
  }
  return value;
}

function decoded(value) {
  if (typeof value === "string") {
    if (value === "nan") return NaN;
    view.setBigUint64(0, BigInt(`0x${value}`));
    return view.getFloat64(0);
  }
  if (Array.isArray(value)) return value.map(decoded);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, decoded(each)]));
  }
  return value;
}

function answer(step, values) {
  try {
    return encoded(step(...values));
  } catch (error) {
    if (error instanceof RangeError) return "raised";
    return `${error}`;
  }
}

async function answers({ code, name, calls }) {
  const module = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  return calls.map((values) => answer(module[name], decoded(values)));
}

for await (const line of createInterface({ input: process.stdin })) {
  const program = JSON.parse(line);
  const given = await answers(program).catch((error) => program.calls.map(() => `${error}`));
  process.stdout.write(`${JSON.stringify(given)}\n`);
}
