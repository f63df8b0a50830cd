/* The cluster as commands see it.
 *
 * DESIGN  One consumer that never joins its group serves all that asks; a producer is made when the first record is put. Settings are changed by
 * reading all that were set on the topic and sending them back with the change: librdkafka 2.0.2 has no IncrementalAlterConfigs, and AlterConfigs
 * resets what it is not told. Two who change the same topic in the same second can undo each other; nothing worse. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hotlead/base/clock.h"
#include "stream.h"
#include "trouble.h"

#define ANSWER_MS 15000
#define QUEUE_WAIT_MS 50

struct hl_kafka_admin {
    struct hl_kafka *k;
    rd_kafka_t *rk;
    rd_kafka_t *reader, *producer; /* made when they are needed */
    struct hl_kafka_trouble trouble;
    bool known[HL_KAFKA_MAX_INPUTS + 2]; /* topics that the reader has asked for: inputs, state, transitions */
    char *cluster;
    /* of deliveries */
    rd_kafka_resp_err_t failed;
    char failed_topic[256];
};

static enum hl_status reach(struct hl_kafka_admin *a, struct hl_error *err)
{
    int64_t deadline = hl_clock_mono_ns() + a->k->config.startup_timeout_ms * 1000000;
    enum hl_status status;
    do {
        const rd_kafka_metadata_t *md;
        rd_kafka_resp_err_t code = rd_kafka_metadata(a->rk, 0, NULL, &md, 2000);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(md);
            return HL_OK;
        }
        rd_kafka_poll(a->rk, 500); /* brings the reason */
        status = hl_kafka_trouble_tell(&a->trouble, code, err);
    } while (!a->trouble.lasting && hl_clock_mono_ns() < deadline && !hl_kafka_stopping(a->k));
    return status;
}

enum hl_status hl_kafka_admin_new(struct hl_kafka *k, struct hl_kafka_admin **out, struct hl_error *err)
{
    struct hl_kafka_admin *a = calloc(1, sizeof(*a));
    if (!a) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    a->k = k;
    rd_kafka_conf_t *conf = hl_kafka_conf(k, HL_KAFKA_TAIL, 0, err);
    enum hl_status status = conf ? HL_OK : HL_E_CONFIG;
    if (conf) {
        hl_kafka_trouble_watch(&a->trouble, k, conf);
        status = hl_kafka_client(RD_KAFKA_CONSUMER, conf, &a->rk, err);
    }
    if (!status) status = reach(a, err);
    if (status) {
        hl_kafka_admin_free(a);
        return status;
    }
    *out = a;
    return HL_OK;
}

void hl_kafka_admin_free(struct hl_kafka_admin *a)
{
    if (!a) return;
    if (a->producer) rd_kafka_destroy(a->producer);
    if (a->reader) rd_kafka_destroy(a->reader);
    if (a->rk) rd_kafka_destroy(a->rk);
    free(a->cluster);
    free(a);
}

const char *hl_kafka_admin_cluster(struct hl_kafka_admin *a)
{
    char *id = a->cluster ? NULL : rd_kafka_clusterid(a->rk, ANSWER_MS);
    if (id) a->cluster = strdup(id);
    if (id) rd_kafka_mem_free(a->rk, id);
    return a->cluster;
}

static enum hl_status refused(struct hl_kafka_admin *a, rd_kafka_resp_err_t code, const char *operation, const char *topic, struct hl_error *err)
{
    if (hl_kafka_is_forbidden(code)) return hl_kafka_forbidden(a->k, code, operation, topic, err);
    return hl_kafka_error(err, code, topic ? topic : operation);
}

/* --- topics --- */

enum hl_status hl_kafka_admin_topic(struct hl_kafka_admin *a, const char *name, int32_t *partitions, int *replication, struct hl_error *err)
{
    const rd_kafka_metadata_t *md = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(a->rk, name, NULL);
    *partitions = *replication = 0;
    if (!topic) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    rd_kafka_resp_err_t code = rd_kafka_metadata(a->rk, 0, topic, &md, ANSWER_MS);
    if (!code && md->topic_cnt == 1) {
        code = md->topics[0].err;
        *partitions = md->topics[0].partition_cnt;
        *replication = *partitions ? md->topics[0].partitions[0].replica_cnt : 0;
    }
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (md) rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(topic);
    return code ? refused(a, code, "Describe", name, err) : HL_OK;
}

