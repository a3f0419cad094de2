/**
 * One direction of a TCP connection over a given link: how long each message takes.
 *
 * Owns cutting messages into segments, and the bandwidth.  The twin of
 * `clients/lab/conditioner.py`, except for the order of messages, which `conditioned_socket.js`
 * keeps.  `recovery.js` decides when a lost segment arrives.  Pure: times are arguments in
 * milliseconds.
 */

/** @typedef {import("./path.js").Path} Path */
/** @typedef {import("./recovery.js").Flight} Flight */
/** @typedef {import("./recovery.js").Segment} Segment */

/** The bytes in one segment of TCP over Ethernet (RFC 791, RFC 9293, RFC 7323). */
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
   * The time at which all of it has arrived; its reader may have to wait for earlier messages.
   * Until that time, later messages may change it in either direction.
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

  /** Number of lost segments; each stalls all later ones until it arrives. */
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
