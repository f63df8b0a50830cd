#include "shadow.h"

#include <stdlib.h>
#include <string.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/hash.h"
#include "hotlead/base/log.h"
#include "hotlead/core/due.h"
#include "hotlead/core/join.h"
#include "hotlead/core/state.h"

struct move {
    uint64_t contact; /* hash */
    uint8_t from, to, under;
};

struct hl_shadow_worker {
    const struct hl_model *model;
    struct hl_match_cache *matches;
    struct hl_timers *timers; /* by partition number */
    struct hl_outcome *outcome;
    struct hl_shadow_counts *counts;
    struct hl_buf states; /* on their way from one table to the other */
    struct move *moves;   /* since they were settled last */
    size_t n_moves, cap_moves;
    bool resting; /* it has failed */
};

/* --- life --- */

enum hl_status hl_shadow_open(struct hl_engine *e, const struct hl_model *m, size_t stripes, struct hl_error *err)
{
    e->shadow = calloc(1, sizeof(*e->shadow));
    if (e->shadow) {
        e->shadow->models = hl_models_new(m, e->n_workers);
        e->shadow->table = hl_table_new_for((unsigned)e->n_workers, (unsigned)stripes);
    }
    if (e->shadow && e->shadow->models && e->shadow->table) return HL_OK;
    return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

void hl_shadow_close(struct hl_engine *e)
{
    if (!e->shadow) return;
    if (e->shadow->table) hl_table_free(e->shadow->table);
    hl_models_free(e->shadow->models);
    free(e->shadow);
    e->shadow = NULL;
}

/* The newest model. False: no memory. */
static bool adopt(struct hl_worker *w)
{
    struct hl_shadow_worker *s = w->shadow;
    struct hl_models *ms = w->e->shadow->models;
    const struct hl_model *m = hl_models_acquire(ms);
    struct hl_match_cache *matches = hl_match_cache_new(m, HL_MATCH_CACHE_BYTES);
    if (matches) {
        hl_match_cache_free(s->matches);
        s->matches = matches;
        s->model = m;
        hl_models_adopt(ms, w->index, m);
    }
    hl_models_release(ms, m);
    return matches;
}

enum hl_status hl_shadow_init(struct hl_worker *w, struct hl_error *err)
{
    if (!w->e->shadow) return HL_OK;
    struct hl_shadow_worker *s = w->shadow = calloc(1, sizeof(*s));
    if (s) {
        hl_buf_init(&s->states);
        s->counts = w->metrics->shadow;
        s->timers = calloc((size_t)w->e->n_partitions, sizeof(*s->timers));
        s->outcome = calloc(1, sizeof(*s->outcome));
    }
    if (!s || !s->timers || !s->outcome || !adopt(w)) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    w->time_acts |= hl_shadow_needs_time(w);
    return HL_OK;
}

void hl_shadow_fini(struct hl_worker *w)
{
    struct hl_shadow_worker *s = w->shadow;
    if (!s) return;
    for (int32_t p = 0; s->timers && p < w->e->n_partitions; p++) free(s->timers[p].items);
    hl_match_cache_free(s->matches);
    hl_buf_fini(&s->states);
    free(s->timers);
    free(s->outcome);
    free(s->moves);
    free(s);
    w->shadow = NULL;
}

bool hl_shadow_needs_time(const struct hl_worker *w)
{
    return hl_timers_needed(w->shadow->model);
}

void hl_shadow_drop(struct hl_worker *w)
{
    struct hl_shadow_worker *s = w->shadow;
    hl_table_drop(w->e->shadow->table, w->index, -1);
    for (int32_t p = 0; p < w->e->n_partitions; p++) s->timers[p].n = 0;
    for (size_t k = 0; k < HL_STAGE_COUNT * HL_STAGE_COUNT; k++)
        atomic_store_explicit(&s->counts->contacts[k / HL_STAGE_COUNT][k % HL_STAGE_COUNT], 0, memory_order_relaxed);
    s->n_moves = 0;
}

static void rest(struct hl_worker *w, enum hl_status status)
{
    hl_shadow_drop(w);
    w->shadow->resting = true;
    hl_log(HL_LOG_ERROR, "shadow_rests", "worker=%u reason=\"%s\" effect=\"the live model scores on; the shadow begins anew with the next recovery\"", w->index,
           hl_status_name(status));
}

/* --- beginning --- */

/* From live contacts of one stripe. */
struct copying {
    struct hl_worker *w;
    struct hl_buf one; /* the state in hand */
};

/* @locks the table holds the stripe */
static bool copy_out(void *ctx, struct hl_contact *c)
{
    struct copying *k = ctx;
    struct hl_buf *b = &k->w->shadow->states;
    if (c->worker != k->w->index || (c->flags & (HL_C_ERASED | HL_C_GRAVE | HL_C_MERGED))) return false;
    hl_buf_clear(&k->one);
    hl_state_encode(c, k->w->model, &k->one);
    hl_buf_put_varint(b, c->partition);
    hl_buf_put_bytes(b, hl_contact_id(c));
    hl_buf_put_bytes(b, hl_buf_slice(&k->one));
    b->failed |= k->one.failed;
    return false;
}

/* The stages of a contact under the two models; both or neither: it comes or goes with them. */
static void count_contact(struct hl_shadow_worker *s, enum hl_stage live, enum hl_stage shadow, uint64_t n)
{
    hl_counter_add(&s->counts->contacts[live][shadow], n);
}

static enum hl_status copy_in(struct hl_worker *w, int32_t partition, struct hl_slice id, struct hl_slice state)
{
    struct hl_shadow_worker *s = w->shadow;
    struct hl_table *t = w->e->shadow->table;
    uint64_t hash = hl_hash64(id);
    struct hl_slab *slab = hl_table_acquire(t, w->index, hash);
    struct hl_contact *c = hl_table_put(t, w->index, hash, id, (uint16_t)partition, NULL);
    enum hl_status status = c ? hl_state_decode(c, slab, s->model, state) : HL_E_NOMEM;
    if (!status) {
        c->stamp = c->stage;
        count_contact(s, c->stage, c->stage, 1);
        if (!hl_timers_note(&s->timers[partition], s->model, c)) status = HL_E_NOMEM;
    }
    hl_table_release(t, w->index, hash);
    return status;
}

static enum hl_status copy_stripe(struct copying *k, unsigned stripe)
{
    struct hl_buf *b = &k->w->shadow->states;
    enum hl_status status = HL_OK;
    hl_buf_clear(b);
    hl_table_scan_stripe(k->w->e->table, stripe, copy_out, k);
    if (b->failed) return HL_E_NOMEM;
    for (struct hl_reader r = hl_reader_of(hl_buf_slice(b)); r.p != r.end && !status;) {
        int32_t partition = (int32_t)hl_reader_varint(&r);
        struct hl_slice id = hl_reader_bytes(&r), state = hl_reader_bytes(&r);
        status = copy_in(k->w, partition, id, state);
    }
    return status;
}

void hl_shadow_seed(struct hl_worker *w)
{
    struct copying k = {.w = w};
    unsigned first, n = hl_table_stripes_of(w->e->table, w->index, &first);
    enum hl_status status = HL_OK;
    hl_shadow_drop(w);
    w->shadow->resting = false;
    hl_buf_init(&k.one);
    for (unsigned i = 0; i < n && !status; i++) {
        status = copy_stripe(&k, first + i);
        hl_health_beat(w->e->health, (int)w->index, hl_clock_mono_ns());
    }
    hl_buf_fini(&k.one);
    hl_buf_fini(&w->shadow->states); /* it is wanted rarely */
    hl_metrics_set_shadow_since(w->e->metrics, hl_clock_wall_ms());
    if (status) rest(w, status);
}

void hl_shadow_tend(struct hl_worker *w)
{
    if (!hl_models_is_behind(w->e->shadow->models, w->index)) return;
    hl_shadow_drop(w);
    if (!adopt(w)) {
        rest(w, HL_E_NOMEM);
        return;
    }
    w->time_acts |= hl_shadow_needs_time(w);
    if (w->n_parts) hl_shadow_seed(w);
}

/* --- moves --- */

static void note_move(struct hl_shadow_worker *s, uint64_t contact, enum hl_stage from, enum hl_stage to, enum hl_under under)
{
    if (s->n_moves == s->cap_moves) {
        size_t cap = s->cap_moves ? 2 * s->cap_moves : 64;
        struct move *grown = realloc(s->moves, cap * sizeof(*grown));
        if (!grown) return; /* a figure less */
        s->moves = grown;
        s->cap_moves = cap;
    }
    s->moves[s->n_moves++] = (struct move){contact, (uint8_t)from, (uint8_t)to, (uint8_t)under};
}

static int by_contact(const void *a, const void *b)
{
    const struct move *x = a, *y = b;
    if (x->contact != y->contact) return x->contact < y->contact ? -1 : 1;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    if (x->to != y->to) return x->to < y->to ? -1 : 1;
    return (x->under > y->under) - (x->under < y->under);
}

static bool is_same(const struct move *a, const struct move *b)
{
    return a->contact == b->contact && a->from == b->from && a->to == b->to;
}

void hl_shadow_settle(struct hl_worker *w)
{
    struct hl_shadow_worker *s = w->shadow;
    if (s->n_moves > 1) qsort(s->moves, s->n_moves, sizeof(*s->moves), by_contact);
    for (size_t i = 0, end; i < s->n_moves; i = end) {
        size_t n[HL_UNDER_COUNT] = {0};
        for (end = i; end < s->n_moves && is_same(&s->moves[i], &s->moves[end]); end++) n[s->moves[end].under]++;
        size_t both = n[HL_UNDER_LIVE] < n[HL_UNDER_SHADOW] ? n[HL_UNDER_LIVE] : n[HL_UNDER_SHADOW];
        const struct move *m = &s->moves[i];
        hl_counter_add(&s->counts->moves[HL_UNDER_BOTH][m->from][m->to], both);
        hl_counter_add(&s->counts->moves[HL_UNDER_LIVE][m->from][m->to], n[HL_UNDER_LIVE] - both);
        hl_counter_add(&s->counts->moves[HL_UNDER_SHADOW][m->from][m->to], n[HL_UNDER_SHADOW] - both);
    }
    s->n_moves = 0;
}

/* The live contact is in another stage now. @locks requires the shadow's stripe */
static void set_live(struct hl_shadow_worker *s, struct hl_contact *c, enum hl_stage live)
{
    if (c->stamp == live) return;
    count_contact(s, live, c->stage, 1);
    count_contact(s, c->stamp, c->stage, (uint64_t)-1);
    c->stamp = (uint8_t)live;
}

/* @locks requires the stripe */
static void take_outcome(struct hl_shadow_worker *s, struct hl_contact *c, enum hl_stage was)
{
    const struct hl_outcome *o = s->outcome;
    for (unsigned i = 0; i < o->n_transitions; i++) note_move(s, c->hash, o->transitions[i].from, o->transitions[i].to, HL_UNDER_SHADOW);
    if (c->stage == was) return;
    count_contact(s, c->stamp, c->stage, 1);
    count_contact(s, c->stamp, was, (uint64_t)-1);
}

void hl_shadow_moved(struct hl_worker *w, struct hl_slice contact_id, enum hl_stage from, enum hl_stage to)
{
    struct hl_shadow_worker *s = w->shadow;
    struct hl_table *t = w->e->shadow->table;
    uint64_t hash = hl_hash64(contact_id);
    if (s->resting) return;
    note_move(s, hash, from, to, HL_UNDER_LIVE);
    hl_table_acquire(t, w->index, hash);
    struct hl_contact *c = hl_table_find(t, w->index, hash, contact_id);
    if (c) set_live(s, c, to);
    hl_table_release(t, w->index, hash);
}

/* It was erased, and nothing of it may stay. @locks requires its stripe */
static void forget(struct hl_worker *w, struct hl_timers *timers, struct hl_contact *c, enum hl_stage was)
{
    count_contact(w->shadow, c->stamp, was, (uint64_t)-1);
    hl_timers_drop_erased(timers);
    hl_table_remove(w->e->shadow->table, c);
}

/* Another contact has come into it, as it was under the live model: its own shadow is in another worker, or process. @locks requires the stripe */
static enum hl_status join(struct hl_shadow_worker *s, struct hl_slab *slab, struct hl_contact *c, const struct hl_onward_record *via)
{
    struct hl_contact from;
    enum hl_status status = hl_contact_init(&from, slab, hl_hash64(via->from), via->from, c->partition);
    if (!status) status = hl_state_decode(&from, slab, s->model, via->state);
    if (!status) status = hl_join(c, slab, s->model, &from, &via->ev, HL_APPLY_LIVE, s->outcome);
    if (from.body) hl_contact_fini(&from, slab);
    return status;
}

/* @locks requires the stripe */
static enum hl_status apply(struct hl_worker *w, struct hl_slab *slab, struct hl_contact *c, struct hl_timers *timers, const struct hl_event *ev,
                            const struct hl_onward_record *via)
{
    struct hl_shadow_worker *s = w->shadow;
    enum hl_stage was = c->stage;
    enum hl_status status = via && via->what == HL_ONWARD_STATE ? join(s, slab, c, via)
                                                                : hl_apply(c, slab, s->model, s->matches, ev, HL_APPLY_LIVE, s->outcome);
    if (status) return status;
    if (s->outcome->erased) {
        forget(w, timers, c, was);
        return HL_OK;
    }
    take_outcome(s, c, was);
    return s->outcome->changed && !hl_timers_note(timers, s->model, c) ? HL_E_NOMEM : HL_OK;
}

/* The live contact went into another. */
static void leave(struct hl_worker *w, struct hl_partition *p, struct hl_slice id, uint64_t hash)
{
    struct hl_table *t = w->e->shadow->table;
    hl_table_acquire(t, w->index, hash);
    struct hl_contact *c = hl_table_find(t, w->index, hash, id);
    if (c) {
        c->flags |= HL_C_ERASED; /* its moments go by that */
        forget(w, &w->shadow->timers[p->id], c, c->stage);
    }
    hl_table_release(t, w->index, hash);
}

void hl_shadow_event(struct hl_worker *w, struct hl_partition *p, const struct hl_event *ev, const struct hl_onward_record *via, uint64_t hash,
                     enum hl_stage live, const struct hl_outcome *o)
{
    struct hl_shadow_worker *s = w->shadow;
    struct hl_table *t = w->e->shadow->table;
    bool created, buried = o->result == HL_RESULT_IGNORED && !o->changed; /* from before an erasure, of which the shadow has kept nothing */
    if (s->resting || buried || o->onward == HL_ONWARD_EVENT) return; /* what is passed on is for another */
    if (o->onward == HL_ONWARD_STATE) {
        leave(w, p, ev->contact_id, hash);
        return;
    }
    struct hl_slab *slab = hl_table_acquire(t, w->index, hash);
    struct hl_contact *c = hl_table_put(t, w->index, hash, ev->contact_id, (uint16_t)p->id, &created);
    enum hl_status status = c ? HL_OK : HL_E_NOMEM;
    if (c && created) {
        c->stamp = (uint8_t)live;
        count_contact(s, live, c->stage, 1);
    }
    if (c) set_live(s, c, live);
    if (c) status = apply(w, slab, c, &s->timers[p->id], ev, via);
    hl_table_release(t, w->index, hash);
    if (status) rest(w, status);
}

/* --- time --- */

static enum hl_status act(struct hl_worker *w, struct hl_timers *timers, struct hl_timer due)
{
    struct hl_shadow_worker *s = w->shadow;
    struct hl_table *t = w->e->shadow->table;
    struct hl_contact *c = due.c;
    enum hl_status status = HL_OK;
    struct hl_slab *slab = hl_table_acquire(t, c->worker, c->hash);
    uint64_t hash = c->hash;
    if (c->timer == due.moment) {
        enum hl_stage was = c->stage;
        c->timer = HL_NO_TIME;
        hl_outcome_clear(s->outcome);
        if (hl_due_next(c, s->model) == due.moment) status = hl_due_act(c, slab, s->model, due.moment, s->outcome);
        if (!status) take_outcome(s, c, was);
        if (!status && !hl_timers_note(timers, s->model, c)) status = HL_E_NOMEM;
    }
    hl_table_release(t, w->index, hash);
    return status;
}

void hl_shadow_fire(struct hl_worker *w, struct hl_partition *p)
{
    struct hl_timers *timers = &w->shadow->timers[p->id];
    enum hl_status status = HL_OK;
    while (timers->n && timers->items[0].moment <= p->stream_time && !status) status = act(w, timers, hl_timers_pop(timers));
    if (status) rest(w, status);
}
