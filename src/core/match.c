/* DESIGN
 * Globs: two pointers walk glob and value; at a mismatch the value's pointer goes back to one character after where the last
 * `*` began. Only the last star needs to be remembered: if the part before it fits at all, its leftmost fit leaves the most for
 * the rest. At most |glob| x |value| steps, no recursion, no memory.
 *
 * WHY NOT fnmatch(3): its `*` and `?` depend on the locale, `[` and `\` are special to it, and it is recursive in glibc. */
#include "match.h"

/* The next character: a lead byte of UTF-8 and what continues it. */
static size_t char_len(const char *p, const char *end)
{
    size_t n = 1;
    if ((unsigned char)*p < 0xc0) return n;
    while (n < 4 && p + n < end && ((unsigned char)p[n] & 0xc0) == 0x80) n++;
    return n;
}

/* A literal of a glob that in a value, too, is nowhere but at the start of a character. */
static bool starts_character(char ch)
{
    return ch != '?' && ((unsigned char)ch & 0xc0) != 0x80;
}

bool hl_glob_match(const char *glob, struct hl_slice value)
{
    if (hl_slice_is_null(value)) return false;
    const char *p = value.data, *end = value.data + value.len;
    const char *star = NULL, *retry = NULL; /* glob after the last star; where its run may end next */
    for (;;) {
        if (*glob == '*') {
            star = ++glob;
            retry = p;
            if (*star == '\0') return true;
        } else if (p < end && *glob == '?') {
            glob++;
            p += char_len(p, end);
        } else if (p < end && *glob != '\0' && *glob == *p) {
            glob++;
            p++;
        } else if (p == end && *glob == '\0') {
            return true;
        } else {
            if (!star || retry == end) return false;
            retry += char_len(retry, end);
            if (starts_character(*star)) retry = memchr(retry, *star, (size_t)(end - retry)); /* to where it may go on at all */
            if (!retry) return false;
            p = retry;
            glob = star;
        }
    }
}

static bool is_alpha(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

/* Length of "scheme://" (RFC 3986, section 3.1), 0 when the url does not begin with one. */
static size_t scheme_len(struct hl_slice url)
{
    size_t i = 0;
    if (url.len == 0 || !is_alpha(url.data[0])) return 0;
    for (; i < url.len; i++) {
        char ch = url.data[i];
        if (!is_alpha(ch) && !(ch >= '0' && ch <= '9') && !memchr("+-.", ch, 3)) break;
    }
    return url.len - i >= 3 && memcmp(url.data + i, "://", 3) == 0 ? i + 3 : 0;
}

struct hl_slice hl_url_path(struct hl_slice url)
{
    if (url.len == 0) return HL_SLICE_NULL;
    const char *p = url.data, *end = url.data + url.len;
    if (*p != '/') {
        size_t scheme = scheme_len(url);
        if (scheme == 0) return HL_SLICE_NULL;
        p += scheme;
        while (p < end && *p != '/' && *p != '?' && *p != '#') p++;
        if (p == end || *p != '/') return HL_SLICE_LIT("/");
    }
    const char *stop = p;
    while (stop < end && *stop != '?' && *stop != '#') stop++;
    return (struct hl_slice){p, (size_t)(stop - p)};
}

static bool is_listed(char *const *list, size_t n, struct hl_slice value)
{
    for (size_t i = 0; i < n; i++)
        if (hl_slice_eq_nocase(hl_slice_trim(hl_slice_of(list[i])), value)) return true;
    return false;
}

static bool asks_text(const struct hl_condition *c)
{
    return c->in || c->not_in || c->equals || c->pattern;
}

static bool asks_number(const struct hl_condition *c)
{
    return c->has_at_least || c->has_at_most;
}

static bool number_holds(const struct hl_condition *c, struct hl_slice trimmed)
{
    hl_fixed v;
    if (!hl_fixed_parse(trimmed, &v)) return false;
    return (!c->has_at_least || v >= c->at_least) && (!c->has_at_most || v <= c->at_most);
}

bool hl_condition_holds(const struct hl_condition *c, struct hl_slice value)
{
    if (value.len == 0) return c->exists == 0 && !asks_text(c) && !asks_number(c); /* empty is absent, as on a contact */
    if (c->exists == 0) return false;
    struct hl_slice trimmed = hl_slice_trim(value);
    if (c->in && !is_listed(c->in, c->n_in, trimmed)) return false;
    if (c->not_in && is_listed(c->not_in, c->n_not_in, trimmed)) return false;
    if (c->equals && !hl_slice_eq_nocase(hl_slice_trim(hl_slice_of(c->equals)), trimmed)) return false;
    if (asks_number(c) && !number_holds(c, trimmed)) return false;
    return !c->pattern || (c->matches.match && c->matches.match(c->matches.state, value));
}

bool hl_match_form_holds(const struct hl_event_match *match, struct hl_slice form)
{
    if (!match->forms) return true;
    for (size_t i = 0; i < match->n_forms && form.data; i++)
        if (hl_slice_eq_cstr(form, match->forms[i])) return true;
    return false;
}

static bool where_holds(const struct hl_event_match *match, const struct hl_event *ev)
{
    for (size_t i = 0; i < match->n_where; i++) {
        const struct hl_condition *c = &match->where[i];
        if (!hl_condition_holds(c, hl_event_attribute(ev, hl_slice_of(c->attribute)))) return false;
    }
    return true;
}

bool hl_match_holds(const struct hl_event_match *match, const struct hl_event *ev, struct hl_slice path)
{
    return (match->types & hl_match_bit(ev->type)) && (!match->path || hl_glob_match(match->path, path)) &&
           (!match->asset || hl_glob_match(match->asset, ev->asset)) &&
           (!match->campaign || hl_glob_match(match->campaign, ev->campaign)) &&
           (!match->source || hl_glob_match(match->source, ev->source)) && hl_match_form_holds(match, ev->form) && where_holds(match, ev);
}

bool hl_event_match_holds(const struct hl_event_match *match, const struct hl_event *ev)
{
    if ((unsigned)ev->type >= HL_EVENT_TYPE_COUNT) return false;
    return hl_match_holds(match, ev, match->path ? hl_url_path(ev->url) : HL_SLICE_NULL);
}
