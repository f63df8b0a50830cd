/* Erasure of contacts (decision 0011).
 *
 *   contact_erased -> core empties the contact -> grave, moved -> commit: tombstone + grave -> end of a round: out of the table
 *
 * The empty contact stays for a while, because lists and timers point to it. An event that comes then finds it, and its erased_at; one that comes
 * later finds nothing, and a new contact takes erased_at, and the applied offsets, from the grave. */
#include "hotlead/core/grave.h"
#include "worker.h"

struct hl_contact *hl_contact_for_event(struct hl_worker *w, struct hl_slab *slab, int32_t partition, uint64_t hash, struct hl_slice id,
                                        bool *adopted)
{
    bool created;
    struct hl_table *t = w->e->table;
    struct hl_contact *c = hl_table_put(t, w->index, hash, id, (uint16_t)partition, &created);
    *adopted = false;
    HL_DCHECK(!created || !w->by_id[partition] || !hl_spill_is_away(w->by_id[partition], hash)); /* it would have been fetched */
    if (!c || !created || w->n_graves == 0) return c;
    const struct hl_contact *grave = hl_grave_find(t, w->index, hash, id);
    if (!grave) return c;
    if (hl_grave_adopt(c, slab, w->model, grave) == HL_OK) {
        *adopted = true;
        return c;
    }
    hl_table_remove(t, c);
    return NULL;
}

/* What was erased: all that had been applied then. Not what was applied until the commit, as with other states: without transactions the grave
 * may be delivered and the state of a contact that began anew may not. */
static uint32_t applied_until(struct hl_worker *w, struct hl_partition *p, const struct hl_contact *c, const struct hl_record *at,
                              const int64_t *positions)
{
    int64_t applied[64];
    size_t n = hl_engine_inputs(w->e);
    for (size_t t = 0; t < n; t++) {
        int64_t restored = c->applied ? p->applied[(c->applied - 1) * n + t] : 0, position = t == at->topic ? at->offset + 1 : positions[t];
        applied[t] = restored > position ? restored : position;
    }
    return hl_partition_applied(p, applied, n);
}

enum hl_status hl_bury(struct hl_worker *w, struct hl_partition *p, struct hl_contact *c, const struct hl_record *at, const int64_t *positions)
{
    bool created;
    struct hl_contact *grave = hl_grave_put(w->e->table, c, &created);
    if (!grave) return HL_E_NOMEM;
    w->n_graves += created;
    grave->applied = applied_until(w, p, c, at, positions);
    if (!grave->applied) return HL_E_NOMEM;
    if (!hl_partition_mark_dirty(p, grave) || !hl_partition_mark_moved(p, grave)) return HL_E_NOMEM;
    if (c->dirty & HL_DIRTY_ERASED) return HL_OK;
    if (!hl_contact_list_push(&p->erased, c)) return HL_E_NOMEM;
    c->dirty |= HL_DIRTY_ERASED;
    return HL_OK;
}

/* Its tombstone is written, and nothing came since. */
static bool is_done(const struct hl_contact *c)
{
    return (c->flags & HL_C_ERASED) && c->dirty == HL_DIRTY_ERASED;
}

/* A dirty list may still hold contacts that were written out of turn. */
static void drop_done(struct hl_contact_list *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++)
        if (is_done(l->items[i]))
            hl_contact_unref(l->items[i]);
        else
            l->items[kept++] = l->items[i];
    l->n = kept;
}

/* No list but that of the erased, and no timer, points to those that are done. */
static void drop_entries(struct hl_partition *p)
{
    bool some = false;
    for (size_t i = 0; i < p->erased.n; i++) some |= is_done(p->erased.items[i]) && p->erased.items[i]->refs > 1;
    if (!some) return;
    hl_timers_drop_erased(&p->timers);
    drop_done(&p->dirty[0]);
    drop_done(&p->dirty[1]);
}

static void leave(struct hl_table *t, struct hl_contact *c)
{
    uint64_t hash = c->hash;
    uint16_t worker = c->worker;
    HL_BUG_ON(c->refs != 1 && c->refs != UINT16_MAX);
    hl_table_acquire(t, worker, hash);
    hl_table_remove(t, c);
    hl_table_release(t, worker, hash);
}

void hl_forget_erased(struct hl_worker *w, struct hl_partition *p)
{
    size_t kept = 0;
    drop_entries(p);
    for (size_t i = 0; i < p->erased.n; i++) {
        struct hl_contact *c = p->erased.items[i];
        if (is_done(c))
            leave(w->e->table, c);
        else if (c->flags & HL_C_ERASED)
            p->erased.items[kept++] = c;
        else
            c->dirty &= (uint8_t)~HL_DIRTY_ERASED, hl_contact_unref(c); /* it lives again */
    }
    p->erased.n = kept;
}
