/* hotlead-load: its events are what the decoders read, and its probes move contacts under every model of config/. */
#include "decode_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include "app/json_text.h"
#include "hotlead/adapter/avro.h"
#include "hotlead/adapter/json.h"
#include "hotlead/base/hash.h"
#include "load/mix.h"

#define RUN 0xdecade01u
#define NOW INT64_C(1795000000000)

static struct df d;
static uint8_t bytes[2048];
static const struct hl_trait TRAITS[] = {{"email", "load-test@company.example"}, {"country", "US"}, {"company_size", "50"}, {"name", "a \"quoted\" one"}};

static struct hl_mix *mix_new(bool json)
{
    struct hl_mix_options o = {.json = json, .schema_id = 0x01020304, .traits = TRAITS, .n_traits = HL_ARRAY_LEN(TRAITS), .form = "contact-sales"};
    struct hl_mix *m;
    hl_mix_default(o.weights);
    assert_int_equal(hl_mix_new(&o, &m, &d.err), HL_OK);
    return m;
}

static struct hl_stamp stamp_of(uint64_t number)
{
    struct hl_stamp s = {.occurred_at = NOW + (int64_t)number};
    hl_load_id_write(s.event_id, RUN, HL_LOAD_EVENT, number);
    hl_uuid_write(s.contact_id, hl_random_at(1, number), hl_random_at(2, number));
    return s;
}

static enum hl_status decode(const struct hl_avro_plan *plan, struct hl_decoder *json, size_t len)
{
    hl_arena_reset(&d.arena);
    struct hl_slice value = df_exact(&d, (struct hl_slice){(const char *)bytes, len});
    if (json) return json->decode(json, value, &d.arena, &d.ev, &d.err);
    assert_memory_equal(value.data, "\0\1\2\3\4", 5);
    return hl_avro_plan_decode(plan, (struct hl_slice){value.data + 5, value.len - 5}, &d.arena, &d.ev, &d.err);
}

static struct hl_avro_plan *plan_new(void)
{
    char *schema = df_file("schemas/event.avsc");
    struct hl_avro_plan *p;
    assert_int_equal(hl_avro_plan_compile(schema, NULL, &p, &d.err), HL_OK);
    free(schema);
    return p;
}

static struct hl_decoder *json_new(void)
{
    struct hl_decoder *j;
    assert_int_equal(hl_json_decoder_new(HL_JSON_CANONICAL, NULL, NULL, 0, &j, &d.err), HL_OK);
    return j;
}

static void check_events(const struct hl_mix *m, const struct hl_avro_plan *plan, struct hl_decoder *json)
{
    unsigned types[HL_EVENT_UNKNOWN + 1] = {0};
    size_t sum = 0;
    enum { N = 20000 };
    for (uint64_t i = 0; i < N; i++) {
        struct hl_stamp s = stamp_of(i);
        size_t len = hl_mix_write(m, &s, hl_random_at(3, i), hl_random_at(4, i), bytes);
        assert_true(len <= hl_mix_max_bytes(m));
        sum += len;
        if (decode(plan, json, len)) fail_msg("event %llu: %s", (unsigned long long)i, d.err.message);
        assert_true(hl_slice_eq(d.ev.event_id, (struct hl_slice){s.event_id, HL_UUID_BYTES}));
        assert_true(hl_slice_eq(d.ev.contact_id, (struct hl_slice){s.contact_id, HL_UUID_BYTES}));
        assert_int_equal(d.ev.occurred_at, s.occurred_at);
        assert_true(d.ev.type != HL_EVENT_UNKNOWN);
        types[d.ev.type]++;
    }
    assert_in_range(types[HL_EVENT_PAGE_VIEWED], N * 0.51, N * 0.55);
    assert_in_range(types[HL_EVENT_EMAIL_OPENED], N * 0.11, N * 0.13);
    assert_in_range(types[HL_EVENT_FORM_SUBMITTED], N * 0.011, N * 0.02);
    if (!json) assert_in_range(sum / N, 140, 160); /* what the rates of perf/results are about */
}

