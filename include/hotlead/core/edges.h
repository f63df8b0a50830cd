/* The moves that the life cycle can make under a model, read from the table that makes them: for describing and explaining. */
#ifndef HOTLEAD_CORE_EDGES_H
#define HOTLEAD_CORE_EDGES_H

#include "hotlead/core/apply.h"

struct hl_edge {
    const char *row; /* its number in the semantics: "1a" .. "19" */
    uint32_t from;   /* bit 1 << enum hl_stage */
    enum hl_stage to;
    enum hl_kind kind;                 /* of the contact after the move; HL_KIND_NONE: the one it has */
    enum hl_direction direction;       /* row 19: from the first stage of `from` */
    enum hl_cause cause;               /* rows 5 and 6: decay, when time alone does it */
    const struct hl_extra_edge *extra; /* row 19, else NULL */
};

/* All edges in order of precedence: rows that the model switches off are left out, row 6 with SAL counts twice, row 19 once
 * for each extra edge. Moves by hand (stage_set) are no edges. Fills at most cap; returns how many there are. */
size_t hl_edges(const struct hl_model *m, struct hl_edge *out, size_t cap);

#endif
