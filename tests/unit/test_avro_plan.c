/* Plans: resolution of schemas, and every kind of bad byte with the message it gives. */
#include "decode_fixture.h"

#include <jansson.h>

#include "adapter/avro/schema.h"

#define HEAD "{\"type\":\"record\",\"name\":\"W\",\"fields\":[{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"contact_id\",\"type\":\"string\"}," \
             "{\"name\":\"occurred_at\",\"type\":\"long\"},{\"name\":\"type\",\"type\":\"string\"}"
#define FIELD(name, type) ",{\"name\":\"" name "\",\"type\":" type "}"
#define TAIL "]}"
/* event_id e, contact_id c, occurred_at 1, type t */
#define FOUR "\x02" "e" "\x02" "c" "\x02" "\x02" "t"

/* sizeof, because bytes of records hold NULs */
#define read_as(d, schema, map, bytes) read_bytes_as(d, schema, map, (struct hl_slice){bytes, sizeof(bytes) - 1})

static enum hl_status read_bytes_as(struct df *d, const char *schema, const struct hl_field_map *map, struct hl_slice bytes)
{
    struct hl_avro_plan *plan = NULL;
    bytes = df_exact(d, bytes);
    enum hl_status st = hl_avro_plan_compile(schema, map, &plan, &d->err);
    if (st != HL_OK) return st;
    st = hl_avro_plan_decode(plan, bytes, &d->arena, &d->ev, &d->err);
    hl_avro_plan_free(plan); /* symbols and field names in ev are gone: tests look at them before only where they are in the record */
    return st;
}

static void the_canonical_schema_reads_every_field(void **state)
{
    static const char record[] = "\x04" "e1" "\x04" "c1" "\xc0\x84\x3d" "\x16" "page_viewed" "\x02\x04" "/p" "\x02\x02" "a" "\x02\x02" "f"
                                 "\x00" "\x02\x02" "s" "\x00" "\x02\x02" "r" "\x01" "\x04" "\x02" "k" "\x02" "v" "\x02" "l" "\x00" "\x00";
    char *schema = df_file("schemas/event.avsc");
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(read_as(&d, schema, NULL, record), HL_OK);
    df_assert_text(d.ev.event_id, "e1");
    df_assert_text(d.ev.contact_id, "c1");
    df_assert_text(d.ev.type_name, "page_viewed");
    assert_int_equal(d.ev.type, HL_EVENT_PAGE_VIEWED);
    assert_int_equal(d.ev.occurred_at, 500000);
    df_assert_text(d.ev.url, "/p");
    assert_true(hl_slice_is_null(d.ev.campaign));
    df_assert_text(d.ev.source, "s");
    assert_true(hl_slice_is_null(d.ev.actor));
    assert_true(d.ev.machine);
    assert_int_equal(d.ev.n_attributes, 2);
    df_assert_text(d.ev.attributes[0].value, "v");
    assert_int_equal(d.ev.attributes[1].value.len, 0);
    assert_false(hl_slice_is_null(d.ev.attributes[1].value));
    df_fini(&d);
    free(schema);
}

static void aliases_are_those_of_the_schema_file(void **state)
{
    char *text = df_file("schemas/event.avsc");
    json_t *schema = json_loads(text, 0, NULL), *fields = json_object_get(schema, "fields");
    (void)state;
    assert_int_equal(json_array_size(fields), HL_FIELD_COUNT);
    for (size_t f = 0; f < HL_FIELD_COUNT; f++) {
        json_t *field = json_array_get(fields, f), *aliases = json_object_get(field, "aliases");
        assert_string_equal(json_string_value(json_object_get(field, "name")), hl_field_name((enum hl_field)f));
        size_t n = 0;
        for (; hl_avro_field_alias((enum hl_field)f, n); n++)
            assert_string_equal(json_string_value(json_array_get(aliases, n)), hl_avro_field_alias((enum hl_field)f, n));
        assert_int_equal(json_array_size(aliases), n);
    }
    json_decref(schema);
    free(text);
}

static void the_exact_name_wins_over_an_alias(void **state)
{
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(read_as(&d, HEAD FIELD("eventId", "\"string\"") TAIL, NULL, FOUR "\x02" "x"), HL_OK);
    df_assert_text(d.ev.event_id, "e");
    df_fini(&d);
}

