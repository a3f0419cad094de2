/**
 * One WebSocket, from opening to dropping it.
 *
 * Owns the socket: its subprotocol, binary messages only, and the limits of a close frame.  After
 * it is dropped or lost it calls no hook.  Never decodes a message, never reconnects.
 */

import { Code } from "./closing.js";
import { SUBPROTOCOL } from "./messages.js";

/** A control frame has at most 125 bytes, and two of them are the code (RFC 6455, 5.5). */
const MAX_REASON_BYTES = 123;

/**
 * The part of a browser's WebSocket (or of Node's `ws`) that is used.
 * @typedef {object} Socket
 * @property {string} binaryType
 * @property {number} bufferedAmount
 * @property {string} protocol
 * @property {number} readyState
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 * @property {(data: Uint8Array<ArrayBuffer>) => void} send
 * @property {(code?: number, reason?: string) => void} close
 */

/** @typedef {new (url: string, protocol: string) => Socket} SocketFactory */

/** The `readyState` between opening and closing (HTML, WebSocket interface). */
const OPEN = 1;

/**
 * `refused` is called if this side ends the connection; the code says why.
 * @typedef {object} LineHooks
 * @property {() => void} opened
 * @property {(bytes: Uint8Array) => void} message
 * @property {(code: number, reason: string) => void} closed  the other side, or the network, did it
 * @property {(code: number, reason: string) => void} refused
 */

export class Line {
  /** @param {SocketFactory} Socket @param {string} url @param {LineHooks} hooks */
  constructor(Socket, url, hooks) {
    const socket = new Socket(url, SUBPROTOCOL);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (socket.protocol === SUBPROTOCOL) hooks.opened();
      else hooks.refused(Code.VERSION, `the server does not speak ${SUBPROTOCOL}`);
    };
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) hooks.message(new Uint8Array(data));
      else hooks.refused(Code.PROTOCOL_ERROR, "the server sent a text message");
    };
    socket.onclose = ({ code, reason }) => hooks.closed(code, reason);
    // An error is always followed by a close event, which has the code.
    socket.onerror = () => {};
  }

  #socket;

  /** Bytes that were sent but have not left this machine. */
  get unsentBytes() {
    return this.#socket.bufferedAmount;
  }

  /**
   * A closing socket accepts nothing more; its close event follows.
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  send(bytes) {
    if (this.#socket.readyState === OPEN) this.#socket.send(bytes);
  }

  /**
   * Close the socket, and ignore all its later events.
   * @param {number} [code]
   * @param {string} [reason]  cut to what a close frame holds
   */
  drop(code = Code.NORMAL, reason = "") {
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(code, truncated(reason));
  }
}

/** @param {string} reason @returns {string} */
function truncated(reason) {
  const encoder = new TextEncoder();
  // A reason may come from the server and be too long for a close frame.
  let kept = reason.slice(0, MAX_REASON_BYTES);
  while (encoder.encode(kept).length > MAX_REASON_BYTES) kept = kept.slice(0, -1);
  return kept;
}