enum hl_status hl_kafka_admin_await_topic(struct hl_kafka_admin *a, const char *name, int32_t *partitions, int *replication, struct hl_error *err)
{
    int64_t deadline = hl_clock_mono_ns() + ANSWER_MS * INT64_C(1000000);
    enum hl_status status;
    do {
        status = hl_kafka_admin_topic(a, name, partitions, replication, err);
        if (status == HL_E_PERMISSION || (!status && *partitions)) break;
        rd_kafka_poll(a->rk, 100);
    } while (hl_clock_mono_ns() < deadline && !hl_kafka_stopping(a->k));
    return status;
}

/* The answer to what was asked on the queue; destroys the queue. *event is the caller's. */
static enum hl_status answer(rd_kafka_queue_t *queue, const char *doing, rd_kafka_event_t **event, struct hl_error *err)
{
    *event = rd_kafka_queue_poll(queue, ANSWER_MS);
    rd_kafka_queue_destroy(queue);
    if (!*event) return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "kafka: %s: no answer", doing);
    rd_kafka_resp_err_t code = rd_kafka_event_error(*event);
    return code ? hl_kafka_error(err, code, doing) : HL_OK;
}

/* Id of some broker. */
static int32_t some_broker(struct hl_kafka_admin *a)
{
    const rd_kafka_metadata_t *md;
    if (rd_kafka_metadata(a->rk, 0, NULL, &md, ANSWER_MS)) return -1;
    int32_t id = md->broker_cnt ? md->brokers[0].id : -1;
    rd_kafka_metadata_destroy(md);
    return id;
}

/* The described resource; *event keeps it. */
static enum hl_status describe(struct hl_kafka_admin *a, const char *topic, rd_kafka_event_t **event, const rd_kafka_ConfigResource_t **out,
                               struct hl_error *err)
{
    char broker[16];
    snprintf(broker, sizeof(broker), "%d", topic ? 0 : some_broker(a));
    rd_kafka_ConfigResource_t *asked = topic ? rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)
                                             : rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, broker);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(a->rk);
    rd_kafka_DescribeConfigs(a->rk, &asked, 1, NULL, queue);
    rd_kafka_ConfigResource_destroy(asked);
    enum hl_status status = answer(queue, "reading settings", event, err);
    if (status) return status;
    size_t n;
    const rd_kafka_ConfigResource_t **all = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(*event), &n);
    if (n != 1) return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "kafka: the settings of %s were not told", topic ? topic : "the broker");
    rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(all[0]);
    if (code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        return hl_error_set(err, HL_E_PERMISSION, HL_STOP, "kafka: not permitted: DescribeConfigs on the cluster; grant it to the user that hotlead logs in as");
    if (code) return refused(a, code, "DescribeConfigs", topic, err);
    *out = all[0];
    return HL_OK;
}

static const char *value_of(const rd_kafka_ConfigResource_t *r, const char *key)
{
    size_t n;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(r, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), key) == 0) return rd_kafka_ConfigEntry_value(entries[i]);
    return NULL;
}

enum hl_status hl_kafka_admin_settings(struct hl_kafka_admin *a, const char *topic, const char *const *keys, size_t n, char **values,
                                       struct hl_error *err)
{
    rd_kafka_event_t *event = NULL;
    const rd_kafka_ConfigResource_t *r = NULL;
    memset(values, 0, n * sizeof(*values));
    enum hl_status status = describe(a, topic, &event, &r, err);
    for (size_t i = 0; i < n && !status; i++) {
        const char *value = value_of(r, keys[i]);
        values[i] = value ? strdup(value) : NULL;
        if (value && !values[i]) status = hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    }
    if (event) rd_kafka_event_destroy(event);
    return status;
}

