/* hotlead purge: those who were disqualified long ago leave no trace (decision 0011).
 *
 * DESIGN  The command erases nothing itself: it writes an event contact_erased for each into an input, and the running scorers do the rest, in the
 * transaction in which they read it. So a purge cannot get between a contact and its state, and it leaves a record of who asked for it. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hotlead/app/commands.h"
#include "hotlead/app/schemas.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/hash.h"
#include "hotlead/base/iso8601.h"
#include "hotlead/core/grave.h"
#include "hotlead/app/model_file.h"
#include "json_text.h"
#include "node.h"
#include "states.h"

#define SHOWN 20

static const char USAGE[] =
    "Usage: hotlead purge --older-than DURATION [-c CONFIG] [--yes] [--topic TOPIC] [-o table|json]\n"
    "\n"
    "Erases contacts that have been disqualified for longer than DURATION: nothing is kept of them, and no late event brings them back. Without --yes it\n"
    "only says who they are. With it, an event contact_erased for each is written into an input topic, and the running scorers erase them as they\n"
    "read it. Transitions and alerts that were written before stay in their topics until retention takes them.\n"
    "\n"
    "  -c, --config FILE          the configuration (default: config/hotlead.yaml)\n"
    "  -d, --older-than DURATION  such as 90d or 12h, since the contact was disqualified\n"
    "  -y, --yes                  do it\n"
    "      --dry-run              do not (the default)\n"
    "  -t, --topic TOPIC          the input for the events (default: the first whose records have the canonical names)\n"
    "  -o, --output FORM          table (default) or json, which names them all\n"
    "  -h, --help                 this text\n"
    "\n"
    "Exit codes: 0, also when there is nobody to erase, 64 wrong use, 65 a record of the state topic cannot be read, 69 Kafka cannot be reached,\n"
    "77 not permitted, 78 a wrong configuration or model.\n";

static const char COMMAND[] = "purge";

struct purge {
    const char *config_path, *topic, *duration;
    int64_t older_ms, now, oldest;
    bool yes, dry, json;
    struct hl_config *config;
    struct hl_model *model;
    struct hl_cli_kafka kafka;
    const struct hl_input *input;
    struct hl_schemas *schemas;
    uint32_t schema_id;
    struct hl_slab slab;
    struct hl_buf list;   /* contacts to be erased: id, since; as Avro bytes and longs */
    struct hl_buf record; /* the event in hand */
    uint64_t contacts, found;
    struct hl_error *err;
};

enum { OPT_DRY = 256 };

static int read_option(struct purge *x, int option)
{
    switch (option) {
    case 'c': x->config_path = optarg; return 0;
    case 't': x->topic = optarg; return 0;
    case 'y': x->yes = true; return 0;
    case OPT_DRY: x->dry = true; return 0;
    case 'o': return hl_cli_form(optarg, "table", &x->json) ? 0 : hl_cli_wrong_use(COMMAND, "output is table or json, not %s", optarg);
    case 'd':
        x->duration = optarg;
        if (hl_duration_parse(hl_slice_of(optarg), &x->older_ms) && x->older_ms >= 0) return 0;
        return hl_cli_wrong_use(COMMAND, "--older-than wants a duration such as 90d or 12h, not %s", optarg);
    default: fputs("Try 'hotlead purge --help'.\n", stderr); return hl_status_exit_code(HL_E_USAGE);
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct purge *x, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"older-than", required_argument, NULL, 'd'},
                                            {"yes", no_argument, NULL, 'y'},          {"dry-run", no_argument, NULL, OPT_DRY},
                                            {"topic", required_argument, NULL, 't'},  {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "c:d:yt:o:h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        int code = read_option(x, o);
        if (code) return code;
    }
    if (optind != argc) return hl_cli_wrong_use(COMMAND, "it takes options only, not '%s'", argv[optind]);
    if (x->yes && x->dry) return hl_cli_wrong_use(COMMAND, "either --yes or --dry-run");
    return x->duration ? -1 : hl_cli_wrong_use(COMMAND, "--older-than is needed: how long ago were they disqualified, at least?");
}

/* --- where the events go --- */

static bool is_canonical(const struct hl_input *in)
{
    for (int f = 0; f < HL_FIELD_COUNT; f++)
        if (in->fields.path[f]) return false;
    return !in->fields.seconds && in->fields.n_named == 0 && (in->format == HL_FORMAT_JSON || in->format == HL_FORMAT_AVRO);
}

