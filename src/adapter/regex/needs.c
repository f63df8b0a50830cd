/* DESIGN
 * Literal letters that stand side by side outside of all parentheses and brackets must stand side by side in a value that matches. The
 * walk over the pattern leaves out groups and classes, takes back the letter before a quantifier, and gives up (0) at whatever it does not
 * know: an alternative at the top, comments, extended mode, named groups, verbs, \Q, \p, back references. Giving up costs time, never an
 * answer. Letters that match others without regard to case (the Kelvin sign and k) do no harm: a value with bytes above 0x7f has all bits. */
#include "needs.h"

#include <stdbool.h>
#include <string.h>

#include "hotlead/base/hash.h"

struct walk {
    const char *p;
    bool gave_up;
    char run[64];     /* the literals side by side up to here */
    size_t n;
    uint64_t needs;
};

static void end_run(struct walk *w)
{
    w->needs |= hl_pair_bits((struct hl_slice){w->run, w->n});
    w->n = 0;
}

static void add_literal(struct walk *w, char ch)
{
    if (w->n == sizeof w->run) {
        end_run(w);
        w->run[w->n++] = w->run[sizeof w->run - 1];
    }
    w->run[w->n++] = ch;
}

/* p stands behind a backslash. A letter or digit means something; what is not listed here is not known. */
static void take_escape(struct walk *w)
{
    char ch = *w->p++;
    if (strchr("bBdDwWsSAzZGntrR", ch)) {
        end_run(w);
    } else if ((ch & 0x80) || (ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z')) {
        w->gave_up = true;
    } else {
        add_literal(w, ch);
    }
}

/* p stands behind `[`. */
static void skip_class(struct walk *w)
{
    if (*w->p == '^') w->p++;
    if (*w->p == ']') w->p++;
    while (*w->p && *w->p != ']') {
        if (*w->p == '\\' && (w->p[1] == 'Q' || w->p[1] == 'E')) w->gave_up = true;
        if (*w->p == '[') w->gave_up = true; /* [:alpha:], or a bracket as it is */
        w->p += *w->p == '\\' && w->p[1] ? 2 : 1;
    }
    if (*w->p) w->p++;
}

/* p stands behind `(`: (...) (?:...) (?=...) (?!...) (?<=...) (?<!...) and (?ims-...) are known. */
static void look_at_group(struct walk *w)
{
    if (*w->p == '*') w->gave_up = true;
    if (*w->p != '?') return;
    const char *what = w->p + 1;
    if (*what == '<') {
        if (what[1] != '=' && what[1] != '!') w->gave_up = true;
    } else if (!strchr(":=!", *what)) {
        what += strspn(what, "ims-");
        if (*what != ')' && *what != ':') w->gave_up = true;
    }
}

/* p stands behind `(`. */
static void skip_group(struct walk *w)
{
    look_at_group(w);
    for (unsigned depth = 1; depth && *w->p && !w->gave_up;) {
        char ch = *w->p++;
        if (ch == '\\') {
            if (*w->p == 'Q' || *w->p == 'E') w->gave_up = true;
            if (*w->p) w->p++;
        } else if (ch == '[') {
            skip_class(w);
        } else if (ch == '(') {
            depth++;
            look_at_group(w);
        } else if (ch == ')') {
            depth--;
        }
    }
}

/* p stands behind a quantifier's first letter: what it counts may be missing. */
static void take_quantifier(struct walk *w, char ch)
{
    if (ch != '+' && w->n) w->n--;
    end_run(w);
    if (ch != '{') return;
    size_t n = strspn(w->p, "0123456789,");
    if (w->p[n] != '}') w->gave_up = true;
    w->p += n + (w->p[n] == '}');
}

uint64_t hl_regex_needs(const char *pattern)
{
    struct walk w = {.p = pattern};
    while (*w.p && !w.gave_up) {
        char ch = *w.p++;
        if (strchr("*+?{", ch)) {
            take_quantifier(&w, ch);
        } else if (ch == '\\') {
            take_escape(&w);
        } else if (ch == '|') {
            w.gave_up = true;
        } else if (strchr("(.[^$", ch) || (ch & 0x80)) {
            end_run(&w);
            if (ch == '(') skip_group(&w);
            if (ch == '[') skip_class(&w);
        } else {
            add_literal(&w, ch);
        }
    }
    end_run(&w);
    return w.gave_up ? 0 : w.needs;
}
