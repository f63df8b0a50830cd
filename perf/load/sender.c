/* DESIGN  A round takes all events that are due, at most ROUND of them, writes each from its template into one buffer, sorts them by topic and
 * partition, and hands each lane over at once (rd_kafka_produce_batch): a call for each event costs twice as much. Nothing is allocated for an
 * event but librdkafka's own copy. Between two rounds the thread sleeps until the next event is due, but not for less than NAP_NS: events of one nap go
 * together, and are at most so much late, which counts, since their time began when they were due.
 *
 * A full queue of the client (the broker is slow or away) makes the sender wait; the schedule goes on, and what is late by then is sent late, with the
 * time at which it was due. What is still not sent a drain time after the end of the schedule is given up and counted.
 *
 * What a delivery report is about travels in the message's opaque: the moment at which it was due, or the number of the probe.
 *
 * WHY NOT the partitioner of librdkafka: the same murmur2, but it looks topic and partition up under a lock for each event. */
#include "sender.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/hash.h"
#include "zipf.h"

#define ROUND 512
#define RECENT 64 /* events of which one may be sent again */
#define NAP_NS 200000
#define FULL_NAP_NS 1000000
#define POLL_MS 100
#define REPORTS_PER_LOOK 16 /* at the clock, within one burst of delivery reports */

struct lane {
    rd_kafka_topic_t *topic;
    int32_t partition;
    uint32_t staged, first; /* in this round */
};

struct staged {
    uint32_t lane, len;
    uint8_t *bytes;
    char key[HL_UUID_BYTES];
    uintptr_t about;
};

struct hl_sender {
    struct hl_trouble trouble; /* the opaque of the callbacks: keep it first */
    struct hl_sender_config c;
    const struct hl_load_options *o;
    rd_kafka_t *rk;
    struct hl_mix *mixes[2]; /* Avro, JSON */
    rd_kafka_topic_t *topics[HL_LOAD_TOPICS];
    struct lane *lanes;
    uint32_t first_lane[HL_LOAD_TOPICS], n_lanes;
    struct hl_zipf zipf;
    int64_t wall_ms; /* at the start */
    uint64_t seed, next_extra;
    /* the round */
    struct staged staged[ROUND];
    uint32_t n;
    uint8_t *bytes; /* ROUND times max_bytes */
    size_t max_bytes;
    rd_kafka_message_t messages[ROUND];
    /* what was sent before */
    struct staged recent[RECENT];
    uint8_t *recent_bytes;
    uint64_t n_recent;
    pthread_t thread, reporter;
    bool has_thread, has_reporter;
    _Atomic bool done, finish;
    _Atomic uint64_t given, settled; /* to the client, and by it */
    int64_t report_ns; /* the reporter's clock, looked at now and then */
    unsigned reports;
};

/* ---- delivery reports ---- */

enum { ABOUT_EVENT, ABOUT_PROBE, ABOUT_NOTHING };

static uintptr_t about(unsigned what, uint64_t value)
{
    return (uintptr_t)(value << 2 | what);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct hl_sender *s = opaque;
    struct hl_meter *meter = s->c.meter;
    uintptr_t a = (uintptr_t)m->_private;
    uint64_t value = a >> 2;
    (void)rk;
    hl_meter_add(&s->settled, 1);
    if ((a & 3) == ABOUT_NOTHING) return;
    if (s->reports++ % REPORTS_PER_LOOK == 0) s->report_ns = hl_clock_mono_ns();
    int64_t now = s->report_ns - meter->start_ns;
    if (m->err) {
        meter->failed++;
        hl_trouble_set(&s->trouble, rd_kafka_err2str(m->err));
        if ((a & 3) == ABOUT_PROBE) hl_probes_failed(s->c.probes, value);
        return;
    }
    hl_meter_add(&meter->acked, 1);
    atomic_store_explicit(&meter->last_acked_ns, now, memory_order_relaxed);
    hl_meter_add(&hl_meter_at(meter, now)->acked, 1);
    if ((a & 3) == ABOUT_PROBE) value = (uint64_t)hl_probes_acked(s->c.probes, value, now);
    if (!s->o->backlog_ms) hl_hist_put(&meter->latencies[HL_LATENCY_ACK], now > (int64_t)value ? (uint64_t)now - value : 0);
}

