/* The keystone: whatever goes wrong, at whatever step, as often as it likes, the outcome is that of a run in which nothing did.
 *
 * A scenario is a random history of a few dozen contacts in an in-memory log (fake_stream.h). The engine's worker runs over it on
 * this thread and is crashed, aborted, rebalanced, thrown out of its group and restarted at random steps, recovery included,
 * until all is consumed. The oracle applies the same history to the same contacts directly, with neither log nor checkpoint.
 * Time is virtual: the clock is defined here, and nobody sleeps.
 *
 * HL_SEED repeats a run, HL_SCENARIOS says how long it is, HL_ONLY=*bound* which tests there are, HL_LOG=1 shows what the engine says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "app/worker.h"
#include "fake_store.h"
#include "fake_stream.h"
#include "hotlead/adapter/json.h"
#include "hotlead/app/model_file.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/hash.h"
#include "hotlead/base/log.h"
#include "hotlead/core/grave.h"
#include "hotlead/core/join.h"
#include "hotlead/core/state.h"

#define DAY INT64_C(86400000)
#define T0 (20000 * DAY)
#define NOW (T0 + 3000 * DAY)
#define CONTACTS 36
#define SPREAD 16 /* contacts whose events come in all topics, and commute */
#define GUESTS 12 /* likewise; they are merged, into those or into each other */
#define ALL (CONTACTS + SPREAD + GUESTS)
#define RECORDS 700
#define LIVES 60 /* of a scenario, before calm sets in */
#define SCHEMA 7
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SCENARIOS 60
#else
#define SCENARIOS 240 /* a fault that one in a hundred shows is not to be missed */
#endif
#define BOUND_KIB 24 /* at least; all contacts would take about 60 */

/* --- virtual time: takes the place of base/clock.c --- */

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

static const char MODEL[] =
    "model: crash\nversion: \"1\"\npreset: score-driven\n"
    "fit:\n"
    "  must_have: [{name: served, attribute: country, in: [US, DE]}]\n"
    "  disqualify: [{name: student, attribute: title, equals: student}]\n"
    "  suspect: [{name: rival, attribute: company, equals: rival}]\n"
    "  rules: [{name: boss, attribute: title, equals: vp, points: 15}]\n"
    "behavior:\n"
    "  half_life: 10d\n"
    "  groups: {web: {max: 60}}\n"
    "  rules:\n"
    "    - {name: pricing, on: page_viewed, path: \"/pricing*\", points: 12, group: web, max_times: 2 per 1d}\n"
    "    - {name: page, on: page_viewed, points: 3, group: web}\n"
    "    - {name: file, on: file_downloaded, points: 20, group: web, max_times: 3 per 7d}\n"
    "    - {name: click, on: email_clicked, points: 15, half_life: 5d}\n"
    "    - {name: webinar, on: webinar_attended, points: 25}\n"
    "    - {name: gone, on: email_unsubscribed, points: -20}\n"
    "hand_raise: [{name: demo, on: demo_requested, valid_for: 20d}]\n"
    "qualify: [{name: meeting, on: meeting_booked, valid_for: 14d}]\n"
    "thresholds: {mql: {enter: 50, exit: 20}, sql: {enter: 90, exit: 40}}\n"
    "stages:\n  sal: %s\n  facts_valid_for: 30d\n"
    "  extra: [{name: win-back, from: [customer, evangelist], to: lead, on: site_searched}]\n"
    "recycle: {cooldown: 3d, reset_behavior: true}\nvoids: {keep: 4}\n"
    "sla:\n  - {name: call, stage: mql, kind: active, within: 1d}\n  - {name: look, stage: mql, within: 4d}\n"
    "  - {name: talk, stage: sal, within: 2d}\n"
    "routing:\n  - {when: {attribute: country, in: [DE]}, to: dach}\n  - {to: [us-1, us-2], by: weight, weights: [2, 1]}\n";

/* --- a scenario --- */

struct output { /* an expected transition or alert */
    char headers[160];
    char *value;
    size_t len;
};

struct outputs {
    struct output *items;
    size_t n, seen;
};

struct person {
    char id[16];
    int64_t now; /* of its own history */
    char last[400];
    unsigned last_ids[4]; /* numbers of its last events, for those that are to be taken back */
    struct hl_contact c; /* the oracle's */
    struct person *into; /* where a guest goes; NULL: nowhere */
    bool merged;         /* that has been said */
    struct outputs moves, alerts;
};

/* When a life ends. */
struct plan {
    uint64_t step, crash_at, stop_at;
    _Atomic bool *stop;
    unsigned pending; /* answers "schema is being fetched" this often */
};

/* Where contacts are. */
enum place { ALL_IN_MEMORY, ALL_COPIED, SOME_IN_STORE /* memory is bounded */ };

struct world {
    struct fake_log log;
    struct hl_config config;
    struct hl_input inputs[FAKE_TOPICS];
    char text[sizeof(MODEL) + 8]; /* of the model */
    struct hl_model *model;
    struct hl_decoder *json, slow, *decoders[FAKE_TOPICS], *onward;
    struct fake_server *server; /* NULL: no store */
    struct person people[ALL];
    struct hl_slab slab;
    const char *dead[FAKE_INPUTS][FAKE_PARTITIONS][2 * RECORDS]; /* class of the dead letter that a record is to become */
    unsigned dead_seen[FAKE_INPUTS][FAKE_PARTITIONS][2 * RECORDS];
    struct plan plan;
    struct hl_engine *host; /* of the life that is on */
    struct hl_worker *worker; /* likewise */
    uint64_t reloads;
    uint64_t warm; /* restores from the store */
    uint64_t evictions, fetches; /* with a bound on memory */
    unsigned lives, depth, event_ids;
    uint64_t mirror_one_in; /* polls: how far the copy is behind */
    bool calm;
};

static struct world *the_world; /* for the decoder, which has no context of its own */

static uint64_t chance(struct world *w, uint64_t n)
{
    return fake_random(&w->log, n);
}

