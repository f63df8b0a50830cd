/* DESIGN
 * What counts of a contact is the highest score that it had in its window: whoever comes over the threshold once has been an MQL. Scores
 * rise with acts alone, so it is looked at with each act, and at the start of the window, with what older acts had left by then. The sum of
 * decaying points is carried from act to act (core/contact.h says what a row holds; here a double does, since nothing depends on its last bit).
 *
 *     half-life and how often a rule counts: the pair that ranks best (AUC), tried from the longest and the rarest on; another pair must be
 *     better by GAIN
 *     AUC: the share of pairs of a buyer and another in which the buyer has more, a tie for half (Mann and Whitney 1947); its standard error:
 *     Hanley and McNeil, Radiology 143, 1982
 *     threshold: where the share of buyers above it less the share of others above it is largest (Youden, Cancer 3, 1950); the middle where
 *     several whole points do as well. Or, with a capacity: the lowest that lets no more than that through. */
#include <math.h>
#include <stdlib.h>

#include "draft.h"

#define DAY INT64_C(86400000)
#define GAIN 0.001
#define NEVER INT64_MIN

/* ---- scores ---- */

/* One contact on its way: the sum of points as of `at`. */
struct run {
    double half_life, sum;
    int64_t at;
};

static double move(struct run *r, int64_t to)
{
    if (r->sum != 0) r->sum *= exp2(-(double)(to - r->at) / r->half_life);
    r->at = to;
    return r->sum;
}

/* The first act of a rule in each stretch of per_ms counts, as max_times does. */
static bool takes(int64_t *last, int64_t at, int64_t per_ms)
{
    int64_t stretch = at / per_ms;
    bool first = *last != stretch;
    *last = stretch;
    return first;
}

static double peak_of(const struct hl_draft *d, const struct hl_past_contact *c, int32_t fit, double half_life, int64_t per_ms, int64_t *last)
{
    const struct hl_past *p = d->past;
    struct run r = {.half_life = half_life, .at = c->from};
    double peak = fmax(0, fit); /* where nothing was done before the window */
    bool inside = false;
    for (size_t i = c->first_act; i < c->first_act + c->n_acts; i++) {
        const struct hl_act *a = &p->acts[i];
        int32_t rule = d->rule_of_sort[a->sort];
        if (rule < 0 || !takes(&last[rule], a->at, per_ms)) continue;
        if (!inside && a->at >= c->from) peak = fmax(0, fit + move(&r, c->from)), inside = true;
        r.sum = move(&r, a->at) + d->items[rule].points;
        if (inside) peak = fmax(peak, fit + r.sum);
    }
    if (!inside) peak = fmax(0, fit + move(&r, c->from));
    for (size_t i = c->first_act; i < c->first_act + c->n_acts; i++)
        if (d->rule_of_sort[p->acts[i].sort] >= 0) last[d->rule_of_sort[p->acts[i].sort]] = NEVER;
    return peak;
}

enum hl_status hl_draft_score(struct hl_draft *d, int64_t half_life_ms, int64_t per_ms)
{
    const struct hl_past *p = d->past;
    int64_t *last = malloc((d->n_items + 1) * sizeof(*last));
    if (!last) return HL_E_NOMEM;
    for (size_t i = 0; i < d->n_items; i++) last[i] = NEVER;
    for (size_t i = 0; i < p->ids.n; i++)
        if (p->contacts[i].part != HL_PART_NONE) d->peaks[i] = peak_of(d, &p->contacts[i], d->fits[i], (double)half_life_ms, per_ms, last);
    free(last);
    return HL_OK;
}

/* ---- ranking ---- */

struct ranked {
    double peak;
    bool bought;
};

static int highest_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->peak < y->peak) - (x->peak > y->peak);
}

/* malloc'ed; NULL: no memory. */
static struct ranked *rank_part(const struct hl_draft *d, enum hl_part part)
{
    const struct hl_past *p = d->past;
    struct ranked *all = malloc((p->n[part] + 1) * sizeof(*all));
    size_t n = 0;
    for (size_t i = 0; all && i < p->ids.n; i++)
        if (p->contacts[i].part == part) all[n++] = (struct ranked){d->peaks[i], hl_past_has_bought(&p->contacts[i])};
    if (all) qsort(all, n, sizeof(*all), highest_first);
    return all;
}

