/* The load generator: many WebSocket clients in one thread, cheaper than any server.
 *
 * Owns connecting, counting what arrives, the time between deltas, and sending commands evenly
 * spread in time.  Knows no server: what to say and which frames are deltas comes as flags from
 * benchmarks/generator.py.  Tells on stdout, one JSON object a line: joined, begin, end.
 *
 * Clients stay until the end.  Behind them in the array come those who are passing: groups, each of
 * which fills a room of its own, plays for a while, leaves, and comes again into a new room.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include "flags.h"
#include "histogram.h"
#include "places.h"
#include "transport.h"
#include "wire.h"

enum { READ_BYTES = 1 << 18, EVENTS = 512 };
/* The longest command (head, stamps, tail) as a frame, and what may wait to be taken. */
enum { COMMAND_BYTES = 2 * LINE_BYTES + 5 * MAX_STAMPS, FRAME_BYTES = COMMAND_BYTES + 8, OUT_BYTES = 1024 };
/* A client that is behind its schedule by this does not make up for it: the sends are skipped. */
#define SKIP_NS 1000000000LL
/* How long to play on after the window; whoever started this program ends it earlier. */
#define LINGER_NS 60000000000LL
/* Between the end of a group's game and its next: its connections are closed meanwhile. */
#define PAUSE_NS 250000000LL

typedef enum { FRESH, MATCHING, UPGRADING, OPEN, PLAYING, LEAVING, GONE } State;

typedef struct {
    Transport transport;
    State state;
    int wants_write;
    size_t have, out_length;
    uint64_t skip;           /* payload bytes of the current frame still to come */
    int64_t began_ns, delta_ns;
    uint32_t seq, tick, deltas;
    int greeted, room;
    uint8_t head[MAX_HEAD];  /* the beginning of a frame that came in pieces; while upgrading unused */
    uint8_t out[OUT_BYTES];
} Client;

/* What is being counted; set to zero when the window begins. */
static struct {
    uint64_t deltas, delta_bytes, frames, bytes, pings, texts;
    uint64_t sent, sent_bytes, refused, skipped;
    uint64_t passing_deltas, passing_bytes, passed, not_passed; /* of those who are passing */
    Histogram interval, lateness, rtt;
} count;

static Client *clients;
static int poller;
static int counting, joined, failed, in_flight, begun, lost_after_joining;
static Histogram join_time;
static uint8_t buffer[READ_BYTES];
static uint32_t mask_state = 0x9e3779b9;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint32_t next_mask(void) {
    mask_state ^= mask_state << 13;
    mask_state ^= mask_state >> 17;
    return mask_state ^= mask_state << 5;
}

static int is_passing(const Client *c) {
    return c - clients >= flags.clients;
}

/* ------------------------------------------------------------ one client: its end and output */

static void lose(Client *c) {
    if (c->state == GONE) return;
    if (is_passing(c)) {
        count.not_passed += counting && c->state != LEAVING;
    } else if (c->state == PLAYING) {
        lost_after_joining++;
    } else {
        failed++;
        in_flight--;
    }
    c->state = GONE;
    transport_close(&c->transport);
}

static void watch(Client *c, int operation, int writing) {
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(poller, operation, c->transport.fd, &event) < 0) die("epoll_ctl failed");
    c->wants_write = writing;
}

static void flush(Client *c) {
    while (c->out_length > 0) {
        ssize_t taken = transport_write(&c->transport, c->out, c->out_length);
        if (taken == LOST) {
            lose(c);
            return;
        }
        if (taken == LATER) break;
        c->out_length -= (size_t)taken;
        memmove(c->out, c->out + taken, c->out_length);
    }
    int writing = c->out_length > 0;
    if (writing != c->wants_write) watch(c, EPOLL_CTL_MOD, writing);
}

/* Send now, or keep what the kernel does not take; 0 if there is no room to keep it. */
static int post(Client *c, const uint8_t *data, size_t length) {
    if (length > OUT_BYTES - c->out_length) return 0;
    memcpy(c->out + c->out_length, data, length);
    c->out_length += length;
    flush(c);
    return 1;
}

