/* The commit of a worker's session, on a thread of its own.
 *
 * DESIGN  A commit waits for the brokers three times: for the records and the offsets, and for the end of the transaction. Meanwhile the worker
 * goes on scoring. librdkafka takes no records while a transaction ends, so what the worker writes then is kept here, and handed to the producer
 * when the commit is over: it belongs to the next transaction.
 *
 *     worker     produce ... commit | produce (kept) ... finish, rest | hand over what was kept, produce ...
 *     committer                     | send offsets, end the transaction |
 *
 * After a commit the producer rests for a moment. The broker answers before it has written the markers, and until then refuses what would begin the next
 * transaction; librdkafka asks again after 20 ms, as Kafka's own client does, and a commit would take that much longer.
 *
 * In a backlog, all is kept until the commit: each partition that a record goes to while the transaction is open is registered with the brokers, and librdkafka
 * 2.0's main thread turns for the millisecond that it waits for others to join it. Handed over together they are one request: 0.93 of the CPU of an event.
 * Without transactions likewise, until the commit or the end of the backlog: without a linger.ms they would be a request for each few records.
 *
 * If the commit fails, the worker drops what it did since along with what was to be committed, and recovers; so nothing of this needs to be undone.
 * The membership in the group is noted when the commit begins: after a rebalance the broker refuses it, as it must.
 *
 * Without transactions, the worker goes on producing while a commit is under way: what comes is for the next one. What was produced between `settle` and
 * `commit` (the states) is held until all that came before it has been delivered, so the committer hands it over itself. Deliveries are counted by what waits
 * for them: those before this commit, those since, and those of states.
 *
 *     worker     transitions ... settle | states (held) | commit | transitions ...
 *     committer                                           | await deliveries, hand over the states, await theirs, commit the offsets |
 *
 * WHY NOT two producers in turns: the second transaction could be committed and the first one not.
 *
 * THREADS  The committer owns the producer, and the flags about it, from `commit` to the end of the commit, which it announces under the mutex. The
 * worker then says what it waits for, to who watches over it; `tries` tells it that a call was made again. Without transactions the worker produces
 * meanwhile, which librdkafka allows, and touches nothing else. Delivery reports are served by one thread at a time. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/failpoint.h"
#include "kept.h"
#include "stream.h"

#define SOCKET_MS 60000 /* socket.timeout.ms: within it, a call may wait for one answer whatever limit it was given */
#define LOOK_NS 200000000
#define KEPT_BYTES ((size_t)32 << 20) /* more than this, and the worker waits */
#define TOGETHER_BYTES ((size_t)4 << 20) /* so much goes to the producer at once, where there is a backlog */
#define DELIVERY_LOOK_MS 100

enum work { AT_REST, ASKED, ENDED, CLOSING };

struct hl_kafka_committer {
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t turn;
    enum work work;
    unsigned tries;
    const char *call; /* that is on, and how long it may take */
    int64_t limit_ms;
    rd_kafka_topic_partition_list_t *offsets;
    rd_kafka_consumer_group_metadata_t *group;
    enum hl_status status;
    struct hl_error error;
    int64_t ended_ns; /* when it was */
    bool unfinished; /* the worker's own: began, and `finish` has not said how it ended */
    int64_t rest_until_ns; /* the worker's own: the next transaction begins then; 0: it may */
    struct hl_kafka_kept kept;
    /* without transactions */
    bool holds;         /* the worker's own: between `settle` and `commit` */
    struct hl_kafka_kept held; /* what was produced then; the committer's while it is at work */
};

/* --- what the committer does --- */

/* A call begins, perhaps anew: who waits for the committer says so. */
static void announce(struct hl_kafka_committer *c, const char *call, int64_t limit_ms)
{
    pthread_mutex_lock(&c->mutex);
    c->call = call;
    c->limit_ms = limit_ms;
    c->tries++;
    pthread_cond_broadcast(&c->turn);
    pthread_mutex_unlock(&c->mutex);
}

/* For failpoints: whether it happened or not, nobody heard of it. */
static inline enum hl_status unanswered(struct hl_kafka_stream *s, struct hl_error *err)
{
    s->renew = true;
    return hl_error_set(err, HL_E_IN_DOUBT, HL_RETRY, "failpoint");
}

