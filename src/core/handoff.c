/* DESIGN
 * The hand-off, as decision 0008 has it. An owner is drawn from the contact's id, so that no counter has to be agreed on; a deadline
 * is a clock in the contact's ext, which ends once, by an answer, by leaving, or by time:
 *
 *     moved():  clocks of the stage that is left end -> clocks of the stage that is entered start -> sla_due
 *
 * THREADS: pure; the contact is guarded by its stripe. */
#include "handoff.h"

#include "contact_private.h"

#define MAX_OWNER_BYTES 255

const char *hl_alert_name(enum hl_alert_event e)
{
    static const char *const names[] = {
#define X(code, name) [HL_ALERT_##code] = name,
        HL_ALERTS(X)
#undef X
    };
    return (unsigned)e < HL_ARRAY_LEN(names) ? names[e] : "?";
}

/* ---- the owner ---- */

struct hl_slice hl_contact_owner(const struct hl_contact *c)
{
    return c->ext && c->ext->owner ? (struct hl_slice){c->ext->owner, c->ext->owner_len} : HL_SLICE_NULL;
}

enum hl_status hl_handoff_set_owner(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_slice name,
                                    int64_t at)
{
    struct hl_contact_ext *ext = hl_contact_ext(c, slab, m);
    name = hl_contact_cut(name, MAX_OWNER_BYTES);
    char *copy = ext && name.len ? hl_slab_alloc(slab, name.len) : NULL;
    if (!ext || (name.len && !copy)) return HL_E_NOMEM;
    if (copy) memcpy(copy, name.data, name.len);
    hl_slab_free(slab, ext->owner, ext->owner_len);
    ext->owner = copy;
    ext->owner_len = (uint8_t)name.len;
    ext->owner_at = at;
    return HL_OK;
}

enum hl_status hl_handoff_assign(struct hl_step *s)
{
    if (s->ev->type != HL_EVENT_OWNER_ASSIGNED) return HL_OK;
    struct hl_slice name = HL_SLICE_NULL;
    for (size_t i = 0; i < s->ev->n_attributes; i++)
        if (hl_slice_eq_cstr(s->ev->attributes[i].key, "owner")) name = s->ev->attributes[i].value;
    if (hl_slice_is_null(name)) return HL_OK;
    if (s->c->ext && s->ev->occurred_at < s->c->ext->owner_at) return HL_OK;
    return hl_handoff_set_owner(s->c, s->slab, s->m, name, s->ev->occurred_at);
}

/* FNV-1a 64 (Fowler/Noll/Vo, draft-eastlake-fnv), finished as MurmurHash3 does (Appleby), whose low and high bits all depend on
 * every byte. Owners in the world depend on it: it never changes. */
static uint32_t draw_of(struct hl_slice id)
{
    uint64_t x = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < id.len; i++) x = (x ^ (uint8_t)id.data[i]) * UINT64_C(1099511628211);
    x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (uint32_t)((x ^ x >> 33) >> 32);
}

static const char *dealt(const struct hl_route *route, struct hl_slice id)
{
    uint64_t sum = 0, place, at = 0;
    for (size_t i = 0; i < route->n_to; i++) sum += route->weights ? route->weights[i] : 1;
    place = draw_of(id) * sum >> 32; /* sum is at most HL_MAX_OWNERS * HL_MAX_WEIGHT < 2^32 */
    for (size_t i = 0; i < route->n_to; i++) {
        at += route->weights ? route->weights[i] : 1;
        if (place < at) return route->to[i];
    }
    return NULL; /* nobody to deal to */
}

static bool takes(const struct hl_route *route, const struct hl_contact *c)
{
    for (size_t i = 0; i < route->n_when; i++)
        if (!hl_contact_holds(c, &route->when[i])) return false;
    return true;
}

enum hl_status hl_handoff_route(struct hl_step *s)
{
    if (s->c->ext && s->c->ext->owner) return HL_OK;
    for (size_t i = 0; i < s->m->n_routing; i++) {
        const struct hl_route *route = &s->m->routing[i];
        if (!takes(route, s->c)) continue;
        return hl_handoff_set_owner(s->c, s->slab, s->m, hl_slice_of(dealt(route, hl_contact_id(s->c))), s->c->clock);
    }
    return HL_OK;
}

/* ---- deadlines ---- */

int64_t hl_contact_sla_due(const struct hl_contact *c)
{
    int64_t due = HL_NO_TIME;
    for (unsigned i = 0; c->ext && i < c->ext->n_clocks; i++)
        if (due == HL_NO_TIME || c->ext->clocks[i].due < due) due = c->ext->clocks[i].due;
    return due;
}

bool hl_sla_applies(const struct hl_sla *sla, enum hl_stage stage, enum hl_kind kind)
{
    return sla->stage == stage && (sla->kind == HL_KIND_NONE || sla->kind == kind);
}

