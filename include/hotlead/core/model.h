/* The scoring model: immutable, compiled from text by app/model_file, shared by all threads without locks.
 *
 * What each part means is semantics, see src/core/README.md. Everything here is plain data owned by the model: strings are
 * NUL-terminated copies, arrays are sized by their n_ field. Regular expressions come in through struct hl_matcher, so that core
 * knows no regex library. */
#ifndef HOTLEAD_CORE_MODEL_H
#define HOTLEAD_CORE_MODEL_H

#include "hotlead/base/fixed.h"
#include "hotlead/base/status.h"
#include "hotlead/core/event.h"

/* code, name, rank on the main line (-1: off it) */
#define HL_STAGES(X)                                                                                                 \
    X(ANONYMOUS, "anonymous", 0)                                                                                     \
    X(SUBSCRIBER, "subscriber", 1)                                                                                   \
    X(LEAD, "lead", 2)                                                                                               \
    X(MQL, "mql", 3)                                                                                                 \
    X(SAL, "sal", 4)                                                                                                 \
    X(SQL, "sql", 5)                                                                                                 \
    X(OPPORTUNITY, "opportunity", 6)                                                                                 \
    X(CUSTOMER, "customer", 7)                                                                                       \
    X(EVANGELIST, "evangelist", 8)                                                                                   \
    X(UNQUALIFIED, "unqualified", -1)                                                                                \
    X(DISQUALIFIED, "disqualified", -1)

enum hl_stage {
#define X(code, name, rank) HL_STAGE_##code,
    HL_STAGES(X)
#undef X
    HL_STAGE_COUNT,
};

const char *hl_stage_name(enum hl_stage stage);
int hl_stage_rank(enum hl_stage stage);
/* False when no stage has the name (exact, lower case). */
bool hl_stage_find(struct hl_slice name, enum hl_stage *out);

/* Of an MQL. */
enum hl_kind { HL_KIND_NONE, HL_KIND_ACTIVE, HL_KIND_PASSIVE };

/* A compiled pattern; `match` is thread-safe and bounded in work. */
struct hl_matcher {
    void *state;
    bool (*match)(const void *state, struct hl_slice value);
    void (*free)(void *state);
    uint64_t needs; /* hl_pair_bits that every value that matches has; 0: not known */
};

/* All the parts that are set must hold. A missing or unparsable value makes it false, except exists: false. */
struct hl_condition {
    char *attribute;
    char **in; /* NULL: not asked. Compared trimmed, ASCII case-insensitively */
    size_t n_in;
    char **not_in;
    size_t n_not_in;
    char *equals;
    int exists; /* -1 not asked, 0 must be absent, 1 must be present */
    bool has_at_least, has_at_most;
    hl_fixed at_least, at_most; /* between: [lo, hi] sets both; both ends included */
    char *pattern;              /* text of `matches`, NULL when not asked */
    struct hl_matcher matches;
};

/* A named condition with points (0 for must_have, disqualify, suspect). */
struct hl_fit_rule {
    char *name;
    struct hl_condition when;
    hl_fixed points;
};

/* When an event matches: every part that is set must match. */
struct hl_event_match {
    uint64_t types; /* bit 1 << enum hl_event_type */
    char *path, *asset, *campaign, *source; /* globs, NULL: not asked */
    char **forms;                           /* exact names, NULL: not asked */
    size_t n_forms;
    struct hl_condition *where; /* on the event's own attributes */
    size_t n_where;
};

struct hl_score_rule {
    char *name;
    uint32_t name_hash; /* hl_name_hash, unique among the score rules */
    struct hl_event_match match;
    hl_fixed points;
    struct hl_half_life half_life; /* ms = 0: no decay */
    int group;                     /* index, -1: none */
    uint32_t max_times;            /* 0: no cap */
    int64_t window_ms;
};

struct hl_group {
    char *name;
    bool has_max;
    hl_fixed max;
};

/* A hand-raise or a qualify rule. */
struct hl_latch_rule {
    char *name;
    uint32_t name_hash; /* unique among hand-raise rules, and among qualify rules */
    struct hl_event_match match;
    int64_t valid_for_ms; /* INT64_MAX: no end */
};

struct hl_extra_edge {
    char *name;
    uint32_t from; /* bit 1 << enum hl_stage */
    enum hl_stage to;
    struct hl_event_match match;
};

/* A deadline for sales: runs while a contact is in the stage, and of the kind. */
struct hl_sla {
    char *name;
    uint32_t name_hash; /* unique among the deadlines */
    enum hl_stage stage;
    enum hl_kind kind; /* HL_KIND_NONE: any */
    int64_t within_ms;
};

