/* The table of the life cycle, row by row: a case in which the row fires, and cases in which one thing is missing. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"

#define NOWHERE HL_STAGE_COUNT

enum { FIT = 1, STUDENT = 2, RIVAL = 4 };             /* attributes */
enum { ACCEPTED = 1, CONTACTED = 2, OPPORTUNITY = 4, WON = 8, ADVOCACY = 16 };
enum { DEMO = 1, MEETING = 2 };                       /* latches */
enum { SAL_ON = 1, SCORE_DRIVEN = 2, NO_EXIT = 4, NO_ENTER = 8 }; /* model */

struct row_case {
    const char *row;
    unsigned model;
    enum hl_stage from;
    enum hl_kind kind;
    unsigned attributes, facts, latches;
    uint32_t set, clear; /* flags */
    double points;
    int64_t rejected_days_ago; /* 0: never */
    enum hl_event_type event;
    enum hl_stage to; /* NOWHERE: nothing fires */
    enum hl_kind to_kind;
    enum hl_direction direction;
    enum hl_cause cause;
    const char *rule;
};

#define QUIET .event = HL_EVENT_EMAIL_SENT
#define FROM(stage) .from = HL_STAGE_##stage
#define STAYS .to = NOWHERE
#define GOES(stage, d, c) .to = HL_STAGE_##stage, .direction = HL_DIRECTION_##d, .cause = HL_CAUSE_##c
#define PASSIVE .kind = HL_KIND_PASSIVE
#define ACTIVE .kind = HL_KIND_ACTIVE
#define ON(type) .event = HL_EVENT_##type

