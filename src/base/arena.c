/* DESIGN
 * Chunks double up to keep_bytes, and reset keeps the largest one that is no larger than that, so a batch of the usual
 * size soon runs in one chunk and calls malloc no more.
 *
 * THREADS
 * None: one owner. */
#include "hotlead/base/arena.h"

#include <stdlib.h>

#define FIRST_BYTES ((size_t)16 * 1024)

struct hl_arena_chunk {
    _Alignas(16) struct hl_arena_chunk *next;
    size_t bytes; /* of data */
    _Alignas(16) char data[];
};

static void use(struct hl_arena *a, struct hl_arena_chunk *chunk)
{
    a->chunk = chunk;
    a->p = chunk ? chunk->data : NULL;
    a->end = chunk ? chunk->data + chunk->bytes : NULL;
}

void hl_arena_init(struct hl_arena *a, size_t keep_bytes)
{
    *a = (struct hl_arena){.keep_bytes = keep_bytes};
}

void hl_arena_fini(struct hl_arena *a)
{
    a->keep_bytes = 0;
    hl_arena_reset(a);
}

void hl_arena_reset(struct hl_arena *a)
{
    struct hl_arena_chunk *kept = NULL;
    for (struct hl_arena_chunk *chunk = a->chunk, *next; chunk; chunk = next) {
        next = chunk->next;
        struct hl_arena_chunk *drop = chunk;
        if (chunk->bytes <= a->keep_bytes && (!kept || chunk->bytes > kept->bytes)) {
            drop = kept;
            kept = chunk;
        }
        free(drop);
    }
    if (kept) kept->next = NULL;
    use(a, kept);
}

void *hl_arena_alloc_slow(struct hl_arena *a, size_t n)
{
    size_t bytes = a->chunk ? a->chunk->bytes * 2 : FIRST_BYTES;
    if (bytes > a->keep_bytes) bytes = a->keep_bytes;
    if (bytes < n) bytes = n;
    struct hl_arena_chunk *chunk = NULL;
    if (bytes < PTRDIFF_MAX) chunk = malloc(sizeof *chunk + bytes);
    if (!chunk) return NULL;
    chunk->next = a->chunk;
    chunk->bytes = bytes;
    use(a, chunk);
    a->p += n;
    return chunk->data;
}

struct hl_slice hl_arena_copy(struct hl_arena *a, struct hl_slice s)
{
    char *p = hl_arena_alloc(a, s.len + 1);
    if (!p) return HL_SLICE_NULL;
    if (s.len) memcpy(p, s.data, s.len);
    p[s.len] = '\0';
    return (struct hl_slice){p, s.len};
}
