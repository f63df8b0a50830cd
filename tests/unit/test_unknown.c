/* Types that nothing is known of: counted by name, in a list that never grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

#include "app/unknown.h"

static const char *told(struct hl_unknown *u, size_t most)
{
    static char text[1000];
    struct hl_buf b;
    hl_buf_init(&b);
    hl_unknown_put(u, most, &b);
    snprintf(text, sizeof(text), "%.*s", HL_SLICE_ARG(hl_buf_slice(&b)));
    hl_buf_fini(&b);
    return text;
}

static void note(struct hl_unknown *u, const char *type, int times)
{
    for (int i = 0; i < times; i++) (void)hl_unknown_note(u, hl_slice_of(type));
}

static void the_most_frequent_come_first_with_the_name_that_may_be_meant(void **state)
{
    struct hl_unknown u = {.n = 0};
    (void)state;
    assert_string_equal(told(&u, 10), "");
    note(&u, "theme_switched", 2);
    note(&u, "page_view", 3);
    note(&u, "a", 2);
    assert_string_equal(told(&u, 10), "page_view 3, did you mean 'page_viewed'?; a 2; theme_switched 2");
    assert_string_equal(told(&u, 1), "page_view 3, did you mean 'page_viewed'?; and 4 of others");
}

static void a_type_is_new_once(void **state)
{
    struct hl_unknown u = {.n = 0};
    (void)state;
    assert_string_equal(hl_unknown_note(&u, hl_slice_of("x"))->name, "x");
    assert_null(hl_unknown_note(&u, hl_slice_of("x")));
}

static void a_full_list_counts_on_without_names(void **state)
{
    struct hl_unknown u = {.n = 0};
    char name[16];
    (void)state;
    for (int i = 0; i < HL_UNKNOWN_KEPT + 5; i++) {
        snprintf(name, sizeof(name), "t%d", i);
        assert_true((hl_unknown_note(&u, hl_slice_of(name)) != NULL) == (i < HL_UNKNOWN_KEPT));
    }
    note(&u, "t7", 1);
    assert_string_equal(told(&u, 1), "t7 2; and 68 of others");
}

static void names_are_cut_between_characters_and_hold_no_control_bytes(void **state)
{
    struct hl_unknown u = {.n = 0};
    char name[200], text[100];
    (void)state;
    snprintf(name, sizeof(name), "%.*s\xC3\xA9 and more", HL_UNKNOWN_NAME - 2, "a\nb\x1B[2J--------------------------------------------------------------------");
    note(&u, name, 1);
    snprintf(text, sizeof(text), "a?b?[2J%.*s 1", HL_UNKNOWN_NAME - 9, "--------------------------------------------------------------------");
    assert_string_equal(told(&u, 1), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_frequent_come_first_with_the_name_that_may_be_meant),
        cmocka_unit_test(a_type_is_new_once),
        cmocka_unit_test(a_full_list_counts_on_without_names),
        cmocka_unit_test(names_are_cut_between_characters_and_hold_no_control_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
