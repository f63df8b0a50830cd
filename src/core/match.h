/* Private: matching of one event against many rules, with what the rules share worked out once. */
#ifndef HL_CORE_MATCH_H
#define HL_CORE_MATCH_H

#include "hotlead/core/model.h"

/* As hl_event_match_holds; `path` is hl_url_path(ev->url). */
bool hl_match_holds(const struct hl_event_match *match, const struct hl_event *ev, struct hl_slice path);
/* The part `form` alone. */
bool hl_match_form_holds(const struct hl_event_match *match, struct hl_slice form);

static inline uint64_t hl_match_bit(enum hl_event_type type)
{
    return (uint64_t)1 << type;
}

#endif
