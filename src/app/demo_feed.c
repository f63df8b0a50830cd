/* DESIGN
 *
 *   day's events --+--> pace, hold back --> Kafka --> scorer --> observe() --+--> ring for the screen
 *   sales' answers-+                                                         +--> ring for sales
 *         ^------------------- hl_demo_day_react <---------------------------+
 *
 * The writer stays at most `window` records ahead of the scorer. That keeps the mock broker from dropping records (it holds
 * about 100,000 or 5 MiB a partition), and at full speed it keeps sales in the same hour as the leads it answers.
 *
 * THREADS  One writes; workers observe, the main thread takes: both rings and the furthest stages are under one lock. A full
 * ring drops the new move: on the screen it is counted, at sales it is a lead nobody called. */
#include "demo_feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "hotlead/base/clock.h"

#define RING 8192
#define MAX_WINDOW 20000
#define MIN_WINDOW 100

struct ring {
    struct hl_demo_move moves[RING];
    size_t head, n;
};

struct hl_demo_feed {
    struct hl_demo_feed_options options;
    struct hl_metrics *metrics;
    struct hl_kafka_writer *writer;
    uint64_t window, seen; /* seen: consumed, when last looked */
    int64_t start_ns;
    struct hl_buf record;
    struct hl_demo_event *answers; /* of sales, still to come: latest first */
    size_t n_answers, cap_answers;
    _Atomic uint64_t sent;
    _Atomic int64_t clock;
    _Atomic bool stop, done;
    pthread_t thread;
    bool started;
    struct hl_error error; /* written before done */

    pthread_mutex_t lock;
    struct ring screen, sales;
    uint64_t lost;
    uint16_t *stages; /* for each contact, a bit for each stage it has been in */
};

enum hl_status hl_demo_feed_new(const struct hl_demo_feed_options *options, struct hl_demo_feed **out, struct hl_error *err)
{
    struct hl_demo_feed *f = calloc(1, sizeof(*f));
    if (!f) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    size_t n;
    f->options = *options;
    f->clock = hl_demo_day_events(options->day, &n)[0].at;
    f->window = n / 50 < MIN_WINDOW ? MIN_WINDOW : n / 50 > MAX_WINDOW ? MAX_WINDOW : n / 50;
    hl_buf_init(&f->record);
    pthread_mutex_init(&f->lock, NULL);
    f->stages = calloc(hl_demo_day_contacts(options->day), sizeof(*f->stages));
    enum hl_status status = f->stages ? hl_kafka_writer_new(options->bootstrap, &f->writer, err)
                                      : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    if (status) {
        hl_demo_feed_free(f);
        return status;
    }
    *out = f;
    return HL_OK;
}

void hl_demo_feed_free(struct hl_demo_feed *f)
{
    if (!f) return;
    hl_demo_feed_stop(f);
    hl_kafka_writer_free(f->writer);
    hl_buf_fini(&f->record);
    pthread_mutex_destroy(&f->lock);
    free(f->answers);
    free(f->stages);
    free(f);
}

/* --- what comes back --- */

static bool ring_put(struct ring *r, const struct hl_demo_move *m)
{
    if (r->n == RING) return false;
    r->moves[(r->head + r->n++) % RING] = *m;
    return true;
}

static size_t ring_take(struct ring *r, struct hl_demo_move *moves, size_t cap)
{
    size_t n = r->n < cap ? r->n : cap;
    for (size_t i = 0; i < n; i++) moves[i] = r->moves[(r->head + i) % RING];
    r->head = (r->head + n) % RING;
    r->n -= n;
    return n;
}

