/* Start-up: wait for a broker, check that the inputs are co-partitioned, create the outputs that are missing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/buf.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/log.h"
#include "trouble.h"

enum hl_status hl_kafka_new(const struct hl_kafka_config *config, struct hl_kafka **out, struct hl_error *err)
{
    if (config->n_inputs > HL_KAFKA_MAX_INPUTS)
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "kafka: %zu input topics, at most %d", config->n_inputs, HL_KAFKA_MAX_INPUTS);
    struct hl_kafka *k = calloc(1, sizeof(*k));
    if (!k) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    k->config = *config;
    /* a wrong property is told now, not by the first worker */
    rd_kafka_conf_t *consumer = hl_kafka_conf(k, HL_KAFKA_CONSUMER, 0, err);
    rd_kafka_conf_t *producer = consumer ? hl_kafka_conf(k, HL_KAFKA_PRODUCER, 0, err) : NULL;
    if (consumer) rd_kafka_conf_destroy(consumer);
    if (!producer) {
        free(k);
        return HL_E_CONFIG;
    }
    rd_kafka_conf_destroy(producer);
    *out = k;
    return HL_OK;
}

void hl_kafka_free(struct hl_kafka *k)
{
    free(k);
}

static const rd_kafka_metadata_topic_t *topic_any(const rd_kafka_metadata_t *md, const char *name)
{
    for (int i = 0; i < md->topic_cnt; i++)
        if (strcmp(md->topics[i].topic, name) == 0) return &md->topics[i];
    return NULL;
}

static const rd_kafka_metadata_topic_t *topic_find(const rd_kafka_metadata_t *md, const char *name)
{
    const rd_kafka_metadata_topic_t *t = topic_any(md, name);
    return t && t->err == RD_KAFKA_RESP_ERR_NO_ERROR && t->partition_cnt > 0 ? t : NULL;
}

/* What every user of the topics needs; the rest is found out when it is used. */
static enum hl_status check_permission(const struct hl_kafka *k, const rd_kafka_metadata_t *md, const char *name, const char *operation,
                                       struct hl_error *err)
{
    const rd_kafka_metadata_topic_t *t = topic_any(md, name);
    return t && hl_kafka_is_forbidden(t->err) ? hl_kafka_forbidden(k, t->err, operation, name, err) : HL_OK;
}

/* An input that is an output, too: it is made like one. */
static bool is_own(const struct hl_kafka *k, size_t input)
{
    return k->config.outputs[HL_OUT_MERGES] && strcmp(k->config.inputs[input], k->config.outputs[HL_OUT_MERGES]) == 0;
}

static enum hl_status check_topics(const struct hl_kafka *k, const rd_kafka_metadata_t *md, struct hl_error *err)
{
    static const char *const operations[HL_OUT_COUNT] = {
        [HL_OUT_TRANSITIONS] = "Describe and Write",
        [HL_OUT_STATE] = "Describe, Read and Write",
        [HL_OUT_ALERTS] = "Describe and Write",
        [HL_OUT_DEAD_LETTER] = "Describe and Write",
        [HL_OUT_MERGES] = "Describe, Read and Write",
    };
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < k->config.n_inputs && !status; i++)
        if (!is_own(k, i)) status = check_permission(k, md, k->config.inputs[i], "Describe and Read", err);
    for (size_t o = 0; o < HL_OUT_COUNT && !status; o++) status = check_permission(k, md, k->config.outputs[o], operations[o], err);
    for (size_t i = 0; i < k->config.n_inputs && !status; i++)
        if (!is_own(k, i) && !topic_find(md, k->config.inputs[i]))
            status = hl_error_set(err, HL_E_CONFIG, HL_STOP, "input topic '%s' does not exist", k->config.inputs[i]);
    return status;
}

