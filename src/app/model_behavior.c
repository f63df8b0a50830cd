/* What a contact does: the sections `behavior`, `hand_raise`, `qualify`, and the extra edges of `stages`. */
#include <stdio.h>

#include "hotlead/app/model_file.h"
#include "hotlead/base/hash.h"
#include "model_read.h"

enum { MAX_LATCHES = 32 };

static void read_groups(struct hl_model_reader *r, const struct hl_yaml_node *groups)
{
    static const char *const known[] = {"max", NULL};
    struct hl_model *m = r->m;
    if (!hl_node_is(&r->p, groups, HL_YAML_MAP, "groups")) return;
    m->groups = hl_node_alloc(&r->p, groups->n, sizeof(*m->groups));
    for (size_t i = 0; m->groups && i < groups->n; i++) {
        struct hl_group *g = &m->groups[m->n_groups++];
        g->name = hl_node_copy(&r->p, groups->keys[i]->text);
        const struct hl_yaml_node *body = hl_node_find(groups, groups->keys[i]->text.data);
        if (!body || !hl_node_check_map(&r->p, body, "a group", known)) continue;
        const struct hl_yaml_node *max = hl_node_find(body, "max");
        g->has_max = hl_node_fixed(&r->p, max, "max", &g->max);
        if (g->has_max && g->max < 0) hl_problem_error(&r->p, max, "max must not be below 0");
    }
}

static int find_group(struct hl_model_reader *r, const struct hl_yaml_node *n)
{
    if (!n || !hl_node_is(&r->p, n, HL_YAML_SCALAR, "group")) return -1;
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, n->text);
    for (size_t i = 0; i < r->m->n_groups; i++) {
        if (!r->m->groups[i].name) continue;
        if (hl_slice_eq_cstr(n->text, r->m->groups[i].name)) return (int)i;
        hl_nearest_offer(&nearest, r->m->groups[i].name);
    }
    hl_problem_error(&r->p, n, "no group '%.*s' in behavior.groups%s", HL_SLICE_ARG(n->text), hl_nearest_hint(&nearest));
    return -1;
}

static void warn_of_empty_groups(struct hl_model_reader *r, const struct hl_yaml_node *groups)
{
    for (size_t g = 0; g < r->m->n_groups; g++) {
        bool used = false;
        for (size_t i = 0; i < r->m->n_rules; i++) used |= r->m->rules[i].group == (int)g;
        if (!used) hl_problem_warning(&r->p, groups->keys[g], "no rule is in group '%s'", groups->keys[g]->text.data);
    }
}

/* "3 per 1d" */
static void read_max_times(struct hl_model_reader *r, const struct hl_yaml_node *n, struct hl_score_rule *rule)
{
    if (!n || !hl_node_is(&r->p, n, HL_YAML_SCALAR, "max_times")) return;
    const char *per = strstr(n->text.data, " per ");
    int64_t times = 0;
    if (per) {
        struct hl_slice window = hl_slice_trim(hl_slice_of(per + 5));
        struct hl_slice count = hl_slice_trim((struct hl_slice){n->text.data, (size_t)(per - n->text.data)});
        if (hl_slice_parse_i64(count, &times) && times >= 1 && times <= UINT32_MAX &&
            hl_duration_parse(window, &rule->window_ms) && rule->window_ms >= 1000 && rule->window_ms <= HL_DURATION_MAX) {
            rule->max_times = (uint32_t)times;
            return;
        }
    }
    hl_problem_error(&r->p, n, "max_times must read like '3 per 1d' (a count, and a window of 1s or more), not '%.*s'",
                     HL_SLICE_ARG(n->text));
}

static void read_rule(struct hl_model_reader *r, const struct hl_yaml_node *map, int64_t half_life_ms, struct hl_score_rule *rule)
{
    hl_model_read_name(r, map, "a rule of behavior.rules", &rule->name);
    if (rule->name) rule->name_hash = hl_name_hash(hl_slice_of(rule->name));
    hl_model_read_match(r, map, &rule->match);
    hl_model_read_points(r, map, &rule->points);
    hl_node_duration(&r->p, hl_node_find(map, "half_life"), "half_life", 1000, HL_DURATION_MAX, &half_life_ms);
    rule->half_life = hl_half_life_of(half_life_ms);
    rule->group = find_group(r, hl_node_find(map, "group"));
    read_max_times(r, hl_node_find(map, "max_times"), rule);
}

static void read_rules(struct hl_model_reader *r, const struct hl_yaml_node *list, int64_t half_life_ms)
{
    static const char *const known[] = {"name", HL_MATCH_KEYS, "points", "group", "half_life", "max_times", NULL};
    struct hl_model *m = r->m;
    if (!hl_node_is(&r->p, list, HL_YAML_LIST, "behavior.rules")) return;
    m->rules = hl_node_alloc(&r->p, list->n, sizeof(*m->rules));
    for (size_t i = 0; m->rules && i < list->n; i++) {
        if (!hl_node_check_map(&r->p, list->values[i], "a rule of behavior.rules", known)) continue;
        read_rule(r, list->values[i], half_life_ms, &m->rules[m->n_rules++]);
    }
    hl_model_check_names(r, list, "behavior.rules", true);
}