static struct hl_demo_move move_of(const struct hl_transition *t, uint32_t contact)
{
    struct hl_demo_move m = {
        .contact = contact,
        .seq = t->seq,
        .from = t->from,
        .to = t->to,
        .kind = t->kind,
        .cause = t->cause,
        .rule = t->rule,
        .occurred_at = t->occurred_at,
        .score = hl_fixed_to_double(t->score.total),
        .grade = t->grade,
    };
    m.n_reasons = t->n_reasons < HL_ARRAY_LEN(m.reasons) ? t->n_reasons : (unsigned)HL_ARRAY_LEN(m.reasons);
    for (unsigned i = 0; i < m.n_reasons; i++) {
        m.reasons[i].rule = t->reasons[i].rule;
        m.reasons[i].points = hl_fixed_to_double(t->reasons[i].points);
    }
    return m;
}

void hl_demo_feed_observe(void *ctx, const struct hl_transition_record *r)
{
    struct hl_demo_feed *f = ctx;
    uint32_t contact;
    if (!hl_demo_day_find(f->options.day, r->contact_id, &contact)) return;
    struct hl_demo_move m = move_of(r->transition, contact);
    pthread_mutex_lock(&f->lock);
    f->stages[contact] |= (uint16_t)(1u << m.to);
    if (!ring_put(&f->screen, &m)) f->lost++;
    if (hl_stage_rank(m.to) >= hl_stage_rank(HL_STAGE_MQL)) ring_put(&f->sales, &m);
    pthread_mutex_unlock(&f->lock);
}

size_t hl_demo_feed_take(struct hl_demo_feed *f, struct hl_demo_move *moves, size_t cap, uint64_t *lost)
{
    pthread_mutex_lock(&f->lock);
    size_t n = ring_take(&f->screen, moves, cap);
    *lost = f->lost;
    pthread_mutex_unlock(&f->lock);
    return n;
}

void hl_demo_feed_reached(struct hl_demo_feed *f, uint64_t reached[HL_STAGE_COUNT])
{
    memset(reached, 0, HL_STAGE_COUNT * sizeof(*reached));
    pthread_mutex_lock(&f->lock);
    for (uint32_t c = 0; c < hl_demo_day_contacts(f->options.day); c++) {
        int furthest = 0;
        for (int s = 0; s < HL_STAGE_COUNT; s++) {
            if (!(f->stages[c] & 1u << s)) continue;
            int rank = hl_stage_rank((enum hl_stage)s);
            if (rank < 0)
                reached[s]++;
            else if (rank > furthest)
                furthest = rank;
        }
        for (int s = 0; s < HL_STAGE_COUNT; s++) {
            int rank = hl_stage_rank((enum hl_stage)s);
            if (rank > 0 && rank <= furthest) reached[s]++;
        }
    }
    pthread_mutex_unlock(&f->lock);
}

/* --- sales --- */

static bool schedule(struct hl_demo_feed *f, const struct hl_demo_event *ev)
{
    if (f->n_answers == f->cap_answers) {
        size_t cap = f->cap_answers ? f->cap_answers * 2 : 256;
        struct hl_demo_event *grown = realloc(f->answers, cap * sizeof(*grown));
        if (!grown) return false;
        f->answers = grown;
        f->cap_answers = cap;
    }
    size_t i = f->n_answers++;
    for (; i > 0 && f->answers[i - 1].at < ev->at; i--) f->answers[i] = f->answers[i - 1];
    f->answers[i] = *ev;
    return true;
}

static void ask_sales(struct hl_demo_feed *f)
{
    struct hl_demo_move moves[32];
    size_t n;
    do {
        pthread_mutex_lock(&f->lock);
        n = ring_take(&f->sales, moves, HL_ARRAY_LEN(moves));
        pthread_mutex_unlock(&f->lock);
        for (size_t i = 0; i < n; i++) {
            struct hl_demo_event answer;
            const struct hl_demo_move *m = &moves[i];
            if (hl_demo_day_react(f->options.day, m->contact, m->seq, m->to, m->kind, m->occurred_at, f->clock, &answer))
                (void)!schedule(f, &answer);
        }
    } while (n == HL_ARRAY_LEN(moves));
}

