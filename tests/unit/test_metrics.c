#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hotlead/app/metrics.h"
#include "hotlead/base/clock.h"

static const char *const topics[] = {"web.engagement", "odd \"name\"\\\n"};
static const struct hl_metrics_label build[] = {{"version", "1.2.3"}, {"librdkafka", "2.0.2"}};

static struct hl_metrics *metrics_of(int threads)
{
    const struct hl_metrics_config config = {
        .topics = topics, .n_topics = 2, .partitions = 3, .threads = threads, .build = build, .n_build = 2};
    struct hl_metrics *m = hl_metrics_new(&config);
    assert_non_null(m);
    return m;
}

/* The page as text; free it. */
static char *page_of(struct hl_metrics *m, const struct hl_table_stats *table, enum hl_metrics_format format)
{
    struct hl_buf b;
    hl_buf_init(&b);
    hl_metrics_print(m, table, format, &b);
    assert_false(b.failed);
    char *text = strndup((const char *)b.data, b.len);
    assert_int_equal(strlen(text), b.len);
    hl_buf_fini(&b);
    return text;
}

static void assert_line(const char *page, const char *line)
{
    size_t n = strlen(line);
    for (const char *p = page; (p = strstr(p, line)); p++) {
        if ((p == page || p[-1] == '\n') && p[n] == '\n') return;
    }
    fail_msg("no line \"%s\" in:\n%s", line, page);
}

static void every_counter_shows_the_sum_of_the_threads(void **state)
{
    (void)state;
    struct hl_metrics *m = metrics_of(2);
    for (int i = 0; i < 2; i++) {
        struct hl_metrics_thread *mt = hl_metrics_thread(m, i);
        assert_int_equal((uintptr_t)mt % 64, 0);
        hl_metrics_count_consumed(mt, 0, 4);
        hl_metrics_count_event(mt, 0, HL_TALLY_SCORED);
        hl_metrics_count_event(mt, 0, HL_TALLY_DUPLICATE);
        hl_metrics_count_unknown_type(mt, 0);
        hl_metrics_count_dead_letter(mt, 0, HL_E_MISSING);
        hl_metrics_count_transition(mt, HL_STAGE_LEAD, HL_STAGE_MQL);
        hl_metrics_count_txn(mt, HL_TXN_COMMITTED, 3000000);
        hl_metrics_count_restore(mt, HL_RESTORE_STATE, 1500000000);
        hl_counter_add(&mt->restore_records[HL_RESTORE_INPUT], 6);
        hl_metrics_set_restoring(mt, 4, 50);
        hl_counter_add(&mt->rebalances, 1);
        for (int k = 0; k < 2; k++) hl_metrics_count_alert(mt, HL_ALERT_BREACHED);
    }
    hl_metrics_count_txn(hl_metrics_thread(m, 1), HL_TXN_ABORTED, 1);
    hl_metrics_count_consumed(hl_metrics_thread(m, 1), 1, 7);
    char *page = page_of(m, &(struct hl_table_stats){.contacts = 11, .bytes = 22, .contended = 33}, HL_METRICS_PROMETHEUS);
    static const char *const lines[] = {
        "hotlead_consumed_total{topic=\"web.engagement\"} 8",
        "hotlead_consumed_total{topic=\"odd \\\"name\\\"\\\\\\n\"} 7",
        "hotlead_events_total{topic=\"web.engagement\",result=\"scored\"} 2",
        "hotlead_events_total{topic=\"web.engagement\",result=\"ignored\"} 2",
        "hotlead_events_total{topic=\"web.engagement\",result=\"duplicate\"} 2",
        "hotlead_events_total{topic=\"web.engagement\",result=\"dead_letter\"} 2",
        "hotlead_unknown_types_total 2",
        "hotlead_transitions_total{from=\"lead\",to=\"mql\"} 2",
        "hotlead_dead_letters_total{class=\"missing-field\"} 2",
        "hotlead_dead_letters_total{class=\"clock\"} 0",
        "hotlead_txn_total{outcome=\"committed\"} 2",
        "hotlead_txn_total{outcome=\"aborted\"} 1",
        "hotlead_restore_seconds_sum{source=\"state\"} 3",
        "hotlead_restore_seconds_count{source=\"state\"} 2",
        "hotlead_restore_records_total{source=\"input\"} 12",
        "hotlead_restore_records_total{source=\"redis\"} 0",
        "hotlead_restoring_partitions 8",
        "hotlead_restore_left_offsets 100",
        "hotlead_rebalances_total 2",
        "hotlead_sla_breaches_total 4",
        "hotlead_alerts_total{event=\"due\"} 0",
        "hotlead_alerts_total{event=\"breached\"} 4",
        "hotlead_contacts 11",
        "hotlead_table_bytes 22",
        "hotlead_stripe_contention_total 33",
        "hotlead_build_info{version=\"1.2.3\",librdkafka=\"2.0.2\"} 1",
        "# TYPE hotlead_events_total counter",
        "# TYPE hotlead_build_info gauge",
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(lines); i++) assert_line(page, lines[i]);
    free(page);
    hl_metrics_free(m);
}

