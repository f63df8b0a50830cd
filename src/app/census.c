#include "census.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "census_note.h"
#include "hotlead/adapter/avro.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/hash.h"
#include "hotlead/base/log.h"
#include "hotlead/port/transition_view.h"


#define NS_PER_MS INT64_C(1000000)
#define TICK_MS 1000
#define REST_AFTER_NS 200000 /* of work */
#define REST_TIMES 10
#define WANTED_SHARE 50 /* of the time, one part in this many may be a walk; somebody asks */
#define IDLE_SHARE 200
#define WANTED_FOR_NS INT64_C(30000000000)
#define OTHERS_OLD_NS INT64_C(15000000000) /* who asks waits for newer ones */
#define BASE_AFTER_MS 2000 /* the last holder of a partition has written its figures by then */
#define MOST_RECENT 512

struct reading { /* one walk */
    const struct hl_models *models;
    int64_t at_ms;       /* wall clock at its end; 0: none yet */
    uint64_t flow_next;  /* at its beginning */
    uint64_t *tickets;   /* by partition */
    uint64_t (*counts)[HL_STAGE_COUNT];
    struct hl_rank top[HL_STAGE_COUNT];
};

struct mine { /* what the thread knows of a partition */
    uint64_t ticket;
    int64_t live_ms; /* wall clock when it was first seen live; 0: it is not */
    bool based;      /* the figures of before have been added */
    uint64_t written; /* version of the figures that Redis has */
    int64_t written_ns;
};

struct others { /* the notes of a partition that is held elsewhere */
    int64_t taken_at; /* 0: there is none */
    uint64_t counts[HL_STAGE_COUNT];
    struct hl_buf census;
    struct hl_funnel *figures; /* NULL: none */
};

struct hl_census {
    struct hl_census_config config;
    int32_t n;
    struct hl_store *store; /* the thread's */
    pthread_t thread;
    bool started;
    _Atomic bool stop;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t asked, told;
    int64_t wanted_ns; /* monotonic; when somebody asked last */
    struct reading *done, *making; /* making is the thread's own */
    struct others *others;
    int64_t others_ns; /* monotonic; when they were read last; 0: never */
    struct mine *mine; /* the thread's own */
    struct hl_buf note;
    struct hl_funnel scratch;
};

/* --- life --- */

static bool reading_init(struct reading *r, const struct hl_census *c)
{
    r->models = c->config.models;
    r->tickets = calloc((size_t)c->n, sizeof(*r->tickets));
    r->counts = calloc((size_t)c->n, sizeof(*r->counts));
    bool ok = r->tickets && r->counts;
    for (int s = 0; s < HL_STAGE_COUNT; s++) ok &= hl_rank_init(&r->top[s], NULL, s, HL_CENSUS_TOP, 0) == HL_OK;
    return ok;
}

static void reading_free(struct reading *r)
{
    if (!r) return;
    free(r->tickets);
    free(r->counts);
    for (int s = 0; s < HL_STAGE_COUNT; s++) hl_rank_fini(&r->top[s]);
    free(r);
}

struct hl_census *hl_census_new(const struct hl_census_config *config)
{
    struct hl_census *c = calloc(1, sizeof(*c));
    if (!c) return NULL;
    pthread_condattr_t clock;
    c->config = *config;
    c->n = hl_holdings_partitions(config->holdings);
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&c->asked, &clock);
    pthread_cond_init(&c->told, &clock);
    pthread_condattr_destroy(&clock);
    c->done = calloc(1, sizeof(*c->done));
    c->making = calloc(1, sizeof(*c->making));
    c->others = calloc((size_t)c->n, sizeof(*c->others));
    c->mine = calloc((size_t)c->n, sizeof(*c->mine));
    if (c->done && c->making && c->others && c->mine && reading_init(c->done, c) && reading_init(c->making, c)) return c;
    hl_census_free(c);
    return NULL;
}

