/* What contacts can reach under a model: scores, grades, stages.
 *
 * DESIGN
 * The score is bounded from above rule by rule. A rule scores without end, but where `max` of its group bounds it. One with N
 * per W and half-life h is bounded, too: with r = 2^(-W/h) the windows that are over can hold N matches each, at the very end,
 * so N (1 + r + r^2 + ...) = N / (1 - r) times the points, and the window that has just begun N more. That holds for a contact
 * of its own; contacts that are merged add up what each was given, so it is a reason to warn, not to refuse.
 * Stages are reached over the edges of core/edges.c, less those whose conditions no contact fulfils. */
#include <math.h> /* INFINITY */
#include <stdio.h>
#include <stdlib.h>

#include "hotlead/core/edges.h"
#include "lint.h"

#define BIT(code) (UINT64_C(1) << HL_EVENT_##code)
/* Events that are not about behaviour: no rule is held against them. */
#define UNMATCHED (BIT(EVENT_VOIDED) | BIT(CONTACT_MERGED) | BIT(CONTACT_ERASED))
#define STAGE(code) (1u << HL_STAGE_##code)
/* Scores are rounded here and there; a bound may be missed by that much. */
#define SLACK 0.01

/* --- events --- */

bool hl_lint_can_match(const struct hl_event_match *match)
{
    if (!(match->types & ~UNMATCHED)) return false;
    if (match->path && strchr(match->path, '#')) return false;
    struct hl_traits *t = calloc(match->n_where + 1, sizeof *t);
    for (size_t i = 0; t && i < match->n_where; i++) t[i] = (struct hl_traits){&match->where[i], true, 0};
    bool possible = !t || hl_traits_possible(t, match->n_where);
    free(t);
    return possible;
}

bool hl_lint_can_latch(const struct hl_latch_rule *rule)
{
    return (rule->match.types & ~(UNMATCHED | BIT(STAGE_SET))) && hl_lint_can_match(&rule->match);
}

uint32_t hl_lint_edge_from(const struct hl_extra_edge *e)
{
    uint64_t types = e->match.types & ~(UNMATCHED | BIT(STAGE_SET)); /* stage_set ends its event */
    if (!types || !hl_lint_can_match(&e->match)) return 0;
    if (types == BIT(LEAD_DISQUALIFIED))
        return e->from & (STAGE(CUSTOMER) | STAGE(EVANGELIST)); /* elsewhere row 1a comes first */
    return e->from;
}

/* --- scores --- */

static double points_of(const struct hl_score_rule *rule)
{
    return rule->points > 0 && hl_lint_can_match(&rule->match) ? hl_fixed_to_double(rule->points) : 0;
}

/* 2^(-window / half_life) */
static double rest_after(const struct hl_half_life *h, int64_t window_ms)
{
    uint64_t x = hl_half_lives(*h, window_ms), whole = x >> 48;
    if (whole > 60) return 0;
    double fraction = (double)hl_exp2_q62(x & ((UINT64_C(1) << 48) - 1)) / (double)(UINT64_C(1) << 62);
    return 1 / (fraction * (double)(UINT64_C(1) << whole));
}

static double capped(const struct hl_score_rule *rule, double points)
{
    if (points <= 0) return 0;
    if (rule->max_times == 0 || rule->half_life.ms == 0) return INFINITY;
    return points * rule->max_times * (1 + 1 / (1 - rest_after(&rule->half_life, rule->window_ms)));
}

static double least_of(double a, double b)
{
    return a < b ? a : b;
}

/* Group -1: the rules without one. */
static void add_group(const struct hl_model *m, int group, struct hl_bounds *b)
{
    double most = 0, most_capped = 0;
    for (size_t i = 0; i < m->n_rules; i++) {
        if (m->rules[i].group != group) continue;
        double points = points_of(&m->rules[i]);
        most = points > 0 ? INFINITY : most;
        most_capped += capped(&m->rules[i], points);
    }
    double max = group >= 0 && m->groups[group].has_max ? hl_fixed_to_double(m->groups[group].max) : INFINITY;
    b->behavior_most += least_of(most, max);
    b->behavior_capped += least_of(most_capped, max);
}

