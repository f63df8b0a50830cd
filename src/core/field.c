/* What decoders of all formats share: field names, a topic's field map and type aliases, the last checks on an event. */
#include "hotlead/core/field.h"

#include <stdlib.h>

const char *hl_field_name(enum hl_field f)
{
    static const char *const names[] = {
#define X(code, name, required) name,
        HL_FIELDS(X)
#undef X
    };
    return (unsigned)f < HL_FIELD_COUNT ? names[f] : "?";
}

/* Where " | " or " + " begins; the length of s without. */
static size_t operator_at(struct hl_slice s)
{
    for (size_t i = 0; i + 2 < s.len; i++)
        if (s.data[i] == ' ' && (s.data[i + 1] == '|' || s.data[i + 1] == '+') && s.data[i + 2] == ' ') return i;
    return s.len;
}

bool hl_field_path_next(struct hl_slice *rest, struct hl_slice *path, char *op)
{
    if (hl_slice_is_null(*rest)) return false;
    *op = 0;
    if (rest->len >= 3 && operator_at(*rest) == 0) {
        *op = rest->data[1];
        *rest = (struct hl_slice){rest->data + 3, rest->len - 3};
    }
    path->data = rest->data;
    path->len = operator_at(*rest);
    *rest = path->len < rest->len ? (struct hl_slice){rest->data + path->len, rest->len - path->len} : HL_SLICE_NULL;
    return true;
}

size_t hl_field_map_combined(const struct hl_field_map *m)
{
    size_t n = 0;
    for (size_t i = 0; i < HL_FIELD_COUNT; i++) {
        struct hl_slice text = m->path[i] ? hl_slice_of(m->path[i]) : HL_SLICE_NULL, rest = text, path;
        char op;
        while (hl_field_path_next(&rest, &path, &op)) n += path.len < text.len;
    }
    return n;
}

void hl_field_map_fini(struct hl_field_map *m)
{
    for (size_t i = 0; i < HL_FIELD_COUNT; i++) free(m->path[i]);
    for (size_t i = 0; i < m->n_named; i++) {
        free(m->named[i].name);
        free(m->named[i].path);
    }
    free(m->named);
    *m = (struct hl_field_map){.path = {NULL}};
}

static bool copy_named(struct hl_field_map *to, const struct hl_field_map *from)
{
    if (from->n_named == 0) return true;
    to->named = calloc(from->n_named, sizeof(*to->named));
    for (; to->named && to->n_named < from->n_named; to->n_named++) {
        struct hl_named_path *n = &to->named[to->n_named];
        *n = (struct hl_named_path){strdup(from->named[to->n_named].name), strdup(from->named[to->n_named].path)};
        if (n->name && n->path) continue;
        to->n_named++; /* what is there of it is freed, too */
        return false;
    }
    return to->named != NULL;
}

enum hl_status hl_field_map_copy(struct hl_field_map *to, const struct hl_field_map *from)
{
    *to = (struct hl_field_map){.seconds = from && from->seconds};
    for (size_t i = 0; from && i < HL_FIELD_COUNT; i++) {
        if (!from->path[i]) continue;
        to->path[i] = strdup(from->path[i]);
        if (!to->path[i]) {
            hl_field_map_fini(to);
            return HL_E_NOMEM;
        }
    }
    if (!from || copy_named(to, from)) return HL_OK;
    hl_field_map_fini(to);
    return HL_E_NOMEM;
}

struct hl_type_table {
    size_t n;
    struct {
        struct hl_slice spelling;
        enum hl_event_type type;
    } alias[];
};

/* A spelling given twice: the later one counts. */
static void insert(struct hl_type_table *t, struct hl_slice spelling, enum hl_event_type type)
{
    size_t i = 0;
    while (i < t->n && hl_slice_compare(t->alias[i].spelling, spelling) < 0) i++;
    if (i == t->n || !hl_slice_eq(t->alias[i].spelling, spelling)) {
        memmove(&t->alias[i + 1], &t->alias[i], (t->n - i) * sizeof(t->alias[0]));
        t->n++;
    }
    t->alias[i].spelling = spelling;
    t->alias[i].type = type;
}

