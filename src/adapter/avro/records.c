/* Output records, field by field in the order of schemas/stage_transition.avsc, schemas/alert.avsc and schemas/contact_state.avsc. */
#include <stdio.h>

#include "hotlead/core/join.h"
#include "schema.h"

static void put_head(struct hl_buf *out, uint32_t schema_id)
{
    hl_buf_put_u8(out, 0);
    hl_buf_put_u32be(out, schema_id);
}

static void put_text(struct hl_buf *out, const char *text)
{
    hl_buf_put_bytes(out, hl_slice_of(text ? text : ""));
}

/* The union [null, string]. */
static void put_optional(struct hl_buf *out, struct hl_slice s)
{
    hl_buf_put_long(out, hl_slice_is_null(s) ? 0 : 1);
    if (!hl_slice_is_null(s)) hl_buf_put_bytes(out, s);
}

/* The union [null, long]. */
static void put_optional_long(struct hl_buf *out, bool present, int64_t v)
{
    hl_buf_put_long(out, present ? 1 : 0);
    if (present) hl_buf_put_long(out, v);
}

static void put_grade(struct hl_buf *out, const char *letter)
{
    put_optional(out, *letter ? (struct hl_slice){letter, 1} : HL_SLICE_NULL);
}

static void put_score(struct hl_buf *out, struct hl_score score)
{
    hl_buf_put_double(out, hl_fixed_to_double(score.total));
    hl_buf_put_double(out, hl_fixed_to_double(score.fit));
    hl_buf_put_double(out, hl_fixed_to_double(score.behavior));
}

static void put_transition_id(struct hl_buf *out, struct hl_slice contact_id, uint32_t seq)
{
    char tail[16];
    int n = snprintf(tail, sizeof(tail), ":%u", (unsigned)seq);
    hl_buf_put_long(out, (int64_t)(contact_id.len + (size_t)n));
    hl_buf_put(out, contact_id.data, contact_id.len);
    hl_buf_put(out, tail, (size_t)n);
}

static void put_reasons(struct hl_buf *out, const struct hl_transition *t)
{
    if (t->n_reasons) hl_buf_put_long(out, t->n_reasons);
    for (unsigned i = 0; i < t->n_reasons; i++) {
        put_text(out, t->reasons[i].rule);
        hl_buf_put_double(out, hl_fixed_to_double(t->reasons[i].points));
    }
    hl_buf_put_long(out, 0);
}

void hl_avro_put_transition(struct hl_buf *out, uint32_t schema_id, const struct hl_transition_record *r)
{
    const struct hl_transition *t = r->transition;
    put_head(out, schema_id);
    put_transition_id(out, r->contact_id, t->seq);
    hl_buf_put_bytes(out, r->contact_id);
    hl_buf_put_long(out, t->seq);
    put_text(out, hl_stage_name(t->from));
    put_text(out, hl_stage_name(t->to));
    put_optional(out, hl_slice_of(hl_kind_name(t->kind)));
    put_text(out, hl_direction_name(t->direction));
    put_text(out, hl_cause_name(t->cause));
    put_optional(out, hl_slice_of(t->rule));
    hl_buf_put_long(out, t->visit);
    put_optional(out, r->trigger_event_id);
    hl_buf_put_long(out, t->occurred_at);
    hl_buf_put_long(out, r->emitted_at);
    put_score(out, t->score);
    put_grade(out, &t->grade);
    put_reasons(out, t);
    put_optional_long(out, t->time_in_from_ms >= 0, t->time_in_from_ms);
    put_optional(out, t->owner);
    put_optional_long(out, t->sla_due != HL_NO_TIME, t->sla_due);
    hl_buf_put_u8(out, t->suspect);
    put_text(out, r->model);
    put_text(out, r->model_version);
    put_optional(out, r->source);
}

void hl_avro_put_event(struct hl_buf *out, uint32_t schema_id, const struct hl_event *ev)
{
    put_head(out, schema_id);
    hl_buf_put_bytes(out, ev->event_id);
    hl_buf_put_bytes(out, ev->contact_id);
    hl_buf_put_long(out, ev->occurred_at);
    put_text(out, hl_event_type_name(ev->type));
    const struct hl_slice optional[] = {ev->url, ev->asset, ev->form, ev->campaign, ev->source, ev->actor, ev->reason};
    for (size_t i = 0; i < HL_ARRAY_LEN(optional); i++) put_optional(out, optional[i]);
    hl_buf_put_u8(out, ev->machine);
    hl_buf_put_long(out, 0); /* no attributes */
}

/* contact_id:seq:name:event */
static void put_alert_id(struct hl_buf *out, struct hl_slice contact_id, const struct hl_alert *a)
{
    char seq[16];
    struct hl_slice name = hl_slice_of(a->sla->name), event = hl_slice_of(hl_alert_name(a->event));
    int n = snprintf(seq, sizeof(seq), ":%u:", (unsigned)a->seq);
    hl_buf_put_long(out, (int64_t)(contact_id.len + (size_t)n + name.len + 1 + event.len));
    hl_buf_put(out, contact_id.data, contact_id.len);
    hl_buf_put(out, seq, (size_t)n);
    hl_buf_put(out, name.data, name.len);
    hl_buf_put_u8(out, ':');
    hl_buf_put(out, event.data, event.len);
}