/* A schema that is still being fetched: some values are not readable at first. */
static enum hl_status slow_decode(struct hl_decoder *d, struct hl_slice value, struct hl_arena *arena, struct hl_event *ev,
                                  struct hl_error *err)
{
    struct world *w = the_world;
    (void)d;
    if (w->plan.pending && memmem(value.data, value.len, "\"slow\"", 6)) {
        w->plan.pending--;
        return hl_error_set(err, HL_E_PENDING, HL_RETRY, "the schema is being fetched");
    }
    return w->json->decode(w->json, value, arena, ev, err);
}

static void world_config(struct world *w)
{
    static char topics[FAKE_TOPICS][8] = {"in0", "in1", "in2", "merges"};
    static char transitions[] = "transitions", state[] = "state", alerts[] = "alerts", dead[] = "dead";
    w->config = (struct hl_config){
        .inputs = w->inputs,
        .n_inputs = FAKE_TOPICS,
        .transitions = transitions,
        .state = state,
        .alerts = alerts,
        .dead_letter = dead,
        .delivery = w->log.transactions ? HL_EXACTLY_ONCE : HL_LOW_LATENCY,
        .commit_max_interval_ms = 8,
        .checkpoint_interval_ms = 40,
        .checkpoint_max_replay_ms = 200,
        .checkpoint_max_share = 0.5,
        .max_clock_skew_ms = 300000,
        .max_record_bytes = 360,
        .on_gap = HL_GAP_STOP,
    };
    for (size_t t = 0; t < FAKE_TOPICS; t++)
        w->inputs[t] = (struct hl_input){.topic = topics[t], .format = t == FAKE_MERGES ? HL_FORMAT_MERGES : HL_FORMAT_JSON};
}

static void world_init(struct world *w, bool transactions, enum place place, uint64_t seed)
{
    struct hl_error err;
    memset(w, 0, sizeof(*w));
    the_world = w;
    fake_log_init(&w->log, transactions, seed);
    w->log.n_inputs = FAKE_TOPICS;
    w->log.ctx = w;
    w->log.clock_ns = &mono_ns;
    world_config(w);
    snprintf(w->text, sizeof(w->text), MODEL, seed & 1 ? "true" : "false"); /* without it an answer meets a deadline, and moves nobody */
    assert_int_equal(hl_model_load_text("m.yaml", hl_slice_of(w->text), &w->model, NULL, &err), HL_OK);
    assert_int_equal(hl_json_decoder_new(HL_JSON_CANONICAL, NULL, NULL, 0, &w->json, &err), HL_OK);
    w->slow.decode = slow_decode;
    assert_int_equal(hl_onward_decoder_new(&w->onward, &err), HL_OK);
    for (size_t t = 0; t < FAKE_TOPICS; t++) w->decoders[t] = t == FAKE_MERGES ? w->onward : &w->slow;
    w->server = place == ALL_IN_MEMORY ? NULL : fake_server_new();
    w->mirror_one_in = 2 + chance(w, 40);
    if (place == SOME_IN_STORE) w->config.memory_max_bytes = (int64_t)(BOUND_KIB + chance(w, BOUND_KIB)) << 10;
    hl_slab_init(&w->slab);
    for (unsigned i = 0; i < ALL; i++) {
        struct person *p = &w->people[i];
        snprintf(p->id, sizeof(p->id), "c%u", i);
        p->now = T0 + (int64_t)chance(w, 30 * DAY);
        struct hl_slice id = hl_slice_of(p->id);
        assert_int_equal(hl_contact_init(&p->c, &w->slab, hl_hash64(id), id, 0), HL_OK);
    }
}

static void outputs_fini(struct outputs *l)
{
    for (size_t k = 0; k < l->n; k++) free(l->items[k].value);
    free(l->items);
}

static void world_fini(struct world *w)
{
    for (unsigned i = 0; i < ALL; i++) {
        struct person *p = &w->people[i];
        outputs_fini(&p->moves);
        outputs_fini(&p->alerts);
        hl_contact_fini(&p->c, &w->slab);
    }
    hl_slab_fini(&w->slab);
    fake_server_free(w->server);
    w->json->free(w->json);
    w->onward->free(w->onward);
    hl_model_free(w->model);
    fake_log_fini(&w->log);
}

/* --- history --- */

static const char *const PROFILES[] = {
    "\"country\":\"US\"", "\"country\":\"US\",\"title\":\"vp\"", "\"country\":\"DE\"", "\"country\":\"FR\"",
    "\"company\":\"rival\"", "\"company\":\"good\"", "\"title\":\"vp\"", "\"country\":\"\"",
};
static const char *const TYPES[] = {
    "page_viewed", "page_viewed", "page_viewed", "file_downloaded", "email_clicked", "email_clicked", "webinar_attended",
    "webinar_attended", "form_submitted", "contact_identified", "form_submitted", "email_unsubscribed", "demo_requested",
    "meeting_booked", "lead_accepted", "lead_rejected", "sales_contact_made", "opportunity_opened", "opportunity_won",
    "opportunity_lost", "advocacy_given", "site_searched", "score_adjusted", "email_opened", "owner_assigned", "something_new",
};
static const char *const STAGES[] = {"lead", "mql", "sql", "unqualified", "subscriber"};

static const char *extras(struct world *w, const char *type, char *buf, size_t cap)
{
    *buf = '\0';
    if (strcmp(type, "form_submitted") == 0 || strcmp(type, "contact_identified") == 0)
        snprintf(buf, cap, ",\"attributes\":{%s}", PROFILES[chance(w, HL_ARRAY_LEN(PROFILES))]);
    else if (strcmp(type, "score_adjusted") == 0)
        snprintf(buf, cap, ",\"attributes\":{\"points\":\"%d\"}", (int)chance(w, 40) - 20);
    else if (strcmp(type, "stage_set") == 0)
        snprintf(buf, cap, ",\"attributes\":{\"stage\":\"%s\"}", STAGES[chance(w, HL_ARRAY_LEN(STAGES))]);
    else if (strcmp(type, "owner_assigned") == 0)
        snprintf(buf, cap, ",\"attributes\":{\"owner\":\"%s\"}", chance(w, 3) ? "somebody" : "");
    else if (strcmp(type, "page_viewed") == 0 && chance(w, 2))
        snprintf(buf, cap, ",\"url\":\"https://a.example/pricing?x=1\"");
    if (chance(w, 40) == 0) strcat(buf, ",\"form\":\"slow\"");
    if (chance(w, 25) == 0) strcat(buf, ",\"machine\":true");
    return buf;
}

