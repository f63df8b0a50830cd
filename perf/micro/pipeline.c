/* hotlead-pipeline: the engine without a network. Made-up events in Avro wait in memory; workers as in `hotlead run` decode, score and emit them, and
 * what they emit is counted and forgotten.
 *
 *   hotlead-pipeline --model FILE --schemas DIR [--events N] [--contacts N] [--workers N] [--seed N]
 *
 * DESIGN  Each worker's session serves the records of its partitions, a few hundred of one partition in a row, as librdkafka does. The first half of
 * the events fills the table, the second half meets it warm: each has its own rate. Checkpoints and commits go on as in earnest, but end at once. */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "app/worker.h"
#include "hotlead/app/model_file.h"
#include "hotlead/app/schemas.h"
#include "hotlead/base/clock.h"
#include "made.h"

#define PARTITIONS 8
#define RUN_LENGTH 500 /* records of a partition in a row */

struct memory {
    struct source made;
    struct hl_record *records[PARTITIONS];
    size_t n[PARTITIONS];
};

struct session {
    struct hl_stream port;
    const struct memory *source;
    size_t at[PARTITIONS], end[PARTITIONS]; /* of this half */
    int32_t ids[PARTITIONS];
    size_t n_ids, turn;
    bool told, flows;
    uint64_t produced, bytes;
    _Atomic bool *stop;
};

static struct session *session_of(struct hl_stream *port)
{
    return (struct session *)port;
}

static size_t serve(struct session *s, int32_t p, struct hl_record *out, size_t cap)
{
    size_t n = s->end[p] - s->at[p];
    if (n > cap) n = cap;
    if (n > RUN_LENGTH) n = RUN_LENGTH;
    if (n) memcpy(out, s->source->records[p] + s->at[p], n * sizeof(*out));
    s->at[p] += n;
    return n;
}

static enum hl_status session_poll(struct hl_stream *port, int timeout_ms, struct hl_record *records, size_t cap, size_t *n, struct hl_error *err)
{
    struct session *s = session_of(port);
    (void)timeout_ms, (void)err;
    *n = 0;
    for (size_t tried = 0; tried < s->n_ids && *n < cap && s->flows; tried++) *n += serve(s, s->ids[s->turn++ % s->n_ids], records + *n, cap - *n);
    if (s->flows && *n == 0) *s->stop = true;
    return HL_OK;
}

static void session_release(struct hl_stream *port, struct hl_record *records, size_t n)
{
    (void)port, (void)records, (void)n;
}

static enum hl_status session_assignment(struct hl_stream *port, enum hl_assignment_change *change, const int32_t **partitions, size_t *n,
                                         struct hl_error *err)
{
    struct session *s = session_of(port);
    (void)err;
    *change = s->told ? HL_ASSIGNMENT_SAME : HL_ASSIGNMENT_GAINED;
    s->told = true;
    *partitions = s->ids;
    *n = s->n_ids;
    return HL_OK;
}

static bool session_changed(struct hl_stream *port)
{
    (void)port;
    return false;
}

static enum hl_status session_positions(struct hl_stream *port, const struct hl_position *p, size_t n, struct hl_error *err)
{
    (void)port, (void)p, (void)n, (void)err;
    return HL_OK;
}

static enum hl_status session_assign(struct hl_stream *port, const struct hl_position *p, size_t n, struct hl_error *err)
{
    (void)p, (void)err;
    session_of(port)->flows = n > 0;
    return HL_OK;
}

static enum hl_status session_committed(struct hl_stream *port, struct hl_position *p, size_t n, struct hl_error *err)
{
    (void)port, (void)err;
    for (size_t i = 0; i < n; i++) p[i].offset = p[i].low_water = -1;
    return HL_OK;
}

static enum hl_status session_bounds(struct hl_stream *port, uint16_t topic, int32_t partition, int64_t *low, int64_t *high, struct hl_error *err)
{
    (void)err;
    *low = 0;
    *high = topic == HL_STATE_TOPIC ? 0 : (int64_t)session_of(port)->source->n[partition];
    return HL_OK;
}

static enum hl_status session_read(struct hl_stream *port, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx, struct hl_error *err)
{
    (void)port, (void)ranges, (void)n, (void)fn, (void)ctx, (void)err;
    return HL_OK;
}

static enum hl_status session_produce(struct hl_stream *port, enum hl_output out, int32_t partition, struct hl_slice key, struct hl_slice value,
                                      const struct hl_header *headers, size_t n_headers, struct hl_error *err)
{
    struct session *s = session_of(port);
    (void)out, (void)partition, (void)key, (void)headers, (void)n_headers, (void)err;
    s->produced++;
    s->bytes += value.len;
    return HL_OK;
}

static enum hl_status session_nothing(struct hl_stream *port, struct hl_error *err)
{
    (void)port, (void)err;
    return HL_OK;
}

static enum hl_status session_finish(struct hl_stream *port, bool wait, bool *done, struct hl_error *err)
{
    (void)port, (void)wait, (void)err;
    *done = true;
    return HL_OK;
}

