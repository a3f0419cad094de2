/* WebSocket frames (RFC 6455) as a client needs them, and msgpack integers.  Pure: no sockets. */
#ifndef WIRE_H
#define WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };
/* How much of a payload is looked at: all of a control frame, the beginning of a message. */
enum { MAX_CONTROL = 125, PEEK = 32, MAX_HEAD = 14 + MAX_CONTROL };

typedef struct {
    int opcode;
    int final;
    uint64_t length;        /* of the payload */
    size_t peeked;          /* how many bytes of it are at hand */
    const uint8_t *payload;
    size_t consumed;        /* header and peeked bytes */
} Frame;

/* How many bytes of a frame must be at hand before frame_start may look at it. */
static inline size_t frame_wanted(const uint8_t *p, size_t have) {
    if (have < 2) return 2;
    size_t header = 2, length = p[1] & 0x7f;
    if (length == 126) header = 4;
    if (length == 127) header = 10;
    if (have < header) return header;
    if (length == 126) length = (size_t)p[2] << 8 | p[3];
    if (length == 127) length = PEEK;
    size_t peek = (p[0] & 8) ? MAX_CONTROL : PEEK;
    return header + (length < peek ? length : peek);
}

/* Read the beginning of an unmasked frame of which frame_wanted bytes are at hand. */
static inline Frame frame_start(const uint8_t *p) {
    Frame f = {.opcode = p[0] & 15, .final = p[0] >> 7, .length = p[1] & 0x7f};
    size_t header = 2;
    if (f.length == 126) {
        f.length = (uint64_t)p[2] << 8 | p[3];
        header = 4;
    } else if (f.length == 127) {
        f.length = 0;
        for (int i = 2; i < 10; i++) f.length = f.length << 8 | p[i];
        header = 10;
    }
    size_t peek = (f.opcode & 8) ? MAX_CONTROL : PEEK;
    f.peeked = f.length < peek ? (size_t)f.length : peek;
    f.payload = p + header;
    f.consumed = header + f.peeked;
    return f;
}

/* Write a masked frame of at most 65,535 bytes to out; its size.  out holds 8 bytes more. */
static inline size_t frame_masked(uint8_t *out, int opcode, const uint8_t *payload, size_t length,
                                  uint32_t mask) {
    size_t at = 0;
    out[at++] = 0x80 | (uint8_t)opcode;
    if (length < 126) {
        out[at++] = 0x80 | (uint8_t)length;
    } else {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(length >> 8);
        out[at++] = (uint8_t)length;
    }
    uint8_t key[4];
    memcpy(key, &mask, 4);
    memcpy(out + at, key, 4);
    at += 4;
    for (size_t i = 0; i < length; i++) out[at + i] = payload[i] ^ key[i & 3];
    return at + length;
}

/* Append an unsigned integer in its shortest msgpack form; how many bytes it took. */
static inline size_t put_uint(uint8_t *out, uint32_t value) {
    if (value < 128) {
        out[0] = (uint8_t)value;
        return 1;
    }
    if (value < 256) {
        out[0] = 0xcc;
        out[1] = (uint8_t)value;
        return 2;
    }
    if (value < 65536) {
        out[0] = 0xcd;
        out[1] = (uint8_t)(value >> 8);
        out[2] = (uint8_t)value;
        return 3;
    }
    out[0] = 0xce;
    for (int i = 0; i < 4; i++) out[1 + i] = (uint8_t)(value >> (24 - 8 * i));
    return 5;
}

/* Read an unsigned msgpack integer; 0 if there is none. */
static inline uint32_t get_uint(const uint8_t *p, size_t have) {
    size_t bytes = 0;
    if (have == 0) return 0;
    if (p[0] < 128) return p[0];
    if (p[0] >= 0xcc && p[0] <= 0xce) bytes = (size_t)1 << (p[0] - 0xcc);
    if (have < 1 + bytes) return 0;
    uint32_t value = 0;
    for (size_t i = 1; i <= bytes; i++) value = value << 8 | p[i];
    return value;
}

#endif