static const struct row_case cases[] = {
    {"1a anonymous", ON(LEAD_DISQUALIFIED), FROM(ANONYMOUS), GOES(DISQUALIFIED, EXIT, SALES)},
    {"1a mql", ON(LEAD_DISQUALIFIED), FROM(MQL), ACTIVE, .attributes = FIT, GOES(DISQUALIFIED, EXIT, SALES),
     .to_kind = HL_KIND_ACTIVE},
    {"1a opportunity", ON(LEAD_DISQUALIFIED), FROM(OPPORTUNITY), GOES(DISQUALIFIED, EXIT, SALES)},
    {"1a unqualified", ON(LEAD_DISQUALIFIED), FROM(UNQUALIFIED), GOES(DISQUALIFIED, EXIT, SALES)},
    {"1a customer stays", ON(LEAD_DISQUALIFIED), FROM(CUSTOMER), STAYS},
    {"1a evangelist stays", ON(LEAD_DISQUALIFIED), FROM(EVANGELIST), STAYS},
    {"1b lead", QUIET, FROM(LEAD), .attributes = FIT | STUDENT, GOES(DISQUALIFIED, EXIT, FIT), .rule = "student"},
    {"1b unqualified", QUIET, FROM(UNQUALIFIED), .attributes = FIT | STUDENT, GOES(DISQUALIFIED, EXIT, FIT), .rule = "student"},
    {"1b held_fit", QUIET, FROM(LEAD), .attributes = FIT | STUDENT, .set = HL_C_HELD_FIT, STAYS},
    {"1b sal is sales' business", QUIET, FROM(SAL), .attributes = FIT | STUDENT, STAYS},
    {"1a comes before 1b", ON(LEAD_DISQUALIFIED), FROM(LEAD), .attributes = FIT | STUDENT, GOES(DISQUALIFIED, EXIT, SALES)},
    {"1b comes before 2", ON(LEAD_REJECTED), FROM(MQL), ACTIVE, .attributes = FIT | STUDENT, GOES(DISQUALIFIED, EXIT, FIT),
     .to_kind = HL_KIND_ACTIVE, .rule = "student"},
    {"2 comes before 3", ON(LEAD_REJECTED), FROM(MQL), ACTIVE, GOES(UNQUALIFIED, RECYCLE, SALES), .to_kind = HL_KIND_ACTIVE},
    {"3 comes before 4", QUIET, FROM(MQL), ACTIVE, .attributes = RIVAL, GOES(SUBSCRIBER, REGRESS, FIT), .rule = "served",
     .to_kind = HL_KIND_ACTIVE},
    {"4 comes before 5", QUIET, FROM(MQL), PASSIVE, .attributes = FIT | RIVAL, GOES(LEAD, REGRESS, FIT), .rule = "competitor",
     .to_kind = HL_KIND_PASSIVE},
    {"2 mql rejected", ON(LEAD_REJECTED), FROM(MQL), PASSIVE, .attributes = FIT, .points = 50, GOES(UNQUALIFIED, RECYCLE, SALES),
     .to_kind = HL_KIND_PASSIVE},
    {"2 sal rejected", ON(LEAD_REJECTED), FROM(SAL), GOES(UNQUALIFIED, RECYCLE, SALES)},
    {"2 sql rejected", ON(LEAD_REJECTED), FROM(SQL), GOES(UNQUALIFIED, RECYCLE, SALES)},
    {"2 sql lost", ON(OPPORTUNITY_LOST), FROM(SQL), GOES(UNQUALIFIED, RECYCLE, SALES)},
    {"2 opportunity lost", ON(OPPORTUNITY_LOST), FROM(OPPORTUNITY), GOES(UNQUALIFIED, RECYCLE, SALES)},
    {"2 sal has nothing to lose", ON(OPPORTUNITY_LOST), FROM(SAL), STAYS},
    {"2 lead cannot be rejected", ON(LEAD_REJECTED), FROM(LEAD), .attributes = FIT, STAYS},
    {"2 customer cannot be rejected", ON(LEAD_REJECTED), FROM(CUSTOMER), STAYS},
    {"3 lead", QUIET, FROM(LEAD), GOES(SUBSCRIBER, REGRESS, FIT), .rule = "served"},
    {"3 mql", QUIET, FROM(MQL), ACTIVE, GOES(SUBSCRIBER, REGRESS, FIT), .rule = "served", .to_kind = HL_KIND_ACTIVE},
    {"3 held_fit", QUIET, FROM(LEAD), .set = HL_C_HELD_FIT, STAYS},
    {"3 sal keeps", QUIET, FROM(SAL), STAYS},
    {"4", QUIET, FROM(MQL), ACTIVE, .attributes = FIT | RIVAL, GOES(LEAD, REGRESS, FIT), .rule = "competitor",
     .to_kind = HL_KIND_ACTIVE},
    {"4 held_fit", QUIET, FROM(MQL), ACTIVE, .attributes = FIT | RIVAL, .set = HL_C_HELD_FIT, STAYS},
    {"4 a suspect lead stays lead", QUIET, FROM(LEAD), .attributes = FIT | RIVAL, STAYS},
    {"5", QUIET, FROM(MQL), PASSIVE, .attributes = FIT, .points = 29.9, GOES(LEAD, REGRESS, SCORE), .to_kind = HL_KIND_PASSIVE},
    {"5 at exit", QUIET, FROM(MQL), PASSIVE, .attributes = FIT, .points = 30, STAYS},
    {"5 active", QUIET, FROM(MQL), ACTIVE, .attributes = FIT, .points = 0, STAYS},
    {"5 held", QUIET, FROM(MQL), PASSIVE, .attributes = FIT, .points = 0, .set = HL_C_HELD, STAYS},
    {"5 no exit", QUIET, FROM(MQL), PASSIVE, .model = NO_EXIT, .attributes = FIT, .points = 0, STAYS},
    {"5 anonymous", QUIET, FROM(ANONYMOUS), PASSIVE, STAYS},
    {"5 sal", QUIET, FROM(SAL), PASSIVE, STAYS},
    {"5 sql", QUIET, FROM(SQL), PASSIVE, STAYS},
    {"5 opportunity", QUIET, FROM(OPPORTUNITY), PASSIVE, STAYS},
    {"5 customer", QUIET, FROM(CUSTOMER), PASSIVE, STAYS},
    {"5 evangelist", QUIET, FROM(EVANGELIST), PASSIVE, STAYS},
    {"6 anonymous", QUIET, FROM(ANONYMOUS), .model = SCORE_DRIVEN, .set = HL_C_SQL_BY_SCORE, STAYS},
    {"6 opportunity", QUIET, FROM(OPPORTUNITY), .model = SCORE_DRIVEN, .set = HL_C_SQL_BY_SCORE, STAYS},
    {"6 customer", QUIET, FROM(CUSTOMER), .model = SCORE_DRIVEN, .set = HL_C_SQL_BY_SCORE, STAYS},
    {"6 evangelist", QUIET, FROM(EVANGELIST), .model = SCORE_DRIVEN, .set = HL_C_SQL_BY_SCORE, STAYS},
    {"6", QUIET, FROM(SQL), PASSIVE, .model = SCORE_DRIVEN, .attributes = FIT, .set = HL_C_SQL_BY_SCORE, .points = 79.9,
     GOES(MQL, REGRESS, SCORE), .to_kind = HL_KIND_PASSIVE},
    {"6 to sal", QUIET, FROM(SQL), ACTIVE, .model = SCORE_DRIVEN | SAL_ON, .facts = ACCEPTED, .attributes = FIT,
     .set = HL_C_SQL_BY_SCORE, .points = 79.9, GOES(SAL, REGRESS, SCORE), .to_kind = HL_KIND_ACTIVE},
    {"6 without a kind it is passive", QUIET, FROM(SQL), .model = SCORE_DRIVEN, .attributes = FIT, .set = HL_C_SQL_BY_SCORE,
     .points = 79.9, GOES(MQL, REGRESS, SCORE), .to_kind = HL_KIND_PASSIVE},
    {"6 active stays active", QUIET, FROM(SQL), ACTIVE, .model = SCORE_DRIVEN, .attributes = FIT, .set = HL_C_SQL_BY_SCORE,
     .points = 79.9, GOES(MQL, REGRESS, SCORE), .to_kind = HL_KIND_ACTIVE},
    {"6 at exit", QUIET, FROM(SQL), .model = SCORE_DRIVEN, .attributes = FIT, .set = HL_C_SQL_BY_SCORE, .points = 80, STAYS},
    {"6 not by score", QUIET, FROM(SQL), .model = SCORE_DRIVEN, .attributes = FIT, .points = 0, STAYS},
    {"6 sales-touch", QUIET, FROM(SQL), .attributes = FIT, .set = HL_C_SQL_BY_SCORE, .points = 0, STAYS},
    {"6 contacted", QUIET, FROM(SQL), .model = SCORE_DRIVEN, .facts = CONTACTED, .set = HL_C_SQL_BY_SCORE, STAYS},
    {"6 qualify latch", QUIET, FROM(SQL), .model = SCORE_DRIVEN, .latches = MEETING, .set = HL_C_SQL_BY_SCORE, STAYS},
    {"6 held", QUIET, FROM(SQL), .model = SCORE_DRIVEN, .set = HL_C_SQL_BY_SCORE | HL_C_HELD, STAYS},
    {"6 no exit", QUIET, FROM(SQL), .model = SCORE_DRIVEN | NO_EXIT, .set = HL_C_SQL_BY_SCORE, STAYS},
    {"7", ON(FORM_SUBMITTED), FROM(ANONYMOUS), GOES(SUBSCRIBER, ADVANCE, OPT_IN)},
    {"7 not by a page", ON(PAGE_VIEWED), FROM(ANONYMOUS), .attributes = FIT, .points = 500, .latches = DEMO, STAYS},
    {"7 held_fit", ON(FORM_SUBMITTED), FROM(ANONYMOUS), .set = HL_C_HELD_FIT, STAYS},
    {"8", QUIET, FROM(SUBSCRIBER), .attributes = FIT, GOES(LEAD, ADVANCE, FIT)},
    {"8 no fit", QUIET, FROM(SUBSCRIBER), .points = 500, STAYS},
    {"8 held_fit", QUIET, FROM(SUBSCRIBER), .attributes = FIT, .set = HL_C_HELD_FIT, STAYS},
    {"9", QUIET, FROM(LEAD), .attributes = FIT, .latches = DEMO, .points = 500, GOES(MQL, ADVANCE, HAND_RAISE),
     .to_kind = HL_KIND_ACTIVE, .rule = "demo"},
    {"9 suspect", QUIET, FROM(LEAD), .attributes = FIT | RIVAL, .latches = DEMO, STAYS},
    {"9 another latch", QUIET, FROM(LEAD), .attributes = FIT, .latches = MEETING, STAYS},
    {"10", QUIET, FROM(LEAD), .attributes = FIT, .points = 60, GOES(MQL, ADVANCE, SCORE), .to_kind = HL_KIND_PASSIVE},
    {"10 below", QUIET, FROM(LEAD), .attributes = FIT, .points = 59.9, STAYS},
    {"10 disarmed", QUIET, FROM(LEAD), .attributes = FIT, .points = 60, .clear = HL_C_ARMED_MQL, STAYS},
    {"10 no threshold", QUIET, FROM(LEAD), .model = NO_ENTER, .attributes = FIT, .points = 60, STAYS},
    {"10 suspect", QUIET, FROM(LEAD), .attributes = FIT | RIVAL, .points = 60, STAYS},
    {"10 was active before", QUIET, FROM(LEAD), ACTIVE, .attributes = FIT, .points = 60, GOES(MQL, ADVANCE, SCORE),
     .to_kind = HL_KIND_PASSIVE},
    {"11", QUIET, FROM(MQL), PASSIVE, .attributes = FIT, .points = 60, .latches = DEMO, GOES(MQL, ADVANCE, HAND_RAISE),
     .to_kind = HL_KIND_ACTIVE, .rule = "demo"},
    {"11 active already", QUIET, FROM(MQL), ACTIVE, .attributes = FIT, .points = 60, .latches = DEMO, STAYS},
    {"11 anonymous", QUIET, FROM(ANONYMOUS), PASSIVE, .attributes = FIT, .latches = DEMO, STAYS},
    {"11 subscriber", QUIET, FROM(SUBSCRIBER), PASSIVE, .latches = DEMO, STAYS},
    {"11 suspect lead", QUIET, FROM(LEAD), PASSIVE, .attributes = FIT | RIVAL, .latches = DEMO, STAYS},
    {"11 sal", QUIET, FROM(SAL), PASSIVE, .attributes = FIT, .latches = DEMO, STAYS},
    {"11 sql", QUIET, FROM(SQL), PASSIVE, .attributes = FIT, .latches = DEMO, STAYS},
    {"11 opportunity", QUIET, FROM(OPPORTUNITY), PASSIVE, .attributes = FIT, .latches = DEMO, STAYS},
    {"11 customer", QUIET, FROM(CUSTOMER), PASSIVE, .attributes = FIT, .latches = DEMO, STAYS},
    {"11 evangelist", QUIET, FROM(EVANGELIST), PASSIVE, .attributes = FIT, .latches = DEMO, STAYS},
    {"11 suspect unqualified", QUIET, FROM(UNQUALIFIED), PASSIVE, .attributes = FIT | RIVAL, .latches = DEMO, STAYS},
    {"12", QUIET, FROM(UNQUALIFIED), .attributes = FIT, .latches = DEMO, .rejected_days_ago = 1, GOES(MQL, ADVANCE, HAND_RAISE),
     .to_kind = HL_KIND_ACTIVE, .rule = "demo"},
    {"12 comes before 13", QUIET, FROM(UNQUALIFIED), .attributes = FIT, .latches = DEMO, .points = 60, .rejected_days_ago = 10,
     GOES(MQL, ADVANCE, HAND_RAISE), .to_kind = HL_KIND_ACTIVE, .rule = "demo"},
    {"12 subscriber by hand", QUIET, FROM(SUBSCRIBER), .attributes = FIT, .latches = DEMO, .set = HL_C_HELD_FIT, STAYS},
    {"12 no fit", QUIET, FROM(UNQUALIFIED), .latches = DEMO, .rejected_days_ago = 1, STAYS},
    {"12 suspect", QUIET, FROM(UNQUALIFIED), .attributes = FIT | RIVAL, .latches = DEMO, .rejected_days_ago = 1, STAYS},
    {"13", QUIET, FROM(UNQUALIFIED), .attributes = FIT, .points = 60, .rejected_days_ago = 10, GOES(MQL, ADVANCE, SCORE),
     .to_kind = HL_KIND_PASSIVE},
    {"13 was active before", QUIET, FROM(UNQUALIFIED), ACTIVE, .attributes = FIT, .points = 60, .rejected_days_ago = 10,
     GOES(MQL, ADVANCE, SCORE), .to_kind = HL_KIND_PASSIVE},
    {"13 subscriber by hand", QUIET, FROM(SUBSCRIBER), .attributes = FIT, .points = 60, .set = HL_C_HELD_FIT, STAYS},
    {"13 cooling down", QUIET, FROM(UNQUALIFIED), .attributes = FIT, .points = 60, .rejected_days_ago = 9, STAYS},
    {"13 disarmed", QUIET, FROM(UNQUALIFIED), .attributes = FIT, .points = 60, .clear = HL_C_ARMED_MQL, .rejected_days_ago = 10, STAYS},
    {"13 below", QUIET, FROM(UNQUALIFIED), .attributes = FIT, .points = 59, .rejected_days_ago = 10, STAYS},
    {"13 no fit", QUIET, FROM(UNQUALIFIED), .points = 60, .rejected_days_ago = 10, STAYS},
    {"13 suspect", QUIET, FROM(UNQUALIFIED), .attributes = FIT | RIVAL, .points = 60, .rejected_days_ago = 10, STAYS},
    {"14", QUIET, FROM(MQL), ACTIVE, .model = SAL_ON, .attributes = FIT, .facts = ACCEPTED, GOES(SAL, ADVANCE, SALES),
     .to_kind = HL_KIND_ACTIVE},
    {"14 sal off", QUIET, FROM(MQL), ACTIVE, .attributes = FIT, .facts = ACCEPTED, STAYS},
    {"14 not accepted", QUIET, FROM(MQL), ACTIVE, .model = SAL_ON, .attributes = FIT, .facts = WON, STAYS},
    {"15a mql", QUIET, FROM(MQL), ACTIVE, .attributes = FIT, .facts = CONTACTED, GOES(SQL, ADVANCE, SALES), .to_kind = HL_KIND_ACTIVE},
    {"15a sal", QUIET, FROM(SAL), .facts = CONTACTED, GOES(SQL, ADVANCE, SALES)},
    {"15a lead waits", QUIET, FROM(LEAD), .attributes = FIT, .facts = CONTACTED, STAYS},
    {"15a comes before 15b", QUIET, FROM(MQL), ACTIVE, .model = SCORE_DRIVEN, .attributes = FIT, .facts = CONTACTED,
     .latches = MEETING, .points = 120, GOES(SQL, ADVANCE, SALES), .to_kind = HL_KIND_ACTIVE},
    {"15b score", QUIET, FROM(MQL), ACTIVE, .model = SCORE_DRIVEN, .attributes = FIT, .points = 120, GOES(SQL, ADVANCE, SCORE),
     .to_kind = HL_KIND_ACTIVE},
    {"15b latch", QUIET, FROM(SAL), .model = SCORE_DRIVEN, .latches = MEETING, GOES(SQL, ADVANCE, SCORE), .rule = "meeting"},
    {"15b below", QUIET, FROM(SAL), .model = SCORE_DRIVEN, .points = 119.9, STAYS},
    {"15b disarmed", QUIET, FROM(SAL), .model = SCORE_DRIVEN, .points = 120, .clear = HL_C_ARMED_SQL, STAYS},
    {"15b no threshold", QUIET, FROM(SAL), .model = SCORE_DRIVEN | NO_ENTER, .points = 120, STAYS},
    {"15b sales-touch", QUIET, FROM(SAL), .points = 500, .latches = MEETING, STAYS},
    {"16", QUIET, FROM(SQL), .facts = OPPORTUNITY, GOES(OPPORTUNITY, ADVANCE, SALES)},
    {"16 nothing opened", QUIET, FROM(SQL), .facts = WON, STAYS},
    {"17", QUIET, FROM(OPPORTUNITY), .facts = WON, GOES(CUSTOMER, ADVANCE, SALES)},
    {"17 not won", QUIET, FROM(OPPORTUNITY), .facts = OPPORTUNITY, STAYS},
    {"18", QUIET, FROM(CUSTOMER), .facts = ADVOCACY, GOES(EVANGELIST, ADVANCE, SALES)},
    {"18 nothing said", QUIET, FROM(CUSTOMER), .facts = WON, STAYS},
    {"19", ON(SITE_SEARCHED), FROM(CUSTOMER), GOES(LEAD, REGRESS, RULE), .attributes = FIT, .rule = "win-back"},
    {"19 another stage", ON(SITE_SEARCHED), FROM(OPPORTUNITY), STAYS},
    {"19 another event", QUIET, FROM(CUSTOMER), STAYS},
    {"19 into mql is passive", ON(SITE_SEARCHED), FROM(EVANGELIST), .attributes = FIT, .points = 40, GOES(MQL, REGRESS, RULE),
     .to_kind = HL_KIND_PASSIVE, .rule = "again"},
    {"19 from mql", ON(SITE_SEARCHED), FROM(MQL), ACTIVE, .attributes = FIT, GOES(LEAD, REGRESS, RULE), .rule = "rest",
     .to_kind = HL_KIND_ACTIVE},
    {"19 was active before", ON(SITE_SEARCHED), FROM(EVANGELIST), ACTIVE, .attributes = FIT, .points = 40,
     GOES(MQL, REGRESS, RULE), .to_kind = HL_KIND_PASSIVE, .rule = "again"},
    {"19 to its own stage is skipped", ON(SITE_SEARCHED), FROM(SQL), GOES(DISQUALIFIED, EXIT, RULE), .rule = "gone"},
    {"19 to unqualified", ON(SITE_SEARCHED), FROM(SAL), GOES(UNQUALIFIED, RECYCLE, RULE), .rule = "cold"},
};

