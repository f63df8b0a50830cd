/* State that is lost and made anew from the kept input: it is the same, and who was rebuilt goes on as if nothing had happened.
 *
 * A random history in an in-memory log (fake_stream.h) is scored by the engine's worker; then the state topic is emptied and rebuilt. The events of a
 * contact are in one topic, so that their order is known; where time acts there is one topic only, since the worker reads them in any order, and time is
 * that of the last. HL_SEED repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "app/rebuild.h"
#include "fake_stream.h"
#include "hotlead/adapter/json.h"
#include "hotlead/app/model_file.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/hash.h"
#include "hotlead/base/log.h"
#include "hotlead/core/state.h"
#include "hotlead/port/transition_view.h"

#define DAY INT64_C(86400000)
#define T0 (20000 * DAY)
#define NOW (T0 + 3000 * DAY)
#define CONTACTS 60
#define RECORDS 2500

static int64_t mono_ns = 1000000000;

int64_t hl_clock_mono_ns(void)
{
    return mono_ns += 5000;
}

int64_t hl_clock_wall_ms(void)
{
    return NOW;
}

int nanosleep(const struct timespec *asked, struct timespec *left)
{
    (void)left;
    mono_ns += (int64_t)asked->tv_sec * 1000000000 + asked->tv_nsec;
    return 0;
}

static const char MODEL[] = "model: rebuild\nversion: \"1\"\npreset: score-driven\n"
                            "fit:\n"
                            "  must_have: [{name: served, attribute: country, in: [US, DE]}]\n"
                            "  disqualify: [{name: student, attribute: title, equals: student}]\n"
                            "behavior:\n"
                            "  half_life: 10d\n"
                            "  rules:\n"
                            "    - {name: page, on: page_viewed, points: 9, max_times: 4 per 2d}\n"
                            "    - {name: click, on: email_clicked, points: 15, half_life: 5d}\n"
                            "    - {name: webinar, on: webinar_attended, points: 25}\n"
                            "hand_raise: [{name: demo, on: demo_requested, valid_for: 20d}]\n"
                            "thresholds: {mql: {enter: 50%s}, sql: {enter: 110}}\n"
                            "stages: {sal: true}\n"
                            "recycle: {cooldown: 3d, reset_behavior: true}\n"
                            "routing: [{to: [us-1, us-2], by: weight, weights: [2, 1]}]\n%s";
static const char DEADLINES[] = "sla: [{name: call, stage: mql, kind: active, within: 1d}, {name: talk, stage: sal, within: 2d}]\n";

static const char *const TYPES[] = {"page_viewed",   "page_viewed",   "email_clicked", "webinar_attended",   "form_submitted",     "contact_identified",
                                    "demo_requested", "lead_accepted", "lead_rejected", "sales_contact_made", "opportunity_opened", "opportunity_won",
                                    "owner_assigned", "stage_set",     "contact_erased", "something_new",     "page_viewed",        "email_clicked"};

struct world {
    struct fake_log log;
    struct hl_config config;
    struct hl_input inputs[FAKE_INPUTS];
    struct hl_model *model;
    struct hl_decoder *json, *decoders[FAKE_INPUTS];
    struct hl_engine codecs;
    int64_t now[CONTACTS];
    unsigned events;
    struct hl_rebuild rebuilt[FAKE_PARTITIONS]; /* the last */
};

static uint64_t chance(struct world *w, uint64_t n)
{
    return fake_random(&w->log, n);
}

