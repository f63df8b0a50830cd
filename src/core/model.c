/* DESIGN
 * The model is a tree of plain structs that the reader of the file fills; sealing adds what makes it quick: the index that
 * finds the matches of an event (match_index.c), and the rules in the order of their name hashes, for restoring state.
 *
 * THREADS: built by one thread; read-only after hl_model_seal. */
#include "hotlead/core/model.h"

#include <stdlib.h>

#include "contact_private.h"
#include "hotlead/base/hash.h"
#include "hotlead/core/voids.h"
#include "match_index.h"

static const struct {
    struct hl_slice name;
    int rank;
} stages[] = {
#define X(code, name, rank) [HL_STAGE_##code] = {{name, sizeof(name) - 1}, rank},
    HL_STAGES(X)
#undef X
};

const char *hl_stage_name(enum hl_stage stage)
{
    return (unsigned)stage < HL_STAGE_COUNT ? stages[stage].name.data : "?";
}

int hl_stage_rank(enum hl_stage stage)
{
    HL_BUG_ON((unsigned)stage >= HL_STAGE_COUNT);
    return stages[stage].rank;
}

bool hl_stage_find(struct hl_slice name, enum hl_stage *out)
{
    for (unsigned i = 0; i < HL_STAGE_COUNT; i++) {
        if (!hl_slice_eq(stages[i].name, name)) continue;
        *out = (enum hl_stage)i;
        return true;
    }
    return false;
}

static uint64_t scorable_types(void)
{
    uint64_t bits = 0;
    for (unsigned t = 0; t < HL_EVENT_TYPE_COUNT; t++) {
        enum hl_event_class class = hl_event_type_class((enum hl_event_type)t);
        if (class != HL_CLASS_CRM && class != HL_CLASS_CONTROL) bits |= hl_match_bit((enum hl_event_type)t);
    }
    return bits;
}

/* What people do: web, offline, clicks and answers to mail. Not what is sent to them, nor opens, which machines do, too. */
static uint64_t touching_types(void)
{
    uint64_t bits = hl_match_bit(HL_EVENT_EMAIL_CLICKED) | hl_match_bit(HL_EVENT_EMAIL_REPLIED);
    for (unsigned t = 0; t < HL_EVENT_TYPE_COUNT; t++) {
        enum hl_event_class class = hl_event_type_class((enum hl_event_type)t);
        if (class == HL_CLASS_WEB || class == HL_CLASS_OFFLINE) bits |= hl_match_bit((enum hl_event_type)t);
    }
    return bits;
}

struct hl_model *hl_model_new(void)
{
    struct hl_model *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->facts_valid_for_ms = 30 * INT64_C(86400000);
    m->subscribe_on = hl_match_bit(HL_EVENT_FORM_SUBMITTED) | hl_match_bit(HL_EVENT_WEBINAR_REGISTERED) |
                      hl_match_bit(HL_EVENT_DEMO_REQUESTED) | hl_match_bit(HL_EVENT_TRIAL_STARTED) |
                      hl_match_bit(HL_EVENT_LIST_IMPORTED) | hl_match_bit(HL_EVENT_EVENT_ATTENDED);
    m->scorable_types = scorable_types();
    m->touches_on = touching_types();
    return m;
}

static void free_list(char **list, size_t n)
{
    for (size_t i = 0; list && i < n; i++) free(list[i]);
    free(list);
}

static void free_condition(struct hl_condition *c)
{
    free(c->attribute);
    free_list(c->in, c->n_in);
    free_list(c->not_in, c->n_not_in);
    free(c->equals);
    free(c->pattern);
    if (c->matches.free) c->matches.free(c->matches.state);
}

static void free_match(struct hl_event_match *match)
{
    free(match->path);
    free(match->asset);
    free(match->campaign);
    free(match->source);
    free_list(match->forms, match->n_forms);
    for (size_t i = 0; i < match->n_where; i++) free_condition(&match->where[i]);
    free(match->where);
}

static void free_fit(struct hl_fit_rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(rules[i].name);
        free_condition(&rules[i].when);
    }
    free(rules);
}

static void free_latches(struct hl_latch_rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(rules[i].name);
        free_match(&rules[i].match);
    }
    free(rules);
}

static void free_rules(struct hl_model *m)
{
    for (size_t i = 0; i < m->n_rules; i++) {
        free(m->rules[i].name);
        free_match(&m->rules[i].match);
    }
    for (size_t i = 0; i < m->n_extra; i++) {
        free(m->extra[i].name);
        free_match(&m->extra[i].match);
    }
    for (size_t i = 0; i < m->n_groups; i++) free(m->groups[i].name);
    free(m->rules);
    free(m->extra);
    free(m->groups);
}

