/* hotlead check: are the two files right? */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "config_read.h"
#include "hotlead/app/commands.h"
#include "hotlead/app/config.h"
#include "hotlead/app/model_file.h"
#include "json_text.h"

#define DEFAULT_CONFIG "config/hotlead.yaml"

struct check {
    const char *config_path, *model_path;
    bool json, strict;
    struct hl_buf problems;
    bool failed;
    struct hl_config *config;
    struct hl_model *model, *shadow;
};

static int usage(FILE *to, int code)
{
    fputs("Usage: hotlead check [-c CONFIG] [--model MODEL] [--strict] [-o text|json]\n"
          "\n"
          "Reads the configuration (default: " DEFAULT_CONFIG ") and the models that it names, and prints every problem as\n"
          "FILE:LINE:COLUMN: error|warning: message. An error of a model is also what it cannot mean: a stage that no contact\n"
          "comes to, a threshold that no score reaches, a rule that never holds. With --model and without -c, only that model\n"
          "is read; with both, it stands in for the one that the configuration names.\n"
          "\n"
          "  -c, --config FILE   the configuration\n"
          "  -m, --model FILE    the model\n"
          "  -s, --strict        a warning fails, too\n"
          "  -o, --output FORM   text (default) or json\n"
          "  -h, --help          this text\n"
          "\n"
          "Exit code: 0 when both are right (warnings count with --strict), 78 when not, 64 for wrong use.\n",
          to);
    return code;
}

/* --- json --- */

/* The number behind the last ':' of s, cut off; 0 and s as it was when there is none. */
static int64_t cut_number(struct hl_slice *s)
{
    const char *colon = s->len ? memrchr(s->data, ':', s->len) : NULL;
    int64_t n;
    if (!colon || !hl_slice_parse_i64((struct hl_slice){colon + 1, (size_t)(s->data + s->len - colon - 1)}, &n)) return 0;
    s->len = (size_t)(colon - s->data);
    return n;
}

/* What stands behind the place of a line "FILE:LINE:COLUMN: level: message"; NULL when there is no level. */
static const char *find_level(struct hl_slice line, bool *is_error)
{
    const char *error = memmem(line.data, line.len, ": error: ", 9), *warning = memmem(line.data, line.len, ": warning: ", 11);
    *is_error = error && (!warning || error < warning);
    return *is_error ? error : warning;
}

/* The first line, cut off `lines`. */
static struct hl_slice cut_line(struct hl_slice *lines)
{
    const char *end = memchr(lines->data, '\n', lines->len);
    struct hl_slice line = {lines->data, end ? (size_t)(end - lines->data) : lines->len};
    lines->data += line.len + (end != NULL);
    lines->len -= line.len + (end != NULL);
    return line;
}

static bool has_warnings(struct hl_slice lines)
{
    while (lines.len > 0) {
        bool is_error;
        if (find_level(cut_line(&lines), &is_error) && !is_error) return true;
    }
    return false;
}

static void put_json_problem(struct hl_buf *b, struct hl_slice line)
{
    bool is_error;
    const char *mark = find_level(line, &is_error);
    if (!mark) return;
    struct hl_slice place = {line.data, (size_t)(mark - line.data)};
    const char *message = mark + (is_error ? 9 : 11);
    int64_t column = cut_number(&place), row = cut_number(&place);
    hl_buf_printf(b, "{\"file\":");
    hl_json_put_text(b, place);
    if (row) hl_buf_printf(b, ",\"line\":%lld,\"column\":%lld", (long long)row, (long long)column);
    hl_buf_printf(b, ",\"level\":\"%s\",\"message\":", is_error ? "error" : "warning");
    hl_json_put_text(b, (struct hl_slice){message, (size_t)(line.data + line.len - message)});
    hl_buf_put_u8(b, '}');
}

static void put_json_problems(struct hl_buf *b, struct hl_slice lines)
{
    hl_buf_printf(b, "\"problems\":[");
    for (bool first = true; lines.len > 0; first = false) {
        if (!first) hl_buf_put_u8(b, ',');
        put_json_problem(b, cut_line(&lines));
    }
    hl_buf_put_u8(b, ']');
}

static void put_json_config(struct hl_buf *b, const struct hl_config *c)
{
    hl_buf_printf(b, ",\"config\":{\"path\":");
    hl_json_put_text(b, hl_slice_of(c->path));
    hl_buf_printf(b, ",\"delivery\":\"%s\",\"inputs\":[", c->delivery == HL_LOW_LATENCY ? "low_latency" : "exactly_once");
    for (size_t i = 0; i < hl_config_user_inputs(c); i++) {
        hl_buf_printf(b, "%s{\"topic\":\"%s\",\"format\":\"%s\"}", i ? "," : "", c->inputs[i].topic,
                      hl_config_formats[c->inputs[i].format]);
    }
    hl_buf_printf(b, "]}");
}

static size_t count_rules(const struct hl_model *m)
{
    return m->n_must_have + m->n_disqualify + m->n_suspect + m->n_fit + m->n_rules + m->n_hand_raise + m->n_qualify + m->n_extra;
}

static const char *preset_of(const struct hl_model *m)
{
    return m->score_driven ? "score-driven" : "sales-touch";
}

