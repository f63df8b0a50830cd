/* The checkpoint under a flood that does not end: the low-water that is committed follows what was committed max_replay ago, and where there is
 * time enough, checkpoints keep to their share of it.
 *
 * The worker runs over an in-memory log with far more events than it can get through. Time is virtual: a batch takes what the fake says, a state
 * record takes STATE_NS. HL_SEED repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "app/worker.h"
#include "fake_stream.h"
#include "hotlead/adapter/json.h"
#include "hotlead/app/model_file.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/hash.h"

#define MS INT64_C(1000000)
#define DAY INT64_C(86400000)
#define T0 (20000 * DAY)
#define CONTACTS 1500
#define EVENTS 60000 /* more than are read */
#define RUN_NS (4000 * MS)
#define INTERVAL_MS 40

static int64_t mono_ns;

int64_t hl_clock_mono_ns(void)
{
    return mono_ns += 500;
}

int64_t hl_clock_wall_ms(void)
{
    return T0 + 3000 * DAY;
}

static const char MODEL[] = "model: flood\nversion: \"1\"\npreset: sales-touch\n"
                            "behavior: {half_life: 10d, rules: [{name: page, on: page_viewed, points: 0.001}]}\n"
                            "thresholds: {mql: {enter: 5000000}}\n";

/* --- what was committed when --- */

struct moment {
    int64_t at_ns;
    int64_t offset[FAKE_INPUTS][FAKE_PARTITIONS], low[FAKE_INPUTS][FAKE_PARTITIONS];
};

struct world {
    struct fake_log log;
    struct hl_config config;
    struct hl_input inputs[FAKE_INPUTS];
    struct hl_model *model;
    struct hl_decoder *json, *decoders[FAKE_INPUTS];
    _Atomic bool stop;
    int64_t state_ns; /* what writing one state record takes */
    int64_t began_ns, spent_ns, last_ns; /* spent on state records, in all and since the last commit but one (the end writes all) */
    struct moment *moments;
    size_t n_moments, cap_moments;
    uint64_t states;
};

static void note_commit(struct world *w)
{
    if (w->n_moments == w->cap_moments) {
        w->cap_moments = w->cap_moments ? 2 * w->cap_moments : 256;
        w->moments = realloc(w->moments, w->cap_moments * sizeof(*w->moments));
        assert_non_null(w->moments);
    }
    struct moment *m = &w->moments[w->n_moments++];
    m->at_ns = mono_ns;
    for (int t = 0; t < FAKE_INPUTS; t++)
        for (int p = 0; p < FAKE_PARTITIONS; p++) {
            m->offset[t][p] = w->log.committed[t][p].offset;
            m->low[t][p] = w->log.committed[t][p].low_water;
        }
}

static enum fake_fault watch(void *ctx, enum fake_op op, bool after)
{
    struct world *w = ctx;
    if (!w->began_ns && op == FAKE_POLL) w->began_ns = mono_ns;
    if (op == FAKE_PRODUCE && !after) { /* nobody moves: it is a state record */
        mono_ns += w->state_ns;
        w->spent_ns += w->state_ns;
        w->last_ns += w->state_ns;
        w->states++;
    }
    if (op == FAKE_COMMIT && after) {
        note_commit(w);
        if (!w->stop) w->last_ns = 0;
    }
    if (w->began_ns && mono_ns - w->began_ns > RUN_NS) w->stop = true;
    return FAKE_NONE;
}

/* --- a run --- */

