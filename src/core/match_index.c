/* DESIGN
 * A match is a conjunction: it holds when each field of the event that it asks for has a value that it takes. So the matches of an
 * event are the intersection of sets, one for its type and one for the value of each field, and a set is a few words of bits.
 *
 *     of_type[page_viewed]      1 1 1 0 1 1 0 1
 *     path /pricing/teams       1 0 1 1 0 0 1 1      asks and takes it, or does not ask
 *     attribute plan: absent    1 1 0 1 1 1 1 1
 *                             & 1 0 0 0 0 0 0 1
 *
 * The set for a value: of globs only those are tried whose literal beginning the value begins with. The beginnings are sorted, and each
 * names the longest other one that it begins with; all that a value begins with lie on that chain from the last one that is not above
 * the value. (Let p be that one, and q <= p a beginning of the value: what lies between q and the value begins with q, so p does.)
 *
 * THREADS: made by hl_model_seal; read-only. */
#include "match_index.h"

#include <stdlib.h>

/* ---- one field ---- */

static char *glob_of(const struct hl_match_field *f, const struct hl_event_match *match)
{
    switch (f->part) {
    case HL_PART_PATH: return match->path;
    case HL_PART_ASSET: return match->asset;
    case HL_PART_CAMPAIGN: return match->campaign;
    case HL_PART_SOURCE: return match->source;
    default: return NULL;
    }
}

static bool is_about(const struct hl_match_field *f, const struct hl_condition *c)
{
    return strcmp(c->attribute, f->attribute) == 0;
}

static bool asks(const struct hl_match_field *f, const struct hl_event_match *match)
{
    if (f->part == HL_PART_FORM) return match->forms;
    if (f->part != HL_PART_ATTRIBUTE) return glob_of(f, match);
    for (size_t i = 0; i < match->n_where; i++)
        if (is_about(f, &match->where[i])) return true;
    return false;
}

struct hl_slice hl_match_field_value(const struct hl_match_field *f, const struct hl_event *ev, struct hl_slice path)
{
    switch (f->part) {
    case HL_PART_PATH: return path;
    case HL_PART_ASSET: return ev->asset;
    case HL_PART_FORM: return ev->form;
    case HL_PART_CAMPAIGN: return ev->campaign;
    case HL_PART_SOURCE: return ev->source;
    default: return hl_event_attribute(ev, hl_slice_of(f->attribute));
    }
}

bool hl_match_field_holds(const struct hl_match_field *f, const struct hl_event_match *match, struct hl_slice value)
{
    if (f->part == HL_PART_FORM) return hl_match_form_holds(match, value);
    if (f->part != HL_PART_ATTRIBUTE) return hl_glob_match(glob_of(f, match), value);
    for (size_t i = 0; i < match->n_where; i++)
        if (is_about(f, &match->where[i]) && !hl_condition_holds(&match->where[i], value)) return false;
    return true;
}

/* ---- globs by their literal beginning ---- */

