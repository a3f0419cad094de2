// GameClient on real sockets: Node's `ws` on both ends, in this process.

import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";

import { decode as decodeReference } from "@msgpack/msgpack";
import { WebSocket, WebSocketServer } from "ws";

import { GameClient } from "../../clients/web/net/client.js";
import { Kind, SUBPROTOCOL } from "../../clients/web/net/messages.js";
import { encode } from "../../clients/web/net/msgpack.js";
import { delta, ship, welcome } from "./fakes.mjs";

/** A server on a free port, and a client that has connected to it. */
async function connected(t) {
  const server = new WebSocketServer({ port: 0, handleProtocols: () => SUBPROTOCOL });
  await once(server, "listening");
  const url = `ws://127.0.0.1:${server.address().port}/`;
  const client = new GameClient({ url, name: "Ada", socketFactory: WebSocket });
  t.after(() => {
    client.close();
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  const came = once(server, "connection");
  client.connect();
  const [socket] = await came;
  return { client, socket, hello: once(socket, "message") };
}

/** @param {GameClient} client @param {string} name */
function told(client, name) {
  return new Promise((resolve) => client.on(name, resolve));
}

test("joins, plays and leaves", async (t) => {
  const { client, socket, hello } = await connected(t);
  const [data, isBinary] = await hello;
  assert.equal(isBinary, true);
  assert.deepEqual(decodeReference(data), [1, 2, null, "", "Ada", null, null, 0, null, null, null, null]);
  const applied = told(client, "delta");
  socket.send(encode(welcome()));
  socket.send(encode(delta(11, { enters: ship(1, 3) })));
  assert.equal((await applied).entered[0].x, 1.5);
  const closed = once(socket, "close");
  client.close();
  assert.equal((await closed)[0], 1000);
});

test("hears why it was closed", async (t) => {
  const { client, socket, hello } = await connected(t);
  await hello;
  const change = told(client, "state");
  socket.send(encode([Kind.BYE, 4010, "no shouting", null]));
  socket.close(4010, "no shouting");
  const { state, code, reason, action } = await change;
  assert.deepEqual([state, code, reason, action], ["closed", 4010, "no shouting", "stop"]);
});

test("closes with 4000 on text", async (t) => {
  const { socket, hello } = await connected(t);
  await hello;
  const closed = once(socket, "close");
  socket.send("hello");
  const [code, reason] = await closed;
  assert.deepEqual([code, String(reason)], [4000, "the server sent a text message"]);
});
