/* The fields in the order of schemas/stage_transition.avsc and schemas/contact_state.avsc. */
#include "sim_json.h"

#include "json_text.h"

static void put_key(struct hl_buf *b, const char *key)
{
    hl_json_put_raw(b, ",\"");
    hl_json_put_raw(b, key);
    hl_json_put_raw(b, "\":");
}

static void put_text(struct hl_buf *b, const char *key, const char *text)
{
    put_key(b, key);
    hl_json_put_text(b, hl_slice_of(text));
}

static void put_int(struct hl_buf *b, const char *key, int64_t v)
{
    put_key(b, key);
    hl_json_put_int(b, v);
}

static void put_points(struct hl_buf *b, const char *key, hl_fixed v)
{
    put_key(b, key);
    hl_json_put_points(b, v);
}

static void put_score(struct hl_buf *b, struct hl_score score, char grade)
{
    put_points(b, "score", score.total);
    put_points(b, "fit", score.fit);
    put_points(b, "behavior", score.behavior);
    put_key(b, "grade");
    hl_json_put_text(b, grade ? (struct hl_slice){&grade, 1} : HL_SLICE_NULL);
}

static void put_reasons(struct hl_buf *b, const struct hl_transition *t)
{
    put_key(b, "reasons");
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
    put_text(b, "model", m->name);
    put_text(b, "model_version", m->version);
    hl_json_put_raw(b, "}\n");
}

/* The contact's id, a colon and seq, within one pair of quotes. */
static void put_transition_id(struct hl_buf *b, const struct hl_sim_transition *r)
{
    hl_json_put_raw(b, "{\"transition_id\":");
    hl_json_put_text(b, r->contact_id);
    if (b->len) b->len--;
    hl_buf_put_u8(b, ':');
    hl_json_put_int(b, r->t->seq);
    hl_buf_put_u8(b, '"');
}

static void put_what(struct hl_buf *b, const struct hl_transition *t)
{
    put_int(b, "seq", t->seq);
    put_text(b, "from", hl_stage_name(t->from));
    put_text(b, "to", hl_stage_name(t->to));
    put_text(b, "kind", hl_kind_name(t->kind));
    put_text(b, "direction", hl_direction_name(t->direction));
    put_text(b, "cause", hl_cause_name(t->cause));
    put_text(b, "rule", t->rule);
    put_int(b, "visit", t->visit);
}

void hl_sim_put_transition(struct hl_buf *b, const struct hl_sim_transition *r)
{
    const struct hl_transition *t = r->t;
    put_transition_id(b, r);
    put_key(b, "contact_id");
    hl_json_put_text(b, r->contact_id);
    put_what(b, t);
    put_key(b, "trigger_event_id");
    hl_json_put_text(b, r->trigger_event_id);
    put_int(b, "occurred_at", t->occurred_at);
    put_int(b, "emitted_at", r->emitted_at);
    put_score(b, t->score, t->grade);
    put_reasons(b, t);
    put_key(b, "time_in_from_ms");
    if (t->time_in_from_ms >= 0)
        hl_json_put_int(b, t->time_in_from_ms);
    else
        hl_json_put_raw(b, "null");
    hl_json_put_raw(b, ",\"owner\":null,\"sla_due\":null");
    put_key(b, "suspect");
    hl_json_put_raw(b, t->suspect ? "true" : "false");
    put_model(b, r->m);
}

static void put_rows(struct hl_buf *b, const struct hl_contact *c, const struct hl_model *m, int64_t at)
{
    put_key(b, "rows");
    hl_buf_put_u8(b, '[');
    for (unsigned i = 0; i < c->n_rows; i++) {
        const struct hl_score_rule *rule = &m->rules[c->rows[i].rule];
        hl_json_put_raw(b, i ? ",{\"rule\":" : "{\"rule\":");
        hl_json_put_text(b, hl_slice_of(rule->name));
        put_points(b, "points", hl_row_value(&c->rows[i], rule, at));
        put_int(b, "count", c->rows[i].count);
        hl_buf_put_u8(b, '}');
    }
    hl_buf_put_u8(b, ']');
}

void hl_sim_put_state(struct hl_buf *b, const struct hl_contact *c, const struct hl_model *m, int64_t at)
{
    hl_json_put_raw(b, "{\"contact_id\":");
    hl_json_put_text(b, hl_contact_id(c));
    put_text(b, "stage", hl_stage_name((enum hl_stage)c->stage));
    put_text(b, "kind", hl_kind_name((enum hl_kind)c->kind));
    put_int(b, "visit", c->visit);
    put_int(b, "seq", c->seq);
    put_int(b, "stage_since", c->stage_since);
    put_int(b, "as_of", at);
    put_score(b, hl_score_at(c, m, at), (char)c->grade);
    put_key(b, "suspect");
    hl_json_put_raw(b, c->flags & HL_C_SUSPECT ? "true" : "false");
    put_rows(b, c, m, at);
    hl_json_put_raw(b, ",\"owner\":null");
    put_model(b, m);
}
