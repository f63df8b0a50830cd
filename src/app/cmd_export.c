/* hotlead export: the state of every contact into an Avro container file.
 *
 * DESIGN  A file is a backup, and the way to another group or cluster. From the state topic it carries, in its header, where the group stood when the
 * reading began: each contact's state is at least as new, and says itself what it has applied, so a group that starts there from the file misses
 * nothing and counts nothing twice. The copy in Redis can lag behind those offsets, so a file made of it carries none. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "hotlead/adapter/avro_file.h"
#include "hotlead/app/commands.h"
#include "hotlead/app/schemas.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/iso8601.h"
#include "hotlead/core/grave.h"
#include "json_text.h"
#include "state_file.h"
#include "states.h"

#define FRAME 5 /* Confluent framing, which a file has not */

static const char USAGE[] =
    "Usage: hotlead export FILE [-c CONFIG] [--from state|redis] [--force] [-o table|json]\n"
    "\n"
    "Writes the state of every contact into FILE, an Avro container of ContactState records that other programs can read, too, and that hotlead import\n"
    "takes. It may be done beside running scorers.\n"
    "\n"
    "  -c, --config FILE   the configuration (default: config/hotlead.yaml)\n"
    "      --from WHERE    state (default): the state topic, to its end, with the offsets at which a new group can go on exactly; redis: the warm\n"
    "                      copy, as of the last checkpoint, without them\n"
    "      --force         write over a FILE that is there\n"
    "  -o, --output FORM   what is said at the end: table (default) or json\n"
    "  -h, --help          this text\n"
    "\n"
    "FILE - is the standard output; then nothing is said. Exit codes: 0, 64 wrong use, 65 there is no state, or a record that cannot be read, 69 Kafka\n"
    "or Redis cannot be reached, or the file cannot be written, 77 not permitted, 78 a wrong configuration or model.\n";

static const char COMMAND[] = "export";

struct export {
    const char *config_path, *path;
    bool redis, force, json, to_stdout;
    struct hl_config *config;
    struct hl_model *model;
    struct hl_cli_kafka kafka;
    FILE *file;
    char *part; /* the file while it is written */
    char *schema;
    struct hl_avro_writer writer;
    struct hl_buf offsets, record;
    struct hl_slab slab;
    int32_t partitions; /* of the inputs; 0: not known */
    uint64_t contacts, graves;
    struct hl_error *err;
};

enum { OPT_FROM = 256, OPT_FORCE };

static int read_option(struct export *x, int option)
{
    switch (option) {
    case 'c': x->config_path = optarg; return 0;
    case OPT_FORCE: x->force = true; return 0;
    case OPT_FROM:
        x->redis = strcmp(optarg, "redis") == 0;
        return x->redis || strcmp(optarg, "state") == 0 ? 0 : hl_cli_wrong_use(COMMAND, "from is state or redis, not %s", optarg);
    case 'o': return hl_cli_form(optarg, "table", &x->json) ? 0 : hl_cli_wrong_use(COMMAND, "output is table or json, not %s", optarg);
    default: fputs("Try 'hotlead export --help'.\n", stderr); return hl_status_exit_code(HL_E_USAGE);
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct export *x, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"from", required_argument, NULL, OPT_FROM},
                                            {"force", no_argument, NULL, OPT_FORCE},  {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "c:o:h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        int code = read_option(x, o);
        if (code) return code;
    }
    if (optind + 1 != argc || !argv[optind][0]) return hl_cli_wrong_use(COMMAND, optind + 1 < argc ? "one file is written" : "into which file?");
    x->path = argv[optind];
    x->to_stdout = strcmp(x->path, "-") == 0;
    return -1;
}

/* --- the file --- */

static enum hl_status file_error(const struct export *x)
{
    return hl_error_set(x->err, HL_E_IO, HL_STOP, "%.300s: %s", x->path, strerror(errno));
}

