/* What attributes can be, and what conditions on them exclude.
 *
 * DESIGN
 * All that conditions can tell apart in the values of one attribute is finite: no value; each text that one of them names (blanks
 * and case aside); numbers, between one limit and the next, written as none of these texts is; and any other text. One candidate
 * of each is tried. A pattern may or may not match (nothing is known of it), so where one is asked the answer is "maybe".
 * Attributes are taken as independent. They are not quite (email_domain comes from email): then more is held possible than is. */
#include <stdlib.h>

#include "lint.h"

/* Candidates times texts, above which an attribute is not looked into. */
#define MAX_WORK 20000000.0

enum truth { NO, MAYBE, YES };

struct candidate {
    enum { ABSENT, LITERAL, NUMBER, OTHER } kind;
    struct hl_slice text; /* LITERAL */
    hl_fixed number;      /* NUMBER */
};

static bool asks_number(const struct hl_condition *c)
{
    return c->has_at_least || c->has_at_most;
}

static bool in_limits(const struct hl_condition *c, hl_fixed v)
{
    return (!c->has_at_least || v >= c->at_least) && (!c->has_at_most || v <= c->at_most);
}

static bool holds_but_for_pattern(const struct hl_condition *c, const struct candidate *v)
{
    if (v->kind == LITERAL) {
        struct hl_condition plain = *c;
        plain.pattern = NULL;
        return hl_condition_holds(&plain, v->text.len ? v->text : HL_SLICE_LIT(" "));
    }
    if (c->exists == 0 || c->in || c->equals) return false; /* a text that nobody names */
    if (asks_number(c)) return v->kind == NUMBER && in_limits(c, v->number);
    return true;
}

static enum truth truth_of(const struct hl_condition *c, const struct candidate *v)
{
    if (v->kind == ABSENT) return hl_condition_holds(c, HL_SLICE_NULL) ? YES : NO;
    if (!holds_but_for_pattern(c, v)) return NO;
    return c->pattern ? MAYBE : YES;
}

/* The candidates that one condition brings in, by number. */
static bool candidate_of(const struct hl_condition *c, size_t i, struct candidate *out)
{
    const hl_fixed edges[] = {c->at_least, hl_fixed_add(c->at_least, -1), c->at_most, hl_fixed_add(c->at_most, 1)};
    if (i < HL_ARRAY_LEN(edges)) {
        *out = (struct candidate){.kind = asks_number(c) ? NUMBER : OTHER, .number = edges[i]};
        return true;
    }
    i -= HL_ARRAY_LEN(edges);
    const char *text = i < c->n_in                  ? c->in[i]
                       : i < c->n_in + c->n_not_in  ? c->not_in[i - c->n_in]
                       : i == c->n_in + c->n_not_in ? c->equals
                                                    : NULL;
    if (!text) return false;
    *out = (struct candidate){.kind = LITERAL, .text = hl_slice_trim(hl_slice_of(text))};
    return true;
}

/* Conditions on one attribute. */
struct trait {
    const struct hl_traits *t;
    size_t n, condition, at; /* the walk over candidates; condition = n: those that no condition brings in */
};

static bool next_candidate(struct trait *a, struct candidate *out)
{
    for (; a->condition < a->n; a->condition++, a->at = 0)
        if (candidate_of(a->t[a->condition].of, a->at, out)) {
            a->at++;
            return true;
        }
    *out = (struct candidate){.kind = a->at == 0 ? ABSENT : OTHER};
    return a->at++ < 2;
}

static bool is_too_much(const struct trait *a)
{
    double texts = 0;
    for (size_t i = 0; i < a->n; i++) texts += (double)(a->t[i].of->n_in + a->t[i].of->n_not_in + 5);
    return texts * texts > MAX_WORK;
}

static bool is_possible(struct trait *a)
{
    struct candidate v;
    if (is_too_much(a)) return true;
    while (next_candidate(a, &v)) {
        size_t i = 0;
        while (i < a->n && truth_of(a->t[i].of, &v) != (a->t[i].wanted ? NO : YES)) i++;
        if (i == a->n) return true;
    }
    return false;
}

/* Of the conditions that may hold, or that all hold where that is a loss. */
static double sum_of(const struct trait *a, const struct candidate *v, double sign)
{
    double sum = 0;
    for (size_t i = 0; i < a->n; i++) {
        double points = sign * hl_fixed_to_double(a->t[i].points);
        enum truth t = v ? truth_of(a->t[i].of, v) : MAYBE;
        if (t == YES || (t == MAYBE && points > 0)) sum += points;
    }
    return sum;
}

static double best_sum(struct trait *a, double sign)
{
    struct candidate v;
    double best = 0;
    if (is_too_much(a)) return sum_of(a, NULL, sign);
    for (bool first = true; next_candidate(a, &v); first = false) {
        double sum = sum_of(a, &v, sign);
        if (first || sum > best) best = sum;
    }
    return best;
}

static int by_attribute(const void *a, const void *b)
{
    const struct hl_traits *x = a, *y = b;
    return strcmp(x->of->attribute, y->of->attribute);
}

/* The next run of conditions on one attribute; t is sorted. */
static bool next_trait(const struct hl_traits *t, size_t n, size_t *pos, struct trait *out)
{
    size_t from = *pos;
    if (from == n) return false;
    while (*pos < n && by_attribute(&t[from], &t[*pos]) == 0) ++*pos;
    *out = (struct trait){t + from, *pos - from, 0, 0};
    return true;
}

bool hl_traits_possible(struct hl_traits *t, size_t n)
{
    struct trait a;
    if (n > 1) qsort(t, n, sizeof *t, by_attribute);
    for (size_t pos = 0; next_trait(t, n, &pos, &a);)
        if (!is_possible(&a)) return false;
    return true;
}

double hl_traits_sum(struct hl_traits *t, size_t n, bool least)
{
    struct trait a;
    double sign = least ? -1 : 1, sum = 0;
    if (n > 1) qsort(t, n, sizeof *t, by_attribute);
    for (size_t pos = 0; next_trait(t, n, &pos, &a);) sum += best_sum(&a, sign);
    return sum == 0 ? 0 : sign * sum;
}