static void world_init(struct world *w, uint64_t more, bool time_acts)
{
    char model[sizeof(MODEL) + sizeof(DEADLINES) + 16];
    static char names[FAKE_INPUTS][4] = {"in0", "in1", "in2"}, out[HL_OUT_COUNT][12] = {"transitions", "state", "alerts", "dead"};
    const char *seed = getenv("HL_SEED");
    struct hl_error err;
    memset(w, 0, sizeof(*w));
    hl_log_set_level(HL_LOG_ERROR);
    fake_log_init(&w->log, true, (seed ? strtoull(seed, NULL, 10) : 20261126) + more);
    w->log.clock_ns = &mono_ns;
    w->log.n_inputs = time_acts ? 1 : FAKE_INPUTS;
    snprintf(model, sizeof(model), MODEL, time_acts ? ", exit: 20" : "", time_acts ? DEADLINES : "");
    w->config = (struct hl_config){
        .inputs = w->inputs, .n_inputs = w->log.n_inputs, .transitions = out[0], .state = out[1], .alerts = out[2], .dead_letter = out[3],
        .delivery = HL_EXACTLY_ONCE, .commit_max_interval_ms = 8, .checkpoint_interval_ms = 40, .checkpoint_max_replay_ms = 200,
        .checkpoint_max_share = 0.5, .max_clock_skew_ms = 300000, .max_record_bytes = 1000, .on_gap = HL_GAP_STOP,
    };
    assert_int_equal(hl_model_load_text("m.yaml", hl_slice_of(model), &w->model, NULL, &err), HL_OK);
    assert_int_equal(hl_json_decoder_new(HL_JSON_CANONICAL, NULL, NULL, 0, &w->json, &err), HL_OK);
    for (size_t t = 0; t < FAKE_INPUTS; t++) {
        w->inputs[t] = (struct hl_input){.topic = names[t], .format = HL_FORMAT_JSON};
        w->decoders[t] = w->json;
    }
    w->codecs = (struct hl_engine){.decoders = w->decoders, .state_schema = 3};
    for (unsigned i = 0; i < CONTACTS; i++) w->now[i] = T0 + (int64_t)chance(w, 10 * DAY);
}

static void world_fini(struct world *w)
{
    for (int p = 0; p < FAKE_PARTITIONS; p++) hl_buf_fini(&w->rebuilt[p].differences);
    w->json->free(w->json);
    hl_model_free(w->model);
    fake_log_fini(&w->log);
}

/* --- history --- */

static void put(struct world *w, uint16_t topic, const char *id, const char *type, int64_t time, const char *more)
{
    char text[400];
    int n = snprintf(text, sizeof(text), "{\"event_id\":\"e%u\",\"contact_id\":\"%s\",\"type\":\"%s\",\"occurred_at\":%lld%s}", w->events++, id, type,
                     (long long)time, more);
    fake_log_put(&w->log, topic, hl_partition_of(hl_slice_of(id), FAKE_PARTITIONS), hl_slice_of(id), (struct hl_slice){text, (size_t)n}, NOW - DAY + w->events);
}

static void history(struct world *w, unsigned records)
{
    for (unsigned k = 0; k < records; k++) {
        unsigned i = (unsigned)chance(w, CONTACTS);
        char id[16];
        const char *type = TYPES[chance(w, HL_ARRAY_LEN(TYPES))], *more = "";
        if (strcmp(type, "contact_erased") == 0 && chance(w, 3)) type = "page_viewed";
        if (strcmp(type, "form_submitted") == 0 || strcmp(type, "contact_identified") == 0)
            more = chance(w, 6) ? ",\"attributes\":{\"country\":\"US\"}" : ",\"attributes\":{\"country\":\"FR\"}";
        if (strcmp(type, "owner_assigned") == 0) more = ",\"attributes\":{\"owner\":\"somebody\"}";
        if (strcmp(type, "stage_set") == 0) more = chance(w, 2) ? ",\"attributes\":{\"stage\":\"mql\"}" : ",\"attributes\":{\"stage\":\"lead\"}";
        snprintf(id, sizeof(id), "c%u", i);
        w->now[i] += (int64_t)chance(w, DAY);
        put(w, (uint16_t)(i % w->config.n_inputs), id, type, chance(w, 8) ? w->now[i] : w->now[i] - (int64_t)chance(w, 3 * DAY), more);
    }
}

