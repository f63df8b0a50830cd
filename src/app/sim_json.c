/* The fields in the order of schemas/stage_transition.avsc and schemas/contact_state.avsc. */
#include "sim_json.h"

#include <stdio.h>

#include "hotlead/core/join.h"
#include "hotlead/core/touches.h"
#include "json_text.h"

static void put_points(struct hl_buf *b, const char *key, hl_fixed v)
{
    hl_json_put_key(b, key);
    hl_json_put_points(b, v);
}

static void put_score(struct hl_buf *b, struct hl_score score, char grade)
{
    put_points(b, "score", score.total);
    put_points(b, "fit", score.fit);
    put_points(b, "behavior", score.behavior);
    hl_json_put_key(b, "grade");
    hl_json_put_text(b, grade ? (struct hl_slice){&grade, 1} : HL_SLICE_NULL);
}

static void put_reasons(struct hl_buf *b, const struct hl_transition *t)
{
    hl_json_put_key(b, "reasons");
    hl_buf_put_u8(b, '[');
    for (unsigned i = 0; i < t->n_reasons; i++) {
        hl_json_put_raw(b, i ? ",{\"rule\":" : "{\"rule\":");
        hl_json_put_text(b, hl_slice_of(t->reasons[i].rule));
        put_points(b, "points", t->reasons[i].points);
        hl_buf_put_u8(b, '}');
    }
    hl_buf_put_u8(b, ']');
}

static void put_model(struct hl_buf *b, const struct hl_model *m)
{
    hl_json_put_member(b, "model", hl_slice_of(m->name));
    hl_json_put_member(b, "model_version", hl_slice_of(m->version));
}

/* {"KEY":"contact:seq" */
static void put_id(struct hl_buf *b, const char *key, struct hl_slice contact_id, uint32_t seq)
{
    char text[16];
    snprintf(text, sizeof(text), ":%u", (unsigned)seq);
    hl_buf_printf(b, "{\"%s\":", key);
    hl_json_put_text(b, contact_id);
    hl_json_put_more(b, hl_slice_of(text));
}

static void put_time(struct hl_buf *b, const char *key, int64_t t)
{
    hl_json_put_key(b, key);
    if (t == HL_NO_TIME)
        hl_json_put_raw(b, "null");
    else
        hl_json_put_int(b, t);
}

static void put_what(struct hl_buf *b, const struct hl_transition *t)
{
    hl_json_put_member_int(b, "seq", t->seq);
    hl_json_put_member(b, "from", hl_slice_of(hl_stage_name(t->from)));
    hl_json_put_member(b, "to", hl_slice_of(hl_stage_name(t->to)));
    hl_json_put_member(b, "kind", hl_slice_of(hl_kind_name(t->kind)));
    hl_json_put_member(b, "direction", hl_slice_of(hl_direction_name(t->direction)));
    hl_json_put_member(b, "cause", hl_slice_of(hl_cause_name(t->cause)));
    hl_json_put_member(b, "rule", hl_slice_of(t->rule));
    hl_json_put_member_int(b, "visit", t->visit);
}

void hl_sim_put_transition(struct hl_buf *b, const struct hl_sim_transition *r)
{
    const struct hl_transition *t = r->t;
    put_id(b, "transition_id", r->contact_id, t->seq);
    hl_json_put_member(b, "contact_id", r->contact_id);
    put_what(b, t);
    hl_json_put_member(b, "trigger_event_id", r->trigger_event_id);
    hl_json_put_member_int(b, "occurred_at", t->occurred_at);
    hl_json_put_member_int(b, "emitted_at", r->emitted_at);
    put_score(b, t->score, t->grade);
    put_reasons(b, t);
    put_time(b, "time_in_from_ms", t->time_in_from_ms >= 0 ? t->time_in_from_ms : HL_NO_TIME);
    hl_json_put_member(b, "owner", t->owner);
    put_time(b, "sla_due", t->sla_due);
    hl_json_put_key(b, "suspect");
    hl_json_put_raw(b, t->suspect ? "true" : "false");
    put_model(b, r->m);
    hl_json_put_member(b, "source", r->source);
    hl_json_put_raw(b, "}\n");
}

