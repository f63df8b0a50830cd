#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hotlead/app/trace.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static void a_sampled_trace_is_taken(void **state)
{
    (void)state;
    static const char *const good[] = {"00-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN "-ff", "cc-" TRACE "-" SPAN "-01",
                                       "cc-" TRACE "-" SPAN "-01-what-the-future-brings"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct hl_trace t = {{0}, {0}};
        assert_true(hl_trace_parse(hl_slice_of(good[i]), &t));
        assert_string_equal(t.trace_id, TRACE);
        assert_string_equal(t.span_id, SPAN);
    }
}

static void what_is_malformed_or_not_sampled_is_left_alone(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00-" TRACE "-" SPAN "-00",                                  /* nobody kept it */
        "00-" TRACE "-" SPAN "-0",                                   /* cut */
        "00-" TRACE "-" SPAN "-01-more",                             /* version 00 has no more */
        "cc-" TRACE "-" SPAN "-01.more",
        "ff-" TRACE "-" SPAN "-01",
        "0x-" TRACE "-" SPAN "-01",
        "00-" TRACE "-" SPAN "-0g",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",           /* upper case */
        "00-0af7651916cd43dd8448eb211c80\"}9c-" SPAN "-01",          /* what would end a label */
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
    };
    struct hl_trace t = {"kept", "kept"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (hl_trace_parse(hl_slice_of(bad[i]), &t)) fail_msg("taken: %s", bad[i]);
    }
    assert_false(hl_trace_parse(HL_SLICE_NULL, &t));
    assert_string_equal(t.trace_id, "kept");
    assert_string_equal(t.span_id, "kept");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sampled_trace_is_taken),
        cmocka_unit_test(what_is_malformed_or_not_sampled_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
