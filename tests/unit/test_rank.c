/* The hottest first: against a plain sort, and in the cases that a sort does not show. */
#include "app/rank.h"
#include "core_fixture.h"

#define CONTACTS 500

struct world {
    struct fx f;
    struct hl_contact c[CONTACTS];
    size_t n;
};

static struct hl_contact *add(struct world *w, const char *id, enum hl_stage stage, enum hl_kind kind, int points)
{
    struct hl_contact *c = &w->c[w->n++];
    struct hl_slice name = hl_slice_of(id);
    assert_int_equal(hl_contact_init(c, &w->f.slab, hl_hash64(name), name, 0), HL_OK);
    struct hl_contact_ext *ext = hl_contact_ext(c, &w->f.slab, w->f.m);
    assert_non_null(ext);
    ext->manual = HL_FIXED_OF_INT(points);
    c->stage = (uint8_t)stage;
    c->kind = (uint8_t)kind;
    c->stage_since = FX_T0;
    hl_contact_refit(c, w->f.m);
    return c;
}

/* In the slab, as the core would. */
static void own(struct world *w, struct hl_contact *c, const char *owner)
{
    c->ext->owner_len = (uint8_t)strlen(owner);
    c->ext->owner = hl_slab_alloc(&w->f.slab, c->ext->owner_len);
    assert_non_null(c->ext->owner);
    memcpy(c->ext->owner, owner, c->ext->owner_len);
}

static int make_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    fx_init(&w->f);
    fx_usual(&w->f);
    fx_rule(&w->f, "page", FX_TYPE(PAGE_VIEWED), 40, 10 * FX_DAY);
    fx_rule(&w->f, "call", FX_TYPE(CHAT_STARTED), 30, 0);
    fx_seal(&w->f);
    *state = w;
    return 0;
}

static int drop_world(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < w->n; i++) hl_contact_fini(&w->c[i], &w->f.slab);
    fx_fini(&w->f);
    free(w);
    return 0;
}

static struct hl_rank ranked(struct world *w, int stage, size_t limit, int64_t at)
{
    struct hl_rank r;
    assert_int_equal(hl_rank_init(&r, w->f.m, stage, limit, at), HL_OK);
    for (size_t i = 0; i < w->n; i++) hl_rank_offer(&r, r.m, &w->c[i]);
    hl_rank_sort(&r);
    assert_false(r.failed);
    return r;
}

/* The ids, in order, with blanks between them. */
static void assert_order(struct world *w, int stage, size_t limit, int64_t at, const char *wanted)
{
    struct hl_rank r = ranked(w, stage, limit, at);
    struct hl_buf ids;
    hl_buf_init(&ids);
    for (size_t i = 0; i < r.n; i++) hl_buf_printf(&ids, "%s%.*s", i ? " " : "", HL_SLICE_ARG(r.items[i].id));
    hl_buf_put_u8(&ids, 0);
    assert_string_equal((const char *)ids.data, wanted);
    hl_buf_fini(&ids);
    hl_rank_fini(&r);
}

static void equal_scores_stand_active_first_then_by_id(void **state)
{
    struct world *w = *state;
    add(w, "b", HL_STAGE_MQL, HL_KIND_PASSIVE, 50);
    add(w, "c", HL_STAGE_MQL, HL_KIND_ACTIVE, 50);
    add(w, "ab", HL_STAGE_MQL, HL_KIND_ACTIVE, 50);
    add(w, "a", HL_STAGE_MQL, HL_KIND_PASSIVE, 50);
    add(w, "z", HL_STAGE_MQL, HL_KIND_PASSIVE, 51);
    add(w, "abc", HL_STAGE_MQL, HL_KIND_ACTIVE, 50);
    assert_order(w, HL_STAGE_MQL, 10, FX_T0, "z ab abc c a b");
    assert_order(w, HL_STAGE_MQL, 3, FX_T0, "z ab abc");
    assert_order(w, HL_STAGE_MQL, 1, FX_T0, "z");
}

