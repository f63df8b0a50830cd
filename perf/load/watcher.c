#include "watcher.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "hotlead/base/buf.h"
#include "hotlead/base/clock.h"
#include "hotlead/core/model.h"

#define POLL_MS 100

struct hl_watcher {
    struct hl_trouble trouble; /* the opaque of the callbacks */
    struct hl_watcher_config c;
    rd_kafka_t *rk;
    pthread_t thread;
    bool has_thread;
    _Atomic bool finish, measuring, failed;
};

/* ---- a transition ---- */

static struct hl_slice optional_text(struct hl_reader *r)
{
    return hl_reader_long(r) == 1 ? hl_reader_bytes(r) : HL_SLICE_NULL;
}

bool hl_seen_transition_read(struct hl_slice value, struct hl_seen_transition *out)
{
    struct hl_reader r = hl_reader_of(value);
    if (hl_reader_u8(&r) != 0) return false;
    hl_reader_u32be(&r); /* the id of the schema is the registry's */
    hl_reader_bytes(&r); /* transition_id */
    out->contact_id = hl_reader_bytes(&r);
    out->seq = hl_reader_long(&r);
    hl_reader_bytes(&r); /* from */
    out->to = hl_reader_bytes(&r);
    optional_text(&r);   /* kind */
    hl_reader_bytes(&r); /* direction */
    hl_reader_bytes(&r); /* cause */
    optional_text(&r);   /* rule */
    hl_reader_long(&r);  /* visit */
    out->trigger_event_id = optional_text(&r);
    return !r.failed;
}

/* ---- the thread ---- */

static void note_latency(struct hl_watcher *w, int64_t now, const struct hl_probe_moment *m)
{
    struct hl_meter *meter = w->c.meter;
    uint64_t corrected = now > m->planned_ns ? (uint64_t)(now - m->planned_ns) : 0;
    hl_hist_put(&meter->latencies[HL_LATENCY_CORRECTED], corrected);
    hl_hist_put(&meter->latencies[HL_LATENCY_UNCORRECTED], now > m->sent_ns ? (uint64_t)(now - m->sent_ns) : 0);
    hl_hist_put(&meter->recent[meter->writing], corrected);
    hl_hist_put(&hl_meter_at(meter, m->planned_ns)->latency, corrected);
}

static void take(struct hl_watcher *w, struct hl_slice value)
{
    struct hl_seen_transition t;
    struct hl_probe_moment m;
    enum hl_stage stage;
    uint64_t number;
    if (!hl_seen_transition_read(value, &t) || !hl_stage_find(t.to, &stage)) {
        hl_meter_add(&w->c.meter->unreadable, 1);
        return;
    }
    if (!hl_load_id_read(t.contact_id, w->c.run, HL_LOAD_CONTACT, &number)) {
        hl_meter_add(&w->c.meter->others, 1);
        return;
    }
    hl_probes_moved(w->c.probes, number, t.seq, (int)stage);
    if (!w->measuring || !hl_load_id_read(t.trigger_event_id, w->c.run, HL_LOAD_PROBE, &number)) return;
    int64_t now = hl_clock_mono_ns() - w->c.meter->start_ns;
    if (hl_probes_seen(w->c.probes, number, now, &m)) note_latency(w, now, &m);
}

/* Whatever passes by itself is librdkafka's business; what does not ends the run. */
static void note_error(struct hl_watcher *w, const rd_kafka_message_t *m)
{
    hl_trouble_set(&w->trouble, rd_kafka_message_errstr(m));
    w->failed = m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                m->err == RD_KAFKA_RESP_ERR__FATAL || m->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

static void *watch(void *arg)
{
    struct hl_watcher *w = arg;
    while (!w->finish) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(w->rk, POLL_MS);
        if (!m) continue;
        if (m->err) note_error(w, m);
        else take(w, (struct hl_slice){m->payload, m->len});
        rd_kafka_message_destroy(m);
    }
    return NULL;
}

/* ---- life ---- */

static enum hl_status assign_end(struct hl_watcher *w, int partitions, struct hl_error *err)
{
    const char *topic = w->c.options->transitions;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int p = 0; p < partitions && !code; p++) {
        int64_t low, high;
        code = rd_kafka_query_watermark_offsets(w->rk, topic, p, &low, &high, 10000);
        if (!code) rd_kafka_topic_partition_list_add(list, topic, p)->offset = high;
    }
    if (!code) code = rd_kafka_assign(w->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "topic '%s': %s", topic, rd_kafka_err2str(code)) : HL_OK;
}

static enum hl_status open_all(struct hl_watcher *w, struct hl_error *err)
{
    int partitions;
    enum hl_status status = hl_consumer_new(w->c.options, &w->trouble, &w->rk, err);
    if (!status) status = hl_clients_partitions(w->c.options, w->rk, w->c.options->transitions, &w->trouble, &partitions, err);
    if (!status) status = assign_end(w, partitions, err);
    if (status) return status;
    w->has_thread = pthread_create(&w->thread, NULL, watch, w) == 0;
    return w->has_thread ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "no thread can be started");
}

enum hl_status hl_watcher_new(const struct hl_watcher_config *config, struct hl_watcher **out, struct hl_error *err)
{
    struct hl_watcher *w = calloc(1, sizeof(*w));
    if (!w) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    w->c = *config;
    enum hl_status status = open_all(w, err);
    if (status) {
        hl_watcher_free(w);
        return status;
    }
    *out = w;
    return HL_OK;
}

void hl_watcher_measure(struct hl_watcher *w)
{
    w->measuring = true;
}

bool hl_watcher_failed(struct hl_watcher *w, char *why, size_t cap)
{
    if (!w->failed) return false;
    hl_trouble_get(&w->trouble, why, cap);
    return true;
}

void hl_watcher_free(struct hl_watcher *w)
{
    if (!w) return;
    w->finish = true;
    if (w->has_thread) pthread_join(w->thread, NULL);
    if (w->rk) {
        rd_kafka_consumer_close(w->rk);
        rd_kafka_destroy(w->rk);
    }
    free(w);
}