static rd_kafka_AdminOptions_t *dry_run(struct hl_kafka_admin *a, rd_kafka_admin_op_t op, bool dry)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(a->rk, op);
    char why[128];
    if (dry) (void)rd_kafka_AdminOptions_set_validate_only(options, 1, why, sizeof(why));
    return options;
}

/* The broker that answers next may not have heard of it yet. */
static enum hl_status await_topic(struct hl_kafka_admin *a, const char *topic, struct hl_error *err)
{
    int32_t partitions = 0;
    int replication;
    int64_t deadline = hl_clock_mono_ns() + (int64_t)ANSWER_MS * 1000000;
    enum hl_status status = hl_kafka_admin_topic(a, topic, &partitions, &replication, err);
    while (!status && !partitions && hl_clock_mono_ns() < deadline) {
        rd_kafka_poll(a->rk, 100);
        status = hl_kafka_admin_topic(a, topic, &partitions, &replication, err);
    }
    return status;
}

enum hl_status hl_kafka_admin_create(struct hl_kafka_admin *a, const char *topic, int32_t partitions, int replication,
                                     const struct hl_kafka_property *settings, size_t n, bool dry, struct hl_error *err)
{
    char why[256];
    rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(topic, partitions, replication, why, sizeof(why));
    if (!t) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "topic '%s' cannot be created: %s", topic, why);
    for (size_t i = 0; i < n; i++) rd_kafka_NewTopic_set_config(t, settings[i].key, settings[i].value);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(a->rk);
    rd_kafka_AdminOptions_t *options = dry_run(a, RD_KAFKA_ADMIN_OP_CREATETOPICS, dry);
    rd_kafka_CreateTopics(a->rk, &t, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(t);
    rd_kafka_event_t *event;
    enum hl_status status = answer(queue, "creating a topic", &event, err);
    size_t count = 0;
    const rd_kafka_topic_result_t **r = status ? NULL : rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    if (count) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(r[0]);
        const char *text = rd_kafka_topic_result_error_string(r[0]);
        if (hl_kafka_is_forbidden(code))
            status = hl_kafka_forbidden(a->k, code, "Create", topic, err);
        else if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            status = hl_error_set(err, HL_E_CONFIG, HL_STOP, "topic '%s' cannot be created: %s", topic, text ? text : rd_kafka_err2str(code));
    }
    if (event) rd_kafka_event_destroy(event);
    return status || dry ? status : await_topic(a, topic, err);
}

static bool is_among(const struct hl_kafka_property *settings, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(settings[i].key, key) == 0) return true;
    return false;
}

/* The change, and all else that was set on the topic. */
static rd_kafka_ConfigResource_t *changed(const rd_kafka_ConfigResource_t *now, const char *topic, const struct hl_kafka_property *settings, size_t n)
{
    size_t n_now;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(now, &n_now);
    rd_kafka_ConfigResource_t *r = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    for (size_t i = 0; i < n_now; i++)
        if (rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG &&
            !is_among(settings, n, rd_kafka_ConfigEntry_name(entries[i])))
            rd_kafka_ConfigResource_set_config(r, rd_kafka_ConfigEntry_name(entries[i]), rd_kafka_ConfigEntry_value(entries[i]));
    for (size_t i = 0; i < n; i++) rd_kafka_ConfigResource_set_config(r, settings[i].key, settings[i].value);
    return r;
}

