/* Voiding: what an event did is taken back, to the bit, and once. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"
#include "hotlead/core/state.h"
#include "hotlead/core/voids.h"

static void begin(struct fx *f, uint8_t keep)
{
    fx_init(f);
    fx_usual(f);
    struct hl_score_rule *page = fx_rule(f, "page", FX_TYPE(PAGE_VIEWED), 25, 10 * FX_DAY);
    page->max_times = 3;
    page->window_ms = FX_DAY;
    fx_rule(f, "file", FX_TYPE(FILE_DOWNLOADED), 40, 0);
    f->m->voids_keep = keep;
    fx_seal(f);
}

static void say(struct fx *f, enum hl_event_type type, const char *id, int64_t at)
{
    struct hl_event ev = fx_event(f, type, at);
    ev.event_id = hl_slice_of(id);
    assert_int_equal(fx_apply(f, &ev, HL_APPLY_LIVE), HL_RESULT_SCORED);
}

static enum hl_result undo(struct fx *f, const char *id, int64_t at)
{
    return fx_say(f, EVENT_VOIDED, at, "event_id", id);
}

static void lead(struct fx *f)
{
    assert_int_equal(fx_say(f, FORM_SUBMITTED, FX_T0, "country", "US"), HL_RESULT_SCORED);
    assert_int_equal(f->c.stage, HL_STAGE_LEAD);
}

static void assert_moved(const struct fx *f, enum hl_stage from, enum hl_stage to)
{
    assert_int_equal(f->out.n_transitions, 1);
    const struct hl_transition *t = &f->out.transitions[0];
    if (t->from != from || t->to != to) fail_msg("from %s to %s", hl_stage_name(t->from), hl_stage_name(t->to));
    assert_int_equal(t->direction, HL_DIRECTION_RETRACT);
    assert_int_equal(t->cause, HL_CAUSE_VOID);
}

static void rows_and_windows_are_to_the_bit_what_they_would_be_without_it(void **state)
{
    struct fx with, without;
    (void)state;
    begin(&with, 8);
    begin(&without, 8);
    int64_t later = FX_T0 + 410 * FX_DAY; /* the epoch after: 40 half-lives are 400 days */
    say(&with, HL_EVENT_PAGE_VIEWED, "a", FX_T0 + 12345);
    say(&without, HL_EVENT_PAGE_VIEWED, "a", FX_T0 + 12345);
    say(&with, HL_EVENT_PAGE_VIEWED, "b", FX_T0 + 54321);
    say(&with, HL_EVENT_PAGE_VIEWED, "c", later);
    say(&without, HL_EVENT_PAGE_VIEWED, "c", later);
    assert_int_equal(undo(&with, "b", later), HL_RESULT_SCORED);
    assert_int_equal(hl_contact_n_rows(&with.c), 1);
    fx_same_rows(fx_row(&with.c, 0), fx_row(&without.c, 0));
    for (int k = 0; k < 2; k++) assert_int_equal(fx_window(&with.c, 0).count[k], fx_window(&without.c, 0).count[k]);
    fx_fini(&with);
    fx_fini(&without);
}

static void a_row_without_matches_goes_and_its_place_in_the_window_is_free(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 8);
    for (int i = 0; i < 3; i++) say(&f, HL_EVENT_PAGE_VIEWED, (const char *[]){"a", "b", "c"}[i], FX_T0 + i);
    say(&f, HL_EVENT_PAGE_VIEWED, "over the cap", FX_T0 + 4);
    assert_int_equal(fx_row(&f.c, 0).count, 3);
    assert_int_equal(undo(&f, "over the cap", FX_T0 + 5), HL_RESULT_IGNORED); /* it did nothing */
    assert_true(f.out.unknown_void);
    for (int i = 0; i < 3; i++) assert_int_equal(undo(&f, (const char *[]){"a", "b", "c"}[i], FX_T0 + 5), HL_RESULT_SCORED);
    assert_int_equal(hl_contact_n_rows(&f.c), 0);
    say(&f, HL_EVENT_PAGE_VIEWED, "d", FX_T0 + 6);
    assert_int_equal(fx_row(&f.c, 0).count, 1);
    fx_fini(&f);
}

