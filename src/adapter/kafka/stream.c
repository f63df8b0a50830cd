/* The consuming half of a worker's session.
 *
 * DESIGN  The rebalance callback only notes what happened; the worker sees it after it has dealt with the records in hand, and answers with
 * assign. While partitions are being recovered the assignment is the empty list, so that the session stays alive and nothing flows; recovered
 * partitions are then assigned with explicit offsets. The same call rewinds after an abort.
 *
 * WHY NOT rd_kafka_consume_batch_queue: on 2.0.2 it loses track of offsets over pause, seek and rebalance (issue 4208), and the loop over
 * consumer_poll was measured as fast. WHY NOT pause and resume: resume of a partition that was not paused rewinds (issue 4637).
 *
 * WHY NOT end the process when another one is said to have our instance id: a coordinator that dies between the answer to a join and the record
 * of it comes back with the member id of before, and takes us for the stranger. So the member joins again under its name. A real second process
 * does the same, and the two expel each other until one has had enough.
 *
 * Inputs of high priority come by a client of their own, see express.c. What is said of the assignment here holds for both. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/log.h"
#include "stream.h"

#define OFTEN_NS 60000000000ll
#define ANSWER_MS 5000
#define BOUNDS_NS 20000000000ll
#define NORMAL_SHARE 4 /* one part in this many of a batch is kept for inputs of normal priority: a flood of high ones must not starve them */

static int input_index(struct hl_kafka_stream *s, rd_kafka_topic_t *rkt)
{
    const struct hl_kafka_config *c = &s->k->config;
    for (size_t i = 0; i < c->n_inputs; i++)
        if (s->inputs[i] == rkt) return (int)i;
    for (size_t i = 0; i < c->n_inputs; i++) {
        if (strcmp(c->inputs[i], rd_kafka_topic_name(rkt)) != 0) continue;
        s->inputs[i] = rkt;
        return (int)i;
    }
    return -1;
}

static bool list_has(const rd_kafka_topic_partition_list_t *list, const char *topic, int32_t partition)
{
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].partition == partition && strcmp(list->elems[i].topic, topic) == 0) return true;
    return false;
}

/* Note the partitions of an assignment; every input must bring the same ones. */
static void note_gained(struct hl_kafka_stream *s, const rd_kafka_topic_partition_list_t *list)
{
    const struct hl_kafka_config *c = &s->k->config;
    s->n_partitions = 0;
    s->assignment_status = HL_OK;
    free(s->partitions);
    s->partitions = calloc((size_t)list->cnt + 1, sizeof(*s->partitions));
    HL_BUG_ON(!s->partitions);
    for (int i = 0; i < list->cnt; i++)
        if (strcmp(list->elems[i].topic, c->inputs[0]) == 0) s->partitions[s->n_partitions++] = list->elems[i].partition;
    bool equal = s->n_partitions * c->n_inputs == (size_t)list->cnt;
    for (size_t p = 0; p < s->n_partitions; p++)
        for (size_t t = 0; t < c->n_inputs; t++) equal = equal && list_has(list, c->inputs[t], s->partitions[p]);
    if (equal) return;
    s->assignment_status = HL_E_CONFIG;
    snprintf(s->assignment_message, sizeof(s->assignment_message),
             "the group gave this worker different partitions of its topics; every member of group '%s' must subscribe to the same topics and use "
             "the range assignor",
             c->group_id);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct hl_kafka_stream *s = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !s->closing) {
        rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(1);
        rd_kafka_assign(rk, none); /* acknowledged at once, so that heartbeats go on while the partitions are recovered */
        if (s->express) rd_kafka_assign(s->express, none);
        rd_kafka_topic_partition_list_destroy(none);
        note_gained(s, list);
        s->change = HL_ASSIGNMENT_GAINED;
    } else if (s->closing) {
        rd_kafka_assign(rk, NULL);
    } else {
        s->change = rd_kafka_assignment_lost(rk) ? HL_ASSIGNMENT_LOST : HL_ASSIGNMENT_REVOKED;
    }
}

static bool *end_flag(struct hl_kafka_stream *s, uint16_t topic, int32_t partition)
{
    return &s->at_end[(size_t)topic * (size_t)s->k->n_partitions + (size_t)partition];
}

