/* What attributes can be, and what conditions on them exclude.
 *
 * DESIGN
 * All that conditions can tell apart in the values of one attribute is finite: no value; any text that none of them names, and
 * that is no number; numbers, at the limits and next to them, written as none of the texts is; and each text that one of them
 * names (blanks and case aside). One candidate of each is tried. A pattern may or may not match (nothing is known of it), so
 * where one is asked the answer is "maybe". Texts are sorted once, so that equal ones, of whatever lists, are one candidate.
 * Attributes are taken as independent. They are not quite (email_domain comes from email): then more is held possible than is.
 * So it is where there would be too much to try. */
#include <stdlib.h>

#include "lint.h"

/* Candidates times conditions, above which an attribute is not looked into. */
#define MAX_WORK 20000000

enum truth { NO, MAYBE, YES };

/* In which parts of a condition a text stands. */
enum { IN = 1, NOT_IN = 2, EQUALS = 4 };

struct text {
    struct hl_slice text; /* trimmed */
    size_t condition;
    uint8_t part;
};

/* The conditions on one attribute, and a walk over its candidates. */
struct trait {
    const struct hl_traits *t;
    size_t n;
    struct text *texts; /* sorted */
    size_t n_texts;
    size_t step, at;           /* of the walk; `at` in texts */
    bool is_absent, is_number; /* the candidate */
    hl_fixed number;
    uint8_t *parts; /* for each condition, the parts in which the candidate stands */
};

static enum truth truth_of(const struct trait *a, size_t i)
{
    const struct hl_condition *c = a->t[i].of;
    if (a->is_absent) return hl_condition_holds(c, HL_SLICE_NULL) ? YES : NO;
    if (c->exists == 0) return NO;
    if ((c->in && !(a->parts[i] & IN)) || (a->parts[i] & NOT_IN) || (c->equals && !(a->parts[i] & EQUALS))) return NO;
    if ((c->has_at_least || c->has_at_most) && !a->is_number) return NO;
    if ((c->has_at_least && a->number < c->at_least) || (c->has_at_most && a->number > c->at_most)) return NO;
    return c->pattern ? MAYBE : YES;
}

/* --- candidates --- */

static int compare_texts(struct hl_slice x, struct hl_slice y)
{
    size_t shorter = x.len < y.len ? x.len : y.len;
    for (size_t i = 0; i < shorter; i++) {
        int p = (unsigned char)x.data[i], q = (unsigned char)y.data[i];
        p = p >= 'A' && p <= 'Z' ? p + 32 : p;
        q = q >= 'A' && q <= 'Z' ? q + 32 : q;
        if (p != q) return p - q;
    }
    return (x.len > y.len) - (x.len < y.len);
}

static int by_text(const void *x, const void *y)
{
    return compare_texts(((const struct text *)x)->text, ((const struct text *)y)->text);
}

static void put_texts(struct trait *a, size_t condition, char *const *list, size_t n, uint8_t part)
{
    for (size_t i = 0; i < n; i++) a->texts[a->n_texts++] = (struct text){hl_slice_trim(hl_slice_of(list[i])), condition, part};
}

/* False where it cannot be done, or would be too much. */
static bool prepare(struct trait *a)
{
    size_t n_texts = 0;
    for (size_t i = 0; i < a->n; i++) n_texts += a->t[i].of->n_in + a->t[i].of->n_not_in + 1;
    if ((n_texts + 4 * a->n) > MAX_WORK / a->n) return false;
    a->texts = malloc(n_texts * sizeof *a->texts);
    a->parts = malloc(a->n);
    if (!a->texts || !a->parts) return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct hl_condition *c = a->t[i].of;
        put_texts(a, i, c->in, c->n_in, IN);
        put_texts(a, i, c->not_in, c->n_not_in, NOT_IN);
        put_texts(a, i, &c->equals, c->equals != NULL, EQUALS);
    }
    if (a->n_texts > 1) qsort(a->texts, a->n_texts, sizeof *a->texts, by_text);
    return true;
}

static void unprepare(struct trait *a)
{
    free(a->texts);
    free(a->parts);
}

/* The numbers at the limits of a condition, and next to them. */
static hl_fixed edge_of(const struct hl_condition *c, size_t i)
{
    return hl_fixed_add(i & 1 ? c->at_most : c->at_least, (i & 2) == 0 ? 0 : i & 1 ? 1 : -1);
}

/* Makes the next text, with all that are equal to it, the candidate. */
static bool next_text(struct trait *a)
{
    if (a->at == a->n_texts) return false;
    struct hl_slice text = a->texts[a->at].text;
    a->is_number = hl_fixed_parse(text, &a->number);
    for (; a->at < a->n_texts && compare_texts(a->texts[a->at].text, text) == 0; a->at++)
        a->parts[a->texts[a->at].condition] |= a->texts[a->at].part;
    return true;
}

static bool next_candidate(struct trait *a)
{
    size_t step = a->step++;
    memset(a->parts, 0, a->n);
    a->is_absent = step == 0;
    a->is_number = step >= 2;
    if (step < 2) return true;
    if (step - 2 >= 4 * a->n) return next_text(a);
    a->number = edge_of(a->t[(step - 2) / 4].of, step - 2);
    return true;
}

/* --- questions --- */

/* A condition that is wanted, and the same word for word that is not: then even a pattern can be told. */
static bool contradicts_itself(const struct trait *a)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < a->n; k++)
            if (a->t[i].wanted && !a->t[k].wanted && hl_lint_same_condition(a->t[i].of, a->t[k].of)) return true;
    return false;
}

static bool is_possible(struct trait *a)
{
    while (next_candidate(a)) {
        size_t i = 0;
        while (i < a->n && truth_of(a, i) != (a->t[i].wanted ? NO : YES)) i++;
        if (i == a->n) return !contradicts_itself(a);
    }
    return false;
}

/* The sum of what holds under the candidate, or of all that could; "maybe" counts where it is a gain. */
static double sum_of(const struct trait *a, bool all, double sign)
{
    double sum = 0;
    for (size_t i = 0; i < a->n; i++) {
        double points = sign * hl_fixed_to_double(a->t[i].points);
        enum truth t = all ? MAYBE : truth_of(a, i);
        if (t == YES || (t == MAYBE && points > 0)) sum += points;
    }
    return sum;
}

static double best_sum(struct trait *a, double sign)
{
    double best = 0;
    for (bool first = true; next_candidate(a); first = false) {
        double sum = sum_of(a, false, sign);
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
    *out = (struct trait){.t = t + from, .n = *pos - from};
    return true;
}

bool hl_traits_possible(struct hl_traits *t, size_t n)
{
    struct trait a;
    bool possible = true;
    if (n > 1) qsort(t, n, sizeof *t, by_attribute);
    for (size_t pos = 0; possible && next_trait(t, n, &pos, &a);) {
        possible = !prepare(&a) || is_possible(&a);
        unprepare(&a);
    }
    return possible;
}

double hl_traits_sum(struct hl_traits *t, size_t n, bool least)
{
    struct trait a;
    double sign = least ? -1 : 1, sum = 0;
    if (n > 1) qsort(t, n, sizeof *t, by_attribute);
    for (size_t pos = 0; next_trait(t, n, &pos, &a);) {
        sum += prepare(&a) ? best_sum(&a, sign) : sum_of(&a, true, sign);
        unprepare(&a);
    }
    return sum == 0 ? 0 : sign * sum;
}