static void set_up(struct fx *f, const struct row_case *k)
{
    fx_init(f);
    fx_usual(f);
    f->m->sal = k->model & SAL_ON;
    f->m->score_driven = k->model & SCORE_DRIVEN;
    f->m->cooldown_ms = 10 * FX_DAY;
    if (k->model & NO_EXIT) f->m->mql.has_exit = f->m->sql.has_exit = false;
    if (k->model & NO_ENTER) f->m->mql = f->m->sql = (struct hl_threshold){0};
    fx_extra(f, "win-back", FX_STAGE(CUSTOMER), HL_STAGE_LEAD, FX_TYPE(SITE_SEARCHED));
    fx_extra(f, "again", FX_STAGE(EVANGELIST), HL_STAGE_MQL, FX_TYPE(SITE_SEARCHED));
    fx_extra(f, "same", FX_STAGE(SQL), HL_STAGE_SQL, FX_TYPE(SITE_SEARCHED));
    fx_extra(f, "gone", FX_STAGE(SQL), HL_STAGE_DISQUALIFIED, FX_TYPE(SITE_SEARCHED));
    fx_extra(f, "cold", FX_STAGE(SAL), HL_STAGE_UNQUALIFIED, FX_TYPE(SITE_SEARCHED));
    fx_extra(f, "rest", FX_STAGE(MQL), HL_STAGE_LEAD, FX_TYPE(SITE_SEARCHED));
    fx_seal(f);
    fx_say(f, EMAIL_SENT, FX_T0);
    struct hl_contact_ext *ext = hl_contact_ext(&f->c, &f->slab, f->m);
    assert_non_null(ext);
    ext->manual = FX_POINTS(k->points);
    for (unsigned i = 0; i < HL_FACT_COUNT; i++)
        if (k->facts >> i & 1) ext->facts[i] = FX_T0;
    if (k->latches & DEMO) ext->latches[0] = FX_T0;
    if (k->latches & MEETING) ext->latches[1] = FX_T0;
    if (k->rejected_days_ago) ext->rejected_at = FX_T0 - k->rejected_days_ago * FX_DAY;
}

