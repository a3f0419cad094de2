/**
 * The exports of the npm package under its own name; pages of the server import the modules.
 */

/** @typedef {import("./client_types.js").AnyGame} AnyGame */
/** @typedef {import("./client_types.js").GameTypes} GameTypes */
/** @typedef {import("./client_types.js").Options} Options */
/** @typedef {import("./client_types.js").StateChange} StateChange */
/** @typedef {import("./directions.js").Direction} Direction */
/** @typedef {import("./messages.js").Said} Said */
/** @typedef {import("./messages.js").Status} Status */
/** @typedef {import("./messages.js").Welcome} Welcome */
/** @typedef {import("./others.js").Place} Place */
/** @typedef {import("./stored_reads.js").ReadPlace} ReadPlace */
/** @typedef {import("./schema.js").EntityView} EntityView */
/** @typedef {import("./schema.js").GameEvent} GameEvent */

export { GameClient, ProtocolError } from "./client.js";
export { directions } from "./directions.js";
export { ReadError } from "./errors.js";
export { PredictedPlay } from "./predicted_play.js";
export { cleanName, cleanText } from "./texts.js";
