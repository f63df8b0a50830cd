/* DESIGN
 * A contact belongs to one shard, by its hash, so shards share nothing, and what happens to a contact does not depend on how
 * many there are. What does depend on other contacts is stream time; it comes with the batch, for each event.
 *
 *     batch   event   0    1    2    3    4        this shard's: 1 and 4
 *             stream  10   10   17   20   20       moments due by 20 fire before event 4
 *
 * A moment fires before the event that brings its time; a binary search in `stream` finds which that is, though it may belong to
 * another shard. So each line knows its place in the whole stream, and merging the shards' lines gives the same bytes for any
 * number of them.
 *
 * A contact's moment is its `timer`. The heap may hold stale entries: when a contact's moment moves to later, its entry stays, and
 * is put back when it comes up.
 *
 * THREADS  A shard is used by one thread at a time. */
#include "sim_shard.h"

#include <stdlib.h>

#include "hotlead/core/due.h"
#include "hotlead/core/join.h"
#include "sim_json.h"

/* Events ahead of which the index, the contact and its blocks are fetched. */
#define AHEAD_INDEX 12
#define AHEAD_CONTACT 8
#define AHEAD_BLOCKS 4

enum hl_status hl_sim_shard_init(struct hl_sim_shard *s, unsigned index, unsigned n_shards, const struct hl_model *m,
                                 const struct hl_model *against, bool transitions, bool alerts)
{
    *s = (struct hl_sim_shard){.index = index, .n_shards = n_shards, .n_sides = against ? 2 : 1};
    s->transitions.wanted = transitions;
    s->alerts.wanted = alerts;
    hl_buf_init(&s->transitions.text);
    hl_buf_init(&s->alerts.text);
    for (unsigned i = 0; i < s->n_sides; i++) {
        s->sides[i] = (struct hl_sim_side){.m = i ? against : m, .t = hl_table_new(1), .n_memos = 1};
        s->sides[i].matches = hl_match_cache_new(s->sides[i].m, HL_MATCH_CACHE_BYTES);
        if (!s->sides[i].t || !s->sides[i].matches) return HL_E_NOMEM;
    }
    return HL_OK;
}

void hl_sim_shard_fini(struct hl_sim_shard *s)
{
    for (unsigned i = 0; i < s->n_sides; i++) {
        if (s->sides[i].t) hl_table_free(s->sides[i].t);
        hl_match_cache_free(s->sides[i].matches);
        free(s->sides[i].memos);
        free(s->sides[i].moments);
    }
    free(s->transitions.items);
    free(s->alerts.items);
    free(s->own);
    hl_buf_fini(&s->transitions.text);
    hl_buf_fini(&s->alerts.text);
}

void hl_sim_lines_clear(struct hl_sim_lines *l)
{
    l->n = 0;
    hl_buf_clear(&l->text);
}

/* ---- the heap of moments ---- */

static bool comes_before(const struct hl_sim_moment *a, const struct hl_sim_moment *b)
{
    return a->at != b->at ? a->at < b->at : hl_slice_compare(hl_contact_id(a->c), hl_contact_id(b->c)) < 0;
}

static bool push(struct hl_sim_side *s, struct hl_sim_moment m)
{
    if (s->n_moments == s->cap_moments) {
        size_t cap = s->cap_moments ? s->cap_moments * 2 : 1024;
        struct hl_sim_moment *grown = realloc(s->moments, cap * sizeof(*grown));
        if (!grown) return false;
        s->moments = grown;
        s->cap_moments = cap;
    }
    size_t at = s->n_moments++;
    for (; at > 0 && comes_before(&m, &s->moments[(at - 1) / 2]); at = (at - 1) / 2) s->moments[at] = s->moments[(at - 1) / 2];
    s->moments[at] = m;
    return true;
}

static struct hl_sim_moment pop(struct hl_sim_side *s)
{
    struct hl_sim_moment first = s->moments[0], last = s->moments[--s->n_moments];
    size_t at = 0;
    for (size_t child; (child = at * 2 + 1) < s->n_moments; at = child) {
        if (child + 1 < s->n_moments && comes_before(&s->moments[child + 1], &s->moments[child])) child++;
        if (!comes_before(&s->moments[child], &last)) break;
        s->moments[at] = s->moments[child];
    }
    s->moments[at] = last;
    return first;
}

/* ---- one contact ---- */

struct hl_contact *hl_sim_contact(struct hl_sim_side *s, uint64_t hash, struct hl_slice id)
{
    bool created;
    struct hl_contact *c = hl_table_put(s->t, 0, hash, id, 0, &created);
    if (!c || !created) return c;
    if (s->n_memos >= s->cap_memos) {
        size_t cap = s->cap_memos ? s->cap_memos * 2 : 1024;
        struct hl_sim_memo *grown = realloc(s->memos, cap * sizeof(*grown));
        if (!grown) return NULL;
        s->memos = grown;
        s->cap_memos = cap;
    }
    s->memos[s->n_memos] = (struct hl_sim_memo){HL_NO_TIME, HL_NO_TIME};
    c->applied = (uint32_t)s->n_memos++; /* that field is the engine's, and the engine is we */
    return c;
}

