// The msgpack codec: against @msgpack/msgpack on seeded random values, at the edges of every form,
// and on bytes that are none.

import assert from "node:assert/strict";
import test from "node:test";

import * as reference from "@msgpack/msgpack";

import { ProtocolError } from "../../clients/web/net/errors.js";
import { decode, encode, Float32, Float64, Reader, Writer } from "../../clients/web/net/msgpack.js";
import { fromHex, toHex, vectors } from "./vectors.mjs";

/** Mulberry32: a small seeded generator, so that a failure can be repeated. */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const TEXTS = ["", "a", "Zoë", "🚀", "\ufeffbom", "x".repeat(31), "é".repeat(16), "y".repeat(300)];

/** A random value; whole floats are left out, as the reference writes them as integers. */
function anyValue(random, depth) {
  const count = () => Math.floor(random() * (random() < 0.1 ? 40 : 5));
  const texts = () => TEXTS[Math.floor(random() * TEXTS.length)];
  switch (Math.floor(random() * (depth > 0 ? 8 : 6))) {
    case 0:
      return null;
    case 1:
      return random() < 0.5;
    case 2:
      return Math.floor(2 ** (random() * 52)) * (random() < 0.5 ? -1 : 1) + 0;
    case 3:
      return (random() - 0.5) * 2 ** (random() * 40 - 20);
    case 4:
      return texts();
    case 5:
      return new Uint8Array(random() < 0.1 ? 70000 : count()).fill(Math.floor(random() * 256));
    case 6:
      return Array.from({ length: count() }, () => anyValue(random, depth - 1));
    default:
      return Object.assign(
        Object.create(null), // as the codec reads maps
        ...Array.from({ length: count() }, (_, i) => ({
          [`key ${i} ${texts()}`]: anyValue(random, depth - 1),
        })),
      );
  }
}

test("random values are written and read as by @msgpack/msgpack", () => {
  const random = seeded(20_240_917);
  for (let round = 0; round < 2000; round += 1) {
    const value = anyValue(random, 4);
    const bytes = encode(value);
    assert.equal(toHex(bytes), toHex(reference.encode(value)), `round ${round}`);
    assert.deepEqual(decode(bytes), value, `round ${round}`);
  }
});

test("integers take their shortest form", () => {
  const edges = [0, 0x20, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000];
  edges.push(2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52, 2 ** 53 - 1);
  for (const edge of edges.flatMap((value) => [value, -value + 0, -value - 1])) {
    if (!Number.isSafeInteger(edge)) continue;
    const bytes = encode(edge);
    assert.equal(toHex(bytes), toHex(reference.encode(edge)), `${edge}`);
    assert.equal(new Reader(bytes).int(-(2 ** 53), 2 ** 53), edge);
  }
});

test("integers are read in longer forms too, within the range asked for", () => {
  const forms = ["05", "cc05", "cd0005", "ce00000005", "cf0000000000000005", "d005", "d10005"];
  for (const hex of forms) {
    assert.equal(new Reader(fromHex(hex)).int(0, 5), 5, hex);
    assert.throws(() => new Reader(fromHex(hex)).int(0, 4), ProtocolError, hex);
    assert.throws(() => new Reader(fromHex(hex)).int(6, 9), ProtocolError, hex);
  }
  const widest = (hex) => new Reader(fromHex(hex)).int(-(2 ** 53), 2 ** 53);
  assert.equal(widest("cf0020000000000000"), 2 ** 53);
  assert.equal(widest("d3ffe0000000000000"), -(2 ** 53));
  assert.equal(new Reader(fromHex("d3ffffffffffffffff")).int(-1, 0), -1);
});

test("floats keep the form that was asked for", () => {
  assert.equal(toHex(encode(new Float32(1))), "ca3f800000");
  assert.equal(toHex(encode(new Float64(1))), "cb3ff0000000000000");
  assert.equal(toHex(encode(0.5)), "cb3fe0000000000000");
  const writer = new Writer();
  writer.float32(-0);
  assert.ok(Object.is(new Reader(writer.written()).float32(), -0));
});