static void the_disqualified_and_other_stages_are_left_out(void **state)
{
    struct world *w = *state;
    add(w, "lead", HL_STAGE_LEAD, HL_KIND_NONE, 20);
    add(w, "gone", HL_STAGE_DISQUALIFIED, HL_KIND_NONE, 99);
    add(w, "mql", HL_STAGE_MQL, HL_KIND_PASSIVE, 10);
    add(w, "new", HL_STAGE_ANONYMOUS, HL_KIND_NONE, 0);
    assert_order(w, HL_RANK_ANY, 10, FX_T0, "lead mql new");
    assert_order(w, HL_STAGE_LEAD, 10, FX_T0, "lead");
    assert_order(w, HL_STAGE_ANONYMOUS, 10, FX_T0, "new");
    assert_order(w, HL_STAGE_SQL, 10, FX_T0, "");
}

static void happen(struct world *w, struct hl_contact *c, enum hl_event_type type)
{
    struct hl_event ev = fx_event(&w->f, type, FX_T0 + FX_DAY);
    ev.contact_id = hl_contact_id(c);
    struct hl_outcome out;
    assert_int_equal(hl_apply(c, &w->f.slab, w->f.m, NULL, &ev, HL_APPLY_LIVE, &out), HL_OK);
}

static void scores_are_those_of_the_moment_not_of_the_last_event(void **state)
{
    struct world *w = *state;
    happen(w, add(w, "page", HL_STAGE_ANONYMOUS, HL_KIND_NONE, 0), HL_EVENT_PAGE_VIEWED); /* 40, half of it in 10 days */
    happen(w, add(w, "call", HL_STAGE_ANONYMOUS, HL_KIND_NONE, 0), HL_EVENT_CHAT_STARTED); /* 30, for good */
    assert_order(w, HL_RANK_ANY, 10, FX_T0 + FX_DAY, "page call");
    struct hl_rank r = ranked(w, HL_RANK_ANY, 1, FX_T0); /* not before its clock */
    assert_int_equal(r.items[0].score, HL_FIXED_OF_INT(40));
    hl_rank_fini(&r);
    assert_order(w, HL_RANK_ANY, 10, FX_T0 + 11 * FX_DAY, "call page");
}

static int by_rank(const void *a, const void *b)
{
    const struct hl_contact *x = *(const struct hl_contact *const *)a, *y = *(const struct hl_contact *const *)b;
    if (x->ext->manual != y->ext->manual) return x->ext->manual > y->ext->manual ? -1 : 1;
    if ((x->kind == HL_KIND_ACTIVE) != (y->kind == HL_KIND_ACTIVE)) return x->kind == HL_KIND_ACTIVE ? -1 : 1;
    return hl_slice_compare(hl_contact_id(x), hl_contact_id(y));
}

static void any_number_in_any_order_gives_the_top_of_a_sort(void **state)
{
    struct world *w = *state;
    uint64_t seed = fx_seed();
    const struct hl_contact *sorted[CONTACTS];
    for (int i = 0; i < CONTACTS; i++) {
        char id[64];
        int width = (int)(fx_random(&seed) % 40); /* an id in place of a longer one, and of a shorter one */
        snprintf(id, sizeof id, "%0*d-%d", width, (int)(fx_random(&seed) % 1000), i);
        sorted[i] = add(w, id, HL_STAGE_MQL, fx_random(&seed) % 2 ? HL_KIND_ACTIVE : HL_KIND_PASSIVE, (int)(fx_random(&seed) % 60));
        if (fx_random(&seed) % 2) own(w, &w->c[i], id);
    }
    qsort(sorted, CONTACTS, sizeof sorted[0], by_rank);
    static const size_t limits[] = {1, 2, 3, 7, 50, 499, 500, 501, HL_RANK_MAX};
    for (size_t k = 0; k < HL_ARRAY_LEN(limits); k++) {
        struct hl_rank r = ranked(w, HL_RANK_ANY, limits[k], FX_T0);
        assert_int_equal(r.n, limits[k] < CONTACTS ? limits[k] : CONTACTS);
        for (size_t i = 0; i < r.n; i++) {
            assert_true(hl_slice_eq(r.items[i].id, hl_contact_id(sorted[i])));
            assert_true(hl_slice_eq(r.items[i].owner, hl_contact_owner(sorted[i])));
            assert_int_equal(r.items[i].score, sorted[i]->ext->manual);
        }
        hl_rank_fini(&r);
    }
}