/* Chains, two that go into one, a circle that is closed from both sides at once, and one that is claimed twice. At low latency nobody goes
 * (decision 0026). */
static void invite(struct world *w)
{
    static const int into[GUESTS] = {CONTACTS, CONTACTS, CONTACTS + 1, CONTACTS + SPREAD + 2, CONTACTS + SPREAD + 3, CONTACTS + 2, CONTACTS + 3,
                                     CONTACTS + 3, CONTACTS + SPREAD + 9, CONTACTS + SPREAD + 8, CONTACTS + 4, -1};
    for (unsigned i = 0; i < GUESTS && w->log.transactions; i++)
        if (into[i] >= 0) w->people[CONTACTS + SPREAD + i].into = &w->people[into[i]];
}

/* In whom all that came to p is at the end: the last of the chain; of a circle, the oracle's is the first of the two. */
static struct person *host_of(struct person *p)
{
    while (p->merged && p->into->into != p) p = p->into;
    return p->merged && p->into->merged && p->into < p ? p->into : p->merged && !p->into->merged ? p->into : p;
}

/* Two that go into each other: who is left depends on whether one heard of the other before it went itself. */
static bool is_circle(const struct person *p)
{
    return p->merged && p->into->merged && p->into->into == p;
}

/* It is told once, by the guest, or by the one that it turns out to be. */
static const char *merge_event(struct world *w, struct person *p, char *buf, size_t cap, long long t)
{
    p->merged = true;
    bool claim = p - w->people >= CONTACTS + SPREAD + 5 && !p->into->into;
    if (claim)
        snprintf(buf, cap, "{\"event_id\":\"e%u\",\"contact_id\":\"%s\",\"type\":\"contact_identified\",\"occurred_at\":%lld,"
                           "\"attributes\":{\"anonymous_id\":\"%s\"}}", w->event_ids++, p->into->id, t, p->id);
    else
        snprintf(buf, cap, "{\"event_id\":\"e%u\",\"contact_id\":\"%s\",\"type\":\"contact_merged\",\"occurred_at\":%lld,"
                           "\"attributes\":{\"into\":\"%s\"}}", w->event_ids++, p->id, t, p->into->id);
    return claim ? p->into->id : p->id;
}

static const char *type_for(struct world *w, bool spread)
{
    if (!spread && chance(w, 25) == 0) return "event_voided";
    if (spread) return chance(w, 2) ? "email_clicked" : "score_adjusted";
    if (chance(w, 60) == 0) return "stage_set";
    if (chance(w, 400) == 0) return "lead_disqualified";
    if (chance(w, 60) == 0) return "contact_erased";
    return TYPES[chance(w, HL_ARRAY_LEN(TYPES))];
}

/* Append the record, and note what is to become of it. */
static void put(struct world *w, uint16_t topic, int32_t part, const char *key, struct hl_slice value, int64_t time,
                const char *class)
{
    w->dead[topic][part][w->log.inputs[topic][part].n] = class;
    fake_log_put(&w->log, topic, part, hl_slice_of(key), value, time);
}

static void put_broken(struct world *w, struct person *p, uint16_t topic, int32_t part)
{
    char text[500];
    int64_t t = p->now + DAY;
    int n = snprintf(text, sizeof(text),
                     "{\"event_id\":\"e%u\",\"contact_id\":\"%s\",\"type\":\"page_viewed\",\"occurred_at\":%lld,\"x\":\"%*s\"}",
                     w->event_ids++, p->id, (long long)t, 100, "");
    struct hl_slice whole = {text, (size_t)n};
    switch (chance(w, 7)) {
    case 0: put(w, topic, part, p->id, HL_SLICE_NULL, t, "decode"); break;
    case 1: put(w, topic, part, NULL, whole, t, "missing-field"); break;
    case 2: put(w, topic, part, p->id, (struct hl_slice){text, 50}, t, "decode"); break;
    case 3: put(w, topic, part, p->id, HL_SLICE_LIT("{\"event_id\":\"e\",\"type\":\"page_viewed\"}"), t, "missing-field"); break;
    case 4: put(w, topic, part, p->id, whole, t - DAY, "clock"); break;
    case 5: put(w, topic, (part + 1) % FAKE_PARTITIONS, p->id, whole, t, "decode"); break;
    default: memset(text, ' ', sizeof(text)), put(w, topic, part, p->id, (struct hl_slice){text, 400}, t, "too-large");
    }
}

static void put_event(struct world *w)
{
    unsigned i = (unsigned)chance(w, ALL);
    struct person *p = &w->people[i];
    bool spread = i >= CONTACTS;
    uint16_t topic = (uint16_t)(spread ? chance(w, FAKE_INPUTS) : i % FAKE_INPUTS);
    int32_t part = hl_partition_of(hl_slice_of(p->id), FAKE_PARTITIONS);
    char more[240];
    p->now += (int64_t)chance(w, chance(w, 12) ? DAY / 2 : 12 * DAY);
    if (chance(w, 20) == 0) {
        put_broken(w, p, topic, part);
        return;
    }
    int64_t t = chance(w, 8) ? p->now : p->now - (int64_t)chance(w, 10 * DAY);
    if (p->into && !p->merged && chance(w, 4) == 0) {
        const char *key = merge_event(w, p, more, sizeof(more), (long long)t);
        put(w, topic, hl_partition_of(hl_slice_of(key), FAKE_PARTITIONS), key, hl_slice_of(more), NOW - DAY, NULL);
        return;
    }
    if (spread || !*p->last || chance(w, 20)) {
        const char *type = type_for(w, spread);
        extras(w, type, more, sizeof(more));
        if (strcmp(type, "event_voided") == 0)
            snprintf(more, sizeof(more), ",\"attributes\":{\"event_id\":\"e%u\"}", p->last_ids[chance(w, HL_ARRAY_LEN(p->last_ids))]);
        p->last_ids[w->event_ids % HL_ARRAY_LEN(p->last_ids)] = w->event_ids;
        snprintf(p->last, sizeof(p->last), "{\"event_id\":\"e%u\",\"contact_id\":\"c%u\",\"type\":\"%s\",\"occurred_at\":%lld%s}",
                 w->event_ids++, i, type, (long long)t, more);
    } /* else a duplicate */
    put(w, topic, part, p->id, hl_slice_of(p->last), NOW - DAY, NULL);
}