static enum hl_status file_open(struct export *x)
{
    if (x->to_stdout) {
        x->file = stdout;
        return isatty(STDOUT_FILENO) ? hl_error_set(x->err, HL_E_USAGE, HL_STOP, "the standard output is a terminal") : HL_OK;
    }
    if (!x->force && access(x->path, F_OK) == 0)
        return hl_error_set(x->err, HL_E_USAGE, HL_STOP, "%.300s is there already; --force writes over it", x->path);
    if (asprintf(&x->part, "%s.part", x->path) < 0) {
        x->part = NULL;
        return hl_error_set(x->err, HL_E_NOMEM, HL_STOP, "out of memory");
    }
    x->file = fopen(x->part, "wbe");
    return x->file ? HL_OK : file_error(x);
}

/* A file that is there is whole. */
static enum hl_status file_close(struct export *x)
{
    if (x->to_stdout) return HL_OK;
    bool ok = fsync(fileno(x->file)) == 0;
    ok = fclose(x->file) == 0 && ok;
    x->file = NULL;
    return ok && rename(x->part, x->path) == 0 ? HL_OK : file_error(x);
}

static void file_abandon(struct export *x)
{
    if (x->file && !x->to_stdout) fclose(x->file);
    if (x->file && x->part) unlink(x->part);
    free(x->part);
}

/* --- what the header says --- */

static enum hl_status read_offsets(struct export *x)
{
    size_t inputs = x->config->n_inputs, n = 0;
    enum hl_status status = hl_cli_partitions(&x->kafka, &x->partitions, x->err);
    if (status) return status;
    struct hl_position *p = calloc(inputs * (size_t)x->partitions, sizeof(*p));
    if (!p) return hl_error_set(x->err, HL_E_NOMEM, HL_STOP, "out of memory");
    for (int32_t i = 0; i < x->partitions; i++)
        for (size_t t = 0; t < inputs; t++) p[n++] = (struct hl_position){(uint16_t)t, i, -1, -1, 0};
    status = hl_kafka_admin_committed(x->kafka.admin, p, n, x->err);
    for (size_t i = 0; i < n && !status; i++) {
        if (p[i].offset < 0) continue;
        hl_buf_printf(&x->offsets, "%s %" PRId32 " %" PRId64 " %" PRId64 "\n", x->config->inputs[p[i].topic].topic, p[i].partition, p[i].offset,
                      p[i].low_water < 0 ? p[i].offset : p[i].low_water);
    }
    free(p);
    return status;
}

static enum hl_status begin(struct export *x)
{
    char *text = NULL, partitions[16], now[HL_ISO8601_SIZE];
    enum hl_status status = hl_schemas_read_file(x->config->schemas_dir, "contact_state.avsc", &text, x->err);
    if (!status) status = hl_avro_states_schema(text, &x->schema, x->err);
    free(text);
    if (!status) status = file_open(x);
    if (status) return status;
    const char *cluster = x->redis ? NULL : hl_kafka_admin_cluster(x->kafka.admin);
    snprintf(partitions, sizeof(partitions), "%" PRId32, x->partitions);
    struct hl_avro_meta meta[] = {
        {HL_STATE_FILE_VERSION, hl_slice_of(HL_VERSION)},
        {HL_STATE_FILE_FROM, hl_slice_of(x->redis ? "redis" : x->config->state)},
        {HL_STATE_FILE_GROUP, hl_slice_of(x->config->group_id)},
        {HL_STATE_FILE_MODEL, hl_slice_of(x->model->name)},
        {HL_STATE_FILE_MODEL_VERSION, hl_slice_of(x->model->version)},
        {HL_STATE_FILE_TIME, hl_slice_of(hl_iso8601_format(hl_clock_wall_ms(), now))},
        {HL_STATE_FILE_CLUSTER, hl_slice_of(cluster ? cluster : "")},
        {HL_STATE_FILE_PARTITIONS, hl_slice_of(partitions)},
        {HL_STATE_FILE_OFFSETS, hl_buf_slice(&x->offsets)},
        {HL_STATE_FILE_MERGES, hl_slice_of(x->config->merges)},
    };
    return hl_avro_writer_init(&x->writer, x->file, x->schema, meta, HL_ARRAY_LEN(meta), x->err);
}

/* --- records --- */