/* When time will move the contact, as it stands now. */
static bool set_moment(struct hl_sim_side *s, struct hl_contact *c)
{
    int64_t before = c->timer;
    c->timer = hl_due_next(c, s->m);
    if (c->timer == HL_NO_TIME) return true;
    return (before != HL_NO_TIME && before <= c->timer) || push(s, (struct hl_sim_moment){c->timer, c});
}

/* The text of the line is what was put behind line.text. */
static bool add_line(struct hl_sim_lines *l, struct hl_sim_line line)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 1024;
        struct hl_sim_line *grown = realloc(l->items, cap * sizeof(*grown));
        if (!grown) return false;
        l->items = grown;
        l->cap = cap;
    }
    line.len = l->text.len - line.text;
    l->items[l->n++] = line;
    return !l->text.failed;
}

/* Where in the stream the shard is, and what brought it there. */
struct place {
    uint64_t event;
    int64_t stream;
    struct hl_slice trigger, source; /* null: time alone, or the event does not say */
    int64_t moment;          /* where time alone */
};

static bool note_alerts(struct hl_sim_shard *s, struct hl_sim_side *side, const struct hl_contact *c, const struct hl_outcome *out,
                        const struct place *at, bool by_event)
{
    bool ok = true;
    for (unsigned i = 0; ok && i < out->n_alerts; i++) {
        const struct hl_alert *a = &out->alerts[i];
        side->counts.alerts[a->sla - side->m->sla][a->event]++;
        if (!s->alerts.wanted || side != s->sides) continue;
        struct hl_sim_line line = {at->event, by_event, at->moment, c, s->alerts.text.len, 0};
        hl_sim_put_alert(&s->alerts.text, hl_contact_id(c), a);
        ok = add_line(&s->alerts, line);
    }
    return ok;
}

static bool note(struct hl_sim_shard *s, struct hl_sim_side *side, const struct hl_contact *c, const struct hl_outcome *out,
                 const struct place *at, bool by_event)
{
    bool ok = note_alerts(s, side, c, out, at, by_event);
    for (unsigned i = 0; ok && i < out->n_transitions; i++) {
        const struct hl_transition *t = &out->transitions[i];
        struct hl_sim_memo *memo = &side->memos[c->applied];
        side->counts.moves[t->from][t->to]++;
        if (t->to == HL_STAGE_MQL && memo->first_mql_at == HL_NO_TIME) memo->first_mql_at = t->occurred_at;
        if (!s->transitions.wanted || side != s->sides) continue;
        struct hl_sim_transition record = {hl_contact_id(c), at->trigger, t, at->stream, side->m, at->source};
        struct hl_sim_line line = {at->event, by_event, at->moment, c, s->transitions.text.len, 0};
        hl_sim_put_transition(&s->transitions.text, &record);
        ok = add_line(&s->transitions, line);
    }
    return ok;
}

static bool act(struct hl_sim_shard *s, struct hl_sim_side *side, struct hl_contact *c, const struct place *at, bool by_event)
{
    struct hl_outcome out;
    int64_t moment = c->timer;
    c->timer = HL_NO_TIME;
    struct place place = {at->event, at->stream, HL_SLICE_NULL, HL_SLICE_NULL, moment};
    struct hl_slab *slab = hl_table_acquire(side->t, 0, c->hash);
    bool ok = hl_due_act(c, slab, side->m, moment, &out) == HL_OK;
    hl_table_release(side->t, 0, c->hash);
    ok = ok && note(s, side, c, &out, &place, by_event) && set_moment(side, c);
    HL_BUG_ON(c->timer != HL_NO_TIME && c->timer <= moment && !hl_outcome_is_final(&out)); /* time would stand still */
    return ok;
}

/* ---- time ---- */

