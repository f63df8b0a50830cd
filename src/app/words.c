#include "words.h"

#include <ctype.h>

#include <stdio.h>

enum { MAX_LISTED = 24 };

void hl_words_quote(struct hl_words *w, const char *text)
{
    if (w->markdown) hl_buf_put_u8(w->b, '`');
    for (const char *p = text; *p; p++) { /* a line stays a line, a code span a code span */
        unsigned char c = (unsigned char)*p;
        hl_buf_put_u8(w->b, c < 0x20 ? ' ' : c == '`' && w->markdown ? '\'' : c);
    }
    if (w->markdown) hl_buf_put_u8(w->b, '`');
}

void hl_words_points(struct hl_words *w, hl_fixed points, int decimals)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "%.*f", decimals, hl_fixed_to_double(points));
    if (strchr(text, '.')) {
        while (text[n - 1] == '0') n--;
        if (text[n - 1] == '.') n--;
    }
    text[n] = '\0';
    hl_buf_printf(w->b, "%s", strcmp(text, "-0") == 0 ? "0" : text);
}

void hl_words_duration(struct hl_words *w, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}, {1, "millisecond"}};
    size_t i = 0;
    while (ms % units[i].ms != 0) i++;
    int64_t n = ms / units[i].ms;
    hl_buf_printf(w->b, "%lld %s%s", (long long)n, units[i].name, n == 1 ? "" : "s");
}

static void separator(struct hl_words *w, size_t i, size_t n, const char *last)
{
    if (i > 0 && i + 1 == n)
        hl_buf_printf(w->b, " %s ", last);
    else if (i > 0)
        hl_buf_printf(w->b, ", ");
}

void hl_words_list(struct hl_words *w, char *const *items, size_t n, const char *last)
{
    size_t shown = n > MAX_LISTED ? MAX_LISTED : n;
    for (size_t i = 0; i < shown; i++) {
        separator(w, i, shown == n ? n : 0, last);
        hl_words_quote(w, items[i]);
    }
    if (shown < n) hl_buf_printf(w->b, " %s %zu more", last, n - shown);
}

/* page_viewed -> "page viewed" */
static void put_type(struct hl_words *w, enum hl_event_type type)
{
    for (const char *p = hl_event_type_name(type); *p; p++) hl_buf_put_u8(w->b, *p == '_' ? ' ' : (uint8_t)*p);
}

void hl_words_types(struct hl_words *w, const struct hl_model *m, uint64_t types)
{
    if (types == m->scorable_types) {
        hl_buf_printf(w->b, "anything on the web, in e-mail or offline");
        return;
    }
    size_t n = (size_t)__builtin_popcountll(types), i = 0;
    for (int t = 0; t < HL_EVENT_TYPE_COUNT; t++) {
        if (!(types >> t & 1)) continue;
        separator(w, i++, n, "or");
        put_type(w, (enum hl_event_type)t);
    }
}

static void put_range(struct hl_words *w, const struct hl_condition *c)
{
    if (c->has_at_least && c->has_at_most) {
        hl_buf_printf(w->b, "is from ");
        hl_words_points(w, c->at_least, 6);
        hl_buf_printf(w->b, " to ");
        hl_words_points(w, c->at_most, 6);
    } else {
        hl_buf_printf(w->b, "is at %s ", c->has_at_least ? "least" : "most");
        hl_words_points(w, c->has_at_least ? c->at_least : c->at_most, 6);
    }
}

/* " and " before all parts but the first. */
static void next_part(struct hl_words *w, bool *first)
{
    hl_buf_printf(w->b, *first ? " " : ", and ");
    *first = false;
}

void hl_words_condition(struct hl_words *w, const struct hl_condition *c)
{
    bool first = true;
    hl_words_quote(w, c->attribute);
    if (c->exists >= 0) {
        next_part(w, &first);
        hl_buf_printf(w->b, c->exists ? "is known" : "is not known");
    }
    if (c->in) {
        next_part(w, &first);
        hl_buf_printf(w->b, c->n_in > 1 ? "is one of " : "is ");
        hl_words_list(w, c->in, c->n_in, "or");
    }
    if (c->not_in) {
        next_part(w, &first);
        hl_buf_printf(w->b, "is known and none of ");
        hl_words_list(w, c->not_in, c->n_not_in, "or");
    }
    if (c->equals) {
        next_part(w, &first);
        hl_buf_printf(w->b, "is ");
        hl_words_quote(w, c->equals);
    }
    if (c->has_at_least || c->has_at_most) {
        next_part(w, &first);
        put_range(w, c);
    }
    if (c->pattern) {
        next_part(w, &first);
        hl_buf_printf(w->b, "matches the pattern ");
        hl_words_quote(w, c->pattern);
    }
}

void hl_words_match(struct hl_words *w, const struct hl_model *m, const struct hl_event_match *match)
{
    const struct {
        const char *name, *glob;
    } globs[] = {{"page", match->path}, {"asset", match->asset}, {"campaign", match->campaign}, {"source", match->source}};
    hl_words_types(w, m, match->types);
    for (size_t i = 0; i < HL_ARRAY_LEN(globs); i++) {
        if (!globs[i].glob) continue;
        hl_buf_printf(w->b, ", %s ", globs[i].name);
        hl_words_quote(w, globs[i].glob);
    }
    if (match->forms) {
        hl_buf_printf(w->b, ", form ");
        hl_words_list(w, match->forms, match->n_forms, "or");
    }
    for (size_t i = 0; i < match->n_where; i++) {
        hl_buf_printf(w->b, i ? " and " : ", where ");
        hl_words_condition(w, &match->where[i]);
    }
}

void hl_words_stage_name(struct hl_words *w, enum hl_stage stage)
{
    const char *name = hl_stage_name(stage);
    bool short_name = strlen(name) == 3; /* mql, sal, sql */
    for (size_t i = 0; name[i]; i++)
        hl_buf_put_u8(w->b, (uint8_t)(short_name || i == 0 ? toupper((unsigned char)name[i]) : name[i]));
}
