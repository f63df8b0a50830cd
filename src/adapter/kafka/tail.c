/* Tail of an output topic: of the state topic the warm copy is written, of the transitions a contact's history is read. */
#include <stdlib.h>

#include "internal.h"

struct hl_kafka_tail {
    struct hl_kafka *k;
    rd_kafka_t *rk;
    const char *topic;
};

enum hl_status hl_kafka_tail_new(struct hl_kafka *k, enum hl_output topic, struct hl_kafka_tail **out, struct hl_error *err)
{
    rd_kafka_conf_t *conf = hl_kafka_conf(k, HL_KAFKA_TAIL, 0, err);
    if (!conf) return HL_E_CONFIG;
    rd_kafka_t *rk;
    enum hl_status status = hl_kafka_client(RD_KAFKA_CONSUMER, conf, &rk, err);
    if (status) return status;
    rd_kafka_poll_set_consumer(rk);
    struct hl_kafka_tail *t = calloc(1, sizeof(*t));
    if (!t) {
        rd_kafka_destroy(rk);
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    }
    t->k = k;
    t->rk = rk;
    t->topic = k->config.outputs[topic];
    *out = t;
    return HL_OK;
}

void hl_kafka_tail_free(struct hl_kafka_tail *t)
{
    if (!t) return;
    rd_kafka_consumer_close(t->rk);
    rd_kafka_destroy(t->rk);
    free(t);
}

enum hl_status hl_kafka_tail_assign(struct hl_kafka_tail *t, const struct hl_tail_position *p, size_t n, struct hl_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n + 1);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, t->topic, p[i].partition)->offset =
            p[i].position < 0 ? RD_KAFKA_OFFSET_BEGINNING : p[i].position;
    rd_kafka_resp_err_t code = rd_kafka_assign(t->rk, n ? list : NULL);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? hl_kafka_error(err, code, "assigning an output topic") : HL_OK;
}

enum hl_status hl_kafka_tail_poll(struct hl_kafka_tail *t, int timeout_ms, struct hl_record *r, bool *got, bool *end, struct hl_error *err)
{
    *got = *end = false;
    rd_kafka_message_t *m = rd_kafka_consumer_poll(t->rk, timeout_ms);
    if (!m) return HL_OK;
    if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        enum hl_status status = hl_kafka_error(err, m->err, "reading an output topic");
        rd_kafka_message_destroy(m);
        return status;
    }
    hl_kafka_record(m, HL_STATE_TOPIC, r);
    *got = true;
    *end = m->err != 0;
    return HL_OK;
}

void hl_kafka_tail_release(struct hl_kafka_tail *t, struct hl_record *r)
{
    (void)t;
    rd_kafka_message_destroy(r->handle);
}

int64_t hl_kafka_tail_end(struct hl_kafka_tail *t, int32_t partition, int64_t *low)
{
    int64_t first, end;
    if (rd_kafka_query_watermark_offsets(t->rk, t->topic, partition, &first, &end, 2000)) return -1;
    if (low) *low = first;
    return end;
}