static void set_attribute(struct fx *f, const char *key, const char *value)
{
    assert_int_equal(hl_contact_set_attribute(&f->c, &f->slab, hl_slice_of(key), hl_slice_of(value), FX_T0, &(bool){false}), HL_OK);
}

/* The contact of a case, in its stage, and the event. */
static void play(struct fx *f, const struct row_case *k)
{
    set_up(f, k);
    if (k->attributes & FIT) set_attribute(f, "country", "US");
    if (k->attributes & STUDENT) set_attribute(f, "title", "student");
    if (k->attributes & RIVAL) set_attribute(f, "rival", "yes");
    hl_contact_refit(&f->c, f->m);
    f->c.stage = (uint8_t)k->from;
    f->c.kind = (uint8_t)k->kind;
    f->c.flags = (f->c.flags | k->set) & ~k->clear;
    fx_send(f, k->event, FX_T0, (char *)NULL);
}

static void run_case(const struct row_case *k)
{
    struct fx f;
    play(&f, k);
    if (k->to == NOWHERE) {
        if (f.out.n_transitions != 0) fail_msg("%s: went to %s", k->row, hl_stage_name(f.out.transitions[0].to));
    } else {
        const struct hl_transition *t = &f.out.transitions[0];
        if (f.out.n_transitions == 0) fail_msg("%s: nothing fired", k->row);
        if (t->from != k->from || t->to != k->to || t->direction != k->direction || t->cause != k->cause || t->kind != k->to_kind ||
            (k->rule ? !t->rule || strcmp(t->rule, k->rule) != 0 : t->rule != NULL))
            fail_msg("%s: %s -> %s kind %d %s %s rule %s", k->row, hl_stage_name(t->from), hl_stage_name(t->to), (int)t->kind,
                     hl_direction_name(t->direction), hl_cause_name(t->cause), t->rule ? t->rule : "-");
        assert_int_equal(t->seq, 1);
        assert_int_equal(t->occurred_at, FX_T0);
        assert_true(t->suspect == !!(k->attributes & RIVAL));
    }
    fx_fini(&f);
}

static void every_row_fires_and_does_not_fire_without_its_conditions(void **state)
{
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) run_case(&cases[i]);
}

static bool is_of(const struct row_case *k, const char *const *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(k->row, rows[i], strlen(rows[i])) == 0) return true;
    return false;
}

static void rows_that_are_not_about_the_score_leave_the_arms_as_they_are(void **state)
{
    static const char *const others[] = {"2 ", "3", "4", "5", "6", "10", "13", "15b score", "19 to unqualified"};
    const uint32_t arms = HL_C_ARMED_MQL | HL_C_ARMED_SQL;
    (void)state;
    for (size_t i = 0; i < 2 * HL_ARRAY_LEN(cases); i++) {
        struct row_case k = cases[i / 2];
        bool on = i % 2;
        if (k.to == NOWHERE || is_of(&k, others, HL_ARRAY_LEN(others))) continue;
        struct fx f;
        k.points = on ? 59 : 100; /* not to cross; not to arm */
        k.set |= on ? arms : 0;
        k.clear |= on ? 0 : arms;
        play(&f, &k);
        if (f.c.stage != k.to || (f.c.flags & arms) != (on ? arms : 0))
            fail_msg("%s with arms %s: %x", k.row, on ? "on" : "off", f.c.flags & arms);
        fx_fini(&f);
    }
}

static void rows_that_are_not_about_hands_and_answers_leave_them(void **state)
{
    static const char *const hands[] = {"2 ", "9", "10", "11", "12", "13", "19 to unqualified"};
    static const char *const answers[] = {"2 ", "3", "4", "5", "19 to unqualified"};
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) {
        struct row_case k = cases[i];
        if (k.to == NOWHERE) continue;
        struct fx f;
        k.facts |= ACCEPTED;
        k.latches |= DEMO;
        play(&f, &k);
        assert_true(f.out.n_transitions > 0);
        if (f.out.n_transitions == 1 && !is_of(&k, hands, HL_ARRAY_LEN(hands)) && f.c.ext->latches[0] != FX_T0)
            fail_msg("%s: a raised hand is gone", k.row);
        if (k.to == HL_STAGE_MQL && is_of(&k, hands, HL_ARRAY_LEN(hands)) && f.c.ext->latches[0] != HL_NO_TIME)
            fail_msg("%s: the hand is still up", k.row);
        if (!is_of(&k, answers, HL_ARRAY_LEN(answers)) && f.c.ext->facts[HL_FACT_ACCEPTED] != FX_T0)
            fail_msg("%s: an answer is gone", k.row);
        fx_fini(&f);
    }
}

static void from_disqualified_no_row_leads_on(void **state)
{
    static const enum hl_event_type answers[] = {HL_EVENT_LEAD_DISQUALIFIED, HL_EVENT_LEAD_REJECTED, HL_EVENT_OPPORTUNITY_LOST};
    (void)state;
    for (unsigned i = 0; i < HL_ARRAY_LEN(answers) * 4; i++) {
        struct fx f;
        struct row_case k = {"disqualified", FROM(LEAD), PASSIVE, .attributes = FIT | STUDENT, .latches = DEMO | MEETING,
                             .facts = ACCEPTED | CONTACTED | OPPORTUNITY | WON | ADVOCACY, .set = HL_C_SUBSCRIBED};
        k.event = answers[i / 4];
        k.model = i & 1 ? SAL_ON | SCORE_DRIVEN : 0;
        k.points = i & 2 ? 500 : 0;
        play(&f, &k);
        assert_int_equal(f.out.n_transitions, 1);
        assert_int_equal(f.c.stage, HL_STAGE_DISQUALIFIED);
        fx_fini(&f);
    }
}

static void who_an_extra_edge_disqualifies_is_not_disqualified_again(void **state)
{
    struct fx f;
    (void)state;
    fx_init(&f);
    fx_usual(&f);
    fx_extra(&f, "left", FX_STAGE(CUSTOMER), HL_STAGE_DISQUALIFIED, FX_TYPE(LEAD_DISQUALIFIED));
    fx_seal(&f);
    fx_say(&f, STAGE_SET, FX_T0, "stage", "customer");
    fx_say(&f, LEAD_DISQUALIFIED, FX_T0);
    assert_int_equal(f.out.n_transitions, 1);
    assert_int_equal(f.c.stage, HL_STAGE_DISQUALIFIED);
    fx_fini(&f);
}

