/* CloudEvents over Kafka: both modes in, decoded as one; both modes out, and what goes out comes in again. */
#include "app/cloudevents.h"
#include "core_fixture.h"
#include "hotlead/adapter/json.h"
#include "hotlead/app/config.h"
#include "hotlead/base/buf.h"

/* A stream that has the headers of the one record. */
struct one {
    struct hl_stream port;
    const struct hl_header *headers;
    size_t n;
};

static bool one_header_at(struct hl_stream *s, const struct hl_record *r, size_t i, struct hl_header *out)
{
    const struct one *o = (const struct one *)s;
    (void)r;
    if (i >= o->n) return false;
    *out = o->headers[i];
    return true;
}

static struct hl_slice one_header(struct hl_stream *s, const struct hl_record *r, const char *name)
{
    const struct one *o = (const struct one *)s;
    (void)r;
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->headers[i].name, name) == 0) return o->headers[i].value;
    return HL_SLICE_NULL;
}

struct world {
    struct hl_arena arena;
    struct hl_config *config;
    struct hl_decoder *decoder;
    struct hl_event ev;
    struct hl_error err;
};

static int make(void **state)
{
    static const char text[] = "kafka: {bootstrap.servers: b:1}\ninputs: [{topic: ce, format: cloudevents, aliases: {org.shop.form: form_submitted}}]\n";
    struct world *w = calloc(1, sizeof *w);
    hl_arena_init(&w->arena, 4096);
    assert_int_equal(hl_config_load_text("c.yaml", hl_slice_of(text), NULL, &w->config, NULL, &w->err), HL_OK);
    const struct hl_input *in = &w->config->inputs[0];
    assert_int_equal(in->format, HL_FORMAT_CLOUDEVENTS);
    assert_int_equal(hl_json_decoder_new(HL_JSON_CANONICAL, &in->fields, in->aliases, in->n_aliases, &w->decoder, &w->err), HL_OK);
    *state = w;
    return 0;
}

static int drop(void **state)
{
    struct world *w = *state;
    w->decoder->free(w->decoder);
    hl_config_free(w->config);
    hl_arena_fini(&w->arena);
    free(w);
    return 0;
}

static enum hl_status take(struct world *w, const struct hl_header *headers, size_t n, struct hl_slice value)
{
    struct one o = {{.header = one_header, .header_at = one_header_at}, headers, n};
    struct hl_record r = {.value = value};
    struct hl_slice json;
    w->err.message[0] = 0;
    enum hl_status status = hl_cloudevent_json(&o.port, &r, &w->arena, &json, &w->err);
    return status ? status : w->decoder->decode(w->decoder, json, &w->arena, &w->ev, &w->err);
}

static void is_the_event(const struct world *w)
{
    assert_true(hl_slice_eq_cstr(w->ev.event_id, "e-1"));
    assert_true(hl_slice_eq_cstr(w->ev.contact_id, "ann \"x\""));
    assert_int_equal(w->ev.type, HL_EVENT_FORM_SUBMITTED);
    assert_int_equal(w->ev.occurred_at, INT64_C(1767225600000));
    assert_true(hl_slice_eq_cstr(w->ev.source, "/shop"));
    assert_true(hl_slice_eq_cstr(w->ev.form, "demo"));
    assert_int_equal(w->ev.n_attributes, 1);
}

#define DATA "{\"form\":\"demo\",\"attributes\":{\"country\":\"US\"}}"
#define BINARY(type)                                                                                                                       \
    {"content-type", HL_SLICE_LIT(type)}, {"ce_specversion", HL_SLICE_LIT("1.0")}, {"ce_id", HL_SLICE_LIT("e-1")},                         \
        {"ce_source", HL_SLICE_LIT("/shop")}, {"ce_type", HL_SLICE_LIT("org.shop.form")}, {"ce_subject", HL_SLICE_LIT("ann \"x\"")},       \
        {"ce_time", HL_SLICE_LIT("2026-01-01T00:00:00Z")}

static void binary_mode(void **state)
{
    const struct hl_header headers[] = {{"other", HL_SLICE_LIT("x")}, BINARY("application/json; charset=utf-8"), {"ce_", HL_SLICE_LIT("x")},
                                        {"ce_nothing", HL_SLICE_NULL}, {"ce_data", HL_SLICE_LIT("not this")}};
    assert_int_equal(take(*state, headers, HL_ARRAY_LEN(headers), HL_SLICE_LIT(DATA)), HL_OK);
    is_the_event(*state);
}

static void binary_mode_without_data(void **state)
{
    struct world *w = *state;
    const struct hl_header headers[] = {BINARY("")};
    assert_int_equal(take(w, headers, HL_ARRAY_LEN(headers), HL_SLICE_NULL), HL_OK);
    assert_int_equal(w->ev.n_attributes, 0);
    assert_true(hl_slice_is_null(w->ev.form));
}

static void structured_mode(void **state)
{
    static const char json[] = "{\"specversion\":\"1.0\",\"id\":\"e-1\",\"source\":\"/shop\",\"type\":\"org.shop.form\",\"subject\":\"ann \\\"x\\\"\","
                               "\"time\":\"2026-01-01T00:00:00Z\",\"datacontenttype\":\"application/json\",\"data\":" DATA "}";
    const struct hl_header header = {"content-type", HL_SLICE_LIT("application/cloudevents+json; charset=UTF-8")};
    assert_int_equal(take(*state, &header, 1, hl_slice_of(json)), HL_OK);
    is_the_event(*state);
    assert_int_equal(take(*state, NULL, 0, hl_slice_of(json)), HL_OK); /* a writer that sets no header */
    is_the_event(*state);
}

