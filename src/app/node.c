#include "node.h"

#include <stdio.h>
#include <stdlib.h>

#include "hotlead/app/model_file.h"

void *hl_node_alloc(struct hl_problems *p, size_t n, size_t size)
{
    void *a = calloc(n ? n : 1, size);
    if (!a) p->no_memory = true;
    return a;
}

char *hl_node_copy(struct hl_problems *p, struct hl_slice s)
{
    char *copy = malloc(s.len + 1);
    if (!copy) {
        p->no_memory = true;
        return NULL;
    }
    if (s.len) memcpy(copy, s.data, s.len);
    copy[s.len] = 0;
    return copy;
}

const struct hl_yaml_node *hl_node_find(const struct hl_yaml_node *map, const char *key)
{
    const struct hl_yaml_node *n = hl_yaml_get(map, key);
    bool empty = n && n->kind == HL_YAML_SCALAR && n->plain && (n->text.len == 0 || hl_slice_eq_cstr(n->text, "~"));
    return empty ? NULL : n;
}

bool hl_node_is(struct hl_problems *p, const struct hl_yaml_node *n, enum hl_yaml_kind kind, const char *what)
{
    static const char *const kinds[] = {
        [HL_YAML_SCALAR] = "a single value", [HL_YAML_MAP] = "a map (name: value)", [HL_YAML_LIST] = "a list"};
    if (!n) return false;
    if (n->kind == kind) return true;
    hl_problem_error(p, n, "%s must be %s, not %s", what, kinds[kind], kinds[n->kind]);
    return false;
}

bool hl_node_check_map(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, const char *const *known)
{
    if (!hl_node_is(p, n, HL_YAML_MAP, what)) return false;
    for (size_t i = 0; i < n->n; i++) {
        struct hl_nearest nearest;
        hl_nearest_init(&nearest, n->keys[i]->text);
        const char *const *k = known;
        for (; *k && !hl_slice_eq_cstr(n->keys[i]->text, *k); k++) hl_nearest_offer(&nearest, *k);
        if (*k) continue;
        hl_problem_error(p, n->keys[i], "unknown key '%.*s' in %s%s", HL_SLICE_ARG(n->keys[i]->text), what,
                         hl_nearest_hint(&nearest));
    }
    return true;
}

bool hl_node_text(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, char **out)
{
    if (!hl_node_is(p, n, HL_YAML_SCALAR, what)) return false;
    char *copy = hl_node_copy(p, n->text);
    if (!copy) return false;
    *out = copy;
    return true;
}

bool hl_node_bool(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, bool *out)
{
    if (!hl_node_is(p, n, HL_YAML_SCALAR, what)) return false;
    bool yes = hl_slice_eq_cstr(n->text, "true");
    if (!yes && !hl_slice_eq_cstr(n->text, "false")) {
        hl_problem_error(p, n, "%s must be true or false, not '%.*s'", what, HL_SLICE_ARG(n->text));
        return false;
    }
    *out = yes;
    return true;
}

bool hl_node_fixed(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, hl_fixed *out)
{
    if (!hl_node_is(p, n, HL_YAML_SCALAR, what)) return false;
    if (hl_fixed_parse(n->text, out)) return true;
    hl_problem_error(p, n, "%s must be a plain number such as 10 or -2.5, not '%.*s'", what, HL_SLICE_ARG(n->text));
    return false;
}

bool hl_node_int(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, int64_t min, int64_t max, int64_t *out)
{
    if (!hl_node_is(p, n, HL_YAML_SCALAR, what)) return false;
    int64_t v;
    if (!hl_slice_parse_i64(n->text, &v) || v < min || v > max) {
        hl_problem_error(p, n, "%s must be a whole number from %lld to %lld, not '%.*s'", what, (long long)min, (long long)max,
                         HL_SLICE_ARG(n->text));
        return false;
    }
    *out = v;
    return true;
}

/* A duration as a person writes it: the largest unit that divides it. */
static struct hl_slice show_duration(char *buf, size_t cap, int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t i = 0;
    while (ms % units[i].ms != 0) i++;
    int len = ms == HL_DURATION_MAX ? snprintf(buf, cap, "100 years")
                                    : snprintf(buf, cap, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
    return (struct hl_slice){buf, (size_t)len};
}

bool hl_node_duration(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, int64_t min, int64_t max,
                      int64_t *out)
{
    if (!hl_node_is(p, n, HL_YAML_SCALAR, what)) return false;
    int64_t ms;
    if (!hl_duration_parse(n->text, &ms)) {
        int64_t bare;
        if (hl_slice_parse_i64(n->text, &bare))
            hl_problem_error(p, n, "%s has no unit: write %.*sms, %.*ss, %.*sm, %.*sh, %.*sd or %.*sw", what,
                             HL_SLICE_ARG(n->text), HL_SLICE_ARG(n->text), HL_SLICE_ARG(n->text), HL_SLICE_ARG(n->text),
                             HL_SLICE_ARG(n->text), HL_SLICE_ARG(n->text));
        else
            hl_problem_error(p, n, "%s must be a duration such as 30d, 12h, 5m, 10s or 100ms, not '%.*s'", what,
                             HL_SLICE_ARG(n->text));
        return false;
    }
    if (ms < min || ms > max) {
        char lo[32], hi[32];
        hl_problem_error(p, n, "%s must be from %s to %s, not %.*s", what, show_duration(lo, sizeof(lo), min).data,
                         show_duration(hi, sizeof(hi), max).data, HL_SLICE_ARG(n->text));
        return false;
    }
    *out = ms;
    return true;
}
