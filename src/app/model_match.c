/* Names, lists, conditions and event matches: the words that all sections of a model share. */
#include <stdio.h>
#include <stdlib.h>

#include "hotlead/adapter/regex.h"
#include "hotlead/base/hash.h"
#include "model_read.h"

/* Lists written once and referred to by every rule multiply; this holds what a small file can ask for. */
enum { MAX_COPIED = 1000000, MAX_NAME = 100 };

/* --- lists --- */

static const struct hl_yaml_node *find_list(struct hl_model_reader *r, const struct hl_yaml_node *reference)
{
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, (struct hl_slice){reference->text.data + 1, reference->text.len - 1});
    for (size_t i = 0; r->lists && i < r->lists->n; i++) {
        const struct hl_yaml_node *list = r->lists->values[i];
        hl_nearest_offer(&nearest, r->lists->keys[i]->text.data);
        if (!hl_slice_eq(r->lists->keys[i]->text, nearest.wanted)) continue;
        if (r->list_used) r->list_used[i] = true;
        return list->kind == HL_YAML_LIST ? list : NULL; /* another kind is told where it stands */
    }
    hl_problem_error(&r->p, reference, "no list '%.*s' in lists%s", HL_SLICE_ARG(nearest.wanted), hl_nearest_hint(&nearest));
    return NULL;
}

static bool is_reference(const struct hl_yaml_node *n)
{
    return n->kind == HL_YAML_SCALAR && n->text.len > 1 && n->text.data[0] == '$';
}

void hl_model_check_lists(struct hl_model_reader *r)
{
    if (r->lists && !hl_node_is(&r->p, r->lists, HL_YAML_MAP, "lists")) r->lists = NULL;
    if (r->lists) r->list_used = hl_node_alloc(&r->p, r->lists->n, sizeof(*r->list_used));
    for (size_t i = 0; r->lists && i < r->lists->n; i++) {
        const struct hl_yaml_node *list = r->lists->values[i];
        char what[80];
        snprintf(what, sizeof(what), "list '%.60s'", r->lists->keys[i]->text.data);
        if (!hl_node_is(&r->p, list, HL_YAML_LIST, what)) continue;
        for (size_t k = 0; k < list->n; k++) {
            if (!hl_node_is(&r->p, list->values[k], HL_YAML_SCALAR, "an item of a list")) continue;
            if (is_reference(list->values[k])) hl_problem_error(&r->p, list->values[k], "a list cannot refer to another list");
        }
    }
}

void hl_model_warn_of_unused_lists(struct hl_model_reader *r)
{
    for (size_t i = 0; r->list_used && r->p.errors == 0 && i < r->lists->n; i++)
        if (!r->list_used[i])
            hl_problem_warning(&r->p, r->lists->keys[i], "no rule refers to list '%.*s'", HL_SLICE_ARG(r->lists->keys[i]->text));
    free(r->list_used);
    r->list_used = NULL;
}

/* The items that one entry stands for: itself, or those of the list that it names. */
static size_t expand(struct hl_model_reader *r, const struct hl_yaml_node *entry, const struct hl_yaml_node *const **items,
                     const struct hl_yaml_node *const *self)
{
    *items = self;
    if (!is_reference(entry)) return 1;
    const struct hl_yaml_node *list = find_list(r, entry);
    if (!list) return 0;
    *items = (const struct hl_yaml_node *const *)list->values;
    return list->n;
}

static void append_texts(struct hl_model_reader *r, const struct hl_yaml_node *entry, const char *key, char ***out, size_t *n)
{
    const struct hl_yaml_node *const *items;
    const struct hl_yaml_node *self = entry;
    size_t add = expand(r, entry, &items, &self);
    if (add > MAX_COPIED - r->copied) {
        hl_problem_error(&r->p, entry, "lists grow beyond %d items over all rules", MAX_COPIED);
        return;
    }
    r->copied += add;
    char **grown = realloc(*out, (*n + add + 1) * sizeof(*grown));
    if (!grown) {
        r->p.no_memory = true;
        return;
    }
    *out = grown;
    for (size_t i = 0; i < add; i++) {
        char *text;
        if (hl_node_text(&r->p, items[i], key, &text)) grown[(*n)++] = text;
    }
}

void hl_model_read_texts(struct hl_model_reader *r, const struct hl_yaml_node *map, const char *key, char ***out, size_t *n)
{
    const struct hl_yaml_node *v = hl_node_find(map, key);
    if (!v) return;
    size_t errors = r->p.errors;
    if (v->kind == HL_YAML_SCALAR)
        append_texts(r, v, key, out, n);
    else if (hl_node_is(&r->p, v, HL_YAML_LIST, key)) {
        for (size_t i = 0; i < v->n; i++) append_texts(r, v->values[i], key, out, n);
    }
    if (*n == 0 && r->p.errors == errors) hl_problem_error(&r->p, v, "%s is an empty list", key);
}

/* --- names and points --- */

