/* DESIGN
 * The moment is the first millisecond after the clock at which hl_score_at is below the exit that applies, having been at or
 * above it at the clock. "At which" is meant to the bit: what an event at that millisecond would see. Three ways to find it:
 *
 *   no row with negative points decays: the score never rises, so there is one crossing
 *     one half-life, no cap in force: closed form, clock + half-life x log2(what decays / what may be left), and a look at the
 *         score around it
 *     else: bisection between the clock and the time at which all rows are gone
 *   else: the score may fall, rise and fall again. A march: hl_score_floor says how low the score can get between here and a
 *     step ahead. Not below exit: the step is taken, and the next one is longer. Else the step is halved, down to one
 *     millisecond, which is looked at itself. Rows that decay alike are merged first, so that gains and losses among them do not
 *     blur the floor.
 *
 * Group caps need no case of their own: min() keeps both a score that never rises and a floor what they are.
 *
 * LIMIT of the march: where gains and losses of different half-lives cancel almost to nothing right at the threshold, proofs fail
 * and steps get short. After FINE_LOOKS looks its finest step is doubled every COARSE_LOOKS (in all well under a millisecond of
 * work): a dip below the threshold that is over within such a step may then be missed, or its first milliseconds, where rounding
 * alone makes the score flicker. The next event decides then. A moment that is found is always a crossing: below at it, not below
 * 1 ms before it.
 *
 * WHY NOT roots of the sum of exponentials: with several half-lives there is no closed form, with signs mixed no bracket, and the
 * answer would have to be proved against the integers of the score anyway.
 *
 * THREADS: pure; the contact is guarded by its stripe. */
#include "hotlead/core/due.h"

#include "handoff.h"

#define MERGED_ROWS 64
#define FINE_LOOKS 1024
#define COARSE_LOOKS 64

/* The question: when is the score of c below `exit`? */
struct fall {
    const struct hl_contact *c;
    const struct hl_model *m;
    hl_fixed exit;
    struct hl_score now; /* at the clock */
};

static bool is_below(const struct fall *f, int64_t t)
{
    return hl_score_at(f->c, f->m, t).total < f->exit;
}

/* What decays, and how. */
struct decaying {
    int64_t end;          /* all rows are gone; HL_NO_TIME: none decays */
    int64_t half_life_ms; /* of all of them; 0: they differ */
    hl_fixed points;      /* what they are worth at the clock, before caps */
    bool rises;           /* one has negative points */
};

static struct decaying decaying_of(const struct fall *f)
{
    struct decaying d = {HL_NO_TIME, 0, 0, false};
    struct hl_row row;
    for (size_t pos = 0; hl_contact_next_row(f->c, &pos, &row);) {
        const struct hl_score_rule *rule = &f->m->rules[row.rule];
        int64_t end = hl_row_end(&row, rule);
        if (end <= f->c->clock) continue;
        d.half_life_ms = d.end == HL_NO_TIME || d.half_life_ms == rule->half_life.ms ? rule->half_life.ms : 0;
        d.points = hl_fixed_add(d.points, hl_row_value(&row, rule, f->c->clock));
        d.rises = d.rises || row.near_hi < 0;
        if (end > d.end) d.end = end;
    }
    return d;
}

/* log2(v) with 48 fraction bits, by squaring: each time the mantissa passes 2 the next bit is 1. v > 0. */
static uint64_t log2_q48(uint64_t v)
{
    unsigned zeros = (unsigned)__builtin_clzll(v);
    uint64_t mantissa = v << zeros, out = 63 - zeros;
    for (unsigned i = 0; i < 48; i++) {
        unsigned __int128 square = (unsigned __int128)mantissa * mantissa;
        unsigned bit = (unsigned)(square >> 127);
        mantissa = (uint64_t)(square >> (63 + bit));
        out = out << 1 | bit;
    }
    return out;
}

/* Where the closed form puts the crossing, to a millisecond or so; HL_NO_TIME: it does not apply. `rest`: the score at d->end. */
static int64_t closed_form(const struct fall *f, const struct decaying *d, const struct hl_score *rest)
{
    bool capped = f->now.behavior != hl_fixed_add(rest->behavior, d->points);
    hl_fixed left = f->exit - hl_fixed_add(rest->fit, rest->behavior);
    if (d->half_life_ms == 0 || capped || left <= 0 || left > d->points) return HL_NO_TIME;
    unsigned __int128 x = log2_q48((uint64_t)d->points) - log2_q48((uint64_t)left);
    return hl_time_add(f->c->clock, (int64_t)(x * (uint64_t)d->half_life_ms >> 48));
}

/* The crossing between `lo`, not below, and `hi`, below, of a score that crosses there once. */
static int64_t bisect(const struct fall *f, int64_t lo, int64_t hi)
{
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (is_below(f, mid))
            hi = mid;
        else
            lo = mid;
    }
    return hi;
}

/* A score that never rises, not below at the clock. */
static int64_t first_of_falling(const struct fall *f, const struct decaying *d)
{
    int64_t lo = f->c->clock, hi = d->end;
    struct hl_score rest = hl_score_at(f->c, f->m, hi);
    if (rest.total >= f->exit) return HL_NO_TIME;
    int64_t guess = closed_form(f, d, &rest);
    if (guess > lo && guess < hi) { /* mostly both hold, and one look in between is left */
        if (is_below(f, guess + 1)) hi = guess + 1;
        if (!is_below(f, guess - 1)) lo = guess - 1;
    }
    return bisect(f, lo, hi);
}