static int post_frame(Client *c, int opcode, const uint8_t *payload, size_t length) {
    uint8_t frame[FRAME_BYTES];
    return post(c, frame, frame_masked(frame, opcode, payload, length, next_mask()));
}

/* ------------------------------------------------------------ what arrives */

static void join_done(Client *c, int64_t now) {
    c->state = PLAYING;
    if (is_passing(c)) return;
    joined++;
    in_flight--;
    histogram_add(&join_time, now - c->began_ns);
}

static void take_delta(Client *c, const Frame *f, int64_t now) {
    if (c->state == OPEN) join_done(c, now);
    if (flags.tick_at >= 0 && (size_t)flags.tick_at < f->peeked)
        c->tick = get_uint(f->payload + flags.tick_at, f->peeked - (size_t)flags.tick_at);
    if (counting && is_passing(c)) {
        count.passing_deltas++;
        count.passing_bytes += f->length;
    } else if (counting) {
        count.deltas++;
        count.delta_bytes += f->length;
        c->deltas++;
        if (c->delta_ns) histogram_add(&count.interval, now - c->delta_ns);
    }
    c->delta_ns = now;
}

static int byte_is(const Frame *f, int at, int byte) {
    return (size_t)at < f->peeked && f->payload[at] == byte;
}

static void take_binary(Client *c, const Frame *f, int64_t now) {
    if (flags.delta_at < 0 || byte_is(f, flags.delta_at, flags.delta_byte)) {
        take_delta(c, f, now);
    } else if (counting && flags.status_byte >= 0 && byte_is(f, flags.delta_at, flags.status_byte)) {
        size_t at = (size_t)flags.delta_at + 1; /* the round trip that the server measured, in µs */
        if (f->peeked > at && f->payload[at] != 0xc0)
            histogram_add(&count.rtt, 1000LL * get_uint(f->payload + at, f->peeked - at));
    }
    if (!c->greeted) {
        c->greeted = 1;
        if (flags.first.length) {
            post_frame(c, OP_BINARY, flags.first.bytes, flags.first.length);
            c->seq = 1; /* it may be a command */
        }
    }
}

static void take_frame(Client *c, const Frame *f, int64_t now) {
    if (counting) count.frames++;
    if (f->opcode == OP_BINARY) {
        take_binary(c, f, now);
    } else if (f->opcode == OP_PING) {
        if (counting) count.pings++;
        post_frame(c, OP_PONG, f->payload, f->peeked);
    } else if (f->opcode == OP_CLOSE) {
        lose(c);
    } else if (f->opcode == OP_TEXT && counting) {
        count.texts++;
    }
}

static void take_frames(Client *c, const uint8_t *data, size_t length, int64_t now) {
    while (length > 0 && c->state != GONE) {
        if (c->skip > 0) {
            size_t skipped = c->skip < length ? (size_t)c->skip : length;
            c->skip -= skipped;
            data += skipped;
            length -= skipped;
            continue;
        }
        const uint8_t *frame = data;
        if (c->have > 0 || length < frame_wanted(data, length)) {
            size_t wanted = frame_wanted(c->head, c->have) - c->have;
            size_t taken = wanted < length ? wanted : length;
            memcpy(c->head + c->have, data, taken);
            c->have += taken;
            data += taken;
            length -= taken;
            if (c->have < frame_wanted(c->head, c->have)) continue;
            frame = c->head;
        }
        Frame f = frame_start(frame);
        c->skip = f.length - f.peeked;
        if (frame == data) {
            data += f.consumed;
            length -= f.consumed;
        }
        c->have = 0;
        take_frame(c, &f, now);
    }
}

/* ------------------------------------------------------------ joining */

/* Write the client's room where there is a place for it. */
static void put_room(const Client *c, char *text, size_t length) {
    if (flags.room_size) number_room(text, length, c->room);
}

static void post_request(Client *c, char *request, int length) {
    if (length >= OUT_BYTES) die("a path is too long");
    put_room(c, request, (size_t)length);
    post(c, (uint8_t *)request, (size_t)length);
}

