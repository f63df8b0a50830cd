#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "hotlead/base/hist.h"

static struct hl_hist h, other;

static int fresh(void **state)
{
    (void)state;
    hl_hist_init(&h);
    hl_hist_init(&other);
    return 0;
}

static void an_empty_histogram_answers_zero(void **state)
{
    (void)state;
    assert_true(hl_hist_quantile(&h, 0.5) == 0);
    assert_true(hl_hist_count_le(&h, UINT64_MAX) == 0);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t v = 0; v < 64; v++) hl_hist_put(&h, v);
    assert_true(hl_hist_quantile(&h, 0) == 0);
    assert_true(hl_hist_quantile(&h, 0.5) == 31);
    assert_true(hl_hist_quantile(&h, 1) == 63);
    for (uint64_t v = 0; v < 64; v++) assert_true(hl_hist_count_le(&h, v) == v + 1);
    assert_true(h.count == 64 && h.sum == 63 * 64 / 2 && h.max == 63);
}

static void the_relative_error_is_at_most_one_in_32(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 64; shift++) {
        for (uint64_t step = 0; step < 64; step++) {
            uint64_t v = (((uint64_t)1 << shift) | (step << shift >> 6));
            hl_hist_init(&h);
            hl_hist_put(&h, v);
            hl_hist_put(&h, UINT64_MAX); /* so that the maximum does not make it exact */
            uint64_t q = hl_hist_quantile(&h, 0.5);
            assert_true(q >= v);
            assert_true(q - v <= v / 32);
        }
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void quantiles_follow_the_sorted_values(void **state)
{
    (void)state;
    enum { N = 5000 };
    static uint64_t values[N];
    uint64_t x = 42;
    for (int i = 0; i < N; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        values[i] = x >> (20 + (x >> 59));
        hl_hist_put(&h, values[i]);
    }
    qsort(values, N, sizeof *values, compare);
    for (int percent = 1; percent <= 100; percent++) {
        uint64_t exact = values[N * percent / 100 - 1], q = hl_hist_quantile(&h, percent / 100.0);
        assert_true(q >= exact && q - exact <= exact / 32);
    }
    assert_true(hl_hist_quantile(&h, 1) == values[N - 1]);
}

static void counts_below_a_bound_never_fall_as_it_rises(void **state)
{
    (void)state;
    for (uint64_t v = 1; v < 1000000; v = v * 5 / 4 + 1) hl_hist_put_n(&h, v, 3);
    uint64_t before = 0;
    for (uint64_t bound = 0; bound < 2000000; bound = bound * 9 / 8 + 1) {
        uint64_t n = hl_hist_count_le(&h, bound);
        assert_true(n >= before);
        before = n;
    }
    assert_true(before == h.count);
    assert_true(hl_hist_count_le(&h, h.max) == h.count);
}

static void a_merge_is_the_same_as_putting_everything_in_one(void **state)
{
    (void)state;
    static struct hl_hist all;
    hl_hist_init(&all);
    for (uint64_t v = 1; v < 1 << 20; v = v * 3 / 2 + 1) {
        hl_hist_put(v % 2 ? &h : &other, v);
        hl_hist_put(&all, v);
    }
    hl_hist_merge(&h, &other);
    assert_true(h.count == all.count && h.sum == all.sum && h.max == all.max);
    for (int i = 0; i < HL_HIST_BUCKETS; i++) assert_true(h.buckets[i] == all.buckets[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_histogram_answers_zero, fresh),
        cmocka_unit_test_setup(small_values_are_exact, fresh),
        cmocka_unit_test_setup(the_relative_error_is_at_most_one_in_32, fresh),
        cmocka_unit_test_setup(quantiles_follow_the_sorted_values, fresh),
        cmocka_unit_test_setup(counts_below_a_bound_never_fall_as_it_rises, fresh),
        cmocka_unit_test_setup(a_merge_is_the_same_as_putting_everything_in_one, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