bool hl_kafka_too_often(int64_t seen_ns[3])
{
    int64_t now = hl_clock_mono_ns();
    bool often = seen_ns[2] && now - seen_ns[2] < OFTEN_NS;
    memmove(seen_ns + 1, seen_ns, 2 * sizeof(*seen_ns));
    seen_ns[0] = now;
    return often;
}

/* Errors that come as messages: most are passing troubles that librdkafka mends by itself. */
static enum hl_status consumer_error(struct hl_kafka_stream *s, rd_kafka_t *rk, const rd_kafka_message_t *m, struct hl_error *err)
{
    char text[256], quoted[400];
    rd_kafka_resp_err_t code = m->err;
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        int ended = input_index(s, m->rkt);
        bool *flag = ended >= 0 ? end_flag(s, (uint16_t)ended, m->partition) : NULL;
        if (flag) *flag = true;
        if (flag) s->ended[flag - s->at_end] = m->offset;
        return HL_OK;
    }
    snprintf(text, sizeof(text), "%s", rd_kafka_message_errstr(m));
    if (code == RD_KAFKA_RESP_ERR__FATAL) code = rd_kafka_fatal_error(rk, text, sizeof(text));
    if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID && (!hl_kafka_too_often(s->expelled_ns) || s->index != 0)) { /* as with producers */
        hl_log(HL_LOG_WARN, "member_expelled", "worker=%u reason=%s", s->index, hl_log_quote(quoted, sizeof(quoted), text));
        s->expelled = true;
        return HL_OK;
    }
    if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
        return hl_error_set(err, HL_E_FENCED, HL_STOP,
                            "another process runs as the same instance of group '%s'; give each process its own kafka.instance (%s)",
                            s->k->config.group_id, text);
    enum hl_action action;
    enum hl_status status = hl_kafka_status(code, &action);
    if (status == HL_E_PERMISSION) return hl_kafka_forbidden(s->k, code, "Read", m->rkt ? rd_kafka_topic_name(m->rkt) : NULL, err);
    if (action != HL_RETRY) return hl_error_set(err, status, action, "kafka: %s", text);
    hl_log(HL_LOG_WARN, "consumer_error", "code=%s message=%s", rd_kafka_err2name(code), hl_log_quote(quoted, sizeof(quoted), text));
    return HL_OK;
}

/* What a client has, up to cap records in all; waits when there are none yet. */
static enum hl_status take(struct hl_kafka_stream *s, struct hl_kafka_refill *from, int timeout_ms, struct hl_record *records, size_t cap, size_t *n,
                           struct hl_error *err)
{
    size_t before = *n, bytes = 0;
    while (*n < cap && s->change == HL_ASSIGNMENT_SAME) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(from->rk, *n ? 0 : timeout_ms);
        if (!m) break;
        int topic = m->err ? -1 : input_index(s, m->rkt);
        if (topic >= 0) {
            *end_flag(s, (uint16_t)topic, m->partition) = false;
            hl_kafka_record(m, (uint16_t)topic, &records[(*n)++]);
            bytes += m->len + m->key_len;
            continue;
        }
        enum hl_status status = m->err ? consumer_error(s, from->rk, m, err) : HL_OK;
        rd_kafka_message_destroy(m);
        if (status) return status;
    }
    hl_kafka_refill_taken(from, *n - before, bytes);
    return HL_OK;
}

static void stream_release(struct hl_stream *port, struct hl_record *records, size_t n)
{
    (void)port;
    for (size_t i = 0; i < n; i++) rd_kafka_message_destroy(records[i].handle);
}

static enum hl_status consumer_open(struct hl_kafka_stream *s, struct hl_error *err);

static void consumer_close(struct hl_kafka_stream *s)
{
    s->closing = true; /* the rebalance of the end is nobody's business */
    hl_kafka_express_close(s);
    if (s->consumer_queue) rd_kafka_queue_destroy(s->consumer_queue);
    s->consumer_queue = NULL;
    hl_kafka_refill_fini(&s->refill);
    if (s->consumer) {
        rd_kafka_consumer_close(s->consumer);
        rd_kafka_destroy(s->consumer);
    }
    s->consumer = NULL;
    s->closing = false;
}

