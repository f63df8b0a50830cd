/* Ledger rows and the score. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"

#define HALF (30 * FX_DAY)
#define EPOCH (HL_EPOCH_HALF_LIVES * HALF)

static struct hl_score_rule rule_of(double points, int64_t half_life)
{
    return (struct hl_score_rule){.points = FX_POINTS(points), .half_life = hl_half_life_of(half_life), .group = -1};
}

static void a_row_halves_in_a_half_life(void **state)
{
    struct hl_score_rule rule = rule_of(10, HALF);
    struct hl_row row = {0};
    (void)state;
    hl_row_add(&row, &rule, FX_T0);
    fx_assert_near(hl_fixed_to_double(hl_row_value(&row, &rule, FX_T0)), 10, 1e-9);
    fx_assert_near(hl_fixed_to_double(hl_row_value(&row, &rule, FX_T0 + HALF)), 5, 1e-9);
    fx_assert_near(hl_fixed_to_double(hl_row_value(&row, &rule, FX_T0 + 20 * HALF)), 10 * exp2(-20), 1e-9);
    assert_int_equal(hl_row_value(&row, &rule, FX_T0 + 5000 * HALF), 0);
    assert_int_equal(hl_row_value(&row, &rule, INT64_MAX), 0);
}

static void without_a_half_life_nothing_decays(void **state)
{
    struct hl_score_rule rule = rule_of(-2.5, 0);
    struct hl_row row = {0};
    (void)state;
    hl_row_add(&row, &rule, FX_T0);
    hl_row_add(&row, &rule, 0);
    assert_int_equal(hl_row_value(&row, &rule, INT64_MAX), FX_POINTS(-5));
    assert_int_equal(row.epoch, 0);
}

static void a_row_passes_from_epoch_to_epoch_and_takes_late_events(void **state)
{
    struct hl_score_rule rule = rule_of(8, HALF);
    struct hl_row row = {0};
    int64_t edge = 20 * EPOCH;
    (void)state;
    hl_row_add(&row, &rule, edge - 1);
    assert_int_equal(row.epoch, 19);
    fx_assert_near(hl_fixed_to_double(hl_row_value(&row, &rule, edge + HALF)), 4, 1e-6); /* before anything of the next epoch */
    hl_row_add(&row, &rule, edge);
    assert_int_equal(row.epoch, 20);
    hl_row_add(&row, &rule, edge - HALF);
    hl_row_add(&row, &rule, edge - EPOCH - 1); /* two epochs back: worth nothing */
    fx_assert_near(hl_fixed_to_double(hl_row_value(&row, &rule, edge)), 8 + 8 + 4, 1e-6);
    hl_row_add(&row, &rule, edge + 2 * EPOCH);
    fx_assert_near(hl_fixed_to_double(hl_row_value(&row, &rule, edge + 2 * EPOCH)), 8, 1e-9);
}

static void extremes_saturate_and_do_not_wrap(void **state)
{
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct hl_score_rule rule = {.points = sign > 0 ? INT64_MAX : INT64_MIN, .half_life = hl_half_life_of(HALF), .group = -1};
        struct hl_row row = {0};
        for (int i = 0; i < 200; i++) hl_row_add(&row, &rule, 20 * EPOCH - 1);
        assert_true(hl_row_value(&row, &rule, 20 * EPOCH - 1) * sign > HL_FIXED_OF_INT(8388000)); /* 2^23 */
        hl_row_add(&row, &rule, 20 * EPOCH);
        assert_true(hl_row_value(&row, &rule, 20 * EPOCH) * sign > HL_FIXED_OF_INT(2147000000));
        rule.half_life = hl_half_life_of(1); /* runs out of epochs */
        hl_row_add(&row, &rule, INT64_MAX);
        assert_int_equal(row.epoch, UINT32_MAX);
        (void)hl_row_value(&row, &rule, INT64_MAX);
        rule.half_life = hl_half_life_of(INT64_C(1) << 45);
        row = (struct hl_row){.near_hi = INT64_MIN, .far = INT64_MIN, .near_lo = UINT32_MAX, .epoch = UINT32_MAX};
        hl_row_add(&row, &rule, FX_T0);
        (void)hl_row_value(&row, &rule, FX_T0);
    }
}

static void groups_are_capped_and_the_score_is_not_negative(void **state)
{
    struct fx f;
    (void)state;
    fx_init(&f);
    fx_usual(&f);
    int web = fx_group(&f, "web", 25);
    int mail = fx_group(&f, "mail", 0);
    f.m->groups[mail].has_max = false;
    fx_rule(&f, "page", FX_TYPE(PAGE_VIEWED), 10, 0)->group = web;
    fx_rule(&f, "file", FX_TYPE(FILE_DOWNLOADED), 10, 0)->group = web;
    fx_rule(&f, "click", FX_TYPE(EMAIL_CLICKED), 40, 0)->group = mail;
    fx_rule(&f, "unsubscribed", FX_TYPE(EMAIL_UNSUBSCRIBED), -100, 0);
    fx_seal(&f);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0, "seniority", "vp");
    fx_say(&f, PAGE_VIEWED, FX_T0);
    fx_say(&f, PAGE_VIEWED, FX_T0);
    assert_int_equal(fx_score(&f, FX_T0), FX_POINTS(20 + 20));
    fx_say(&f, FILE_DOWNLOADED, FX_T0);
    assert_int_equal(fx_score(&f, FX_T0), FX_POINTS(20 + 25));
    fx_say(&f, EMAIL_CLICKED, FX_T0);
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "-0.5");
    struct hl_score s = hl_score_at(&f.c, f.m, FX_T0);
    assert_int_equal(s.fit, FX_POINTS(20));
    assert_int_equal(s.behavior, FX_POINTS(25 + 40 - 0.5));
    assert_int_equal(s.total, FX_POINTS(84.5));
    fx_say(&f, EMAIL_UNSUBSCRIBED, FX_T0);
    assert_int_equal(hl_score_at(&f.c, f.m, FX_T0).behavior, FX_POINTS(-35.5));
    assert_int_equal(fx_score(&f, FX_T0), 0);
    fx_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_halves_in_a_half_life),
        cmocka_unit_test(without_a_half_life_nothing_decays),
        cmocka_unit_test(a_row_passes_from_epoch_to_epoch_and_takes_late_events),
        cmocka_unit_test(extremes_saturate_and_do_not_wrap),
        cmocka_unit_test(groups_are_capped_and_the_score_is_not_negative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