static void *report(void *arg)
{
    struct hl_sender *s = arg;
    while (!s->finish) {
        s->reports = 0; /* after a wait the clock is looked at again */
        rd_kafka_poll(s->rk, POLL_MS);
    }
    return NULL;
}

/* ---- handing over ---- */

static void nap(int64_t ns)
{
    nanosleep(&(struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}, NULL);
}

/* Past the end of everything: a drain time after the schedule, or told to stop. */
static bool give_up(const struct hl_sender *s)
{
    if (*s->c.stop) return true;
    if (s->o->backlog_ms) return false;
    return hl_clock_mono_ns() - s->c.meter->start_ns > hl_schedule_length_ns(s->c.schedule) + s->o->drain_ms * 1000000;
}

static void refused(struct hl_sender *s, const rd_kafka_message_t *m)
{
    s->c.meter->failed++;
    hl_trouble_set(&s->trouble, rd_kafka_err2str(m->err));
    uintptr_t a = (uintptr_t)m->_private;
    if ((a & 3) == ABOUT_PROBE) hl_probes_failed(s->c.probes, a >> 2);
}

/* Those that the client had no room for, in their order. */
static int keep_refused(struct hl_sender *s, rd_kafka_message_t *m, int n)
{
    int kept = 0;
    for (int i = 0; i < n; i++) {
        if (m[i].err == RD_KAFKA_RESP_ERR__QUEUE_FULL) m[kept++] = m[i];
        else if (m[i].err) refused(s, &m[i]);
    }
    return kept;
}

static void hand_over(struct hl_sender *s, const struct lane *lane, rd_kafka_message_t *m, int n)
{
    while (n > 0) {
        for (int i = 0; i < n; i++) m[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
        int taken = rd_kafka_produce_batch(lane->topic, lane->partition, RD_KAFKA_MSG_F_COPY, m, n);
        hl_meter_add(&s->given, (uint64_t)taken);
        if (taken == n) return;
        n = keep_refused(s, m, n);
        if (n && give_up(s)) break;
        if (n) nap(FULL_NAP_NS);
    }
    for (int i = 0; i < n; i++)
        if (((uintptr_t)m[i]._private & 3) == ABOUT_PROBE) hl_probes_failed(s->c.probes, (uintptr_t)m[i]._private >> 2);
    hl_meter_add(&s->c.meter->unsent, (uint64_t)n);
    hl_meter_add(&s->c.meter->sent, -(uint64_t)n);
}

static void message_of(const struct staged *e, rd_kafka_message_t *m)
{
    *m = (rd_kafka_message_t){.payload = e->bytes, .len = e->len, .key = (void *)(uintptr_t)e->key, .key_len = HL_UUID_BYTES, ._private = (void *)e->about};
}

/* Sorted by lane, in order within each. */
static void flush_round(struct hl_sender *s)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < s->n; i++) s->lanes[s->staged[i].lane].staged++;
    for (uint32_t i = 0; i < s->n; i++) { /* a lane gets its place where it is first met */
        struct lane *lane = &s->lanes[s->staged[i].lane];
        if (lane->first != UINT32_MAX) continue;
        lane->first = at;
        at += lane->staged;
        lane->staged = 0;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        struct lane *lane = &s->lanes[s->staged[i].lane];
        message_of(&s->staged[i], &s->messages[lane->first + lane->staged++]);
    }
    for (uint32_t i = 0; i < s->n; i++) {
        struct lane *lane = &s->lanes[s->staged[i].lane];
        if (lane->first == UINT32_MAX) continue;
        hand_over(s, lane, &s->messages[lane->first], (int)lane->staged);
        lane->first = UINT32_MAX;
        lane->staged = 0;
    }
    s->n = 0;
}

/* ---- making events ---- */

struct due {
    uint64_t number;
    int64_t planned_ns, now_ns; /* since the start */
    int64_t occurred_ms;
};

/* All events of a contact are in one topic, since only there their order is defined. */
static void address(struct hl_sender *s, struct staged *e, uint64_t contact)
{
    size_t topic = contact % s->o->n_topics;
    e->lane = s->first_lane[topic] + (uint32_t)hl_partition_of((struct hl_slice){e->key, HL_UUID_BYTES}, s->c.partitions[topic]);
}

static const struct hl_mix *mix_of(const struct hl_sender *s, uint64_t contact)
{
    return s->mixes[s->o->topics[contact % s->o->n_topics].json];
}

static bool chance(double share, uint64_t h)
{
    return share > 0 && hl_random_unit(h) < share;
}