/* --- the oracle --- */

static struct person *person_of(struct world *w, struct hl_slice id)
{
    for (unsigned i = 0; i < ALL; i++)
        if (hl_slice_eq_cstr(id, w->people[i].id)) return &w->people[i];
    fail_msg("nobody is called '%.*s'", HL_SLICE_ARG(id));
    return NULL;
}

/* Takes over the bytes. */
static void expect(struct outputs *l, struct hl_buf *b, const char *headers)
{
    l->items = realloc(l->items, (l->n + 1) * sizeof(*l->items));
    assert_non_null(l->items);
    struct output *o = &l->items[l->n++];
    *o = (struct output){.value = (char *)b->data, .len = b->len};
    snprintf(o->headers, sizeof(o->headers), "%s", headers);
}

static void expect_outputs(struct world *w, struct person *p, const struct hl_event *ev, const struct hl_outcome *out,
                           const char *headers)
{
    struct hl_transition_record r = {.contact_id = ev->contact_id, .trigger_event_id = ev->event_id, .emitted_at = NOW,
                                     .model = w->model->name, .model_version = w->model->version};
    struct hl_buf b;
    for (unsigned i = 0; i < out->n_transitions; i++) {
        hl_buf_init(&b);
        r.transition = &out->transitions[i];
        hl_avro_put_transition(&b, SCHEMA, &r);
        expect(&p->moves, &b, headers);
    }
    for (unsigned i = 0; i < out->n_alerts; i++) {
        hl_buf_init(&b);
        hl_avro_put_alert(&b, SCHEMA, ev->contact_id, &out->alerts[i]);
        expect(&p->alerts, &b, headers);
    }
}

static void expect_record(struct world *w, uint16_t topic, int32_t part, size_t offset, struct hl_arena *arena)
{
    const struct fake_record *r = &w->log.inputs[topic][part].records[offset];
    struct hl_outcome out;
    struct hl_event ev;
    struct hl_error err;
    char headers[160];
    if (r->kind == FAKE_SKIPPED || w->dead[topic][part][offset]) return;
    hl_arena_reset(arena);
    assert_int_equal(w->json->decode(w->json, fake_value(r), arena, &ev, &err), HL_OK);
    if (ev.type == HL_EVENT_UNKNOWN) return;
    struct person *p = host_of(person_of(w, ev.contact_id));
    if (ev.type == HL_EVENT_CONTACT_MERGED) { /* nothing but the time */
        if (ev.occurred_at > p->c.clock) p->c.clock = ev.occurred_at;
        return;
    }
    assert_int_equal(hl_apply(&p->c, &w->slab, w->model, NULL, &ev, HL_APPLY_LIVE, &out), HL_OK);
    snprintf(headers, sizeof(headers), "source.topic=in%u\nsource.partition=%d\nsource.offset=%zu\nmodel.version=1\n", topic,
             part, offset);
    expect_outputs(w, p, &ev, &out, headers);
}

static void make_history(struct world *w)
{
    struct hl_arena arena;
    invite(w);
    for (unsigned i = 0; i < RECORDS; i++) put_event(w);
    hl_arena_init(&arena, 1 << 16);
    for (uint16_t t = 0; t < FAKE_INPUTS; t++)
        for (int32_t p = 0; p < FAKE_PARTITIONS; p++)
            for (size_t o = 0; o < w->log.inputs[t][p].n; o++) expect_record(w, t, p, o, &arena);
    hl_arena_fini(&arena);
}

/* --- the warm copy: what the mirror thread does, at random moments and with random luck --- */

static void mirror_partition(struct world *w, struct hl_store *s, int32_t part)
{
    struct fake_topic *t = &w->log.outputs[HL_OUT_STATE][part];
    struct hl_store_record *records = calloc(t->n + 1, sizeof(*records));
    uint64_t token;
    int64_t from, to;
    size_t n = 0;
    struct hl_error err;
    assert_non_null(records);
    if (!s->own(s, part, &token, &err) && !s->marker(s, part, &from, &err)) {
        to = (from < 0 ? 0 : from) + (int64_t)chance(w, t->n + 1);
        if (to > (int64_t)t->n || w->calm) to = (int64_t)t->n;
        for (int64_t i = from < 0 ? 0 : from; i < to; i++) {
            const struct fake_record *r = &t->records[i];
            if (r->kind == FAKE_DATA) records[n++] = (struct hl_store_record){fake_key(r), hl_hash64(fake_key(r)), fake_value(r)};
        }
        (void)!s->write(s, part, token, from, to, records, n, &err);
    }
    free(records);
}

static void mirror(struct world *w)
{
    struct hl_store *s = fake_store_new(w->server);
    for (int32_t p = 0; p < FAKE_PARTITIONS; p++) mirror_partition(w, s, p);
    s->free(s);
}

static void trouble_store(struct world *w)
{
    if (!w->server) return;
    switch (chance(w, 8)) {
    case 0: fake_server_forget(w->server, SIZE_MAX); break;
    case 1: fake_server_forget(w->server, chance(w, 12)); break;
    case 2: fake_server_fail(w->server, (int)chance(w, 6)); break;
    case 3: fake_server_cut_load(w->server, (int)chance(w, 5)); break;
    default: mirror(w);
    }
}

/* --- what goes wrong --- */

