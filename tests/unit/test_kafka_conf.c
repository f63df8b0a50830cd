/* What hotlead's Kafka clients are given where the user says nothing, and that the user's word counts more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapter/kafka/internal.h"

static struct hl_kafka k;

static void expect(enum hl_kafka_role role, const char *key, const char *value)
{
    struct hl_error err;
    char got[100];
    size_t size = sizeof(got);
    rd_kafka_conf_t *conf = hl_kafka_conf(&k, role, 0, &err);
    if (!conf) fail_msg("%s", err.message);
    assert_int_equal(rd_kafka_conf_get(conf, key, got, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(got, value);
    rd_kafka_conf_destroy(conf);
}

static int setup(void **state)
{
    (void)state;
    k.config = (struct hl_kafka_config){.group_id = "g", .identity = "g-one", .transactions = true};
    return 0;
}

static void a_transaction_that_has_to_wait_for_the_last_one_asks_again_soon(void **state)
{
    (void)state;
    expect(HL_KAFKA_PRODUCER, "retry.backoff.ms", "5"); /* the library's 100 would be the latency of a commit */
    expect(HL_KAFKA_CONSUMER, "retry.backoff.ms", "100");
}

static void what_the_user_sets_counts_more_than_a_default_and_less_than_what_must_be(void **state)
{
    (void)state;
    const struct hl_kafka_property own[] = {{"retry.backoff.ms", "50"}, {"isolation.level", "read_uncommitted"}};
    k.config.properties = own;
    k.config.n_properties = 2;
    expect(HL_KAFKA_PRODUCER, "retry.backoff.ms", "50");
    expect(HL_KAFKA_CONSUMER, "isolation.level", "read_committed");
}

static void at_low_latency_nothing_waits_for_company(void **state)
{
    (void)state;
    expect(HL_KAFKA_PRODUCER, "linger.ms", "100"); /* a commit sends at once what is there */
    expect(HL_KAFKA_WRITER, "linger.ms", "1");
    k.config.transactions = false;
    expect(HL_KAFKA_PRODUCER, "linger.ms", "0");
    k.config.properties = &(struct hl_kafka_property){"linger.ms", "3"};
    k.config.n_properties = 1;
    expect(HL_KAFKA_PRODUCER, "linger.ms", "3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_transaction_that_has_to_wait_for_the_last_one_asks_again_soon, setup),
        cmocka_unit_test_setup(what_the_user_sets_counts_more_than_a_default_and_less_than_what_must_be, setup),
        cmocka_unit_test_setup(at_low_latency_nothing_waits_for_company, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