/* Join again, as a new member of the same name; whatever was ours is lost. */
static enum hl_status rejoin(struct hl_kafka_stream *s, struct hl_error *err)
{
    hl_kafka_commit_await(s); /* it wakes the queue of this client */
    consumer_close(s);
    memset(s->inputs, 0, sizeof(s->inputs)); /* topics of the old client */
    enum hl_status status = consumer_open(s, err);
    if (!status) status = hl_kafka_express_open(s, err);
    if (status) return status;
    s->expelled = false;
    s->change = HL_ASSIGNMENT_LOST;
    return HL_OK;
}

/* The member of the group is asked each time, whatever came before: it brings rebalances, and must be seen to poll. */
static enum hl_status stream_poll(struct hl_stream *port, int timeout_ms, struct hl_record *records, size_t cap, size_t *n, struct hl_error *err)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    hl_kafka_serve(s, 0);
    *n = 0;
    if (s->expelled) return rejoin(s, err);
    enum hl_status status = s->express ? take(s, &s->express_refill, 0, records, cap - cap / NORMAL_SHARE, n, err) : HL_OK;
    if (!status) status = take(s, &s->refill, timeout_ms, records, cap, n, err);
    s->behind = *n >= cap / 4;
    if (!status && !s->behind && !s->k->config.transactions) status = hl_kafka_hand_over(s, err); /* the backlog is over */
    if (!status) return HL_OK;
    stream_release(port, records, *n);
    *n = 0;
    return status;
}