static void world_init(struct world *w, double share, int64_t max_replay_ms, int64_t commit_ms, int64_t state_ns)
{
    static char names[FAKE_INPUTS][4] = {"in0", "in1", "in2"}, out[HL_OUT_COUNT][12] = {"transitions", "state", "alerts", "dead"};
    const char *seed = getenv("HL_SEED");
    struct hl_error err;
    memset(w, 0, sizeof(*w));
    mono_ns = MS;
    fake_log_init(&w->log, true, seed ? strtoull(seed, NULL, 10) : 20261123);
    w->log.ctx = w;
    w->log.clock_ns = &mono_ns;
    w->log.fault = watch;
    w->state_ns = state_ns;
    w->config = (struct hl_config){
        .inputs = w->inputs, .n_inputs = FAKE_INPUTS, .transitions = out[0], .state = out[1], .alerts = out[2], .dead_letter = out[3],
        .delivery = HL_EXACTLY_ONCE, .commit_max_interval_ms = commit_ms, .checkpoint_interval_ms = INTERVAL_MS,
        .checkpoint_max_replay_ms = max_replay_ms, .checkpoint_max_share = share, .max_clock_skew_ms = 300000, .max_record_bytes = 1000,
        .on_gap = HL_GAP_STOP,
    };
    assert_int_equal(hl_model_load_text("m.yaml", hl_slice_of(MODEL), &w->model, NULL, &err), HL_OK);
    assert_int_equal(hl_json_decoder_new(HL_JSON_CANONICAL, NULL, NULL, 0, &w->json, &err), HL_OK);
    for (size_t t = 0; t < FAKE_INPUTS; t++) {
        w->inputs[t] = (struct hl_input){.topic = names[t], .format = HL_FORMAT_JSON};
        w->decoders[t] = w->json;
    }
}

static void fill(struct world *w)
{
    char id[16], text[200];
    for (unsigned i = 0; i < EVENTS; i++) {
        snprintf(id, sizeof(id), "c%u", (unsigned)fake_random(&w->log, CONTACTS));
        int n = snprintf(text, sizeof(text), "{\"event_id\":\"e%u\",\"contact_id\":\"%s\",\"type\":\"page_viewed\",\"occurred_at\":%lld}", i, id,
                         (long long)(T0 + i));
        fake_log_put(&w->log, (uint16_t)fake_random(&w->log, FAKE_INPUTS), hl_partition_of(hl_slice_of(id), FAKE_PARTITIONS), hl_slice_of(id),
                     (struct hl_slice){text, (size_t)n}, T0 + i);
    }
}

static void run(struct world *w)
{
    static const char *const names[FAKE_INPUTS] = {"in0", "in1", "in2"};
    struct hl_metrics_config m = {.topics = names, .n_topics = FAKE_INPUTS, .partitions = FAKE_PARTITIONS, .threads = 1};
    struct hl_worker worker = {0};
    struct hl_engine e = {.config = &w->config, .model = w->model, .decoders = w->decoders, .transition_schema = 2, .state_schema = 3,
                          .alert_schema = 4, .n_partitions = FAKE_PARTITIONS, .workers = &worker, .n_workers = 1, .stop = &w->stop};
    e.table = hl_table_new(4);
    e.metrics = hl_metrics_new(&m);
    e.health = hl_health_new(1, 0, 0);
    worker.e = &e;
    worker.model = e.model;
    worker.metrics = hl_metrics_thread(e.metrics, 0);
    worker.checkpoint_due_ns = INT64_MAX;
    hl_arena_init(&worker.arena, 1 << 16);
    hl_buf_init(&worker.engine_buf);
    hl_buf_init(&worker.record_buf);
    worker.records = calloc(HL_BATCH, sizeof(*worker.records));
    worker.events = calloc(HL_GROUP, sizeof(*worker.events));
    worker.outcome = calloc(1, sizeof(*worker.outcome));
    worker.by_id = calloc(FAKE_PARTITIONS, sizeof(struct hl_partition *));
    worker.parts = calloc(FAKE_PARTITIONS, sizeof(struct hl_partition *));
    worker.assigned = calloc(FAKE_PARTITIONS, sizeof(*worker.assigned));
    worker.positions = calloc((size_t)FAKE_PARTITIONS * FAKE_INPUTS, sizeof(*worker.positions));
    worker.stream = fake_stream_new(&w->log, &w->stop);
    hl_worker_main(&worker);
    if (worker.status) fail_msg("the worker gave up: %s", worker.error.message);
    hl_arena_fini(&worker.arena);
    hl_buf_fini(&worker.engine_buf);
    hl_buf_fini(&worker.record_buf);
    free(worker.records);
    free(worker.events);
    free(worker.outcome);
    free(worker.by_id);
    free(worker.parts);
    free(worker.assigned);
    free(worker.positions);
    hl_table_free(e.table);
    hl_metrics_free(e.metrics);
    hl_health_free(e.health);
}

