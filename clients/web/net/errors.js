/**
 * The errors that the protocol raises on purpose.
 *
 * Owns the split that all of `net/` relies on: what a *server* did wrong is a `ProtocolError`;
 * what the *page* did wrong (an unknown command, a value outside its limits) is a plain
 * `TypeError` or `RangeError`, thrown at the call that did it.
 */

/** The server sent bytes that are not a valid message of protocol version 1. */
export class ProtocolError extends Error {
  /** @param {string} message what is wrong, for a log and for the reason of a close frame */
  constructor(message) {
    super(message);
    this.name = "ProtocolError";
  }
}

/** A full state does not fit, so that asking for another one would not mend it. */
export class FullStateError extends ProtocolError {}
