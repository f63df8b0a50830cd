/* One worker's session with the log: what it consumes, what it produces, and the commit that ties both together. Implemented by
 * adapter/kafka, and by a fake in tests.
 *
 * Threading: one thread. Inputs are numbered as in the configuration, outputs by enum hl_output.
 * Errors: HL_E_ABORT (the transaction cannot go on: abort, then recover the partitions), HL_E_IN_DOUBT (the outcome of a commit is not known
 * or the producer is broken: renew it, then recover), HL_E_FENCED (another instance has this identity: stop), HL_E_UNAVAILABLE. */
#ifndef HOTLEAD_PORT_STREAM_H
#define HOTLEAD_PORT_STREAM_H

#include "hotlead/base/slice.h"
#include "hotlead/base/status.h"

/* A producer rests for so long after a commit (adapter/kafka/commit.c): one that is begun sooner waits. */
#define HL_COMMIT_REST_NS 3000000

/* What goes to HL_OUT_MERGES comes back as an input. */
enum hl_output { HL_OUT_TRANSITIONS, HL_OUT_STATE, HL_OUT_ALERTS, HL_OUT_DEAD_LETTER, HL_OUT_MERGES, HL_OUT_COUNT };

struct hl_record {
    struct hl_slice key, value;  /* null slices for null */
    int64_t offset;
    int64_t timestamp_ms; /* of the record; -1: none */
    int32_t partition;
    uint16_t topic; /* index of the input */
    void *handle;
};

struct hl_header {
    const char *name;
    struct hl_slice value;
};

/* Where one partition of one input stands. Low-water and state_end travel in the metadata of the committed offset. */
struct hl_position {
    uint16_t topic;
    int32_t partition;
    int64_t offset;    /* next to read; -1: none committed */
    int64_t low_water; /* replay starts here; -1: not known, take offset */
    int64_t state_end; /* the state topic's partition has reached this offset: one that ends before it has been lost; 0: it may be empty */
};
#define HL_STATE_REBUILDING INT64_MAX /* a state_end: what is in the state topic is not whole; a rebuild that has begun and not ended */

/* What has happened to the assignment since the last poll; the session does nothing until the worker answers with `assign`. */
enum hl_assignment_change { HL_ASSIGNMENT_SAME, HL_ASSIGNMENT_GAINED, HL_ASSIGNMENT_REVOKED, HL_ASSIGNMENT_LOST };

/* A part of one partition to be read: [from, to). */
struct hl_range {
    uint16_t topic; /* of the inputs, HL_STATE_TOPIC or HL_TRANSITIONS_TOPIC */
    int32_t partition;
    int64_t from;     /* -1: the first kept */
    int64_t to;
    bool to_end;      /* go on to the end, wherever it is by then; open transactions are awaited */
    int64_t position; /* how far it has been read, kept up by the read; -1: not begun */
};

/* The next n records, at most HL_READ_GROUP, so that what they need of memory can be fetched ahead; 0: nothing came for a moment. They are valid
 * until it returns. Return HL_OK to go on; anything else stops the read and is passed on. */
#define HL_READ_GROUP 32
typedef enum hl_status hl_record_fn(void *ctx, const struct hl_record *records, size_t n);