static void world_fini(struct world *w)
{
    w->json->free(w->json);
    hl_model_free(w->model);
    fake_log_fini(&w->log);
    free(w->moments);
}

/* The longest time for which input was committed and not yet below the low-water. */
static int64_t longest_replay(const struct world *w)
{
    int64_t longest = 0;
    for (int t = 0; t < FAKE_INPUTS; t++)
        for (int p = 0; p < FAKE_PARTITIONS; p++) {
            size_t from = 0; /* the last moment whose committed offset is below the low-water */
            for (size_t i = 0; i < w->n_moments - 1; i++) { /* without the last one: the end writes everything out */
                while (from < i && w->moments[from + 1].offset[t][p] <= w->moments[i].low[t][p]) from++;
                int64_t replay = w->moments[i].at_ns - w->moments[from].at_ns;
                if (replay > longest) longest = replay;
            }
        }
    return longest;
}

static void flood(struct world *w, double share, int64_t max_replay_ms, int64_t commit_ms, int64_t state_ns)
{
    world_init(w, share, max_replay_ms, commit_ms, state_ns);
    fill(w);
    run(w);
    assert_false(fake_log_is_done(&w->log)); /* else it was no flood */
    assert_true(w->n_moments > 50);
    int64_t took = w->moments[w->n_moments - 2].at_ns - w->began_ns;
    printf("share %.2f, max_replay %lld ms: %zu commits, %llu state records, %.1f %% of the time spent on them, at most %lld ms to replay\n", share,
           (long long)max_replay_ms, w->n_moments, (unsigned long long)w->states, 100 * (double)w->spent_ns / (double)took,
           (long long)(longest_replay(w) / MS));
}

static void with_time_enough_a_round_takes_its_interval(void **state)
{
    (void)state;
    struct world w;
    flood(&w, 0.5, 100000, 8, 2000);
    /* an event is below the low-water when the round that began after it has ended: two intervals, and at either end a commit, which waits for the
     * one under way: up to three polls of 3 ms */
    assert_true(longest_replay(&w) <= (2 * INTERVAL_MS + 4 * (8 + 9)) * MS);
    assert_true(longest_replay(&w) > INTERVAL_MS * MS);
    world_fini(&w);
}

static void beyond_its_share_the_interval_stretches(void **state)
{
    (void)state;
    struct world w;
    flood(&w, 0.1, 100000, 50, 100000);
    assert_true(longest_replay(&w) > 4 * INTERVAL_MS * MS);
    assert_true(longest_replay(&w) < 1500 * MS); /* for each partition, not for the first ones only */
    int64_t took = w.moments[w.n_moments - 2].at_ns - w.began_ns;
    /* a millisecond of each commit is free, and the clock is looked at after each 8 records */
    assert_true(w.spent_ns - w.last_ns <= took / 10 + (int64_t)w.n_moments * (MS + 8 * w.state_ns));
    assert_true(w.spent_ns - w.last_ns >= took / 10 / 2); /* and it is used */
    world_fini(&w);
}

static void up_to_max_replay_and_no_further(void **state)
{
    (void)state;
    struct world w;
    flood(&w, 0.02, 400, 20, 100000);
    assert_true(longest_replay(&w) > 300 * MS); /* the share alone would not have done it sooner */
    /* the round at hand is written out when it is noticed, at a commit; each contact once */
    assert_true(longest_replay(&w) <= (400 + 4 * 20) * MS + CONTACTS * w.state_ns);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_time_enough_a_round_takes_its_interval),
        cmocka_unit_test(beyond_its_share_the_interval_stretches),
        cmocka_unit_test(up_to_max_replay_and_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
