/* The producing half of a worker's session: transactions, and the low-latency path.
 *
 * DESIGN  Every way a commit can fail ends in one of two answers: HL_E_ABORT, after which `abort` makes the producer usable, and HL_E_IN_DOUBT,
 * after which `abort` replaces it; its epoch fences whatever of the old one is still on the way, and the committed offsets tell what became of
 * the transaction. The worker recovers its partitions in both cases, so neither needs to know the outcome.
 * A request of a transaction that gets no answer in time is asked again by librdkafka, silently, and the first one may still be on its way: a late
 * EndTxn would then end the next transaction in its middle, a late TxnOffsetCommit take its offsets back. So the producer is replaced before it
 * begins another one. The only sign of it is the interceptor's (KIP-890 cures this in the protocol; no librdkafka speaks that yet).
 * The order of checks is librdkafka's contract: abortable, then retriable (same call, same arguments), else fatal.
 *
 * Each call that waits for a broker is announced to who watches over the thread, and each try anew: a broker that is away for an hour is no
 * thread that hangs.
 *
 * WHY NOT exit on a fatal error, as the library's examples do: a transaction that the broker timed out (a stopped process, a long pause) makes
 * a producer fatal on 2.0.2, and that is an ordinary event in the life of a service. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/failpoint.h"
#include "hotlead/base/log.h"
#include "stream.h"


static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    struct hl_kafka_stream *s = opaque;
    atomic_int *counted = m->_private;
    if (!m->err && counted == &s->undelivered[HL_KAFKA_STATES])
        s->state_end[m->partition] = m->offset >= 0 ? m->offset + 1 : -1; /* not known when it was sent twice */
    atomic_fetch_sub_explicit(counted, 1, memory_order_release); /* what is written above is seen by who waits for it */
    if (!m->err || m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) return;
    char quoted[256];
    hl_log(HL_LOG_WARN, "delivery_failed", "topic=%s partition=%d reason=%s", rd_kafka_topic_name(m->rkt), m->partition,
           hl_log_quote(quoted, sizeof(quoted), rd_kafka_err2str(m->err)));
    atomic_fetch_add_explicit(&s->failed_deliveries, 1, memory_order_relaxed);
    for (int o = 0; o < HL_OUT_COUNT && hl_kafka_is_forbidden(m->err); o++)
        if (strcmp(rd_kafka_topic_name(m->rkt), s->k->config.outputs[o]) == 0) s->forbidden = s->k->config.outputs[o];
}

/* A transaction does not tell which of its topics was refused; the log lines of librdkafka do. */
static enum hl_status write_forbidden(const struct hl_kafka_stream *s, rd_kafka_resp_err_t code, struct hl_error *err)
{
    const char *const *o = s->k->config.outputs;
    if (s->forbidden || code != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) return hl_kafka_forbidden(s->k, code, "Write", s->forbidden, err);
    return hl_error_set(err, HL_E_PERMISSION, HL_STOP,
                        "kafka: not permitted: Write on one of the topics %s, %s, %s, %s, %s; grant it to the user that hotlead logs in as",
                        o[HL_OUT_TRANSITIONS], o[HL_OUT_STATE], o[HL_OUT_ALERTS], o[HL_OUT_DEAD_LETTER], o[HL_OUT_MERGES]);
}

static bool is_fence(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

enum { ADD_PARTITIONS_TO_TXN = 24, ADD_OFFSETS_TO_TXN = 25, END_TXN = 26, TXN_OFFSET_COMMIT = 28 }; /* https://kafka.apache.org/protocol#protocol_api_keys */

/* Comes from librdkafka's own threads, for each request that was sent, whatever became of it. */
static rd_kafka_resp_err_t on_response(rd_kafka_t *rk, int fd, const char *broker, int32_t broker_id, int16_t api_key, int16_t version, int32_t id,
                                       size_t size, int64_t rtt, rd_kafka_resp_err_t code, void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)broker_id, (void)version, (void)id, (void)size, (void)rtt;
    struct hl_kafka_stream *s = opaque;
    bool ours = api_key == ADD_PARTITIONS_TO_TXN || api_key == ADD_OFFSETS_TO_TXN || api_key == END_TXN || api_key == TXN_OFFSET_COMMIT;
    if (code && ours) atomic_store_explicit(&s->stray, true, memory_order_relaxed);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque, char *why, size_t cap)
{
    (void)conf, (void)why, (void)cap;
    return rd_kafka_interceptor_add_on_response_received(rk, "hotlead", on_response, opaque);
}

