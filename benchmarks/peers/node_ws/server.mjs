/**
 * Node's `ws` with msgpackr: every cell packed once a tick, joined once for all who look from there.
 * The path names the room; all rooms tick together.
 */
import { createServer } from "node:http";
import { pack, unpack } from "msgpackr";
import { WebSocketServer } from "ws";
import { HEADINGS, NINE, advance, cellAt, everyTick, readFlags, startOf, worldSide } from "./field.mjs";

const flags = readFlags(process.argv);
const side = worldSide(flags.players);
const oneCell = flags.world !== "bigworld";
const EMPTY = Buffer.from([0x90]);
/** Path → room. */
const rooms = new Map();
let tickNumber = 0;

const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false, maxPayload: 4096 });

sockets.on("connection", (socket, request) => {
  let room = rooms.get(request.url);
  if (room === undefined) rooms.set(request.url, (room = { joined: 0, movers: new Set() }));
  room.joined += 1;
  const [x, y] = startOf(room.joined, side);
  const [dx, dy] = HEADINGS[room.joined % HEADINGS.length];
  const mover = { id: room.joined, x, y, dx, dy, cell: 0, socket };
  room.movers.add(mover);
  socket.on("message", (data) => {
    const [, heading] = unpack(data);
    [mover.dx, mover.dy] = HEADINGS[heading];
  });
  socket.on("close", () => {
    room.movers.delete(mover);
    if (room.movers.size === 0) rooms.delete(request.url);
  });
  socket.on("error", () => socket.terminate());
});

/**
 * The bytes of the view from a cell; `blobs` keeps each cell's bytes for the other views.
 * @param {number} cell
 * @param {Map<number, number[]>} cells
 * @param {Map<number, Buffer>} blobs
 */
function messageFor(cell, cells, blobs) {
  const parts = [null];
  for (const by of oneCell ? [0] : NINE) {
    const seen = cell + by;
    let blob = blobs.get(seen);
    if (blob === undefined) {
      const moves = cells.get(seen);
      blob = moves === undefined ? EMPTY : pack(moves);
      blobs.set(seen, blob);
    }
    parts.push(blob);
  }
  parts[0] = Buffer.concat([Buffer.from([0x90 + parts.length]), pack(tickNumber)]);
  return Buffer.concat(parts);
}

/** @param {{ movers: Set<object> }} room */
function tick({ movers }) {
  const cells = new Map();
  for (const mover of movers) {
    advance(mover, side);
    if (!oneCell) mover.cell = cellAt(mover.x, mover.y);
    let moves = cells.get(mover.cell);
    if (moves === undefined) cells.set(mover.cell, (moves = []));
    moves.push(mover.id, mover.dx, mover.dy);
  }
  const blobs = new Map();
  const messages = new Map();
  for (const { cell, socket } of movers) {
    let message = messages.get(cell);
    if (message === undefined) messages.set(cell, (message = messageFor(cell, cells, blobs)));
    socket.send(message);
  }
}

everyTick(flags.rate, () => {
  tickNumber += 1;
  for (const room of rooms.values()) tick(room);
});

server.listen({ port: flags.port, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening ${server.address().port}`);
});