/* The worker over all that is there; its status. */
static enum hl_status live(struct world *w, struct hl_error *err)
{
    static const char *const names[FAKE_INPUTS] = {"in0", "in1", "in2"};
    struct hl_metrics_config m = {.topics = names, .n_topics = w->config.n_inputs, .partitions = FAKE_PARTITIONS, .threads = 1};
    struct hl_worker *worker = calloc(1, sizeof(*worker));
    _Atomic bool stop = false;
    struct hl_engine e = {.config = &w->config, .model = w->model, .decoders = w->decoders, .transition_schema = 2, .state_schema = 3, .alert_schema = 4,
                          .n_partitions = FAKE_PARTITIONS, .workers = worker, .n_workers = 1, .stop = &stop};
    e.table = hl_table_new(4);
    e.metrics = hl_metrics_new(&m);
    e.health = hl_health_new(1, 0, 0);
    assert_int_equal(hl_worker_init(worker, &e, 0, err), HL_OK);
    worker->stream = fake_stream_new(&w->log, &stop);
    hl_worker_main(worker);
    enum hl_status status = worker->status;
    *err = worker->error;
    hl_worker_fini(worker);
    free(worker);
    hl_table_free(e.table);
    hl_metrics_free(e.metrics);
    hl_health_free(e.health);
    return status;
}

static void live_on(struct world *w)
{
    struct hl_error err = {0};
    if (live(w, &err)) fail_msg("the worker gave up: %s", err.message);
    assert_true(fake_log_is_done(&w->log));
}

/* --- the log as a rebuild sees it --- */

struct memory_log {
    struct hl_rebuild_log port;
    struct world *w;
};

static struct fake_topic *topic_of(struct world *w, uint16_t topic, int32_t p)
{
    if (topic == HL_STATE_TOPIC) return &w->log.outputs[HL_OUT_STATE][p];
    return topic == HL_TRANSITIONS_TOPIC ? &w->log.outputs[HL_OUT_TRANSITIONS][p] : &w->log.inputs[topic][p];
}

static enum hl_status memory_read(struct hl_rebuild_log *l, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx, struct hl_error *err)
{
    struct world *w = ((struct memory_log *)l)->w;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const struct fake_topic *t = topic_of(w, ranges[i].topic, ranges[i].partition);
        for (int64_t o = ranges[i].from; o < ranges[i].to && (size_t)o < t->n; o++) {
            const struct fake_record *r = &t->records[o];
            struct hl_record rec = {.key = fake_key(r), .value = fake_value(r), .offset = o, .timestamp_ms = r->timestamp_ms,
                                    .partition = ranges[i].partition, .topic = ranges[i].topic};
            enum hl_status status = r->kind == FAKE_SKIPPED ? HL_OK : fn(ctx, &rec, 1);
            if (status) return status;
        }
    }
    return HL_OK;
}

static char *copy(struct hl_slice s)
{
    char *p = malloc(s.len + 1);
    assert_non_null(p);
    if (s.len) memcpy(p, s.data, s.len);
    return p;
}

static void append(struct fake_topic *t, struct hl_slice key, struct hl_slice value)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->records = realloc(t->records, t->cap * sizeof(*t->records));
        assert_non_null(t->records);
    }
    struct fake_record *r = &t->records[t->n++];
    *r = (struct fake_record){.kind = FAKE_DATA, .has_key = true, .has_value = !hl_slice_is_null(value), .key_len = key.len, .value_len = value.len};
    r->key = copy(key);
    if (r->has_value) r->value = copy(value);
}

static enum hl_status memory_put(struct hl_rebuild_log *l, int32_t partition, struct hl_slice key, struct hl_slice value, struct hl_error *err)
{
    (void)err;
    append(topic_of(((struct memory_log *)l)->w, HL_STATE_TOPIC, partition), key, value);
    return HL_OK;
}

static void empty(struct fake_topic *t)
{
    for (size_t i = 0; i < t->n; i++) free(t->records[i].key), free(t->records[i].value), free(t->records[i].headers);
    t->n = 0;
}

