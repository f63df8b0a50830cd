/* DESIGN
 *   hash: | ........ | 48 bits: what is kept | 6 bits: shard |
 *
 * Each shard is an open-addressing array of 6-byte entries, linear probing, at most 4/5 full, grown by half. The home of an entry follows from its
 * own bits (times the number of places, high part), so a shard grows without anybody's help. Removal shifts the rest of the run back, as in the
 * table. Shards, so that growth copies a part and not the whole set.
 *
 * WHY NOT a Bloom filter: nobody can leave it again. WHY NOT the whole hash: a third more memory for a certainty that is not needed, since a ghost is
 * looked up in Redis anyway. WHY NOT 4 bytes: what is taken for a ghost costs a look through the whole copy. */
#include "hotlead/core/ghosts.h"

#include <stdlib.h>
#include <string.h>

#define SHARD_BITS 6
#define ENTRY_BITS 48
#define ENTRY_BYTES ((size_t)6)
#define FIRST_PLACES 8

struct hl_ghost_shard {
    uint8_t *places; /* cap * ENTRY_BYTES; an entry of zeros: nobody */
    uint32_t n, cap;
};

static struct hl_ghost_shard *shard_of(const struct hl_ghosts *g, uint64_t hash)
{
    return &g->shards[hash & ((1u << SHARD_BITS) - 1)];
}

static uint64_t entry_of(uint64_t hash)
{
    uint64_t e = hash >> SHARD_BITS & ((UINT64_C(1) << ENTRY_BITS) - 1);
    return e ? e : 1;
}

static uint64_t get(const struct hl_ghost_shard *s, size_t i)
{
    uint64_t e = 0;
    for (size_t b = 0; b < ENTRY_BYTES; b++) e |= (uint64_t)s->places[i * ENTRY_BYTES + b] << 8 * b;
    return e;
}

static void set(struct hl_ghost_shard *s, size_t i, uint64_t e)
{
    for (size_t b = 0; b < ENTRY_BYTES; b++) s->places[i * ENTRY_BYTES + b] = (uint8_t)(e >> 8 * b);
}

static size_t home(const struct hl_ghost_shard *s, uint64_t e)
{
    return (size_t)((e >> (ENTRY_BITS - 32)) * s->cap >> 32);
}

static size_t next(const struct hl_ghost_shard *s, size_t i)
{
    return i + 1 == s->cap ? 0 : i + 1;
}

/* From one place on to another, round the end. */
static size_t distance(const struct hl_ghost_shard *s, size_t from, size_t to)
{
    return to >= from ? to - from : to + s->cap - from;
}

/* The place of the entry, or the empty one where the search ends. */
static size_t probe(const struct hl_ghost_shard *s, uint64_t e)
{
    size_t i = home(s, e);
    for (uint64_t there; (there = get(s, i)) && there != e; i = next(s, i)) continue;
    return i;
}

static void place(struct hl_ghost_shard *s, uint64_t e)
{
    size_t i = home(s, e);
    while (get(s, i)) i = next(s, i);
    set(s, i, e);
}

static bool grow(struct hl_ghosts *g, struct hl_ghost_shard *s)
{
    if (s->cap > UINT32_MAX / 2) return false;
    struct hl_ghost_shard bigger = {.n = s->n, .cap = s->cap ? s->cap + s->cap / 2 : FIRST_PLACES};
    bigger.places = calloc(bigger.cap, ENTRY_BYTES);
    if (!bigger.places) return false;
    for (size_t i = 0; i < s->cap; i++)
        if (get(s, i)) place(&bigger, get(s, i));
    g->bytes += (bigger.cap - s->cap) * ENTRY_BYTES;
    free(s->places);
    *s = bigger;
    return true;
}

static bool open_shards(struct hl_ghosts *g)
{
    g->shards = calloc((size_t)1 << SHARD_BITS, sizeof(*g->shards));
    if (!g->shards) return false;
    g->bytes = sizeof(*g->shards) << SHARD_BITS;
    return true;
}

void hl_ghosts_clear(struct hl_ghosts *g)
{
    for (size_t i = 0; g->shards && i < (size_t)1 << SHARD_BITS; i++) free(g->shards[i].places);
    free(g->shards);
    *g = (struct hl_ghosts){0};
}

bool hl_ghosts_add(struct hl_ghosts *g, uint64_t hash)
{
    if (!g->shards && !open_shards(g)) return false;
    struct hl_ghost_shard *s = shard_of(g, hash);
    if ((s->n + 1) * UINT64_C(5) > s->cap * UINT64_C(4) && !grow(g, s) && s->n + 1 >= s->cap) return false; /* one place always stays empty */
    place(s, entry_of(hash));
    s->n++;
    g->n++;
    return true;
}

bool hl_ghosts_find(const struct hl_ghosts *g, uint64_t hash)
{
    if (!g->shards) return false;
    const struct hl_ghost_shard *s = shard_of(g, hash);
    return s->n && get(s, probe(s, entry_of(hash)));
}

void hl_ghosts_remove(struct hl_ghosts *g, uint64_t hash)
{
    if (!hl_ghosts_has(g, hash)) return;
    struct hl_ghost_shard *s = shard_of(g, hash);
    size_t hole = probe(s, entry_of(hash));
    for (size_t i = next(s, hole); get(s, i); i = next(s, i)) {
        if (distance(s, home(s, get(s, i)), i) < distance(s, hole, i)) continue; /* its home lies behind the hole */
        set(s, hole, get(s, i));
        hole = i;
    }
    set(s, hole, 0);
    s->n--;
    g->n--;
}
