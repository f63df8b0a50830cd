#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "hotlead/app/http_api.h"
#include "hotlead/base/clock.h"

#define SECOND INT64_C(1000000000)

static char why[128];

static void a_silent_thread_is_not_live(void **state)
{
    (void)state;
    struct hl_health *h = hl_health_new(3, 0, 100 * SECOND);
    assert_true(hl_health_is_live(h, 130 * SECOND, why, sizeof(why)));
    assert_false(hl_health_is_live(h, 130 * SECOND + 1, why, sizeof(why)));
    hl_health_beat(h, 0, 125 * SECOND);
    hl_health_beat(h, 2, 125 * SECOND);
    assert_false(hl_health_is_live(h, 140 * SECOND, why, sizeof(why)));
    assert_string_equal(why, "thread 1 has been silent for 40 s");
    hl_health_beat(h, 1, 140 * SECOND);
    assert_true(hl_health_is_live(h, 140 * SECOND, why, sizeof(why)));
    hl_health_free(h);
}

static void a_call_that_does_not_come_back_is_named(void **state)
{
    (void)state;
    struct hl_health *h = hl_health_new(2, 0, 100 * SECOND);
    hl_health_beat(h, 0, 500 * SECOND);
    hl_health_enter(h, 1, "commit_transaction", 45000, 105 * SECOND);
    assert_true(hl_health_is_live(h, 150 * SECOND, why, sizeof(why))); /* its own limit is the longer one */
    assert_false(hl_health_is_live(h, 150 * SECOND + 1, why, sizeof(why)));
    assert_string_equal(why, "thread 1 waits for commit_transaction since 45 s, and it may take 45 s");
    hl_health_enter(h, 1, "commit_transaction", 5000, 150 * SECOND); /* made again */
    assert_true(hl_health_is_live(h, 180 * SECOND, why, sizeof(why)));
    assert_false(hl_health_is_live(h, 181 * SECOND, why, sizeof(why)));
    assert_string_equal(why, "thread 1 waits for commit_transaction since 31 s, and it may take 30 s");
    hl_health_beat(h, 1, 170 * SECOND); /* a sign of life from within */
    assert_true(hl_health_is_live(h, 190 * SECOND, why, sizeof(why)));
    hl_health_leave(h, 1, 250 * SECOND);
    assert_true(hl_health_is_live(h, 280 * SECOND, why, sizeof(why)));
    assert_false(hl_health_is_live(h, 281 * SECOND, why, sizeof(why)));
    assert_string_equal(why, "thread 1 has been silent for 31 s"); /* the call is over */
    hl_health_free(h);
}

static void a_finished_thread_is_no_longer_looked_at(void **state)
{
    (void)state;
    struct hl_health *h = hl_health_new(2, 1000, 0);
    hl_health_beat(h, 1, 50 * SECOND);
    assert_false(hl_health_is_live(h, 50 * SECOND, why, sizeof(why)));
    hl_health_finish(h, 0);
    assert_true(hl_health_is_live(h, 50 * SECOND, why, sizeof(why)));
    assert_false(hl_health_is_ready(h, why, sizeof(why)));
    hl_health_finish(h, 1);
    assert_true(hl_health_is_ready(h, why, sizeof(why)));
    hl_health_free(h);
}

static void ready_means_all_assigned_partitions_are_restored(void **state)
{
    (void)state;
    struct hl_health *h = hl_health_new(2, 0, 0);
    assert_false(hl_health_is_ready(h, why, sizeof(why)));
    assert_string_equal(why, "thread 0 is starting");
    hl_health_set_partitions(h, 0, 0, 0); /* a standby */
    hl_health_set_partitions(h, 1, 4, 3);
    assert_false(hl_health_is_ready(h, why, sizeof(why)));
    assert_string_equal(why, "thread 1 has restored 3 of 4 partitions");
    hl_health_set_partitions(h, 1, 4, 4);
    assert_true(hl_health_is_ready(h, why, sizeof(why)));
    hl_health_set_partitions(h, 0, 2, 0);
    assert_false(hl_health_is_ready(h, why, sizeof(why)));
    hl_health_free(h);
}