static struct hl_slice stream_header(struct hl_stream *port, const struct hl_record *r, const char *name)
{
    (void)port;
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(r->handle, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return HL_SLICE_NULL;
    if (rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR || !value) return HL_SLICE_NULL;
    return (struct hl_slice){value, size};
}

static bool stream_header_at(struct hl_stream *port, const struct hl_record *r, size_t i, struct hl_header *out)
{
    (void)port;
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(r->handle, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
    if (rd_kafka_header_get_all(headers, i, &out->name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
    out->value = (struct hl_slice){value, size};
    return true;
}

static enum hl_status stream_assignment(struct hl_stream *port, enum hl_assignment_change *change, const int32_t **partitions, size_t *n,
                                        struct hl_error *err)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    *change = s->change;
    s->change = HL_ASSIGNMENT_SAME;
    *partitions = s->partitions;
    *n = s->n_partitions;
    if (*change == HL_ASSIGNMENT_GAINED && s->assignment_status)
        return hl_error_set(err, s->assignment_status, HL_STOP, "%s", s->assignment_message);
    return HL_OK;
}

static bool stream_changed(struct hl_stream *port)
{
    return hl_kafka_stream_of(port)->change != HL_ASSIGNMENT_SAME;
}

static void list_add(rd_kafka_topic_partition_list_t *list, const struct hl_kafka_stream *s, const struct hl_position *p)
{
    rd_kafka_topic_partition_list_add(list, s->k->config.inputs[p->topic], p->partition)->offset = p->offset;
}

static rd_kafka_topic_partition_list_t *list_of(const struct hl_kafka_stream *s, const struct hl_position *p, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n + 1);
    for (size_t i = 0; i < n; i++) list_add(list, s, &p[i]);
    return list;
}

static void reader_close(struct hl_kafka_stream *s)
{
    if (!s->reader) return;
    rd_kafka_consumer_close(s->reader);
    rd_kafka_destroy(s->reader);
    s->reader = NULL;
}

/* Give a client its part of the positions. */
static rd_kafka_resp_err_t assign_to(const struct hl_kafka_stream *s, rd_kafka_t *rk, const struct hl_position *p, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n + 1);
    for (size_t i = 0; i < n; i++)
        if (hl_kafka_client_of(s, p[i].topic) == rk) list_add(list, s, &p[i]);
    rd_kafka_resp_err_t code = rd_kafka_assign(rk, p ? list : NULL);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static enum hl_status stream_assign(struct hl_stream *port, const struct hl_position *positions, size_t n, struct hl_error *err)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    rd_kafka_resp_err_t express = s->express ? assign_to(s, s->express, positions, n) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = assign_to(s, s->consumer, positions, n); /* whatever else fails: the group waits for it */
    if (!code) code = express;
    memset(s->at_end, 0, s->k->config.n_inputs * (size_t)s->k->n_partitions * sizeof(bool));
    if (n) reader_close(s);
    return code ? hl_kafka_error(err, code, "assigning partitions") : HL_OK;
}

static bool is_worth_asking_again(const struct hl_kafka_stream *s, rd_kafka_resp_err_t code)
{
    enum hl_action action;
    hl_kafka_alive(s->k, s->index);
    return code && hl_kafka_status(code, &action) && action == HL_RETRY && !hl_kafka_stopping(s->k) && s->change == HL_ASSIGNMENT_SAME;
}

static enum hl_status stream_committed(struct hl_stream *port, struct hl_position *positions, size_t n, struct hl_error *err)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    rd_kafka_topic_partition_list_t *list = list_of(s, positions, n);
    rd_kafka_resp_err_t code;
    /* unstable offsets (an open transaction of the predecessor) are waited for inside */
    do {
        hl_kafka_begin(s, "committed", ANSWER_MS);
        code = rd_kafka_committed(s->consumer, list, ANSWER_MS);
    } while (is_worth_asking_again(s, code));
    for (size_t i = 0; !code && i < n; i++) {
        const rd_kafka_topic_partition_t *p = &list->elems[i];
        code = p->err;
        hl_kafka_position_read(p, &positions[i]);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (hl_kafka_is_forbidden(code)) return hl_kafka_forbidden(s->k, code, "Describe and Read", NULL, err);
    return code ? hl_kafka_error(err, code, "reading committed offsets") : HL_OK;
}

void hl_kafka_know_topic(rd_kafka_t *rk, const char *name)
{
    const rd_kafka_metadata_t *md;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    if (topic && rd_kafka_metadata(rk, 0, topic, &md, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_metadata_destroy(md);
    if (topic) rd_kafka_topic_destroy(topic);
}

static enum hl_status reader_open(struct hl_kafka_stream *s, struct hl_error *err)
{
    if (s->reader) return HL_OK;
    rd_kafka_conf_t *conf = hl_kafka_conf(s->k, HL_KAFKA_READER, s->index, err);
    if (!conf) return HL_E_CONFIG;
    enum hl_status status = hl_kafka_client(RD_KAFKA_CONSUMER, conf, &s->reader, err);
    if (status) return status;
    rd_kafka_poll_set_consumer(s->reader);
    hl_kafka_know_topic(s->reader, s->k->config.outputs[HL_OUT_STATE]);
    for (uint16_t t = 0; t < s->k->config.n_inputs; t++) {
        hl_kafka_alive(s->k, s->index);
        hl_kafka_know_topic(s->reader, s->k->config.inputs[t]);
    }
    return HL_OK;
}

/* A topic that was created a moment ago may be in the client's metadata without its partitions, and is looked up there for as long as it lives:
 * so it is asked for anew between two tries. */
static enum hl_status stream_bounds(struct hl_stream *port, uint16_t topic, int32_t partition, int64_t *low, int64_t *high, struct hl_error *err)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    const char *name = hl_kafka_topic_name(s->k, topic);
    int64_t give_up = hl_clock_mono_ns() + BOUNDS_NS;
    for (;;) {
        hl_kafka_begin(s, "query_watermark_offsets", ANSWER_MS);
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(s->consumer, name, partition, low, high, ANSWER_MS);
        if (!is_worth_asking_again(s, code) || hl_clock_mono_ns() > give_up) {
            if (hl_kafka_is_forbidden(code)) return hl_kafka_forbidden(s->k, code, "Describe and Read", name, err);
            return code ? hl_kafka_error(err, code, name) : HL_OK;
        }
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        hl_kafka_know_topic(s->consumer, name);
    }
}

static enum hl_status stream_read(struct hl_stream *port, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx, struct hl_error *err)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    enum hl_status status = n ? reader_open(s, err) : HL_OK;
    if (status || !n) return status;
    status = hl_kafka_read(s->k, s->reader, ranges, n, fn, ctx, err);
    if (status) reader_close(s); /* the next try starts with a fresh one */
    return status;
}

static int64_t stream_lag(struct hl_stream *port, uint16_t topic, int32_t partition, int64_t next)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    int64_t low, high;
    rd_kafka_t *rk = hl_kafka_client_of(s, topic);
    if (rd_kafka_get_watermark_offsets(rk, s->k->config.inputs[topic], partition, &low, &high) || high < 0) return -1;
    bool *at_end = end_flag(s, topic, partition);
    bool read = *at_end && s->ended[at_end - s->at_end] == high; /* what ends a transaction takes an offset, and is never read */
    return high > next && !read ? high - next : 0;
}

