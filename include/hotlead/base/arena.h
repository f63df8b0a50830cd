/* Bump allocator, reset once a batch. No free of single pieces. Not thread-safe: one owner.
 * Alignment is 16 bytes. Memory is kept over resets up to `keep_bytes`. */
#ifndef HOTLEAD_BASE_ARENA_H
#define HOTLEAD_BASE_ARENA_H

#include "hotlead/base/slice.h"

struct hl_arena_chunk;

struct hl_arena {
    struct hl_arena_chunk *chunk; /* newest first */
    char *p, *end;
    size_t keep_bytes;
};

void hl_arena_init(struct hl_arena *a, size_t keep_bytes);
void hl_arena_fini(struct hl_arena *a);
void hl_arena_reset(struct hl_arena *a);
void *hl_arena_alloc_slow(struct hl_arena *a, size_t n);

/* NULL when memory is exhausted. Not zeroed. Zero bytes get an address of their own, too. */
static inline void *hl_arena_alloc(struct hl_arena *a, size_t n)
{
    n = (n + !n + 15) & ~(size_t)15;
    if ((size_t)(a->end - a->p) < n) return hl_arena_alloc_slow(a, n);
    void *p = a->p;
    a->p += n;
    return p;
}

/* A copy with a NUL behind it; HL_SLICE_NULL when memory is exhausted. */
struct hl_slice hl_arena_copy(struct hl_arena *a, struct hl_slice s);

#endif