static double auc_of(const struct ranked *all, size_t n)
{
    double pairs = 0, buyers = 0, others = 0;
    for (size_t i = 0, end; i < n; i = end) {
        double b = 0, m = 0;
        for (end = i; end < n && all[end].peak == all[i].peak; end++) *(all[end].bought ? &b : &m) += 1;
        pairs += m * (buyers + b / 2); /* buyers above, and half of those level */
        buyers += b;
        others += m;
    }
    return buyers > 0 && others > 0 ? pairs / (buyers * others) : 0.5;
}

static double auc_error(double auc, double buyers, double others)
{
    double q1 = auc / (2 - auc), q2 = 2 * auc * auc / (1 + auc);
    double variance = (auc * (1 - auc) + (buyers - 1) * (q1 - auc * auc) + (others - 1) * (q2 - auc * auc)) / (buyers * others);
    return buyers > 0 && others > 0 ? sqrt(fmax(0, variance)) : 0;
}

/* Of those level with the last of the tenth, the share that has room. */
static double top_tenth(const struct ranked *all, size_t n)
{
    size_t room = (n + 9) / 10;
    double found = 0, buyers = 0;
    for (size_t i = 0; i < n; i++) buyers += all[i].bought;
    for (size_t i = 0, end; i < n && room; i = end) {
        double b = 0;
        for (end = i; end < n && all[end].peak == all[i].peak; end++) b += all[end].bought;
        size_t level = end - i, in = level < room ? level : room;
        found += b * (double)in / (double)level;
        room -= in;
    }
    return buyers > 0 ? found / buyers : 0;
}

/* ---- half-life ---- */

enum hl_status hl_draft_set_decay(struct hl_draft *d)
{
    static const int half_lives[] = {180, 90, 60, 30, 14, 7}, pers[] = {30, 7, 1};
    double best = -1;
    for (size_t k = 0; k < HL_ARRAY_LEN(half_lives) * HL_ARRAY_LEN(pers); k++) {
        struct hl_grid_point g = {half_lives[k / HL_ARRAY_LEN(pers)] * DAY, pers[k % HL_ARRAY_LEN(pers)] * DAY, 0};
        if (g.half_life_ms > d->past->o.window_ms && g.half_life_ms > 7 * DAY) continue; /* nothing so old was looked at */
        enum hl_status st = hl_draft_score(d, g.half_life_ms, g.per_ms);
        struct ranked *all = st == HL_OK ? rank_part(d, HL_PART_FIT) : NULL;
        if (!all) return HL_E_NOMEM;
        g.auc = auc_of(all, d->past->n[HL_PART_FIT]);
        free(all);
        d->grid[d->n_grid++] = g;
        if (g.auc < best + GAIN) continue;
        best = g.auc;
        d->half_life_ms = g.half_life_ms;
        d->per_ms = g.per_ms;
    }
    return hl_draft_score(d, d->half_life_ms, d->per_ms);
}

/* ---- threshold ---- */

static int highest_peak(const struct hl_draft *d)
{
    double highest = 0;
    for (size_t i = 0; i < d->past->ids.n; i++)
        if (d->past->contacts[i].part == HL_PART_FIT && d->peaks[i] > highest) highest = d->peaks[i];
    return (int)highest;
}

/* Buyers and others that reach each whole number of points, up to `highest`. */
static void count_reached(const struct hl_draft *d, int highest, double *buyers, double *others)
{
    const struct hl_past *p = d->past;
    for (size_t i = 0; i < p->ids.n; i++)
        if (p->contacts[i].part == HL_PART_FIT) (hl_past_has_bought(&p->contacts[i]) ? buyers : others)[(int)d->peaks[i]]++;
    for (int t = highest - 1; t >= 0; t--) {
        buyers[t] += buyers[t + 1];
        others[t] += others[t + 1];
    }
}

static int best_by_youden(const double *buyers, const double *others, int highest)
{
    double best = 0;
    int first = 0, last = 0;
    for (int t = 1; t <= highest; t++) {
        double j = buyers[t] / buyers[0] - others[t] / others[0];
        if (j > best + 1e-12) {
            best = j;
            first = last = t;
        } else if (first && t == last + 1 && j > best - 1e-12) {
            last = t;
        }
    }
    return (first + last) / 2;
}

