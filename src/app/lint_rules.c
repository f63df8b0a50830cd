/* Rules that never hold, and rules that say the same. */
#include <stdlib.h>

#include "lint.h"

/* --- conditions that exclude each other --- */

static bool is_alone_possible(const struct hl_condition *c)
{
    struct hl_traits t = {c, true, 0};
    return hl_traits_possible(&t, 1);
}

static bool check_each(const struct hl_lint *l, const struct hl_lint_fit *f)
{
    bool all = true;
    for (size_t i = 0; i < f->n; i++) {
        if (is_alone_possible(&f->rules[i].when)) continue;
        all = false;
        hl_problem_error(l->p, hl_lint_at(l, f->section, i, NULL), "'%s' never holds: what it asks of '%s' excludes itself",
                         f->rules[i].name, f->rules[i].when.attribute);
    }
    return all;
}

/* What is asked of a contact; room for all conditions of fit and one more. */
struct asked {
    struct hl_traits *t;
    size_t n;
};

static struct asked *ask(struct asked *a, const struct hl_fit_rule *rules, size_t n, bool wanted)
{
    for (size_t i = 0; i < n; i++) a->t[a->n++] = (struct hl_traits){&rules[i].when, wanted, 0};
    return a;
}

static bool is_possible(struct asked *a)
{
    size_t n = a->n;
    a->n = 0;
    return hl_traits_possible(a->t, n);
}

/* False when nobody holds them all. */
static bool check_must_have(const struct hl_lint *l, struct asked *a)
{
    const struct hl_model *m = l->m;
    for (size_t i = 1; i <= m->n_must_have; i++) {
        if (is_possible(ask(a, m->must_have, i, true))) continue;
        hl_problem_error(l->p, hl_lint_at(l, "fit.must_have", i - 1, NULL),
                         "'%s' and the conditions above it exclude each other: nobody becomes a lead", m->must_have[i - 1].name);
        return false;
    }
    return true;
}

/* Traits that keep out everyone whom must_have lets in. */
static void check_keeps_all_out(const struct hl_lint *l, struct asked *a, const struct hl_lint_fit *f, const char *effect)
{
    for (size_t i = 0; i < f->n; i++) {
        ask(a, l->m->must_have, l->m->n_must_have, true);
        if (is_possible(ask(a, &f->rules[i], 1, false))) continue;
        hl_problem_error(l->p, hl_lint_at(l, f->section, i, NULL), "'%s' holds for everyone whom must_have lets in: %s",
                         f->rules[i].name, effect);
    }
}

/* A suspect is kept from becoming an MQL; who is kept from being a lead never gets there. */
static void check_suspects(const struct hl_lint *l, struct asked *a)
{
    const struct hl_model *m = l->m;
    for (size_t i = 0; i < m->n_suspect; i++) {
        ask(ask(a, m->must_have, m->n_must_have, true), m->disqualify, m->n_disqualify, false);
        if (!is_alone_possible(&m->suspect[i].when) || is_possible(ask(a, &m->suspect[i], 1, true))) {
            a->n = 0;
            continue;
        }
        hl_problem_warning(
            l->p, hl_lint_at(l, "fit.suspect", i, NULL),
            "'%s' keeps nobody from becoming an MQL: whom it holds for, must_have or disqualify keeps from being a lead",
            m->suspect[i].name);
    }
}

static void check_together(const struct hl_lint *l, const struct hl_lint_fit *fits, struct asked *a)
{
    if (!check_must_have(l, a)) return;
    check_keeps_all_out(l, a, &fits[HL_LINT_DISQUALIFY], "nobody becomes a lead");
    check_keeps_all_out(l, a, &fits[HL_LINT_SUSPECT], "nobody becomes an MQL");
    check_suspects(l, a);
}

void hl_lint_traits(const struct hl_lint *l)
{
    struct hl_lint_fit fits[HL_LINT_N_FIT];
    bool sane = true;
    size_t n = 1;
    hl_lint_fits(l->m, fits);
    for (size_t i = 0; i < HL_LINT_N_FIT; i++) {
        bool possible = check_each(l, &fits[i]);
        sane &= possible || i != HL_LINT_MUST_HAVE;
        n += fits[i].n;
    }
    struct asked a = {hl_node_alloc(l->p, n, sizeof *a.t), 0};
    if (a.t && sane) check_together(l, fits, &a);
    free(a.t);
}

/* --- matches of events --- */

#define BIT(code) (UINT64_C(1) << HL_EVENT_##code)

