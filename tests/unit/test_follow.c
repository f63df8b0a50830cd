/* A contact that was made anew is brought to what its last transition says. */
#include "core_fixture.h"
#include "hotlead/core/due.h"
#include "hotlead/core/follow.h"

static void usual(struct fx *f)
{
    fx_init(f);
    fx_usual(f);
    fx_sla(f, "call", HL_STAGE_MQL, HL_KIND_NONE, FX_DAY);
    fx_seal(f);
}

static void follow(struct fx *f, struct hl_said said)
{
    assert_int_equal(hl_contact_follow(&f->c, &f->slab, f->m, &said), HL_OK);
    assert_int_equal(f->c.stage, said.stage);
    assert_int_equal(f->c.kind, said.kind);
    assert_int_equal(f->c.seq, said.seq);
    assert_int_equal(f->c.visit, said.visit);
    assert_true(f->c.stage_since == said.at);
}

static void the_number_alone_changes_nothing_else(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US", "seniority", "vp");
    struct hl_contact before = f.c;
    unsigned n_rows = hl_contact_n_rows(&f.c);
    follow(&f, (struct hl_said){(enum hl_stage)f.c.stage, (enum hl_kind)f.c.kind, HL_CAUSE_FIT, f.c.visit, 9, f.c.stage_since});
    assert_int_equal(f.c.flags, before.flags);
    assert_int_equal(hl_contact_n_rows(&f.c), n_rows);
    assert_true(f.c.clock == before.clock);
    fx_fini(&f);
}

static void entering_mql_starts_its_deadline_and_uses_the_latches_up(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US", "seniority", "vp");
    follow(&f, (struct hl_said){HL_STAGE_MQL, HL_KIND_ACTIVE, HL_CAUSE_HAND_RAISE, 2, 4, FX_T0 + 5});
    assert_true(hl_contact_sla_due(&f.c) == FX_T0 + 5 + FX_DAY);
    assert_true((f.c.flags & HL_C_WAS_MQL) && (f.c.flags & HL_C_ARMED_MQL));
    assert_true(f.c.clock == FX_T0 + 5);
    fx_say(&f, EMAIL_OPENED, FX_T0 + 6); /* at rest: the next event moves nobody */
    assert_int_equal(f.out.n_transitions, 0);
    follow(&f, (struct hl_said){HL_STAGE_MQL, HL_KIND_PASSIVE, HL_CAUSE_SCORE, 2, 5, FX_T0 + 7});
    assert_false(f.c.flags & HL_C_ARMED_MQL); /* a score that was crossed does not fire again */
    fx_fini(&f);
}

static void what_sales_said_before_leads_nobody_out_again(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US", "seniority", "vp");
    fx_say(&f, SALES_CONTACT_MADE, FX_T0 + 1); /* waits at its gate */
    fx_say(&f, OPPORTUNITY_OPENED, FX_T0 + 2); /* this one, too, behind it */
    int64_t waits = f.c.ext->facts[HL_FACT_OPPORTUNITY];
    assert_true(waits == FX_T0 + 2);
    follow(&f, (struct hl_said){HL_STAGE_MQL, HL_KIND_ACTIVE, HL_CAUSE_HAND_RAISE, 1, 3, FX_T0 + 3});
    assert_true(f.c.ext->facts[HL_FACT_CONTACTED] == HL_NO_TIME);
    assert_true(f.c.ext->facts[HL_FACT_OPPORTUNITY] == waits);
    fx_say(&f, EMAIL_OPENED, FX_T0 + 4);
    assert_int_equal(f.out.n_transitions, 0);
    fx_fini(&f);
}

static void a_rejection_forgets_what_was_before_it(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US", "seniority", "vp");
    fx_say(&f, OPPORTUNITY_OPENED, FX_T0 + 1);
    follow(&f, (struct hl_said){HL_STAGE_UNQUALIFIED, HL_KIND_ACTIVE, HL_CAUSE_SALES, 1, 5, FX_T0 + 9});
    assert_true(f.c.ext->rejected_at == FX_T0 + 9);
    assert_true(f.c.ext->facts[HL_FACT_OPPORTUNITY] == HL_NO_TIME);
    assert_true(hl_contact_sla_due(&f.c) == HL_NO_TIME);
    fx_fini(&f);
}

static void who_was_set_by_hand_is_held(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    fx_say(&f, FORM_SUBMITTED, FX_T0, "country", "US", "seniority", "vp");
    follow(&f, (struct hl_said){HL_STAGE_MQL, HL_KIND_PASSIVE, HL_CAUSE_MANUAL, 1, 3, FX_T0 + 1});
    assert_true((f.c.flags & HL_C_HELD) && (f.c.flags & HL_C_HELD_FIT));
    assert_true(hl_due_next(&f.c, f.m) == FX_T0 + 1 + FX_DAY); /* its deadline: it does not cool */
    fx_fini(&f);
}

static void a_contact_of_which_nothing_is_known_is_made_whole(void **state)
{
    struct fx f;
    (void)state;
    usual(&f);
    follow(&f, (struct hl_said){HL_STAGE_CUSTOMER, HL_KIND_ACTIVE, HL_CAUSE_SALES, 1, 8, FX_T0});
    assert_true(f.c.grade != 0 && f.c.clock == FX_T0);
    fx_say(&f, ADVOCACY_GIVEN, FX_T0 + 1);
    assert_int_equal(f.out.n_transitions, 1);
    assert_int_equal(f.out.transitions[0].seq, 9);
    assert_int_equal(f.c.stage, HL_STAGE_EVANGELIST);
    fx_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_number_alone_changes_nothing_else),
        cmocka_unit_test(entering_mql_starts_its_deadline_and_uses_the_latches_up),
        cmocka_unit_test(what_sales_said_before_leads_nobody_out_again),
        cmocka_unit_test(a_rejection_forgets_what_was_before_it),
        cmocka_unit_test(who_was_set_by_hand_is_held),
        cmocka_unit_test(a_contact_of_which_nothing_is_known_is_made_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
