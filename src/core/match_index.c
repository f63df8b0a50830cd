/* DESIGN
 * A match is a conjunction: it holds when each field of the event that it asks for has a value that it takes. So the matches of an
 * event are the intersection of sets, one for its type and one for the value of each field, and a set is a few words of bits.
 *
 *     of_type[page_viewed]      1 1 1 0 1 1 0 1
 *     path /pricing/teams       1 0 1 1 0 0 1 1      asks and takes it, or does not ask
 *     attribute plan: absent    1 1 0 1 1 1 1 1
 *                             & 1 0 0 0 0 0 0 1
 *
 * The set for a value: before a glob, a list or a regular expression is tried on it, the pairs of letters that it needs are compared with
 * those of the value, as sets of 64 bits. That turns nearly all away for a nanosecond each, whatever they look like; a regular expression
 * costs 20 to 80 times that.
 *
 * WHY NOT a trie of the globs: it says nothing of `*word*`, and nothing of regular expressions, which cost the most.
 *
 * THREADS: made by hl_model_seal; read-only. */
#include "match_index.h"

#include <stdlib.h>

#include "hotlead/base/hash.h"

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

/* ---- what a value must contain ---- */

static uint64_t needs_of_glob(const char *glob)
{
    uint64_t needs = 0;
    while (*glob) {
        size_t n = strcspn(glob, "*?");
        needs |= hl_pair_bits((struct hl_slice){glob, n});
        glob += n + (glob[n] != '\0');
    }
    return needs;
}

/* Of a value that is one of the list. */
static uint64_t needs_of_list(char *const *list, size_t n)
{
    uint64_t needs = n ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++) needs &= hl_pair_bits(hl_slice_trim(hl_slice_of(list[i])));
    return needs;
}

static uint64_t needs_of_condition(const struct hl_condition *c)
{
    uint64_t needs = c->pattern ? c->matches.needs : 0;
    if (c->equals) needs |= hl_pair_bits(hl_slice_trim(hl_slice_of(c->equals)));
    if (c->in) needs |= needs_of_list(c->in, c->n_in);
    return needs;
}

static uint64_t needs_of(const struct hl_match_field *f, const struct hl_event_match *match)
{
    uint64_t needs = 0;
    if (f->part == HL_PART_FORM) return needs_of_list(match->forms, match->n_forms);
    if (f->part != HL_PART_ATTRIBUTE) return needs_of_glob(glob_of(f, match));
    for (size_t i = 0; i < match->n_where; i++)
        if (is_about(f, &match->where[i])) needs |= needs_of_condition(&match->where[i]);
    return needs;
}

void hl_match_field_answer(const struct hl_match_index *x, const struct hl_match_field *f, struct hl_slice value, uint64_t *out)
{
    if (hl_slice_is_null(value)) {
        memcpy(out, f->absent, x->words * sizeof *out);
        return;
    }
    for (size_t i = 0; i < x->words; i++) out[i] = ~f->asks[i];
    uint64_t lacks = ~hl_pair_bits(value);
    for (const struct hl_asker *a = f->askers; a < f->askers + f->n_askers; a++)
        if (!(a->needs & lacks) && hl_match_field_holds(f, x->matches[a->place], value)) hl_set_add(out, a->place);
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

/* Add a field, if somebody asks for it. */
static bool add_field(struct hl_match_index *x, struct hl_match_field f)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) n += asks(&f, x->matches[i]);
    if (n == 0) return true;
    struct hl_match_field *grown = realloc(x->fields, (x->n_fields + 1) * sizeof *grown);
    if (!grown) return false;
    x->fields = grown;
    f.askers = malloc(n * sizeof *f.askers);
    x->fields[x->n_fields] = f;
    x->n_fields += f.askers != NULL;
    return f.askers;
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
    for (unsigned part = 0; part < HL_PART_ATTRIBUTE; part++)
        if (!add_field(x, (struct hl_match_field){.part = (enum hl_match_part)part})) return false;
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
        if (!asked || hl_match_field_holds(f, x->matches[i], HL_SLICE_NULL)) hl_set_add(f->absent, i);
        if (!asked) continue;
        hl_set_add(f->asks, i);
        f->askers[f->n_askers++] = (struct hl_asker){needs_of(f, x->matches[i]), i};
    }
}

static void list_fields_of(struct hl_match_index *x, unsigned type)
{
    for (size_t i = 0; i < x->n_fields; i++)
        for (size_t k = 0; k < x->words; k++)
            if (x->of_type[type][k] & x->fields[i].asks[k]) x->fields_of[type] |= UINT64_C(1) << i;
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
    for (unsigned t = 0; t < HL_EVENT_TYPE_COUNT; t++) list_fields_of(x, t);
    x->unindexed = next;
    fill_unindexed(x);
    return true;
}

struct hl_match_index *hl_match_index_new(const struct hl_model *m)
{
    struct hl_match_index *x = calloc(1, sizeof *x);
    if (!x) return NULL;
    if (list_matches(x, m) && list_fields(x) && fill_sets(x)) return x;
    hl_match_index_free(x);
    return NULL;
}

void hl_match_index_free(struct hl_match_index *x)
{
    if (!x) return;
    for (size_t i = 0; i < x->n_fields; i++) free(x->fields[i].askers);
    free(x->fields);
    free(x->sets);
    free(x->matches);
    free(x);
}
