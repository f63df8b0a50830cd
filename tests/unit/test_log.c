#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hotlead/base/log.h"

/* stderr goes to a file while a test logs; what was written is in `text`. */
static char text[1 << 20];
static int saved = -1;
static FILE *file;

static int capture(void **state)
{
    (void)state;
    fflush(stderr);
    saved = dup(STDERR_FILENO);
    file = tmpfile();
    return saved < 0 || !file || dup2(fileno(file), STDERR_FILENO) < 0;
}

static const char *captured(void)
{
    ssize_t n = pread(fileno(file), text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static int uncapture(void **state)
{
    (void)state;
    dup2(saved, STDERR_FILENO);
    close(saved);
    fclose(file);
    hl_log_set_level(HL_LOG_INFO);
    return 0;
}

static unsigned count(const char *what)
{
    unsigned n = 0;
    for (const char *p = captured(); (p = strstr(p, what)); p += strlen(what)) n++;
    return n;
}

static void a_line_is_logfmt_with_time_level_and_event(void **state)
{
    (void)state;
    hl_log(HL_LOG_WARN, "shape", "partition=%d topic=%s", 3, "t");
    hl_log(HL_LOG_INFO, "bare", "%s", "");
    captured();
    int year, month, day, hour, minute, second, ms, end = 0;
    assert_int_equal(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour, &minute, &second, &ms, &end), 7);
    assert_int_equal(end, 24);
    assert_true(year >= 2024);
    assert_true(strncmp(text + end, " level=warn event=shape partition=3 topic=t\n", 44) == 0);
    assert_int_equal(count("\n"), 2);
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    hl_log(HL_LOG_DEBUG, "quiet", "a=1");
    assert_int_equal(count("quiet"), 0);
    hl_log_set_level(HL_LOG_DEBUG);
    hl_log(HL_LOG_DEBUG, "quiet", "a=1");
    assert_int_equal(count("quiet"), 1);
    hl_log_set_level(HL_LOG_ERROR);
    hl_log(HL_LOG_WARN, "quieter", "a=1");
    assert_int_equal(count("quieter"), 0);
}

static void a_message_can_neither_forge_a_line_nor_overrun_it(void **state)
{
    (void)state;
    char big[10000];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    hl_log(HL_LOG_INFO, "forged", "a=%s", "1\n2026-01-01T00:00:00.000Z level=error event=false");
    hl_log(HL_LOG_INFO, "long", "a=%s", big);
    assert_int_equal(count("\n"), 2);
    assert_true(strlen(text) < 2 * 4096 + 2);
}

static unsigned said_cut(const char *event)
{
    char key[64];
    snprintf(key, sizeof key, "event=log_limited of=%s lines=", event);
    unsigned sum = 0;
    for (const char *p = captured(); (p = strstr(p, key)); p += strlen(key)) sum += (unsigned)atoi(p + strlen(key));
    return sum;
}

static void a_flood_is_cut_and_the_cut_is_said(void **state)
{
    (void)state;
    enum { LINES = 20000 };
    for (int i = 0; i < LINES; i++) hl_log(HL_LOG_INFO, "flood", "i=%d", i);
    hl_log(HL_LOG_WARN, "flood", "other=level");
    hl_log(HL_LOG_INFO, "other", "other=event");
    assert_int_equal(count("level=warn event=flood"), 1);
    assert_int_equal(count("event=other"), 1);
    assert_in_range(count("level=info event=flood "), 20, LINES / 2);
    for (int i = 0; i < 500 && count("level=info event=flood ") + said_cut("flood") < LINES; i++) {
        usleep(60000); /* fewer than the limit cuts: what it says of that would turn up among the lines of another test */
        hl_log(HL_LOG_INFO, "later", "i=%d", i);
    }
    assert_int_equal(count("level=info event=flood ") + said_cut("flood"), LINES);
    hl_log(HL_LOG_INFO, "flood", "again=1"); /* its second is over: it is heard again */
    assert_int_equal(count("event=flood again=1"), 1);
}

/* stderr is a pipe from now on; its other end. */
static int into_a_pipe(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    return ends[0];
}

/* What is in the pipe goes to text + n; returns its end. */
static size_t read_all(int end, size_t n)
{
    for (ssize_t got; (got = read(end, text + n, sizeof text - 1 - n)) > 0;) n += (size_t)got;
    return n;
}

static void a_pipe_that_nobody_reads_holds_nobody_up(void **state)
{
    (void)state;
    int end = into_a_pipe();
    char big[3900];
    memset(big, 'x', sizeof big);
    for (int i = 0; i < 40; i++) /* far more than it holds, and no more than the limit lets pass */
        hl_log(i % 2 ? HL_LOG_INFO : HL_LOG_WARN, "unread", "i=%d %.*s", i, (int)sizeof big, big);
    size_t n = read_all(end, 0);
    hl_log(HL_LOG_INFO, "read", "again=1");
    text[read_all(end, n)] = '\0';
    unsigned written = 0;
    for (const char *p = text; (p = strstr(p, "event=unread i=")); p++) written++;
    const char *dropped = strstr(text, "level=warn event=log_dropped lines=");
    assert_non_null(dropped);
    assert_int_equal(written + (unsigned)atoi(dropped + 35), 40);
    assert_non_null(strstr(dropped, "event=read again=1\n"));
    close(end);
}

static void a_full_disk_holds_nobody_up(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY);
    assert_true(dup2(full, STDERR_FILENO) >= 0);
    hl_log(HL_LOG_INFO, "gone", "i=1");
    hl_log(HL_LOG_INFO, "gone", "i=2");
    dup2(fileno(file), STDERR_FILENO);
    close(full);
    hl_log(HL_LOG_INFO, "kept", "i=3");
    assert_int_equal(count("event=log_dropped lines=2\n"), 1);
    assert_int_equal(count("event=kept i=3\n"), 1);
}

