/* One event, in order: the steps of hl_apply that are not the life cycle. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"

static void usual(struct fx *f)
{
    fx_init(f);
    fx_usual(f);
    fx_rule(f, "page", FX_TYPE(PAGE_VIEWED), 10, 0);
}

static void an_event_id_among_the_last_eight_is_a_duplicate_and_changes_nothing(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, PAGE_VIEWED, FX_T0);
    assert_true(f.out.changed);
    for (int i = 0; i < 7; i++) fx_say(&f, PAGE_VIEWED, FX_T0);
    f.n_events = 0; /* the first id again: the eighth last */
    struct hl_contact before = f.c;
    assert_int_equal(fx_say(&f, PAGE_VIEWED, FX_T0 + 5), HL_RESULT_DUPLICATE);
    assert_false(f.out.changed);
    assert_memory_equal(&before, &f.c, sizeof before);
    f.n_events = 8;
    fx_say(&f, PAGE_VIEWED, FX_T0);
    f.n_events = 0; /* now the ninth last: forgotten */
    assert_int_equal(fx_say(&f, PAGE_VIEWED, FX_T0), HL_RESULT_SCORED);
    assert_int_equal(fx_score(&f, FX_T0), FX_POINTS(100));
    fx_fini(&f);
}

static void a_machine_event_is_remembered_and_nothing_else(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    struct hl_event ev = fx_event(&f, HL_EVENT_PAGE_VIEWED, FX_T0);
    ev.machine = true;
    assert_int_equal(fx_apply(&f, &ev, HL_APPLY_LIVE), HL_RESULT_IGNORED);
    assert_true(f.out.changed);
    assert_int_equal(f.c.clock, 0);
    assert_int_equal(hl_contact_n_rows(&f.c), 0);
    assert_int_equal(fx_apply(&f, &ev, HL_APPLY_LIVE), HL_RESULT_DUPLICATE);
    fx_fini(&f);
}

static void who_merges_is_to_be_passed_on_and_unknown_types_do_nothing(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    assert_int_equal(fx_say(&f, EVENT_VOIDED, FX_T0, "event_id", "e1"), HL_RESULT_IGNORED);
    assert_int_equal(f.c.clock, 0);
    assert_int_equal(fx_say(&f, CONTACT_MERGED, FX_T0 - 1, "into", "b"), HL_RESULT_SCORED);
    assert_int_equal(f.out.onward, HL_ONWARD_STATE);
    assert_int_equal(fx_say(&f, UNKNOWN, FX_T0), HL_RESULT_IGNORED);
    assert_false(f.out.changed);
    assert_int_equal(fx_say(&f, OWNER_ASSIGNED, FX_T0, "owner", "x"), HL_RESULT_SCORED);
    assert_int_equal(f.c.clock, FX_T0);
    fx_fini(&f);
}

static void a_negative_time_is_refused(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    struct hl_event ev = fx_event(&f, HL_EVENT_PAGE_VIEWED, -1);
    assert_int_equal(hl_apply(&f.c, &f.slab, f.m, NULL, &ev, HL_APPLY_LIVE, &f.out), HL_E_CLOCK);
    fx_fini(&f);
}

static void a_disqualified_contact_takes_clock_id_and_attributes_only(void **state)
{
    struct fx f;
    char scratch[256];
    (void)state;
    usual(&f);
    fx_seal(&f);
    fx_say(&f, LEAD_DISQUALIFIED, FX_T0);
    assert_int_equal(f.c.stage, HL_STAGE_DISQUALIFIED);
    assert_int_equal(fx_say(&f, DEMO_REQUESTED, FX_T0 + 1, "country", "US"), HL_RESULT_IGNORED);
    assert_true(f.out.changed);
    assert_int_equal(f.c.clock, FX_T0 + 1);
    assert_false(f.c.flags & HL_C_SUBSCRIBED);
    assert_true(f.c.flags & HL_C_MUST_HAVE);
    assert_true(hl_slice_eq_cstr(hl_contact_attribute(&f.c, HL_SLICE_LIT("country"), scratch), "US"));
    fx_say(&f, PAGE_VIEWED, FX_T0 + 1);
    assert_int_equal(hl_contact_n_rows(&f.c), 0);
    assert_int_equal(fx_say(&f, STAGE_SET, FX_T0 + 2, "stage", "lead"), HL_RESULT_SCORED);
    assert_int_equal(f.c.stage, HL_STAGE_LEAD);
    assert_int_equal(f.out.transitions[0].time_in_from_ms, 2);
    fx_fini(&f);
}

