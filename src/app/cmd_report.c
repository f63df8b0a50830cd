/* hotlead report: conversion and time from stage to stage, the bottleneck, and cohorts, from transitions in Kafka or in files. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "hotlead/app/commands.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/iso8601.h"
#include "hotlead/core/contact.h"
#include "report.h"
#include "transition_read.h"

#define TOLD 5 /* bad records that are told one by one */
#define SILENCE_S 30

static const char USAGE[] =
    "Usage: hotlead report [-c CONFIG] [--since TIME] [--until TIME] [-o table|md|json] [FILE...]\n"
    "\n"
    "The funnel: for each stage how many stays there were, what share of them went on, and how long that took; the bottleneck and the slowest step;\n"
    "and the same by the version of the model that began a stay, and by the source of the contact's first transition. A stay begins when a contact\n"
    "enters a stage; who comes twice counts twice, and who is still there counts among those who did not go on.\n"
    "\n"
    "Without FILE all of lead.transitions is read, as the configuration names it. A FILE has a transition on each line, as 'hotlead simulate -o json'\n"
    "writes them; - is the standard input.\n"
    "\n"
    "  -c, --config FILE   the configuration (default: config/hotlead.yaml)\n"
    "      --since TIME    only moves from then on, by the time they happened; RFC 3339 with an offset, or milliseconds since 1970\n"
    "      --until TIME    only what had happened by then\n"
    "  -o, --output FORM   table (default), md (Markdown) or json\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit codes: 0, 64 wrong use, 65 a record is no transition (the others are reported), 69 Kafka cannot be reached or a file cannot be\n"
    "read, 77 not permitted, 78 a wrong configuration.\n";

static const char COMMAND[] = "report";

struct report {
    const char *config_path;
    int64_t since, until;
    enum hl_report_form form;
    char **files;
    int n_files;
    struct hl_config *config;
    struct hl_report r;
    struct hl_arena arena; /* of the record in hand */
    struct hl_bar bar;
    uint64_t read, bad;
};

enum { OPT_SINCE = 256, OPT_UNTIL };

static int read_time(const char *name, const char *text, int64_t *at)
{
    if (hl_time_parse(hl_slice_of(text), at)) return 0;
    return hl_cli_wrong_use(COMMAND, "%s wants a moment such as 2026-12-31T00:00:00Z, not %s", name, text);
}

static int read_form(const char *text, enum hl_report_form *form)
{
    static const char *const names[] = {"table", "md", "json"};
    for (size_t i = 0; i < HL_ARRAY_LEN(names); i++) {
        *form = (enum hl_report_form)i;
        if (strcmp(text, names[i]) == 0) return 0;
    }
    return hl_cli_wrong_use(COMMAND, "output is table, md or json, not %s", text);
}

static int read_option(struct report *x, int option)
{
    switch (option) {
    case 'c': x->config_path = optarg; return 0;
    case 'o': return read_form(optarg, &x->form);
    case OPT_SINCE: return read_time("since", optarg, &x->since);
    case OPT_UNTIL: return read_time("until", optarg, &x->until);
    default: fputs("Try 'hotlead report --help'.\n", stderr); return hl_status_exit_code(HL_E_USAGE);
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct report *x, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},       {"since", required_argument, NULL, OPT_SINCE},
                                            {"until", required_argument, NULL, OPT_UNTIL}, {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},              {NULL, 0, NULL, 0}};
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "c:o:h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        int code = read_option(x, o);
        if (code) return code;
    }
    x->files = argv + optind;
    x->n_files = argc - optind;
    return x->since < x->until ? -1 : hl_cli_wrong_use(COMMAND, "since is not before until");
}

/* --- records --- */

static enum hl_status take(struct report *x, struct hl_slice value, const char *where, long long at)
{
    struct hl_transition_view v;
    struct hl_error why = {0};
    hl_arena_reset(&x->arena);
    if (hl_transition_read(value, &x->arena, &v, &why) != HL_OK) {
        if (x->bad++ < TOLD) fprintf(stderr, "%s:%lld: %s\n", where, at, why.message);
        return HL_OK;
    }
    if (++x->read % 4096 == 0) hl_bar_at(&x->bar, x->read);
    return hl_report_add(&x->r, &v);
}

/* --- files --- */

static enum hl_status read_lines(struct report *x, const char *path, FILE *f)
{
    char *line = NULL;
    size_t cap = 0;
    long long number = 0;
    enum hl_status status = HL_OK;
    for (ssize_t len; !status && (len = getline(&line, &cap, f)) >= 0;) {
        struct hl_slice text = hl_slice_trim((struct hl_slice){line, (size_t)len});
        number++;
        if (text.len) status = take(x, text, path, number);
    }
    free(line);
    return status;
}

