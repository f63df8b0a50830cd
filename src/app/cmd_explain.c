/* hotlead explain: one contact, to the last point. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "explain_load.h"
#include "hotlead/app/commands.h"
#include "hotlead/app/core_dump.h"
#include "hotlead/app/model_file.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/iso8601.h"
#include "warm.h"

#define DEFAULT_CONFIG "config/hotlead.yaml"
#define DEFAULT_MODEL "config/model.yaml"

static const char USAGE[] =
    "Usage: hotlead explain CONTACT --events FILE... [--model MODEL]\n"
    "       hotlead explain CONTACT [-c CONFIG] [--model MODEL]\n"
    "\n"
    "Says why a contact has its score and its stage: every rule that counts, what decay and limits took, a sum that equals the\n"
    "score exactly, what is missing for the next stage, and when time alone will move it.\n"
    "\n"
    "  -e, --events FILE   the contact's events, from JSON Lines or an Avro container file; may be given several times\n"
    "      --mapping FILE  the shape of the records in the --events that follow, as for hotlead simulate\n"
    "  -m, --model FILE    the model (default with --events: " DEFAULT_MODEL "; else the one that the configuration names)\n"
    "  -c, --config FILE   the configuration (default: " DEFAULT_CONFIG
    "), for the warm copy in Redis: the state as of the last\n"
    "                      checkpoint\n"
    "      --at TIME       the score at this moment; RFC 3339 with an offset, or milliseconds since 1970 (default: now; with\n"
    "                      --events the largest occurred_at in the files)\n"
    "  -o, --output FORM   text (default) or json\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit codes: 0, 64 wrong use, 65 no such contact, or events that cannot be read, 69 Redis cannot be reached, 78 a wrong\n"
    "configuration or model.\n";

enum { OPT_AT = 256, OPT_MAPPING };

struct explain {
    const char *id, *model_path, *config_path;
    struct hl_sim_sources events;
    int64_t at;
    bool json;
    struct hl_config *config;
    struct hl_model *model;
};

static int wrong_use(const char *what, const char *value)
{
    fprintf(stderr, "hotlead explain: %s%s\nTry 'hotlead explain --help'.\n", what, value);
    return hl_status_exit_code(HL_E_USAGE);
}

static int fail(enum hl_status status, const char *message)
{
    fprintf(stderr, "hotlead explain: %s\n", message);
    return hl_status_exit_code(status);
}

static int read_option(struct explain *x, int option)
{
    switch (option) {
    case 'm': x->model_path = optarg; return 0;
    case 'c': x->config_path = optarg; return 0;
    case OPT_MAPPING: return hl_sim_sources_map(&x->events, optarg) == HL_OK ? 0 : hl_status_exit_code(HL_E_CONFIG);
    case 'e':
        hl_sim_sources_add(&x->events, optarg);
        return 0;
    case OPT_AT:
        if (hl_time_parse(hl_slice_of(optarg), &x->at) && x->at >= 0) return 0;
        return wrong_use("at wants a moment such as 2026-12-31T00:00:00Z, not ", optarg);
    case 'o':
        x->json = strcmp(optarg, "json") == 0;
        return x->json || strcmp(optarg, "text") == 0 ? 0 : wrong_use("output is text or json, not ", optarg);
    default: fputs("Try 'hotlead explain --help'.\n", stderr); return hl_status_exit_code(HL_E_USAGE);
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct explain *x, int argc, char **argv)
{
    static const struct option options[] = {{"events", required_argument, NULL, 'e'},
                                            {"model", required_argument, NULL, 'm'},
                                            {"config", required_argument, NULL, 'c'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"at", required_argument, NULL, OPT_AT},
                                            {"mapping", required_argument, NULL, OPT_MAPPING},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "e:m:c:o:h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        int code = read_option(x, o);
        if (code) return code;
    }
    if (optind + 1 != argc) return wrong_use(optind == argc ? "which contact?" : "one contact at a time", "");
    if (x->events.n_mappings && !x->events.n_files) return wrong_use("--mapping is for --events", "");
    if (x->events.n_files && x->config_path) return wrong_use("either --events or --config", "");
    x->id = argv[optind];
    return x->id[0] ? -1 : wrong_use("which contact?", "");
}

/* The files that are needed, with all their problems told. */
static int load_files(struct explain *x)
{
    struct hl_buf problems;
    struct hl_error err = {0};
    enum hl_status status = HL_OK;
    hl_buf_init(&problems);
    hl_core_dump_allow(false);
    if (!x->events.n_files) status = hl_config_load(x->config_path ? x->config_path : hl_cli_default_config(), &x->config, &problems, &err);
    if (status == HL_OK && x->config) hl_core_dump_allow(x->config->core_dumps);
    if (!x->model_path) x->model_path = x->config ? x->config->model : hl_cli_default_model();
    if (status == HL_OK) status = hl_model_load(x->model_path, &x->model, &problems, &err);
    if (status) fprintf(stderr, "%.*s", HL_SLICE_ARG(hl_buf_slice(&problems))); /* warnings are for check */
    if (status && problems.len == 0) fprintf(stderr, "hotlead explain: %s\n", err.message);
    hl_buf_fini(&problems);
    return status ? hl_status_exit_code(status == HL_E_IO ? HL_E_CONFIG : status) : 0;
}

