#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hotlead/base/status.h"

static void every_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = HL_OK; i <= HL_E_INTERNAL; i++) {
        assert_string_not_equal(hl_status_name(i), "?");
        for (int j = HL_OK; j < i; j++) assert_string_not_equal(hl_status_name(i), hl_status_name(j));
    }
    assert_string_equal(hl_status_name(HL_E_MISSING), "missing-field");
    assert_string_equal(hl_status_name((enum hl_status)(HL_E_INTERNAL + 1)), "?");
    assert_string_equal(hl_status_name((enum hl_status)-1), "?");
}

static void an_error_keeps_code_action_and_message(void **state)
{
    (void)state;
    struct hl_error err;
    assert_int_equal(hl_error_set(&err, HL_E_SCHEMA, HL_SKIP, "schema %d", 7), HL_E_SCHEMA);
    assert_int_equal(err.code, HL_E_SCHEMA);
    assert_int_equal(err.action, HL_SKIP);
    assert_string_equal(err.message, "schema 7");
    assert_int_equal(hl_error_set(NULL, HL_E_IO, HL_RETRY, "nobody listens"), HL_E_IO);
}

static void a_long_message_is_cut_not_overrun(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    struct hl_error err;
    hl_error_set(&err, HL_E_INVALID, HL_STOP, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void exit_codes_follow_sysexits(void **state)
{
    (void)state;
    assert_int_equal(hl_status_exit_code(HL_OK), 0);
    assert_int_equal(hl_status_exit_code(HL_E_USAGE), 64);
    assert_int_equal(hl_status_exit_code(HL_E_DECODE), 65);
    assert_int_equal(hl_status_exit_code(HL_E_UNAVAILABLE), 69);
    assert_int_equal(hl_status_exit_code(HL_E_INTERNAL), 70);
    assert_int_equal(hl_status_exit_code(HL_E_TIMEOUT), 75);
    assert_int_equal(hl_status_exit_code(HL_E_PERMISSION), 77);
    assert_int_equal(hl_status_exit_code(HL_E_CONFIG), 78);
    for (int i = HL_E_NOMEM; i <= HL_E_INTERNAL; i++) assert_in_range(hl_status_exit_code(i), 64, 78);
}

static void a_bug_aborts_and_says_where(void **state)
{
    (void)state;
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fd[1], STDERR_FILENO);
        HL_BUG_ON(1 + 1 == 2);
        _exit(0);
    }
    close(fd[1]);
    char text[512] = "";
    size_t len = 0;
    for (ssize_t n; len < sizeof text - 1 && (n = read(fd[0], text + len, sizeof text - 1 - len)) > 0;) len += (size_t)n;
    close(fd[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), 6);
    assert_non_null(strstr(text, "test_status.c:"));
    assert_non_null(strstr(text, "1 + 1 == 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_of_its_own), cmocka_unit_test(an_error_keeps_code_action_and_message),
        cmocka_unit_test(a_long_message_is_cut_not_overrun),  cmocka_unit_test(exit_codes_follow_sysexits),
        cmocka_unit_test(a_bug_aborts_and_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