static void lose_state(struct world *w)
{
    for (int p = 0; p < FAKE_PARTITIONS; p++) empty(topic_of(w, HL_STATE_TOPIC, p));
}

/* What the command does, over memory. */
static enum hl_status rebuild(struct world *w, bool whole, struct hl_error *err)
{
    struct memory_log log = {{memory_read, memory_put}, w};
    enum hl_status status = HL_OK;
    for (int32_t p = 0; p < FAKE_PARTITIONS && !status; p++) {
        struct hl_rebuild_span inputs[FAKE_INPUTS];
        for (int t = 0; t < FAKE_INPUTS; t++) inputs[t] = (struct hl_rebuild_span){0, w->log.committed[t][p].offset};
        hl_buf_fini(&w->rebuilt[p].differences);
        w->rebuilt[p] = (struct hl_rebuild){
            .config = &w->config, .model = w->model, .codecs = &w->codecs, .log = &log.port, .partition = p, .n_partitions = FAKE_PARTITIONS,
            .inputs = inputs, .whole = whole, .transitions = {0, (int64_t)topic_of(w, HL_TRANSITIONS_TOPIC, p)->n},
            .state = {0, (int64_t)topic_of(w, HL_STATE_TOPIC, p)->n},
        };
        status = hl_rebuild_partition(&w->rebuilt[p], err);
        for (int t = 0; t < FAKE_INPUTS && !status; t++) {
            w->log.committed[t][p].low_water = w->log.committed[t][p].offset;
            w->log.committed[t][p].state_end = (int64_t)topic_of(w, HL_STATE_TOPIC, p)->n;
        }
    }
    return status;
}

static void rebuild_all(struct world *w)
{
    struct hl_error err = {0};
    if (rebuild(w, true, &err)) fail_msg("%s", err.message);
}

/* --- comparing --- */

/* The engine's bytes in the latest record of a key; null: none. */
static struct hl_slice state_of(struct world *w, struct hl_slice key, int32_t p)
{
    const struct fake_topic *t = topic_of(w, HL_STATE_TOPIC, p);
    for (size_t i = t->n; i > 0; i--) {
        const struct fake_record *r = &t->records[i - 1];
        struct hl_applied_slice applied[FAKE_INPUTS];
        struct hl_slice engine;
        size_t n;
        if (r->kind == FAKE_SKIPPED || !hl_slice_eq(fake_key(r), key)) continue;
        if (!r->has_value) return HL_SLICE_NULL;
        assert_int_equal(hl_avro_get_state(fake_value(r), &engine, applied, FAKE_INPUTS, &n), HL_OK);
        return engine;
    }
    return HL_SLICE_NULL;
}

static bool same(struct hl_slice a, struct hl_slice b)
{
    return hl_slice_is_null(a) == hl_slice_is_null(b) && hl_slice_eq(a, b);
}

/* Every key of one world, graves too, has the same state in the other. */
static void assert_same_states(struct world *a, struct world *b)
{
    for (int32_t p = 0; p < FAKE_PARTITIONS; p++) {
        const struct fake_topic *t = topic_of(a, HL_STATE_TOPIC, p);
        for (size_t i = 0; i < t->n; i++) {
            struct hl_slice key = fake_key(&t->records[i]);
            if (t->records[i].kind == FAKE_SKIPPED || same(state_of(a, key, p), state_of(b, key, p))) continue;
            fail_msg("another state of '%.*s'", HL_SLICE_ARG(key));
        }
    }
}

static const struct fake_record *next_data(const struct fake_topic *t, size_t *at)
{
    while (*at < t->n && t->records[*at].kind == FAKE_SKIPPED) ++*at;
    return *at < t->n ? &t->records[(*at)++] : NULL;
}

static struct hl_transition_view said_by(const struct fake_record *r)
{
    struct hl_transition_view v;
    assert_int_equal(hl_avro_get_transition(fake_value(r), &v), HL_OK);
    assert_true(hl_slice_eq(v.contact_id, fake_key(r)));
    return v;
}