static void send_upgrade(Client *c, const char *path) {
    char request[OUT_BYTES];
    c->state = UPGRADING;
    post_request(c, request, snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 "Sec-WebSocket-Version: 13\r\n%s%s%s\r\n",
                 path, flags.port, *flags.protocol ? "Sec-WebSocket-Protocol: " : "",
                 flags.protocol, *flags.protocol ? "\r\n" : ""));
}

/* Ask for a seat; the answer says where to connect to. */
static void send_match(Client *c) {
    char request[OUT_BYTES];
    c->state = MATCHING;
    post_request(c, request, snprintf(request, sizeof request,
                 "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 flags.match, flags.port, strlen(flags.match_body), flags.match_body));
}

static void begin_join(Client *c) {
    c->began_ns = now_ns();
    if (!is_passing(c)) in_flight++;
    c->state = UPGRADING;
    if (transport_connect(&c->transport, flags.port) == LOST) {
        lose(c);
        return;
    }
    watch(c, EPOLL_CTL_ADD, 0);
    if (*flags.match) /* either is kept until the connection is there */
        send_match(c);
    else
        send_upgrade(c, flags.path);
}

/* The answer to the match comes in one piece too. */
static void take_match(Client *c, uint8_t *data, size_t length) {
    char path[OUT_BYTES / 2];
    data[length] = 0; /* read_from leaves room */
    if (fill_path(flags.path, (char *)data, path, sizeof path))
        send_upgrade(c, path);
    else
        lose(c);
}

/* The answer to the upgrade comes in one piece on loopback; anything else is a failure. */
static void take_upgrade(Client *c, const uint8_t *data, size_t length, int64_t now) {
    const uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
    if (end == NULL || length < 12 || memcmp(data, "HTTP/1.1 101", 12) != 0) {
        lose(c);
        return;
    }
    c->state = OPEN;
    Bytes open = flags.open;
    put_room(c, (char *)open.bytes, open.length);
    if (open.length) post_frame(c, OP_BINARY, open.bytes, open.length);
    take_frames(c, end + 4, length - (size_t)(end + 4 - data), now);
}

static void read_from(Client *c) {
    do {
        ssize_t length = transport_read(&c->transport, buffer, READ_BYTES - 1);
        if (length == LATER) break;
        if (length == LOST) {
            lose(c);
            return;
        }
        int64_t now = now_ns();
        if (counting) count.bytes += (uint64_t)length;
        if (c->state == MATCHING)
            take_match(c, buffer, (size_t)length);
        else if (c->state == UPGRADING)
            take_upgrade(c, buffer, (size_t)length, now);
        else
            take_frames(c, buffer, (size_t)length, now);
    } while (c->state != GONE && transport_keeps_bytes(&c->transport));
    if (c->state != GONE && c->out_length > 0) flush(c);
}

/* ------------------------------------------------------------ commands */

/* What a letter of --stamps stands for. */
static uint32_t stamp_value(char letter, uint32_t seq, uint32_t tick) {
    switch (letter) {
    case 's': return seq;
    case 't': return tick;
    case 'w': return tick * 32;
    default: return 0;
    }
}

static void send_command(Client *c) {
    if (c->state != PLAYING) return;
    uint8_t payload[COMMAND_BYTES];
    size_t length = flags.head.length;
    memcpy(payload, flags.head.bytes, length);
    uint32_t seq = ++c->seq;
    for (const char *stamp = flags.stamps; *stamp; stamp++)
        length += put_uint(payload + length, stamp_value(*stamp, seq, c->tick));
    if (flags.tail_count) {
        const Bytes *tail = &flags.tails[((size_t)(c - clients) * 97 + seq) % flags.tail_count];
        memcpy(payload + length, tail->bytes, tail->length);
        length += tail->length;
    }
    int taken = post_frame(c, OP_BINARY, payload, length);
    if (!counting) return;
    count.refused += !taken;
    count.sent += (unsigned)taken;
    count.sent_bytes += taken ? length : 0;
}

/* Commands are due at start + g * gap, one client after the other: even load at every moment. */
static struct {
    int64_t start_ns, gap_ns_256; /* the gap in 1/256 ns, or rounding would drift */
    uint64_t next;
} schedule;

static int64_t due_ns(void) {
    return schedule.start_ns + (int64_t)(((__int128)schedule.next * schedule.gap_ns_256) >> 8);
}

static void send_due(void) {
    int64_t now = now_ns();
    for (int64_t due; (due = due_ns()) <= now; schedule.next++) {
        if (now - due > SKIP_NS) {
            count.skipped += (unsigned)counting;
            continue;
        }
        send_command(&clients[schedule.next % (uint64_t)(flags.clients + flags.passing)]);
        if (counting) histogram_add(&count.lateness, now - due);
        if (schedule.next % 16 == 0) now = now_ns();
    }
}

/* ------------------------------------------------------------ those who come and go */

/* A group of clients who play together; `due_ns` is when they come, or leave. */
typedef struct {
    int64_t due_ns;
    int present;
} Group;

static Group *groups;
static int group_count, next_room;

static void leave(Client *c) {
    static const uint8_t normal[] = {0x03, 0xe8};
    if (c->state != PLAYING) {
        lose(c);
        return;
    }
    count.passed += (unsigned)counting;
    c->state = LEAVING;
    post_frame(c, OP_CLOSE, normal, sizeof normal);
    if (c->state == LEAVING) transport_finish(&c->transport);
}

static void come(Client *c) {
    if (c->state != FRESH) lose(c); /* the server may not have closed the connection */
    *c = (Client){.state = FRESH, .room = next_room};
    begin_join(c);
}

/* Have every group do what is due; when the next thing is. */
static int64_t pass(int64_t now) {
    int64_t next = INT64_MAX, stay_ns = (int64_t)(flags.stay_s * 1e9);
    for (int i = 0; i < group_count; i++) {
        Group *group = &groups[i];
        if (now >= group->due_ns) {
            Client *first = clients + flags.clients + i * flags.room_size;
            for (int k = 0; k < flags.room_size; k++) (group->present ? leave : come)(first + k);
            next_room += !group->present;
            group->due_ns += group->present ? PAUSE_NS : stay_ns;
            group->present = !group->present;
        }
        if (group->due_ns < next) next = group->due_ns;
    }
    return next;
}

/* Groups begin evenly spread over a round, after which as many leave as come; how long it lasts. */
static int64_t begin_passing(void) {
    if (!flags.passing) return 0;
    int64_t now = now_ns(), round_ns = (int64_t)(flags.stay_s * 1e9) + PAUSE_NS;
    group_count = flags.passing / flags.room_size;
    groups = calloc((size_t)group_count, sizeof *groups);
    if (groups == NULL) die("no memory");
    for (int i = 0; i < group_count; i++) groups[i].due_ns = now + i * round_ns / group_count;
    return round_ns;
}

/* ------------------------------------------------------------ the loop */

static void take_events(int timeout_ms) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, timeout_ms);
    for (int i = 0; i < ready; i++) {
        Client *c = events[i].data.ptr;
        if (c->state == GONE) continue;
        if (events[i].events & EPOLLOUT) flush(c);
        if (c->state != GONE && (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))) read_from(c);
        /* Long rounds must not make commands late. */
        if (i % 64 == 63 && schedule.gap_ns_256) send_due();
    }
}