static enum hl_status send_offsets(struct hl_kafka_stream *s, struct hl_error *err)
{
    rd_kafka_error_t *e;
    do {
        announce(s->committer, "send_offsets_to_transaction", CALL_MS + SOCKET_MS);
        e = rd_kafka_send_offsets_to_transaction(s->producer, s->committer->offsets, s->committer->group, CALL_MS);
    } while (hl_kafka_is_to_repeat(s, e));
    return e ? hl_kafka_transaction_error(s, e, "sending offsets to the transaction", err) : HL_OK;
}

static enum hl_status end_transaction(struct hl_kafka_stream *s, struct hl_error *err)
{
    rd_kafka_error_t *e;
    announce(s->committer, "commit_transaction", CALL_MS);
    if (HL_FAILPOINT_ERROR(COMMIT_BEFORE_END)) return unanswered(s, err);
    do {
        announce(s->committer, "commit_transaction", CALL_MS);
        e = rd_kafka_commit_transaction(s->producer, CALL_MS);
    } while (hl_kafka_is_to_repeat(s, e));
    if (e) return hl_kafka_transaction_error(s, e, "committing the transaction", err);
    s->in_transaction = false;
    return HL_FAILPOINT_ERROR(COMMIT_AFTER_END) ? unanswered(s, err) : HL_OK;
}

static enum hl_status commit_transaction(struct hl_kafka_stream *s, struct hl_error *err)
{
    if (HL_FAILPOINT_ERROR(COMMIT_BEFORE_OFFSETS)) return hl_error_set(err, HL_E_ABORT, HL_RETRY, "failpoint");
    enum hl_status status = s->committer->offsets->cnt ? send_offsets(s, err) : HL_OK;
    return status ? status : end_transaction(s, err);
}

static enum hl_status check_deliveries(struct hl_kafka_stream *s, struct hl_error *err)
{
    if (!atomic_load(&s->failed_deliveries) && !rd_kafka_fatal_error(s->producer, NULL, 0)) return HL_OK;
    s->renew = true;
    if (s->forbidden) return hl_kafka_forbidden(s->k, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "Write", s->forbidden, err);
    return hl_error_set(err, HL_E_IN_DOUBT, HL_RETRY, "kafka: %d records were not delivered", atomic_load(&s->failed_deliveries));
}

static enum hl_status await_deliveries(struct hl_kafka_stream *s, const atomic_int *left, struct hl_error *err)
{
    enum hl_status status = check_deliveries(s, err);
    while (atomic_load(left) && !status) {
        announce(s->committer, "flush", DELIVERY_LOOK_MS);
        rd_kafka_poll(s->producer, DELIVERY_LOOK_MS);
        status = check_deliveries(s, err);
    }
    return status;
}

static enum hl_status commit_offsets(struct hl_kafka_stream *s, struct hl_error *err)
{
    struct hl_kafka_committer *c = s->committer;
    if (HL_FAILPOINT_ERROR(COMMIT_BEFORE_OFFSETS)) return hl_error_set(err, HL_E_ABORT, HL_RETRY, "failpoint");
    enum hl_status status = await_deliveries(s, &s->undelivered[!s->since], err);
    if (!status) status = hl_kafka_kept_hand_over(&c->held, s, err);
    if (!status) status = await_deliveries(s, &s->undelivered[HL_KAFKA_STATES], err);
    if (status) return status;
    if (HL_FAILPOINT_ERROR(COMMIT_BEFORE_END)) return unanswered(s, err);
    announce(c, "commit", SOCKET_MS);
    rd_kafka_resp_err_t code = c->offsets->cnt ? rd_kafka_commit(s->consumer, c->offsets, 0) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!code) return HL_FAILPOINT_ERROR(COMMIT_AFTER_END) ? unanswered(s, err) : HL_OK;
    hl_error_set(err, HL_E_ABORT, HL_RETRY, "kafka: committing offsets: %s", rd_kafka_err2str(code));
    return HL_E_ABORT;
}

static void *committer_main(void *arg)
{
    struct hl_kafka_stream *s = arg;
    struct hl_kafka_committer *c = s->committer;
    pthread_setname_np(pthread_self(), "committer");
    pthread_mutex_lock(&c->mutex);
    for (;;) {
        while (c->work == AT_REST || c->work == ENDED) pthread_cond_wait(&c->turn, &c->mutex);
        if (c->work == CLOSING) break;
        pthread_mutex_unlock(&c->mutex);
        enum hl_status status = (s->k->config.transactions ? commit_transaction : commit_offsets)(s, &c->error);
        pthread_mutex_lock(&c->mutex);
        c->status = status;
        c->ended_ns = hl_clock_mono_ns();
        if (c->work == ASKED) c->work = ENDED;
        pthread_cond_broadcast(&c->turn);
        rd_kafka_queue_yield(s->consumer_queue);
    }
    pthread_mutex_unlock(&c->mutex);
    return NULL;
}