static void free_handoff(struct hl_model *m)
{
    for (size_t i = 0; i < m->n_sla; i++) free(m->sla[i].name);
    for (size_t i = 0; i < m->n_routing; i++) {
        struct hl_route *r = &m->routing[i];
        for (size_t k = 0; k < r->n_when; k++) free_condition(&r->when[k]);
        free(r->when);
        free_list(r->to, r->n_to);
        free(r->weights);
        free(r->name);
    }
    free(m->sla);
    free(m->routing);
}

void hl_model_free(struct hl_model *m)
{
    if (!m) return;
    free_fit(m->must_have, m->n_must_have);
    free_fit(m->disqualify, m->n_disqualify);
    free_fit(m->suspect, m->n_suspect);
    free_fit(m->fit, m->n_fit);
    free_latches(m->hand_raise, m->n_hand_raise);
    free_latches(m->qualify, m->n_qualify);
    free_rules(m);
    free_handoff(m);
    free(m->grades);
    hl_match_index_free(m->index);
    free(m->rules_by_hash);
    free(m->name);
    free(m->version);
    free(m);
}

static void default_types(struct hl_event_match *match, const struct hl_model *m)
{
    if (match->types == 0) match->types = m->scorable_types;
}

/* False when two latch rules of the list share a name hash. */
static bool seal_latches(struct hl_latch_rule *rules, size_t n, const struct hl_model *m)
{
    for (size_t i = 0; i < n; i++) {
        default_types(&rules[i].match, m);
        rules[i].name_hash = hl_name_hash(hl_slice_of(rules[i].name));
        for (size_t j = 0; j < i; j++)
            if (rules[j].name_hash == rules[i].name_hash) return false;
    }
    return true;
}

static bool seal_sla(struct hl_sla *sla, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sla[i].name_hash = hl_name_hash(hl_slice_of(sla[i].name));
        for (size_t j = 0; j < i; j++)
            if (sla[j].name_hash == sla[i].name_hash) return false;
    }
    return n <= HL_MAX_SLA;
}

/* First place in rules_by_hash, of `n`, whose hash is not below. */
static size_t lower_bound(const struct hl_model *m, size_t n, uint32_t name_hash)
{
    size_t lo = 0;
    while (lo < n) {
        size_t mid = lo + (n - lo) / 2;
        if (m->rules_by_hash[mid].hash < name_hash)
            lo = mid + 1;
        else
            n = mid;
    }
    return lo;
}

static enum hl_status seal_hashes(struct hl_model *m)
{
    m->rules_by_hash = malloc((m->n_rules + 1) * sizeof *m->rules_by_hash);
    if (!m->rules_by_hash) return HL_E_NOMEM;
    for (size_t i = 0; i < m->n_rules; i++) {
        uint32_t hash = hl_name_hash(hl_slice_of(m->rules[i].name));
        m->rules[i].name_hash = hash;
        size_t at = lower_bound(m, i, hash);
        if (at < i && m->rules_by_hash[at].hash == hash) return HL_E_INVALID;
        memmove(m->rules_by_hash + at + 1, m->rules_by_hash + at, (i - at) * sizeof *m->rules_by_hash);
        m->rules_by_hash[at] = (struct hl_rule_by_hash){hash, (uint16_t)i};
    }
    return HL_OK;
}

enum hl_status hl_model_seal(struct hl_model *m)
{
    HL_BUG_ON(m->rules_by_hash != NULL);
    if (m->n_rules >= HL_NO_RULE || m->n_groups > HL_MAX_GROUPS || m->n_hand_raise > HL_MAX_LATCH_RULES ||
        m->n_qualify > HL_MAX_LATCH_RULES)
        return HL_E_INVALID;
    for (size_t i = 0; i < m->n_rules; i++) default_types(&m->rules[i].match, m);
    for (size_t i = 0; i < m->n_extra; i++) default_types(&m->extra[i].match, m);
    if (!seal_latches(m->hand_raise, m->n_hand_raise, m) || !seal_latches(m->qualify, m->n_qualify, m) ||
        !seal_sla(m->sla, m->n_sla))
        return HL_E_INVALID;
    enum hl_status status = seal_hashes(m);
    if (status != HL_OK) return status;
    m->voids_fingerprint = hl_voids_fingerprint(m);
    hl_contact_fit_bare(m);
    m->index = hl_match_index_new(m);
    return m->index ? HL_OK : HL_E_NOMEM;
}

uint16_t hl_model_find_rule(const struct hl_model *m, uint32_t name_hash)
{
    size_t at = lower_bound(m, m->n_rules, name_hash);
    return at < m->n_rules && m->rules_by_hash[at].hash == name_hash ? m->rules_by_hash[at].rule : HL_NO_RULE;
}
