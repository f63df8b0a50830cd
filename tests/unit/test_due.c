/* Moves by time alone: when there is a moment, when there is none, and what happens at it. */
#include <stddef.h>
#include <stdint.h>

#include "core/ledger.h"
#include "core_fixture.h"
#include "hotlead/core/due.h"

#define HALF (30 * FX_DAY)

enum { PAGE, FILE_, OTHER };

/* Thresholds 60/30 and 120/80; pages 10 and downloads 40 points, both halved in 30 days; searches 40 points, halved in 10. */
static void set_up(struct fx *f)
{
    fx_init(f);
    fx_usual(f);
    fx_rule(f, "page", FX_TYPE(PAGE_VIEWED), 10, HALF);
    fx_rule(f, "file", FX_TYPE(FILE_DOWNLOADED), 40, HALF);
    fx_rule(f, "search", FX_TYPE(SITE_SEARCHED), 40, 10 * FX_DAY);
    fx_rule(f, "left", FX_TYPE(EMAIL_UNSUBSCRIBED), -40, 10 * FX_DAY);
}

/* An mql, passive, of `points` that all decay in 30 days, at FX_T0. */
static void set_up_mql(struct fx *f)
{
    set_up(f);
    fx_seal(f);
    fx_say(f, LIST_IMPORTED, FX_T0, "country", "US");
    fx_say(f, FILE_DOWNLOADED, FX_T0);
    fx_say(f, FILE_DOWNLOADED, FX_T0);
    assert_int_equal(f->c.stage, HL_STAGE_MQL);
    assert_int_equal(f->c.kind, HL_KIND_PASSIVE);
}

static void set_up_sql(struct fx *f, bool sal)
{
    set_up(f);
    f->m->score_driven = true;
    f->m->sal = sal;
    fx_seal(f);
    fx_say(f, LIST_IMPORTED, FX_T0, "country", "US");
    if (sal) fx_say(f, LEAD_ACCEPTED, FX_T0);
    for (int i = 0; i < 4; i++) fx_say(f, FILE_DOWNLOADED, FX_T0);
    assert_int_equal(f->c.stage, HL_STAGE_SQL);
    assert_true(f->c.flags & HL_C_SQL_BY_SCORE);
}

static int64_t next(const struct fx *f)
{
    return hl_due_next(&f->c, f->m);
}

static void act(struct fx *f, int64_t moment)
{
    assert_int_equal(hl_due_act(&f->c, &f->slab, f->m, moment, &f->out), HL_OK);
}

static void assert_crossing(const struct fx *f, int64_t moment, double exit)
{
    assert_int_not_equal(moment, HL_NO_TIME);
    assert_true(fx_score(f, moment) < FX_POINTS(exit));
    assert_true(fx_score(f, moment - 1) >= FX_POINTS(exit));
}

static void assert_move(const struct fx *f, unsigned i, enum hl_stage from, enum hl_stage to, int64_t moment)
{
    const struct hl_transition *t = &f->out.transitions[i];
    assert_true(i < f->out.n_transitions);
    assert_int_equal(t->from, from);
    assert_int_equal(t->to, to);
    assert_int_equal(t->direction, HL_DIRECTION_REGRESS);
    assert_int_equal(t->cause, HL_CAUSE_DECAY);
    assert_int_equal(t->occurred_at, moment);
    assert_null(t->rule);
}

static void the_moment_of_one_half_life_is_where_the_formula_puts_it(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f); /* 80 points fall below 30 after log2(80/30) half-lives */
    int64_t moment = next(&f);
    assert_crossing(&f, moment, 30);
    fx_assert_near((double)(moment - FX_T0), 1.415037499278844 * (double)HALF, 1.5);
    *fx_fit(&f) = FX_POINTS(20); /* 10 of 80 are enough: three half-lives, and 1 ms to be below and not at 30 */
    moment = next(&f);
    assert_crossing(&f, moment, 30);
    assert_in_range(moment, FX_T0 + 3 * HALF, FX_T0 + 3 * HALF + 1);
    fx_fini(&f);
}

