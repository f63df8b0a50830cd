/* How the copy of a partition can be told whole from damaged.
 *
 * A record is stored sealed: 8 bytes of a hash of id and value, then the value. The marker holds, beside the position, how many records
 * there are and the sum of their seals, as two sums modulo 2^32 since Lua counts in doubles. The sum does not depend on the order, and a
 * write subtracts the seal of what it replaces, so keeping it never reads the partition. Against damage, not against malice. */
#ifndef HOTLEAD_ADAPTER_REDIS_SEAL_H
#define HOTLEAD_ADAPTER_REDIS_SEAL_H

#include "hotlead/base/slice.h"

#define HL_REDIS_SEAL 8

struct hl_redis_sum {
    uint64_t count;
    uint32_t low, high;
};

struct hl_redis_marker {
    int64_t position; /* -1: records have come, but no position yet */
    struct hl_redis_sum sum;
};

/* out: HL_REDIS_SEAL + value.len bytes. */
void hl_redis_seal(char *out, uint64_t id_hash, struct hl_slice value);
/* The value in a stored record, counted into `sum`; false when the seal is not that of id and value. `stored` is written to
 * meanwhile, and left as it was. */
bool hl_redis_unseal(char *stored, size_t len, uint64_t id_hash, struct hl_slice *value, struct hl_redis_sum *sum);
/* "position count low high layout", in decimal; false also where the records lie in another way. */
bool hl_redis_marker_parse(struct hl_slice text, int64_t layout, struct hl_redis_marker *out);

#endif
