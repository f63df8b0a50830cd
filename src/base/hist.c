#include "hotlead/base/hist.h"

static uint64_t load(const _Atomic uint64_t *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

/* One writer: no locked instruction is needed, only freedom from torn reads. */
static void add(_Atomic uint64_t *v, uint64_t n)
{
    atomic_store_explicit(v, load(v) + n, memory_order_relaxed);
}

static void raise_to(_Atomic uint64_t *v, uint64_t n)
{
    if (n > load(v)) atomic_store_explicit(v, n, memory_order_relaxed);
}

/* Values below HL_HIST_SUB have a bucket each; above, each power of two is cut into HL_HIST_SUB steps. */
static unsigned bucket_of(uint64_t value)
{
    if (value < HL_HIST_SUB) return (unsigned)value;
    unsigned log2 = 63 - (unsigned)__builtin_clzll(value);
    return (log2 - 4) * HL_HIST_SUB + ((unsigned)(value >> (log2 - 5)) & (HL_HIST_SUB - 1));
}

/* Largest value of a bucket. */
static uint64_t bucket_top(unsigned bucket)
{
    if (bucket < HL_HIST_SUB) return bucket;
    unsigned shift = bucket / HL_HIST_SUB - 1;
    uint64_t low = (uint64_t)(HL_HIST_SUB + bucket % HL_HIST_SUB) << shift;
    return low + (((uint64_t)1 << shift) - 1);
}

void hl_hist_init(struct hl_hist *h)
{
    atomic_init(&h->count, 0);
    atomic_init(&h->sum, 0);
    atomic_init(&h->max, 0);
    for (unsigned i = 0; i < HL_HIST_BUCKETS; i++) atomic_init(&h->buckets[i], 0);
}

void hl_hist_put(struct hl_hist *h, uint64_t value)
{
    hl_hist_put_n(h, value, 1);
}

void hl_hist_put_n(struct hl_hist *h, uint64_t value, uint64_t n)
{
    if (n == 0) return;
    add(&h->buckets[bucket_of(value)], n);
    add(&h->count, n);
    add(&h->sum, value * n);
    raise_to(&h->max, value);
}

void hl_hist_merge(struct hl_hist *into, const struct hl_hist *from)
{
    for (unsigned i = 0; i < HL_HIST_BUCKETS; i++) {
        uint64_t n = load(&from->buckets[i]);
        if (n) add(&into->buckets[i], n);
    }
    add(&into->count, load(&from->count));
    add(&into->sum, load(&from->sum));
    raise_to(&into->max, load(&from->max));
}

uint64_t hl_hist_quantile(const struct hl_hist *h, double q)
{
    uint64_t total = 0, seen = 0, max = load(&h->max);
    for (unsigned i = 0; i < HL_HIST_BUCKETS; i++) total += load(&h->buckets[i]); /* `count` may be ahead of them */
    if (total == 0) return 0;
    double want = q * (double)total;
    for (unsigned i = 0; i < HL_HIST_BUCKETS; i++) {
        seen += load(&h->buckets[i]);
        if (seen && (double)seen >= want) return bucket_top(i) < max ? bucket_top(i) : max;
    }
    return max;
}

uint64_t hl_hist_count_le(const struct hl_hist *h, uint64_t bound)
{
    uint64_t n = 0;
    if (bound >= load(&h->max)) bound = UINT64_MAX;
    for (unsigned i = 0; i < HL_HIST_BUCKETS && bucket_top(i) <= bound; i++) n += load(&h->buckets[i]);
    return n;
}
