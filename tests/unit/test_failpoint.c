#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hotlead/base/failpoint.h"
#include "hotlead/base/log.h"

#ifdef HL_WITH_FAILPOINTS

static void set(const char *text)
{
    struct hl_error err = {0};
    if (hl_failpoints_set(text, &err)) fail_msg("%s", err.message);
}

static void names_differ_and_every_point_can_be_set(void **state)
{
    (void)state;
    char text[128];
    for (enum hl_failpoint i = 0; i < HL_FAILPOINT_COUNT; i++) {
        for (enum hl_failpoint j = 0; j < i; j++) assert_string_not_equal(hl_failpoint_name(i), hl_failpoint_name(j));
        snprintf(text, sizeof(text), "%s=%s", hl_failpoint_name(i), hl_failpoint_fails(i) ? "error" : "sleep:0");
        set(text);
        assert_int_equal(hl_failpoint_pass(i), hl_failpoint_fails(i));
    }
}

static void nothing_happens_where_nothing_is_set(void **state)
{
    (void)state;
    set(NULL);
    for (enum hl_failpoint i = 0; i < HL_FAILPOINT_COUNT; i++) assert_false(hl_failpoint_pass(i));
    set("commit.before_end=error");
    assert_false(HL_FAILPOINT_ERROR(COMMIT_AFTER_END));
}

static void an_error_comes_at_the_passing_that_was_named_or_at_all(void **state)
{
    (void)state;
    set("commit.before_end=error@3;;commit.after_end=error");
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(HL_FAILPOINT_ERROR(COMMIT_BEFORE_END), i == 3);
        assert_true(HL_FAILPOINT_ERROR(COMMIT_AFTER_END));
    }
    set("commit.before_end=error@1"); /* the count starts again */
    assert_true(HL_FAILPOINT_ERROR(COMMIT_BEFORE_END));
}

/* How a child ends that passes commit.begin so often. */
static int end_of(const char *text, int passings)
{
    pid_t child = fork();
    if (child == 0) {
        set(text);
        while (passings-- > 0) HL_FAILPOINT(COMMIT_BEGIN);
        for (int i = 0; strstr(text, "crash:") && i < 500; i++) usleep(10000);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_crash_is_a_kill_of_the_process_at_its_passing(void **state)
{
    (void)state;
    assert_int_equal(end_of("commit.begin=crash@3", 2), 0);
    assert_int_equal(end_of("commit.begin=crash@3", 3), SIGKILL);
    assert_int_equal(end_of("commit.begin=crash", 1), SIGKILL);
    assert_int_equal(end_of("commit.begin=crash:1", 1), SIGALRM);
}

static void refused(const char *text, const char *why)
{
    struct hl_error err = {0};
    assert_int_equal(hl_failpoints_set(text, &err), HL_E_USAGE);
    if (!strstr(err.message, why)) fail_msg("'%s' says: %s", text, err.message);
}

static void what_cannot_be_read_is_refused_with_the_reason(void **state)
{
    (void)state;
    refused("commit.begin", "'commit.begin': expected NAME=ACTION");
    refused("commit.begin=sleep:0;commit.middle=crash", "'commit.middle=crash': there is no such point");
    refused("commit.begin=explode", "expected crash");
    refused("commit.begin=sleep", "expected crash");
    refused("commit.begin=none", "expected crash");
    refused("commit.before_end=error:3", "expected crash");
    refused("commit.begin=sleep:-1", "milliseconds are 0 to 3600000");
    refused("commit.begin=sleep:x", "milliseconds are 0 to 3600000");
    refused("commit.begin=crash@0", "counts passings from 1");
    refused("commit.begin=crash@", "counts passings from 1");
    refused("commit.begin=error", "no error path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_differ_and_every_point_can_be_set),
        cmocka_unit_test(nothing_happens_where_nothing_is_set),
        cmocka_unit_test(an_error_comes_at_the_passing_that_was_named_or_at_all),
        cmocka_unit_test(a_crash_is_a_kill_of_the_process_at_its_passing),
        cmocka_unit_test(what_cannot_be_read_is_refused_with_the_reason),
    };
    hl_log_set_level(HL_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void without_failpoints_the_macros_do_nothing(void **state)
{
    (void)state;
    HL_FAILPOINT(COMMIT_BEGIN);
    assert_false(HL_FAILPOINT_ERROR(COMMIT_BEFORE_END));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(without_failpoints_the_macros_do_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