static void assert_path(const struct fx *f, unsigned n, const enum hl_stage *path)
{
    assert_int_equal(f->out.n_transitions, n);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(f->out.transitions[i].to, path[i]);
        assert_int_equal(f->out.transitions[i].seq, f->c.seq - n + 1 + i);
    }
}

#define ASSERT_PATH(f, ...)                                                                                          \
    do {                                                                                                             \
        const enum hl_stage path_[] = {__VA_ARGS__};                                                                 \
        assert_path((f), (unsigned)HL_ARRAY_LEN(path_), path_);                                                      \
    } while (0)

static void usual(struct fx *f)
{
    fx_init(f);
    fx_usual(f);
}

static void one_event_may_carry_a_contact_through_several_stages(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0, "country", "US");
    ASSERT_PATH(&f, HL_STAGE_SUBSCRIBER, HL_STAGE_LEAD, HL_STAGE_MQL);
    assert_int_equal(f.c.kind, HL_KIND_ACTIVE);
    assert_int_equal(f.c.stage_since, FX_T0);
    fx_fini(&f);
}

static void a_fact_that_comes_early_waits_at_its_gate_until_it_is_too_old(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct fx f;
        usual(&f);
        fx_seal(&f);
        fx_say(&f, SALES_CONTACT_MADE, FX_T0);
        assert_int_equal(f.out.n_transitions, 0);
        fx_say(&f, DEMO_REQUESTED, FX_T0 + 30 * FX_DAY + late, "country", "US");
        assert_int_equal(f.c.stage, late ? HL_STAGE_MQL : HL_STAGE_SQL);
        fx_fini(&f);
    }
}

static void a_latch_holds_to_the_end_of_its_validity_and_not_longer(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct fx f;
        usual(&f);
        fx_seal(&f);
        fx_say(&f, DEMO_REQUESTED, FX_T0);
        fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 30 * FX_DAY + late, "country", "US");
        assert_int_equal(f.c.stage, late ? HL_STAGE_LEAD : HL_STAGE_MQL);
        fx_fini(&f);
    }
}

static void a_transition_names_the_newest_latch_that_is_on(void **state)
{
    (void)state;
    for (int tie = 0; tie < 2; tie++) {
        struct fx f;
        usual(&f);
        fx_hand_raise(&f, "chat", FX_TYPE(CHAT_STARTED), 30 * FX_DAY);
        fx_seal(&f);
        fx_say(&f, DEMO_REQUESTED, FX_T0);
        fx_say(&f, CHAT_STARTED, FX_T0 + 1 - tie);
        fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 2, "country", "US");
        assert_string_equal(f.out.transitions[f.out.n_transitions - 1].rule, tie ? "demo" : "chat");
        fx_fini(&f);
    }
}

static void entering_mql_uses_up_the_hand_raise(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0, "country", "US");
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 1, "rival", "yes");
    ASSERT_PATH(&f, HL_STAGE_LEAD);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 2, "rival", "no");
    assert_int_equal(f.c.stage, HL_STAGE_LEAD);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 3);
    ASSERT_PATH(&f, HL_STAGE_MQL);
    assert_int_equal(f.c.visit, 2);
    fx_fini(&f);
}

static void a_crossing_fires_once_until_the_score_was_seen_below_exit(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    fx_say(&f, SCORE_ADJUSTED, FX_T0 + 1, "points", "60");
    ASSERT_PATH(&f, HL_STAGE_MQL);
    assert_false(f.c.flags & HL_C_ARMED_MQL);
    fx_say(&f, LEAD_REJECTED, FX_T0 + 2);
    ASSERT_PATH(&f, HL_STAGE_UNQUALIFIED); /* both arms are off, so the same 60 points do not bring it back */
    fx_say(&f, SCORE_ADJUSTED, FX_T0 + 3, "points", "-30");
    assert_false(f.c.flags & HL_C_ARMED_MQL); /* 30 is not below 30 */
    fx_say(&f, SCORE_ADJUSTED, FX_T0 + 4, "points", "-0.5");
    assert_true(f.c.flags & HL_C_ARMED_MQL);
    fx_say(&f, SCORE_ADJUSTED, FX_T0 + 5, "points", "40");
    ASSERT_PATH(&f, HL_STAGE_MQL);
    assert_int_equal(f.c.visit, 2);
    fx_fini(&f);
}

static void losing_fit_arms_again_because_the_score_was_not_to_blame(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    fx_say(&f, SCORE_ADJUSTED, FX_T0 + 1, "points", "100");
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 2, "country", "FR");
    ASSERT_PATH(&f, HL_STAGE_SUBSCRIBER);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 3, "country", "US");
    ASSERT_PATH(&f, HL_STAGE_LEAD, HL_STAGE_MQL);
    fx_fini(&f);
}

static void without_an_exit_the_arm_is_set_below_enter(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    f.m->mql.has_exit = false;
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "60");
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "-0.1");
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    assert_true(f.c.flags & HL_C_ARMED_MQL);
    fx_fini(&f);
}

static void leaving_mql_downwards_clears_what_sales_said(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0, "country", "US");
    fx_say(&f, LEAD_ACCEPTED, FX_T0); /* SAL is off: it waits */
    assert_int_equal(f.c.ext->facts[HL_FACT_ACCEPTED], FX_T0);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0, "country", "");
    ASSERT_PATH(&f, HL_STAGE_SUBSCRIBER);
    assert_int_equal(f.c.ext->facts[HL_FACT_ACCEPTED], HL_NO_TIME);
    fx_fini(&f);
}

static void a_rejection_forgets_what_occurred_up_to_it_and_resets_behavior(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    f.m->reset_behavior = true;
    fx_rule(&f, "page", FX_TYPE(PAGE_VIEWED), 10, 0);
    fx_seal(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0, "country", "US");
    fx_say(&f, PAGE_VIEWED, FX_T0 + 5);
    fx_say(&f, SCORE_ADJUSTED, FX_T0 + 5, "points", "5");
    fx_say(&f, LEAD_REJECTED, FX_T0 + 10);
    ASSERT_PATH(&f, HL_STAGE_UNQUALIFIED);
    assert_int_equal(f.out.transitions[0].score.total, FX_POINTS(15)); /* from before the reset */
    assert_int_equal(fx_score(&f, FX_T0 + 10), 0);
    assert_true(f.c.flags & HL_C_ARMED_MQL);
    fx_say(&f, PAGE_VIEWED, FX_T0 + 10); /* at rejected_at: scores nothing */
    fx_say(&f, SCORE_ADJUSTED, FX_T0 + 9, "points", "5");
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 10);
    assert_int_equal(f.out.n_transitions, 0);
    assert_int_equal(fx_score(&f, FX_T0 + 10), 0);
    fx_say(&f, PAGE_VIEWED, FX_T0 + 11);
    assert_int_equal(fx_score(&f, FX_T0 + 11), FX_POINTS(10));
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 11);
    ASSERT_PATH(&f, HL_STAGE_MQL);
    fx_fini(&f);
}

