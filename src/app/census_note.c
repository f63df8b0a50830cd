#include "census_note.h"

#include "hotlead/core/contact.h"

#define STORED_VERSION 1
#define SUSPECT 1
#define OWNED 2
#define DUE 4

/* version, taken_at, counts ...; items: 1 + stage, kind, grade, flags, score, since, [due], id, [owner]; 0 */
void hl_census_note_begin(struct hl_buf *out, int64_t taken_at, const uint64_t counts[HL_STAGE_COUNT])
{
    hl_buf_put_u8(out, STORED_VERSION);
    hl_buf_put_long(out, taken_at);
    hl_buf_put_u8(out, HL_STAGE_COUNT);
    for (int s = 0; s < HL_STAGE_COUNT; s++) hl_buf_put_varint(out, counts[s]);
}

void hl_census_note_item(struct hl_buf *out, const struct hl_rank_item *i)
{
    bool due = i->sla_due != HL_NO_TIME, owned = !hl_slice_is_null(i->owner);
    hl_buf_put_u8(out, (uint8_t)(1 + i->stage));
    hl_buf_put_u8(out, i->kind);
    hl_buf_put_u8(out, (uint8_t)i->grade);
    hl_buf_put_u8(out, (uint8_t)((i->suspect ? SUSPECT : 0) | (owned ? OWNED : 0) | (due ? DUE : 0)));
    hl_buf_put_long(out, i->score);
    hl_buf_put_long(out, i->since);
    if (due) hl_buf_put_long(out, i->sla_due);
    hl_buf_put_bytes(out, i->id);
    if (owned) hl_buf_put_bytes(out, i->owner);
}

void hl_census_note_end(struct hl_buf *out)
{
    hl_buf_put_u8(out, 0);
}

enum hl_status hl_census_note_open(struct hl_reader *r, struct hl_slice bytes, int64_t *taken_at, uint64_t counts[HL_STAGE_COUNT])
{
    *r = hl_reader_of(bytes);
    if (hl_reader_u8(r) != STORED_VERSION) return HL_E_DECODE;
    *taken_at = hl_reader_long(r);
    if (hl_reader_u8(r) != HL_STAGE_COUNT) return HL_E_DECODE;
    for (int s = 0; s < HL_STAGE_COUNT; s++) counts[s] = hl_reader_varint(r);
    return r->failed ? HL_E_DECODE : HL_OK;
}

bool hl_census_note_next(struct hl_reader *r, struct hl_rank_item *i)
{
    uint8_t stage = hl_reader_u8(r);
    if (r->failed || stage == 0) return false;
    *i = (struct hl_rank_item){.stage = (uint8_t)(stage - 1), .kind = hl_reader_u8(r)};
    uint8_t grade = hl_reader_u8(r), flags = hl_reader_u8(r);
    i->grade = grade >= 'A' && grade <= 'Z' ? (char)grade : 0;
    i->suspect = flags & SUSPECT;
    i->score = hl_reader_long(r);
    i->since = hl_reader_long(r);
    i->sla_due = flags & DUE ? hl_reader_long(r) : HL_NO_TIME;
    i->id = hl_reader_bytes(r);
    i->owner = flags & OWNED ? hl_reader_bytes(r) : HL_SLICE_NULL;
    if (i->stage >= HL_STAGE_COUNT || i->kind > HL_KIND_PASSIVE || !hl_utf8_is_valid(i->id)) r->failed = true;
    if (!r->failed && !hl_slice_is_null(i->owner) && !hl_utf8_is_valid(i->owner)) r->failed = true;
    return !r->failed;
}
