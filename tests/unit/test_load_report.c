/* hotlead-load: what it reports of a run whose numbers are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "load/report.h"

#define MS INT64_C(1000000)

static struct hl_load_options o;
static struct hl_schedule s;
static struct hl_meter m;
static struct hl_probes *probes;
static struct hl_load_result r;
static struct hl_buf out;

/* Four seconds of 100 events, each of which moves somebody within 1 to 100 ms; two are lost, and the third second stands still. */
static int a_run(void **state)
{
    (void)state;
    struct hl_probe_moment moment;
    struct hl_error err;
    o = (struct hl_load_options){.bootstrap = "localhost:9092", .topics = {{"<web>", false}, {"crm", true}}, .n_topics = 2, .transitions = "moves", .contacts = 10,
                                 .events = UINT64_MAX, .profile = HL_PROFILE_soak, .shape = {.rate = 100, .length_ns = 4000 * MS}, .probes = 1, .measure = true};
    assert_int_equal(hl_limit_parse("p99>50ms", &o.limits[0], &err), HL_OK);
    assert_int_equal(hl_limit_parse("lost>2", &o.limits[1], &err), HL_OK);
    o.n_limits = 2;
    hl_schedule_init(&s, o.profile, &o.shape);
    assert_int_equal(hl_meter_init(&m, 4000 * MS), HL_OK);
    assert_int_equal(hl_probes_new(8, &probes), HL_OK);
    for (int64_t i = 0; i < 400; i++) {
        int64_t due = i * 10 * MS, late = i / 100 == 2 ? 500 * MS : 0, seen = due + late + (i % 100 + 1) * MS;
        hl_probes_add(probes, due, due + late);
        hl_probes_acked(probes, (uint64_t)i, due + late);
        hl_hist_put(&m.latencies[HL_LATENCY_ACK], (uint64_t)late);
        hl_meter_add(&hl_meter_at(&m, due)->sent, 1);
        if (i < 2) continue;
        assert_true(hl_probes_seen(probes, (uint64_t)i, seen, &moment));
        hl_hist_put(&m.latencies[HL_LATENCY_CORRECTED], (uint64_t)(seen - due));
        hl_hist_put(&m.latencies[HL_LATENCY_UNCORRECTED], (uint64_t)(seen - due - late));
        hl_hist_put(&hl_meter_at(&m, due)->latency, (uint64_t)(seen - due));
    }
    m.sent = m.acked = 400;
    m.bytes = 60000;
    m.last_sent_ns = 3990 * MS;
    m.behind_ns = 500 * MS;
    r = (struct hl_load_result){.options = &o, .schedule = &s, .meter = &m, .started_ms = 1795000000000};
    hl_load_result_finish(&r, probes);
    hl_buf_init(&out);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    hl_buf_fini(&out);
    hl_probes_free(probes);
    hl_meter_fini(&m);
    return 0;
}

static void has(const char *text)
{
    hl_buf_put_u8(&out, 0);
    out.len--;
    if (!strstr((const char *)out.data, text)) fail_msg("no '%s' in:\n%s", text, (const char *)out.data);
}

static void the_table_tells_rate_moves_latency_and_limits(void **state)
{
    (void)state;
    hl_load_report_text(&out, &r);
    has("soak, 4.00 s, to <web>, crm at localhost:9092");
    has("rate      100 events/s reached, 100 planned; the sender was 500 ms late at most");
    has("events    400 sent, 400 acknowledged, 0 failed, 0 not sent; 0.1 MB");
    has("moves     400 had to come, 398 were seen, 2 lost, 0 repeated");
    has("planned send time to transition seen");
    has("FAILED  fail-if p99>50ms: ");
    has("ok      fail-if lost>2: 2");
    has("soak      p99 of the first quarter ");
    assert_true(hl_load_result_failed(&r));
}

static void a_stall_of_the_sender_shows_in_corrected_latency_only(void **state)
{
    (void)state;
    assert_in_range(hl_hist_quantile(r.figures.latencies[HL_LATENCY_CORRECTED], 0.9), 550 * MS, 600 * MS);
    assert_in_range(hl_hist_quantile(r.figures.latencies[HL_LATENCY_UNCORRECTED], 1), 99 * MS, 104 * MS);
    assert_in_range(hl_hist_quantile(r.figures.latencies[HL_LATENCY_SERVICE], 1), 99 * MS, 104 * MS);
}

static double number(json_t *j, const char *object, const char *key)
{
    json_t *v = json_object_get(object ? json_object_get(j, object) : j, key);
    if (!json_is_number(v)) fail_msg("%s is no number", key);
    return json_number_value(v);
}