/* The first event of the batch that brings the moment. */
static size_t brought_by(const struct hl_sim_batch *b, int64_t moment)
{
    size_t lo = 0, hi = b->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (b->stream[mid] < moment)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Fire what is due by `now`. b NULL: behind the last event. */
static bool let_time_act(struct hl_sim_shard *s, struct hl_sim_side *side, const struct hl_sim_batch *b, int64_t now)
{
    bool ok = true;
    while (ok && side->n_moments && side->moments[0].at <= now) {
        struct hl_sim_moment m = pop(side);
        int64_t due = m.c->timer;
        if (due > m.at) ok = push(side, (struct hl_sim_moment){due, m.c}); /* it has moved on */
        if (due != m.at) continue;
        if (hl_due_next(m.c, side->m) != m.at) { /* as it stood once */
            m.c->timer = HL_NO_TIME;
            ok = ok && set_moment(side, m.c);
            continue;
        }
        size_t i = b ? brought_by(b, m.at) : 0;
        struct place place = {b ? b->first + i : UINT64_MAX, b ? b->stream[i] : now, HL_SLICE_NULL, HL_SLICE_NULL, m.at};
        ok = act(s, side, m.c, &place, false);
    }
    return ok;
}

/* ---- events ---- */

static void note_purchase(struct hl_sim_memo *memo, int64_t at)
{
    if (memo->bought_at == HL_NO_TIME || at < memo->bought_at) memo->bought_at = at;
}

/* What became of it is told, and what time does to the contact from now on. */
static bool after(struct hl_sim_shard *s, struct hl_sim_side *side, const struct hl_sim_batch *b, size_t i, const struct hl_event *ev,
                  struct hl_contact *c, const struct hl_outcome *out)
{
    struct place place = {b->first + i, b->stream[i], ev->event_id, ev->source, HL_NO_TIME};
    if (ev->type == s->bought && out->result == HL_RESULT_SCORED && !out->onward) note_purchase(&side->memos[c->applied], ev->occurred_at);
    bool may_be_sooner = out->sinks || c->timer == HL_NO_TIME; /* one that comes too early is asked again when its time comes */
    bool ok = note(s, side, c, out, &place, true) && (out->result != HL_RESULT_SCORED || !may_be_sooner || set_moment(side, c));
    while (ok && c->timer != HL_NO_TIME && c->timer <= place.stream)
        ok = act(s, side, c, &place, true); /* the event came late: the moment has passed already */
    return ok;
}

static bool apply(struct hl_sim_shard *s, struct hl_sim_side *side, const struct hl_sim_batch *b, size_t i)
{
    const struct hl_event *ev = &b->events[i];
    struct hl_outcome out;
    struct hl_slab *slab = hl_table_acquire(side->t, 0, b->hashes[i]);
    struct hl_contact *c = hl_sim_contact(side, b->hashes[i], ev->contact_id);
    bool ok = c && hl_apply(c, slab, side->m, side->matches, ev, HL_APPLY_LIVE, &out) == HL_OK;
    hl_table_release(side->t, 0, b->hashes[i]);
    if (!ok) return false;
    side->counts.results[out.result]++;
    return after(s, side, b, i, ev, c, &out);
}

bool hl_sim_shard_apply(struct hl_sim_shard *s, struct hl_sim_side *side, const struct hl_sim_batch *b, size_t i, const struct hl_event *ev,
                        struct hl_contact *c, const struct hl_contact *joins, struct hl_outcome *out)
{
    struct hl_slab *slab = hl_table_acquire(side->t, 0, c->hash);
    enum hl_status status = joins ? hl_join(c, slab, side->m, joins, ev, HL_APPLY_LIVE, out)
                                  : hl_apply(c, slab, side->m, side->matches, ev, HL_APPLY_LIVE, out);
    hl_table_release(side->t, 0, c->hash);
    return status == HL_OK && after(s, side, b, i, ev, c, out);
}

bool hl_sim_shard_reach(struct hl_sim_shard *s, struct hl_sim_side *side, const struct hl_sim_batch *b, size_t i)
{
    return let_time_act(s, side, b, b->stream[i]);
}

static void take_side(struct hl_sim_shard *s, struct hl_sim_side *side, const struct hl_sim_batch *b, size_t n_own, size_t to)
{
    bool ok = true;
    for (size_t k = 0; ok && k < n_own; k++) {
        if (k + AHEAD_INDEX < n_own) hl_table_prefetch(side->t, 0, b->hashes[s->own[k + AHEAD_INDEX]]);
        if (k + AHEAD_CONTACT < n_own) hl_table_prefetch_contact(side->t, 0, b->hashes[s->own[k + AHEAD_CONTACT]]);
        if (k + AHEAD_BLOCKS < n_own) hl_table_prefetch_blocks(side->t, 0, b->hashes[s->own[k + AHEAD_BLOCKS]]);
        size_t i = s->own[k];
        ok = let_time_act(s, side, b, b->stream[i]);
        if (b->events[i].type == HL_EVENT_UNKNOWN)
            side->counts.unknown++;
        else
            ok = ok && apply(s, side, b, i);
    }
    if (ok && to) ok = let_time_act(s, side, b, b->stream[to - 1]);
    if (!ok) s->status = HL_E_NOMEM;
}

void hl_sim_shard_take(struct hl_sim_shard *s, const struct hl_sim_batch *b, size_t from, size_t to)
{
    if (s->cap_own < b->n) {
        uint32_t *grown = realloc(s->own, b->n * sizeof(*grown));
        if (!grown) {
            s->status = HL_E_NOMEM;
            return;
        }
        s->own = grown;
        s->cap_own = b->n;
    }
    size_t n_own = 0;
    for (size_t i = from; i < to; i++) {
        s->own[n_own] = (uint32_t)i;
        n_own += hl_sim_shard_of(b->hashes[i], s->n_shards) == s->index;
    }
    for (unsigned i = 0; i < s->n_sides && s->status == HL_OK; i++) take_side(s, &s->sides[i], b, n_own, to);
}

void hl_sim_shard_finish(struct hl_sim_shard *s, int64_t until)
{
    for (unsigned i = 0; i < s->n_sides && s->status == HL_OK; i++)
        if (!let_time_act(s, &s->sides[i], NULL, until)) s->status = HL_E_NOMEM;
}