void hl_model_read_behavior(struct hl_model_reader *r, const struct hl_yaml_node *n)
{
    static const char *const known[] = {"half_life", "groups", "rules", NULL};
    if (!n || !hl_node_check_map(&r->p, n, "behavior", known)) return;
    int64_t half_life_ms = 0;
    hl_node_duration(&r->p, hl_node_find(n, "half_life"), "half_life", 1000, HL_DURATION_MAX, &half_life_ms);
    const struct hl_yaml_node *groups = hl_node_find(n, "groups");
    read_groups(r, groups);
    read_rules(r, hl_node_find(n, "rules"), half_life_ms);
    warn_of_empty_groups(r, groups);
}

void hl_model_read_latches(struct hl_model_reader *r, const struct hl_yaml_node *n, const char *section,
                           struct hl_latch_rule **out, size_t *count)
{
    static const char *const known[] = {"name", HL_MATCH_KEYS, "valid_for", NULL};
    if (!n || !hl_node_is(&r->p, n, HL_YAML_LIST, section)) return;
    if (n->n > MAX_LATCHES) {
        hl_problem_error(&r->p, n, "%s has %zu rules, more than %d: one rule may list several forms or types", section, n->n,
                         MAX_LATCHES);
        return;
    }
    *out = hl_node_alloc(&r->p, n->n, sizeof(**out));
    char what[32];
    snprintf(what, sizeof(what), "a rule of %s", section);
    for (size_t i = 0; *out && i < n->n; i++) {
        const struct hl_yaml_node *map = n->values[i];
        if (!hl_node_check_map(&r->p, map, what, known)) continue;
        struct hl_latch_rule *rule = &(*out)[(*count)++];
        hl_model_read_name(r, map, what, &rule->name);
        if (rule->name) rule->name_hash = hl_name_hash(hl_slice_of(rule->name));
        hl_model_read_match(r, map, &rule->match);
        rule->valid_for_ms = INT64_MAX;
        hl_node_duration(&r->p, hl_node_find(map, "valid_for"), "valid_for", 1, HL_DURATION_MAX, &rule->valid_for_ms);
    }
    hl_model_check_names(r, n, section, true);
}

static void read_from(struct hl_model_reader *r, const struct hl_yaml_node *n, uint32_t *from)
{
    size_t count = n->kind == HL_YAML_LIST ? n->n : 1;
    if (count == 0) hl_problem_error(&r->p, n, "from is an empty list");
    for (size_t i = 0; i < count; i++) {
        const struct hl_yaml_node *one = n->kind == HL_YAML_LIST ? n->values[i] : n;
        enum hl_stage stage;
        if (!hl_model_read_stage(r, one, &stage)) continue;
        *from |= UINT32_C(1) << stage;
        if (stage == HL_STAGE_DISQUALIFIED) hl_problem_error(&r->p, one, "nothing leads out of disqualified but stage_set");
    }
}

static void read_edge(struct hl_model_reader *r, const struct hl_yaml_node *map, struct hl_extra_edge *e)
{
    hl_model_read_name(r, map, "a rule of stages.extra", &e->name);
    const struct hl_yaml_node *from = hl_node_find(map, "from"), *to = hl_node_find(map, "to");
    if (!from || !to) hl_problem_error(&r->p, map, "a rule of stages.extra needs from and to");
    if (from) read_from(r, from, &e->from);
    if (to && hl_model_read_stage(r, to, &e->to) && (e->from & UINT32_C(1) << e->to))
        hl_problem_error(&r->p, to, "from and to are the same stage '%s'", hl_stage_name(e->to));
    hl_model_read_match(r, map, &e->match);
}

static void read_extra(struct hl_model_reader *r, const struct hl_yaml_node *list)
{
    static const char *const known[] = {"name", "from", "to", HL_MATCH_KEYS, NULL};
    struct hl_model *m = r->m;
    if (!hl_node_is(&r->p, list, HL_YAML_LIST, "stages.extra")) return;
    m->extra = hl_node_alloc(&r->p, list->n, sizeof(*m->extra));
    for (size_t i = 0; m->extra && i < list->n; i++) {
        if (!hl_node_check_map(&r->p, list->values[i], "a rule of stages.extra", known)) continue;
        read_edge(r, list->values[i], &m->extra[m->n_extra++]);
    }
    hl_model_check_names(r, list, "stages.extra", false);
}

void hl_model_read_stages(struct hl_model_reader *r, const struct hl_yaml_node *n)
{
    static const char *const known[] = {"sal", "facts_valid_for", "extra", NULL};
    if (!n || !hl_node_check_map(&r->p, n, "stages", known)) return;
    hl_node_bool(&r->p, hl_node_find(n, "sal"), "stages.sal", &r->m->sal);
    hl_node_duration(&r->p, hl_node_find(n, "facts_valid_for"), "facts_valid_for", 1, HL_DURATION_MAX, &r->m->facts_valid_for_ms);
    read_extra(r, hl_node_find(n, "extra"));
}