struct hl_sla_clock *hl_handoff_clock(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, uint16_t sla)
{
    struct hl_contact_ext *ext = hl_contact_ext(c, slab, m);
    if (!ext) return NULL;
    if (!ext->clocks) {
        ext->clocks = hl_slab_alloc(slab, m->n_sla * sizeof *ext->clocks);
        if (!ext->clocks) return NULL;
        ext->cap_clocks = (uint8_t)m->n_sla;
    }
    HL_BUG_ON(ext->n_clocks == ext->cap_clocks);
    unsigned at = ext->n_clocks++;
    for (; at > 0 && ext->clocks[at - 1].sla > sla; at--) ext->clocks[at] = ext->clocks[at - 1];
    ext->clocks[at] = (struct hl_sla_clock){.sla = sla};
    return &ext->clocks[at];
}

static void alert(struct hl_step *s, const struct hl_sla_clock *clock, enum hl_alert_event event, int64_t at, hl_fixed score)
{
    HL_BUG_ON(s->out->n_alerts == HL_MAX_ALERTS);
    s->out->alerts[s->out->n_alerts++] = (struct hl_alert){
        .event = event,
        .sla = &s->m->sla[clock->sla],
        .seq = clock->seq,
        .due_at = clock->due,
        .at = at,
        .owner = hl_contact_owner(s->c),
        .score = score,
    };
}

/* The clock ends by an answer. */
static void end_answered(struct hl_step *s, const struct hl_sla_clock *clock, int64_t answered)
{
    if (answered < clock->since) answered = clock->since;
    bool met = answered < clock->due;
    alert(s, clock, met ? HL_ALERT_MET : HL_ALERT_BREACHED, met ? answered : clock->due, hl_lifecycle_score(s));
}

/* The clock ends, and nobody answered. */
static void end_unanswered(struct hl_step *s, const struct hl_sla_clock *clock)
{
    if (s->c->clock >= clock->due) alert(s, clock, HL_ALERT_BREACHED, clock->due, hl_lifecycle_score(s));
}

/* Take away the clocks of the stage that was left, or of the kind that it is no more. */
static void end_clocks(struct hl_step *s, const struct hl_transition *t)
{
    struct hl_contact_ext *ext = s->c->ext;
    bool left = t->from != t->to, answered = t->direction == HL_DIRECTION_ADVANCE || t->cause == HL_CAUSE_SALES ||
                                             t->cause == HL_CAUSE_MANUAL;
    unsigned kept = 0;
    for (unsigned i = 0; ext && i < ext->n_clocks; i++) {
        const struct hl_sla_clock *clock = &ext->clocks[i];
        if (!left && hl_sla_applies(&s->m->sla[clock->sla], t->to, t->kind))
            ext->clocks[kept++] = *clock;
        else if (left && answered)
            end_answered(s, clock, s->ev ? s->ev->occurred_at : s->c->clock);
        else
            end_unanswered(s, clock);
    }
    if (ext) ext->n_clocks = (uint8_t)kept;
}

static enum hl_status start_clocks(struct hl_step *s, const struct hl_transition *t, enum hl_kind from_kind)
{
    for (size_t i = 0; i < s->m->n_sla; i++) {
        const struct hl_sla *sla = &s->m->sla[i];
        if (!hl_sla_applies(sla, t->to, t->kind) || hl_sla_applies(sla, t->from, from_kind)) continue;
        struct hl_sla_clock *clock = hl_handoff_clock(s->c, s->slab, s->m, (uint16_t)i);
        if (!clock) return HL_E_NOMEM;
        clock->since = t->occurred_at;
        clock->due = hl_time_add(t->occurred_at, sla->within_ms);
        clock->seq = t->seq;
        alert(s, clock, HL_ALERT_DUE, clock->since, hl_lifecycle_score(s));
    }
    return HL_OK;
}

enum hl_status hl_handoff_moved(struct hl_step *s, struct hl_transition *t, enum hl_kind from_kind)
{
    end_clocks(s, t);
    enum hl_status status = start_clocks(s, t, from_kind);
    t->owner = hl_contact_owner(s->c);
    t->sla_due = hl_contact_sla_due(s->c);
    return status;
}

void hl_handoff_answered(struct hl_step *s, int64_t answered)
{
    struct hl_contact_ext *ext = s->c->ext;
    for (unsigned i = 0; i < ext->n_clocks; i++) end_answered(s, &ext->clocks[i], answered);
    ext->n_clocks = 0;
}

void hl_handoff_breach(struct hl_step *s, int64_t moment)
{
    struct hl_contact_ext *ext = s->c->ext;
    unsigned kept = 0;
    for (unsigned i = 0; ext && i < ext->n_clocks; i++) {
        const struct hl_sla_clock *clock = &ext->clocks[i];
        int64_t seen = clock->due > s->c->clock ? clock->due : s->c->clock; /* where stream time was behind: not back in time */
        if (clock->due > moment)
            ext->clocks[kept++] = *clock;
        else
            alert(s, clock, HL_ALERT_BREACHED, clock->due, hl_score_at(s->c, s->m, seen).total);
    }
    if (ext) ext->n_clocks = (uint8_t)kept;
}