/* Another model, which says the same: all goes through the change, and nothing comes out otherwise. */
static void reload(struct world *w)
{
    struct hl_model *m;
    struct hl_error err;
    assert_int_equal(hl_model_load_text("m.yaml", hl_slice_of(w->text), &m, NULL, &err), HL_OK);
    assert_int_equal(hl_models_put(w->host->models, m), HL_OK);
    w->reloads++;
}

static enum fake_fault fault(void *ctx, enum fake_op op, bool after)
{
    static const unsigned one_in[] = {
        [FAKE_POLL] = 200,    [FAKE_ASSIGN] = 1,  [FAKE_COMMITTED] = 20, [FAKE_BOUNDS] = 60, [FAKE_READ] = 100,
        [FAKE_PRODUCE] = 300, [FAKE_SETTLE] = 40, [FAKE_COMMIT] = 20,    [FAKE_ABORT] = 8,
    };
    struct world *w = ctx;
    struct plan *plan = &w->plan;
    (void)after;
    plan->step++;
    if (plan->step > 400000) fail_msg("the worker runs in circles");
    w->worker->time_acts = false; /* a new model has brought it */
    if (op == FAKE_POLL && chance(w, w->calm ? 400 : 60) == 0) reload(w);
    if (op == FAKE_POLL && w->config.memory_max_bytes && chance(w, w->calm ? 4 : w->mirror_one_in) == 0) mirror(w); /* who left is waited for */
    if (w->calm) return FAKE_NONE;
    if (plan->step == plan->crash_at) return FAKE_CRASH;
    if (plan->step == plan->stop_at) *plan->stop = true;
    if (op == FAKE_POLL && chance(w, 60) == 0) trouble_store(w);
    if (chance(w, one_in[op]) == 0) return FAKE_FAIL;
    if (op == FAKE_POLL && chance(w, 80) == 0) return FAKE_REVOKE;
    return chance(w, 1500) ? FAKE_NONE : FAKE_LOSE;
}

/* --- a life: from start to crash, or to a clean end --- */

static void worker_init(struct hl_worker *worker, struct hl_engine *e, uint16_t index, struct world *w)
{
    memset(worker, 0, sizeof(*worker));
    worker->e = e;
    worker->index = index;
    worker->metrics = hl_metrics_thread(e->metrics, index);
    worker->checkpoint_due_ns = INT64_MAX;
    hl_arena_init(&worker->arena, 1 << 16);
    hl_buf_init(&worker->engine_buf);
    hl_buf_init(&worker->record_buf);
    worker->records = calloc(HL_BATCH, sizeof(*worker->records));
    worker->events = calloc(HL_GROUP, sizeof(*worker->events));
    worker->outcome = calloc(1, sizeof(*worker->outcome));
    worker->by_id = calloc(FAKE_PARTITIONS, sizeof(struct hl_partition *));
    worker->parts = calloc(FAKE_PARTITIONS, sizeof(struct hl_partition *));
    worker->assigned = calloc(FAKE_PARTITIONS, sizeof(*worker->assigned));
    worker->positions = calloc((size_t)FAKE_PARTITIONS * FAKE_TOPICS, sizeof(*worker->positions));
    worker->store = w->server ? fake_store_new(w->server) : NULL;
    worker->stream = fake_stream_new(&w->log, e->stop);
    struct hl_error err;
    assert_int_equal(hl_worker_adopt_model(worker, &err), HL_OK);
    assert_int_equal(hl_bound_init(worker, &err), HL_OK);
    worker->time_acts = false; /* the oracle knows no time */
}

static void worker_fini(struct hl_worker *worker)
{
    if (worker->store) worker->store->free(worker->store);
    hl_arena_fini(&worker->arena);
    hl_buf_fini(&worker->engine_buf);
    hl_buf_fini(&worker->record_buf);
    free(worker->records);
    free(worker->events);
    free(worker->outcome);
    free(worker->by_id);
    free(worker->parts);
    free(worker->assigned);
    free(worker->positions);
    free(worker->waiting);
    hl_match_cache_free(worker->matches);
    hl_bound_fini(worker);
}

static void life_init(struct world *w, struct hl_engine *e, struct hl_worker *worker, _Atomic bool *stop)
{
    struct hl_metrics_config m = {.n_topics = FAKE_TOPICS, .partitions = FAKE_PARTITIONS, .threads = 2};
    *e = (struct hl_engine){.config = &w->config, .model = w->model, .decoders = w->decoders, .transition_schema = SCHEMA,
                            .state_schema = SCHEMA, .alert_schema = SCHEMA, .n_partitions = FAKE_PARTITIONS, .workers = worker, .n_workers = 1,
                            .stop = stop};
    static const char *const names[FAKE_TOPICS] = {"in0", "in1", "in2", "merges"};
    m.topics = names;
    e->models = hl_models_new(w->model, 2);
    e->table = hl_table_new(4);
    e->metrics = hl_metrics_new(&m);
    e->health = hl_health_new(2, 0, 0);
    assert_true(e->models && e->table && e->metrics && e->health);
    worker_init(worker, e, 0, w);
}

static void life_fini(struct hl_engine *e, struct hl_worker *worker)
{
    struct hl_error err;
    struct hl_metrics_totals totals = hl_metrics_totals(e->metrics);
    if (!hl_metrics_balanced(&totals)) fail_msg("the counters do not balance");
    if (!hl_table_verify(e->table, &err)) fail_msg("the table: %s", err.message);
    assert_int_equal(hl_table_stats(e->table).contacts, 0);
    worker_fini(worker);
    hl_table_free(e->table);
    hl_models_free(e->models);
    hl_metrics_free(e->metrics);
    hl_health_free(e->health);
}

static struct plan new_plan(struct world *w, _Atomic bool *stop)
{
    struct plan plan = {.stop = stop, .pending = (unsigned)chance(w, 4)};
    plan.crash_at = 1 + chance(w, chance(w, 3) ? 800 : 60); /* one in three does not get far beyond its recovery */
    if (chance(w, 6) == 0) plan.stop_at = 1 + chance(w, 800);
    return plan;
}

