/* DESIGN
 * Steps 0 to 3 of semantics: what an event does to a contact before the life cycle is looked at (lifecycle.c). The score is
 * worked out only where an arm that is off, or a threshold of the contact's stage, asks for it; an event that only adds to a
 * row that exists allocates nothing.
 *
 * THREADS: pure; the contact is guarded by its stripe. */
#include "hotlead/core/apply.h"

#include "contact_private.h"
#include "handoff.h"
#include "hotlead/base/hash.h"
#include "hotlead/core/join.h"
#include "hotlead/core/touches.h"
#include "ledger.h"
#include "lifecycle.h"
#include "match_cache_private.h"

/* Facts that each type sets. */
static const uint8_t facts_of[HL_EVENT_TYPE_COUNT] = {
    [HL_EVENT_LEAD_ACCEPTED] = 1 << HL_FACT_ACCEPTED,
    [HL_EVENT_SALES_CONTACT_MADE] = 1 << HL_FACT_CONTACTED,
    [HL_EVENT_QUOTE_REQUESTED] = 1 << HL_FACT_OPPORTUNITY,
    [HL_EVENT_OPPORTUNITY_OPENED] = 1 << HL_FACT_OPPORTUNITY,
    [HL_EVENT_OPPORTUNITY_WON] = 1 << HL_FACT_WON | 1 << HL_FACT_OPPORTUNITY,
    [HL_EVENT_ADVOCACY_GIVEN] = 1 << HL_FACT_ADVOCACY,
};

const char *hl_result_name(enum hl_result r)
{
    static const char *const names[HL_RESULT_COUNT] = {"scored", "ignored", "duplicate"};
    return (unsigned)r < HL_RESULT_COUNT ? names[r] : "?";
}

/* ---- step 1 ---- */

enum hl_status hl_contact_remember(struct hl_contact *c, struct hl_slab *slab, uint64_t hash, bool *known)
{
    if (hash == 0) hash = 1; /* 0 is no hash in a stored state */
    *known = hl_event_ids_has(c, hash);
    return *known ? HL_OK : hl_event_ids_add(c, slab, hash);
}

/* The result is that of a duplicate when the id is among the last ones; else it is one of them now. */
static enum hl_status remember(struct hl_contact *c, struct hl_slab *slab, struct hl_slice event_id, struct hl_outcome *out)
{
    bool known;
    enum hl_status status = hl_contact_remember(c, slab, hl_hash64(event_id), &known);
    if (status == HL_OK && known) out->result = HL_RESULT_DUPLICATE;
    return status;
}

/* ---- step 2 ---- */

void hl_contact_advance_clock(struct hl_contact *c, int64_t t)
{
    if (c->clock == 0 && c->stage_since == 0) c->stage_since = t; /* its first event */
    if (t > c->clock) c->clock = t;
}

/* ---- step 3 ---- */

static enum hl_status apply_attributes(struct hl_step *s)
{
    const struct hl_event *ev = s->ev;
    bool changed = false;
    if (!hl_event_type_sets_attributes(ev->type) || ev->n_attributes == 0) return HL_OK;
    for (size_t i = 0; i < ev->n_attributes; i++) {
        if (hl_slice_is_null(ev->attributes[i].value) || hl_is_own_key(ev->attributes[i].key)) continue;
        enum hl_status status = hl_contact_set_attribute(s->c, s->slab, ev->attributes[i].key, ev->attributes[i].value,
                                                         ev->occurred_at, &changed);
        if (status == HL_E_NOMEM) return status; /* one too many is dropped */
    }
    if (changed) hl_contact_refit(s->c, s->m); /* most profiles say what is known */
    s->out->sinks |= changed || (s->c->flags & HL_C_HELD_FIT);
    s->c->flags &= (uint16_t)~HL_C_HELD_FIT;
    return HL_OK;
}

/* One more match in `window`: true when it counts. */
static bool window_takes(struct hl_window *w, int64_t window, uint32_t max_times)
{
    uint32_t *count = hl_window_slot(w, window);
    return count && *count < max_times && ++*count;
}

