#include "hotlead/base/lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hotlead/base/status.h"

#if defined(__x86_64__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void)0)
#endif
#define SPINS 64 /* a section takes about as long as a few misses of the cache: less than a sleep */

void hl_lock_init(struct hl_lock *l)
{
    atomic_init(&l->state, 0);
    atomic_init(&l->contended, 0);
}

void hl_lock_fini(struct hl_lock *l)
{
    HL_BUG_ON(atomic_load(&l->state) != 0); /* somebody still holds it */
}

static void count(struct hl_lock *l)
{
    atomic_store_explicit(&l->contended, atomic_load_explicit(&l->contended, memory_order_relaxed) + 1, memory_order_relaxed);
}

void hl_lock_wait(struct hl_lock *l)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&l->state, memory_order_relaxed) == 0 && hl_lock_try(l)) {
            count(l);
            return;
        }
        RELAX();
    }
    while (atomic_exchange_explicit(&l->state, 2, memory_order_acquire) != 0) syscall(SYS_futex, &l->state, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
    count(l);
}

void hl_lock_wake(struct hl_lock *l)
{
    syscall(SYS_futex, &l->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
