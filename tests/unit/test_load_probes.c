/* hotlead-load: what became of the probes, the transitions it reads, and the limits on its figures. */
#include "decode_fixture.h"

#include <math.h>

#include "hotlead/adapter/avro.h"
#include "hotlead/core/apply.h"
#include "load/limits.h"
#include "load/meter.h"
#include "load/probes.h"
#include "load/watcher.h"

#define MS INT64_C(1000000)

static struct hl_probes *p;
static struct hl_hist hist;

static int fresh(void **state)
{
    (void)state;
    hl_hist_init(&hist);
    return hl_probes_new(4, &p) != HL_OK;
}

static int gone(void **state)
{
    (void)state;
    hl_probes_free(p);
    return 0;
}

static void what_is_written_and_not_seen_is_lost(void **state)
{
    (void)state;
    struct hl_probe_moment m;
    struct hl_probe_sums s;
    for (int64_t i = 0; i < 5; i++) assert_int_equal(hl_probes_add(p, i * MS, i * MS + MS / 2), i);
    for (uint64_t i = 0; i < 3; i++) assert_int_equal(hl_probes_acked(p, i, (int64_t)i * MS + 2 * MS), (int64_t)i * MS);
    hl_probes_failed(p, 3); /* and of 4 nothing is heard */
    assert_int_equal(hl_probes_waiting(p), 3);
    assert_true(hl_probes_seen(p, 1, 11 * MS, &m));
    assert_true(m.planned_ns == MS && m.sent_ns == MS + MS / 2);
    assert_false(hl_probes_seen(p, 1, 12 * MS, &m));
    assert_false(hl_probes_seen(p, 99, 12 * MS, &m));
    assert_int_equal(hl_probes_waiting(p), 2);
    hl_probes_sum(p, &s, &hist);
    assert_true(s.sent == 5 && s.acked == 3 && s.failed == 1 && s.seen == 1 && s.lost == 2);
    assert_true(hist.count == 1 && hist.max == 8 * MS); /* acknowledged at 3 ms, seen at 11 */
}

static void a_transition_that_overtakes_its_acknowledgement_is_not_lost(void **state)
{
    (void)state;
    struct hl_probe_moment m;
    struct hl_probe_sums s;
    hl_probes_add(p, 0, 0);
    assert_true(hl_probes_seen(p, 0, 3 * MS, &m));
    assert_int_equal(hl_probes_waiting(p), 0);
    hl_probes_acked(p, 0, 4 * MS);
    hl_probes_sum(p, &s, &hist);
    assert_true(s.seen == 1 && s.lost == 0 && hist.count == 1 && hist.max == 0);
}

static void repeats_and_gaps_are_told_apart(void **state)
{
    (void)state;
    struct hl_probe_sums s;
    hl_probes_moved(p, 0, 1, 1);
    hl_probes_moved(p, 0, 2, 2);
    hl_probes_moved(p, 0, 2, 2); /* again */
    hl_probes_moved(p, 0, 5, 3); /* 3 and 4 are missing */
    hl_probes_moved(p, 1, 1, 2);
    hl_probes_moved(p, 77, 1, 2); /* nobody's */
    hl_probes_sum(p, &s, &hist);
    assert_true(s.repeated == 1 && s.gaps == 2);
    assert_int_equal(hl_probes_stage(p, 0), 3);
    assert_int_equal(hl_probes_stage(p, 2), -1);
    assert_int_equal(hl_probes_in_stage(p, 2), 1);
}

static void many_probes_are_kept_apart(void **state)
{
    (void)state;
    struct hl_probe_sums s;
    enum { N = 20000 };
    for (int64_t i = 0; i < N; i++) hl_probes_add(p, i * MS, i * MS);
    for (int64_t i = 0; i < N; i++) assert_int_equal(hl_probes_acked(p, (uint64_t)i, i * MS + MS), i * MS);
    hl_probes_sum(p, &s, &hist);
    assert_true(s.sent == N && s.acked == N && s.lost == N);
}

static void a_transition_is_read_as_hotlead_writes_it(void **state)
{
    (void)state;
    struct hl_transition t = {.seq = 7, .from = HL_STAGE_LEAD, .to = HL_STAGE_MQL, .kind = HL_KIND_ACTIVE, .rule = "form", .occurred_at = 1, .visit = 3};
    struct hl_transition_record r = {HL_SLICE_LIT("c-1"), HL_SLICE_LIT("e-9"), &t, 2, "m", "v", HL_SLICE_NULL};
    struct hl_seen_transition got;
    struct hl_buf b;
    hl_buf_init(&b);
    hl_avro_put_transition(&b, 2, &r);
    assert_true(hl_seen_transition_read(hl_buf_slice(&b), &got));
    df_assert_text(got.contact_id, "c-1");
    df_assert_text(got.to, "mql");
    df_assert_text(got.trigger_event_id, "e-9");
    assert_int_equal(got.seq, 7);
    for (size_t cut = 0; cut < 5; cut++) assert_false(hl_seen_transition_read((struct hl_slice){(const char *)b.data, cut}, &got));
    assert_false(hl_seen_transition_read(HL_SLICE_LIT("{\"contact_id\":\"c-1\"}"), &got));
    hl_buf_clear(&b);
    r.trigger_event_id = HL_SLICE_NULL;
    hl_avro_put_transition(&b, 2, &r);
    assert_true(hl_seen_transition_read(hl_buf_slice(&b), &got) && hl_slice_is_null(got.trigger_event_id));
    hl_buf_fini(&b);
}

