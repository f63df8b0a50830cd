/* A draft as a model that can be read, with the evidence beside each rule; or all the evidence as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "draft.h"
#include "hotlead/base/iso8601.h"
#include "json_text.h"

#define DAY INT64_C(86400000)
#define NAMED 20 /* of what is left out, in the file; JSON has all */

static const char *const verdict_names[HL_VERDICT_COUNT] = {
    [HL_KEPT] = "kept", [HL_FEW] = "too_few", [HL_UNSURE] = "may_be_chance", [HL_NARROWER] = "narrower_rules_kept", [HL_SMALL] = "no_whole_point"};

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static double base_rate(const struct hl_draft *d)
{
    return share(d->past->bought[HL_PART_FIT], d->past->n[HL_PART_FIT]);
}

static const char *date(int64_t ms, char text[HL_ISO8601_SIZE])
{
    hl_iso8601_format(ms, text);
    text[10] = 0;
    return text;
}

/* "90d", "36h" */
static const char *span(int64_t ms, char text[24])
{
    bool days = ms % DAY == 0, hours = ms % (DAY / 24) == 0;
    snprintf(text, 24, "%" PRId64 "%s", days ? ms / DAY : hours ? ms / (DAY / 24) : ms, days ? "d" : hours ? "h" : "ms");
    return text;
}

/* ---- yaml ---- */

static void put_evidence(const struct hl_draft *d, const struct hl_item *i, struct hl_buf *out)
{
    double base = base_rate(d), bought = share(i->bought, i->did);
    hl_buf_printf(out, "    # %" PRIu64 " contacts %s, %" PRIu64 " of them bought: %.1f %% (%.1f to %.1f), lift %.2f (%.2f to %.2f); odds x %.2f (%.2f to %.2f) %s\n",
                  i->did, i->kind == HL_ITEM_SORT ? "did it" : "are so", i->bought, 100 * bought, 100 * i->share_low, 100 * i->share_high, bought / base,
                  i->share_low / base, i->share_high / base, exp(i->weight), exp(i->weight - 1.96 * i->se), exp(i->weight + 1.96 * i->se),
                  i->kind == HL_ITEM_SORT ? "against those who did not" : "against all");
}

static void put_match(const struct hl_draft *d, const struct hl_item *i, struct hl_buf *out)
{
    static const char *const keys[] = {[HL_BY_PATH] = "path", [HL_BY_ASSET] = "asset", [HL_BY_FORM] = "form"};
    const struct hl_sort *s = &d->past->sorts[i->of];
    hl_buf_printf(out, "on: %s", hl_event_type_name(s->type));
    if (s->by == HL_BY_TYPE) return;
    hl_buf_printf(out, ", %s: ", keys[s->by]);
    hl_json_put_text(out, s->what);
}

static void put_condition(const struct hl_draft *d, const struct hl_item *i, struct hl_buf *out)
{
    hl_json_put_raw(out, "attribute: ");
    hl_json_put_text(out, d->past->keys.items[i->of]);
    if (i->kind == HL_ITEM_VALUE) {
        hl_json_put_raw(out, ", equals: ");
        hl_json_put_text(out, hl_past_value(d->past, i->value));
        return;
    }
    hl_json_put_raw(out, i->has_low && i->has_high ? ", between: [" : i->has_low ? ", at_least: " : ", at_most: ");
    if (i->has_low) hl_json_put_points(out, i->low);
    if (i->has_low && i->has_high) hl_json_put_raw(out, ", ");
    if (i->has_high) hl_json_put_points(out, i->high);
    if (i->has_low && i->has_high) hl_json_put_raw(out, "]");
}

static void put_fit(const struct hl_draft *d, struct hl_buf *out)
{
    hl_json_put_raw(out, "\nfit:\n"
                         "  # Who can be a customer at all, and who never: no history tells. Until you say it, whoever opts in is a Lead. For example:\n"
                         "  #   - {name: served-country, attribute: country, in: [US, CA, GB]}\n"
                         "  must_have: []\n"
                         "  rules:");
    hl_json_put_raw(out, d->n_kept[HL_ITEM_VALUE] + d->n_kept[HL_ITEM_RANGE] ? "\n" : " []\n");
    for (size_t k = 0; k < d->n_items; k++) {
        const struct hl_item *i = &d->items[k];
        if (i->kind == HL_ITEM_SORT || i->verdict != HL_KEPT) continue;
        put_evidence(d, i, out);
        hl_buf_printf(out, "    - {name: %s, ", i->name);
        put_condition(d, i, out);
        hl_buf_printf(out, ", points: %d}\n", i->points);
    }
    bool any = d->grades[0] || d->grades[1] || d->grades[2], first = true;
    if (any) hl_json_put_raw(out, "  # the best tenth by fit, the best quarter, the better half, as far as points tell them apart\n  grades: {");
    for (int g = 0; g < 3; g++) {
        if (!d->grades[g]) continue;
        hl_buf_printf(out, "%s%c: %d", first ? "" : ", ", 'A' + g, d->grades[g]);
        first = false;
    }
    if (any) hl_json_put_raw(out, "}\n");
}