static void put_json_model(struct hl_buf *b, const struct check *k)
{
    const struct hl_model *m = k->model;
    hl_buf_printf(b, ",\"model\":{\"path\":");
    hl_json_put_text(b, hl_slice_of(k->model_path));
    hl_buf_printf(b, ",\"name\":");
    hl_json_put_text(b, hl_slice_of(m->name));
    hl_buf_printf(b, ",\"version\":");
    hl_json_put_text(b, hl_slice_of(m->version));
    hl_buf_printf(b, ",\"preset\":\"%s\",\"rules\":%zu,\"sal\":%s}", preset_of(m), count_rules(m), m->sal ? "true" : "false");
}

static void print_json(const struct check *k)
{
    struct hl_buf b;
    hl_buf_init(&b);
    hl_buf_printf(&b, "{\"ok\":%s,", k->failed ? "false" : "true");
    put_json_problems(&b, hl_buf_slice(&k->problems));
    if (k->config) put_json_config(&b, k->config);
    if (k->model) put_json_model(&b, k);
    hl_buf_printf(&b, "}\n");
    fwrite(b.data, 1, b.len, stdout);
    hl_buf_fini(&b);
}

/* --- text --- */

static void print_config(const struct hl_config *c)
{
    printf("%s: ok\n  inputs    ", c->path);
    for (size_t i = 0; i < hl_config_user_inputs(c); i++)
        printf("%s%s (%s)", i ? ", " : "", c->inputs[i].topic, hl_config_formats[c->inputs[i].format]);
    printf("\n  outputs   %s, %s, %s, %s, %s\n", c->transitions, c->state, c->alerts, c->dead_letter, c->merges);
    printf("  delivery  %s\n", c->delivery == HL_LOW_LATENCY ? "low_latency" : "exactly_once");
    if (c->threads)
        printf("  threads   %d\n", c->threads);
    else
        printf("  threads   auto\n");
}

static void print_stages(const struct hl_model *m)
{
    bool off_line = false;
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (s == HL_STAGE_SAL && !m->sal) continue;
        bool was_off = off_line;
        off_line = hl_stage_rank((enum hl_stage)s) < 0;
        printf("%s%s", s == 0 ? "" : was_off ? ", " : off_line ? "; " : " > ", hl_stage_name((enum hl_stage)s));
    }
}

static void print_model(const struct check *k)
{
    const struct hl_model *m = k->model;
    printf("%s: ok\n  model     %s, version %s, preset %s\n", k->model_path, m->name, m->version, preset_of(m));
    printf("  rules     %zu: %zu must-have, %zu disqualify, %zu suspect, %zu fit, %zu behavior, %zu hand-raise, %zu qualify, %zu "
           "extra\n",
           count_rules(m), m->n_must_have, m->n_disqualify, m->n_suspect, m->n_fit, m->n_rules, m->n_hand_raise, m->n_qualify,
           m->n_extra);
    printf("  stages    ");
    print_stages(m);
    printf("\n");
}

static void print_text(const struct check *k)
{
    struct hl_slice lines = hl_buf_slice(&k->problems);
    fwrite(lines.data, 1, lines.len, stderr);
    if (k->failed) return;
    if (k->config) print_config(k->config);
    print_model(k);
    if (k->shadow) printf("%s: ok\n  shadow    %s, version %s\n", k->config->shadow_model, k->shadow->name, k->shadow->version);
}

/* --- the command --- */

/* 0: go on; otherwise the exit code to leave with, plus 1. */
static int read_options(struct check *k, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"model", required_argument, NULL, 'm'},
                                            {"strict", no_argument, NULL, 's'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "c:m:so:h", options, NULL)) != -1;) {
        if (o == 'c')
            k->config_path = optarg;
        else if (o == 'm')
            k->model_path = optarg;
        else if (o == 's')
            k->strict = true;
        else if (o == 'h')
            return usage(stdout, 0) + 1;
        else if (o == 'o' && strcmp(optarg, "json") == 0)
            k->json = true;
        else if (o == 'o' && strcmp(optarg, "text") == 0)
            k->json = false;
        else
            return usage(stderr, hl_status_exit_code(HL_E_USAGE)) + 1;
    }
    if (optind < argc) return usage(stderr, hl_status_exit_code(HL_E_USAGE)) + 1;
    if (!k->config_path && !k->model_path) k->config_path = hl_cli_default_config();
    return 0;
}

int hl_cmd_check(int argc, char **argv)
{
    struct check k = {0};
    int code = read_options(&k, argc, argv);
    if (code) return code - 1;
    hl_buf_init(&k.problems);
    if (k.config_path && hl_config_load(k.config_path, &k.config, &k.problems, NULL) != HL_OK) k.failed = true;
    if (!k.model_path && k.config) k.model_path = k.config->model;
    if (k.model_path && hl_model_check(k.model_path, &k.model, &k.problems, NULL) != HL_OK) k.failed = true;
    if (k.config && k.config->shadow_model[0] && hl_model_check(k.config->shadow_model, &k.shadow, &k.problems, NULL) != HL_OK) k.failed = true;
    if (k.strict && has_warnings(hl_buf_slice(&k.problems))) k.failed = true;
    if (k.json)
        print_json(&k);
    else
        print_text(&k);
    hl_model_free(k.model);
    hl_model_free(k.shadow);
    hl_config_free(k.config);
    hl_buf_fini(&k.problems);
    return k.failed ? hl_status_exit_code(HL_E_CONFIG) : 0;
}