static int64_t finest_step(unsigned looks)
{
    unsigned doubled = looks < FINE_LOOKS ? 0 : 1 + (looks - FINE_LOOKS) / COARSE_LOOKS;
    return INT64_C(1) << (doubled < 48 ? doubled : 48);
}

/* Proofs that the score stays at or above exit for a while. */
struct proofs {
    struct hl_row rows[MERGED_ROWS]; /* those of f->c, merged */
    unsigned n;     /* 0: it has too many */
    hl_fixed slack; /* no score of them is further from that of f->c */
};

static void prepare(struct proofs *p, const struct fall *f)
{
    p->n = hl_rows_merge(f->c, f->m, p->rows, MERGED_ROWS);
    p->slack = 2 * (hl_fixed)hl_contact_n_rows(f->c);
}

static bool stays(const struct proofs *p, const struct fall *f, int64_t from, int64_t to)
{
    if (p->n > 0) {
        hl_fixed floor = hl_score_floor_of(f->c, f->m, p->rows, p->n, from, to);
        if (floor >= f->exit + p->slack) return true;
        if (floor < f->exit - p->slack) return false;
    }
    return hl_score_floor(f->c, f->m, from, to) >= f->exit;
}

/* The march, from `t`, not below, to `end`. *at: how far proofs and looks have come, *fine: all of that to the millisecond. */
static int64_t march(const struct fall *f, const struct proofs *p, int64_t t, int64_t end, int64_t *at, bool *fine)
{
    int64_t step = end - t;
    bool eased = false; /* the last step was taken at once */
    for (unsigned looks = 0; t < end; looks++) {
        int64_t finest = finest_step(looks);
        if (step < finest) step = finest;
        if (step > end - t) step = end - t;
        *at = t;
        *fine = finest == 1;
        bool proven = stays(p, f, t, t + step);
        if (!proven && step > finest) {
            step /= 2;
            eased = false;
            continue;
        }
        if (!proven && is_below(f, t + step)) return bisect(f, t, t + step);
        t += step;
        if (eased) step = step < INT64_MAX / 2 ? step * 2 : INT64_MAX;
        eased = proven;
    }
    return HL_NO_TIME;
}

/* Any score, not below at the clock. */
static int64_t first_of_any(const struct fall *f, const struct decaying *d)
{
    struct proofs p;
    int64_t at;
    bool fine;
    prepare(&p, f);
    int64_t moment = march(f, &p, f->c->clock, d->end, &at, &fine);
    if (moment != HL_NO_TIME && !fine) moment = march(f, &p, at, moment, &at, &fine); /* an earlier one in a coarse step */
    return moment;
}

/* The exit whose crossing moves the contact; false: none does, in its stage and as it is held. */
static bool exit_of(const struct hl_contact *c, const struct hl_model *m, hl_fixed *exit)
{
    const struct hl_threshold *t;
    if (c->stage == HL_STAGE_MQL && c->kind == HL_KIND_PASSIVE)
        t = &m->mql;
    else if (c->stage == HL_STAGE_SQL && m->score_driven && (c->flags & HL_C_SQL_BY_SCORE))
        t = &m->sql;
    else
        return false;
    *exit = t->exit;
    return t->has_exit && t->exit > 0 && !(c->flags & HL_C_HELD); /* no score is below 0 */
}

int64_t hl_due_decay(const struct hl_contact *c, const struct hl_model *m)
{
    struct fall f = {.c = c, .m = m};
    if (!exit_of(c, m, &f.exit)) return HL_NO_TIME;
    struct decaying d = decaying_of(&f);
    f.now = hl_score_at(c, m, c->clock);
    if (d.end == HL_NO_TIME || f.now.total < f.exit) return HL_NO_TIME;
    int64_t moment = d.rises ? first_of_any(&f, &d) : first_of_falling(&f, &d);
    if (moment == HL_NO_TIME) return HL_NO_TIME;
    struct hl_contact then = *c; /* borrows the blocks of c; nothing is changed */
    then.clock = moment;
    struct hl_step s = {.c = &then, .m = m};
    return hl_lifecycle_time_moves(&s) ? moment : HL_NO_TIME;
}

int64_t hl_due_next(const struct hl_contact *c, const struct hl_model *m)
{
    int64_t decay = hl_due_decay(c, m), deadline = hl_contact_sla_due(c);
    if (decay == HL_NO_TIME) return deadline;
    return deadline != HL_NO_TIME && deadline < decay ? deadline : decay;
}

/* The score falls at `moment`. */
static enum hl_status fall_at(struct hl_step *s, int64_t moment)
{
    struct hl_contact *c = s->c;
    int64_t before = c->clock;
    c->clock = moment;
    if (moment <= before || !hl_lifecycle_time_moves(s)) {
        c->clock = before;
        return HL_OK;
    }
    s->out->changed = true;
    hl_lifecycle_look_at_arms(s);
    return hl_lifecycle_evaluate(s);
}

enum hl_status hl_due_act(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, int64_t moment,
                          struct hl_outcome *out)
{
    struct hl_step s = {.c = c, .slab = slab, .m = m, .out = out};
    enum hl_status status = HL_OK;
    int64_t deadline = hl_contact_sla_due(c);
    hl_outcome_clear(out);
    if (deadline != HL_NO_TIME && deadline <= moment) {
        hl_handoff_breach(&s, moment);
        out->changed = true;
    }
    /* at a deadline, what is below an exit already stays (decision 0002, 32) */
    if (!out->changed || hl_due_decay(c, m) == moment) status = fall_at(&s, moment);
    out->result = out->changed ? HL_RESULT_SCORED : HL_RESULT_IGNORED;
    return status;
}
