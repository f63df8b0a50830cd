#include "report.h"

#include <stdlib.h>

#include "hotlead/base/hash.h"
#include "hotlead/core/contact.h"

struct hl_report_contact {
    uint64_t hash; /* 0: free */
    int64_t last_at;
    uint32_t seq;
    uint16_t version, source; /* of the stay that is open; of the contact: 1 + place, 0: none known */
    uint8_t stage;
};

void hl_report_init(struct hl_report *r, int64_t since, int64_t until)
{
    *r = (struct hl_report){.since = since, .until = until, .first = HL_NO_TIME, .last = HL_NO_TIME};
}

static void cohorts_fini(struct hl_cohorts *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i]->name);
        free(c->items[i]);
    }
}

void hl_report_fini(struct hl_report *r)
{
    cohorts_fini(&r->versions);
    cohorts_fini(&r->sources);
    free(r->contacts);
}

/* --- contacts --- */

static struct hl_report_contact *place(struct hl_report_contact *contacts, size_t cap, uint64_t hash)
{
    size_t i = (size_t)hash & (cap - 1);
    while (contacts[i].hash && contacts[i].hash != hash) i = (i + 1) & (cap - 1);
    return &contacts[i];
}

static bool reserve(struct hl_report *r)
{
    if ((r->n_contacts + 1) * 4 <= r->cap * 3) return true;
    size_t cap = r->cap ? r->cap * 2 : 1024;
    struct hl_report_contact *grown = calloc(cap, sizeof(*grown));
    if (!grown) return false;
    for (size_t i = 0; i < r->cap; i++)
        if (r->contacts[i].hash) *place(grown, cap, r->contacts[i].hash) = r->contacts[i];
    free(r->contacts);
    r->contacts = grown;
    r->cap = cap;
    return true;
}

/* Two ids with one 64-bit hash would count as one contact: among a hundred million that is unlikely. */
static struct hl_report_contact *contact(struct hl_report *r, struct hl_slice id)
{
    uint64_t hash = hl_hash64(id);
    if (!reserve(r)) return NULL;
    struct hl_report_contact *c = place(r->contacts, r->cap, hash ? hash : 1);
    if (c->hash) return c;
    *c = (struct hl_report_contact){.hash = hash ? hash : 1, .last_at = INT64_MIN};
    r->n_contacts++;
    return c;
}

/* --- cohorts --- */

/* 1 + the place of the cohort; 0: no memory. */
static uint16_t cohort(struct hl_cohorts *all, struct hl_slice name)
{
    for (size_t i = 0; i < all->n; i++)
        if (hl_slice_eq_cstr(name, all->items[i]->name)) return (uint16_t)(i + 1);
    if (all->n == HL_REPORT_COHORTS) return HL_REPORT_COHORTS;
    if (all->n == HL_REPORT_COHORTS - 1) name = HL_SLICE_LIT("(others)");
    struct hl_cohort *c = calloc(1, sizeof(*c));
    char *copy = c ? strndup(name.data, name.len) : NULL;
    if (!copy) {
        free(c);
        return 0;
    }
    c->name = copy;
    all->items[all->n++] = c;
    return (uint16_t)all->n;
}

/* --- a transition --- */

static bool in_time(const struct hl_report *r, int64_t at)
{
    return at >= r->since && at < r->until;
}

static void end_stay(struct hl_cohort *c, enum hl_stage from, enum hl_stage to, int64_t ms, bool was_open, bool counts)
{
    if (was_open && c->open[from]) c->open[from]--;
    if (counts) hl_funnel_add(&c->f, from, to, ms);
}

static void move(struct hl_report *r, struct hl_report_contact *c, const struct hl_transition_view *v, uint16_t version)
{
    struct hl_cohort *cohorts[] = {&r->all, r->versions.items[(c->version ? c->version : version) - 1], r->sources.items[c->source - 1]};
    bool counts = in_time(r, v->occurred_at);
    for (size_t i = 0; i < HL_ARRAY_LEN(cohorts); i++) end_stay(cohorts[i], v->from, v->to, v->time_in_from_ms, c->version != 0, counts);
    cohorts[1] = r->versions.items[version - 1];
    for (size_t i = 0; i < HL_ARRAY_LEN(cohorts); i++) cohorts[i]->open[v->to]++;
    c->version = version;
    c->stage = (uint8_t)v->to;
    if (!counts) return;
    r->transitions++;
    r->sal |= v->to == HL_STAGE_SAL;
    if (r->first == HL_NO_TIME || v->occurred_at < r->first) r->first = v->occurred_at;
    if (r->last == HL_NO_TIME || v->occurred_at > r->last) r->last = v->occurred_at;
}

/* What was open is no more: the contact was erased. */
static void forget(struct hl_report *r, struct hl_report_contact *c)
{
    if (!c->version) return;
    struct hl_cohort *cohorts[] = {&r->all, r->versions.items[c->version - 1], r->sources.items[c->source - 1]};
    for (size_t i = 0; i < HL_ARRAY_LEN(cohorts); i++)
        if (cohorts[i]->open[c->stage]) cohorts[i]->open[c->stage]--;
    c->version = c->source = 0;
}

enum hl_status hl_report_add(struct hl_report *r, const struct hl_transition_view *v)
{
    if (v->occurred_at >= r->until) return HL_OK;
    struct hl_report_contact *c = contact(r, v->contact_id);
    if (!c) return HL_E_NOMEM;
    bool again = c->seq && v->seq == 1 && v->occurred_at > c->last_at;
    if (c->seq && v->seq <= c->seq && !again) {
        r->repeated++;
        return HL_OK;
    }
    if (again) forget(r, c);
    struct hl_slice none = HL_SLICE_LIT("(none)");
    uint16_t version = cohort(&r->versions, hl_slice_is_null(v->model_version) ? none : v->model_version);
    if (!c->source) c->source = cohort(&r->sources, hl_slice_is_null(v->source) ? none : v->source);
    if (!version || !c->source) return HL_E_NOMEM;
    move(r, c, v, version);
    c->seq = (uint32_t)v->seq;
    c->last_at = v->occurred_at;
    return HL_OK;
}