/* The transitions of a contact, in their order. */
static void assert_same_transitions(struct world *a, struct world *b, const char *id)
{
    int32_t p = hl_partition_of(hl_slice_of(id), FAKE_PARTITIONS);
    const struct fake_topic *x = topic_of(a, HL_TRANSITIONS_TOPIC, p), *y = topic_of(b, HL_TRANSITIONS_TOPIC, p);
    for (size_t i = 0, j = 0;;) {
        const struct fake_record *r, *q;
        while ((r = next_data(x, &i)) && !hl_slice_eq_cstr(fake_key(r), id)) continue;
        while ((q = next_data(y, &j)) && !hl_slice_eq_cstr(fake_key(q), id)) continue;
        if (!r && !q) return;
        if (!r || !q) fail_msg("%s: more transitions in one of them", id);
        struct hl_transition_view s = said_by(r), u = said_by(q);
        if (s.seq != u.seq || s.to != u.to || s.visit != u.visit || s.occurred_at != u.occurred_at || s.score != u.score || !same(s.kind, u.kind) ||
            !same(s.cause, u.cause) || !same(s.owner, u.owner) || s.sla_due != u.sla_due)
            fail_msg("%s: seq %lld to %s, and seq %lld to %s", id, (long long)s.seq, hl_stage_name(s.to), (long long)u.seq, hl_stage_name(u.to));
    }
}

static uint64_t differences(const struct world *w)
{
    uint64_t n = 0;
    for (int p = 0; p < FAKE_PARTITIONS; p++) n += w->rebuilt[p].differ;
    return n;
}

/* --- tests --- */

static void lose_and_rebuild(uint64_t seed)
{
    struct world was, is;
    uint64_t events = 0, said = 0, graves = 0, evaluated = 0;
    world_init(&was, seed, seed % 2);
    world_init(&is, seed, seed % 2);
    history(&was, RECORDS);
    history(&is, RECORDS);
    live_on(&was);
    live_on(&is);
    lose_state(&is);
    rebuild_all(&is);
    for (int p = 0; p < FAKE_PARTITIONS; p++) {
        events += is.rebuilt[p].events, said += is.rebuilt[p].said, graves += is.rebuilt[p].graves, evaluated += is.rebuilt[p].evaluated;
        assert_int_equal(is.rebuilt[p].removed + is.rebuilt[p].kept, 0);
    }
    printf("%llu events, %llu transitions, %llu contacts with one, %llu graves\n", (unsigned long long)events, (unsigned long long)evaluated,
           (unsigned long long)said, (unsigned long long)graves);
    assert_int_equal(events, RECORDS);
    assert_true(said > 20 && graves > 2 && evaluated > 200);
    assert_int_equal(differences(&is), 0);
    assert_same_states(&was, &is);
    assert_same_states(&is, &was);
    world_fini(&was);
    world_fini(&is);
}

static void it_is_what_was_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) lose_and_rebuild(seed);
}

static void who_was_rebuilt_goes_on_as_if_nothing_had_happened(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world was, is;
        char id[16];
        world_init(&was, seed, seed % 2);
        world_init(&is, seed, seed % 2);
        history(&was, RECORDS / 2);
        history(&is, RECORDS / 2);
        live_on(&was);
        live_on(&is);
        lose_state(&is);
        rebuild_all(&is);
        assert_int_equal(differences(&is), 0);
        was.log.random = is.log.random = seed; /* the same history from here on */
        history(&was, RECORDS / 2);
        history(&is, RECORDS / 2);
        live_on(&was);
        live_on(&is);
        for (unsigned i = 0; i < CONTACTS; i++) {
            snprintf(id, sizeof(id), "c%u", i);
            assert_same_transitions(&was, &is, id);
        }
        assert_same_states(&was, &is);
        world_fini(&was);
        world_fini(&is);
    }
}