void hl_census_free(struct hl_census *c)
{
    if (!c) return;
    hl_census_stop(c);
    reading_free(c->done);
    reading_free(c->making);
    for (int32_t p = 0; c->others && p < c->n; p++) {
        hl_buf_fini(&c->others[p].census);
        free(c->others[p].figures);
    }
    free(c->others);
    free(c->mine);
    hl_buf_fini(&c->note);
    if (c->store) c->store->free(c->store);
    pthread_cond_destroy(&c->asked);
    pthread_cond_destroy(&c->told);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* --- the walk --- */

static bool is_live(uint64_t ticket)
{
    return hl_holdings_of(ticket) == HL_HOLD_LIVE;
}

/* @locks the table holds the stripe */
static bool on_contact(void *ctx, struct hl_contact *c)
{
    struct reading *r = ctx;
    uint64_t ticket = r->tickets[c->partition];
    if (!is_live(ticket) || hl_holdings_worker(ticket) != c->worker || (c->flags & (HL_C_ERASED | HL_C_GRAVE | HL_C_MERGED))) return false;
    r->counts[c->partition][c->stage]++;
    hl_rank_offer(&r->top[c->stage], hl_models_of(r->models, c->worker), c);
    return false;
}

static void rest(const struct hl_census *c, int64_t ns)
{
    if (!c->stop) nanosleep(&(struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}, NULL);
}

static void reading_begin(struct hl_census *c, struct reading *r)
{
    int64_t now = hl_clock_wall_ms();
    r->flow_next = hl_flow_next(c->config.flow);
    for (int32_t p = 0; p < c->n; p++) r->tickets[p] = hl_holdings_ticket(c->config.holdings, p);
    memset(r->counts, 0, (size_t)c->n * sizeof(*r->counts));
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        r->top[s].n = 0;
        r->top[s].at = now;
        r->top[s].failed = false;
    }
}

/* A partition that changed hands meanwhile was not seen whole. */
static void reading_end(struct hl_census *c, struct reading *r)
{
    for (int32_t p = 0; p < c->n; p++) {
        hl_holdings_count_away(c->config.holdings, p, r->counts[p]); /* they count, though nobody can rank them here */
        if (r->tickets[p] != hl_holdings_ticket(c->config.holdings, p)) r->tickets[p] = 0;
    }
    r->at_ms = hl_clock_wall_ms();
    pthread_mutex_lock(&c->lock);
    c->making = c->done;
    c->done = r;
    pthread_mutex_unlock(&c->lock);
}

/* Returns what it took, without the rests. */
static int64_t walk(struct hl_census *c, bool resting)
{
    struct reading *r = c->making;
    int64_t busy = 0, since_rest = 0;
    reading_begin(c, r);
    for (unsigned i = 0; i < hl_table_stripes(c->config.table) && !c->stop; i++) {
        int64_t began = hl_clock_mono_ns();
        hl_table_scan_stripe(c->config.table, i, on_contact, r);
        int64_t took = hl_clock_mono_ns() - began;
        busy += took;
        since_rest += took;
        if (!resting || since_rest < REST_AFTER_NS) continue;
        rest(c, since_rest * REST_TIMES);
        since_rest = 0;
    }
    reading_end(c, r);
    return busy;
}

/* --- notes: written --- */

static bool away(const struct hl_error *err)
{
    char quoted[400];
    hl_log(HL_LOG_DEBUG, "census_notes", "reason=%s", hl_log_quote(quoted, sizeof(quoted), err->message));
    return false;
}

static bool write_note(struct hl_census *c, int32_t p, const char *name)
{
    struct hl_error err = {0};
    if (c->note.failed) return false;
    return c->store->note_put(c->store, p, name, hl_buf_slice(&c->note), &err) == HL_OK || away(&err);
}