static void time_moves_a_cooled_mql_to_lead_at_its_moment(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    fx_say(&f, LEAD_ACCEPTED, FX_T0);
    uint32_t seq = f.c.seq;
    int64_t moment = next(&f);
    act(&f, moment);
    assert_int_equal(f.out.result, HL_RESULT_SCORED);
    assert_true(f.out.changed);
    assert_int_equal(f.out.n_transitions, 1);
    assert_move(&f, 0, HL_STAGE_MQL, HL_STAGE_LEAD, moment);
    const struct hl_transition *t = &f.out.transitions[0];
    assert_int_equal(t->seq, seq + 1);
    assert_int_equal(t->time_in_from_ms, moment - FX_T0);
    assert_int_equal(t->score.total, fx_score(&f, moment));
    assert_int_equal(t->n_reasons, 1);
    assert_int_equal(f.c.clock, moment);
    assert_int_equal(f.c.stage_since, moment);
    assert_int_equal(f.c.ext->facts[HL_FACT_ACCEPTED], HL_NO_TIME); /* leaving mql downwards, as ever */
    assert_int_equal(next(&f), HL_NO_TIME);
    fx_fini(&f);
}

static void after_decay_a_new_crossing_fires_because_the_arm_was_set_again(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    assert_false(f.c.flags & HL_C_ARMED_MQL);
    act(&f, next(&f));
    assert_true(f.c.flags & HL_C_ARMED_MQL);
    fx_say(&f, FILE_DOWNLOADED, f.c.clock + 1);
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    assert_int_equal(f.c.visit, 2);
    fx_fini(&f);
}

static void between_exit_and_enter_a_contact_stays_what_it_is(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    act(&f, next(&f));
    fx_say(&f, PAGE_VIEWED, f.c.clock + 1); /* about 40: not 60 */
    assert_int_equal(f.out.n_transitions, 0);
    assert_int_equal(next(&f), HL_NO_TIME); /* a lead has no moment */
    fx_say(&f, FILE_DOWNLOADED, f.c.clock + 1);
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    fx_say(&f, EMAIL_SENT, f.c.clock + HALF / 2); /* about 56: below enter, above exit */
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    assert_crossing(&f, next(&f), 30);
    fx_fini(&f);
}

static void a_decayed_sql_falls_on_through_mql_where_both_exits_are_passed(void **state)
{
    struct fx f;
    (void)state;
    set_up_sql(&f, false);
    int64_t moment = next(&f);
    assert_crossing(&f, moment, 80);
    f.m->mql.exit = FX_POINTS(90);
    act(&f, moment);
    assert_int_equal(f.out.n_transitions, 2);
    assert_move(&f, 0, HL_STAGE_SQL, HL_STAGE_MQL, moment);
    assert_move(&f, 1, HL_STAGE_MQL, HL_STAGE_LEAD, moment);
    assert_true(f.c.flags & HL_C_ARMED_SQL);
    fx_fini(&f);
}

static void a_decayed_sql_has_its_next_moment_in_mql(void **state)
{
    struct fx f;
    (void)state;
    set_up_sql(&f, false);
    int64_t first = next(&f);
    act(&f, first);
    assert_int_equal(f.out.n_transitions, 1);
    assert_true(f.c.flags & HL_C_ARMED_SQL);
    assert_false(f.c.flags & HL_C_ARMED_MQL); /* 80 is not below 30 */
    int64_t second = next(&f);
    assert_true(second > first);
    assert_crossing(&f, second, 30);
    act(&f, second);
    assert_move(&f, 0, HL_STAGE_MQL, HL_STAGE_LEAD, second);
    fx_fini(&f);
}

