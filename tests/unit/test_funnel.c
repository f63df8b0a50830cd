/* The funnel's figures: stays, conversions, medians, who is named, the stored form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "app/funnel.h"

#define DAY INT64_C(86400000)

static struct hl_funnel *fresh(void)
{
    struct hl_funnel *f = calloc(1, sizeof *f);
    assert_non_null(f);
    return f;
}

static void add(struct hl_funnel *f, enum hl_stage from, enum hl_stage to, int64_t ms, unsigned times)
{
    while (times--) hl_funnel_add(f, from, to, ms);
}

static void the_stays_of_a_stage_add_up(void **state)
{
    struct hl_funnel *f = fresh();
    (void)state;
    add(f, HL_STAGE_LEAD, HL_STAGE_MQL, DAY, 10);
    add(f, HL_STAGE_MQL, HL_STAGE_SQL, DAY, 3);
    add(f, HL_STAGE_MQL, HL_STAGE_LEAD, 2 * DAY, 2);
    add(f, HL_STAGE_MQL, HL_STAGE_UNQUALIFIED, DAY, 1);
    add(f, HL_STAGE_UNQUALIFIED, HL_STAGE_MQL, 30 * DAY, 2);
    struct hl_funnel_stage s = hl_funnel_stage(f, HL_STAGE_MQL, 6);
    assert_int_equal(s.entered, 12);
    assert_int_equal(s.forward + s.back + s.out + s.open, s.entered);
    assert_int_equal(s.back, 2);
    assert_int_equal(s.out, 1);
    assert_true(s.conversion == 0.25);
    assert_int_equal(s.median_ms, DAY); /* those who went back took two, and do not count */
    assert_true(hl_funnel_stage(f, HL_STAGE_CUSTOMER, 0).conversion < 0);
    assert_int_equal(hl_funnel_stage(f, HL_STAGE_UNQUALIFIED, 0).median_ms, -1); /* no step of the funnel */
    free(f);
}

static void a_median_is_exact_among_equals_and_near_else(void **state)
{
    struct hl_funnel *f = fresh();
    (void)state;
    add(f, HL_STAGE_LEAD, HL_STAGE_MQL, 0, 1);
    assert_int_equal(hl_funnel_stage(f, HL_STAGE_LEAD, 0).median_ms, 0);
    for (int64_t ms = 1; ms <= 4000; ms++) add(f, HL_STAGE_SQL, HL_STAGE_OPPORTUNITY, ms * 1000, 1);
    struct hl_funnel_stage s = hl_funnel_stage(f, HL_STAGE_SQL, 0);
    assert_in_range(s.median_ms, 2000000 * 91 / 100, 2000000 * 109 / 100);
    assert_in_range(s.p90_ms, 3600000 * 91 / 100, 3600000 * 109 / 100);
    add(f, HL_STAGE_MQL, HL_STAGE_SQL, INT64_MAX, 1);
    assert_int_equal(hl_funnel_stage(f, HL_STAGE_MQL, 0).median_ms, INT64_MAX);
    add(f, HL_STAGE_SAL, HL_STAGE_SQL, -1, 5); /* not known */
    assert_int_equal(hl_funnel_stage(f, HL_STAGE_SAL, 0).median_ms, -1);
    assert_int_equal(hl_funnel_stage(f, HL_STAGE_SAL, 0).forward, 5);
    free(f);
}

static void the_bottleneck_and_the_slowest_are_named_when_there_is_enough_to_judge(void **state)
{
    struct hl_funnel *f = fresh();
    uint64_t open[HL_STAGE_COUNT] = {[HL_STAGE_ANONYMOUS] = 1000000, [HL_STAGE_LEAD] = 60, [HL_STAGE_MQL] = 20, [HL_STAGE_OPPORTUNITY] = 9};
    (void)state;
    struct hl_funnel_verdict v = hl_funnel_judge(f, (uint64_t[HL_STAGE_COUNT]){0}, true);
    assert_int_equal(v.bottleneck, HL_STAGE_COUNT);
    assert_int_equal(v.slowest, HL_STAGE_COUNT);
    add(f, HL_STAGE_LEAD, HL_STAGE_MQL, DAY, 40);     /* 40 % */
    add(f, HL_STAGE_MQL, HL_STAGE_SQL, 9 * DAY, 20);  /* 50 % */
    v = hl_funnel_judge(f, open, false);
    assert_int_equal(v.bottleneck, HL_STAGE_LEAD); /* not the anonymous, and not the nine opportunities of which none went on */
    assert_int_equal(v.slowest, HL_STAGE_MQL);
    open[HL_STAGE_OPPORTUNITY] = 10;
    assert_int_equal(hl_funnel_judge(f, open, false).bottleneck, HL_STAGE_OPPORTUNITY);
    assert_int_equal(hl_funnel_next(HL_STAGE_MQL, false), HL_STAGE_SQL);
    assert_int_equal(hl_funnel_next(HL_STAGE_MQL, true), HL_STAGE_SAL);
    assert_int_equal(hl_funnel_next(HL_STAGE_EVANGELIST, true), HL_STAGE_COUNT);
    assert_int_equal(hl_funnel_next(HL_STAGE_UNQUALIFIED, true), HL_STAGE_COUNT);
    free(f);
}

