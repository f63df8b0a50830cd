/* hotlead rank: the hottest contacts, from the warm copy in Redis. */
#include <getopt.h>
#include <stdio.h>

#include "cli.h"
#include "hotlead/app/commands.h"
#include "hotlead/base/clock.h"
#include "json_text.h"
#include "rank.h"
#include "warm.h"

static const char USAGE[] =
    "Usage: hotlead rank [-c CONFIG] [--stage STAGE] [--limit N] [-o table|json]\n"
    "\n"
    "The hottest contacts first: by their score of this moment, then those who raised a hand, then by id. Read from the warm copy in\n"
    "Redis, that is, as of the last checkpoint of each partition. The disqualified are left out, suspects are marked.\n"
    "\n"
    "  -c, --config FILE   the configuration (default: config/hotlead.yaml)\n"
    "  -s, --stage STAGE   only contacts of this stage, for instance mql (default: all)\n"
    "  -n, --limit N       how many, 1 to 10000 (default: 50)\n"
    "  -o, --output FORM   table (default) or json\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit codes: 0, 64 wrong use, 65 nothing of this group in Redis, or a record that cannot be read, 69 Redis cannot be reached,\n"
    "78 a wrong configuration or model.\n";

struct rank {
    const char *config_path;
    int stage;
    size_t limit;
    bool json;
    struct hl_config *config;
    struct hl_model *model;
    struct hl_store *store;
    struct hl_rank top;
    struct hl_slab slab; /* of the one contact in hand */
    struct hl_buf partitions;
    uint64_t contacts;
    struct hl_bar bar; /* the copy does not say beforehand how many there are */
};

static const char COMMAND[] = "rank";

static int read_option(struct rank *x, int option)
{
    struct hl_error err;
    switch (option) {
    case 'c': x->config_path = optarg; return 0;
    case 's': return hl_rank_parse_stage(optarg, &x->stage, &err) ? 0 : hl_cli_wrong_use(COMMAND, "%s", err.message);
    case 'n': return hl_rank_parse_limit(optarg, HL_RANK_MAX, &x->limit, &err) ? 0 : hl_cli_wrong_use(COMMAND, "%s", err.message);
    case 'o': return hl_cli_form(optarg, "table", &x->json) ? 0 : hl_cli_wrong_use(COMMAND, "output is table or json");
    default: fputs("Try 'hotlead rank --help'.\n", stderr); return hl_status_exit_code(HL_E_USAGE);
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct rank *x, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"stage", required_argument, NULL, 's'},
                                            {"limit", required_argument, NULL, 'n'},  {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "c:s:n:o:h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        int code = read_option(x, o);
        if (code) return code;
    }
    return optind == argc ? -1 : hl_cli_wrong_use(COMMAND, "it takes options only");
}

static enum hl_status take_record(struct rank *x, const struct hl_store_record *r)
{
    struct hl_contact c;
    enum hl_status status = hl_contact_init(&c, &x->slab, r->hash, r->id, 0);
    if (status == HL_OK) status = hl_warm_decode(&c, &x->slab, x->model, r->value);
    if (status == HL_OK) hl_rank_offer(&x->top, x->model, &c);
    hl_contact_fini(&c, &x->slab);
    if (++x->contacts % 1024 == 0) hl_bar_at(&x->bar, x->contacts);
    return x->top.failed ? HL_E_NOMEM : status;
}

static enum hl_status on_records(void *ctx, const struct hl_store_record *records, size_t n)
{
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < n && status == HL_OK; i++) status = take_record(ctx, &records[i]);
    return status;
}

static enum hl_status read_copies(struct rank *x, struct hl_error *err)
{
    int64_t position;
    for (int32_t p = 0;; p++) {
        enum hl_status status = hl_warm_next(x->store, &p, &position, err);
        if (status == HL_E_END) return HL_OK;
        if (status == HL_OK) status = x->store->load(x->store, p, -1, on_records, x, err);
        if (status != HL_OK) return status;
        hl_buf_printf(&x->partitions, "%s%d", x->partitions.len ? "," : "", (int)p);
    }
}

static int print(struct rank *x)
{
    struct hl_buf out;
    hl_buf_init(&out);
    hl_rank_sort(&x->top);
    (x->json ? hl_rank_put_json : hl_rank_put_table)(&x->top, &out);
    if (x->json)
        hl_buf_printf(&out, ",\"source\":{\"from\":\"redis\",\"partitions\":[%.*s]}}\n", HL_SLICE_ARG(hl_buf_slice(&x->partitions)));
    if (!out.failed) fwrite(out.data, 1, out.len, stdout);
    int code = out.failed ? hl_cli_fail(COMMAND, HL_E_NOMEM, "out of memory") : 0;
    hl_buf_fini(&out);
    return code;
}

static int rank(struct rank *x)
{
    struct hl_error err = {0};
    char message[400];
    enum hl_status status = hl_warm_open(x->config, 0, &x->store, &err);
    if (status == HL_OK && hl_rank_init(&x->top, x->model, x->stage, x->limit, hl_clock_wall_ms()))
        status = hl_error_set(&err, HL_E_NOMEM, HL_STOP, "out of memory");
    if (status == HL_OK) status = read_copies(x, &err);
    hl_bar_end(&x->bar);
    if (status) return hl_cli_fail(COMMAND, status == HL_E_IO ? HL_E_DECODE : status, err.message);
    if (x->partitions.len) return print(x);
    snprintf(message, sizeof(message), "nothing of group %.200s in Redis: has it run, and has a checkpoint passed?", x->config->group_id);
    return hl_cli_fail(COMMAND, HL_E_DECODE, message);
}

int hl_cmd_rank(int argc, char **argv)
{
    struct rank x = {.config_path = hl_cli_default_config(), .stage = HL_RANK_ANY, .limit = HL_RANK_DEFAULT};
    int code = read_options(&x, argc, argv);
    if (code >= 0) return code;
    hl_slab_init(&x.slab);
    hl_buf_init(&x.partitions);
    hl_bar_begin(&x.bar, "contacts", 0);
    code = hl_cli_load(COMMAND, x.config_path, &x.config, &x.model);
    if (code == 0) code = rank(&x);
    if (x.store) x.store->free(x.store);
    hl_rank_fini(&x.top);
    hl_buf_fini(&x.partitions);
    hl_slab_fini(&x.slab);
    hl_model_free(x.model);
    hl_config_free(x.config);
    return code;
}