void hl_model_read_name(struct hl_model_reader *r, const struct hl_yaml_node *map, const char *what, char **out)
{
    const struct hl_yaml_node *n = hl_node_find(map, "name");
    if (!n) {
        hl_problem_error(&r->p, map, "%s without a name", what);
        return;
    }
    if (!hl_node_text(&r->p, n, "name", out)) return;
    if (n->text.len == 0 || n->text.len > MAX_NAME || !hl_utf8_is_valid(n->text))
        hl_problem_error(&r->p, n, "a name has from 1 to %d bytes", MAX_NAME);
}

struct named {
    const struct hl_yaml_node *at;
    uint32_t hash;
};

static int by_hash(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    if (x->at->line != y->at->line) return x->at->line < y->at->line ? -1 : 1;
    return (x->at->column > y->at->column) - (x->at->column < y->at->column);
}

void hl_model_check_names(struct hl_model_reader *r, const struct hl_yaml_node *list, const char *section, bool hashed)
{
    if (!list || list->kind != HL_YAML_LIST) return;
    struct named *names = hl_node_alloc(&r->p, list->n, sizeof(*names));
    size_t n = 0;
    for (size_t i = 0; names && i < list->n; i++) {
        const struct hl_yaml_node *name = hl_node_find(list->values[i], "name");
        if (name && name->kind == HL_YAML_SCALAR) names[n++] = (struct named){name, hl_name_hash(name->text)};
    }
    if (n > 1) qsort(names, n, sizeof(*names), by_hash);
    for (size_t i = 1; i < n; i++) {
        const struct hl_yaml_node *a = names[i - 1].at, *b = names[i].at;
        if (names[i - 1].hash != names[i].hash) continue;
        if (hl_slice_eq(a->text, b->text))
            hl_problem_error(&r->p, b, "the name '%.*s' is used twice in %s, first in line %u", HL_SLICE_ARG(b->text), section,
                             a->line);
        else if (hashed)
            hl_problem_error(&r->p, b, "the names '%.*s' and '%.*s' have the same hash: change one", HL_SLICE_ARG(a->text),
                             HL_SLICE_ARG(b->text));
    }
    free(names);
}

void hl_model_read_points(struct hl_model_reader *r, const struct hl_yaml_node *map, hl_fixed *out)
{
    const struct hl_yaml_node *n = hl_node_find(map, "points");
    if (!n) hl_problem_error(&r->p, map, "a rule without points");
    if (!hl_node_fixed(&r->p, n, "points", out)) return;
    if (*out > HL_POINTS_MAX || *out < -HL_POINTS_MAX) hl_problem_error(&r->p, n, "points must be from -100000 to 100000");
}

bool hl_model_read_stage(struct hl_model_reader *r, const struct hl_yaml_node *n, enum hl_stage *out)
{
    if (!hl_node_is(&r->p, n, HL_YAML_SCALAR, "a stage")) return false;
    if (hl_stage_find(n->text, out)) return true;
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, n->text);
    for (int s = 0; s < HL_STAGE_COUNT; s++) hl_nearest_offer(&nearest, hl_stage_name((enum hl_stage)s));
    hl_problem_error(&r->p, n, "no stage '%.*s'%s", HL_SLICE_ARG(n->text), hl_nearest_hint(&nearest));
    return false;
}

/* --- conditions --- */

static void read_between(struct hl_model_reader *r, const struct hl_yaml_node *map, struct hl_condition *c)
{
    const struct hl_yaml_node *n = hl_node_find(map, "between");
    if (!hl_node_is(&r->p, n, HL_YAML_LIST, "between")) return;
    if (n->n != 2) {
        hl_problem_error(&r->p, n, "between wants two numbers: [lowest, highest]");
        return;
    }
    c->has_at_least = hl_node_fixed(&r->p, n->values[0], "between", &c->at_least);
    c->has_at_most = hl_node_fixed(&r->p, n->values[1], "between", &c->at_most);
}

static void read_limits(struct hl_model_reader *r, const struct hl_yaml_node *map, struct hl_condition *c)
{
    const struct hl_yaml_node *least = hl_node_find(map, "at_least"), *most = hl_node_find(map, "at_most");
    if (hl_node_find(map, "between")) {
        if (least || most) hl_problem_error(&r->p, map, "between and at_least or at_most in one condition");
        read_between(r, map, c);
    } else {
        c->has_at_least = hl_node_fixed(&r->p, least, "at_least", &c->at_least);
        c->has_at_most = hl_node_fixed(&r->p, most, "at_most", &c->at_most);
    }
    if (c->has_at_least && c->has_at_most && c->at_least > c->at_most)
        hl_problem_error(&r->p, map, "no number can be both: the lower limit is above the upper one");
}

static void read_pattern(struct hl_model_reader *r, const struct hl_yaml_node *map, struct hl_condition *c)
{
    const struct hl_yaml_node *n = hl_node_find(map, "matches");
    if (!hl_node_text(&r->p, n, "matches", &c->pattern)) return;
    struct hl_error bad;
    if (hl_regex_compile(c->pattern, &c->matches, &bad) != HL_OK) hl_problem_error(&r->p, n, "matches: %s", bad.message);
}