void hl_avro_put_alert(struct hl_buf *out, uint32_t schema_id, struct hl_slice contact_id, const struct hl_alert *a)
{
    put_head(out, schema_id);
    put_alert_id(out, contact_id, a);
    hl_buf_put_bytes(out, contact_id);
    put_text(out, a->sla->name);
    put_text(out, hl_alert_name(a->event));
    put_text(out, hl_stage_name(a->sla->stage));
    hl_buf_put_long(out, a->due_at);
    hl_buf_put_long(out, a->at);
    put_optional(out, a->owner);
    hl_buf_put_double(out, hl_fixed_to_double(a->score));
}

static void put_rows(struct hl_buf *out, const struct hl_contact *c, const struct hl_model *m)
{
    struct hl_row row;
    unsigned n = hl_contact_n_rows(c);
    if (n) hl_buf_put_long(out, n);
    for (size_t pos = 0; hl_contact_next_row(c, &pos, &row);) {
        const struct hl_score_rule *rule = &m->rules[row.rule];
        put_text(out, rule->name);
        hl_buf_put_double(out, hl_fixed_to_double(hl_row_value(&row, rule, c->clock)));
        hl_buf_put_long(out, row.count);
    }
    hl_buf_put_long(out, 0);
}

void hl_avro_put_state(struct hl_buf *out, uint32_t schema_id, const struct hl_contact *c, const struct hl_model *m, struct hl_slice engine,
                       const struct hl_applied *applied, size_t n_applied)
{
    char grade = (char)c->grade;
    put_head(out, schema_id);
    hl_buf_put_bytes(out, engine);
    if (n_applied) hl_buf_put_long(out, (int64_t)n_applied);
    for (size_t i = 0; i < n_applied; i++) {
        put_text(out, applied[i].topic);
        hl_buf_put_long(out, applied[i].offset);
    }
    hl_buf_put_long(out, 0);
    hl_buf_put_bytes(out, hl_contact_id(c));
    put_text(out, hl_stage_name((enum hl_stage)c->stage));
    put_optional(out, hl_slice_of(hl_kind_name((enum hl_kind)c->kind)));
    hl_buf_put_long(out, c->visit);
    hl_buf_put_long(out, c->seq);
    hl_buf_put_long(out, c->stage_since);
    hl_buf_put_long(out, c->clock);
    put_score(out, hl_score_at(c, m, c->clock));
    put_grade(out, &grade);
    hl_buf_put_u8(out, (c->flags & HL_C_SUSPECT) != 0);
    put_rows(out, c, m);
    put_optional(out, hl_contact_owner(c));
    put_text(out, m->name);
    put_text(out, m->version);
    int64_t due = hl_contact_sla_due(c);
    put_optional_long(out, due != HL_NO_TIME, due);
    put_optional(out, hl_merged_into(c));
}

enum hl_status hl_avro_get_applied(struct hl_reader *r, struct hl_applied_slice *applied, size_t cap, size_t *n_applied)
{
    for (*n_applied = 0;;) {
        int64_t n = hl_reader_long(r);
        if (n < 0 && n != INT64_MIN) {
            hl_reader_long(r); /* the size of the block */
            n = -n;
        }
        if (r->failed || n < 0 || (uint64_t)n > cap - *n_applied) return HL_E_DECODE;
        if (n == 0) return HL_OK;
        for (; n > 0; n--) {
            struct hl_applied_slice *a = &applied[(*n_applied)++];
            a->topic = hl_reader_bytes(r);
            a->offset = hl_reader_long(r);
            if (r->failed || !hl_utf8_is_valid(a->topic)) return HL_E_DECODE;
        }
    }
}

static enum hl_status read_core(struct hl_reader *r, struct hl_slice *engine, struct hl_applied_slice *applied, size_t cap, size_t *n_applied)
{
    if (hl_reader_u8(r) != 0 || r->failed) return HL_E_DECODE;
    hl_reader_u32be(r);
    *engine = hl_reader_bytes(r);
    if (r->failed) return HL_E_DECODE;
    return hl_avro_get_applied(r, applied, cap, n_applied);
}

enum hl_status hl_avro_get_state(struct hl_slice value, struct hl_slice *engine, struct hl_applied_slice *applied, size_t cap, size_t *n_applied)
{
    struct hl_reader r = hl_reader_of(value);
    return read_core(&r, engine, applied, cap, n_applied);
}

struct hl_slice hl_avro_state_core(struct hl_slice value)
{
    struct hl_reader r = hl_reader_of(value);
    struct hl_slice engine;
    struct hl_applied_slice applied[64];
    size_t n;
    if (read_core(&r, &engine, applied, HL_ARRAY_LEN(applied), &n)) return value;
    return (struct hl_slice){value.data, (size_t)((const char *)r.p - value.data)};
}