static void what_is_about_the_bound_on_memory_is_there_with_a_bound_only(void **state)
{
    (void)state;
    struct hl_metrics *m = metrics_of(2);
    for (int i = 0; i < 2; i++) {
        struct hl_metrics_thread *mt = hl_metrics_thread(m, i);
        hl_counter_add(&mt->evictions, 5);
        hl_counter_add(&mt->fetches, 2);
        atomic_store(&mt->ghosts, 3);
        atomic_store(&mt->ghost_bytes, 100);
        hl_hist_put(&mt->redis_fetch, 2000000);
    }
    atomic_store(&hl_metrics_thread(m, 1)->paused, 1);
    char *page = page_of(m, NULL, HL_METRICS_PROMETHEUS);
    static const char *const lines[] = {
        "hotlead_table_max_bytes 4096", "hotlead_evictions_total 10", "hotlead_fetches_total 4", "hotlead_evicted_contacts 6",
        "hotlead_evicted_index_bytes 200", "hotlead_paused_workers 1", "hotlead_redis_fetch_duration_seconds_count 2",
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(lines); i++) {
        char name[80];
        snprintf(name, sizeof(name), "\n%.*s ", (int)strcspn(lines[i], " "), lines[i]);
        assert_null(strstr(page, name));
    }
    free(page);
    hl_metrics_set_bound(m, 4096);
    page = page_of(m, NULL, HL_METRICS_PROMETHEUS);
    for (size_t i = 0; i < HL_ARRAY_LEN(lines); i++) assert_line(page, lines[i]);
    assert_int_equal(hl_metrics_evicted(m), 6);
    free(page);
    hl_metrics_free(m);
}

static void gauges_appear_when_set_and_go_when_unset(void **state)
{
    (void)state;
    struct hl_metrics *m = metrics_of(2);
    char *page = page_of(m, NULL, HL_METRICS_PROMETHEUS);
    static const char *const absent[] = {
        "\nhotlead_redis_up ", "\nhotlead_consumer_lag_records{",   "\nhotlead_model_info{",
        "\nhotlead_contacts ", "\nhotlead_checkpoint_age_seconds ", "\nhotlead_transitions_total{"};
    for (size_t i = 0; i < HL_ARRAY_LEN(absent); i++) assert_null(strstr(page, absent[i]));
    free(page);

    hl_metrics_set_redis_up(m, true);
    hl_metrics_set_lag(m, 0, 2, 5);
    hl_metrics_set_lag(m, 0, 1, 9);
    hl_metrics_set_lag(m, 0, 1, -1);
    hl_metrics_set_model(m, HL_MODEL_LIVE, "old", "1");
    hl_metrics_set_model(m, HL_MODEL_LIVE, "acme", "2026.11");
    hl_metrics_count_reload(m, HL_MODEL_LIVE, HL_RELOAD_APPLIED, 1795703974250);
    hl_metrics_count_reload(m, HL_MODEL_LIVE, HL_RELOAD_UNCHANGED, 1795703999000);
    hl_metrics_count_reload(m, HL_MODEL_LIVE, HL_RELOAD_REFUSED, 1795703999000);
    hl_metrics_checkpoint_done(hl_metrics_thread(m, 0), hl_clock_mono_ns());
    hl_metrics_checkpoint_done(hl_metrics_thread(m, 1), hl_clock_mono_ns() - INT64_C(3600000000000));
    page = page_of(m, NULL, HL_METRICS_PROMETHEUS);
    assert_line(page, "hotlead_redis_up 1");
    assert_line(page, "hotlead_model_reloads_total{role=\"live\",result=\"applied\"} 1");
    assert_line(page, "hotlead_model_reloads_total{role=\"live\",result=\"refused\"} 1");
    assert_line(page, "hotlead_model_last_reload_successful{role=\"live\"} 0");
    assert_line(page, "hotlead_model_since_timestamp_seconds{role=\"live\"} 1795703974.25");
    assert_line(page, "hotlead_consumer_lag_records{topic=\"web.engagement\",partition=\"2\"} 5");
    assert_null(strstr(page, "partition=\"1\""));
    assert_line(page, "hotlead_model_info{model=\"acme\",version=\"2026.11\"} 1");
    assert_null(strstr(page, "\"old\""));
    const char *age = strstr(page, "\nhotlead_checkpoint_age_seconds ");
    assert_non_null(age);
    assert_true(strtod(strchr(age, ' '), NULL) >= 3600); /* of the thread that lags */
    free(page);
    hl_metrics_set_redis_up(m, false);
    page = page_of(m, NULL, HL_METRICS_PROMETHEUS);
    assert_line(page, "hotlead_redis_up 0");
    free(page);
    hl_metrics_free(m);
}

