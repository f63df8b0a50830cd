/* What is explained adds up to the score, to the last unit, for random contacts at random moments. */
#include "hotlead/app/explain.h"
#include "random_life.h"

#define LIVES 3000
#define EVENTS 30

static void assert_adds_up(const struct fx *f, int64_t at)
{
    struct hl_explanation e;
    assert_int_equal(hl_explain(&f->c, f->m, at, &e), HL_OK);
    struct hl_score score = hl_score_at(&f->c, f->m, e.at);
    hl_fixed sum = e.manual + e.floor, fit = 0, behavior = e.manual;
    for (size_t i = 0; i < e.n_fit; i++) fit += e.fit[i]->points;
    for (size_t i = 0; i < e.n_rows; i++) {
        const struct hl_explained_row *r = &e.rows[i];
        assert_true(r->raw == (hl_fixed)r->times * r->rule->points && r->raw - r->decay == r->now);
        behavior += r->now;
    }
    for (size_t g = 0; g < e.n_groups; g++) {
        assert_true(e.groups[g].rows - e.groups[g].cap == e.groups[g].now && e.groups[g].cap >= 0);
        behavior -= e.groups[g].cap;
    }
    sum += fit + behavior - e.manual;
    if (sum != score.total || e.sum != score.total || fit != score.fit || behavior != score.behavior)
        fail_msg("sum %lld, told as %lld, score %lld", (long long)sum, (long long)e.sum, (long long)score.total);
    hl_explanation_fini(&e);
}

static void the_parts_of_a_score_add_up_exactly(void **state)
{
    (void)state;
    uint64_t r = fx_seed();
    struct hl_kv kv[2];
    size_t capped = 0, floored = 0;
    for (int life = 0; life < LIVES; life++) {
        struct fx f;
        fx_random_model(&f, &r);
        for (int i = 0; i < EVENTS; i++) {
            struct hl_event ev = fx_random_event(&f, 10 + i, kv, &r);
            if (ev.type == HL_EVENT_SCORE_ADJUSTED && fx_random(&r) % 2) kv[0].value = HL_SLICE_LIT("-33.3");
            if (fx_random(&r) % 4 == 0) ev.type = fx_random(&r) % 4 ? HL_EVENT_PAGE_VIEWED : HL_EVENT_EMAIL_UNSUBSCRIBED;
            fx_apply(&f, &ev, HL_APPLY_LIVE);
            assert_adds_up(&f, f.c.clock + (int64_t)(fx_random(&r) % (90 * FX_DAY)));
        }
        struct hl_explanation e;
        assert_int_equal(hl_explain(&f.c, f.m, 0, &e), HL_OK);
        assert_true(e.at == f.c.clock); /* never before what is known */
        capped += e.n_groups && e.groups[0].cap > 0;
        floored += e.floor > 0;
        hl_explanation_fini(&e);
        fx_fini(&f);
    }
    assert_true(capped > 0 && floored > 0); /* the lives were rich enough */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_parts_of_a_score_add_up_exactly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