static void a_decayed_sql_goes_back_to_sal_while_it_is_accepted(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct fx f;
        set_up_sql(&f, true);
        int64_t moment = next(&f); /* one half-life, 30 days: `accepted` is on for as long, to the millisecond */
        if (late) f.c.ext->facts[HL_FACT_ACCEPTED] = moment - f.m->facts_valid_for_ms - 1;
        else f.c.ext->facts[HL_FACT_ACCEPTED] = moment - f.m->facts_valid_for_ms;
        act(&f, moment);
        assert_move(&f, 0, HL_STAGE_SQL, late ? HL_STAGE_MQL : HL_STAGE_SAL, moment);
        assert_int_equal(next(&f) == HL_NO_TIME, !late); /* time never moves a sal */
        fx_fini(&f);
    }
}

static void row_6_asks_for_fact_and_latch_at_the_moment_and_not_at_the_clock(void **state)
{
    (void)state;
    for (int latch = 0; latch < 2; latch++) {
        struct fx f;
        set_up_sql(&f, false);
        int64_t moment = next(&f);
        struct hl_contact_ext *ext = hl_contact_ext(&f.c, &f.slab, f.m);
        int64_t valid_for = latch ? f.m->qualify[0].valid_for_ms : f.m->facts_valid_for_ms;
        int64_t *since = latch ? &ext->latches[f.m->n_hand_raise] : &ext->facts[HL_FACT_CONTACTED];
        *since = moment - valid_for - 1; /* on at the clock, off when the score falls */
        assert_int_equal(next(&f), moment);
        *since = moment - valid_for; /* on for the last time when the score falls: its end is no moment */
        assert_int_equal(next(&f), HL_NO_TIME);
        act(&f, moment);
        assert_int_equal(f.out.result, HL_RESULT_IGNORED);
        assert_int_equal(f.c.clock, FX_T0);
        fx_say(&f, EMAIL_SENT, moment + 1); /* the next event finds row 6 */
        assert_int_equal(f.out.n_transitions, 1);
        assert_int_equal(f.out.transitions[0].to, HL_STAGE_MQL);
        assert_int_equal(f.out.transitions[0].cause, HL_CAUSE_SCORE);
        fx_fini(&f);
    }
}

static void a_contact_that_time_cannot_move_has_no_moment(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    struct hl_contact mql = f.c;
    for (unsigned stage = 0; stage < HL_STAGE_COUNT; stage++) {
        f.c.stage = (uint8_t)stage;
        assert_int_equal(next(&f) != HL_NO_TIME, stage == HL_STAGE_MQL);
    }
    f.c = mql;
    f.c.kind = HL_KIND_ACTIVE;
    assert_int_equal(next(&f), HL_NO_TIME);
    f.c = mql;
    f.c.flags |= HL_C_HELD;
    assert_int_equal(next(&f), HL_NO_TIME);
    f.c = mql;
    f.m->mql.has_exit = false;
    assert_int_equal(next(&f), HL_NO_TIME);
    f.m->mql.has_exit = true;
    f.m->mql.exit = 0;
    assert_int_equal(next(&f), HL_NO_TIME);
    fx_fini(&f);
}

static void an_sql_has_a_moment_only_where_score_brought_it_and_may_take_it(void **state)
{
    struct fx f;
    (void)state;
    set_up_sql(&f, false);
    assert_int_not_equal(next(&f), HL_NO_TIME);
    f.m->score_driven = false;
    assert_int_equal(next(&f), HL_NO_TIME);
    f.m->score_driven = true;
    f.m->sql.has_exit = false;
    assert_int_equal(next(&f), HL_NO_TIME);
    f.m->sql.has_exit = true;
    f.c.flags |= HL_C_HELD;
    assert_int_equal(next(&f), HL_NO_TIME);
    f.c.flags &= ~(uint32_t)(HL_C_HELD | HL_C_SQL_BY_SCORE);
    assert_int_equal(next(&f), HL_NO_TIME);
    fx_fini(&f);
}

