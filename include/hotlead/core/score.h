/* Points over time: rows in, score out. Pure; time is an argument. */
#ifndef HOTLEAD_CORE_SCORE_H
#define HOTLEAD_CORE_SCORE_H

#include "hotlead/core/contact.h"

/* Add one match of `rule` at time t to a row of that rule (row->count is the caller's). See struct hl_row for the arithmetic. */
void hl_row_add(struct hl_row *row, const struct hl_score_rule *rule, int64_t t);
/* Value at time `now` (>= the start of the row's epoch; earlier is taken as that start), rounded to the nearest unit. */
hl_fixed hl_row_value(const struct hl_row *row, const struct hl_score_rule *rule, int64_t now);

struct hl_score {
    hl_fixed fit;
    hl_fixed behavior; /* groups + ungrouped rows + manual */
    hl_fixed total;    /* max(0, fit + behavior) */
};

struct hl_score hl_score_at(const struct hl_contact *c, const struct hl_model *m, int64_t now);

/* Row of a rule; made when absent. NULL: no memory. */
struct hl_row *hl_contact_row(struct hl_contact *c, struct hl_slab *slab, uint16_t rule);

#endif
