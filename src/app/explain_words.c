#include "explain_words.h"

#include "hotlead/base/iso8601.h"
#include "hotlead/core/due.h"

static struct hl_words plain(struct hl_buf *out)
{
    return (struct hl_words){out, false};
}

static void put_day(struct hl_buf *out, int64_t ms)
{
    char text[HL_ISO8601_SIZE];
    hl_buf_printf(out, "%s", hl_iso8601_format(ms, text));
}

static bool has(const struct hl_explanation *e, uint32_t flag)
{
    return e->c->flags & flag;
}

/* The n'th edge, in order; false beyond the last. There are few, and they are looked at once. */
static bool edge_at(const struct hl_explanation *e, size_t n, struct hl_edge *out)
{
    struct hl_edge edges[128];
    size_t count = hl_edges(e->m, edges, HL_ARRAY_LEN(edges));
    if (n >= count || n >= HL_ARRAY_LEN(edges)) return false;
    *out = edges[n];
    return true;
}

/* --- why this stage --- */

static bool may_have_led_here(const struct hl_explanation *e, const struct hl_edge *edge)
{
    if (edge->to != (enum hl_stage)e->c->stage) return false;
    bool forward = edge->direction != HL_DIRECTION_REGRESS;
    if (edge->to == HL_STAGE_MQL && edge->kind != (enum hl_kind)e->c->kind) return false;
    if (edge->to == HL_STAGE_SQL && has(e, HL_C_SQL_BY_SCORE)) return strcmp(edge->row, "15b") == 0;
    return forward;
}

/* Of what is stored, only stage, kind and some flags tell how it came. */
static void put_inferred(const struct hl_explanation *e, struct hl_buf *out)
{
    struct hl_words w = plain(out);
    struct hl_edge edge;
    if (has(e, HL_C_HELD)) {
        hl_buf_printf(out, "set by hand");
        return;
    }
    if (e->c->stage == HL_STAGE_ANONYMOUS && e->c->seq == 0) {
        hl_buf_printf(out, "first seen, no move yet");
        return;
    }
    size_t n = 0;
    for (size_t i = 0; edge_at(e, i, &edge); i++) {
        if (!may_have_led_here(e, &edge)) continue;
        hl_buf_printf(out, "%s", n++ ? ", or " : "");
        hl_words_edge(&w, e->m, &edge, true);
    }
    if (n == 0) hl_buf_printf(out, "set by hand, or by an earlier model");
}

static void put_known(const struct hl_explanation *e, const struct hl_explained_move *last, struct hl_buf *out)
{
    const struct hl_transition *t = last->t;
    hl_buf_printf(out, "%s from %s, cause %s", hl_direction_name(t->direction), hl_stage_name(t->from), hl_cause_name(t->cause));
    if (t->rule) hl_buf_printf(out, " (%s)", t->rule);
    if (t->cause == HL_CAUSE_SCORE || t->cause == HL_CAUSE_DECAY) {
        struct hl_words w = plain(out);
        hl_buf_printf(out, ": the score was ");
        hl_words_points(&w, t->score.total, 3);
    }
    if (last->event_id.data)
        hl_buf_printf(out, "; with event %.*s (%.*s)", HL_SLICE_ARG(last->event_id), HL_SLICE_ARG(last->event_type));
    else
        hl_buf_printf(out, "; by time alone");
    if (has(e, HL_C_HELD)) hl_buf_printf(out, "; held until something new happens");
}

void hl_explain_put_why(const struct hl_explanation *e, const struct hl_explained_move *last, struct hl_buf *out)
{
    if (last && last->t)
        put_known(e, last, out);
    else
        put_inferred(e, out);
}

/* --- what is missing --- */

static void put_blockers(const struct hl_explanation *e, const struct hl_fit_rule *rules, size_t n, bool wanted,
                         struct hl_buf *out)
{
    struct hl_words w = plain(out);
    char scratch[256];
    for (size_t i = 0, found = 0; i < n; i++) {
        struct hl_slice value = hl_contact_attribute(e->c, hl_slice_of(rules[i].when.attribute), scratch);
        if (hl_condition_holds(&rules[i].when, value) != wanted) continue;
        hl_buf_printf(out, "%s%s (", found++ ? "; " : "", rules[i].name);
        if (!wanted) {
            hl_words_condition(&w, &rules[i].when);
            hl_buf_printf(out, "; ");
        }
        hl_buf_printf(out, value.data ? "it is %.*s)" : "it is not known)", HL_SLICE_ARG(value));
    }
}

static void put_gap(const struct hl_explanation *e, const struct hl_threshold *t, uint32_t arm, struct hl_buf *out)
{
    struct hl_words w = plain(out);
    hl_fixed gap = t->enter - e->score.total;
    if (gap > 0) {
        hl_words_points(&w, gap, gap < HL_FIXED_ONE / 1000 ? 9 : 3);
        hl_buf_printf(out, " points (");
    } else {
        hl_buf_printf(out, "an event (the score of ");
    }
    hl_words_points(&w, t->enter, 6);
    hl_buf_printf(out, gap > 0 ? " are needed)" : " is there, and is looked at with the next event)");
    if (has(e, arm)) return;
    hl_buf_printf(out, ", after the score was seen below ");
    hl_words_points(&w, t->has_exit ? t->exit : t->enter, 6);
}

