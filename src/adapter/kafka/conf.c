/* Client configuration and logging.
 *
 * WHY NOT acks, isolation.level and the like from the user: a read_uncommitted consumer also drops RequireStable from its offset
 * fetches, and then a crash loses exactly-once silently; the loader refuses such keys with the reason. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/log.h"
#include "internal.h"
#include "refill.h"

struct setting {
    const char *key, *value;
};

/* Defaults that a user may override. CRC checks are on: a flipped bit must not become a score. */
static const struct setting CONSUMER_DEFAULTS[] = {
    {"check.crcs", "true"},           {"queued.min.messages", "200000"},  {"queued.max.messages.kbytes", "131072"},
    {"fetch.message.max.bytes", "4194304"}, {"fetch.error.backoff.ms", "50"}, {"fetch.wait.max.ms", "100"},
    {NULL, NULL},
};
/* Of librdkafka 2.2 and later; how earlier ones are helped: refill.c. */
static const struct setting CONSUMER_DEFAULTS_2_2[] = {{"fetch.queue.backoff.ms", "10"}, {NULL, NULL}};
/* retry.backoff.ms: while the broker writes the markers of a transaction, it answers the next one's first requests with CONCURRENT_TRANSACTIONS, and
 * the library's 100 ms are then the latency of a commit. */
static const struct setting PRODUCER_DEFAULTS[] = {
    {"compression.type", "lz4"}, {"linger.ms", "1"}, {"queue.buffering.max.messages", "1000000"}, {"socket.nagle.disable", "true"},
    {"message.max.bytes", "2097152"}, {"retry.backoff.ms", "5"}, {NULL, NULL},
};
/* Nobody reads the records of a transaction before it ends, and its commit sends at once what is there. With 1 ms each partition made a request of its own
 * for each record or two: a fifth of the CPU of hotlead, and a half of the broker's. */
static const struct setting TRANSACTION_DEFAULTS[] = {
    {"linger.ms", "100"}, {NULL, NULL},
};
/* Without transactions a record is read as soon as it is there. What is produced in a backlog comes in runs, and so in large requests all the same. */
static const struct setting LATENCY_DEFAULTS[] = {
    {"linger.ms", "0"}, {NULL, NULL},
};
static const struct setting COMMON_DEFAULTS[] = {
    {"client.id", "hotlead"}, {"reconnect.backoff.max.ms", "2000"}, {"log.connection.close", "false"}, {NULL, NULL},
};

void hl_kafka_log_line(enum hl_log_level level, const char *facility, const char *text)
{
    char quoted[400];
    hl_log(level, "kafka_client", "facility=%s message=%s", facility, hl_log_quote(quoted, sizeof(quoted), text));
}

void hl_kafka_on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    enum hl_log_level to = level <= 3 ? HL_LOG_ERROR : level == 4 ? HL_LOG_WARN : HL_LOG_INFO;
    /* one set of properties serves consumers and producers, so this warning is expected; connection errors come by on_error, too */
    if (strcmp(facility, "CONFWARN") == 0 || strcmp(facility, "FAIL") == 0 || strcmp(facility, "ERROR") == 0) to = HL_LOG_DEBUG;
    hl_kafka_log_line(to, facility, text);
}

void hl_kafka_log_error(int code, const char *reason)
{
    char quoted[600];
    hl_log(HL_LOG_WARN, "kafka_error", "code=%s message=%s", rd_kafka_err2name((rd_kafka_resp_err_t)code),
           hl_log_quote(quoted, sizeof(quoted), reason));
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk, (void)opaque;
    hl_kafka_log_error(code, reason);
}

