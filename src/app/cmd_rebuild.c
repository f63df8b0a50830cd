/* hotlead rebuild: lead.state and Redis are lost, or not believed; the input is kept.
 *
 * DESIGN  The offsets that the group has committed stay as they are; only what goes with them changes. First they are marked: "the state is not whole",
 * which no process goes live with. Then each partition is made anew (rebuild.c), written, and its mark replaced by the end of its state topic and a
 * low-water at the committed offset. So a rebuild that was cut off can be repeated, and cannot be mistaken for one that has ended. That nobody else is
 * at it is the group's word: it takes offsets from outside only while it has no members.
 *
 * THREADS  One for each partition in hand, each with clients, a table and an engine of its own; partitions are taken one after the other. The main
 * thread draws the bar. */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "hotlead/app/commands.h"
#include "hotlead/app/model_file.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/iso8601.h"
#include "json_text.h"
#include "rebuild.h"
#include "states.h"
#include "warm.h"

#define SHOWN 5

static const char USAGE[] =
    "Usage: hotlead rebuild [-c CONFIG] [--dry-run | --yes] [--from TIME] [--accept-gap] [-o table|json]\n"
    "\n"
    "Makes the state of all contacts anew, for when the state topic and Redis are lost or not believed. Reads the inputs from their beginning up to where\n"
    "the group has committed, evaluates as 'hotlead run' does but emits nothing, compares with the transitions that were emitted (what they say wins) and\n"
    "writes the state topic. Redis follows when the group runs again. The group must have no members meanwhile.\n"
    "\n"
    "  -c, --config FILE    the configuration (default: config/hotlead.yaml)\n"
    "      --dry-run        say what would be read, and what is missing; write nothing\n"
    "  -y, --yes            do it without asking\n"
    "      --from TIME      leave out what is older: RFC 3339 with an offset, or milliseconds since 1970\n"
    "      --accept-gap     go on although inputs do not reach back to their beginning: the points of what is gone are gone\n"
    "  -o, --output FORM    table (default) or json, which names every contact that was brought to what its transitions say\n"
    "  -h, --help           this text\n"
    "\n"
    "Exit codes: 0, 64 wrong use, 65 the input does not reach back, or a record cannot be read, 69 Kafka or Redis cannot be reached, 75 the group has\n"
    "members, 77 not permitted, 78 a wrong configuration or model.\n";

static const char COMMAND[] = "rebuild";

struct rebuild {
    const char *config_path, *from_text;
    int64_t from_ms; /* -1: from the beginning */
    bool dry, yes, accept_gap, json;
    struct hl_config *config;
    struct hl_model *model;
    struct hl_cli_kafka kafka;
    int32_t partitions;
    size_t inputs;
    struct hl_position *positions; /* as committed: of partition p, input t at p * inputs + t */
    struct hl_rebuild_span *spans; /* likewise */
    struct hl_rebuild *parts;      /* by partition */
    struct hl_engine codecs;
    uint64_t total, gap; /* records to be read, and that are gone */
    _Atomic uint64_t progress;
    _Atomic int32_t next; /* partition to be taken */
    _Atomic bool failed;
    int discarded;
    double seconds;
    struct hl_error *err;
};

enum { OPT_DRY = 256, OPT_FROM, OPT_GAP };

static int read_option(struct rebuild *x, int option)
{
    switch (option) {
    case 'c': x->config_path = optarg; return 0;
    case 'y': x->yes = true; return 0;
    case OPT_DRY: x->dry = true; return 0;
    case OPT_GAP: x->accept_gap = true; return 0;
    case OPT_FROM:
        x->from_text = optarg;
        if (hl_time_parse(hl_slice_of(optarg), &x->from_ms) && x->from_ms >= 0) return 0;
        return hl_cli_wrong_use(COMMAND, "--from wants a time such as 2026-01-31T00:00:00Z, not %s", optarg);
    case 'o': return hl_cli_form(optarg, "table", &x->json) ? 0 : hl_cli_wrong_use(COMMAND, "output is table or json, not %s", optarg);
    default: fputs("Try 'hotlead rebuild --help'.\n", stderr); return hl_status_exit_code(HL_E_USAGE);
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct rebuild *x, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"dry-run", no_argument, NULL, OPT_DRY},
                                            {"yes", no_argument, NULL, 'y'},          {"from", required_argument, NULL, OPT_FROM},
                                            {"accept-gap", no_argument, NULL, OPT_GAP}, {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "c:yo:h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        int code = read_option(x, o);
        if (code) return code;
    }
    if (optind != argc) return hl_cli_wrong_use(COMMAND, "it takes options only, not '%s'", argv[optind]);
    if (x->yes && x->dry) return hl_cli_wrong_use(COMMAND, "either --yes or --dry-run");
    if (!x->yes && !x->dry && !(isatty(STDIN_FILENO) && isatty(STDERR_FILENO)))
        return hl_cli_wrong_use(COMMAND, "it writes over the state of all contacts: --dry-run says what would be done, --yes does it");
    return -1;
}