static void events_of_both_formats_are_read_as_they_were_meant(void **state)
{
    (void)state;
    struct hl_mix *avro = mix_new(false), *json = mix_new(true);
    struct hl_avro_plan *plan = plan_new();
    struct hl_decoder *decoder = json_new();
    check_events(avro, plan, NULL);
    check_events(json, NULL, decoder);
    hl_mix_free(avro);
    hl_mix_free(json);
    hl_avro_plan_free(plan);
    decoder->free(decoder);
}

static void a_contact_tells_the_same_of_itself_each_time(void **state)
{
    (void)state;
    struct hl_mix_options o = {.json = true, .form = "x"};
    struct hl_mix *m;
    struct hl_decoder *decoder = json_new();
    char first[64] = "", country[64] = "";
    o.weights[HL_MIX_contact_identified] = 1;
    assert_int_equal(hl_mix_new(&o, &m, &d.err), HL_OK);
    for (uint64_t i = 0; i < 500; i++) {
        struct hl_stamp s = stamp_of(i);
        assert_int_equal(decode(NULL, decoder, hl_mix_write(m, &s, hl_random_at(3, i), 4711, bytes)), HL_OK);
        assert_int_equal(d.ev.n_attributes, 5);
        if (i == 0) snprintf(first, sizeof(first), "%.*s", HL_SLICE_ARG(d.ev.attributes[0].value));
        if (i == 0) snprintf(country, sizeof(country), "%.*s", HL_SLICE_ARG(d.ev.attributes[1].value));
        df_assert_text(d.ev.attributes[0].value, first);
        df_assert_text(d.ev.attributes[1].value, country);
    }
    hl_mix_free(m);
    decoder->free(decoder);
}

static void broken_events_are_read_by_nobody(void **state)
{
    (void)state;
    struct hl_mix *avro = mix_new(false), *json = mix_new(true);
    struct hl_avro_plan *plan = plan_new();
    struct hl_decoder *decoder = json_new();
    for (uint64_t i = 0; i < 3000; i++) {
        struct hl_stamp s = stamp_of(i);
        size_t len = hl_mix_write(json, &s, hl_random_at(3, i), i, bytes), broken = hl_mix_break(bytes, len, i);
        assert_true(broken <= len);
        assert_true(decode(NULL, decoder, broken) != HL_OK);
        len = hl_mix_write(avro, &s, hl_random_at(3, i), i, bytes);
        len = hl_mix_break(bytes, len, i);
        bool framed = len >= 5 && memcmp(bytes, "\0\1\2\3\4", 5) == 0; /* else the framing says so */
        if (framed) assert_true(decode(plan, NULL, len) != HL_OK);
    }
    hl_mix_free(avro);
    hl_mix_free(json);
    hl_avro_plan_free(plan);
    decoder->free(decoder);
}

static void ids_tell_run_kind_and_number(void **state)
{
    (void)state;
    char text[HL_UUID_BYTES + 1] = "";
    uint64_t n = 0;
    hl_load_id_write(text, RUN, HL_LOAD_PROBE, 0xabcdef012345);
    assert_string_equal(text, "decade01-0002-8000-8000-abcdef012345");
    assert_true(hl_load_id_read((struct hl_slice){text, HL_UUID_BYTES}, RUN, HL_LOAD_PROBE, &n) && n == 0xabcdef012345);
    assert_false(hl_load_id_read((struct hl_slice){text, HL_UUID_BYTES}, RUN + 1, HL_LOAD_PROBE, &n));
    assert_false(hl_load_id_read((struct hl_slice){text, HL_UUID_BYTES}, RUN, HL_LOAD_EVENT, &n));
    assert_false(hl_load_id_read((struct hl_slice){text, HL_UUID_BYTES - 1}, RUN, HL_LOAD_PROBE, &n));
    text[35] = 'g';
    assert_false(hl_load_id_read((struct hl_slice){text, HL_UUID_BYTES}, RUN, HL_LOAD_PROBE, &n));
    assert_false(hl_load_id_read(HL_SLICE_NULL, RUN, HL_LOAD_PROBE, &n));
}

