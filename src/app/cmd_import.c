/* hotlead import: a file of contact states into the state topic of a group that has nothing yet.
 *
 * DESIGN  The file is read twice: first every record is decoded, so that what cannot be used is told before anything is written; then the records go to
 * the state topic, and, last of all, the group's offsets are committed. Until then the group has no offsets, so an import that was cut off is seen as
 * what it is.
 *
 * Where the group begins: where the file says, if it is of the same cluster, topics and partitions; else where --start says, and then the states'
 * own applied offsets, which are those of other topics, are left out. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hotlead/adapter/avro_file.h"
#include "hotlead/app/commands.h"
#include "hotlead/app/schemas.h"
#include "hotlead/base/hash.h"
#include "hotlead/core/grave.h"
#include "hotlead/core/state.h"
#include "json_text.h"
#include "state_file.h"
#include "states.h"
#include "warm.h"

static const char USAGE[] =
    "Usage: hotlead import FILE [-c CONFIG] [--start earliest|latest] [--dry-run] [--again] [-o table|json]\n"
    "\n"
    "Fills the state topic of the configured group with the contacts of FILE, which hotlead export has written. The group must be new: no members, no\n"
    "committed offsets, an empty state topic. Its first 'hotlead run' then goes on with these contacts.\n"
    "\n"
    "  -c, --config FILE    the configuration (default: config/hotlead.yaml)\n"
    "      --start WHERE    where the inputs are read from: earliest or latest. Needed unless the file is of the same cluster, inputs and partitions; then\n"
    "                       the group begins exactly where the exported one stood, and events that are in the states do not count again\n"
    "      --dry-run        check the file and the group, and write nothing\n"
    "      --again          the state topic holds what an import of this file has left that was cut off: write over it\n"
    "      --without-erased leave out the notes of erased contacts: late events of theirs would count. Needed when the partition count is another\n"
    "  -o, --output FORM    table (default) or json\n"
    "  -h, --help           this text\n"
    "\n"
    "Exit codes: 0, 64 wrong use, 65 the file cannot be read, 69 Kafka or Redis cannot be reached, 75 the group is not new, 77 not permitted,\n"
    "78 a wrong configuration or model.\n";

static const char COMMAND[] = "import";

enum start { START_FILE, START_EARLIEST, START_LATEST };

struct import {
    const char *config_path, *path;
    enum start start;
    bool dry, again, json, without_erased;
    struct hl_config *config;
    struct hl_model *model;
    struct hl_cli_kafka kafka;
    struct hl_schemas *schemas;
    uint32_t schema_id;
    struct hl_slice bytes; /* of the file, mapped */
    struct hl_avro_states *states;
    bool same; /* cluster, inputs and partitions are those of the file: its offsets are good */
    bool write; /* the second pass */
    int32_t partitions;
    struct hl_position *positions;
    size_t n_positions;
    struct hl_slab slab;
    struct hl_buf record;
    struct hl_bar bar;
    uint64_t contacts, graves, left_out;
    int discarded; /* copies in Redis */
    struct hl_error *err;
};

enum { OPT_START = 256, OPT_DRY, OPT_AGAIN, OPT_WITHOUT };

static int read_option(struct import *x, int option)
{
    switch (option) {
    case 'c': x->config_path = optarg; return 0;
    case OPT_DRY: x->dry = true; return 0;
    case OPT_AGAIN: x->again = true; return 0;
    case OPT_WITHOUT: x->without_erased = true; return 0;
    case OPT_START:
        x->start = strcmp(optarg, "earliest") == 0 ? START_EARLIEST : START_LATEST;
        return x->start == START_EARLIEST || strcmp(optarg, "latest") == 0 ? 0
                                                                           : hl_cli_wrong_use(COMMAND, "start is earliest or latest, not %s", optarg);
    case 'o': return hl_cli_form(optarg, "table", &x->json) ? 0 : hl_cli_wrong_use(COMMAND, "output is table or json, not %s", optarg);
    default: fputs("Try 'hotlead import --help'.\n", stderr); return hl_status_exit_code(HL_E_USAGE);
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct import *x, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},        {"start", required_argument, NULL, OPT_START},
                                            {"dry-run", no_argument, NULL, OPT_DRY},         {"again", no_argument, NULL, OPT_AGAIN},
                                            {"without-erased", no_argument, NULL, OPT_WITHOUT}, {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},                {NULL, 0, NULL, 0}};
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "c:o:h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        int code = read_option(x, o);
        if (code) return code;
    }
    if (optind + 1 != argc) return hl_cli_wrong_use(COMMAND, optind == argc ? "which file?" : "one file is read");
    x->path = argv[optind];
    return -1;
}

