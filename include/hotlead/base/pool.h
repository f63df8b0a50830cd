/* Where the slabs of one table take their chunks from: large regions on huge pages, cut in the order of asking. Nothing is given back before fini.
 *
 * A contact, its blocks and those of its neighbours lie all over hundreds of megabytes: on pages of 4 KB nearly each access would miss the TLB, and
 * chunks of single stripes are too small to have a huge page of their own.
 *
 * Threading: take from any thread. */
#ifndef HOTLEAD_BASE_POOL_H
#define HOTLEAD_BASE_POOL_H

#include <stddef.h>

#include "hotlead/base/lock.h"

struct hl_pool {
    struct hl_lock lock;
    char *p, *end;
    void *regions; /* a list, through the first word of each */
    size_t next_bytes;
};

void hl_pool_init(struct hl_pool *pool);
void hl_pool_fini(struct hl_pool *pool);
/* `bytes` on a cache line, not zeroed; NULL when the system has no more. */
void *hl_pool_take(struct hl_pool *pool, size_t bytes);

#endif
