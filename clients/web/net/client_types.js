/**
 * The types of GameClient's options and signals: types only, no code.
 */

/** @typedef {import("./closing.js").CloseAction} CloseAction */
/** @typedef {import("./messages.js").Welcome} Welcome */
/** @typedef {import("./messages.js").Status} Status */
/** @typedef {import("./messages.js").Said} Said */
/** @typedef {import("./messages.js").Pace} Pace */
/** @typedef {import("./messages.js").Bye} Bye */
/** @typedef {import("./replica.js").Delta} Delta */
/** @typedef {import("./schema.js").EntityView} EntityView */
/** @typedef {import("./schema.js").GameEvent} GameEvent */

/** @typedef {"idle" | "connecting" | "joining" | "playing" | "reconnecting" | "closed"} State */

/**
 * Code, reason and action say why the connection ended; null if it has not ended.
 * @typedef {object} StateChange
 * @property {State} state
 * @property {number | null} code
 * @property {string} reason  for a person to read
 * @property {CloseAction | null} action
 * @property {number | null} retryInS  the pause before the next try, while reconnecting
 */

/**
 * @typedef {object} Payloads
 * @property {StateChange} state
 * @property {Welcome} welcome
 * @property {EntityView} enter
 * @property {EntityView} leave
 * @property {{ entity: EntityView, tick: number }} change
 * @property {GameEvent} event
 * @property {Delta} delta
 * @property {Said} said
 * @property {Status} status
 * @property {Pace} pace
 * @property {Bye} bye
 */

/**
 * @typedef {object} Options
 * @property {string} url  `ws://` or `wss://`
 * @property {string} [room]  `"kind"`, `"kind/name"`, or `""` for the server's first kind
 * @property {string} name  the player's, 1–24 characters
 * @property {string | null} [token]  the token that the game's `on_auth` expects
 * @property {string | null} [schemaHash]  the schema that the room must have; null accepts any
 * @property {import("./line.js").SocketFactory} [socketFactory]
 * @property {() => number} [clock]  milliseconds, steady
 * @property {(callback: () => void, ms: number) => any} [setTimer]
 * @property {(timer: any) => void} [clearTimer]
 * @property {() => number} [random]  0 ≤ x < 1
 */

export {};
