/* hotlead topics: what the topics should be like, what they are like, and what there is to do. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "hotlead/app/commands.h"
#include "json_text.h"
#include "topic_plan.h"

#define DRIFT 1 /* exit code, as diff(1) has it */
#define MAX_PARTITIONS 10000

static const char USAGE[] =
    "Usage: hotlead topics [-c CONFIG] [--create] [--alter] [--dry-run] [--partitions N] [-o table|json]\n"
    "\n"
    "Compares the input and output topics of the configuration with what hotlead needs of them: equal partition counts, the clean-up policy,\n"
    "a retention well above checkpoint.max_replay, replicas in sync, how lead.state is compacted. Without --create and --alter it only looks.\n"
    "\n"
    "  -c, --config FILE    the configuration (default: config/hotlead.yaml)\n"
    "      --create         create the topics that are missing\n"
    "      --alter          set what is not right on the output topics; inputs are yours and are never altered\n"
    "      --dry-run        with these two: let the broker check what would be done, and do nothing\n"
    "  -p, --partitions N   of topics that are created (default: as many as the inputs have that are there)\n"
    "  -o, --output FORM    table (default) or json\n"
    "  -h, --help           this text\n"
    "\n"
    "What is 'wrong' breaks a promise of hotlead or keeps it from starting, what would be 'better' does not.\n"
    "Exit codes: 0 all is there and nothing is wrong, 1 something is missing or wrong (after what was done), 64 wrong use, 69 Kafka cannot be\n"
    "reached, 77 not permitted, 78 a wrong configuration.\n";

static const char COMMAND[] = "topics";

enum done { NOTHING, CREATED, ALTERED };

struct topics {
    const char *config_path;
    bool create, alter, dry, json;
    int32_t partitions;
    struct hl_config *config;
    struct hl_cli_kafka kafka;
    struct hl_topic_plan plan;
    enum done *done;   /* of each */
    char *replication; /* the broker's default; NULL: not known */
};

enum { OPT_CREATE = 256, OPT_ALTER, OPT_DRY };

static int read_option(struct topics *x, int option)
{
    int64_t n;
    switch (option) {
    case 'c': x->config_path = optarg; return 0;
    case OPT_CREATE: x->create = true; return 0;
    case OPT_ALTER: x->alter = true; return 0;
    case OPT_DRY: x->dry = true; return 0;
    case 'o': return hl_cli_form(optarg, "table", &x->json) ? 0 : hl_cli_wrong_use(COMMAND, "output is table or json, not %s", optarg);
    case 'p':
        if (!hl_slice_parse_i64(hl_slice_of(optarg), &n) || n < 1 || n > MAX_PARTITIONS)
            return hl_cli_wrong_use(COMMAND, "partitions are from 1 to %d, not %s", MAX_PARTITIONS, optarg);
        x->partitions = (int32_t)n;
        return 0;
    default: fputs("Try 'hotlead topics --help'.\n", stderr); return hl_status_exit_code(HL_E_USAGE);
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct topics *x, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},     {"create", no_argument, NULL, OPT_CREATE},
                                            {"alter", no_argument, NULL, OPT_ALTER},      {"dry-run", no_argument, NULL, OPT_DRY},
                                            {"partitions", required_argument, NULL, 'p'}, {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},             {NULL, 0, NULL, 0}};
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "c:p:o:h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        int code = read_option(x, o);
        if (code) return code;
    }
    if (optind != argc) return hl_cli_wrong_use(COMMAND, "it takes options only, not '%s'", argv[optind]);
    return x->dry && !x->create && !x->alter ? hl_cli_wrong_use(COMMAND, "--dry-run is for --create and --alter; without them nothing is done") : -1;
}

/* --- what there is --- */

static bool name_topics(struct topics *x)
{
    const struct hl_kafka_config *k = &x->kafka.setup.k;
    size_t inputs = hl_config_user_inputs(x->config); /* ours is an output, too */
    x->plan = (struct hl_topic_plan){.config = x->config, .n = inputs + HL_OUT_COUNT};
    x->plan.topics = calloc(x->plan.n, sizeof(*x->plan.topics));
    x->done = calloc(x->plan.n, sizeof(*x->done));
    if (!x->plan.topics || !x->done) return false;
    for (size_t i = 0; i < x->plan.n; i++) {
        struct hl_topic *t = &x->plan.topics[i];
        bool input = i < inputs;
        t->name = input ? k->inputs[i] : k->outputs[i - inputs];
        t->role = input ? HL_ROLE_INPUT : hl_topic_role_of((enum hl_output)(i - inputs));
    }
    return true;
}