/* A second worker of the same process, with the same table, takes the place of one that was thrown out and does not know it yet. */
static void colleague_init(struct world *w, struct hl_engine *e, struct hl_worker *worker, _Atomic bool *stop)
{
    *e = *w->host;
    e->workers = worker;
    e->stop = stop;
    worker_init(worker, e, 1, w);
}

static void colleague_fini(struct hl_engine *e, struct hl_worker *worker)
{
    assert_int_equal(hl_table_drop(e->table, 1, -1), 0);
    worker_fini(worker);
}

/* True when it ended cleanly. */
static bool life(struct world *w)
{
    struct hl_worker worker;
    struct hl_engine e, *host = w->host;
    struct hl_worker *outer_worker = w->worker;
    bool colleague = host && chance(w, 2);
    _Atomic bool stop = false;
    uint64_t crashes = w->log.stats.crashes;
    struct plan outer = w->plan;
    w->plan = new_plan(w, &stop);
    if (colleague)
        colleague_init(w, &e, &worker, &stop);
    else
        life_init(w, &e, &worker, &stop);
    w->host = &e;
    w->worker = &worker;
    hl_worker_main(&worker);
    w->host = host;
    w->worker = outer_worker;
    bool crashed = w->log.stats.crashes > crashes;
    if (worker.status && !crashed) fail_msg("the worker gave up: %s: %s", hl_status_name(worker.status), worker.error.message);
    w->warm += worker.metrics->restores[HL_RESTORE_REDIS];
    w->evictions += worker.metrics->evictions;
    w->fetches += worker.metrics->fetches;
    if (colleague)
        colleague_fini(&e, &worker);
    else
        life_fini(&e, &worker);
    w->plan = outer;
    return !worker.status;
}

/* The group has thrown a worker out: another one takes its place for a while. */
static void away(void *ctx)
{
    struct world *w = ctx;
    if (w->depth || chance(w, 3) == 0) return;
    w->depth++;
    life(w);
    w->depth--;
}

/* --- comparison --- */

/* The next one, or, without transactions, one that was there before. */
static void check_output(struct world *w, const struct person *p, struct outputs *l, const struct fake_record *r, const char *what)
{
    for (size_t k = w->log.transactions ? l->seen : 0; k <= l->seen && k < l->n; k++) {
        const struct output *o = &l->items[k];
        if (o->len != r->value_len || memcmp(o->value, r->value, o->len) != 0 || strcmp(o->headers, r->headers) != 0) continue;
        if (k == l->seen) l->seen++;
        return;
    }
    fail_msg("%s: %s that is not number %zu of %zu:\n%s", p->id, what, l->seen + 1, l->n, r->headers);
}

static void check_outputs(struct world *w, int32_t part)
{
    struct fake_topic *moves = &w->log.outputs[HL_OUT_TRANSITIONS][part], *alerts = &w->log.outputs[HL_OUT_ALERTS][part];
    for (size_t i = 0; i < moves->n; i++) {
        struct person *p = moves->records[i].kind == FAKE_DATA ? person_of(w, fake_key(&moves->records[i])) : NULL;
        if (p) check_output(w, p, &p->moves, &moves->records[i], "a transition");
    }
    for (size_t i = 0; i < alerts->n; i++) {
        struct person *p = alerts->records[i].kind == FAKE_DATA ? person_of(w, fake_key(&alerts->records[i])) : NULL;
        if (p) check_output(w, p, &p->alerts, &alerts->records[i], "an alert");
    }
}

static void check_dead_letter(struct world *w, const struct fake_record *r)
{
    unsigned topic;
    int part;
    long long offset;
    char class[32];
    if (sscanf(r->headers, "source.topic=in%u\nsource.partition=%d\nsource.offset=%lld\nmodel.version=1\nerror.class=%31[a-z-]",
               &topic, &part, &offset, class) != 4)
        fail_msg("a dead letter without its source: %s", r->headers);
    const struct fake_record *source = &w->log.inputs[topic][part].records[offset];
    const char *expected = w->dead[topic][part][offset];
    if (!expected || strcmp(expected, class) != 0)
        fail_msg("a dead letter of class %s, not %s: %s", class, expected ? expected : "none", r->headers);
    assert_true(r->has_key == source->has_key && hl_slice_eq(fake_key(r), fake_key(source)));
    assert_true(r->has_value == source->has_value && hl_slice_eq(fake_value(r), fake_value(source)));
    w->dead_seen[topic][part][offset]++;
}

static void check_dead_letters(struct world *w)
{
    for (uint16_t t = 0; t < FAKE_INPUTS; t++)
        for (int32_t p = 0; p < FAKE_PARTITIONS; p++)
            for (size_t o = 0; o < w->log.inputs[t][p].n; o++) {
                unsigned seen = w->dead_seen[t][p][o];
                if (!w->dead[t][p][o]) continue;
                if (seen == 0 || (seen > 1 && w->log.transactions))
                    fail_msg("in%u [%d] offset %zu: %u dead letters", t, p, o, seen);
            }
}

static struct hl_slice last_of_key(struct world *w, const struct person *p, struct hl_slice key)
{
    struct fake_topic *t = &w->log.outputs[HL_OUT_STATE][hl_partition_of(hl_slice_of(p->id), FAKE_PARTITIONS)];
    for (size_t i = t->n; i > 0; i--) {
        const struct fake_record *r = &t->records[i - 1];
        if (r->kind == FAKE_DATA && hl_slice_eq(fake_key(r), key)) return r->has_value ? fake_value(r) : HL_SLICE_NULL;
    }
    return HL_SLICE_NULL;
}

/* What does not depend on the order of topics: clock, points, rows. In a circle, whether the second merge took place, and so the clock, does. */
static void check_spread(struct world *w, const struct person *p, struct hl_slice engine)
{
    struct hl_contact c;
    struct hl_slice id = hl_slice_of(p->id);
    assert_int_equal(hl_contact_init(&c, &w->slab, hl_hash64(id), id, 0), HL_OK);
    assert_int_equal(hl_state_decode(&c, &w->slab, w->model, engine), HL_OK);
    bool same = (c.clock == p->c.clock || is_circle(p)) && hl_contact_n_rows(&c) == hl_contact_n_rows(&p->c) && (!c.ext || !p->c.ext || c.ext->manual == p->c.ext->manual);
    struct hl_row a = {.count = 0}, b = {.count = 0};
    for (size_t at = 0, of = 0; same && hl_contact_next_row(&c, &at, &a) && hl_contact_next_row(&p->c, &of, &b);)
        same = memcmp(&a, &b, sizeof a) == 0;
    if (!same) fail_msg("%s: events of several topics: count %u, not %u", p->id, a.count, b.count);
    hl_contact_fini(&c, &w->slab);
}