static void the_stored_form_comes_back_and_damage_is_refused(void **state)
{
    struct hl_funnel *f = fresh(), *g = fresh(), *twice = fresh();
    struct hl_buf b;
    (void)state;
    f->since = 1728000000000;
    for (int s = 0; s < HL_STAGE_COUNT; s++)
        for (int t = 0; t < HL_STAGE_COUNT; t++) add(f, (enum hl_stage)s, (enum hl_stage)t, (int64_t)s * t * 1000003, 1 + (unsigned)(s * t) % 5);
    hl_buf_init(&b);
    hl_funnel_encode(f, &b);
    assert_int_equal(hl_funnel_decode(g, hl_buf_slice(&b)), HL_OK);
    assert_memory_equal(f, g, sizeof *f);
    hl_funnel_merge(g, f);
    assert_int_equal(hl_funnel_decode(f, hl_buf_slice(&b)), HL_OK);
    assert_memory_equal(f, g, sizeof *f);
    for (size_t cut = 0; cut < b.len; cut++)
        assert_int_equal(hl_funnel_decode(twice, (struct hl_slice){(const char *)b.data, cut}), HL_E_DECODE);
    b.data[0] = 9;
    assert_int_equal(hl_funnel_decode(twice, hl_buf_slice(&b)), HL_E_DECODE);
    assert_int_equal(hl_funnel_decode(twice, HL_SLICE_LIT("\x01\x00\xff\xff\x03\x01\x00\x00")), HL_E_DECODE); /* no such move */
    assert_int_equal(hl_funnel_decode(twice, HL_SLICE_LIT("\x01\x00\x00\xff\xff\x03\x01\x01\x00")), HL_E_DECODE); /* no such bucket */
    hl_buf_fini(&b);
    free(f);
    free(g);
    free(twice);
}

static void figures_are_told_as_json(void **state)
{
    struct hl_funnel *f = fresh();
    uint64_t open[HL_STAGE_COUNT] = {[HL_STAGE_MQL] = 15};
    struct hl_buf b;
    (void)state;
    add(f, HL_STAGE_LEAD, HL_STAGE_MQL, DAY, 20);
    add(f, HL_STAGE_MQL, HL_STAGE_SQL, 3 * DAY, 5);
    hl_buf_init(&b);
    hl_buf_put_u8(&b, '{');
    hl_funnel_put_json(f, open, false, false, &b);
    hl_buf_put(&b, "}", 2);
    const char *text = (const char *)b.data;
    assert_non_null(strstr(text, "{\"stage\":\"anonymous\",\"now\":0,\"entered\":null,\"next\":\"subscriber\",\"forward\":0,\"back\":0,\"out\":0,\"conversion\":null,"));
    assert_non_null(strstr(text, "{\"stage\":\"mql\",\"now\":15,\"entered\":20,\"next\":\"sql\",\"forward\":5,\"back\":0,\"out\":0,\"conversion\":0.25,"
                                 "\"median_ms\":259200000,\"p90_ms\":259200000}"));
    assert_null(strstr(text, "\"sal\""));
    assert_non_null(strstr(text, "{\"stage\":\"disqualified\",\"now\":0,\"entered\":0,\"next\":null}]"));
    assert_non_null(strstr(text, "\"bottleneck\":{\"from\":\"mql\",\"to\":\"sql\",\"conversion\":0.25,\"median_ms\":259200000}"));
    hl_buf_fini(&b);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stays_of_a_stage_add_up),
        cmocka_unit_test(a_median_is_exact_among_equals_and_near_else),
        cmocka_unit_test(the_bottleneck_and_the_slowest_are_named_when_there_is_enough_to_judge),
        cmocka_unit_test(the_stored_form_comes_back_and_damage_is_refused),
        cmocka_unit_test(figures_are_told_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
