/* What is counted while it goes on: each counter and histogram has one writer, all may read. */
#ifndef HL_LOAD_METER_H
#define HL_LOAD_METER_H

#include "limits.h"

#define HL_METER_WINDOWS 600

/* A piece of the run, by the planned time of its events. */
struct hl_meter_window {
    _Atomic uint64_t sent, acked; /* by the real time */
    struct hl_hist latency;       /* corrected */
};

struct hl_meter {
    int64_t start_ns; /* monotonic; moments below are ns since then */
    int64_t window_ns;
    size_t n_windows;
    struct hl_meter_window *windows;
    struct hl_hist latencies[HL_LATENCY_COUNT];
    struct hl_hist recent[2]; /* for the display: one is written while the other is read */
    _Atomic int writing;
    /* the sender's */
    _Atomic uint64_t sent, bytes, duplicates, late, broken, unsent;
    _Atomic int64_t behind_ns, last_sent_ns;
    _Atomic uint64_t acked;  /* of the delivery reports */
    _Atomic int64_t last_acked_ns;
    _Atomic uint64_t failed; /* of both */
    /* the consumer's */
    _Atomic uint64_t others, unreadable; /* transitions of events that are none of the probes; records that are no transitions */
};

/* Windows of a second at least, so that a run of this length has HL_METER_WINDOWS at most. HL_E_NOMEM. */
enum hl_status hl_meter_init(struct hl_meter *m, int64_t length_ns) HL_WARN_UNUSED;
void hl_meter_fini(struct hl_meter *m);
/* The window of a moment; what is later than the last one belongs to it. */
struct hl_meter_window *hl_meter_at(struct hl_meter *m, int64_t at_ns);
/* How many windows there are up to the last one in which something happened; 1 at least. A backlog does not know beforehand how long it takes, and
 * a run may be interrupted. */
size_t hl_meter_used(const struct hl_meter *m);
/* What was put into `recent` since the last call; valid until the next one. */
const struct hl_hist *hl_meter_recent(struct hl_meter *m);

static inline void hl_meter_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

#endif
