#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hotlead/base/iso8601.h"

static void moments_with_an_offset_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-22T10:00:00.123Z", 1795341600123},
        {"2026-11-22T10:00:00.123999999Z", 1795341600123},
        {"2026-11-22T10:00:00,5Z", 1795341600500},
        {"2026-11-22t11:00:00+01:00", 1795341600000},
        {"2026-11-22 11:00+0100", 1795341600000},
        {"2026-11-22T04:30:00-05:30", 1795341600000},
        {"2026-11-22T11:00+01", 1795341600000},
        {"2024-02-29T00:00:00z", 1709164800000},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"1969-12-31T23:59:59.999Z", -1},
        {"0000-01-01T00:00:00Z", -62167219200000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ms = 42;
        if (!hl_iso8601_parse(hl_slice_of(good[i].text), &ms) || ms != good[i].ms) fail_msg("%s: %lld", good[i].text, (long long)ms);
    }
}

static void what_names_no_moment_is_refused(void **state)
{
    static const char *const bad[] = {
        "", "2026", "2026-11-22", "2026-11-22T10:00:00", "2026-11-22T10:00:00.Z", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T10:60:00Z", "2026-11-22T10:00:61Z", "2026-11-22T10:00:00+24:00",
        "2026-11-22T10:00:00+01:60", "2026-11-22T10:00:00Z ", " 2026-11-22T10:00:00Z", "2026-11-22T10:00:00+1", "2026-11-00T10:00:00Z",
        "20261122T100000Z", "+2026-11-22T10:00:00Z", "2026-11-22T10:00:00+", "2026-11-22T10:00:00+01:", "2026-1-22T10:00:00Z",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms;
        if (hl_iso8601_parse(hl_slice_of(bad[i]), &ms)) fail_msg("'%s' was read as %lld", bad[i], (long long)ms);
    }
}

static void milliseconds_as_text_are_a_time_too(void **state)
{
    int64_t ms;
    (void)state;
    assert_true(hl_time_parse(HL_SLICE_LIT("1795341600123"), &ms));
    assert_int_equal(ms, 1795341600123);
    assert_true(hl_time_parse(HL_SLICE_LIT("2026-11-22T10:00:00Z"), &ms));
    assert_int_equal(ms, 1795341600000);
    assert_false(hl_time_parse(HL_SLICE_LIT("1795341600123.5"), &ms));
    assert_false(hl_time_parse(HL_SLICE_LIT("now"), &ms));
}

static void what_is_formatted_reads_back(void **state)
{
    char text[HL_ISO8601_SIZE];
    int64_t ms, back;
    (void)state;
    assert_string_equal(hl_iso8601_format(1795341600123, text), "2026-11-22T10:00:00.123Z");
    assert_string_equal(hl_iso8601_format(-1, text), "1969-12-31T23:59:59.999Z");
    assert_string_equal(hl_iso8601_format(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
    assert_string_equal(hl_iso8601_format(INT64_MIN, text), "0000-01-01T00:00:00.000Z");
    for (ms = -62167219200000; ms < 253402300800000; ms += 86400000LL * 37 + 12345677) {
        if (!hl_iso8601_parse(hl_slice_of(hl_iso8601_format(ms, text)), &back) || back != ms) fail_msg("%s", text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_with_an_offset_are_read),
        cmocka_unit_test(what_names_no_moment_is_refused),
        cmocka_unit_test(milliseconds_as_text_are_a_time_too),
        cmocka_unit_test(what_is_formatted_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