static enum hl_status no_memory(struct rebuild *x)
{
    return hl_error_set(x->err, HL_E_NOMEM, HL_STOP, "out of memory");
}

/* --- what there is --- */

static enum hl_status check_members(struct rebuild *x)
{
    size_t members;
    enum hl_status status = hl_kafka_admin_members(x->kafka.admin, &members, x->err);
    if (status || members == 0) return status;
    return hl_error_set(x->err, HL_E_FENCED, HL_STOP,
                        "group '%.100s' has %zu members; stop them first (one that was killed counts until its session.timeout.ms is over)", x->config->group_id,
                        members);
}

static enum hl_status read_positions(struct rebuild *x)
{
    size_t n = x->inputs * (size_t)x->partitions;
    bool any = false;
    x->positions = calloc(n, sizeof(*x->positions));
    x->spans = calloc(n, sizeof(*x->spans));
    x->parts = calloc((size_t)x->partitions, sizeof(*x->parts));
    if (!x->positions || !x->spans || !x->parts) return no_memory(x);
    for (size_t i = 0; i < n; i++) x->positions[i] = (struct hl_position){(uint16_t)(i % x->inputs), (int32_t)(i / x->inputs), -1, -1, 0};
    enum hl_status status = hl_kafka_admin_committed(x->kafka.admin, x->positions, n, x->err);
    for (size_t i = 0; i < n; i++) any |= x->positions[i].offset >= 0;
    if (status || any) return status;
    return hl_error_set(x->err, HL_E_MISSING, HL_STOP,
                        "group '%.100s' has committed no offsets: it has nothing to rebuild. 'hotlead run' reads the inputs from their beginning", x->config->group_id);
}

/* From where to where an input of a partition is read. */
static enum hl_status span_of(struct rebuild *x, size_t i, const struct hl_position *from)
{
    const struct hl_position *at = &x->positions[i];
    struct hl_rebuild_span *span = &x->spans[i];
    int64_t low, high;
    enum hl_status status = hl_kafka_admin_bounds(x->kafka.admin, at->topic, at->partition, &low, &high, x->err);
    if (status) return status;
    span->to = at->offset < 0 ? low : at->offset < high ? at->offset : high;
    span->from = from ? (from[i].offset < 0 ? high : from[i].offset) : low;
    if (span->from < low) span->from = low;
    if (span->from > span->to) span->from = span->to;
    x->total += (uint64_t)(span->to - span->from);
    if (at->offset >= 0 && low > 0) x->gap += (uint64_t)(low < at->offset ? low : at->offset);
    return HL_OK;
}

static enum hl_status read_spans(struct rebuild *x)
{
    size_t n = x->inputs * (size_t)x->partitions;
    struct hl_position *from = x->from_ms < 0 ? NULL : malloc(n * sizeof(*from));
    if (x->from_ms >= 0 && !from) return no_memory(x);
    if (from) memcpy(from, x->positions, n * sizeof(*from));
    enum hl_status status = from ? hl_kafka_admin_offsets_at(x->kafka.admin, from, n, x->from_ms, x->err) : HL_OK;
    for (size_t i = 0; i < n && !status; i++) status = span_of(x, i, from);
    free(from);
    return status;
}

/* What a partition of an output holds; nothing when there is no such topic. */
static enum hl_status output_span(struct rebuild *x, uint16_t topic, int32_t partition, int32_t count, struct hl_rebuild_span *out)
{
    *out = (struct hl_rebuild_span){0, 0};
    if (partition >= count) return HL_OK;
    return hl_kafka_admin_bounds(x->kafka.admin, topic, partition, &out->from, &out->to, x->err);
}

