#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hotlead/base/slice.h"

#define LIT HL_SLICE_LIT

static void trim_takes_ascii_space_from_both_ends_only(void **state)
{
    (void)state;
    assert_true(hl_slice_eq(hl_slice_trim(LIT(" \t\n\v\f\ra b \r\n")), LIT("a b")));
    assert_int_equal(hl_slice_trim(LIT(" \t ")).len, 0);
    assert_int_equal(hl_slice_trim(LIT("")).len, 0);
    assert_true(hl_slice_is_null(hl_slice_trim(HL_SLICE_NULL)));
    assert_true(hl_slice_eq(hl_slice_trim(LIT("\xc2\xa0x")), LIT("\xc2\xa0x")));
}

static void case_is_folded_for_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(hl_slice_eq_nocase(LIT("VP Sales"), LIT("vp sALES")));
    assert_false(hl_slice_eq_nocase(LIT("vp"), LIT("vps")));
    assert_false(hl_slice_eq_nocase(LIT("@[`{"), LIT("`{@[")));
    assert_false(hl_slice_eq_nocase(LIT("\xc3\x89"), LIT("\xc3\xa9")));
    assert_true(hl_slice_eq_nocase(HL_SLICE_NULL, LIT("")));
}

static void integers_parse_up_to_both_ends_of_their_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0}, {"-0", 0}, {"+7", 7}, {"007", 7}, {"-42", -42}, {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t v = 99;
        assert_true(hl_slice_parse_i64(hl_slice_of(good[i].text), &v));
        assert_true(v == good[i].value);
    }
    static const char *const bad[] = {"",   "-",   "+",    " 1",   "1 ", "1.0", "0x1", "--1",
                                      "1e3", "9223372036854775808", "-9223372036854775809", "99999999999999999999", "1-"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t v = 99;
        assert_false(hl_slice_parse_i64(hl_slice_of(bad[i]), &v));
        assert_int_equal(v, 99);
    }
    int64_t v;
    assert_false(hl_slice_parse_i64(HL_SLICE_NULL, &v));
}

/* The decoder of RFC 3629 written out the long way. */
static bool reference_utf8(const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = p[i] < 0x80 ? 1 : (p[i] & 0xe0) == 0xc0 ? 2 : (p[i] & 0xf0) == 0xe0 ? 3 : (p[i] & 0xf8) == 0xf0 ? 4 : 0;
        if (n == 0 || i + n > len) return false;
        uint32_t code = n == 1 ? p[i] : p[i] & (0x7fu >> n);
        for (size_t k = 1; k < n; k++) {
            if ((p[i + k] & 0xc0) != 0x80) return false;
            code = code << 6 | (p[i + k] & 0x3f);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
        i += n;
    }
    return true;
}

static void utf8_agrees_with_the_definition_on_all_short_strings(void **state)
{
    (void)state;
    unsigned char s[4];
    for (uint32_t two = 0; two < 0x10000; two++) {
        s[0] = (unsigned char)(two >> 8);
        s[1] = (unsigned char)two;
        assert_true(hl_utf8_is_valid((struct hl_slice){(char *)s, 2}) == reference_utf8(s, 2));
        static const unsigned char tails[][2] = {{0x80, 0x80}, {0xbf, 0xbf}, {0x7f, 0x80}, {0x80, 0xc0}};
        for (size_t k = 0; k < 4; k++) {
            s[2] = tails[k][0];
            s[3] = tails[k][1];
            for (size_t len = 3; len <= 4; len++)
                assert_true(hl_utf8_is_valid((struct hl_slice){(char *)s, len}) == reference_utf8(s, len));
        }
    }
}

static void utf8_is_checked_after_a_long_run_of_ascii(void **state)
{
    (void)state;
    char text[64];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)0xff;
        assert_false(hl_utf8_is_valid((struct hl_slice){text, sizeof text}));
        text[i] = 'a';
        assert_true(hl_utf8_is_valid((struct hl_slice){text, i}));
    }
    text[63] = (char)0xc3;
    assert_false(hl_utf8_is_valid((struct hl_slice){text, sizeof text}));
    assert_true(hl_utf8_is_valid(HL_SLICE_NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trim_takes_ascii_space_from_both_ends_only),
        cmocka_unit_test(case_is_folded_for_ascii_letters_only),
        cmocka_unit_test(integers_parse_up_to_both_ends_of_their_range),
        cmocka_unit_test(utf8_agrees_with_the_definition_on_all_short_strings),
        cmocka_unit_test(utf8_is_checked_after_a_long_run_of_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
