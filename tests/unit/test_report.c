/* The report: what counts once, to which cohort a stay belongs, what is told; and transitions as JSON, read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "app/report.h"
#include "app/transition_read.h"

#define DAY INT64_C(86400000)

struct world {
    struct hl_report r;
    struct hl_buf out;
};

static int make(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    hl_report_init(&w->r, INT64_MIN, INT64_MAX);
    *state = w;
    return 0;
}

static int drop(void **state)
{
    struct world *w = *state;
    hl_report_fini(&w->r);
    hl_buf_fini(&w->out);
    free(w);
    return 0;
}

static void add(struct world *w, const char *id, int64_t seq, enum hl_stage from, enum hl_stage to, int64_t at, const char *version, const char *source)
{
    struct hl_transition_view v = {.contact_id = hl_slice_of(id), .seq = seq, .from = from, .to = to, .occurred_at = at, .time_in_from_ms = DAY,
                                   .model_version = hl_slice_of(version), .source = hl_slice_of(source)};
    assert_int_equal(hl_report_add(&w->r, &v), HL_OK);
}

static const char *text(struct world *w, enum hl_report_form form)
{
    hl_buf_clear(&w->out);
    hl_report_put(&w->r, form, &w->out);
    hl_buf_put_u8(&w->out, 0);
    assert_false(w->out.failed);
    return (const char *)w->out.data;
}

static void what_was_repeated_counts_once(void **state)
{
    struct world *w = *state;
    add(w, "ann", 1, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER, 1, "1", NULL);
    add(w, "ann", 2, HL_STAGE_SUBSCRIBER, HL_STAGE_LEAD, 2, "1", NULL);
    add(w, "ann", 1, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER, 1, "1", NULL);
    add(w, "ann", 2, HL_STAGE_SUBSCRIBER, HL_STAGE_LEAD, 2, "1", NULL);
    add(w, "ann", 3, HL_STAGE_LEAD, HL_STAGE_MQL, 3, "1", NULL);
    assert_int_equal(w->r.repeated, 2);
    assert_int_equal(w->r.transitions, 3);
    assert_int_equal(w->r.all.open[HL_STAGE_MQL], 1);
    assert_int_equal(w->r.all.open[HL_STAGE_LEAD] + w->r.all.open[HL_STAGE_SUBSCRIBER], 0);
}

static void who_was_erased_and_came_again_is_another(void **state)
{
    struct world *w = *state;
    add(w, "ann", 1, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER, 1, "1", "ads");
    add(w, "ann", 2, HL_STAGE_SUBSCRIBER, HL_STAGE_LEAD, 2, "1", "ads");
    add(w, "ann", 1, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER, 100, "1", "web");
    assert_int_equal(w->r.repeated, 0);
    assert_int_equal(w->r.all.open[HL_STAGE_LEAD], 0);
    assert_int_equal(w->r.all.open[HL_STAGE_SUBSCRIBER], 1);
    assert_int_equal(w->r.sources.n, 2);
    assert_int_equal(w->r.sources.items[1]->open[HL_STAGE_SUBSCRIBER], 1);
}

static void a_stay_belongs_to_the_version_that_began_it_and_the_source_that_brought_the_contact(void **state)
{
    struct world *w = *state;
    add(w, "ann", 1, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER, 1, "1", "ads");
    add(w, "ann", 2, HL_STAGE_SUBSCRIBER, HL_STAGE_LEAD, 2, "2", "web");
    add(w, "ann", 3, HL_STAGE_LEAD, HL_STAGE_MQL, 3, "2", NULL);
    add(w, "bob", 1, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER, 1, "2", NULL);
    const struct hl_cohort *one = w->r.versions.items[0], *two = w->r.versions.items[1];
    assert_int_equal(hl_funnel_stage(&one->f, HL_STAGE_SUBSCRIBER, one->open[HL_STAGE_SUBSCRIBER]).forward, 1);
    assert_int_equal(hl_funnel_stage(&two->f, HL_STAGE_SUBSCRIBER, two->open[HL_STAGE_SUBSCRIBER]).forward, 0);
    assert_int_equal(two->open[HL_STAGE_SUBSCRIBER], 1);
    assert_int_equal(hl_funnel_stage(&two->f, HL_STAGE_LEAD, 0).forward, 1);
    assert_int_equal(w->r.sources.n, 2); /* ads, and none: what a later event says does not matter */
    assert_string_equal(w->r.sources.items[0]->name, "ads");
    assert_int_equal(w->r.sources.items[0]->open[HL_STAGE_MQL], 1);
    assert_string_equal(w->r.sources.items[1]->name, "(none)");
}

static void time_cuts_what_counts(void **state)
{
    struct world *w = *state;
    hl_report_init(&w->r, 10, 20);
    add(w, "ann", 1, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER, 5, "1", NULL);
    add(w, "ann", 2, HL_STAGE_SUBSCRIBER, HL_STAGE_LEAD, 10, "1", NULL);
    add(w, "ann", 3, HL_STAGE_LEAD, HL_STAGE_MQL, 20, "1", NULL);
    assert_int_equal(w->r.transitions, 1);
    assert_int_equal(w->r.first, 10);
    assert_int_equal(w->r.all.open[HL_STAGE_LEAD], 1);
}

