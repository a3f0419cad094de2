/**
 * A room as values that are replaced and never changed, for libraries that compare by identity.
 *
 * Owns copies of the entities that somebody asked for, and the listeners.  An array or a copy is the
 * same object until something in it changes.  Never sends; knows no library.
 *
 * ```js
 * const store = new RoomStore(client);
 * const stop = store.subscribe(() => render(store.entities("Ship"), store.own));
 * ```
 */

/** @typedef {import("../net/client_types.js").AnyGame} AnyGame */
/** @typedef {import("../net/client_types.js").GameTypes} GameTypes */
/** @typedef {import("../net/client_types.js").State} State */
/** @typedef {import("../net/schema.js").EntityView} EntityView */

/**
 * A copy of an entity of one kind.
 * @template {GameTypes} Game
 * @template {keyof Game["entities"] & string} Kind
 * @typedef {Readonly<{ id: number, kind: Kind } & Game["entities"][Kind]>} CopyOf
 */

/**
 * A copy of any entity; `kind` says which.
 * @template {GameTypes} Game
 * @typedef {{
 *   [Kind in keyof Game["entities"] & string]: CopyOf<Game, Kind>
 * }[keyof Game["entities"] & string]} AnyCopyOf
 */

/**
 * The state of the connection; `room` and `seat` are those of the newest welcome.
 * @typedef {object} Connection
 * @property {State} state
 * @property {string} reason  why it is not playing, for a person to read
 * @property {number | null} retryInS
 * @property {string} room  "" before the first welcome
 * @property {number} seat  0 before the first welcome
 */

/** @template {GameTypes} [Game=AnyGame] */
export class RoomStore {
  /** @param {import("../net/client.js").GameClient<Game>} client */
  constructor(client) {
    this.client = client;
    /** Replaced when it changes. @type {Readonly<Connection>} */
    this.connection = { state: client.state, reason: "", retryInS: null, room: "", seat: 0 };
    const heard = /** @type {import("../net/client.js").GameClient} */ (/** @type {any} */ (client));
    const touch = (/** @type {EntityView} */ { kind }) => void this.#copies.delete(kind);
    this.#stops = [
      heard.on("enter", touch),
      heard.on("leave", touch),
      heard.on("change", ({ entity }) => touch(entity)),
      heard.on("delta", () => this.#tell()),
      heard.on("state", ({ state, reason, retryInS }) => this.#connect({ state, reason, retryInS })),
      heard.on("welcome", ({ room, seat }) => this.#connect({ room, seat })),
    ];
  }

  #stops;
  /** @type {Set<() => void>} */ #listeners = new Set();
  /** By kind, until one of the kind changes. @type {Map<string, readonly any[]>} */
  #copies = new Map();
  /** @type {WeakMap<EntityView, { at: number, isOurs: boolean, copy: any }>} */
  #copyOf = new WeakMap();

  /**
   * Call `listener` after each delta, and when the connection changes.
   * @param {() => void} listener
   * @returns {() => void} call it to stop listening
   */
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /**
   * All entities of one kind in view; the same array while none has changed.
   * @template {keyof Game["entities"] & string} Kind
   * @param {Kind} kind
   * @returns {readonly CopyOf<Game, Kind>[]}
   */
  entities(kind) {
    let copies = this.#copies.get(kind);
    if (copies === undefined) {
      const all = [...this.#replicaEntities()].filter((entity) => entity.kind === kind);
      copies = Object.freeze(all.map((entity) => this.#copy(entity)));
      this.#copies.set(kind, copies);
    }
    return copies;
  }

  /** The entity that the player steers; null if it is not in view. @returns {AnyCopyOf<Game> | null} */
  get own() {
    const own = /** @type {EntityView | undefined} */ (this.client.replica?.own);
    return own === undefined ? null : this.#copy(own);
  }

  /** Listen to the client no longer. */
  stop() {
    for (const stop of this.#stops.splice(0)) stop();
    this.#listeners.clear();
  }

  /** @returns {Iterable<EntityView>} */
  #replicaEntities() {
    return /** @type {any} */ (this.client.replica)?.entities.values() ?? [];
  }

  /** @param {EntityView} entity @returns {any} */
  #copy(entity) {
    const known = this.#copyOf.get(entity);
    const isOurs = entity.owner !== null;
    if (known?.at === entity.changedAt && known.isOurs === isOurs) return known.copy;
    /** @type {Record<string, any>} */
    const copy = { id: entity.id, kind: entity.kind };
    for (const name of entity.spec.properties) copy[name] = entity[name];
    this.#copyOf.set(entity, { at: entity.changedAt, isOurs, copy: Object.freeze(copy) });
    return copy;
  }

  /** @param {Partial<Connection>} changed */
  #connect(changed) {
    this.connection = { ...this.connection, ...changed };
    this.#tell();
  }

  #tell() {
    for (const listener of [...this.#listeners]) listener();
  }
}
