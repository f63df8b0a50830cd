/* Private: a model from the past: evidence, points, half-life, threshold, and how well it ranks. Pure; one owner. Where it looks at
 * contacts it looks at those of HL_PART_FIT, but for the trial on HL_PART_HOLDOUT at the very end. */
#ifndef HL_APP_DRAFT_H
#define HL_APP_DRAFT_H

#include "past.h"

#define HL_POINTS_THAT_DOUBLE 10   /* this many points double the odds */
#define HL_MAX_FALSE 0.05          /* of what is kept, the share that may be chance */
#define HL_NAME_SIZE 64

enum hl_verdict {
    HL_KEPT,
    HL_FEW,      /* too few did it, or too few did not */
    HL_UNSURE,   /* what it says may be chance */
    HL_NARROWER, /* sorts within it are kept, and say it better */
    HL_SMALL,    /* it would give no whole point */
    HL_VERDICT_COUNT,
};

enum hl_item_kind { HL_ITEM_SORT, HL_ITEM_VALUE, HL_ITEM_RANGE };

/* One thing that may tell buyers from others. */
struct hl_item {
    enum hl_item_kind kind;
    uint32_t of;            /* the sort, or the key */
    uint32_t value;         /* HL_ITEM_VALUE */
    bool has_low, has_high; /* HL_ITEM_RANGE; both ends included */
    hl_fixed low, high;
    char name[HL_NAME_SIZE];
    uint64_t did, bought;   /* contacts; of them buyers */
    double share_low, share_high; /* of buyers among them, 95 % interval */
    double weight, se;      /* natural log of odds, and its standard error */
    double p, shrunk;
    int points;
    enum hl_verdict verdict;
    bool raises_hand;
};

/* How a part was told apart. */
struct hl_trial {
    uint64_t n, bought;
    double auc, auc_se;
    double top_tenth;          /* share of the buyers in the tenth with the highest scores */
    uint64_t mql, mql_bought;  /* reached the threshold, or raised a hand */
    uint64_t by_score, by_score_bought;
};

struct hl_grid_point {
    int64_t half_life_ms, per_ms;
    double auc;
};
#define HL_GRID_MAX 24

struct hl_draft {
    const struct hl_past *past;
    uint64_t min_contacts;
    bool together;   /* points of all rules at once, not of each alone */
    double capacity; /* share of contacts that may become MQLs by score; 0: where buyers and others are told apart best */
    struct hl_item *items;
    size_t n_items, cap_items;
    size_t n_kept[3], n_verdicts[HL_VERDICT_COUNT]; /* by kind; by verdict */
    struct hl_grid_point grid[HL_GRID_MAX];
    size_t n_grid;
    int64_t half_life_ms, per_ms; /* a rule counts once in per_ms */
    int enter, exit;              /* exit 0: none */
    int grades[3];                /* A, B, C; 0: none */
    struct hl_trial trials[HL_PART_COUNT];
    /* working room */
    int32_t *rule_of_sort;        /* index of the item that an act of the sort scores under; -1: none */
    int32_t *rule_of_value;       /* likewise, of a value of an attribute */
    double *peaks;                /* of each contact */
    int32_t *fits;                /* of each contact, at its end */
};

/* HL_E_NOMEM; HL_E_DECODE: the past teaches nothing, err says why. hl_draft_fini is due in any case. */
struct hl_draft_options {
    uint64_t min_contacts;
    double capacity;
    bool together;
};
enum hl_status hl_draft_make(struct hl_draft *d, const struct hl_past *past, const struct hl_draft_options *o, struct hl_error *err) HL_WARN_UNUSED;
void hl_draft_fini(struct hl_draft *d);

/* --- evidence.c --- */

/* Fills weight, se, p, shrunk, the interval and points of an item, from did and bought, of n contacts of whom n_bought bought. */
void hl_item_weigh(struct hl_item *item, uint64_t n, uint64_t n_bought);
/* Collect all items with their counts; then decide which are kept. */
enum hl_status hl_draft_collect(struct hl_draft *d) HL_WARN_UNUSED;
enum hl_status hl_draft_choose(struct hl_draft *d) HL_WARN_UNUSED;

/* After points have changed: largest first, and counted anew. */
void hl_draft_sort(struct hl_draft *d);

/* --- joint.c --- */

/* Points of the kept items, what goes together sharing them. */
enum hl_status hl_draft_weigh_together(struct hl_draft *d) HL_WARN_UNUSED;

/* --- trial.c --- */

/* The highest score of each contact in its window, into peaks. */
enum hl_status hl_draft_score(struct hl_draft *d, int64_t half_life_ms, int64_t per_ms) HL_WARN_UNUSED;
enum hl_status hl_draft_set_decay(struct hl_draft *d) HL_WARN_UNUSED;
/* False: no threshold tells buyers from others. */
bool hl_draft_set_threshold(struct hl_draft *d);
void hl_draft_raise_hands(struct hl_draft *d);
enum hl_status hl_draft_try(struct hl_draft *d, enum hl_part part) HL_WARN_UNUSED;
void hl_draft_set_grades(struct hl_draft *d, int32_t *sorted, size_t n);

/* --- draft_put.c --- */

struct hl_buf;
struct hl_draft_title {
    const char *name, *version;
    enum hl_event_type bought;
};
void hl_draft_put_yaml(const struct hl_draft *d, const struct hl_draft_title *title, struct hl_buf *out);
void hl_draft_put_json(const struct hl_draft *d, const struct hl_draft_title *title, struct hl_buf *out);

#endif
