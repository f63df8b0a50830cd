/* The queue of a consumer: when it is filled again, and that a broker hears of it (librdkafka's own broker in the process). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h> /* after rdkafka.h, which it needs */

#include "adapter/kafka/refill.h"
#include "under_tsan.h"

#define TOPIC "events"
#define RECORDS 5000
#define QUIET_MS 10000 /* nothing for so long: it hangs */

static void half_of_what_the_nearer_limit_allows(void **state)
{
    (void)state;
    assert_int_equal(hl_kafka_refill_mark(100000, 128 << 20, 150), 50000);
    assert_int_equal(hl_kafka_refill_mark(100000, 128 << 20, 1 << 20), 64); /* large records: 128 of them are what the queue holds */
    assert_int_equal(hl_kafka_refill_mark(1, 128 << 20, 150), 0);
    assert_int_equal(hl_kafka_refill_mark(100000, 128 << 20, 0), 50000); /* records without a byte */
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *bootstrap, const char *const (*settings)[2], void *opaque,
                          int (*stats)(rd_kafka_t *, char *, size_t, void *))
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why, sizeof(why)), RD_KAFKA_CONF_OK);
    for (; (*settings)[0]; settings++)
        if (rd_kafka_conf_set(conf, (*settings)[0], (*settings)[1], why, sizeof(why))) fail_msg("%s", why);
    rd_kafka_conf_set_opaque(conf, opaque);
    if (stats) rd_kafka_conf_set_stats_cb(conf, stats);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));
    if (!rk) fail_msg("%s", why);
    return rk;
}

static void fill(const char *bootstrap)
{
    static const char *const NONE[][2] = {{NULL, NULL}};
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, bootstrap, NONE, NULL, NULL);
    for (int i = 0; i < RECORDS; i++)
        assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE((void *)(uintptr_t)"0123456789", 10),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END), 0);
    assert_int_equal(rd_kafka_flush(rk, QUIET_MS), 0);
    rd_kafka_destroy(rk);
}

/* How many requests for ends of partitions brokers were sent, from librdkafka's statistics. */
static int count_requests(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
    (void)rk, (void)len;
    long most = 0;
    for (const char *p = json; (p = strstr(p, "\"ListOffsets\":")); p++) {
        long n = strtol(p + strlen("\"ListOffsets\":"), NULL, 10);
        most = n > most ? n : most;
    }
    *(long *)opaque = most;
    return 0;
}

/* Reads all of them, in groups, and waits for the statistics that come then. */
static long requests_while_reading(const char *bootstrap, const char *queued)
{
    const char *const settings[][2] = {{"group.id", "g"},  {"queued.min.messages", queued}, {"statistics.interval.ms", "100"}, {"enable.auto.commit", "false"},
                                       {NULL, NULL}};
    long requests = -1;
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, bootstrap, settings, &requests, count_requests);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, TOPIC, 0)->offset = 0;
    assert_int_equal(rd_kafka_assign(rk, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
    struct hl_kafka_refill refill;
    hl_kafka_refill_init(&refill, rk);
    for (int read = 0; read < RECORDS;) {
        size_t n = 0, bytes = 0;
        for (rd_kafka_message_t *m; n < 50 && (m = rd_kafka_consumer_poll(rk, n ? 0 : QUIET_MS)); n++) {
            assert_int_equal(m->err, 0);
            bytes += m->len;
            rd_kafka_message_destroy(m);
        }
        assert_true(n > 0);
        read += (int)n;
        hl_kafka_refill_taken(&refill, n, bytes);
    }
    requests = -1;
    for (int i = 0; i < QUIET_MS / 100 && requests < 0; i++) assert_null(rd_kafka_consumer_poll(rk, 100));
    hl_kafka_refill_fini(&refill);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return requests;
}

static void a_queue_that_is_drained_is_filled_again_and_one_that_was_never_full_is_let_be(void **state)
{
    (void)state;
    if (UNDER_TSAN) skip();
    static const char *const NONE[][2] = {{NULL, NULL}};
    rd_kafka_t *host = client(RD_KAFKA_PRODUCER, "", NONE, NULL, NULL);
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(host, 1);
    assert_int_equal(rd_kafka_mock_topic_create(cluster, TOPIC, 1, 1), 0);
    const char *bootstrap = rd_kafka_mock_cluster_bootstraps(cluster);
    fill(bootstrap);
    long drained = requests_while_reading(bootstrap, "1000");
    if (!hl_kafka_has_queue_backoff()) assert_true(drained > 0);
    else assert_int_equal(drained, 0); /* it has a setting for that */
    assert_int_equal(requests_while_reading(bootstrap, "1000000"), 0);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_of_what_the_nearer_limit_allows),
        cmocka_unit_test(a_queue_that_is_drained_is_filled_again_and_one_that_was_never_full_is_let_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
