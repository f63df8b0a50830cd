/* DESIGN
 *   hash:   | stripe: high bits | ................ | bucket: low bits |
 *
 *   table -> stripe 0: | lock, slots, mask   | --> | slot | slot | slot | ...  linear probing, at most 3/4 full
 *                      | slab                |          \--> contact, 80 bytes, from the slab
 *            stripe 1: ...
 *
 *   slot (8 bytes): | address of the contact, bits 47..4 | low 20 bits of its hash |     0: empty
 *
 * Eight slots fill a cache line, so a look-up costs one line of the index, and then the contact and its block. The 20 bits of hash
 * turn away nearly all strangers, and they are the home bucket of every stripe up to 2^20 buckets, so that growth does not
 * touch contacts either. Removal shifts the rest of the run back: no tombstones, look-ups never slow down with age.
 * Growth doubles one stripe. If memory for that is refused, the stripe goes on while one bucket stays empty (which is what
 * ends every probe), and tries again at the next put.
 *
 * WHY NOT
 * Chaining costs a dependent miss for each link. A 16-byte slot (pointer and 32-bit tag) costs 11 to 21 bytes more for each
 * contact, when 200 bytes are the aim. One table with striped locks has to stop everybody to grow.
 * Stripes for all workers alike, as it was: a thread that loses its processor inside a stripe stops the others there, until it is
 * given one again. With more threads than cores workers stood still for 40% of the time, and each stripe's lines went to and fro.
 *
 * THREADS
 * Everything in a stripe is written under its lock. `slots` and `mask` are also read without it, by the prefetch, which
 * only computes an address that nobody dereferences: a stale value costs a useless fetch. */
#include "hotlead/core/table.h"

#include <stdlib.h>
#include <string.h>

#include "hotlead/base/lock.h"
#include "hotlead/base/pool.h"

#define LINE ((size_t)64)
#define TAG_MASK ((UINT64_C(1) << 20) - 1)
#define FIRST_BUCKETS ((size_t)8)
#define AHEAD 8 /* contacts whose lines are on the way during a scan */
#define CONTACT_BYTES sizeof(struct hl_contact)
#define BODY_BYTES ((size_t)112) /* of a typical contact */

struct stripe {
    _Alignas(64) struct hl_lock lock;
    uint64_t *_Atomic slots;
    _Atomic size_t mask; /* buckets - 1 */
    size_t count;
    void *raw; /* block that holds slots; NULL: the shared empty bucket */
    struct hl_slab slab;
};

struct hl_table {
    unsigned n_workers;
    unsigned bits; /* log2 of the stripes of a worker */
    unsigned n_stripes;
    void *raw;
    struct hl_pool pool;
    struct stripe stripes[];
};

/* Index of a stripe that never had a contact; never written, as it may not be filled. */
static uint64_t no_slots[1];

static size_t first_of(const struct hl_table *t, uint16_t worker)
{
    return (size_t)(worker < t->n_workers ? worker : 0) << t->bits; /* the one set, where all share it */
}

static struct stripe *stripe_of(const struct hl_table *t, uint16_t worker, uint64_t hash)
{
    size_t i = first_of(t, worker) + (size_t)(hash >> 1 >> (63 - t->bits)); /* in two steps: a shift by 64 is undefined */
    return (struct stripe *)(uintptr_t)&t->stripes[i];
}

static uint64_t *slots_of(const struct stripe *st)
{
    return atomic_load_explicit(&st->slots, memory_order_relaxed);
}

static size_t mask_of(const struct stripe *st)
{
    return atomic_load_explicit(&st->mask, memory_order_relaxed);
}

static uint64_t slot_pack(const struct hl_contact *c)
{
    uintptr_t address = (uintptr_t)c;
    HL_BUG_ON((address & 15) || (uint64_t)address >> 48); /* user space of x86-64 and of arm64, unless asked for more */
    return (uint64_t)address << 16 | (c->hash & TAG_MASK);
}