/* Metadata with every input in it, or the reason why not after the start-up time; earlier, if waiting does not help. */
static enum hl_status await_inputs(const struct hl_kafka *k, rd_kafka_t *rk, const struct hl_kafka_trouble *trouble,
                                   const rd_kafka_metadata_t **out, struct hl_error *err)
{
    int64_t deadline = hl_clock_mono_ns() + k->config.startup_timeout_ms * 1000000;
    enum hl_status status;
    char quoted[600];
    do {
        const rd_kafka_metadata_t *md;
        rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, NULL, &md, 2000);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            status = check_topics(k, md, err);
            if (!status) *out = md;
            else rd_kafka_metadata_destroy(md);
            if (!status || status == HL_E_PERMISSION) return status;
            rd_kafka_poll(rk, 500);
        } else {
            rd_kafka_poll(rk, 500); /* brings the reason */
            status = hl_kafka_trouble_tell(trouble, code, err);
            if (trouble->lasting) return status;
        }
        hl_log(HL_LOG_WARN, "waiting_for_kafka", "reason=%s",
               hl_log_quote(quoted, sizeof(quoted), status == HL_E_UNAVAILABLE && trouble->status ? trouble->text : err->message));
    } while (hl_clock_mono_ns() < deadline && !hl_kafka_stopping(k));
    return status;
}

static enum hl_status check_counts(const struct hl_kafka *k, const rd_kafka_metadata_t *md, int32_t *n_partitions, struct hl_error *err)
{
    struct hl_buf list;
    hl_buf_init(&list);
    bool unequal = false;
    int32_t n = topic_find(md, k->config.inputs[0])->partition_cnt;
    for (size_t i = 0; i < k->config.n_inputs; i++) {
        if (is_own(k, i)) continue; /* is looked at as an output */
        int32_t count = topic_find(md, k->config.inputs[i])->partition_cnt;
        unequal |= count != n;
        hl_buf_printf(&list, "%s%s %d", i ? ", " : "", k->config.inputs[i], count);
    }
    for (size_t o = 0; !unequal && o < HL_OUT_COUNT; o++) {
        const rd_kafka_metadata_topic_t *t = topic_find(md, k->config.outputs[o]);
        if (!t || t->partition_cnt == n) continue;
        hl_buf_printf(&list, ", output %s %d", k->config.outputs[o], t->partition_cnt);
        unequal = true;
    }
    enum hl_status status = HL_OK;
    if (unequal)
        status = hl_error_set(err, HL_E_CONFIG, HL_STOP, "topics must have the same number of partitions, so that all events of a contact meet: %.*s",
                              HL_SLICE_ARG(hl_buf_slice(&list)));
    hl_buf_fini(&list);
    *n_partitions = n;
    return status;
}

static rd_kafka_NewTopic_t *new_topic(const struct hl_kafka *k, enum hl_output o, int32_t n_partitions)
{
    char reason[256];
    rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(k->config.outputs[o], n_partitions, k->config.replication_factor, reason, sizeof(reason));
    for (size_t i = 0; t && i < k->config.n_output_settings[o]; i++)
        rd_kafka_NewTopic_set_config(t, k->config.output_settings[o][i].key, k->config.output_settings[o][i].value);
    return t;
}

static enum hl_status creation_result(const struct hl_kafka *k, rd_kafka_event_t *event, struct hl_error *err)
{
    if (!event) return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "kafka: no answer to the creation of the output topics");
    if (rd_kafka_event_error(event)) return hl_kafka_error(err, rd_kafka_event_error(event), "creating the output topics");
    size_t n;
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            hl_log(HL_LOG_INFO, "topic_created", "topic=%s", rd_kafka_topic_result_name(results[i]));
        } else if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) { /* another instance was quicker */
            const char *text = rd_kafka_topic_result_error_string(results[i]);
            if (hl_kafka_is_forbidden(code)) return hl_kafka_forbidden(k, code, "Create", rd_kafka_topic_result_name(results[i]), err);
            return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "output topic '%s' cannot be created: %s", rd_kafka_topic_result_name(results[i]),
                                text ? text : rd_kafka_err2str(code));
        }
    }
    return HL_OK;
}

