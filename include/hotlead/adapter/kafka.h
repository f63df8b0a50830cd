/* Kafka by librdkafka (2.0.2 and later). What this adapter works around is listed at the top of each .c file. */
#ifndef HOTLEAD_ADAPTER_KAFKA_H
#define HOTLEAD_ADAPTER_KAFKA_H

#include "hotlead/port/stream.h"

struct hl_kafka_property {
    const char *key, *value;
};

struct hl_kafka_config {
    const struct hl_kafka_property *properties; /* librdkafka properties, bootstrap.servers among them */
    size_t n_properties;
    const char *group_id;
    const char *identity;   /* "<group>-<instance>": prefix of transactional.id and group.instance.id */
    bool static_membership;
    bool transactions;      /* false: low latency */
    const char **inputs;
    const bool *high_priority; /* for each input; NULL: none is */
    size_t n_inputs;
    const char *outputs[HL_OUT_COUNT];
    const struct hl_kafka_property *output_settings[HL_OUT_COUNT]; /* of outputs that are created */
    size_t n_output_settings[HL_OUT_COUNT];
    bool create_topics;
    int replication_factor;
    int64_t startup_timeout_ms;
    _Atomic bool *stop;     /* gives up waiting when true; may be NULL */
    /* Signs of life of session `index`; may be NULL. call: it now makes one that may hang, and that should be back within limit_ms; NULL: it is in
     * none. Comes again and again while it waits for a broker that is away. */
    void (*alive)(void *ctx, unsigned index, const char *call, int64_t limit_ms);
    void *alive_ctx;
};

struct hl_kafka;

/* Checks every property by name and value (HL_E_CONFIG). Does not connect. The config's strings must outlive it. */
enum hl_status hl_kafka_new(const struct hl_kafka_config *config, struct hl_kafka **out, struct hl_error *err) HL_WARN_UNUSED;
void hl_kafka_free(struct hl_kafka *k);
/* Wait for a broker (HL_E_UNAVAILABLE after startup_timeout), check that all inputs have the same number of partitions (HL_E_CONFIG with the
 * counts), create missing outputs. */
enum hl_status hl_kafka_prepare(struct hl_kafka *k, int32_t *n_partitions, struct hl_error *err) HL_WARN_UNUSED;
/* The session of worker number `index`. */
enum hl_status hl_kafka_stream_new(struct hl_kafka *k, unsigned index, struct hl_stream **out, struct hl_error *err) HL_WARN_UNUSED;

/* Reads an output topic, for the warm copy and for who looks back: plain assignment, read committed. */
struct hl_kafka_tail;
enum hl_status hl_kafka_tail_new(struct hl_kafka *k, enum hl_output topic, struct hl_kafka_tail **out, struct hl_error *err) HL_WARN_UNUSED;
void hl_kafka_tail_free(struct hl_kafka_tail *t);
/* (Re)start reading partition i of the list at its position (-1: the first kept). Replaces the whole assignment. */
struct hl_tail_position {
    int32_t partition;
    int64_t position;
};
enum hl_status hl_kafka_tail_assign(struct hl_kafka_tail *t, const struct hl_tail_position *p, size_t n, struct hl_error *err) HL_WARN_UNUSED;
/* One record, or the end of a partition (*at_end, then r->partition and r->offset tell where). *got false: nothing within timeout_ms. */
enum hl_status hl_kafka_tail_poll(struct hl_kafka_tail *t, int timeout_ms, struct hl_record *r, bool *got, bool *at_end,
                                  struct hl_error *err) HL_WARN_UNUSED;
/* End of a partition, as the broker says now, and the first offset kept (low may be NULL); -1: not known. */
int64_t hl_kafka_tail_end(struct hl_kafka_tail *t, int32_t partition, int64_t *low);
void hl_kafka_tail_release(struct hl_kafka_tail *t, struct hl_record *r);

/* For commands that look at the cluster, and change it, beside running processes: a client that joins no group and owns no transaction, and a
 * plain idempotent producer. One thread. What is not permitted is HL_E_PERMISSION and says what to grant. */
struct hl_kafka_admin;
/* Waits for a broker as hl_kafka_prepare does. */
enum hl_status hl_kafka_admin_new(struct hl_kafka *k, struct hl_kafka_admin **out, struct hl_error *err) HL_WARN_UNUSED;
void hl_kafka_admin_free(struct hl_kafka_admin *a);
/* *partitions 0: there is no such topic. Takes the state topic's and the inputs' count for those that are read below. */
enum hl_status hl_kafka_admin_topic(struct hl_kafka_admin *a, const char *name, int32_t *partitions, int *replication, struct hl_error *err)
    HL_WARN_UNUSED;