void hl_model_read_condition(struct hl_model_reader *r, const struct hl_yaml_node *map, struct hl_condition *c)
{
    c->exists = -1;
    const struct hl_yaml_node *attribute = hl_node_find(map, "attribute");
    if (!attribute) hl_problem_error(&r->p, map, "a condition without an attribute");
    if (hl_node_text(&r->p, attribute, "attribute", &c->attribute) && !c->attribute[0])
        hl_problem_error(&r->p, attribute, "an empty attribute name");
    hl_model_read_texts(r, map, "in", &c->in, &c->n_in);
    hl_model_read_texts(r, map, "not_in", &c->not_in, &c->n_not_in);
    hl_node_text(&r->p, hl_node_find(map, "equals"), "equals", &c->equals);
    bool exists;
    if (hl_node_bool(&r->p, hl_node_find(map, "exists"), "exists", &exists)) c->exists = exists;
    read_limits(r, map, c);
    read_pattern(r, map, c);
    static const char *const tests[] = {"in", "not_in", "equals", "exists", "between", "at_least", "at_most", "matches"};
    for (size_t i = 0; i < HL_ARRAY_LEN(tests); i++) {
        if (hl_node_find(map, tests[i])) return;
    }
    hl_problem_error(&r->p, map, "a condition needs one of in, not_in, equals, exists, between, at_least, at_most, matches");
}

/* --- events --- */

static void add_type(struct hl_model_reader *r, const struct hl_yaml_node *n, uint64_t *types)
{
    if (!hl_node_is(&r->p, n, HL_YAML_SCALAR, "an event type")) return;
    enum hl_event_type t = hl_event_type_find(n->text);
    if (t != HL_EVENT_UNKNOWN) {
        *types |= UINT64_C(1) << t;
        return;
    }
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, n->text);
    for (int i = 0; i < HL_EVENT_TYPE_COUNT; i++) hl_nearest_offer(&nearest, hl_event_type_name((enum hl_event_type)i));
    hl_problem_error(&r->p, n, "no event type '%.*s'%s", HL_SLICE_ARG(n->text), hl_nearest_hint(&nearest));
}

void hl_model_read_types(struct hl_model_reader *r, const struct hl_yaml_node *n, uint64_t *types)
{
    *types = 0;
    if (n->kind == HL_YAML_SCALAR)
        add_type(r, n, types);
    else if (hl_node_is(&r->p, n, HL_YAML_LIST, "on")) {
        for (size_t i = 0; i < n->n; i++) add_type(r, n->values[i], types);
        if (n->n == 0) hl_problem_error(&r->p, n, "on is an empty list");
    }
}

/* What a rule without `on` takes: what people do, never what sales or operators do. */
static uint64_t types_of_people(void)
{
    uint64_t types = 0;
    for (int t = 0; t < HL_EVENT_TYPE_COUNT; t++) {
        enum hl_event_class c = hl_event_type_class((enum hl_event_type)t);
        if (c != HL_CLASS_CRM && c != HL_CLASS_CONTROL) types |= UINT64_C(1) << t;
    }
    return types;
}

void hl_model_read_conditions(struct hl_model_reader *r, const struct hl_yaml_node *n, const char *what, struct hl_condition **out,
                              size_t *count)
{
    static const char *const known[] = {HL_CONDITION_KEYS, NULL};
    if (!n) return;
    size_t items = n->kind == HL_YAML_LIST ? n->n : 1;
    *out = hl_node_alloc(&r->p, items, sizeof(**out));
    for (size_t i = 0; *out && i < items; i++) {
        const struct hl_yaml_node *one = n->kind == HL_YAML_LIST ? n->values[i] : n;
        if (!hl_node_check_map(&r->p, one, what, known)) continue;
        hl_model_read_condition(r, one, &(*out)[(*count)++]);
    }
}

void hl_model_read_match(struct hl_model_reader *r, const struct hl_yaml_node *map, struct hl_event_match *match)
{
    const struct hl_yaml_node *on = hl_node_find(map, "on"), *path = hl_node_find(map, "path");
    match->types = types_of_people();
    if (on) hl_model_read_types(r, on, &match->types);
    if (hl_node_text(&r->p, path, "path", &match->path) && !strchr("/*?", match->path[0]))
        hl_problem_error(&r->p, path, "a path starts with / (or with *): '%s' matches nothing", match->path);
    hl_node_text(&r->p, hl_node_find(map, "asset"), "asset", &match->asset);
    hl_node_text(&r->p, hl_node_find(map, "campaign"), "campaign", &match->campaign);
    hl_node_text(&r->p, hl_node_find(map, "source"), "source", &match->source);
    hl_model_read_texts(r, map, "form", &match->forms, &match->n_forms);
    hl_model_read_conditions(r, hl_node_find(map, "where"), "where", &match->where, &match->n_where);
}
