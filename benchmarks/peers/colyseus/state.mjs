/**
 * The state of the worlds in Colyseus' schema: the same counts, in the smallest fitting types.
 */
import { schema, t } from "@colyseus/schema";

export const Mover = schema({ x: t.int16(), y: t.int16(), colour: t.uint8() }, "Mover");

/** Everyone sees everyone. */
export const BroadcastState = schema({ movers: t.map(Mover) }, "BroadcastState");

/** Movers reach a client once its StateView has them. */
export const BigWorldState = schema({ movers: t.map(Mover).view() }, "BigWorldState");
