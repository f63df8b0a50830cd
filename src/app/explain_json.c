/* An explanation as one JSON object. Points have 9 digits; `units` are the same as integers of 2^-32 points, which add up exactly. */
#include "explain_words.h"
#include "json_text.h"
#include "sim_json.h"

static void put_bool(struct hl_buf *b, const char *key, bool v)
{
    hl_json_put_key(b, key);
    hl_buf_printf(b, v ? "true" : "false");
}

/* "now": 12.5, "now_units": 53687091200 */
static void put_points(struct hl_buf *b, const char *key, hl_fixed v)
{
    hl_json_put_key(b, key);
    hl_json_put_points(b, v);
    hl_buf_printf(b, ",\"%s_units\":%lld", key, (long long)v);
}

static void open_item(struct hl_buf *b, bool first)
{
    hl_buf_printf(b, first ? "{" : ",{");
}

static void put_contact(const struct hl_explanation *e, struct hl_buf *b)
{
    const struct hl_contact *c = e->c;
    hl_json_put_key(b, "contact_id");
    hl_json_put_text(b, hl_contact_id(c));
    hl_json_put_member(b, "model", hl_slice_of(e->m->name));
    hl_json_put_member(b, "model_version", hl_slice_of(e->m->version));
    hl_json_put_member_int(b, "as_of", e->at);
    hl_json_put_member(b, "stage", hl_slice_of(hl_stage_name((enum hl_stage)c->stage)));
    hl_json_put_member(b, "kind", hl_slice_of(hl_kind_name((enum hl_kind)c->kind)));
    hl_json_put_member_int(b, "stage_since", c->stage_since);
    hl_json_put_member_int(b, "visit", c->visit);
    hl_json_put_member_int(b, "seq", c->seq);
    put_bool(b, "suspect", c->flags & HL_C_SUSPECT);
    hl_sim_put_merges(b, c);
    hl_json_put_member(b, "grade", hl_slice_of((char[]){(char)c->grade, '\0'}));
    hl_json_put_key(b, "owner");
    hl_json_put_text(b, hl_contact_owner(c));
    hl_json_put_key(b, "sla_due");
    int64_t due = hl_contact_sla_due(c);
    if (due == HL_NO_TIME)
        hl_json_put_raw(b, "null");
    else
        hl_json_put_int(b, due);
}

static void put_why(const struct hl_explanation *e, const struct hl_explained_move *last, struct hl_buf *b)
{
    struct hl_buf why;
    hl_buf_init(&why);
    hl_explain_put_why(e, last, &why);
    hl_json_put_key(b, "why");
    hl_json_put_text(b, hl_buf_slice(&why));
    hl_buf_fini(&why);
    hl_json_put_key(b, "last_move");
    if (!last || !last->t) {
        hl_buf_printf(b, "null");
        return;
    }
    hl_buf_printf(b, "{");
    hl_json_put_member(b, "from", hl_slice_of(hl_stage_name(last->t->from)));
    hl_json_put_member(b, "to", hl_slice_of(hl_stage_name(last->t->to)));
    hl_json_put_member(b, "direction", hl_slice_of(hl_direction_name(last->t->direction)));
    hl_json_put_member(b, "cause", hl_slice_of(hl_cause_name(last->t->cause)));
    hl_json_put_member(b, "rule", hl_slice_of(last->t->rule));
    hl_json_put_key(b, "event_id");
    hl_json_put_text(b, last->event_id);
    hl_json_put_member_int(b, "occurred_at", last->t->occurred_at);
    hl_buf_printf(b, "}");
}

static void put_parts(const struct hl_explanation *e, struct hl_buf *b)
{
    hl_json_put_key(b, "fit_rules");
    hl_buf_printf(b, "[");
    for (size_t i = 0; i < e->n_fit; i++) {
        open_item(b, i == 0);
        hl_json_put_member(b, "rule", hl_slice_of(e->fit[i]->name));
        put_points(b, "now", e->fit[i]->points);
        hl_buf_printf(b, "}");
    }
    hl_buf_printf(b, "]");
    hl_json_put_key(b, "rows");
    hl_buf_printf(b, "[");
    for (size_t i = 0; i < e->n_rows; i++) {
        const struct hl_explained_row *r = &e->rows[i];
        open_item(b, i == 0);
        hl_json_put_member(b, "rule", hl_slice_of(r->rule->name));
        hl_json_put_member(b, "group", hl_slice_of(r->rule->group < 0 ? NULL : e->groups[r->rule->group].group->name));
        hl_json_put_member_int(b, "times", r->times);
        put_points(b, "raw", r->raw);
        put_points(b, "decay", r->decay);
        put_points(b, "now", r->now);
        hl_buf_printf(b, "}");
    }
    hl_buf_printf(b, "]");
}

static void put_groups(const struct hl_explanation *e, struct hl_buf *b)
{
    hl_json_put_key(b, "groups");
    hl_buf_printf(b, "[");
    for (size_t g = 0; g < e->n_groups; g++) {
        open_item(b, g == 0);
        hl_json_put_member(b, "group", hl_slice_of(e->groups[g].group->name));
        put_points(b, "rows", e->groups[g].rows);
        put_points(b, "cap", e->groups[g].cap);
        put_points(b, "now", e->groups[g].now);
        hl_buf_printf(b, "}");
    }
    hl_buf_printf(b, "]");
}

static void put_next(const struct hl_explanation *e, struct hl_buf *b)
{
    struct hl_buf missing;
    struct hl_edge edge;
    hl_buf_init(&missing);
    hl_json_put_key(b, "next");
    hl_buf_printf(b, "[");
    bool first = true;
    for (size_t i = 0; hl_explain_next_missing(e, &i, &edge, &missing); first = false) {
        open_item(b, first);
        hl_json_put_member(b, "to", hl_slice_of(hl_stage_name(edge.to)));
        hl_json_put_member(b, "kind", hl_slice_of(hl_kind_name(edge.kind)));
        hl_json_put_member(b, "row", hl_slice_of(edge.row));
        hl_json_put_key(b, "missing");
        hl_json_put_text(b, hl_buf_slice(&missing));
        hl_buf_printf(b, "}");
    }
    hl_buf_printf(b, "]");
    hl_buf_fini(&missing);
    enum hl_stage to;
    int64_t due = hl_explain_due(e, &to);
    hl_json_put_key(b, "decay");
    if (due == HL_NO_TIME)
        hl_buf_printf(b, "null");
    else
        hl_buf_printf(b, "{\"to\":\"%s\",\"at\":%lld}", hl_stage_name(to), (long long)due);
}

void hl_explain_put_json(const struct hl_explanation *e, const struct hl_explained_move *last, struct hl_buf *out)
{
    hl_buf_printf(out, "{");
    put_contact(e, out);
    put_why(e, last, out);
    put_points(out, "score", e->score.total);
    put_points(out, "fit", e->score.fit);
    put_points(out, "behavior", e->score.behavior);
    put_parts(e, out);
    put_groups(e, out);
    put_points(out, "manual", e->manual);
    put_points(out, "floor", e->floor);
    put_points(out, "sum", e->sum);
    put_bool(out, "adds_up", e->sum == e->score.total);
    put_next(e, out);
    hl_buf_printf(out, "}\n");
}
