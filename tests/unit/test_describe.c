/* hotlead describe: the page is current, complete, well-formed, and the charts can be drawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "app/words.h"
#include "core/lifecycle.h"
#include "hotlead/app/describe.h"
#include "hotlead/app/model_file.h"

static const char *const samples[] = {HL_SOURCE_DIR "/config/model.yaml", HL_SOURCE_DIR "/config/model-score-driven.yaml"};

/* Names and values that mean something in Markdown, Mermaid or dot. */
static const char nasty[] =
    "model: 'a \"b\" | `c`'\n"
    "version: '1\\n'\n"
    "fit:\n"
    "  must_have: [{name: 'x|y \"z\" `t`', attribute: 'a|b', matches: 'c|d'}]\n"
    "  disqualify: [{name: '<b>#1</b>', attribute: country, in: ['\\', '\"', '|']}]\n"
    "  rules: [{name: 'p|q', attribute: 'r|s', equals: 't|u', points: 0.5}]\n"
    "behavior: {groups: {'g|h': {max: 3}}, rules: [{name: 'v|w', on: page_viewed, path: '/a|b', points: 1, group: 'g|h'}]}\n"
    "hand_raise: [{name: 'up \"|\" \\', on: demo_requested}]\n"
    "thresholds: {mql: {enter: 12.5, exit: 0.125}}\n"
    "stages: {extra: [{name: 'back|\"', from: [customer], to: lead, on: site_searched}]}\n"
    "sla: [{name: s, stage: mql, within: 5m}]\n"
    "routing: [{to: [a]}]\n";

static struct hl_model *load_text(const char *text)
{
    struct hl_model *m = NULL;
    struct hl_buf problems;
    hl_buf_init(&problems);
    enum hl_status status = hl_model_load_text("model.yaml", hl_slice_of(text), &m, &problems, NULL);
    if (status) fail_msg("%.*s", HL_SLICE_ARG(hl_buf_slice(&problems)));
    hl_buf_fini(&problems);
    return m;
}

static struct hl_model *load_sample(size_t i)
{
    struct hl_model *m = NULL;
    struct hl_error err = {0};
    if (hl_model_load(samples[i], &m, NULL, &err)) fail_msg("%s", err.message);
    return m;
}

static char *text_of(void (*print)(const struct hl_model *, struct hl_buf *), const struct hl_model *m)
{
    struct hl_buf b;
    hl_buf_init(&b);
    print(m, &b);
    hl_buf_put_u8(&b, 0);
    assert_false(b.failed);
    return (char *)b.data;
}