/* *pos: of an entry of this rule or a lower one. */
static enum hl_status score_rule(struct hl_step *s, uint16_t index, size_t *pos)
{
    const struct hl_score_rule *rule = &s->m->rules[index];
    struct hl_entry e;
    hl_ledger_seek(s->c, pos, index, &e);
    if (rule->max_times > 0 && !window_takes(&e.window, s->ev->occurred_at / rule->window_ms, rule->max_times)) return HL_OK;
    uint32_t epoch = e.row.epoch;
    hl_row_add(&e.row, rule, s->ev->occurred_at);
    if (s->deed) hl_deed_add_rule(s->deed, index);
    if (rule->points < 0 || (e.has_row && e.row.epoch != epoch)) s->out->sinks = true; /* a row that moves on forgets a trace of what it had */
    e.has_row = true;
    if (e.row.count < UINT32_MAX) e.row.count++;
    return hl_ledger_put(s->c, s->slab, pos, &e);
}

/* The event lies before a rejection that wiped the slate. */
static bool is_wiped(const struct hl_step *s)
{
    return s->m->reset_behavior && s->c->ext && s->ev->occurred_at <= s->c->ext->rejected_at;
}

static enum hl_status apply_ledger(struct hl_step *s)
{
    if (is_wiped(s)) return HL_OK;
    size_t n = s->m->n_rules, pos = 0;
    enum hl_status status = HL_OK;
    for (size_t i = hl_step_next_match(s, 0, n); i < n && status == HL_OK; i = hl_step_next_match(s, i + 1, n))
        status = score_rule(s, (uint16_t)i, &pos);
    return status;
}

static enum hl_status adjust_score(struct hl_step *s)
{
    hl_fixed points;
    if (s->ev->type != HL_EVENT_SCORE_ADJUSTED || is_wiped(s)) return HL_OK;
    if (!hl_fixed_parse(hl_slice_trim(hl_event_attribute(s->ev, HL_SLICE_LIT("points"))), &points)) return HL_OK;
    struct hl_contact_ext *ext = hl_contact_ext(s->c, s->slab, s->m);
    if (!ext) return HL_E_NOMEM;
    ext->manual = hl_fixed_add(ext->manual, points);
    if (s->deed) s->deed->manual = points;
    s->out->sinks = true;
    return HL_OK;
}

/* A latch of the hand-raise rules, of the qualify rules behind them, or a fact is the event's. */
static void note_newest(struct hl_step *s, bool is_fact, unsigned index)
{
    bool qualifies = !is_fact && index >= s->m->n_hand_raise;
    if (is_fact) s->deed->facts |= (uint8_t)(1u << index);
    else s->deed->latches |= UINT64_C(1) << (qualifies ? index - s->m->n_hand_raise + HL_MAX_LATCH_RULES : index);
}

/* Keep the newer time, and none from before a rejection. */
static enum hl_status keep_newest(struct hl_step *s, bool is_fact, unsigned index)
{
    struct hl_contact_ext *ext = hl_contact_ext(s->c, s->slab, s->m);
    if (!ext) return HL_E_NOMEM;
    int64_t *at = is_fact ? &ext->facts[index] : &ext->latches[index], t = s->ev->occurred_at;
    if (t <= *at || t <= ext->rejected_at) return HL_OK;
    *at = t;
    if (s->deed) note_newest(s, is_fact, index);
    return HL_OK;
}

/* Hand-raise and qualify rules: their places follow each other, as their latches do. */
static enum hl_status apply_latches(struct hl_step *s)
{
    size_t first = hl_place_of_hand_raise(s->m), end = hl_place_of_extra(s->m);
    enum hl_status status = HL_OK;
    for (size_t i = hl_step_next_match(s, first, end); i < end && status == HL_OK; i = hl_step_next_match(s, i + 1, end))
        status = keep_newest(s, false, (unsigned)(i - first));
    return status;
}

