/* The books of one partition. */
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/hash.h"
#include "worker.h"

struct hl_partition *hl_partition_new(int32_t id, size_t n_inputs)
{
    struct hl_partition *p = calloc(1, sizeof(*p));
    if (!p) return NULL;
    p->id = id;
    hl_away_init(&p->away);
    p->current = 1;
    p->next = calloc(n_inputs * 4, sizeof(int64_t));
    p->blocked = calloc(n_inputs * 2, sizeof(bool));
    if (!p->next || !p->blocked) {
        hl_partition_free(p);
        return NULL;
    }
    p->low = p->next + n_inputs;
    p->cut = p->next + 2 * n_inputs;
    p->topic_time = p->next + 3 * n_inputs;
    p->at_end = p->blocked + n_inputs;
    p->stream_time = HL_NO_TIME;
    for (size_t t = 0; t < n_inputs; t++) p->topic_time[t] = HL_NO_TIME;
    return p;
}

void hl_partition_free(struct hl_partition *p)
{
    if (!p) return;
    free(p->next);
    free(p->blocked);
    free(p->dirty[0].items);
    free(p->dirty[1].items);
    free(p->moved.items);
    free(p->erased.items);
    free(p->timers.items);
    free(p->applied);
    free(p->applied_by_hash);
    hl_ghosts_clear(&p->away.ghosts);
    free(p);
}

bool hl_contact_list_push(struct hl_contact_list *l, struct hl_contact *c)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        struct hl_contact **items = realloc(l->items, cap * sizeof(*items));
        if (!items) return false;
        l->items = items;
        l->cap = cap;
    }
    l->items[l->n++] = c;
    hl_contact_ref(c);
    return true;
}

struct hl_contact *hl_contact_list_pop(struct hl_contact_list *l)
{
    struct hl_contact *c = l->items[--l->n];
    hl_contact_unref(c);
    return c;
}

bool hl_partition_mark_dirty(struct hl_partition *p, struct hl_contact *c)
{
    if (c->dirty & HL_DIRTY_LIST) return true;
    uint8_t list = p->current == 1 ? 2 : 1;
    if (!hl_contact_list_push(&p->dirty[list - 1], c)) return false;
    c->dirty |= list;
    return true;
}

bool hl_partition_mark_moved(struct hl_partition *p, struct hl_contact *c)
{
    if (c->dirty & HL_DIRTY_MOVED) return true;
    if (!hl_contact_list_push(&p->moved, c)) return false;
    c->dirty |= HL_DIRTY_MOVED;
    return true;
}

void hl_applied_offsets(const struct hl_config *c, const struct hl_applied_slice *applied, size_t n, int64_t offsets[64])
{
    for (size_t t = 0; t < c->n_inputs; t++) {
        size_t i = t; /* where it is, unless the inputs have changed */
        if (i >= n || !hl_slice_eq_cstr(applied[i].topic, c->inputs[t].topic))
            for (i = 0; i < n && !hl_slice_eq_cstr(applied[i].topic, c->inputs[t].topic);) i++;
        offsets[t] = i < n ? applied[i].offset : 0;
    }
}

static uint64_t vector_hash(const int64_t *offsets, size_t n_inputs)
{
    return hl_hash64((struct hl_slice){(const char *)offsets, n_inputs * sizeof(*offsets)});
}

/* Where the vector is, or would be. */
static uint32_t *applied_place(const struct hl_partition *p, const int64_t *offsets, size_t n_inputs)
{
    size_t mask = 2 * p->cap_applied - 1, i = vector_hash(offsets, n_inputs) & mask;
    while (p->applied_by_hash[i] && memcmp(p->applied + (p->applied_by_hash[i] - 1) * n_inputs, offsets, n_inputs * sizeof(*offsets)) != 0)
        i = (i + 1) & mask;
    return &p->applied_by_hash[i];
}

/* Twice the room; the index stays half empty. */
static bool grow_applied(struct hl_partition *p, size_t n_inputs)
{
    size_t cap = p->cap_applied ? 2 * p->cap_applied : 64;
    int64_t *vectors = realloc(p->applied, cap * n_inputs * sizeof(*vectors));
    if (vectors) p->applied = vectors;
    uint32_t *by_hash = calloc(2 * cap, sizeof(*by_hash));
    if (!vectors || !by_hash) {
        free(by_hash);
        return false;
    }
    free(p->applied_by_hash);
    p->applied_by_hash = by_hash;
    p->cap_applied = cap;
    for (size_t i = 0; i < p->n_applied; i++) *applied_place(p, p->applied + i * n_inputs, n_inputs) = (uint32_t)i + 1;
    return true;
}

uint32_t hl_partition_applied(struct hl_partition *p, const int64_t *offsets, size_t n_inputs)
{
    /* Records of one transaction carry the same vector and lie together in the topic, though not in its copy. */
    if (p->n_applied && memcmp(p->applied + (p->n_applied - 1) * n_inputs, offsets, n_inputs * sizeof(*offsets)) == 0) return (uint32_t)p->n_applied;
    if (p->n_applied == p->cap_applied && !grow_applied(p, n_inputs)) return 0;
    uint32_t *place = applied_place(p, offsets, n_inputs);
    if (*place) return *place;
    memcpy(p->applied + p->n_applied * n_inputs, offsets, n_inputs * sizeof(*offsets));
    return *place = (uint32_t)++p->n_applied;
}

void hl_partition_forget_applied(struct hl_partition *p)
{
    p->n_applied = 0;
    if (p->applied_by_hash) memset(p->applied_by_hash, 0, 2 * p->cap_applied * sizeof(*p->applied_by_hash));
}
