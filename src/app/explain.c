/* The parts of a score. The same rows and caps as hl_score_at, kept apart; a property test holds the sums against it. */
#include "hotlead/app/explain.h"

#include <stdlib.h>

/* times x points, held at the ends of the range */
static hl_fixed raw_points(uint32_t times, hl_fixed points)
{
    hl_fixed raw;
    if (!__builtin_mul_overflow((hl_fixed)times, points, &raw)) return raw;
    return points < 0 ? -HL_FIXED_MAX : HL_FIXED_MAX;
}

static void explain_rows(struct hl_explanation *e)
{
    struct hl_row row;
    for (size_t pos = 0; hl_contact_next_row(e->c, &pos, &row);) {
        const struct hl_score_rule *rule = &e->m->rules[row.rule];
        struct hl_explained_row *r = &e->rows[e->n_rows++];
        *r = (struct hl_explained_row){.rule = rule, .times = row.count, .now = hl_row_value(&row, rule, e->at)};
        r->raw = raw_points(row.count, rule->points);
        r->decay = hl_fixed_add(r->raw, -r->now);
        if (rule->group >= 0) e->groups[rule->group].rows = hl_fixed_add(e->groups[rule->group].rows, r->now);
        if (rule->group < 0) e->sum = hl_fixed_add(e->sum, r->now);
    }
}

static void explain_groups(struct hl_explanation *e)
{
    for (size_t g = 0; g < e->n_groups; g++) {
        struct hl_explained_group *x = &e->groups[g];
        bool capped = x->group->has_max && x->rows > x->group->max;
        x->cap = capped ? x->rows - x->group->max : 0;
        x->now = x->rows - x->cap;
        e->sum = hl_fixed_add(e->sum, x->now);
    }
}

static void explain_fit(struct hl_explanation *e)
{
    char scratch[256];
    for (size_t i = 0; i < e->m->n_fit; i++) {
        const struct hl_fit_rule *rule = &e->m->fit[i];
        struct hl_slice value = hl_contact_attribute(e->c, hl_slice_of(rule->when.attribute), scratch);
        if (!hl_condition_holds(&rule->when, value)) continue;
        e->fit[e->n_fit++] = rule;
        e->sum = hl_fixed_add(e->sum, rule->points);
    }
}

enum hl_status hl_explain(const struct hl_contact *c, const struct hl_model *m, int64_t at, struct hl_explanation *out)
{
    *out = (struct hl_explanation){.c = c, .m = m, .at = at > c->clock ? at : c->clock, .n_groups = m->n_groups};
    out->rows = calloc(hl_contact_n_rows(c) + 1u, sizeof(*out->rows));
    out->groups = calloc(m->n_groups + 1, sizeof(*out->groups));
    out->fit = calloc(m->n_fit + 1, sizeof(*out->fit));
    if (!out->rows || !out->groups || !out->fit) return HL_E_NOMEM;
    for (size_t g = 0; g < m->n_groups; g++) out->groups[g].group = &m->groups[g];
    out->manual = c->ext ? c->ext->manual : 0;
    out->sum = out->manual;
    explain_fit(out);
    explain_rows(out);
    explain_groups(out);
    out->floor = out->sum < 0 ? -out->sum : 0;
    out->sum += out->floor;
    out->score = hl_score_at(c, m, out->at);
    return HL_OK;
}

void hl_explanation_fini(struct hl_explanation *e)
{
    free(e->rows);
    free(e->groups);
    free(e->fit);
}
