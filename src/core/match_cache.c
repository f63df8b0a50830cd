/* DESIGN
 * Start with the matches of the event's type and take away, field by field, those that ask for something else. Where few of those left
 * ask for the field, they are tried one by one: most events and small models end here. Where many do, the set for the field's value
 * (match_index.c) is looked up by field and value, and made when it is not there: few values carry most of the traffic.
 *
 *     entry:  | field | length | value (120 bytes) | set (`words` words) |
 *
 * Two entries for each place in the table; the one that was not used last gives way. The whole value is compared, the hash only says where to look.
 *
 * WHY NOT
 * A memory of (type, url): a set for each field serves all types, is small in number where urls, forms and campaigns mix, and does for
 * regular expressions on attributes what it does for paths. Asking each rule: 15,000 ns an event with 1,000 rules, this 700 to 1,200
 * (perf/results/2026-11-23-rules.md). A larger cache: 8 and 16 MB were no faster, what is computed less is waited for in memory.
 *
 * THREADS: a cache belongs to one thread; the index is read-only. */
#include "match_cache_private.h"

#include <stdlib.h>

#include "hotlead/base/hash.h"

#define FEW 4
#define WAYS 2
#define VALUE_BYTES 120

struct entry {
    uint32_t field; /* its number + 1; 0: unused */
    uint32_t len;
    char value[VALUE_BYTES];
    uint64_t set[];
};

struct hl_match_cache {
    const struct hl_model *m;
    size_t n_places; /* a power of two, each with WAYS entries */
    size_t entry_bytes;
    char *entries;
    uint8_t *last;  /* for each place: the entry used last */
    uint64_t *hits;
    uint64_t *long_value_set; /* of a value that is too long to be kept */
};

struct hl_match_cache *hl_match_cache_new(const struct hl_model *m, size_t bytes)
{
    const struct hl_match_index *x = m->index;
    struct hl_match_cache *k = calloc(1, sizeof *k);
    if (!k) return NULL;
    k->m = m;
    k->entry_bytes = sizeof(struct entry) + x->words * sizeof(uint64_t);
    k->n_places = 1;
    while (k->n_places * 2 * (WAYS * k->entry_bytes + 1) <= bytes) k->n_places *= 2;
    k->entries = calloc(k->n_places * WAYS, k->entry_bytes);
    k->last = calloc(k->n_places, 1);
    k->hits = calloc(x->words + 1, sizeof *k->hits);
    k->long_value_set = calloc(x->words + 1, sizeof *k->long_value_set);
    if (k->entries && k->last && k->hits && k->long_value_set) return k;
    hl_match_cache_free(k);
    return NULL;
}

void hl_match_cache_free(struct hl_match_cache *k)
{
    if (!k) return;
    free(k->entries);
    free(k->last);
    free(k->hits);
    free(k->long_value_set);
    free(k);
}

static struct entry *entry_at(const struct hl_match_cache *k, size_t place, unsigned way)
{
    return (struct entry *)(void *)(k->entries + (place * WAYS + way) * k->entry_bytes);
}

static bool is_for(const struct entry *e, size_t field, struct hl_slice value)
{
    return e->field == field + 1 && hl_slice_eq((struct hl_slice){e->value, e->len}, value);
}

/* The set for the value of a field, lent until the next call. */
static const uint64_t *set_for(struct hl_match_cache *k, size_t field, struct hl_slice value)
{
    const struct hl_match_index *x = k->m->index;
    const struct hl_match_field *f = &x->fields[field];
    if (hl_slice_is_null(value)) return f->absent;
    if (value.len > VALUE_BYTES) {
        hl_match_field_answer(x, f, value, k->long_value_set);
        return k->long_value_set;
    }
    size_t place = (hl_hash64(value) + field) & (k->n_places - 1);
    uint8_t *last = &k->last[place];
    if (is_for(entry_at(k, place, *last), field, value)) return entry_at(k, place, *last)->set;
    *last = (uint8_t)(*last + 1) % WAYS;
    struct entry *e = entry_at(k, place, *last);
    if (is_for(e, field, value)) return e->set;
    e->field = (uint32_t)field + 1;
    e->len = (uint32_t)value.len;
    if (value.len) memcpy(e->value, value.data, value.len);
    hl_match_field_answer(x, f, value, e->set);
    return e->set;
}

/* The first places that are in both sets, at most FEW + 1 of them. */
static unsigned few_of(const uint64_t *a, const uint64_t *b, size_t words, size_t *out)
{
    unsigned n = 0;
    for (size_t i = 0; i < words; i++)
        for (uint64_t both = a[i] & b[i]; both; both &= both - 1) {
            out[n++] = i * 64 + (unsigned)__builtin_ctzll(both);
            if (n > FEW) return n;
        }
    return n;
}

static void look_at_field(struct hl_match_cache *k, size_t field, const struct hl_event *ev, struct hl_slice path)
{
    const struct hl_match_index *x = k->m->index;
    const struct hl_match_field *f = &x->fields[field];
    size_t few[FEW + 1];
    unsigned n = few_of(k->hits, f->asks, x->words, few);
    if (n == 0) return;
    struct hl_slice value = hl_match_field_value(f, ev, path);
    if (n > FEW) {
        const uint64_t *set = set_for(k, field, value);
        for (size_t i = 0; i < x->words; i++) k->hits[i] &= set[i];
        return;
    }
    for (unsigned i = 0; i < n; i++)
        if (!hl_match_field_holds(f, x->matches[few[i]], value)) hl_set_remove(k->hits, few[i]);
}

const uint64_t *hl_match_cache_find(struct hl_match_cache *k, const struct hl_model *m, const struct hl_event *ev, struct hl_slice path)
{
    HL_BUG_ON(k->m != m);
    const struct hl_match_index *x = m->index;
    memcpy(k->hits, x->of_type[ev->type], x->words * sizeof *k->hits);
    for (uint64_t fields = x->fields_of[ev->type]; fields; fields &= fields - 1)
        look_at_field(k, (size_t)__builtin_ctzll(fields), ev, path);
    for (size_t i = hl_set_next(x->unindexed, 0, x->n); i < x->n; i = hl_set_next(x->unindexed, i + 1, x->n))
        if (hl_set_has(k->hits, i) && !hl_match_holds(x->matches[i], ev, path)) hl_set_remove(k->hits, i);
    return k->hits;
}
