/* An explanation for the terminal. */
#include "explain_words.h"
#include "hotlead/base/iso8601.h"
#include "hotlead/core/join.h"

enum { NAME_WIDTH = 28, DECIMALS = 4 };

static void put_points(struct hl_buf *out, hl_fixed v)
{
    hl_buf_printf(out, "%13.*f", DECIMALS, hl_fixed_to_double(v));
}

static void put_time(struct hl_buf *out, int64_t ms)
{
    char text[HL_ISO8601_SIZE];
    hl_buf_printf(out, "%s", hl_iso8601_format(ms, text));
}

static void put_handoff(const struct hl_contact *c, struct hl_buf *out)
{
    struct hl_slice owner = hl_contact_owner(c);
    int64_t due = hl_contact_sla_due(c);
    if (!hl_slice_is_null(owner)) hl_buf_printf(out, "owner   %.*s\n", HL_SLICE_ARG(owner));
    if (due != HL_NO_TIME) {
        hl_buf_printf(out, "answer  due by ");
        put_time(out, due);
        hl_buf_printf(out, "\n");
    }
}

/* Whose history it is. */
static void put_merges(const struct hl_contact *c, struct hl_buf *out)
{
    struct hl_slice id = hl_merged_into(c);
    size_t pos = 0;
    if (id.len) hl_buf_printf(out, "merged  into %.*s: its history is there\n", HL_SLICE_ARG(id));
    for (bool first = true; hl_merged_next(c, &pos, &id); first = false) hl_buf_printf(out, "%s%.*s", first ? "merged  took over " : ", ", HL_SLICE_ARG(id));
    if (pos) hl_buf_printf(out, "\n");
}

static void put_head(const struct hl_explanation *e, const struct hl_explained_move *last, struct hl_buf *out)
{
    const struct hl_contact *c = e->c;
    const char *kind = hl_kind_name((enum hl_kind)c->kind);
    struct hl_slice id = hl_contact_id(c);
    hl_buf_printf(out, "%.*s under %s %s, as of ", HL_SLICE_ARG(id), e->m->name, e->m->version);
    put_time(out, e->at);
    hl_buf_printf(out, "\n\nstage   %s", hl_stage_name((enum hl_stage)c->stage));
    if (c->stage == HL_STAGE_MQL && kind) hl_buf_printf(out, ", %s", kind);
    hl_buf_printf(out, ", since ");
    put_time(out, c->stage_since);
    hl_buf_printf(out, " (move %u, visit %u)\nwhy     ", c->seq, c->visit);
    hl_explain_put_why(e, last, out);
    hl_buf_printf(out, "\n");
    put_merges(c, out);
    put_handoff(c, out);
    hl_buf_printf(out, "score  ");
    struct hl_words w = {out, false};
    hl_buf_printf(out, " ");
    hl_words_points(&w, e->score.total, DECIMALS);
    hl_buf_printf(out, " = fit ");
    hl_words_points(&w, e->score.fit, DECIMALS);
    hl_buf_printf(out, " (grade %c) + behavior ", c->grade);
    hl_words_points(&w, e->score.behavior, DECIMALS);
    hl_buf_printf(out, "%s\n\n", e->floor ? ", held at 0" : "");
}

/* One line of what counts: the name, blanks, the points. */
static void put_line(struct hl_buf *out, const char *name, hl_fixed points)
{
    hl_buf_printf(out, "  %-*.*s%*s", NAME_WIDTH, 100, name, 7 + 2 * 13, "");
    put_points(out, points);
    hl_buf_printf(out, "\n");
}

static void put_row(const struct hl_explained_row *r, struct hl_buf *out)
{
    hl_buf_printf(out, "  %-*.*s%7u", NAME_WIDTH, 100, r->rule->name, r->times);
    put_points(out, r->raw);
    put_points(out, r->decay ? -r->decay : 0);
    put_points(out, r->now);
    bool beyond = r->now > 0 ? r->now > r->raw + r->times : r->now < r->raw - (hl_fixed)r->times; /* rounding apart */
    hl_buf_printf(out, beyond || (r->now && (r->now < 0) != (r->raw < 0)) ? "  the rule's points were changed since\n" : "\n");
}

static void put_group(const struct hl_explanation *e, int g, struct hl_buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_rows; i++) {
        if (e->rows[i].rule->group != g) continue;
        if (n++ == 0) hl_buf_printf(out, g < 0 ? "without a group\n" : "group %s\n", g < 0 ? "" : e->groups[g].group->name);
        put_row(&e->rows[i], out);
    }
    if (n && g >= 0 && e->groups[g].cap) put_line(out, "over the limit of the group", -e->groups[g].cap);
}

static void put_parts(const struct hl_explanation *e, struct hl_buf *out)
{
    hl_buf_printf(out, "%-*s%7s%13s%13s%13s\n", NAME_WIDTH + 2, "", "times", "raw", "by time", "now");
    if (e->n_fit) hl_buf_printf(out, "fit\n");
    for (size_t i = 0; i < e->n_fit; i++) put_line(out, e->fit[i]->name, e->fit[i]->points);
    for (size_t g = 0; g < e->n_groups; g++) put_group(e, (int)g, out);
    put_group(e, -1, out);
    if (e->manual) put_line(out, "given by hand", e->manual);
    if (e->floor) put_line(out, "a score is never below 0", e->floor);
    put_line(out, "sum", e->sum);
    hl_buf_printf(out, "  in units of 2^-32 points: sum %lld, score %lld: %s\n", (long long)e->sum, (long long)e->score.total,
                  e->sum == e->score.total ? "equal" : "NOT EQUAL");
}

static void put_future(const struct hl_explanation *e, struct hl_buf *out)
{
    struct hl_edge edge;
    struct hl_buf missing;
    enum hl_stage to;
    hl_buf_init(&missing);
    hl_buf_printf(out, "\n");
    size_t n = 0;
    for (size_t i = 0; hl_explain_next_missing(e, &i, &edge, &missing); n++) {
        const char *kind = hl_kind_name(edge.kind);
        hl_buf_printf(out, "%-8sto %s%s%s: %.*s\n", n ? "" : "missing", hl_stage_name(edge.to), kind ? ", " : "",
                      kind ? kind : "", HL_SLICE_ARG(hl_buf_slice(&missing)));
    }
    hl_buf_fini(&missing);
    if (n == 0) hl_buf_printf(out, "missing nothing: no stage follows\n");
    int64_t due = hl_explain_due(e, &to);
    if (due == HL_NO_TIME) return;
    hl_buf_printf(out, "decay   back to %s at ", hl_stage_name(to));
    put_time(out, due);
    hl_buf_printf(out, due > e->at ? ", if nothing happens until then\n" : ": due already\n");
}

void hl_explain_put_text(const struct hl_explanation *e, const struct hl_explained_move *last, struct hl_buf *out)
{
    put_head(e, last, out);
    put_parts(e, out);
    put_future(e, out);
}
