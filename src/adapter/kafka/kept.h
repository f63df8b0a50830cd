/* Private: records that wait to be produced. */
#ifndef HL_KAFKA_KEPT_H
#define HL_KAFKA_KEPT_H

#include "hotlead/base/buf.h"
#include "hotlead/port/stream.h"

struct hl_kafka_stream;

struct hl_kafka_kept {
    struct hl_buf *of; /* [output * partitions + partition] */
    size_t n_partitions;
    size_t bytes; /* of all */
};

/* HL_E_NOMEM. */
enum hl_status hl_kafka_kept_init(struct hl_kafka_kept *k, size_t n_partitions, struct hl_error *err);
void hl_kafka_kept_fini(struct hl_kafka_kept *k); /* of a zeroed one, too */
void hl_kafka_kept_clear(struct hl_kafka_kept *k);
/* All is copied. HL_E_NOMEM. */
enum hl_status hl_kafka_kept_put(struct hl_kafka_kept *k, enum hl_output out, int32_t partition, struct hl_slice key, struct hl_slice value,
                                 const struct hl_header *headers, size_t n_headers, struct hl_error *err);
/* Produce all, in the order in which they came within an output's partition; nothing is kept any more, whatever comes of it. */
enum hl_status hl_kafka_kept_hand_over(struct hl_kafka_kept *k, struct hl_kafka_stream *s, struct hl_error *err);

#endif