static void a_score_that_rests_on_what_does_not_decay_never_falls(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    *fx_fit(&f) = FX_POINTS(30); /* at exit, and not below it, when all else is gone */
    assert_int_equal(next(&f), HL_NO_TIME);
    *fx_fit(&f) -= 1;
    assert_crossing(&f, next(&f), 30);
    hl_ledger_clear(&f.c);
    *fx_fit(&f) = FX_POINTS(40);
    assert_int_equal(next(&f), HL_NO_TIME);
    fx_fini(&f);
}

static void a_score_that_is_below_already_waits_for_an_event(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    f.m->mql.exit = FX_POINTS(81); /* another model */
    assert_int_equal(next(&f), HL_NO_TIME);
    fx_say(&f, EMAIL_SENT, FX_T0 + 1);
    assert_int_equal(f.out.transitions[0].cause, HL_CAUSE_SCORE);
    assert_int_equal(f.c.stage, HL_STAGE_LEAD);
    fx_fini(&f);
}

static void a_capped_group_falls_only_once_it_is_below_its_cap(void **state)
{
    struct fx f;
    (void)state;
    set_up(&f);
    int group = fx_group(&f, "web", 65);
    f.m->rules[FILE_].group = group;
    fx_seal(&f);
    fx_say(&f, LIST_IMPORTED, FX_T0, "country", "US");
    for (int i = 0; i < 6; i++) fx_say(&f, FILE_DOWNLOADED, FX_T0); /* 240, of which 65 count */
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    int64_t moment = next(&f); /* 240 is below 30 after three half-lives */
    assert_crossing(&f, moment, 30);
    assert_in_range(moment, FX_T0 + 3 * HALF, FX_T0 + 3 * HALF + 1);
    fx_fini(&f);
}

static void with_several_half_lives_the_moment_is_found_to_the_millisecond(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    int64_t without = next(&f);
    fx_say(&f, SITE_SEARCHED, FX_T0 + FX_DAY);
    int64_t moment = next(&f);
    assert_crossing(&f, moment, 30);
    assert_true(moment > without);
    fx_fini(&f);
}

/* 80 points less 40 that are soon forgotten: the score is 40, rises, and falls. A second loss makes it fall first. */
static void a_loss_that_decays_first_lifts_the_score_before_it_falls(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    int64_t without = next(&f);
    fx_say(&f, EMAIL_UNSUBSCRIBED, FX_T0);
    int64_t moment = next(&f);
    assert_crossing(&f, moment, 30);
    assert_true(fx_score(&f, FX_T0 + 10 * FX_DAY) > fx_score(&f, FX_T0));
    assert_true(moment > FX_T0 + HALF && moment < without);
    fx_fini(&f);
}

/* 40 points that soon go, 40 that last and -30 that last a while: below 30 for a time, above it in between, below in the end. */
static void of_several_falls_the_first_is_the_moment(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    hl_ledger_clear(&f.c);
    static const struct {
        double points;
        int64_t half_life;
    } rows[] = {{60, 365 * FX_DAY}, {40, FX_DAY}, {-50, 20 * FX_DAY}};
    for (uint16_t i = 0; i < 3; i++) {
        f.m->rules[i].points = FX_POINTS(rows[i].points);
        f.m->rules[i].half_life = hl_half_life_of(rows[i].half_life);
        fx_add(&f, i, FX_T0);
    }
    int64_t moment = next(&f);
    assert_crossing(&f, moment, 30);
    assert_true(moment < FX_T0 + 5 * FX_DAY);
    assert_true(fx_score(&f, FX_T0 + 60 * FX_DAY) > FX_POINTS(40)); /* it would have risen again */
    f.c.clock = FX_T0 + 60 * FX_DAY;
    assert_true(next(&f) > FX_T0 + 300 * FX_DAY);
    assert_crossing(&f, next(&f), 30);
    fx_fini(&f);
}