/* Its last record is a tombstone, and its grave says when. */
static void check_erased(struct world *w, const struct person *p, struct hl_slice value)
{
    struct hl_contact grave;
    char text[HL_GRAVE_ID_BYTES];
    struct hl_applied_slice applied[FAKE_TOPICS];
    size_t n;
    struct hl_slice id = hl_grave_id(hl_slice_of(p->id), hl_hash64(hl_slice_of(p->id)), text), engine;
    if (!hl_slice_is_null(value)) fail_msg("%s: erased, and has a state", p->id);
    value = last_of_key(w, p, id);
    if (hl_slice_is_null(value)) fail_msg("%s: erased, and has no grave", p->id);
    assert_int_equal(hl_avro_get_state(value, &engine, applied, HL_ARRAY_LEN(applied), &n), HL_OK);
    assert_int_equal(hl_contact_init(&grave, &w->slab, 0, id, 0), HL_OK);
    assert_int_equal(hl_state_decode(&grave, &w->slab, w->model, engine), HL_OK);
    if (grave.clock != p->c.ext->erased_at || !(grave.flags & HL_C_GRAVE)) fail_msg("%s: its grave has another time", p->id);
    hl_contact_fini(&grave, &w->slab);
}

/* Into whom the contact of this state went. */
static bool is_pointer(struct world *w, const struct person *p, struct hl_slice engine)
{
    struct hl_contact c;
    struct hl_slice id = hl_slice_of(p->id);
    assert_int_equal(hl_contact_init(&c, &w->slab, hl_hash64(id), id, 0), HL_OK);
    assert_int_equal(hl_state_decode(&c, &w->slab, w->model, engine), HL_OK);
    bool pointer = c.flags & HL_C_MERGED;
    if (pointer && !hl_slice_eq_cstr(hl_merged_into(&c), p->into->id)) fail_msg("%s: is no pointer to %s", p->id, p->into->id);
    if (pointer && hl_contact_n_rows(&c)) fail_msg("%s: merged, and has rows", p->id);
    hl_contact_fini(&c, &w->slab);
    return pointer;
}

static struct hl_slice engine_of(struct world *w, const struct person *p)
{
    struct hl_applied_slice applied[FAKE_TOPICS];
    struct hl_slice engine, value = last_of_key(w, p, hl_slice_of(p->id));
    size_t n;
    if (hl_slice_is_null(value)) fail_msg("%s: merged, and has no state", p->id);
    assert_int_equal(hl_avro_get_state(value, &engine, applied, HL_ARRAY_LEN(applied), &n), HL_OK);
    return engine;
}

/* It left a pointer, and all it had is in another. */
static void check_merged(struct world *w, struct person *p)
{
    if (!is_circle(p)) {
        if (!is_pointer(w, p, engine_of(w, p))) fail_msg("%s: is no pointer", p->id);
        return;
    }
    struct person *host = is_pointer(w, p, engine_of(w, p)) ? p->into : p;
    if (is_pointer(w, host, engine_of(w, host)) || !is_pointer(w, host->into, engine_of(w, host->into)))
        fail_msg("%s and %s: one of them is to be left", p->id, p->into->id);
    check_spread(w, host_of(p), engine_of(w, host));
}

static void check_state(struct world *w, struct person *p, bool spread)
{
    struct hl_slice value = last_of_key(w, p, hl_slice_of(p->id)), engine;
    struct hl_applied_slice applied[FAKE_TOPICS];
    size_t n;
    struct hl_buf expected;
    if (p->merged) {
        check_merged(w, p);
        return;
    }
    if (p->c.flags & HL_C_ERASED) {
        check_erased(w, p, value);
        return;
    }
    if (p->c.clock == 0 && p->c.body->n_event_ids == 0) return; /* nothing ever came */
    if (hl_slice_is_null(value)) fail_msg("%s: no state", p->id);
    assert_int_equal(hl_avro_get_state(value, &engine, applied, HL_ARRAY_LEN(applied), &n), HL_OK);
    hl_buf_init(&expected);
    hl_state_encode(&p->c, w->model, &expected);
    if (spread)
        check_spread(w, p, engine);
    else if (!hl_slice_eq(engine, hl_buf_slice(&expected)))
        fail_msg("%s: another state", p->id);
    hl_buf_fini(&expected);
}

static void check_outcome(struct world *w)
{
    for (int32_t part = 0; part < FAKE_PARTITIONS; part++) {
        struct fake_topic *dead = &w->log.outputs[HL_OUT_DEAD_LETTER][part];
        check_outputs(w, part);
        for (size_t i = 0; i < dead->n; i++)
            if (dead->records[i].kind == FAKE_DATA) check_dead_letter(w, &dead->records[i]);
        for (uint16_t t = 0; t < FAKE_TOPICS; t++) /* a clean end leaves nothing to replay */
            assert_int_equal(w->log.committed[t][part].low_water, w->log.committed[t][part].offset);
    }
    check_dead_letters(w);
    for (unsigned i = 0; i < ALL; i++) {
        struct person *p = &w->people[i];
        if (p->moves.seen != p->moves.n) fail_msg("%s: %zu transitions of %zu", p->id, p->moves.seen, p->moves.n);
        if (p->alerts.seen != p->alerts.n) fail_msg("%s: %zu alerts of %zu", p->id, p->alerts.seen, p->alerts.n);
        check_state(w, p, i >= CONTACTS);
    }
}

/* --- scenarios --- */

static void add_stats(struct fake_stats *sum, const struct fake_stats *s)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)s;
    for (size_t i = 0; i < sizeof(*s) / sizeof(*to); i++) to[i] += from[i];
}

