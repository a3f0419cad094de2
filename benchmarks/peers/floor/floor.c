/* The floor: about what the kernel alone asks for.
 *
 * An epoll server that answers the WebSocket handshake, writes the same prebuilt frame to every
 * client at every tick with one write each, and drains what the clients send as it comes, without
 * looking at it.  No game, no parsing, no bookkeeping.
 *
 *     floor --bytes 120 [--rate 20] [--port 0]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 1024, MAX_CLIENTS = 65536, READ_BYTES = 65536 };

static char buffer[READ_BYTES];
static uint8_t frame[READ_BYTES];
static size_t frame_length;
static int playing[MAX_CLIENTS]; /* file descriptors, in the order in which they joined */
static int player_count;
static int place[MAX_CLIENTS];   /* fd → 1 + index in playing; 0: not yet upgraded */

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ------------------------------------------------------------ the handshake (RFC 6455, 4.2.2) */

static uint32_t rotated(uint32_t x, int by) { return x << by | x >> (32 - by); }

/* SHA-1 (RFC 3174) of at most 119 bytes. */
static void sha1(const char *text, size_t length, uint8_t digest[20]) {
    uint8_t blocks[128] = {0};
    size_t size = length < 56 ? 64 : 128;
    memcpy(blocks, text, length);
    blocks[length] = 0x80;
    blocks[size - 2] = (uint8_t)(length >> 5);
    blocks[size - 1] = (uint8_t)(length << 3);
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    for (const uint8_t *p = blocks; p < blocks + size; p += 64) {
        uint32_t w[80];
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
        for (int i = 16; i < 80; i++) w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d
                       : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
            uint32_t k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
            uint32_t next = rotated(a, 5) + f + e + k + w[i];
            e = d, d = c, c = rotated(b, 30), b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const uint8_t *data, size_t length, char *out) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        uint32_t group = (uint32_t)data[i] << 16;
        if (i + 1 < length) group |= (uint32_t)data[i + 1] << 8;
        if (i + 2 < length) group |= data[i + 2];
        for (int k = 0; k < 4; k++) *out++ = i + (size_t)k > length ? '=' : letters[group >> (18 - 6 * k) & 63];
    }
    *out = 0;
}

/* Answer the upgrade; 0 if what came is none. */
static int upgrade(int fd, char *request) {
    char *key = strcasestr(request, "sec-websocket-key: ");
    if (key == NULL || strlen(key) < 19 + 24) return 0;
    char text[64], accept[32], answer[256];
    snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
    uint8_t digest[20];
    sha1(text, strlen(text), digest);
    base64(digest, sizeof digest, accept);
    int length = snprintf(answer, sizeof answer,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    return write(fd, answer, (size_t)length) == length;
}

/* ------------------------------------------------------------ clients */

static void drop(int fd) {
    int index = place[fd] - 1;
    if (index >= 0) {
        playing[index] = playing[--player_count];
        place[playing[index]] = index + 1;
        place[fd] = 0;
    }
    close(fd);
}

static void accept_all(int listener, int poller) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (fd >= MAX_CLIENTS) die("too many clients");
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
    }
}

static void drain(int fd) {
    ssize_t length = read(fd, buffer, sizeof buffer - 1);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) {
        drop(fd);
    } else if (!place[fd]) {
        buffer[length] = 0;
        if (!upgrade(fd, buffer)) {
            drop(fd);
            return;
        }
        playing[player_count++] = fd;
        place[fd] = player_count;
    }
}

static void tick(void) {
    for (int i = player_count - 1; i >= 0; i--) {
        ssize_t taken = write(playing[i], frame, frame_length);
        /* A full socket buffer would need the rest kept: too slow a reader is simply dropped. */
        if (taken != (ssize_t)frame_length) drop(playing[i]);
    }
}

static void build_frame(size_t bytes) {
    size_t at = 0;
    frame[at++] = 0x82;
    if (bytes < 126) {
        frame[at++] = (uint8_t)bytes;
    } else {
        frame[at++] = 126;
        frame[at++] = (uint8_t)(bytes >> 8);
        frame[at++] = (uint8_t)bytes;
    }
    memset(frame + at, 0x2a, bytes);
    frame_length = at + bytes;
}

int main(int argc, char **argv) {
    int port = 0;
    double rate = 20;
    size_t bytes = 100;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--port")) port = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--rate")) rate = atof(argv[i + 1]);
        if (!strcmp(argv[i], "--bytes")) bytes = (size_t)atoi(argv[i + 1]);
    }
    if (bytes > sizeof frame - 4) return 2;
    build_frame(bytes);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 4096) < 0) die("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("listening %d\n", ntohs(address.sin_port));
    fflush(stdout);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    int64_t start = now_ns();
    for (int64_t ticks = 1;;) {
        int64_t wait = start + (int64_t)((double)ticks * 1e9 / rate) - now_ns();
        if (wait <= 0) {
            tick();
            ticks++;
            continue;
        }
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poller, events, EVENTS, (int)((wait + 999999) / 1000000));
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener) {
                accept_all(listener, poller);
            } else {
                drain(events[i].data.fd);
            }
        }
    }
}
