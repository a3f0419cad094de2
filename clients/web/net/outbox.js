/**
 * The commands that were sent and that the server has not acknowledged yet.
 *
 * Owns the list of commands to send again after a lost connection.  Pure; `clients/outbox.py` is
 * its twin.
 */

/** Most commands that are kept; overflow policy `drop-oldest`, counted in `dropped`. */
export const MAX_UNSETTLED = 256;

/** @typedef {{ seq: number, tick: number, bytes: Uint8Array<ArrayBuffer> }} Sent */

export class Outbox {
  dropped = 0;
  /** The oldest first. @type {Sent[]} */
  #commands = [];

  get size() {
    return this.#commands.length;
  }

  /** Remember a command that has been sent. @param {Sent} command */
  sent(command) {
    if (this.#commands.length === MAX_UNSETTLED) {
      this.#commands.shift();
      this.dropped += 1;
    }
    this.#commands.push(command);
  }

  /** Forget all commands up to the seq `ack`: the server has applied or refused them. @param {number} ack */
  settled(ack) {
    const first = this.#commands.findIndex(({ seq }) => seq > ack);
    this.#commands.splice(0, first < 0 ? this.#commands.length : first);
  }

  /**
   * The commands to send again to a server at `tick`, in order.  Commands for ticks that have
   * passed are forgotten, as they would have no effect.
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