static void one_field_may_serve_two_and_paths_lead_into_records(void **state)
{
    static const char schema[] =
        "{\"type\":\"record\",\"name\":\"W\",\"fields\":[{\"name\":\"user\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"U\",\"fields\":["
        "{\"name\":\"age\",\"type\":\"int\"},{\"name\":\"id\",\"type\":\"string\"}]}]},{\"name\":\"ts\",\"type\":\"long\"},{\"name\":\"type\",\"type\":\"string\"}]}";
    char id[] = "user.id", user[] = "user", ts[] = "ts";
    struct hl_field_map map = {.path = {[HL_FIELD_EVENT_ID] = id, [HL_FIELD_CONTACT_ID] = id, [HL_FIELD_OCCURRED_AT] = ts, [HL_FIELD_ATTRIBUTES] = user}};
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(read_as(&d, schema, &map, "\x02" "\x54" "\x04" "u7" "\x02" "\x02" "t"), HL_OK);
    df_assert_text(d.ev.event_id, "u7");
    df_assert_text(d.ev.contact_id, "u7");
    assert_int_equal(d.ev.n_attributes, 2);
    df_assert_text(d.ev.attributes[0].value, "42");
    df_assert_text(d.ev.attributes[1].value, "u7");
    df_assert_error(&d, read_as(&d, schema, &map, "\x00" "\x02" "\x02" "t"), HL_E_MISSING, "field 'event_id' is missing or null");
    df_fini(&d);
}

static void schemas_that_cannot_be_used_say_why(void **state)
{
    static const struct {
        const char *schema, *message;
    } bad[] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {"\"string\"", "a record is wanted, not string"},
        {"[\"null\",\"int\"]", "a record is wanted, not union"},
        {"{\"type\":\"record\",\"name\":\"R\"}", "record without fields"},
        {"{\"type\":\"record\",\"fields\":[]}", "without a good name"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"R\"}]}", "contains itself without end"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"Nope\"}]}", "unknown type Nope"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":[]}]}", "empty union"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":[\"null\",[\"int\"]]}]}", "a union directly in a union"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"enum\",\"name\":\"E\"}}]}", "enum without symbols"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}}]}", "fixed without size"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"array\"}}]}", "array without items"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"type\":\"int\"}]}", "field without name or type"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"url\",\"type\":\"int\"}]}", "field 'url': no way to read int"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"url\",\"type\":[\"null\",\"int\"]}]}", "field 'url': no way to read union"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"occurred_at\",\"type\":\"double\"}]}", "field 'occurred_at': no way to read double"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"occurred_at\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}}]}",
         "field 'occurred_at': no way to read int"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"enum\",\"name\":\"R\",\"symbols\":[\"A\"]}}]}", "defined twice: R"},
    };
    struct df d;
    (void)state;
    df_init(&d);
    for (size_t i = 0; i < HL_ARRAY_LEN(bad); i++) df_assert_error(&d, read_as(&d, bad[i].schema, NULL, ""), HL_E_SCHEMA, bad[i].message);
    df_fini(&d);
}

static void a_schema_nested_too_deeply_is_refused(void **state)
{
    struct hl_buf b;
    struct df d;
    (void)state;
    df_init(&d);
    hl_buf_init(&b);
    hl_buf_printf(&b, HEAD ",{\"name\":\"deep\",\"type\":");
    for (int i = 0; i < 100; i++) hl_buf_printf(&b, "{\"type\":\"array\",\"items\":");
    hl_buf_printf(&b, "\"int\"");
    for (int i = 0; i < 100; i++) hl_buf_printf(&b, "}");
    hl_buf_printf(&b, "}" TAIL);
    hl_buf_put_u8(&b, 0);
    df_assert_error(&d, read_as(&d, (const char *)b.data, NULL, FOUR), HL_E_SCHEMA, "nested too deeply");
    hl_buf_fini(&b);
    df_fini(&d);
}

#define URL HEAD FIELD("url", "[\"null\",\"string\"]") TAIL
#define ENUM HEAD FIELD("url", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\",\"C\"]}") TAIL
#define MAP HEAD FIELD("attributes", "{\"type\":\"map\",\"values\":\"string\"}") TAIL
#define INTS HEAD FIELD("more", "{\"type\":\"array\",\"items\":\"int\"}") TAIL
#define STRINGS HEAD FIELD("more", "{\"type\":\"map\",\"values\":\"string\"}") TAIL
#define MACHINE HEAD FIELD("machine", "\"boolean\"") TAIL
#define TIME "{\"type\":\"record\",\"name\":\"W\",\"fields\":[{\"name\":\"occurred_at\",\"type\":\"string\"}" TAIL

