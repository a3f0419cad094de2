/**
 * The world as the playground shows it: the entities in the seat's view, and under
 * `gameserver dev` those of the whole world.
 *
 * Pure: owns the form in which map and table get them.
 */

/** @typedef {import("../net/replica.js").Replica} Replica */

/**
 * @typedef {object} Thing
 * @property {number} id
 * @property {string} kind
 * @property {number} kindIndex  in the schema
 * @property {boolean} seen  whether the seat sees it
 * @property {boolean} own
 * @property {[number, number] | null} at
 * @property {Record<string, any>} fields
 */

/**
 * A room's whole world, as the channel of `gameserver dev` sends it.
 * @typedef {{ room: string, tick: number, count: number,
 *   entities: { id: number, kind: string, seat: number, fields: Record<string, any> }[] }} WholeWorld
 */

/** The entities in view. @param {Replica} replica @returns {Thing[]} */
export function seenThings(replica) {
  return [...replica.entities.values()].map((entity) => {
    const { spec } = entity;
    const view = /** @type {Record<string, any>} */ (entity);
    const fields = Object.fromEntries(spec.properties.map((name) => [name, view[name]]));
    const [x, y] = spec.at.map((index) => view[spec.properties[index]]);
    const at = /** @type {[number, number] | null} */ (x === undefined ? null : [x, y]);
    const { id, kind } = entity;
    return { id, kind, kindIndex: spec.index, seen: true, own: entity === replica.own, at, fields };
  });
}

/**
 * The entities of the whole world, each with the fields that never leave the server.  Entities in
 * the seat's view are shown as the seat sees them.
 * @param {Replica} replica
 * @param {WholeWorld | null} world
 * @returns {Thing[]}
 */
export function allThings(replica, world) {
  const seen = seenThings(replica);
  if (world === null) return seen;
  const byId = new Map(seen.map((thing) => [thing.id, thing]));
  const places = new Map(replica.schema.entities.map((kind) => [kind.name, kind]));
  const hidden = [];
  for (const { id, kind, fields } of world.entities) {
    const thing = byId.get(id);
    if (thing !== undefined && thing.kind === kind) {
      thing.fields = { ...fields, ...withoutUnknown(thing.fields) };
      continue;
    }
    const spec = places.get(kind);
    const [x, y] = (spec?.at ?? []).map((index) => fields[spec?.fields[index].name ?? ""]);
    const at = /** @type {[number, number] | null} */ (typeof x === "number" ? [x, y] : null);
    hidden.push({ id, kind, kindIndex: spec?.index ?? 0, seen: false, own: false, at, fields });
  }
  return [...hidden, ...seen];
}

/** Fields of which the seat knows nothing are null: those of other owners. @param {Record<string, any>} fields */
function withoutUnknown(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