static enum hl_status choose_input(struct purge *x)
{
    const struct hl_config *c = x->config;
    for (size_t i = 0; i < hl_config_user_inputs(c) && !x->input; i++)
        if (x->topic ? strcmp(c->inputs[i].topic, x->topic) == 0 : is_canonical(&c->inputs[i])) x->input = &c->inputs[i];
    if (x->topic && !x->input) return hl_error_set(x->err, HL_E_USAGE, HL_STOP, "'%.200s' is no input of the configuration", x->topic);
    if (x->input && is_canonical(x->input)) return HL_OK;
    return hl_error_set(x->err, HL_E_CONFIG, HL_STOP,
                        "%s records of the format json or avro with the canonical names; add an input for such events, for instance {topic: lead.control, "
                        "format: json}", x->topic ? "this input does not take" : "no input takes");
}

/* --- who --- */

static enum hl_status on_record(void *ctx, const struct hl_state_record *r)
{
    struct purge *x = ctx;
    struct hl_contact c;
    uint64_t hash;
    if (hl_grave_read_id(r->id, &hash)) return HL_OK;
    enum hl_status status = hl_state_record_read(r, &c, &x->slab, x->model, x->err);
    if (status) return status;
    x->contacts++;
    if (c.stage == HL_STAGE_DISQUALIFIED && c.stage_since <= x->now - x->older_ms) {
        hl_buf_put_bytes(&x->list, r->id);
        hl_buf_put_long(&x->list, c.stage_since);
        if (x->found++ == 0 || c.stage_since < x->oldest) x->oldest = c.stage_since;
    }
    hl_contact_fini(&c, &x->slab);
    return x->list.failed ? hl_error_set(x->err, HL_E_NOMEM, HL_STOP, "out of memory") : HL_OK;
}

static bool next(struct hl_reader *r, struct hl_slice *id, int64_t *since)
{
    if (r->p == r->end) return false;
    *id = hl_reader_bytes(r);
    *since = hl_reader_long(r);
    return !r->failed;
}

/* --- the events --- */

static void put_event(struct purge *x, struct hl_slice id, int64_t since)
{
    char event_id[64], reason[80];
    snprintf(event_id, sizeof(event_id), "purge:%016" PRIx64 ":%" PRId64, hl_hash64(id), since);
    snprintf(reason, sizeof(reason), "disqualified for longer than %.40s", x->duration);
    struct hl_event ev = {.event_id = hl_slice_of(event_id), .contact_id = id, .occurred_at = x->now, .type = HL_EVENT_CONTACT_ERASED,
                          .actor = HL_SLICE_LIT("hotlead purge"), .reason = hl_slice_of(reason)};
    hl_buf_clear(&x->record);
    if (x->input->format == HL_FORMAT_AVRO) {
        hl_avro_put_event(&x->record, x->schema_id, &ev);
        return;
    }
    hl_json_put_raw(&x->record, "{");
    hl_json_put_member(&x->record, "event_id", ev.event_id);
    hl_json_put_member(&x->record, "contact_id", id);
    hl_json_put_member_int(&x->record, "occurred_at", ev.occurred_at);
    hl_json_put_member(&x->record, "type", hl_slice_of(hl_event_type_name(ev.type)));
    hl_json_put_member(&x->record, "actor", ev.actor);
    hl_json_put_member(&x->record, "reason", ev.reason);
    hl_json_put_raw(&x->record, "}");
}

static enum hl_status write_events(struct purge *x)
{
    struct hl_reader r = hl_reader_of(hl_buf_slice(&x->list));
    struct hl_slice id;
    struct hl_bar bar;
    int64_t since;
    int32_t partitions;
    uint64_t n = 0;
    enum hl_status status = hl_cli_partitions(&x->kafka, &partitions, x->err);
    if (!status && x->input->format == HL_FORMAT_AVRO) {
        status = hl_schemas_open_configured(x->config, &x->schemas, x->err);
        if (!status) status = x->schemas->id_of(x->schemas, x->input->topic, "event.avsc", &x->schema_id, x->err);
    }
    hl_bar_begin(&bar, "events", x->found);
    while (!status && next(&r, &id, &since)) {
        put_event(x, id, since);
        status = x->record.failed ? hl_error_set(x->err, HL_E_NOMEM, HL_STOP, "out of memory")
                                  : hl_kafka_admin_put(x->kafka.admin, x->input->topic, hl_partition_of(id, partitions), id, hl_buf_slice(&x->record), x->err);
        hl_bar_at(&bar, ++n);
    }
    if (!status) status = hl_kafka_admin_flush(x->kafka.admin, x->err);
    hl_bar_end(&bar);
    return status;
}

