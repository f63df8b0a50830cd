#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hotlead/app/commands.h"

static char folder[] = "/tmp/hl_check_XXXXXX";
static char config_path[100], model_path[100];
static char out[8192], errors[8192];

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int redirect(FILE *to, FILE *file)
{
    fflush(to);
    int kept = dup(fileno(to));
    dup2(fileno(file), fileno(to));
    return kept;
}

static void restore(FILE *to, int kept, FILE *file, char *text, size_t cap)
{
    fflush(to);
    dup2(kept, fileno(to));
    close(kept);
    rewind(file);
    text[fread(text, 1, cap - 1, file)] = 0;
    fclose(file);
}

/* Run the command with these arguments; what it wrote is in out and errors. */
static int check(int argc, ...)
{
    char *argv[8] = {NULL};
    char copies[8][200];
    va_list ap;
    va_start(ap, argc);
    for (int i = 0; i < argc; i++) {
        snprintf(copies[i], sizeof(copies[i]), "%s", va_arg(ap, const char *));
        argv[i] = copies[i];
    }
    va_end(ap);
    FILE *o = tmpfile(), *e = tmpfile();
    assert_non_null(o);
    assert_non_null(e);
    int kept_out = redirect(stdout, o), kept_err = redirect(stderr, e);
    int code = hl_cmd_check(argc, argv);
    restore(stdout, kept_out, o, out, sizeof(out));
    restore(stderr, kept_err, e, errors, sizeof(errors));
    return code;
}

#define CONFIG "kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web}, {topic: crm, format: json}]\n"
#define MODEL "model: m\nversion: 1\nhand_raise: [{name: h, on: demo_requested}]\nstages: {sal: true}\n"

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(config_path, sizeof(config_path), "%s/hotlead.yaml", folder);
    snprintf(model_path, sizeof(model_path), "%s/model.yaml", folder);
    return 0;
}

static int write_both(void **state)
{
    (void)state;
    write_file(config_path, CONFIG);
    write_file(model_path, MODEL);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(config_path);
    unlink(model_path);
    return rmdir(folder);
}

static void two_right_files_give_a_summary_and_0(void **state)
{
    (void)state;
    assert_int_equal(check(3, "check", "-c", config_path), 0);
    char expected[2000];
    snprintf(expected, sizeof(expected),
             "%s: ok\n"
             "  inputs    web (avro), crm (json)\n"
             "  outputs   lead.transitions, lead.state, lead.alerts, lead.dead-letter, lead.merges\n"
             "  delivery  exactly_once\n"
             "  threads   auto\n"
             "%s: ok\n"
             "  model     m, version 1, preset sales-touch\n"
             "  rules     1: 0 must-have, 0 disqualify, 0 suspect, 0 fit, 0 behavior, 1 hand-raise, 0 qualify, 0 extra\n"
             "  stages    anonymous > subscriber > lead > mql > sal > sql > opportunity > customer > evangelist; unqualified, "
             "disqualified\n",
             config_path, model_path);
    assert_string_equal(out, expected);
    assert_string_equal(errors, "");
}

static void problems_of_both_files_are_printed_and_78(void **state)
{
    (void)state;
    write_file(config_path, CONFIG "threads: no\n");
    write_file(model_path, MODEL "sla: [{name: a, stage: mql, within: 5}]\nrouting: [{to: a}, {to: b}]\n");
    /* a configuration that is wrong names no model: both are given */
    assert_int_equal(check(5, "check", "-c", config_path, "--model", model_path), 78);
    char expected[2000];
    snprintf(expected, sizeof(expected),
             "%s:3:10: error: threads must be auto or a whole number from 1 to 256, not 'no'\n"
             "%s:5:37: error: within has no unit: write 5ms, 5s, 5m, 5h, 5d or 5w\n"
             "%s:6:11: warning: a rule without when takes all: the ones below it are never reached\n",
             config_path, model_path, model_path);
    assert_string_equal(errors, expected);
    assert_string_equal(out, "");
}

static void warnings_alone_are_no_failure(void **state)
{
    (void)state;
    write_file(model_path, MODEL "routing: [{to: a}, {to: b}]\n");
    assert_int_equal(check(3, "check", "--model", model_path), 0);
    assert_non_null(strstr(errors, ":5:11: warning: a rule without when takes all: the ones below it are never reached\n"));
    assert_non_null(strstr(out, "model     m, version 1"));
    assert_null(strstr(out, "inputs"));
}

static void what_a_model_cannot_mean_is_an_error(void **state)
{
    (void)state;
    write_file(model_path, MODEL "fit: {suspect: [{name: a, attribute: b, equals: x, in: [y]}]}\n");
    assert_int_equal(check(3, "check", "--model", model_path), 78);
    char expected[300];
    snprintf(expected, sizeof(expected), "%s:5:17: error: 'a' never holds: what it asks of 'b' excludes itself\n", model_path);
    assert_string_equal(errors, expected);
    assert_string_equal(out, "");
}

