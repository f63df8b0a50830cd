#include "clients.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

#include "hotlead/app/signals.h"
#include "hotlead/base/clock.h"

#define ANSWER_NS INT64_C(5000000000)

/* ---- trouble ---- */

static void lock(struct hl_trouble *t)
{
    int free_lock = 0;
    while (!atomic_compare_exchange_weak(&t->lock, &free_lock, 1)) free_lock = 0;
}

void hl_trouble_set(struct hl_trouble *t, const char *text)
{
    lock(t);
    snprintf(t->text, sizeof(t->text), "%s", text);
    t->lock = 0;
}

void hl_trouble_get(struct hl_trouble *t, char *out, size_t cap)
{
    lock(t);
    snprintf(out, cap, "%s", t->text);
    t->lock = 0;
}

/* ---- where to ---- */

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
    if (a->sa_family != AF_INET6) return false;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
}

bool hl_host_is_loopback(const char *host)
{
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo(host, NULL, &hints, &found) != 0) return false;
    bool all = found != NULL;
    for (const struct addrinfo *a = found; a; a = a->ai_next) all &= is_loopback(a->ai_addr);
    freeaddrinfo(found);
    return all;
}

/* The host of one entry of bootstrap.servers. */
static void host_of(struct hl_slice entry, char *out, size_t cap)
{
    struct hl_slice s = hl_slice_trim(entry);
    const char *scheme = memmem(s.data, s.len, "://", 3);
    if (scheme) s = (struct hl_slice){scheme + 3, s.len - (size_t)(scheme + 3 - s.data)};
    if (s.len && s.data[0] == '[') {
        const char *close = memchr(s.data, ']', s.len);
        s = (struct hl_slice){s.data + 1, close ? (size_t)(close - s.data - 1) : s.len - 1};
    } else {
        const char *colon = memchr(s.data, ':', s.len);
        if (colon) s.len = (size_t)(colon - s.data);
    }
    snprintf(out, cap, "%.*s", HL_SLICE_ARG(s));
}

bool hl_hosts_elsewhere(const char *bootstrap, char *out, size_t cap)
{
    for (const char *p = bootstrap; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        host_of((struct hl_slice){p, strcspn(p, ",")}, out, cap);
        if (*out && !hl_host_is_loopback(out)) return true;
    }
    return false;
}

static enum hl_status refuse(const char *what, const char *host, struct hl_error *err)
{
    return hl_error_set(err, HL_E_PERMISSION, HL_STOP,
                        "%s %s is not this machine, and a load test of the wrong one is an outage: say that it is meant with --bootstrap HOST:PORT", what, host);
}

enum hl_status hl_clients_may_send(const struct hl_load_options *o, struct hl_error *err)
{
    char host[256];
    if (o->bootstrap_given || !hl_hosts_elsewhere(o->bootstrap, host, sizeof(host))) return HL_OK;
    return refuse("broker", host, err);
}

/* ---- clients ---- */

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)opaque, (void)code;
    hl_trouble_set(rd_kafka_opaque(rk), reason);
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)level, (void)facility;
    if (level <= 3) hl_trouble_set(rd_kafka_opaque(rk), text);
}

static bool set(rd_kafka_conf_t *conf, const char *key, const char *value, struct hl_error *err)
{
    char reason[256];
    if (rd_kafka_conf_set(conf, key, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK) return true;
    hl_error_set(err, HL_E_CONFIG, HL_STOP, "property '%s': %s", key, reason);
    return false;
}

typedef const char *const setting[2];

static bool set_all(rd_kafka_conf_t *conf, setting *settings, struct hl_error *err)
{
    for (; (*settings)[0]; settings++)
        if (!set(conf, (*settings)[0], (*settings)[1], err)) return false;
    return true;
}

static bool set_given(rd_kafka_conf_t *conf, const struct hl_property *p, size_t n, struct hl_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!set(conf, p[i].key, p[i].value, err)) return false;
    return true;
}

/* Ours, then those of --config, then those of the command line; then what must be so. */
static rd_kafka_conf_t *conf_new(const struct hl_load_options *o, setting *ours, setting *owned, struct hl_trouble *trouble, struct hl_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool ok = set_all(conf, ours, err) && (!o->config || set_given(conf, o->config->kafka, o->config->n_kafka, err)) &&
              set(conf, "bootstrap.servers", o->bootstrap, err) && set_given(conf, o->properties, o->n_properties, err) && set_all(conf, owned, err);
    if (!ok) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, trouble);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    return conf;
}

static enum hl_status client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **out, struct hl_error *err)
{
    char reason[300];
    *out = rd_kafka_new(type, conf, reason, sizeof(reason));
    if (*out) return HL_OK;
    rd_kafka_conf_destroy(conf);
    return hl_error_set(err, HL_E_CONFIG, HL_STOP, "kafka: %s", reason);
}