static void a_late_event_counts_at_its_own_time_and_leaves_the_clock(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_rule(&f, "mail", FX_TYPE(EMAIL_CLICKED), 8, FX_DAY);
    fx_seal(&f);
    fx_say(&f, EMAIL_SENT, FX_T0);
    fx_say(&f, EMAIL_CLICKED, FX_T0 - 2 * FX_DAY);
    assert_int_equal(f.c.clock, FX_T0);
    fx_assert_near(hl_fixed_to_double(fx_score(&f, f.c.clock)), 2, 1e-9);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 - 1, "a", "late");
    fx_say(&f, FORM_SUBMITTED, FX_T0 - FX_DAY, "country", "US");
    assert_int_equal(f.out.n_transitions, 2);
    assert_int_equal(f.out.transitions[0].occurred_at, FX_T0);
    fx_fini(&f);
}

static void attributes_come_only_from_the_types_that_set_them(void **state)
{
    char scratch[256];
    (void)state;
    for (unsigned t = 0; t < HL_EVENT_TYPE_COUNT; t++) {
        struct fx f;
        usual(&f);
        fx_seal(&f);
        f.c.flags |= HL_C_HELD_FIT;
        fx_send(&f, (enum hl_event_type)t, FX_T0, "country", "US", (char *)NULL);
        bool set = (FX_TYPE(CONTACT_IDENTIFIED) | FX_TYPE(FORM_SUBMITTED) | FX_TYPE(LIST_IMPORTED) | FX_TYPE(EVENT_ATTENDED) |
                    FX_TYPE(WEBINAR_REGISTERED) | FX_TYPE(DEMO_REQUESTED) | FX_TYPE(TRIAL_STARTED)) >> t & 1;
        assert_int_equal(hl_contact_attribute(&f.c, HL_SLICE_LIT("country"), scratch).data != NULL, set);
        assert_int_equal(!(f.c.flags & HL_C_HELD_FIT), set || t == HL_EVENT_CONTACT_ERASED);
        fx_fini(&f);
    }
}

static void an_empty_map_does_not_end_held_fit(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    f.c.flags |= HL_C_HELD_FIT;
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0);
    assert_true(f.c.flags & HL_C_HELD_FIT);
    fx_fini(&f);
}

static void a_capped_rule_counts_the_first_matches_of_the_two_newest_windows(void **state)
{
    struct fx f;
    (void)state;
    fx_init(&f);
    struct hl_score_rule *rule = fx_rule(&f, "page", FX_TYPE(PAGE_VIEWED), 1, 0);
    rule->max_times = 2;
    rule->window_ms = FX_DAY;
    fx_seal(&f);
#define PAGE_GIVES(t, total)                                                                                         \
    do {                                                                                                             \
        fx_say(&f, PAGE_VIEWED, (t));                                                                                \
        assert_int_equal(fx_score(&f, f.c.clock), FX_POINTS(total));                                                 \
    } while (0)
    PAGE_GIVES(FX_T0, 1);
    PAGE_GIVES(FX_T0 + FX_DAY - 1, 2);
    PAGE_GIVES(FX_T0 + 5, 2);               /* the third of its day */
    PAGE_GIVES(FX_T0 + FX_DAY, 3);          /* the next day */
    PAGE_GIVES(FX_T0 + FX_DAY, 4);
    PAGE_GIVES(FX_T0 - 1, 4);               /* older than the two newest windows */
    PAGE_GIVES(FX_T0 + 9 * FX_DAY, 5);
    PAGE_GIVES(FX_T0 + 4 * FX_DAY, 6);      /* late, but newer than the second newest */
    PAGE_GIVES(FX_T0 + FX_DAY + 7, 6);
    PAGE_GIVES(FX_T0 + 4 * FX_DAY, 7);
    PAGE_GIVES(FX_T0 + 4 * FX_DAY, 7);
    assert_int_equal(fx_row(&f.c, 0).count, 7);
    assert_int_equal(f.c.body->n_windows, 1);
    fx_fini(&f);
}

static void every_rule_that_matches_scores(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_rule(&f, "any", 0, 2, 0);
    fx_rule(&f, "pricing", FX_TYPE(PAGE_VIEWED), 5, 0)->match.path = strdup("/pricing*");
    fx_seal(&f);
    struct hl_event ev = fx_event(&f, HL_EVENT_PAGE_VIEWED, FX_T0);
    ev.url = HL_SLICE_LIT("https://shop.example/pricing?x");
    fx_apply(&f, &ev, HL_APPLY_LIVE);
    assert_int_equal(fx_score(&f, FX_T0), FX_POINTS(17));
    fx_say(&f, PAGE_VIEWED, FX_T0);
    assert_int_equal(fx_score(&f, FX_T0), FX_POINTS(29));
    fx_say(&f, LEAD_ACCEPTED, FX_T0); /* a rule without types takes no CRM type */
    assert_int_equal(fx_score(&f, FX_T0), FX_POINTS(29));
    fx_fini(&f);
}

