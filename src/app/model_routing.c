/* The sections `sla` and `routing`: read and checked, so that a file written for them is right, and not acted on yet. */
#include <stdlib.h>

#include "model_read.h"

static const struct hl_yaml_node *key_of(const struct hl_yaml_node *map, const struct hl_yaml_node *value)
{
    size_t i = 0;
    while (map->values[i] != value) i++;
    return map->keys[i];
}

static bool one_of(struct hl_model_reader *r, const struct hl_yaml_node *n, const char *what, const char *a, const char *b)
{
    if (!hl_node_is(&r->p, n, HL_YAML_SCALAR, what)) return false;
    if (hl_slice_eq_cstr(n->text, a) || hl_slice_eq_cstr(n->text, b)) return true;
    hl_problem_error(&r->p, n, "%s must be %s or %s, not '%.*s'", what, a, b, HL_SLICE_ARG(n->text));
    return false;
}

void hl_model_read_sla(struct hl_model_reader *r, const struct hl_yaml_node *root)
{
    static const char *const known[] = {"name", "stage", "kind", "within", NULL};
    const struct hl_yaml_node *n = hl_node_find(root, "sla");
    if (!n || !hl_node_is(&r->p, n, HL_YAML_LIST, "sla")) return;
    for (size_t i = 0; i < n->n; i++) {
        const struct hl_yaml_node *map = n->values[i];
        if (!hl_node_check_map(&r->p, map, "a rule of sla", known)) continue;
        char *name = NULL;
        hl_model_read_name(r, map, "a rule of sla", &name);
        free(name);
        enum hl_stage stage;
        int64_t within;
        const struct hl_yaml_node *at = hl_node_find(map, "stage"), *due = hl_node_find(map, "within");
        if (!at || !due) hl_problem_error(&r->p, map, "a rule of sla needs stage and within");
        if (at) hl_model_read_stage(r, at, &stage);
        one_of(r, hl_node_find(map, "kind"), "kind", "active", "passive");
        hl_node_duration(&r->p, due, "within", 1000, HL_DURATION_MAX, &within);
    }
    hl_model_check_names(r, n, "sla", false);
    r->m->n_sla = n->n;
    if (n->n) hl_problem_warning(&r->p, key_of(root, n), "sla: read, not acted on by this version");
}

static void check_weights(struct hl_model_reader *r, const struct hl_yaml_node *map, const struct hl_yaml_node *by, size_t owners)
{
    const struct hl_yaml_node *weights = hl_node_find(map, "weights");
    bool weighted = by && by->kind == HL_YAML_SCALAR && hl_slice_eq_cstr(by->text, "weight");
    if (weighted != (weights != NULL)) hl_problem_error(&r->p, map, "weights and 'by: weight' go together");
    if (!weights || !hl_node_is(&r->p, weights, HL_YAML_LIST, "weights")) return;
    if (weights->n != owners) hl_problem_error(&r->p, weights, "%zu weights for %zu owners", weights->n, owners);
    int64_t weight;
    for (size_t i = 0; i < weights->n; i++) hl_node_int(&r->p, weights->values[i], "a weight", 1, 1000000, &weight);
}

static void check_route(struct hl_model_reader *r, const struct hl_yaml_node *map)
{
    static const char *const condition[] = {HL_CONDITION_KEYS, NULL};
    const struct hl_yaml_node *when = hl_node_find(map, "when"), *by = hl_node_find(map, "by");
    if (when && hl_node_check_map(&r->p, when, "when", condition)) {
        struct hl_condition c = {0};
        hl_model_read_condition(r, when, &c);
        hl_model_drop_condition(&c);
    }
    char **owners = NULL;
    size_t n = 0;
    if (!hl_node_find(map, "to")) hl_problem_error(&r->p, map, "a rule of routing needs to: a list of owners");
    hl_model_read_texts(r, map, "to", &owners, &n);
    one_of(r, by, "by", "round_robin", "weight");
    check_weights(r, map, by, n);
    for (size_t i = 0; i < n; i++) free(owners[i]);
    free(owners);
}

void hl_model_read_routing(struct hl_model_reader *r, const struct hl_yaml_node *root)
{
    static const char *const known[] = {"name", "when", "to", "by", "weights", NULL};
    const struct hl_yaml_node *n = hl_node_find(root, "routing");
    if (!n || !hl_node_is(&r->p, n, HL_YAML_LIST, "routing")) return;
    for (size_t i = 0; i < n->n; i++) {
        if (hl_node_check_map(&r->p, n->values[i], "a rule of routing", known)) check_route(r, n->values[i]);
        if (i + 1 < n->n && !hl_node_find(n->values[i], "when"))
            hl_problem_warning(&r->p, n->values[i], "a rule without when takes all: the ones below it are never reached");
    }
    r->m->n_routing = n->n;
    if (n->n) hl_problem_warning(&r->p, key_of(root, n), "routing: read, not acted on by this version");
}
