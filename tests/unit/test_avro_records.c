/* What recovery reads back of a state record. The records against an independent reader: prop/test_avro_differential.py. */
#include "core_fixture.h"
#include "hotlead/adapter/avro.h"

static void a_state_record_gives_back_engine_and_applied(void **state)
{
    struct hl_applied applied[2] = {{"web.engagement", 77}, {"crm.activity", INT64_MAX}};
    struct hl_applied_slice got[4];
    struct hl_slice engine;
    struct hl_buf b;
    struct fx f;
    size_t n;
    (void)state;
    fx_init(&f);
    f.m->name = strdup("m");
    f.m->version = strdup("1");
    fx_seal(&f);
    hl_buf_init(&b);
    hl_avro_put_state(&b, 3, &f.c, f.m, HL_SLICE_LIT("\x00" "engine"), applied, 2);
    assert_false(b.failed);
    assert_int_equal(hl_avro_get_state(hl_buf_slice(&b), &engine, got, 4, &n), HL_OK);
    assert_true(hl_slice_eq(engine, HL_SLICE_LIT("\x00" "engine")));
    assert_int_equal(n, 2);
    assert_true(hl_slice_eq_cstr(got[0].topic, "web.engagement"));
    assert_int_equal(got[0].offset, 77);
    assert_int_equal(got[1].offset, INT64_MAX);
    assert_int_equal(hl_avro_get_state(hl_buf_slice(&b), &engine, got, 1, &n), HL_E_DECODE); /* no room for two */
    size_t needed = 5 + 8 + 1 + 15 + 2 + 13 + 10 + 1; /* head, engine, the map */
    for (size_t cut = 0; cut < needed; cut++)
        assert_int_equal(hl_avro_get_state((struct hl_slice){(const char *)b.data, cut}, &engine, got, 4, &n), HL_E_DECODE);
    assert_int_equal(hl_avro_get_state((struct hl_slice){(const char *)b.data, needed}, &engine, got, 4, &n), HL_OK);
    hl_buf_fini(&b);
    fx_fini(&f);
}

static void broken_state_records_are_refused(void **state)
{
    struct hl_applied_slice got[4];
    struct hl_slice engine;
    size_t n;
    (void)state;
#define refused(bytes) assert_int_equal(hl_avro_get_state(HL_SLICE_LIT(bytes), &engine, got, 4, &n), HL_E_DECODE)
    refused("\x01\x00\x00\x00\x03\x00\x00");
    refused("\x00\x00\x00\x00\x03\x01\x00");                                          /* negative length */
    refused("\x00\x00\x00\x00\x03\x00\x0a");                                          /* five pairs, none there */
    refused("\x00\x00\x00\x00\x03\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00");  /* the smallest block count */
    refused("\x00\x00\x00\x00\x03\x00\x02\x02\xff\x00\x00");                          /* topic is not UTF-8 */
    assert_int_equal(hl_avro_get_state(HL_SLICE_LIT("\x00\x00\x00\x00\x03\x00\x01\x06\x02t\x08\x00"), &engine, got, 4, &n), HL_OK);
    assert_int_equal(n, 1);
    assert_int_equal(got[0].offset, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_record_gives_back_engine_and_applied),
        cmocka_unit_test(broken_state_records_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
