#include "hotlead/app/health.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_STALE_MS 30000
#define STARTING UINT64_MAX

/* A cache line each: a beat comes with every batch. */
struct thread_health {
    _Alignas(64) _Atomic int64_t beat_ns;
    _Atomic bool finished;
    _Atomic uint64_t partitions; /* assigned << 32 | restored, in one piece so that a reader never mixes two states */
};

struct hl_health {
    int threads;
    int64_t stale_ns;
    struct thread_health *thread;
};

struct hl_health *hl_health_new(int threads, int64_t stale_ms, int64_t now_ns)
{
    struct hl_health *h = calloc(1, sizeof(*h));
    if (!h) return NULL;
    h->threads = threads;
    h->stale_ns = (stale_ms > 0 ? stale_ms : DEFAULT_STALE_MS) * 1000000;
    h->thread = aligned_alloc(64, (size_t)(threads > 0 ? threads : 1) * sizeof(*h->thread));
    if (!h->thread) {
        free(h);
        return NULL;
    }
    for (int i = 0; i < threads; i++) {
        atomic_init(&h->thread[i].beat_ns, now_ns);
        atomic_init(&h->thread[i].finished, false);
        atomic_init(&h->thread[i].partitions, STARTING);
    }
    return h;
}

void hl_health_free(struct hl_health *h)
{
    if (!h) return;
    free(h->thread);
    free(h);
}

static struct thread_health *thread_of(const struct hl_health *h, int thread)
{
    HL_BUG_ON(thread < 0 || thread >= h->threads);
    return &h->thread[thread];
}

void hl_health_beat(struct hl_health *h, int thread, int64_t now_ns)
{
    atomic_store_explicit(&thread_of(h, thread)->beat_ns, now_ns, memory_order_relaxed);
}

void hl_health_finish(struct hl_health *h, int thread)
{
    atomic_store_explicit(&thread_of(h, thread)->finished, true, memory_order_relaxed);
}

void hl_health_set_partitions(struct hl_health *h, int thread, uint32_t assigned, uint32_t restored)
{
    atomic_store_explicit(&thread_of(h, thread)->partitions, (uint64_t)assigned << 32 | restored, memory_order_relaxed);
}

static bool is_finished(const struct thread_health *t)
{
    return atomic_load_explicit(&t->finished, memory_order_relaxed);
}

bool hl_health_is_live(const struct hl_health *h, int64_t now_ns, char *why, size_t cap)
{
    for (int i = 0; i < h->threads; i++) {
        int64_t silent = now_ns - atomic_load_explicit(&h->thread[i].beat_ns, memory_order_relaxed);
        if (is_finished(&h->thread[i]) || silent <= h->stale_ns) continue;
        snprintf(why, cap, "thread %d has been silent for %lld s", i, (long long)(silent / 1000000000));
        return false;
    }
    return true;
}

bool hl_health_is_ready(const struct hl_health *h, char *why, size_t cap)
{
    for (int i = 0; i < h->threads; i++) {
        uint64_t p = atomic_load_explicit(&h->thread[i].partitions, memory_order_relaxed);
        uint32_t assigned = (uint32_t)(p >> 32), restored = (uint32_t)p;
        if (is_finished(&h->thread[i]) || (p != STARTING && restored >= assigned)) continue;
        if (p == STARTING)
            snprintf(why, cap, "thread %d is starting", i);
        else
            snprintf(why, cap, "thread %d has restored %u of %u partitions", i, restored, assigned);
        return false;
    }
    return true;
}
