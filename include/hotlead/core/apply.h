/* The one entry point of the pipeline: an event meets its contact. */
#ifndef HOTLEAD_CORE_APPLY_H
#define HOTLEAD_CORE_APPLY_H

#include "hotlead/core/match_cache.h"
#include "hotlead/core/score.h"

#define HL_DIRECTIONS(X) X(ADVANCE, "advance") X(REGRESS, "regress") X(RECYCLE, "recycle") X(EXIT, "exit") X(RETRACT, "retract")
#define HL_CAUSES(X)                                                                                                 \
    X(OPT_IN, "opt_in") X(HAND_RAISE, "hand_raise") X(SCORE, "score") X(FIT, "fit") X(SALES, "sales")                \
    X(MANUAL, "manual") X(DECAY, "decay") X(RULE, "rule") X(VOID, "void") X(MERGE, "merge")

enum hl_direction {
#define X(code, name) HL_DIRECTION_##code,
    HL_DIRECTIONS(X)
#undef X
};
enum hl_cause {
#define X(code, name) HL_CAUSE_##code,
    HL_CAUSES(X)
#undef X
};
const char *hl_direction_name(enum hl_direction d);
const char *hl_cause_name(enum hl_cause c);
const char *hl_kind_name(enum hl_kind k); /* NULL for none */

#define HL_MAX_REASONS 5
#define HL_MAX_TRANSITIONS 24 /* of one event; HL_BUG_ON beyond */
#define HL_MAX_ALERTS ((HL_MAX_TRANSITIONS + 1) * HL_MAX_SLA) /* a move starts or ends a clock once; so does the answer at the end */

struct hl_reason {
    const char *rule; /* borrowed from the model; "manual" for manual points */
    hl_fixed points;  /* what it contributes now, before group caps */
};

/* The names are those of the record Alert. */
#define HL_ALERTS(X) X(DUE, "due") X(BREACHED, "breached") X(MET, "met")
enum hl_alert_event {
#define X(code, name) HL_ALERT_##code,
    HL_ALERTS(X)
#undef X
    HL_ALERT_COUNT,
};
const char *hl_alert_name(enum hl_alert_event e);

struct hl_alert {
    enum hl_alert_event event;
    const struct hl_sla *sla; /* borrowed from the model */
    uint32_t seq;             /* of the transition that started the clock */
    int64_t due_at, at;       /* ms */
    struct hl_slice owner;    /* borrowed from the contact; null: none */
    hl_fixed score;
};

struct hl_transition {
    enum hl_stage from, to;
    enum hl_kind kind; /* of the contact after the move */
    enum hl_direction direction;
    enum hl_cause cause;
    const char *rule; /* the rule that caused it (hand-raise, qualify, fit, extra edge), borrowed from the model; may be NULL */
    uint32_t seq;
    uint16_t visit;
    int64_t occurred_at;
    int64_t time_in_from_ms; /* -1: not known */
    struct hl_score score;
    char grade;
    bool suspect;
    struct hl_reason reasons[HL_MAX_REASONS]; /* largest first, positive contributions only */
    unsigned n_reasons;
    struct hl_slice owner; /* borrowed from the contact until its next event; null: none */
    int64_t sla_due;       /* earliest deadline that runs after the move; HL_NO_TIME: none */
};

enum hl_result {
    HL_RESULT_SCORED,    /* took part: applied and evaluated */
    HL_RESULT_IGNORED,   /* unknown type, machine traffic, disqualified contact */
    HL_RESULT_DUPLICATE, /* event id among the last 8 */
    HL_RESULT_COUNT,
};
const char *hl_result_name(enum hl_result r);

/* What is to be passed on to another contact (join.h). */
enum hl_onward {
    HL_ONWARD_NONE,
    HL_ONWARD_EVENT, /* the contact is a pointer: the event is for the one that it went into */
    HL_ONWARD_STATE, /* the contact goes into the other: its state is for that one, and it is to become a pointer */
    HL_ONWARD_CLAIM, /* the other has turned out to be this contact: it is to be told so */
};

struct hl_outcome {
    enum hl_result result;
    enum hl_onward onward;
    struct hl_slice onward_to; /* borrowed from the event, or from the contact until its next event */
    bool changed; /* the contact's stored state differs: it is dirty */
    bool erased;  /* the event was its erasure (decision 0011) */
    bool buried;  /* of a join or what is passed on: it is from before the contact's erasure */
    bool revived; /* set by who passes things on: a pointer became a contact again */
    bool unknown_void; /* what it was to take back is not known */
    bool sinks;   /* hl_due_next may be sooner than before: more came about than points that lift the score */
    unsigned n_transitions;
    struct hl_transition transitions[HL_MAX_TRANSITIONS];
    unsigned n_alerts;
    struct hl_alert alerts[HL_MAX_ALERTS];
};

/* Nothing happened yet. */
static inline void hl_outcome_clear(struct hl_outcome *o)
{
    o->result = HL_RESULT_IGNORED;
    o->onward = HL_ONWARD_NONE;
    o->changed = o->erased = o->buried = o->revived = o->unknown_void = o->sinks = false;
    o->n_transitions = o->n_alerts = 0;
}
/* It cannot be made again from the event alone: it must be stored together with what it caused. */
static inline bool hl_outcome_is_final(const struct hl_outcome *o)
{
    return o->n_transitions || o->n_alerts || o->erased || o->revived || o->onward == HL_ONWARD_STATE;
}

enum hl_apply_mode {
    HL_APPLY_LIVE,   /* steps 0 to 4 */
    HL_APPLY_REPLAY, /* steps 0 to 3, no evaluation: recovery, where no event can have moved the contact */
};

/* Apply `ev` to `c`. HL_E_NOMEM leaves the contact in an undefined but valid state: the caller must drop the partition. Events of unknown
 * type must not be given (the caller counts them without touching the table). cache: of `m`; NULL: every match is asked. */
enum hl_status hl_apply(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_match_cache *cache,
                        const struct hl_event *ev, enum hl_apply_mode mode, struct hl_outcome *out) HL_WARN_UNUSED;

#endif
