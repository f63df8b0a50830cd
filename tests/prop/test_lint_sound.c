/* What the check of a model calls impossible never happens: random models, random lives without moves and points by hand. And it
 * is not blind: much of what it calls possible does happen. */
#include "app/lint.h"
#include "core_fixture.h"

#define MODELS 3000
#define LIVES 4
#define EVENTS 60
#define N_OF(a) (fx_random(r) % HL_ARRAY_LEN(a))

static const char *const attributes[] = {"a", "b"};
static const char *const texts[] = {"x", " X", "y", "5", "5.0", "7", "zz", ""};
static const uint64_t types[] = {FX_TYPE(PAGE_VIEWED),       FX_TYPE(CHAT_STARTED),   FX_TYPE(FORM_SUBMITTED),
                                 FX_TYPE(STAGE_SET),         FX_TYPE(CONTACT_MERGED), FX_TYPE(DEMO_REQUESTED),
                                 FX_TYPE(LEAD_DISQUALIFIED), FX_TYPE(EVENT_VOIDED),   FX_TYPE(SALES_CONTACT_MADE)};

static char **random_texts(size_t *n, uint64_t *r)
{
    *n = 1 + fx_random(r) % 3;
    char **list = calloc(*n, sizeof *list);
    for (size_t i = 0; i < *n; i++) list[i] = strdup(texts[N_OF(texts)]);
    return list;
}

static struct hl_condition random_condition(uint64_t *r)
{
    struct hl_condition c = {.attribute = strdup(attributes[N_OF(attributes)]), .exists = -1};
    unsigned asked = 1u << fx_random(r) % 6 | (fx_random(r) % 2 ? 1u << fx_random(r) % 6 : 0);
    if (asked & 1) c.in = random_texts(&c.n_in, r);
    if (asked & 2) c.not_in = random_texts(&c.n_not_in, r);
    if (asked & 4) c.equals = strdup(texts[N_OF(texts)]);
    if (asked & 8) c.exists = fx_random(r) % 2;
    if (asked & 16) c.has_at_least = true, c.at_least = FX_POINTS(4 + (double)(fx_random(r) % 4));
    if (asked & 32) c.has_at_most = true, c.at_most = FX_POINTS(4 + (double)(fx_random(r) % 4));
    return c;
}

static void add_fit(struct hl_fit_rule **rules, size_t *n, size_t most, uint64_t *r)
{
    for (size_t k = fx_random(r) % (most + 1); k > 0; k--) {
        struct hl_fit_rule *rule = (*rules = fx_push(*rules, n, sizeof **rules)) + *n - 1;
        rule->name = strdup("fit");
        rule->when = random_condition(r);
        rule->points = FX_POINTS((double)(fx_random(r) % 20) - 6);
    }
}

static uint64_t random_types(uint64_t *r)
{
    return types[N_OF(types)] | (fx_random(r) % 4 ? 0 : types[N_OF(types)]);
}

static void add_rules(struct fx *f, uint64_t *r)
{
    int groups[] = {-1, fx_group(f, "small", 7), fx_group(f, "large", 25)};
    for (unsigned k = 0, n = fx_random(r) % 4; k < n; k++) {
        char name[8];
        snprintf(name, sizeof name, "r%u", k);
        struct hl_score_rule *rule = fx_rule(f, name, random_types(r), (double)(fx_random(r) % 16) - 3,
                                             fx_random(r) % 4 ? FX_DAY * (1 + (int64_t)(fx_random(r) % 3)) : 0);
        if (fx_random(r) % 4) rule->group = groups[N_OF(groups)];
        if (fx_random(r) % 2 || rule->group < 0) rule->max_times = 1 + (uint32_t)(fx_random(r) % 3), rule->window_ms = FX_DAY;
        if (fx_random(r) % 3) continue;
        rule->match.where = calloc(2, sizeof *rule->match.where);
        rule->match.n_where = 1 + fx_random(r) % 2;
        for (size_t i = 0; i < rule->match.n_where; i++) rule->match.where[i] = random_condition(r);
    }
}

