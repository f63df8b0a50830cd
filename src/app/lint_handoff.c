/* Deadlines that never start, and rules of routing that never deal. */
#include <stdio.h>
#include <stdlib.h>

#include "lint.h"

/* --- sla --- */

static void check_deadline(const struct hl_lint *l, size_t i, const struct hl_reach *reach)
{
    const struct hl_sla *sla = &l->m->sla[i];
    bool is_active = sla->kind == HL_KIND_ACTIVE;
    if (!(reach->stages >> sla->stage & 1))
        hl_problem_warning(l->p, hl_lint_at(l, "sla", i, "stage"), "'%s' starts only by hand: no contact comes to %s", sla->name,
                           hl_stage_name(sla->stage));
    else if (sla->kind != HL_KIND_NONE && !(reach->kinds >> sla->kind & 1))
        hl_problem_warning(l->p, hl_lint_at(l, "sla", i, "kind"), "'%s' starts only by hand: nothing makes %s MQL", sla->name,
                           is_active ? "an active" : "a passive");
}

void hl_lint_deadlines(const struct hl_lint *l)
{
    struct hl_reach reach;
    if (hl_lint_reach(l->m, &reach) != HL_OK) {
        l->p->no_memory = true;
        return;
    }
    for (size_t i = 0; i < l->m->n_sla; i++) check_deadline(l, i, &reach);
}

/* --- routing --- */

static size_t ask(struct hl_traits *t, const struct hl_route *route)
{
    for (size_t k = 0; k < route->n_when; k++) t[k] = (struct hl_traits){&route->when[k], true, 0};
    return route->n_when;
}

/* Whom `route` holds for, `c` does, too. t has room for the conditions of route and one more. */
static bool implies(struct hl_traits *t, const struct hl_route *route, const struct hl_condition *c)
{
    size_t n = ask(t, route);
    t[n] = (struct hl_traits){c, false, 0};
    return !hl_traits_possible(t, n + 1);
}

static bool takes_all_of(struct hl_traits *t, const struct hl_route *first, const struct hl_route *route)
{
    for (size_t k = 0; k < first->n_when; k++)
        if (!implies(t, route, &first->when[k])) return false;
    return first->n_when > 0; /* without `when`: told as the file is read */
}

static void check_route(const struct hl_lint *l, struct hl_traits *t, size_t i)
{
    const struct hl_route *route = &l->m->routing[i];
    if (!hl_traits_possible(t, ask(t, route))) {
        hl_problem_error(l->p, hl_lint_at(l, "routing", i, "when"), "this rule never deals: its conditions exclude each other");
        return;
    }
    for (size_t j = 0; j < i; j++) {
        if (!takes_all_of(t, &l->m->routing[j], route)) continue;
        const struct hl_yaml_node *first = hl_lint_at(l, "routing", j, NULL);
        hl_problem_error(l->p, hl_lint_at(l, "routing", i, NULL),
                         "this rule never deals: whom it holds for, the rule in line %u has taken", first ? first->line : 0);
        return;
    }
}

void hl_lint_routing(const struct hl_lint *l)
{
    size_t most = 0;
    for (size_t i = 0; i < l->m->n_routing; i++) most = l->m->routing[i].n_when > most ? l->m->routing[i].n_when : most;
    struct hl_traits *t = hl_node_alloc(l->p, most + 1, sizeof *t);
    for (size_t i = 0; t && i < l->m->n_routing; i++) check_route(l, t, i);
    free(t);
}