static enum hl_status create_outputs(const struct hl_kafka *k, rd_kafka_t *rk, const rd_kafka_metadata_t *md, int32_t n_partitions,
                                     struct hl_error *err)
{
    rd_kafka_NewTopic_t *topics[HL_OUT_COUNT];
    size_t n = 0;
    for (size_t o = 0; o < HL_OUT_COUNT; o++) {
        if (topic_find(md, k->config.outputs[o])) continue;
        if (!k->config.create_topics)
            return hl_error_set(err, HL_E_CONFIG, HL_STOP, "output topic '%s' does not exist and kafka.create_topics is false",
                                k->config.outputs[o]);
        topics[n] = new_topic(k, (enum hl_output)o, n_partitions);
        if (topics[n]) n++;
    }
    if (n == 0) return HL_OK;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, topics, n, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
    enum hl_status status = creation_result(k, event, err);
    if (event) rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy_array(topics, n);
    return status;
}

static bool has_all(const struct hl_kafka *k, const rd_kafka_metadata_t *md)
{
    for (size_t o = 0; o < HL_OUT_COUNT; o++)
        if (!topic_find(md, k->config.outputs[o])) return false;
    return true;
}

/* Brokers hear of a new topic by and by; who subscribes to one that is not known yet gets the others alone. */
static enum hl_status await_outputs(const struct hl_kafka *k, rd_kafka_t *rk, struct hl_error *err)
{
    int64_t deadline = hl_clock_mono_ns() + k->config.startup_timeout_ms * 1000000;
    do {
        const rd_kafka_metadata_t *md;
        bool there = false;
        if (rd_kafka_metadata(rk, 0, NULL, &md, 2000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            there = has_all(k, md);
            rd_kafka_metadata_destroy(md);
        }
        if (there) return HL_OK;
        rd_kafka_poll(rk, 100);
    } while (hl_clock_mono_ns() < deadline && !hl_kafka_stopping(k));
    return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "kafka: the output topics were created, and the broker does not know them");
}

/* From now on metadata tells of these topics. */
static void name_topics(const struct hl_kafka *k, rd_kafka_t *rk, rd_kafka_topic_t **topics)
{
    size_t n = 0;
    for (size_t i = 0; i < k->config.n_inputs; i++) topics[n++] = rd_kafka_topic_new(rk, k->config.inputs[i], NULL);
    for (size_t o = 0; o < HL_OUT_COUNT; o++) topics[n++] = rd_kafka_topic_new(rk, k->config.outputs[o], NULL);
}

enum hl_status hl_kafka_prepare(struct hl_kafka *k, int32_t *n_partitions, struct hl_error *err)
{
    rd_kafka_t *rk;
    rd_kafka_topic_t *topics[HL_KAFKA_MAX_INPUTS + HL_OUT_COUNT];
    struct hl_kafka_trouble trouble;
    rd_kafka_conf_t *conf = hl_kafka_conf(k, HL_KAFKA_ADMIN, 0, err);
    if (!conf) return HL_E_CONFIG;
    hl_kafka_trouble_watch(&trouble, k, conf);
    enum hl_status status = hl_kafka_client(RD_KAFKA_CONSUMER, conf, &rk, err);
    if (status) return status;
    name_topics(k, rk, topics);
    const rd_kafka_metadata_t *md = NULL;
    status = await_inputs(k, rk, &trouble, &md, err);
    if (!status) status = check_counts(k, md, &k->n_partitions, err);
    if (!status) status = create_outputs(k, rk, md, k->n_partitions, err);
    if (!status && !has_all(k, md)) status = await_outputs(k, rk, err);
    if (md) rd_kafka_metadata_destroy(md);
    for (size_t i = 0; i < k->config.n_inputs + HL_OUT_COUNT; i++) rd_kafka_topic_destroy(topics[i]);
    rd_kafka_destroy(rk);
    *n_partitions = k->n_partitions;
    return status;
}
