/* Counts of durations in 10 µs steps up to 2 s, and their percentiles.  Fixed memory, no sorting. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum { STEP_NS = 10000, STEPS = 200000 };

typedef struct {
    uint64_t total;
    int64_t max_ns;
    uint32_t counts[STEPS + 1]; /* the last one: all that took longer */
} Histogram;

static inline void histogram_add(Histogram *h, int64_t ns) {
    int64_t step = ns < 0 ? 0 : ns / STEP_NS;
    h->counts[step < STEPS ? step : STEPS]++;
    h->total++;
    if (ns > h->max_ns) h->max_ns = ns;
}

/* The value in milliseconds at a share (0 … 1) by nearest rank; 0 if nothing was counted. */
static inline double histogram_ms(const Histogram *h, double share) {
    if (h->total == 0) return 0.0;
    uint64_t rank = (uint64_t)(share * (double)(h->total - 1)) + 1, seen = 0;
    for (int step = 0; step < STEPS; step++) {
        seen += h->counts[step];
        if (seen >= rank) return (step + 0.5) * STEP_NS / 1e6;
    }
    return (double)h->max_ns / 1e6;
}

static inline void histogram_print(const Histogram *h, const char *name) {
    printf(",\"%s\":{\"count\":%llu,\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f}", name,
           (unsigned long long)h->total, histogram_ms(h, 0.5), histogram_ms(h, 0.99),
           histogram_ms(h, 0.999), (double)h->max_ns / 1e6);
}

#endif
