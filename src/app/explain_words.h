/* Private: the sentences of an explanation, shared by its two forms. */
#ifndef HL_APP_EXPLAIN_WORDS_H
#define HL_APP_EXPLAIN_WORDS_H

#include "hotlead/app/explain.h"
#include "words.h"

/* Why the contact is in its stage. */
void hl_explain_put_why(const struct hl_explanation *e, const struct hl_explained_move *last, struct hl_buf *out);
/* The next advance edge of the contact's stage at *i (start with 0), with what it still lacks; false at the end. */
bool hl_explain_next_missing(const struct hl_explanation *e, size_t *i, struct hl_edge *edge, struct hl_buf *missing);
/* When time alone moves the contact, and where to; HL_NO_TIME: never. */
int64_t hl_explain_due(const struct hl_explanation *e, enum hl_stage *to);

#endif
