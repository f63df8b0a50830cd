/* Patterns that can meet the limits of matching: tried out on values made to be hard, and looked at for nested repetition.
 *
 * DESIGN
 * A pattern is hard where a run of text can be divided among its repetitions in many ways and then fails. So a rough sample of
 * what it matches is read off it, each character of the sample is repeated behind what stands before it, and a byte that fits
 * nothing cuts that off from the rest. What meets a limit then would do so in a running scorer: the limits are the same. */
#include <stdio.h>
#include <string.h>

#include "hotlead/adapter/regex.h"
#include "lint.h"

enum { MAX_SAMPLE = 48, MAX_VALUE = 1024 };

/* --- reading a pattern, roughly --- */

/* Length of the atom at p: an escape, a class, or one character. */
static size_t atom_len(const char *p)
{
    if (*p == '\\') return p[1] ? 2 : 1;
    if (*p != '[') return *p != 0;
    size_t i = 1;
    if (p[i] == '^') i++;
    if (p[i] == ']') i++;
    for (; p[i] && p[i] != ']'; i++)
        if (p[i] == '\\' && p[i + 1]) i++;
    return p[i] ? i + 1 : i;
}

static char sample_of_escape(char c)
{
    return c == 'd' ? '1' : c == 's' ? ' ' : c == 'w' || c == 'S' || c == 'D' ? 'a' : strchr("bBAzZGQE", c) ? 0 : c;
}

/* One character that the atom may match; 0: none is needed, or none is known. */
static char sample_of(const char *atom)
{
    if (*atom == '\\') return sample_of_escape(atom[1]);
    if (*atom == '.') return 'a';
    if (*atom != '[') return strchr("^$|()*+?{}", *atom) ? 0 : *atom;
    if (atom[1] == '^') return strncmp(atom, "[^a", 3) == 0 ? 'b' : 'a';
    return atom[1] == '\\' ? sample_of_escape(atom[2]) : atom[1];
}

/* "?:", "?i:", "?<name>" behind an opening parenthesis. */
static size_t group_head_len(const char *p)
{
    if (*p != '?') return 0;
    size_t len = strcspn(p, p[1] == '<' ? ">)" : ":)=!>");
    return p[len] && p[len] != ')' ? len + 1 : len;
}

/* Text that a match could have, without what repeats; a {count} is skipped. */
static size_t read_sample(const char *p, char *out)
{
    size_t n = 0;
    while (*p && n < MAX_SAMPLE) {
        if (*p == '(')
            p += 1 + group_head_len(p + 1);
        else if (*p == '{')
            p += strcspn(p, "}") + (strchr(p, '}') != NULL);
        else {
            char c = sample_of(p);
            if (c) out[n++] = c;
            p += atom_len(p);
        }
    }
    return n;
}

/* "+", "*" or "{2,}" at p, not possessive: its length, else 0. */
static size_t repeat_len(const char *p)
{
    size_t len = *p == '+' || *p == '*' ? 1 : 0;
    if (*p == '{') {
        size_t digits = strspn(p + 1, "0123456789");
        len = digits && strncmp(p + 1 + digits, ",}", 2) == 0 ? digits + 3 : 0;
    }
    if (len == 0 || p[len] == '+') return 0;
    return len + (p[len] == '?');
}

/* "(a+)+": a repeated group of nothing but one repeated atom. Its length, 0 where there is none at p. */
static size_t nested_len(const char *p)
{
    if (*p != '(') return 0;
    size_t head = group_head_len(p + 1);
    if (head && strchr("=!>", p[head]) && p[2] != '<') return 0; /* looks ahead, or is atomic */
    const char *atom = p + 1 + head;
    if (strchr("()|^$", *atom)) return 0;
    const char *inner = atom + atom_len(atom), *close = inner + repeat_len(inner);
    size_t outer = *close == ')' ? repeat_len(close + 1) : 0;
    return close > inner && outer ? (size_t)(close + 1 + (ptrdiff_t)outer - p) : 0;
}

/* One with something behind it that may fail, and so make it try other ways. */
static size_t find_nested(const char *pattern, const char **at)
{
    for (const char *p = pattern; *p; p += *p == '(' ? 1 : atom_len(p)) {
        size_t len = nested_len(p);
        *at = p;
        if (len && p[len]) return len;
    }
    return 0;
}

/* --- trying it out --- */

/* The sample with its i-th character again and again, `length` bytes in all; `whole`: with what stands before it. */
static bool is_hard(const struct hl_matcher *m, const char *sample, size_t n, size_t i, bool whole, size_t length)
{
    char value[MAX_VALUE];
    size_t head = whole && i < n ? i : 0, tail = i < n ? n - i - 1 : 0;
    memcpy(value, sample, head);
    memset(value + head, sample[i], length - head - tail - 1);
    value[length - tail - 1] = '\x01';
    memcpy(value + length - tail, sample + n - tail, tail);
    return hl_regex_meets_limit(m, (struct hl_slice){value, length});
}

/* The shortest of some lengths at which a value meets a limit; 0: none found. */
static size_t hard_length(const struct hl_condition *c)
{
    char sample[MAX_SAMPLE + 3];
    size_t n = read_sample(c->pattern, sample);
    memcpy(sample + n, "a1 ", 3);
    for (size_t length = 64; length <= MAX_VALUE; length *= 4)
        for (size_t i = 0; i < n + 3; i++)
            if (is_hard(&c->matches, sample, n, i, true, length) || is_hard(&c->matches, sample, n, i, false, length))
                return length;
    return 0;
}

static void check_pattern(const struct hl_lint *l, const struct hl_condition *c, const struct hl_yaml_node *at)
{
    const char *nested;
    if (!c->pattern) return;
    size_t length = hard_length(c), len = length ? 0 : find_nested(c->pattern, &nested);
    if (length)
        hl_problem_warning(l->p, at,
                           "pattern '%.100s' is costly: some values of %zu bytes meet the match limit, and count as no match",
                           c->pattern, length);
    else if (len)
        hl_problem_warning(l->p, at,
                           "pattern '%.100s' repeats a repetition ('%.*s'): values that meet the match limit count as no match",
                           c->pattern, (int)(len < 40 ? len : 40), nested);
}

static void check_routes(const struct hl_lint *l)
{
    for (size_t i = 0; i < l->m->n_routing; i++)
        for (size_t k = 0; k < l->m->routing[i].n_when; k++)
            check_pattern(l, &l->m->routing[i].when[k], hl_lint_at_condition(l, "routing", i, "when", k, "matches"));
}

void hl_lint_patterns(const struct hl_lint *l)
{
    struct hl_lint_fit fits[HL_LINT_N_FIT];
    struct hl_lint_match r;
    hl_lint_fits(l->m, fits);
    for (size_t i = 0; i < HL_LINT_N_FIT; i++)
        for (size_t k = 0; k < fits[i].n; k++)
            check_pattern(l, &fits[i].rules[k].when, hl_lint_at(l, fits[i].section, k, "matches"));
    for (size_t pos = 0; hl_lint_next_match(l->m, &pos, &r);)
        for (size_t k = 0; k < r.match->n_where; k++)
            check_pattern(l, &r.match->where[k], hl_lint_at_condition(l, r.section, r.index, "where", k, "matches"));
    check_routes(l);
}