static void a_rejection_forgets_what_happened_at_its_very_moment(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0, "country", "US");
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 5);
    fx_say(&f, LEAD_ACCEPTED, FX_T0 + 5); /* SAL is off: it waits */
    fx_say(&f, MEETING_BOOKED, FX_T0 + 5);
    fx_say(&f, LEAD_REJECTED, FX_T0 + 5);
    ASSERT_PATH(&f, HL_STAGE_UNQUALIFIED);
    assert_int_equal(f.c.ext->facts[HL_FACT_ACCEPTED], HL_NO_TIME);
    assert_int_equal(f.c.ext->latches[1], HL_NO_TIME);
    fx_fini(&f);
}

static void rejected_at_never_goes_back(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, STAGE_SET, FX_T0 + 10, "stage", "sql");
    fx_say(&f, LEAD_REJECTED, FX_T0 + 10);
    fx_say(&f, STAGE_SET, FX_T0 + 20, "stage", "sql");
    fx_say(&f, OPPORTUNITY_LOST, FX_T0 + 5);
    ASSERT_PATH(&f, HL_STAGE_UNQUALIFIED);
    assert_int_equal(f.c.ext->rejected_at, FX_T0 + 10);
    fx_say(&f, STAGE_SET, FX_T0 + 20, "stage", "sql");
    fx_say(&f, LEAD_REJECTED, FX_T0 + 15);
    assert_int_equal(f.c.ext->rejected_at, FX_T0 + 15);
    fx_fini(&f);
}

static void points_that_a_rejection_wipes_out_do_not_bring_the_contact_back(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    f.m->reset_behavior = true; /* sets the arms, and no cooldown holds the score back */
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "60");
    ASSERT_PATH(&f, HL_STAGE_MQL);
    fx_say(&f, LEAD_REJECTED, FX_T0 + 1);
    ASSERT_PATH(&f, HL_STAGE_UNQUALIFIED);
    fx_fini(&f);
}

static void an_sql_that_sales_makes_is_no_longer_one_by_score(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    f.m->score_driven = true;
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "120");
    assert_true(f.c.flags & HL_C_SQL_BY_SCORE);
    fx_say(&f, STAGE_SET, FX_T0 + 1, "stage", "mql");
    fx_say(&f, SALES_CONTACT_MADE, FX_T0 + 2);
    ASSERT_PATH(&f, HL_STAGE_SQL);
    assert_false(f.c.flags & HL_C_SQL_BY_SCORE);
    fx_fini(&f);
}

static void what_sales_said_of_a_lead_waits_through_a_loss_of_fit(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    fx_say(&f, SALES_CONTACT_MADE, FX_T0 + 1);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 2, "country", "FR");
    ASSERT_PATH(&f, HL_STAGE_SUBSCRIBER);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 3, "country", "US");
    ASSERT_PATH(&f, HL_STAGE_LEAD, HL_STAGE_MQL, HL_STAGE_SQL);
    fx_fini(&f);
}

static void a_call_that_finds_the_score_fallen_makes_no_sql(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_rule(&f, "page", FX_TYPE(PAGE_VIEWED), 60, FX_DAY);
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    fx_say(&f, PAGE_VIEWED, FX_T0);
    fx_say(&f, SALES_CONTACT_MADE, FX_T0 + 2 * FX_DAY);
    ASSERT_PATH(&f, HL_STAGE_LEAD);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 3 * FX_DAY);
    ASSERT_PATH(&f, HL_STAGE_MQL); /* the call is forgotten */
    fx_fini(&f);
}

static void an_extra_edge_may_start_at_any_stage_but_disqualified(void **state)
{
    (void)state;
    for (unsigned from = 0; from < HL_STAGE_COUNT; from++) {
        struct fx f;
        usual(&f);
        enum hl_stage to = from == HL_STAGE_EVANGELIST ? HL_STAGE_CUSTOMER : HL_STAGE_EVANGELIST;
        fx_extra(&f, "edge", 1u << from, to, FX_TYPE(SITE_SEARCHED));
        fx_seal(&f);
        f.c.stage = (uint8_t)from;
        f.c.kind = HL_KIND_ACTIVE;
        f.c.flags |= HL_C_HELD_FIT;
        fx_say(&f, SITE_SEARCHED, FX_T0);
        if (f.out.n_transitions != (from != HL_STAGE_DISQUALIFIED)) fail_msg("from %s", hl_stage_name((enum hl_stage)from));
        if (f.out.n_transitions) assert_string_equal(f.out.transitions[0].rule, "edge");
        fx_fini(&f);
    }
}

static void suspicion_takes_back_what_sales_said_and_arms_again(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    fx_say(&f, SCORE_ADJUSTED, FX_T0 + 1, "points", "100");
    fx_say(&f, LEAD_ACCEPTED, FX_T0 + 2); /* SAL is off: it waits */
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 3, "rival", "yes");
    ASSERT_PATH(&f, HL_STAGE_LEAD);
    assert_int_equal(f.c.ext->facts[HL_FACT_ACCEPTED], HL_NO_TIME);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 4, "rival", "no");
    ASSERT_PATH(&f, HL_STAGE_MQL); /* the same 100 points */
    fx_fini(&f);
}

static void a_hand_stays_up_while_fit_is_lost_or_in_doubt(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0, "country", "US");
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 1); /* an MQL already: it stays up */
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 2, "rival", "yes");
    ASSERT_PATH(&f, HL_STAGE_LEAD);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 3, "country", "FR");
    ASSERT_PATH(&f, HL_STAGE_SUBSCRIBER);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 4, "country", "US", "rival", "no");
    ASSERT_PATH(&f, HL_STAGE_LEAD, HL_STAGE_MQL);
    assert_int_equal(f.c.kind, HL_KIND_ACTIVE);
    fx_fini(&f);
}

static void a_hand_that_costs_points_is_up_when_the_score_falls(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_rule(&f, "curious", FX_TYPE(DEMO_REQUESTED), -50, 0);
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "60");
    fx_say(&f, DEMO_REQUESTED, FX_T0);
    ASSERT_PATH(&f, HL_STAGE_LEAD, HL_STAGE_MQL); /* passive no more, for 10 points; active, for the hand */
    assert_int_equal(f.c.kind, HL_KIND_ACTIVE);
    fx_fini(&f);
}

static void an_active_mql_that_falls_back_from_sql_keeps_the_arm_of_mql(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    f.m->score_driven = true;
    fx_extra(&f, "cold", FX_STAGE(MQL), HL_STAGE_LEAD, FX_TYPE(EMAIL_BOUNCED));
    fx_seal(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0, "country", "US");
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "120");
    ASSERT_PATH(&f, HL_STAGE_SQL);
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "-41");
    ASSERT_PATH(&f, HL_STAGE_MQL);
    fx_say(&f, EMAIL_BOUNCED, FX_T0);
    ASSERT_PATH(&f, HL_STAGE_LEAD, HL_STAGE_MQL); /* 79 points: the first crossing of 60 by score */
    assert_int_equal(f.c.kind, HL_KIND_PASSIVE);
    fx_fini(&f);
}

static void a_late_rejection_leaves_what_happened_after_it(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0, "country", "US");
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 10);
    fx_say(&f, LEAD_ACCEPTED, FX_T0 + 10); /* SAL is off: it waits */
    fx_say(&f, LEAD_REJECTED, FX_T0 + 5);
    ASSERT_PATH(&f, HL_STAGE_UNQUALIFIED, HL_STAGE_MQL); /* by the hand of T0 + 10 */
    assert_int_equal(f.c.visit, 2);
    assert_int_equal(f.c.ext->facts[HL_FACT_ACCEPTED], FX_T0 + 10);
    fx_fini(&f);
}

