/* DESIGN
 * A chunk is cut from both ends: blocks that promise a cache line from the front, where p stays on a line, all others from
 * the back; so alignment costs no gaps. A freed block goes to the list of its class, and so does what a chunk has left when
 * it is too little for the next block. Chunks grow with the slab (a sixteenth of what it holds), so a table of many small
 * stripes does not pay for room that it never uses. Those of a table come from its pool, on huge pages.
 *
 *   chunk: | header 64 | block | block | p--> free <--end | block | block |
 *   free[class] -> block -> block -> NULL    (the link is the block's first word)
 *   large: ... | address from the system | block, 64-byte aligned
 *
 * WHY NOT
 * Cut from the front only, a contact and its 36-byte id by turns lost 16 bytes a contact to alignment.
 *
 * THREADS
 * None: guarded by the stripe. */
#include "hotlead/base/slab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hotlead/base/pool.h"
#include "hotlead/base/status.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define LINE ((size_t)64)
#define SMALL_BYTES ((size_t)512)
#define LARGEST_BYTES ((size_t)64 * 1024)
#define MIN_CHUNK_BYTES ((size_t)4 * 1024)
#define MAX_CHUNK_BYTES ((size_t)16 * 1024 * 1024)
#define HUGE_PAGE ((size_t)2 << 20)

struct hl_slab_chunk {
    _Alignas(64) struct hl_slab_chunk *next;
    void *raw; /* as the system gave it */
};

void *(*hl_slab_system_alloc)(size_t) = malloc;

void hl_slab_want_huge_pages(void *block, size_t bytes)
{
    uintptr_t from = ((uintptr_t)block + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uintptr_t to = ((uintptr_t)block + bytes) & ~(HUGE_PAGE - 1);
    if (from < to) madvise((void *)from, to - from, MADV_HUGEPAGE);
}

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) & ~(to - 1);
}

static unsigned class_of(size_t bytes)
{
    if (bytes <= 16) return 0;
    if (bytes <= SMALL_BYTES) return (unsigned)((bytes - 1) / 16);
    return 32 + (54 - (unsigned)__builtin_clzll(bytes - 1)); /* 513 .. 1024 -> 32 */
}

size_t hl_slab_usable(size_t bytes)
{
    if (bytes > LARGEST_BYTES) return bytes;
    unsigned class = class_of(bytes);
    return class < 32 ? (size_t)16 * (class + 1) : (size_t)1024 << (class - 32);
}

static void push(struct hl_slab *s, void *block, size_t bytes)
{
    unsigned class = class_of(bytes);
    *(void **)block = s->free[class];
    s->free[class] = block;
    s->unused += bytes;
    ASAN_POISON_MEMORY_REGION(block, bytes);
}

/* Leave what is between p and end to the free lists. */
static void give_rest(struct hl_slab *s)
{
    while (s->p < s->end) {
        size_t piece = (size_t)(s->end - s->p) < SMALL_BYTES ? (size_t)(s->end - s->p) : SMALL_BYTES;
        s->unused -= piece; /* it counts already */
        push(s, s->p, piece);
        s->p += piece;
    }
}

static bool add_chunk(struct hl_slab *s, size_t need)
{
    size_t bytes = round_up(s->bytes / 16, LINE);
    if (bytes < MIN_CHUNK_BYTES) bytes = MIN_CHUNK_BYTES;
    if (bytes > MAX_CHUNK_BYTES) bytes = MAX_CHUNK_BYTES;
    if (bytes < need + 2 * LINE) bytes = need + 2 * LINE;
    char *raw = s->pool ? hl_pool_take(s->pool, bytes) : hl_slab_system_alloc(bytes);
    if (!raw) return false;
    give_rest(s);
    struct hl_slab_chunk *chunk = (struct hl_slab_chunk *)(void *)(raw + (0 - (uintptr_t)raw) % LINE);
    *chunk = (struct hl_slab_chunk){.next = s->chunks, .raw = raw};
    s->chunks = chunk;
    s->p = (char *)(chunk + 1);
    s->end = raw + bytes;
    s->bytes += bytes;
    s->unused += (size_t)(s->end - s->p);
    return true;
}

static void *alloc_large(struct hl_slab *s, size_t bytes)
{
    if (bytes > PTRDIFF_MAX - LINE) return NULL;
    char *raw = hl_slab_system_alloc(bytes + LINE);
    if (!raw) return NULL;
    char *p = raw + LINE - (uintptr_t)raw % LINE; /* 16 to 64 bytes on: there is room for the address */
    memcpy(p - sizeof raw, &raw, sizeof raw);
    s->bytes += bytes + LINE;
    return p;
}

static void free_large(struct hl_slab *s, char *p, size_t bytes)
{
    char *raw;
    memcpy(&raw, p - sizeof raw, sizeof raw);
    s->bytes -= bytes + LINE;
    free(raw);
}

void hl_slab_init(struct hl_slab *s)
{
    *s = (struct hl_slab){.bytes = 0};
}

void hl_slab_init_in(struct hl_slab *s, struct hl_pool *pool)
{
    *s = (struct hl_slab){.pool = pool};
}

void hl_slab_fini(struct hl_slab *s)
{
    for (struct hl_slab_chunk *chunk = s->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        if (!s->pool) free(chunk->raw);
    }
    hl_slab_init(s);
}

void *hl_slab_alloc(struct hl_slab *s, size_t bytes)
{
    if (bytes > LARGEST_BYTES) return alloc_large(s, bytes);
    unsigned class = class_of(bytes);
    size_t block = hl_slab_usable(bytes);
    void *p = s->free[class];
    if (p) {
        ASAN_UNPOISON_MEMORY_REGION(p, block);
        s->free[class] = *(void **)p;
        s->unused -= block;
        return p;
    }
    if ((size_t)(s->end - s->p) < block && !add_chunk(s, block)) return NULL;
    s->unused -= block;
    if (block % LINE) return s->end -= block;
    p = s->p;
    s->p += block;
    return p;
}

void hl_slab_free(struct hl_slab *s, void *p, size_t bytes)
{
    if (!p) return;
    if (bytes > LARGEST_BYTES)
        free_large(s, p, bytes);
    else
        push(s, p, hl_slab_usable(bytes));
}