static struct hl_contact *slot_contact(uint64_t slot)
{
    return (struct hl_contact *)(uintptr_t)(slot >> 20 << 4);
}

static size_t slot_home(uint64_t slot, size_t mask)
{
    return (mask <= TAG_MASK ? slot & TAG_MASK : slot_contact(slot)->hash) & mask;
}

/* Bucket of the contact, or the empty bucket where the search for it ends. */
static size_t probe(const struct stripe *st, uint16_t worker, uint64_t hash, struct hl_slice id)
{
    const uint64_t *slots = slots_of(st);
    size_t mask = mask_of(st), i = hash & mask;
    for (; slots[i]; i = (i + 1) & mask) {
        if ((slots[i] ^ hash) & TAG_MASK) continue;
        const struct hl_contact *c = slot_contact(slots[i]);
        if (c->hash == hash && c->worker == worker && hl_slice_eq(hl_contact_id(c), id)) break;
    }
    return i;
}

static void place(uint64_t *slots, size_t mask, uint64_t slot)
{
    size_t i = slot_home(slot, mask);
    while (slots[i]) i = (i + 1) & mask;
    slots[i] = slot;
}

/* Empty the bucket and shift back what follows it in its run, as far as each may go: a slot may fill the hole if its home is
 * not behind the hole. */
static void vacate(struct stripe *st, size_t hole)
{
    uint64_t *slots = slots_of(st);
    size_t mask = mask_of(st);
    for (size_t i = (hole + 1) & mask; slots[i]; i = (i + 1) & mask) {
        size_t from_home = (i - slot_home(slots[i], mask)) & mask;
        if (from_home < ((i - hole) & mask)) continue;
        slots[hole] = slots[i];
        hole = i;
    }
    slots[hole] = 0;
    st->count--;
}

static bool grow(struct stripe *st)
{
    size_t old_mask = mask_of(st), buckets = st->raw ? (old_mask + 1) * 2 : FIRST_BUCKETS;
    if (buckets > PTRDIFF_MAX / sizeof(uint64_t) - LINE) return false;
    size_t bytes = buckets * sizeof(uint64_t);
    char *raw = hl_slab_system_alloc(bytes + LINE);
    if (!raw) return false;
    uint64_t *slots = (uint64_t *)(void *)(raw + (0 - (uintptr_t)raw) % LINE);
    hl_slab_want_huge_pages(slots, bytes);
    memset(slots, 0, bytes);
    const uint64_t *old = slots_of(st);
    for (size_t i = 0; i <= old_mask; i++)
        if (old[i]) place(slots, buckets - 1, old[i]);
    atomic_store_explicit(&st->slots, slots, memory_order_relaxed);
    atomic_store_explicit(&st->mask, buckets - 1, memory_order_relaxed);
    free(st->raw);
    st->raw = raw;
    return true;
}

/* Room for one more contact. One bucket always stays empty. */
static bool reserve(struct stripe *st)
{
    size_t buckets = mask_of(st) + 1;
    if ((st->count + 1) * 4 <= buckets * 3) return true;
    return grow(st) || st->count + 1 < buckets;
}

static void discard(struct stripe *st, struct hl_contact *c)
{
    hl_contact_fini(c, &st->slab);
    hl_slab_free(&st->slab, c, CONTACT_BYTES);
}

static void stripe_init(struct stripe *st, struct hl_pool *pool)
{
    hl_lock_init(&st->lock);
    atomic_init(&st->slots, no_slots);
    atomic_init(&st->mask, 0);
    st->count = 0;
    st->raw = NULL;
    hl_slab_init_in(&st->slab, pool);
}

static bool always(void *ctx, struct hl_contact *c)
{
    (void)ctx, (void)c;
    return true;
}

static void stripe_fini(struct stripe *st)
{
    free(st->raw);
    hl_slab_fini(&st->slab);
    hl_lock_fini(&st->lock);
}