static void points_that_are_no_number_adjust_nothing(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    assert_int_equal(fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", "ten"), HL_RESULT_SCORED);
    fx_say(&f, SCORE_ADJUSTED, FX_T0);
    assert_int_equal(fx_score(&f, FX_T0), 0);
    fx_say(&f, SCORE_ADJUSTED, FX_T0, "points", " +2.5 ");
    assert_int_equal(fx_score(&f, FX_T0 + 3000 * FX_DAY), FX_POINTS(2.5)); /* no decay */
    fx_fini(&f);
}

static void a_stage_set_to_the_same_or_an_unknown_stage_only_leaves_its_id(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    const char *stages[] = {"anonymous", "Lead", "", "prospect"};
    for (size_t i = 0; i < HL_ARRAY_LEN(stages); i++) {
        assert_int_equal(fx_say(&f, STAGE_SET, FX_T0, "stage", stages[i]), HL_RESULT_IGNORED);
        assert_true(f.out.changed);
        assert_int_equal(f.c.clock, 0);
        assert_int_equal(f.c.flags & (HL_C_HELD | HL_C_ARMED_MQL), HL_C_ARMED_MQL);
        f.n_events--;
        assert_int_equal(fx_say(&f, STAGE_SET, FX_T0, "stage", stages[i]), HL_RESULT_DUPLICATE);
    }
    fx_fini(&f);
}

static void replay_applies_and_looks_at_the_arms_but_never_moves(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    f.c.flags &= ~(uint32_t)HL_C_ARMED_MQL;
    const struct hl_kv kv = {HL_SLICE_LIT("country"), HL_SLICE_LIT("US")};
    struct hl_event ev = fx_event(&f, HL_EVENT_DEMO_REQUESTED, FX_T0);
    ev.attributes = &kv;
    ev.n_attributes = 1;
    assert_int_equal(fx_apply(&f, &ev, HL_APPLY_REPLAY), HL_RESULT_SCORED);
    assert_int_equal(f.out.n_transitions, 0);
    assert_int_equal(f.c.stage, HL_STAGE_ANONYMOUS);
    assert_int_equal(f.c.flags & (HL_C_SUBSCRIBED | HL_C_ARMED_MQL | HL_C_MUST_HAVE),
                     HL_C_SUBSCRIBED | HL_C_ARMED_MQL | HL_C_MUST_HAVE);
    assert_int_equal(f.c.ext->latches[0], FX_T0);
    fx_fini(&f);
}

static void the_arms_are_looked_at_before_the_event_adds_its_points(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_rule(&f, "call", FX_TYPE(EMAIL_REPLIED), 64, FX_DAY);
    fx_seal(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US");
    fx_say(&f, EMAIL_REPLIED, FX_T0);
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    fx_say(&f, LEAD_REJECTED, FX_T0);
    assert_int_equal(f.c.stage, HL_STAGE_UNQUALIFIED);
    fx_say(&f, EMAIL_REPLIED, FX_T0 + 6 * FX_DAY); /* had decayed to 1, so this is a new crossing */
    assert_int_equal(f.c.stage, HL_STAGE_MQL);
    fx_fini(&f);
}

static size_t allocations;

static void *counting_alloc(size_t n)
{
    allocations++;
    return malloc(n);
}

static void rows_that_exist_take_events_without_allocating_but_for_longer_numbers(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_seal(&f);
    for (unsigned i = 0; i < HL_EVENT_IDS; i++) fx_say(&f, PAGE_VIEWED, FX_T0);
    memset(f.slab.free, 0, sizeof f.slab.free); /* whatever is asked for now has to come from the system */
    f.slab.p = f.slab.end;
    hl_slab_system_alloc = counting_alloc;
    for (int i = 0; i < 1000; i++) fx_say(&f, PAGE_VIEWED, FX_T0 + i * FX_DAY);
    hl_slab_system_alloc = malloc;
    assert_in_range(allocations, 0, 1);
    fx_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_id_among_the_last_eight_is_a_duplicate_and_changes_nothing),
        cmocka_unit_test(a_machine_event_is_remembered_and_nothing_else),
        cmocka_unit_test(who_merges_is_to_be_passed_on_and_unknown_types_do_nothing),
        cmocka_unit_test(a_negative_time_is_refused),
        cmocka_unit_test(a_disqualified_contact_takes_clock_id_and_attributes_only),
        cmocka_unit_test(a_late_event_counts_at_its_own_time_and_leaves_the_clock),
        cmocka_unit_test(attributes_come_only_from_the_types_that_set_them),
        cmocka_unit_test(an_empty_map_does_not_end_held_fit),
        cmocka_unit_test(a_capped_rule_counts_the_first_matches_of_the_two_newest_windows),
        cmocka_unit_test(every_rule_that_matches_scores),
        cmocka_unit_test(points_that_are_no_number_adjust_nothing),
        cmocka_unit_test(a_stage_set_to_the_same_or_an_unknown_stage_only_leaves_its_id),
        cmocka_unit_test(replay_applies_and_looks_at_the_arms_but_never_moves),
        cmocka_unit_test(the_arms_are_looked_at_before_the_event_adds_its_points),
        cmocka_unit_test(rows_that_exist_take_events_without_allocating_but_for_longer_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