static void what_is_taken_back_once_is_gone_and_its_repetition_is_still_a_duplicate(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 8);
    say(&f, HL_EVENT_FILE_DOWNLOADED, "a", FX_T0);
    say(&f, HL_EVENT_FILE_DOWNLOADED, "b", FX_T0);
    assert_int_equal(undo(&f, "a", FX_T0), HL_RESULT_SCORED);
    assert_int_equal(undo(&f, "a", FX_T0), HL_RESULT_IGNORED);
    assert_true(f.out.changed); /* its id is remembered */
    struct hl_event again = fx_event(&f, HL_EVENT_FILE_DOWNLOADED, FX_T0);
    again.event_id = HL_SLICE_LIT("a");
    assert_int_equal(fx_apply(&f, &again, HL_APPLY_LIVE), HL_RESULT_DUPLICATE);
    assert_true(hl_score_at(&f.c, f.m, FX_T0).total == FX_POINTS(40));
    fx_fini(&f);
}

static void an_event_that_is_not_kept_is_not_known_and_leaves_the_clock_alone(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 1);
    say(&f, HL_EVENT_FILE_DOWNLOADED, "a", FX_T0);
    say(&f, HL_EVENT_FILE_DOWNLOADED, "b", FX_T0);
    assert_int_equal(undo(&f, "a", FX_T0 + FX_DAY), HL_RESULT_IGNORED);
    assert_true(f.out.unknown_void);
    assert_int_equal(f.c.clock, FX_T0);
    fx_fini(&f);
    begin(&f, 0);
    say(&f, HL_EVENT_FILE_DOWNLOADED, "a", FX_T0);
    assert_null(f.c.attributes); /* who does not ask pays nothing */
    assert_int_equal(undo(&f, "a", FX_T0), HL_RESULT_IGNORED);
    fx_fini(&f);
}

static void who_became_an_mql_by_those_points_is_a_lead_again_and_can_cross_anew(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 8);
    lead(&f);
    say(&f, HL_EVENT_FILE_DOWNLOADED, "a", FX_T0 + 1);
    say(&f, HL_EVENT_FILE_DOWNLOADED, "b", FX_T0 + 2);
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    assert_int_equal(undo(&f, "a", FX_T0 + 3), HL_RESULT_SCORED); /* 40 are left: above exit, below enter */
    assert_moved(&f, HL_STAGE_MQL, HL_STAGE_LEAD);
    assert_true(f.out.transitions[0].score.total == FX_POINTS(40));
    say(&f, HL_EVENT_FILE_DOWNLOADED, "c", FX_T0 + 4);
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    say(&f, HL_EVENT_FILE_DOWNLOADED, "d", FX_T0 + 5);
    assert_int_equal(undo(&f, "c", FX_T0 + 6), HL_RESULT_SCORED); /* it moved the contact, and 80 are left */
    assert_int_equal(f.out.n_transitions, 0);
    fx_fini(&f);
}

static void a_raised_hand_is_taken_back(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 8);
    lead(&f);
    say(&f, HL_EVENT_DEMO_REQUESTED, "a", FX_T0 + 1);
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    assert_int_equal(f.c.kind, HL_KIND_ACTIVE);
    assert_int_equal(undo(&f, "a", FX_T0 + 3), HL_RESULT_SCORED);
    assert_moved(&f, HL_STAGE_MQL, HL_STAGE_LEAD);
    assert_int_equal(f.c.kind, HL_KIND_NONE);
    fx_fini(&f);
    begin(&f, 8); /* one that waits at its gate */
    say(&f, HL_EVENT_DEMO_REQUESTED, "a", FX_T0 + 1);
    assert_int_equal(undo(&f, "a", FX_T0 + 3), HL_RESULT_SCORED);
    assert_moved(&f, HL_STAGE_SUBSCRIBER, HL_STAGE_ANONYMOUS); /* the opt-in was that event's, too */
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 4, "country", "US");
    assert_int_equal(f.c.stage, HL_STAGE_ANONYMOUS);
    fx_fini(&f);
}

