/* Matching by index and cache against asking every match of the model, for random models and events. */
#include <stddef.h>
#include <stdint.h>

#include "core/match_cache_private.h"
#include "core_fixture.h"

#define MODELS 150
#define EVENTS 200
#define TEXT_MAX 200

static uint64_t r;
static bool many_attributes; /* more than are indexed */

static unsigned up_to(unsigned n)
{
    return (unsigned)(fx_random(&r) % n);
}

/* ---- random models ---- */

/* Of few letters, so that globs, prefixes and values meet; é and an é cut short. */
static char *text(bool glob, const char *start)
{
    static const char *const letters[] = {"a", "b", "/", "\xc3\xa9", "\xc3", "?", "*"};
    char s[TEXT_MAX * 2 + 8];
    size_t len = (size_t)snprintf(s, sizeof s, "%s", start), n = up_to(8) ? up_to(5) : up_to(TEXT_MAX);
    for (size_t i = 0; i < n; i++) len += (size_t)snprintf(s + len, sizeof s - len, "%s", letters[up_to(glob ? 7 : 5)]);
    return strdup(s);
}

static char *glob(const char *start)
{
    return up_to(3) ? NULL : text(true, up_to(6) ? start : "");
}

static bool holds_an_a(const void *state, struct hl_slice value)
{
    (void)state;
    return memchr(value.data, 'a', value.len);
}

static void attribute_name(char *name, size_t cap)
{
    snprintf(name, cap, "k%u", up_to(many_attributes ? HL_MAX_INDEXED_ATTRIBUTES * 3 : 3));
}

static struct hl_condition condition(void)
{
    static const char *const equals[] = {"a", " B", "12"};
    struct hl_condition c = {.exists = -1};
    char name[16];
    attribute_name(name, sizeof name);
    c.attribute = strdup(name);
    switch (up_to(6)) {
    case 0: c.exists = (int)up_to(2); break;
    case 1: c.equals = strdup(equals[up_to(3)]); break;
    case 2:
        c.has_at_least = c.has_at_most = true;
        c.at_least = FX_POINTS(2);
        c.at_most = FX_POINTS(12);
        break;
    case 3: *FX_PUSH(c.in, c.n_in) = strdup(equals[up_to(3)]); break;
    case 4: *FX_PUSH(c.not_in, c.n_not_in) = strdup(equals[up_to(3)]); break;
    default:
        c.pattern = strdup("a");
        c.matches.match = holds_an_a;
    }
    return c;
}

static void fill(struct hl_event_match *match)
{
    static const uint64_t types[] = {0, FX_TYPE(PAGE_VIEWED), FX_TYPE(PAGE_VIEWED) | FX_TYPE(FORM_SUBMITTED), FX_TYPE(OPPORTUNITY_WON)};
    match->types = types[up_to(4)];
    match->path = glob("/");
    match->asset = glob("a");
    match->campaign = up_to(3) ? NULL : glob("");
    match->source = up_to(3) ? NULL : glob("b");
    for (unsigned n = up_to(4) ? 0 : 1 + up_to(3); n > 0; n--) *FX_PUSH(match->forms, match->n_forms) = text(false, "");
    for (unsigned n = up_to(3) ? 0 : 1 + up_to(3); n > 0; n--) *FX_PUSH(match->where, match->n_where) = condition();
}

static void random_model(struct fx *f)
{
    char name[16];
    fx_init(f);
    many_attributes = up_to(4) == 0;
    f->m->mql = (struct hl_threshold){true, false, FX_POINTS(50), 0};
    f->m->score_driven = true;
    for (unsigned i = 0, n = up_to(4) ? up_to(200) : up_to(8); i < n; i++) {
        snprintf(name, sizeof name, "r%u", i);
        fill(&fx_rule(f, name, 0, 1 + i % 7, 0)->match);
    }
    for (unsigned i = 0, n = up_to(20); i < n; i++) {
        snprintf(name, sizeof name, "l%u", i);
        fx_hand_raise(f, name, 0, FX_DAY);
        fill(&f->m->hand_raise[i].match);
        fx_qualify(f, name, 0, FX_DAY);
        fill(&f->m->qualify[i].match);
        fill(&fx_extra(f, name, (uint32_t)fx_random(&r), (enum hl_stage)up_to(HL_STAGE_COUNT), 0)->match);
    }
    fx_seal(f);
}

