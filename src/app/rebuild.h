/* Private: the state of one partition, made anew from the kept input. */
#ifndef HL_APP_REBUILD_H
#define HL_APP_REBUILD_H

#include "hotlead/core/follow.h"
#include "worker.h"

/* What is read and written: Kafka, or the memory of a test. */
struct hl_rebuild_log {
    /* As in port/stream.h; also of HL_STATE_TOPIC and HL_TRANSITIONS_TOPIC. */
    enum hl_status (*read)(struct hl_rebuild_log *l, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx, struct hl_error *err);
    /* One record of the state topic; value null: a tombstone. */
    enum hl_status (*put)(struct hl_rebuild_log *l, int32_t partition, struct hl_slice key, struct hl_slice value, struct hl_error *err);
};

struct hl_rebuild_span {
    int64_t from, to;
};

/* A contact whose last emitted transition says something else than its events in the order in which they were read. */
struct hl_rebuild_difference {
    struct hl_slice id;
    bool known; /* false: no event of it is left, and it is made of the transition alone */
    struct hl_said made, said;
};

struct hl_rebuild {
    /* what to do */
    const struct hl_config *config;
    const struct hl_model *model;
    const struct hl_engine *codecs; /* decoders and the state's schema id are borrowed from there */
    struct hl_rebuild_log *log;
    int32_t partition, n_partitions;
    struct hl_rebuild_span *inputs; /* each: up to where the group has committed */
    struct hl_rebuild_span transitions, state; /* what is kept there; empty: nothing */
    bool whole; /* the inputs are read from their very beginning: who is only in the state topic is gone */
    _Atomic uint64_t *progress; /* records read; NULL: nobody looks */
    /* what came of it */
    uint64_t events, evaluated; /* records read; transitions that were evaluated, and not emitted */
    uint64_t contacts, graves;  /* written */
    uint64_t said, differ, unknown; /* contacts with transitions; those that were brought to what these say; those among them without an event */
    uint64_t removed, kept; /* records of the state topic that the input does not know */
    struct hl_buf differences; /* see hl_rebuild_next_difference */
};

/* Reads, evaluates, compares and writes. Everything put is in the log's hands when it returns. The caller has zeroed what comes of it, and ends
 * `differences` with hl_buf_fini. HL_E_DECODE: a transition cannot be read. */
enum hl_status hl_rebuild_partition(struct hl_rebuild *r, struct hl_error *err) HL_WARN_UNUSED;

/* The differences, one after the other; false at the end. */
bool hl_rebuild_next_difference(struct hl_reader *reader, struct hl_rebuild_difference *out);

#endif