enum hl_status hl_kafka_transaction_error(struct hl_kafka_stream *s, rd_kafka_error_t *e, const char *doing, struct hl_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(e);
    enum hl_status status = rd_kafka_error_txn_requires_abort(e) ? HL_E_ABORT : HL_E_IN_DOUBT;
    if (rd_kafka_error_is_fatal(e)) s->renew = true;
    s->fenced |= is_fence(code);
    if (status == HL_E_IN_DOUBT) s->renew = true;
    if (hl_kafka_is_forbidden(code))
        status = write_forbidden(s, code, err);
    else
        hl_error_set(err, status, HL_RETRY, "kafka: %s: %s (%s)", doing, rd_kafka_error_string(e), rd_kafka_error_name(e));
    rd_kafka_error_destroy(e);
    return status;
}

bool hl_kafka_is_to_repeat(struct hl_kafka_stream *s, rd_kafka_error_t *e)
{
    if (!e || rd_kafka_error_txn_requires_abort(e) || !rd_kafka_error_is_retriable(e) || hl_kafka_stopping(s->k)) return false;
    rd_kafka_error_destroy(e);
    rd_kafka_poll(s->producer, 100);
    return true;
}

static bool again(struct hl_kafka_stream *s, rd_kafka_error_t *e)
{
    bool is = hl_kafka_is_to_repeat(s, e);
    if (is) hl_kafka_alive(s->k, s->index);
    return is;
}

/* A broker makes its topic of transactions when a first producer asks, and names a coordinator before that is ready: each try, every few
 * milliseconds, is then a warning of librdkafka. That is how a first start goes; what outlasts the first call is trouble. */
static bool is_coordinator_to_come(const char *facility, const char *text)
{
    static const rd_kafka_resp_err_t CODES[] = {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                                RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE};
    if (strcmp(facility, "GETPID") != 0) return false;
    for (size_t i = 0; i < HL_ARRAY_LEN(CODES); i++)
        if (strstr(text, rd_kafka_err2str(CODES[i]))) return true;
    return false;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct hl_kafka_stream *s = rd_kafka_opaque(rk);
    if (atomic_load_explicit(&s->first_try, memory_order_relaxed) && is_coordinator_to_come(facility, text))
        hl_kafka_log_line(HL_LOG_DEBUG, facility, text);
    else
        hl_kafka_on_log(rk, level, facility, text);
}

/* librdkafka itself says nothing at all while a broker has no coordinator to name. */
static void tell_wait(const struct hl_kafka_stream *s, unsigned tries)
{
    if ((tries & (tries - 1)) != 0) return; /* after 5, 10, 20, 40 ... seconds */
    hl_log(HL_LOG_WARN, "waiting_for_coordinator",
           "worker=%u seconds=%u message=\"no broker answers yet as the coordinator of transactions; a cluster of fewer brokers than its "
           "transaction.state.log.replication.factor never does\"", s->index, tries * (CALL_MS / 1000));
}

static enum hl_status transactions_init(struct hl_kafka_stream *s, struct hl_error *err)
{
    rd_kafka_error_t *e;
    bool repeat;
    unsigned tries = 0;
    atomic_store(&s->first_try, true);
    do {
        hl_kafka_begin(s, "init_transactions", CALL_MS);
        e = rd_kafka_init_transactions(s->producer, CALL_MS);
        atomic_store(&s->first_try, false);
        repeat = again(s, e);
        if (repeat) tell_wait(s, ++tries);
    } while (repeat);
    hl_kafka_end(s);
    return e ? hl_kafka_transaction_error(s, e, "initialising transactions", err) : HL_OK;
}

