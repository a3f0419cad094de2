/**
 * A client of the protocol written from `gameserver/protocol/README.md` alone, with Node's `ws` and
 * `@msgpack/msgpack`: shares no code with `clients/web`, so that both cannot be wrong alike.  What it
 * holds is in `node_replica.mjs`.
 *
 * `node node_client.mjs URL` plays a while in the echo room and in the arena, and prints what it saw
 * as JSON.  Anything that the document does not allow ends it with an error.
 */

import assert from "node:assert/strict";
import { createRequire } from "node:module";

import { Replica } from "./node_replica.mjs";

const require = createRequire(new URL("../node/package.json", import.meta.url));
const { WebSocket } = require("ws");
const { encode, decode } = require("@msgpack/msgpack");

const [WELCOME, DELTA, PONG, STATUS, SAID, CHECK, BYE] = [17, 18, 19, 20, 21, 22, 24];

class Client {
  constructor(url) {
    this.socket = new WebSocket(url, "gameserver.v2.msgpack", { perMessageDeflate: false });
    this.socket.binaryType = "nodebuffer";
    this.inbox = [];
    this.replica = null; // made of the schema in welcome
    this.seen = { checks: 0, bytes: 0 };
    this.seq = 0;
    this.socket.on("message", (data, isBinary) => {
      assert.ok(isBinary);
      this.seen.bytes += data.length;
      this.inbox.push(this.note(decode(data)));
      this.wake?.();
    });
    this.closed = new Promise((resolve, reject) => {
      this.socket.on("close", (code, reason) => resolve({ code, reason: String(reason) }));
      this.socket.on("error", reject);
    });
    this.closed.catch(() => {}); // reported where it is awaited
    this.closed.finally(() => this.wake?.()).catch(() => {});
  }

  send(...message) {
    this.socket.send(encode(message));
  }

  async join(room, name) {
    await Promise.race([new Promise((resolve) => this.socket.on("open", resolve)), this.closed]);
    this.send(1, 2, null, room, name, null, null, 0, null, null, null, null);
    return this.next((message) => [WELCOME, BYE].includes(message[0]));
  }

  command(name, ...values) {
    this.seq += 1;
    const kind = this.schema[1].findIndex(([each]) => each === name);
    this.send(2, this.seq, 0, 32 * this.tick, this.tick, kind, ...values);
    return this.seq;
  }

  /** The next message for which `test` holds. */
  async next(test) {
    for (;;) {
      while (this.inbox.length > 0) {
        const message = this.inbox.shift();
        if (test(message)) return message;
      }
      assert.ok(this.socket.readyState <= WebSocket.OPEN, "closed while waiting");
      await new Promise((resolve) => (this.wake = resolve));
    }
  }

  delta(test) {
    return this.next((message) => message[0] === DELTA && test(message));
  }

  /** Events called `name` of a delta, as arrays of their values. */
  events(delta, name) {
    return delta[9].filter(([kind]) => this.schema[2][kind][0] === name).map(([, ...values]) => values);
  }

  note(message) {
    const [kind] = message;
    if (kind === WELCOME) {
      this.schema = message[6];
      this.replica = new Replica(this.schema);
    }
    if (kind === DELTA) this.replica.apply(message);
    // The server's time now cannot be before the newest delta.
    if (kind === PONG) assert.ok(message[3] >= this.tick, `${message[3]} < ${this.tick}`);
    if (kind === CHECK) {
      const told = message.slice(1, 3);
      const held = [this.tick, this.replica.checksum()];
      assert.deepEqual(told, held, `${told} is not ${held}: ${JSON.stringify([...this.replica.entities])}`);
      this.seen.checks += 1;
    }
    return message;
  }

  get tick() {
    return this.replica.tick;
  }
}

async function playEcho(url) {
  const client = new Client(url);
  const [, room, seat, ownEntity, , tickRate, , resume, limits] = await client.join("echo/node", "Nell");
  const answers = [];
  for (const [number, text] of [[1, "one"], [-(2 ** 31), "ünïcødé 🚀"], [2 ** 31 - 1, ""]]) {
    const seq = client.command("Ask", number, text);
    const delta = await client.delta((each) => client.events(each, "Told").length > 0);
    answers.push([...client.events(delta, "Told")[0].slice(0, 2), delta[2] === seq]);
  }
  client.send(4, 7, 1234.5);
  const pong = await client.next(([kind]) => kind === PONG);
  const status = await client.next(([kind]) => kind === STATUS);
  client.socket.close(1000);
  return {
    welcome: { room, seat, ownEntity, tickRate, resume: typeof resume, limits },
    answers,
    pong: pong.slice(1, 3),
    rtt_us: status[1],
    closed: await client.closed,
  };
}

async function playArena(url) {
  const client = new Client(url);
  await client.join("arena", "Nell");
  client.command("Play", "Nell", 3, false);
  await client.delta(() => client.replica.ownEntity);
  const own = () => client.replica.all("Ship").find(({ id }) => id === client.replica.ownEntity);
  const start = own();
  for (let flown = 0; flown < 45; flown += 1) {
    client.command("Steer", 1, true, false, flown > 30, false, 64);
    await client.delta(() => true);
  }
  const flew = own();
  client.send(5, "hello from Node");
  const said = await client.next(([kind]) => kind === SAID);
  client.send(6);
  await client.delta((delta) => delta[4] === null);
  client.send(3, client.tick);
  // A check comes every five seconds, but only to whoever says what it has.
  await client.next(([kind]) => {
    if (kind === DELTA) client.send(3, client.tick);
    return kind === CHECK;
  });
  const ships = client.replica.all("Ship");
  const pilots = client.replica.all("Pilot").map(({ name }) => name);
  client.socket.close(1000);
  return {
    moved: Math.hypot(flew.x - start.x, flew.y - start.y),
    turned: flew.heading !== start.heading,
    aim: flew.aim,
    owned: ships.filter(({ owned }) => owned).map(({ id }) => id === client.replica.ownEntity),
    said: said.slice(1),
    pilots,
    seen: { ...client.replica.seen, ...client.seen },
    closed: await client.closed,
  };
}

async function refused(url, room, name) {
  const client = new Client(url);
  const [kind, code] = await client.join(room, name);
  return { bye: kind === BYE && code, closed: (await client.closed).code };
}

async function nonsense(url) {
  const client = new Client(url);
  await client.join("echo", "Nell");
  client.send(2, 1, 0, 0, 0, 99);
  const bye = await client.next(([kind]) => kind === BYE);
  return { bye: bye[1], closed: (await client.closed).code };
}

const url = process.argv[2];
const results = {
  echo: await playEcho(url),
  arena: await playArena(url),
  noSuchRoom: await refused(url, "nowhere", "Nell"),
  badName: await refused(url, "echo", " Nell "),
  nonsense: await nonsense(url),
};
console.log(JSON.stringify(results));
