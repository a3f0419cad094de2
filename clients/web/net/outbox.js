/**
 * The commands that were sent and that the server has not dealt with, as far as is known.
 *
 * Owns what is to be sent again after a connection was lost.  Pure; `clients/outbox.py` is the same.
 */

/** Beyond this the oldest are dropped, counted in `dropped`: those are not sent again. */
export const MAX_UNSETTLED = 256;

/** @typedef {{ seq: number, tick: number, bytes: Uint8Array<ArrayBuffer> }} Sent */

export class Outbox {
  dropped = 0;
  /** The oldest first. @type {Sent[]} */
  #commands = [];

  get size() {
    return this.#commands.length;
  }

  /** Remember a command that is on its way. @param {Sent} command */
  sent(command) {
    if (this.#commands.length === MAX_UNSETTLED) {
      this.#commands.shift();
      this.dropped += 1;
    }
    this.#commands.push(command);
  }

  /** The server has dealt with all commands up to this seq. @param {number} ack */
  settled(ack) {
    const first = this.#commands.findIndex(({ seq }) => seq > ack);
    this.#commands.splice(0, first < 0 ? this.#commands.length : first);
  }

  /**
   * What a server that is at `tick` must still be told, in order.  Commands for ticks that have
   * passed are forgotten: nothing would come of them.
   * @param {number} ack
   * @param {number} tick
   * @returns {readonly Sent[]}
   */
  toSendAgain(ack, tick) {
    this.settled(ack);
    this.#commands = this.#commands.filter((command) => command.tick === 0 || command.tick > tick);
    return this.#commands;
  }
}