static size_t table_bytes(unsigned stripes)
{
    return sizeof(struct hl_table) + stripes * sizeof(struct stripe) + LINE;
}

struct hl_table *hl_table_new_for(unsigned workers, unsigned stripes)
{
    HL_BUG_ON(stripes == 0 || stripes > 65536 || (stripes & (stripes - 1)) || workers == 0);
    char *raw = hl_slab_system_alloc(table_bytes(workers * stripes));
    if (!raw) return NULL;
    struct hl_table *t = (struct hl_table *)(void *)(raw + (0 - (uintptr_t)raw) % LINE);
    t->n_workers = workers;
    t->n_stripes = workers * stripes;
    t->bits = (unsigned)__builtin_ctz(stripes);
    t->raw = raw;
    hl_pool_init(&t->pool);
    for (unsigned i = 0; i < t->n_stripes; i++) stripe_init(&t->stripes[i], &t->pool);
    return t;
}

struct hl_table *hl_table_new(unsigned stripes)
{
    return hl_table_new_for(1, stripes);
}

void hl_table_free(struct hl_table *t)
{
    if (!t) return;
    hl_table_scan(t, always, NULL); /* large blocks are not the slab's to free */
    for (unsigned i = 0; i < t->n_stripes; i++) stripe_fini(&t->stripes[i]);
    hl_pool_fini(&t->pool);
    free(t->raw);
}

void hl_table_prefetch_stripe(const struct hl_table *t, uint16_t worker, uint64_t hash)
{
    const struct stripe *st = stripe_of(t, worker, hash);
    __builtin_prefetch(&st->lock, 1);
    __builtin_prefetch(&st->slots, 1);
    __builtin_prefetch(&st->slab.p, 1);
}

void hl_table_prefetch(const struct hl_table *t, uint16_t worker, uint64_t hash)
{
    const struct stripe *st = stripe_of(t, worker, hash);
    __builtin_prefetch(&st->lock, 1);
    uintptr_t bucket = (uintptr_t)slots_of(st) + (hash & mask_of(st)) * sizeof(uint64_t);
    __builtin_prefetch((const void *)bucket);
}

/* The contact that has this hash, to all appearances: only the tag has been compared. Under the lock: the index may be freed under us
 * otherwise. */
static struct hl_contact *likely(const struct stripe *st, uint64_t hash)
{
    const uint64_t *slots = slots_of(st);
    size_t mask = mask_of(st), i = hash & mask;
    while (slots[i] && ((slots[i] ^ hash) & TAG_MASK)) i = (i + 1) & mask;
    return slot_contact(slots[i]);
}

static void fetch(const void *block, size_t bytes)
{
    const char *line = (const char *)block - (uintptr_t)block % LINE, *end = (const char *)block + bytes;
    for (; block && line < end; line += LINE) __builtin_prefetch(line, 1);
}

void hl_table_prefetch_contact(const struct hl_table *t, uint16_t worker, uint64_t hash)
{
    struct stripe *st = stripe_of(t, worker, hash);
    if (!hl_lock_try(&st->lock)) return;
    const struct hl_contact *c = likely(st, hash);
    const char *back = st->slab.end;
    hl_lock_release(&st->lock);
    if (c) fetch(c, CONTACT_BYTES);
    else if (back) fetch(back - CONTACT_BYTES - BODY_BYTES, CONTACT_BYTES + BODY_BYTES); /* it will be made, mostly */
}

void hl_table_prefetch_blocks(const struct hl_table *t, uint16_t worker, uint64_t hash)
{
    struct stripe *st = stripe_of(t, worker, hash);
    if (!hl_lock_try(&st->lock)) return;
    const struct hl_contact *c = likely(st, hash);
    if (c) {
        fetch(c->body, 2 * LINE);
        fetch(c->ext, 2 * LINE);
    }
    hl_lock_release(&st->lock);
}

