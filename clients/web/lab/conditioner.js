/**
 * What a TCP connection over a given link does to the messages of one direction: how long each
 * takes.
 *
 * Owns cutting messages into segments, and what fits through.  The twin of
 * `clients/lab/conditioner.py`, but for the order of messages, which is kept by whoever holds them
 * (`conditioned_socket.js`).  When a segment arrives that was lost is `recovery.js`'s.  Pure: times are
 * arguments in milliseconds.
 */

/** @typedef {import("./path.js").Path} Path */
/** @typedef {import("./recovery.js").Flight} Flight */
/** @typedef {import("./recovery.js").Segment} Segment */

/** What one segment of TCP carries over Ethernet (RFC 791, RFC 9293, RFC 7323). */
const SEGMENT_BYTES = 1448;

/** A message on its way. */
export class Passage {
  #segments;

  /** @param {number} leavesMs  when its last byte leaves @param {Segment[]} segments */
  constructor(leavesMs, segments) {
    this.leavesMs = leavesMs;
    this.#segments = segments;
  }

  /**
   * When all of it is there; whoever reads it may have to wait for messages before it.  What is sent
   * later may change it, either way, as long as that time has not come.
   * @returns {number}
   */
  get arrivesMs() {
    return Math.max(...this.#segments.map((segment) => segment.arrivesMs));
  }
}

/** One direction. */
export class Conditioner {
  #path;
  #flight;
  /** When the last byte so far has left the sender. */
  #leftMs = -Infinity;

  /** @param {Path} path @param {Flight} flight */
  constructor(path, flight) {
    this.#path = path;
    this.#flight = flight;
  }

  /** Segments that were lost, each a stall of what is behind it until it arrives. */
  get stalls() {
    return this.#flight.lost;
  }

  /**
   * Send a message of so many bytes at `nowMs`, which never goes back.
   * @param {number} nowMs
   * @param {number} bytes
   */
  send(nowMs, bytes) {
    const segments = [];
    let left = bytes;
    do {
      const segment = Math.min(left, SEGMENT_BYTES);
      this.#leftMs = Math.max(nowMs, this.#leftMs) + (segment / this.#path.bytesPerS) * 1000;
      segments.push(this.#flight.send(this.#leftMs));
      left -= segment;
    } while (left > 0);
    return new Passage(this.#leftMs, segments);
  }
}
