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
/** @typedef {import("./replica.js").Replica} Replica */
/** @typedef {import("./schema.js").Entity} Entity */
/** @typedef {import("./schema.js").EntityView} EntityView */
/** @typedef {import("./schema.js").GameEvent} GameEvent */

/**
 * The classes that a room and its clients exchange: the `Game` of a file that `gameserver types`
 * makes.  Each part is keyed by the names of the classes.
 * @typedef {{
 *   entities: object, commands: object, events: object, options?: object, filters?: object
 * }} GameTypes
 */

/**
 * A game whose types are not known.
 * @typedef {object} AnyGame
 * @property {Record<string, EntityView>} entities
 * @property {Record<string, Record<string, any>>} commands
 * @property {Record<string, GameEvent>} events
 * @property {Record<string, any>} options
 * @property {Record<string, string | number | boolean>} filters
 */

/**
 * Any entity of a game; `kind` says which.
 * @template {GameTypes} Game
 * @typedef {{
 *   [Kind in keyof Game["entities"]]: Entity & Game["entities"][Kind]
 * }[keyof Game["entities"]]} EntityOf
 */

/**
 * Any event of a game; `kind` says which.
 * @template {GameTypes} Game
 * @typedef {Game["events"][keyof Game["events"]]} EventOf
 */

/**
 * The fields and the tick that follow the name of a command.
 * @template Command
 * @typedef {{} extends Command
 *   ? [fields?: Command, tick?: number]
 *   : [fields: Command, tick?: number]} CommandArguments
 */

/**
 * A `Delta` of a game.
 * @template {GameTypes} Game
 * @typedef {Omit<Delta, "left" | "entered" | "changed" | "events"> & {
 *   left: EntityOf<Game>[],
 *   entered: EntityOf<Game>[],
 *   changed: EntityOf<Game>[],
 *   events: EventOf<Game>[],
 * }} DeltaOf
 */

/**
 * A `Replica` of a game, as a page sees it.
 * @template {GameTypes} Game
 * @typedef {AnyGame extends Game ? Replica : Omit<
 *   Replica, "entities" | "own" | "ofKind" | "apply"
 * > & {
 *   readonly entities: ReadonlyMap<number, EntityOf<Game>>,
 *   readonly own: EntityOf<Game> | undefined,
 *   ofKind: <Kind extends keyof Game["entities"]>(kind: Kind) =>
 *     (Entity & Game["entities"][Kind])[],
 * }} ReplicaOf
 */

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
 * @template {GameTypes} [Game=AnyGame]
 * @typedef {object} Payloads
 * @property {StateChange} state
 * @property {Welcome} welcome
 * @property {EntityOf<Game>} enter
 * @property {EntityOf<Game>} leave
 * @property {{ entity: EntityOf<Game>, tick: number }} change
 * @property {EventOf<Game>} event
 * @property {DeltaOf<Game>} delta
 * @property {Said} said
 * @property {Status} status
 * @property {Pace} pace
 * @property {Bye} bye
 */

/**
 * The options of a room, which may be left out where none is required.
 * @template {GameTypes} Game
 * @typedef {Game extends { options: infer Own extends object }
 *   ? {} extends Own ? { options?: Own | null } : { options: Own }
 *   : { options?: Record<string, any> | null }} RoomOptions
 */

/**
 * The options of a GameClient.
 * @template {GameTypes} [Game=AnyGame]
 * @typedef {ConnectionOptions & RoomOptions<Game> & {
 *   filters?: (Game extends { filters: infer Own } ? Own : Record<string, any>) | null,
 * }} Options
 */

/**
 * `options` are the player's options by field name, enums by the names of members.  `filters` are
 * values that the listing of a room must have for the server to choose it; `"arena?mode=RANKED"` as
 * `room` says the same.
 * @typedef {object} ConnectionOptions
 * @property {string} url  `ws://` or `wss://`
 * @property {string} [room]  `"kind"`, `"kind/name"`, or `""` for the server's first kind
 * @property {string} name  the player's, 1–24 characters
 * @property {string | null} [token]  the token that the game's `on_auth` expects
 * @property {string | null} [ticket]  of a seat that the server has reserved
 * @property {string | null} [schemaHash]  the schema that the room must have; null accepts any
 * @property {import("./line.js").SocketFactory} [socketFactory]
 * @property {() => number} [clock]  milliseconds, steady
 * @property {(callback: () => void, ms: number) => any} [setTimer]
 * @property {(timer: any) => void} [clearTimer]
 * @property {() => number} [random]  0 ≤ x < 1
 */

export {};
