/**
 * The counters of a client's connections.
 *
 * Owns the counters behind `GameClient.statistics()`: totals since the client was made, and rates
 * over two seconds.  Bytes are those of messages, without WebSocket headers.  Times are arguments.
 */

/** A rate is counted in slots of this length. */
const SLOT_MS = 250;
const SLOTS = 8;

/** How much of something happens per second, over the last two seconds. */
export class Rate {
  /** Everything ever counted. */
  total = 0;

  /** @type {number[]} a ring: the slot of time t is t / SLOT_MS modulo SLOTS */
  #counts = new Array(SLOTS).fill(0);
  #newest = -Infinity;

  /** @param {number} nowMs @param {number} [amount] */
  add(nowMs, amount = 1) {
    this.#advance(nowMs);
    this.total += amount;
    this.#counts[this.#newest % SLOTS] += amount;
  }

  /** @param {number} nowMs @returns {number} */
  perSecond(nowMs) {
    this.#advance(nowMs);
    // Seven whole slots, and the part of the newest one that has passed.
    const spanMs = (SLOTS - 1) * SLOT_MS + (nowMs % SLOT_MS);
    return this.#counts.reduce((sum, count) => sum + count, 0) / (spanMs / 1000);
  }

  /** Empty the slots of the time that has passed. @param {number} nowMs */
  #advance(nowMs) {
    const slot = Math.floor(nowMs / SLOT_MS);
    const first = Math.max(this.#newest + 1, slot - SLOTS + 1);
    for (let passed = first; passed <= slot; passed += 1) this.#counts[passed % SLOTS] = 0;
    this.#newest = Math.max(this.#newest, slot);
  }
}

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
