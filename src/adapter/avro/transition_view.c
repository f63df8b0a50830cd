/* StageTransition read back. Its writer is records.c, and fields are only ever added at its end: so its layout is known without a schema, and a record
 * of an older version ends early. */
#include "hotlead/adapter/avro.h"
#include "hotlead/port/transition_view.h"

static struct hl_slice optional(struct hl_reader *r)
{
    int64_t branch = hl_reader_long(r);
    if (branch == 0) return HL_SLICE_NULL;
    if (branch != 1) r->failed = true;
    return hl_reader_bytes(r);
}

static int64_t optional_long(struct hl_reader *r)
{
    int64_t branch = hl_reader_long(r);
    if (branch == 0) return -1;
    if (branch != 1) r->failed = true;
    return hl_reader_long(r);
}

static double number(struct hl_reader *r)
{
    uint64_t bits = hl_reader_u64le(r);
    double v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

static enum hl_stage stage(struct hl_reader *r)
{
    enum hl_stage s = HL_STAGE_ANONYMOUS;
    if (!hl_stage_find(hl_reader_bytes(r), &s)) r->failed = true;
    return s;
}

static void reasons(struct hl_reader *r, struct hl_transition_view *v)
{
    for (int64_t n; (n = hl_reader_long(r)) != 0 && !r->failed;) {
        if (n < 0) hl_reader_long(r); /* the size of the block */
        if (n < -HL_VIEW_REASONS * 8 || n > HL_VIEW_REASONS * 8) r->failed = true;
        for (int64_t i = n < 0 ? -n : n; i > 0 && !r->failed; i--) {
            struct hl_view_reason reason = {.rule = hl_reader_bytes(r)};
            reason.points = number(r);
            if (v->n_reasons < HL_VIEW_REASONS) v->reasons[v->n_reasons++] = reason;
        }
    }
}

static void head(struct hl_reader *r, struct hl_transition_view *v)
{
    v->transition_id = hl_reader_bytes(r);
    v->contact_id = hl_reader_bytes(r);
    v->seq = hl_reader_long(r);
    v->from = stage(r);
    v->to = stage(r);
    v->kind = optional(r);
    v->direction = hl_reader_bytes(r);
    v->cause = hl_reader_bytes(r);
    v->rule = optional(r);
    v->visit = hl_reader_long(r);
    v->trigger_event_id = optional(r);
    v->occurred_at = hl_reader_long(r);
    v->emitted_at = hl_reader_long(r);
}

static bool texts_are_utf8(const struct hl_transition_view *v)
{
    const struct hl_slice all[] = {v->transition_id, v->contact_id, v->kind,  v->direction, v->cause,        v->rule,
                                   v->trigger_event_id, v->grade,   v->owner, v->model,     v->model_version, v->source};
    for (size_t i = 0; i < HL_ARRAY_LEN(all); i++)
        if (!hl_slice_is_null(all[i]) && !hl_utf8_is_valid(all[i])) return false;
    for (unsigned i = 0; i < v->n_reasons; i++)
        if (!hl_utf8_is_valid(v->reasons[i].rule)) return false;
    return true;
}

enum hl_status hl_avro_get_transition(struct hl_slice value, struct hl_transition_view *v)
{
    struct hl_reader r = hl_reader_of(value);
    *v = (struct hl_transition_view){0};
    if (hl_reader_u8(&r) != 0 || r.failed) return HL_E_DECODE;
    hl_reader_u32be(&r);
    head(&r, v);
    v->score = number(&r);
    v->fit = number(&r);
    v->behavior = number(&r);
    v->grade = optional(&r);
    reasons(&r, v);
    v->time_in_from_ms = optional_long(&r);
    v->owner = optional(&r);
    v->sla_due = optional_long(&r);
    v->suspect = hl_reader_u8(&r) == 1;
    v->model = hl_reader_bytes(&r);
    v->model_version = hl_reader_bytes(&r);
    if (!r.failed && r.p != r.end) v->source = optional(&r);
    return r.failed || !texts_are_utf8(v) ? HL_E_DECODE : HL_OK;
}
