/* What a thread remembers of matching events against a model, so that an event costs about the same under 1,000 rules as under 10.
 *
 * It changes no answer. Bounded; belongs to one thread at a time and to one sealed model, which must outlive it. Under another model it
 * must not be used: hl_apply aborts. */
#ifndef HOTLEAD_CORE_MATCH_CACHE_H
#define HOTLEAD_CORE_MATCH_CACHE_H

#include "hotlead/core/model.h"

struct hl_match_cache;

#define HL_MATCH_CACHE_BYTES ((size_t)2 << 20)

/* Takes at most `bytes`, but room for one answer at least; memory that is not used is not touched. NULL: no memory. */
struct hl_match_cache *hl_match_cache_new(const struct hl_model *m, size_t bytes);
void hl_match_cache_free(struct hl_match_cache *k); /* NULL: nothing */

#endif
