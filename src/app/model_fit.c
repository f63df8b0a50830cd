/* The section `fit`: who a contact is. */
#include <stdio.h>

#include "model_read.h"

static void read_rules(struct hl_model_reader *r, const struct hl_yaml_node *fit, const char *key, bool points,
                       struct hl_fit_rule **out, size_t *n)
{
    static const char *const with_points[] = {"name", "points", HL_CONDITION_KEYS, NULL};
    const struct hl_yaml_node *list = hl_node_find(fit, key);
    if (!hl_node_is(&r->p, list, HL_YAML_LIST, key)) return;
    *out = hl_node_alloc(&r->p, list->n, sizeof(**out));
    char what[32];
    snprintf(what, sizeof(what), "a rule of fit.%s", key);
    for (size_t i = 0; *out && i < list->n; i++) {
        const struct hl_yaml_node *map = list->values[i];
        if (!hl_node_check_map(&r->p, map, what, with_points)) continue;
        struct hl_fit_rule *rule = &(*out)[(*n)++];
        hl_model_read_name(r, map, what, &rule->name);
        hl_model_read_condition(r, map, &rule->when);
        if (points)
            hl_model_read_points(r, map, &rule->points);
        else if (hl_node_find(map, "points"))
            hl_problem_error(&r->p, map, "a rule of fit.%s holds or not: it has no points", key);
    }
    char section[32];
    snprintf(section, sizeof(section), "fit.%s", key);
    hl_model_check_names(r, list, section, false);
}

static void read_grades(struct hl_model_reader *r, const struct hl_yaml_node *grades)
{
    static const char *const letters[] = {"A", "B", "C", NULL};
    if (!grades || !hl_node_is(&r->p, grades, HL_YAML_MAP, "grades")) return;
    for (size_t i = 0; i < grades->n; i++) {
        struct hl_slice k = grades->keys[i]->text;
        if (k.len != 1 || k.data[0] < 'A' || k.data[0] > 'C')
            hl_problem_error(&r->p, grades->keys[i], "no grade '%.*s': cut-offs are for A, B and C, and D is what is below",
                             HL_SLICE_ARG(k));
    }
    r->m->grades = hl_node_alloc(&r->p, HL_ARRAY_LEN(letters), sizeof(*r->m->grades));
    for (size_t i = 0; r->m->grades && letters[i]; i++) {
        const struct hl_yaml_node *n = hl_node_find(grades, letters[i]);
        struct hl_grade g = {letters[i][0], 0};
        if (!hl_node_fixed(&r->p, n, "the cut-off of a grade", &g.at_least)) continue;
        const struct hl_grade *better = r->m->n_grades ? &r->m->grades[r->m->n_grades - 1] : NULL;
        if (better && g.at_least >= better->at_least)
            hl_problem_error(&r->p, n, "the cut-off of %c must be below that of %c", g.letter, better->letter);
        r->m->grades[r->m->n_grades++] = g;
    }
}

void hl_model_read_fit(struct hl_model_reader *r, const struct hl_yaml_node *n)
{
    static const char *const known[] = {"must_have", "disqualify", "suspect", "rules", "grades", NULL};
    if (!n || !hl_node_check_map(&r->p, n, "fit", known)) return;
    struct hl_model *m = r->m;
    read_rules(r, n, "must_have", false, &m->must_have, &m->n_must_have);
    read_rules(r, n, "disqualify", false, &m->disqualify, &m->n_disqualify);
    read_rules(r, n, "suspect", false, &m->suspect, &m->n_suspect);
    read_rules(r, n, "rules", true, &m->fit, &m->n_fit);
    read_grades(r, hl_node_find(n, "grades"));
}
