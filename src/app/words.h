/* Parts of a model in plain words, for people of marketing and sales. */
#ifndef HOTLEAD_APP_WORDS_H
#define HOTLEAD_APP_WORDS_H

#include "hotlead/base/buf.h"
#include "hotlead/core/edges.h"

struct hl_words {
    struct hl_buf *b;
    bool markdown; /* what users wrote stands in `code`; plain text otherwise */
};

/* What a user wrote: a name, a value, a pattern. */
void hl_words_quote(struct hl_words *w, const char *text);
/* "12.5": at most `decimals` of them, no zeros at the end. */
void hl_words_points(struct hl_words *w, hl_fixed points, int decimals);
/* "30 days": in the largest unit that leaves no rest. */
void hl_words_duration(struct hl_words *w, int64_t ms);
/* "a, b or c" */
void hl_words_list(struct hl_words *w, char *const *items, size_t n, const char *last);
void hl_words_types(struct hl_words *w, const struct hl_model *m, uint64_t types);
void hl_words_condition(struct hl_words *w, const struct hl_condition *c);
void hl_words_match(struct hl_words *w, const struct hl_model *m, const struct hl_event_match *match);

/* "Lead", "MQL" */
void hl_words_stage_name(struct hl_words *w, enum hl_stage stage);

/* words_edges.c: when an edge is taken, in a few words for the chart, and in full. */
void hl_words_edge(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief);
/* True when there are words for the row. */
bool hl_words_knows_row(const char *row);
const char *hl_words_stage(const struct hl_model *m, enum hl_stage stage);

#endif