static void quoting_escapes_and_cuts_to_fit(void **state)
{
    (void)state;
    char buf[32];
    assert_string_equal(hl_log_quote(buf, sizeof buf, "a \"b\"\\\n\x7f"), "\"a \\\"b\\\"\\\\\\x0a\\x7f\"");
    assert_string_equal(hl_log_quote(buf, 6, "abcdefgh"), "\"abc\"");
    assert_string_equal(hl_log_quote(buf, 6, "ab\n"), "\"ab\""); /* an escape is whole or absent */
    assert_string_equal(hl_log_quote(buf, sizeof buf, NULL), "\"\"");
    assert_string_equal(hl_log_quote(buf, 2, "abc"), "");
    assert_string_equal(hl_log_quote(buf, sizeof buf, "\xc3\xa9"), "\"\xc3\xa9\"");
}

static void level_names_parse_and_others_do_not(void **state)
{
    (void)state;
    enum hl_log_level level = HL_LOG_INFO;
    assert_true(hl_log_level_parse("debug", &level));
    assert_int_equal(level, HL_LOG_DEBUG);
    assert_true(hl_log_level_parse("error", &level));
    assert_int_equal(level, HL_LOG_ERROR);
    assert_false(hl_log_level_parse("loud", &level));
    assert_int_equal(level, HL_LOG_ERROR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, capture, uncapture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_logfmt_with_time_level_and_event),
        TEST(lines_below_the_level_are_not_written),
        TEST(a_message_can_neither_forge_a_line_nor_overrun_it),
        TEST(a_flood_is_cut_and_the_cut_is_said),
        TEST(a_pipe_that_nobody_reads_holds_nobody_up),
        TEST(a_full_disk_holds_nobody_up),
        cmocka_unit_test(quoting_escapes_and_cuts_to_fit),
        cmocka_unit_test(level_names_parse_and_others_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
