/* A contact's score to the last point, why its stage is what it is, what is missing for the next one. Everything is worked out from
 * the contact as it stands; points are integers of 2^-32, so the sums are exact. */
#ifndef HOTLEAD_APP_EXPLAIN_H
#define HOTLEAD_APP_EXPLAIN_H

#include "hotlead/base/buf.h"
#include "hotlead/core/apply.h"

/* raw - decay = now. raw is times x the points that the model gives today: where they were changed since, decay has the difference. */
struct hl_explained_row {
    const struct hl_score_rule *rule;
    uint32_t times;
    hl_fixed raw, decay, now;
};

/* rows - cap = now: what the limit of the group took. */
struct hl_explained_group {
    const struct hl_group *group;
    hl_fixed rows, cap, now;
};

struct hl_explanation {
    const struct hl_contact *c; /* borrowed, like the model */
    const struct hl_model *m;
    int64_t at; /* ms; the moment of the score */
    struct hl_explained_row *rows; /* in the order of the model */
    size_t n_rows;
    struct hl_explained_group *groups; /* all of the model */
    size_t n_groups;
    const struct hl_fit_rule **fit; /* those that hold */
    size_t n_fit;
    hl_fixed manual, floor; /* floor: what is added because a score is never below 0 */
    hl_fixed sum;           /* fit points + rows that count now - caps + manual + floor */
    struct hl_score score;  /* hl_score_at */
};

/* at: not before the contact's clock; earlier is taken as that. HL_E_NOMEM; hl_explanation_fini is due in any case. */
enum hl_status hl_explain(const struct hl_contact *c, const struct hl_model *m, int64_t at, struct hl_explanation *out) HL_WARN_UNUSED;
void hl_explanation_fini(struct hl_explanation *e);

/* What brought the contact into its stage, where it is known; all fields borrowed. */
struct hl_explained_move {
    const struct hl_transition *t;
    struct hl_slice event_id, event_type; /* null: time alone */
};

/* Each appends; last may be NULL: then the reason is inferred from the state. */
void hl_explain_put_text(const struct hl_explanation *e, const struct hl_explained_move *last, struct hl_buf *out);
void hl_explain_put_json(const struct hl_explanation *e, const struct hl_explained_move *last, struct hl_buf *out);

#endif