static enum hl_status read_outputs(struct rebuild *x)
{
    int32_t state, transitions;
    int replication;
    enum hl_status status = hl_kafka_admin_topic(x->kafka.admin, x->config->state, &state, &replication, x->err);
    if (!status) status = hl_kafka_admin_topic(x->kafka.admin, x->config->transitions, &transitions, &replication, x->err);
    if (!status && state && state != x->partitions)
        return hl_error_set(x->err, HL_E_CONFIG, HL_STOP, "topic '%s' has %" PRId32 " partitions and the inputs have %" PRId32 "; 'hotlead topics' tells what to do",
                            x->config->state, state, x->partitions);
    for (int32_t p = 0; p < x->partitions && !status; p++) {
        struct hl_rebuild *r = &x->parts[p];
        *r = (struct hl_rebuild){.config = x->config, .model = x->model, .codecs = &x->codecs, .partition = p, .n_partitions = x->partitions,
                                 .inputs = &x->spans[(size_t)p * x->inputs], .whole = x->gap == 0 && x->from_ms < 0, .progress = &x->progress};
        status = output_span(x, HL_STATE_TOPIC, p, state, &r->state);
        if (!status) status = output_span(x, HL_TRANSITIONS_TOPIC, p, transitions, &r->transitions);
        x->total += (uint64_t)(r->transitions.to - r->transitions.from);
    }
    return status;
}

static enum hl_status survey(struct rebuild *x)
{
    enum hl_status status = hl_cli_kafka_open(&x->kafka, x->config, x->err);
    if (!status) status = hl_cli_partitions(&x->kafka, &x->partitions, x->err);
    x->inputs = x->config->n_inputs;
    if (!status) status = check_members(x);
    if (!status) status = read_positions(x);
    if (!status) status = read_spans(x);
    if (!status) status = read_outputs(x);
    return status ? status : hl_warm_discard_all(x->config, true, &x->discarded, x->err);
}

static enum hl_status check_gap(struct rebuild *x)
{
    if (x->gap == 0 || x->accept_gap || x->from_ms >= 0) return HL_OK;
    size_t i = 0;
    while (x->spans[i].from == 0) i++;
    return hl_error_set(x->err, HL_E_GAP, HL_STOP,
                        "the input does not reach back: %" PRIu64 " records are gone, the first of them from %s [%" PRId32 "], which begins at offset %" PRId64
                        ". Their points would be missing; --accept-gap goes on without them, --dry-run names all", x->gap,
                        x->config->inputs[x->positions[i].topic].topic, x->positions[i].partition, x->spans[i].from);
}

/* --- doing it --- */

/* One thread's clients. */
struct hand {
    struct hl_rebuild_log log;
    struct rebuild *x;
    struct hl_cli_kafka kafka;
    pthread_t thread;
    bool started;
    enum hl_status status;
    struct hl_error err;
};

static enum hl_status kafka_read(struct hl_rebuild_log *l, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx, struct hl_error *err)
{
    struct hand *h = (struct hand *)l;
    return hl_kafka_admin_read(h->kafka.admin, h->x->partitions, ranges, n, fn, ctx, err);
}

static enum hl_status kafka_put(struct hl_rebuild_log *l, int32_t partition, struct hl_slice key, struct hl_slice value, struct hl_error *err)
{
    struct hand *h = (struct hand *)l;
    return hl_kafka_admin_put(h->kafka.admin, h->x->config->state, partition, key, value, err);
}

/* The committed offsets of partitions [first, end) again, with another low-water and another end of the state. Inputs that were never committed stay so. */
static enum hl_status commit(struct rebuild *x, struct hl_kafka_admin *admin, int32_t first, int32_t end, int64_t state_end, bool done, struct hl_error *err)
{
    size_t n = 0, from = (size_t)first * x->inputs, to = (size_t)end * x->inputs;
    struct hl_position *p = malloc((to - from + 1) * sizeof(*p));
    if (!p) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    for (size_t i = from; i < to; i++) {
        if (x->positions[i].offset < 0) continue;
        p[n] = x->positions[i];
        p[n].state_end = state_end;
        if (done || p[n].low_water < 0) p[n].low_water = p[n].offset;
        n++;
    }
    enum hl_status status = hl_kafka_admin_commit(admin, p, n, err);
    free(p);
    return status;
}

