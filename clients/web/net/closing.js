/**
 * The meaning of each WebSocket close code for a client.
 *
 * Owns the table "Close codes" of `gameserver/protocol/README.md` (a test compares the two) and
 * the answer for codes outside it.  Never closes or opens anything.
 */

/**
 * - `resume`: reconnect by itself, with growing pauses, presenting the resume token;
 * - `sign in again`: ask the player, or get a new token;
 * - `stop`: do not reconnect by itself.
 * @typedef {"resume" | "sign in again" | "stop"} CloseAction
 */

/**
 * @typedef {object} CloseCode
 * @property {number} code
 * @property {string} name
 * @property {CloseAction} action
 */

/** @type {readonly CloseCode[]} */
export const CLOSE_CODES = Object.freeze([
  { code: 1000, name: "normal", action: "stop" },
  { code: 1001, name: "going away", action: "resume" },
  { code: 1003, name: "unsupported data", action: "stop" },
  { code: 1009, name: "too big", action: "stop" },
  { code: 1011, name: "internal error", action: "resume" },
  { code: 4000, name: "protocol error", action: "stop" },
  { code: 4001, name: "too slow", action: "resume" },
  { code: 4002, name: "version", action: "stop" },
  { code: 4003, name: "schema", action: "stop" },
  { code: 4004, name: "no such room", action: "stop" },
  { code: 4005, name: "room full", action: "resume" },
  { code: 4006, name: "bad name", action: "sign in again" },
  { code: 4007, name: "refused", action: "sign in again" },
  { code: 4008, name: "rate", action: "resume" },
  { code: 4009, name: "ping timeout", action: "resume" },
  { code: 4010, name: "kicked", action: "stop" },
  { code: 4011, name: "room closed", action: "sign in again" },
  { code: 4012, name: "taken over", action: "stop" },
  { code: 4013, name: "resuming", action: "resume" },
  { code: 4014, name: "options", action: "stop" },
  { code: 4015, name: "moved", action: "stop" },
  { code: 4016, name: "banned", action: "stop" },
]);

/**
 * Codes outside the table after which a client may reconnect: no code or no close frame at all
 * (RFC 6455, 7.4.1), and the codes of proxies (IANA's "WebSocket Close Code Number Registry").
 * @type {ReadonlyMap<number, string>}
 */
const NETWORK_CODES = new Map([
  [1005, "connection closed"],
  [1006, "connection lost"],
  [1012, "service restart"],
  [1013, "try again later"],
  [1014, "bad gateway"],
]);

const BY_CODE = new Map(CLOSE_CODES.map((entry) => [entry.code, entry]));

/** The codes that this client sends or reports itself. */
export const Code = Object.freeze({
  NORMAL: 1000,
  LOST: 1006,
  PROTOCOL_ERROR: 4000,
  TOO_SLOW: 4001,
  VERSION: 4002,
  MOVED: 4015,
});

/**
 * Name and action for any close code.
 *
 * An undocumented code means *stop*, because the client cannot know whether reconnecting does harm.
 * @param {number} code
 * @returns {CloseCode}
 */
export function closeCode(code) {
  const known = BY_CODE.get(code);
  if (known !== undefined) return known;
  const network = NETWORK_CODES.get(code);
  if (network !== undefined) return { code, name: network, action: "resume" };
  return { code, name: `code ${code}`, action: "stop" };
}