static int lowest_within(const double *buyers, const double *others, int highest, double share)
{
    int t = 1;
    while (t <= highest && (buyers[t] + others[t]) > share * (buyers[0] + others[0])) t++;
    return t <= highest ? t : 0;
}

bool hl_draft_set_threshold(struct hl_draft *d)
{
    int highest = highest_peak(d);
    double *buyers = calloc((size_t)highest + 1, sizeof(*buyers)), *others = calloc((size_t)highest + 1, sizeof(*others));
    d->enter = 0;
    if (buyers && others) {
        count_reached(d, highest, buyers, others);
        d->enter = d->capacity > 0 ? lowest_within(buyers, others, highest, d->capacity) : best_by_youden(buyers, others, highest);
    }
    free(buyers);
    free(others);
    bool decays = false;
    for (size_t i = 0; i < d->n_items; i++) decays |= d->items[i].verdict == HL_KEPT && d->items[i].kind == HL_ITEM_SORT && d->items[i].points > 0;
    d->exit = decays ? d->enter / 2 : 0;
    return d->enter > 0;
}

/* A request of which at least as many buy as of those that reach the threshold, with the evidence against it, is a raised hand. */
void hl_draft_raise_hands(struct hl_draft *d)
{
    const struct hl_trial *t = &d->trials[HL_PART_FIT];
    double precision = t->by_score ? (double)t->by_score_bought / (double)t->by_score : 1;
    for (size_t i = 0; i < d->n_items; i++) {
        struct hl_item *item = &d->items[i];
        if (item->kind != HL_ITEM_SORT || item->verdict != HL_KEPT) continue;
        const struct hl_sort *s = &d->past->sorts[item->of];
        bool asks = s->type == HL_EVENT_DEMO_REQUESTED || s->type == HL_EVENT_MEETING_BOOKED || s->by == HL_BY_FORM;
        item->raises_hand = asks && item->points > 0 && item->share_low >= precision;
    }
}

/* ---- trial ---- */

static bool raised_hand(const struct hl_draft *d, const struct hl_past_contact *c)
{
    for (size_t i = c->first_act; i < c->first_act + c->n_acts; i++) {
        const struct hl_act *a = &d->past->acts[i];
        int32_t rule = d->rule_of_sort[a->sort];
        if (a->at >= c->from && rule >= 0 && d->items[rule].raises_hand) return true;
    }
    return false;
}

enum hl_status hl_draft_try(struct hl_draft *d, enum hl_part part)
{
    const struct hl_past *p = d->past;
    struct hl_trial *t = &d->trials[part];
    struct ranked *all = rank_part(d, part);
    if (!all) return HL_E_NOMEM;
    *t = (struct hl_trial){.n = p->n[part], .bought = p->bought[part]};
    t->auc = auc_of(all, t->n);
    t->auc_se = auc_error(t->auc, (double)t->bought, (double)(t->n - t->bought));
    t->top_tenth = top_tenth(all, t->n);
    free(all);
    for (size_t i = 0; i < p->ids.n; i++) {
        const struct hl_past_contact *c = &p->contacts[i];
        if (c->part != part) continue;
        bool reached = d->peaks[i] >= d->enter, mql = reached || raised_hand(d, c);
        t->by_score += reached;
        t->by_score_bought += reached && hl_past_has_bought(c);
        t->mql += mql;
        t->mql_bought += mql && hl_past_has_bought(c);
    }
    return HL_OK;
}

/* ---- grades ---- */

/* The best tenth is A, the best quarter B, the better half C, by fit; sorted: best first. A grade that nobody needs is left out. */
void hl_draft_set_grades(struct hl_draft *d, int32_t *sorted, size_t n)
{
    static const size_t per_cent[] = {10, 25, 50};
    int32_t better = INT32_MAX;
    for (size_t g = 0; g < HL_ARRAY_LEN(per_cent); g++) {
        int32_t cut = n ? sorted[(n - 1) * per_cent[g] / 100] : 0;
        d->grades[g] = cut > 0 && cut < better ? cut : 0;
        if (d->grades[g]) better = cut;
    }
}