static enum hl_status do_partition(struct hand *h, int32_t p)
{
    int64_t low, high = 0;
    struct hl_rebuild *r = &h->x->parts[p];
    r->log = &h->log;
    enum hl_status status = hl_rebuild_partition(r, &h->err);
    if (!status) status = hl_kafka_admin_flush(h->kafka.admin, &h->err);
    if (!status) status = hl_kafka_admin_bounds(h->kafka.admin, HL_STATE_TOPIC, p, &low, &high, &h->err);
    return status ? status : commit(h->x, h->kafka.admin, p, p + 1, high, true, &h->err);
}

static void *hand_main(void *arg)
{
    struct hand *h = arg;
    h->status = hl_cli_kafka_open(&h->kafka, h->x->config, &h->err);
    while (!h->status && !h->x->failed) {
        int32_t p = h->x->next++;
        if (p >= h->x->partitions) break;
        h->status = do_partition(h, p);
    }
    if (h->status) h->x->failed = true;
    hl_cli_kafka_close(&h->kafka);
    return NULL;
}

static bool all_taken(const struct rebuild *x, size_t hands)
{
    return x->failed || x->next >= x->partitions + (int32_t)hands;
}

static enum hl_status do_all(struct rebuild *x)
{
    struct hl_bar bar;
    size_t n = hl_engine_threads(x->config);
    if (n > (size_t)x->partitions) n = (size_t)x->partitions;
    struct hand *hands = calloc(n, sizeof(*hands));
    if (!hands) return no_memory(x);
    hl_bar_begin(&bar, "records", x->total);
    for (size_t i = 0; i < n; i++) {
        hands[i] = (struct hand){.log = {kafka_read, kafka_put}, .x = x};
        hands[i].started = pthread_create(&hands[i].thread, NULL, hand_main, &hands[i]) == 0;
        if (hands[i].started) continue;
        hands[i].status = hl_error_set(&hands[i].err, HL_E_NOMEM, HL_STOP, "a thread does not start");
        x->failed = true;
    }
    while (!all_taken(x, n)) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        hl_bar_at(&bar, x->progress);
    }
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < n; i++) {
        if (hands[i].started) pthread_join(hands[i].thread, NULL);
        if (!status && (status = hands[i].status)) *x->err = hands[i].err;
    }
    hl_bar_end(&bar);
    free(hands);
    return status;
}

static enum hl_status rebuild(struct rebuild *x)
{
    int32_t n;
    int64_t began = hl_clock_mono_ns();
    enum hl_status status = hl_kafka_prepare(x->kafka.kafka, &n, x->err); /* makes the state topic if it is not there */
    x->codecs.config = x->config;
    x->codecs.model = x->model;
    if (!status) status = hl_engine_codecs_open(&x->codecs, x->err);
    if (!status) status = commit(x, x->kafka.admin, 0, x->partitions, HL_STATE_REBUILDING, false, x->err);
    if (!status) status = hl_warm_discard_all(x->config, false, &x->discarded, x->err);
    if (!status) status = do_all(x);
    hl_engine_codecs_close(&x->codecs);
    x->seconds = (double)(hl_clock_mono_ns() - began) / 1e9;
    return status;
}

/* --- what is said --- */

struct sums {
    uint64_t events, evaluated, contacts, graves, said, differ, unknown, removed, kept;
};

static struct sums sums_of(const struct rebuild *x)
{
    struct sums s = {0};
    for (int32_t p = 0; p < x->partitions; p++) {
        const struct hl_rebuild *r = &x->parts[p];
        s.events += r->events, s.evaluated += r->evaluated, s.contacts += r->contacts, s.graves += r->graves, s.said += r->said;
        s.differ += r->differ, s.unknown += r->unknown, s.removed += r->removed, s.kept += r->kept;
    }
    return s;
}

static void put_place(struct hl_buf *out, const struct hl_said *s)
{
    char time[HL_ISO8601_SIZE];
    const char *kind = hl_kind_name(s->kind);
    hl_buf_printf(out, "%s%s%s, seq %" PRIu32 ", visit %u, since %s", hl_stage_name(s->stage), kind ? " " : "", kind ? kind : "", s->seq, (unsigned)s->visit,
                  hl_iso8601_format(s->at, time));
}

static void put_differences(const struct rebuild *x, struct hl_buf *out, uint64_t n)
{
    struct hl_rebuild_difference d;
    uint64_t shown = 0;
    for (int32_t p = 0; p < x->partitions; p++) {
        struct hl_reader r = hl_reader_of(hl_buf_slice(&x->parts[p].differences));
        while (shown < SHOWN && hl_rebuild_next_difference(&r, &d)) {
            hl_buf_printf(out, "  ");
            hl_buf_put_plain(out, d.id);
            hl_buf_printf(out, ": ");
            put_place(out, &d.said);
            hl_buf_printf(out, d.known ? "; its events alone would give " : "; no event of it is left");
            if (d.known) put_place(out, &d.made);
            hl_buf_printf(out, "\n");
            shown++;
        }
    }
    if (n > shown) hl_buf_printf(out, "  ... and %" PRIu64 " more; -o json names them all\n", n - shown);
}

