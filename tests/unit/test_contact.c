/* Attributes of a contact, the derived e-mail domain, fit. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"

static enum hl_status set(struct fx *f, const char *key, const char *value, int64_t t)
{
    return hl_contact_set_attribute(&f->c, &f->slab, hl_slice_of(key), hl_slice_of(value), t, &(bool){false});
}

static void assert_value(const struct fx *f, const char *key, const char *expected)
{
    char scratch[256];
    struct hl_slice got = hl_contact_attribute(&f->c, hl_slice_of(key), scratch);
    if (expected ? !got.data || !hl_slice_eq_cstr(got, expected) : got.data != NULL)
        fail_msg("%s is \"%.*s\", not %s", key, HL_SLICE_ARG(got), expected ? expected : "absent");
}

static void start(struct fx *f)
{
    fx_init(f);
    fx_seal(f);
}

static void a_fresh_contact_is_anonymous_and_armed(void **state)
{
    struct fx f;
    (void)state;
    start(&f);
    assert_true(hl_slice_eq_cstr(hl_contact_id(&f.c), FX_CONTACT));
    assert_int_equal(f.c.stage, HL_STAGE_ANONYMOUS);
    assert_int_equal(f.c.visit, 1);
    assert_int_equal(f.c.seq, 0);
    assert_int_equal(f.c.flags, HL_C_ARMED_MQL | HL_C_ARMED_SQL);
    assert_int_equal(hl_contact_bytes(&f.c), sizeof f.c + 96);
    fx_fini(&f);
}

static void the_newer_value_wins_and_on_a_tie_the_later_arrival(void **state)
{
    struct fx f;
    (void)state;
    start(&f);
    assert_int_equal(set(&f, "a", "1", 10), HL_OK);
    assert_int_equal(set(&f, "b", "x", 10), HL_OK);
    assert_int_equal(set(&f, "a", "old", 9), HL_OK);
    assert_value(&f, "a", "1");
    assert_int_equal(set(&f, "a", "a longer value than before", 10), HL_OK);
    assert_value(&f, "a", "a longer value than before");
    assert_value(&f, "b", "x");
    fx_fini(&f);
}

static void an_empty_value_removes_and_an_older_one_does_not_return(void **state)
{
    struct fx f;
    struct hl_slice key, value;
    int64_t t;
    size_t pos = 0;
    (void)state;
    start(&f);
    assert_int_equal(set(&f, "a", "1", 10), HL_OK);
    assert_int_equal(set(&f, "a", "", 20), HL_OK);
    assert_value(&f, "a", NULL);
    assert_int_equal(set(&f, "a", "2", 15), HL_OK);
    assert_value(&f, "a", NULL);
    assert_true(hl_contact_next_attribute(&f.c, &pos, &key, &value, &t));
    assert_true(hl_slice_is_null(value) && t == 20);
    assert_false(hl_contact_next_attribute(&f.c, &pos, &key, &value, &t));
    assert_int_equal(set(&f, "a", "3", 20), HL_OK);
    assert_value(&f, "a", "3");
    fx_fini(&f);
}

static void long_keys_and_values_are_cut_between_characters(void **state)
{
    struct fx f;
    static char key[301], value[5001], scratch[256];
    (void)state;
    start(&f);
    memset(key, 'k', 300);
    memset(value, 'v', 5000);
    memcpy(value + 4095, "\xc3\xa9", 2); /* the character would end at 4097 */
    assert_int_equal(set(&f, key, value, 1), HL_OK);
    assert_int_equal(hl_contact_attribute(&f.c, (struct hl_slice){key, 255}, scratch).len, 4095);
    memset(value, '\x80', 5000); /* no character at all */
    assert_int_equal(set(&f, key, value, 1), HL_OK);
    assert_int_equal(hl_contact_attribute(&f.c, (struct hl_slice){key, 255}, scratch).len, 4096);
    fx_fini(&f);
}

static void the_65th_key_is_dropped(void **state)
{
    struct fx f;
    char key[16];
    (void)state;
    start(&f);
    for (int i = 0; i < 64; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(set(&f, key, "v", 1), HL_OK);
    }
    assert_int_equal(set(&f, "k64", "v", 1), HL_E_TOO_LARGE);
    assert_int_equal(set(&f, "k63", "w", 2), HL_OK);
    assert_value(&f, "k63", "w");
    assert_value(&f, "k64", NULL);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0, "k64", "v", "k0", "w"); /* an event with one too many is no error */
    assert_value(&f, "k0", "w");
    fx_fini(&f);
}

