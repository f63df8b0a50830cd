/* Percent-encoding, the parameters of a request, the id in a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/http_query.h"
#include "hotlead/base/percent.h"

static struct hl_error err;

static void percent_encoding_is_taken_off(void **state)
{
    char out[16];
    size_t n;
    (void)state;
    assert_true(hl_percent_decode(HL_SLICE_LIT("a%2Fb%c3%A4+%25"), out, sizeof out, &n));
    assert_int_equal(n, 7);
    assert_string_equal(out, "a/b\xc3\xa4+%");
    assert_true(hl_percent_decode(HL_SLICE_LIT("a%00b"), out, sizeof out, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(out, "a\0b", 4);
    assert_true(hl_percent_decode(HL_SLICE_LIT(""), out, 1, &n));
    assert_int_equal(n, 0);
}

static void a_percent_without_two_digits_is_refused(void **state)
{
    static const char *const bad[] = {"%", "%1", "a%", "a%4", "%g1", "%1g", "%%41", "% 1", "%+1"};
    char out[16];
    size_t n;
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(bad); i++) assert_false(hl_percent_decode(hl_slice_of(bad[i]), out, sizeof out, &n));
}

static void decoding_stays_within_its_room(void **state)
{
    char out[4] = {'-', '-', '-', '-'};
    size_t n;
    (void)state;
    assert_true(hl_percent_decode(HL_SLICE_LIT("a%62c"), out, 4, &n));
    assert_false(hl_percent_decode(HL_SLICE_LIT("abcd"), out, 4, &n));
    out[3] = '-';
    assert_false(hl_percent_decode(HL_SLICE_LIT("abc"), out, 3, &n));
    assert_int_equal(out[3], '-');
    assert_false(hl_percent_decode(HL_SLICE_LIT(""), out, 0, &n));
}

static void parameters_are_read_by_name(void **state)
{
    struct hl_http_param p[] = {{.name = "stage"}, {.name = "limit"}, {.name = "at"}};
    (void)state;
    assert_true(hl_http_query_read("&limit=5%30&at=2026-11-22T10:00:00+01:00&", p, 3, &err));
    assert_false(p[0].given);
    assert_true(p[1].given);
    assert_string_equal(p[1].value, "50");
    assert_string_equal(p[2].value, "2026-11-22T10:00:00+01:00");
    struct hl_http_param q[] = {{.name = "stage"}};
    assert_true(hl_http_query_read("", q, 1, &err));
    assert_false(q[0].given);
    assert_true(hl_http_query_read("stage", q, 1, &err));
    assert_true(q[0].given);
    assert_string_equal(q[0].value, "");
}

static void refused(const char *query, const char *message)
{
    struct hl_http_param p[] = {{.name = "stage"}, {.name = "limit"}};
    if (hl_http_query_read(query, p, 2, &err)) fail_msg("%s was taken", query);
    assert_string_equal(err.message, message);
}

static void wrong_parameters_are_told_by_name(void **state)
{
    (void)state;
    refused("limt=5", "parameter 'limt' is not known, did you mean 'limit'?");
    refused("color=red", "parameter 'color' is not known");
    refused("=5", "parameter '' is not known");
    refused("a%0a\x01\xff=1", "parameter 'a%0a?\?' is not known");
    refused("stage=mql&limit=1&stage=sql", "parameter 'stage' is given twice");
    refused("stage=%4", "parameter 'stage' is too long or badly encoded");
    refused("stage=a%00b", "parameter 'stage' is too long or badly encoded");
    refused("stage=0123456789012345678901234567890123456789012345678901234567890123", "parameter 'stage' is too long or badly encoded");
}

static void the_id_in_a_path_may_hold_anything(void **state)
{
    char room[64];
    struct hl_slice id;
    const char *rest;
    (void)state;
    assert_true(hl_http_path_id("a%2Fb%20c%00d/explain", room, sizeof room, &id, &rest, &err));
    assert_int_equal(id.len, 7);
    assert_memory_equal(id.data, "a/b c\0d", 7);
    assert_string_equal(rest, "/explain");
    assert_true(hl_http_path_id("ann", room, sizeof room, &id, &rest, &err));
    assert_string_equal(rest, "");
    assert_true(hl_http_path_id("a/b/explain", room, sizeof room, &id, &rest, &err));
    assert_string_equal(rest, "/b/explain");
}

static void no_id(const char *raw, const char *message)
{
    char room[8];
    struct hl_slice id;
    const char *rest;
    assert_false(hl_http_path_id(raw, room, sizeof room, &id, &rest, &err));
    assert_string_equal(err.message, message);
}

static void what_is_no_id_is_told(void **state)
{
    (void)state;
    no_id("", "which contact? /v1/contacts/{id}");
    no_id("/explain", "which contact? /v1/contacts/{id}");
    no_id("a%2", "the contact id is badly percent-encoded, or too long");
    no_id("12345678", "the contact id is badly percent-encoded, or too long");
    no_id("%ff", "the contact id is not UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percent_encoding_is_taken_off),
        cmocka_unit_test(a_percent_without_two_digits_is_refused),
        cmocka_unit_test(decoding_stays_within_its_room),
        cmocka_unit_test(parameters_are_read_by_name),
        cmocka_unit_test(wrong_parameters_are_told_by_name),
        cmocka_unit_test(the_id_in_a_path_may_hold_anything),
        cmocka_unit_test(what_is_no_id_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
