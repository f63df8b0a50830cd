/* DESIGN
 * The life cycle is a table: the rows of semantics ("Evaluate"), top to bottom. The first row whose `from` has the contact's
 * stage and whose condition holds fires; then again from the top. What a move brings with it is in one place, move(): what
 * entering a stage does whatever the row, then what the row's own flags say.
 *
 *     rows[] --first that holds--> struct move --> move(): contact changes, one hl_transition is recorded
 *
 * It ends: every cycle of stages needs something that a turn uses up (a hand-raise latch, an arm) or that a row allows once.
 *
 * WHY NOT a switch over stages: priority is across stages (a rejection comes before a hand-raise), and the table can be read
 * beside the page that defines it.
 *
 * THREADS: pure; the contact is guarded by its stripe. */
#include "lifecycle.h"

#include "contact_private.h"
#include "handoff.h"
#include "ledger.h"

static const char *const direction_names[] = {
#define X(code, name) [HL_DIRECTION_##code] = name,
    HL_DIRECTIONS(X)
#undef X
};

static const char *const cause_names[] = {
#define X(code, name) [HL_CAUSE_##code] = name,
    HL_CAUSES(X)
#undef X
};

const char *hl_direction_name(enum hl_direction d)
{
    return (unsigned)d < HL_ARRAY_LEN(direction_names) ? direction_names[d] : "?";
}

const char *hl_cause_name(enum hl_cause c)
{
    return (unsigned)c < HL_ARRAY_LEN(cause_names) ? cause_names[c] : "?";
}

const char *hl_kind_name(enum hl_kind k)
{
    return k == HL_KIND_ACTIVE ? "active" : k == HL_KIND_PASSIVE ? "passive" : NULL;
}

/* ---- what conditions ask ---- */

static bool has(const struct hl_step *s, uint32_t flag)
{
    return s->c->flags & flag;
}

static bool fits(const struct hl_step *s)
{
    return has(s, HL_C_MUST_HAVE);
}

hl_fixed hl_lifecycle_score(struct hl_step *s)
{
    if (!s->score_known) s->score = hl_score_at(s->c, s->m, s->c->clock);
    s->score_known = true;
    return s->score.total;
}

static int64_t rejected_at(const struct hl_step *s)
{
    return s->c->ext ? s->c->ext->rejected_at : HL_NO_TIME;
}

static bool is_on(const struct hl_step *s, int64_t since, int64_t valid_for)
{
    return since != HL_NO_TIME && s->c->clock <= hl_time_add(since, valid_for);
}

static bool fact(const struct hl_step *s, enum hl_fact f)
{
    return s->c->ext && is_on(s, s->c->ext->facts[f], s->m->facts_valid_for_ms);
}

/* Of the rules whose latch is on the newest, on a tie the first of the model; NULL: none. */
static const struct hl_latch_rule *newest_on(const struct hl_step *s, const struct hl_latch_rule *rules, size_t n,
                                             const int64_t *latches)
{
    size_t newest = n;
    for (size_t i = 0; i < n; i++)
        if (is_on(s, latches[i], rules[i].valid_for_ms) && (newest == n || latches[i] > latches[newest])) newest = i;
    return newest < n ? &rules[newest] : NULL;
}

static const struct hl_latch_rule *hand_raise(const struct hl_step *s)
{
    return s->c->ext ? newest_on(s, s->m->hand_raise, s->m->n_hand_raise, s->c->ext->latches) : NULL;
}

static const struct hl_latch_rule *qualify(const struct hl_step *s)
{
    return s->c->ext ? newest_on(s, s->m->qualify, s->m->n_qualify, s->c->ext->latches + s->m->n_hand_raise) : NULL;
}

static bool below_exit(struct hl_step *s, const struct hl_threshold *t)
{
    return t->has_exit && !has(s, HL_C_HELD) && hl_lifecycle_score(s) < t->exit;
}

