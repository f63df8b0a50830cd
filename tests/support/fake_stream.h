/* A log in memory for tests of the engine, and the port of a worker's session over it, with everything that can go wrong.
 *
 * The log keeps what is committed, as Kafka would: inputs, outputs, the group's offsets with their low-water. What a session has
 * produced and not committed is its own. With transactions all of it appears at the commit, behind it a control record; after an
 * abort or a crash aborted data still takes up offsets. Without, records appear one by one, in the order of each partition, and a
 * crash keeps a prefix of what was on its way.
 *
 * Every operation asks `fault` twice: before its effect and after it. So "in doubt" comes both ways.
 *
 * Threading: one thread, but sessions may be nested (a second worker while the first is out of the group). */
#ifndef HOTLEAD_TESTS_FAKE_STREAM_H
#define HOTLEAD_TESTS_FAKE_STREAM_H

#include <stdlib.h>

#include "hotlead/port/stream.h"

#define FAKE_INPUTS 3
#define FAKE_MERGES FAKE_INPUTS /* the input that what is written to HL_OUT_MERGES comes back by; read where n_inputs is FAKE_TOPICS */
#define FAKE_TOPICS (FAKE_INPUTS + 1)
#define FAKE_PARTITIONS 3

enum fake_kind {
    FAKE_DATA,
    FAKE_SKIPPED, /* control record, aborted, or compacted away: takes an offset, is never read */
};

/* Its offset is its place in the partition. Owned by the log. */
struct fake_record {
    enum fake_kind kind;
    bool has_key, has_value;
    char *key, *value, *headers; /* headers: "name=value\n"... */
    size_t key_len, value_len;
    int64_t timestamp_ms;
};

struct fake_topic {
    struct fake_record *records;
    size_t n, cap;
};

enum fake_op {
    FAKE_POLL,
    FAKE_ASSIGN,
    FAKE_COMMITTED,
    FAKE_BOUNDS,
    FAKE_READ, /* and before each group of records */
    FAKE_PRODUCE,
    FAKE_SETTLE,
    FAKE_COMMIT,
    FAKE_ABORT,
};

enum fake_fault {
    FAKE_NONE,
    FAKE_CRASH,   /* the process is gone: from now on nothing has an effect, everything answers HL_E_FENCED */
    FAKE_FAIL,    /* the operation's own error: abort, in doubt or unavailable */
    FAKE_REVOKE,  /* the group wants the partitions back */
    FAKE_LOSE,    /* the member was thrown out: its commits fail, and it hears of it at a later poll */
};

/* What has happened, so that a test can show that it did. */
struct fake_stats {
    uint64_t ops, commits, aborts, in_doubt_done, in_doubt_lost, revoked, lost, crashes;
    uint64_t handed_over; /* partitions given back with nothing left to replay */
    uint64_t behind;   /* positions committed with a low-water below the offset */
    uint64_t replayed; /* input records read for recovery */
};

struct fake_log {
    struct fake_topic inputs[FAKE_TOPICS][FAKE_PARTITIONS], outputs[HL_OUT_COUNT][FAKE_PARTITIONS];
    struct hl_position committed[FAKE_TOPICS][FAKE_PARTITIONS];
    uint16_t n_inputs; /* that are read: FAKE_INPUTS, unless changed before the first session */
    bool transactions;
    uint64_t random; /* state of the generator that decides on sizes, orders and prefixes */
    enum fake_fault (*fault)(void *ctx, enum fake_op op, bool after); /* NULL: all goes well */
    /* Out of the group: another member may run now, over the same log. May be NULL. */
    void (*away)(void *ctx);
    void *ctx;
    int64_t *clock_ns; /* advanced by waiting */
    struct fake_stats stats;
};

void fake_log_init(struct fake_log *l, bool transactions, uint64_t seed);
void fake_log_fini(struct fake_log *l);
/* xorshift64*; below n. */
uint64_t fake_random(struct fake_log *l, uint64_t n);
/* Append to an input, sometimes behind a record that is skipped. value NULL: null. */
void fake_log_put(struct fake_log *l, uint16_t topic, int32_t partition, struct hl_slice key, struct hl_slice value,
                  int64_t timestamp_ms);
/* Skip records of the state topic that a later one replaces, at random. */
void fake_log_compact(struct fake_log *l);
bool fake_log_is_done(const struct fake_log *l);

struct hl_slice fake_key(const struct fake_record *r);
struct hl_slice fake_value(const struct fake_record *r);

/* A new member of the group. Sets *stop when it has all partitions, and all input is consumed and committed. Checks on the way
 * (HL_BUG_ON) that committed offsets and low-waters never go back, that only owned partitions are committed, that a rebalance is
 * answered and leaves nothing to replay where nothing failed, that nothing is written after a loss, and that
 * records are released. */
struct hl_stream *fake_stream_new(struct fake_log *l, _Atomic bool *stop);

#endif