/* Of what the last walk found. Only this thread changes c->done, so it needs no lock to read it. */
static bool write_census(struct hl_census *c, int32_t p)
{
    const struct reading *r = c->done;
    hl_buf_clear(&c->note);
    hl_census_note_begin(&c->note, r->at_ms, r->counts[p]);
    for (int s = 0; s < HL_STAGE_COUNT; s++)
        for (size_t i = 0; i < r->top[s].n; i++)
            if (r->top[s].items[i].partition == p) hl_census_note_item(&c->note, &r->top[s].items[i]);
    hl_census_note_end(&c->note);
    return write_note(c, p, HL_NOTE_CENSUS);
}

static void write_censuses(struct hl_census *c)
{
    bool good = c->store != NULL;
    for (int32_t p = 0; p < c->n && good; p++)
        if (is_live(c->done->tickets[p])) good = write_census(c, p);
}

static bool write_figures(struct hl_census *c, int32_t p, int64_t now_ns)
{
    struct mine *m = &c->mine[p];
    uint64_t version;
    if (!c->store) return true;
    memset(&c->scratch, 0, sizeof(c->scratch));
    if (!hl_flow_figures(c->config.flow, p, &c->scratch, &version)) return true;
    if (version == m->written && now_ns - m->written_ns < HL_CENSUS_IDLE_NS) return true;
    hl_buf_clear(&c->note);
    hl_funnel_encode(&c->scratch, &c->note);
    if (!write_note(c, p, HL_NOTE_FLOW)) return false;
    m->written = version;
    m->written_ns = now_ns;
    return true;
}

/* --- notes: read --- */

static bool read_note(struct hl_census *c, int32_t p, const char *name, char **value, size_t *len)
{
    struct hl_error err = {0};
    return c->store->note_get(c->store, p, name, value, len, &err) == HL_OK || away(&err);
}

/* What was counted of a partition before it came here. False: Redis is away; later. */
static bool take_base(struct hl_census *c, int32_t p)
{
    char *value = NULL;
    size_t len = 0;
    if (c->store && !read_note(c, p, HL_NOTE_FLOW, &value, &len)) return false;
    memset(&c->scratch, 0, sizeof(c->scratch));
    if (value && hl_funnel_decode(&c->scratch, (struct hl_slice){value, len}) == HL_OK) hl_flow_add_base(c->config.flow, p, &c->scratch);
    free(value);
    c->mine[p].based = true;
    return true;
}

static void take_census(struct others *o, const char *value, size_t len)
{
    struct hl_reader r;
    struct hl_slice bytes = {value, len};
    if (hl_census_note_open(&r, bytes, &o->taken_at, o->counts) != HL_OK) {
        o->taken_at = 0;
        return;
    }
    hl_buf_clear(&o->census);
    hl_buf_put(&o->census, value, len);
}

static void take_figures(struct others *o, const char *value, size_t len)
{
    if (!o->figures) o->figures = calloc(1, sizeof(*o->figures));
    if (!o->figures) return;
    memset(o->figures, 0, sizeof(*o->figures));
    if (hl_funnel_decode(o->figures, (struct hl_slice){value, len}) == HL_OK) return;
    free(o->figures);
    o->figures = NULL;
}

static bool read_other(struct hl_census *c, int32_t p)
{
    char *census = NULL, *flow = NULL;
    size_t census_len, flow_len;
    bool good = read_note(c, p, HL_NOTE_CENSUS, &census, &census_len) && read_note(c, p, HL_NOTE_FLOW, &flow, &flow_len);
    pthread_mutex_lock(&c->lock);
    if (good && census) take_census(&c->others[p], census, census_len);
    if (good && flow) take_figures(&c->others[p], flow, flow_len);
    pthread_mutex_unlock(&c->lock);
    free(census);
    free(flow);
    return good;
}

static void read_others(struct hl_census *c)
{
    bool good = c->store != NULL;
    for (int32_t p = 0; p < c->n && good; p++)
        if (!is_live(hl_holdings_ticket(c->config.holdings, p))) good = read_other(c, p);
    pthread_mutex_lock(&c->lock);
    c->others_ns = hl_clock_mono_ns(); /* in vain, too: who asks need not wait again */
    pthread_mutex_unlock(&c->lock);
}