struct hl_stream {
    /* Up to cap records; waits up to timeout_ms for the first. Returns early when the assignment changed. Records are valid until release.
     * Order is kept within a partition of a topic, and promised nowhere else; a log may bring what is urgent first. */
    enum hl_status (*poll)(struct hl_stream *s, int timeout_ms, struct hl_record *records, size_t cap, size_t *n, struct hl_error *err);
    void (*release)(struct hl_stream *s, struct hl_record *records, size_t n);
    /* Value of the last header of this name; null when absent. Borrowed from the record. NULL: this log has no headers. Asked for what is emitted,
     * not for each record. */
    struct hl_slice (*header)(struct hl_stream *s, const struct hl_record *r, const char *name);
    /* The i-th header of a record; false behind the last. Borrowed. NULL where `header` is. */
    bool (*header_at)(struct hl_stream *s, const struct hl_record *r, size_t i, struct hl_header *out);
    /* GAINED: *partitions (borrowed until the next poll) are all partitions now assigned. REVOKED: finish them, commit, then assign(NULL, 0).
     * LOST: they already belong to another: commit nothing, then assign(NULL, 0). HL_E_CONFIG when topics are not co-assigned. */
    enum hl_status (*assignment)(struct hl_stream *s, enum hl_assignment_change *change, const int32_t **partitions, size_t *n,
                                 struct hl_error *err);
    /* True when the assignment has changed and `assignment` was not called yet. */
    bool (*changed)(struct hl_stream *s);
    /* Consume exactly these positions from now on; replaces what was there. positions = NULL: give the assignment back, as the answer to REVOKED
     * and LOST. */
    enum hl_status (*assign)(struct hl_stream *s, const struct hl_position *positions, size_t n, struct hl_error *err);
    /* Fill offset and low_water of each from the group's committed offsets; waits until open transactions on them are decided. */
    enum hl_status (*committed)(struct hl_stream *s, struct hl_position *positions, size_t n, struct hl_error *err);
    /* First offset kept, and end, of an input partition. */
    enum hl_status (*bounds)(struct hl_stream *s, uint16_t topic, int32_t partition, int64_t *low, int64_t *high, struct hl_error *err);
    /* Committed records of all ranges, in one pass: order is kept within a range, and promised nowhere else. HL_E_GAP when `from` of one is no
     * longer there. fn may call poll, and nothing else. */
    enum hl_status (*read)(struct hl_stream *s, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx, struct hl_error *err);
    /* Put one record into the open transaction (opens it); key, value and headers are copied. value null: tombstone. */
    enum hl_status (*produce)(struct hl_stream *s, enum hl_output out, int32_t partition, struct hl_slice key, struct hl_slice value,
                              const struct hl_header *headers, size_t n_headers, struct hl_error *err);
    /* Low latency: what is produced from now until `commit`, states alone, is written when everything before it has been acknowledged, so that it cannot
     * outlive it. In a transaction: nothing to do. */
    enum hl_status (*settle)(struct hl_stream *s, struct hl_error *err);
    /* Make everything produced since the last commit, and these positions, durable: in one transaction, or (low latency) wait for the
     * acknowledgements and then commit the offsets. Returns when it is under way, and none may be under way before; `finish` tells what came of it.
     * What is produced meanwhile belongs to the next one; at low latency it may be written before this one ends. */
    enum hl_status (*commit)(struct hl_stream *s, const struct hl_position *positions, size_t n, struct hl_error *err);
    /* How the commit that is under way ended. wait false: only if that is known already; a poll returns early when it comes to be known. *done: it is
     * over, or there was none. An error is that of the commit, and it is over, too. */
    enum hl_status (*finish)(struct hl_stream *s, bool wait, bool *done, struct hl_error *err);
    /* Drop the open transaction, and what was produced since; waits for a commit under way, whatever comes of it. After HL_E_ABORT or
     * HL_E_IN_DOUBT; renews the producer where that is needed. */
    enum hl_status (*abort)(struct hl_stream *s, struct hl_error *err);
    /* The offset behind the last record of the state topic that this session wrote and that was acknowledged; asked for when no commit is under way.
     * 0: it wrote none; -1: not known now. */
    int64_t (*state_end)(struct hl_stream *s, int32_t partition);
    /* Records behind the end of an input partition that the client has heard of; -1 when not known. */
    int64_t (*lag)(struct hl_stream *s, uint16_t topic, int32_t partition, int64_t next);
    /* True when the input partition was read to its end and no record came since. NULL: this log cannot tell; only events bring time then. */
    bool (*at_end)(struct hl_stream *s, uint16_t topic, int32_t partition);
    /* Leaves the group (unless static) and frees. */
    void (*free)(struct hl_stream *s);
};

#define HL_STATE_TOPIC UINT16_MAX
#define HL_TRANSITIONS_TOPIC (UINT16_MAX - 1) /* for commands, in ranges to be read */

#endif