static void histograms_are_cumulative_in_seconds(void **state)
{
    (void)state;
    struct hl_metrics *m = metrics_of(2);
    hl_hist_put(&hl_metrics_thread(m, 0)->latency, 500000);                /* 0.5 ms */
    hl_hist_put(&hl_metrics_thread(m, 0)->latency, 2000000000);            /* 2 s */
    hl_hist_put_n(&hl_metrics_thread(m, 1)->latency, 7000000, 3);          /* 7 ms */
    hl_hist_put(&hl_metrics_thread(m, 1)->latency, UINT64_C(90000000000)); /* 90 s */
    char *page = page_of(m, NULL, HL_METRICS_PROMETHEUS);
    static const char *const lines[] = {
        "# TYPE hotlead_event_latency_seconds histogram",
        "hotlead_event_latency_seconds_bucket{le=\"0.001\"} 1",
        "hotlead_event_latency_seconds_bucket{le=\"0.005\"} 1",
        "hotlead_event_latency_seconds_bucket{le=\"0.01\"} 4",
        "hotlead_event_latency_seconds_bucket{le=\"1.0\"} 4",
        "hotlead_event_latency_seconds_bucket{le=\"2.5\"} 5",
        "hotlead_event_latency_seconds_bucket{le=\"60.0\"} 5",
        "hotlead_event_latency_seconds_bucket{le=\"+Inf\"} 6",
        "hotlead_event_latency_seconds_count 6",
        "hotlead_event_latency_seconds_sum 92.0215",
        "hotlead_batch_duration_seconds_count 0",
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(lines); i++) assert_line(page, lines[i]);
    free(page);
    struct hl_metrics_totals t = hl_metrics_totals(m);
    assert_in_range(t.latency_p50_ns, 7000000, 7000000 + 7000000 / 32);
    assert_in_range(t.latency_p99_ns, UINT64_C(87000000000), UINT64_C(93000000000));
    hl_metrics_free(m);
}