static enum hl_status read_files(struct report *x, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    for (int i = 0; i < x->n_files && !status; i++) {
        bool standard = strcmp(x->files[i], "-") == 0;
        FILE *f = standard ? stdin : fopen(x->files[i], "re");
        errno = f ? 0 : errno;
        if (f) status = read_lines(x, x->files[i], f);
        if (!f || (!status && ferror(f))) status = hl_error_set(err, HL_E_IO, HL_STOP, "%s: %s", x->files[i], strerror(errno));
        if (f && !standard) fclose(f);
    }
    return status;
}

/* --- Kafka --- */

/* Until each partition has been read to where its end was when it was reached. */
static enum hl_status read_tail(struct report *x, struct hl_kafka_tail *tail, int32_t partitions, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    int64_t heard = hl_clock_mono_ns();
    bool *ended = calloc((size_t)partitions + 1, sizeof(*ended));
    if (!ended) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    for (int32_t left = partitions; left > 0 && !status;) {
        struct hl_record r;
        bool got, at_end;
        status = hl_kafka_tail_poll(tail, 100, &r, &got, &at_end, err);
        if (status) break;
        if (got) heard = hl_clock_mono_ns();
        if (!got && hl_clock_mono_ns() - heard > SILENCE_S * INT64_C(1000000000)) status = hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "Kafka is silent for %d s", SILENCE_S);
        if (!got) continue;
        if (at_end) left -= !ended[r.partition];
        if (at_end) ended[r.partition] = true;
        else status = take(x, r.value, x->config->transitions, (long long)r.offset);
        hl_kafka_tail_release(tail, &r);
    }
    free(ended);
    return status;
}

static enum hl_status assign_all(struct hl_kafka_tail *tail, int32_t partitions, struct hl_error *err)
{
    struct hl_tail_position *at = calloc((size_t)partitions + 1, sizeof(*at));
    if (!at) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    for (int32_t p = 0; p < partitions; p++) at[p] = (struct hl_tail_position){p, -1};
    enum hl_status status = hl_kafka_tail_assign(tail, at, (size_t)partitions, err);
    free(at);
    return status;
}

static enum hl_status read_kafka(struct report *x, struct hl_error *err)
{
    struct hl_cli_kafka k;
    struct hl_kafka_tail *tail = NULL;
    int32_t partitions = 0;
    int replication;
    enum hl_status status = hl_cli_kafka_open(&k, x->config, err);
    if (!status) status = hl_kafka_admin_topic(k.admin, x->config->transitions, &partitions, &replication, err);
    if (!status && partitions == 0)
        status = hl_error_set(err, HL_E_CONFIG, HL_STOP, "topic '%s' does not exist: has hotlead run on these brokers?", x->config->transitions);
    if (!status) status = hl_kafka_tail_new(k.kafka, HL_OUT_TRANSITIONS, &tail, err);
    if (!status) status = assign_all(tail, partitions, err);
    if (!status) status = read_tail(x, tail, partitions, err);
    hl_kafka_tail_free(tail);
    hl_cli_kafka_close(&k);
    return status;
}

static int report(struct report *x)
{
    struct hl_error err = {0};
    struct hl_buf out;
    hl_buf_init(&out);
    hl_bar_begin(&x->bar, "transitions", 0);
    enum hl_status status = x->n_files ? read_files(x, &err) : read_kafka(x, &err);
    hl_bar_end(&x->bar);
    if (status == HL_E_NOMEM && !err.message[0]) hl_error_set(&err, status, HL_STOP, "out of memory");
    if (status) return hl_cli_fail(COMMAND, status, err.message);
    hl_report_put(&x->r, x->form, &out);
    status = hl_cli_print(&out);
    hl_buf_fini(&out);
    if (status) return hl_cli_fail(COMMAND, status, "the report cannot be written");
    if (x->bad) fprintf(stderr, "hotlead report: %llu records are no transitions\n", (unsigned long long)x->bad);
    return x->bad ? hl_status_exit_code(HL_E_DECODE) : 0;
}

int hl_cmd_report(int argc, char **argv)
{
    struct report x = {.config_path = "config/hotlead.yaml", .since = INT64_MIN, .until = INT64_MAX};
    int code = read_options(&x, argc, argv);
    if (code >= 0) return code;
    signal(SIGPIPE, SIG_IGN);
    hl_arena_init(&x.arena, 1 << 16);
    hl_report_init(&x.r, x.since, x.until);
    code = x.n_files ? 0 : hl_cli_load(COMMAND, x.config_path, &x.config, NULL);
    if (code == 0) code = report(&x);
    hl_report_fini(&x.r);
    hl_arena_fini(&x.arena);
    hl_config_free(x.config);
    return code;
}