static bool set(rd_kafka_conf_t *conf, const char *key, const char *value, struct hl_error *err)
{
    char reason[256];
    if (rd_kafka_conf_set(conf, key, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK) return true;
    hl_error_set(err, HL_E_CONFIG, HL_STOP, "kafka: property '%s': %s", key, reason);
    return false;
}

static bool set_all(rd_kafka_conf_t *conf, const struct setting *settings, struct hl_error *err)
{
    for (; settings->key; settings++)
        if (!set(conf, settings->key, settings->value, err)) return false;
    return true;
}

static bool set_consumer(const struct hl_kafka *k, rd_kafka_conf_t *conf, unsigned index, struct hl_error *err)
{
    char id[512];
    snprintf(id, sizeof(id), "%s-%u", k->config.identity, index);
    return set(conf, "group.id", k->config.group_id, err) && set(conf, "partition.assignment.strategy", "range", err) &&
           set(conf, "auto.offset.reset", "error", err) && set(conf, "enable.partition.eof", "true", err) &&
           (!k->config.static_membership || set(conf, "group.instance.id", id, err));
}

static bool set_producer(const struct hl_kafka *k, rd_kafka_conf_t *conf, unsigned index, struct hl_error *err)
{
    if (!k->config.transactions) return set(conf, "enable.idempotence", "true", err) && set(conf, "acks", "all", err);
    char id[512], timeout[16];
    snprintf(id, sizeof(id), "%s-%u", k->config.identity, index);
    snprintf(timeout, sizeof(timeout), "%d", HL_KAFKA_TRANSACTION_MS);
    return set(conf, "transactional.id", id, err) && set(conf, "transaction.timeout.ms", timeout, err);
}

/* A consumer that never joins its group: it is told what to read. The group's name is that of all, so that one permission does for all. */
static bool set_loner(const struct hl_kafka *k, rd_kafka_conf_t *conf, struct hl_error *err)
{
    return set(conf, "group.id", k->config.group_id, err) && set(conf, "auto.offset.reset", "error", err) &&
           set(conf, "enable.partition.eof", "true", err);
}

static bool set_owned(const struct hl_kafka *k, rd_kafka_conf_t *conf, enum hl_kafka_role role, unsigned index, struct hl_error *err)
{
    switch (role) {
    case HL_KAFKA_CONSUMER: return set_consumer(k, conf, index, err);
    case HL_KAFKA_EXPRESS: return set_loner(k, conf, err);
    case HL_KAFKA_PRODUCER: return set_producer(k, conf, index, err);
    case HL_KAFKA_WRITER: return set(conf, "enable.idempotence", "true", err) && set(conf, "acks", "all", err);
    case HL_KAFKA_READER: /* a bounded read ends with a fetch that finds nothing: let it answer soon */
        return set_loner(k, conf, err) && set(conf, "fetch.wait.max.ms", "10", err);
    case HL_KAFKA_TAIL: return set_loner(k, conf, err);
    case HL_KAFKA_ADMIN: return true; /* a consumer that joins nothing: unlike a producer it never has a topic created by asking for it */
    }
    return false;
}

rd_kafka_conf_t *hl_kafka_conf(const struct hl_kafka *k, enum hl_kafka_role role, unsigned index, struct hl_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool producer = role == HL_KAFKA_PRODUCER || role == HL_KAFKA_WRITER;
    bool ok = set_all(conf, COMMON_DEFAULTS, err) && set_all(conf, producer ? PRODUCER_DEFAULTS : CONSUMER_DEFAULTS, err);
    if (ok && !producer && hl_kafka_has_queue_backoff()) ok = set_all(conf, CONSUMER_DEFAULTS_2_2, err);
    if (ok && role == HL_KAFKA_PRODUCER) ok = set_all(conf, k->config.transactions ? TRANSACTION_DEFAULTS : LATENCY_DEFAULTS, err);
    for (size_t i = 0; ok && i < k->config.n_properties; i++)
        ok = set(conf, k->config.properties[i].key, k->config.properties[i].value, err);
    if (ok && !producer)
        ok = set(conf, "enable.auto.commit", "false", err) && set(conf, "enable.auto.offset.store", "false", err) &&
             set(conf, "isolation.level", "read_committed", err);
    if (!ok || !set_owned(k, conf, role, index, err)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_log_cb(conf, hl_kafka_on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_enable_sasl_queue(conf, 1);
    return conf;
}

enum hl_status hl_kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **out, struct hl_error *err)
{
    char reason[512];
    *out = rd_kafka_new(type, conf, reason, sizeof(reason));
    if (*out) {
        /* tokens of OAUTHBEARER are renewed on a thread of the library, not when somebody polls; an error says that none are used */
        rd_kafka_error_destroy(rd_kafka_sasl_background_callbacks_enable(*out));
        return HL_OK;
    }
    rd_kafka_conf_destroy(conf);
    return hl_error_set(err, HL_E_CONFIG, HL_STOP, "kafka: %s%s", reason,
                        strstr(reason, "ssl.key.location") ? "; is it a key in PEM form, and the password in ssl.key.password_file its own?" : "");
}

const char *hl_kafka_version(void)
{
    return rd_kafka_version_str();
}