static void a_meter_has_a_second_or_more_for_each_window(void **state)
{
    (void)state;
    struct hl_meter m;
    assert_int_equal(hl_meter_init(&m, 10 * 1000 * MS), HL_OK);
    assert_true(m.n_windows == 10 && m.window_ns == 1000 * MS);
    assert_ptr_equal(hl_meter_at(&m, 2500 * MS), &m.windows[2]);
    assert_ptr_equal(hl_meter_at(&m, 99000 * MS), &m.windows[9]);
    assert_ptr_equal(hl_meter_at(&m, -1), &m.windows[0]);
    hl_meter_fini(&m);
    assert_int_equal(hl_meter_init(&m, 3600 * 1000 * MS), HL_OK);
    assert_true(m.n_windows == 600 && m.window_ns == 6000 * MS);
    hl_meter_fini(&m);
    assert_int_equal(hl_meter_init(&m, 1), HL_OK);
    assert_true(m.n_windows == 1);
    hl_meter_fini(&m);
}

/* ---- limits ---- */

static struct hl_hist latencies[HL_LATENCY_COUNT];

static bool broken(const char *text, bool *known)
{
    struct hl_error err;
    struct hl_limit l;
    struct hl_figures f = {.behind_ns = 5e6, .measured = true};
    double value;
    for (size_t i = 0; i < HL_LATENCY_COUNT; i++) f.latencies[i] = &latencies[i];
    f.numbers[HL_FIGURE_lost] = 2;
    f.numbers[HL_FIGURE_rate] = 20000;
    if (hl_limit_parse(text, &l, &err)) fail_msg("%s", err.message);
    return hl_limit_broken(&l, &f, &value, known);
}

static void limits_judge_the_figures_they_name(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool broken;
    } CASES[] = {{"p99>98ms", true},      {"p99>110ms", false},       {"p50 > 49ms", true},   {"p50<60ms", true},        {"max>=100ms", true},
                 {"max>100ms", false},    {"mean<51ms", true},        {"p99.9>0.05s", true},  {"uncorrected.max>9us", true}, {"service.max>1ms", false},
                 {"lost>0", true},        {"lost>2", false},          {"lost>=2", true},      {"rate<20000", false},     {"rate<20001", true},
                 {"behind>1ms", true},    {"behind>5ms", false},      {"failed>0", false}};
    bool known;
    for (size_t i = 0; i < HL_LATENCY_COUNT; i++) hl_hist_init(&latencies[i]);
    for (uint64_t ms = 1; ms <= 100; ms++) hl_hist_put(&latencies[HL_LATENCY_CORRECTED], ms * MS);
    hl_hist_put(&latencies[HL_LATENCY_UNCORRECTED], 10000);
    hl_hist_put(&latencies[HL_LATENCY_SERVICE], 10);
    for (size_t i = 0; i < HL_ARRAY_LEN(CASES); i++)
        if (broken(CASES[i].text, &known) != CASES[i].broken || !known) fail_msg("%s", CASES[i].text);
    assert_true(broken("ack.p99>1s", &known)); /* nothing was measured: that must not pass */
    assert_false(known);
}

static void a_limit_that_is_wrong_says_how(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } CASES[] = {{"p99", "--fail-if 'p99': wants NAME>VALUE or NAME<VALUE, such as p99>50ms or lost>0"},
                 {"p99>50", "a time needs its unit: ns, us, ms, s, m or h"},
                 {"p99>fast", "there is no number behind the sign"},
                 {"p99>nan", "there is no number behind the sign"},
                 {"p101>5ms", "no such figure; there are p50, p99.9"},
                 {"latency>5ms", "no such figure"},
                 {"ack.lost>5", "no such figure"},
                 {">5", "no such figure"},
                 {"lost>1%", "this figure is a plain number, without a unit"}};
    for (size_t i = 0; i < HL_ARRAY_LEN(CASES); i++) {
        struct hl_error err;
        struct hl_limit l;
        assert_int_equal(hl_limit_parse(CASES[i].text, &l, &err), HL_E_USAGE);
        if (!strstr(err.message, CASES[i].why)) fail_msg("%s: '%s'", CASES[i].text, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_and_not_seen_is_lost, fresh, gone),
        cmocka_unit_test_setup_teardown(a_transition_that_overtakes_its_acknowledgement_is_not_lost, fresh, gone),
        cmocka_unit_test_setup_teardown(repeats_and_gaps_are_told_apart, fresh, gone),
        cmocka_unit_test_setup_teardown(many_probes_are_kept_apart, fresh, gone),
        cmocka_unit_test(a_transition_is_read_as_hotlead_writes_it),
        cmocka_unit_test(a_meter_has_a_second_or_more_for_each_window),
        cmocka_unit_test(limits_judge_the_figures_they_name),
        cmocka_unit_test(a_limit_that_is_wrong_says_how),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