enum hl_status hl_kafka_committer_open(struct hl_kafka_stream *s, struct hl_error *err)
{
    struct hl_kafka_committer *c = calloc(1, sizeof(*c));
    pthread_condattr_t monotonic;
    if (!c) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    s->committer = c;
    pthread_mutex_init(&c->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->turn, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (hl_kafka_kept_init(&c->kept, (size_t)s->k->n_partitions, err) || hl_kafka_kept_init(&c->held, (size_t)s->k->n_partitions, err)) return HL_E_NOMEM;
    c->started = pthread_create(&c->thread, NULL, committer_main, s) == 0;
    return c->started ? HL_OK : hl_error_set(err, HL_E_INTERNAL, HL_STOP, "the committer's thread does not start");
}

/* --- the worker's side --- */

/* What is produced now waits: a commit has begun, and `finish` has not said how it ended, or the producer rests from it, or there is a backlog. */
static bool is_to_keep(const struct hl_kafka_stream *s)
{
    const struct hl_kafka_committer *c = s->committer;
    if ((c->unfinished && s->k->config.transactions) || (c->rest_until_ns && hl_clock_mono_ns() < c->rest_until_ns)) return true;
    bool waits = s->k->config.transactions || !s->express; /* without, those of the fast lane do not wait for a commit */
    return s->behind && waits && c->kept.bytes < TOGETHER_BYTES;
}

static bool is_at_work(struct hl_kafka_committer *c)
{
    pthread_mutex_lock(&c->mutex);
    bool is = c->work == ASKED;
    pthread_mutex_unlock(&c->mutex);
    return is;
}

void hl_kafka_serve(struct hl_kafka_stream *s, int timeout_ms)
{
    struct hl_kafka_committer *c = s->committer;
    bool is_its = !pthread_equal(pthread_self(), c->thread) && c->unfinished && is_at_work(c);
    if (!is_its) rd_kafka_poll(s->producer, timeout_ms);
    else if (timeout_ms) nanosleep(&(struct timespec){.tv_nsec = timeout_ms * 1000000l}, NULL);
}

/* Until the committer has ended, or made another call. */
static void await_try(struct hl_kafka_stream *s)
{
    struct hl_kafka_committer *c = s->committer;
    pthread_mutex_lock(&c->mutex);
    hl_kafka_begin(s, c->call, c->limit_ms);
    for (unsigned tries = c->tries; c->work == ASKED && c->tries == tries;) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&c->turn, &c->mutex, &until);
    }
    pthread_mutex_unlock(&c->mutex);
}

void hl_kafka_commit_await(struct hl_kafka_stream *s)
{
    if (!is_at_work(s->committer)) return;
    do await_try(s);
    while (is_at_work(s->committer));
    hl_kafka_end(s);
}

/* What the commit was about. */
static void let_go(struct hl_kafka_committer *c)
{
    if (c->offsets) rd_kafka_topic_partition_list_destroy(c->offsets);
    if (c->group) rd_kafka_consumer_group_metadata_destroy(c->group);
    c->offsets = NULL;
    c->group = NULL;
    c->unfinished = false;
    c->rest_until_ns = 0;
    c->work = AT_REST;
}

void hl_kafka_commit_forget(struct hl_kafka_stream *s)
{
    hl_kafka_commit_await(s);
    pthread_mutex_lock(&s->committer->mutex);
    let_go(s->committer);
    pthread_mutex_unlock(&s->committer->mutex);
    hl_kafka_kept_clear(&s->committer->kept);
    hl_kafka_kept_clear(&s->committer->held);
    s->committer->holds = false;
}

void hl_kafka_committer_close(struct hl_kafka_stream *s)
{
    struct hl_kafka_committer *c = s->committer;
    if (!c) return;
    hl_kafka_commit_forget(s);
    pthread_mutex_lock(&c->mutex);
    c->work = CLOSING;
    pthread_cond_broadcast(&c->turn);
    pthread_mutex_unlock(&c->mutex);
    if (c->started) pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->turn);
    pthread_mutex_destroy(&c->mutex);
    hl_kafka_kept_fini(&c->kept);
    hl_kafka_kept_fini(&c->held);
    free(c);
    s->committer = NULL;
}

