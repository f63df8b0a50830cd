/* Private: the session of one worker, in two files: stream.c consumes, produce.c produces and commits. */
#ifndef HL_KAFKA_STREAM_H
#define HL_KAFKA_STREAM_H

#include <stdatomic.h>

#include "internal.h"

struct hl_kafka_stream {
    struct hl_stream port;
    struct hl_kafka *k;
    unsigned index;
    rd_kafka_t *consumer;
    rd_kafka_t *producer;
    rd_kafka_t *reader; /* made for recovery, gone when records flow */
    rd_kafka_topic_t *outputs[HL_OUT_COUNT];
    rd_kafka_topic_t *inputs[HL_KAFKA_MAX_INPUTS]; /* seen in messages: pointer -> index */
    /* assignment, as the group says */
    enum hl_assignment_change change;
    enum hl_status assignment_status;
    char assignment_message[256];
    bool *at_end; /* [input * partitions + partition] */
    int32_t *partitions;
    size_t n_partitions;
    bool closing;
    bool in_transaction;
    bool renew;          /* the producer is beyond use */
    int64_t fenced_ns[3]; /* when the producer was fenced, newest first */
    _Atomic int failed_deliveries;
};

static inline struct hl_kafka_stream *hl_kafka_stream_of(struct hl_stream *s)
{
    return (struct hl_kafka_stream *)s; /* port is the first member */
}

enum hl_status hl_kafka_producer_open(struct hl_kafka_stream *s, struct hl_error *err);
void hl_kafka_producer_close(struct hl_kafka_stream *s);
enum hl_status hl_kafka_produce(struct hl_stream *port, enum hl_output out, int32_t partition, struct hl_slice key, struct hl_slice value,
                                const struct hl_header *headers, size_t n_headers, struct hl_error *err);
enum hl_status hl_kafka_settle(struct hl_stream *port, struct hl_error *err);
enum hl_status hl_kafka_commit(struct hl_stream *port, const struct hl_position *positions, size_t n, struct hl_error *err);
enum hl_status hl_kafka_abort(struct hl_stream *port, struct hl_error *err);

#endif
