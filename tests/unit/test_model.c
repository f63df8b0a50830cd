/* The model: defaults, stages, sealing. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"

static void stages_have_names_and_an_order(void **state)
{
    enum hl_stage stage;
    (void)state;
    for (unsigned i = 0; i < HL_STAGE_COUNT; i++) {
        assert_true(hl_stage_find(hl_slice_of(hl_stage_name((enum hl_stage)i)), &stage));
        assert_int_equal(stage, i);
    }
    assert_false(hl_stage_find(HL_SLICE_LIT("MQL"), &stage));
    assert_false(hl_stage_find(HL_SLICE_NULL, &stage));
    assert_true(hl_stage_rank(HL_STAGE_SAL) < hl_stage_rank(HL_STAGE_SQL));
    assert_int_equal(hl_stage_rank(HL_STAGE_UNQUALIFIED), -1);
    assert_string_equal(hl_stage_name(HL_STAGE_COUNT), "?");
}

static void a_new_model_has_the_defaults_of_the_contract(void **state)
{
    struct fx f;
    (void)state;
    fx_init(&f);
    assert_false(f.m->sal || f.m->score_driven || f.m->reset_behavior || f.m->mql.has_enter);
    assert_int_equal(f.m->cooldown_ms, 0);
    assert_int_equal(f.m->facts_valid_for_ms, 30 * FX_DAY);
    assert_int_equal(f.m->subscribe_on, FX_TYPE(FORM_SUBMITTED) | FX_TYPE(WEBINAR_REGISTERED) | FX_TYPE(DEMO_REQUESTED) |
                                            FX_TYPE(TRIAL_STARTED) | FX_TYPE(LIST_IMPORTED) | FX_TYPE(EVENT_ATTENDED));
    hl_model_free(f.m);
}

static void a_rule_without_types_takes_all_but_crm_and_control(void **state)
{
    struct fx f;
    (void)state;
    fx_init(&f);
    fx_rule(&f, "any", 0, 1, 0);
    fx_rule(&f, "page", FX_TYPE(PAGE_VIEWED), 1, 0);
    fx_rule(&f, "won", FX_TYPE(OPPORTUNITY_WON), 1, 0);
    fx_seal(&f);
    assert_true(f.m->rules[0].match.types & FX_TYPE(CONTACT_IDENTIFIED));
    assert_true(f.m->rules[0].match.types & FX_TYPE(PAGE_VIEWED));
    assert_false(f.m->rules[0].match.types & (FX_TYPE(SCORE_ADJUSTED) | FX_TYPE(OPPORTUNITY_WON)));
    assert_int_equal(f.m->rules[1].match.types, FX_TYPE(PAGE_VIEWED));
    assert_int_equal(f.m->rules[2].match.types, FX_TYPE(OPPORTUNITY_WON));
    fx_fini(&f);
}

static void rules_are_found_by_the_hash_of_their_name(void **state)
{
    struct fx f;
    char name[32];
    (void)state;
    fx_init(&f);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "rule-%d", i);
        fx_rule(&f, name, FX_TYPE(PAGE_VIEWED), 1, 0);
    }
    fx_seal(&f);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "rule-%d", i);
        assert_int_equal(hl_model_find_rule(f.m, hl_name_hash(hl_slice_of(name))), i);
    }
    assert_int_equal(hl_model_find_rule(f.m, hl_name_hash(HL_SLICE_LIT("none"))), HL_NO_RULE);
    fx_fini(&f);
}

static void names_that_clash_and_models_too_large_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct fx f;
        char name[32];
        fx_init(&f);
        for (int k = 0; k < 2 && i == 0; k++) fx_rule(&f, "same", FX_TYPE(PAGE_VIEWED), 1, 0);
        for (int k = 0; k < 2 && i == 1; k++) fx_hand_raise(&f, "same", FX_TYPE(PAGE_VIEWED), FX_DAY);
        for (int k = 0; k <= HL_MAX_GROUPS && i == 2; k++) fx_group(&f, "g", 1);
        for (int k = 0; k <= HL_MAX_LATCH_RULES && i == 3; k++) {
            snprintf(name, sizeof name, "q%d", k);
            fx_qualify(&f, name, FX_TYPE(PAGE_VIEWED), FX_DAY);
        }
        assert_int_equal(hl_model_seal(f.m), HL_E_INVALID);
        hl_slab_fini(&f.slab);
        hl_model_free(f.m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_have_names_and_an_order),
        cmocka_unit_test(a_new_model_has_the_defaults_of_the_contract),
        cmocka_unit_test(a_rule_without_types_takes_all_but_crm_and_control),
        cmocka_unit_test(rules_are_found_by_the_hash_of_their_name),
        cmocka_unit_test(names_that_clash_and_models_too_large_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
