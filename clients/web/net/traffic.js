/**
 * The counters of a client's connections.
 *
 * Owns the counters behind `GameClient.statistics()`: totals since the client was made, and rates
 * over two seconds.  Bytes are those of messages, without WebSocket headers.  Times are arguments.
 */

import { Rate } from "./rates.js";

export class Traffic {
  /** Checks that agreed. */
  checksPassed = 0;
  /** Checks that did not. */
  checksumFailures = 0;
  /** Messages of the server that broke the protocol. */
  protocolErrors = 0;
  /** Full states asked for. */
  resyncs = 0;
  /** Attempts to reconnect. */
  reconnects = 0;
  /** Reconnects that resumed the same seat. */
  resumes = 0;
  /** Commands that were sent again after a resume. */
  commandsAgain = 0;
  /** Commands that were not sent because too much data was unsent. */
  commandsDropped = 0;

  #bytesIn = new Rate();
  #bytesOut = new Rate();
  #messagesIn = new Rate();
  #messagesOut = new Rate();
  #deltas = new Rate();

  /** @param {number} nowMs @param {number} bytes */
  received(nowMs, bytes) {
    this.#bytesIn.add(nowMs, bytes);
    this.#messagesIn.add(nowMs);
  }

  /** @param {number} nowMs @param {number} bytes */
  sent(nowMs, bytes) {
    this.#bytesOut.add(nowMs, bytes);
    this.#messagesOut.add(nowMs);
  }

  /** @param {number} nowMs */
  appliedDelta(nowMs) {
    this.#deltas.add(nowMs);
  }

  /** @param {number} nowMs */
  figures(nowMs) {
    return {
      checksPassed: this.checksPassed,
      checksumFailures: this.checksumFailures,
      protocolErrors: this.protocolErrors,
      resyncs: this.resyncs,
      reconnects: this.reconnects,
      resumes: this.resumes,
      commandsAgain: this.commandsAgain,
      commandsDropped: this.commandsDropped,
      bytesIn: this.#bytesIn.total,
      bytesOut: this.#bytesOut.total,
      messagesIn: this.#messagesIn.total,
      messagesOut: this.#messagesOut.total,
      deltas: this.#deltas.total,
      bytesInPerS: this.#bytesIn.perSecond(nowMs),
      bytesOutPerS: this.#bytesOut.perSecond(nowMs),
      messagesInPerS: this.#messagesIn.perSecond(nowMs),
      messagesOutPerS: this.#messagesOut.perSecond(nowMs),
      deltasPerS: this.#deltas.perSecond(nowMs),
    };
  }
}