static enum hl_status apply_facts(struct hl_step *s)
{
    unsigned facts = facts_of[s->ev->type];
    bool sold = s->c->stage == HL_STAGE_CUSTOMER || s->c->stage == HL_STAGE_EVANGELIST;
    if (s->ev->type == HL_EVENT_OPPORTUNITY_WON && sold) facts |= 1 << HL_FACT_ADVOCACY;
    for (unsigned f = 0; f < HL_FACT_COUNT; f++) {
        if (!(facts >> f & 1)) continue;
        enum hl_status status = keep_newest(s, true, f);
        if (status != HL_OK) return status;
    }
    return HL_OK;
}

static enum hl_status apply_all(struct hl_step *s)
{
    const struct hl_model *m = s->m;
    enum hl_status status = apply_attributes(s);
    if (m->subscribe_on & hl_match_bit(s->ev->type)) {
        if (s->deed) s->deed->subscribed = !(s->c->flags & HL_C_SUBSCRIBED);
        s->c->flags |= HL_C_SUBSCRIBED;
    }
    if (status == HL_OK) status = apply_ledger(s);
    if (status == HL_OK) status = adjust_score(s);
    if (status == HL_OK) status = apply_latches(s);
    if (status == HL_OK) status = apply_facts(s);
    if (status == HL_OK) status = hl_handoff_assign(s);
    if (status == HL_OK && m->touches_keep && (m->touches_on & hl_match_bit(s->ev->type))) status = hl_touches_add(s->c, s->slab, m, s->ev);
    return status;
}

/* ---- all steps ---- */

/* Events that are not about behaviour have their own ways; HL_WAY_NONE: the id is remembered, nothing else. */
enum way { HL_WAY_SCORE, HL_WAY_SET_STAGE, HL_WAY_ATTRIBUTES, HL_WAY_ERASE, HL_WAY_VOID, HL_WAY_MERGE, HL_WAY_NONE };

static enum way way_of(const struct hl_contact *c, const struct hl_event *ev, enum hl_stage *to)
{
    if (ev->machine) return HL_WAY_NONE;
    switch (ev->type) {
    case HL_EVENT_STAGE_SET:
        if (!hl_stage_find(hl_event_attribute(ev, HL_SLICE_LIT("stage")), to) || *to == c->stage) return HL_WAY_NONE;
        return HL_WAY_SET_STAGE;
    case HL_EVENT_CONTACT_ERASED: return HL_WAY_ERASE;
    case HL_EVENT_EVENT_VOIDED: return c->stage == HL_STAGE_DISQUALIFIED ? HL_WAY_ATTRIBUTES : HL_WAY_VOID;
    case HL_EVENT_CONTACT_MERGED: return HL_WAY_MERGE;
    default:
        return c->stage == HL_STAGE_DISQUALIFIED ? HL_WAY_ATTRIBUTES : HL_WAY_SCORE;
    }
}

/* It occurred before the contact was erased, or, of a machine, cannot start a new one. */
static bool is_buried(const struct hl_contact *c, const struct hl_event *ev)
{
    return hl_contact_is_buried(c, ev->occurred_at) || (c->ext && c->ext->erased_at != HL_NO_TIME && ev->machine && (c->flags & HL_C_ERASED));
}

static enum hl_status erase(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, int64_t at, struct hl_outcome *out)
{
    enum hl_status status = hl_contact_erase(c, slab, m, at);
    if (status != HL_OK) return status;
    hl_contact_refit(c, m);
    out->result = HL_RESULT_SCORED;
    out->changed = out->erased = true;
    return HL_OK;
}

/* ---- voiding ---- */

/* One match of the rule at time t that was added: the same integers, subtracted. A row without matches goes. */
static enum hl_status take_back_rule(struct hl_step *s, uint16_t index, int64_t t)
{
    const struct hl_score_rule *rule = &s->m->rules[index];
    struct hl_score_rule inverse = {.points = -rule->points, .half_life = rule->half_life};
    struct hl_entry e;
    size_t pos = 0;
    hl_ledger_seek(s->c, &pos, index, &e);
    for (unsigned k = 0; k < 2 && rule->max_times; k++)
        if (e.window.window[k] == t / rule->window_ms && e.window.count[k]) e.window.count[k]--;
    if (e.row.count) {
        hl_row_add(&e.row, &inverse, t);
        e.has_row = --e.row.count > 0;
    }
    return hl_ledger_put(s->c, s->slab, &pos, &e);
}

