/* Private to adapter/kafka. */
#ifndef HL_KAFKA_INTERNAL_H
#define HL_KAFKA_INTERNAL_H

#include <librdkafka/rdkafka.h>

#include "hotlead/adapter/kafka.h"
#include "hotlead/base/log.h"

#define HL_KAFKA_MAX_INPUTS 64
/* Long enough for a broker restart, short enough that the next owner of an orphaned transaction's partitions need not wait a minute. */
#define HL_KAFKA_TRANSACTION_MS 15000

struct hl_kafka {
    struct hl_kafka_config config;
    int32_t n_partitions; /* 0 until prepared */
};

enum hl_kafka_role { HL_KAFKA_CONSUMER, HL_KAFKA_EXPRESS, HL_KAFKA_PRODUCER, HL_KAFKA_WRITER, HL_KAFKA_READER, HL_KAFKA_TAIL, HL_KAFKA_ADMIN };

/* Configuration for a client: our defaults, then the user's properties, then what hotlead owns. NULL on error. */
rd_kafka_conf_t *hl_kafka_conf(const struct hl_kafka *k, enum hl_kafka_role role, unsigned index, struct hl_error *err);
/* rd_kafka_new that keeps ownership clear: conf is taken in every case. */
enum hl_status hl_kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **out, struct hl_error *err);

void hl_kafka_log_error(int code, const char *reason);
/* What a client of librdkafka says, as a line of ours; and the callback that decides how much it matters. */
void hl_kafka_log_line(enum hl_log_level level, const char *facility, const char *text);
void hl_kafka_on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text);

static inline bool hl_kafka_stopping(const struct hl_kafka *k)
{
    return k->config.stop && *k->config.stop;
}

/* Waiting for a broker is not hanging: say so, at least every few seconds. */
static inline void hl_kafka_alive(const struct hl_kafka *k, unsigned index)
{
    if (k->config.alive) k->config.alive(k->config.alive_ctx, index, NULL, 0);
}

/* The one place where librdkafka's codes become ours. */
enum hl_status hl_kafka_status(rd_kafka_resp_err_t code, enum hl_action *action);
enum hl_status hl_kafka_error(struct hl_error *err, rd_kafka_resp_err_t code, const char *doing);
/* What a user has to be granted, for a code that says "not authorized": `operation` on the topic (NULL: no topic is known), on the group or on the
 * transactional id. HL_E_PERMISSION, HL_STOP. */
enum hl_status hl_kafka_forbidden(const struct hl_kafka *k, rd_kafka_resp_err_t code, const char *operation, const char *topic, struct hl_error *err);
static inline bool hl_kafka_is_forbidden(rd_kafka_resp_err_t code)
{
    enum hl_action action;
    return hl_kafka_status(code, &action) == HL_E_PERMISSION;
}

/* librdkafka takes keys and values as plain void *, and copies them. */
static inline void *hl_kafka_bytes(struct hl_slice s)
{
    return (void *)(uintptr_t)s.data;
}

/* Committed offsets and low-water of positions of inputs, to and from librdkafka's form. */
rd_kafka_topic_partition_list_t *hl_kafka_positions_list(const struct hl_kafka *k, const struct hl_position *p, size_t n);
void hl_kafka_position_read(const rd_kafka_topic_partition_t *from, struct hl_position *to);

/* Fill a record from a message that is no error; `topic` is the caller's. */
void hl_kafka_record(rd_kafka_message_t *m, uint16_t topic, struct hl_record *r);

/* reader.c: bounded reads for recovery */
enum hl_status hl_kafka_read(struct hl_kafka *k, rd_kafka_t *reader, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx,
                             struct hl_error *err);

/* Name of an input, of the state topic, or of the transitions'. */
static inline const char *hl_kafka_topic_name(const struct hl_kafka *k, uint16_t topic)
{
    if (topic == HL_STATE_TOPIC) return k->config.outputs[HL_OUT_STATE];
    return topic == HL_TRANSITIONS_TOPIC ? k->config.outputs[HL_OUT_TRANSITIONS] : k->config.inputs[topic];
}

#endif