static void who_reads_nothing_on_purpose_is_live_and_not_ready(void **state)
{
    (void)state;
    struct hl_health *h = hl_health_new(2, 0, 100 * SECOND);
    hl_health_set_partitions(h, 0, 1, 1);
    hl_health_set_partitions(h, 1, 1, 1);
    hl_health_set_paused(h, 1, "Redis is missed");
    assert_false(hl_health_is_ready(h, why, sizeof(why)));
    assert_string_equal(why, "thread 1 reads nothing: Redis is missed");
    assert_true(hl_health_is_live(h, 110 * SECOND, why, sizeof(why)));
    hl_health_set_paused(h, 1, NULL);
    assert_true(hl_health_is_ready(h, why, sizeof(why)));
    hl_health_free(h);
}

static struct hl_http_response answer_of(struct hl_http_api *api, const char *path, const char *accept)
{
    struct hl_http_response r = {.status = 200, .content_type = "text/plain; charset=utf-8"};
    hl_buf_init(&r.body);
    hl_http_api_handle(api, &(struct hl_http_request){.path = path, .raw_path = path, .query = "", .accept = accept}, &r);
    assert_false(r.body.failed);
    hl_buf_put_u8(&r.body, 0);
    return r;
}

static void assert_answer(struct hl_http_api *api, const char *path, int status, const char *content_type, const char *part)
{
    struct hl_http_response r = answer_of(api, path, "");
    assert_int_equal(r.status, status);
    assert_string_equal(r.content_type, content_type);
    if (!strstr((const char *)r.body.data, part)) fail_msg("\"%s\" not in: %s", part, (const char *)r.body.data);
    hl_buf_fini(&r.body);
}

static void the_paths_say_what_health_says(void **state)
{
    (void)state;
    static const char *const topics[] = {"web"};
    const struct hl_metrics_config config = {.topics = topics, .n_topics = 1, .partitions = 1, .threads = 1};
    struct hl_http_api api = {
        .metrics = hl_metrics_new(&config), .health = hl_health_new(1, 0, hl_clock_mono_ns()), .table = hl_table_new(4)};
    assert_answer(&api, "/livez", 200, "text/plain; charset=utf-8", "ok\n");
    assert_answer(&api, "/readyz", 503, "application/problem+json", "thread 0 is starting");
    hl_health_set_partitions(api.health, 0, 1, 1);
    assert_answer(&api, "/readyz", 200, "text/plain; charset=utf-8", "ok\n");
    hl_health_beat(api.health, 0, hl_clock_mono_ns() - 60 * SECOND);
    assert_answer(&api, "/livez", 503, "application/problem+json", "silent for 60 s");
    assert_answer(&api, "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "hotlead_contacts 0\n");
    assert_answer(&api, "/metrics/", 404, "application/problem+json", "\"status\":404");
    assert_answer(&api, "/x", 404, "application/problem+json", "/readyz");

    struct hl_http_response r = answer_of(&api, "/metrics", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2");
    assert_string_equal(r.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_non_null(strstr((const char *)r.body.data, "# EOF\n"));
    hl_buf_fini(&r.body);
    hl_metrics_free(api.metrics);
    hl_health_free(api.health);
    hl_table_free(api.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_thread_is_not_live),
        cmocka_unit_test(a_call_that_does_not_come_back_is_named),
        cmocka_unit_test(a_finished_thread_is_no_longer_looked_at),
        cmocka_unit_test(ready_means_all_assigned_partitions_are_restored),
        cmocka_unit_test(who_reads_nothing_on_purpose_is_live_and_not_ready),
        cmocka_unit_test(the_paths_say_what_health_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
