/* The in-process mock cluster and a plain producer: the demo's Kafka. */
#include "internal.h"

#include <librdkafka/rdkafka_mock.h> /* after rdkafka.h, which it needs */
#include <stdlib.h>

struct hl_kafka_mock {
    rd_kafka_t *host; /* the mock lives inside a client */
    rd_kafka_mock_cluster_t *cluster;
};

struct hl_kafka_writer {
    rd_kafka_t *rk;
};

static rd_kafka_conf_t *quiet_conf(const char *bootstrap)
{
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "2", reason, sizeof(reason));
    rd_kafka_conf_set(conf, "socket.nagle.disable", "true", reason, sizeof(reason));
    if (bootstrap) {
        rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, reason, sizeof(reason));
        rd_kafka_conf_set(conf, "partitioner", "murmur2_random", reason, sizeof(reason));
        rd_kafka_conf_set(conf, "linger.ms", "5", reason, sizeof(reason));
    }
    return conf;
}

enum hl_status hl_kafka_mock_new(const char *const *topics, size_t n_topics, int partitions, struct hl_kafka_mock **out, struct hl_error *err)
{
    struct hl_kafka_mock *m = calloc(1, sizeof(*m));
    if (!m) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    enum hl_status status = hl_kafka_client(RD_KAFKA_PRODUCER, quiet_conf(NULL), &m->host, err);
    if (!status) {
        m->cluster = rd_kafka_mock_cluster_new(m->host, 1);
        if (!m->cluster) status = hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "librdkafka's mock cluster does not start");
    }
    for (size_t i = 0; !status && i < n_topics; i++) {
        rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(m->cluster, topics[i], partitions, 1);
        if (code) status = hl_kafka_error(err, code, topics[i]);
    }
    if (status) {
        hl_kafka_mock_free(m);
        return status;
    }
    *out = m;
    return HL_OK;
}

const char *hl_kafka_mock_bootstrap(const struct hl_kafka_mock *m)
{
    return rd_kafka_mock_cluster_bootstraps(m->cluster);
}

void hl_kafka_mock_free(struct hl_kafka_mock *m)
{
    if (!m) return;
    if (m->cluster) rd_kafka_mock_cluster_destroy(m->cluster);
    if (m->host) rd_kafka_destroy(m->host);
    free(m);
}

enum hl_status hl_kafka_writer_new(const char *bootstrap, struct hl_kafka_writer **out, struct hl_error *err)
{
    struct hl_kafka_writer *w = calloc(1, sizeof(*w));
    if (!w) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    enum hl_status status = hl_kafka_client(RD_KAFKA_PRODUCER, quiet_conf(bootstrap), &w->rk, err);
    if (status) {
        free(w);
        return status;
    }
    *out = w;
    return HL_OK;
}

enum hl_status hl_kafka_writer_put(struct hl_kafka_writer *w, const char *topic, struct hl_slice key, struct hl_slice value, struct hl_error *err)
{
    for (;;) {
        rd_kafka_resp_err_t code =
            rd_kafka_producev(w->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(hl_kafka_bytes(key), key.len),
                              RD_KAFKA_V_VALUE(hl_kafka_bytes(value), value.len), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) break;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) return hl_kafka_error(err, code, topic);
        rd_kafka_poll(w->rk, 50);
    }
    rd_kafka_poll(w->rk, 0);
    return HL_OK;
}

void hl_kafka_writer_free(struct hl_kafka_writer *w)
{
    if (!w) return;
    rd_kafka_flush(w->rk, 5000);
    rd_kafka_destroy(w->rk);
    free(w);
}