test("a leading U+FEFF is kept", () => {
  assert.equal(decode(encode("\ufeffa")), "\ufeffa");
});

test("a key of a map reaches no prototype", () => {
  const map = decode(fromHex("81a95f5f70726f746f5f5f81a16101"));
  assert.equal(map.a, undefined);
  assert.deepEqual(Object.keys(map), ["__proto__"]);
});

test("what has no form is refused when writing", () => {
  for (const value of [2 ** 53, -(2 ** 53), NaN, Infinity, new Float32(1e39), "\ud800"]) {
    assert.throws(() => encode(value), RangeError, String(value));
  }
  for (const value of [undefined, Symbol("s"), () => 1, new Map(), 1n, new Date()]) {
    assert.throws(() => encode(value), TypeError, String(value));
  }
});

test("bytes that are no value are refused, whatever they are", () => {
  const refused = {
    "nothing": "",
    "two values": "0101",
    "an extension": "d40100",
    "an empty extension": "c70001",
    "the unused code": "c1",
    "a key that is no str": "810101",
    "a key twice": "82a16101a16102",
    "NaN": "ca7fc00000",
    "an infinity": "cb7ff0000000000000",
    "an integer beyond 2^52": "cf0010000000000001",
    "an integer below -2^52": "d3ffefffffffffffff",
    "the least integer of 64 bits": "d38000000000000000",
    "a str that is not UTF-8": "a2c328",
    "a surrogate in UTF-8": "a3eda080",
    "an array of 2^32 - 1": "ddffffffff",
    "a map of 2^32 - 1": "dfffffffff",
    "a str of 2^32 - 1": "dbffffffff",
    "a bin of 2^32 - 1": "c6ffffffff",
    "deep nesting": "91".repeat(2000),
    "nesting of 65": `${"91".repeat(65)}c0`,
    "2^18 + 1 elements": `dd00040001${"c0".repeat(2 ** 18 + 1)}`,
    "2^18 + 1 keys": `df00040001${"a0c0".repeat(2 ** 18 + 1)}`,
    "deep maps": "81a161".repeat(2000),
  };
  for (const [what, hex] of Object.entries(refused)) {
    assert.throws(() => decode(fromHex(hex)), ProtocolError, what);
  }
});

test("any cut is refused", () => {
  const whole = encode([1, -70000, 0.5, "text", new Uint8Array(300), { a: [null, true] }, 2 ** 40]);
  for (let length = 0; length < whole.length; length += 1) {
    assert.throws(() => decode(whole.subarray(0, length)), ProtocolError, `${length}`);
  }
});

test("random bytes decode, or raise ProtocolError", () => {
  const random = seeded(7);
  let decoded = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Uint8Array.from({ length: 1 + random() * 24 }, () => random() * 256);
    try {
      decode(bytes);
      decoded += 1;
    } catch (error) {
      assert.ok(error instanceof ProtocolError, `${toHex(bytes)}: ${error}`);
    }
  }
  assert.ok(decoded > 100, "some of them are values");
});

test("the malformed bytes of the vectors decode, or raise ProtocolError", () => {
  for (const hex of vectors("malformed.json")) {
    try {
      decode(fromHex(hex));
    } catch (error) {
      assert.ok(error instanceof ProtocolError, `${hex}: ${error}`);
    }
  }
});

test("a value is read from the middle of a larger buffer", () => {
  const bytes = encode(["a", 1.5, 300]);
  const larger = new Uint8Array(bytes.length + 7);
  larger.set(bytes, 5);
  assert.deepEqual(decode(larger.subarray(5, 5 + bytes.length)), ["a", 1.5, 300]);
});

test("a writer that is cleared begins anew", () => {
  const writer = new Writer(1);
  writer.str("x".repeat(1000));
  const kept = writer.bytes();
  writer.clear();
  writer.int(1);
  assert.equal(toHex(writer.written()), "01");
  assert.equal(decode(kept).length, 1000);
});