static int64_t session_lag(struct hl_stream *port, uint16_t topic, int32_t partition, int64_t next)
{
    (void)port, (void)topic, (void)partition, (void)next;
    return 0;
}

static void session_free(struct hl_stream *port)
{
    (void)port;
}

static void session_init(struct session *s, const struct memory *source, unsigned worker, unsigned workers, _Atomic bool *stop)
{
    *s = (struct session){.source = source, .stop = stop};
    s->port = (struct hl_stream){.poll = session_poll, .release = session_release, .assignment = session_assignment, .changed = session_changed,
                                 .assign = session_assign, .committed = session_committed, .bounds = session_bounds, .read = session_read,
                                 .produce = session_produce, .settle = session_nothing, .commit = session_positions, .abort = session_nothing,
                                 .finish = session_finish, .lag = session_lag, .free = session_free};
    for (int32_t p = (int32_t)worker; p < PARTITIONS; p += (int32_t)workers) s->ids[s->n_ids++] = p;
}

/* --- events in memory --- */

static void fail(const char *what)
{
    fprintf(stderr, "hotlead-pipeline: %s\n", what);
    exit(70);
}

static void keep(struct memory *s, struct hl_slice key, struct hl_slice value, int64_t timestamp_ms)
{
    int32_t p = hl_partition_of(key, PARTITIONS);
    if (s->n[p] % 65536 == 0) {
        s->records[p] = realloc(s->records[p], (s->n[p] + 65536) * sizeof(struct hl_record));
        if (!s->records[p]) fail("out of memory");
    }
    s->records[p][s->n[p]] = (struct hl_record){.key = key, .value = value, .offset = (int64_t)s->n[p], .timestamp_ms = timestamp_ms, .partition = p};
    s->n[p]++;
}

/* All in one block after the other, as fetch responses are. */
static void fill(struct memory *s)
{
    static char *block;
    static size_t left;
    static struct made e;
    struct hl_buf b;
    hl_buf_init(&b);
    for (uint64_t i = 0; i < s->made.events; i++) {
        made_event(&e, &s->made, i);
        hl_buf_clear(&b);
        hl_buf_put_u8(&b, 0);
        hl_buf_put_u32be(&b, 1);
        made_put_datum(&b, &e.ev);
        if (left < b.len + MADE_UUID_BYTES) block = malloc(left = 1 << 20);
        if (!block || b.failed) fail("out of memory");
        memcpy(block, e.contact_id, MADE_UUID_BYTES - 1);
        memcpy(block + MADE_UUID_BYTES - 1, b.data, b.len);
        keep(s, (struct hl_slice){block, MADE_UUID_BYTES - 1}, (struct hl_slice){block + MADE_UUID_BYTES - 1, b.len}, e.ev.occurred_at + 300000);
        block += MADE_UUID_BYTES - 1 + b.len;
        left -= MADE_UUID_BYTES - 1 + b.len;
    }
    hl_buf_fini(&b);
}

/* --- runs --- */

struct bench {
    struct hl_engine e;
    struct hl_input input;
    struct hl_config config;
    struct hl_decoder *decoder;
    struct hl_worker *workers;
    struct session *sessions;
    _Atomic bool *stops; /* each worker ends by itself */
    unsigned n;
};

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void engine_init(struct bench *b, const struct hl_model *model, const char *schemas)
{
    static char topic[] = "events", transitions[] = "t", state[] = "s", alerts[] = "a", dead[] = "d";
    static const char *const TOPIC[] = {topic};
    struct hl_error err;
    struct hl_metrics_config m = {.topics = TOPIC, .n_topics = 1, .partitions = PARTITIONS, .threads = (int)b->n};
    struct hl_registry_config r = {.schemas_dir = schemas};
    struct hl_schemas *s;
    b->input = (struct hl_input){.topic = topic, .format = HL_FORMAT_AVRO};
    b->config = (struct hl_config){.inputs = &b->input, .n_inputs = 1, .transitions = transitions, .state = state, .alerts = alerts,
                                   .dead_letter = dead,
                                   .delivery = HL_EXACTLY_ONCE, .commit_max_interval_ms = 100, .checkpoint_interval_ms = 10000,
                                   .checkpoint_max_replay_ms = 60000, .checkpoint_max_share = 0.2, .max_clock_skew_ms = 300000,
                                   .max_record_bytes = 1 << 20};
    if (hl_schemas_open(&r, &s, &err) || hl_avro_decoder_new(HL_AVRO_CONFLUENT, s, NULL, NULL, 0, &b->decoder, &err)) fail(err.message);
    b->e = (struct hl_engine){.config = &b->config, .model = model, .decoders = &b->decoder, .transition_schema = 2, .state_schema = 3,
                              .alert_schema = 4, .n_partitions = PARTITIONS, .workers = b->workers, .n_workers = b->n};
    b->e.table = hl_table_new_for((unsigned)b->n, HL_STRIPES);
    b->e.metrics = hl_metrics_new(&m);
    b->e.health = hl_health_new((int)b->n, 0, hl_clock_mono_ns());
    if (!b->e.table || !b->e.metrics || !b->e.health) fail("out of memory");
}