static void expect(struct world *w, const struct hl_header *headers, size_t n, struct hl_slice value, enum hl_status status, const char *message)
{
    assert_int_equal(take(w, headers, n, value), status);
    if (!strstr(w->err.message, message)) fail_msg("'%s' is not in '%s'", message, w->err.message);
}

static void what_cannot_be_read_is_told(void **state)
{
    const struct hl_header avro[] = {BINARY("application/avro")}, batch = {"content-type", HL_SLICE_LIT("application/cloudevents-batch+json")},
                           xml = {"content-type", HL_SLICE_LIT("application/cloudevents+xml")}, plain[] = {{"ce_specversion", HL_SLICE_LIT("1.0")}};
    expect(*state, avro, HL_ARRAY_LEN(avro), HL_SLICE_LIT("\0\0"), HL_E_DECODE, "a CloudEvent with data of the type 'application/avro'; only JSON is read");
    expect(*state, &batch, 1, HL_SLICE_LIT("[]"), HL_E_DECODE, "a batch of CloudEvents; over Kafka each event is a record of its own");
    expect(*state, &xml, 1, HL_SLICE_LIT("<a/>"), HL_E_DECODE, "in the format 'application/cloudevents+xml'; only JSON is read");
    expect(*state, NULL, 0, HL_SLICE_NULL, HL_E_DECODE, "the record has no value (null) and no ce_specversion");
    expect(*state, plain, 1, HL_SLICE_LIT("{}"), HL_E_MISSING, "id");
    expect(*state, plain, 1, HL_SLICE_LIT("{}}"), HL_E_DECODE, "");
}

static struct hl_cloudevent made(const char *contact)
{
    return (struct hl_cloudevent){.type = HL_CLOUDEVENT_TRANSITION, .group = "lead group", .contact_id = hl_slice_of(contact), .seq = 3,
                                  .time = INT64_C(1767225600000), .trace = HL_SLICE_LIT("00-1-2-01")};
}

static const char *value_of(const struct hl_header *h, size_t n, const char *name, char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(h[i].name, name) == 0) return snprintf(text, 200, "%.*s", HL_SLICE_ARG(h[i].value)) >= 0 ? text : NULL;
    return "";
}

static void binary_mode_goes_out(void **state)
{
    struct hl_header h[HL_CLOUDEVENT_HEADERS + 1] = {{"source.topic", HL_SLICE_LIT("web")}};
    struct hl_cloudevent ce = made("ann:b");
    struct hl_buf room;
    char text[200];
    size_t n = 1;
    (void)state;
    hl_buf_init(&room);
    hl_cloudevent_put_headers(&ce, true, &room, h, &n);
    assert_int_equal(n, 9);
    static const char *const wanted[][2] = {{"content-type", "application/avro"}, {"ce_specversion", "1.0"}, {"ce_id", "ann:b:3"},
                                            {"ce_source", "/hotlead/lead%20group"}, {"ce_type", "io.hotlead.stage_transition"},
                                            {"ce_subject", "ann:b"}, {"ce_time", "2026-01-01T00:00:00.000Z"}, {"ce_traceparent", "00-1-2-01"}};
    for (size_t i = 0; i < HL_ARRAY_LEN(wanted); i++) assert_string_equal(value_of(h, n, wanted[i][0], text), wanted[i][1]);
    hl_buf_fini(&room);
}

static void structured_mode_goes_out(void **state)
{
    struct hl_header h[HL_CLOUDEVENT_HEADERS];
    struct hl_sla sla = {.name = (char[]){"call \"now\""}};
    struct hl_alert alert = {.sla = &sla, .event = HL_ALERT_DUE};
    struct hl_cloudevent ce = made("a\"b");
    struct hl_buf room;
    size_t n = 0;
    (void)state;
    ce.alert = &alert;
    ce.type = HL_CLOUDEVENT_ALERT;
    ce.trace = HL_SLICE_NULL;
    hl_buf_init(&room);
    struct hl_slice json = hl_cloudevent_put_structured(&ce, HL_SLICE_LIT("{\"x\":1}"), &room, h, &n);
    assert_true(hl_slice_eq_cstr(json, "{\"specversion\":\"1.0\",\"id\":\"a\\\"b:3:call \\\"now\\\":due\",\"source\":\"/hotlead/lead%20group\",\"time\":"
                                       "\"2026-01-01T00:00:00.000Z\",\"type\":\"io.hotlead.alert\",\"subject\":\"a\\\"b\",\"datacontenttype\":"
                                       "\"application/json\",\"data\":{\"x\":1}}"));
    assert_int_equal(n, 1);
    assert_true(hl_slice_eq_cstr(h[0].value, "application/cloudevents+json; charset=UTF-8"));
    hl_buf_fini(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(binary_mode, make, drop),
        cmocka_unit_test_setup_teardown(binary_mode_without_data, make, drop),
        cmocka_unit_test_setup_teardown(structured_mode, make, drop),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told, make, drop),
        cmocka_unit_test(binary_mode_goes_out),
        cmocka_unit_test(structured_mode_goes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