static bool stream_at_end(struct hl_stream *port, uint16_t topic, int32_t partition)
{
    return *end_flag(hl_kafka_stream_of(port), topic, partition);
}

static void stream_free(struct hl_stream *port)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    if (!s) return;
    hl_kafka_committer_close(s);
    if (s->producer) hl_kafka_producer_close(s);
    reader_close(s);
    consumer_close(s);
    free(s->partitions);
    free(s->at_end);
    free(s->ended);
    free(s->state_end);
    free(s);
}

static enum hl_status subscribe(struct hl_kafka_stream *s, struct hl_error *err)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new((int)s->k->config.n_inputs);
    for (size_t i = 0; i < s->k->config.n_inputs; i++)
        rd_kafka_topic_partition_list_add(topics, s->k->config.inputs[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(s->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code ? hl_kafka_error(err, code, "subscribing") : HL_OK;
}

static enum hl_status consumer_open(struct hl_kafka_stream *s, struct hl_error *err)
{
    rd_kafka_conf_t *conf = hl_kafka_conf(s->k, HL_KAFKA_CONSUMER, s->index, err);
    if (!conf) return HL_E_CONFIG;
    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    enum hl_status status = hl_kafka_client(RD_KAFKA_CONSUMER, conf, &s->consumer, err);
    if (status) return status;
    rd_kafka_poll_set_consumer(s->consumer);
    s->consumer_queue = rd_kafka_queue_get_consumer(s->consumer);
    hl_kafka_refill_init(&s->refill, s->consumer);
    return subscribe(s, err);
}

enum hl_status hl_kafka_stream_new(struct hl_kafka *k, unsigned index, struct hl_stream **out, struct hl_error *err)
{
    struct hl_kafka_stream *s = calloc(1, sizeof(*s));
    if (!s) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    s->port = (struct hl_stream){
        .poll = stream_poll,
        .release = stream_release,
        .header = stream_header,
        .header_at = stream_header_at,
        .assignment = stream_assignment,
        .changed = stream_changed,
        .assign = stream_assign,
        .committed = stream_committed,
        .bounds = stream_bounds,
        .read = stream_read,
        .produce = hl_kafka_produce,
        .settle = hl_kafka_settle,
        .commit = hl_kafka_commit,
        .finish = hl_kafka_finish,
        .abort = hl_kafka_abort,
        .lag = stream_lag,
        .state_end = hl_kafka_state_end,
        .at_end = stream_at_end,
        .free = stream_free,
    };
    s->k = k;
    s->index = index;
    s->at_end = calloc(k->config.n_inputs * (size_t)k->n_partitions + 1, sizeof(bool));
    s->ended = calloc(k->config.n_inputs * (size_t)k->n_partitions + 1, sizeof(*s->ended));
    s->state_end = calloc((size_t)k->n_partitions + 1, sizeof(*s->state_end));
    if (!s->at_end || !s->ended || !s->state_end) {
        stream_free(&s->port);
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    }
    /* the producer first: it aborts what a predecessor of this name left open, before the group hands out partitions */
    enum hl_status status = hl_kafka_producer_open(s, err);
    if (!status) status = hl_kafka_committer_open(s, err);
    if (!status) status = consumer_open(s, err);
    if (!status) status = hl_kafka_express_open(s, err);
    if (status) {
        stream_free(&s->port);
        return status;
    }
    *out = &s->port;
    return HL_OK;
}
