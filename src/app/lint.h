/* What a model that can be read may still get wrong: what can never happen, what says the same twice, what is costly.
 *
 * An error is what the model cannot mean: no life of a contact makes it happen. Moves and points by hand (stage_set,
 * score_adjusted) are left out of account, since any stage and any score can be set by hand. A warning is what may be meant. */
#ifndef HOTLEAD_APP_LINT_H
#define HOTLEAD_APP_LINT_H

#include "hotlead/core/model.h"
#include "node.h"

struct hl_lint {
    const struct hl_model *m;        /* sealed */
    const struct hl_yaml_node *root; /* of the file that the model was read from without an error; NULL: findings have no place */
    struct hl_problems *p;
};

/* Runs all checks. */
void hl_lint(const struct hl_model *m, const struct hl_yaml_node *root, struct hl_problems *p);

/* The place of a value: a section ("behavior.rules"), in it the item of that index, in that one the value of `key`; or the last
 * of these that there is. HL_LINT_SECTION: the section itself; key NULL: the item. An item of a map is its key. */
#define HL_LINT_SECTION SIZE_MAX
const struct hl_yaml_node *hl_lint_at(const struct hl_lint *l, const char *section, size_t index, const char *key);
/* In the k-th condition under `list` ("where", "when": one condition, or a list of them). */
const struct hl_yaml_node *hl_lint_at_condition(const struct hl_lint *l, const char *section, size_t index, const char *list,
                                                size_t k, const char *key);

/* The sections whose rules are conditions, and those whose rules match events. */
struct hl_lint_fit {
    const char *section;
    const struct hl_fit_rule *rules;
    size_t n;
};
enum { HL_LINT_MUST_HAVE, HL_LINT_DISQUALIFY, HL_LINT_SUSPECT, HL_LINT_FIT, HL_LINT_N_FIT };
void hl_lint_fits(const struct hl_model *m, struct hl_lint_fit out[HL_LINT_N_FIT]);

struct hl_lint_match {
    const char *section, *name;
    size_t index; /* in the section */
    const struct hl_event_match *match;
};
/* The next match of behavior.rules, hand_raise, qualify and stages.extra, in this order; *pos from 0. */
bool hl_lint_next_match(const struct hl_model *m, size_t *pos, struct hl_lint_match *out);

/* --- lint_traits.c: what attributes can be. Pure. --- */

/* False only if no contact, whatever its attributes, can hold all of `yes` and none of `no`. */
struct hl_traits {
    const struct hl_condition *of;
    bool wanted;
    hl_fixed points; /* for hl_traits_sum */
};
bool hl_traits_possible(struct hl_traits *t, size_t n);
/* No contact has more (least: less) than this as the sum of the points of those that hold. */
double hl_traits_sum(struct hl_traits *t, size_t n, bool least);

/* --- lint_reach.c: what contacts can reach. Pure. --- */

/* Bounds of what the rules give a contact, in points; INFINITY: no bound. */
struct hl_bounds {
    double fit_least, fit_most;
    double behavior_most;   /* max_times not looked at: contacts that are merged add up what each was given */
    double behavior_capped; /* of a contact that never was merged */
    bool takes_away;        /* some rule of behaviour has points below 0 */
    bool decays;            /* points above 0 decay */
};
/* HL_E_NOMEM or HL_OK. */
enum hl_status hl_lint_bounds(const struct hl_model *m, struct hl_bounds *out) HL_WARN_UNUSED;
/* What contacts come to without a move by hand. A stage that is left out is never reached. */
struct hl_reach {
    uint32_t stages; /* bit 1 << enum hl_stage */
    uint32_t kinds;  /* bit 1 << enum hl_kind, of MQLs */
};
enum hl_status hl_lint_reach(const struct hl_model *m, struct hl_reach *out) HL_WARN_UNUSED;
/* False only if no event ever makes the rule score (or latch). */
bool hl_lint_can_match(const struct hl_event_match *match);
bool hl_lint_can_latch(const struct hl_latch_rule *rule);
/* The stages of `from` out of which the edge can lead. */
uint32_t hl_lint_edge_from(const struct hl_extra_edge *e);

/* lint_rules.c: they ask the same, word for word. */
bool hl_lint_same_condition(const struct hl_condition *a, const struct hl_condition *b);

/* --- the checks --- */
void hl_lint_traits(const struct hl_lint *l);
void hl_lint_matches(const struct hl_lint *l);
void hl_lint_overlaps(const struct hl_lint *l);
void hl_lint_points(const struct hl_lint *l);
void hl_lint_thresholds(const struct hl_lint *l);
void hl_lint_stages(const struct hl_lint *l);
void hl_lint_deadlines(const struct hl_lint *l);
void hl_lint_routing(const struct hl_lint *l);
void hl_lint_patterns(const struct hl_lint *l);

#endif
