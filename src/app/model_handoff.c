/* The sections `sla` and `routing`: by when sales must answer, and who gets a contact. */
#include <stdlib.h>

#include "model_read.h"

/* 0, 1: which of the two; -1: neither, which is told. */
static int one_of(struct hl_model_reader *r, const struct hl_yaml_node *n, const char *what, const char *a, const char *b)
{
    if (!hl_node_is(&r->p, n, HL_YAML_SCALAR, what)) return -1;
    if (hl_slice_eq_cstr(n->text, a)) return 0;
    if (hl_slice_eq_cstr(n->text, b)) return 1;
    hl_problem_error(&r->p, n, "%s must be %s or %s, not '%.*s'", what, a, b, HL_SLICE_ARG(n->text));
    return -1;
}

/* ---- sla ---- */

static void read_sla(struct hl_model_reader *r, const struct hl_yaml_node *map, struct hl_sla *sla)
{
    const struct hl_yaml_node *stage = hl_node_find(map, "stage"), *within = hl_node_find(map, "within"),
                              *kind = hl_node_find(map, "kind");
    hl_model_read_name(r, map, "a rule of sla", &sla->name);
    if (!stage || !within) hl_problem_error(&r->p, map, "a rule of sla needs stage and within");
    bool known = stage && hl_model_read_stage(r, stage, &sla->stage);
    int which = kind ? one_of(r, kind, "kind", "active", "passive") : -1;
    if (which >= 0) sla->kind = which == 0 ? HL_KIND_ACTIVE : HL_KIND_PASSIVE;
    if (kind && known && sla->stage != HL_STAGE_MQL)
        hl_problem_error(&r->p, kind, "only mql has kinds, not %s", hl_stage_name(sla->stage));
    if (known && (sla->stage == HL_STAGE_ANONYMOUS || sla->stage == HL_STAGE_DISQUALIFIED))
        hl_problem_error(&r->p, stage, "nobody works a contact that is %s", hl_stage_name(sla->stage));
    hl_node_duration(&r->p, within, "within", 1000, HL_DURATION_MAX, &sla->within_ms);
}

void hl_model_read_sla(struct hl_model_reader *r, const struct hl_yaml_node *root)
{
    static const char *const known[] = {"name", "stage", "kind", "within", NULL};
    const struct hl_yaml_node *n = hl_node_find(root, "sla");
    if (!n || !hl_node_is(&r->p, n, HL_YAML_LIST, "sla")) return;
    if (n->n > HL_MAX_SLA) {
        hl_problem_error(&r->p, n, "sla has %zu rules, more than %d", n->n, HL_MAX_SLA);
        return;
    }
    r->m->sla = hl_node_alloc(&r->p, n->n, sizeof(*r->m->sla));
    for (size_t i = 0; r->m->sla && i < n->n; i++)
        if (hl_node_check_map(&r->p, n->values[i], "a rule of sla", known)) read_sla(r, n->values[i], &r->m->sla[r->m->n_sla++]);
    hl_model_check_names(r, n, "sla", true);
}

/* ---- routing ---- */

static void read_weights(struct hl_model_reader *r, const struct hl_yaml_node *map, bool weighted, struct hl_route *route)
{
    const struct hl_yaml_node *weights = hl_node_find(map, "weights");
    if (weighted != (weights != NULL)) hl_problem_error(&r->p, map, "weights and 'by: weight' go together");
    if (!weights || !hl_node_is(&r->p, weights, HL_YAML_LIST, "weights")) return;
    if (weights->n != route->n_to) {
        hl_problem_error(&r->p, weights, "%zu weight%s for %zu owner%s", weights->n, weights->n == 1 ? "" : "s", route->n_to,
                         route->n_to == 1 ? "" : "s");
        return;
    }
    route->weights = hl_node_alloc(&r->p, weights->n, sizeof(*route->weights));
    for (size_t i = 0; route->weights && i < weights->n; i++) {
        int64_t weight = 1;
        hl_node_int(&r->p, weights->values[i], "a weight", 1, HL_MAX_WEIGHT, &weight);
        route->weights[i] = (uint32_t)weight;
    }
}

static void read_owners(struct hl_model_reader *r, const struct hl_yaml_node *map, struct hl_route *route)
{
    const struct hl_yaml_node *to = hl_node_find(map, "to");
    if (!to) hl_problem_error(&r->p, map, "a rule of routing needs to: a list of owners");
    hl_model_read_texts(r, map, "to", &route->to, &route->n_to);
    if (route->n_to > HL_MAX_OWNERS) hl_problem_error(&r->p, to, "%zu owners, more than %d", route->n_to, HL_MAX_OWNERS);
    for (size_t i = 0; i < route->n_to; i++) {
        size_t length = strlen(route->to[i]);
        if (length == 0) hl_problem_error(&r->p, to, "an owner without a name");
        if (length > 255) hl_problem_error(&r->p, to, "the name of an owner has %zu bytes, more than 255", length);
    }
}

static void read_route(struct hl_model_reader *r, const struct hl_yaml_node *map, struct hl_route *route)
{
    const struct hl_yaml_node *by = hl_node_find(map, "by");
    if (hl_node_find(map, "name")) hl_model_read_name(r, map, "a rule of routing", &route->name);
    hl_model_read_conditions(r, hl_node_find(map, "when"), "when", &route->when, &route->n_when);
    read_owners(r, map, route);
    read_weights(r, map, by && one_of(r, by, "by", "round_robin", "weight") == 1, route);
}

void hl_model_read_routing(struct hl_model_reader *r, const struct hl_yaml_node *root)
{
    static const char *const known[] = {"name", "when", "to", "by", "weights", NULL};
    const struct hl_yaml_node *n = hl_node_find(root, "routing");
    if (!n || !hl_node_is(&r->p, n, HL_YAML_LIST, "routing")) return;
    r->m->routing = hl_node_alloc(&r->p, n->n, sizeof(*r->m->routing));
    for (size_t i = 0; r->m->routing && i < n->n; i++) {
        if (hl_node_check_map(&r->p, n->values[i], "a rule of routing", known))
            read_route(r, n->values[i], &r->m->routing[r->m->n_routing++]);
        if (i + 1 < n->n && n->values[i]->kind == HL_YAML_MAP && !hl_node_find(n->values[i], "when"))
            hl_problem_warning(&r->p, n->values[i], "a rule without when takes all: the ones below it are never reached");
    }
}