static void run_until(int64_t end_ns) {
    for (int64_t now; (now = now_ns()) < end_ns;) {
        int64_t wake = end_ns;
        if (schedule.gap_ns_256) {
            send_due();
            if (due_ns() < wake) wake = due_ns();
        }
        int64_t passing_ns = pass(now);
        if (passing_ns < wake) wake = passing_ns;
        int64_t wait = wake - now_ns();
        take_events(wait <= 0 ? 0 : (int)((wait + 999999) / 1000000));
    }
}

static void join_all(void) {
    int64_t start = now_ns(), deadline = start + (int64_t)(flags.join_timeout_s * 1e9);
    while (joined + failed < flags.clients && now_ns() < deadline) {
        while (begun < flags.clients && in_flight < flags.joining) {
            clients[begun].room = flags.room_size ? begun / flags.room_size : 0;
            begin_join(&clients[begun++]);
        }
        take_events(10);
    }
    double took_s = (double)(now_ns() - start) / 1e9;
    printf("{\"event\":\"joined\",\"joined\":%d,\"failed\":%d,\"unfinished\":%d,\"seconds\":%.4f", joined,
           failed, flags.clients - joined - failed, took_s);
    histogram_print(&join_time, "join_ms");
    printf("}\n");
    fflush(stdout);
}

