/* How far a recovery is: the share, the time left, and where both are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/worker.h"

#define SECOND INT64_C(1000000000)

static void share_and_time_left_follow_what_was_read(void **state)
{
    (void)state;
    struct hl_progress p = {.total = 1000, .start_ns = 5 * SECOND};
    assert_int_equal(hl_progress_percent(&p), 0);
    assert_int_equal(hl_progress_seconds_left(&p, 9 * SECOND), -1); /* nothing to go by */
    p.done = 250;
    assert_int_equal(hl_progress_percent(&p), 25);
    assert_int_equal(hl_progress_seconds_left(&p, 9 * SECOND), 12);
    p.done = 1000;
    assert_int_equal(hl_progress_percent(&p), 100);
    assert_int_equal(hl_progress_seconds_left(&p, 9 * SECOND), 0);
}

static void where_nothing_is_to_be_read_all_is_read(void **state)
{
    (void)state;
    struct hl_progress p = {.start_ns = 1};
    assert_int_equal(hl_progress_percent(&p), 100);
    assert_int_equal(hl_progress_seconds_left(&p, SECOND), -1);
}

static void it_is_told_to_health_and_metrics_and_never_more_than_all(void **state)
{
    (void)state;
    static const char *const topics[] = {"web"};
    struct hl_metrics_config config = {.topics = topics, .n_topics = 1, .partitions = 1, .threads = 1};
    struct hl_engine e = {.metrics = hl_metrics_new(&config), .health = hl_health_new(1, 0, 0)};
    struct hl_worker w = {.e = &e, .metrics = hl_metrics_thread(e.metrics, 0), .n_assigned = 3};
    struct hl_progress p;
    char why[200];
    hl_health_set_partitions(e.health, 0, 3, 0);
    hl_progress_begin(&w, &p, 700, 300);
    assert_int_equal(p.total, 1000);
    hl_progress_at(&w, &p, 400, p.start_ns + 2 * SECOND);
    assert_false(hl_health_is_ready(e.health, why, sizeof(why)));
    assert_string_equal(why, "thread 0 has restored 0 of 3 partitions (40 % is read, about 3 s left)");
    assert_int_equal(w.metrics->restoring, 3);
    assert_int_equal(w.metrics->restore_left, 600);
    hl_progress_at(&w, &p, 1200, p.start_ns + 2 * SECOND); /* the topic grew meanwhile */
    assert_false(hl_health_is_ready(e.health, why, sizeof(why)));
    assert_string_equal(why, "thread 0 has restored 0 of 3 partitions (100 % is read, about 0 s left)");
    assert_int_equal(w.metrics->restore_left, 0);
    hl_health_set_partitions(e.health, 0, 3, 3);
    assert_true(hl_health_is_ready(e.health, why, sizeof(why)));
    hl_health_set_partitions(e.health, 0, 3, 1); /* nothing of the last time is left in it */
    assert_false(hl_health_is_ready(e.health, why, sizeof(why)));
    assert_string_equal(why, "thread 0 has restored 1 of 3 partitions");
    hl_metrics_free(e.metrics);
    hl_health_free(e.health);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(share_and_time_left_follow_what_was_read),
        cmocka_unit_test(where_nothing_is_to_be_read_all_is_read),
        cmocka_unit_test(it_is_told_to_health_and_metrics_and_never_more_than_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