enum hl_status hl_lint_bounds(const struct hl_model *m, struct hl_bounds *out)
{
    struct hl_traits *fit = calloc(m->n_fit + 1, sizeof *fit);
    if (!fit) return HL_E_NOMEM;
    for (size_t i = 0; i < m->n_fit; i++) fit[i] = (struct hl_traits){&m->fit[i].when, true, m->fit[i].points};
    *out = (struct hl_bounds){.fit_least = hl_traits_sum(fit, m->n_fit, true), .fit_most = hl_traits_sum(fit, m->n_fit, false)};
    free(fit);
    for (int g = -1; g < (int)m->n_groups; g++) add_group(m, g, out);
    for (size_t i = 0; i < m->n_rules; i++) {
        out->takes_away |= m->rules[i].points < 0;
        out->decays |= m->rules[i].points > 0 && m->rules[i].half_life.ms > 0;
    }
    return HL_OK;
}

static double at_least_0(double points)
{
    return points > 0 ? points : 0;
}

static double most_of(const struct hl_bounds *b)
{
    return at_least_0(b->fit_most + b->behavior_most);
}

/* Where no rule gives points, they come by hand: nothing is said of them. */
static bool can_score(const struct hl_bounds *b, const struct hl_threshold *t)
{
    return t->has_enter && (most_of(b) <= 0 || hl_fixed_to_double(t->enter) <= most_of(b) + SLACK);
}

/* --- stages --- */

/* What contacts can do. */
struct ways {
    bool subscribe, be_lead, be_mql, raise_hand, qualify, score_mql, score_sql;
};

static size_t put_traits(struct hl_traits *t, const struct hl_fit_rule *rules, size_t n, bool wanted)
{
    for (size_t i = 0; i < n; i++) t[i] = (struct hl_traits){&rules[i].when, wanted, 0};
    return n;
}

static enum hl_status find_ways(const struct hl_model *m, struct ways *w)
{
    struct hl_bounds b;
    struct hl_traits *t = calloc(m->n_must_have + m->n_disqualify + m->n_suspect + 1, sizeof *t);
    if (!t || hl_lint_bounds(m, &b) != HL_OK) {
        free(t);
        return HL_E_NOMEM;
    }
    *w = (struct ways){
        .subscribe = m->subscribe_on & ~UNMATCHED, .score_mql = can_score(&b, &m->mql), .score_sql = can_score(&b, &m->sql)};
    size_t n = put_traits(t, m->must_have, m->n_must_have, true);
    n += put_traits(t + n, m->disqualify, m->n_disqualify, false);
    w->be_lead = hl_traits_possible(t, n);
    n += put_traits(t + n, m->suspect, m->n_suspect, false);
    w->be_mql = hl_traits_possible(t, n);
    for (size_t i = 0; i < m->n_hand_raise; i++) w->raise_hand |= hl_lint_can_latch(&m->hand_raise[i]);
    for (size_t i = 0; i < m->n_qualify; i++) w->qualify |= hl_lint_can_latch(&m->qualify[i]);
    free(t);
    return HL_OK;
}

/* Rows that ask for more than an event that can always come. */
static bool is_open(const struct ways *w, const struct hl_edge *e)
{
    const struct {
        const char *row;
        bool open;
    } rows[] = {
        {"7", w->subscribe},
        {"8", w->be_lead},
        {"9", w->be_mql && w->raise_hand},
        {"10", w->be_mql && w->score_mql},
        {"11", w->raise_hand},
        {"12", w->be_mql && w->raise_hand},
        {"13", w->be_mql && w->score_mql},
        {"15b", w->qualify || w->score_sql},
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].row, e->row) == 0) return rows[i].open;
    return true;
}

/* The edges that some contact can take; NULL: no memory. */
static struct hl_edge *open_edges(const struct hl_model *m, size_t *n)
{
    struct ways w;
    size_t all = hl_edges(m, NULL, 0);
    struct hl_edge *edges = calloc(all + 1, sizeof *edges);
    if (!edges || find_ways(m, &w) != HL_OK) {
        free(edges);
        return NULL;
    }
    all = hl_edges(m, edges, all);
    *n = 0;
    for (size_t i = 0; i < all; i++) {
        struct hl_edge e = edges[i];
        if (!is_open(&w, &e)) continue;
        if (e.extra) e.from &= hl_lint_edge_from(e.extra);
        if (e.from) edges[(*n)++] = e;
    }
    return edges;
}

