/**
 * The errors that the protocol raises on purpose.
 *
 * Owns the rule for all of `net/`: an error of the *server* is a `ProtocolError`; an error of the
 * *page* (an unknown command, a value outside its limits) is a plain `TypeError` or `RangeError`,
 * thrown by the call that has it.
 */

/** The server sent bytes that are not a valid message of protocol version 2. */
export class ProtocolError extends Error {
  /** @param {string} message what is wrong, for a log and for the reason of a close frame */
  constructor(message) {
    super(message);
    this.name = "ProtocolError";
  }
}

/** A read of what the room's storage keeps has no answer; the message says why, to be shown. */
export class ReadError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "ReadError";
  }
}

/** A full state is malformed, so asking for another one would not help. */
export class FullStateError extends ProtocolError {}
