/* DESIGN
 * What an item says is told in log odds, so that items add up (naive Bayes; "weight of evidence": I. J. Good, Probability and the Weighing
 * of Evidence, 1950; as scorecards: N. Siddiqi, Credit Risk Scorecards, 2006).
 *
 *     of n contacts, B bought and M did not; of those who did it, b bought and m did not
 *     an act (not doing it gives nothing)   w = ln [(b + 1/2)(M - m + 1/2) / ((m + 1/2)(B - b + 1/2))]
 *                                           se^2 = 1/(b + 1/2) + 1/(m + 1/2) + 1/(B - b + 1/2) + 1/(M - m + 1/2)
 *     a value (one of several)              w = ln [(b + 1/2)/(B + 1)] - ln [(m + 1/2)/(M + 1)]
 *                                           se^2 = 1/(b + 1/2) - 1/(B + 1) + 1/(m + 1/2) - 1/(M + 1)
 *
 * The halves: Haldane 1956, Anscombe 1956, who show that they take the bias; se: Woolf 1955, Gart 1966. Two values of one attribute exclude
 * each other, so the difference of their w is their log odds ratio; with the first formula it would count twice.
 *
 * Little evidence is pulled towards nothing: w t^2 / (t^2 + se^2), the mean of what is to be believed where, before the evidence, w is
 * normal around 0 with t = 1 (most effects are below a factor of e; Efron and Morris, JASA 70, 1975). points = 10 w / ln 2, to the nearest.
 *
 * An item is kept when w differs from 0: two-sided p of w / se, all items together held to 5 % of false ones (Benjamini and Hochberg, JRSS B 57,
 * 1995). The interval of a share is Wilson's (JASA 22, 1927).
 *
 * WHY NOT a regression: its weights tell apart better what goes together, but none of them can be worked out by hand from a line of counts.
 * What the simpler way costs is told, by the trial on contacts that it has not seen. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "draft.h"

#define Z95 1.959964
#define TRUSTED 1.0        /* t */
#define MAX_RANGES 4
#define MANY_VALUES 8      /* numbers with more different values than that become ranges */

static void set_interval(struct hl_item *item)
{
    double n = (double)item->did, p = n > 0 ? (double)item->bought / n : 0, z2 = Z95 * Z95;
    double middle = n > 0 ? (p + z2 / (2 * n)) / (1 + z2 / n) : 0.5;
    double half = n > 0 ? Z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n) : 0.5;
    item->share_low = fmax(0, middle - half);
    item->share_high = fmin(1, middle + half);
}

void hl_item_weigh(struct hl_item *item, uint64_t n, uint64_t n_bought)
{
    double all_b = (double)n_bought, all_m = (double)(n - n_bought), b = (double)item->bought, m = (double)(item->did - item->bought);
    double here_b = b + 0.5, here_m = m + 0.5, else_b = all_b - b + 0.5, else_m = all_m - m + 0.5, variance;
    if (item->kind == HL_ITEM_SORT) {
        item->weight = log(here_b * else_m / (here_m * else_b));
        variance = 1 / here_b + 1 / here_m + 1 / else_b + 1 / else_m;
    } else {
        item->weight = log(here_b / (all_b + 1)) - log(here_m / (all_m + 1));
        variance = 1 / here_b - 1 / (all_b + 1) + 1 / here_m - 1 / (all_m + 1);
    }
    item->se = sqrt(variance);
    item->p = erfc(fabs(item->weight) / item->se / sqrt(2));
    item->shrunk = item->weight * TRUSTED * TRUSTED / (TRUSTED * TRUSTED + variance);
    item->points = (int)lround(item->shrunk * HL_POINTS_THAT_DOUBLE / log(2));
    set_interval(item);
}

/* ---- names ---- */

