/* Inputs of high priority have a client of their own.
 *
 * DESIGN  One client brings the records of all its partitions in the order in which they were fetched, and holds some hundred thousand of them: what
 * is urgent would stand behind what is not, in the queue and in the broker's answer before it. So a worker that has inputs of high priority opens a
 * second client for them, with a connection and a queue of its own, and asks it first.
 *
 *     group member   subscribes to all inputs; membership, rebalances, offsets   reads those of normal priority
 *     express        joins nothing, is told by assign what to read               reads those of high priority
 *
 * The positions of both come from the same call of assign, so that a rewind, a rebalance or a recovery has one meaning for the two.
 *
 * A worker waits on one queue, the member's. When the express queue is no longer empty, librdkafka calls `wake`, which ends that wait; the mark that
 * rd_kafka_queue_yield leaves is looked at only when the queue is empty, and stays until then, so no record waits for a timeout and none of normal
 * priority is held up.
 *
 * WHY NOT forward the queues of partitions (rd_kafka_queue_forward) in one client: stopping a partition ends its forwarding, some time after the
 * assign that caused it has returned, and would silently undo one that was set in between; and the broker's answers would still come one after another.
 *
 * THREADS  `wake` runs on a thread of the express client, which must not call its own client there, and does not. */
#include "stream.h"

static void wake(rd_kafka_t *rk, void *ctx)
{
    (void)rk;
    struct hl_kafka_stream *s = ctx;
    rd_kafka_queue_yield(s->consumer_queue);
}

static bool is_wanted(const struct hl_kafka_config *c)
{
    for (size_t i = 0; i < c->n_inputs && c->high_priority; i++)
        if (c->high_priority[i]) return true;
    return false;
}

enum hl_status hl_kafka_express_open(struct hl_kafka_stream *s, struct hl_error *err)
{
    const struct hl_kafka_config *c = &s->k->config;
    if (!is_wanted(c)) return HL_OK;
    rd_kafka_conf_t *conf = hl_kafka_conf(s->k, HL_KAFKA_EXPRESS, s->index, err);
    if (!conf) return HL_E_CONFIG;
    enum hl_status status = hl_kafka_client(RD_KAFKA_CONSUMER, conf, &s->express, err);
    if (status) return status;
    rd_kafka_poll_set_consumer(s->express);
    for (size_t i = 0; i < c->n_inputs; i++)
        if (c->high_priority[i]) hl_kafka_know_topic(s->express, c->inputs[i]);
    s->express_queue = rd_kafka_queue_get_consumer(s->express);
    rd_kafka_queue_cb_event_enable(s->express_queue, wake, s);
    hl_kafka_refill_init(&s->express_refill, s->express);
    return HL_OK;
}

/* Before the member of the group is closed: until then `wake` may touch its queue. */
void hl_kafka_express_close(struct hl_kafka_stream *s)
{
    if (!s->express) return;
    if (s->express_queue) {
        rd_kafka_queue_cb_event_enable(s->express_queue, NULL, NULL);
        rd_kafka_queue_destroy(s->express_queue);
    }
    hl_kafka_refill_fini(&s->express_refill);
    rd_kafka_consumer_close(s->express);
    rd_kafka_destroy(s->express);
    s->express = NULL;
    s->express_queue = NULL;
}