/* The same for a topic that was created just now: brokers hear of it by and by. Waits for it, 15 s at most. */
enum hl_status hl_kafka_admin_await_topic(struct hl_kafka_admin *a, const char *name, int32_t *partitions, int *replication, struct hl_error *err)
    HL_WARN_UNUSED;
/* The values of the settings `keys` of a topic, malloc'ed; NULL: the broker does not tell. topic NULL: the broker's own. */
enum hl_status hl_kafka_admin_settings(struct hl_kafka_admin *a, const char *topic, const char *const *keys, size_t n, char **values,
                                       struct hl_error *err) HL_WARN_UNUSED;
/* replication -1: the broker's default. HL_OK also when it was there already. dry: only asks whether it would be done. */
enum hl_status hl_kafka_admin_create(struct hl_kafka_admin *a, const char *topic, int32_t partitions, int replication,
                                     const struct hl_kafka_property *settings, size_t n, bool dry, struct hl_error *err) HL_WARN_UNUSED;
/* Set these, and leave the others as they are. */
enum hl_status hl_kafka_admin_alter(struct hl_kafka_admin *a, const char *topic, const struct hl_kafka_property *settings, size_t n, bool dry,
                                    struct hl_error *err) HL_WARN_UNUSED;
/* Members that the group has now. */
enum hl_status hl_kafka_admin_members(struct hl_kafka_admin *a, size_t *n, struct hl_error *err) HL_WARN_UNUSED;
/* As in port/stream.h, for the configured inputs; `topic` may be HL_STATE_TOPIC or HL_TRANSITIONS_TOPIC in bounds and read. */
enum hl_status hl_kafka_admin_bounds(struct hl_kafka_admin *a, uint16_t topic, int32_t partition, int64_t *low, int64_t *high,
                                     struct hl_error *err) HL_WARN_UNUSED;
enum hl_status hl_kafka_admin_committed(struct hl_kafka_admin *a, struct hl_position *positions, size_t n, struct hl_error *err) HL_WARN_UNUSED;
enum hl_status hl_kafka_admin_commit(struct hl_kafka_admin *a, const struct hl_position *positions, size_t n, struct hl_error *err) HL_WARN_UNUSED;
enum hl_status hl_kafka_admin_read(struct hl_kafka_admin *a, int32_t n_partitions, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx,
                                   struct hl_error *err) HL_WARN_UNUSED;
/* The offset of each input partition's first record of this time or later, into `offset`; -1: there is none. */
enum hl_status hl_kafka_admin_offsets_at(struct hl_kafka_admin *a, struct hl_position *positions, size_t n, int64_t time_ms, struct hl_error *err)
    HL_WARN_UNUSED;
/* Id of the cluster; borrowed, NULL: the broker does not tell. */
const char *hl_kafka_admin_cluster(struct hl_kafka_admin *a);
/* Queue one record; waits while the queue is full. Errors of delivery come with flush. */
enum hl_status hl_kafka_admin_put(struct hl_kafka_admin *a, const char *topic, int32_t partition, struct hl_slice key, struct hl_slice value,
                                  struct hl_error *err) HL_WARN_UNUSED;
/* Until all that was put is acknowledged, or has failed. */
enum hl_status hl_kafka_admin_flush(struct hl_kafka_admin *a, struct hl_error *err) HL_WARN_UNUSED;

/* librdkafka's in-process mock cluster: for the demo and for client error paths, never for exactly-once (it forgets transactions). */
struct hl_kafka_mock;
enum hl_status hl_kafka_mock_new(const char *const *topics, size_t n_topics, int partitions, struct hl_kafka_mock **out, struct hl_error *err)
    HL_WARN_UNUSED;
const char *hl_kafka_mock_bootstrap(const struct hl_kafka_mock *m);
void hl_kafka_mock_free(struct hl_kafka_mock *m);

/* A plain producer, for the demo's made-up day: partition by the Java client's murmur2. */
struct hl_kafka_writer;
enum hl_status hl_kafka_writer_new(const char *bootstrap, struct hl_kafka_writer **out, struct hl_error *err) HL_WARN_UNUSED;
enum hl_status hl_kafka_writer_put(struct hl_kafka_writer *w, const char *topic, struct hl_slice key, struct hl_slice value,
                                   struct hl_error *err) HL_WARN_UNUSED;
void hl_kafka_writer_free(struct hl_kafka_writer *w); /* flushes */

const char *hl_kafka_version(void); /* of librdkafka at run time */

#endif
