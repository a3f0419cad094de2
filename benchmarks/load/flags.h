/* What the load generator is told on its command line; benchmarks/generator.py writes it. */
#ifndef FLAGS_H
#define FLAGS_H

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* The longest message, tail or head of a command; the most integers between the two. */
enum { LINE_BYTES = 256, MAX_STAMPS = 4 };

typedef struct {
    uint8_t bytes[LINE_BYTES];
    size_t length;
} Bytes;

/* What the flags said. */
static struct {
    int port, clients, joining, tls, core, delta_at, delta_byte, tick_at, status_byte;
    int passing, room_size; /* clients who come and go beside the others; players of a room, 0: any */
    double rate, warmup_s, window_s, join_timeout_s, stay_s;
    const char *protocol, *stamps, *path, *match, *match_body;
    Bytes open, first, head;
    Bytes *tails;
    size_t tail_count;
} flags = {.clients = 1, .joining = 64, .core = -1, .delta_at = -1, .tick_at = -1,
           .status_byte = -1, .warmup_s = 1, .window_s = 5, .join_timeout_s = 60,
           .stay_s = 2, .protocol = "", .stamps = "", .path = "/", .match = "", .match_body = ""};

static void die(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static Bytes from_hex(const char *text) {
    Bytes bytes = {.length = 0};
    unsigned value;
    for (; sscanf(text, "%2x", &value) == 1 && text[0] && text[1]; text += 2) {
        if (bytes.length == LINE_BYTES) die("a message is too long");
        bytes.bytes[bytes.length++] = (uint8_t)value;
    }
    return bytes;
}

/* Call take with every line of a file. */
static void each_line(const char *name, void (*take)(char *)) {
    FILE *file = fopen(name, "r");
    if (file == NULL) die("cannot open the file of tails");
    char *line = NULL;
    size_t size = 0;
    for (ssize_t length; (length = getline(&line, &size, file)) > 0;) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        take(line);
    }
    free(line);
    fclose(file);
}

static void add_tail(char *line) {
    flags.tails = realloc(flags.tails, (flags.tail_count + 1) * sizeof *flags.tails);
    flags.tails[flags.tail_count++] = from_hex(line);
}

static void read_flags(int argc, char **argv) {
    static const struct option options[] = {
        {"port", 1, 0, 'p'},        {"clients", 1, 0, 'n'},  {"path", 1, 0, 'a'},
        {"protocol", 1, 0, 's'},    {"open", 1, 0, 'o'},     {"first", 1, 0, 'f'},
        {"head", 1, 0, 'h'},        {"stamps", 1, 0, 'm'},   {"tails", 1, 0, 't'},
        {"rate", 1, 0, 'r'},        {"joining", 1, 0, 'j'},  {"warmup", 1, 0, 'w'},
        {"window", 1, 0, 'W'},      {"core", 1, 0, 'c'},     {"tls", 0, 0, 'T'},
        {"delta-at", 1, 0, 'd'},    {"delta-byte", 1, 0, 'D'}, {"tick-at", 1, 0, 'k'},
        {"status-byte", 1, 0, 'u'}, {"join-timeout", 1, 0, 'J'}, {"match", 1, 0, 'x'},
        {"match-body", 1, 0, 'b'},  {"passing", 1, 0, 'P'},  {"stay", 1, 0, 'S'},
        {"room-size", 1, 0, 'R'},
        {0, 0, 0, 0}};
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 'p': flags.port = atoi(optarg); break;
        case 'n': flags.clients = atoi(optarg); break;
        case 'a': flags.path = optarg; break;
        case 'x': flags.match = optarg; break;
        case 'b': flags.match_body = optarg; break;
        case 'P': flags.passing = atoi(optarg); break;
        case 'S': flags.stay_s = atof(optarg); break;
        case 'R': flags.room_size = atoi(optarg); break;
        case 's': flags.protocol = optarg; break;
        case 'o': flags.open = from_hex(optarg); break;
        case 'f': flags.first = from_hex(optarg); break;
        case 'h': flags.head = from_hex(optarg); break;
        case 'm': flags.stamps = optarg; break;
        case 't': each_line(optarg, add_tail); break;
        case 'r': flags.rate = atof(optarg); break;
        case 'j': flags.joining = atoi(optarg); break;
        case 'w': flags.warmup_s = atof(optarg); break;
        case 'W': flags.window_s = atof(optarg); break;
        case 'c': flags.core = atoi(optarg); break;
        case 'T': flags.tls = 1; break;
        case 'd': flags.delta_at = atoi(optarg); break;
        case 'D': flags.delta_byte = atoi(optarg); break;
        case 'k': flags.tick_at = atoi(optarg); break;
        case 'u': flags.status_byte = atoi(optarg); break;
        case 'J': flags.join_timeout_s = atof(optarg); break;
        default: exit(2);
        }
    }
    if (flags.clients < 1 || flags.joining < 1) die("--clients and --joining must be at least 1");
    if (flags.passing < 0 || flags.room_size < 0) die("--passing and --room-size must not be negative");
    if (flags.passing && (!flags.room_size || flags.passing % flags.room_size))
        die("--passing must be whole rooms of --room-size");
    if (strlen(flags.stamps) > MAX_STAMPS) die("--stamps has too many letters");
    if (strspn(flags.stamps, "s0tw") < strlen(flags.stamps)) die("--stamps knows s, 0, t and w");
}

#endif