static void the_domain_comes_from_the_email_unless_one_as_new_was_given(void **state)
{
    struct fx f;
    (void)state;
    start(&f);
    assert_value(&f, "email_domain", NULL);
    (void)!set(&f, "email", "\"a@b\"@Example.COM ", 10);
    assert_value(&f, "email_domain", "example.com");
    (void)!set(&f, "email_domain", "Given.example", 9);
    assert_value(&f, "email_domain", "example.com");
    (void)!set(&f, "email_domain", "Given.example", 10);
    assert_value(&f, "email_domain", "Given.example");
    (void)!set(&f, "email", "new@newer.example", 11);
    assert_value(&f, "email_domain", "newer.example");
    (void)!set(&f, "email", "no address", 12);
    assert_value(&f, "email_domain", "Given.example"); /* derives nothing */
    (void)!set(&f, "email_domain", "", 13);
    assert_value(&f, "email_domain", NULL);
    (void)!set(&f, "email", "a@", 14);
    assert_value(&f, "email_domain", NULL);
    (void)!set(&f, "email", "x@old.example", 14);
    assert_value(&f, "email_domain", "old.example"); /* removed since: derived again */
    fx_fini(&f);
}

static void a_domain_too_long_for_dns_derives_nothing(void **state)
{
    struct fx f;
    char email[400] = "a@";
    (void)state;
    start(&f);
    memset(email + 2, 'x', 256);
    (void)!set(&f, "email", email, 1);
    assert_value(&f, "email_domain", NULL);
    email[2 + 255] = '\0';
    (void)!set(&f, "email", email, 1);
    assert_value(&f, "email_domain", email + 2);
    fx_fini(&f);
}

static void fit_is_the_sum_of_the_rules_that_hold_and_grades_it(void **state)
{
    struct fx f;
    (void)state;
    fx_init(&f);
    fx_usual(&f);
    fx_equals(FX_PUSH(f.m->fit, f.m->n_fit), "small", "size", "small", -5);
    *FX_PUSH(f.m->grades, f.m->n_grades) = (struct hl_grade){'A', FX_POINTS(20)};
    *FX_PUSH(f.m->grades, f.m->n_grades) = (struct hl_grade){'B', FX_POINTS(15)};
    fx_seal(&f);
    fx_say(&f, CONTACT_IDENTIFIED, 1, "seniority", " VP");
    assert_int_equal(hl_contact_fit(&f.c, f.m), FX_POINTS(20));
    assert_int_equal(f.c.grade, 'A');
    assert_false(f.c.flags & HL_C_MUST_HAVE);
    fx_say(&f, CONTACT_IDENTIFIED, 2, "size", "SMALL", "country", "us", "rival", "yes", "title", "student");
    assert_int_equal(hl_contact_fit(&f.c, f.m), FX_POINTS(15));
    assert_int_equal(f.c.grade, 'B');
    assert_int_equal(f.c.flags & (HL_C_MUST_HAVE | HL_C_SUSPECT | HL_C_DISQUALIFIED_TRAIT),
                     HL_C_MUST_HAVE | HL_C_SUSPECT | HL_C_DISQUALIFIED_TRAIT);
    fx_say(&f, CONTACT_IDENTIFIED, 3, "seniority", "");
    assert_int_equal(f.c.grade, 'D');
    fx_fini(&f);
}

static void an_empty_must_have_list_holds_from_the_first_event_on(void **state)
{
    struct fx f;
    (void)state;
    start(&f);
    fx_say(&f, TRIAL_STARTED, FX_T0);
    assert_int_equal(f.c.stage, HL_STAGE_LEAD);
    assert_int_equal(f.c.grade, 'D');
    fx_fini(&f);
}

static void rows_are_made_once_and_kept_in_the_order_of_rules(void **state)
{
    struct fx f;
    (void)state;
    start(&f);
    for (unsigned i = 0; i < 50; i++) {
        struct hl_row row = {.rule = (uint16_t)(i * 7 % 50), .count = i};
        assert_int_equal(hl_contact_put_row(&f.c, &f.slab, &row), HL_OK);
    }
    assert_int_equal(hl_contact_n_rows(&f.c), 50);
    for (unsigned i = 0; i < 50; i++) assert_int_equal(fx_row(&f.c, i).rule, i);
    for (unsigned i = 0; i < 50; i++) {
        struct hl_row row;
        assert_true(hl_contact_row(&f.c, (uint16_t)(i * 7 % 50), &row));
        assert_int_equal(row.count, i);
        assert_int_equal(hl_contact_put_row(&f.c, &f.slab, &row), HL_OK);
    }
    assert_int_equal(hl_contact_n_rows(&f.c), 50);
    fx_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_contact_is_anonymous_and_armed),
        cmocka_unit_test(the_newer_value_wins_and_on_a_tie_the_later_arrival),
        cmocka_unit_test(an_empty_value_removes_and_an_older_one_does_not_return),
        cmocka_unit_test(long_keys_and_values_are_cut_between_characters),
        cmocka_unit_test(the_65th_key_is_dropped),
        cmocka_unit_test(the_domain_comes_from_the_email_unless_one_as_new_was_given),
        cmocka_unit_test(a_domain_too_long_for_dns_derives_nothing),
        cmocka_unit_test(fit_is_the_sum_of_the_rules_that_hold_and_grades_it),
        cmocka_unit_test(an_empty_must_have_list_holds_from_the_first_event_on),
        cmocka_unit_test(rows_are_made_once_and_kept_in_the_order_of_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
