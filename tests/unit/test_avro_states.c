/* Files of contact states: written, read, and read in another version's shape. */
#include "core_fixture.h"
#include "hotlead/adapter/avro_file.h"
#include "hotlead/app/schemas.h"

#define RECORDS 3000 /* more than one block */

static char *schema_of(const char *state_schema)
{
    char *out = NULL;
    struct hl_error err;
    assert_int_equal(hl_avro_states_schema(state_schema, &out, &err), HL_OK);
    return out;
}

/* engine, applied, contact_id, as in the first fields of ContactState; then the partition. */
#define SMALL "{\"type\":\"record\",\"name\":\"ContactState\",\"fields\":[{\"name\":\"engine\",\"type\":\"bytes\"},"                     \
              "{\"name\":\"applied\",\"type\":{\"type\":\"map\",\"values\":\"long\"}},{\"name\":\"contact_id\",\"type\":\"string\"}]}"

static void put(struct hl_buf *b, const char *id, int32_t partition)
{
    hl_buf_clear(b);
    hl_buf_put_bytes(b, HL_SLICE_LIT("engine bytes"));
    hl_buf_put_long(b, 1);
    hl_buf_put_bytes(b, HL_SLICE_LIT("web"));
    hl_buf_put_long(b, 7);
    hl_buf_put_long(b, 0);
    hl_buf_put_bytes(b, hl_slice_of(id));
    hl_buf_put_long(b, partition);
}

static struct hl_slice write_file(FILE *f, char **bytes, size_t *len)
{
    struct hl_avro_writer w;
    struct hl_error err;
    struct hl_buf b;
    char id[16], *schema = schema_of(SMALL);
    struct hl_avro_meta meta[] = {{"hotlead.group", HL_SLICE_LIT("g")}, {"hotlead.offsets", HL_SLICE_LIT("")}};
    hl_buf_init(&b);
    assert_int_equal(hl_avro_writer_init(&w, f, schema, meta, 2, &err), HL_OK);
    for (int i = 0; i < RECORDS; i++) {
        snprintf(id, sizeof id, "c-%d", i);
        put(&b, id, i % 8);
        assert_int_equal(hl_avro_writer_put(&w, hl_buf_slice(&b), &err), HL_OK);
    }
    assert_int_equal(hl_avro_writer_flush(&w, &err), HL_OK);
    hl_avro_writer_fini(&w);
    hl_buf_fini(&b);
    free(schema);
    fflush(f);
    return (struct hl_slice){*bytes, *len};
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    char *bytes, id[16];
    size_t len;
    FILE *f = open_memstream(&bytes, &len);
    struct hl_slice file = write_file(f, &bytes, &len), rest;
    struct hl_avro_file a;
    struct hl_avro_block block;
    struct hl_avro_states *s;
    struct hl_avro_state got;
    struct hl_error err;
    struct hl_buf room;
    int n = 0;
    hl_buf_init(&room);
    assert_int_equal(hl_avro_file_open(&a, file, &err), HL_OK);
    assert_int_equal(hl_avro_states_new(a.schema, &s, &err), HL_OK);
    assert_true(hl_slice_eq_cstr(hl_avro_file_meta(file, "hotlead.group"), "g"));
    assert_int_equal(hl_avro_file_meta(file, "hotlead.offsets").len, 0);
    assert_true(hl_slice_is_null(hl_avro_file_meta(file, "hotlead.none")));
    while (hl_avro_file_next(&a, &block, &err) == HL_OK) {
        hl_buf_clear(&room);
        assert_int_equal(hl_avro_block_unpack(a.codec, &block, &room, &rest, &err), HL_OK);
        for (int64_t i = 0; i < block.count; i++, n++) {
            assert_int_equal(hl_avro_states_next(s, &rest, &got, &err), HL_OK);
            snprintf(id, sizeof id, "c-%d", n);
            assert_true(hl_slice_eq_cstr(got.contact_id, id));
            assert_true(hl_slice_eq_cstr(got.engine, "engine bytes"));
            assert_int_equal(got.n_applied, 1);
            assert_int_equal(got.applied[0].offset, 7);
            assert_int_equal(got.partition, n % 8);
        }
        assert_int_equal(rest.len, 0);
    }
    assert_int_equal(n, RECORDS);
    hl_avro_states_free(s);
    hl_buf_fini(&room);
    fclose(f);
    free(bytes);
}