/* --- the thread --- */

static bool has_figures(struct hl_census *c, int32_t p)
{
    uint64_t version;
    memset(&c->scratch, 0, sizeof(c->scratch));
    return hl_flow_figures(c->config.flow, p, &c->scratch, &version);
}

/* A partition's figures follow it: what was counted before is added, what is counted here is written, and at the end forgotten. */
static bool follow_figures(struct hl_census *c, int32_t p, int64_t now_ns, bool last)
{
    struct mine *m = &c->mine[p];
    bool live = is_live(hl_holdings_ticket(c->config.holdings, p));
    int64_t now = hl_clock_wall_ms();
    if (!m->live_ms && (live || (last && has_figures(c, p)))) m->live_ms = now;
    bool good = true;
    if (m->live_ms && !m->based && (!live || now - m->live_ms >= BASE_AFTER_MS)) good = take_base(c, p);
    if (good && m->based) good = write_figures(c, p, now_ns);
    if (live) return good;
    if (m->live_ms) hl_flow_forget(c->config.flow, p);
    *m = (struct mine){0};
    return good;
}

static void follow_all_figures(struct hl_census *c, bool last)
{
    int64_t now = hl_clock_mono_ns();
    bool good = true;
    for (int32_t p = 0; p < c->n && good; p++) good = follow_figures(c, p, now, last);
}

