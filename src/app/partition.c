/* The books of one partition. */
#include <stdlib.h>
#include <string.h>

#include "worker.h"

struct hl_partition *hl_partition_new(int32_t id, size_t n_inputs)
{
    struct hl_partition *p = calloc(1, sizeof(*p));
    if (!p) return NULL;
    p->id = id;
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

uint32_t hl_partition_applied(struct hl_partition *p, const int64_t *offsets, size_t n_inputs)
{
    /* Records of one transaction carry the same vector and lie together, so a look at the last few finds nearly all. */
    for (size_t i = p->n_applied; i > 0 && i + 16 > p->n_applied; i--)
        if (memcmp(p->applied + (i - 1) * n_inputs, offsets, n_inputs * sizeof(*offsets)) == 0) return (uint32_t)i;
    if (p->n_applied == p->cap_applied) {
        size_t cap = p->cap_applied ? 2 * p->cap_applied : 64;
        int64_t *grown = realloc(p->applied, cap * n_inputs * sizeof(*grown));
        if (!grown) return 0;
        p->applied = grown;
        p->cap_applied = cap;
    }
    memcpy(p->applied + p->n_applied++ * n_inputs, offsets, n_inputs * sizeof(*offsets));
    return (uint32_t)p->n_applied;
}