static struct hl_reach spread(const struct hl_edge *edges, size_t n)
{
    struct hl_reach r = {.stages = STAGE(ANONYMOUS)}, before;
    do {
        before = r;
        for (size_t i = 0; i < n; i++) {
            if (!(edges[i].from & r.stages)) continue;
            r.stages |= 1u << edges[i].to;
            /* who comes back (row 6) has the kind it had, or becomes a passive one */
            if (edges[i].to == HL_STAGE_MQL) r.kinds |= 1u << (edges[i].kind ? edges[i].kind : HL_KIND_PASSIVE);
        }
    } while (r.stages != before.stages);
    return r;
}

enum hl_status hl_lint_reach(const struct hl_model *m, struct hl_reach *out)
{
    size_t n;
    struct hl_edge *edges = open_edges(m, &n);
    if (!edges) return HL_E_NOMEM;
    *out = spread(edges, n);
    free(edges);
    return HL_OK;
}

/* --- what is said of it --- */

/* Two decimals at most; in one of a few buffers that take turns. */
static const char *show(double points)
{
    static _Thread_local char buffers[4][32];
    static _Thread_local unsigned turn;
    char *s = buffers[turn++ % HL_ARRAY_LEN(buffers)];
    snprintf(s, sizeof buffers[0], "%.2f", points);
    char *end = s + strlen(s);
    while (end[-1] == '0') *--end = 0;
    if (end[-1] == '.') end[-1] = 0;
    return s;
}

static void check_enter(const struct hl_lint *l, const struct hl_bounds *b, const char *section, const char *name, double enter)
{
    const struct hl_yaml_node *at = hl_lint_at(l, section, HL_LINT_SECTION, "enter");
    double most = most_of(b), most_capped = at_least_0(b->fit_most + b->behavior_capped);
    if (enter <= 0)
        hl_problem_warning(l->p, at, "%s.enter is %s, and no score is below 0: every contact comes in at once", name,
                           show(enter));
    else if (most <= 0)
        hl_problem_warning(l->p, at, "no rule gives points: only score_adjusted takes a contact to %s.enter", name);
    else if (enter > most + SLACK)
        hl_problem_error(l->p, at, "no contact reaches %s.enter %s: fit gives at most %s points, behavior %s", name, show(enter),
                         show(b->fit_most), show(b->behavior_most));
    else if (enter > most_capped + SLACK)
        hl_problem_warning(l->p, at,
                           "no contact reaches %s.enter %s by itself: fit gives at most %s points, and behavior %s at a time, by "
                           "max_times and half_life",
                           name, show(enter), show(b->fit_most), show(b->behavior_capped));
}

static bool leads_to(const struct hl_model *m, enum hl_stage to)
{
    for (size_t i = 0; i < m->n_extra; i++)
        if (m->extra[i].to == to) return true;
    return false;
}

/* A contact that came in by its score: can it fall below? */
static void check_exit(const struct hl_lint *l, const struct hl_bounds *b, const char *section, const char *name,
                       enum hl_stage stage, double exit)
{
    const struct hl_yaml_node *at = hl_lint_at(l, section, HL_LINT_SECTION, "exit");
    double least = b->takes_away ? 0 : at_least_0(b->fit_least);
    if (exit <= least)
        hl_problem_warning(l->p, at, "%s.exit %s is never crossed: no score is below %s", name, show(exit), show(least));
    else if (!b->decays && !b->takes_away && b->fit_least >= b->fit_most && b->behavior_most > 0 && !leads_to(l->m, stage))
        hl_problem_warning(l->p, at, "%s.exit is never crossed: no points decay, and none are taken away", name);
}

static void check_threshold(const struct hl_lint *l, const struct hl_bounds *b, const char *section, enum hl_stage stage,
                            const struct hl_threshold *t)
{
    const char *name = hl_stage_name(stage);
    if (t->has_enter) check_enter(l, b, section, name, hl_fixed_to_double(t->enter));
    if (t->has_exit) check_exit(l, b, section, name, stage, hl_fixed_to_double(t->exit));
}

