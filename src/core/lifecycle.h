/* Private: one event's way through a contact, shared by apply.c (steps 0 to 3) and lifecycle.c (the arms, step 4). */
#ifndef HL_CORE_LIFECYCLE_H
#define HL_CORE_LIFECYCLE_H

#include "hotlead/core/apply.h"
#include "hotlead/core/edges.h"
#include "hotlead/core/voids.h"
#include "match_index.h"

struct hl_step {
    struct hl_contact *c;
    struct hl_slab *slab;
    const struct hl_model *m;
    const struct hl_event *ev; /* NULL: time alone acts */
    struct hl_outcome *out;
    struct hl_slice path;  /* of the event's url */
    const uint64_t *hits;  /* the matches that hold for the event; NULL: ask them one by one */
    unsigned fired;        /* bits of the rows that fire once for one event, and have */
    struct hl_deed *deed;  /* what the event does is noted here, where the model keeps it; NULL: it does not */
    bool voids;            /* the event takes back another, and the score was this before: */
    hl_fixed score_before;
    bool score_known;      /* `score` is that of the contact as it stands, at its clock */
    struct hl_score score;
};

/* t + length, or the end of time. */
static inline int64_t hl_time_add(int64_t t, int64_t length)
{
    int64_t sum;
    return __builtin_add_overflow(t, length, &sum) ? INT64_MAX : sum;
}

/* Does the match at this place hold for the event? */
static inline bool hl_step_matches(const struct hl_step *s, size_t place)
{
    return s->hits ? hl_set_has(s->hits, place) : hl_match_holds(s->m->index->matches[place], s->ev, s->path);
}

/* The first place from `from` on whose match holds; `end` when there is none below it. */
static inline size_t hl_step_next_match(const struct hl_step *s, size_t from, size_t end)
{
    if (s->hits) return hl_set_next(s->hits, from, end);
    while (from < end && !hl_step_matches(s, from)) from++;
    return from;
}

/* Score of the contact at its clock. */
hl_fixed hl_lifecycle_score(struct hl_step *s);
/* Set an arm again if the score is seen below its threshold. */
void hl_lifecycle_look_at_arms(struct hl_step *s);
/* True when a row of time holds for the contact at its clock; s->ev is NULL. */
bool hl_lifecycle_time_moves(struct hl_step *s);
/* Step 4; without an event only the rows of time, with cause decay. HL_E_NOMEM. */
enum hl_status hl_lifecycle_evaluate(struct hl_step *s) HL_WARN_UNUSED;
/* Step 4 of an event that has taken back `undone`. HL_E_NOMEM. */
enum hl_status hl_lifecycle_retract(struct hl_step *s, const struct hl_deed *undone) HL_WARN_UNUSED;
/* Step 4 of a contact that `from` went into: its stage is taken where it is the further one. HL_E_NOMEM. */
enum hl_status hl_lifecycle_join(struct hl_step *s, const struct hl_contact *from) HL_WARN_UNUSED;
/* What the event stage_set does in place of step 4. HL_E_NOMEM. */
enum hl_status hl_lifecycle_set_stage(struct hl_step *s, enum hl_stage to) HL_WARN_UNUSED;
/* Row i of the table as an edge, from top to bottom; false beyond the last. Row 6 says mql, row 19 what no model says. */
bool hl_lifecycle_row(unsigned i, struct hl_edge *out);
/* Of a move that a person or an extra edge makes. */
enum hl_direction hl_lifecycle_direction(enum hl_stage from, enum hl_stage to);

#endif
