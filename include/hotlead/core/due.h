/* What time alone does: rows 5 and 6 of the life cycle, at the moment at which the score falls below a threshold, and deadlines that
 * pass. Time only takes away.
 *
 * Nothing here reads a clock: the caller (simulate, a timer of the engine) says how far time has come. */
#ifndef HOTLEAD_CORE_DUE_H
#define HOTLEAD_CORE_DUE_H

#include "hotlead/core/apply.h"

/* The first moment (ms) at which time alone does something with the contact, if no event comes before: it moves the contact, or a
 * deadline of the model's `sla` passes. HL_NO_TIME: never. A deadline may lie before the contact's clock. */
int64_t hl_due_next(const struct hl_contact *c, const struct hl_model *m);

/* The first of the two alone, later than the contact's clock: the first millisecond at which hl_score_at is below the exit that
 * applies, at the clock it being at or above. The closed form gives it where the rows that count share a half-life and no group
 * cap is in force, else a search; a few ns in stages that time cannot move. */
int64_t hl_due_decay(const struct hl_contact *c, const struct hl_model *m);

/* Let time act at `moment`, which hl_due_next returned. A deadline is breached, and changes neither clock nor stage. Where decay
 * takes the score below an exit, the contact's clock is set to the moment, the arms are looked at, and rows 5 and 6 fire with
 * cause decay; transitions carry occurred_at = moment. out->result is HL_RESULT_SCORED. A moment at which nothing is due (a timer
 * that was overtaken) changes nothing: HL_RESULT_IGNORED. HL_E_NOMEM as hl_apply.
 *
 * Both sides of an event belong to the caller, who knows how far time has come: before it, all moments up to its time; after
 * it, those of this contact that are due already (the event came late, its clock is behind):
 *     while ((t = hl_due_next(c, m)) != HL_NO_TIME && t <= time) hl_due_act(c, slab, m, t, out); */
enum hl_status hl_due_act(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, int64_t moment,
                          struct hl_outcome *out)
    HL_WARN_UNUSED;

#endif
