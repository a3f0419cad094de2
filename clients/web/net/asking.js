/**
 * The request of a client that joins: room, options and filters, in the form of a hello.
 *
 * Owns the translation only; the server checks everything.
 */

const MAX_OPTIONS = 32;
const MAX_FILTERS = 8;

/**
 * The room, options and filter of a hello.  `room` may end in a query, whose fields are filters.
 * Throws a `RangeError` for more than a hello holds.
 * @param {string} room  such as `"arena"` or `"arena?mode=RANKED"`
 * @param {Record<string, any> | null} options
 * @param {Record<string, string | number | boolean> | null} filters
 */
export function asked(room, options, filters) {
  const [name = "", query = ""] = split(room);
  const wanted = { ...Object.fromEntries(new URLSearchParams(query)), ...filters };
  const given = { ...options };
  if (Object.keys(given).length > MAX_OPTIONS || Object.keys(wanted).length > MAX_FILTERS) {
    throw new RangeError(`at most ${MAX_OPTIONS} options and ${MAX_FILTERS} filters`);
  }
  return { room: name, options: orNull(given), filter: orNull(wanted) };
}

/** @param {string} room @returns {string[]} */
function split(room) {
  const at = room.indexOf("?");
  return at < 0 ? [room] : [room.slice(0, at), room.slice(at + 1)];
}

/** @template {object} T @param {T} values @returns {T | null} */
function orNull(values) {
  return Object.keys(values).length === 0 ? null : values;
}