enum hl_status hl_kafka_admin_alter(struct hl_kafka_admin *a, const char *topic, const struct hl_kafka_property *settings, size_t n, bool dry,
                                    struct hl_error *err)
{
    rd_kafka_event_t *event = NULL;
    const rd_kafka_ConfigResource_t *now = NULL;
    enum hl_status status = describe(a, topic, &event, &now, err);
    rd_kafka_ConfigResource_t *r = status ? NULL : changed(now, topic, settings, n);
    if (event) rd_kafka_event_destroy(event);
    if (status) return status;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(a->rk);
    rd_kafka_AdminOptions_t *options = dry_run(a, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, dry);
    rd_kafka_AlterConfigs(a->rk, &r, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(r);
    status = answer(queue, "changing settings", &event, err);
    size_t count = 0;
    const rd_kafka_ConfigResource_t **all = status ? NULL : rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
    rd_kafka_resp_err_t code = count ? rd_kafka_ConfigResource_error(all[0]) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (hl_kafka_is_forbidden(code))
        status = hl_kafka_forbidden(a->k, code, "AlterConfigs", topic, err);
    else if (code)
        status = hl_error_set(err, HL_E_CONFIG, HL_STOP, "the settings of '%s' cannot be changed: %s", topic, rd_kafka_ConfigResource_error_string(all[0]));
    if (event) rd_kafka_event_destroy(event);
    return status;
}

/* --- the group --- */

/* One question; *code is what the group's coordinator says. */
static enum hl_status ask_members(struct hl_kafka_admin *a, size_t *n, rd_kafka_resp_err_t *code, struct hl_error *err)
{
    const char *group = a->k->config.group_id;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(a->rk);
    rd_kafka_event_t *event = NULL;
    *n = 0;
    *code = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_DescribeConsumerGroups(a->rk, &group, 1, NULL, queue);
    enum hl_status status = answer(queue, "looking at the group", &event, err);
    size_t count = 0;
    const rd_kafka_ConsumerGroupDescription_t **all =
        status ? NULL : rd_kafka_DescribeConsumerGroups_result_groups(rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    const rd_kafka_error_t *e = count ? rd_kafka_ConsumerGroupDescription_error(all[0]) : NULL;
    if (e) *code = rd_kafka_error_code(e);
    if (count && !e) *n = rd_kafka_ConsumerGroupDescription_member_count(all[0]);
    if (event) rd_kafka_event_destroy(event);
    return status;
}

/* A coordinator that has just started, or has moved, says so for a while. */
enum hl_status hl_kafka_admin_members(struct hl_kafka_admin *a, size_t *n, struct hl_error *err)
{
    int64_t deadline = hl_clock_mono_ns() + ANSWER_MS * INT64_C(1000000);
    for (;;) {
        enum hl_action action;
        rd_kafka_resp_err_t code;
        enum hl_status status = ask_members(a, n, &code, err);
        if (status || !code || code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return status; /* what Kafka 4 says of a group that is not */
        if (hl_kafka_status(code, &action) == HL_E_PERMISSION || action != HL_RETRY || hl_clock_mono_ns() > deadline)
            return refused(a, code, "Describe", NULL, err);
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
}

enum hl_status hl_kafka_admin_bounds(struct hl_kafka_admin *a, uint16_t topic, int32_t partition, int64_t *low, int64_t *high, struct hl_error *err)
{
    const char *name = hl_kafka_topic_name(a->k, topic);
    int64_t deadline = hl_clock_mono_ns() + ANSWER_MS * INT64_C(1000000);
    for (;;) {
        enum hl_action action;
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(a->rk, name, partition, low, high, ANSWER_MS);
        if (!code) return HL_OK;
        if (hl_kafka_status(code, &action) == HL_E_PERMISSION || action != HL_RETRY || hl_clock_mono_ns() > deadline)
            return refused(a, code, "Describe and Read", name, err);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        hl_kafka_know_topic(a->rk, name); /* it may have been made a moment ago */
    }
}

enum hl_status hl_kafka_admin_committed(struct hl_kafka_admin *a, struct hl_position *positions, size_t n, struct hl_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n + 1);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, a->k->config.inputs[positions[i].topic], positions[i].partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(a->rk, list, ANSWER_MS);
    for (size_t i = 0; !code && i < n; i++) {
        code = list->elems[i].err;
        hl_kafka_position_read(&list->elems[i], &positions[i]);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? refused(a, code, "reading committed offsets", NULL, err) : HL_OK;
}

enum hl_status hl_kafka_admin_offsets_at(struct hl_kafka_admin *a, struct hl_position *positions, size_t n, int64_t time_ms, struct hl_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n + 1);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, a->k->config.inputs[positions[i].topic], positions[i].partition)->offset = time_ms;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(a->rk, list, ANSWER_MS);
    for (size_t i = 0; !code && i < n; i++) {
        code = list->elems[i].err;
        positions[i].offset = list->elems[i].offset < 0 ? -1 : list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? refused(a, code, "asking for offsets by time", NULL, err) : HL_OK;
}

enum hl_status hl_kafka_admin_commit(struct hl_kafka_admin *a, const struct hl_position *positions, size_t n, struct hl_error *err)
{
    rd_kafka_topic_partition_list_t *list = hl_kafka_positions_list(a->k, positions, n);
    rd_kafka_resp_err_t code = rd_kafka_commit(a->rk, list, 0);
    for (size_t i = 0; !code && i < n; i++) code = list->elems[i].err;
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION)
        return hl_error_set(err, HL_E_FENCED, HL_STOP, "group '%s' has members now; stop them first", a->k->config.group_id);
    return code ? refused(a, code, "committing offsets", NULL, err) : HL_OK;
}

/* The reader looks for a topic for a while before it reads it, unless it is asked first. */
static void know_topics(struct hl_kafka_admin *a, const struct hl_range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool *known = &a->known[ranges[i].topic < HL_KAFKA_MAX_INPUTS ? ranges[i].topic : HL_KAFKA_MAX_INPUTS + UINT16_MAX - ranges[i].topic];
        if (!*known) hl_kafka_know_topic(a->reader, hl_kafka_topic_name(a->k, ranges[i].topic));
        *known = true;
    }
}

enum hl_status hl_kafka_admin_read(struct hl_kafka_admin *a, int32_t n_partitions, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx,
                                   struct hl_error *err)
{
    a->k->n_partitions = n_partitions;
    if (!a->reader) {
        rd_kafka_conf_t *conf = hl_kafka_conf(a->k, HL_KAFKA_READER, 0, err);
        enum hl_status status = conf ? hl_kafka_client(RD_KAFKA_CONSUMER, conf, &a->reader, err) : HL_E_CONFIG;
        if (status) return status;
        rd_kafka_poll_set_consumer(a->reader);
    }
    know_topics(a, ranges, n);
    return hl_kafka_read(a->k, a->reader, ranges, n, fn, ctx, err);
}

/* --- records --- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct hl_kafka_admin *a = opaque;
    (void)rk;
    if (!m->err || a->failed) return;
    a->failed = m->err;
    snprintf(a->failed_topic, sizeof(a->failed_topic), "%s", rd_kafka_topic_name(m->rkt));
}

static enum hl_status producer_open(struct hl_kafka_admin *a, struct hl_error *err)
{
    if (a->producer) return HL_OK;
    rd_kafka_conf_t *conf = hl_kafka_conf(a->k, HL_KAFKA_WRITER, 0, err);
    if (!conf) return HL_E_CONFIG;
    rd_kafka_conf_set_opaque(conf, a);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return hl_kafka_client(RD_KAFKA_PRODUCER, conf, &a->producer, err);
}

static enum hl_status delivery_failed(struct hl_kafka_admin *a, struct hl_error *err)
{
    return refused(a, a->failed, "Write", a->failed_topic, err);
}

enum hl_status hl_kafka_admin_put(struct hl_kafka_admin *a, const char *topic, int32_t partition, struct hl_slice key, struct hl_slice value,
                                  struct hl_error *err)
{
    enum hl_status status = producer_open(a, err);
    while (!status) {
        rd_kafka_poll(a->producer, 0);
        if (a->failed) return delivery_failed(a, err);
        rd_kafka_resp_err_t code = rd_kafka_producev(a->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                                                     RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(hl_kafka_bytes(key), key.len),
                                                     RD_KAFKA_V_VALUE(hl_kafka_bytes(value), value.len), RD_KAFKA_V_END);
        if (!code) return HL_OK;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) return refused(a, code, "Write", topic, err);
        rd_kafka_poll(a->producer, QUEUE_WAIT_MS);
    }
    return status;
}

enum hl_status hl_kafka_admin_flush(struct hl_kafka_admin *a, struct hl_error *err)
{
    if (!a->producer) return HL_OK;
    while (rd_kafka_flush(a->producer, 1000) == RD_KAFKA_RESP_ERR__TIMED_OUT) /* message.timeout.ms ends it */
        if (a->failed) break;
    return a->failed ? delivery_failed(a, err) : HL_OK;
}
