/* Bounded reads of any number of partitions in one pass, for recovery.
 *
 * DESIGN  An end is a position, never "the last record seen": control records and aborted batches occupy offsets. The end of the log is what an
 * end-of-partition event says. With read_committed that event comes at the last stable offset; while an open transaction holds it below the
 * high watermark, records of later, committed transactions hide behind it. So the read goes on until it has reached the high watermark as it
 * was at the first end-of-partition event: a hanging transaction is ended by the coordinator after transaction.timeout.ms at the latest. */
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/clock.h"
#include "internal.h"
#include "refill.h"

#define WAIT_MS 200
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

#define NO_RANGE UINT32_MAX

/* One pass. */
struct pass {
    struct hl_kafka *k;
    rd_kafka_t *rk;
    struct hl_range *ranges;
    size_t n, left; /* left: not yet at their end */
    int64_t *target;  /* of each range that goes to the end: the high watermark to reach; -1: not known yet */
    bool *done;       /* each */
    uint32_t *lookup; /* [slot * partitions + partition]: its range */
    rd_kafka_topic_t *topics[HL_KAFKA_MAX_INPUTS + 2]; /* seen in messages: pointer -> place in `lookup` */
    struct hl_record group[HL_READ_GROUP]; /* to be handed over */
    size_t n_group;
    struct hl_kafka_refill refill;
};

static uint32_t *lookup_at(const struct pass *s, size_t slot, int32_t partition)
{
    return &s->lookup[slot * (size_t)s->k->n_partitions + (size_t)partition];
}

/* Inputs first, then the state topic, then the transitions. */
static size_t slots(const struct pass *s)
{
    return s->k->config.n_inputs + 2;
}

static size_t slot_of(const struct pass *s, uint16_t topic)
{
    if (topic == HL_STATE_TOPIC) return s->k->config.n_inputs;
    return topic == HL_TRANSITIONS_TOPIC ? s->k->config.n_inputs + 1 : topic;
}

static const char *name_of(const struct pass *s, size_t slot)
{
    size_t n = s->k->config.n_inputs;
    return hl_kafka_topic_name(s->k, slot == n ? HL_STATE_TOPIC : slot == n + 1 ? HL_TRANSITIONS_TOPIC : (uint16_t)slot);
}

/* The range that a message belongs to; NO_RANGE: none. */
static uint32_t range_of(struct pass *s, const rd_kafka_message_t *m)
{
    if (!m->rkt || m->partition < 0 || m->partition >= s->k->n_partitions) return NO_RANGE;
    for (size_t i = 0; i < slots(s); i++)
        if (s->topics[i] == m->rkt) return *lookup_at(s, i, m->partition);
    for (size_t i = 0; i < slots(s); i++) {
        if (strcmp(name_of(s, i), rd_kafka_topic_name(m->rkt)) != 0) continue;
        s->topics[i] = m->rkt;
        return *lookup_at(s, i, m->partition);
    }
    return NO_RANGE;
}

static void finish(struct pass *s, uint32_t i)
{
    s->done[i] = true;
    s->left--;
}

/* It goes on behind what is wanted: nothing more is fetched of it, for the sake of those that are still read. */
static void finish_early(struct pass *s, uint32_t i)
{
    finish(s, i);
    if (s->left == 0) return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, hl_kafka_topic_name(s->k, s->ranges[i].topic), s->ranges[i].partition);
    rd_kafka_error_t *e = rd_kafka_incremental_unassign(s->rk, list);
    if (e) rd_kafka_error_destroy(e); /* what still comes of it is passed over */
    rd_kafka_topic_partition_list_destroy(list);
}

static void at_end(struct pass *s, uint32_t i, int64_t position)
{
    struct hl_range *r = &s->ranges[i];
    r->position = position;
    if (s->target[i] < 0) {
        int64_t low, high = -1;
        rd_kafka_get_watermark_offsets(s->rk, hl_kafka_topic_name(s->k, r->topic), r->partition, &low, &high);
        s->target[i] = high;
    }
    if (position >= s->target[i]) finish(s, i);
}

static enum hl_status take_error(const struct pass *s, const rd_kafka_message_t *m, struct hl_error *err)
{
    enum hl_action action;
    enum hl_status status = hl_kafka_status(m->err, &action);
    if (status == HL_E_PERMISSION) return hl_kafka_forbidden(s->k, m->err, "Read", m->rkt ? rd_kafka_topic_name(m->rkt) : "a topic", err);
    if (action == HL_RETRY) return HL_OK;
    hl_kafka_error(err, m->err, rd_kafka_message_errstr(m));
    return status;
}

