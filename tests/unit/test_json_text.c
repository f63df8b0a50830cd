/* Points and texts as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/json_text.h"

static void expect_points(hl_fixed v, const char *text)
{
    struct hl_buf b;
    hl_buf_init(&b);
    hl_json_put_points(&b, v);
    hl_buf_put_u8(&b, 0);
    assert_false(b.failed);
    assert_string_equal((const char *)b.data, text);
    hl_buf_fini(&b);
}

static void expect_text(struct hl_slice s, const char *text)
{
    struct hl_buf b;
    hl_buf_init(&b);
    hl_json_put_text(&b, s);
    hl_buf_put_u8(&b, 0);
    assert_string_equal((const char *)b.data, text);
    hl_buf_fini(&b);
}

static void points_are_written_without_needless_zeros(void **state)
{
    (void)state;
    expect_points(0, "0");
    expect_points(HL_FIXED_OF_INT(60), "60");
    expect_points(HL_FIXED_ONE / 2, "0.5");
    expect_points(-HL_FIXED_ONE / 4 - HL_FIXED_OF_INT(7), "-7.25");
    expect_points(HL_FIXED_ONE - 296, "0.999999931"); /* 296 x 2^-32 = 6.89e-8 */
}

static void points_are_rounded_to_nine_digits(void **state)
{
    (void)state;
    expect_points(1, "0");                     /* 2.3e-10 */
    expect_points(-2, "0");                    /* 4.7e-10, and no minus sign left alone */
    expect_points(3, "0.000000001");           /* 7.0e-10 */
    expect_points(-3, "-0.000000001");
    expect_points(HL_FIXED_ONE - 1, "1");      /* 0.99999999977 */
    expect_points(HL_FIXED_ONE - 5, "0.999999999");
    expect_points(1 - HL_FIXED_OF_INT(10), "-10");
}

static void the_ends_of_the_range_are_written(void **state)
{
    (void)state;
    expect_points(INT64_MAX, "2147483648");
    expect_points(INT64_MIN, "-2147483648");
    expect_points(HL_FIXED_OF_INT(INT32_MAX), "2147483647");
}

static void texts_are_escaped(void **state)
{
    (void)state;
    expect_text(HL_SLICE_NULL, "null");
    expect_text(HL_SLICE_LIT(""), "\"\"");
    expect_text(HL_SLICE_LIT("a\"b\\c\n\x01\x1f/é"), "\"a\\\"b\\\\c\\u000a\\u0001\\u001f/é\"");
    expect_text(HL_SLICE_LIT("\"\""), "\"\\\"\\\"\"");
}

static void whole_numbers_are_written_to_their_ends(void **state)
{
    (void)state;
    struct hl_buf b;
    hl_buf_init(&b);
    hl_json_put_int(&b, INT64_MIN);
    hl_json_put_raw(&b, " ");
    hl_json_put_int(&b, 0);
    hl_json_put_raw(&b, " ");
    hl_json_put_int(&b, INT64_MAX);
    assert_true(hl_slice_eq_cstr(hl_buf_slice(&b), "-9223372036854775808 0 9223372036854775807"));
    hl_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_written_without_needless_zeros), cmocka_unit_test(points_are_rounded_to_nine_digits),
        cmocka_unit_test(the_ends_of_the_range_are_written),         cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(whole_numbers_are_written_to_their_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
