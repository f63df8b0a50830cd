/* Private: which matches of its model hold for an event. */
#ifndef HL_CORE_MATCH_CACHE_PRIVATE_H
#define HL_CORE_MATCH_CACHE_PRIVATE_H

#include "hotlead/core/match_cache.h"
#include "match_index.h"

/* The set of the matches that hold, lent until the next call. */
const uint64_t *hl_match_cache_find(struct hl_match_cache *k, const struct hl_model *m, const struct hl_event *ev, struct hl_slice path);

#endif