enum hl_status hl_kafka_hand_over(struct hl_kafka_stream *s, struct hl_error *err)
{
    s->committer->rest_until_ns = 0;
    return hl_kafka_kept_hand_over(&s->committer->kept, s, err);
}

/* So many states that the worker waits itself for what they are behind. */
static enum hl_status hold_no_more(struct hl_kafka_stream *s, struct hl_error *err)
{
    struct hl_kafka_committer *c = s->committer;
    HL_BUG_ON(c->unfinished);
    do hl_kafka_begin(s, "flush", 1000);
    while (rd_kafka_flush(s->producer, 1000) == RD_KAFKA_RESP_ERR__TIMED_OUT && !rd_kafka_fatal_error(s->producer, NULL, 0));
    hl_kafka_end(s);
    c->holds = false;
    enum hl_status status = check_deliveries(s, err);
    return status ? status : hl_kafka_kept_hand_over(&c->held, s, err);
}

enum hl_status hl_kafka_produce(struct hl_stream *port, enum hl_output out, int32_t partition, struct hl_slice key, struct hl_slice value,
                                const struct hl_header *headers, size_t n_headers, struct hl_error *err)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    struct hl_kafka_committer *c = s->committer;
    if (c->holds) {
        enum hl_status status = hl_kafka_kept_put(&c->held, out, partition, key, value, headers, n_headers, err);
        return status || c->held.bytes <= KEPT_BYTES ? status : hold_no_more(s, err);
    }
    if (is_to_keep(s)) {
        if (c->kept.bytes > KEPT_BYTES) hl_kafka_commit_await(s); /* it grows on a little, until the worker asks how the commit ended */
        return hl_kafka_kept_put(&c->kept, out, partition, key, value, headers, n_headers, err);
    }
    enum hl_status status = hl_kafka_hand_over(s, err);
    return status ? status : hl_kafka_produce_now(s, out, partition, key, value, headers, n_headers, err);
}

enum hl_status hl_kafka_settle(struct hl_stream *port, struct hl_error *err)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    if (s->k->config.transactions) return HL_OK;
    s->committer->holds = true;
    return hl_kafka_hand_over(s, err);
}

/* --- commit and finish --- */

/* What is left of it. */
static void rest(const struct hl_kafka_committer *c)
{
    int64_t left = c->rest_until_ns ? c->rest_until_ns - hl_clock_mono_ns() : 0;
    if (left > 0) nanosleep(&(struct timespec){.tv_nsec = left}, NULL);
}

enum hl_status hl_kafka_commit(struct hl_stream *port, const struct hl_position *positions, size_t n, struct hl_error *err)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    struct hl_kafka_committer *c = s->committer;
    HL_BUG_ON(c->unfinished);
    rest(c);
    enum hl_status status = hl_kafka_hand_over(s, err);
    if (status) return status;
    status = hl_kafka_begin_transaction(s, err);
    if (status) return status;
    c->holds = false;
    s->since = !s->since;
    pthread_mutex_lock(&c->mutex);
    c->offsets = hl_kafka_positions_list(s->k, positions, n);
    c->group = rd_kafka_consumer_group_metadata(s->consumer);
    c->unfinished = true;
    c->call = "commit";
    c->limit_ms = CALL_MS + SOCKET_MS;
    c->work = ASKED;
    pthread_cond_broadcast(&c->turn);
    pthread_mutex_unlock(&c->mutex);
    return HL_OK;
}

enum hl_status hl_kafka_finish(struct hl_stream *port, bool wait, bool *done, struct hl_error *err)
{
    struct hl_kafka_stream *s = hl_kafka_stream_of(port);
    struct hl_kafka_committer *c = s->committer;
    *done = !c->unfinished;
    if (*done) return HL_OK;
    if (wait) hl_kafka_commit_await(s);
    if (is_at_work(c)) return HL_OK;
    *done = true;
    pthread_mutex_lock(&c->mutex);
    enum hl_status status = c->status;
    if (status && err) *err = c->error;
    let_go(c);
    pthread_mutex_unlock(&c->mutex);
    if (!status && s->k->config.transactions) c->rest_until_ns = c->ended_ns + HL_COMMIT_REST_NS;
    return status;
}