static void check_grades(const struct hl_lint *l, const struct hl_bounds *b)
{
    for (size_t i = 0; i < l->m->n_grades; i++) {
        char letter[] = {l->m->grades[i].letter, 0};
        double at_least = hl_fixed_to_double(l->m->grades[i].at_least);
        const struct hl_yaml_node *at = hl_lint_at(l, "fit.grades", HL_LINT_SECTION, letter);
        if (at_least > b->fit_most + SLACK)
            hl_problem_error(l->p, at, "no fit reaches grade %s: the most that fit.rules give is %s", letter, show(b->fit_most));
        else if (at_least <= b->fit_least) {
            hl_problem_warning(l->p, at, "no fit is below grade %s: the least that fit.rules give is %s", letter,
                               show(b->fit_least));
            return;
        }
    }
}

void hl_lint_thresholds(const struct hl_lint *l)
{
    struct hl_bounds b;
    if (hl_lint_bounds(l->m, &b) != HL_OK) {
        l->p->no_memory = true;
        return;
    }
    check_grades(l, &b);
    check_threshold(l, &b, "thresholds.mql", HL_STAGE_MQL, &l->m->mql);
    if (l->m->score_driven) check_threshold(l, &b, "thresholds.sql", HL_STAGE_SQL, &l->m->sql);
}

/* SAL is a switch; who leaves it off does not ask for the stage. */
static bool is_wanted(const struct hl_model *m, enum hl_stage s)
{
    return s != HL_STAGE_SAL || m->sal || leads_to(m, s);
}

/* "mql, sql, customer": those from `first` on that are wanted and not reached. */
static void list_missing(const struct hl_model *m, uint32_t reached, int first, char *out, size_t cap)
{
    size_t len = 0;
    out[0] = 0;
    for (int s = first; s < HL_STAGE_COUNT; s++) {
        if (reached >> s & 1 || !is_wanted(m, (enum hl_stage)s)) continue;
        len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? ", " : "", hl_stage_name((enum hl_stage)s));
    }
}

/* An edge of the model leads from a stage that is reached to this one: it means to be a way. */
static bool has_a_way(const struct hl_model *m, uint32_t reached, int to)
{
    size_t n = hl_edges(m, NULL, 0);
    struct hl_edge *edges = calloc(n + 1, sizeof *edges);
    bool found = false;
    if (edges) n = hl_edges(m, edges, n);
    for (size_t i = 0; edges && i < n; i++) found |= (int)edges[i].to == to && (edges[i].from & reached);
    free(edges);
    return found;
}

static void check_missing(const struct hl_lint *l, uint32_t reached)
{
    char names[160];
    int first = 0;
    while (first < HL_STAGE_COUNT && (reached >> first & 1 || !is_wanted(l->m, (enum hl_stage)first))) first++;
    if (first == HL_STAGE_COUNT) return;
    list_missing(l->m, reached, first, names, sizeof names);
    const struct hl_yaml_node *at = hl_lint_at(l, "stages", HL_LINT_SECTION, NULL);
    if (has_a_way(l->m, reached, first))
        hl_problem_error(l->p, at, "no contact comes to %s, for what leads there cannot happen; never reached: %s",
                         hl_stage_name((enum hl_stage)first), names);
    else
        hl_problem_warning(l->p, at, "nothing leads to %s; reached only by hand: %s", hl_stage_name((enum hl_stage)first), names);
}

static void check_return(const struct hl_lint *l, const struct hl_edge *edges, size_t n, uint32_t reached)
{
    if (!(reached & STAGE(UNQUALIFIED))) return;
    for (size_t i = 0; i < n; i++)
        if ((edges[i].from & STAGE(UNQUALIFIED)) && edges[i].to != HL_STAGE_DISQUALIFIED) return;
    hl_problem_warning(l->p, hl_lint_at(l, "recycle", HL_LINT_SECTION, NULL),
                       "nothing leads out of unqualified: whom sales reject once never comes back but by hand");
}

void hl_lint_stages(const struct hl_lint *l)
{
    size_t n;
    struct hl_edge *edges = open_edges(l->m, &n);
    if (!edges) {
        l->p->no_memory = true;
        return;
    }
    uint32_t reached = spread(edges, n).stages;
    check_missing(l, reached);
    check_return(l, edges, n, reached);
    free(edges);
}