/* Latches and facts that it set and that nothing newer has set since. */
static void take_back_newest(struct hl_contact_ext *ext, const struct hl_deed *d)
{
    for (unsigned f = 0; f < HL_FACT_COUNT; f++)
        if ((d->facts >> f & 1) && ext->facts[f] == d->at) ext->facts[f] = HL_NO_TIME;
    for (unsigned i = 0; i < (unsigned)ext->n_hand_raise + ext->n_qualify; i++) {
        unsigned bit = i < ext->n_hand_raise ? i : i - ext->n_hand_raise + HL_MAX_LATCH_RULES;
        if ((d->latches >> bit & 1) && ext->latches[i] == d->at) ext->latches[i] = HL_NO_TIME;
    }
}

static enum hl_status take_back(struct hl_step *s, const struct hl_deed *d)
{
    struct hl_contact *c = s->c;
    for (unsigned i = 0; i < d->n_rules; i++) {
        enum hl_status status = take_back_rule(s, d->rules[i], d->at);
        if (status != HL_OK) return status;
    }
    if (d->subscribed) c->flags &= (uint16_t)~HL_C_SUBSCRIBED;
    if (!c->ext && !d->manual) return HL_OK;
    struct hl_contact_ext *ext = hl_contact_ext(c, s->slab, s->m); /* where manual points came to nothing, a stored state has none */
    if (!ext) return HL_E_NOMEM;
    ext->manual = hl_fixed_add(ext->manual, -d->manual);
    take_back_newest(ext, d);
    return HL_OK;
}

static enum hl_status take_void(struct hl_step *s, enum hl_apply_mode mode)
{
    struct hl_deed undone;
    struct hl_slice event_id = hl_event_attribute(s->ev, HL_SLICE_LIT("event_id"));
    s->out->unknown_void = !hl_voids_take(s->c, s->slab, s->m, event_id, &undone);
    if (s->out->unknown_void) return HL_OK;
    hl_contact_advance_clock(s->c, s->ev->occurred_at);
    s->out->result = HL_RESULT_SCORED;
    s->out->sinks = s->voids = true;
    hl_lifecycle_look_at_arms(s);
    s->score_before = hl_lifecycle_score(s);
    enum hl_status status = take_back(s, &undone);
    if (status != HL_OK) return status;
    s->score_known = false;
    hl_lifecycle_look_at_arms(s);
    return mode == HL_APPLY_REPLAY ? HL_OK : hl_lifecycle_retract(s, &undone);
}

/* How the event moved the contact: attributes are not taken back, so nor are moves that they alone made. */
static enum hl_status keep_deed(struct hl_step *s)
{
    const struct hl_outcome *o = s->out;
    unsigned i = 0;
    while (i < o->n_transitions && o->transitions[i].cause == HL_CAUSE_FIT) i++;
    if (i < o->n_transitions) {
        s->deed->stage = (uint8_t)o->transitions[i].from;
        s->deed->seq = s->c->seq;
    }
    return hl_voids_add(s->c, s->slab, s->m, s->deed);
}

/* ---- more than one contact ---- */

/* They are one already. */
static bool is_same(const struct hl_contact *c, struct hl_slice id)
{
    return hl_slice_eq(id, hl_contact_id(c)) || hl_merged_has(c, id);
}

/* What comes to a pointer is for another; its own erasure is for both. */
static enum hl_status pass_on(struct hl_contact *c, struct hl_slab *slab, const struct hl_event *ev, struct hl_outcome *out)
{
    struct hl_slice into = hl_merged_into(c);
    enum hl_status status = remember(c, slab, ev->event_id, out);
    if (status != HL_OK || out->result == HL_RESULT_DUPLICATE) return status;
    out->changed = true;
    if (ev->machine) return HL_OK;
    if (ev->type == HL_EVENT_CONTACT_MERGED && hl_slice_eq(hl_event_attribute(ev, HL_SLICE_LIT("into")), into)) return HL_OK; /* it did */
    out->result = HL_RESULT_SCORED;
    out->onward = HL_ONWARD_EVENT;
    out->onward_to = into;
    return HL_OK;
}