/* ---- random events ---- */

struct random_event {
    struct hl_event ev;
    char *texts[12];
    char names[4][16];
    struct hl_kv kv[4];
    unsigned n_texts;
};

static struct hl_slice value(struct random_event *e, const char *start)
{
    unsigned kind = up_to(8);
    if (kind == 0) return HL_SLICE_NULL;
    if (kind == 1) return HL_SLICE_LIT("");
    return hl_slice_of(e->texts[e->n_texts++] = text(false, up_to(8) ? start : ""));
}

static void random_event(struct fx *f, struct random_event *e, int64_t t)
{
    static const enum hl_event_type types[] = {HL_EVENT_PAGE_VIEWED, HL_EVENT_PAGE_VIEWED, HL_EVENT_FORM_SUBMITTED,
                                               HL_EVENT_OPPORTUNITY_WON, HL_EVENT_SCORE_ADJUSTED};
    e->n_texts = 0;
    e->ev = fx_event(f, types[up_to(5)], t);
    e->ev.url = value(e, "/");
    e->ev.asset = value(e, "a");
    e->ev.campaign = value(e, "");
    e->ev.source = value(e, "b");
    e->ev.form = value(e, "");
    e->ev.n_attributes = up_to(5);
    e->ev.attributes = e->kv;
    for (size_t i = 0; i < e->ev.n_attributes; i++) {
        attribute_name(e->names[i], sizeof e->names[i]);
        e->kv[i] = (struct hl_kv){hl_slice_of(e->names[i]), up_to(3) ? value(e, "") : HL_SLICE_LIT("12")};
    }
}

static void free_event(struct random_event *e)
{
    while (e->n_texts) free(e->texts[--e->n_texts]);
}

/* ---- the properties ---- */

static const size_t sizes[] = {0, 2000, HL_MATCH_CACHE_BYTES}; /* of one answer, of a few that push each other out, of all */

static size_t compare(const struct hl_model *m, struct hl_match_cache *k, const struct hl_event *ev, unsigned long long seed)
{
    const struct hl_match_index *x = m->index;
    struct hl_slice path = hl_url_path(ev->url);
    const uint64_t *hits = hl_match_cache_find(k, m, ev, path);
    size_t held = 0;
    for (size_t i = 0; i < x->n; i++) {
        bool expected = hl_match_holds(x->matches[i], ev, path);
        if (hl_set_has(hits, i) != expected) fail_msg("HL_SEED=%llu: match %zu of %zu: %d expected", seed, i, x->n, expected);
        held += expected;
    }
    return held;
}

static void a_cache_finds_exactly_the_matches_that_hold(void **state)
{
    unsigned long long seed = r = fx_seed();
    struct random_event e;
    size_t held = 0;
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct fx f;
        random_model(&f);
        struct hl_match_cache *caches[HL_ARRAY_LEN(sizes)];
        for (size_t k = 0; k < HL_ARRAY_LEN(sizes); k++) assert_non_null(caches[k] = hl_match_cache_new(f.m, sizes[k]));
        for (int n = 0; n < EVENTS; n++) {
            random_event(&f, &e, FX_T0);
            for (size_t k = 0; k < HL_ARRAY_LEN(sizes); k++)
                for (int again = 0; again < 2; again++) held += compare(f.m, caches[k], &e.ev, seed);
            free_event(&e);
        }
        for (size_t k = 0; k < HL_ARRAY_LEN(sizes); k++) hl_match_cache_free(caches[k]);
        fx_fini(&f);
    }
    assert_true(held > MODELS * EVENTS); /* it is not about nothing */
}