static size_t put_slug(char *out, size_t len, struct hl_slice text)
{
    for (size_t i = 0; i < text.len && len + 8 < HL_NAME_SIZE; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (c >= 'A' && c <= 'Z') out[len++] = (char)(c + 32);
        if (letter) out[len++] = (char)c;
        if (!letter && !(c >= 'A' && c <= 'Z') && len && out[len - 1] != '-') out[len++] = '-';
    }
    while (len && out[len - 1] == '-') len--;
    out[len] = 0;
    return len;
}

static size_t put_two(char *out, const char *first, struct hl_slice second)
{
    size_t len = put_slug(out, 0, hl_slice_of(first)), whole;
    out[len] = '-';
    whole = put_slug(out, len + 1, second);
    return whole;
}

static void name_sort(const struct hl_past *p, struct hl_item *item)
{
    static const char *const stems[] = {[HL_BY_PATH] = "page", [HL_BY_ASSET] = "file", [HL_BY_FORM] = "form"};
    const struct hl_sort *s = &p->sorts[item->of];
    const char *stem = s->type == HL_EVENT_LINK_CLICKED ? "link" : s->type == HL_EVENT_VIDEO_WATCHED ? "video" : stems[s->by];
    bool home = s->by == HL_BY_PATH && s->what.len == 1;
    if (s->by == HL_BY_TYPE)
        put_slug(item->name, 0, hl_slice_of(hl_event_type_name(s->type)));
    else
        put_two(item->name, stem, home ? HL_SLICE_LIT("home") : s->what);
}

static void name_trait(const struct hl_past *p, struct hl_item *item)
{
    char text[64], low[24], high[24];
    const char *key = p->keys.items[item->of].data;
    snprintf(low, sizeof(low), "%.15g", hl_fixed_to_double(item->low));
    snprintf(high, sizeof(high), "%.15g", hl_fixed_to_double(item->high));
    if (item->kind == HL_ITEM_VALUE)
        put_two(item->name, key, hl_past_value(p, item->value));
    else {
        snprintf(text, sizeof(text), item->has_low && item->has_high ? "%s to %s" : item->has_low ? "%s up" : "to %s%s", item->has_low ? low : high,
                 item->has_low && item->has_high ? high : "");
        put_two(item->name, key, hl_slice_of(text));
    }
}

static bool is_taken(const struct hl_draft *d, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (d->items[k].verdict == HL_KEPT && strcmp(d->items[k].name, d->items[i].name) == 0) return true;
    return false;
}

static void set_name(const struct hl_past *p, struct hl_item *item)
{
    (item->kind == HL_ITEM_SORT ? name_sort : name_trait)(p, item);
}

/* Two rules that read the same get a number. */
static void tell_apart(struct hl_draft *d, size_t i)
{
    struct hl_item *item = &d->items[i];
    size_t len = strlen(item->name);
    for (unsigned k = 2; item->verdict == HL_KEPT && k < 1000 && is_taken(d, i); k++) snprintf(item->name + len, sizeof(item->name) - len, "-%u", k);
}

/* ---- items ---- */

static bool add_item(struct hl_draft *d, struct hl_item item)
{
    if (d->n_items == d->cap_items) {
        size_t cap = d->cap_items ? d->cap_items * 2 : 64;
        struct hl_item *grown = realloc(d->items, cap * sizeof(*grown));
        if (!grown) return false;
        d->items = grown;
        d->cap_items = cap;
    }
    d->items[d->n_items++] = item;
    return true;
}

struct tally {
    uint64_t did, bought;
    uint32_t last; /* contact, plus 1, so that it counts once */
};

static void count(struct tally *t, uint32_t contact, bool bought)
{
    if (t->last == contact + 1) return;
    t->last = contact + 1;
    t->did++;
    t->bought += bought;
}

static bool is_counted(const struct hl_past *p, size_t contact)
{
    return p->contacts[contact].part == HL_PART_FIT;
}