void hl_sim_put_alert(struct hl_buf *b, struct hl_slice contact_id, const struct hl_alert *a)
{
    put_id(b, "alert_id", contact_id, a->seq);
    hl_json_put_more(b, HL_SLICE_LIT(":"));
    hl_json_put_more(b, hl_slice_of(a->sla->name));
    hl_json_put_more(b, HL_SLICE_LIT(":"));
    hl_json_put_more(b, hl_slice_of(hl_alert_name(a->event)));
    hl_json_put_member(b, "contact_id", contact_id);
    hl_json_put_member(b, "sla", hl_slice_of(a->sla->name));
    hl_json_put_member(b, "event", hl_slice_of(hl_alert_name(a->event)));
    hl_json_put_member(b, "stage", hl_slice_of(hl_stage_name(a->sla->stage)));
    hl_json_put_member_int(b, "due_at", a->due_at);
    hl_json_put_member_int(b, "at", a->at);
    hl_json_put_member(b, "owner", a->owner);
    put_points(b, "score", a->score);
    hl_json_put_raw(b, "}\n");
}

static void put_rows(struct hl_buf *b, const struct hl_contact *c, const struct hl_model *m, int64_t at)
{
    hl_json_put_key(b, "rows");
    hl_buf_put_u8(b, '[');
    struct hl_row row;
    const char *before = "{\"rule\":";
    for (size_t pos = 0; hl_contact_next_row(c, &pos, &row);) {
        const struct hl_score_rule *rule = &m->rules[row.rule];
        hl_json_put_raw(b, before);
        before = ",{\"rule\":";
        hl_json_put_text(b, hl_slice_of(rule->name));
        put_points(b, "points", hl_row_value(&row, rule, at));
        hl_json_put_member_int(b, "count", row.count);
        hl_buf_put_u8(b, '}');
    }
    hl_buf_put_u8(b, ']');
}

static void put_touch(struct hl_buf *b, int64_t at, uint32_t type, struct hl_slice what)
{
    hl_json_put_raw(b, "{");
    hl_json_put_member_int(b, "at", at);
    hl_json_put_member(b, "type", hl_slice_of(hl_touch_type_name(type)));
    hl_json_put_member(b, "what", what.len ? what : HL_SLICE_NULL);
}

/* Behind the fields of the schema: where the model does not ask for touches there are none. */
static void put_touches(struct hl_buf *b, const struct hl_contact *c)
{
    struct hl_touches t;
    if (!hl_touches_get(c, &t)) return;
    hl_json_put_key(b, "touches");
    hl_json_put_raw(b, "{");
    hl_json_put_member_int(b, "count", t.count);
    hl_json_put_key(b, "first");
    put_touch(b, t.first_at, t.first_type, t.first_what);
    hl_json_put_member(b, "source", t.source.len ? t.source : HL_SLICE_NULL);
    hl_json_put_member(b, "campaign", t.campaign.len ? t.campaign : HL_SLICE_NULL);
    hl_json_put_raw(b, "},\"last\":[");
    for (unsigned i = 0; i < t.n; i++) {
        if (i) hl_json_put_raw(b, ",");
        put_touch(b, t.last[i].last_at, t.last[i].type, t.last[i].what);
        hl_json_put_member_int(b, "count", t.last[i].count);
        hl_json_put_raw(b, "}");
    }
    hl_json_put_raw(b, "]}");
}

void hl_sim_put_merges(struct hl_buf *b, const struct hl_contact *c)
{
    struct hl_slice id = hl_merged_into(c);
    size_t pos = 0;
    if (id.len) hl_json_put_member(b, "merged_into", id);
    if (!hl_merged_next(c, &pos, &id)) return;
    hl_json_put_key(b, "merged");
    hl_json_put_raw(b, "[");
    do hl_json_put_text(b, id);
    while (hl_merged_next(c, &pos, &id) && (hl_json_put_raw(b, ","), true));
    hl_json_put_raw(b, "]");
}

void hl_sim_put_state(struct hl_buf *b, const struct hl_contact *c, const struct hl_model *m, int64_t at)
{
    hl_json_put_raw(b, "{\"contact_id\":");
    hl_json_put_text(b, hl_contact_id(c));
    hl_json_put_member(b, "stage", hl_slice_of(hl_stage_name((enum hl_stage)c->stage)));
    hl_json_put_member(b, "kind", hl_slice_of(hl_kind_name((enum hl_kind)c->kind)));
    hl_json_put_member_int(b, "visit", c->visit);
    hl_json_put_member_int(b, "seq", c->seq);
    hl_json_put_member_int(b, "stage_since", c->stage_since);
    hl_json_put_member_int(b, "as_of", at);
    put_score(b, hl_score_at(c, m, at), (char)c->grade);
    hl_json_put_key(b, "suspect");
    hl_json_put_raw(b, c->flags & HL_C_SUSPECT ? "true" : "false");
    put_rows(b, c, m, at);
    hl_json_put_member(b, "owner", hl_contact_owner(c));
    put_model(b, m);
    put_time(b, "sla_due", hl_contact_sla_due(c));
    put_touches(b, c);
    hl_sim_put_merges(b, c);
    hl_json_put_raw(b, "}\n");
}
