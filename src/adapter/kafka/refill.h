/* Private: a consumer's queue of fetched records is filled again in time. */
#ifndef HL_KAFKA_REFILL_H
#define HL_KAFKA_REFILL_H

#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

struct hl_kafka_refill {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    uint64_t max_records, max_bytes; /* queued.min.messages and queued.max.messages.kbytes; the first is 0 where librdkafka needs no help */
    uint64_t record_bytes;           /* of a record, smoothed */
};

/* From 2.2 on, librdkafka has fetch.queue.backoff.ms. */
static inline int hl_kafka_has_queue_backoff(void)
{
    return rd_kafka_version() >= 0x02020000;
}

/* Begin; `rk` is a consumer. hl_kafka_refill_fini before it is destroyed. */
void hl_kafka_refill_init(struct hl_kafka_refill *r, rd_kafka_t *rk);
void hl_kafka_refill_fini(struct hl_kafka_refill *r);

/* n records of so many bytes in all were taken from the queue: if that leaves less than half of what its limits allow, the fetcher is woken. */
void hl_kafka_refill_taken(struct hl_kafka_refill *r, size_t n, size_t bytes);

/* How many records a queue of at most max_records, and of max_bytes, may be left with before it is to be filled. */
uint64_t hl_kafka_refill_mark(uint64_t max_records, uint64_t max_bytes, uint64_t record_bytes);

#endif