static void forget(struct hl_topic *t)
{
    for (size_t s = 0; s < HL_TOPIC_SETTING_COUNT; s++) {
        free(t->values[s]);
        t->values[s] = NULL;
    }
}

static enum hl_status look(struct topics *x, struct hl_error *err)
{
    const char *keys[HL_TOPIC_SETTING_COUNT];
    for (int s = 0; s < HL_TOPIC_SETTING_COUNT; s++) keys[s] = hl_topic_setting_name((enum hl_topic_setting)s);
    for (size_t i = 0; i < x->plan.n; i++) {
        struct hl_topic *t = &x->plan.topics[i];
        forget(t);
        bool is_new = x->done[i] == CREATED && !x->dry;
        enum hl_status status = (is_new ? hl_kafka_admin_await_topic : hl_kafka_admin_topic)(x->kafka.admin, t->name, &t->partitions, &t->replication, err);
        if (!status && t->partitions) status = hl_kafka_admin_settings(x->kafka.admin, t->name, keys, HL_TOPIC_SETTING_COUNT, t->values, err);
        if (status) return status;
    }
    hl_topic_plan_make(&x->plan, x->partitions);
    return HL_OK;
}

/* --- what is done --- */

/* Of topics that are created: what is configured, else the broker's default where it is told. */
static int replication(struct topics *x)
{
    static const char *const key = "default.replication.factor";
    struct hl_error ignored;
    int64_t n = -1;
    if (x->config->replication_factor > 0) return x->config->replication_factor;
    if (!x->replication && hl_kafka_admin_settings(x->kafka.admin, NULL, &key, 1, &x->replication, &ignored)) return -1;
    return x->replication && hl_slice_parse_i64(hl_slice_of(x->replication), &n) ? (int)n : -1;
}

static enum hl_status create(struct topics *x, size_t i, struct hl_error *err)
{
    const struct hl_topic *t = &x->plan.topics[i];
    struct hl_kafka_property settings[HL_TOPIC_SETTING_COUNT];
    if (!x->plan.partitions)
        return hl_error_set(err, HL_E_USAGE, HL_STOP, "no input topic is there that says how many partitions: give --partitions N");
    size_t n = hl_topic_settings(t->role, replication(x), hl_topic_plan_input_bytes(&x->plan), settings);
    enum hl_status status = hl_kafka_admin_create(x->kafka.admin, t->name, x->plan.partitions, x->config->replication_factor, settings, n, x->dry, err);
    if (!status) x->done[i] = CREATED;
    return status;
}

static enum hl_status alter(struct topics *x, size_t i, struct hl_error *err)
{
    const struct hl_topic *t = &x->plan.topics[i];
    struct hl_kafka_property settings[HL_TOPIC_MAX_PROBLEMS];
    size_t n = 0;
    for (size_t k = 0; k < t->n_problems; k++)
        if (t->problems[k].can_set) settings[n++] = (struct hl_kafka_property){t->problems[k].setting, t->problems[k].wanted};
    if (n == 0) return HL_OK;
    enum hl_status status = hl_kafka_admin_alter(x->kafka.admin, t->name, settings, n, x->dry, err);
    if (!status) x->done[i] = ALTERED;
    return status;
}

/* *changed: it is worth looking again. */
static enum hl_status act(struct topics *x, bool *changed, struct hl_error *err)
{
    for (size_t i = 0; i < x->plan.n; i++) {
        const struct hl_topic *t = &x->plan.topics[i];
        enum hl_status status = HL_OK;
        if (t->partitions == 0 && x->create) status = create(x, i, err);
        if (t->partitions && t->role != HL_ROLE_INPUT && x->alter) status = alter(x, i, err);
        if (status) return status;
        *changed |= x->done[i] != NOTHING && !x->dry;
    }
    return HL_OK;
}

/* --- what is said --- */

static bool drifts(const struct topics *x)
{
    for (size_t i = 0; i < x->plan.n; i++) {
        const struct hl_topic *t = &x->plan.topics[i];
        if (t->partitions == 0) return true;
        for (size_t k = 0; k < t->n_problems; k++)
            if (t->problems[k].severity == HL_TOPIC_WRONG) return true;
    }
    return false;
}

static const char *said(const struct topics *x, size_t i)
{
    static const char *const words[2][3] = {{"", "created", "altered"}, {"", "would be created", "would be altered"}};
    return words[x->dry][x->done[i]];
}

