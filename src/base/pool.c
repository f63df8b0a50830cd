#include "hotlead/base/pool.h"

#include <stdint.h>
#include <stdlib.h>

#include "hotlead/base/slab.h"

#define LINE ((size_t)64)
#define HUGE_PAGE ((size_t)2 << 20)
#define FIRST_BYTES ((size_t)64 * 1024) /* a table of a test is small */
#define MOST_BYTES ((size_t)64 << 20)

void hl_pool_init(struct hl_pool *pool)
{
    *pool = (struct hl_pool){.next_bytes = FIRST_BYTES};
    hl_lock_init(&pool->lock);
}

void hl_pool_fini(struct hl_pool *pool)
{
    for (void *region = pool->regions, *next; region; region = next) {
        next = *(void **)region;
        free(region);
    }
    hl_lock_fini(&pool->lock);
    pool->regions = NULL;
    pool->p = pool->end = NULL;
}

/* What is left of the last region is lost: less than a chunk. */
static int add_region(struct hl_pool *pool, size_t need)
{
    size_t bytes = pool->next_bytes > need + 2 * LINE ? pool->next_bytes : need + 2 * LINE;
    size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : LINE;
    char *raw = hl_slab_system_alloc(bytes + align);
    if (!raw) return 0;
    *(void **)(void *)raw = pool->regions;
    pool->regions = raw;
    char *from = raw + sizeof(void *);
    pool->p = from + (0 - (uintptr_t)from) % align;
    pool->end = raw + bytes + align;
    hl_slab_want_huge_pages(pool->p, (size_t)(pool->end - pool->p));
    if (pool->next_bytes < MOST_BYTES) pool->next_bytes *= 2;
    return 1;
}

void *hl_pool_take(struct hl_pool *pool, size_t bytes)
{
    char *taken = NULL;
    bytes = (bytes + LINE - 1) & ~(LINE - 1);
    hl_lock_acquire(&pool->lock);
    if ((size_t)(pool->end - pool->p) >= bytes || add_region(pool, bytes)) {
        taken = pool->p;
        pool->p += bytes;
    }
    hl_lock_release(&pool->lock);
    return taken;
}