/* What was taken back carried the score over the threshold. */
static bool void_crosses(struct hl_step *s, const struct hl_threshold *t)
{
    return s->voids && t->has_enter && !has(s, HL_C_HELD) && s->score_before >= t->enter && hl_lifecycle_score(s) < t->enter;
}

static bool reaches(struct hl_step *s, const struct hl_threshold *t, uint32_t arm)
{
    return t->has_enter && has(s, arm) && hl_lifecycle_score(s) >= t->enter;
}

/* ---- the conditions, one for each row; they may fill in what the row leaves open ---- */

struct move {
    enum hl_stage to;
    enum hl_kind kind; /* HL_KIND_NONE: keeps the one it has */
    enum hl_direction direction;
    enum hl_cause cause;
    const char *rule;
    bool by_score;
};

static bool is_disqualified(struct hl_step *s, struct move *mv)
{
    (void)mv;
    return s->ev->type == HL_EVENT_LEAD_DISQUALIFIED;
}

static const char *rule_name(const struct hl_step *s, const struct hl_fit_rule *rules, size_t n, bool wanted)
{
    const struct hl_fit_rule *rule = hl_contact_first_rule(s->c, rules, n, wanted);
    return rule ? rule->name : NULL;
}

static bool has_disqualifying_trait(struct hl_step *s, struct move *mv)
{
    if (!has(s, HL_C_DISQUALIFIED_TRAIT) || has(s, HL_C_HELD_FIT)) return false;
    mv->rule = rule_name(s, s->m->disqualify, s->m->n_disqualify, true);
    return true;
}

static bool is_rejected(struct hl_step *s, struct move *mv)
{
    (void)mv;
    bool in_talks = s->c->stage == HL_STAGE_SQL || s->c->stage == HL_STAGE_OPPORTUNITY;
    return s->ev->type == HL_EVENT_LEAD_REJECTED || (s->ev->type == HL_EVENT_OPPORTUNITY_LOST && in_talks);
}

static bool lost_fit(struct hl_step *s, struct move *mv)
{
    if (fits(s) || has(s, HL_C_HELD_FIT)) return false;
    mv->rule = rule_name(s, s->m->must_have, s->m->n_must_have, false);
    return true;
}

static bool became_suspect(struct hl_step *s, struct move *mv)
{
    if (!has(s, HL_C_SUSPECT) || has(s, HL_C_HELD_FIT)) return false;
    mv->rule = rule_name(s, s->m->suspect, s->m->n_suspect, true);
    return true;
}

static bool mql_cooled(struct hl_step *s, struct move *mv)
{
    (void)mv;
    return s->c->kind == HL_KIND_PASSIVE && (below_exit(s, &s->m->mql) || void_crosses(s, &s->m->mql));
}

static bool sql_cooled(struct hl_step *s, struct move *mv)
{
    if (!s->m->score_driven || !has(s, HL_C_SQL_BY_SCORE) || fact(s, HL_FACT_CONTACTED) || qualify(s)) return false;
    mv->to = s->m->sal && fact(s, HL_FACT_ACCEPTED) ? HL_STAGE_SAL : HL_STAGE_MQL;
    return below_exit(s, &s->m->sql) || void_crosses(s, &s->m->sql);
}

static bool opted_in(struct hl_step *s, struct move *mv)
{
    (void)mv;
    return has(s, HL_C_SUBSCRIBED) && !has(s, HL_C_HELD_FIT);
}

static bool won_fit(struct hl_step *s, struct move *mv)
{
    (void)mv;
    return fits(s) && !has(s, HL_C_HELD_FIT);
}

static bool hand_raised(struct hl_step *s, struct move *mv)
{
    const struct hl_latch_rule *latch = hand_raise(s);
    mv->rule = latch ? latch->name : NULL;
    return latch;
}

static bool lead_raised_hand(struct hl_step *s, struct move *mv)
{
    return !has(s, HL_C_SUSPECT) && hand_raised(s, mv);
}

static bool lead_scored(struct hl_step *s, struct move *mv)
{
    (void)mv;
    return !has(s, HL_C_SUSPECT) && reaches(s, &s->m->mql, HL_C_ARMED_MQL);
}