/* Into the group, or destroyed. */
static enum hl_status take(struct pass *s, rd_kafka_message_t *m, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    bool is_error = m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF, keep = false;
    uint32_t i = is_error ? NO_RANGE : range_of(s, m);
    struct hl_range *range = i == NO_RANGE || s->done[i] ? NULL : &s->ranges[i];
    if (is_error) {
        status = take_error(s, m, err);
    } else if (range && m->err) {
        at_end(s, i, m->offset);
    } else if (range) {
        keep = range->to_end || m->offset < range->to;
        range->position = keep ? m->offset + 1 : range->to;
        if (!range->to_end && range->position >= range->to) finish_early(s, i);
    }
    if (keep)
        hl_kafka_record(m, range->topic, &s->group[s->n_group++]);
    else
        rd_kafka_message_destroy(m);
    return status;
}

/* Records that have come are not kept waiting for more: only the first one is waited for. */
static enum hl_status take_group(struct pass *s, bool *came, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    size_t n = 0, bytes = 0;
    *came = false;
    while (s->n_group < HL_READ_GROUP && s->left && !status) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(s->rk, *came ? 0 : WAIT_MS);
        if (!m) break;
        *came = true;
        n++;
        bytes += m->len + m->key_len;
        status = take(s, m, err);
    }
    hl_kafka_refill_taken(&s->refill, n, bytes);
    return status;
}

static void clear_group(struct pass *s)
{
    while (s->n_group) rd_kafka_message_destroy(s->group[--s->n_group].handle);
}

static enum hl_status stalled(const struct pass *s, struct hl_error *err)
{
    size_t i = 0;
    while (s->done[i]) i++;
    const struct hl_range *r = &s->ranges[i];
    return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "kafka: %s [%d]: no progress for %d s at offset %lld: %s",
                        hl_kafka_topic_name(s->k, r->topic), r->partition, STALL_MS / 1000, (long long)r->position,
                        s->target[i] < 0 ? "no answer to the fetch"
                                         : "an open transaction hides what follows, for longer than one may last; see kafka-transactions.sh find-hanging");
}

static enum hl_status run(struct pass *s, hl_record_fn *fn, void *ctx, struct hl_error *err)
{
    int64_t last = hl_clock_mono_ns();
    while (s->left) {
        if (hl_kafka_stopping(s->k)) return hl_error_set(err, HL_E_END, HL_STOP, "stopped while restoring");
        bool came;
        enum hl_status status = take_group(s, &came, err);
        if (!status && !came && hl_clock_mono_ns() - last >= (int64_t)STALL_MS * 1000000) return stalled(s, err);
        if (s->n_group) last = hl_clock_mono_ns();
        if (!status && (s->n_group || !came)) status = fn(ctx, s->group, s->n_group);
        clear_group(s);
        if (status) return status;
    }
    return HL_OK;
}

/* False: no memory. */
static bool pass_init(struct pass *s)
{
    size_t places = slots(s) * (size_t)s->k->n_partitions;
    s->left = s->n;
    s->target = malloc(s->n * sizeof(*s->target));
    s->done = calloc(s->n, sizeof(*s->done));
    s->lookup = malloc(places * sizeof(*s->lookup));
    if (!s->target || !s->done || !s->lookup) return false;
    memset(s->lookup, 0xff, places * sizeof(*s->lookup));
    for (size_t i = 0; i < s->n; i++) {
        s->target[i] = -1;
        s->ranges[i].position = -1;
        *lookup_at(s, slot_of(s, s->ranges[i].topic), s->ranges[i].partition) = (uint32_t)i;
    }
    return true;
}

static rd_kafka_resp_err_t assign(const struct pass *s)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)s->n);
    for (size_t i = 0; i < s->n; i++) {
        const struct hl_range *r = &s->ranges[i];
        rd_kafka_topic_partition_list_add(list, hl_kafka_topic_name(s->k, r->topic), r->partition)->offset =
            r->from < 0 ? RD_KAFKA_OFFSET_BEGINNING : r->from;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(s->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

enum hl_status hl_kafka_read(struct hl_kafka *k, rd_kafka_t *reader, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx,
                             struct hl_error *err)
{
    struct pass s = {.k = k, .rk = reader, .ranges = ranges, .n = n};
    enum hl_status status = pass_init(&s) ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    rd_kafka_resp_err_t code = status ? RD_KAFKA_RESP_ERR_NO_ERROR : assign(&s);
    hl_kafka_refill_init(&s.refill, reader);
    if (code) status = hl_kafka_error(err, code, "assigning what is to be restored");
    if (!status) status = run(&s, fn, ctx, err);
    hl_kafka_refill_fini(&s.refill);
    rd_kafka_assign(reader, NULL);
    free(s.target);
    free(s.done);
    free(s.lookup);
    return status;
}