/* --- the file --- */

static enum hl_status file_error(const struct import *x, const char *why)
{
    return hl_error_set(x->err, HL_E_DECODE, HL_STOP, "%.300s: %.180s", x->path, why);
}

static enum hl_status file_map(struct import *x)
{
    struct stat st;
    int fd = open(x->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return file_error(x, strerror(errno));
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
    void *p = regular ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (p == MAP_FAILED) return file_error(x, regular ? "it cannot be mapped" : "it is empty, or no file");
    x->bytes = (struct hl_slice){p, (size_t)st.st_size};
    return HL_OK;
}

static enum hl_status file_open(struct import *x)
{
    struct hl_avro_file f;
    struct hl_error why;
    enum hl_status status = file_map(x);
    if (status) return status;
    status = hl_avro_file_open(&f, x->bytes, &why);
    if (!status) status = hl_avro_states_new(f.schema, &x->states, &why);
    return status ? file_error(x, why.message) : HL_OK;
}

/* A copy of an entry of the header, as text. */
static const char *meta(const struct import *x, const char *key, char *text, size_t cap)
{
    struct hl_slice v = hl_avro_file_meta(x->bytes, key);
    snprintf(text, cap, "%.*s", HL_SLICE_ARG(v));
    return text;
}

/* --- where the group begins --- */

static struct hl_position *position_of(struct import *x, struct hl_slice topic, int64_t partition)
{
    for (size_t i = 0; i < x->n_positions; i++)
        if (x->positions[i].partition == partition && hl_slice_eq_cstr(topic, x->config->inputs[x->positions[i].topic].topic)) return &x->positions[i];
    return NULL;
}

static struct hl_slice next_word(struct hl_slice *rest, char end)
{
    const char *sign = memchr(rest->data, end, rest->len);
    struct hl_slice word = {rest->data, sign ? (size_t)(sign - rest->data) : rest->len};
    size_t used = word.len + (sign != NULL);
    *rest = (struct hl_slice){rest->data + used, rest->len - used};
    return word;
}

/* Low-water is where to begin: what the states do not hold yet is applied from there, and what they hold is passed over. */
static bool read_offsets(struct import *x)
{
    struct hl_slice lines = hl_avro_file_meta(x->bytes, HL_STATE_FILE_OFFSETS);
    size_t found = 0;
    while (lines.len) {
        struct hl_slice line = next_word(&lines, '\n'), topic = next_word(&line, ' ');
        int64_t partition, offset, low;
        bool good = hl_slice_parse_i64(next_word(&line, ' '), &partition) && hl_slice_parse_i64(next_word(&line, ' '), &offset) &&
                    hl_slice_parse_i64(line, &low);
        struct hl_position *p = good ? position_of(x, topic, partition) : NULL;
        if (good && !p && hl_slice_eq(topic, hl_avro_file_meta(x->bytes, HL_STATE_FILE_MERGES))) continue; /* the other group's own; this one has another */
        if (!p || low < 0 || low > offset) return false;
        p->offset = p->low_water = low;
        found++;
    }
    return found > 0;
}

static bool is_same_place(struct import *x)
{
    char text[64], partitions[16];
    const char *cluster = hl_kafka_admin_cluster(x->kafka.admin);
    snprintf(partitions, sizeof(partitions), "%" PRId32, x->partitions);
    return cluster && strcmp(meta(x, HL_STATE_FILE_CLUSTER, text, sizeof(text)), cluster) == 0 &&
           strcmp(meta(x, HL_STATE_FILE_PARTITIONS, text, sizeof(text)), partitions) == 0 && read_offsets(x);
}

/* Merges are those of the group that wrote them: unless it is the same topic, and the file says where, there are none before its end. */
static enum hl_status place_own(struct import *x, struct hl_position *p)
{
    int32_t n;
    int replication;
    int64_t low, high = 0;
    enum hl_status status = hl_kafka_admin_topic(x->kafka.admin, x->config->merges, &n, &replication, x->err);
    if (!status && n > p->partition) status = hl_kafka_admin_bounds(x->kafka.admin, p->topic, p->partition, &low, &high, x->err);
    if (x->start != START_FILE || p->offset < 0) p->offset = p->low_water = high; /* 0: it is made at the first start */
    return status;
}

static enum hl_status place(struct import *x, struct hl_position *p)
{
    int64_t low, high;
    if (x->config->inputs[p->topic].format == HL_FORMAT_MERGES) return place_own(x, p);
    const char *topic = x->config->inputs[p->topic].topic;
    enum hl_status status = hl_kafka_admin_bounds(x->kafka.admin, p->topic, p->partition, &low, &high, x->err);
    if (status) return status;
    if (x->start == START_LATEST) p->offset = high;
    if (x->start == START_EARLIEST || p->offset < 0) p->offset = low; /* the exported group had not come there yet */
    p->low_water = p->offset;
    if (p->offset >= low && p->offset <= high) return HL_OK;
    return hl_error_set(x->err, HL_E_DECODE, HL_STOP,
                        "the exported group stood at %" PRId64 " of %s [%" PRId32 "], which holds %" PRId64 " to %" PRId64 " now; say where to begin: --start "
                        "earliest or latest", p->offset, topic, p->partition, low, high);
}

static enum hl_status place_all(struct import *x)
{
    size_t inputs = x->config->n_inputs;
    x->positions = calloc(inputs * (size_t)x->partitions, sizeof(*x->positions));
    if (!x->positions) return hl_error_set(x->err, HL_E_NOMEM, HL_STOP, "out of memory");
    for (int32_t i = 0; i < x->partitions; i++)
        for (size_t t = 0; t < inputs; t++) x->positions[x->n_positions++] = (struct hl_position){(uint16_t)t, i, -1, -1, 0};
    x->same = is_same_place(x);
    if (!x->same && x->start == START_FILE)
        return hl_error_set(x->err, HL_E_USAGE, HL_STOP,
                            "the file is not of this cluster with these inputs and %" PRId32 " partitions, so its offsets say nothing here; say where to begin: "
                            "--start earliest or latest", x->partitions);
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < x->n_positions && !status; i++) status = place(x, &x->positions[i]);
    return status;
}

