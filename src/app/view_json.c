#include "view_json.h"

#include "json_text.h"

static void put_double(struct hl_buf *b, const char *key, double v)
{
    hl_json_put_key(b, key);
    if (v > -1e15 && v < 1e15) /* no NaN and nothing endless from a damaged record */
        hl_buf_printf(b, "%.10g", v);
    else
        hl_json_put_raw(b, "null");
}

static void put_time(struct hl_buf *b, const char *key, int64_t t)
{
    hl_json_put_key(b, key);
    if (t < 0)
        hl_json_put_raw(b, "null");
    else
        hl_json_put_int(b, t);
}

static void put_reasons(struct hl_buf *b, const struct hl_transition_view *v)
{
    hl_json_put_key(b, "reasons");
    hl_json_put_raw(b, "[");
    for (unsigned i = 0; i < v->n_reasons; i++) {
        hl_json_put_raw(b, i ? ",{" : "{");
        hl_json_put_member(b, "rule", v->reasons[i].rule);
        put_double(b, "points", v->reasons[i].points);
        hl_json_put_raw(b, "}");
    }
    hl_json_put_raw(b, "]");
}

static void put_what(struct hl_buf *b, const struct hl_transition_view *v)
{
    hl_json_put_member(b, "transition_id", v->transition_id);
    hl_json_put_member(b, "contact_id", v->contact_id);
    hl_json_put_member_int(b, "seq", v->seq);
    hl_json_put_member(b, "from", hl_slice_of(hl_stage_name(v->from)));
    hl_json_put_member(b, "to", hl_slice_of(hl_stage_name(v->to)));
    hl_json_put_member(b, "kind", v->kind);
    hl_json_put_member(b, "direction", v->direction);
    hl_json_put_member(b, "cause", v->cause);
    hl_json_put_member(b, "rule", v->rule);
    hl_json_put_member_int(b, "visit", v->visit);
    hl_json_put_member(b, "trigger_event_id", v->trigger_event_id);
    hl_json_put_member_int(b, "occurred_at", v->occurred_at);
    hl_json_put_member_int(b, "emitted_at", v->emitted_at);
}

void hl_view_put_json(struct hl_buf *b, const struct hl_transition_view *v)
{
    hl_json_put_raw(b, "{");
    put_what(b, v);
    put_double(b, "score", v->score);
    put_double(b, "fit", v->fit);
    put_double(b, "behavior", v->behavior);
    hl_json_put_member(b, "grade", v->grade);
    put_reasons(b, v);
    put_time(b, "time_in_from_ms", v->time_in_from_ms);
    hl_json_put_member(b, "owner", v->owner);
    put_time(b, "sla_due", v->sla_due);
    hl_json_put_key(b, "suspect");
    hl_json_put_raw(b, v->suspect ? "true" : "false");
    hl_json_put_member(b, "model", v->model);
    hl_json_put_member(b, "model_version", v->model_version);
    hl_json_put_member(b, "source", v->source);
    hl_json_put_raw(b, "}");
}
