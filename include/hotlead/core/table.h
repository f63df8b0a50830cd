/* The lock-striped table: contact id -> contact.
 *
 * Each worker has stripes of its own; the stripe among them from the high bits of the hash, the bucket from the low bits. Each stripe is a padded lock with its own open-addressing index and its
 * own slab, so growth is local. Growth failure degrades (keeps serving while a free bucket is left) before it fails.
 *
 * A contact belongs to a worker. When a partition changes hands, the worker that lost it may not have noticed yet while the other one has
 * restored it: each has its own contacts then, and neither sees or drops those of the other.
 *
 * Threading: any thread. At most one stripe is held by a thread at a time; nothing but core code runs while one is held: no I/O, no log.
 * Lock order: stripe, then nothing. */
#ifndef HOTLEAD_CORE_TABLE_H
#define HOTLEAD_CORE_TABLE_H

#include "hotlead/core/contact.h"

struct hl_table;

/* stripes: of each worker, a power of two, 1 .. 65536. NULL: no memory. */
struct hl_table *hl_table_new_for(unsigned workers, unsigned stripes);
/* One set of stripes, which all workers share. */
struct hl_table *hl_table_new(unsigned stripes);
void hl_table_free(struct hl_table *t);

/* Hints, safe on any hash and without a lock. First of all, where there is time: fetch the lines of the stripe itself. */
void hl_table_prefetch_stripe(const struct hl_table *t, uint16_t worker, uint64_t hash);
/* Then, for the whole group of records: fetch the lines of stripe and bucket. */
void hl_table_prefetch(const struct hl_table *t, uint16_t worker, uint64_t hash);
/* Then, a few records later: look the contact up and fetch its lines, or those where it will be made. Takes the stripe's lock if it is free, else does nothing, so
 * the caller must not hold a stripe. */
void hl_table_prefetch_contact(const struct hl_table *t, uint16_t worker, uint64_t hash);
/* Last, when those lines have come: fetch the first lines of the contact's blocks. Lock as above. */
void hl_table_prefetch_blocks(const struct hl_table *t, uint16_t worker, uint64_t hash);

/* Lock the worker's stripe of `hash` and return its slab; every call below that takes a stripe's contact needs the lock held. */
struct hl_slab *hl_table_acquire(struct hl_table *t, uint16_t worker, uint64_t hash);
void hl_table_release(struct hl_table *t, uint16_t worker, uint64_t hash);

/* @locks requires the stripe of hash. NULL when the worker has none of this id. */
struct hl_contact *hl_table_find(struct hl_table *t, uint16_t worker, uint64_t hash, struct hl_slice id);
/* Find or make. NULL: no memory. *created may be NULL. */
struct hl_contact *hl_table_put(struct hl_table *t, uint16_t worker, uint64_t hash, struct hl_slice id, uint16_t partition,
                                bool *created);
void hl_table_remove(struct hl_table *t, struct hl_contact *c);

/* Calls fn for each contact, stripe by stripe, under its lock; fn must not call the table and must not block. Returns the number
 * of calls. fn returning true removes the contact. */
typedef bool hl_table_scan_fn(void *ctx, struct hl_contact *c);
size_t hl_table_scan(struct hl_table *t, hl_table_scan_fn *fn, void *ctx);
/* Remove every contact of a worker, in one pass; of one partition, or of all (-1). Returns how many. */
size_t hl_table_drop(struct hl_table *t, uint16_t worker, int32_t partition);

/* --- one stripe, for who keeps the table within a bound --- */

unsigned hl_table_stripes(const struct hl_table *t); /* of all workers */
/* Those that hold the contacts of a worker: [*first, *first + the returned number). */
unsigned hl_table_stripes_of(const struct hl_table *t, uint16_t worker, unsigned *first);
/* What the contacts and the index of a stripe take; `reserved`: with what its slab has taken from the system beyond that. Takes the lock. */
struct hl_stripe_bytes {
    size_t used, reserved;
};
struct hl_stripe_bytes hl_table_stripe_bytes(struct hl_table *t, unsigned stripe);
/* The same of the stripe of hash. @locks requires it. */
struct hl_stripe_bytes hl_table_bytes_at(struct hl_table *t, uint16_t worker, uint64_t hash);
/* As hl_table_scan, of one stripe. */
size_t hl_table_scan_stripe(struct hl_table *t, unsigned stripe, hl_table_scan_fn *fn, void *ctx);

struct hl_table_stats {
    uint64_t contacts;
    uint64_t bytes;     /* slabs and indexes, taken from the system */
    uint64_t contended; /* lock acquisitions that had to wait */
};
/* Approximate while others write. */
struct hl_table_stats hl_table_stats(struct hl_table *t);
/* Checks every invariant; for tests. False with a message in err. */
bool hl_table_verify(struct hl_table *t, struct hl_error *err);

#endif