static void check_where(const struct hl_lint *l, const struct hl_lint_match *r)
{
    struct hl_event_match only_where = {.types = BIT(PAGE_VIEWED), .where = r->match->where, .n_where = r->match->n_where};
    for (size_t i = 0; i < r->match->n_where; i++) {
        if (is_alone_possible(&r->match->where[i])) continue;
        hl_problem_error(l->p, hl_lint_at_condition(l, r->section, r->index, "where", i, NULL),
                         "'%s' matches nothing: what it asks of '%s' excludes itself", r->name, r->match->where[i].attribute);
        return;
    }
    if (!hl_lint_can_match(&only_where))
        hl_problem_error(l->p, hl_lint_at(l, r->section, r->index, "where"),
                         "'%s' matches nothing: its conditions exclude each other", r->name);
}

static void check_path(const struct hl_lint *l, const struct hl_lint_match *r)
{
    const char *path = r->match->path, *mark = path ? strchr(path, '?') : NULL;
    const struct hl_yaml_node *at = hl_lint_at(l, r->section, r->index, "path");
    if (path && strchr(path, '#'))
        hl_problem_error(l->p, at, "'%s' matches nothing: the path of a url ends before its #", r->name);
    else if (mark && strchr(mark, '='))
        hl_problem_warning(l->p, at, "'%s': the path of a url ends before its query; ? stands for any one character", r->name);
}

/* Types alone can make a rule dead. */
static void check_types(const struct hl_lint *l, const struct hl_lint_match *r)
{
    struct hl_event_match only_types = {.types = r->match->types};
    struct hl_latch_rule latch = {.match = only_types};
    bool is_score = strcmp(r->section, "behavior.rules") == 0, is_edge = strcmp(r->section, "stages.extra") == 0;
    const struct hl_yaml_node *at = hl_lint_at(l, r->section, r->index, "on");
    if (!hl_lint_can_match(&only_types))
        hl_problem_error(l->p, at, "'%s' matches nothing: event_voided, contact_merged and contact_erased match no rule",
                         r->name);
    else if (!is_score && !is_edge && !hl_lint_can_latch(&latch))
        hl_problem_error(l->p, at, "'%s' never raises a hand or qualifies: stage_set clears what it would set", r->name);
}

static void check_edge(const struct hl_lint *l, size_t i)
{
    const struct hl_extra_edge *e = &l->m->extra[i];
    struct hl_extra_edge only_types = {.from = e->from, .match = {.types = e->match.types}};
    struct hl_event_match match = only_types.match;
    if (!hl_lint_can_match(&match) || hl_lint_edge_from(&only_types)) return;
    hl_problem_error(l->p, hl_lint_at(l, "stages.extra", i, "on"), "'%s' is never taken: %s", e->name,
                     e->match.types & BIT(STAGE_SET) ? "stage_set ends its event"
                                                     : "lead_disqualified makes the contact disqualified before");
}

void hl_lint_matches(const struct hl_lint *l)
{
    struct hl_lint_match r;
    for (size_t pos = 0; hl_lint_next_match(l->m, &pos, &r);) {
        check_where(l, &r);
        check_path(l, &r);
        check_types(l, &r);
    }
    for (size_t i = 0; i < l->m->n_extra; i++) check_edge(l, i);
}

/* --- rules that say the same --- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_texts(char *const *a, size_t n, char *const *b, size_t m)
{
    if (n != m) return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(a[i], b[i]) != 0) return false;
    return true;
}

static bool same_limit(bool has_a, hl_fixed a, bool has_b, hl_fixed b)
{
    return has_a == has_b && (!has_a || a == b);
}

bool hl_lint_same_condition(const struct hl_condition *a, const struct hl_condition *b)
{
    return same_text(a->attribute, b->attribute) && a->exists == b->exists && same_text(a->equals, b->equals) &&
           same_text(a->pattern, b->pattern) && same_limit(a->has_at_least, a->at_least, b->has_at_least, b->at_least) &&
           same_limit(a->has_at_most, a->at_most, b->has_at_most, b->at_most) && same_texts(a->in, a->n_in, b->in, b->n_in) &&
           same_texts(a->not_in, a->n_not_in, b->not_in, b->n_not_in);
}

static bool same_where(const struct hl_event_match *a, const struct hl_event_match *b)
{
    if (a->n_where != b->n_where) return false;
    for (size_t i = 0; i < a->n_where; i++)
        if (!hl_lint_same_condition(&a->where[i], &b->where[i])) return false;
    return true;
}

static bool lists_all(const struct hl_event_match *a, const struct hl_event_match *b)
{
    for (size_t i = 0; i < b->n_forms; i++) {
        size_t k = 0;
        while (k < a->n_forms && strcmp(a->forms[k], b->forms[i]) != 0) k++;
        if (k == a->n_forms) return false;
    }
    return true;
}

/* `a` matches what `b` does. Without a ?, all that `a` says of the wildcards of `b` is that a * of its own takes them. */
static bool glob_covers(const char *a, const char *b, bool absent_covers)
{
    if (!a) return absent_covers || !b;
    return b && (strcmp(a, b) == 0 || (!strchr(a, '?') && hl_glob_match(a, hl_slice_of(b))));
}