/* Other versions have other fields, in another order. */
static void fields_are_found_by_name(void **state)
{
    (void)state;
    static const char schema[] =
        "{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"contact_id\",\"type\":\"string\"},{\"name\":\"more\",\"type\":[\"null\",{\"type\":"
        "\"array\",\"items\":\"double\"}]},{\"name\":\"applied\",\"type\":{\"type\":\"map\",\"values\":\"long\"}},{\"name\":\"engine\",\"type\":\"bytes\"}]}";
    struct hl_avro_states *s;
    struct hl_avro_state got;
    struct hl_error err;
    struct hl_buf b;
    hl_buf_init(&b);
    assert_int_equal(hl_avro_states_new(hl_slice_of(schema), &s, &err), HL_OK);
    hl_buf_put_bytes(&b, HL_SLICE_LIT("ann"));
    hl_buf_put_long(&b, 1);
    hl_buf_put_long(&b, 2);
    hl_buf_put_double(&b, 1.5);
    hl_buf_put_double(&b, 2.5);
    hl_buf_put_long(&b, 0);
    hl_buf_put_long(&b, 0);
    hl_buf_put_bytes(&b, HL_SLICE_LIT("e"));
    struct hl_slice rest = hl_buf_slice(&b);
    assert_int_equal(hl_avro_states_next(s, &rest, &got, &err), HL_OK);
    assert_true(hl_slice_eq_cstr(got.contact_id, "ann"));
    assert_true(hl_slice_eq_cstr(got.engine, "e"));
    assert_int_equal(got.partition, -1);
    for (size_t cut = 0; cut < b.len; cut++) { /* never beyond the end */
        rest = (struct hl_slice){(const char *)b.data, cut};
        assert_int_equal(hl_avro_states_next(s, &rest, &got, &err), HL_E_DECODE);
    }
    hl_avro_states_free(s);
    hl_buf_fini(&b);
}

static void what_holds_no_states_is_refused(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "{\"type\":\"record\",\"name\":\"Event\",\"fields\":[{\"name\":\"contact_id\",\"type\":\"string\"}]}", "\"string\"",
        "{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"engine\",\"type\":\"bytes\"},{\"name\":\"applied\",\"type\":{\"type\":\"map\",\"values\":"
        "\"string\"}},{\"name\":\"contact_id\",\"type\":\"string\"}]}"};
    struct hl_avro_states *s;
    struct hl_error err;
    for (size_t i = 0; i < HL_ARRAY_LEN(schemas); i++) {
        assert_int_equal(hl_avro_states_new(hl_slice_of(schemas[i]), &s, &err), HL_E_SCHEMA);
        assert_string_equal(err.message, "it holds no contact states: a ContactState has contact_id, engine and applied");
    }
    char *out;
    assert_int_equal(hl_avro_states_schema("\"string\"", &out, &err), HL_E_SCHEMA);
}

/* The schema that exports have: that of the state topic, and the partition. */
static void the_shipped_schema_serves(void **state)
{
    (void)state;
    char *text, *schema;
    struct hl_avro_states *s;
    struct hl_error err;
    assert_int_equal(hl_schemas_read_file(HL_SOURCE_DIR "/schemas", "contact_state.avsc", &text, &err), HL_OK);
    schema = schema_of(text);
    assert_non_null(strstr(schema, "\"sla_due\""));
    assert_non_null(strstr(schema, "{\"name\":\"partition\",\"type\":\"int\",\"default\":-1"));
    assert_int_equal(hl_avro_states_new(hl_slice_of(schema), &s, &err), HL_OK);
    hl_avro_states_free(s);
    free(schema);
    free(text);
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    struct hl_avro_writer w;
    struct hl_error err;
    FILE *full = fopen("/dev/full", "wb");
    if (!full) skip();
    enum hl_status status = hl_avro_writer_init(&w, full, SMALL, NULL, 0, &err);
    if (!status) status = hl_avro_writer_flush(&w, &err);
    assert_int_equal(status, HL_E_IO);
    assert_string_equal(err.message, "No space left on device");
    hl_avro_writer_fini(&w);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),      cmocka_unit_test(fields_are_found_by_name), cmocka_unit_test(what_holds_no_states_is_refused),
        cmocka_unit_test(the_shipped_schema_serves),    cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