/* --- the group must be new --- */

static enum hl_status not_new(struct import *x, const char *what, const char *how)
{
    return hl_error_set(x->err, HL_E_FENCED, HL_STOP, "group '%.100s' %s; %s", x->config->group_id, what, how);
}

static enum hl_status check_offsets(struct import *x)
{
    struct hl_position *now = calloc(x->n_positions, sizeof(*now));
    if (!now) return hl_error_set(x->err, HL_E_NOMEM, HL_STOP, "out of memory");
    memcpy(now, x->positions, x->n_positions * sizeof(*now));
    enum hl_status status = hl_kafka_admin_committed(x->kafka.admin, now, x->n_positions, x->err);
    for (size_t i = 0; i < x->n_positions && !status; i++)
        if (now[i].offset >= 0) status = not_new(x, "has committed offsets", "import into a new kafka.group.id, or delete the group's offsets first");
    free(now);
    return status;
}

static enum hl_status check_state(struct import *x)
{
    int32_t n;
    int replication;
    int64_t low, high;
    enum hl_status status = hl_kafka_admin_topic(x->kafka.admin, x->config->state, &n, &replication, x->err);
    if (status) return status;
    if (n != x->partitions)
        return hl_error_set(x->err, HL_E_CONFIG, HL_STOP, "topic '%s' has %" PRId32 " partitions and the inputs have %" PRId32
                            "; 'hotlead topics --create' makes it as it should be", x->config->state, n, x->partitions);
    for (int32_t p = 0; p < n && !x->again; p++) {
        status = hl_kafka_admin_bounds(x->kafka.admin, HL_STATE_TOPIC, p, &low, &high, x->err);
        if (status) return status;
        if (high > low)
            return not_new(x, "has state already", "name another topic in outputs.state, or, if an import of this file was cut off, repeat it with --again");
    }
    return HL_OK;
}

static enum hl_status check_group(struct import *x)
{
    size_t members;
    enum hl_status status = hl_kafka_admin_members(x->kafka.admin, &members, x->err);
    if (!status && members) status = not_new(x, "has members", "stop them first; one that has ended counts for session.timeout.ms more, "
                                                                "so that a restart moves nothing");
    if (!status) status = check_offsets(x);
    return status ? status : check_state(x);
}

/* --- records --- */