static bool passive_raised_hand(struct hl_step *s, struct move *mv)
{
    return s->c->kind == HL_KIND_PASSIVE && hand_raised(s, mv);
}

static bool recycled_raised_hand(struct hl_step *s, struct move *mv)
{
    return fits(s) && lead_raised_hand(s, mv);
}

static bool recycled_scored(struct hl_step *s, struct move *mv)
{
    return fits(s) && s->c->clock >= hl_time_add(rejected_at(s), s->m->cooldown_ms) && lead_scored(s, mv);
}

static bool accepted(struct hl_step *s, struct move *mv)
{
    (void)mv;
    return s->m->sal && fact(s, HL_FACT_ACCEPTED);
}

static bool contacted(struct hl_step *s, struct move *mv)
{
    (void)mv;
    return fact(s, HL_FACT_CONTACTED);
}

static bool qualified(struct hl_step *s, struct move *mv)
{
    if (!s->m->score_driven) return false;
    const struct hl_latch_rule *latch = qualify(s);
    mv->rule = latch ? latch->name : NULL;
    mv->by_score = !latch;
    return latch || reaches(s, &s->m->sql, HL_C_ARMED_SQL);
}

static bool opportunity(struct hl_step *s, struct move *mv)
{
    (void)mv;
    return fact(s, HL_FACT_OPPORTUNITY);
}

static bool won(struct hl_step *s, struct move *mv)
{
    (void)mv;
    return fact(s, HL_FACT_WON);
}

static bool advocates(struct hl_step *s, struct move *mv)
{
    (void)mv;
    return fact(s, HL_FACT_ADVOCACY);
}

/* Direction of a move that a person or an extra edge makes: by the order of the stages, exits aside. */
enum hl_direction hl_lifecycle_direction(enum hl_stage from, enum hl_stage to)
{
    if (to == HL_STAGE_UNQUALIFIED) return HL_DIRECTION_RECYCLE;
    if (to == HL_STAGE_DISQUALIFIED) return HL_DIRECTION_EXIT;
    return hl_stage_rank(to) > hl_stage_rank(from) ? HL_DIRECTION_ADVANCE : HL_DIRECTION_REGRESS; /* an exit has rank -1 */
}

static bool extra_edge(struct hl_step *s, struct move *mv)
{
    for (size_t i = 0; i < s->m->n_extra; i++) {
        const struct hl_extra_edge *edge = &s->m->extra[i];
        if (!(edge->from >> s->c->stage & 1) || edge->to == s->c->stage) continue;
        if (!hl_step_matches(s, hl_place_of_extra(s->m) + i)) continue;
        mv->to = edge->to;
        mv->kind = edge->to == HL_STAGE_MQL ? HL_KIND_PASSIVE : HL_KIND_NONE;
        mv->direction = hl_lifecycle_direction((enum hl_stage)s->c->stage, edge->to);
        mv->rule = edge->name;
        return true;
    }
    return false;
}

/* ---- the table ---- */

enum {
    ONCE = 1,         /* at most once for one event */
    BY_SCORE = 2,     /* uses up the arm of the stage it enters */
    USES_LATCHES = 4, /* uses up the hand-raise latches */
    FIT_LOST = 8,     /* the score was not to blame: sets armed_mql */
    TAKES_BACK = 16,  /* leaving mql, clears what sales had said of it */
    BY_TIME = 32,     /* time alone fires it too, with cause decay; asks for nothing of the event */
};

struct row {
    const char *id; /* in semantics */
    uint32_t from;  /* bit 1 << enum hl_stage */
    bool (*holds)(struct hl_step *s, struct move *mv);
    struct move move;
    unsigned flags;
};

#define IN(stage) (1u << HL_STAGE_##stage)
#define ANY (IN(ANONYMOUS) | IN(SUBSCRIBER) | IN(LEAD) | IN(MQL) | IN(SAL) | IN(SQL) | IN(OPPORTUNITY) | IN(CUSTOMER) | \
             IN(EVANGELIST) | IN(UNQUALIFIED))
