/* DESIGN  Before 2.2, librdkafka's thread for a broker sleeps for up to a second once all its partitions have more queued than queued.min.messages or
 * queued.max.messages.kbytes allow, whatever is taken from the queue meanwhile; a worker that takes that in less than a second stands still for the rest of
 * it. From 2.2 on there is fetch.queue.backoff.ms (conf.c; librdkafka's change 2879). Before, any request that goes to the broker wakes the thread, and it
 * sees that there is room. The one for the ends of the partitions is cheap, and nobody waits for the answer.
 *
 * WHY NOT queues that hold more than a second: half a gigabyte a worker. WHY NOT pause and resume, or seek: they throw away what is queued. */
#include "refill.h"

#include <stdlib.h>

static uint64_t limit_of(rd_kafka_t *rk, const char *key)
{
    char text[32];
    size_t len = sizeof(text);
    return rd_kafka_conf_get(rd_kafka_conf(rk), key, text, &len) == RD_KAFKA_CONF_OK ? strtoull(text, NULL, 10) : 0;
}

void hl_kafka_refill_init(struct hl_kafka_refill *r, rd_kafka_t *rk)
{
    *r = (struct hl_kafka_refill){.rk = rk, .queue = rd_kafka_queue_get_consumer(rk)};
    if (hl_kafka_has_queue_backoff()) return;
    r->max_records = limit_of(rk, "queued.min.messages");
    r->max_bytes = limit_of(rk, "queued.max.messages.kbytes") << 10;
}

void hl_kafka_refill_fini(struct hl_kafka_refill *r)
{
    if (r->queue) rd_kafka_queue_destroy(r->queue);
    *r = (struct hl_kafka_refill){0};
}

uint64_t hl_kafka_refill_mark(uint64_t max_records, uint64_t max_bytes, uint64_t record_bytes)
{
    uint64_t by_bytes = max_bytes / (record_bytes ? record_bytes : 1);
    return (by_bytes < max_records ? by_bytes : max_records) / 2;
}

static void wake(rd_kafka_t *rk)
{
    rd_kafka_topic_partition_list_t *list;
    if (rd_kafka_assignment(rk, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    for (int i = 0; i < list->cnt; i++) list->elems[i].offset = RD_KAFKA_OFFSET_END;
    rd_kafka_offsets_for_times(rk, list, 0); /* sent, and the answer dropped */
    rd_kafka_topic_partition_list_destroy(list);
}

void hl_kafka_refill_taken(struct hl_kafka_refill *r, size_t n, size_t bytes)
{
    if (!r->max_records || n == 0) return;
    r->record_bytes = r->record_bytes ? (r->record_bytes * 7 + bytes / n) / 8 : bytes / n;
    uint64_t mark = hl_kafka_refill_mark(r->max_records, r->max_bytes, r->record_bytes), left = rd_kafka_queue_length(r->queue);
    if (left <= mark && left + n > mark) wake(r->rk);
}
