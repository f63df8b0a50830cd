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

/* Each row goes to zero without ever turning back, in the integers too. So no score between the two times, both included, is
 * below this one, which takes each row at its lowest; it is the score at `to` itself unless a row with negative points
 * decays. */
hl_fixed hl_score_floor(const struct hl_contact *c, const struct hl_model *m, int64_t from, int64_t to);
/* The same of the contact as if its rows were these. */
hl_fixed hl_score_floor_of(const struct hl_contact *c, const struct hl_model *m, const struct hl_row *rows, unsigned n, int64_t from, int64_t to);
/* The rows of c with those of one group, half-life and epoch made one: gains and losses that decay alike are set off. Each row
 * that is made one with others changes a score by less than two units. Only for values, not for more events. 0: there are
 * more than `cap`, or none. */
unsigned hl_rows_merge(const struct hl_contact *c, const struct hl_model *m, struct hl_row *out, unsigned cap);
/* From this time on the row is worth nothing; HL_NO_TIME: it does not decay, or holds nothing. */
int64_t hl_row_end(const struct hl_row *row, const struct hl_score_rule *rule);

/* Add the matches of another row of the same rule: the row is to the bit what it would be if all had been its own. */
void hl_row_join(struct hl_row *row, const struct hl_row *other);

#endif