static void random_model(struct fx *f, uint64_t *r)
{
    fx_init(f);
    struct hl_model *m = f->m;
    m->sal = fx_random(r) % 2;
    m->score_driven = fx_random(r) % 2;
    m->reset_behavior = fx_random(r) % 2;
    if (fx_random(r) % 8 == 0) m->subscribe_on = random_types(r);
    add_fit(&m->must_have, &m->n_must_have, 2, r);
    add_fit(&m->disqualify, &m->n_disqualify, 1, r);
    add_fit(&m->suspect, &m->n_suspect, 1, r);
    add_fit(&m->fit, &m->n_fit, 4, r);
    add_rules(f, r);
    if (fx_random(r) % 2) m->mql = (struct hl_threshold){true, fx_random(r) % 2, FX_POINTS((double)(fx_random(r) % 50)), 0};
    if (fx_random(r) % 2) m->sql = (struct hl_threshold){true, fx_random(r) % 2, FX_POINTS((double)(fx_random(r) % 70)), 0};
    m->mql.exit = m->mql.enter / 2;
    m->sql.exit = m->sql.enter / 2;
    if (fx_random(r) % 3 == 0) fx_hand_raise(f, "h", random_types(r), 30 * FX_DAY);
    if (fx_random(r) % 3 == 0) fx_qualify(f, "q", random_types(r), 30 * FX_DAY);
    for (unsigned k = 0, n = fx_random(r) % 4; k < n; k++) {
        static const char *const names[] = {"e0", "e1", "e2"};
        enum hl_stage to = (enum hl_stage)(fx_random(r) % HL_STAGE_COUNT);
        uint32_t from = 1u << fx_random(r) % HL_STAGE_DISQUALIFIED | 1u << fx_random(r) % HL_STAGE_CUSTOMER;
        if (from & ~(1u << to)) fx_extra(f, names[k], from & ~(1u << to), to, random_types(r));
    }
    fx_seal(f);
}

/* Half of the events are of types that rules name; none is by hand. */
static struct hl_event random_event(struct fx *f, int64_t t, struct hl_kv *kv, uint64_t *r)
{
    enum hl_event_type type = (enum hl_event_type)(fx_random(r) % HL_EVENT_TYPE_COUNT);
    if (fx_random(r) % 2) type = (enum hl_event_type)__builtin_ctzll(types[N_OF(types)]);
    if (type == HL_EVENT_STAGE_SET || type == HL_EVENT_SCORE_ADJUSTED) type = HL_EVENT_FORM_SUBMITTED;
    if (type == HL_EVENT_LEAD_DISQUALIFIED && fx_random(r) % 16) type = HL_EVENT_CONTACT_IDENTIFIED;
    struct hl_event ev = fx_event(f, type, t - (int64_t)(fx_random(r) % FX_DAY));
    for (unsigned i = 0; i < 2; i++) kv[i] = (struct hl_kv){hl_slice_of(attributes[i]), hl_slice_of(texts[N_OF(texts)])};
    ev.attributes = kv;
    ev.n_attributes = 2;
    return ev;
}

struct seen {
    uint32_t stages, kinds, rules, edges;
    double score, fit_most, fit_least;
};

static void look(struct fx *f, struct seen *s)
{
    double score = hl_fixed_to_double(fx_score(f, f->c.clock)), fit = hl_fixed_to_double(hl_contact_fit(&f->c, f->m));
    for (unsigned k = 0; k < f->out.n_transitions; k++) {
        const struct hl_transition *t = &f->out.transitions[k];
        s->stages |= 1u << t->to;
        if (t->cause == HL_CAUSE_RULE) s->edges |= 1u << (t->rule[1] - '0');
    }
    for (unsigned i = 0; i < hl_contact_n_rows(&f->c); i++) s->rules |= 1u << fx_row(&f->c, i).rule;
    s->stages |= 1u << f->c.stage;
    if (f->c.stage == HL_STAGE_MQL) s->kinds |= 1u << f->c.kind;
    if (score > s->score) s->score = score;
    if (fit > s->fit_most) s->fit_most = fit;
    if (fit < s->fit_least) s->fit_least = fit;
}