struct share {
    struct bench *b;
    unsigned i;
    pthread_t thread;
    struct hl_engine e; /* its own `stop`; the rest is shared */
};

static struct hl_table_stats full; /* before the workers drop what they have */

/* A half of the events, on one worker; the table stays for the second. */
static void *half(void *arg)
{
    struct share *s = arg;
    struct hl_worker *w = &s->b->workers[s->i];
    while (!*s->e.stop) {
        enum hl_status status = hl_worker_step(w, &w->error);
        if (status) fail(w->error.message);
    }
    return NULL;
}

static void run_half(struct bench *b, struct share *shares, const struct memory *source, bool second)
{
    double cpu = cpu_seconds();
    uint64_t events = 0;
    int64_t start = hl_clock_mono_ns();
    for (unsigned i = 0; i < b->n; i++) {
        b->stops[i] = false;
        for (int32_t p = 0; p < PARTITIONS; p++) b->sessions[i].end[p] = second ? source->n[p] : source->n[p] / 2;
        for (size_t k = 0; k < b->sessions[i].n_ids; k++)
            events += b->sessions[i].end[b->sessions[i].ids[k]] - b->sessions[i].at[b->sessions[i].ids[k]];
        pthread_create(&shares[i].thread, NULL, half, &shares[i]);
    }
    for (unsigned i = 0; i < b->n; i++) pthread_join(shares[i].thread, NULL);
    double seconds = (double)(hl_clock_mono_ns() - start) / 1e9;
    cpu = cpu_seconds() - cpu;
    full = hl_table_stats(b->e.table);
    printf("%s\"%s\": {\"events\": %llu, \"seconds\": %.4f, \"rate\": %.0f, \"cpu_ns_per_event\": %.1f, \"contacts\": %llu, \"bytes_per_contact\": %.1f}",
           second ? ", " : "{", second ? "warm" : "cold", (unsigned long long)events, seconds, (double)events / seconds, cpu / (double)events * 1e9,
           (unsigned long long)full.contacts, (double)full.bytes / (double)full.contacts);
}

static int run(struct bench *b, struct memory *source, const struct hl_model *model, const char *schemas)
{
    struct share *shares = calloc(b->n, sizeof(*shares));
    struct hl_error err;
    b->workers = aligned_alloc(64, (b->n * sizeof(*b->workers) + 63) / 64 * 64);
    b->sessions = calloc(b->n, sizeof(*b->sessions));
    b->stops = calloc(b->n, sizeof(*b->stops));
    if (!shares || !b->workers || !b->sessions || !b->stops) fail("out of memory");
    engine_init(b, model, schemas);
    for (unsigned i = 0; i < b->n; i++) {
        shares[i] = (struct share){.b = b, .i = i, .e = b->e};
        shares[i].e.stop = &b->stops[i];
        if (hl_worker_init(&b->workers[i], &shares[i].e, i, &err)) fail(err.message);
        session_init(&b->sessions[i], source, i, b->n, &b->stops[i]);
        b->workers[i].stream = &b->sessions[i].port;
    }
    run_half(b, shares, source, false);
    run_half(b, shares, source, true);
    uint64_t produced = 0, transitions = hl_metrics_totals(b->e.metrics).transitions_sum;
    for (unsigned i = 0; i < b->n; i++) produced += b->sessions[i].produced;
    printf(", \"transitions\": %llu, \"records_out\": %llu}\n", (unsigned long long)transitions, (unsigned long long)produced);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"events", required_argument, NULL, 'n'},  {"contacts", required_argument, NULL, 'c'},
                                            {"seed", required_argument, NULL, 's'},    {"workers", required_argument, NULL, 'w'},
                                            {"model", required_argument, NULL, 'm'},   {"schemas", required_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    struct memory source = {.made = {.events = 4000000, .contacts = 1000000, .seed = 1, .start_ms = INT64_C(1767225600000)}};
    struct bench b = {.n = 1};
    const char *model_path = NULL, *schemas = NULL;
    struct hl_model *model;
    struct hl_error err;
    for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (o) {
        case 'n': source.made.events = strtoull(optarg, NULL, 10); break;
        case 'c': source.made.contacts = strtoull(optarg, NULL, 10); break;
        case 's': source.made.seed = strtoull(optarg, NULL, 10); break;
        case 'w': b.n = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'm': model_path = optarg; break;
        case 'd': schemas = optarg; break;
        default: return 64;
        }
    }
    if (!model_path || !schemas || !source.made.events || !source.made.contacts || b.n == 0 || b.n > PARTITIONS) {
        fputs("hotlead-pipeline: --model and --schemas are needed, and 1 to 8 workers\n", stderr);
        return 64;
    }
    if (hl_model_load(model_path, &model, NULL, &err)) fail(err.message);
    fill(&source);
    return run(&b, &source, model, schemas);
}
