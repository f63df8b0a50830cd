/* What recovery reads back of a state record. The records against an independent reader: prop/test_avro_differential.py. */
#include "core_fixture.h"
#include "hotlead/adapter/avro.h"
#include "hotlead/port/transition_view.h"

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
    struct hl_slice front = {(const char *)b.data, needed};
    assert_int_equal(hl_avro_get_state(front, &engine, got, 4, &n), HL_OK);
    assert_true(hl_slice_eq(hl_avro_state_core(hl_buf_slice(&b)), front));
    assert_true(hl_slice_eq(hl_avro_state_core(front), front));
    assert_true(hl_slice_eq(hl_avro_state_core(HL_SLICE_LIT("no state")), HL_SLICE_LIT("no state")));
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

static void a_transition_is_read_back(void **state)
{
    struct hl_transition t = {.from = HL_STAGE_LEAD, .to = HL_STAGE_MQL, .kind = HL_KIND_ACTIVE, .direction = HL_DIRECTION_ADVANCE, .cause = HL_CAUSE_HAND_RAISE,
                              .rule = "demo", .seq = 3, .visit = 2, .occurred_at = 5000, .time_in_from_ms = -1, .grade = 'B', .suspect = true,
                              .score = {.fit = FX_POINTS(20), .behavior = FX_POINTS(-2.5), .total = FX_POINTS(17.5)},
                              .reasons = {{"demo", FX_POINTS(30)}, {"ebook", FX_POINTS(1)}}, .n_reasons = 2, .owner = HL_SLICE_LIT("us-1"), .sla_due = 9000};
    struct hl_transition_record r = {HL_SLICE_LIT("ann"), HL_SLICE_NULL, &t, 6000, "acme", "7", HL_SLICE_LIT("ads")};
    struct hl_transition_view v;
    struct hl_buf b;
    (void)state;
    hl_buf_init(&b);
    hl_avro_put_transition(&b, 2, &r);
    assert_int_equal(hl_avro_get_transition(hl_buf_slice(&b), &v), HL_OK);
    assert_true(hl_slice_eq_cstr(v.transition_id, "ann:3") && hl_slice_eq_cstr(v.contact_id, "ann") && hl_slice_eq_cstr(v.kind, "active"));
    assert_true(hl_slice_eq_cstr(v.direction, "advance") && hl_slice_eq_cstr(v.cause, "hand_raise") && hl_slice_eq_cstr(v.rule, "demo"));
    assert_true(v.from == HL_STAGE_LEAD && v.to == HL_STAGE_MQL && v.seq == 3 && v.visit == 2 && hl_slice_is_null(v.trigger_event_id));
    assert_true(v.occurred_at == 5000 && v.emitted_at == 6000 && v.time_in_from_ms == -1 && v.sla_due == 9000 && v.suspect);
    assert_true(v.score == 17.5 && v.fit == 20 && v.behavior == -2.5 && v.n_reasons == 2 && v.reasons[0].points == 30);
    assert_true(hl_slice_eq_cstr(v.reasons[1].rule, "ebook") && hl_slice_eq_cstr(v.owner, "us-1") && hl_slice_eq_cstr(v.grade, "B"));
    assert_true(hl_slice_eq_cstr(v.model, "acme") && hl_slice_eq_cstr(v.model_version, "7"));
    assert_true(hl_slice_eq_cstr(v.source, "ads"));
    size_t older = b.len - 5; /* before there was a source */
    for (size_t cut = 0; cut < b.len; cut++)
        assert_int_equal(hl_avro_get_transition((struct hl_slice){(const char *)b.data, cut}, &v), cut == older ? HL_OK : HL_E_DECODE);
    b.data[7] = 0xff; /* a byte of the id */
    assert_int_equal(hl_avro_get_transition(hl_buf_slice(&b), &v), HL_E_DECODE);
    hl_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transition_is_read_back),
        cmocka_unit_test(a_state_record_gives_back_engine_and_applied),
        cmocka_unit_test(broken_state_records_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
