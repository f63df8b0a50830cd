/* Private: events of a simulation that concern more than one contact (decision 0026). */
#ifndef HL_APP_SIM_MERGE_H
#define HL_APP_SIM_MERGE_H

#include "sim_run.h"

/* Event i of the batch is about to merge contacts, or it is for one that went into another, or an erasure of many. */
bool hl_sim_merge_concerns_slowly(const struct hl_sim *sim, const struct hl_sim_batch *b, size_t i);
static inline bool hl_sim_merge_concerns(const struct hl_sim *sim, const struct hl_sim_batch *b, size_t i)
{
    enum hl_event_type type = b->events[i].type;
    return (type == HL_EVENT_CONTACT_MERGED || type == HL_EVENT_CONTACT_IDENTIFIED || sim->pointers.n) && hl_sim_merge_concerns_slowly(sim, b, i);
}
/* Apply it, after all that came before it. Out of memory: the status of the first shard. */
void hl_sim_merge_take(struct hl_sim *sim, const struct hl_sim_batch *b, size_t i);

#endif