enum hl_status hl_producer_new(const struct hl_load_options *o, hl_delivery_fn *on_delivery, struct hl_trouble *trouble, rd_kafka_t **out,
                               struct hl_error *err)
{
    static setting OURS[] = {{"client.id", "hotlead-load"},
                             {"compression.type", "lz4"},
                             {"linger.ms", "1"},
                             {"batch.size", "1000000"},
                             {"queue.buffering.max.messages", "1000000"},
                             {"queue.buffering.max.kbytes", "1048576"},
                             {"message.timeout.ms", "30000"},
                             {"socket.nagle.disable", "true"},
                             {"enable.idempotence", "true"},
                             {NULL, NULL}};
    static setting BULK[] = {{"client.id", "hotlead-load"}, {"compression.type", "lz4"}, {"linger.ms", "50"}, {"batch.size", "1000000"},
                             {"queue.buffering.max.messages", "500000"}, {"enable.idempotence", "true"}, {NULL, NULL}};
    static setting OWNED[] = {{"delivery.report.only.error", "false"}, {NULL, NULL}};
    rd_kafka_conf_t *conf = conf_new(o, o->backlog_ms ? BULK : OURS, OWNED, trouble, err);
    if (!conf) return HL_E_CONFIG;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return client_new(RD_KAFKA_PRODUCER, conf, out, err);
}

/* It joins no group; the name of one is demanded all the same. */
enum hl_status hl_consumer_new(const struct hl_load_options *o, struct hl_trouble *trouble, rd_kafka_t **out, struct hl_error *err)
{
    static setting OURS[] = {{"client.id", "hotlead-load"}, {"fetch.error.backoff.ms", "10"}, {"queued.min.messages", "200000"}, {NULL, NULL}};
    static setting OWNED[] = {{"isolation.level", "read_committed"}, {"enable.auto.commit", "false"},
                              {"auto.offset.reset", "error"},        {"enable.partition.eof", "false"}, {NULL, NULL}};
    const struct hl_property group = {(char[]){"group.id"}, o->config ? o->config->group_id : (char[]){"hotlead-load"}};
    rd_kafka_conf_t *conf = conf_new(o, OURS, OWNED, trouble, err);
    if (!conf) return HL_E_CONFIG;
    if (!set_given(conf, &group, 1, err)) {
        rd_kafka_conf_destroy(conf);
        return HL_E_CONFIG;
    }
    enum hl_status status = client_new(RD_KAFKA_CONSUMER, conf, out, err);
    if (!status) rd_kafka_poll_set_consumer(*out);
    return status;
}

/* ---- what is there ---- */

static enum hl_status no_answer(const struct hl_load_options *o, rd_kafka_resp_err_t code, struct hl_trouble *trouble, struct hl_error *err)
{
    char why[400];
    hl_trouble_get(trouble, why, sizeof(why));
    bool forbidden = code == RD_KAFKA_RESP_ERR__AUTHENTICATION || strstr(why, "uthentication");
    return hl_error_set(err, forbidden ? HL_E_PERMISSION : HL_E_UNAVAILABLE, HL_STOP, "no answer from %s within 5 s: %s", o->bootstrap,
                        *why ? why : rd_kafka_err2str(code));
}

static enum hl_status look_at(const struct hl_load_options *o, const rd_kafka_metadata_t *md, const char *topic, int *partitions, struct hl_error *err)
{
    const rd_kafka_metadata_topic_t *t = &md->topics[0];
    for (int i = 0; i < md->broker_cnt && !o->bootstrap_given; i++)
        if (!hl_host_is_loopback(md->brokers[i].host)) return refuse("the cluster behind it has a broker that", md->brokers[i].host, err);
    if (t->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return hl_error_set(err, HL_E_PERMISSION, HL_STOP, "topic '%s' on %s: not permitted to this user", topic, o->bootstrap);
    if (t->err || t->partition_cnt == 0)
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "topic '%s' is not there on %s (%s)%s", topic, o->bootstrap, rd_kafka_err2str(t->err),
                            strcmp(topic, o->transitions) == 0 ? "; hotlead makes it when it first starts" : "");
    *partitions = t->partition_cnt;
    return HL_OK;
}

/* A consumer asks, since a producer's question may have the topic made. */
enum hl_status hl_clients_partitions(const struct hl_load_options *o, rd_kafka_t *rk, const char *topic, struct hl_trouble *trouble, int *partitions,
                                     struct hl_error *err)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    const rd_kafka_metadata_t *md = NULL;
    rd_kafka_resp_err_t code = handle ? RD_KAFKA_RESP_ERR__TRANSPORT : rd_kafka_last_error();
    for (int64_t end = hl_clock_mono_ns() + ANSWER_NS; handle && code && hl_clock_mono_ns() < end && !*hl_signals_stop();)
        code = rd_kafka_metadata(rk, 0, handle, &md, 1000);
    enum hl_status status = code ? no_answer(o, code, trouble, err) : look_at(o, md, topic, partitions, err);
    if (md) rd_kafka_metadata_destroy(md);
    if (handle) rd_kafka_topic_destroy(handle);
    return status;
}