static void make_probe(struct hl_sender *s, struct staged *e, const struct due *d, int64_t probe)
{
    struct hl_stamp stamp = {.occurred_at = d->occurred_ms};
    uint32_t circle = hl_probes_contacts(s->c.probes);
    uint64_t contact = (uint64_t)probe % circle, round = (uint64_t)probe / circle;
    hl_load_id_write(stamp.event_id, s->c.run, HL_LOAD_PROBE, (uint64_t)probe);
    hl_load_id_write(stamp.contact_id, s->c.run, HL_LOAD_CONTACT, contact);
    memcpy(e->key, stamp.contact_id, HL_UUID_BYTES);
    e->len = (uint32_t)hl_mix_write_extra(mix_of(s, contact), round % 2 ? HL_MIX_REJECT : HL_MIX_RAISE, &stamp, e->bytes);
    e->about = about(ABOUT_PROBE, (uint64_t)probe);
    address(s, e, contact);
}

static void make_event(struct hl_sender *s, struct staged *e, const struct due *d)
{
    const struct hl_load_options *o = s->o;
    struct hl_stamp stamp = {.occurred_at = d->occurred_ms};
    uint64_t h = hl_random_at(s->seed, d->number), more = hl_random_at(h, 0);
    uint64_t contact = chance(o->hot, hl_random_at(h, 1)) ? 0 : hl_zipf_draw(&s->zipf), who = hl_random_at(~o->seed, contact);
    if (chance(o->late, hl_random_at(h, 2))) {
        stamp.occurred_at -= 1 + (int64_t)(more % (uint64_t)o->late_by_ms);
        hl_meter_add(&s->c.meter->late, 1);
    }
    hl_load_id_write(stamp.event_id, s->c.run, HL_LOAD_EVENT, d->number);
    hl_uuid_write(stamp.contact_id, who, hl_random_at(who, 0));
    memcpy(e->key, stamp.contact_id, HL_UUID_BYTES);
    e->len = (uint32_t)hl_mix_write(mix_of(s, contact), &stamp, more >> 20, who, e->bytes);
    if (chance(o->broken, hl_random_at(h, 3))) {
        e->len = (uint32_t)hl_mix_break(e->bytes, e->len, more);
        hl_meter_add(&s->c.meter->broken, 1);
    }
    e->about = about(ABOUT_EVENT, (uint64_t)d->planned_ns);
    address(s, e, contact);
}

static bool repeat_event(struct hl_sender *s, struct staged *e, const struct due *d)
{
    uint64_t h = hl_random_at(~s->seed, d->number), kept = s->n_recent < RECENT ? s->n_recent : RECENT;
    if (!kept || !chance(s->o->duplicates, h)) return false;
    uint8_t *bytes = e->bytes;
    *e = s->recent[hl_random_at(h, 0) % kept];
    memcpy(bytes, e->bytes, e->len);
    e->bytes = bytes;
    e->about = about(ABOUT_EVENT, (uint64_t)d->planned_ns);
    hl_meter_add(&s->c.meter->duplicates, 1);
    return true;
}

static void remember(struct hl_sender *s, const struct staged *e)
{
    if (s->o->duplicates == 0) return;
    struct staged *r = &s->recent[s->n_recent++ % RECENT];
    uint8_t *bytes = s->recent_bytes + (size_t)(r - s->recent) * s->max_bytes;
    *r = *e;
    r->bytes = bytes;
    memcpy(bytes, e->bytes, e->len);
}

/* The share of probes among the first n events. */
static uint64_t probes_of(const struct hl_sender *s, uint64_t n)
{
    return (uint64_t)((double)n * s->o->probes + 1e-9);
}

static void stage(struct hl_sender *s, const struct due *d)
{
    struct staged *e = &s->staged[s->n];
    e->bytes = s->bytes + s->n * s->max_bytes;
    int64_t probe = -1;
    if (s->c.probes && probes_of(s, d->number + 1) > probes_of(s, d->number)) probe = hl_probes_add(s->c.probes, d->planned_ns, d->now_ns);
    if (probe >= 0) make_probe(s, e, d, probe);
    else if (!repeat_event(s, e, d)) make_event(s, e, d);
    remember(s, e);
    hl_meter_add(&s->c.meter->sent, 1);
    hl_meter_add(&s->c.meter->bytes, e->len);
    s->n++;
}

/* ---- the loop ---- */