static void a_worker_refuses_a_state_topic_that_has_lost_its_contents(void **state)
{
    (void)state;
    struct world w;
    struct hl_error err = {0};
    world_init(&w, 0, false);
    history(&w, 300);
    live_on(&w);
    lose_state(&w);
    history(&w, 10);
    hl_log_set_level(HL_LOG_ERROR + 1);
    assert_int_equal(live(&w, &err), HL_E_GAP);
    assert_non_null(strstr(err.message, "its contacts are lost. 'hotlead rebuild' makes them anew"));
    for (int t = 0; t < FAKE_INPUTS; t++)
        for (int p = 0; p < FAKE_PARTITIONS; p++) w.log.committed[t][p].state_end = HL_STATE_REBUILDING;
    assert_int_equal(live(&w, &err), HL_E_GAP);
    assert_non_null(strstr(err.message, "'hotlead rebuild' has begun to make its contacts anew and has not ended"));
    rebuild_all(&w);
    live_on(&w);
    lose_state(&w);
    history(&w, 10);
    w.config.on_gap = HL_GAP_ACCEPT;
    live_on(&w);
    world_fini(&w);
}

static void put_transition(struct world *w, const char *id, enum hl_stage to, enum hl_kind kind, enum hl_cause cause, uint32_t seq, unsigned visit, int64_t at)
{
    struct hl_buf b;
    hl_buf_init(&b);
    struct hl_transition t = {.from = HL_STAGE_LEAD, .to = to, .kind = kind, .direction = HL_DIRECTION_ADVANCE, .cause = cause, .seq = seq,
                              .visit = (uint16_t)visit, .occurred_at = at, .sla_due = HL_NO_TIME};
    struct hl_transition_record r = {.contact_id = hl_slice_of(id), .transition = &t, .model = "m", .model_version = "1"};
    hl_avro_put_transition(&b, 2, &r);
    append(topic_of(w, HL_TRANSITIONS_TOPIC, hl_partition_of(hl_slice_of(id), FAKE_PARTITIONS)), hl_slice_of(id), hl_buf_slice(&b));
    hl_buf_fini(&b);
}

static struct hl_said restored(struct world *w, const char *id)
{
    struct hl_slab slab;
    struct hl_contact c;
    hl_slab_init(&slab);
    struct hl_slice key = hl_slice_of(id), engine = state_of(w, key, hl_partition_of(key, FAKE_PARTITIONS));
    assert_false(hl_slice_is_null(engine));
    assert_int_equal(hl_contact_init(&c, &slab, hl_hash64(key), key, 0), HL_OK);
    assert_int_equal(hl_state_decode(&c, &slab, w->model, engine), HL_OK);
    struct hl_said said = {.stage = (enum hl_stage)c.stage, .kind = (enum hl_kind)c.kind, .visit = c.visit, .seq = c.seq, .at = c.stage_since};
    hl_contact_fini(&c, &slab);
    hl_slab_fini(&slab);
    return said;
}