static void warnings_fail_where_one_is_strict(void **state)
{
    (void)state;
    assert_int_equal(check(4, "check", "--model", model_path, "--strict"), 0);
    write_file(model_path, MODEL "lists: {idle: [x]}\n");
    assert_int_equal(check(3, "check", "--model", model_path), 0);
    assert_int_equal(check(4, "check", "--strict", "--model", model_path), 78);
    char expected[300];
    snprintf(expected, sizeof(expected), "%s:5:9: warning: no rule refers to list 'idle'\n", model_path);
    assert_string_equal(errors, expected);
    assert_string_equal(out, "");
    assert_int_equal(check(6, "check", "-s", "-m", model_path, "-o", "json"), 78);
    assert_memory_equal(out, "{\"ok\":false,\"problems\":[{\"file\":", 32);
}

static void a_missing_file_is_told(void **state)
{
    (void)state;
    unlink(model_path);
    assert_int_equal(check(3, "check", "-c", config_path), 78);
    char expected[300];
    snprintf(expected, sizeof(expected), "%s: error: No such file or directory\n", model_path);
    assert_string_equal(errors, expected);
    assert_int_equal(check(3, "check", "-c", "/nonexistent/h.yaml"), 78);
    assert_string_equal(errors, "/nonexistent/h.yaml: error: No such file or directory\n");
}

static void json_holds_the_same(void **state)
{
    (void)state;
    char expected[2000];
    assert_int_equal(check(5, "check", "-c", config_path, "-o", "json"), 0);
    snprintf(expected, sizeof(expected),
             "{\"ok\":true,\"problems\":[],\"config\":{\"path\":\"%s\",\"delivery\":\"exactly_once\",\"inputs\":[{\"topic\":"
             "\"web\",\"format\":\"avro\"},"
             "{\"topic\":\"crm\",\"format\":\"json\"}]},\"model\":{\"path\":\"%s\",\"name\":\"m\",\"version\":\"1\",\"preset\":"
             "\"sales-touch\","
             "\"rules\":1,\"sal\":true}}\n",
             config_path, model_path);
    assert_string_equal(out, expected);
    assert_string_equal(errors, "");
    write_file(model_path, MODEL "\"a\\\"b\": 1\nrouting: [{to: a}, {to: b}]\n");
    assert_int_equal(check(5, "check", "-m", model_path, "-o", "json"), 78);
    snprintf(expected, sizeof(expected),
             "{\"ok\":false,\"problems\":[{\"file\":\"%s\",\"line\":5,\"column\":1,\"level\":\"error\",\"message\":\"unknown key "
             "'a\\\"b' in the model\"},"
             "{\"file\":\"%s\",\"line\":6,\"column\":11,\"level\":\"warning\",\"message\":\"a rule without when takes all: "
             "the ones below it are never reached\"}]}\n",
             model_path, model_path);
    assert_string_equal(out, expected);
    assert_int_equal(check(5, "check", "-m", "/none", "-o", "json"), 78);
    assert_string_equal(
        out,
        "{\"ok\":false,\"problems\":[{\"file\":\"/none\",\"level\":\"error\",\"message\":\"No such file or directory\"}]}\n");
}

static void help_goes_to_stdout_and_wrong_use_to_stderr(void **state)
{
    (void)state;
    assert_int_equal(check(2, "check", "--help"), 0);
    assert_memory_equal(out, "Usage: hotlead check ", 21);
    assert_string_equal(errors, "");
    assert_int_equal(check(2, "check", "--frobnicate"), 64);
    assert_non_null(strstr(errors, "Usage: hotlead check "));
    assert_string_equal(out, "");
    assert_int_equal(check(2, "check", "stray"), 64);
    assert_int_equal(check(3, "check", "-o", "xml"), 64);
    assert_int_equal(check(2, "check", "-c"), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(two_right_files_give_a_summary_and_0, write_both),
        cmocka_unit_test_setup(problems_of_both_files_are_printed_and_78, write_both),
        cmocka_unit_test_setup(warnings_alone_are_no_failure, write_both),
        cmocka_unit_test_setup(what_a_model_cannot_mean_is_an_error, write_both),
        cmocka_unit_test_setup(warnings_fail_where_one_is_strict, write_both),
        cmocka_unit_test_setup(a_missing_file_is_told, write_both),
        cmocka_unit_test_setup(json_holds_the_same, write_both),
        cmocka_unit_test(help_goes_to_stdout_and_wrong_use_to_stderr),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