static void put_behavior(const struct hl_draft *d, struct hl_buf *out)
{
    char text[24];
    if (!d->n_kept[HL_ITEM_SORT]) {
        hl_json_put_raw(out, "\nbehavior:\n  rules: []\n");
        return;
    }
    hl_buf_printf(out, "\nbehavior:\n  # the half-life, and how often a rule counts, that rank buyers best: AUC %.3f, among %zu pairs that were tried\n",
                  d->trials[HL_PART_FIT].auc, d->n_grid);
    hl_buf_printf(out, "  half_life: %s\n  rules:\n", span(d->half_life_ms, text));
    for (size_t k = 0; k < d->n_items; k++) {
        const struct hl_item *i = &d->items[k];
        if (i->kind != HL_ITEM_SORT || i->verdict != HL_KEPT) continue;
        put_evidence(d, i, out);
        hl_buf_printf(out, "    - {name: %s, ", i->name);
        put_match(d, i, out);
        hl_buf_printf(out, ", points: %d, max_times: 1 per %s}\n", i->points, span(d->per_ms, text));
    }
}

static void put_hands(const struct hl_draft *d, struct hl_buf *out)
{
    bool first = true;
    for (size_t k = 0; k < d->n_items; k++) {
        const struct hl_item *i = &d->items[k];
        if (!i->raises_hand) continue;
        if (first)
            hl_json_put_raw(out, "\n# Requests after which, with the evidence against it, at least as many buy as above the threshold: an MQL at once.\nhand_raise:\n");
        first = false;
        hl_buf_printf(out, "  - {name: %s, ", i->name);
        put_match(d, i, out);
        hl_json_put_raw(out, ", valid_for: 30d}\n");
    }
}

static void put_trial(const struct hl_draft *d, enum hl_part part, const char *who, struct hl_buf *out)
{
    const struct hl_trial *t = &d->trials[part];
    hl_buf_printf(out, "# %s: %" PRIu64 " contacts, %" PRIu64 " bought. AUC %.3f (%.3f to %.3f); the tenth with the highest scores has %.0f %% of the buyers.\n", who, t->n,
                  t->bought, t->auc, fmax(0, t->auc - 1.96 * t->auc_se), fmin(1, t->auc + 1.96 * t->auc_se), 100 * t->top_tenth);
    hl_buf_printf(out, "#   MQLs by score: %" PRIu64 ", of whom %.1f %% bought; they are %.1f %% of the buyers.", t->by_score,
                  100 * share(t->by_score_bought, t->by_score), 100 * share(t->by_score_bought, t->bought));
    hl_buf_printf(out, " With raised hands: %" PRIu64 ", %.1f %%, %.1f %%.\n", t->mql, 100 * share(t->mql_bought, t->mql), 100 * share(t->mql_bought, t->bought));
}

static void put_thresholds(const struct hl_draft *d, struct hl_buf *out)
{
    hl_buf_printf(out, "\n# The score that a contact had at its highest in its window, made from the rules above.\n");
    put_trial(d, HL_PART_FIT, "The contacts that the model is made from", out);
    if (d->trials[HL_PART_HOLDOUT].n)
        put_trial(d, HL_PART_HOLDOUT, "Contacts that nothing above was taken from", out);
    else
        hl_json_put_raw(out, "# None were held out, so how it does on others is not known.\n");
    if (d->capacity > 0)
        hl_buf_printf(out, "# The lowest threshold that lets no more than %g %% of the contacts through.\n", 100 * d->capacity);
    else
        hl_json_put_raw(out, "# The threshold that parts buyers from others best (Youden); --capacity sets it by how many sales can take.\n");
    hl_buf_printf(out, "thresholds:\n  mql: {enter: %d", d->enter);
    if (d->exit) hl_buf_printf(out, ", exit: %d", d->exit);
    hl_json_put_raw(out, "}\n");
}

static void put_left_out_of(const struct hl_draft *d, enum hl_verdict v, const char *why, struct hl_buf *out)
{
    size_t named = 0;
    if (!d->n_verdicts[v]) return;
    hl_buf_printf(out, "#\n# %s:\n", why);
    for (size_t k = 0; k < d->n_items && named < NAMED; k++) {
        const struct hl_item *i = &d->items[k];
        if (i->verdict != v) continue;
        hl_buf_printf(out, "#   %s: %" PRIu64 " contacts, %" PRIu64 " bought\n", i->name, i->did, i->bought);
        named++;
    }
    if (d->n_verdicts[v] > named) hl_buf_printf(out, "#   and %zu more: -o json has them all\n", d->n_verdicts[v] - named);
}