static enum hl_status encode(struct import *x, const struct hl_avro_state *s, const struct hl_contact *c)
{
    struct hl_applied applied[64];
    char *names[64];
    size_t n = 0;
    for (; x->same && n < s->n_applied; n++) {
        names[n] = strndup(s->applied[n].topic.data, s->applied[n].topic.len);
        applied[n] = (struct hl_applied){names[n], s->applied[n].offset};
    }
    hl_buf_clear(&x->record);
    hl_avro_put_state(&x->record, x->schema_id, c, x->model, s->engine, applied, n);
    while (n) free(names[--n]);
    return x->record.failed ? hl_error_set(x->err, HL_E_NOMEM, HL_STOP, "out of memory") : HL_OK;
}

/* A grave lies in its contact's partition, which its key does not tell. */
static enum hl_status partition_of(struct import *x, const struct hl_avro_state *s, bool grave, int32_t *p)
{
    char text[16], here[16];
    snprintf(here, sizeof(here), "%" PRId32, x->partitions);
    *p = grave ? s->partition : hl_partition_of(s->contact_id, x->partitions);
    if (!grave) return HL_OK;
    bool same_count = strcmp(meta(x, HL_STATE_FILE_PARTITIONS, text, sizeof(text)), here) == 0;
    if (same_count && s->partition >= 0 && s->partition < x->partitions) return HL_OK;
    return hl_error_set(x->err, HL_E_USAGE, HL_STOP,
                        "the file holds notes of erased contacts, and with another partition count it is not known where they belong; "
                        "--without-erased leaves them out");
}

static enum hl_status take(struct import *x, const struct hl_avro_state *s)
{
    struct hl_contact c;
    uint64_t hash;
    int32_t p;
    bool grave = hl_grave_read_id(s->contact_id, &hash);
    if (grave && x->without_erased) {
        x->left_out++;
        return HL_OK;
    }
    enum hl_status status = partition_of(x, s, grave, &p);
    if (status) return status;
    status = hl_contact_init(&c, &x->slab, hl_hash64(s->contact_id), s->contact_id, 0);
    if (status) return hl_error_set(x->err, status, HL_STOP, "out of memory");
    status = hl_state_decode(&c, &x->slab, x->model, s->engine);
    if (status) hl_error_set(x->err, status, HL_STOP, "the state of a contact cannot be read (%s)", hl_status_name(status));
    if (!status && x->write) status = encode(x, s, &c);
    hl_contact_fini(&c, &x->slab);
    if (!status && x->write) status = hl_kafka_admin_put(x->kafka.admin, x->config->state, p, s->contact_id, hl_buf_slice(&x->record), x->err);
    if (grave) x->graves++;
    else x->contacts++;
    return status;
}

static enum hl_status take_block(struct import *x, const struct hl_avro_file *f, const struct hl_avro_block *b, struct hl_buf *room)
{
    struct hl_slice rest;
    struct hl_avro_state s;
    hl_buf_clear(room);
    enum hl_status status = hl_avro_block_unpack(f->codec, b, room, &rest, x->err);
    for (int64_t i = 0; i < b->count && !status; i++) {
        status = hl_avro_states_next(x->states, &rest, &s, x->err);
        if (!status) status = take(x, &s);
    }
    if (!status && rest.len) status = hl_error_set(x->err, HL_E_DECODE, HL_STOP, "a block holds more bytes than its records take");
    return status;
}

/* Every record of the file, once. */
static enum hl_status pass(struct import *x, bool write)
{
    struct hl_avro_file f;
    struct hl_avro_block b;
    struct hl_buf room;
    uint64_t n = 0;
    hl_buf_init(&room);
    x->write = write;
    x->contacts = x->graves = x->left_out = 0;
    hl_bar_begin(&x->bar, write ? "bytes written" : "bytes checked", x->bytes.len);
    enum hl_status status = hl_avro_file_open(&f, x->bytes, x->err);
    while (!status) {
        status = hl_avro_file_next(&f, &b, x->err);
        if (status == HL_E_END) break;
        if (!status) status = take_block(x, &f, &b, &room);
        n += b.stored.len;
        hl_bar_at(&x->bar, n);
    }
    hl_bar_end(&x->bar);
    hl_buf_fini(&room);
    if (status == HL_E_END) return HL_OK;
    struct hl_error why = *x->err;
    if (status == HL_E_DECODE || status == HL_E_TOO_LARGE) file_error(x, why.message);
    return status;
}

