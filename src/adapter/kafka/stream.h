/* Private: the session of one worker, in five files: stream.c consumes, express.c lets inputs of high priority go first, produce.c produces,
 * commit.c commits, on a thread of its own, kept.c keeps what has to wait for that. */
#ifndef HL_KAFKA_STREAM_H
#define HL_KAFKA_STREAM_H

#include <stdatomic.h>

#include "internal.h"
#include "refill.h"

#define LATE_MS 5000
#define CALL_MS 5000 /* a call that takes longer is made again, and goes on where it was; in between we are seen to be alive */

struct hl_kafka_committer;

/* Records that have not been delivered, by what waits for them: 0 and 1, in turns, are what was produced before the commit that is under way, and since. */
enum { HL_KAFKA_STATES = 2, HL_KAFKA_WAITS };

struct hl_kafka_stream {
    struct hl_stream port;
    struct hl_kafka *k;
    unsigned index;
    rd_kafka_t *consumer; /* the member of the group */
    rd_kafka_t *express;  /* reads the inputs of high priority; NULL: there are none */
    rd_kafka_queue_t *consumer_queue, *express_queue; /* the second wakes a wait on the first, and so does a commit that ends */
    struct hl_kafka_refill refill, express_refill;
    rd_kafka_t *producer;
    struct hl_kafka_committer *committer; /* while it is at work, the producer is its */
    rd_kafka_t *reader; /* made for recovery, gone when records flow */
    rd_kafka_topic_t *outputs[HL_OUT_COUNT];
    rd_kafka_topic_t *inputs[HL_KAFKA_MAX_INPUTS]; /* seen in messages: pointer -> index */
    /* assignment, as the group says */
    enum hl_assignment_change change;
    enum hl_status assignment_status;
    char assignment_message[256];
    bool *at_end; /* [input * partitions + partition] */
    int64_t *ended; /* likewise: where that was */
    int32_t *partitions;
    size_t n_partitions;
    bool closing;
    bool behind; /* the last poll brought much: throughput counts for more than latency */
    bool in_transaction;
    bool renew;          /* the producer is beyond use */
    bool fenced;         /* because another one has its name, or the broker has ended its transaction */
    int64_t fenced_ns[3]; /* when the producer was fenced, newest first */
    bool expelled;        /* the group says that another one has our instance id: the member is beyond use */
    int64_t expelled_ns[3];
    _Atomic int failed_deliveries;
    atomic_int undelivered[HL_KAFKA_WAITS];
    unsigned since; /* 0 or 1 */
    int64_t *state_end; /* by partition: behind the last state record that was acknowledged; 0: none was, -1: its place is not known */
    const char *forbidden; /* output topic that was not delivered to for want of permission; NULL: none */
    _Atomic bool first_try; /* the producer asks for its id, and nothing has been waited for yet */
    _Atomic bool stray; /* a request of a transaction was given up without an answer: it may yet arrive */
};

static inline struct hl_kafka_stream *hl_kafka_stream_of(struct hl_stream *s)
{
    return (struct hl_kafka_stream *)s; /* port is the first member */
}

/* Note one more; true when it is the fourth within a minute. */
bool hl_kafka_too_often(int64_t seen_ns[3]);

/* Around calls that may hang: who watches over the thread hears of them, and of how long they may take. A call that is made again begins again.
 * limit_ms: what the call was told; it comes back a little later, on a busy machine not a little. */
static inline void hl_kafka_begin(const struct hl_kafka_stream *s, const char *call, int64_t limit_ms)
{
    if (s->k->config.alive) s->k->config.alive(s->k->config.alive_ctx, s->index, call, limit_ms + LATE_MS);
}

static inline void hl_kafka_end(const struct hl_kafka_stream *s)
{
    hl_kafka_alive(s->k, s->index);
}

/* express.c */
enum hl_status hl_kafka_express_open(struct hl_kafka_stream *s, struct hl_error *err);
void hl_kafka_express_close(struct hl_kafka_stream *s);
/* The client that reads an input. */
static inline rd_kafka_t *hl_kafka_client_of(const struct hl_kafka_stream *s, uint16_t input)
{
    return s->express && s->k->config.high_priority[input] ? s->express : s->consumer;
}
/* Where a topic's leaders are, asked for now: a client that first meets a topic in assign looks for them only once a second. */
void hl_kafka_know_topic(rd_kafka_t *rk, const char *name);

enum hl_status hl_kafka_producer_open(struct hl_kafka_stream *s, struct hl_error *err);
void hl_kafka_producer_close(struct hl_kafka_stream *s);
/* As hl_kafka_produce, and at once; in a transaction, no commit is under way. */
enum hl_status hl_kafka_produce_now(struct hl_kafka_stream *s, enum hl_output out, int32_t partition, struct hl_slice key, struct hl_slice value,
                                    const struct hl_header *headers, size_t n_headers, struct hl_error *err);
int64_t hl_kafka_state_end(struct hl_stream *port, int32_t partition);
/* Open a transaction, unless one is. */
enum hl_status hl_kafka_begin_transaction(struct hl_kafka_stream *s, struct hl_error *err);
/* Ours, from an error of a call about transactions, which it takes. */
enum hl_status hl_kafka_transaction_error(struct hl_kafka_stream *s, rd_kafka_error_t *e, const char *doing, struct hl_error *err);
/* True when the same call should be made again; takes the error then. */
bool hl_kafka_is_to_repeat(struct hl_kafka_stream *s, rd_kafka_error_t *e);

/* commit.c */
enum hl_status hl_kafka_committer_open(struct hl_kafka_stream *s, struct hl_error *err);
void hl_kafka_committer_close(struct hl_kafka_stream *s);
enum hl_status hl_kafka_produce(struct hl_stream *port, enum hl_output out, int32_t partition, struct hl_slice key, struct hl_slice value,
                                const struct hl_header *headers, size_t n_headers, struct hl_error *err);
enum hl_status hl_kafka_settle(struct hl_stream *port, struct hl_error *err);
/* What was kept goes to the producer. */
enum hl_status hl_kafka_hand_over(struct hl_kafka_stream *s, struct hl_error *err);
/* Delivery reports; waits for them up to timeout_ms. While the committer is at work they are its to serve. */
void hl_kafka_serve(struct hl_kafka_stream *s, int timeout_ms);
/* Wait until the committer is at rest; how the commit ended stays for `finish`. */
void hl_kafka_commit_await(struct hl_kafka_stream *s);
/* Forget the commit, and what was produced for the one after it. */
void hl_kafka_commit_forget(struct hl_kafka_stream *s);
enum hl_status hl_kafka_commit(struct hl_stream *port, const struct hl_position *positions, size_t n, struct hl_error *err);
enum hl_status hl_kafka_finish(struct hl_stream *port, bool wait, bool *done, struct hl_error *err);
enum hl_status hl_kafka_abort(struct hl_stream *port, struct hl_error *err);

#endif
