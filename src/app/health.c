#include "hotlead/app/health.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_STALE_MS 30000
#define STARTING UINT64_MAX

/* A cache line each: a beat comes with every batch. */
struct thread_health {
    _Alignas(64) _Atomic int64_t beat_ns;
    const char *_Atomic call;   /* the thread is in it; NULL: in none */
    const char *_Atomic paused; /* why; NULL: it is not */
    _Atomic int64_t limit_ns; /* of that call */
    _Atomic bool finished;
    _Atomic uint64_t partitions; /* assigned << 32 | restored, in one piece so that a reader never mixes two states */
    _Atomic uint64_t restoring;  /* percent << 32 | 1 + seconds left; 0: nothing is known */
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
        atomic_init(&h->thread[i].call, NULL);
        atomic_init(&h->thread[i].paused, NULL);
        atomic_init(&h->thread[i].limit_ns, 0);
        atomic_init(&h->thread[i].finished, false);
        atomic_init(&h->thread[i].partitions, STARTING);
        atomic_init(&h->thread[i].restoring, 0);
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

/* The beat comes first in both: who sees the call, or sees it gone, sees a beat that is no older. */
void hl_health_enter(struct hl_health *h, int thread, const char *call, int64_t limit_ms, int64_t now_ns)
{
    struct thread_health *t = thread_of(h, thread);
    hl_health_beat(h, thread, now_ns);
    atomic_store_explicit(&t->limit_ns, limit_ms * 1000000, memory_order_relaxed);
    atomic_store_explicit(&t->call, call, memory_order_release);
}

void hl_health_leave(struct hl_health *h, int thread, int64_t now_ns)
{
    hl_health_beat(h, thread, now_ns);
    atomic_store_explicit(&thread_of(h, thread)->call, NULL, memory_order_release);
}

void hl_health_finish(struct hl_health *h, int thread)
{
    atomic_store_explicit(&thread_of(h, thread)->finished, true, memory_order_relaxed);
}

void hl_health_set_partitions(struct hl_health *h, int thread, uint32_t assigned, uint32_t restored)
{
    atomic_store_explicit(&thread_of(h, thread)->restoring, 0, memory_order_relaxed);
    atomic_store_explicit(&thread_of(h, thread)->partitions, (uint64_t)assigned << 32 | restored, memory_order_relaxed);
}

void hl_health_set_restoring(struct hl_health *h, int thread, unsigned percent, int64_t seconds_left)
{
    uint32_t seconds = seconds_left < 0 ? 0 : seconds_left >= INT32_MAX ? INT32_MAX : (uint32_t)seconds_left + 1;
    atomic_store_explicit(&thread_of(h, thread)->restoring, (uint64_t)percent << 32 | seconds, memory_order_relaxed);
}

void hl_health_set_paused(struct hl_health *h, int thread, const char *why)
{
    atomic_store_explicit(&thread_of(h, thread)->paused, why, memory_order_release);
}

static bool is_finished(const struct thread_health *t)
{
    return atomic_load_explicit(&t->finished, memory_order_relaxed);
}

static bool is_hung(const struct hl_health *h, int i, int64_t now_ns, char *why, size_t cap)
{
    const struct thread_health *t = &h->thread[i];
    const char *call = atomic_load_explicit(&t->call, memory_order_acquire);
    int64_t allowed = h->stale_ns, limit = call ? atomic_load_explicit(&t->limit_ns, memory_order_relaxed) : 0;
    int64_t silent = now_ns - atomic_load_explicit(&t->beat_ns, memory_order_relaxed);
    if (limit > allowed) allowed = limit;
    if (silent <= allowed) return false;
    long long seconds = silent / 1000000000;
    if (call)
        snprintf(why, cap, "thread %d waits for %s since %lld s, and it may take %lld s", i, call, seconds, (long long)(allowed / 1000000000));
    else
        snprintf(why, cap, "thread %d has been silent for %lld s", i, seconds);
    return true;
}

bool hl_health_is_live(const struct hl_health *h, int64_t now_ns, char *why, size_t cap)
{
    for (int i = 0; i < h->threads; i++)
        if (!is_finished(&h->thread[i]) && is_hung(h, i, now_ns, why, cap)) return false;
    return true;
}

static void say_how_far(const struct thread_health *t, int i, uint64_t partitions, char *why, size_t cap)
{
    uint64_t r = atomic_load_explicit(&t->restoring, memory_order_relaxed);
    unsigned assigned = (unsigned)(partitions >> 32), restored = (unsigned)(uint32_t)partitions;
    unsigned percent = (unsigned)(r >> 32), seconds = (unsigned)(uint32_t)r;
    if (seconds == 0)
        snprintf(why, cap, "thread %d has restored %u of %u partitions", i, restored, assigned);
    else
        snprintf(why, cap, "thread %d has restored %u of %u partitions (%u %% is read, about %u s left)", i, restored, assigned, percent, seconds - 1);
}

bool hl_health_is_ready(const struct hl_health *h, char *why, size_t cap)
{
    for (int i = 0; i < h->threads; i++) {
        uint64_t p = atomic_load_explicit(&h->thread[i].partitions, memory_order_relaxed);
        uint32_t assigned = (uint32_t)(p >> 32), restored = (uint32_t)p;
        const char *paused = atomic_load_explicit(&h->thread[i].paused, memory_order_acquire);
        if (is_finished(&h->thread[i]) || (p != STARTING && restored >= assigned && !paused)) continue;
        if (paused)
            snprintf(why, cap, "thread %d reads nothing: %s", i, paused);
        else if (p == STARTING)
            snprintf(why, cap, "thread %d is starting", i);
        else
            say_how_far(&h->thread[i], i, p, why, cap);
        return false;
    }
    return true;
}
