/* A model, a contact and events in a few words, for tests of the core. */
#ifndef HL_TESTS_CORE_FIXTURE_H
#define HL_TESTS_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hotlead/base/hash.h"
#include "hotlead/core/apply.h"
#include "hotlead/core/score.h"

#define FX_DAY INT64_C(86400000)
#define FX_T0 (20000 * FX_DAY) /* in 2024 */
#define FX_POINTS(x) ((hl_fixed)((x) * 4294967296.0))
#define FX_TYPE(code) (UINT64_C(1) << HL_EVENT_##code)
#define FX_STAGE(code) (1u << HL_STAGE_##code)
#define FX_CONTACT "3f0b6c1e-7d52-4f39-9f0e-0d6c8a5f4b21"

struct fx {
    struct hl_model *m;
    struct hl_slab slab;
    struct hl_contact c;
    struct hl_outcome out;
    unsigned n_events;
};

/* A new zeroed item at the end of an array of n. */
static inline void *fx_push(void *array, size_t *n, size_t item)
{
    char *grown = realloc(array, (*n + 1) * item);
    assert_non_null(grown);
    memset(grown + *n * item, 0, item);
    (*n)++;
    return grown;
}

#define FX_PUSH(array, n) ((array) = fx_push((array), &(n), sizeof *(array)), &(array)[(n) - 1])

static inline struct hl_score_rule *fx_rule(struct fx *f, const char *name, uint64_t types, double points, int64_t half_life_ms)
{
    struct hl_score_rule *r = FX_PUSH(f->m->rules, f->m->n_rules);
    r->name = strdup(name);
    r->match.types = types;
    r->points = FX_POINTS(points);
    r->half_life = hl_half_life_of(half_life_ms);
    r->group = -1;
    return r;
}

static inline int fx_group(struct fx *f, const char *name, double max)
{
    struct hl_group *g = FX_PUSH(f->m->groups, f->m->n_groups);
    *g = (struct hl_group){strdup(name), true, FX_POINTS(max)};
    return (int)f->m->n_groups - 1;
}

static inline void fx_latch_set(struct hl_latch_rule *r, const char *name, uint64_t types, int64_t valid_for_ms)
{
    r->name = strdup(name);
    r->match.types = types;
    r->valid_for_ms = valid_for_ms;
}

static inline void fx_hand_raise(struct fx *f, const char *name, uint64_t types, int64_t valid_for_ms)
{
    fx_latch_set(FX_PUSH(f->m->hand_raise, f->m->n_hand_raise), name, types, valid_for_ms);
}

static inline void fx_qualify(struct fx *f, const char *name, uint64_t types, int64_t valid_for_ms)
{
    fx_latch_set(FX_PUSH(f->m->qualify, f->m->n_qualify), name, types, valid_for_ms);
}

/* The rule "<attribute> equals <value>". */
static inline void fx_equals(struct hl_fit_rule *r, const char *name, const char *attribute, const char *value, double points)
{
    *r = (struct hl_fit_rule){strdup(name), {.attribute = strdup(attribute), .equals = strdup(value), .exists = -1}, FX_POINTS(points)};
}

static inline struct hl_extra_edge *fx_extra(struct fx *f, const char *name, uint32_t from, enum hl_stage to, uint64_t types)
{
    struct hl_extra_edge *e = FX_PUSH(f->m->extra, f->m->n_extra);
    e->name = strdup(name);
    e->from = from;
    e->to = to;
    e->match.types = types;
    return e;
}

static inline struct hl_sla *fx_sla(struct fx *f, const char *name, enum hl_stage stage, enum hl_kind kind, int64_t within_ms)
{
    struct hl_sla *s = FX_PUSH(f->m->sla, f->m->n_sla);
    *s = (struct hl_sla){strdup(name), 0, stage, kind, within_ms};
    return s;
}

/* To owners o0, o1 ...; weights NULL: the same for each. */
static inline struct hl_route *fx_route(struct fx *f, size_t n, const uint32_t *weights)
{
    struct hl_route *r = FX_PUSH(f->m->routing, f->m->n_routing);
    r->weights = weights ? calloc(n, sizeof *weights) : NULL;
    for (size_t i = 0; i < n; i++) {
        char name[24];
        snprintf(name, sizeof name, "o%zu", i);
        *FX_PUSH(r->to, r->n_to) = strdup(name);
        if (weights) r->weights[i] = weights[i];
    }
    return r;
}

/* The i-th row of a contact, and window; it has that many. */
static inline struct hl_row fx_row(const struct hl_contact *c, unsigned i)
{
    struct hl_row row;
    size_t pos = 0;
    for (unsigned n = 0; n <= i; n++) assert_true(hl_contact_next_row(c, &pos, &row));
    return row;
}