static void note_late(struct hl_sender *s, int64_t planned_ns, int64_t now_ns, uint64_t n)
{
    struct hl_meter *m = s->c.meter;
    if (now_ns - planned_ns > m->behind_ns) m->behind_ns = now_ns - planned_ns;
    m->last_sent_ns = now_ns;
    hl_meter_add(&hl_meter_at(m, now_ns)->sent, n);
}

static void *send_by_schedule(void *arg)
{
    struct hl_sender *s = arg;
    struct hl_cursor cursor;
    uint64_t number = 0;
    prctl(PR_SET_TIMERSLACK, 1000UL);
    hl_cursor_init(&cursor, s->c.schedule);
    int64_t planned = hl_cursor_next(&cursor), start = s->c.meter->start_ns;
    while (planned >= 0 && number < s->o->events && !give_up(s)) {
        int64_t now = hl_clock_mono_ns() - start, first = planned;
        while (planned >= 0 && planned <= now && s->n < ROUND && number < s->o->events) {
            stage(s, &(struct due){number++, planned, now, s->wall_ms + planned / 1000000});
            planned = hl_cursor_next(&cursor);
        }
        if (s->n) note_late(s, first, now, s->n);
        flush_round(s);
        int64_t wait = planned - (hl_clock_mono_ns() - start);
        if (planned >= 0 && wait > 0) nap(wait > NAP_NS ? (wait < 50 * NAP_NS ? wait : 50 * NAP_NS) : NAP_NS);
    }
    uint64_t due = hl_schedule_count(s->c.schedule, hl_clock_mono_ns() - start);
    if (due > s->o->events) due = s->o->events;
    if (!*s->c.stop && due > number) hl_meter_add(&s->c.meter->unsent, due - number);
    s->done = true;
    return NULL;
}

static void *send_backlog(void *arg)
{
    struct hl_sender *s = arg;
    int64_t start = s->c.meter->start_ns, span = s->o->backlog_ms, begin_ms = s->wall_ms - 3600000 - span;
    for (uint64_t number = 0; number < s->o->events && !*s->c.stop;) {
        int64_t now = hl_clock_mono_ns() - start;
        for (; s->n < ROUND && number < s->o->events; number++)
            stage(s, &(struct due){number, now, now, begin_ms + (int64_t)((double)span * (double)number / (double)s->o->events)});
        note_late(s, now, now, s->n);
        flush_round(s);
    }
    s->c.meter->last_sent_ns = hl_clock_mono_ns() - start;
    s->done = true;
    return NULL;
}

enum hl_status hl_sender_start(struct hl_sender *s, struct hl_error *err)
{
    s->wall_ms = hl_clock_wall_ms();
    s->c.meter->start_ns = hl_clock_mono_ns();
    s->has_thread = pthread_create(&s->thread, NULL, s->o->backlog_ms ? send_backlog : send_by_schedule, s) == 0;
    return s->has_thread ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "no thread can be started");
}

enum hl_status hl_sender_put_extra(struct hl_sender *s, enum hl_mix_extra extra, uint64_t contact, struct hl_error *err)
{
    struct staged *e = &s->staged[0];
    struct hl_stamp stamp = {.occurred_at = hl_clock_wall_ms()};
    e->bytes = s->bytes;
    hl_load_id_write(stamp.event_id, s->c.run, HL_LOAD_PREPARATION, s->next_extra++);
    hl_load_id_write(stamp.contact_id, s->c.run, HL_LOAD_CONTACT, contact);
    memcpy(e->key, stamp.contact_id, HL_UUID_BYTES);
    e->len = (uint32_t)hl_mix_write_extra(mix_of(s, contact), extra, &stamp, e->bytes);
    e->about = about(ABOUT_NOTHING, 0);
    address(s, e, contact);
    message_of(e, &s->messages[0]);
    const struct lane *lane = &s->lanes[e->lane];
    while (rd_kafka_produce_batch(lane->topic, lane->partition, RD_KAFKA_MSG_F_COPY, s->messages, 1) != 1) {
        if (s->messages[0].err != RD_KAFKA_RESP_ERR__QUEUE_FULL || *s->c.stop)
            return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "an event cannot be sent: %s", rd_kafka_err2str(s->messages[0].err));
        nap(FULL_NAP_NS);
    }
    hl_meter_add(&s->given, 1);
    return HL_OK;
}

/* ---- life ---- */