enum hl_status hl_type_table_new(const struct hl_type_alias *aliases, size_t n, struct hl_type_table **out)
{
    /* The text lies behind the array, in the same block. */
    size_t array = sizeof(struct hl_type_table) + n * sizeof(((struct hl_type_table *)NULL)->alias[0]), text = 0;
    for (size_t i = 0; i < n; i++) text += strlen(aliases[i].spelling);
    struct hl_type_table *t = malloc(array + text + 1);
    if (!t) return HL_E_NOMEM;
    t->n = 0;
    char *p = (char *)t + array;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(aliases[i].spelling);
        memcpy(p, aliases[i].spelling, len);
        insert(t, (struct hl_slice){p, len}, aliases[i].type);
        p += len;
    }
    *out = t;
    return HL_OK;
}

void hl_type_table_free(struct hl_type_table *t)
{
    free(t);
}

enum hl_event_type hl_type_table_find(const struct hl_type_table *t, struct hl_slice spelling)
{
    size_t lo = 0, hi = t ? t->n : 0;
    if (spelling.len == 0) return HL_EVENT_UNKNOWN; /* memcmp takes no NULL */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = hl_slice_compare(t->alias[mid].spelling, spelling);
        if (c == 0) return t->alias[mid].type;
        if (c < 0) lo = mid + 1;
        else hi = mid;
    }
    return hl_event_type_find(spelling);
}

void hl_event_reset(struct hl_event *ev)
{
    memset(ev, 0, sizeof(*ev));
    ev->type = HL_EVENT_UNKNOWN;
    ev->occurred_at = HL_TIME_ABSENT;
}

static enum hl_status missing(struct hl_error *err, enum hl_field f, bool absent)
{
    return hl_error_set(err, HL_E_MISSING, HL_SKIP, "field '%s' is %s", hl_field_name(f), absent ? "missing or null" : "empty");
}

/* An event about another event, or another contact, must say which. */
static enum hl_status check_object(const struct hl_event *ev, const char *key, struct hl_error *err)
{
    struct hl_slice value = hl_event_attribute(ev, hl_slice_of(key));
    if (value.len == 0)
        return hl_error_set(err, HL_E_MISSING, HL_SKIP, "%s: field 'attributes.%s' is %s", hl_event_type_name(ev->type), key,
                            hl_slice_is_null(value) ? "missing or null" : "empty");
    if (value.len > HL_EVENT_MAX_OBJECT)
        return hl_error_set(err, HL_E_TOO_LARGE, HL_SKIP, "%s: field 'attributes.%s' has %zu bytes, at most %d are taken",
                            hl_event_type_name(ev->type), key, value.len, HL_EVENT_MAX_OBJECT);
    if (value.data[0] == '\0')
        return hl_error_set(err, HL_E_DECODE, HL_SKIP, "%s: field 'attributes.%s' begins with a NUL byte, which no id may",
                            hl_event_type_name(ev->type), key);
    return HL_OK;
}

enum hl_status hl_event_check(const struct hl_event *ev, struct hl_error *err)
{
    if (ev->event_id.len == 0) return missing(err, HL_FIELD_EVENT_ID, hl_slice_is_null(ev->event_id));
    if (ev->contact_id.len == 0) return missing(err, HL_FIELD_CONTACT_ID, hl_slice_is_null(ev->contact_id));
    if (ev->type_name.len == 0) return missing(err, HL_FIELD_TYPE, hl_slice_is_null(ev->type_name));
    if (ev->occurred_at == HL_TIME_ABSENT) return missing(err, HL_FIELD_OCCURRED_AT, true);
    if (ev->occurred_at < 0)
        return hl_error_set(err, HL_E_CLOCK, HL_SKIP, "field 'occurred_at': %lld ms is before 1970", (long long)ev->occurred_at);
    if (ev->type == HL_EVENT_CONTACT_MERGED) return check_object(ev, "into", err);
    if (ev->type == HL_EVENT_EVENT_VOIDED) return check_object(ev, "event_id", err);
    return HL_OK;
}