static uint64_t evictions, fetches, onward, reloads; /* of all */

static size_t count_onward(const struct world *w)
{
    size_t n = 0;
    for (int32_t p = 0; p < FAKE_PARTITIONS; p++)
        for (size_t i = 0; i < w->log.outputs[HL_OUT_MERGES][p].n; i++) n += w->log.outputs[HL_OUT_MERGES][p].records[i].kind == FAKE_DATA;
    return n;
}

/* Returns how often the store was restored from. */
static uint64_t scenario(bool transactions, enum place place, bool faults, uint64_t seed, struct fake_stats *sum)
{
    static struct world w;
    world_init(&w, transactions, place, seed);
    make_history(&w);
    w.log.fault = fault;
    /* without transactions nothing stops what an expelled worker still has on its way: nobody takes its place (decision 0006) */
    w.log.away = faults && transactions ? away : NULL;
    w.calm = !faults;
    for (w.lives = 0; !(life(&w) && fake_log_is_done(&w.log)); w.lives++) {
        w.calm = w.calm || w.lives >= LIVES;
        trouble_store(&w);
        if (chance(&w, 3) == 0) fake_log_compact(&w.log);
        if (w.lives > LIVES + 10) fail_msg("it does not come to an end");
    }
    w.calm = true;
    assert_true(life(&w)); /* the last one takes all partitions and leaves them clean */
    check_outcome(&w);
    add_stats(sum, &w.log.stats);
    evictions += w.evictions;
    fetches += w.fetches;
    reloads += w.reloads;
    onward += count_onward(&w);
    world_fini(&w);
    return w.warm;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *given = getenv(name);
    return given ? strtoull(given, NULL, 0) : otherwise;
}

static uint64_t running; /* the seed; 0: all went well */

static int say_seed(void **state)
{
    (void)state;
    if (running) print_message("HL_SEED=%llu HL_SCENARIOS=1 repeats it\n", (unsigned long long)running);
    running = 0;
    return 0;
}

static void print_stats(const struct fake_stats *s)
{
    const struct {
        const char *what;
        uint64_t n;
    } items[] = {
        {"crashes", s->crashes},
        {"commits", s->commits},
        {"aborts", s->aborts},
        {"in doubt and done", s->in_doubt_done},
        {"in doubt and not done", s->in_doubt_lost},
        {"revoked", s->revoked},
        {"handed over clean", s->handed_over},
        {"expelled", s->lost},
        {"positions committed with a low-water behind", s->behind},
        {"records replayed", s->replayed},
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(items); i++)
        print_message("%s%llu %s", i ? ", " : "", (unsigned long long)items[i].n, items[i].what);
    print_message("\n");
}

static void run(bool transactions, enum place place)
{
    struct fake_stats s = {0};
    evictions = fetches = onward = reloads = 0;
    uint64_t n = setting("HL_SCENARIOS", SCENARIOS), first = setting("HL_SEED", 20261122), warm = 0;
    for (running = first; running < first + n; running++) warm += scenario(transactions, place, true, running, &s);
    running = 0;
    print_stats(&s);
    if (transactions) print_message("%llu states, events and claims went to others\n", (unsigned long long)onward);
    assert_true((onward > 20 * n) == transactions);
    if (place == SOME_IN_STORE) print_message("%llu contacts left memory, %llu came back\n", (unsigned long long)evictions, (unsigned long long)fetches);
    assert_true(s.crashes && s.aborts && s.in_doubt_done && s.in_doubt_lost && s.handed_over && s.lost); /* it all did happen */
    print_message("%llu models\n", (unsigned long long)reloads);
    assert_true(reloads > n && s.behind > s.commits && s.replayed > n && (warm > n) == (place != ALL_IN_MEMORY));
    assert_true((evictions > n) == (place == SOME_IN_STORE) && (fetches > n) == (place == SOME_IN_STORE));
}

static void a_run_in_which_nothing_goes_wrong_agrees_with_the_oracle(void **state)
{
    struct fake_stats s = {0};
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        scenario(true, ALL_IN_MEMORY, false, seed, &s);
        scenario(false, ALL_IN_MEMORY, false, seed, &s);
        scenario(true, SOME_IN_STORE, false, seed, &s);
    }
    assert_int_equal(s.crashes + s.aborts, 0);
}

static void exactly_once_survives_everything(void **state)
{
    (void)state;
    run(true, ALL_IN_MEMORY);
}

static void exactly_once_with_a_warm_copy_survives_everything(void **state)
{
    (void)state;
    run(true, ALL_COPIED);
}

static void exactly_once_with_a_bound_on_memory_survives_everything(void **state)
{
    (void)state;
    run(true, SOME_IN_STORE);
}

static void low_latency_loses_nothing_and_repeats_only_what_it_said(void **state)
{
    (void)state;
    run(false, ALL_IN_MEMORY);
}

static void low_latency_with_a_warm_copy_does_the_same(void **state)
{
    (void)state;
    run(false, ALL_COPIED);
}

static void low_latency_with_a_bound_on_memory_does_the_same(void **state)
{
    (void)state;
    run(false, SOME_IN_STORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_in_which_nothing_goes_wrong_agrees_with_the_oracle),
        cmocka_unit_test_teardown(exactly_once_survives_everything, say_seed),
        cmocka_unit_test_teardown(exactly_once_with_a_warm_copy_survives_everything, say_seed),
        cmocka_unit_test_teardown(exactly_once_with_a_bound_on_memory_survives_everything, say_seed),
        cmocka_unit_test_teardown(low_latency_loses_nothing_and_repeats_only_what_it_said, say_seed),
        cmocka_unit_test_teardown(low_latency_with_a_warm_copy_does_the_same, say_seed),
        cmocka_unit_test_teardown(low_latency_with_a_bound_on_memory_does_the_same, say_seed),
    };
    hl_log_set_level(getenv("HL_LOG") ? HL_LOG_INFO : HL_LOG_ERROR);
    if (getenv("HL_ONLY")) cmocka_set_test_filter(getenv("HL_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