static bool has_suffix(const char *s, size_t n, const char *suffix)
{
    size_t m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static const struct hl_trace trace_a = {"0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"};
static const struct hl_trace trace_b = {"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"};

/* The line that begins with `start` ends, behind its value, with this exemplar and the time of the call. */
static void assert_exemplar(const char *page, const char *start, const char *exemplar)
{
    const char *p = strstr(page, start);
    if (!p) fail_msg("no line \"%s\"", start);
    p += strlen(start);
    if (strncmp(p, exemplar, strlen(exemplar)) != 0) fail_msg("\"%s\" has \"%.120s\", not \"%s\"", start, p, exemplar);
    char *rest;
    double at = strtod(p + strlen(exemplar), &rest);
    assert_int_equal(*rest, '\n');
    assert_true(at > (double)hl_clock_wall_ms() / 1000 - 60 && at < (double)hl_clock_wall_ms() / 1000 + 60);
}

static void a_traced_transition_is_the_exemplar_of_its_bucket_and_its_pair(void **state)
{
    (void)state;
    struct hl_metrics *m = metrics_of(1);
    struct hl_metrics_thread *mt = hl_metrics_thread(m, 0);
    hl_hist_put(&mt->latency, 9000000);
    hl_hist_put(&mt->latency, UINT64_C(90000000000));
    hl_metrics_count_transition(mt, HL_STAGE_LEAD, HL_STAGE_MQL);
    hl_metrics_count_transition(mt, HL_STAGE_MQL, HL_STAGE_SQL);
    hl_metrics_set_exemplar(m, &trace_b, 9000000, HL_STAGE_LEAD, HL_STAGE_MQL);
    hl_metrics_set_exemplar(m, &trace_a, 9000000, HL_STAGE_LEAD, HL_STAGE_MQL); /* the later one stays */
    hl_metrics_set_exemplar(m, &trace_b, UINT64_C(90000000000), HL_STAGE_MQL, HL_STAGE_SQL);
    char *page = page_of(m, NULL, HL_METRICS_OPENMETRICS);
    assert_exemplar(page, "\nhotlead_event_latency_seconds_bucket{le=\"0.01\"} 1",
                    " # {trace_id=\"0af7651916cd43dd8448eb211c80319c\",span_id=\"b7ad6b7169203331\"} 0.009 ");
    assert_exemplar(page, "\nhotlead_event_latency_seconds_bucket{le=\"+Inf\"} 2",
                    " # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\",span_id=\"00f067aa0ba902b7\"} 90 ");
    assert_exemplar(page, "\nhotlead_transitions_total{from=\"lead\",to=\"mql\"} 1",
                    " # {trace_id=\"0af7651916cd43dd8448eb211c80319c\",span_id=\"b7ad6b7169203331\"} 1 ");
    assert_line(page, "hotlead_event_latency_seconds_bucket{le=\"0.025\"} 1"); /* the other buckets have none */
    free(page);
    page = page_of(m, NULL, HL_METRICS_PROMETHEUS); /* has no place for them */
    assert_null(strstr(page, "trace_id"));
    free(page);
    hl_metrics_free(m);
}

/* Each family is declared once, HELP then TYPE, and its samples follow it at once; each sample has a number. */
static void check_shape(const char *page, bool open)
{
    char family[128] = "", kind[32] = "", seen[64][128];
    size_t n_seen = 0;
    for (const char *p = page, *end; *p; p = end + 1) {
        end = strchr(p, '\n');
        assert_non_null(end);
        if (sscanf(p, "# HELP %127s", family) == 1) {
            for (size_t i = 0; i < n_seen; i++) assert_string_not_equal(seen[i], family);
            snprintf(seen[n_seen++], sizeof(seen[0]), "%s", family);
            continue;
        }
        if (p[0] == '#') {
            char name[128];
            if (strncmp(p, "# EOF\n", 6) == 0) {
                assert_true(open && end[1] == '\0');
                return;
            }
            assert_int_equal(sscanf(p, "# %*s %127s %31s", name, kind), 2);
            assert_string_equal(name, family);
            if (open && strncmp(p, "# UNIT ", 7) == 0) assert_true(has_suffix(family, strlen(family), kind));
            continue;
        }
        size_t name_len = strcspn(p, "{ ");
        if (strncmp(p, family, strlen(family)) != 0) fail_msg("%.*s under %s", (int)(end - p), p, family);
        const char *value = end;
        while (value[-1] != ' ') value--;
        char *rest;
        strtod(value, &rest);
        assert_ptr_equal(rest, end);
        if (open && strcmp(kind, "counter") == 0) assert_true(has_suffix(p, name_len, "_total"));
    }
    assert_false(open); /* would have ended at # EOF */
}

static void both_formats_declare_each_family_once(void **state)
{
    (void)state;
    struct hl_metrics *m = metrics_of(1);
    hl_metrics_set_model(m, HL_MODEL_LIVE, "a\"b", "1");
    hl_metrics_set_lag(m, 1, 0, 3);
    hl_metrics_count_transition(hl_metrics_thread(m, 0), HL_STAGE_MQL, HL_STAGE_UNQUALIFIED);
    char *page = page_of(m, &(struct hl_table_stats){0}, HL_METRICS_PROMETHEUS);
    check_shape(page, false);
    free(page);
    page = page_of(m, &(struct hl_table_stats){0}, HL_METRICS_OPENMETRICS);
    check_shape(page, true);
    assert_line(page, "# TYPE hotlead_events counter");
    assert_line(page, "# TYPE hotlead_build info");
    assert_line(page, "# UNIT hotlead_event_latency_seconds seconds");
    free(page);
    hl_metrics_free(m);
}

static void the_process_is_described(void **state)
{
    (void)state;
    struct hl_metrics *m = metrics_of(1);
    char *page = page_of(m, NULL, HL_METRICS_PROMETHEUS);
    static const char *const names[] = {"\nprocess_resident_memory_bytes ", "\nprocess_open_fds ", "\nprocess_max_fds ",
                                        "\nprocess_virtual_memory_bytes ", "\nprocess_start_time_seconds "};
    for (size_t i = 0; i < HL_ARRAY_LEN(names); i++) {
        const char *at = strstr(page, names[i]);
        assert_non_null(at);
        assert_true(strtod(strchr(at, ' '), NULL) > 0);
    }
    assert_non_null(strstr(page, "\nprocess_cpu_seconds_total "));
    free(page);
    hl_metrics_free(m);
}

static void totals_balance_only_when_every_record_has_a_result(void **state)
{
    (void)state;
    struct hl_metrics *m = metrics_of(2);
    struct hl_metrics_thread *a = hl_metrics_thread(m, 0), *b = hl_metrics_thread(m, 1);
    hl_metrics_count_consumed(a, 0, 2);
    hl_metrics_count_consumed(b, 1, 2);
    hl_metrics_count_event(a, 0, HL_TALLY_SCORED);
    hl_metrics_count_unknown_type(b, 1);
    hl_metrics_count_dead_letter(b, 1, HL_E_DECODE);
    struct hl_metrics_totals t = hl_metrics_totals(m);
    assert_false(hl_metrics_balanced(&t));
    hl_metrics_count_event(a, 0, HL_TALLY_DUPLICATE);
    hl_metrics_count_transition(a, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER);
    hl_metrics_count_transition(b, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER);
    hl_metrics_count_transition(b, HL_STAGE_SQL, HL_STAGE_OPPORTUNITY);
    t = hl_metrics_totals(m);
    assert_true(hl_metrics_balanced(&t));
    assert_int_equal(t.consumed, 4);
    assert_int_equal(t.results[HL_TALLY_SCORED], 1);
    assert_int_equal(t.results[HL_TALLY_IGNORED], 1);
    assert_int_equal(t.results[HL_TALLY_DUPLICATE], 1);
    assert_int_equal(t.results[HL_TALLY_DEAD_LETTER], 1);
    assert_int_equal(t.unknown_types, 1);
    assert_int_equal(t.transitions[HL_STAGE_ANONYMOUS][HL_STAGE_SUBSCRIBER], 2);
    assert_int_equal(t.transitions_sum, 3);
    assert_int_equal(t.latency_p50_ns, 0);
    hl_metrics_free(m);
}

enum { COUNTS = 20000 };

static void *count(void *arg)
{
    struct hl_metrics_thread *mt = arg;
    for (int i = 0; i < COUNTS; i++) {
        hl_metrics_count_consumed(mt, 0, 1);
        hl_metrics_count_event(mt, 0, HL_TALLY_SCORED);
        hl_hist_put(&mt->latency, (uint64_t)i * 1000);
    }
    return NULL;
}

static void readers_may_read_while_threads_count(void **state)
{
    (void)state;
    struct hl_metrics *m = metrics_of(2);
    pthread_t threads[2];
    uint64_t last = 0;
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, count, hl_metrics_thread(m, i)), 0);
    for (int i = 0; i < 20; i++) {
        hl_metrics_set_model(m, HL_MODEL_LIVE, "m", i % 2 ? "1" : "2");
        hl_metrics_set_lag(m, 0, 0, i);
        free(page_of(m, NULL, HL_METRICS_OPENMETRICS));
        uint64_t now = hl_metrics_totals(m).consumed;
        assert_true(now >= last);
        last = now;
    }
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    struct hl_metrics_totals t = hl_metrics_totals(m);
    assert_int_equal(t.consumed, 2 * COUNTS);
    assert_true(hl_metrics_balanced(&t));
    hl_metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_shows_the_sum_of_the_threads),
        cmocka_unit_test(what_is_about_the_bound_on_memory_is_there_with_a_bound_only),
        cmocka_unit_test(gauges_appear_when_set_and_go_when_unset),
        cmocka_unit_test(histograms_are_cumulative_in_seconds),
        cmocka_unit_test(a_traced_transition_is_the_exemplar_of_its_bucket_and_its_pair),
        cmocka_unit_test(both_formats_declare_each_family_once),
        cmocka_unit_test(the_process_is_described),
        cmocka_unit_test(totals_balance_only_when_every_record_has_a_result),
        cmocka_unit_test(readers_may_read_while_threads_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