static void what_was_said_wins(void **state)
{
    (void)state;
    struct world w;
    struct hl_rebuild_difference d;
    world_init(&w, 0, false);
    put(&w, 0, "ann", "page_viewed", T0, "");
    put(&w, 0, "gone", "page_viewed", T0, "");
    put(&w, 0, "gone", "contact_erased", T0 + DAY, "");
    live_on(&w);
    put_transition(&w, "ann", HL_STAGE_LEAD, HL_KIND_NONE, HL_CAUSE_FIT, 4, 1, T0 + 1);
    put_transition(&w, "ann", HL_STAGE_MQL, HL_KIND_ACTIVE, HL_CAUSE_HAND_RAISE, 5, 2, T0 + 2);
    put_transition(&w, "ben", HL_STAGE_SQL, HL_KIND_PASSIVE, HL_CAUSE_SALES, 7, 1, T0 + 3); /* no event of his is left */
    put_transition(&w, "gone", HL_STAGE_LEAD, HL_KIND_NONE, HL_CAUSE_FIT, 2, 1, T0); /* from before the erasure */
    lose_state(&w);
    rebuild_all(&w);
    struct hl_said ann = restored(&w, "ann"), ben = restored(&w, "ben");
    assert_true(ann.stage == HL_STAGE_MQL && ann.kind == HL_KIND_ACTIVE && ann.seq == 5 && ann.visit == 2 && ann.at == T0 + 2);
    assert_true(ben.stage == HL_STAGE_SQL && ben.seq == 7 && ben.at == T0 + 3);
    assert_true(hl_slice_is_null(state_of(&w, HL_SLICE_LIT("gone"), hl_partition_of(HL_SLICE_LIT("gone"), FAKE_PARTITIONS))));
    assert_int_equal(differences(&w), 2);
    const struct hl_rebuild *r = &w.rebuilt[hl_partition_of(HL_SLICE_LIT("ben"), FAKE_PARTITIONS)];
    struct hl_reader reader = hl_reader_of(hl_buf_slice(&r->differences));
    while (hl_rebuild_next_difference(&reader, &d) && !hl_slice_eq_cstr(d.id, "ben")) continue;
    assert_true(hl_slice_eq_cstr(d.id, "ben") && !d.known && d.said.seq == 7);
    /* and the next transition goes on with the next number */
    put(&w, 0, "ann", "lead_rejected", T0 + 2 * DAY, "");
    live_on(&w);
    const struct fake_topic *t = topic_of(&w, HL_TRANSITIONS_TOPIC, hl_partition_of(HL_SLICE_LIT("ann"), FAKE_PARTITIONS));
    size_t last = t->n;
    while (t->records[last - 1].kind == FAKE_SKIPPED) last--;
    struct hl_transition_view next = said_by(&t->records[last - 1]);
    assert_true(next.seq == 6 && next.to == HL_STAGE_UNQUALIFIED);
    world_fini(&w);
}

static void who_is_only_in_the_state_topic_is_removed_if_the_input_is_whole(void **state)
{
    (void)state;
    struct world w;
    struct hl_error err = {0};
    struct hl_slice id = HL_SLICE_LIT("stranger");
    int32_t p = hl_partition_of(id, FAKE_PARTITIONS);
    world_init(&w, 0, false);
    put(&w, 0, "ann", "page_viewed", T0, "");
    live_on(&w);
    struct hl_slice value = HL_SLICE_LIT("\0\0\0\0\3\2x\0");
    append(topic_of(&w, HL_STATE_TOPIC, p), id, value);
    assert_int_equal(rebuild(&w, false, &err), HL_OK);
    assert_int_equal(w.rebuilt[p].kept, 1);
    assert_false(hl_slice_is_null(state_of(&w, id, p)));
    assert_int_equal(rebuild(&w, true, &err), HL_OK);
    assert_int_equal(w.rebuilt[p].removed, 1);
    assert_true(hl_slice_is_null(state_of(&w, id, p)));
    restored(&w, "ann");
    world_fini(&w);
}

static void a_transition_that_cannot_be_read_is_told_with_its_place(void **state)
{
    (void)state;
    struct world w;
    struct hl_error err = {0};
    world_init(&w, 0, false);
    put(&w, 0, "ann", "page_viewed", T0, "");
    live_on(&w);
    append(topic_of(&w, HL_TRANSITIONS_TOPIC, 1), HL_SLICE_LIT("ann"), HL_SLICE_LIT("rubbish"));
    assert_int_equal(rebuild(&w, true, &err), HL_E_DECODE);
    assert_non_null(strstr(err.message, "the transition at offset 0 of transitions [1] cannot be read"));
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_was_lost),
        cmocka_unit_test(who_was_rebuilt_goes_on_as_if_nothing_had_happened),
        cmocka_unit_test(a_worker_refuses_a_state_topic_that_has_lost_its_contents),
        cmocka_unit_test(what_was_said_wins),
        cmocka_unit_test(who_is_only_in_the_state_topic_is_removed_if_the_input_is_whole),
        cmocka_unit_test(a_transition_that_cannot_be_read_is_told_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