static void put_must_not_be_suspect(const struct hl_explanation *e, struct hl_buf *out)
{
    if (!has(e, HL_C_SUSPECT)) return;
    hl_buf_printf(out, ", but it is suspect: ");
    put_blockers(e, e->m->suspect, e->m->n_suspect, true, out);
}

static void put_recycled(const struct hl_explanation *e, bool by_score, struct hl_buf *out)
{
    if (e->c->stage != HL_STAGE_UNQUALIFIED) return;
    int64_t until = INT64_MIN;
    if (by_score && e->c->ext && e->c->ext->rejected_at != HL_NO_TIME) until = e->c->ext->rejected_at + e->m->cooldown_ms;
    if (until > e->at) {
        hl_buf_printf(out, ", not before ");
        put_day(out, until);
    }
    if (has(e, HL_C_MUST_HAVE)) return;
    hl_buf_printf(out, ", and must-haves: ");
    put_blockers(e, e->m->must_have, e->m->n_must_have, false, out);
}

static void put_scored(const struct hl_explanation *e, const struct hl_edge *edge, struct hl_buf *out)
{
    (void)edge;
    put_gap(e, &e->m->mql, HL_C_ARMED_MQL, out);
    put_recycled(e, true, out);
    put_must_not_be_suspect(e, out);
}

static void put_rule_names(const struct hl_latch_rule *rules, size_t n, struct hl_buf *out)
{
    for (size_t i = 0; i < n; i++) hl_buf_printf(out, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", rules[i].name);
}

static void put_hand(const struct hl_explanation *e, const struct hl_edge *edge, struct hl_buf *out)
{
    hl_buf_printf(out, "a raised hand: ");
    put_rule_names(e->m->hand_raise, e->m->n_hand_raise, out);
    put_recycled(e, false, out);
    if (edge->from != 1u << HL_STAGE_MQL) put_must_not_be_suspect(e, out);
}

static void put_qualified(const struct hl_explanation *e, const struct hl_edge *edge, struct hl_buf *out)
{
    (void)edge;
    if (e->m->sql.has_enter) put_gap(e, &e->m->sql, HL_C_ARMED_SQL, out);
    if (e->m->n_qualify == 0) return;
    hl_buf_printf(out, "%s", e->m->sql.has_enter ? ", or " : "");
    put_rule_names(e->m->qualify, e->m->n_qualify, out);
}

static void put_fits(const struct hl_explanation *e, const struct hl_edge *edge, struct hl_buf *out)
{
    (void)edge;
    if (has(e, HL_C_MUST_HAVE)) {
        hl_buf_printf(out, "an event (every must-have holds%s)",
                      has(e, HL_C_HELD_FIT) ? ", and it was put here by hand: one that tells more of it" : "");
        return;
    }
    put_blockers(e, e->m->must_have, e->m->n_must_have, false, out);
}

static const struct {
    const char *row;
    void (*put)(const struct hl_explanation *e, const struct hl_edge *edge, struct hl_buf *out);
} lacks[] = {
    {"8", put_fits},  {"9", put_hand},    {"10", put_scored},     {"11", put_hand},
    {"12", put_hand}, {"13", put_scored}, {"15b", put_qualified},
};

static void put_missing(const struct hl_explanation *e, const struct hl_edge *edge, struct hl_buf *out)
{
    struct hl_words w = plain(out);
    for (size_t i = 0; i < HL_ARRAY_LEN(lacks); i++) {
        if (strcmp(lacks[i].row, edge->row) != 0) continue;
        lacks[i].put(e, edge, out);
        return;
    }
    hl_words_edge(&w, e->m, edge, true);
}

static bool is_next(const struct hl_explanation *e, const struct hl_edge *edge)
{
    if (!(edge->from >> e->c->stage & 1)) return false;
    if (strcmp(edge->row, "11") == 0) return e->c->kind == HL_KIND_PASSIVE;
    return edge->direction == HL_DIRECTION_ADVANCE || hl_stage_rank(edge->to) > hl_stage_rank((enum hl_stage)e->c->stage);
}

bool hl_explain_next_missing(const struct hl_explanation *e, size_t *i, struct hl_edge *edge, struct hl_buf *missing)
{
    while (edge_at(e, (*i)++, edge)) {
        if (!is_next(e, edge)) continue;
        hl_buf_clear(missing);
        put_missing(e, edge, missing);
        return true;
    }
    return false;
}

int64_t hl_explain_due(const struct hl_explanation *e, enum hl_stage *to)
{
    int64_t moment = hl_due_decay(e->c, e->m);
    if (moment == HL_NO_TIME) return moment;
    *to = HL_STAGE_LEAD;
    if (e->c->stage != HL_STAGE_SQL) return moment;
    int64_t accepted = e->c->ext ? e->c->ext->facts[HL_FACT_ACCEPTED] : HL_NO_TIME;
    bool sal = e->m->sal && accepted != HL_NO_TIME && moment - accepted <= e->m->facts_valid_for_ms;
    *to = sal ? HL_STAGE_SAL : HL_STAGE_MQL;
    return moment;
}