/* 15 points and -15 points of half-lives that differ by a millisecond, upon exit exactly: next to nothing to see for 40
 * half-lives. */
static void gains_and_losses_that_all_but_cancel_are_given_up_in_time(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    hl_ledger_clear(&f.c);
    *fx_fit(&f) = FX_POINTS(30);
    for (uint16_t i = 0; i < 2; i++) {
        f.m->rules[i].points = FX_POINTS(i ? -15 : 15);
        f.m->rules[i].half_life = hl_half_life_of(HALF - i);
        fx_add(&f, i, FX_T0);
    }
    if (fx_score(&f, FX_T0) < FX_POINTS(30)) *fx_fit(&f) += FX_POINTS(0.001);
    int64_t moment = next(&f); /* the search ends; what it finds is a crossing */
    if (moment != HL_NO_TIME) assert_crossing(&f, moment, 30);
    fx_fini(&f);
}

static void events_that_come_late_after_time_acted_are_seen_at_its_clock(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    int64_t moment = next(&f);
    act(&f, moment);
    fx_say(&f, FILE_DOWNLOADED, moment - FX_DAY); /* about 30 + 39: an mql as of the moment */
    assert_int_equal(f.out.n_transitions, 1);
    assert_int_equal(f.out.transitions[0].to, HL_STAGE_MQL);
    assert_int_equal(f.out.transitions[0].occurred_at, moment);
    fx_fini(&f);
}

/* Nobody drives time: the next event does what time would have done, with cause score; and no moment is ever left at or before
 * the clock. */
static void without_a_driver_the_next_event_takes_away(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    int64_t moment = next(&f);
    fx_say(&f, EMAIL_SENT, moment - 1);
    assert_int_equal(f.out.n_transitions, 0);
    assert_int_equal(next(&f), moment);
    fx_say(&f, EMAIL_SENT, moment);
    assert_int_equal(f.out.n_transitions, 1);
    assert_int_equal(f.out.transitions[0].cause, HL_CAUSE_SCORE);
    assert_int_equal(f.out.transitions[0].to, HL_STAGE_LEAD);
    fx_fini(&f);
}

static void a_timer_that_was_overtaken_changes_nothing(void **state)
{
    struct fx f;
    (void)state;
    set_up_mql(&f);
    int64_t overtaken = next(&f);
    fx_say(&f, FILE_DOWNLOADED, FX_T0 + 1);
    uint32_t flags = f.c.flags;
    act(&f, overtaken);
    assert_int_equal(f.out.result, HL_RESULT_IGNORED);
    assert_false(f.out.changed);
    assert_int_equal(f.out.n_transitions, 0);
    assert_int_equal(f.c.clock, FX_T0 + 1);
    assert_int_equal(f.c.flags, flags);
    assert_true(next(&f) > overtaken);
    fx_fini(&f);
}

/* What was learned of an SQL does not bear on it. When time makes it an MQL again, it still waits for an event. */
static void what_fit_has_to_say_waits_for_an_event_when_time_moves_the_contact(void **state)
{
    static const struct {
        const char *key, *value;
        enum hl_stage then;
    } learned[] = {
        {"country", "FR", HL_STAGE_SUBSCRIBER}, {"rival", "yes", HL_STAGE_LEAD}, {"title", "student", HL_STAGE_DISQUALIFIED},
    };
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(learned); i++) {
        struct fx f;
        set_up_sql(&f, false);
        fx_say(&f, CONTACT_IDENTIFIED, FX_T0, learned[i].key, learned[i].value);
        act(&f, next(&f));
        assert_int_equal(f.out.n_transitions, 1);
        assert_int_equal(f.c.stage, HL_STAGE_MQL);
        fx_say(&f, EMAIL_SENT, f.c.clock);
        assert_int_equal(f.c.stage, learned[i].then);
        fx_fini(&f);
    }
}