/* An extra edge leads back, once; the row leads there again. */
static void rows_other_than_1a_2_and_19_may_fire_twice_for_one_event(void **state)
{
    static const struct {
        enum hl_event_type event;
        const char *country;
        enum hl_stage from, to;
    } rows[] = {
        {HL_EVENT_FORM_SUBMITTED, "FR", HL_STAGE_LEAD, HL_STAGE_SUBSCRIBER}, /* 3 */
        {HL_EVENT_FORM_SUBMITTED, "FR", HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER}, /* 7 */
        {HL_EVENT_FORM_SUBMITTED, "US", HL_STAGE_SUBSCRIBER, HL_STAGE_LEAD}, /* 8 */
        {HL_EVENT_LEAD_ACCEPTED, "US", HL_STAGE_MQL, HL_STAGE_SAL}, /* 14 */
        {HL_EVENT_SALES_CONTACT_MADE, "US", HL_STAGE_MQL, HL_STAGE_SQL}, /* 15a */
        {HL_EVENT_QUOTE_REQUESTED, "US", HL_STAGE_SQL, HL_STAGE_OPPORTUNITY}, /* 16 */
        {HL_EVENT_OPPORTUNITY_WON, "US", HL_STAGE_OPPORTUNITY, HL_STAGE_CUSTOMER}, /* 17 */
        {HL_EVENT_ADVOCACY_GIVEN, "US", HL_STAGE_CUSTOMER, HL_STAGE_EVANGELIST}, /* 18 */
    };
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(rows); i++) {
        struct fx f;
        usual(&f);
        f.m->sal = true;
        f.m->mql.has_exit = false;
        fx_extra(&f, "back", 1u << rows[i].to, rows[i].from, UINT64_C(1) << rows[i].event);
        fx_seal(&f);
        fx_say(&f, CONTACT_IDENTIFIED, FX_T0, "country", "US");
        f.c.stage = (uint8_t)rows[i].from;
        fx_send(&f, rows[i].event, FX_T0, "country", rows[i].country, (char *)NULL);
        ASSERT_PATH(&f, rows[i].to, rows[i].from, rows[i].to);
        fx_fini(&f);
    }
}

static void suspicion_may_come_twice_for_one_event(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    f.m->mql.has_exit = false; /* or it would fall for want of points */
    fx_extra(&f, "on", FX_STAGE(LEAD), HL_STAGE_MQL, FX_TYPE(TRIAL_STARTED));
    fx_seal(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0, "country", "US");
    fx_say(&f, TRIAL_STARTED, FX_T0 + 1, "rival", "yes");
    ASSERT_PATH(&f, HL_STAGE_LEAD, HL_STAGE_MQL, HL_STAGE_LEAD);
    fx_fini(&f);
}

static void a_late_rejection_does_not_open_the_door_to_what_an_earlier_one_closed(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    f.m->reset_behavior = true;
    fx_rule(&f, "page", FX_TYPE(PAGE_VIEWED), 10, 0);
    fx_seal(&f);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0, "country", "US");
    fx_say(&f, STAGE_SET, FX_T0 + 10, "stage", "unqualified");
    fx_say(&f, STAGE_SET, FX_T0 + 20, "stage", "mql");
    fx_say(&f, LEAD_REJECTED, FX_T0 + 5);
    ASSERT_PATH(&f, HL_STAGE_UNQUALIFIED);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 7); /* before the rejection of T0 + 10 */
    fx_say(&f, PAGE_VIEWED, FX_T0 + 7);
    assert_int_equal(f.c.stage, HL_STAGE_UNQUALIFIED);
    assert_int_equal(f.c.ext->latches[0], HL_NO_TIME);
    assert_int_equal(fx_score(&f, f.c.clock), 0);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 11);
    ASSERT_PATH(&f, HL_STAGE_MQL);
    fx_fini(&f);
}

static void sql_by_score_falls_back_and_needs_the_arm_to_return(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    f.m->score_driven = true;
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "120");
    ASSERT_PATH(&f, HL_STAGE_MQL, HL_STAGE_SQL);
    assert_true(f.c.flags & HL_C_SQL_BY_SCORE);
    assert_false(f.c.flags & HL_C_ARMED_SQL);
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "-41");
    ASSERT_PATH(&f, HL_STAGE_MQL);
    assert_int_equal(f.c.visit, 1); /* it came from above */
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "41");
    ASSERT_PATH(&f, HL_STAGE_SQL); /* 79 was below sql.exit, so the arm was set */
    fx_fini(&f);
}

static void a_qualify_latch_comes_before_the_score_and_is_not_by_score(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    f.m->score_driven = true;
    fx_seal(&f);
    fx_say(&f, MEETING_BOOKED, FX_T0);
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "200");
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    assert_int_equal(f.c.stage, HL_STAGE_SQL);
    assert_string_equal(f.out.transitions[f.out.n_transitions - 1].rule, "meeting");
    assert_false(f.c.flags & HL_C_SQL_BY_SCORE);
    assert_true(f.c.flags & HL_C_ARMED_SQL);
    assert_int_equal(f.c.ext->latches[1], HL_NO_TIME);
    fx_fini(&f);
}

static void an_extra_edge_fires_once_and_the_table_goes_on_from_there(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_extra(&f, "down", FX_STAGE(LEAD) | FX_STAGE(MQL), HL_STAGE_ANONYMOUS, FX_TYPE(CHAT_STARTED));
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    assert_int_equal(f.c.stage, HL_STAGE_LEAD);
    fx_say(&f, CHAT_STARTED, FX_T0);
    ASSERT_PATH(&f, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER, HL_STAGE_LEAD);
    fx_fini(&f);
}

static void the_longest_way_stays_within_the_bound(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    f.m->sal = f.m->reset_behavior = true;
    f.m->mql = (struct hl_threshold){true, false, FX_POINTS(20), 0};
    fx_extra(&f, "again", FX_STAGE(EVANGELIST), HL_STAGE_ANONYMOUS, FX_TYPE(LEAD_REJECTED));
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US", "seniority", "vp");
    fx_say(&f, STAGE_SET, FX_T0, "stage", "opportunity");
    struct hl_contact_ext *ext = hl_contact_ext(&f.c, &f.slab, f.m);
    for (unsigned i = 0; i < HL_FACT_COUNT; i++) ext->facts[i] = FX_T0 + 2;
    f.c.flags &= ~(uint32_t)HL_C_HELD_FIT;
    fx_say(&f, LEAD_REJECTED, FX_T0 + 1);
    ASSERT_PATH(&f, HL_STAGE_UNQUALIFIED, HL_STAGE_MQL, HL_STAGE_SAL, HL_STAGE_SQL, HL_STAGE_OPPORTUNITY, HL_STAGE_CUSTOMER,
                HL_STAGE_EVANGELIST, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER, HL_STAGE_LEAD);
    assert_false(f.c.flags & HL_C_ARMED_MQL); /* row 13 used it up, so lead is where it ends */
    fx_fini(&f);
}

static void a_stage_set_by_hand_holds_against_score_and_fit(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0, "country", "FR");
    fx_say(&f, STAGE_SET, FX_T0, "stage", "mql");
    ASSERT_PATH(&f, HL_STAGE_MQL);
    assert_int_equal(f.out.transitions[0].cause, HL_CAUSE_MANUAL);
    assert_int_equal(f.out.transitions[0].direction, HL_DIRECTION_ADVANCE);
    assert_int_equal(f.c.kind, HL_KIND_PASSIVE);
    assert_int_equal(f.c.ext->latches[0], HL_NO_TIME);
    fx_say(&f, EMAIL_SENT, FX_T0 + 1);
    assert_int_equal(f.out.n_transitions, 0); /* no fit, no score: held */
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 2, "seniority", "vp");
    ASSERT_PATH(&f, HL_STAGE_SUBSCRIBER); /* attributes end held_fit */
    assert_false(f.c.flags & HL_C_HELD);  /* a transition of another cause ends held */
    fx_fini(&f);
}

