/* Event types and an event's own attributes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hotlead/base/status.h"
#include "hotlead/core/event.h"

static void every_type_is_found_by_its_name(void **state)
{
    (void)state;
    for (unsigned t = 0; t < HL_EVENT_TYPE_COUNT; t++) {
        const char *name = hl_event_type_name((enum hl_event_type)t);
        assert_int_equal(hl_event_type_find(hl_slice_of(name)), t);
    }
    assert_int_equal(hl_event_type_find(HL_SLICE_LIT("page_viewed")), HL_EVENT_PAGE_VIEWED);
}

static void other_names_are_unknown(void **state)
{
    (void)state;
    const char *names[] = {"", "page", "page_viewedx", "Page_viewed", "page viewed", "contact_erasedd",
                           "a_name_that_is_much_longer_than_any_type_has_ever_been"};
    for (size_t i = 0; i < HL_ARRAY_LEN(names); i++) assert_int_equal(hl_event_type_find(hl_slice_of(names[i])), HL_EVENT_UNKNOWN);
    assert_int_equal(hl_event_type_find(HL_SLICE_NULL), HL_EVENT_UNKNOWN);
    assert_string_equal(hl_event_type_name(HL_EVENT_UNKNOWN), "?");
}

static void classes_follow_the_table(void **state)
{
    (void)state;
    assert_int_equal(hl_event_type_class(HL_EVENT_PAGE_VIEWED), HL_CLASS_WEB);
    assert_int_equal(hl_event_type_class(HL_EVENT_EMAIL_SENT), HL_CLASS_EMAIL);
    assert_int_equal(hl_event_type_class(HL_EVENT_LIST_IMPORTED), HL_CLASS_OFFLINE);
    assert_int_equal(hl_event_type_class(HL_EVENT_CONTACT_IDENTIFIED), HL_CLASS_PROFILE);
    assert_int_equal(hl_event_type_class(HL_EVENT_OWNER_ASSIGNED), HL_CLASS_CRM);
    assert_int_equal(hl_event_type_class(HL_EVENT_CONTACT_ERASED), HL_CLASS_CONTROL);
}

static void the_last_of_equal_keys_counts(void **state)
{
    (void)state;
    const struct hl_kv kv[] = {{HL_SLICE_LIT("a"), HL_SLICE_LIT("1")}, {HL_SLICE_LIT("b"), HL_SLICE_LIT("2")},
                               {HL_SLICE_LIT("a"), HL_SLICE_LIT("3")}};
    struct hl_event ev = {.attributes = kv, .n_attributes = 3};
    assert_true(hl_slice_eq_cstr(hl_event_attribute(&ev, HL_SLICE_LIT("a")), "3"));
    assert_true(hl_slice_eq_cstr(hl_event_attribute(&ev, HL_SLICE_LIT("b")), "2"));
    assert_true(hl_slice_is_null(hl_event_attribute(&ev, HL_SLICE_LIT("c"))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_found_by_its_name),
        cmocka_unit_test(other_names_are_unknown),
        cmocka_unit_test(classes_follow_the_table),
        cmocka_unit_test(the_last_of_equal_keys_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