static enum hl_status on_record(void *ctx, const struct hl_state_record *r)
{
    struct export *x = ctx;
    struct hl_contact c;
    struct hl_slice engine;
    struct hl_applied_slice slices[64];
    struct hl_applied applied[64];
    char *names[64];
    size_t n = 0, copied = 0;
    enum hl_status status = hl_state_record_read(r, &c, &x->slab, x->model, x->err);
    if (status) return status;
    status = hl_avro_get_state(r->value, &engine, slices, HL_ARRAY_LEN(slices), &n);
    for (; copied < n && !status; copied++) {
        names[copied] = strndup(slices[copied].topic.data, slices[copied].topic.len);
        applied[copied] = (struct hl_applied){names[copied], slices[copied].offset};
    }
    hl_buf_clear(&x->record);
    hl_avro_put_state(&x->record, 0, &c, x->model, engine, applied, n);
    hl_buf_put_long(&x->record, r->partition);
    while (copied) free(names[--copied]);
    if (c.flags & HL_C_GRAVE) x->graves++;
    else x->contacts++;
    hl_contact_fini(&c, &x->slab);
    if (x->record.failed) return hl_error_set(x->err, HL_E_NOMEM, HL_STOP, "out of memory");
    struct hl_slice datum = hl_buf_slice(&x->record);
    return hl_avro_writer_put(&x->writer, (struct hl_slice){datum.data + FRAME, datum.len - FRAME}, x->err);
}

static void say(const struct export *x, struct hl_buf *out)
{
    const char *from = x->redis ? "redis" : x->config->state;
    if (x->to_stdout) return;
    if (x->json) {
        hl_json_put_raw(out, "{");
        hl_json_put_member(out, "file", hl_slice_of(x->path));
        hl_json_put_member(out, "from", hl_slice_of(from));
        hl_buf_printf(out, ",\"contacts\":%" PRIu64 ",\"erased\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"offsets\":%s}\n", x->contacts, x->graves,
                      x->writer.bytes, x->redis ? "false" : "true");
    } else {
        hl_buf_printf(out, "%" PRIu64 " contacts from %s in %s (%" PRIu64 " bytes)%s\n", x->contacts, from, x->path, x->writer.bytes,
                      x->redis ? "; without offsets" : "");
    }
}

static int export(struct export *x)
{
    struct hl_buf out;
    hl_buf_init(&out);
    enum hl_status status = HL_OK;
    if (!x->redis) status = hl_cli_kafka_open(&x->kafka, x->config, x->err);
    if (!status && !x->redis) status = read_offsets(x); /* first: the states are then at least as new */
    if (!status) status = begin(x);
    if (!status) status = x->redis ? hl_states_each_in_redis(x->config, on_record, x, x->err)
                                   : hl_states_each_in_topic(&x->kafka, x->config, on_record, x, x->err);
    if (!status) status = hl_avro_writer_flush(&x->writer, x->err);
    if (!status) status = file_close(x);
    if (!status) {
        say(x, &out);
        status = hl_cli_print(&out);
        if (status) hl_error_set(x->err, status, HL_STOP, "the output cannot be written");
    }
    hl_buf_fini(&out);
    return status ? hl_cli_fail(COMMAND, status, x->err->message) : 0;
}

int hl_cmd_export(int argc, char **argv)
{
    struct hl_error err = {0};
    struct export x = {.config_path = hl_cli_default_config(), .err = &err};
    int code = read_options(&x, argc, argv);
    if (code >= 0) return code;
    hl_slab_init(&x.slab);
    hl_buf_init(&x.offsets);
    hl_buf_init(&x.record);
    code = hl_cli_load(COMMAND, x.config_path, &x.config, &x.model);
    if (code == 0) code = export(&x);
    file_abandon(&x);
    hl_avro_writer_fini(&x.writer);
    hl_cli_kafka_close(&x.kafka);
    free(x.schema);
    hl_buf_fini(&x.offsets);
    hl_buf_fini(&x.record);
    hl_slab_fini(&x.slab);
    hl_model_free(x.model);
    hl_config_free(x.config);
    return code;
}
