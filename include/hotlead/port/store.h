/* The warm copy of state: records of a partition, as of a position of the state topic (the marker). Implemented by adapter/redis and by a
 * fake in tests. One store object is used by one thread at a time. All calls may fail with HL_E_UNAVAILABLE (server away: reconnects on
 * the next call) or HL_E_FENCED (another instance has taken the partition). */
#ifndef HOTLEAD_PORT_STORE_H
#define HOTLEAD_PORT_STORE_H

#include "hotlead/base/hash.h"
#include "hotlead/base/status.h"

struct hl_store_record {
    struct hl_slice id;
    uint64_t hash;         /* hl_hash64 of the id */
    struct hl_slice value; /* null: delete */
};

/* A contact that is wanted back, from a copy that has come at least as far as `position`. */
struct hl_store_wanted {
    struct hl_slice id;
    uint64_t hash; /* hl_hash64 of the id */
    int64_t position;
    int32_t partition;
};

/* The next n records of a load, at least 1 and at most HL_STORE_GROUP, so that what they need of memory can be fetched ahead. They are valid until
 * it returns. Anything but HL_OK stops the load. */
#define HL_STORE_GROUP 32
typedef enum hl_status hl_store_fn(void *ctx, const struct hl_store_record *records, size_t n);

struct hl_store {
    /* Take the partition over: a new owner token fences all earlier owners. */
    enum hl_status (*own)(struct hl_store *s, int32_t partition, uint64_t *token, struct hl_error *err);
    /* Marker: position of the state topic that the copy reflects; -1: no copy, but perhaps remains of one, which discard removes. */
    enum hl_status (*marker)(struct hl_store *s, int32_t partition, int64_t *position, struct hl_error *err);
    /* Write records and move the marker from `from` to `to`, in one step; refused as HL_E_FENCED when token is not the owner's, and as
     * HL_E_GAP when the marker is not at `from` (the server went back in time: read the marker again). */
    enum hl_status (*write)(struct hl_store *s, int32_t partition, uint64_t token, int64_t from, int64_t to,
                            const struct hl_store_record *records, size_t n, struct hl_error *err);
    /* Every record of the partition, pipelined. `position`: the marker that the caller, its owner,
     * has read; at the end the copy has been checked to be exactly what was written up to there, else HL_E_GAP (the marker has moved) or
     * HL_E_DECODE (records are missing, added or altered; all that fn was given is void). -1: whatever is there, for readers beside a
     * running owner. */
    enum hl_status (*load)(struct hl_store *s, int32_t partition, int64_t position, hl_store_fn *fn, void *ctx, struct hl_error *err);
    /* One contact; *value malloc'ed, NULL when absent. */
    enum hl_status (*get)(struct hl_store *s, int32_t partition, struct hl_slice id, char **value, size_t *len, struct hl_error *err);
    /* Many contacts at once, those of a partition side by side, in as few round trips as there can be. fn is called once for each, in any order, with
     * its place in `wanted`; value null: the copy has none. Each value is what the copy held at one moment at which its marker was at `position` or
     * behind it. HL_E_GAP: a copy is not there yet, or no longer; HL_E_DECODE: a record was altered; fn may have been called for some by then. */
    enum hl_status (*fetch)(struct hl_store *s, const struct hl_store_wanted *wanted, size_t n,
                            enum hl_status (*fn)(void *ctx, size_t i, struct hl_slice value), void *ctx, struct hl_error *err);
    /* Remove the copy of a partition (marker first). */
    enum hl_status (*discard)(struct hl_store *s, int32_t partition, uint64_t token, struct hl_error *err);
    /* A note beside the copy of a partition, under a name of at most 12 letters: not part of it, not fenced, the last one written stays. *value
     * malloc'ed, NULL when absent. */
    enum hl_status (*note_put)(struct hl_store *s, int32_t partition, const char *note, struct hl_slice value, struct hl_error *err);
    enum hl_status (*note_get)(struct hl_store *s, int32_t partition, const char *note, char **value, size_t *len, struct hl_error *err);
    void (*free)(struct hl_store *s);
};

#endif