static enum hl_status write_all(struct import *x)
{
    enum hl_status status = hl_schemas_open_configured(x->config, &x->schemas, x->err);
    if (!status) status = x->schemas->id_of(x->schemas, x->config->state, "contact_state.avsc", &x->schema_id, x->err);
    if (!status) status = pass(x, true);
    if (!status) status = hl_kafka_admin_flush(x->kafka.admin, x->err);
    return status ? status : hl_kafka_admin_commit(x->kafka.admin, x->positions, x->n_positions, x->err);
}

static void say(const struct import *x, struct hl_buf *out)
{
    char model[200], version[100];
    const char *start = x->start == START_EARLIEST ? "earliest" : x->start == START_LATEST ? "latest" : "exported";
    meta(x, HL_STATE_FILE_MODEL, model, sizeof(model));
    meta(x, HL_STATE_FILE_MODEL_VERSION, version, sizeof(version));
    bool other = strcmp(model, x->model->name) != 0 || strcmp(version, x->model->version) != 0;
    if (x->json) {
        hl_json_put_raw(out, "{");
        hl_json_put_member(out, "group", hl_slice_of(x->config->group_id));
        hl_json_put_member(out, "state", hl_slice_of(x->config->state));
        hl_buf_printf(out, ",\"contacts\":%" PRIu64 ",\"erased\":%" PRIu64 ",\"left_out\":%" PRIu64 ",\"written\":%s,\"start\":\"%s\",\"same_model\":%s,"
                      "\"redis_copies_discarded\":%d}\n", x->contacts, x->graves, x->left_out, x->dry ? "false" : "true", start, other ? "false" : "true",
                      x->discarded);
        return;
    }
    hl_buf_printf(out, "%" PRIu64 " contacts and %" PRIu64 " notes of erased ones %s %s; group %s %s %s\n", x->contacts, x->graves,
                  x->dry ? "would go into" : "are in", x->config->state, x->config->group_id, x->dry ? "would begin at" : "begins at",
                  x->start == START_FILE ? "the offsets of the exported one" : start);
    if (x->left_out) hl_buf_printf(out, "%" PRIu64 " notes of erased contacts are left out\n", x->left_out);
    if (x->discarded) hl_buf_printf(out, "%d copies of an earlier state in Redis %s\n", x->discarded, x->dry ? "would be discarded" : "were discarded");
    if (other)
        hl_buf_printf(out, "the file is of model %s %s, and this is %s %s: what rules have counted that it has no more does not count\n", model,
                      version, x->model->name, x->model->version);
}

static int import(struct import *x)
{
    struct hl_buf out;
    hl_buf_init(&out);
    enum hl_status status = file_open(x);
    if (!status) status = hl_cli_kafka_open(&x->kafka, x->config, x->err);
    if (!status) status = hl_cli_partitions(&x->kafka, &x->partitions, x->err);
    if (!status) status = place_all(x);
    if (!status) status = check_group(x);
    if (!status) status = pass(x, false);
    if (!status) status = hl_warm_discard_all(x->config, x->dry, &x->discarded, x->err);
    if (!status && !x->dry) status = write_all(x);
    if (!status) {
        say(x, &out);
        status = hl_cli_print(&out);
        if (status) hl_error_set(x->err, status, HL_STOP, "the output cannot be written");
    }
    hl_buf_fini(&out);
    return status ? hl_cli_fail(COMMAND, status, x->err->message) : 0;
}

int hl_cmd_import(int argc, char **argv)
{
    struct hl_error err = {0};
    struct import x = {.config_path = hl_cli_default_config(), .err = &err};
    int code = read_options(&x, argc, argv);
    if (code >= 0) return code;
    hl_slab_init(&x.slab);
    hl_buf_init(&x.record);
    code = hl_cli_load(COMMAND, x.config_path, &x.config, &x.model);
    if (code == 0) code = import(&x);
    if (x.schemas) x.schemas->free(x.schemas);
    hl_cli_kafka_close(&x.kafka);
    hl_avro_states_free(x.states);
    if (x.bytes.data) munmap((void *)(uintptr_t)x.bytes.data, x.bytes.len);
    free(x.positions);
    hl_buf_fini(&x.record);
    hl_slab_fini(&x.slab);
    hl_model_free(x.model);
    hl_config_free(x.config);
    return code;
}
