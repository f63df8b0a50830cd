/* An explanation as one JSON object. Points have 9 digits; `units` are the same as integers of 2^-32 points, which add up exactly. */
#include "explain_words.h"
#include "json_text.h"

static void put_key(struct hl_buf *b, const char *key)
{
    uint8_t before = b->len ? b->data[b->len - 1] : '{';
    hl_buf_printf(b, "%s\"%s\":", before == '{' || before == '[' ? "" : ",", key);
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

static void put_bool(struct hl_buf *b, const char *key, bool v)
{
    put_key(b, key);
    hl_buf_printf(b, v ? "true" : "false");
}

/* "now": 12.5, "now_units": 53687091200 */
static void put_points(struct hl_buf *b, const char *key, hl_fixed v)
{
    put_key(b, key);
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
    put_key(b, "contact_id");
    hl_json_put_text(b, hl_contact_id(c));
    put_text(b, "model", e->m->name);
    put_text(b, "model_version", e->m->version);
    put_int(b, "as_of", e->at);
    put_text(b, "stage", hl_stage_name((enum hl_stage)c->stage));
    put_text(b, "kind", hl_kind_name((enum hl_kind)c->kind));
    put_int(b, "stage_since", c->stage_since);
    put_int(b, "visit", c->visit);
    put_int(b, "seq", c->seq);
    put_bool(b, "suspect", c->flags & HL_C_SUSPECT);
    put_text(b, "grade", (char[]){(char)c->grade, '\0'});
    put_key(b, "owner");
    hl_json_put_text(b, hl_contact_owner(c));
    put_key(b, "sla_due");
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
    put_key(b, "why");
    hl_json_put_text(b, hl_buf_slice(&why));
    hl_buf_fini(&why);
    put_key(b, "last_move");
    if (!last || !last->t) {
        hl_buf_printf(b, "null");
        return;
    }
    hl_buf_printf(b, "{");
    put_text(b, "from", hl_stage_name(last->t->from));
    put_text(b, "to", hl_stage_name(last->t->to));
    put_text(b, "direction", hl_direction_name(last->t->direction));
    put_text(b, "cause", hl_cause_name(last->t->cause));
    put_text(b, "rule", last->t->rule);
    put_key(b, "event_id");
    hl_json_put_text(b, last->event_id);
    put_int(b, "occurred_at", last->t->occurred_at);
    hl_buf_printf(b, "}");
}

static void put_parts(const struct hl_explanation *e, struct hl_buf *b)
{
    put_key(b, "fit_rules");
    hl_buf_printf(b, "[");
    for (size_t i = 0; i < e->n_fit; i++) {
        open_item(b, i == 0);
        put_text(b, "rule", e->fit[i]->name);
        put_points(b, "now", e->fit[i]->points);
        hl_buf_printf(b, "}");
    }
    hl_buf_printf(b, "]");
    put_key(b, "rows");
    hl_buf_printf(b, "[");
    for (size_t i = 0; i < e->n_rows; i++) {
        const struct hl_explained_row *r = &e->rows[i];
        open_item(b, i == 0);
        put_text(b, "rule", r->rule->name);
        put_text(b, "group", r->rule->group < 0 ? NULL : e->groups[r->rule->group].group->name);
        put_int(b, "times", r->times);
        put_points(b, "raw", r->raw);
        put_points(b, "decay", r->decay);
        put_points(b, "now", r->now);
        hl_buf_printf(b, "}");
    }
    hl_buf_printf(b, "]");
}

static void put_groups(const struct hl_explanation *e, struct hl_buf *b)
{
    put_key(b, "groups");
    hl_buf_printf(b, "[");
    for (size_t g = 0; g < e->n_groups; g++) {
        open_item(b, g == 0);
        put_text(b, "group", e->groups[g].group->name);
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
    put_key(b, "next");
    hl_buf_printf(b, "[");
    bool first = true;
    for (size_t i = 0; hl_explain_next_missing(e, &i, &edge, &missing); first = false) {
        open_item(b, first);
        put_text(b, "to", hl_stage_name(edge.to));
        put_text(b, "kind", hl_kind_name(edge.kind));
        put_text(b, "row", edge.row);
        put_key(b, "missing");
        hl_json_put_text(b, hl_buf_slice(&missing));
        hl_buf_printf(b, "}");
    }
    hl_buf_printf(b, "]");
    hl_buf_fini(&missing);
    enum hl_stage to;
    int64_t due = hl_explain_due(e, &to);
    put_key(b, "decay");
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