static void the_mix_is_what_was_asked_for(void **state)
{
    (void)state;
    double w[HL_MIX_TYPE_COUNT];
    assert_int_equal(hl_mix_parse("page_viewed=3,email_clicked=1", w, &d.err), HL_OK);
    assert_true(w[HL_MIX_page_viewed] == 3 && w[HL_MIX_email_clicked] == 1 && w[HL_MIX_email_opened] == 0);
    df_assert_error(&d, hl_mix_parse("page_views=3", w, &d.err), HL_E_USAGE, "--mix: there is no type 'page_views' here; there are page_viewed, link_clicked");
    df_assert_error(&d, hl_mix_parse("page_viewed=many", w, &d.err), HL_E_USAGE, "wants TYPE=WEIGHT,TYPE=WEIGHT,..., and 'page_viewed=many' is not that");
    df_assert_error(&d, hl_mix_parse("page_viewed=-1", w, &d.err), HL_E_USAGE, "'page_viewed=-1' is not that");
    df_assert_error(&d, hl_mix_parse("page_viewed", w, &d.err), HL_E_USAGE, "'page_viewed' is not that");
    df_assert_error(&d, hl_mix_parse("page_viewed=0", w, &d.err), HL_E_USAGE, "all weights are 0");
}

/* The life of a probe's contact, as lines for `hotlead simulate`. */
static void write_life(const char *path)
{
    static const enum hl_mix_extra LIFE[] = {HL_MIX_PREPARE, HL_MIX_RAISE, HL_MIX_REJECT, HL_MIX_RAISE, HL_MIX_REJECT, HL_MIX_RAISE};
    struct hl_mix *m = mix_new(true);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (size_t i = 0; i < HL_ARRAY_LEN(LIFE); i++) {
        struct hl_stamp s = {.occurred_at = NOW + 2000 * (int64_t)i};
        hl_load_id_write(s.event_id, RUN, HL_LOAD_PROBE, i);
        hl_load_id_write(s.contact_id, RUN, HL_LOAD_CONTACT, 1);
        fwrite(bytes, 1, hl_mix_write_extra(m, LIFE[i], &s, bytes), f);
        fputc('\n', f);
    }
    fclose(f);
    hl_mix_free(m);
}

static void every_probe_moves_its_contact_under_the_models_of_this_repository(void **state)
{
    (void)state;
    static const char *const MODELS[] = {"config/model.yaml", "config/model-score-driven.yaml", "config/examples/b2b-saas.yaml", "tests/integration/model.yaml"};
    const char *binary = getenv("HL_BINARY"), *source = getenv("HL_SOURCE_DIR");
    char path[] = "/tmp/hl_load_life_XXXXXX.jsonl", command[600], line[2000];
    if (!binary || !*binary || !source) skip();
    close(mkstemps(path, 6));
    write_life(path);
    for (size_t i = 0; i < HL_ARRAY_LEN(MODELS); i++) {
        unsigned moved = 0;
        snprintf(command, sizeof(command), "%s simulate -m %s/%s -o json %s 2>/dev/null", binary, source, MODELS[i], path);
        FILE *f = popen(command, "r");
        assert_non_null(f);
        for (uint64_t probe = 0; fgets(line, sizeof(line), f);) {
            char id[HL_UUID_BYTES + 1] = "";
            for (probe = 0; probe < 6; probe++) {
                hl_load_id_write(id, RUN, HL_LOAD_PROBE, probe);
                char wanted[80];
                snprintf(wanted, sizeof(wanted), "\"trigger_event_id\":\"%s\"", id);
                if (strstr(line, wanted)) moved |= 1u << probe;
            }
        }
        assert_int_equal(pclose(f), 0);
        if (moved != 63) fail_msg("%s: of six events those that moved the contact are 0x%x", MODELS[i], moved);
    }
    unlink(path);
}

static int setup(void **state)
{
    (void)state;
    df_init(&d);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    df_fini(&d);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_of_both_formats_are_read_as_they_were_meant, setup, teardown),
        cmocka_unit_test_setup_teardown(a_contact_tells_the_same_of_itself_each_time, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_events_are_read_by_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(ids_tell_run_kind_and_number, setup, teardown),
        cmocka_unit_test_setup_teardown(the_mix_is_what_was_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(every_probe_moves_its_contact_under_the_models_of_this_repository, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