/* Until the next tick, or until somebody asks. True: somebody has asked lately. */
static bool wait_for_work(struct hl_census *c, int64_t since_ns)
{
    int64_t until = since_ns + TICK_MS * NS_PER_MS;
    struct timespec deadline = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    pthread_mutex_lock(&c->lock);
    int64_t asked = c->wanted_ns;
    int error = 0;
    while (!c->stop && !error && (c->wanted_ns == asked || asked + WANTED_FOR_NS > since_ns)) error = pthread_cond_timedwait(&c->asked, &c->lock, &deadline);
    bool wanted = c->wanted_ns && hl_clock_mono_ns() - c->wanted_ns < WANTED_FOR_NS;
    pthread_mutex_unlock(&c->lock);
    return wanted;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void *census_main(void *arg)
{
    struct hl_census *c = arg;
    pthread_setname_np(pthread_self(), "census");
    int64_t ended = 0, took = 0, turn = hl_clock_mono_ns();
    while (!c->stop) {
        bool wanted = wait_for_work(c, turn);
        turn = hl_clock_mono_ns();
        follow_all_figures(c, false);
        int64_t pause = wanted ? larger(HL_CENSUS_WANTED_NS, WANTED_SHARE * took) : larger(HL_CENSUS_IDLE_NS, IDLE_SHARE * took);
        if (!ended || turn - ended >= pause - TICK_MS * NS_PER_MS / 10) {
            took = walk(c, ended != 0);
            ended = hl_clock_mono_ns();
            write_censuses(c);
        }
        if (wanted) read_others(c);
        pthread_cond_broadcast(&c->told);
    }
    follow_all_figures(c, true);
    return NULL;
}

enum hl_status hl_census_start(struct hl_census *c, struct hl_store *store, struct hl_error *err)
{
    c->store = store;
    c->started = pthread_create(&c->thread, NULL, census_main, c) == 0;
    return c->started ? HL_OK : hl_error_set(err, HL_E_INTERNAL, HL_STOP, "the census's thread does not start");
}

void hl_census_stop(struct hl_census *c)
{
    if (!c || !c->started) return;
    c->stop = true;
    pthread_mutex_lock(&c->lock);
    pthread_cond_signal(&c->asked);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    c->started = false;
}

/* --- who asks --- */

enum hl_status hl_census_source_init(struct hl_census_source *s, const struct hl_census *c)
{
    *s = (struct hl_census_source){.n = c->n, .from = calloc((size_t)c->n, 1)};
    return s->from ? HL_OK : HL_E_NOMEM;
}

void hl_census_source_fini(struct hl_census_source *s)
{
    free(s->from);
}

static bool is_mine(const struct hl_census *c, int32_t p)
{
    return c->done->at_ms && is_live(c->done->tickets[p]) && c->done->tickets[p] == hl_holdings_ticket(c->config.holdings, p);
}

static bool all_known(const struct hl_census *c, int64_t now_ns)
{
    if (!c->done->at_ms) return false;
    bool others = c->store && now_ns - c->others_ns > OTHERS_OLD_NS; /* they are old, where there are any */
    for (int32_t p = 0; p < c->n; p++) {
        bool live = is_live(hl_holdings_ticket(c->config.holdings, p));
        if (live ? !is_mine(c, p) : others) return false;
    }
    return true;
}

/* The lock is held afterwards. */
static void ask(struct hl_census *c, int wait_ms)
{
    if (!c->started && !c->stop) walk(c, false);
    pthread_mutex_lock(&c->lock);
    int64_t now = hl_clock_mono_ns(), until = now + wait_ms * NS_PER_MS;
    struct timespec deadline = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    bool slept = !c->wanted_ns || now - c->wanted_ns > WANTED_FOR_NS;
    c->wanted_ns = now;
    if (slept) pthread_cond_signal(&c->asked);
    int error = 0;
    while (c->started && !error && !all_known(c, now)) error = pthread_cond_timedwait(&c->told, &c->lock, &deadline);
}

static void note_source(const struct hl_census *c, struct hl_census_source *s)
{
    for (int32_t p = 0; p < c->n; p++) {
        bool mine = is_mine(c, p);
        int64_t taken = c->others[p].taken_at;
        s->from[p] = mine ? HL_CENSUS_MEMORY : taken && !is_live(hl_holdings_ticket(c->config.holdings, p)) ? HL_CENSUS_REDIS : HL_CENSUS_NOT_KNOWN;
        if (mine) s->own_at = c->done->at_ms;
        if (s->from[p] == HL_CENSUS_REDIS && (!s->others_at || taken < s->others_at)) s->others_at = taken;
    }
}

static enum hl_status anything(const struct hl_census_source *s)
{
    return s->own_at || s->others_at ? HL_OK : HL_E_PENDING;
}

enum hl_status hl_census_funnel(struct hl_census *c, int wait_ms, struct hl_funnel *f, uint64_t now[HL_STAGE_COUNT], struct hl_census_source *s)
{
    uint64_t version;
    ask(c, wait_ms);
    note_source(c, s);
    for (int32_t p = 0; p < c->n; p++) {
        const struct others *o = &c->others[p];
        if (s->from[p] == HL_CENSUS_NOT_KNOWN) continue;
        const uint64_t *counts = s->from[p] == HL_CENSUS_MEMORY ? c->done->counts[p] : o->counts;
        for (int i = 0; i < HL_STAGE_COUNT; i++) now[i] += counts[i];
        if (s->from[p] == HL_CENSUS_MEMORY)
            (void)hl_flow_figures(c->config.flow, p, f, &version);
        else if (o->figures)
            hl_funnel_merge(f, o->figures);
    }
    pthread_mutex_unlock(&c->lock);
    return anything(s);
}

/* --- the hottest --- */

static void offer_others(const struct hl_census *c, const struct hl_census_source *s, struct hl_rank *r)
{
    for (int32_t p = 0; p < c->n; p++) {
        struct hl_reader reader;
        struct hl_rank_item i;
        uint64_t counts[HL_STAGE_COUNT];
        int64_t at;
        if (s->from[p] != HL_CENSUS_REDIS) continue;
        if (hl_census_note_open(&reader, hl_buf_slice(&c->others[p].census), &at, counts) != HL_OK) continue;
        while (hl_census_note_next(&reader, &i)) hl_rank_offer_item(r, &i);
    }
}

/* As the walk found them: of those that may be among the hottest now, only the ids matter. */
static void offer_found(const struct hl_census *c, const struct hl_census_source *s, struct hl_rank *r)
{
    for (int stage = 0; stage < HL_STAGE_COUNT; stage++)
        for (size_t i = 0; i < c->done->top[stage].n; i++) {
            const struct hl_rank_item *item = &c->done->top[stage].items[i];
            if (s->from[item->partition] == HL_CENSUS_MEMORY) hl_rank_offer_item(r, item);
        }
}

static void look_again(struct hl_census *c, const struct hl_census_source *s, struct hl_slice id, struct hl_rank *r)
{
    uint64_t hash = hl_hash64(id);
    int32_t p = hl_partition_of(id, c->n);
    if (s->from[p] != HL_CENSUS_MEMORY) return;
    uint16_t holder = hl_holdings_worker(c->done->tickets[p]);
    hl_table_acquire(c->config.table, holder, hash);
    const struct hl_contact *contact = hl_table_find(c->config.table, holder, hash, id);
    if (contact) hl_rank_offer(r, hl_models_of(c->config.models, holder), contact);
    hl_table_release(c->config.table, holder, hash);
}

static int by_id(const void *a, const void *b)
{
    return hl_slice_compare(*(const struct hl_slice *)a, *(const struct hl_slice *)b);
}

/* Each once: those that were found, and those that moved since. */
static enum hl_status look_at_all(struct hl_census *c, const struct hl_census_source *s, const struct hl_rank *found, struct hl_rank *r)
{
    struct hl_buf moved;
    uint64_t next = c->done->flow_next, missed = 0;
    size_t n = 0;
    struct hl_slice *ids = calloc(found->n + MOST_RECENT, sizeof(*ids));
    if (!ids) return HL_E_NOMEM;
    hl_buf_init(&moved);
    for (size_t i = 0; i < found->n; i++) ids[n++] = found->items[i].id;
    hl_flow_read(c->config.flow, &next, MOST_RECENT, &moved, &missed);
    for (struct hl_reader in = hl_reader_of(hl_buf_slice(&moved)); in.p != in.end && !in.failed;) {
        struct hl_transition_view v;
        hl_reader_varint(&in);
        hl_reader_varint(&in);
        if (hl_avro_get_transition(hl_reader_bytes(&in), &v) == HL_OK) ids[n++] = v.contact_id;
    }
    qsort(ids, n, sizeof(*ids), by_id);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !hl_slice_eq(ids[i], ids[i - 1])) look_again(c, s, ids[i], r);
    hl_buf_fini(&moved);
    free(ids);
    return r->failed ? HL_E_NOMEM : HL_OK;
}

/* No contact that was looked at was on its way out. */
static bool still_mine(const struct hl_census *c, const struct hl_census_source *s)
{
    for (int32_t p = 0; p < c->n; p++)
        if (s->from[p] == HL_CENSUS_MEMORY && !is_mine(c, p)) return false;
    return true;
}

enum hl_status hl_census_rank(struct hl_census *c, int wait_ms, struct hl_rank *r, struct hl_census_source *s)
{
    struct hl_rank found;
    size_t most = r->limit * 2 + 100; /* who cooled since the walk makes room */
    enum hl_status status = hl_rank_init(&found, r->m, r->stage, most, r->at);
    ask(c, wait_ms);
    note_source(c, s);
    if (!status) {
        offer_found(c, s, &found);
        status = found.failed ? HL_E_NOMEM : look_at_all(c, s, &found, r);
    }
    if (!status) offer_others(c, s, r);
    if (!status && r->failed) status = HL_E_NOMEM;
    if (!status) status = still_mine(c, s) ? anything(s) : HL_E_PENDING;
    pthread_mutex_unlock(&c->lock);
    hl_rank_fini(&found);
    hl_rank_sort(r);
    return status;
}
