/* Size-class allocator for the small blocks of contacts. Memory comes in chunks from the allocator seam below, freed
 * blocks go to a free list of their class; nothing is returned until fini. Not thread-safe: guarded by its stripe.
 *
 * Classes: multiples of 16 bytes up to 512, then powers of two up to 64 KiB; larger blocks go to malloc, and must be
 * freed before fini, which does not know them. */
#ifndef HOTLEAD_BASE_SLAB_H
#define HOTLEAD_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define HL_SLAB_CLASSES 39

struct hl_slab_chunk;
struct hl_pool;

struct hl_slab {
    void *free[HL_SLAB_CLASSES];
    struct hl_slab_chunk *chunks;
    char *p, *end;
    size_t bytes;  /* taken from the system */
    size_t unused; /* of these, what is in no block: free lists, and the rest of the newest chunk */
    struct hl_pool *pool; /* where chunks come from; NULL: the system */
};

void hl_slab_init(struct hl_slab *s);
/* Chunks come from a pool (pool.h), which outlives the slab. */
void hl_slab_init_in(struct hl_slab *s, struct hl_pool *pool);
void hl_slab_fini(struct hl_slab *s);
/* NULL when memory is exhausted. Not zeroed. 16-byte aligned; a 64-byte multiple is 64-byte aligned. */
void *hl_slab_alloc(struct hl_slab *s, size_t bytes);
/* `bytes` is the size given to alloc. NULL is allowed. */
void hl_slab_free(struct hl_slab *s, void *p, size_t bytes);
/* Bytes that alloc really sets aside for a request; a block may grow up to this in place. */
size_t hl_slab_usable(size_t bytes);

/* Ask for huge pages where the block covers some. Only a wish: an error changes nothing. */
void hl_slab_want_huge_pages(void *block, size_t bytes);

/* Seam for fault injection: the function that fetches chunks and large blocks (malloc by default). */
extern void *(*hl_slab_system_alloc)(size_t);

#endif