struct hl_slab *hl_table_acquire(struct hl_table *t, uint16_t worker, uint64_t hash)
{
    struct stripe *st = stripe_of(t, worker, hash);
    hl_lock_acquire(&st->lock);
    return &st->slab;
}

void hl_table_release(struct hl_table *t, uint16_t worker, uint64_t hash)
{
    hl_lock_release(&stripe_of(t, worker, hash)->lock);
}

struct hl_contact *hl_table_find(struct hl_table *t, uint16_t worker, uint64_t hash, struct hl_slice id)
{
    const struct stripe *st = stripe_of(t, worker, hash);
    return slot_contact(slots_of(st)[probe(st, worker, hash, id)]);
}

struct hl_contact *hl_table_put(struct hl_table *t, uint16_t worker, uint64_t hash, struct hl_slice id, uint16_t partition,
                                bool *created)
{
    struct stripe *st = stripe_of(t, worker, hash);
    if (created) *created = false;
    struct hl_contact *c = hl_table_find(t, worker, hash, id);
    if (c) return c;
    if (!reserve(st)) return NULL;
    c = hl_slab_alloc(&st->slab, CONTACT_BYTES);
    if (!c) return NULL;
    if (hl_contact_init(c, &st->slab, hash, id, partition) != HL_OK) {
        hl_slab_free(&st->slab, c, CONTACT_BYTES);
        return NULL;
    }
    c->worker = worker;
    place(slots_of(st), mask_of(st), slot_pack(c));
    st->count++;
    if (created) *created = true;
    return c;
}

void hl_table_remove(struct hl_table *t, struct hl_contact *c)
{
    struct stripe *st = stripe_of(t, c->worker, c->hash);
    size_t i = probe(st, c->worker, c->hash, hl_contact_id(c));
    HL_BUG_ON(slot_contact(slots_of(st)[i]) != c);
    vacate(st, i);
    discard(st, c);
}

/* Starts behind an empty bucket: then no run crosses the start, and shifting back after a removal can neither hide a slot nor
 * show one twice. */
static size_t scan_stripe(struct stripe *st, hl_table_scan_fn *fn, void *ctx)
{
    const uint64_t *slots = slots_of(st);
    size_t mask = mask_of(st), start = 0, calls = 0;
    while (slots[start]) start++;
    for (size_t step = 1; step <= mask; step++) {
        size_t i = (start + step) & mask;
        __builtin_prefetch(slot_contact(slots[(i + AHEAD) & mask]), 1);
        while (slots[i]) {
            struct hl_contact *c = slot_contact(slots[i]);
            calls++;
            if (!fn(ctx, c)) break;
            vacate(st, i);
            discard(st, c);
        }
    }
    return calls;
}

size_t hl_table_scan(struct hl_table *t, hl_table_scan_fn *fn, void *ctx)
{
    size_t calls = 0;
    for (unsigned i = 0; i < t->n_stripes; i++) calls += hl_table_scan_stripe(t, i, fn, ctx);
    return calls;
}

unsigned hl_table_stripes(const struct hl_table *t)
{
    return t->n_stripes;
}

unsigned hl_table_stripes_of(const struct hl_table *t, uint16_t worker, unsigned *first)
{
    *first = (unsigned)first_of(t, worker);
    return 1u << t->bits;
}

size_t hl_table_scan_stripe(struct hl_table *t, unsigned stripe, hl_table_scan_fn *fn, void *ctx)
{
    struct stripe *st = &t->stripes[stripe];
    hl_lock_acquire(&st->lock);
    size_t calls = scan_stripe(st, fn, ctx);
    hl_lock_release(&st->lock);
    return calls;
}

struct drop {
    uint16_t worker;
    int32_t partition;
    size_t dropped;
};

static bool is_to_drop(void *ctx, struct hl_contact *c)
{
    struct drop *drop = ctx;
    bool is = c->worker == drop->worker && (drop->partition < 0 || c->partition == drop->partition);
    drop->dropped += is;
    return is;
}