static void assert_same_life(const struct fx *f, const struct hl_contact *other, const struct hl_outcome *out)
{
    assert_int_equal(f->out.n_transitions, out->n_transitions);
    for (unsigned i = 0; i < out->n_transitions; i++) {
        assert_int_equal(f->out.transitions[i].to, out->transitions[i].to);
        assert_ptr_equal(f->out.transitions[i].rule, out->transitions[i].rule);
    }
    assert_int_equal(hl_contact_n_rows(&f->c), hl_contact_n_rows(other));
    for (unsigned i = 0; i < hl_contact_n_rows(other); i++) assert_int_equal(fx_row(&f->c, i).rule, fx_row(other, i).rule);
    assert_int_equal(hl_score_at(&f->c, f->m, f->c.clock).total, hl_score_at(other, f->m, other->clock).total);
    assert_true(!f->c.ext == !other->ext);
    for (size_t i = 0; other->ext && i < f->m->n_hand_raise + f->m->n_qualify; i++)
        assert_int_equal(f->c.ext->latches[i], other->ext->latches[i]);
}

static void a_contact_lives_the_same_life_with_and_without_a_cache(void **state)
{
    struct random_event e;
    unsigned moves = 0;
    (void)state;
    r = fx_seed();
    for (int i = 0; i < MODELS; i++) {
        struct fx f;
        struct hl_contact other;
        struct hl_outcome out;
        random_model(&f);
        struct hl_slice id = HL_SLICE_LIT(FX_CONTACT);
        assert_int_equal(hl_contact_init(&other, &f.slab, hl_hash64(id), id, 0), HL_OK);
        struct hl_match_cache *k = hl_match_cache_new(f.m, sizes[up_to(HL_ARRAY_LEN(sizes))]);
        assert_non_null(k);
        for (int n = 0; n < EVENTS / 4; n++) {
            random_event(&f, &e, FX_T0 + n * FX_DAY / 24);
            fx_apply(&f, &e.ev, HL_APPLY_LIVE);
            assert_int_equal(hl_apply(&other, &f.slab, f.m, k, &e.ev, HL_APPLY_LIVE, &out), HL_OK);
            assert_same_life(&f, &other, &out);
            moves += out.n_transitions;
            free_event(&e);
        }
        hl_match_cache_free(k);
        hl_contact_fini(&other, &f.slab);
        fx_fini(&f);
    }
    assert_true(moves > MODELS);
}

/* A cache is of one model. The next model, at whatever address, gets its own, and what the old one knew is gone. */
static void a_changed_model_has_a_cache_of_its_own(void **state)
{
    static const char *const globs[] = {"/pricing*", "/docs*"};
    (void)state;
    for (int change = 0; change < 2; change++) {
        struct fx f;
        char name[16];
        fx_init(&f);
        for (unsigned i = 0; i < 20; i++) {
            snprintf(name, sizeof name, "r%u", i);
            fx_rule(&f, name, FX_TYPE(PAGE_VIEWED), 1, 0)->match.path = strdup(globs[change]);
        }
        fx_seal(&f);
        struct hl_match_cache *k = hl_match_cache_new(f.m, HL_MATCH_CACHE_BYTES);
        assert_non_null(k);
        struct hl_event ev = fx_event(&f, HL_EVENT_PAGE_VIEWED, FX_T0);
        ev.url = HL_SLICE_LIT("/pricing/teams");
        for (int again = 0; again < 2; again++)
            assert_int_equal(compare(f.m, k, &ev, 0), change ? 0 : 20);
        hl_match_cache_free(k);
        fx_fini(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cache_finds_exactly_the_matches_that_hold),
        cmocka_unit_test(a_contact_lives_the_same_life_with_and_without_a_cache),
        cmocka_unit_test(a_changed_model_has_a_cache_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
