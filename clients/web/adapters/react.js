/**
 * React hooks: a component joins a room, and renders when the entities that it reads change.
 *
 * Owns the life of the client in a component.  Hooks are for scores, inventories, lists and menus.
 * Moving entities belong on a canvas that reads the replica at every frame.
 *
 * ```jsx
 * const room = useRoom({ url: "ws://127.0.0.1:8000/", room: "arena", name: "Ada" });
 * const pilots = useEntities(room, "Pilot");
 * const { state, reason } = useConnection(room);
 * ```
 */

import { useEffect, useState, useSyncExternalStore } from "react";
import { GameClient } from "../net/client.js";
import { RoomStore } from "./store.js";

/** @typedef {import("../net/client_types.js").AnyGame} AnyGame */
/** @typedef {import("../net/client_types.js").GameTypes} GameTypes */
/** @typedef {import("./store.js").Connection} Connection */

/** @type {readonly never[]} */
const NONE = Object.freeze([]);
/** @type {Readonly<Connection>} */
const IDLE = Object.freeze({ state: "idle", reason: "", retryInS: null, room: "", seat: 0 });
const never = () => () => {};

/**
 * Join a room while the component is mounted; another `url`, `room`, `name` or `token` joins anew.
 * @template {GameTypes} [Game=AnyGame]
 * @param {import("../net/client_types.js").Options<Game>} options
 * @returns {RoomStore<Game> | null} null in the very first rendering
 */
export function useRoom(options) {
  const [store, setStore] = useState(/** @type {RoomStore<Game> | null} */ (null));
  const { url, room, name, token } = options;
  useEffect(() => {
    /** @type {GameClient<Game>} */
    const client = new GameClient(options);
    const made = new RoomStore(client);
    setStore(made);
    client.connect();
    return () => {
      client.close();
      made.stop();
    };
  }, [url, room, name, token]);
  return store;
}

/**
 * The entities of one kind; the component renders again when one of them changes.
 * @template {GameTypes} Game
 * @template {keyof Game["entities"] & string} Kind
 * @param {RoomStore<Game> | null} store
 * @param {Kind} kind
 * @returns {readonly import("./store.js").CopyOf<Game, Kind>[]}
 */
export function useEntities(store, kind) {
  return useSyncExternalStore(store?.subscribe ?? never, () => store?.entities(kind) ?? NONE);
}

/**
 * The entity that the player steers; null if it is not in view.
 * @template {GameTypes} Game
 * @param {RoomStore<Game> | null} store
 * @returns {import("./store.js").AnyCopyOf<Game> | null}
 */
export function useOwn(store) {
  return useSyncExternalStore(store?.subscribe ?? never, () => store?.own ?? null);
}

/**
 * The state of the connection.
 * @param {RoomStore<any> | null} store
 * @returns {Readonly<Connection>}
 */
export function useConnection(store) {
  return useSyncExternalStore(store?.subscribe ?? never, () => store?.connection ?? IDLE);
}