static void a_stage_set_by_mistake_is_undone_with_what_it_held(void **state)
{
    struct fx f;
    struct hl_kv kv[] = {{HL_SLICE_LIT("stage"), HL_SLICE_LIT("customer")}};
    (void)state;
    begin(&f, 8);
    lead(&f);
    struct hl_event ev = fx_event(&f, HL_EVENT_STAGE_SET, FX_T0 + 1);
    ev.event_id = HL_SLICE_LIT("a");
    ev.attributes = kv;
    ev.n_attributes = 1;
    assert_int_equal(fx_apply(&f, &ev, HL_APPLY_LIVE), HL_RESULT_SCORED);
    assert_int_equal(undo(&f, "a", FX_T0 + 3), HL_RESULT_SCORED);
    assert_moved(&f, HL_STAGE_CUSTOMER, HL_STAGE_LEAD);
    assert_false(f.c.flags & (HL_C_HELD | HL_C_HELD_FIT));
    assert_true(f.c.flags & HL_C_ARMED_MQL);
    fx_fini(&f);
}

static void a_rejection_is_undone_but_the_points_that_it_reset_are_gone(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 8);
    f.m->reset_behavior = true;
    lead(&f);
    say(&f, HL_EVENT_FILE_DOWNLOADED, "a", FX_T0 + 1);
    say(&f, HL_EVENT_DEMO_REQUESTED, "b", FX_T0 + 2);
    say(&f, HL_EVENT_LEAD_REJECTED, "c", FX_T0 + 3);
    assert_int_equal(undo(&f, "a", FX_T0 + 4), HL_RESULT_IGNORED);
    assert_int_equal(undo(&f, "c", FX_T0 + 5), HL_RESULT_SCORED);
    assert_moved(&f, HL_STAGE_UNQUALIFIED, HL_STAGE_MQL);
    assert_int_equal(f.c.visit, 1); /* the same visit */
    assert_int_equal(hl_contact_n_rows(&f.c), 0);
    fx_fini(&f);
}

static void a_later_move_is_not_undone(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 8);
    lead(&f);
    say(&f, HL_EVENT_DEMO_REQUESTED, "a", FX_T0 + 1);
    say(&f, HL_EVENT_SALES_CONTACT_MADE, "b", FX_T0 + 2);
    assert_int_equal(undo(&f, "a", FX_T0 + 3), HL_RESULT_SCORED);
    assert_int_equal(f.out.n_transitions, 0);
    assert_int_equal(f.c.stage, HL_STAGE_SQL);
    assert_int_equal(undo(&f, "b", FX_T0 + 3), HL_RESULT_SCORED);
    assert_moved(&f, HL_STAGE_SQL, HL_STAGE_MQL);
    fx_fini(&f);
}

static void the_disqualified_stay_so(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 8);
    lead(&f);
    say(&f, HL_EVENT_LEAD_DISQUALIFIED, "a", FX_T0 + 1);
    assert_int_equal(undo(&f, "a", FX_T0 + 3), HL_RESULT_IGNORED);
    assert_int_equal(f.c.stage, HL_STAGE_DISQUALIFIED);
    fx_fini(&f);
}

static void store_and_restore(struct fx *f)
{
    struct hl_buf b;
    hl_buf_init(&b);
    hl_state_encode(&f->c, f->m, &b);
    hl_contact_fini(&f->c, &f->slab);
    fx_new_contact(f);
    assert_int_equal(hl_state_decode(&f->c, &f->slab, f->m, hl_buf_slice(&b)), HL_OK);
    hl_buf_fini(&b);
}

static void manual_points_that_came_to_nothing_are_taken_back_one_by_one_after_a_restart_too(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 8);
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "-17");
    fx_say(&f, SCORE_ADJUSTED, FX_T0 + 1, "points", "17");
    store_and_restore(&f);
    assert_null(f.c.ext); /* there is nothing to be stored there */
    assert_int_equal(undo(&f, "e1", FX_T0 + 2), HL_RESULT_SCORED);
    assert_true(f.c.ext->manual == FX_POINTS(17));
    fx_fini(&f);
}