static void the_committed_page_is_current(void **state)
{
    (void)state;
    struct hl_model *m = load_sample(0);
    char *now = text_of(hl_describe_markdown, m), *committed = calloc(1, 1 << 20);
    FILE *f = fopen(HL_SOURCE_DIR "/config/MODEL.md", "r");
    assert_non_null(f);
    assert_true(fread(committed, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    if (strcmp(committed, now) != 0) print_message("renew it: hotlead describe --model config/model.yaml > config/MODEL.md\n");
    assert_string_equal(committed, now);
    free(committed);
    free(now);
    hl_model_free(m);
}

static void every_row_of_the_life_cycle_has_words(void **state)
{
    (void)state;
    struct hl_edge e;
    unsigned n = 0;
    for (; hl_lifecycle_row(n, &e); n++)
        if (!hl_words_knows_row(e.row)) fail_msg("no words for row %s", e.row);
    assert_true(n > 0);
}

static void assert_named(const char *page, const char *name)
{
    char quoted[120];
    snprintf(quoted, sizeof quoted, "`%s`", name);
    if (!strstr(page, quoted)) fail_msg("the page does not name %s", quoted);
}

static void every_rule_of_the_samples_is_on_the_page(void **state)
{
    (void)state;
    for (size_t s = 0; s < HL_ARRAY_LEN(samples); s++) {
        struct hl_model *m = load_sample(s);
        char *page = text_of(hl_describe_markdown, m);
        for (size_t i = 0; i < m->n_must_have; i++) assert_named(page, m->must_have[i].name);
        for (size_t i = 0; i < m->n_disqualify; i++) assert_named(page, m->disqualify[i].name);
        for (size_t i = 0; i < m->n_suspect; i++) assert_named(page, m->suspect[i].name);
        for (size_t i = 0; i < m->n_fit; i++) assert_named(page, m->fit[i].name);
        for (size_t i = 0; i < m->n_groups; i++) assert_named(page, m->groups[i].name);
        for (size_t i = 0; i < m->n_rules; i++) assert_named(page, m->rules[i].name);
        for (size_t i = 0; i < m->n_hand_raise; i++) assert_named(page, m->hand_raise[i].name);
        for (size_t i = 0; i < m->n_qualify; i++) assert_named(page, m->qualify[i].name);
        free(page);
        hl_model_free(m);
    }
}

static unsigned cells_of(const char *line)
{
    unsigned n = 0;
    for (const char *p = line; *p; p++) {
        if (*p == '\\' && p[1] == '|')
            p++;
        else
            n += *p == '|';
    }
    return n;
}

static void user_text_breaks_no_table(void **state)
{
    (void)state;
    struct hl_model *m = load_text(nasty);
    char *page = text_of(hl_describe_markdown, m), *rest = page;
    unsigned cells = 0, rows = 0;
    for (char *line; (line = strsep(&rest, "\n"));) {
        unsigned n = line[0] == '|' ? cells_of(line) : 0;
        if (n && cells && n != cells) fail_msg("%u cells, not %u: %s", n - 1, cells - 1, line);
        rows += n > 0;
        cells = n;
    }
    assert_true(rows > 20);
    free(page);
    hl_model_free(m);
}

static void the_hand_off_is_told(void **state)
{
    (void)state;
    struct hl_model *m = load_text("model: m\nversion: \"1\"\nhand_raise: [{name: d, on: demo_requested}]\n"
                                   "sla: [{name: call, stage: mql, kind: active, within: 5m}, {name: talk, stage: sql, within: 2d}]\n"
                                   "routing:\n  - {name: uk, when: [{attribute: country, in: [GB]}, {attribute: size, at_least: 10}], to: [a, b]}\n"
                                   "  - {to: [x, y, z], by: weight, weights: [20, 9, 1]}\n");
    char *page = text_of(hl_describe_markdown, m);
    assert_non_null(strstr(page, "\n1. `uk`: whose `country` is `GB`, and `size` is at least 10: to `a` and `b`, the same share each\n"
                                 "2. everyone else: to `x` (67 %), `y` (30 %) and `z` (3.3 %)\n"));
    assert_non_null(strstr(page, "\n| `call` | MQL, active | 5 minutes | sales accept it, talk to it, or give it back |\n"
                                 "| `talk` | SQL | 2 days | it moves on, or sales give it back |\n"));
    free(page);
    hl_model_free(m);
}

static void thresholds_and_limits_are_told_to_the_digit(void **state)
{
    (void)state;
    struct hl_model *m = load_text(nasty);
    char *page = text_of(hl_describe_markdown, m), *chart = text_of(hl_describe_mermaid, m);
    assert_non_null(strstr(page, "| MQL | 12.5 | 0.125 |"));
    assert_non_null(strstr(page, "| +0.5 |"));
    assert_non_null(strstr(page, "Rule `back\\|\"`: site searched"));
    assert_non_null(strstr(chart, "score of 12.5 or more"));
    free(page);
    free(chart);
    hl_model_free(m);
}

static void a_switched_off_stage_is_not_shown(void **state)
{
    (void)state;
    struct hl_model *m = load_sample(1); /* without SAL */
    char *page = text_of(hl_describe_markdown, m), *dot = text_of(hl_describe_dot, m);
    assert_null(strstr(page, "SAL"));
    assert_null(strstr(dot, "sal "));
    assert_non_null(strstr(dot, "mql -> sql"));
    free(page);
    free(dot);
    hl_model_free(m);
}

/* Runs the shell command with HOTLEAD standing for the program; its exit code. */
static int run(const char *command)
{
    const char *binary = getenv("HL_BINARY");
    assert_non_null(binary);
    setenv("HOTLEAD", binary, 1);
    setenv("SOURCE", HL_SOURCE_DIR, 1);
    int status = system(command);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void graphviz_can_draw_what_users_write(void **state)
{
    (void)state;
    if (run("command -v dot >/dev/null") != 0) skip();
    struct hl_model *m = load_text(nasty);
    char *dot = text_of(hl_describe_dot, m);
    FILE *to = popen("dot -Tsvg >/dev/null", "w");
    assert_non_null(to);
    fputs(dot, to);
    assert_int_equal(pclose(to), 0);
    free(dot);
    hl_model_free(m);
    assert_int_equal(run("\"$HOTLEAD\" describe -m \"$SOURCE/config/model.yaml\" -o svg | grep -q '</svg>'"), 0);
}

static void svg_without_graphviz_says_what_is_missing(void **state)
{
    (void)state;
    assert_int_equal(run("PATH=/nowhere; \"$HOTLEAD\" describe -m \"$SOURCE/config/model.yaml\" -o svg >/dev/null 2>&1"), 69);
    assert_int_equal(run("(PATH=/nowhere; \"$HOTLEAD\" describe -m \"$SOURCE/config/model.yaml\" -o svg 2>&1) | grep -q 'install "
                         "the package graphviz'"),
                     0);
}

static void wrong_use_and_wrong_models_have_their_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(run("\"$HOTLEAD\" describe --help | grep -q Usage"), 0);
    assert_int_equal(run("\"$HOTLEAD\" describe -o pdf 2>/dev/null"), 64);
    assert_int_equal(run("\"$HOTLEAD\" describe surplus 2>/dev/null"), 64);
    assert_int_equal(run("\"$HOTLEAD\" describe -m /nowhere.yaml 2>/dev/null"), 78);
    assert_int_equal(run("\"$HOTLEAD\" describe -m \"$SOURCE/config/model.yaml\" -o mermaid | grep -q '^flowchart'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_committed_page_is_current),
        cmocka_unit_test(every_row_of_the_life_cycle_has_words),
        cmocka_unit_test(every_rule_of_the_samples_is_on_the_page),
        cmocka_unit_test(user_text_breaks_no_table),
        cmocka_unit_test(the_hand_off_is_told),
        cmocka_unit_test(thresholds_and_limits_are_told_to_the_digit),
        cmocka_unit_test(a_switched_off_stage_is_not_shown),
        cmocka_unit_test(graphviz_can_draw_what_users_write),
        cmocka_unit_test(svg_without_graphviz_says_what_is_missing),
        cmocka_unit_test(wrong_use_and_wrong_models_have_their_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
