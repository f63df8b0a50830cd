/* Mutex with a cache line of its own, which counts contended acquisitions. */
#ifndef HOTLEAD_BASE_LOCK_H
#define HOTLEAD_BASE_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct hl_lock {
    _Alignas(64) pthread_mutex_t mutex;
    _Atomic uint64_t contended; /* written by holders only */
};

void hl_lock_init(struct hl_lock *l);
void hl_lock_fini(struct hl_lock *l);

static inline void hl_lock_acquire(struct hl_lock *l)
{
    if (__builtin_expect(pthread_mutex_trylock(&l->mutex) == 0, 1)) return;
    pthread_mutex_lock(&l->mutex);
    atomic_store_explicit(&l->contended, atomic_load_explicit(&l->contended, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* False when somebody holds it. */
static inline bool hl_lock_try(struct hl_lock *l)
{
    return pthread_mutex_trylock(&l->mutex) == 0;
}

static inline void hl_lock_release(struct hl_lock *l)
{
    pthread_mutex_unlock(&l->mutex);
}

#endif