static void put_plan(const struct rebuild *x, struct hl_buf *out)
{
    hl_buf_printf(out, "%-9s  %-32s %16s %16s %14s %14s\n", "partition", "topic", "from", "to", "records", "gone before");
    for (size_t i = 0; i < x->inputs * (size_t)x->partitions; i++) {
        const struct hl_position *at = &x->positions[i];
        const struct hl_rebuild_span *s = &x->spans[i];
        if (at->offset < 0) continue;
        hl_buf_printf(out, "%9" PRId32 "  %-32s %16" PRId64 " %16" PRId64 " %14" PRId64 " %14" PRId64 "\n", at->partition, x->config->inputs[at->topic].topic, s->from,
                      s->to, s->to - s->from, s->from);
    }
}

static void put_dry(const struct rebuild *x, struct hl_buf *out)
{
    uint64_t transitions = 0, state = 0;
    for (int32_t p = 0; p < x->partitions; p++) {
        transitions += (uint64_t)(x->parts[p].transitions.to - x->parts[p].transitions.from);
        state += (uint64_t)(x->parts[p].state.to - x->parts[p].state.from);
    }
    put_plan(x, out);
    hl_buf_printf(out, "%" PRIu64 " transitions in %s are compared; %s holds %" PRIu64 " records, which are written over; %d copies in Redis are discarded\n", transitions,
                  x->config->transitions, x->config->state, state, x->discarded);
    if (x->gap)
        hl_buf_printf(out, "%" PRIu64 " records are gone from the inputs: their points would be missing%s\n", x->gap,
                      x->accept_gap || x->from_ms >= 0 ? "" : ", and it takes --accept-gap to go on");
}

static void put_table(const struct rebuild *x, struct hl_buf *out)
{
    struct sums s = sums_of(x);
    hl_buf_printf(out, "%" PRIu64 " contacts and %" PRIu64 " notes of erased ones are in %s again, from %" PRIu64 " events in %.1f s; group %s goes on where it stood\n",
                  s.contacts, s.graves, x->config->state, s.events, x->seconds, x->config->group_id);
    if (x->gap) hl_buf_printf(out, "%" PRIu64 " records were gone from the inputs: their points are missing\n", x->gap);
    if (s.removed) hl_buf_printf(out, "%" PRIu64 " contacts that the input does not know were removed from %s\n", s.removed, x->config->state);
    if (s.kept) hl_buf_printf(out, "%" PRIu64 " contacts of which no event is left were left in %s as they are\n", s.kept, x->config->state);
    hl_buf_printf(out, "%" PRIu64 " of %" PRIu64 " contacts with transitions were brought to what the last one says\n", s.differ, s.said);
    put_differences(x, out, s.differ);
}

static void put_json_place(struct hl_buf *out, const char *key, const struct hl_said *s)
{
    hl_json_put_key(out, key);
    hl_json_put_raw(out, "{");
    hl_json_put_member(out, "stage", hl_slice_of(hl_stage_name(s->stage)));
    hl_json_put_member(out, "kind", hl_kind_name(s->kind) ? hl_slice_of(hl_kind_name(s->kind)) : HL_SLICE_NULL);
    hl_json_put_member_int(out, "seq", s->seq);
    hl_json_put_member_int(out, "visit", s->visit);
    hl_json_put_member_int(out, "stage_since", s->at);
    hl_json_put_raw(out, "}");
}

static void put_json_differences(const struct rebuild *x, struct hl_buf *out)
{
    struct hl_rebuild_difference d;
    bool first = true;
    hl_json_put_raw(out, ",\"differing\":[");
    for (int32_t p = 0; p < x->partitions; p++) {
        struct hl_reader r = hl_reader_of(hl_buf_slice(&x->parts[p].differences));
        for (; hl_rebuild_next_difference(&r, &d); first = false) {
            hl_json_put_raw(out, first ? "{" : ",{");
            hl_json_put_member(out, "contact_id", d.id);
            hl_json_put_member_int(out, "partition", p);
            put_json_place(out, "said", &d.said);
            if (d.known) put_json_place(out, "made", &d.made);
            hl_json_put_raw(out, "}");
        }
    }
    hl_json_put_raw(out, "]");
}

