/* Bounded reads of one partition, for recovery.
 *
 * DESIGN  An end is a position, never "the last record seen": control records and aborted batches occupy offsets. The end of the log is what an
 * end-of-partition event says. With read_committed that event comes at the last stable offset; while an open transaction holds it below the
 * high watermark, records of later, committed transactions hide behind it. So the read goes on until it has reached the high watermark as it
 * was at the first end-of-partition event: a hanging transaction is ended by the coordinator after transaction.timeout.ms at the latest. */
#include <string.h>

#include "hotlead/base/clock.h"
#include "internal.h"

#define ALIVE_RECORDS 1024
#define STALL_MS 25000 /* longer than transaction.timeout.ms: a hanging transaction has been ended by then */

void hl_kafka_record(rd_kafka_message_t *m, uint16_t topic, struct hl_record *r)
{
    static const char empty[1] = "";
    *r = (struct hl_record){
        .key = {m->key, m->key_len},
        .value = {m->payload, m->len},
        .offset = m->offset,
        .partition = m->partition,
        .topic = topic,
        .handle = m,
    };
    if (m->key && m->key_len == 0) r->key.data = empty;
    rd_kafka_timestamp_type_t type;
    int64_t ts = rd_kafka_message_timestamp(m, &type);
    r->timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : ts;
}

/* State of one bounded read. */
struct span {
    rd_kafka_t *rk;
    const char *topic;
    uint16_t index;
    int32_t partition;
    int64_t to;       /* -1: the end */
    int64_t target;   /* high watermark to reach, -1: not known yet */
    int64_t position; /* next offset */
    bool done;
};

static enum hl_status at_end(struct span *s, int64_t position)
{
    s->position = position;
    if (s->target < 0) {
        int64_t low, high = -1;
        rd_kafka_get_watermark_offsets(s->rk, s->topic, s->partition, &low, &high);
        s->target = high;
    }
    s->done = position >= s->target;
    return HL_OK;
}

static enum hl_status take(const struct hl_kafka *k, struct span *s, rd_kafka_message_t *m, hl_record_fn *fn, void *ctx, struct hl_error *err)
{
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return at_end(s, m->offset);
    if (m->err) {
        enum hl_action action;
        enum hl_status status = hl_kafka_status(m->err, &action);
        if (status == HL_E_PERMISSION) return hl_kafka_forbidden(k, m->err, "Read", s->topic, err);
        return action == HL_RETRY ? HL_OK : (hl_kafka_error(err, m->err, rd_kafka_message_errstr(m)), status);
    }
    if (s->to >= 0 && m->offset >= s->to) {
        s->position = m->offset;
        s->done = true;
        return HL_OK;
    }
    struct hl_record r;
    hl_kafka_record(m, s->index, &r);
    s->position = m->offset + 1;
    s->done = s->to >= 0 && s->position >= s->to;
    return fn(ctx, &r);
}

static enum hl_status run(struct hl_kafka *k, unsigned worker, struct span *s, hl_record_fn *fn, void *ctx, struct hl_error *err)
{
    int64_t last = hl_clock_mono_ns();
    while (!s->done) {
        if (hl_kafka_stopping(k)) return hl_error_set(err, HL_E_END, HL_STOP, "stopped while reading %s", s->topic);
        rd_kafka_message_t *m = rd_kafka_consumer_poll(s->rk, 200);
        if (!m || m->offset % ALIVE_RECORDS == 0) hl_kafka_alive(k, worker);
        if (!m) {
            if (hl_clock_mono_ns() - last < (int64_t)STALL_MS * 1000000) continue;
            return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "kafka: %s [%d]: no progress for %d s at offset %lld: %s", s->topic, s->partition,
                                STALL_MS / 1000, (long long)s->position,
                                s->target < 0 ? "no answer to the fetch" : "an open transaction hides what follows");
        }
        if (!m->err) last = hl_clock_mono_ns();
        enum hl_status status = take(k, s, m, fn, ctx, err);
        rd_kafka_message_destroy(m);
        if (status) return status;
    }
    return HL_OK;
}

enum hl_status hl_kafka_read(struct hl_kafka *k, unsigned worker, rd_kafka_t *reader, const char *topic, uint16_t index, int32_t partition,
                             int64_t from, int64_t to, hl_record_fn *fn, void *ctx, int64_t *end, struct hl_error *err)
{
    struct span s = {.rk = reader, .topic = topic, .index = index, .partition = partition, .to = to, .target = -1, .position = from};
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = from < 0 ? RD_KAFKA_OFFSET_BEGINNING : from;
    rd_kafka_resp_err_t code = rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    enum hl_status status = code ? hl_kafka_error(err, code, topic) : run(k, worker, &s, fn, ctx, err);
    rd_kafka_assign(reader, NULL);
    *end = s.position;
    return status;
}