static void the_json_has_the_same_numbers(void **state)
{
    (void)state;
    json_error_t why;
    hl_load_report_json(&out, &r);
    json_t *j = json_loadb((const char *)out.data, out.len, 0, &why);
    if (!j) fail_msg("%s at %d", why.text, why.position);
    assert_true(number(j, NULL, "rate") == 100 && number(j, NULL, "lost") == 2 && number(j, NULL, "events") == 400);
    assert_true(number(j, NULL, "value_bytes") == 60000 && number(j, NULL, "behind_seconds") == 0.5);
    assert_true(number(j, "latency", "p99") > 0.55 && number(j, "latency_uncorrected", "p99") < 0.11);
    assert_true(number(j, "latency", "count") == 398 && number(j, "latency_service", "count") == 398);
    assert_int_equal(json_array_size(json_object_get(j, "windows")), 4);
    json_t *limit = json_array_get(json_object_get(j, "limits"), 0);
    assert_true(json_is_true(json_object_get(limit, "broken")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "topics"), 0)), "<web>");
    json_decref(j);
}

static void the_page_needs_nothing_else_and_escapes_names(void **state)
{
    (void)state;
    hl_load_report_html(&out, &r);
    assert_false(out.failed);
    has("<!doctype html>");
    has("&lt;web&gt;");
    has("prefers-color-scheme:dark");
    has("<svg viewBox");
    has("p99&gt;50ms");
    has("</main></body></html>");
    const char *text = (const char *)out.data;
    assert_null(strstr(text, "<web>"));
    assert_null(strstr(text, "http://"));
    assert_null(strstr(text, "https://"));
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
}

static void a_run_without_transitions_has_a_page_too(void **state)
{
    (void)state;
    struct hl_meter empty;
    o.n_limits = 0;
    assert_int_equal(hl_meter_init(&empty, 1000 * MS), HL_OK);
    struct hl_load_result nothing = {.options = &o, .schedule = &s, .meter = &empty, .interrupted = true};
    hl_load_result_finish(&nothing, NULL);
    hl_load_report_html(&out, &nothing);
    hl_load_report_text(&out, &nothing);
    hl_load_report_json(&out, &nothing);
    assert_false(out.failed);
    has("(interrupted)");
    assert_null(strstr((const char *)out.data, "nan"));
    hl_meter_fini(&empty);
}

/* It has room for ten minutes, and takes two and a half seconds. */
static void a_backlog_is_told_by_the_seconds_that_it_took(void **state)
{
    (void)state;
    struct hl_meter taken;
    json_error_t why;
    o.backlog_ms = 86400000;
    o.measure = false;
    o.n_limits = 0;
    assert_int_equal(hl_meter_init(&taken, 600000 * MS), HL_OK);
    for (int64_t i = 0; i < 1000; i++) {
        hl_meter_add(&hl_meter_at(&taken, i * MS)->sent, 1);
        hl_meter_add(&hl_meter_at(&taken, 5 * i * MS / 2)->acked, 1);
    }
    taken.sent = taken.acked = 1000;
    taken.last_sent_ns = 999 * MS;
    taken.last_acked_ns = 2500 * MS;
    struct hl_load_result backlog = {.options = &o, .schedule = &s, .meter = &taken};
    hl_load_result_finish(&backlog, NULL);
    hl_load_report_json(&out, &backlog);
    json_t *j = json_loadb((const char *)out.data, out.len, 0, &why), *windows = json_object_get(j, "windows");
    assert_int_equal(json_array_size(windows), 3);
    assert_true(number(j, NULL, "seconds") == 2.5 && number(j, NULL, "rate") == 400);
    json_decref(j);
    hl_buf_clear(&out);
    hl_load_report_text(&out, &backlog);
    has("backlog, 2.50 s, to ");
    has("rate      400 events/s reached\n");
    assert_null(strstr((const char *)out.data, "latency"));
    hl_buf_clear(&out);
    hl_load_report_html(&out, &backlog);
    has("<td>2</td><td>0</td><td>400</td></tr>\n</tbody>"); /* half a second of the third one */
    assert_null(strstr((const char *)out.data, "planned"));
    assert_null(strstr((const char *)out.data, "Latency"));
    assert_null(strstr((const char *)out.data, "late at most"));
    hl_meter_fini(&taken);
}

static void times_and_numbers_are_short(void **state)
{
    (void)state;
    char x[HL_TIME_TEXT];
    assert_string_equal(hl_time_text(4312345, x), "4.31 ms");
    assert_string_equal(hl_time_text(1.2e9, x), "1.20 s");
    assert_string_equal(hl_time_text(512000, x), "512 us");
    assert_string_equal(hl_time_text(0, x), "0.00 ns");
    assert_string_equal(hl_number_text(1234567, x), "1,234,567");
    assert_string_equal(hl_number_text(999, x), "999");
    assert_string_equal(hl_number_text(12.5, x), "12.5");
    assert_string_equal(hl_number_text(0, x), "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_table_tells_rate_moves_latency_and_limits, a_run, clean),
        cmocka_unit_test_setup_teardown(a_stall_of_the_sender_shows_in_corrected_latency_only, a_run, clean),
        cmocka_unit_test_setup_teardown(the_json_has_the_same_numbers, a_run, clean),
        cmocka_unit_test_setup_teardown(the_page_needs_nothing_else_and_escapes_names, a_run, clean),
        cmocka_unit_test_setup_teardown(a_run_without_transitions_has_a_page_too, a_run, clean),
        cmocka_unit_test_setup_teardown(a_backlog_is_told_by_the_seconds_that_it_took, a_run, clean),
        cmocka_unit_test(times_and_numbers_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
