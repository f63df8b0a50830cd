/* hotlead-load: when events are due, and which contacts they are for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "load/schedule.h"
#include "load/zipf.h"

#define SECOND INT64_C(1000000000)

static struct hl_schedule s;

static void plan(enum hl_profile p, struct hl_shape shape)
{
    hl_schedule_init(&s, p, &shape);
}

/* All moments of a schedule; checks that none is before the one before it, and that each is where the area under the rate says. */
static uint64_t walk(void)
{
    struct hl_cursor c;
    int64_t at, before = 0;
    uint64_t n = 0;
    hl_cursor_init(&c, &s);
    while ((at = hl_cursor_next(&c)) >= 0) {
        assert_true(at >= before);
        assert_true(at <= hl_schedule_length_ns(&s));
        uint64_t due = hl_schedule_count(&s, at + 10000); /* 10 us: rounding */
        if (due != n + 1) fail_msg("event %llu is due at %lld ns, by when %llu are due", (unsigned long long)n, (long long)at, (unsigned long long)due);
        before = at;
        n++;
    }
    assert_int_equal(hl_cursor_next(&c), -1);
    return n;
}

static void a_constant_rate_sends_at_even_distances(void **state)
{
    (void)state;
    struct hl_cursor c;
    plan(HL_PROFILE_constant, (struct hl_shape){.rate = 1000, .length_ns = SECOND});
    hl_cursor_init(&c, &s);
    for (int64_t i = 0; i < 1000; i++) assert_int_equal(hl_cursor_next(&c), i * 1000000);
    assert_int_equal(hl_cursor_next(&c), -1);
    assert_int_equal(hl_schedule_count(&s, 0), 0);
    assert_int_equal(hl_schedule_count(&s, 1), 1);
    assert_int_equal(hl_schedule_count(&s, SECOND / 2), 500);
    assert_int_equal(hl_schedule_count(&s, INT64_MAX), 1000);
}

static void a_ramp_sends_half_of_its_top_rate_on_the_average(void **state)
{
    (void)state;
    plan(HL_PROFILE_ramp, (struct hl_shape){.rate = 2000, .from = 0, .length_ns = 10 * SECOND});
    assert_int_equal(walk(), 10000);
    assert_int_equal(hl_schedule_count(&s, 5 * SECOND), 2500); /* a quarter of the area in the first half */
    plan(HL_PROFILE_ramp, (struct hl_shape){.rate = 0, .from = 2000, .length_ns = 10 * SECOND});
    assert_int_equal(walk(), 10000);
    assert_int_equal(hl_schedule_count(&s, 5 * SECOND), 7500);
}

static void steps_are_of_equal_height_and_length(void **state)
{
    (void)state;
    plan(HL_PROFILE_step, (struct hl_shape){.rate = 400, .steps = 4, .length_ns = 8 * SECOND});
    assert_int_equal(walk(), 2 * (100 + 200 + 300 + 400));
    assert_int_equal(hl_schedule_count(&s, 4 * SECOND), 600);
    assert_true(hl_schedule_top_rate(&s) == 400);
}

static void a_spike_is_in_the_middle_fifth(void **state)
{
    (void)state;
    plan(HL_PROFILE_spike, (struct hl_shape){.rate = 100, .peak = 1000, .length_ns = 10 * SECOND});
    assert_int_equal(walk(), 8 * 100 + 2 * 1000);
    assert_int_equal(hl_schedule_count(&s, 6 * SECOND) - hl_schedule_count(&s, 4 * SECOND), 2000);
    assert_true(hl_schedule_top_rate(&s) == 1000);
}

static void rates_that_do_not_divide_lose_no_event(void **state)
{
    (void)state;
    plan(HL_PROFILE_step, (struct hl_shape){.rate = 333.3, .steps = 7, .length_ns = 7 * SECOND + 3});
    assert_int_equal(walk(), hl_schedule_count(&s, INT64_MAX));
    plan(HL_PROFILE_constant, (struct hl_shape){.rate = 0.5, .length_ns = 9 * SECOND});
    assert_int_equal(walk(), 5); /* 0, 2, 4, 6, 8 s */
}

/* How often each of the first ranks comes, against the law. */
static void ranks_follow(double exponent, uint64_t n)
{
    enum { DRAWS = 400000, LOOKED_AT = 5 };
    struct hl_zipf z;
    double sum = 0, seen[LOOKED_AT] = {0};
    hl_zipf_init(&z, n, exponent, 42);
    for (uint64_t k = 1; k <= n; k++) sum += pow((double)k, -exponent);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t rank = hl_zipf_draw(&z);
        assert_true(rank < n);
        if (rank < LOOKED_AT) seen[rank]++;
    }
    for (unsigned k = 0; k < LOOKED_AT && k < n; k++) {
        double want = DRAWS * pow(k + 1.0, -exponent) / sum, tolerance = 5 * sqrt(want) + 1; /* five standard deviations */
        if (fabs(seen[k] - want) > tolerance) fail_msg("s %.2f: rank %u came %.0f times, not %.0f", exponent, k, seen[k], want);
    }
}

static void contacts_come_as_often_as_zipf_says(void **state)
{
    (void)state;
    static const double EXPONENTS[] = {0, 0.5, 0.67, 1, 1.1, 2, 5};
    for (size_t i = 0; i < sizeof(EXPONENTS) / sizeof(EXPONENTS[0]); i++) {
        ranks_follow(EXPONENTS[i], 1000);
        ranks_follow(EXPONENTS[i], 1);
        ranks_follow(EXPONENTS[i], 3);
    }
}

static void the_default_skew_gives_a_tenth_of_the_contacts_nearly_half_of_the_events(void **state)
{
    (void)state;
    struct hl_zipf z;
    int top = 0;
    hl_zipf_init(&z, 100000, 0.67, 1);
    for (int i = 0; i < 100000; i++) top += hl_zipf_draw(&z) < 10000;
    assert_in_range(top, 44000, 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_rate_sends_at_even_distances),
        cmocka_unit_test(a_ramp_sends_half_of_its_top_rate_on_the_average),
        cmocka_unit_test(steps_are_of_equal_height_and_length),
        cmocka_unit_test(a_spike_is_in_the_middle_fifth),
        cmocka_unit_test(rates_that_do_not_divide_lose_no_event),
        cmocka_unit_test(contacts_come_as_often_as_zipf_says),
        cmocka_unit_test(the_default_skew_gives_a_tenth_of_the_contacts_nearly_half_of_the_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