#define PAST_SALE (IN(CUSTOMER) | IN(EVANGELIST))
#define TO(stage, kind, direction, cause)                                                                            \
    {HL_STAGE_##stage, HL_KIND_##kind, HL_DIRECTION_##direction, HL_CAUSE_##cause, NULL, false}

static const struct row rows[] = {
    {"1a", ANY & ~PAST_SALE, is_disqualified, TO(DISQUALIFIED, NONE, EXIT, SALES), ONCE},
    {"1b", IN(ANONYMOUS) | IN(SUBSCRIBER) | IN(LEAD) | IN(MQL) | IN(UNQUALIFIED), has_disqualifying_trait,
     TO(DISQUALIFIED, NONE, EXIT, FIT), 0},
    {"2", IN(MQL) | IN(SAL) | IN(SQL) | IN(OPPORTUNITY), is_rejected, TO(UNQUALIFIED, NONE, RECYCLE, SALES), ONCE},
    {"3", IN(LEAD) | IN(MQL), lost_fit, TO(SUBSCRIBER, NONE, REGRESS, FIT), FIT_LOST | TAKES_BACK},
    {"4", IN(MQL), became_suspect, TO(LEAD, NONE, REGRESS, FIT), FIT_LOST | TAKES_BACK},
    {"5", IN(MQL), mql_cooled, TO(LEAD, NONE, REGRESS, SCORE), TAKES_BACK | BY_TIME},
    {"6", IN(SQL), sql_cooled, TO(MQL, NONE, REGRESS, SCORE), BY_TIME},
    {"7", IN(ANONYMOUS), opted_in, TO(SUBSCRIBER, NONE, ADVANCE, OPT_IN), 0},
    {"8", IN(SUBSCRIBER), won_fit, TO(LEAD, NONE, ADVANCE, FIT), 0},
    {"9", IN(LEAD), lead_raised_hand, TO(MQL, ACTIVE, ADVANCE, HAND_RAISE), USES_LATCHES},
    {"10", IN(LEAD), lead_scored, TO(MQL, PASSIVE, ADVANCE, SCORE), BY_SCORE | USES_LATCHES},
    {"11", IN(MQL), passive_raised_hand, TO(MQL, ACTIVE, ADVANCE, HAND_RAISE), USES_LATCHES},
    {"12", IN(UNQUALIFIED), recycled_raised_hand, TO(MQL, ACTIVE, ADVANCE, HAND_RAISE), USES_LATCHES},
    {"13", IN(UNQUALIFIED), recycled_scored, TO(MQL, PASSIVE, ADVANCE, SCORE), BY_SCORE | USES_LATCHES},
    {"14", IN(MQL), accepted, TO(SAL, NONE, ADVANCE, SALES), 0},
    {"15a", IN(MQL) | IN(SAL), contacted, TO(SQL, NONE, ADVANCE, SALES), 0},
    {"15b", IN(MQL) | IN(SAL), qualified, TO(SQL, NONE, ADVANCE, SCORE), BY_SCORE},
    {"16", IN(SQL), opportunity, TO(OPPORTUNITY, NONE, ADVANCE, SALES), 0},
    {"17", IN(OPPORTUNITY), won, TO(CUSTOMER, NONE, ADVANCE, SALES), 0},
    {"18", IN(CUSTOMER), advocates, TO(EVANGELIST, NONE, ADVANCE, SALES), 0},
    {"19", ANY, extra_edge, TO(ANONYMOUS, NONE, ADVANCE, RULE), ONCE},
};
_Static_assert(HL_ARRAY_LEN(rows) <= 32, "hl_step.fired has a bit for each row");

bool hl_lifecycle_row(unsigned i, struct hl_edge *out)
{
    if (i >= HL_ARRAY_LEN(rows)) return false;
    const struct move *mv = &rows[i].move;
    *out = (struct hl_edge){rows[i].id, rows[i].from, mv->to, mv->kind, mv->direction, mv->cause, NULL};
    return true;
}

/* ---- moving ---- */

/* Gate of each fact: the stage it leads into. */
static const enum hl_stage gates[HL_FACT_COUNT] = {
    [HL_FACT_ACCEPTED] = HL_STAGE_SAL, [HL_FACT_CONTACTED] = HL_STAGE_SQL, [HL_FACT_OPPORTUNITY] = HL_STAGE_OPPORTUNITY,
    [HL_FACT_WON] = HL_STAGE_CUSTOMER, [HL_FACT_ADVOCACY] = HL_STAGE_EVANGELIST,
};

static void clear_latches(struct hl_contact_ext *ext, unsigned from, unsigned to)
{
    for (unsigned i = from; ext && i < to; i++) ext->latches[i] = HL_NO_TIME;
}

static void clear_hand_raise(struct hl_contact_ext *ext)
{
    clear_latches(ext, 0, ext ? ext->n_hand_raise : 0);
}

static void clear_qualify(struct hl_contact_ext *ext)
{
    clear_latches(ext, ext ? ext->n_hand_raise : 0, ext ? ext->n_hand_raise + ext->n_qualify : 0);
}

/* Facts whose gate lies above `rank`; -1 clears all. */
static void clear_facts_above(struct hl_contact_ext *ext, int rank)
{
    for (unsigned f = 0; ext && f < HL_FACT_COUNT; f++)
        if (hl_stage_rank(gates[f]) > rank) ext->facts[f] = HL_NO_TIME;
}

static void forget_until(struct hl_contact_ext *ext, int64_t t)
{
    for (unsigned f = 0; f < HL_FACT_COUNT; f++)
        if (ext->facts[f] <= t) ext->facts[f] = HL_NO_TIME;
    for (unsigned i = 0; i < (unsigned)ext->n_hand_raise + ext->n_qualify; i++)
        if (ext->latches[i] <= t) ext->latches[i] = HL_NO_TIME;
}

static void set_arms(struct hl_contact *c, bool on)
{
    uint32_t arms = HL_C_ARMED_MQL | HL_C_ARMED_SQL;
    c->flags = on ? c->flags | arms : c->flags & ~arms;
}

static enum hl_status enter_unqualified(struct hl_step *s)
{
    struct hl_contact_ext *ext = hl_contact_ext(s->c, s->slab, s->m);
    if (!ext) return HL_E_NOMEM;
    if (s->ev->occurred_at > ext->rejected_at) ext->rejected_at = s->ev->occurred_at;
    forget_until(ext, ext->rejected_at);
    if (s->m->reset_behavior) {
        hl_ledger_drop_rows(s->c);
        ext->manual = 0;
        if (s->m->voids_keep) hl_voids_clear(s->c, s->slab);
        s->score_known = false;
    }
    set_arms(s->c, s->m->reset_behavior);
    return HL_OK;
}

static void enter_mql(struct hl_contact *c, enum hl_stage from, enum hl_kind kind)
{
    bool from_below = hl_stage_rank(from) < hl_stage_rank(HL_STAGE_MQL); /* exits have rank -1 */
    if ((c->flags & HL_C_WAS_MQL) && from_below && c->visit < UINT16_MAX) c->visit++;
    c->flags |= HL_C_WAS_MQL;
    if (kind != HL_KIND_NONE)
        c->kind = (uint8_t)kind;
    else if (c->kind == HL_KIND_NONE)
        c->kind = HL_KIND_PASSIVE;
}

static void enter_sql(struct hl_contact *c, bool by_score)
{
    clear_qualify(c->ext);
    c->flags = by_score ? c->flags | HL_C_SQL_BY_SCORE : c->flags & ~(uint32_t)HL_C_SQL_BY_SCORE;
}

static void add_reason(struct hl_transition *t, const char *rule, hl_fixed points)
{
    unsigned at = t->n_reasons;
    while (at > 0 && t->reasons[at - 1].points < points) at--;
    if (points <= 0 || at == HL_MAX_REASONS) return;
    if (t->n_reasons < HL_MAX_REASONS) t->n_reasons++;
    memmove(t->reasons + at + 1, t->reasons + at, (t->n_reasons - 1 - at) * sizeof t->reasons[0]);
    t->reasons[at] = (struct hl_reason){rule, points};
}

static void add_reasons(struct hl_transition *t, const struct hl_contact *c, const struct hl_model *m)
{
    for (size_t i = 0; i < m->n_fit; i++)
        if (hl_contact_first_rule(c, &m->fit[i], 1, true)) add_reason(t, m->fit[i].name, m->fit[i].points);
    struct hl_row row;
    for (size_t pos = 0; hl_contact_next_row(c, &pos, &row);) {
        const struct hl_score_rule *rule = &m->rules[row.rule];
        add_reason(t, rule->name, hl_row_value(&row, rule, c->clock));
    }
    if (c->ext) add_reason(t, "manual", c->ext->manual);
}

static struct hl_transition *record(struct hl_step *s, enum hl_stage from, const struct move *mv)
{
    HL_BUG_ON(s->out->n_transitions == HL_MAX_TRANSITIONS);
    struct hl_contact *c = s->c;
    hl_lifecycle_score(s);
    s->out->sinks = true;
    struct hl_transition *t = &s->out->transitions[s->out->n_transitions++];
    *t = (struct hl_transition){
        .from = from,
        .to = mv->to,
        .kind = (enum hl_kind)c->kind,
        .direction = mv->direction,
        .cause = mv->cause,
        .rule = mv->rule,
        .seq = ++c->seq,
        .visit = c->visit,
        .occurred_at = c->clock,
        .time_in_from_ms = c->clock - c->stage_since,
        .score = s->score,
        .grade = (char)c->grade,
        .suspect = c->flags & HL_C_SUSPECT,
    };
    add_reasons(t, c, s->m);
    return t;
}

/* The contact goes to mv->to, and what entering that stage does is done. */
static enum hl_status move(struct hl_step *s, const struct move *mv)
{
    struct hl_contact *c = s->c;
    enum hl_stage from = (enum hl_stage)c->stage;
    enum hl_kind from_kind = (enum hl_kind)c->kind;
    enum hl_status status = HL_OK;
    if (mv->to == HL_STAGE_MQL) enter_mql(c, from, mv->kind);
    if (mv->to == HL_STAGE_SQL) enter_sql(c, mv->by_score);
    if (mv->to == HL_STAGE_MQL && from != HL_STAGE_MQL) status = hl_handoff_route(s);
    struct hl_transition *t = record(s, from, mv);
    c->stage = (uint8_t)mv->to;
    c->stage_since = c->clock;
    if (mv->cause != HL_CAUSE_MANUAL) c->flags &= ~(uint32_t)HL_C_HELD;
    if (status == HL_OK) status = hl_handoff_moved(s, t, from_kind);
    if (status == HL_OK && mv->to == HL_STAGE_UNQUALIFIED) status = enter_unqualified(s);
    return status;
}

static enum hl_status fire(struct hl_step *s, const struct row *row, const struct move *mv)
{
    struct hl_contact *c = s->c;
    bool left_mql = c->stage == HL_STAGE_MQL;
    if (row->flags & ONCE) s->fired |= 1u << (row - rows);
    enum hl_status status = move(s, mv);
    if (status != HL_OK) return status;
    if ((row->flags & BY_SCORE) && mv->to == HL_STAGE_MQL) c->flags &= ~(uint32_t)HL_C_ARMED_MQL;
    if ((row->flags & BY_SCORE) && mv->by_score) c->flags &= ~(uint32_t)HL_C_ARMED_SQL;
    if (row->flags & FIT_LOST) c->flags |= HL_C_ARMED_MQL;
    if (mv->cause == HL_CAUSE_VOID) c->flags |= left_mql ? HL_C_ARMED_MQL : HL_C_ARMED_SQL; /* the crossing never was */
    if (row->flags & USES_LATCHES) clear_hand_raise(c->ext);
    if ((row->flags & TAKES_BACK) && left_mql && c->ext)
        c->ext->facts[HL_FACT_ACCEPTED] = c->ext->facts[HL_FACT_CONTACTED] = HL_NO_TIME;
    return HL_OK;
}

/* Rows that start from each stage, as bits; those of time alone. Filled once when the program is loaded, before any thread exists. */
static uint32_t rows_from[HL_STAGE_COUNT], rows_of_time;

__attribute__((constructor)) static void index_rows(void)
{
    for (unsigned i = 0; i < HL_ARRAY_LEN(rows); i++) {
        for (unsigned stage = 0; stage < HL_STAGE_COUNT; stage++) rows_from[stage] |= (rows[i].from >> stage & 1) << i;
        if (rows[i].flags & BY_TIME) rows_of_time |= 1u << i;
    }
}

static const struct row *first_row(struct hl_step *s, struct move *mv)
{
    uint32_t left = rows_from[s->c->stage] & ~s->fired & (s->ev ? UINT32_MAX : rows_of_time);
    for (; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        *mv = rows[i].move;
        if (!s->ev) mv->cause = HL_CAUSE_DECAY;
        if (s->voids && (rows[i].flags & BY_TIME)) {
            mv->direction = HL_DIRECTION_RETRACT;
            mv->cause = HL_CAUSE_VOID;
        }
        if (rows[i].holds(s, mv)) return &rows[i];
    }
    return NULL;
}

bool hl_lifecycle_time_moves(struct hl_step *s)
{
    struct move mv;
    return first_row(s, &mv) != NULL;
}

/* Evaluation is over: sales may have answered without a move. */
static void look_for_answer(struct hl_step *s)
{
    int64_t answered = HL_NO_TIME;
    if (s->c->stage != HL_STAGE_MQL || !s->c->ext || s->c->ext->n_clocks == 0) return;
    for (unsigned f = HL_FACT_ACCEPTED; f <= HL_FACT_CONTACTED; f++)
        if (fact(s, f) && (answered == HL_NO_TIME || s->c->ext->facts[f] < answered)) answered = s->c->ext->facts[f];
    if (answered != HL_NO_TIME) hl_handoff_answered(s, answered);
}

enum hl_status hl_lifecycle_evaluate(struct hl_step *s)
{
    struct move mv;
    const struct row *row;
    while ((row = first_row(s, &mv))) {
        enum hl_status status = fire(s, row, &mv);
        if (status != HL_OK) return status;
    }
    look_for_answer(s);
    return HL_OK;
}

/* Disqualified wins over all; of two on the main line the further one, and of two MQLs the one with a raised hand. */
static bool is_further(const struct hl_contact *a, const struct hl_contact *b)
{
    if (a->stage == HL_STAGE_DISQUALIFIED || b->stage == HL_STAGE_DISQUALIFIED) return b->stage != HL_STAGE_DISQUALIFIED;
    int rank_a = hl_stage_rank((enum hl_stage)a->stage), rank_b = hl_stage_rank((enum hl_stage)b->stage);
    if (a->stage == HL_STAGE_MQL && rank_a == rank_b) return a->kind == HL_KIND_ACTIVE && b->kind == HL_KIND_PASSIVE;
    return rank_b >= 0 && rank_a > rank_b; /* an exit has rank -1 */
}

/* With the stage comes what belongs to it: kind, arms, whether the score made it, whether it has been an MQL. */
static enum hl_status take_stage(struct hl_step *s, const struct hl_contact *from)
{
    uint32_t own = HL_C_ARMED_MQL | HL_C_ARMED_SQL;
    struct hl_contact *c = s->c;
    bool exits = from->stage == HL_STAGE_DISQUALIFIED;
    struct move mv = {(enum hl_stage)from->stage, HL_KIND_NONE, exits ? HL_DIRECTION_EXIT : HL_DIRECTION_ADVANCE, HL_CAUSE_MERGE, NULL,
                      from->flags & HL_C_SQL_BY_SCORE};
    if (from->stage == HL_STAGE_MQL) mv.kind = (enum hl_kind)from->kind;
    else if (!exits && from->kind != HL_KIND_NONE) c->kind = from->kind;
    enum hl_status status = move(s, &mv);
    if (!exits) c->flags = (c->flags & ~own) | (from->flags & own) | (from->flags & HL_C_WAS_MQL);
    return status;
}

enum hl_status hl_lifecycle_join(struct hl_step *s, const struct hl_contact *from)
{
    enum hl_status status = is_further(from, s->c) ? take_stage(s, from) : HL_OK;
    if (status == HL_OK) hl_lifecycle_look_at_arms(s);
    return status == HL_OK ? hl_lifecycle_evaluate(s) : status;
}

/* The score alone would have brought it where it is. */
static bool score_carries(struct hl_step *s)
{
    const struct hl_contact *c = s->c;
    if (c->stage == HL_STAGE_MQL && c->kind == HL_KIND_PASSIVE) return s->m->mql.has_enter && hl_lifecycle_score(s) >= s->m->mql.enter;
    return c->stage == HL_STAGE_SQL && has(s, HL_C_SQL_BY_SCORE) && s->m->sql.has_enter && hl_lifecycle_score(s) >= s->m->sql.enter;
}

/* Back to where it was before: nothing is entered anew, so the visit goes on, and nobody is dealt an owner. */
static enum hl_status move_back(struct hl_step *s, const struct hl_deed *undone)
{
    struct hl_contact *c = s->c;
    enum hl_stage from = (enum hl_stage)c->stage;
    enum hl_kind from_kind = (enum hl_kind)c->kind;
    struct move mv = {(enum hl_stage)undone->stage, HL_KIND_NONE, HL_DIRECTION_RETRACT, HL_CAUSE_VOID, NULL, false};
    c->kind = undone->kind;
    struct hl_transition *t = record(s, from, &mv);
    c->stage = undone->stage;
    c->stage_since = c->clock;
    c->flags = (c->flags & ~HL_DEED_FLAGS) | undone->flags;
    hl_lifecycle_look_at_arms(s);
    return hl_handoff_moved(s, t, from_kind);
}

enum hl_status hl_lifecycle_retract(struct hl_step *s, const struct hl_deed *undone)
{
    bool moved_last = undone->seq && undone->seq == s->c->seq && undone->stage != s->c->stage;
    enum hl_status status = moved_last && !score_carries(s) ? move_back(s, undone) : HL_OK;
    return status == HL_OK ? hl_lifecycle_evaluate(s) : status;
}

enum hl_status hl_lifecycle_set_stage(struct hl_step *s, enum hl_stage to)
{
    struct hl_contact *c = s->c;
    struct move mv = {to, HL_KIND_NONE, hl_lifecycle_direction((enum hl_stage)c->stage, to), HL_CAUSE_MANUAL, NULL, false};
    if (to == HL_STAGE_MQL) {
        bool active = hl_slice_eq_cstr(hl_event_attribute(s->ev, HL_SLICE_LIT("kind")), "active");
        mv.kind = active ? HL_KIND_ACTIVE : HL_KIND_PASSIVE;
    }
    enum hl_status status = move(s, &mv);
    if (status != HL_OK) return status;
    clear_hand_raise(c->ext);
    clear_qualify(c->ext);
    clear_facts_above(c->ext, hl_stage_rank(to));
    set_arms(c, false);
    c->flags |= HL_C_HELD | HL_C_HELD_FIT;
    look_for_answer(s);
    return HL_OK;
}

static void look_at(struct hl_step *s, const struct hl_threshold *t, uint32_t arm)
{
    if (has(s, arm) || (!t->has_enter && !t->has_exit)) return;
    if (hl_lifecycle_score(s) < (t->has_exit ? t->exit : t->enter)) s->c->flags |= arm;
}

void hl_lifecycle_look_at_arms(struct hl_step *s)
{
    look_at(s, &s->m->mql, HL_C_ARMED_MQL);
    look_at(s, &s->m->sql, HL_C_ARMED_SQL);
}