static enum hl_status merge(struct hl_contact *c, const struct hl_event *ev, struct hl_outcome *out)
{
    struct hl_slice into = hl_event_attribute(ev, HL_SLICE_LIT("into"));
    if (is_same(c, into)) return HL_OK;
    hl_contact_advance_clock(c, ev->occurred_at);
    out->result = HL_RESULT_SCORED;
    out->onward = HL_ONWARD_STATE;
    out->onward_to = into;
    return HL_OK;
}

/* A contact that turned out to be somebody who was known by another id until now. */
static void claim(const struct hl_contact *c, const struct hl_event *ev, struct hl_outcome *out)
{
    struct hl_slice id = hl_event_attribute(ev, HL_SLICE_LIT("anonymous_id"));
    if (id.len == 0 || id.len > HL_EVENT_MAX_OBJECT || id.data[0] == '\0' || is_same(c, id)) return;
    out->onward = HL_ONWARD_CLAIM;
    out->onward_to = id;
}

/* Steps 2 to 4. */
static enum hl_status take(struct hl_step *s, enum way way, enum hl_stage to, enum hl_apply_mode mode)
{
    hl_lifecycle_look_at_arms(s);
    enum hl_status status = apply_all(s);
    if (status != HL_OK) return status;
    s->score_known = false;
    hl_lifecycle_look_at_arms(s);
    if (mode == HL_APPLY_LIVE) status = way == HL_WAY_SET_STAGE ? hl_lifecycle_set_stage(s, to) : hl_lifecycle_evaluate(s);
    return status == HL_OK && s->deed ? keep_deed(s) : status;
}

enum hl_status hl_apply(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_match_cache *cache,
                        const struct hl_event *ev, enum hl_apply_mode mode, struct hl_outcome *out)
{
    hl_outcome_clear(out);
    if ((unsigned)ev->type >= HL_EVENT_TYPE_COUNT) return HL_OK;
    if (ev->occurred_at < 0) return HL_E_CLOCK;
    if (c->grade == 0) hl_contact_refit(c, m); /* never seen a model: an empty must_have holds */
    if (is_buried(c, ev)) return HL_OK;
    enum hl_stage to = HL_STAGE_ANONYMOUS;
    enum way way = way_of(c, ev, &to);
    if (way == HL_WAY_ERASE) return erase(c, slab, m, ev->occurred_at, out);
    if (c->flags & HL_C_MERGED) return pass_on(c, slab, ev, out);
    c->flags &= (uint16_t)~HL_C_ERASED;
    enum hl_status status = remember(c, slab, ev->event_id, out);
    if (status != HL_OK || out->result == HL_RESULT_DUPLICATE) return status;
    out->changed = true;
    if (way == HL_WAY_NONE) return HL_OK;
    if (way == HL_WAY_MERGE) return mode == HL_APPLY_LIVE ? merge(c, ev, out) : HL_OK; /* one that went is not replayed: a pointer was stored */
    if (ev->type == HL_EVENT_CONTACT_IDENTIFIED) claim(c, ev, out);
    struct hl_step s = {.c = c, .slab = slab, .m = m, .ev = ev, .out = out, .path = hl_url_path(ev->url)};
    if (way == HL_WAY_VOID) return take_void(&s, mode);
    struct hl_deed deed;
    if (m->voids_keep) {
        hl_deed_begin(&deed, c, ev->event_id, ev->occurred_at);
        s.deed = &deed;
    }
    hl_contact_advance_clock(c, ev->occurred_at);
    if (way == HL_WAY_ATTRIBUTES) return apply_attributes(&s);
    if (cache) s.hits = hl_match_cache_find(cache, m, ev, s.path);
    out->result = HL_RESULT_SCORED;
    return take(&s, way, to, mode);
}
