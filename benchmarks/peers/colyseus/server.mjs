/**
 * Colyseus 0.18: its default WebSocket transport, schema state, and patches from the simulation
 * timer with `broadcastPatch()`.  In the big world each client has a StateView that holds what is
 * within three by three cells, kept up to date only for what crossed a border.  Those who ask for
 * the same match share a room, as `filterBy` has it; a room ends with its last client.
 */
import { Room, Server } from "@colyseus/core";
import { Encoder, StateView } from "@colyseus/schema";
import { WebSocketTransport } from "@colyseus/ws-transport";
import { HEADINGS, NINE, advance, cellAt, readFlags, startOf, worldSide } from "./field.mjs";
import { BigWorldState, BroadcastState, Mover } from "./state.mjs";

const flags = readFlags(process.argv);
const side = worldSide(flags.players);
Encoder.BUFFER_SIZE = 256 * 1024;

class Moving extends Room {
  maxClients = flags.players;
  patchRate = null; // a timer of its own for patches loses some: they go out with the simulation
  seatReservationTimeout = 300;
  maxMessagesPerSecond = Infinity;
  joined = 0;
  playing = new Map();

  onCreate() {
    this.state = this.makeState();
    this.onMessage("t", (client, heading) => {
      [client.mover.dx, client.mover.dy] = HEADINGS[heading];
    });
    this.setTimestep(() => {
      for (const { mover, synced } of this.playing.values()) {
        advance(mover, side);
        synced.x = mover.x;
        synced.y = mover.y;
      }
      this.see();
      this.broadcastPatch();
    }, 1000 / flags.rate);
  }

  onJoin(client) {
    this.joined += 1;
    const [x, y] = startOf(this.joined, side);
    const [dx, dy] = HEADINGS[this.joined % HEADINGS.length];
    client.mover = { x, y, dx, dy };
    const synced = new Mover();
    synced.assign({ x, y, colour: this.joined % 256 });
    const player = { client, mover: client.mover, synced, cell: cellAt(x, y) };
    this.playing.set(client.sessionId, player);
    this.state.movers.set(client.sessionId, synced);
    this.enter(player);
  }

  onLeave(client) {
    const player = this.playing.get(client.sessionId);
    this.playing.delete(client.sessionId);
    this.exit(player);
    this.state.movers.delete(client.sessionId);
  }

  makeState() { return new BroadcastState(); }
  see() {}
  enter() {}
  exit() {}
}

class BigWorld extends Moving {
  cells = new Map();

  makeState() { return new BigWorldState(); }

  membersOf(cell) {
    let members = this.cells.get(cell);
    if (members === undefined) this.cells.set(cell, (members = new Set()));
    return members;
  }

  enter(player) {
    player.client.view = new StateView();
    this.membersOf(player.cell).add(player);
    for (const by of NINE) {
      for (const other of this.membersOf(player.cell + by)) {
        player.client.view.add(other.synced);
        if (other !== player) other.client.view.add(player.synced);
      }
    }
  }

  exit(player) {
    this.membersOf(player.cell).delete(player);
    for (const by of NINE) {
      for (const other of this.membersOf(player.cell + by)) other.client.view.remove(player.synced);
    }
    player.client.view.dispose();
  }

  /** An entity that crosses a border appears to some clients and vanishes from others. */
  see() {
    for (const player of this.playing.values()) {
      const cell = cellAt(player.mover.x, player.mover.y);
      if (cell === player.cell) continue;
      const before = new Set(NINE.map((by) => player.cell + by));
      const after = new Set(NINE.map((by) => cell + by));
      this.membersOf(player.cell).delete(player);
      for (const seen of before) {
        if (after.has(seen)) continue;
        for (const other of this.membersOf(seen)) {
          other.client.view.remove(player.synced);
          player.client.view.remove(other.synced);
        }
      }
      for (const seen of after) {
        if (before.has(seen)) continue;
        for (const other of this.membersOf(seen)) {
          other.client.view.add(player.synced);
          player.client.view.add(other.synced);
        }
      }
      player.cell = cell;
      this.membersOf(cell).add(player);
    }
  }
}

const transport = new WebSocketTransport();
const server = new Server({ transport, greet: false });
server.define("world", flags.world === "bigworld" ? BigWorld : Moving).filterBy(["match"]);
await server.listen(flags.port, "127.0.0.1", 4096);
console.log(`listening ${transport.server.address().port}`);
