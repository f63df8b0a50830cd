/* The steps from the past to a model; each is a file of its own: evidence.c, trial.c, draft_put.c. */
#include "draft.h"

#include <inttypes.h>
#include <stdlib.h>

void hl_draft_fini(struct hl_draft *d)
{
    free(d->items);
    free(d->rule_of_sort);
    free(d->rule_of_value);
    free(d->peaks);
    free(d->fits);
}

static bool make_room(struct hl_draft *d)
{
    const struct hl_past *p = d->past;
    d->rule_of_sort = malloc((p->names.n + 1) * sizeof(*d->rule_of_sort));
    d->rule_of_value = malloc((p->values.n + 1) * sizeof(*d->rule_of_value));
    d->peaks = calloc(p->ids.n + 1, sizeof(*d->peaks));
    d->fits = calloc(p->ids.n + 1, sizeof(*d->fits));
    return d->rule_of_sort && d->rule_of_value && d->peaks && d->fits;
}

/* ---- what scores ---- */

static void index_sorts(struct hl_draft *d)
{
    const struct hl_past *p = d->past;
    for (size_t s = 0; s < p->names.n; s++) d->rule_of_sort[s] = -1;
    for (size_t i = 0; i < d->n_items; i++)
        if (d->items[i].kind == HL_ITEM_SORT && d->items[i].verdict == HL_KEPT) d->rule_of_sort[d->items[i].of] = (int32_t)i;
    for (size_t s = 0; s < p->names.n; s++) /* of a type and of a part of it only one is kept */
        if (d->rule_of_sort[s] < 0) d->rule_of_sort[s] = d->rule_of_sort[p->sorts[s].whole];
}

static bool holds(const struct hl_draft *d, const struct hl_item *item, uint32_t value)
{
    hl_fixed number;
    if (item->kind == HL_ITEM_VALUE) return item->value == value;
    if (d->past->key_of[value] != item->of || !hl_fixed_parse(hl_past_value(d->past, value), &number)) return false;
    return (!item->has_low || number >= item->low) && (!item->has_high || number <= item->high);
}

/* Values of one attribute exclude each other, and so do its ranges: there is one at most. */
static void index_values(struct hl_draft *d)
{
    for (size_t v = 0; v < d->past->values.n; v++) d->rule_of_value[v] = -1;
    for (size_t i = 0; i < d->n_items; i++) {
        const struct hl_item *item = &d->items[i];
        if (item->kind == HL_ITEM_SORT || item->verdict != HL_KEPT) continue;
        for (uint32_t v = 0; v < d->past->values.n; v++)
            if (holds(d, item, v)) d->rule_of_value[v] = (int32_t)i;
    }
}

static int highest_first(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x < y) - (x > y);
}

static int32_t points_of(const struct hl_draft *d, const struct hl_trait *t)
{
    int32_t rule = t->value == HL_NO_TEXT ? -1 : d->rule_of_value[t->value];
    return rule < 0 ? 0 : d->items[rule].points;
}

static enum hl_status set_fits(struct hl_draft *d)
{
    const struct hl_past *p = d->past;
    int32_t *sorted = malloc((p->n[HL_PART_FIT] + 1) * sizeof(*sorted));
    size_t n = 0;
    if (!sorted) return HL_E_NOMEM;
    for (size_t i = 0; i < p->ids.n; i++) {
        const struct hl_past_contact *c = &p->contacts[i];
        for (size_t k = c->first_trait; c->part != HL_PART_NONE && k < c->first_trait + c->n_traits; k++)
            d->fits[i] += points_of(d, &p->traits[k]);
        if (c->part == HL_PART_FIT) sorted[n++] = d->fits[i];
    }
    qsort(sorted, n, sizeof(*sorted), highest_first);
    hl_draft_set_grades(d, sorted, n);
    free(sorted);
    return HL_OK;
}

/* ---- what teaches nothing ---- */