static enum hl_status collect_sorts(struct hl_draft *d)
{
    const struct hl_past *p = d->past;
    struct tally *tallies = calloc(p->names.n + 1, sizeof(*tallies));
    if (!tallies) return HL_E_NOMEM;
    for (size_t i = 0; i < p->n_acts; i++) {
        const struct hl_act *a = &p->acts[i];
        const struct hl_past_contact *c = &p->contacts[a->contact];
        if (!is_counted(p, a->contact) || a->at < c->from) continue;
        count(&tallies[a->sort], a->contact, hl_past_has_bought(c));
        if (p->sorts[a->sort].whole != a->sort) count(&tallies[p->sorts[a->sort].whole], a->contact, hl_past_has_bought(c));
    }
    bool ok = true;
    for (uint32_t s = 0; ok && s < p->names.n; s++)
        if (tallies[s].did) ok = add_item(d, (struct hl_item){.kind = HL_ITEM_SORT, .of = s, .did = tallies[s].did, .bought = tallies[s].bought});
    free(tallies);
    return ok ? HL_OK : HL_E_NOMEM;
}

/* Indexes 0 .. n - 1, by the key of each; those of one key in their order. */
struct shelves {
    size_t *start; /* of each key, and behind the last */
    size_t *items;
};

static uint32_t key_of_trait(const struct hl_past *p, size_t i)
{
    return p->traits[i].key;
}

static uint32_t key_of_value(const struct hl_past *p, size_t i)
{
    return p->key_of[i];
}

/* unshelve is due in any case. */
static enum hl_status shelve(struct shelves *s, const struct hl_past *p, size_t n, uint32_t (*key_of)(const struct hl_past *p, size_t i))
{
    s->start = calloc(p->keys.n + 2, sizeof(*s->start));
    s->items = malloc((n + 1) * sizeof(*s->items));
    if (!s->start || !s->items) return HL_E_NOMEM;
    size_t *next = s->start + 1; /* where the next one of a key goes; its start, when all are in */
    for (size_t i = 0; i < n; i++) next[key_of(p, i) + 1]++;
    for (size_t k = 0; k < p->keys.n; k++) next[k + 1] += next[k];
    for (size_t i = 0; i < n; i++) s->items[next[key_of(p, i)]++] = i;
    return HL_OK;
}

static void unshelve(struct shelves *s)
{
    free(s->start);
    free(s->items);
}

/* The values of one attribute, of the contacts that count. */
struct column {
    uint32_t key;
    struct shelves traits, values; /* of all attributes */
    const struct tally *tallies; /* of all values */
    hl_fixed *numbers;           /* one for each contact that has one; room for all traits */
    size_t n_numbers, n_texts, n_different;
};

static void look_at_column(const struct hl_past *p, struct column *c)
{
    c->n_numbers = c->n_texts = c->n_different = 0;
    for (size_t i = c->traits.start[c->key]; i < c->traits.start[c->key + 1]; i++) {
        const struct hl_trait *t = &p->traits[c->traits.items[i]];
        hl_fixed number;
        if (t->value == HL_NO_TEXT || !is_counted(p, t->contact)) continue;
        if (hl_fixed_parse(hl_past_value(p, t->value), &number))
            c->numbers[c->n_numbers++] = number;
        else
            c->n_texts++;
    }
    for (size_t i = c->values.start[c->key]; i < c->values.start[c->key + 1]; i++) c->n_different += c->tallies[c->values.items[i]].did > 0;
}

static int compare_fixed(const void *a, const void *b)
{
    hl_fixed x = *(const hl_fixed *)a, y = *(const hl_fixed *)b;
    return (x > y) - (x < y);
}

static bool are_whole(const struct column *c)
{
    for (size_t i = 0; i < c->n_numbers; i++)
        if (c->numbers[i] % HL_FIXED_ONE) return false;
    return true;
}

/* Where the range behind `cut` begins. */
static hl_fixed next_low(const struct column *c, hl_fixed cut)
{
    size_t i = 0;
    if (are_whole(c)) return cut + HL_FIXED_ONE;
    while (c->numbers[i] <= cut) i++;
    return c->numbers[i];
}