/* Events come in bursts, so that windows fill. */
static void live(struct fx *f, struct seen *s, uint64_t *r)
{
    struct hl_kv kv[2];
    int64_t t = FX_T0;
    for (int i = 0; i < EVENTS; i++, t += fx_random(r) % 3 ? (int64_t)(fx_random(r) % 3600000) : FX_DAY / 2) {
        struct hl_event ev = random_event(f, t, kv, r);
        fx_apply(f, &ev, HL_APPLY_LIVE);
        look(f, s);
    }
}

static void relive(struct fx *f)
{
    hl_contact_fini(&f->c, &f->slab);
    fx_new_contact(f);
}

static const char *found_in(const struct hl_model *m, struct hl_buf *b)
{
    struct hl_problems p = {.file = "m", .lines = b};
    hl_buf_init(b);
    hl_lint(m, NULL, &p);
    hl_buf_put_u8(b, 0);
    return (const char *)b->data;
}

/* Lines that begin with the name of a rule: what is said to match nothing, or to be taken never. */
static void assert_rules_are_dead(const char *found, const struct seen *s)
{
    for (unsigned i = 0; i < 4; i++) {
        char nothing[40], taken[40];
        snprintf(nothing, sizeof nothing, "error: 'r%u' matches nothing", i);
        snprintf(taken, sizeof taken, "error: 'e%u' is never taken", i);
        if (((s->rules >> i & 1) && strstr(found, nothing)) || ((s->edges >> i & 1) && strstr(found, taken)))
            fail_msg("%s", found);
    }
}

static void assert_sound(const struct hl_model *m, const struct seen *s, uint64_t seed)
{
    struct hl_bounds b;
    struct hl_buf lines;
    struct hl_reach reach;
    const char *found = found_in(m, &lines);
    assert_int_equal(hl_lint_bounds(m, &b), HL_OK);
    assert_int_equal(hl_lint_reach(m, &reach), HL_OK);
    assert_rules_are_dead(found, s);
    if (s->stages & ~reach.stages)
        fail_msg("model %#llx: a stage of %#x is reached, and said not to be\n%s", (unsigned long long)seed,
                 s->stages & ~reach.stages, found);
    if (s->kinds & ~reach.kinds) fail_msg("model %#llx: an MQL of a kind that is said not to be", (unsigned long long)seed);
    if (s->score > b.fit_most + b.behavior_most + 0.01 || s->score > b.fit_most + b.behavior_capped + 0.01)
        fail_msg("model %#llx: score %f is above fit %f, behavior %f, %f", (unsigned long long)seed, s->score, b.fit_most,
                 b.behavior_most, b.behavior_capped);
    if (s->fit_most > b.fit_most || s->fit_least < b.fit_least)
        fail_msg("model %#llx: fit from %f to %f is beyond %f, %f", (unsigned long long)seed, s->fit_least, s->fit_most,
                 b.fit_least, b.fit_most);
    if (strstr(found, "no contact reaches mql") && s->score >= hl_fixed_to_double(m->mql.enter)) fail_msg("%s", found);
    if (strstr(found, "no contact comes to mql") && (s->stages & FX_STAGE(MQL))) fail_msg("%s", found);
    hl_buf_fini(&lines);
}