static void a_stage_set_by_hand_clears_facts_of_gates_above_and_both_arms(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, SALES_CONTACT_MADE, FX_T0);
    fx_say(&f, OPPORTUNITY_WON, FX_T0);
    fx_say(&f, MEETING_BOOKED, FX_T0);
    fx_say(&f, STAGE_SET, FX_T0, "stage", "lead");
    assert_int_equal(f.c.ext->latches[1], HL_NO_TIME);
    fx_say(&f, SALES_CONTACT_MADE, FX_T0);
    fx_say(&f, OPPORTUNITY_WON, FX_T0);
    fx_say(&f, STAGE_SET, FX_T0, "stage", "sql", "kind", "active");
    ASSERT_PATH(&f, HL_STAGE_SQL);
    assert_int_equal(f.c.ext->facts[HL_FACT_CONTACTED], FX_T0);
    assert_int_equal(f.c.ext->facts[HL_FACT_OPPORTUNITY], HL_NO_TIME);
    assert_int_equal(f.c.ext->facts[HL_FACT_WON], HL_NO_TIME);
    assert_false(f.c.flags & (HL_C_ARMED_MQL | HL_C_ARMED_SQL)); /* not looked at again in this event, score 0 */
    fx_say(&f, EMAIL_SENT, FX_T0);
    assert_true(f.c.flags & HL_C_ARMED_MQL);
    fx_say(&f, STAGE_SET, FX_T0, "stage", "mql", "kind", "active");
    assert_int_equal(f.out.transitions[0].direction, HL_DIRECTION_REGRESS);
    assert_int_equal(f.c.kind, HL_KIND_ACTIVE);
    assert_int_equal(f.c.visit, 1);
    fx_say(&f, STAGE_SET, FX_T0, "stage", "disqualified");
    assert_int_equal(f.out.transitions[0].direction, HL_DIRECTION_EXIT);
    assert_int_equal(f.c.ext->facts[HL_FACT_CONTACTED], HL_NO_TIME);
    fx_say(&f, STAGE_SET, FX_T0, "stage", "mql");
    assert_int_equal(f.out.transitions[0].direction, HL_DIRECTION_ADVANCE);
    assert_int_equal(f.c.visit, 2); /* from an exit */
    fx_say(&f, STAGE_SET, FX_T0, "stage", "unqualified");
    assert_int_equal(f.out.transitions[0].direction, HL_DIRECTION_RECYCLE);
    assert_int_equal(f.c.ext->rejected_at, FX_T0);
    fx_fini(&f);
}

static void a_win_of_a_customer_is_advocacy(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, STAGE_SET, FX_T0, "stage", "opportunity");
    fx_say(&f, OPPORTUNITY_WON, FX_T0);
    ASSERT_PATH(&f, HL_STAGE_CUSTOMER);
    fx_say(&f, OPPORTUNITY_WON, FX_T0 + 1);
    ASSERT_PATH(&f, HL_STAGE_EVANGELIST);
    fx_fini(&f);
}

static void reasons_are_the_largest_five_from_fit_rows_and_manual_points(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    const char *names[] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < 5; i++) fx_rule(&f, names[i], FX_TYPE(FORM_SUBMITTED), i == 2 ? -10 : i + 1, 0);
    fx_seal(&f);
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "4");
    fx_say(&f, FORM_SUBMITTED, FX_T0, "seniority", "VP ");
    const struct hl_transition *t = &f.out.transitions[0];
    const char *expected[] = {"decision-maker", "e", "d", "manual", "b"};
    assert_int_equal(t->n_reasons, HL_MAX_REASONS);
    for (unsigned i = 0; i < HL_MAX_REASONS; i++) assert_string_equal(t->reasons[i].rule, expected[i]);
    assert_int_equal(t->reasons[0].points, FX_POINTS(20));
    assert_int_equal(t->score.total, FX_POINTS(20 + 1 + 2 - 10 + 4 + 5 + 4));
    fx_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_fires_and_does_not_fire_without_its_conditions),
        cmocka_unit_test(from_disqualified_no_row_leads_on),
        cmocka_unit_test(who_an_extra_edge_disqualifies_is_not_disqualified_again),
        cmocka_unit_test(rows_that_are_not_about_the_score_leave_the_arms_as_they_are),
        cmocka_unit_test(rows_that_are_not_about_hands_and_answers_leave_them),
        cmocka_unit_test(one_event_may_carry_a_contact_through_several_stages),
        cmocka_unit_test(a_fact_that_comes_early_waits_at_its_gate_until_it_is_too_old),
        cmocka_unit_test(a_latch_holds_to_the_end_of_its_validity_and_not_longer),
        cmocka_unit_test(a_transition_names_the_newest_latch_that_is_on),
        cmocka_unit_test(entering_mql_uses_up_the_hand_raise),
        cmocka_unit_test(a_crossing_fires_once_until_the_score_was_seen_below_exit),
        cmocka_unit_test(losing_fit_arms_again_because_the_score_was_not_to_blame),
        cmocka_unit_test(without_an_exit_the_arm_is_set_below_enter),
        cmocka_unit_test(leaving_mql_downwards_clears_what_sales_said),
        cmocka_unit_test(a_rejection_forgets_what_occurred_up_to_it_and_resets_behavior),
        cmocka_unit_test(a_rejection_forgets_what_happened_at_its_very_moment),
        cmocka_unit_test(rejected_at_never_goes_back),
        cmocka_unit_test(points_that_a_rejection_wipes_out_do_not_bring_the_contact_back),
        cmocka_unit_test(an_sql_that_sales_makes_is_no_longer_one_by_score),
        cmocka_unit_test(what_sales_said_of_a_lead_waits_through_a_loss_of_fit),
        cmocka_unit_test(a_call_that_finds_the_score_fallen_makes_no_sql),
        cmocka_unit_test(an_extra_edge_may_start_at_any_stage_but_disqualified),
        cmocka_unit_test(suspicion_takes_back_what_sales_said_and_arms_again),
        cmocka_unit_test(a_hand_stays_up_while_fit_is_lost_or_in_doubt),
        cmocka_unit_test(a_hand_that_costs_points_is_up_when_the_score_falls),
        cmocka_unit_test(an_active_mql_that_falls_back_from_sql_keeps_the_arm_of_mql),
        cmocka_unit_test(a_late_rejection_leaves_what_happened_after_it),
        cmocka_unit_test(rows_other_than_1a_2_and_19_may_fire_twice_for_one_event),
        cmocka_unit_test(suspicion_may_come_twice_for_one_event),
        cmocka_unit_test(a_late_rejection_does_not_open_the_door_to_what_an_earlier_one_closed),
        cmocka_unit_test(sql_by_score_falls_back_and_needs_the_arm_to_return),
        cmocka_unit_test(a_qualify_latch_comes_before_the_score_and_is_not_by_score),
        cmocka_unit_test(an_extra_edge_fires_once_and_the_table_goes_on_from_there),
        cmocka_unit_test(the_longest_way_stays_within_the_bound),
        cmocka_unit_test(a_stage_set_by_hand_holds_against_score_and_fit),
        cmocka_unit_test(a_stage_set_by_hand_clears_facts_of_gates_above_and_both_arms),
        cmocka_unit_test(a_win_of_a_customer_is_advocacy),
        cmocka_unit_test(reasons_are_the_largest_five_from_fit_rows_and_manual_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