static enum hl_status mixes_new(struct hl_sender *s, struct hl_error *err)
{
    struct hl_mix_options mo = {.schema_id = s->c.schema_id, .traits = s->o->traits, .n_traits = s->o->n_traits, .form = s->o->form};
    memcpy(mo.weights, s->o->weights, sizeof(mo.weights));
    for (int json = 0; json < 2; json++) {
        mo.json = json;
        enum hl_status status = hl_mix_new(&mo, &s->mixes[json], err);
        if (status) return status;
        if (hl_mix_max_bytes(s->mixes[json]) > s->max_bytes) s->max_bytes = hl_mix_max_bytes(s->mixes[json]);
    }
    s->bytes = malloc(ROUND * s->max_bytes);
    s->recent_bytes = malloc(RECENT * s->max_bytes);
    return s->bytes && s->recent_bytes ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

static enum hl_status lanes_new(struct hl_sender *s, struct hl_error *err)
{
    for (size_t t = 0; t < s->o->n_topics; t++) {
        s->first_lane[t] = s->n_lanes;
        s->n_lanes += (uint32_t)s->c.partitions[t];
        s->topics[t] = rd_kafka_topic_new(s->rk, s->o->topics[t].name, NULL);
    }
    s->lanes = calloc(s->n_lanes, sizeof(*s->lanes));
    if (!s->lanes) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    for (size_t t = 0; t < s->o->n_topics; t++) {
        const rd_kafka_metadata_t *md; /* known from here on: the first events do not wait for it */
        if (rd_kafka_metadata(s->rk, 0, s->topics[t], &md, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_metadata_destroy(md);
        for (int32_t p = 0; p < s->c.partitions[t]; p++) s->lanes[s->first_lane[t] + (uint32_t)p] = (struct lane){s->topics[t], p, 0, UINT32_MAX};
    }
    return HL_OK;
}

static enum hl_status open_all(struct hl_sender *s, struct hl_error *err)
{
    enum hl_status status = mixes_new(s, err);
    if (!status) status = hl_producer_new(s->o, on_delivery, &s->trouble, &s->rk, err);
    if (!status) status = lanes_new(s, err);
    if (status) return status;
    s->has_reporter = pthread_create(&s->reporter, NULL, report, s) == 0;
    return s->has_reporter ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "no thread can be started");
}

enum hl_status hl_sender_new(const struct hl_sender_config *config, struct hl_sender **out, struct hl_error *err)
{
    struct hl_sender *s = calloc(1, sizeof(*s));
    if (!s) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    s->c = *config;
    s->o = config->options;
    s->seed = s->o->backlog_ms ? s->o->seed : hl_random_at(s->o->seed, config->run);
    hl_zipf_init(&s->zipf, s->o->contacts, s->o->skew, hl_random_at(s->seed, 7));
    enum hl_status status = open_all(s, err);
    if (status) {
        hl_sender_free(s);
        return status;
    }
    *out = s;
    return HL_OK;
}

bool hl_sender_done(const struct hl_sender *s)
{
    return s->done;
}

uint64_t hl_sender_outstanding(const struct hl_sender *s)
{
    uint64_t settled = s->settled, given = s->given; /* settled may be ahead for a moment: it is counted elsewhere */
    return given > settled ? given - settled : 0;
}

void hl_sender_trouble(struct hl_sender *s, char *out, size_t cap)
{
    hl_trouble_get(&s->trouble, out, cap);
}

void hl_sender_finish(struct hl_sender *s)
{
    if (s->has_thread) pthread_join(s->thread, NULL);
    s->has_thread = false;
    rd_kafka_purge(s->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (int i = 0; i < 20 && hl_sender_outstanding(s); i++) nap(POLL_MS * 1000000 / 20);
    s->finish = true;
    if (s->has_reporter) pthread_join(s->reporter, NULL);
    s->has_reporter = false;
}

void hl_sender_free(struct hl_sender *s)
{
    if (!s) return;
    if (s->rk) hl_sender_finish(s);
    for (size_t t = 0; t < HL_LOAD_TOPICS; t++)
        if (s->topics[t]) rd_kafka_topic_destroy(s->topics[t]);
    if (s->rk) rd_kafka_destroy(s->rk);
    hl_mix_free(s->mixes[0]);
    hl_mix_free(s->mixes[1]);
    free(s->lanes);
    free(s->bytes);
    free(s->recent_bytes);
    free(s);
}