size_t hl_table_drop(struct hl_table *t, uint16_t worker, int32_t partition)
{
    struct drop drop = {.worker = worker, .partition = partition};
    unsigned first, n = hl_table_stripes_of(t, worker, &first);
    for (unsigned i = 0; i < n; i++) hl_table_scan_stripe(t, first + i, is_to_drop, &drop);
    return drop.dropped;
}

static size_t index_bytes(const struct stripe *st)
{
    return st->raw ? (mask_of(st) + 1) * sizeof(uint64_t) + LINE : 0;
}

static struct hl_stripe_bytes bytes_of(const struct stripe *st)
{
    size_t reserved = st->slab.bytes + index_bytes(st);
    return (struct hl_stripe_bytes){reserved - st->slab.unused, reserved};
}

struct hl_stripe_bytes hl_table_stripe_bytes(struct hl_table *t, unsigned stripe)
{
    struct stripe *st = &t->stripes[stripe];
    hl_lock_acquire(&st->lock);
    struct hl_stripe_bytes bytes = bytes_of(st);
    hl_lock_release(&st->lock);
    return bytes;
}

struct hl_stripe_bytes hl_table_bytes_at(struct hl_table *t, uint16_t worker, uint64_t hash)
{
    return bytes_of(stripe_of(t, worker, hash));
}

struct hl_table_stats hl_table_stats(struct hl_table *t)
{
    struct hl_table_stats stats = {.bytes = table_bytes(t->n_stripes)};
    for (unsigned i = 0; i < t->n_stripes; i++) {
        struct stripe *st = &t->stripes[i];
        hl_lock_acquire(&st->lock);
        stats.contacts += st->count;
        stats.bytes += st->slab.bytes + index_bytes(st);
        hl_lock_release(&st->lock);
        stats.contended += atomic_load_explicit(&st->lock.contended, memory_order_relaxed);
    }
    return stats;
}

/* What is wrong with the contact in bucket i, or NULL. */
static const char *verify_slot(const struct hl_table *t, const struct stripe *st, size_t i)
{
    uint64_t slot = slots_of(st)[i];
    const struct hl_contact *c = slot_contact(slot);
    if ((slot ^ c->hash) & TAG_MASK) return "tag is not the hash's";
    if (stripe_of(t, c->worker, c->hash) != st) return "contact of another stripe";
    if (!c->body) return "contact without its id";
    if (probe(st, c->worker, c->hash, hl_contact_id(c)) != i) return "contact is not found, or is there twice";
    return NULL;
}

static const char *verify_stripe(const struct hl_table *t, const struct stripe *st)
{
    const uint64_t *slots = slots_of(st);
    size_t buckets = mask_of(st) + 1, count = 0, bytes = 0;
    if (buckets & (buckets - 1)) return "number of buckets is no power of two";
    if (!st->raw && (slots != no_slots || no_slots[0] || st->count)) return "contacts without an index";
    if (st->count >= buckets) return "no empty bucket";
    for (size_t i = 0; i < buckets; i++) {
        if (!slots[i]) continue;
        const char *wrong = verify_slot(t, st, i);
        if (wrong) return wrong;
        count++;
        bytes += hl_contact_bytes(slot_contact(slots[i]));
    }
    if (count != st->count) return "count is not the number of contacts";
    if (bytes > st->slab.bytes - st->slab.unused) return "contacts own more than the slab gave out";
    return NULL;
}

bool hl_table_verify(struct hl_table *t, struct hl_error *err)
{
    for (unsigned i = 0; i < t->n_stripes; i++) {
        struct stripe *st = &t->stripes[i];
        hl_lock_acquire(&st->lock);
        const char *wrong = verify_stripe(t, st);
        hl_lock_release(&st->lock);
        if (!wrong) continue;
        hl_error_set(err, HL_E_INTERNAL, HL_STOP, "stripe %u: %s", i, wrong);
        return false;
    }
    return true;
}
