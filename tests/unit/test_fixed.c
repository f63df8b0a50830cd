/* Fixed point: the tables against the mathematics, parsing, saturation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hotlead/base/fixed.h"
#include "hotlead/base/status.h"

#define FRACTION (UINT64_C(1) << 48)

static void powers_of_two_are_within_the_stated_error(void **state)
{
    (void)state;
    uint64_t x = 1;
    for (int i = 0; i < 300000; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t f = x >> 16;
        long double exact = exp2l((long double)f / 0x1p48L), got = (long double)hl_exp2_q62(f) / 0x1p62L;
        assert_true(fabsl(got / exact - 1) < 2 * 0x1p-52L);
    }
}

static void every_table_entry_is_the_power_it_stands_for(void **state)
{
    (void)state;
    for (unsigned table = 0; table < 3; table++)
        for (uint64_t i = 0; i < 256; i++) {
            uint64_t f = i << (40 - 8 * table);
            long double exact = exp2l((long double)f / 0x1p48L) * 0x1p62L;
            assert_true(fabsl((long double)hl_exp2_q62(f) - exact) <= 4); /* units of 2^-62; exp2l itself is good to 0.5 */
        }
    assert_int_equal(hl_exp2_q62(0), UINT64_C(1) << 62);
    assert_true(hl_exp2_q62(FRACTION - 1) < UINT64_C(1) << 63);
}

static void powers_of_two_never_fall_as_the_exponent_grows(void **state)
{
    (void)state;
    for (uint64_t at = 0; at < FRACTION; at += FRACTION / 65536) /* every boundary of the first two tables */
        for (uint64_t f = at ? at - 3 : 0; f < at + 3; f++) assert_true(hl_exp2_q62(f) < hl_exp2_q62(f + 1));
    for (uint64_t f = (UINT64_C(77) << 24) - 3; f < (UINT64_C(77) << 24) + 3; f++) assert_true(hl_exp2_q62(f) < hl_exp2_q62(f + 1));
}

static void the_script_reproduces_the_table(void **state)
{
    (void)state;
    int status = system("command -v python3 >/dev/null");
    if (status != 0) skip();
    status = system("python3 '" HL_SOURCE_DIR "/tests/support/make_exp2_table.py' | cmp - '" HL_SOURCE_DIR "/src/base/exp2_table.inc'");
    assert_int_equal(status, 0);
}

static void half_lives_agree_with_division(void **state)
{
    (void)state;
    const int64_t ms[] = {1, 2, 3, 10, 999, 1000, 86400000, 2592000000, 1209600000, INT64_C(1) << 45, (INT64_C(1) << 45) - 1};
    const int64_t dt[] = {0, 1, 2, 999, 86400000, 2592000000, 103680000000, INT64_C(1) << 44, INT64_C(1) << 45};
    for (size_t i = 0; i < HL_ARRAY_LEN(ms); i++)
        for (size_t j = 0; j < HL_ARRAY_LEN(dt); j++) {
            unsigned __int128 exact = ((unsigned __int128)(uint64_t)dt[j] << 48) / (uint64_t)ms[i];
            uint64_t got = hl_half_lives(hl_half_life_of(ms[i]), dt[j]);
            if (exact > UINT64_MAX) {
                assert_true(got == UINT64_MAX);
                continue;
            }
            assert_true(got <= exact && (uint64_t)exact - got <= 1 + (uint64_t)(exact >> 62));
        }
    assert_int_equal(hl_half_life_of(0).ms, 0);
    assert_int_equal(hl_half_lives(hl_half_life_of(1000), -5), 0);
}

struct number {
    const char *text;
    bool ok;
    hl_fixed value;
};

static void decimals_parse_exactly_or_not_at_all(void **state)
{
    (void)state;
    const struct number numbers[] = {
        {"12", true, HL_FIXED_OF_INT(12)},
        {"-0.25", true, -HL_FIXED_ONE / 4},
        {"+3.0", true, HL_FIXED_OF_INT(3)},
        {"007", true, HL_FIXED_OF_INT(7)},
        {"-0", true, 0},
        {"0.00000000023283064365386962890625", true, 1},               /* 2^-32 */
        {"0.000000000116415321826934814453125", true, 1},              /* 2^-33: a tie, away from zero */
        {"-0.000000000116415321826934814453125", true, -1},
        {"0.000000000116415321826934814453124", true, 0},
        {"0.0000000001164153218269348144531249999999999999999999", true, 0},
        {"0.1", true, 429496730},
        {"2147483647", true, HL_FIXED_OF_INT(2147483647)},
        {"2147483647.9999999999", false, 0}, /* rounds to 2^31 */
        {"2147483648", false, 0},
        {"99999999999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {".5", false, 0},
        {"5.", false, 0},
        {"1e3", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1,5", false, 0},
        {"--1", false, 0},
        {"0x10", false, 0},
        {"nan", false, 0},
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(numbers); i++) {
        hl_fixed v = 0;
        if (hl_fixed_parse(hl_slice_of(numbers[i].text), &v) != numbers[i].ok || v != numbers[i].value)
            fail_msg("\"%s\" gave %lld", numbers[i].text, (long long)v);
    }
    assert_false(hl_fixed_parse(HL_SLICE_NULL, &(hl_fixed){0}));
}

static void sums_stop_at_the_ends_of_the_range(void **state)
{
    (void)state;
    assert_int_equal(hl_fixed_add(1, 2), 3);
    assert_true(hl_fixed_add(INT64_MAX, 1) == INT64_MAX);
    assert_true(hl_fixed_add(INT64_MIN, -1) == INT64_MIN);
    assert_true(hl_fixed_add(INT64_MAX, INT64_MIN) == -1);
    assert_true(hl_fixed_to_double(HL_FIXED_ONE * 3 / 2) == 1.5);
    assert_true(hl_fixed_to_double(-1) == -0x1p-32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_of_two_are_within_the_stated_error),
        cmocka_unit_test(every_table_entry_is_the_power_it_stands_for),
        cmocka_unit_test(powers_of_two_never_fall_as_the_exponent_grows),
        cmocka_unit_test(the_script_reproduces_the_table),
        cmocka_unit_test(half_lives_agree_with_division),
        cmocka_unit_test(decimals_parse_exactly_or_not_at_all),
        cmocka_unit_test(sums_stop_at_the_ends_of_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