static double cpu_s(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void measure(void) {
    if (flags.rate > 0) {
        schedule.start_ns = now_ns();
        schedule.gap_ns_256 = (int64_t)(256e9 / (flags.rate * (flags.clients + flags.passing)));
    }
    int64_t warmup_ns = (int64_t)(flags.warmup_s * 1e9), round_ns = begin_passing();
    run_until(now_ns() + (warmup_ns > round_ns ? warmup_ns : round_ns));
    memset(&count, 0, sizeof count);
    counting = 1;
    printf("{\"event\":\"begin\"}\n");
    fflush(stdout);
    int64_t start = now_ns();
    double start_cpu_s = cpu_s();
    run_until(start + (int64_t)(flags.window_s * 1e9));
    counting = 0;
    double seconds = (double)(now_ns() - start) / 1e9, cpu = cpu_s() - start_cpu_s;
    uint32_t least = UINT32_MAX, most = 0;
    int playing = 0;
    for (int i = 0; i < flags.clients; i++) {
        if (clients[i].state != PLAYING) continue;
        playing++;
        if (clients[i].deltas < least) least = clients[i].deltas;
        if (clients[i].deltas > most) most = clients[i].deltas;
    }
    printf("{\"event\":\"end\",\"seconds\":%.4f,\"playing\":%d,\"lost\":%d,\"cpu_share\":%.4f", seconds,
           playing, lost_after_joining, cpu / seconds);
    printf(",\"deltas\":%llu,\"delta_bytes\":%llu,\"frames\":%llu,\"bytes\":%llu,\"pings\":%llu,"
           "\"texts\":%llu,\"fewest_deltas\":%u,\"most_deltas\":%u",
           (unsigned long long)count.deltas, (unsigned long long)count.delta_bytes,
           (unsigned long long)count.frames, (unsigned long long)count.bytes,
           (unsigned long long)count.pings, (unsigned long long)count.texts,
           playing ? least : 0, most);
    printf(",\"sent\":%llu,\"sent_bytes\":%llu,\"refused\":%llu,\"skipped\":%llu",
           (unsigned long long)count.sent, (unsigned long long)count.sent_bytes,
           (unsigned long long)count.refused, (unsigned long long)count.skipped);
    printf(",\"passing_deltas\":%llu,\"passing_bytes\":%llu,\"passed\":%llu,\"not_passed\":%llu",
           (unsigned long long)count.passing_deltas, (unsigned long long)count.passing_bytes,
           (unsigned long long)count.passed, (unsigned long long)count.not_passed);
    histogram_print(&count.interval, "interval_ms");
    histogram_print(&count.lateness, "send_late_ms");
    histogram_print(&count.rtt, "rtt_ms");
    printf("}\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    read_flags(argc, argv);
    if (flags.tls && transport_use_tls() < 0) die("built without TLS");
    if (flags.core >= 0) {
        cpu_set_t cores;
        CPU_ZERO(&cores);
        CPU_SET(flags.core, &cores);
        if (sched_setaffinity(0, sizeof cores, &cores) < 0) die("cannot pin to this core");
    }
    rlim_t everyone = (rlim_t)flags.clients + (rlim_t)flags.passing;
    struct rlimit files = {everyone + 64, everyone + 64}, have;
    getrlimit(RLIMIT_NOFILE, &have);
    if (have.rlim_cur < files.rlim_cur) {
        if (files.rlim_max < have.rlim_max) files.rlim_max = have.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0) die("not enough open files allowed (ulimit -n)");
    }
    clients = calloc(everyone, sizeof *clients);
    next_room = flags.room_size ? (flags.clients + flags.room_size - 1) / flags.room_size : 0;
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (clients == NULL || poller < 0) die("no memory or no epoll");
    join_all();
    measure();
    run_until(now_ns() + LINGER_NS); /* the driver looks at the server while all still play */
    return 0;
}