static void put_left_out(const struct hl_draft *d, struct hl_buf *out)
{
    char text[128];
    if (d->n_items == d->n_verdicts[HL_KEPT]) return;
    hl_json_put_raw(out, "\n# LEFT OUT\n");
    snprintf(text, sizeof(text), "Too little evidence: done, or not done, by fewer than %" PRIu64 " contacts", d->min_contacts);
    put_left_out_of(d, HL_FEW, text, out);
    put_left_out_of(d, HL_UNSURE, "What they say may be chance", out);
    put_left_out_of(d, HL_NARROWER, "Said better by rules for single pages, files or forms", out);
    put_left_out_of(d, HL_SMALL, "Sure, but too weak for a whole point", out);
}

static void put_head(const struct hl_draft *d, const struct hl_draft_title *t, struct hl_buf *out)
{
    char from[HL_ISO8601_SIZE], to[HL_ISO8601_SIZE], text[24];
    const struct hl_past *p = d->past;
    hl_buf_printf(out, "# Drafted by hotlead calibrate from %" PRIu64 " events, %s to %s. A draft: strike what you do not believe, say in must_have who can\n"
                       "# be a customer at all, add deadlines and routing. Then hotlead check, and hotlead simulate --against it, before it goes live.\n#\n",
                  p->n_events, date(p->from, from), date(p->to, to));
    hl_buf_printf(out, "# %" PRIu64 " contacts, %" PRIu64 " of them bought (%s): %.1f %%. Held out, to try the model on: %" PRIu64 ", %" PRIu64 " bought.\n", p->n[HL_PART_FIT],
                  p->bought[HL_PART_FIT], hl_event_type_name(t->bought), 100 * base_rate(d), p->n[HL_PART_HOLDOUT], p->bought[HL_PART_HOLDOUT]);
    hl_buf_printf(out, "# Not used: %" PRIu64 " that bought without a known past, %" PRIu64 " that did not buy but have been known for less time than any buyer took, %" PRIu64
                       " erased.\n",
                  p->n_unseen, p->n_young, p->n_erased);
    hl_buf_printf(out, "# What was done in the %s before the purchase counts", span(p->o.window_ms, text));
    if (p->o.ahead_ms) hl_buf_printf(out, ", the last %s left out", span(p->o.ahead_ms, text));
    hl_buf_printf(out, "; of others, up to as long after their first event as a buyer, drawn by lot, took.\n"
                       "# Points are log odds: %d double the odds to buy. In brackets: 95 %% intervals. Little evidence is pulled towards 0.\n",
                  HL_POINTS_THAT_DOUBLE);
    if (d->together) hl_json_put_raw(out, "# All rules were weighed together: the line above a rule tells what it says alone, its points what it says beside the others.\n");
}

void hl_draft_put_yaml(const struct hl_draft *d, const struct hl_draft_title *t, struct hl_buf *out)
{
    put_head(d, t, out);
    hl_json_put_raw(out, "\nmodel: ");
    hl_json_put_text(out, hl_slice_of(t->name));
    hl_json_put_raw(out, "\nversion: ");
    hl_json_put_text(out, hl_slice_of(t->version));
    hl_json_put_raw(out, "\npreset: sales-touch\n");
    put_fit(d, out);
    put_behavior(d, out);
    put_hands(d, out);
    put_thresholds(d, out);
    put_left_out(d, out);
}

/* ---- json ---- */

static void put_number(struct hl_buf *out, const char *key, double v)
{
    hl_json_put_key(out, key);
    hl_buf_printf(out, "%.6g", v);
}

static void put_history(const struct hl_draft *d, const struct hl_draft_title *t, struct hl_buf *out)
{
    const struct hl_past *p = d->past;
    hl_json_put_raw(out, "\"history\":{");
    hl_json_put_member_int(out, "events", (int64_t)p->n_events);
    hl_json_put_member_int(out, "from", p->from);
    hl_json_put_member_int(out, "to", p->to);
    hl_json_put_member(out, "bought_is", hl_slice_of(hl_event_type_name(t->bought)));
    hl_json_put_member_int(out, "contacts", (int64_t)p->n[HL_PART_FIT]);
    hl_json_put_member_int(out, "bought", (int64_t)p->bought[HL_PART_FIT]);
    put_number(out, "base_rate", base_rate(d));
    hl_json_put_member_int(out, "without_past", (int64_t)p->n_unseen);
    hl_json_put_member_int(out, "too_young", (int64_t)p->n_young);
    hl_json_put_member_int(out, "erased", (int64_t)p->n_erased);
    hl_json_put_member_int(out, "window_ms", p->o.window_ms);
    hl_json_put_member_int(out, "ahead_ms", p->o.ahead_ms);
    hl_json_put_raw(out, "}");
}