static void count_range(const struct hl_past *p, const struct column *c, struct hl_item *r)
{
    for (size_t i = c->traits.start[c->key]; i < c->traits.start[c->key + 1]; i++) {
        const struct hl_trait *t = &p->traits[c->traits.items[i]];
        hl_fixed number;
        if (t->value == HL_NO_TEXT || !is_counted(p, t->contact) || !hl_fixed_parse(hl_past_value(p, t->value), &number)) continue;
        if ((r->has_low && number < r->low) || (r->has_high && number > r->high)) continue;
        r->did++;
        r->bought += hl_past_has_bought(&p->contacts[t->contact]);
    }
}

/* Cut into four parts of the same number of contacts, as far as equal numbers allow. */
static enum hl_status collect_ranges(struct hl_draft *d, struct column *c)
{
    struct hl_item r = {.kind = HL_ITEM_RANGE, .of = c->key};
    qsort(c->numbers, c->n_numbers, sizeof(*c->numbers), compare_fixed);
    hl_fixed last = c->numbers[c->n_numbers - 1];
    for (size_t k = 1; k <= MAX_RANGES; k++) {
        hl_fixed cut = k == MAX_RANGES ? last : c->numbers[c->n_numbers * k / MAX_RANGES - 1];
        if (r.has_low && cut < r.low) continue; /* the same number as before */
        r.has_high = cut < last;
        r.high = cut;
        if (!r.has_low && !r.has_high) break; /* all in one */
        struct hl_item full = r;
        count_range(d->past, c, &full);
        if (!add_item(d, full)) return HL_E_NOMEM;
        if (!r.has_high) break;
        r.has_low = true;
        r.low = next_low(c, cut);
    }
    return HL_OK;
}

static enum hl_status collect_values(struct hl_draft *d, const struct column *c)
{
    for (size_t i = c->values.start[c->key]; i < c->values.start[c->key + 1]; i++) {
        uint32_t v = (uint32_t)c->values.items[i];
        if (!c->tallies[v].did) continue;
        if (c->tallies[v].did < d->min_contacts && c->n_different > MANY_VALUES) continue; /* names and addresses would fill pages */
        if (!add_item(d, (struct hl_item){.kind = HL_ITEM_VALUE, .of = c->key, .value = v, .did = c->tallies[v].did, .bought = c->tallies[v].bought}))
            return HL_E_NOMEM;
    }
    return HL_OK;
}

static enum hl_status collect_traits(struct hl_draft *d)
{
    const struct hl_past *p = d->past;
    struct tally *tallies = calloc(p->values.n + 1, sizeof(*tallies));
    struct column c = {.tallies = tallies, .numbers = malloc((p->n_traits + 1) * sizeof(*c.numbers))};
    enum hl_status st = tallies && c.numbers ? HL_OK : HL_E_NOMEM;
    if (st == HL_OK) st = shelve(&c.traits, p, p->n_traits, key_of_trait);
    if (st == HL_OK) st = shelve(&c.values, p, p->values.n, key_of_value);
    for (size_t i = 0; st == HL_OK && i < p->n_traits; i++) {
        const struct hl_trait *t = &p->traits[i];
        if (t->value != HL_NO_TEXT && is_counted(p, t->contact)) count(&tallies[t->value], t->contact, hl_past_has_bought(&p->contacts[t->contact]));
    }
    for (c.key = 0; st == HL_OK && c.key < p->keys.n; c.key++) {
        look_at_column(p, &c);
        bool are_numbers = c.n_numbers > 19 * c.n_texts && c.n_different > MANY_VALUES;
        st = are_numbers ? collect_ranges(d, &c) : collect_values(d, &c);
    }
    unshelve(&c.traits);
    unshelve(&c.values);
    free(tallies);
    free(c.numbers);
    return st;
}

enum hl_status hl_draft_collect(struct hl_draft *d)
{
    enum hl_status st = collect_sorts(d);
    if (st == HL_OK) st = collect_traits(d);
    return st;
}