static enum hl_status read_redis(const struct explain *x, struct hl_subject *s, struct hl_error *err)
{
    struct hl_store *store;
    signal(SIGPIPE, SIG_IGN);
    enum hl_status status = hl_warm_open(x->config, 0, &store, err);
    if (status != HL_OK) return status;
    status = hl_subject_read_store(s, x->model, store, err);
    store->free(store);
    return status;
}

static int print(const struct explain *x, const struct hl_subject *s)
{
    struct hl_buf out;
    struct hl_explanation e;
    struct hl_explained_move last = {s->has_last ? &s->last : NULL, hl_slice_of(s->event_id), hl_slice_of(s->event_type)};
    int64_t at = x->at != HL_NO_TIME ? x->at : s->stream != HL_NO_TIME ? s->stream : hl_clock_wall_ms();
    hl_buf_init(&out);
    enum hl_status status = hl_explain(&s->c, x->model, at, &e);
    if (status == HL_OK) (x->json ? hl_explain_put_json : hl_explain_put_text)(&e, &last, &out);
    if (status == HL_OK) fwrite(out.data, 1, out.len, stdout);
    bool wrong = status == HL_OK && e.sum != e.score.total;
    if (out.failed || status != HL_OK) status = HL_E_NOMEM;
    hl_explanation_fini(&e);
    hl_buf_fini(&out);
    if (status) return fail(status, "out of memory");
    return wrong ? fail(HL_E_INTERNAL, "the sum is not the score: please report this") : 0;
}

static int explain(const struct explain *x)
{
    struct hl_subject s;
    struct hl_error err = {0};
    char message[600];
    enum hl_status status = hl_subject_init(&s, hl_slice_of(x->id));
    if (status != HL_OK)
        hl_error_set(&err, status, HL_STOP, "out of memory");
    else if (x->events.n_files)
        status = hl_subject_read_events(&s, x->model, &x->events, x->at, &err);
    else
        status = read_redis(x, &s, &err);
    int code = 0;
    if (status != HL_OK) {
        code = fail(status == HL_E_IO ? HL_E_DECODE : status, err.message);
    } else if (!s.found) {
        snprintf(message, sizeof(message), "no contact '%.200s' in %s", x->id,
                 x->events.n_files ? "these events" : "Redis (as of the last checkpoint)");
        code = fail(HL_E_DECODE, message);
    } else {
        if (s.c.grade == 0) hl_contact_refit(&s.c, x->model);
        code = print(x, &s);
    }
    if (code == 0 && s.n_bad) code = fail(HL_E_DECODE, "some events could not be read");
    hl_subject_fini(&s);
    return code;
}

static int load_and_explain(struct explain *x)
{
    int code = load_files(x);
    return code ? code : explain(x);
}

int hl_cmd_explain(int argc, char **argv)
{
    struct explain x = {.at = HL_NO_TIME};
    int code = hl_sim_sources_init(&x.events, argc) == HL_OK ? read_options(&x, argc, argv) : fail(HL_E_NOMEM, "out of memory");
    if (code < 0) code = load_and_explain(&x);
    hl_model_free(x.model);
    hl_config_free(x.config);
    hl_sim_sources_fini(&x.events);
    return code;
}