static void extra_edges_want_an_event(void **state)
{
    struct fx f;
    (void)state;
    set_up(&f);
    fx_extra(&f, "any", FX_STAGE(LEAD), HL_STAGE_CUSTOMER, ~UINT64_C(0));
    fx_seal(&f);
    f.c.stage = HL_STAGE_SUBSCRIBER;
    fx_say(&f, FILE_DOWNLOADED, FX_T0);
    fx_say(&f, FILE_DOWNLOADED, FX_T0);
    fx_say(&f, STAGE_SET, FX_T0, "stage", "mql");
    f.c.flags &= ~(uint32_t)(HL_C_HELD | HL_C_HELD_FIT);
    act(&f, next(&f));
    assert_int_equal(f.out.n_transitions, 1);
    assert_int_equal(f.c.stage, HL_STAGE_LEAD);
    fx_fini(&f);
}

static void a_raised_hand_waits_for_an_event_when_time_moves_the_contact(void **state)
{
    struct fx f;
    (void)state;
    set_up_sql(&f, false);
    f.m->hand_raise[0].valid_for_ms = 365 * FX_DAY;
    fx_say(&f, DEMO_REQUESTED, FX_T0 + FX_DAY);
    for (int i = 0; i < 2; i++) {
        act(&f, next(&f));
        assert_int_equal(f.out.n_transitions, 1); /* time takes away, and gives nothing */
        assert_int_equal(f.c.stage, i ? HL_STAGE_LEAD : HL_STAGE_MQL);
        assert_int_equal(f.c.kind, HL_KIND_PASSIVE);
    }
    fx_say(&f, EMAIL_SENT, f.c.clock);
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    assert_int_equal(f.c.kind, HL_KIND_ACTIVE);
    fx_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fit_has_to_say_waits_for_an_event_when_time_moves_the_contact),
        cmocka_unit_test(extra_edges_want_an_event),
        cmocka_unit_test(a_raised_hand_waits_for_an_event_when_time_moves_the_contact),
        cmocka_unit_test(the_moment_of_one_half_life_is_where_the_formula_puts_it),
        cmocka_unit_test(time_moves_a_cooled_mql_to_lead_at_its_moment),
        cmocka_unit_test(after_decay_a_new_crossing_fires_because_the_arm_was_set_again),
        cmocka_unit_test(between_exit_and_enter_a_contact_stays_what_it_is),
        cmocka_unit_test(a_decayed_sql_falls_on_through_mql_where_both_exits_are_passed),
        cmocka_unit_test(a_decayed_sql_has_its_next_moment_in_mql),
        cmocka_unit_test(a_decayed_sql_goes_back_to_sal_while_it_is_accepted),
        cmocka_unit_test(row_6_asks_for_fact_and_latch_at_the_moment_and_not_at_the_clock),
        cmocka_unit_test(a_contact_that_time_cannot_move_has_no_moment),
        cmocka_unit_test(an_sql_has_a_moment_only_where_score_brought_it_and_may_take_it),
        cmocka_unit_test(a_score_that_rests_on_what_does_not_decay_never_falls),
        cmocka_unit_test(a_score_that_is_below_already_waits_for_an_event),
        cmocka_unit_test(a_capped_group_falls_only_once_it_is_below_its_cap),
        cmocka_unit_test(with_several_half_lives_the_moment_is_found_to_the_millisecond),
        cmocka_unit_test(a_loss_that_decays_first_lifts_the_score_before_it_falls),
        cmocka_unit_test(of_several_falls_the_first_is_the_moment),
        cmocka_unit_test(gains_and_losses_that_all_but_cancel_are_given_up_in_time),
        cmocka_unit_test(events_that_come_late_after_time_acted_are_seen_at_its_clock),
        cmocka_unit_test(without_a_driver_the_next_event_takes_away),
        cmocka_unit_test(a_timer_that_was_overtaken_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
