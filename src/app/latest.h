/* Private: the latest value of each key of a partition that is read to its end, in the order of the keys' first appearance. */
#ifndef HL_APP_LATEST_H
#define HL_APP_LATEST_H

#include "hotlead/base/slice.h"

struct hl_latest_record {
    uint64_t hash;
    char *block; /* id, then value; NULL: a tombstone came last */
    uint32_t id_len, value_len;
};

struct hl_latest {
    struct hl_latest_record *records;
    size_t n, cap;
    uint32_t *places; /* open-addressed: index into records + 1; 0: free */
    size_t mask;      /* places - 1 */
};

void hl_latest_fini(struct hl_latest *l); /* safe on a zeroed one */
void hl_latest_clear(struct hl_latest *l);
/* NULL: there is none. One without a block: a tombstone came last. */
const struct hl_latest_record *hl_latest_find(const struct hl_latest *l, uint64_t hash, struct hl_slice id);
/* value null: a tombstone. False: no memory. */
bool hl_latest_put(struct hl_latest *l, struct hl_slice id, struct hl_slice value);

static inline struct hl_slice hl_latest_id(const struct hl_latest_record *r)
{
    return (struct hl_slice){r->block, r->id_len};
}

static inline struct hl_slice hl_latest_value(const struct hl_latest_record *r)
{
    return (struct hl_slice){r->block + r->id_len, r->value_len};
}

#endif