/* ---- which are kept ---- */

static int by_p(const void *a, const void *b)
{
    const struct hl_item *x = *(struct hl_item *const *)a, *y = *(struct hl_item *const *)b;
    return (x->p > y->p) - (x->p < y->p);
}

/* Benjamini and Hochberg: the largest k for which the k-th smallest p is at most k/n of the share. */
static void hold_chance(struct hl_item **weighed, size_t n)
{
    size_t kept = 0;
    qsort(weighed, n, sizeof(*weighed), by_p);
    for (size_t k = 1; k <= n; k++)
        if (weighed[k - 1]->p <= HL_MAX_FALSE * (double)k / (double)n) kept = k;
    for (size_t k = 0; k < n; k++) weighed[k]->verdict = k < kept ? weighed[k]->points ? HL_KEPT : HL_SMALL : HL_UNSURE;
}

/* A type of event, of which single pages, files or forms say more. */
static void drop_wholes(struct hl_draft *d)
{
    const struct hl_past *p = d->past;
    for (size_t i = 0; i < d->n_items; i++) {
        struct hl_item *narrow = &d->items[i];
        if (narrow->kind != HL_ITEM_SORT || narrow->verdict != HL_KEPT || p->sorts[narrow->of].whole == narrow->of) continue;
        for (size_t k = 0; k < d->n_items; k++) {
            struct hl_item *whole = &d->items[k];
            if (whole->kind == HL_ITEM_SORT && whole->of == p->sorts[narrow->of].whole && whole->verdict == HL_KEPT) whole->verdict = HL_NARROWER;
        }
    }
}

/* Largest first, what takes away last; acts before traits. */
static int by_weight(const void *a, const void *b)
{
    const struct hl_item *x = a, *y = b;
    if ((x->kind == HL_ITEM_SORT) != (y->kind == HL_ITEM_SORT)) return x->kind == HL_ITEM_SORT ? -1 : 1;
    if ((x->verdict == HL_KEPT) != (y->verdict == HL_KEPT)) return x->verdict == HL_KEPT ? -1 : 1;
    if (x->verdict == HL_KEPT && x->points != y->points) return x->points > y->points ? -1 : 1;
    if (x->did != y->did) return x->did > y->did ? -1 : 1;
    if (x->bought != y->bought) return x->bought > y->bought ? -1 : 1;
    return strcmp(x->name, y->name);
}

void hl_draft_sort(struct hl_draft *d)
{
    memset(d->n_kept, 0, sizeof(d->n_kept));
    memset(d->n_verdicts, 0, sizeof(d->n_verdicts));
    if (d->n_items) qsort(d->items, d->n_items, sizeof(*d->items), by_weight);
    for (size_t i = 0; i < d->n_items; i++) {
        const struct hl_item *item = &d->items[i];
        tell_apart(d, i);
        d->n_verdicts[item->verdict]++;
        if (item->verdict == HL_KEPT) d->n_kept[item->kind]++;
    }
}

enum hl_status hl_draft_choose(struct hl_draft *d)
{
    const struct hl_past *p = d->past;
    struct hl_item **weighed = malloc((d->n_items + 1) * sizeof(*weighed));
    uint64_t n = p->n[HL_PART_FIT];
    size_t n_weighed = 0;
    if (!weighed) return HL_E_NOMEM;
    for (size_t i = 0; i < d->n_items; i++) {
        struct hl_item *item = &d->items[i];
        set_name(p, item);
        hl_item_weigh(item, n, p->bought[HL_PART_FIT]);
        item->verdict = item->did < d->min_contacts || n - item->did < d->min_contacts ? HL_FEW : HL_UNSURE;
        if (item->verdict == HL_UNSURE) weighed[n_weighed++] = item;
    }
    hold_chance(weighed, n_weighed);
    free(weighed);
    drop_wholes(d);
    hl_draft_sort(d);
    return HL_OK;
}