static void put_json_inputs(const struct rebuild *x, struct hl_buf *out)
{
    bool first = true;
    hl_json_put_raw(out, ",\"inputs\":[");
    for (size_t i = 0; i < x->inputs * (size_t)x->partitions; i++) {
        if (x->positions[i].offset < 0) continue;
        hl_json_put_raw(out, first ? "{" : ",{");
        hl_json_put_member(out, "topic", hl_slice_of(x->config->inputs[x->positions[i].topic].topic));
        hl_json_put_member_int(out, "partition", x->positions[i].partition);
        hl_json_put_member_int(out, "from", x->spans[i].from);
        hl_json_put_member_int(out, "to", x->spans[i].to);
        hl_json_put_raw(out, "}");
        first = false;
    }
    hl_json_put_raw(out, "]");
}

static void put_json(const struct rebuild *x, struct hl_buf *out)
{
    struct sums s = sums_of(x);
    hl_json_put_raw(out, "{");
    hl_json_put_member(out, "group", hl_slice_of(x->config->group_id));
    hl_json_put_member(out, "state", hl_slice_of(x->config->state));
    hl_buf_printf(out, ",\"written\":%s,\"whole\":%s,\"gone\":%" PRIu64 ",\"events\":%" PRIu64 ",\"evaluated_transitions\":%" PRIu64 ",\"contacts\":%" PRIu64
                  ",\"erased\":%" PRIu64 ",\"with_transitions\":%" PRIu64 ",\"differ\":%" PRIu64 ",\"from_transitions_alone\":%" PRIu64 ",\"removed\":%" PRIu64
                  ",\"kept\":%" PRIu64 ",\"redis_copies_discarded\":%d,\"seconds\":%.3f", x->dry ? "false" : "true", x->gap == 0 && x->from_ms < 0 ? "true" : "false",
                  x->gap, s.events, s.evaluated, s.contacts, s.graves, s.said, s.differ, s.unknown, s.removed, s.kept, x->discarded, x->seconds);
    put_json_inputs(x, out);
    put_json_differences(x, out);
    hl_json_put_raw(out, "}\n");
}

/* On a terminal: what will happen, and whether it shall. */
static bool is_wanted(const struct rebuild *x)
{
    struct hl_buf out;
    char line[300];
    hl_buf_init(&out);
    put_dry(x, &out);
    fprintf(stderr, "%.*sType the name of the group (%s) to go on: ", HL_SLICE_ARG(hl_buf_slice(&out)), x->config->group_id);
    hl_buf_fini(&out);
    if (!fgets(line, sizeof(line), stdin)) return false;
    line[strcspn(line, "\r\n")] = '\0';
    return strcmp(line, x->config->group_id) == 0;
}

static int command(struct rebuild *x)
{
    struct hl_buf out;
    hl_buf_init(&out);
    enum hl_status status = survey(x);
    if (!status && !x->dry) status = check_gap(x);
    if (!status && !x->dry && !x->yes && !is_wanted(x)) return hl_cli_wrong_use(COMMAND, "nothing was done");
    if (!status && !x->dry) status = rebuild(x);
    if (!status) {
        (x->json ? put_json : x->dry ? put_dry : put_table)(x, &out);
        status = hl_cli_print(&out);
        if (status) hl_error_set(x->err, status, HL_STOP, "the output cannot be written");
    }
    hl_buf_fini(&out);
    return status ? hl_cli_fail(COMMAND, status, x->err->message) : 0;
}

int hl_cmd_rebuild(int argc, char **argv)
{
    struct hl_error err = {0};
    struct rebuild x = {.config_path = "config/hotlead.yaml", .from_ms = -1, .err = &err};
    int code = read_options(&x, argc, argv);
    if (code >= 0) return code;
    code = hl_cli_load(COMMAND, x.config_path, &x.config, &x.model);
    if (code == 0) code = command(&x);
    for (int32_t p = 0; x.parts && p < x.partitions; p++) hl_buf_fini(&x.parts[p].differences);
    hl_cli_kafka_close(&x.kafka);
    free(x.positions);
    free(x.spans);
    free(x.parts);
    hl_model_free(x.model);
    hl_config_free(x.config);
    return code;
}