/* Every event that `b` matches, `a` does. `absent_covers`: also where `a` just does not name a part. */
static bool covers(const struct hl_event_match *a, const struct hl_event_match *b, bool absent_covers)
{
    if (b->types & ~a->types) return false;
    if (!glob_covers(a->path, b->path, absent_covers) || !glob_covers(a->asset, b->asset, absent_covers)) return false;
    if (!glob_covers(a->campaign, b->campaign, absent_covers) || !glob_covers(a->source, b->source, absent_covers)) return false;
    if (a->forms ? !b->forms || !lists_all(a, b) : b->forms && !absent_covers) return false;
    return same_where(a, b) || (absent_covers && a->n_where == 0);
}

/* A rule without `on` counts anything that people do, beside what other rules say of it. */
static bool overlaps(const struct hl_model *m, const struct hl_event_match *a, const struct hl_event_match *b)
{
    return covers(a, b, false) && (a->types != m->scorable_types || b->types == a->types);
}

static void check_scores(const struct hl_lint *l, size_t i)
{
    const struct hl_score_rule *rules = l->m->rules, *b = &rules[i];
    for (size_t j = 0; j < l->m->n_rules; j++) {
        const struct hl_score_rule *a = &rules[j];
        if (i == j || !overlaps(l->m, &a->match, &b->match)) continue;
        bool same = overlaps(l->m, &b->match, &a->match);
        if (same && j > i) continue;
        hl_problem_warning(l->p, hl_lint_at(l, "behavior.rules", i, NULL),
                           same ? "'%s' matches the same events as '%s': both give their points"
                                : "'%s' matches only events that '%s' matches, too: both give their points",
                           b->name, a->name);
        return;
    }
}

static void check_shadow(const struct hl_lint *l, size_t i)
{
    const struct hl_extra_edge *e = &l->m->extra[i];
    for (size_t j = 0; j < i; j++) {
        const struct hl_extra_edge *first = &l->m->extra[j];
        if ((e->from & ~first->from) || !covers(&first->match, &e->match, true)) continue;
        hl_problem_error(l->p, hl_lint_at(l, "stages.extra", i, NULL),
                         "'%s' is never taken: '%s' comes first for all that it matches", e->name, first->name);
        return;
    }
}

static void check_same_fit(const struct hl_lint *l, const struct hl_lint_fit *f, bool points)
{
    for (size_t i = 0; i < f->n; i++) {
        size_t j = 0;
        while (j < i && !hl_lint_same_condition(&f->rules[i].when, &f->rules[j].when)) j++;
        if (j == i) continue;
        hl_problem_warning(l->p, hl_lint_at(l, f->section, i, NULL),
                           points ? "'%s' asks the same as '%s': both give their points" : "'%s' asks the same as '%s'",
                           f->rules[i].name, f->rules[j].name);
    }
}

void hl_lint_overlaps(const struct hl_lint *l)
{
    struct hl_lint_fit fits[HL_LINT_N_FIT];
    hl_lint_fits(l->m, fits);
    for (size_t i = 0; i < HL_LINT_N_FIT; i++) check_same_fit(l, &fits[i], i == HL_LINT_FIT);
    for (size_t i = 0; i < l->m->n_rules; i++) check_scores(l, i);
    for (size_t i = 0; i < l->m->n_extra; i++) check_shadow(l, i);
}

/* --- points that do nothing --- */

void hl_lint_points(const struct hl_lint *l)
{
    const struct hl_model *m = l->m;
    for (size_t i = 0; i < m->n_fit; i++)
        if (m->fit[i].points == 0)
            hl_problem_warning(l->p, hl_lint_at(l, "fit.rules", i, "points"), "'%s' gives no points", m->fit[i].name);
    for (size_t i = 0; i < m->n_rules; i++)
        if (m->rules[i].points == 0)
            hl_problem_warning(l->p, hl_lint_at(l, "behavior.rules", i, "points"), "'%s' gives no points", m->rules[i].name);
    for (size_t i = 0; i < m->n_groups; i++)
        if (m->groups[i].has_max && m->groups[i].max == 0)
            hl_problem_warning(l->p, hl_lint_at(l, "behavior.groups", i, NULL), "group '%s' gives no points: its max is 0",
                               m->groups[i].name);
}
