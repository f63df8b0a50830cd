/* Who has left the table for Redis: a set of hashes of contact ids, so that a contact that left is told from one that is new without asking anybody.
 *
 * It forgets nobody. It may take one for another: 54 bits of each hash are kept, so of a billion ids that never left, asked for beside 25 million that
 * did, one or two are called ghosts; whoever asks must be able to find that out. An id that is added twice must be removed twice. 6 bytes each, at a
 * load of 1/2 to 4/5: 8 to 12 bytes for each that left. An empty set has no memory.
 *
 * Threading: the owner's only. */
#ifndef HOTLEAD_CORE_GHOSTS_H
#define HOTLEAD_CORE_GHOSTS_H

#include "hotlead/base/status.h"

struct hl_ghost_shard;

/* All zero: empty. */
struct hl_ghosts {
    struct hl_ghost_shard *shards; /* NULL: never had one */
    size_t n;
    size_t bytes; /* taken from the system */
};

/* Forget all. */
void hl_ghosts_clear(struct hl_ghosts *g);
/* hash: hl_hash64 of the id. False: no memory, nothing is changed. */
bool hl_ghosts_add(struct hl_ghosts *g, uint64_t hash);
/* Safe on a hash that is not there. */
void hl_ghosts_remove(struct hl_ghosts *g, uint64_t hash);
bool hl_ghosts_find(const struct hl_ghosts *g, uint64_t hash);

static inline bool hl_ghosts_has(const struct hl_ghosts *g, uint64_t hash)
{
    return g->n && hl_ghosts_find(g, hash);
}

#endif