/* --- what is said --- */

static void put_table(const struct purge *x, struct hl_buf *out)
{
    struct hl_reader r = hl_reader_of(hl_buf_slice(&x->list));
    struct hl_slice id;
    char time[HL_ISO8601_SIZE];
    int64_t since;
    hl_buf_printf(out, "%" PRIu64 " of %" PRIu64 " contacts have been disqualified for longer than %s", x->found, x->contacts, x->duration);
    if (x->found) hl_buf_printf(out, ", the first on %s", hl_iso8601_format(x->oldest, time));
    hl_buf_printf(out, "\n");
    for (uint64_t i = 0; i < SHOWN && next(&r, &id, &since); i++) {
        hl_buf_printf(out, "  %s  ", hl_iso8601_format(since, time));
        hl_buf_put_plain(out, id);
        hl_buf_printf(out, "\n");
    }
    if (x->found > SHOWN) hl_buf_printf(out, "  ... and %" PRIu64 " more; -o json names them all\n", x->found - SHOWN);
    if (x->found && x->yes)
        hl_buf_printf(out, "%" PRIu64 " events contact_erased are in %s; the contacts are erased as they are read\n", x->found, x->input->topic);
    else if (x->found)
        hl_buf_printf(out, "nothing was done; --yes writes their erasure into %s\n", x->input->topic);
}

static void put_json(const struct purge *x, struct hl_buf *out)
{
    struct hl_reader r = hl_reader_of(hl_buf_slice(&x->list));
    struct hl_slice id;
    int64_t since;
    hl_buf_printf(out, "{\"contacts\":%" PRIu64 ",\"disqualified\":%" PRIu64 ",\"older_than_ms\":%" PRId64 ",\"written\":%s", x->contacts, x->found,
                  x->older_ms, x->yes && x->found ? "true" : "false");
    hl_json_put_member(out, "topic", hl_slice_of(x->input->topic));
    hl_json_put_raw(out, ",\"list\":[");
    for (bool first = true; next(&r, &id, &since); first = false) {
        hl_json_put_raw(out, first ? "{" : ",{");
        hl_json_put_member(out, "contact_id", id);
        hl_json_put_member_int(out, "since", since);
        hl_json_put_raw(out, "}");
    }
    hl_json_put_raw(out, "]}\n");
}

static int purge(struct purge *x)
{
    struct hl_buf out;
    hl_buf_init(&out);
    enum hl_status status = choose_input(x);
    if (!status) status = hl_cli_kafka_open(&x->kafka, x->config, x->err);
    if (!status) status = hl_states_each_in_topic(&x->kafka, x->config, on_record, x, x->err);
    if (!status && x->yes && x->found) status = write_events(x);
    if (!status) {
        (x->json ? put_json : put_table)(x, &out);
        status = hl_cli_print(&out);
        if (status) hl_error_set(x->err, status, HL_STOP, "the output cannot be written");
    }
    hl_buf_fini(&out);
    return status ? hl_cli_fail(COMMAND, status, x->err->message) : 0;
}

int hl_cmd_purge(int argc, char **argv)
{
    struct hl_error err = {0};
    struct purge x = {.config_path = hl_cli_default_config(), .now = hl_clock_wall_ms(), .err = &err};
    int code = read_options(&x, argc, argv);
    if (code >= 0) return code;
    hl_slab_init(&x.slab);
    hl_buf_init(&x.list);
    hl_buf_init(&x.record);
    code = hl_cli_load(COMMAND, x.config_path, &x.config, &x.model);
    if (code == 0) code = purge(&x);
    if (x.schemas) x.schemas->free(x.schemas);
    hl_cli_kafka_close(&x.kafka);
    hl_buf_fini(&x.list);
    hl_buf_fini(&x.record);
    hl_slab_fini(&x.slab);
    hl_model_free(x.model);
    hl_config_free(x.config);
    return code;
}