static void put_item_json(const struct hl_draft *d, const struct hl_item *i, struct hl_buf *out)
{
    double base = base_rate(d);
    hl_json_put_raw(out, "{");
    hl_json_put_member(out, "name", hl_slice_of(i->name));
    hl_json_put_member(out, "of", hl_slice_of(i->kind == HL_ITEM_SORT ? "behavior" : "fit"));
    if (i->kind == HL_ITEM_SORT) {
        hl_json_put_member(out, "on", hl_slice_of(hl_event_type_name(d->past->sorts[i->of].type)));
        hl_json_put_member(out, "what", d->past->sorts[i->of].what);
    } else {
        hl_json_put_member(out, "attribute", d->past->keys.items[i->of]);
    }
    hl_json_put_member(out, "verdict", hl_slice_of(verdict_names[i->verdict]));
    hl_json_put_member_int(out, "contacts", (int64_t)i->did);
    hl_json_put_member_int(out, "bought", (int64_t)i->bought);
    put_number(out, "share", share(i->bought, i->did));
    put_number(out, "share_low", i->share_low);
    put_number(out, "share_high", i->share_high);
    put_number(out, "lift", share(i->bought, i->did) / base);
    put_number(out, "log_odds", i->weight);
    put_number(out, "standard_error", i->se);
    put_number(out, "p", i->p);
    put_number(out, "shrunk", i->shrunk);
    hl_json_put_member_int(out, "points", i->verdict == HL_KEPT ? i->points : 0);
    hl_json_put_key(out, "raises_hand");
    hl_json_put_raw(out, i->raises_hand ? "true}" : "false}");
}

static void put_grid(const struct hl_draft *d, struct hl_buf *out)
{
    hl_json_put_raw(out, ",\"tried\":[");
    for (size_t k = 0; k < d->n_grid; k++) {
        hl_json_put_raw(out, k ? ",{" : "{");
        hl_json_put_member_int(out, "half_life_ms", d->grid[k].half_life_ms);
        hl_json_put_member_int(out, "once_per_ms", d->grid[k].per_ms);
        put_number(out, "auc", d->grid[k].auc);
        hl_json_put_raw(out, "}");
    }
    hl_json_put_raw(out, "]");
}

static void put_trial_json(const struct hl_draft *d, enum hl_part part, const char *key, struct hl_buf *out)
{
    const struct hl_trial *t = &d->trials[part];
    hl_buf_printf(out, ",\"%s\":", key);
    if (!t->n) {
        hl_json_put_raw(out, "null");
        return;
    }
    hl_json_put_raw(out, "{");
    hl_json_put_member_int(out, "contacts", (int64_t)t->n);
    hl_json_put_member_int(out, "bought", (int64_t)t->bought);
    put_number(out, "auc", t->auc);
    put_number(out, "auc_standard_error", t->auc_se);
    put_number(out, "top_tenth", t->top_tenth);
    hl_json_put_member_int(out, "mqls_by_score", (int64_t)t->by_score);
    put_number(out, "precision_by_score", share(t->by_score_bought, t->by_score));
    put_number(out, "recall_by_score", share(t->by_score_bought, t->bought));
    hl_json_put_member_int(out, "mqls", (int64_t)t->mql);
    put_number(out, "precision", share(t->mql_bought, t->mql));
    put_number(out, "recall", share(t->mql_bought, t->bought));
    hl_json_put_raw(out, "}");
}

void hl_draft_put_json(const struct hl_draft *d, const struct hl_draft_title *t, struct hl_buf *out)
{
    hl_json_put_raw(out, "{");
    put_history(d, t, out);
    hl_json_put_raw(out, ",\"rules\":[");
    for (size_t k = 0; k < d->n_items; k++) {
        if (k) hl_json_put_raw(out, ",");
        put_item_json(d, &d->items[k], out);
    }
    hl_json_put_raw(out, "]");
    hl_json_put_member_int(out, "half_life_ms", d->half_life_ms);
    hl_json_put_member_int(out, "once_per_ms", d->per_ms);
    put_grid(d, out);
    hl_json_put_member_int(out, "mql_enter", d->enter);
    hl_json_put_member_int(out, "mql_exit", d->exit);
    put_trial_json(d, HL_PART_FIT, "fit", out);
    put_trial_json(d, HL_PART_HOLDOUT, "holdout", out);
    hl_json_put_raw(out, "}\n");
}
