/* Translation of librdkafka's codes; each is decided on once, here. */
#include "internal.h"

struct translation {
    rd_kafka_resp_err_t code;
    enum hl_status status;
    enum hl_action action;
};

static const struct translation TABLE[] = {
    {RD_KAFKA_RESP_ERR__TIMED_OUT, HL_E_TIMEOUT, HL_RETRY},
    {RD_KAFKA_RESP_ERR__TRANSPORT, HL_E_UNAVAILABLE, HL_RETRY},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, HL_E_UNAVAILABLE, HL_RETRY},
    {RD_KAFKA_RESP_ERR__WAIT_COORD, HL_E_UNAVAILABLE, HL_RETRY},
    {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, HL_E_UNAVAILABLE, HL_RETRY},
    {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, HL_E_UNAVAILABLE, HL_RETRY},
    {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, HL_E_UNAVAILABLE, HL_RETRY},
    {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, HL_E_UNAVAILABLE, HL_RETRY},
    {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, HL_E_UNAVAILABLE, HL_RETRY},
    {RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, HL_E_UNAVAILABLE, HL_RETRY},
    {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, HL_E_UNAVAILABLE, HL_RETRY},
    {RD_KAFKA_RESP_ERR__QUEUE_FULL, HL_E_UNAVAILABLE, HL_RETRY},
    {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, HL_E_FENCED, HL_STOP},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, HL_E_GAP, HL_STOP},
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, HL_E_GAP, HL_STOP},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, HL_E_PERMISSION, HL_STOP},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, HL_E_PERMISSION, HL_STOP},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, HL_E_PERMISSION, HL_STOP},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, HL_E_PERMISSION, HL_STOP},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, HL_E_PERMISSION, HL_STOP},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, HL_E_PERMISSION, HL_STOP},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, HL_E_TOO_LARGE, HL_SKIP},
    {RD_KAFKA_RESP_ERR__FATAL, HL_E_IN_DOUBT, HL_RETRY},
    {RD_KAFKA_RESP_ERR__FENCED, HL_E_IN_DOUBT, HL_RETRY},
};

enum hl_status hl_kafka_status(rd_kafka_resp_err_t code, enum hl_action *action)
{
    for (size_t i = 0; i < HL_ARRAY_LEN(TABLE); i++) {
        if (TABLE[i].code != code) continue;
        *action = TABLE[i].action;
        return TABLE[i].status;
    }
    *action = HL_RETRY;
    return HL_E_UNAVAILABLE;
}

enum hl_status hl_kafka_error(struct hl_error *err, rd_kafka_resp_err_t code, const char *doing)
{
    enum hl_action action;
    enum hl_status status = hl_kafka_status(code, &action);
    return hl_error_set(err, status, action, "kafka: %s: %s (%s)", doing, rd_kafka_err2str(code), rd_kafka_err2name(code));
}

enum hl_status hl_kafka_forbidden(const struct hl_kafka *k, rd_kafka_resp_err_t code, const char *operation, const char *topic, struct hl_error *err)
{
    const char *kind = "topic", *name = topic ? topic : "?", *more = "";
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
        operation = "Read";
        kind = "group";
        name = k->config.group_id;
    } else if (code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED) {
        operation = "Describe and Write";
        kind = "transactional ids that begin with";
        name = k->config.identity;
        more = "-";
    } else if (code != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        return hl_kafka_error(err, code, operation);
    }
    return hl_error_set(err, HL_E_PERMISSION, HL_STOP, "kafka: not permitted: %s on %s '%s%s'; grant it to the user that hotlead logs in as",
                        operation, kind, name, more);
}