static void many_cohorts_share_the_last_one(void **state)
{
    struct world *w = *state;
    char id[16];
    for (int i = 0; i < HL_REPORT_COHORTS + 20; i++) {
        snprintf(id, sizeof id, "c%d", i);
        add(w, id, 1, HL_STAGE_ANONYMOUS, HL_STAGE_SUBSCRIBER, 1, "1", id);
    }
    assert_int_equal(w->r.sources.n, HL_REPORT_COHORTS);
    assert_string_equal(w->r.sources.items[HL_REPORT_COHORTS - 1]->name, "(others)");
    assert_int_equal(w->r.sources.items[HL_REPORT_COHORTS - 1]->open[HL_STAGE_SUBSCRIBER], 21);
}

static void it_is_told_in_three_forms(void **state)
{
    struct world *w = *state;
    char id[16];
    for (int i = 0; i < 12; i++) {
        snprintf(id, sizeof id, "c%d", i);
        add(w, id, 1, HL_STAGE_ANONYMOUS, HL_STAGE_LEAD, 0, "1", i % 2 ? "a|\x1b[31m" : NULL);
        if (i < 3) add(w, id, 2, HL_STAGE_LEAD, HL_STAGE_MQL, DAY, "1", NULL);
    }
    const char *t = text(w, HL_REPORT_TABLE);
    assert_non_null(strstr(t, "Funnel of 12 contacts, 15 transitions, 1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.000Z\n"));
    assert_non_null(strstr(t, "lead                       12            3            0            0            9       25.0 %          1 d          1 d\n"));
    assert_non_null(strstr(t, "\nBottleneck: lead to mql, 25.0 % go on. Slowest: lead to mql, half take 1 d or more.\n"));
    assert_null(strstr(t, "\x1b")); /* nobody's source steers the terminal */
    assert_null(strstr(t, "sal"));
    t = text(w, HL_REPORT_MARKDOWN);
    assert_non_null(strstr(t, "| lead | 12 | 3 | 0 | 0 | 9 | 25.0 % | 1 d | 1 d |\n"));
    assert_non_null(strstr(t, "\n| a??[31m | "));
    t = text(w, HL_REPORT_JSON);
    assert_non_null(strstr(t, "{\"contacts\":12,\"transitions\":15,\"repeated\":0,\"first\":0,\"last\":86400000,\"stages\":["));
    assert_non_null(strstr(t, "\"bottleneck\":{\"from\":\"lead\",\"to\":\"mql\",\"conversion\":0.25,\"median_ms\":86400000}"));
    assert_non_null(strstr(t, "\"by_source\":[{\"name\":\"(none)\","));
    hl_report_fini(&w->r);
    hl_report_init(&w->r, INT64_MIN, INT64_MAX);
    assert_non_null(strstr(text(w, HL_REPORT_TABLE), "No bottleneck can be named: no stage has 10 stays."));
}

/* --- transitions as JSON --- */

static void refused(const char *json, const char *why)
{
    struct hl_arena a;
    struct hl_transition_view v;
    struct hl_error err = {0};
    hl_arena_init(&a, 1 << 12);
    assert_int_not_equal(hl_transition_read(hl_slice_of(json), &a, &v, &err), HL_OK);
    if (!strstr(err.message, why)) fail_msg("%s: %s, wanted: %s", json, err.message, why);
    hl_arena_fini(&a);
}

#define HEAD "\"transition_id\":\"ann:2\",\"contact_id\":\"a\\u006en\",\"seq\":2,\"from\":\"lead\",\"to\":\"mql\",\"occurred_at\":5"

static void a_transition_is_read_from_json(void **state)
{
    static const char *const forms[] = {"{" HEAD ",\"score\":1.5e1,\"source\":\"ads\",\"time_in_from_ms\":null,\"other\":{\"from\":\"x\"}}",
                                        "{\"specversion\":\"1.0\",\"source\":\"/hotlead\",\"data\":{" HEAD ",\"score\":15,\"source\":\"ads\"}}"};
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(forms); i++) {
        struct hl_arena a;
        struct hl_transition_view v;
        struct hl_error err = {0};
        hl_arena_init(&a, 1 << 12);
        if (hl_transition_read(hl_slice_of(forms[i]), &a, &v, &err) != HL_OK) fail_msg("%s", err.message);
        assert_true(hl_slice_eq_cstr(v.contact_id, "ann") && v.seq == 2 && v.from == HL_STAGE_LEAD && v.to == HL_STAGE_MQL && v.occurred_at == 5);
        assert_true(v.score == 15 && v.time_in_from_ms == -1 && v.sla_due == -1 && hl_slice_eq_cstr(v.source, "ads"));
        hl_arena_fini(&a);
    }
    refused("{}", "not a transition: transition_id, contact_id, seq, from, to and occurred_at are needed");
    refused("[1]", "not a JSON object");
    refused("{" HEAD, "at byte");
    refused("{" HEAD "} x", "at byte");
    refused("{" HEAD ",\"from\":\"leed\"}", "no such stage");
    refused("{" HEAD ",\"seq\":\"2\"}", "a whole number was expected");
    refused("{" HEAD ",\"contact_id\":null}", "a text was expected");
    refused("{" HEAD ",\"score\":\"much\"}", "points that are no number");
    refused("", "not an Avro transition of ours");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_repeated_counts_once, make, drop),
        cmocka_unit_test_setup_teardown(who_was_erased_and_came_again_is_another, make, drop),
        cmocka_unit_test_setup_teardown(a_stay_belongs_to_the_version_that_began_it_and_the_source_that_brought_the_contact, make, drop),
        cmocka_unit_test_setup_teardown(time_cuts_what_counts, make, drop),
        cmocka_unit_test_setup_teardown(many_cohorts_share_the_last_one, make, drop),
        cmocka_unit_test_setup_teardown(it_is_told_in_three_forms, make, drop),
        cmocka_unit_test(a_transition_is_read_from_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
