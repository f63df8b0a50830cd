/* Random events for a contact of fx_usual's model, for property tests, fault injection and seeds of the fuzzer. */
#ifndef HL_TESTS_RANDOM_LIFE_H
#define HL_TESTS_RANDOM_LIFE_H

#include "core_fixture.h"

static inline void fx_random_model(struct fx *f, uint64_t *r)
{
    fx_init(f);
    fx_usual(f);
    f->m->sal = fx_random(r) % 2;
    f->m->score_driven = fx_random(r) % 2;
    f->m->reset_behavior = fx_random(r) % 2;
    f->m->voids_keep = fx_random(r) % 2 ? 3 : 0;
    int web = fx_group(f, "web", 80);
    fx_rule(f, "page", FX_TYPE(PAGE_VIEWED), 12, 30 * FX_DAY)->group = web;
    fx_rule(f, "file", FX_TYPE(FILE_DOWNLOADED), 20, 30 * FX_DAY)->group = web;
    fx_rule(f, "click", FX_TYPE(EMAIL_CLICKED), 30, 14 * FX_DAY);
    fx_rule(f, "gone", FX_TYPE(EMAIL_UNSUBSCRIBED), -20, 0);
    struct hl_score_rule *any = fx_rule(f, "any", 0, 5, 30 * FX_DAY);
    any->max_times = 3;
    any->window_ms = FX_DAY;
    fx_extra(f, "win-back", FX_STAGE(CUSTOMER) | FX_STAGE(EVANGELIST), HL_STAGE_LEAD, FX_TYPE(SITE_SEARCHED));
    fx_sla(f, "call", HL_STAGE_MQL, HL_KIND_ACTIVE, FX_DAY);
    fx_sla(f, "look", HL_STAGE_MQL, HL_KIND_NONE, 5 * FX_DAY);
    fx_sla(f, "talk", HL_STAGE_SQL, HL_KIND_NONE, 9 * FX_DAY);
    fx_route(f, 3, (const uint32_t[]){3, 1, 1});
    fx_seal(f);
}

/* One event at about `day` days after FX_T0; `kv` has room for two attributes. */
static inline struct hl_event fx_random_event(struct fx *f, int day, struct hl_kv *kv, uint64_t *r)
{
    static const char *const pairs[][2] = {
        {"country", "US"}, {"country", "US"}, {"country", "FR"}, {"country", ""}, {"rival", "yes"}, {"rival", ""},
        {"seniority", "vp"}, {"email", "a@B.example"}, {"email_domain", "c.example"}, {"title", "boss"},
    };
    enum hl_event_type type = (enum hl_event_type)(fx_random(r) % HL_EVENT_TYPE_COUNT);
    if (type == HL_EVENT_LEAD_DISQUALIFIED && fx_random(r) % 8) type = HL_EVENT_PAGE_VIEWED;
    struct hl_event ev = fx_event(f, type, FX_T0 + day * FX_DAY - (int64_t)(fx_random(r) % (3 * FX_DAY)));
    for (unsigned i = 0; i < 2; i++) {
        const char *const *pair = pairs[fx_random(r) % HL_ARRAY_LEN(pairs)];
        kv[i] = (struct hl_kv){hl_slice_of(pair[0]), hl_slice_of(pair[1])};
    }
    if (type == HL_EVENT_STAGE_SET)
        kv[0] = (struct hl_kv){HL_SLICE_LIT("stage"), hl_slice_of(hl_stage_name((enum hl_stage)(fx_random(r) % HL_STAGE_COUNT)))};
    if (type == HL_EVENT_SCORE_ADJUSTED) kv[0] = (struct hl_kv){HL_SLICE_LIT("points"), HL_SLICE_LIT("15.5")};
    if (type == HL_EVENT_OWNER_ASSIGNED) kv[0] = (struct hl_kv){HL_SLICE_LIT("owner"), hl_slice_of(fx_random(r) % 3 ? "jo" : "")};
    ev.attributes = kv;
    ev.n_attributes = 2;
    return ev;
}

#endif