static void what_is_called_impossible_never_happens(void **state)
{
    (void)state;
    uint64_t r0 = fx_seed(), *r = &r0, reached = 0, called = 0, tight = 0;
    for (int i = 0; i < MODELS; i++) {
        struct fx f;
        struct seen s = {.fit_most = -1e9, .fit_least = 1e9};
        uint64_t seed = *r;
        struct hl_reach reach;
        struct hl_bounds b;
        random_model(&f, r);
        for (int k = 0; k < LIVES; k++, relive(&f)) live(&f, &s, r);
        assert_sound(f.m, &s, seed);
        assert_int_equal(hl_lint_reach(f.m, &reach), HL_OK);
        assert_int_equal(hl_lint_bounds(f.m, &b), HL_OK);
        called += (uint64_t)__builtin_popcount(reach.stages);
        reached += (uint64_t)__builtin_popcount(s.stages);
        tight += s.score > 0.99 * (b.fit_most + b.behavior_most) && b.fit_most + b.behavior_most > 0;
        fx_fini(&f);
    }
    print_message("%llu of %llu stages reached; %llu scores at their bound\n", (unsigned long long)reached,
                  (unsigned long long)called, (unsigned long long)tight);
    assert_true(reached * 100 > called * 60 && tight > MODELS / 20);
}

/* Every value of a few, for conditions that are said to exclude each other. */
static void conditions_called_impossible_hold_for_no_value(void **state)
{
    (void)state;
    uint64_t r0 = fx_seed(), *r = &r0;
    static const char *const values[] = {NULL,  "x",   "y",  "zz", " ",   "other", "3",    "4",   "4.5", "5",
                                         "5.0", "5.5", "+5", "6",  "6.5", "7",     "7.00", "7.5", "8",   "05.0"};
    unsigned impossible = 0;
    for (int i = 0; i < 30000; i++) {
        struct hl_condition c[3];
        struct hl_traits t[3];
        bool held = false;
        for (unsigned k = 0; k < 3; k++) {
            c[k] = random_condition(r);
            c[k].attribute[0] = 'a';
            t[k] = (struct hl_traits){&c[k], fx_random(r) % 2, 0};
        }
        bool possible = hl_traits_possible(t, 3);
        for (size_t v = 0; v < HL_ARRAY_LEN(values); v++) {
            struct hl_slice value = values[v] ? hl_slice_of(values[v]) : HL_SLICE_NULL;
            bool all = true;
            for (unsigned k = 0; k < 3; k++) all &= hl_condition_holds(t[k].of, value) == t[k].wanted;
            held |= all;
        }
        if (held != possible) fail_msg("case %d: said %d, is %d", i, possible, held);
        impossible += !possible;
        for (unsigned k = 0; k < 3; k++) {
            struct hl_fit_rule *rule = calloc(1, sizeof *rule);
            rule->when = c[k];
            struct hl_model *m = hl_model_new();
            m->fit = rule;
            m->n_fit = 1;
            hl_model_free(m);
        }
    }
    assert_true(impossible > 1000);
}

/* The worst case of max_times: the last moment of each day, then the first of the next. */
static void the_bound_of_max_times_is_met(void **state)
{
    (void)state;
    struct fx f;
    struct hl_bounds b;
    fx_init(&f);
    struct hl_score_rule *rule = fx_rule(&f, "page", FX_TYPE(PAGE_VIEWED), 10, FX_DAY);
    rule->max_times = 3;
    rule->window_ms = FX_DAY;
    fx_seal(&f);
    for (int day = 1; day <= 40; day++)
        for (int i = 0; i < 4; i++) fx_say(&f, PAGE_VIEWED, FX_T0 + day * FX_DAY - 1);
    for (int i = 0; i < 4; i++) fx_say(&f, PAGE_VIEWED, FX_T0 + 40 * FX_DAY);
    assert_int_equal(hl_lint_bounds(f.m, &b), HL_OK);
    fx_assert_near(b.behavior_capped, 90, 1e-6);
    fx_assert_near(hl_fixed_to_double(fx_score(&f, f.c.clock)), b.behavior_capped, 1e-5);
    assert_true(b.behavior_most > 1e300);
    fx_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_called_impossible_never_happens),
        cmocka_unit_test(the_bound_of_max_times_is_met),
        cmocka_unit_test(conditions_called_impossible_hold_for_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
