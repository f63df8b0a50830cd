/* DESIGN
 * The checks look at the sealed model only, and call what they find by its place in the file: section, index, key. A model
 * that was read without an error has its rules in the order of the file, so the tree of the file is the map from rules to lines;
 * nothing of positions is kept in the model.
 *
 * Each check errs to one side: what it calls impossible is impossible (a property test holds it against random lives); what it
 * lets pass may still be. */
#include "lint.h"

void hl_lint(const struct hl_model *m, const struct hl_yaml_node *root, struct hl_problems *p)
{
    static void (*const checks[])(const struct hl_lint *l) = {
        hl_lint_traits, hl_lint_matches,   hl_lint_overlaps, hl_lint_points,   hl_lint_thresholds,
        hl_lint_stages, hl_lint_deadlines, hl_lint_routing,  hl_lint_patterns,
    };
    struct hl_lint l = {m, root, p};
    for (size_t i = 0; i < HL_ARRAY_LEN(checks); i++) checks[i](&l);
}

/* The value behind a dotted path, or as far as it goes. */
static const struct hl_yaml_node *walk(const struct hl_yaml_node *n, const char *path)
{
    while (n && *path) {
        char key[32];
        size_t len = strcspn(path, ".");
        HL_BUG_ON(len >= sizeof key);
        memcpy(key, path, len);
        key[len] = 0;
        const struct hl_yaml_node *next = hl_node_find(n, key);
        if (!next) return n;
        n = next;
        path += len + (path[len] == '.');
    }
    return n;
}

static const struct hl_yaml_node *value_of(const struct hl_yaml_node *item, const char *key)
{
    const struct hl_yaml_node *value = key && item ? hl_node_find(item, key) : NULL;
    return value ? value : item;
}

const struct hl_yaml_node *hl_lint_at(const struct hl_lint *l, const char *section, size_t index, const char *key)
{
    const struct hl_yaml_node *n = walk(l->root, section);
    if (!n || index >= n->n || n->kind == HL_YAML_SCALAR) return value_of(n, index == HL_LINT_SECTION ? key : NULL);
    return n->kind == HL_YAML_MAP ? n->keys[index] : value_of(n->values[index], key);
}

const struct hl_yaml_node *hl_lint_at_condition(const struct hl_lint *l, const char *section, size_t index, const char *list,
                                                size_t k, const char *key)
{
    const struct hl_yaml_node *n = hl_lint_at(l, section, index, list);
    if (n && n->kind == HL_YAML_LIST && k < n->n) n = n->values[k];
    return value_of(n, key);
}

void hl_lint_fits(const struct hl_model *m, struct hl_lint_fit out[HL_LINT_N_FIT])
{
    out[HL_LINT_MUST_HAVE] = (struct hl_lint_fit){"fit.must_have", m->must_have, m->n_must_have};
    out[HL_LINT_DISQUALIFY] = (struct hl_lint_fit){"fit.disqualify", m->disqualify, m->n_disqualify};
    out[HL_LINT_SUSPECT] = (struct hl_lint_fit){"fit.suspect", m->suspect, m->n_suspect};
    out[HL_LINT_FIT] = (struct hl_lint_fit){"fit.rules", m->fit, m->n_fit};
}

bool hl_lint_next_match(const struct hl_model *m, size_t *pos, struct hl_lint_match *out)
{
    size_t i = (*pos)++;
    if (i < m->n_rules) {
        *out = (struct hl_lint_match){"behavior.rules", m->rules[i].name, i, &m->rules[i].match};
        return true;
    }
    i -= m->n_rules;
    if (i < m->n_hand_raise) {
        *out = (struct hl_lint_match){"hand_raise", m->hand_raise[i].name, i, &m->hand_raise[i].match};
        return true;
    }
    i -= m->n_hand_raise;
    if (i < m->n_qualify) {
        *out = (struct hl_lint_match){"qualify", m->qualify[i].name, i, &m->qualify[i].match};
        return true;
    }
    i -= m->n_qualify;
    if (i < m->n_extra) *out = (struct hl_lint_match){"stages.extra", m->extra[i].name, i, &m->extra[i].match};
    return i < m->n_extra;
}