static inline void fx_same_rows(struct hl_row a, struct hl_row b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static inline struct hl_window fx_window(const struct hl_contact *c, unsigned i)
{
    struct hl_window window;
    size_t pos = 0;
    for (unsigned n = 0; n <= i; n++) assert_true(hl_contact_next_window(c, &pos, &window));
    return window;
}

/* One match more in the row of a rule, and in nothing else. */
static inline void fx_add(struct fx *f, uint16_t rule, int64_t t)
{
    struct hl_row row;
    hl_contact_row(&f->c, rule, &row);
    hl_row_add(&row, &f->m->rules[rule], t);
    assert_int_equal(hl_contact_put_row(&f->c, &f->slab, &row), HL_OK);
}

/* Where the points for who it is are kept. */
static inline hl_fixed *fx_fit(struct fx *f)
{
    return f->c.attributes ? &f->c.attributes->fit : &f->m->bare.fit;
}

static inline void fx_new_contact(struct fx *f)
{
    struct hl_slice id = HL_SLICE_LIT(FX_CONTACT);
    assert_int_equal(hl_contact_init(&f->c, &f->slab, hl_hash64(id), id, 0), HL_OK);
}

static inline void fx_init(struct fx *f)
{
    memset(f, 0, sizeof *f);
    f->m = hl_model_new();
    assert_non_null(f->m);
    hl_slab_init(&f->slab);
}

/* Thresholds 60/30 and 120/80; must have country US, disqualified by title student, suspect by rival yes; seniority vp is worth 20. */
static inline void fx_usual(struct fx *f)
{
    struct hl_model *m = f->m;
    m->mql = (struct hl_threshold){true, true, FX_POINTS(60), FX_POINTS(30)};
    m->sql = (struct hl_threshold){true, true, FX_POINTS(120), FX_POINTS(80)};
    fx_equals(FX_PUSH(m->must_have, m->n_must_have), "served", "country", "US", 0);
    fx_equals(FX_PUSH(m->disqualify, m->n_disqualify), "student", "title", "student", 0);
    fx_equals(FX_PUSH(m->suspect, m->n_suspect), "competitor", "rival", "yes", 0);
    fx_equals(FX_PUSH(m->fit, m->n_fit), "decision-maker", "seniority", "vp", 20);
    fx_hand_raise(f, "demo", FX_TYPE(DEMO_REQUESTED), 30 * FX_DAY);
    fx_qualify(f, "meeting", FX_TYPE(MEETING_BOOKED), 14 * FX_DAY);
}

static inline void fx_seal(struct fx *f)
{
    assert_int_equal(hl_model_seal(f->m), HL_OK);
    fx_new_contact(f);
}

static inline void fx_fini(struct fx *f)
{
    hl_contact_fini(&f->c, &f->slab);
    hl_slab_fini(&f->slab);
    hl_model_free(f->m);
}

static inline struct hl_event fx_event(struct fx *f, enum hl_event_type type, int64_t t)
{
    static char id[32];
    int n = snprintf(id, sizeof id, "e%u", ++f->n_events);
    return (struct hl_event){.event_id = {id, (size_t)n}, .contact_id = HL_SLICE_LIT(FX_CONTACT), .type = type, .occurred_at = t,
                             .type_name = hl_slice_of(hl_event_type_name(type))};
}

static inline enum hl_result fx_apply(struct fx *f, const struct hl_event *ev, enum hl_apply_mode mode)
{
    assert_int_equal(hl_apply(&f->c, &f->slab, f->m, NULL, ev, mode, &f->out), HL_OK);
    return f->out.result;
}

/* Send one event with attributes given as key, value, ..., NULL. */
static inline enum hl_result fx_send(struct fx *f, enum hl_event_type type, int64_t t, ...)
{
    struct hl_kv kv[16];
    struct hl_event ev = fx_event(f, type, t);
    va_list args;
    va_start(args, t);
    for (const char *key; (key = va_arg(args, const char *)) && ev.n_attributes < HL_ARRAY_LEN(kv); ev.n_attributes++)
        kv[ev.n_attributes] = (struct hl_kv){hl_slice_of(key), hl_slice_of(va_arg(args, const char *))};
    va_end(args);
    ev.attributes = kv;
    return fx_apply(f, &ev, HL_APPLY_LIVE);
}

#define fx_say(f, type, t, ...) fx_send((f), HL_EVENT_##type, (t), ##__VA_ARGS__, (char *)NULL)

static inline hl_fixed fx_score(const struct fx *f, int64_t now)
{
    return hl_score_at(&f->c, f->m, now).total;
}

#define fx_assert_near(a, b, tolerance)                                                                              \
    do {                                                                                                             \
        double fx_a = (a), fx_b = (b);                                                                               \
        if (!(fx_a - fx_b < (tolerance) && fx_b - fx_a < (tolerance))) fail_msg("%s: %.12f is not %.12f", #a, fx_a, fx_b); \
    } while (0)

/* xorshift64*, seeded from HL_SEED when set (Marsaglia, "Xorshift RNGs"). */
static inline uint64_t fx_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline uint64_t fx_seed(void)
{
    const char *given = getenv("HL_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 20261122;
    print_message("HL_SEED=%llu\n", (unsigned long long)seed);
    return seed ? seed : 1;
}

#endif