static bool begins_with(struct hl_slice s, struct hl_slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

static int compare_bytes(struct hl_slice a, struct hl_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_entries(const void *a, const void *b)
{
    const struct hl_glob_entry *x = a, *y = b;
    int order = compare_bytes(x->prefix, y->prefix);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static bool sort_globs(struct hl_match_field *f, const struct hl_match_index *x)
{
    f->globs = malloc((x->n + 1) * sizeof *f->globs);
    if (!f->globs) return false;
    for (size_t i = 0; i < x->n; i++) {
        const char *glob = glob_of(f, x->matches[i]);
        if (glob) f->globs[f->n_globs++] = (struct hl_glob_entry){{glob, strcspn(glob, "*?")}, (uint32_t)i, HL_NO_ENTRY};
    }
    qsort(f->globs, f->n_globs, sizeof *f->globs, compare_entries);
    for (uint32_t i = 1; i < f->n_globs; i++) {
        uint32_t up = i - 1;
        while (up != HL_NO_ENTRY && !begins_with(f->globs[i].prefix, f->globs[up].prefix)) up = f->globs[up].shorter;
        f->globs[i].shorter = up;
    }
    return true;
}

static uint32_t last_not_above(const struct hl_match_field *f, struct hl_slice value)
{
    size_t lo = 0, hi = f->n_globs; /* the first one above */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare_bytes(f->globs[mid].prefix, value) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? (uint32_t)(lo - 1) : HL_NO_ENTRY;
}

static void try_globs(const struct hl_match_index *x, const struct hl_match_field *f, struct hl_slice value, uint64_t *out)
{
    for (uint32_t i = last_not_above(f, value); i != HL_NO_ENTRY; i = f->globs[i].shorter) {
        size_t place = f->globs[i].place;
        if (begins_with(value, f->globs[i].prefix) && hl_match_field_holds(f, x->matches[place], value)) hl_set_add(out, place);
    }
}

static void try_all(const struct hl_match_index *x, const struct hl_match_field *f, struct hl_slice value, uint64_t *out)
{
    for (size_t i = hl_set_next(f->asks, 0, x->n); i < x->n; i = hl_set_next(f->asks, i + 1, x->n))
        if (hl_match_field_holds(f, x->matches[i], value)) hl_set_add(out, i);
}

void hl_match_field_answer(const struct hl_match_index *x, const struct hl_match_field *f, struct hl_slice value, uint64_t *out)
{
    if (hl_slice_is_null(value)) {
        memcpy(out, f->absent, x->words * sizeof *out);
        return;
    }
    for (size_t i = 0; i < x->words; i++) out[i] = ~f->asks[i];
    if (f->globs)
        try_globs(x, f, value, out);
    else
        try_all(x, f, value, out);
}

/* ---- making it ---- */

static bool list_matches(struct hl_match_index *x, const struct hl_model *m)
{
    x->n = hl_place_of_extra(m) + m->n_extra;
    x->words = (x->n + 63) / 64;
    x->matches = malloc((x->n + 1) * sizeof *x->matches);
    if (!x->matches) return false;
    const struct hl_event_match **next = x->matches;
    for (size_t i = 0; i < m->n_rules; i++) *next++ = &m->rules[i].match;
    for (size_t i = 0; i < m->n_hand_raise; i++) *next++ = &m->hand_raise[i].match;
    for (size_t i = 0; i < m->n_qualify; i++) *next++ = &m->qualify[i].match;
    for (size_t i = 0; i < m->n_extra; i++) *next++ = &m->extra[i].match;
    return true;
}

static bool add_field(struct hl_match_index *x, struct hl_match_field f)
{
    struct hl_match_field *grown = realloc(x->fields, (x->n_fields + 1) * sizeof *grown);
    if (!grown) return false;
    x->fields = grown;
    x->fields[x->n_fields++] = f;
    return true;
}

static bool is_asked(const struct hl_match_index *x, const struct hl_match_field *f)
{
    for (size_t i = 0; i < x->n; i++)
        if (asks(f, x->matches[i])) return true;
    return false;
}

static bool is_indexed(const struct hl_match_index *x, const char *attribute)
{
    for (size_t i = 0; i < x->n_fields; i++)
        if (x->fields[i].attribute && strcmp(x->fields[i].attribute, attribute) == 0) return true;
    return false;
}

/* Each attribute costs two sets, and a look for each event: beyond some, they are left to be tried. */
static bool list_fields(struct hl_match_index *x)
{
    for (unsigned part = 0; part < HL_PART_ATTRIBUTE; part++) {
        struct hl_match_field f = {.part = (enum hl_match_part)part};
        if (is_asked(x, &f) && !add_field(x, f)) return false;
    }
    size_t limit = x->n_fields + HL_MAX_INDEXED_ATTRIBUTES;
    for (size_t i = 0; i < x->n; i++)
        for (size_t j = 0; j < x->matches[i]->n_where && x->n_fields < limit; j++) {
            struct hl_match_field f = {.part = HL_PART_ATTRIBUTE, .attribute = x->matches[i]->where[j].attribute};
            if (!is_indexed(x, f.attribute) && !add_field(x, f)) return false;
        }
    return true;
}

static void fill_type(struct hl_match_index *x, unsigned type)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->matches[i]->types & hl_match_bit((enum hl_event_type)type)) hl_set_add(x->of_type[type], i);
}

static void fill_field(struct hl_match_index *x, struct hl_match_field *f)
{
    for (size_t i = 0; i < x->n; i++) {
        bool asked = asks(f, x->matches[i]);
        if (asked) hl_set_add(f->asks, i);
        if (!asked || hl_match_field_holds(f, x->matches[i], HL_SLICE_NULL)) hl_set_add(f->absent, i);
    }
}

static void fill_unindexed(struct hl_match_index *x)
{
    for (size_t i = 0; i < x->n; i++)
        for (size_t j = 0; j < x->matches[i]->n_where; j++)
            if (!is_indexed(x, x->matches[i]->where[j].attribute)) hl_set_add(x->unindexed, i);
}

static bool fill_sets(struct hl_match_index *x)
{
    uint64_t *next = x->sets = calloc((HL_EVENT_TYPE_COUNT + 2 * x->n_fields + 1) * x->words + 1, sizeof *x->sets);
    if (!next) return false;
    for (unsigned t = 0; t < HL_EVENT_TYPE_COUNT; t++, next += x->words) {
        x->of_type[t] = next;
        fill_type(x, t);
    }
    for (size_t i = 0; i < x->n_fields; i++, next += 2 * x->words) {
        x->fields[i].asks = next;
        x->fields[i].absent = next + x->words;
        fill_field(x, &x->fields[i]);
    }
    x->unindexed = next;
    fill_unindexed(x);
    return true;
}

static bool is_glob(const struct hl_match_field *f)
{
    return f->part != HL_PART_FORM && f->part != HL_PART_ATTRIBUTE;
}

struct hl_match_index *hl_match_index_new(const struct hl_model *m)
{
    struct hl_match_index *x = calloc(1, sizeof *x);
    if (!x) return NULL;
    bool ok = list_matches(x, m) && list_fields(x) && fill_sets(x);
    for (size_t i = 0; ok && i < x->n_fields; i++)
        if (is_glob(&x->fields[i])) ok = sort_globs(&x->fields[i], x);
    if (ok) return x;
    hl_match_index_free(x);
    return NULL;
}

void hl_match_index_free(struct hl_match_index *x)
{
    if (!x) return;
    for (size_t i = 0; i < x->n_fields; i++) free(x->fields[i].globs);
    free(x->fields);
    free(x->sets);
    free(x->matches);
    free(x);
}