/* --- the writer's thread --- */

static void sleep_ns(int64_t ns)
{
    nanosleep(&(struct timespec){ns / 1000000000, ns % 1000000000}, NULL);
}

/* Wait for the event's turn, and for the scorer. False: stopped meanwhile. */
static bool wait_for_turn(struct hl_demo_feed *f)
{
    uint64_t sent = f->sent;
    while (f->options.rate && !f->stop) {
        int64_t early = f->start_ns + (int64_t)(sent * 1000000000.0 / (double)f->options.rate) - hl_clock_mono_ns();
        if (early < 1000000) break;
        sleep_ns(early < 100000000 ? early : 100000000);
    }
    while (sent - f->seen >= f->window && !f->stop) {
        f->seen = hl_metrics_totals(f->metrics).consumed;
        if (sent - f->seen < f->window) break;
        sleep_ns(1000000);
    }
    return !f->stop;
}

static enum hl_status send_event(struct hl_demo_feed *f, const struct hl_demo_event *ev)
{
    char id[HL_DEMO_ID_SIZE];
    hl_buf_clear(&f->record);
    hl_demo_day_encode(f->options.day, ev, &f->record);
    if (f->record.failed) return hl_error_set(&f->error, HL_E_NOMEM, HL_STOP, "out of memory");
    if (ev->at > f->clock) f->clock = ev->at;
    enum hl_status status =
        hl_kafka_writer_put(f->writer, hl_demo_topic_name((enum hl_demo_topic)ev->topic),
                            hl_slice_of(hl_demo_contact_id(ev->contact, id)), hl_buf_slice(&f->record), &f->error);
    if (!status) f->sent++;
    return status;
}

/* The first event shows when the scorer has its partitions; the pace is kept from then on. */
static void wait_for_scorer(struct hl_demo_feed *f)
{
    while (!f->stop && (f->seen = hl_metrics_totals(f->metrics).consumed) == 0) sleep_ns(10000000);
    f->start_ns = hl_clock_mono_ns();
}

static void *write_day(void *arg)
{
    struct hl_demo_feed *f = arg;
    size_t n, i = 0;
    const struct hl_demo_event *events = hl_demo_day_events(f->options.day, &n);
    if (!send_event(f, &events[i++])) wait_for_scorer(f);
    while (!f->error.code && (i < n || f->n_answers) && wait_for_turn(f)) {
        ask_sales(f);
        bool answer = f->n_answers && (i == n || f->answers[f->n_answers - 1].at <= events[i].at);
        struct hl_demo_event ev = answer ? f->answers[--f->n_answers] : events[i++];
        (void)!send_event(f, &ev);
    }
    hl_kafka_writer_free(f->writer); /* flushes */
    f->writer = NULL;
    f->done = true;
    return NULL;
}

enum hl_status hl_demo_feed_start(struct hl_demo_feed *f, struct hl_metrics *metrics, struct hl_error *err)
{
    f->metrics = metrics;
    f->started = pthread_create(&f->thread, NULL, write_day, f) == 0;
    return f->started ? HL_OK : hl_error_set(err, HL_E_INTERNAL, HL_STOP, "the thread that writes the day does not start");
}

void hl_demo_feed_stop(struct hl_demo_feed *f)
{
    f->stop = true;
    if (f->started) pthread_join(f->thread, NULL);
    f->started = false;
}

bool hl_demo_feed_done(const struct hl_demo_feed *f)
{
    return f->done;
}

uint64_t hl_demo_feed_sent(const struct hl_demo_feed *f)
{
    return f->sent;
}

int64_t hl_demo_feed_clock(const struct hl_demo_feed *f)
{
    return f->clock;
}

enum hl_status hl_demo_feed_status(const struct hl_demo_feed *f, struct hl_error *err)
{
    if (!f->done || !f->error.code) return HL_OK;
    *err = f->error;
    return f->error.code;
}
