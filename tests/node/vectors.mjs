/**
 * The test vectors of the protocol, as values that the msgpack codec writes.
 *
 * Owns reading `tests/vectors/` and the JSON marks that its README describes.
 */

import { readFileSync } from "node:fs";

import { encode, Float32, Float64, Reader } from "../../clients/web/net/msgpack.js";
import { Schema } from "../../clients/web/net/schema.js";

/** @param {string} name a file of tests/vectors @returns {any} */
export function vectors(name) {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8"));
}

/** @param {string} hex @returns {Uint8Array} */
export function fromHex(hex) {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** @param {Uint8Array} bytes @returns {string} */
export function toHex(bytes) {
  return Buffer.from(bytes).toString("hex");
}

/** The schema that a `welcome` with this description brings. @param {any} description @returns {Schema} */
export function schemaOf(description) {
  return Schema.read(new Reader(encode(description)));
}

/**
 * The value that a vector's JSON stands for.
 * @param {any} json
 * @param {boolean} wrapped  floats as `Float32` and `Float64`, to encode; else as plain numbers
 * @returns {any}
 */
export function unmarked(json, wrapped) {
  if (Array.isArray(json)) return json.map((element) => unmarked(element, wrapped));
  if (typeof json !== "object" || json === null) return json;
  if ("f32" in json) return wrapped ? new Float32(json.f32) : json.f32;
  if ("f64" in json) return wrapped ? new Float64(json.f64) : json.f64;
  if ("bin" in json) return fromHex(json.bin);
  const entries = Object.entries(json.map).map(([key, value]) => [key, unmarked(value, wrapped)]);
  // Without prototype, as the codec reads maps.
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}
