/**
 * The kinds of rooms that the server has, with the options that a client may give.
 *
 * Owns reading `/kinds` and `/rooms`.
 */

import { CommandKind } from "../net/commands.js";
import { Reader } from "../net/msgpack.js";
import { readCommandFields } from "../net/schema.js";

/** @typedef {import("../net/commands.js").CommandField} CommandField */

/**
 * @typedef {object} Kind
 * @property {string} name
 * @property {number} maxPlayers
 * @property {boolean} requiresToken
 * @property {CommandKind} options  their fields, as those of a command
 */

/**
 * @typedef {object} ListedRoom
 * @property {string} name
 * @property {string} kind
 * @property {number} players
 * @property {number} max_players
 * @property {boolean} locked
 * @property {Record<string, any>} listing
 */

/** @returns {Promise<Kind[]>} */
export async function fetchKinds() {
  const response = await fetch("/kinds");
  const reader = new Reader(new Uint8Array(await response.arrayBuffer()));
  /** @type {Kind[]} */
  const kinds = [];
  for (let left = reader.array(); left > 0; left -= 1) {
    reader.array();
    const name = reader.str();
    const maxPlayers = reader.number();
    const requiresToken = reader.bool();
    const options = new CommandKind(0, "options", readCommandFields(reader));
    kinds.push({ name, maxPlayers, requiresToken, options });
  }
  return kinds;
}

/** @returns {Promise<ListedRoom[]>} */
export async function fetchRooms() {
  const response = await fetch("/rooms");
  return response.ok ? (await response.json()).rooms : [];
}