static void put_table(const struct topics *x, struct hl_buf *out)
{
    int width = 5;
    for (size_t i = 0; i < x->plan.n; i++)
        if ((int)strlen(x->plan.topics[i].name) > width) width = (int)strlen(x->plan.topics[i].name);
    hl_buf_printf(out, "%-*s  %-11s  %10s  %8s\n", width, "topic", "role", "partitions", "replicas");
    for (size_t i = 0; i < x->plan.n; i++) {
        const struct hl_topic *t = &x->plan.topics[i];
        hl_buf_printf(out, "%-*s  %-11s  ", width, t->name, hl_topic_role_name(t->role));
        if (t->partitions)
            hl_buf_printf(out, "%10d  %8d  %s%s", t->partitions, t->replication, t->n_problems ? "" : "good  ", said(x, i));
        else
            hl_buf_printf(out, "%10s  %8s  missing  %s", "-", "-", said(x, i));
        while (out->len && out->data[out->len - 1] == ' ') out->len--;
        hl_buf_printf(out, "\n");
        for (size_t k = 0; k < t->n_problems; k++) {
            const struct hl_topic_problem *p = &t->problems[k];
            hl_buf_printf(out, "    %s: %s is %s, %s %s: %s\n", p->severity == HL_TOPIC_WRONG ? "wrong" : "better", p->setting, p->is,
                          p->severity == HL_TOPIC_WRONG ? "must be" : "better", p->wanted, p->why);
        }
    }
}

static void put_problem(const struct hl_topic_problem *p, struct hl_buf *out)
{
    hl_json_put_raw(out, "{");
    hl_json_put_member(out, "setting", hl_slice_of(p->setting));
    hl_json_put_member(out, "is", hl_slice_of(p->is));
    hl_json_put_member(out, "wanted", hl_slice_of(p->wanted));
    hl_json_put_member(out, "severity", hl_slice_of(p->severity == HL_TOPIC_WRONG ? "wrong" : "better"));
    hl_json_put_member(out, "why", hl_slice_of(p->why));
    hl_json_put_raw(out, "}");
}

static void put_json(const struct topics *x, struct hl_buf *out)
{
    hl_buf_printf(out, "{\"partitions\":%d,\"drift\":%s,\"dry_run\":%s,\"topics\":[", x->plan.partitions, drifts(x) ? "true" : "false",
                  x->dry ? "true" : "false");
    for (size_t i = 0; i < x->plan.n; i++) {
        const struct hl_topic *t = &x->plan.topics[i];
        hl_json_put_raw(out, i ? ",{" : "{");
        hl_json_put_member(out, "topic", hl_slice_of(t->name));
        hl_json_put_member(out, "role", hl_slice_of(hl_topic_role_name(t->role)));
        hl_buf_printf(out, ",\"exists\":%s,\"partitions\":%d,\"replication\":%d,\"done\":", t->partitions ? "true" : "false", t->partitions,
                      t->replication);
        hl_json_put_text(out, x->done[i] == NOTHING ? HL_SLICE_NULL : hl_slice_of(said(x, i)));
        hl_json_put_raw(out, ",\"problems\":[");
        for (size_t k = 0; k < t->n_problems; k++) {
            if (k) hl_json_put_raw(out, ",");
            put_problem(&t->problems[k], out);
        }
        hl_json_put_raw(out, "]}");
    }
    hl_json_put_raw(out, "]}\n");
}

static int run(struct topics *x)
{
    struct hl_error err = {0};
    struct hl_buf out;
    bool changed = false;
    hl_buf_init(&out);
    enum hl_status status = hl_cli_kafka_open(&x->kafka, x->config, &err);
    if (!status && !name_topics(x)) status = hl_error_set(&err, HL_E_NOMEM, HL_STOP, "out of memory");
    if (!status) status = look(x, &err);
    if (!status && (x->create || x->alter)) status = act(x, &changed, &err);
    if (!status && changed) status = look(x, &err);
    if (!status) {
        (x->json ? put_json : put_table)(x, &out);
        status = hl_cli_print(&out);
        if (status) hl_error_set(&err, status, HL_STOP, "the output cannot be written");
    }
    hl_buf_fini(&out);
    if (status) return hl_cli_fail(COMMAND, status, err.message);
    return drifts(x) ? DRIFT : 0;
}

int hl_cmd_topics(int argc, char **argv)
{
    struct topics x = {.config_path = hl_cli_default_config()};
    int code = read_options(&x, argc, argv);
    if (code >= 0) return code;
    code = hl_cli_load(COMMAND, x.config_path, &x.config, NULL);
    if (code == 0) code = run(&x);
    for (size_t i = 0; x.plan.topics && i < x.plan.n; i++) forget(&x.plan.topics[i]);
    free(x.plan.topics);
    free(x.done);
    free(x.replication);
    hl_cli_kafka_close(&x.kafka);
    hl_config_free(x.config);
    return code;
}