static void the_answer_has_what_a_salesperson_needs(void **state)
{
    struct world *w = *state;
    free(w->f.m->name);
    free(w->f.m->version);
    w->f.m->name = strdup("acme");
    w->f.m->version = strdup("7");
    struct hl_contact *ann = add(w, "ann", HL_STAGE_MQL, HL_KIND_ACTIVE, 50);
    ann->flags |= HL_C_SUSPECT;
    own(w, ann, "us\x1b-1");
    struct hl_sla_clock clock = {.since = FX_T0, .due = FX_T0 + 5};
    ann->ext->clocks = &clock;
    ann->ext->n_clocks = 1;
    add(w, "a\x1b[2J\"b", HL_STAGE_MQL, HL_KIND_PASSIVE, 12)->grade = 0;
    struct hl_rank r = ranked(w, HL_STAGE_MQL, 10, FX_T0);
    struct hl_buf out;
    hl_buf_init(&out);
    hl_rank_put_json(&r, &out);
    hl_buf_put_u8(&out, 0);
    assert_string_equal((const char *)out.data,
                        "{\"model\":\"acme\",\"model_version\":\"7\",\"as_of\":1728000000000,\"stage\":\"mql\",\"limit\":10,\"contacts\":["
                        "{\"contact_id\":\"ann\",\"stage\":\"mql\",\"kind\":\"active\",\"score\":50,\"grade\":\"D\",\"suspect\":true,"
                        "\"owner\":\"us\\u001b-1\",\"since\":1728000000000,\"sla_due\":1728000000005},"
                        "{\"contact_id\":\"a\\u001b[2J\\\"b\",\"stage\":\"mql\",\"kind\":\"passive\",\"score\":12,\"grade\":null,"
                        "\"suspect\":false,\"owner\":null,\"since\":1728000000000,\"sla_due\":null}]");
    hl_buf_clear(&out);
    hl_rank_put_table(&r, &out);
    hl_buf_put_u8(&out, 0);
    assert_non_null(strstr((const char *)out.data, "    1      50.0  D      mql, active      2024-10-04T00:00:00.000Z  ann -> us?-1  (suspect)\n"));
    assert_non_null(strstr((const char *)out.data, "    2      12.0  -      mql, passive     2024-10-04T00:00:00.000Z  a?[2J\"b\n"));
    hl_buf_fini(&out);
    hl_rank_fini(&r);
    ann->ext->clocks = NULL;
    ann->ext->n_clocks = 0;
}

static void what_is_asked_for_is_checked(void **state)
{
    struct hl_error err;
    int stage = 77;
    size_t limit = 77;
    (void)state;
    assert_true(hl_rank_parse_stage("mql", &stage, &err));
    assert_int_equal(stage, HL_STAGE_MQL);
    assert_false(hl_rank_parse_stage("mqls", &stage, &err));
    assert_string_equal(err.message, "stage is one such as lead or mql, not 'mqls', did you mean 'mql'?");
    assert_false(hl_rank_parse_stage("", &stage, &err));
    assert_string_equal(err.message, "stage is one such as lead or mql, not ''");
    assert_false(hl_rank_parse_stage("disqualified", &stage, &err));
    assert_string_equal(err.message, "the disqualified are not ranked");
    assert_int_equal(stage, HL_STAGE_MQL);
    static const char *const bad[] = {"0", "-1", "10001", "", "5x", "99999999999999999999"};
    for (size_t i = 0; i < HL_ARRAY_LEN(bad); i++) {
        char message[100];
        snprintf(message, sizeof message, "limit is a number from 1 to 10000, not '%s'", bad[i]);
        assert_false(hl_rank_parse_limit(bad[i], HL_RANK_MAX, &limit, &err));
        assert_string_equal(err.message, message);
    }
    assert_true(hl_rank_parse_limit("10000", HL_RANK_MAX, &limit, &err));
    assert_int_equal(limit, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_scores_stand_active_first_then_by_id, make_world, drop_world),
        cmocka_unit_test_setup_teardown(the_disqualified_and_other_stages_are_left_out, make_world, drop_world),
        cmocka_unit_test_setup_teardown(scores_are_those_of_the_moment_not_of_the_last_event, make_world, drop_world),
        cmocka_unit_test_setup_teardown(any_number_in_any_order_gives_the_top_of_a_sort, make_world, drop_world),
        cmocka_unit_test_setup_teardown(the_answer_has_what_a_salesperson_needs, make_world, drop_world),
        cmocka_unit_test(what_is_asked_for_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