static enum hl_status look_at_past(const struct hl_past *p, uint64_t least, struct hl_error *err)
{
    uint64_t n = p->n[HL_PART_FIT], bought = p->bought[HL_PART_FIT], seen = p->bought[HL_PART_FIT] + p->bought[HL_PART_HOLDOUT];
    const char *type = hl_event_type_name(p->o.bought);
    if (p->n_events == 0) return hl_error_set(err, HL_E_DECODE, HL_STOP, "there are no events");
    if (seen == 0 && p->n_unseen == 0)
        return hl_error_set(err, HL_E_DECODE, HL_STOP, "nobody bought: there is no event %s. --bought names another type", type);
    if (seen == 0)
        return hl_error_set(err, HL_E_DECODE, HL_STOP, "of %" PRIu64 " who bought nothing is known from before: what do the files begin with?", p->n_unseen);
    if (bought < least)
        return hl_error_set(err, HL_E_DECODE, HL_STOP,
                            "%" PRIu64 " contacts bought whose past is known and not held out: fewer than %" PRIu64 " teach nothing (--min-contacts)", bought, least);
    if (n - bought < least)
        return hl_error_set(err, HL_E_DECODE, HL_STOP,
                            "%" PRIu64 " contacts that did not buy can be compared, fewer than %" PRIu64 " (--min-contacts): the files must hold all contacts, "
                            "not only those who bought", n - bought, least);
    return HL_OK;
}

static bool speaks_for(const struct hl_draft *d)
{
    for (size_t i = 0; i < d->n_items; i++)
        if (d->items[i].verdict == HL_KEPT && d->items[i].points > 0) return true;
    return false;
}

static enum hl_status nothing_found(const struct hl_draft *d, struct hl_error *err)
{
    return hl_error_set(err, HL_E_DECODE, HL_STOP,
                        "nothing tells buyers from others: of %zu acts and traits, %zu were seen too rarely (--min-contacts), and what the others say may be chance",
                        d->n_items, d->n_verdicts[HL_FEW]);
}

/* ---- the whole ---- */

static enum hl_status fit(struct hl_draft *d, struct hl_error *err)
{
    enum hl_status st = hl_draft_collect(d);
    if (st == HL_OK) st = hl_draft_choose(d);
    if (st != HL_OK) return st;
    index_sorts(d);
    index_values(d);
    if (d->together) {
        st = hl_draft_weigh_together(d);
        hl_draft_sort(d);
        index_sorts(d);
        index_values(d);
    }
    if (st != HL_OK) return st;
    if (!speaks_for(d)) return nothing_found(d, err);
    st = set_fits(d);
    if (st == HL_OK) st = hl_draft_set_decay(d);
    if (st == HL_OK && !hl_draft_set_threshold(d))
        st = hl_error_set(err, HL_E_DECODE, HL_STOP, d->capacity > 0 ? "no threshold lets so few through (--capacity): too many contacts have the same score"
                                                                    : "no threshold tells buyers from others");
    return st;
}

enum hl_status hl_draft_make(struct hl_draft *d, const struct hl_past *past, const struct hl_draft_options *o, struct hl_error *err)
{
    *d = (struct hl_draft){.past = past, .min_contacts = o->min_contacts, .capacity = o->capacity, .together = o->together};
    enum hl_status st = look_at_past(past, o->min_contacts, err);
    if (st != HL_OK) return st;
    st = make_room(d) ? fit(d, err) : HL_E_NOMEM;
    if (st == HL_OK) st = hl_draft_try(d, HL_PART_FIT);
    if (st == HL_OK) hl_draft_raise_hands(d);
    if (st == HL_OK) st = hl_draft_try(d, HL_PART_FIT); /* again: with raised hands */
    if (st == HL_OK) st = hl_draft_try(d, HL_PART_HOLDOUT);
    return st == HL_E_NOMEM ? hl_error_set(err, st, HL_STOP, "out of memory") : st;
}
