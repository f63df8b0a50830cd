/* DESIGN
 * Weights of all kept items at once: logistic regression, each weight with the same normal prior around 0 that pulls single ones (t = 1 in
 * evidence.c), the intercept free. The mode is found by Newton steps along one coordinate at a time (D. D. Lewis and A. Genkin and D. Madigan,
 * Large-Scale Bayesian Logistic Regression for Text Categorization, Technometrics 49, 2007): the function is concave, so any order ends there.
 *
 *     for item k, held by the contacts S: g = sum over S of (y - p) - w,  h = sum over S of p (1 - p) + 1,  w += g / h, at most by STEP
 *
 * What goes together shares its points, and what only comes along with it gets none. */
#include <math.h>
#include <stdlib.h>

#include "draft.h"

#define SWEEPS 200
#define STEP 1.0
#define CLOSE 1e-7

/* Which contacts of HL_PART_FIT hold an item: contacts[first[k] .. first[k + 1]). */
struct holders {
    uint32_t *contacts;
    size_t *first;
    double *sums; /* of each contact: the intercept and the weights of what it holds */
};

/* The kept items of a contact, each once; `seen` holds contact + 1 for each item that is out already. */
static size_t items_of(const struct hl_draft *d, uint32_t contact, uint32_t *seen, uint32_t *out)
{
    const struct hl_past *p = d->past;
    const struct hl_past_contact *c = &p->contacts[contact];
    size_t n = 0;
    for (size_t i = c->first_act; i < c->first_act + c->n_acts; i++) {
        int32_t item = d->rule_of_sort[p->acts[i].sort];
        if (p->acts[i].at < c->from || item < 0 || seen[item] == contact + 1) continue;
        seen[item] = contact + 1;
        out[n++] = (uint32_t)item;
    }
    for (size_t i = c->first_trait; i < c->first_trait + c->n_traits; i++)
        if (p->traits[i].value != HL_NO_TEXT && d->rule_of_value[p->traits[i].value] >= 0) out[n++] = (uint32_t)d->rule_of_value[p->traits[i].value];
    return n;
}

/* Twice over all: first the numbers, then, into `fill`, the contacts themselves. */
static void go_over(const struct hl_draft *d, struct holders *h, uint32_t *seen, uint32_t *own, size_t *fill)
{
    memset(seen, 0, (d->n_items + 1) * sizeof(*seen));
    for (uint32_t c = 0; c < d->past->ids.n; c++) {
        if (d->past->contacts[c].part != HL_PART_FIT) continue;
        size_t n = items_of(d, c, seen, own);
        for (size_t i = 0; i < n; i++) {
            if (fill)
                h->contacts[fill[own[i]]++] = c;
            else
                h->first[own[i] + 1]++;
        }
    }
}

static bool find_holders(const struct hl_draft *d, struct holders *h)
{
    size_t n = d->n_items, room = n + d->past->keys.n + 1;
    uint32_t *seen = malloc(room * sizeof(*seen)), *own = malloc(room * sizeof(*own));
    size_t *fill = malloc(room * sizeof(*fill));
    h->first = calloc(n + 1, sizeof(*h->first));
    h->sums = calloc(d->past->ids.n + 1, sizeof(*h->sums));
    bool ok = seen && own && fill && h->first && h->sums;
    if (ok) {
        go_over(d, h, seen, own, NULL);
        for (size_t k = 0; k < n; k++) h->first[k + 1] += h->first[k];
        memcpy(fill, h->first, n * sizeof(*fill));
        h->contacts = malloc((h->first[n] + 1) * sizeof(*h->contacts));
        ok = h->contacts;
    }
    if (ok) go_over(d, h, seen, own, fill);
    free(seen);
    free(own);
    free(fill);
    return ok;
}

static void add_gradient(const struct hl_draft *d, const struct holders *h, uint32_t c, double *g, double *curve)
{
    double p = 1 / (1 + exp(-h->sums[c]));
    *g += hl_past_has_bought(&d->past->contacts[c]) - p;
    *curve += p * (1 - p);
}

static double bounded(double step)
{
    return fmax(-STEP, fmin(STEP, step));
}

static double move_intercept(const struct hl_draft *d, struct holders *h)
{
    const struct hl_past *p = d->past;
    double g = 0, curve = 1e-9;
    for (uint32_t c = 0; c < p->ids.n; c++)
        if (p->contacts[c].part == HL_PART_FIT) add_gradient(d, h, c, &g, &curve);
    double step = bounded(g / curve);
    for (uint32_t c = 0; c < p->ids.n; c++) h->sums[c] += step;
    return fabs(step);
}

static double move_item(const struct hl_draft *d, struct holders *h, size_t k)
{
    struct hl_item *item = &d->items[k];
    double g = -item->shrunk, curve = 1;
    for (size_t i = h->first[k]; i < h->first[k + 1]; i++) add_gradient(d, h, h->contacts[i], &g, &curve);
    double step = bounded(g / curve);
    for (size_t i = h->first[k]; i < h->first[k + 1]; i++) h->sums[h->contacts[i]] += step;
    item->shrunk += step;
    return fabs(step);
}

enum hl_status hl_draft_weigh_together(struct hl_draft *d)
{
    struct holders h = {0};
    bool ok = find_holders(d, &h);
    double moved = 1;
    for (size_t k = 0; ok && k < d->n_items; k++)
        if (d->items[k].verdict == HL_KEPT) d->items[k].shrunk = 0;
    for (int sweep = 0; ok && sweep < SWEEPS && moved > CLOSE; sweep++) {
        moved = move_intercept(d, &h);
        for (size_t k = 0; k < d->n_items; k++)
            if (d->items[k].verdict == HL_KEPT) moved = fmax(moved, move_item(d, &h, k));
    }
    for (size_t k = 0; ok && k < d->n_items; k++) {
        struct hl_item *item = &d->items[k];
        if (item->verdict != HL_KEPT) continue;
        item->points = (int)lround(item->shrunk * HL_POINTS_THAT_DOUBLE / log(2));
        if (item->points == 0) item->verdict = HL_SMALL;
    }
    free(h.contacts);
    free(h.first);
    free(h.sums);
    return ok ? HL_OK : HL_E_NOMEM;
}
