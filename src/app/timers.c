/* What time alone does (moves by decay, deadlines that pass), driven by the stream time of each partition.
 *
 * DESIGN  Stream time of a partition is the smallest, over its inputs, of the largest occurred_at read from that input; an input that was read to its
 * end counts as now. So a partition that catches up on a day of backlog lives through that day, and one that has caught up follows the wall clock.
 * It never goes back, and never passes now. The topic of merges does not count: what is passed on there was in time where it came from, and until its
 * end has been seen, which for an empty topic takes a moment, time would stand still.
 *
 * Due moments wait in a heap. A contact has at most one entry that counts: the one whose moment is its `timer`. When an event puts the moment off,
 * the entry stays and is asked again when its time comes, so that a busy contact does not fill the heap; when an event brings the moment forward,
 * a new entry takes over and the old one is skipped.
 *
 * Deadlines follow from the state, so nothing of this is stored: after a recovery the table is asked once.
 *
 * WHY NOT a hierarchical wheel: only contacts that decay can move (passive MQLs, SQLs by score), or that sales have to answer, are here: the heap is
 * small. */
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/hash.h"
#include "hotlead/core/due.h"
#include "shadow.h"
#include "worker.h"

bool hl_timers_needed(const struct hl_model *m)
{
    return m->mql.has_exit || (m->score_driven && m->sql.has_exit) || m->n_sla;
}

/* --- the heap: earliest first, equal moments in order of contact id --- */

static bool before(const struct hl_timer *a, const struct hl_timer *b)
{
    if (a->moment != b->moment) return a->moment < b->moment;
    return hl_slice_compare(hl_contact_id(a->c), hl_contact_id(b->c)) < 0;
}

static bool push(struct hl_timers *h, struct hl_timer t)
{
    if (h->n == h->cap) {
        size_t cap = h->cap ? 2 * h->cap : 64;
        struct hl_timer *items = realloc(h->items, cap * sizeof(*items));
        if (!items) return false;
        h->items = items;
        h->cap = cap;
    }
    size_t i = h->n++;
    for (; i > 0 && before(&t, &h->items[(i - 1) / 2]); i = (i - 1) / 2) h->items[i] = h->items[(i - 1) / 2];
    h->items[i] = t;
    hl_contact_ref(t.c);
    return true;
}

/* The item at i may come after those below it. */
static void sift_down(struct hl_timers *h, size_t i)
{
    struct hl_timer item = h->items[i];
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && before(&h->items[child + 1], &h->items[child])) child++;
        if (!before(&h->items[child], &item)) break;
        h->items[i] = h->items[child];
    }
    h->items[i] = item;
}

struct hl_timer hl_timers_pop(struct hl_timers *h)
{
    struct hl_timer top = h->items[0];
    hl_contact_unref(top.c);
    h->items[0] = h->items[--h->n];
    if (h->n) sift_down(h, 0);
    return top;
}

void hl_timers_drop_erased(struct hl_timers *h)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->n; i++)
        if (h->items[i].c->flags & HL_C_ERASED)
            hl_contact_unref(h->items[i].c);
        else
            h->items[kept++] = h->items[i];
    h->n = kept;
    for (size_t i = h->n / 2; i > 0; i--) sift_down(h, i - 1);
}

bool hl_timers_note(struct hl_timers *h, const struct hl_model *m, struct hl_contact *c)
{
    int64_t due = hl_due_next(c, m);
    if (due == HL_NO_TIME || (c->timer != HL_NO_TIME && c->timer <= due)) return true;
    c->timer = due;
    return push(h, (struct hl_timer){due, c});
}

/* --- stream time --- */

static void advance_stream_time(const struct hl_worker *w, struct hl_partition *p)
{
    int64_t t = w->wall_ms;
    for (size_t i = 0; i < hl_engine_inputs(w->e); i++)
        if (!hl_engine_is_merges(w->e, (uint16_t)i) && !p->at_end[i] && p->topic_time[i] < t) t = p->topic_time[i];
    if (t > p->stream_time) p->stream_time = t;
}

enum hl_status hl_timers_event(struct hl_worker *w, struct hl_partition *p, const struct hl_record *r, int64_t occurred_at, struct hl_error *err)
{
    p->at_end[r->topic] = false;
    if (occurred_at > p->topic_time[r->topic]) p->topic_time[r->topic] = occurred_at;
    advance_stream_time(w, p);
    return hl_timers_fire(w, p, r, err);
}

/* Let time act on one contact at its moment. Takes and releases the stripe. */
static enum hl_status act(struct hl_worker *w, struct hl_partition *p, struct hl_timer t)
{
    struct hl_engine *e = w->e;
    enum hl_status status = HL_OK;
    struct hl_slab *slab = hl_table_acquire(e->table, t.c->worker, t.c->hash);
    hl_outcome_clear(w->outcome);
    if (t.c->timer == t.moment) {
        t.c->timer = HL_NO_TIME;
        if (hl_due_next(t.c, w->model) == t.moment) status = hl_due_act(t.c, slab, w->model, t.moment, w->outcome);
        if (!status && hl_outcome_is_final(w->outcome) && !(hl_partition_mark_dirty(p, t.c) && hl_partition_mark_moved(p, t.c))) status = HL_E_NOMEM;
        if (!status && !hl_timers_note(&p->timers, w->model, t.c)) status = HL_E_NOMEM;
    }
    hl_table_release(e->table, t.c->worker, t.c->hash);
    return status;
}

enum hl_status hl_timers_fire(struct hl_worker *w, struct hl_partition *p, const struct hl_record *r, struct hl_error *err)
{
    while (p->timers.n && p->timers.items[0].moment <= p->stream_time) {
        struct hl_timer t = hl_timers_pop(&p->timers);
        enum hl_status status = act(w, p, t);
        if (status) return hl_error_set(err, status, HL_STOP, "a move by time: %s", hl_status_name(status));
        status = hl_outcome_is_final(w->outcome) ? hl_emit_by_time(w, p, r, hl_contact_id(t.c), w->outcome, err) : HL_OK;
        if (status) return status;
    }
    if (w->shadow) hl_shadow_fire(w, p);
    return HL_OK;
}

enum hl_status hl_timers_idle(struct hl_worker *w, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    if (!w->stream->at_end) return HL_OK;
    w->wall_ms = hl_clock_wall_ms();
    for (size_t i = 0; i < w->n_parts && !status; i++) {
        struct hl_partition *p = w->parts[i];
        for (uint16_t t = 0; t < hl_engine_inputs(w->e); t++) p->at_end[t] = !p->blocked[t] && w->stream->at_end(w->stream, t, p->id);
        advance_stream_time(w, p);
        status = hl_timers_fire(w, p, NULL, err);
        if (w->shadow && !status) hl_shadow_settle(w);
    }
    return status;
}

/* --- after a recovery --- */

struct seed {
    struct hl_worker *w;
    bool failed;
};

static bool seed_one(void *ctx, struct hl_contact *c)
{
    struct seed *s = ctx;
    struct hl_partition *p = c->worker == s->w->index ? s->w->by_id[c->partition] : NULL;
    if (p && !hl_timers_note(&p->timers, s->w->model, c)) s->failed = true;
    return false;
}

enum hl_status hl_timers_seed(struct hl_worker *w, struct hl_error *err)
{
    struct seed s = {.w = w};
    if (!hl_timers_needed(w->model)) return HL_OK;
    hl_table_scan(w->e->table, seed_one, &s);
    return s.failed ? hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory") : HL_OK;
}
