/* Private: the stored form of a partition's census: when, how many in each stage, the hottest. */
#ifndef HL_APP_CENSUS_NOTE_H
#define HL_APP_CENSUS_NOTE_H

#include "rank.h"

#define HL_NOTE_CENSUS "census"
#define HL_NOTE_FLOW "flow"

void hl_census_note_begin(struct hl_buf *out, int64_t taken_at, const uint64_t counts[HL_STAGE_COUNT]);
void hl_census_note_item(struct hl_buf *out, const struct hl_rank_item *i);
void hl_census_note_end(struct hl_buf *out);

/* The head, then the items one by one: slices borrowed from the bytes. False: the end, or r->failed. */
enum hl_status hl_census_note_open(struct hl_reader *r, struct hl_slice bytes, int64_t *taken_at, uint64_t counts[HL_STAGE_COUNT]) HL_WARN_UNUSED;
bool hl_census_note_next(struct hl_reader *r, struct hl_rank_item *i);

#endif
