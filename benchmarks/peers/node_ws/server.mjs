/**
 * Node's `ws` with msgpackr: every cell packed once a tick, joined once for all who look from there.
 */
import { createServer } from "node:http";
import { pack, unpack } from "msgpackr";
import { WebSocketServer } from "ws";
import { HEADINGS, NINE, advance, cellAt, everyTick, readFlags, startOf, worldSide } from "./field.mjs";

const flags = readFlags(process.argv);
const side = worldSide(flags.players);
const oneCell = flags.world === "broadcast";
const EMPTY = Buffer.from([0x90]);
const movers = new Set();
let joined = 0;
let tickNumber = 0;

const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false, maxPayload: 4096 });

sockets.on("connection", (socket) => {
  joined += 1;
  const [x, y] = startOf(joined, side);
  const [dx, dy] = HEADINGS[joined % HEADINGS.length];
  const mover = { id: joined, x, y, dx, dy, cell: 0, socket };
  movers.add(mover);
  socket.on("message", (data) => {
    const [, heading] = unpack(data);
    [mover.dx, mover.dy] = HEADINGS[heading];
  });
  socket.on("close", () => movers.delete(mover));
  socket.on("error", () => socket.terminate());
});

/**
 * What is seen from a cell; `blobs` keeps every cell's bytes for the others who see it.
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

everyTick(flags.rate, () => {
  tickNumber += 1;
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
});

server.listen({ port: flags.port, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`listening ${server.address().port}`);
});
