/* Private: what the topics should be like, and how far they are from it. Pure: what there is comes in, what is wrong comes out. */
#ifndef HL_APP_TOPIC_PLAN_H
#define HL_APP_TOPIC_PLAN_H

#include "hotlead/adapter/kafka.h"
#include "hotlead/app/config.h"

/* The settings that are looked at: name in Kafka, and what it is in sentences. */
#define HL_TOPIC_SETTINGS(X)                                                                                                               \
    X(CLEANUP, "cleanup.policy")                                                                                                          \
    X(RETENTION_MS, "retention.ms")                                                                                                       \
    X(RETENTION_BYTES, "retention.bytes")                                                                                                 \
    X(MIN_INSYNC, "min.insync.replicas")                                                                                                  \
    X(UNCLEAN, "unclean.leader.election.enable")                                                                                          \
    X(MAX_BYTES, "max.message.bytes")                                                                                                     \
    X(DELETE_RETENTION, "delete.retention.ms")                                                                                            \
    X(SEGMENT_BYTES, "segment.bytes")                                                                                                     \
    X(DIRTY_RATIO, "min.cleanable.dirty.ratio")                                                                                            \
    X(TIMESTAMP_TYPE, "message.timestamp.type")

enum hl_topic_setting {
#define X(id, name) HL_TOPIC_##id,
    HL_TOPIC_SETTINGS(X)
#undef X
    HL_TOPIC_SETTING_COUNT
};
const char *hl_topic_setting_name(enum hl_topic_setting s);

enum hl_topic_role { HL_ROLE_INPUT, HL_ROLE_TRANSITIONS, HL_ROLE_STATE, HL_ROLE_ALERTS, HL_ROLE_DEAD_LETTER, HL_ROLE_MERGES, HL_ROLE_COUNT };
const char *hl_topic_role_name(enum hl_topic_role r);
static inline enum hl_topic_role hl_topic_role_of(enum hl_output o)
{
    return (enum hl_topic_role)(HL_ROLE_TRANSITIONS + o);
}

enum hl_topic_severity {
    HL_TOPIC_BETTER, /* it works, but */
    HL_TOPIC_WRONG,  /* a promise does not hold, or hotlead does not start */
};

struct hl_topic_problem {
    const char *setting; /* "partitions", or of Kafka */
    enum hl_topic_severity severity;
    const char *why; /* static */
    char is[40], wanted[40];
    bool can_set;    /* by a change of settings to `wanted` */
};

#define HL_TOPIC_MAX_PROBLEMS 12

struct hl_topic {
    const char *name;
    enum hl_topic_role role;
    int32_t partitions; /* 0: there is no such topic */
    int replication;
    char *values[HL_TOPIC_SETTING_COUNT]; /* as the broker tells; NULL: it does not. malloc'ed by the caller */
    struct hl_topic_problem problems[HL_TOPIC_MAX_PROBLEMS];
    size_t n_problems;
};

struct hl_topic_plan {
    const struct hl_config *config;
    struct hl_topic *topics; /* the inputs, then the outputs */
    size_t n;
    int32_t partitions; /* that all should have; 0: no input is there to say so */
};

/* partitions: what the user wants, 0: what most of the inputs that are there have. */
void hl_topic_plan_make(struct hl_topic_plan *p, int32_t partitions);
/* Settings for the creation of a topic of this role; replication as far as it is known, else -1; max_bytes: of the inputs, NULL where it is not
 * known. Returns how many, at most HL_TOPIC_SETTING_COUNT; values are static, or max_bytes. */
size_t hl_topic_settings(enum hl_topic_role role, int replication, const char *max_bytes, struct hl_kafka_property *out);
/* The largest max.message.bytes of the inputs; NULL: not known. */
const char *hl_topic_plan_input_bytes(const struct hl_topic_plan *p);

#endif