static void deeds_are_stored_and_those_of_other_rules_are_not_believed(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 8);
    say(&f, HL_EVENT_FILE_DOWNLOADED, "a", FX_T0);
    say(&f, HL_EVENT_FILE_DOWNLOADED, "b", FX_T0);
    store_and_restore(&f);
    assert_int_equal(undo(&f, "a", FX_T0), HL_RESULT_SCORED);
    assert_true(hl_score_at(&f.c, f.m, FX_T0).total == FX_POINTS(40));
    f.m->rules[1].points = FX_POINTS(41);
    f.m->voids_fingerprint = hl_voids_fingerprint(f.m);
    assert_int_equal(undo(&f, "b", FX_T0), HL_RESULT_IGNORED);
    fx_fini(&f);
}

static void what_cannot_be_read_is_not_known(void **state)
{
    static const char *const tails[] = {"", "\1", "\1aaaaaaaa\0", "\1aaaaaaaa\0\0\77", "\1aaaaaaaa\0\0\1\7", "\1aaaaaaaa\0\2\0"};
    struct fx f;
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(tails); i++) {
        char value[64] = "\1";
        begin(&f, 8);
        memcpy(value + 1, &f.m->voids_fingerprint, 8);
        memcpy(value + 9, tails[i], 12 < strlen(tails[i]) + 3 ? 12 : strlen(tails[i]));
        assert_int_equal(hl_contact_set_attribute(&f.c, &f.slab, (struct hl_slice){"\1voids", 6}, (struct hl_slice){value, 9 + strlen(tails[i])}, 0,
                                                  &(bool){false}), HL_OK);
        assert_int_equal(undo(&f, "a", FX_T0), HL_RESULT_IGNORED);
        say(&f, HL_EVENT_FILE_DOWNLOADED, "a", FX_T0);
        assert_int_equal(undo(&f, "a", FX_T0), HL_RESULT_SCORED);
        fx_fini(&f);
    }
}

static void no_more_are_kept_than_a_value_holds(void **state)
{
    struct fx f;
    (void)state;
    fx_init(&f);
    for (unsigned i = 0; i <= HL_DEED_RULES_MAX; i++) {
        char name[8];
        snprintf(name, sizeof name, "r%u", i);
        fx_rule(&f, name, FX_TYPE(PAGE_VIEWED) | (i < HL_DEED_RULES_MAX ? FX_TYPE(FILE_DOWNLOADED) : 0), 1, 0);
    }
    f.m->voids_keep = HL_VOIDS_MAX;
    fx_seal(&f);
    char id[16];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "e%u", i);
        say(&f, HL_EVENT_FILE_DOWNLOADED, id, FX_T0);
    }
    assert_int_equal(undo(&f, id, FX_T0), HL_RESULT_SCORED);
    assert_int_equal(fx_row(&f.c, 0).count, 99);
    say(&f, HL_EVENT_PAGE_VIEWED, "wide", FX_T0); /* more rules than a deed holds */
    assert_int_equal(undo(&f, "wide", FX_T0), HL_RESULT_IGNORED);
    assert_int_equal(fx_row(&f.c, 0).count, 100);
    fx_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_windows_are_to_the_bit_what_they_would_be_without_it),
        cmocka_unit_test(a_row_without_matches_goes_and_its_place_in_the_window_is_free),
        cmocka_unit_test(what_is_taken_back_once_is_gone_and_its_repetition_is_still_a_duplicate),
        cmocka_unit_test(an_event_that_is_not_kept_is_not_known_and_leaves_the_clock_alone),
        cmocka_unit_test(who_became_an_mql_by_those_points_is_a_lead_again_and_can_cross_anew),
        cmocka_unit_test(a_raised_hand_is_taken_back),
        cmocka_unit_test(a_stage_set_by_mistake_is_undone_with_what_it_held),
        cmocka_unit_test(a_rejection_is_undone_but_the_points_that_it_reset_are_gone),
        cmocka_unit_test(a_later_move_is_not_undone),
        cmocka_unit_test(the_disqualified_stay_so),
        cmocka_unit_test(manual_points_that_came_to_nothing_are_taken_back_one_by_one_after_a_restart_too),
        cmocka_unit_test(deeds_are_stored_and_those_of_other_rules_are_not_believed),
        cmocka_unit_test(what_cannot_be_read_is_not_known),
        cmocka_unit_test(no_more_are_kept_than_a_value_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