static void bad_bytes_are_named(void **state)
{
    struct df d;
    (void)state;
    df_init(&d);
#define bad(schema, bytes, code, message) df_assert_error(&d, read_as(&d, schema, NULL, bytes), code, message)
    bad(HEAD TAIL, "", HL_E_DECODE, "field 'event_id': the record ends early");
    bad(HEAD TAIL, "\x01", HL_E_DECODE, "field 'event_id': negative length -1");
    bad(HEAD TAIL, "\x08" "e", HL_E_DECODE, "field 'event_id': length 4 with 1 bytes left");
    bad(HEAD TAIL, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", HL_E_DECODE, "field 'event_id': length 9223372036854775807 with 0");
    bad(HEAD TAIL, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", HL_E_DECODE, "field 'event_id': a number of more than 64 bits");
    bad(HEAD TAIL, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", HL_E_DECODE, "field 'event_id': a number of more than 64 bits");
    bad(HEAD TAIL, "\x80\x80", HL_E_DECODE, "field 'event_id': the record ends early");
    bad(HEAD TAIL, "\x04\xc3\x28", HL_E_DECODE, "field 'event_id': invalid UTF-8");
    bad(HEAD TAIL, "\x06\xed\xa0\x80", HL_E_DECODE, "field 'event_id': invalid UTF-8");
    bad(HEAD TAIL, FOUR "\x00", HL_E_DECODE, "1 bytes left over");
    bad(HEAD TAIL, "\x00" "\x02" "c" "\x02" "\x02" "t", HL_E_MISSING, "field 'event_id' is empty");
    bad(HEAD TAIL, "\x02" "e" "\x02" "c" "\x01" "\x02" "t", HL_E_CLOCK, "field 'occurred_at': -1 ms is before 1970");
    bad(HEAD TAIL, "\x02" "e" "\x02" "c" "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "\x02" "t", HL_E_CLOCK, "before 1970");
    bad(URL, FOUR "\x04", HL_E_DECODE, "field 'url': union index 2 of 2 branches");
    bad(URL, FOUR "\x01", HL_E_DECODE, "field 'url': union index -1 of 2 branches");
    bad(ENUM, FOUR "\x12", HL_E_DECODE, "field 'url': enum index 9 of 3 symbols");
    bad(ENUM, FOUR "\x01", HL_E_DECODE, "field 'url': enum index -1 of 3 symbols");
    bad(MACHINE, FOUR "\x02", HL_E_DECODE, "field 'machine': boolean byte 2");
    bad(MAP, FOUR "\x80\x89\x7a", HL_E_DECODE, "field 'attributes': 1000000 items claimed in 0 bytes");
    bad(MAP, FOUR "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02", HL_E_DECODE, "items claimed");
    bad(MAP, FOUR "\x01\x0a" "\x02" "k" "\x02" "v" "\x00", HL_E_DECODE, "field 'attributes': a block says 5 bytes, there are 4");
    bad(MAP, FOUR "\x01\x09", HL_E_DECODE, "field 'attributes': a block says -5 bytes");
    bad(MAP, FOUR "\x02" "\x02" "\xff" "\x02" "v" "\x00", HL_E_DECODE, "field 'attributes': invalid UTF-8");
    bad(INTS, FOUR "\x80\x89\x7a" "\x02", HL_E_DECODE, "field 'more': 1000000 items claimed in 1 bytes");
    bad(INTS, FOUR "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02" "\x02", HL_E_DECODE, "field 'more': -9223372036854775808 items claimed");
    bad(INTS, FOUR "\x01\x14" "\x02" "\x00", HL_E_DECODE, "field 'more': a block says 10 bytes");
    bad(INTS, FOUR "\x02\x02", HL_E_DECODE, "field 'more': the record ends early");
    bad(STRINGS, FOUR "\x02" "\x02" "k" "\x7f", HL_E_DECODE, "field 'more': negative length");
    bad(TIME, "\x08" "noon", HL_E_DECODE, "field 'occurred_at': text is neither RFC 3339");
    bad("{\"type\":\"record\",\"name\":\"W\",\"fields\":[]}", "", HL_E_MISSING, "field 'event_id' is missing or null");
#undef bad
    df_fini(&d);
}

static void blocks_of_negative_count_are_read_and_skipped(void **state)
{
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(read_as(&d, MAP, NULL, FOUR "\x01\x08" "\x02" "k" "\x02" "v" "\x02" "\x02" "l" "\x02" "w" "\x00"), HL_OK);
    assert_int_equal(d.ev.n_attributes, 2);
    df_assert_text(d.ev.attributes[1].value, "w");
    assert_int_equal(read_as(&d, INTS, NULL, FOUR "\x03\x04" "\x02\x02" "\x02\x04" "\x00"), HL_OK);
    df_fini(&d);
}

static void items_of_no_bytes_cost_nothing_however_many(void **state)
{
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(read_as(&d, HEAD FIELD("more", "{\"type\":\"array\",\"items\":\"null\"}") TAIL, NULL,
                             FOUR "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" "\x00"), HL_OK);
    df_fini(&d);
}

static void a_branch_that_cannot_be_read_is_refused_only_when_it_comes(void **state)
{
    static const char schema[] = HEAD FIELD("url", "[\"string\",\"null\",\"double\"]") TAIL;
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(read_as(&d, schema, NULL, FOUR "\x00\x02" "/"), HL_OK);
    assert_int_equal(read_as(&d, schema, NULL, FOUR "\x02"), HL_OK);
    df_assert_error(&d, read_as(&d, schema, NULL, FOUR "\x04" "12345678"), HL_E_DECODE, "field 'url': double cannot be read as this field");
    df_fini(&d);
}

static void a_recursive_record_is_skipped_to_the_depth_limit(void **state)
{
    static const char schema[] = HEAD FIELD("list", "{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"next\",\"type\":[\"null\",\"L\"]}]}") TAIL;
    char record[sizeof(FOUR) + 100] = FOUR;
    struct df d;
    (void)state;
    df_init(&d);
    memset(record + sizeof(FOUR) - 1, 2, 100);
    record[sizeof(FOUR) - 1 + 20] = 0;
    assert_int_equal(read_bytes_as(&d, schema, NULL, (struct hl_slice){record, sizeof(FOUR) - 1 + 21}), HL_OK);
    record[sizeof(FOUR) - 1 + 20] = 2;
    df_assert_error(&d, read_bytes_as(&d, schema, NULL, (struct hl_slice){record, sizeof(FOUR) - 1 + 100}), HL_E_DECODE, "field 'list': nested too deeply");
    df_fini(&d);
}

static void attributes_and_records_have_an_upper_bound(void **state)
{
    struct hl_buf b;
    struct df d;
    (void)state;
    df_init(&d);
    hl_buf_init(&b);
    for (int n = HL_EVENT_MAX_ATTRIBUTES; n <= HL_EVENT_MAX_ATTRIBUTES + 1; n++) {
        hl_buf_clear(&b);
        hl_buf_put(&b, FOUR, sizeof(FOUR) - 1);
        for (int i = 0; i < n; i++) hl_buf_put(&b, "\x02\x02" "k\x00", 4); /* each in a block of its own */
        hl_buf_put_u8(&b, 0);
        enum hl_status st = read_bytes_as(&d, MAP, NULL, hl_buf_slice(&b));
        if (n == HL_EVENT_MAX_ATTRIBUTES) assert_int_equal(st, HL_OK);
        else df_assert_error(&d, st, HL_E_TOO_LARGE, "field 'attributes': more than 256 attributes");
    }
    hl_buf_clear(&b);
    for (size_t i = 0; i <= HL_AVRO_MAX_DATUM; i++) hl_buf_put_u8(&b, 0);
    df_assert_error(&d, read_bytes_as(&d, MAP, NULL, hl_buf_slice(&b)), HL_E_TOO_LARGE, "record of 1048577 bytes");
    hl_buf_fini(&b);
    df_fini(&d);
}

static void fingerprints_are_those_of_the_specification(void **state)
{
    struct hl_error err;
    uint64_t f, g;
    (void)state;
    assert_int_equal(hl_avro_fingerprint("\"int\"", &f, &err), HL_OK);
    assert_true(f == 0x7275d51a3f395c8fu);
    assert_int_equal(hl_avro_fingerprint("{\"type\":\"fixed\",\"name\":\"a.F\",\"size\":4,\"doc\":\"x\",\"aliases\":[\"G\"]}", &f, &err), HL_OK);
    assert_int_equal(hl_avro_fingerprint("{\"size\":4,\"namespace\":\"a\",\"name\":\"F\",\"type\":\"fixed\"}", &g, &err), HL_OK);
    assert_true(f == g);
    assert_int_equal(hl_avro_fingerprint("{", &f, &err), HL_E_SCHEMA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_canonical_schema_reads_every_field),
        cmocka_unit_test(aliases_are_those_of_the_schema_file),
        cmocka_unit_test(the_exact_name_wins_over_an_alias),
        cmocka_unit_test(one_field_may_serve_two_and_paths_lead_into_records),
        cmocka_unit_test(schemas_that_cannot_be_used_say_why),
        cmocka_unit_test(a_schema_nested_too_deeply_is_refused),
        cmocka_unit_test(bad_bytes_are_named),
        cmocka_unit_test(blocks_of_negative_count_are_read_and_skipped),
        cmocka_unit_test(items_of_no_bytes_cost_nothing_however_many),
        cmocka_unit_test(a_branch_that_cannot_be_read_is_refused_only_when_it_comes),
        cmocka_unit_test(a_recursive_record_is_skipped_to_the_depth_limit),
        cmocka_unit_test(attributes_and_records_have_an_upper_bound),
        cmocka_unit_test(fingerprints_are_those_of_the_specification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
