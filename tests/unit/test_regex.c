#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "hotlead/adapter/regex.h"

static struct hl_matcher compile(const char *pattern)
{
    struct hl_matcher m = {0};
    struct hl_error err = {0};
    enum hl_status st = hl_regex_compile(pattern, &m, &err);
    if (st != HL_OK) print_error("%s\n", err.message);
    assert_int_equal(st, HL_OK);
    return m;
}

static bool matches(const char *pattern, struct hl_slice value)
{
    struct hl_matcher m = compile(pattern);
    bool yes = m.match(m.state, value);
    m.free(m.state);
    return yes;
}

static void a_pattern_matches_anywhere_in_the_value(void **state)
{
    (void)state;
    assert_true(matches("(?i)\\b(student|intern)\\b", HL_SLICE_LIT("Summer INTERN, Berlin")));
    assert_false(matches("(?i)\\b(student|intern)\\b", HL_SLICE_LIT("Head of Internal Audit")));
    assert_true(matches("^$", HL_SLICE_LIT("")));
    assert_false(matches(".*", HL_SLICE_NULL));
}

static void a_value_is_utf8_text_and_need_not_be_valid(void **state)
{
    (void)state;
    assert_true(matches("^.$", HL_SLICE_LIT("\xC3\xBC")));
    assert_true(matches("(?i)^\xC3\x9C"
                        "ber",
                        HL_SLICE_LIT("\xC3\xBC"
                                     "ber")));
    assert_true(matches("ok", HL_SLICE_LIT("\xff\xfeok")));
    assert_false(matches("^ok", HL_SLICE_LIT("\xff\xfeok")));
    assert_true(matches("a\\x{0}b", HL_SLICE_LIT("a\0b")));
}

static void a_bad_pattern_is_refused_with_reason_and_offset(void **state)
{
    (void)state;
    struct hl_matcher m = {0};
    struct hl_error err = {0};
    assert_int_equal(hl_regex_compile("ab(c", &m, &err), HL_E_CONFIG);
    assert_string_equal(err.message, "missing closing parenthesis at offset 4 of the pattern");
    assert_int_equal(hl_regex_compile("*x", &m, &err), HL_E_CONFIG);
    assert_non_null(strstr(err.message, "quantifier does not follow a repeatable item at offset "));
    assert_int_equal(hl_regex_compile("\xff", &m, &err), HL_E_CONFIG);
    char long_one[5000];
    memset(long_one, 'a', sizeof(long_one) - 1);
    long_one[sizeof(long_one) - 1] = 0;
    assert_int_equal(hl_regex_compile(long_one, &m, &err), HL_E_CONFIG);
    assert_string_equal(err.message, "pattern longer than 4096 bytes");
    assert_null(m.state);
}

static void a_match_that_would_take_for_ever_is_no_match_and_counted(void **state)
{
    (void)state;
    uint64_t before = hl_regex_limit_hits();
    assert_false(matches("^(a+)+$", HL_SLICE_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")));
    assert_int_equal(hl_regex_limit_hits(), before + 1);
    assert_false(matches("x", HL_SLICE_LIT("y"))); /* a plain miss is not counted */
    assert_int_equal(hl_regex_limit_hits(), before + 1);
}

struct job {
    struct hl_matcher m;
    unsigned wrong;
};

static void *match_many(void *arg)
{
    struct job *job = arg;
    for (unsigned i = 0; i < 20000; i++) {
        char text[32];
        int len = snprintf(text, sizeof(text), "user-%u", i);
        bool odd = i % 2;
        if (job->m.match(job->m.state, (struct hl_slice){text, (size_t)len}) != odd) job->wrong++;
    }
    return NULL;
}

static void one_pattern_serves_many_threads(void **state)
{
    (void)state;
    struct hl_matcher m = compile("^user-[0-9]*[13579]$");
    struct job jobs[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        jobs[i] = (struct job){m, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, match_many, &jobs[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].wrong, 0);
    }
    m.free(m.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_matches_anywhere_in_the_value),
        cmocka_unit_test(a_value_is_utf8_text_and_need_not_be_valid),
        cmocka_unit_test(a_bad_pattern_is_refused_with_reason_and_offset),
        cmocka_unit_test(a_match_that_would_take_for_ever_is_no_match_and_counted),
        cmocka_unit_test(one_pattern_serves_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