/* Who gets a contact that becomes an MQL: the first route whose conditions all hold deals. */
struct hl_route {
    char *name; /* may be NULL */
    struct hl_condition *when;
    size_t n_when; /* 0: everyone */
    char **to;
    size_t n_to;       /* 1 .. HL_MAX_OWNERS */
    uint32_t *weights; /* NULL: the same share for each */
};

struct hl_grade {
    char letter; /* 'A' .. */
    hl_fixed at_least;
};

struct hl_threshold {
    bool has_enter, has_exit;
    hl_fixed enter, exit;
};

#define HL_NO_RULE UINT16_MAX

struct hl_model {
    char *name;
    char *version;
    uint64_t fingerprint; /* of the text that it was read from; 0: of none */
    bool score_driven; /* preset */
    bool sal;
    uint64_t subscribe_on; /* event type bits */
    uint64_t touches_on;   /* event type bits: what counts as a touch, see touches.h */
    uint8_t touches_keep;  /* kinds that are kept of a contact; 0: no touches at all */
    uint8_t voids_keep;    /* events of a contact that can be taken back, see voids.h; 0: none */
    uint64_t voids_fingerprint;
    struct hl_fit_rule *must_have, *disqualify, *suspect, *fit;
    size_t n_must_have, n_disqualify, n_suspect, n_fit;
    struct hl_grade *grades; /* highest cut-off first; below all: 'D' */
    size_t n_grades;
    struct hl_group *groups;
    size_t n_groups;
    struct hl_score_rule *rules; /* fewer than HL_NO_RULE */
    size_t n_rules;
    struct hl_latch_rule *hand_raise, *qualify;
    size_t n_hand_raise, n_qualify; /* at most 32 each */
    struct hl_extra_edge *extra;
    size_t n_extra;
    struct hl_threshold mql, sql;
    int64_t facts_valid_for_ms;
    int64_t cooldown_ms;
    bool reset_behavior;
    struct hl_sla *sla;
    size_t n_sla; /* at most HL_MAX_SLA */
    struct hl_route *routing;
    size_t n_routing;

    /* Filled by hl_model_seal: what hl_contact_refit makes of a contact without attributes. grade 0: not sealed. */
    struct {
        hl_fixed fit;
        uint32_t flags;
        uint8_t grade;
    } bare;
    /* Filled by hl_model_seal: what finds the matches of an event quickly (core/match_index.h). */
    struct hl_match_index *index;
    /* The score rules in the order of their name hashes, for hl_model_find_rule. */
    struct hl_rule_by_hash {
        uint32_t hash;
        uint16_t rule;
    } *rules_by_hash;
    /* All types of class web, e-mail, offline, profile: what a rule without `on` takes. Set by hl_model_new; a match with no type
     * bits at all gets them from hl_model_seal. */
    uint64_t scorable_types;
};

/* Groups are few and named by people; a fixed bound lets the score be summed without memory. */
#define HL_MAX_GROUPS 256
#define HL_MAX_LATCH_RULES 32
#define HL_MAX_SLA 16
#define HL_MAX_OWNERS 4096 /* of one route */
#define HL_MAX_WEIGHT 1000000

/* An empty model with the defaults of the contract (facts 30d, subscribe.on list, SAL off, no thresholds). NULL: no memory. */
struct hl_model *hl_model_new(void);
/* Every string, array, nested array and matcher of the model was malloc'ed by the builder; this frees them all. */
void hl_model_free(struct hl_model *m);
/* Build the indexes and the name hashes; call once after filling. HL_E_INVALID when two rules share a name hash, or a bound above is
 * passed. */
enum hl_status hl_model_seal(struct hl_model *m) HL_WARN_UNUSED;

/* Index of the score rule with this name hash, HL_NO_RULE when there is none. */
uint16_t hl_model_find_rule(const struct hl_model *m, uint32_t name_hash);

bool hl_glob_match(const char *glob, struct hl_slice value);
/* Path of a url: absolute url or one that starts with '/'; query and fragment cut off; "/" for an absolute url without a path;
 * HL_SLICE_NULL for anything else. */
struct hl_slice hl_url_path(struct hl_slice url);
/* value: HL_SLICE_NULL when absent. */
bool hl_condition_holds(const struct hl_condition *c, struct hl_slice value);
bool hl_event_match_holds(const struct hl_event_match *match, const struct hl_event *ev);

#endif