enum hl_status hl_kafka_producer_open(struct hl_kafka_stream *s, struct hl_error *err)
{
    rd_kafka_conf_t *conf = hl_kafka_conf(s->k, HL_KAFKA_PRODUCER, s->index, err);
    if (!conf) return HL_E_CONFIG;
    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_interceptor_add_on_new(conf, "hotlead", on_new, s);
    enum hl_status status = hl_kafka_client(RD_KAFKA_PRODUCER, conf, &s->producer, err);
    if (status) return status;
    s->renew = s->fenced = s->in_transaction = false;
    atomic_store(&s->failed_deliveries, 0);
    for (size_t i = 0; i < HL_ARRAY_LEN(s->undelivered); i++) atomic_store(&s->undelivered[i], 0);
    s->forbidden = NULL;
    atomic_store(&s->stray, false);
    for (int o = 0; o < HL_OUT_COUNT; o++) {
        s->outputs[o] = rd_kafka_topic_new(s->producer, s->k->config.outputs[o], NULL);
        hl_kafka_alive(s->k, s->index);
        const rd_kafka_metadata_t *md; /* warm: the first produce to an unknown topic can wait a second */
        if (rd_kafka_metadata(s->producer, 0, s->outputs[o], &md, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_metadata_destroy(md);
    }
    return s->k->config.transactions ? transactions_init(s, err) : HL_OK;
}

void hl_kafka_producer_close(struct hl_kafka_stream *s)
{
    if (s->in_transaction || s->renew) rd_kafka_purge(s->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (int o = 0; o < HL_OUT_COUNT; o++) {
        if (s->outputs[o]) rd_kafka_topic_destroy(s->outputs[o]);
        s->outputs[o] = NULL;
    }
    hl_kafka_begin(s, "closing the producer", HL_KAFKA_TRANSACTION_MS);
    rd_kafka_destroy(s->producer);
    hl_kafka_end(s);
    s->producer = NULL;
}

/* The first worker decides for its process: two producers of one name fence each other by turns, so one of them is the first to have had enough. If
 * each worker could decide, both processes might end, one for one name and one for the other.
 * Fenced once is a timed-out transaction; fenced again and again is a second process of this name. A commit without an answer says nothing
 * of the kind, however often it comes. */
static bool fenced_often(struct hl_kafka_stream *s)
{
    bool is = s->fenced || is_fence(rd_kafka_fatal_error(s->producer, NULL, 0));
    return is && hl_kafka_too_often(s->fenced_ns) && s->index == 0;
}

static enum hl_status renew(struct hl_kafka_stream *s, struct hl_error *err)
{
    if (fenced_often(s))
        return hl_error_set(err, HL_E_FENCED, HL_STOP, "the producer '%s-%u' was fenced 4 times within a minute: does another process run "
                            "with the same kafka.instance?", s->k->config.identity, s->index);
    if (HL_FAILPOINT_ERROR(PRODUCER_RENEW)) return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
    hl_kafka_producer_close(s);
    hl_log(HL_LOG_WARN, "producer_renewed", "worker=%u", s->index);
    return hl_kafka_producer_open(s, err);
}

enum hl_status hl_kafka_begin_transaction(struct hl_kafka_stream *s, struct hl_error *err)
{
    if (s->in_transaction || !s->k->config.transactions) return HL_OK;
    enum hl_status status = atomic_load_explicit(&s->stray, memory_order_relaxed) ? renew(s, err) : HL_OK;
    if (status) return status;
    rd_kafka_error_t *e = rd_kafka_begin_transaction(s->producer);
    if (e) return hl_kafka_transaction_error(s, e, "beginning a transaction", err);
    s->in_transaction = true;
    return HL_OK;
}

static rd_kafka_headers_t *headers_of(const struct hl_header *headers, size_t n)
{
    rd_kafka_headers_t *h = rd_kafka_headers_new(n);
    for (size_t i = 0; i < n; i++) rd_kafka_header_add(h, headers[i].name, -1, headers[i].value.data, (ssize_t)headers[i].value.len);
    return h;
}

/* Takes no more records. A transaction that has failed meanwhile tells its reason to the next call about transactions. */
static enum hl_status produce_failed(struct hl_kafka_stream *s, enum hl_output out, rd_kafka_resp_err_t code, struct hl_error *err)
{
    rd_kafka_error_t *e = code == RD_KAFKA_RESP_ERR__STATE && s->in_transaction ? rd_kafka_begin_transaction(s->producer) : NULL;
    if (e && hl_kafka_is_forbidden(rd_kafka_error_code(e))) return hl_kafka_transaction_error(s, e, "writing", err);
    rd_kafka_error_destroy(e);
    hl_kafka_error(err, code, s->k->config.outputs[out]);
    if (err) err->code = HL_E_ABORT;
    return HL_E_ABORT;
}

enum hl_status hl_kafka_produce_now(struct hl_kafka_stream *s, enum hl_output out, int32_t partition, struct hl_slice key, struct hl_slice value,
                                    const struct hl_header *headers, size_t n_headers, struct hl_error *err)
{
    enum hl_status status = hl_kafka_begin_transaction(s, err);
    if (status) return status;
    atomic_int *counted = &s->undelivered[out == HL_OUT_STATE ? HL_KAFKA_STATES : s->since];
    atomic_fetch_add_explicit(counted, 1, memory_order_relaxed);
    for (;;) {
        rd_kafka_headers_t *h = headers_of(headers, n_headers);
        rd_kafka_resp_err_t code = rd_kafka_producev(
            s->producer, RD_KAFKA_V_RKT(s->outputs[out]), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(hl_kafka_bytes(key), key.len), RD_KAFKA_V_VALUE(hl_kafka_bytes(value), value.len), RD_KAFKA_V_HEADERS(h),
            RD_KAFKA_V_OPAQUE(counted), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return HL_OK;
        rd_kafka_headers_destroy(h); /* ours again after a failure */
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) status = produce_failed(s, out, code, err);
        else hl_kafka_serve(s, 50);
        if (!status && hl_kafka_stopping(s->k) && rd_kafka_outq_len(s->producer) == 0) status = hl_error_set(err, HL_E_ABORT, HL_STOP, "stopping");
        if (!status) continue;
        atomic_fetch_sub_explicit(counted, 1, memory_order_relaxed);
        return status;
    }
}

int64_t hl_kafka_state_end(struct hl_stream *port, int32_t partition)
{
    return hl_kafka_stream_of(port)->state_end[partition];
}

enum hl_status hl_kafka_abort(struct hl_stream *port, struct hl_error *err)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    HL_FAILPOINT(ABORT_BEGIN);
    hl_kafka_commit_forget(s);
    if (!s->k->config.transactions) {
        hl_kafka_begin(s, "flush", 5000);
        rd_kafka_flush(s->producer, 5000);
        hl_kafka_end(s);
    }
    if (s->renew || rd_kafka_fatal_error(s->producer, NULL, 0)) return renew(s, err);
    if (!s->in_transaction) return HL_OK;
    rd_kafka_error_t *e;
    do {
        hl_kafka_begin(s, "abort_transaction", CALL_MS);
        e = rd_kafka_abort_transaction(s->producer, CALL_MS);
    } while (again(s, e));
    hl_kafka_end(s);
    s->in_transaction = false;
    if (!e) return HL_OK;
    hl_kafka_transaction_error(s, e, "aborting the transaction", err);
    return renew(s, err);
}
