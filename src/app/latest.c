/* DESIGN  `records` in the order of their first appearance, `places` an open-addressed index into it. A tombstone leaves a record without a block.
 *
 * THREADS: one. */
#include "latest.h"

#include <stdlib.h>

#include "hotlead/base/hash.h"

void hl_latest_clear(struct hl_latest *l)
{
    for (size_t i = 0; i < l->n; i++) free(l->records[i].block);
    l->n = 0;
    if (l->places) memset(l->places, 0, (l->mask + 1) * sizeof(*l->places));
}

void hl_latest_fini(struct hl_latest *l)
{
    hl_latest_clear(l);
    free(l->records);
    free(l->places);
}

static void place(struct hl_latest *l, uint32_t index)
{
    size_t i = l->records[index].hash & l->mask;
    while (l->places[i]) i = (i + 1) & l->mask;
    l->places[i] = index + 1;
}

/* Room for one more, with at most half of the places taken. */
static bool grow(struct hl_latest *l)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 1024;
        struct hl_latest_record *records = realloc(l->records, cap * sizeof(*records));
        if (!records) return false;
        l->records = records;
        l->cap = cap;
    }
    if (l->places && l->n * 2 < l->mask) return true;
    size_t size = l->places ? (l->mask + 1) * 2 : 4096;
    uint32_t *places = calloc(size, sizeof(*places));
    if (!places) return false;
    free(l->places);
    l->places = places;
    l->mask = size - 1;
    for (size_t i = 0; i < l->n; i++) place(l, (uint32_t)i);
    return true;
}

static struct hl_latest_record *find(const struct hl_latest *l, uint64_t hash, struct hl_slice id)
{
    for (size_t i = hash & l->mask; l->places && l->places[i]; i = (i + 1) & l->mask) {
        struct hl_latest_record *r = &l->records[l->places[i] - 1];
        if (r->hash == hash && (!r->block || hl_slice_eq((struct hl_slice){r->block, r->id_len}, id))) return r;
    }
    return NULL;
}

const struct hl_latest_record *hl_latest_find(const struct hl_latest *l, uint64_t hash, struct hl_slice id)
{
    return find(l, hash, id);
}

/* With 64 bits of hash, a tombstone that is taken for that of another id is out of the question. */
bool hl_latest_put(struct hl_latest *l, struct hl_slice id, struct hl_slice value)
{
    uint64_t hash = hl_hash64(id);
    struct hl_latest_record *r = find(l, hash, id);
    if (!r && hl_slice_is_null(value)) return true;
    if (!r) {
        if (l->n == UINT32_MAX - 1 || !grow(l)) return false;
        r = &l->records[l->n];
        *r = (struct hl_latest_record){.hash = hash};
        place(l, (uint32_t)l->n++);
    }
    free(r->block);
    r->block = NULL;
    if (hl_slice_is_null(value)) return true;
    r->block = malloc(id.len + value.len + 1);
    if (!r->block) return false;
    r->id_len = (uint32_t)id.len;
    r->value_len = (uint32_t)value.len;
    memcpy(r->block, id.data, id.len);
    memcpy(r->block + id.len, value.data, value.len);
    return true;
}
