/* Inputs of high priority against librdkafka's mock cluster: what one poll brings, and in which order.
 *
 * Two sessions over the same topics, with and without priority, are made once: a mock cluster lets the first member of a group wait for seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "hotlead/adapter/kafka.h"
#include "under_tsan.h"

#define BATCH 8      /* records asked for; a quarter of them is for normal priority */
#define RECORDS 4000 /* what a test puts into a topic */

enum { NORMAL, HIGH, TOPICS };
static const char *NAMES[TOPICS] = {"clicks", "crm"};

struct session {
    struct hl_kafka *kafka;
    struct hl_stream *stream;
    struct hl_record records[BATCH];
    int64_t next[TOPICS];
};

static struct hl_kafka_mock *mock;
static struct hl_kafka_property bootstrap = {.key = "bootstrap.servers"};
static struct hl_kafka_writer *writer;
static int64_t end[TOPICS]; /* what was written */
static struct session with, without;

static void put(int topic, int n)
{
    struct hl_error err;
    for (int i = 0; i < n; i++)
        assert_int_equal(hl_kafka_writer_put(writer, NAMES[topic], hl_slice_of("key"), hl_slice_of("value"), &err), HL_OK);
    end[topic] += n;
}

/* Read both topics from `next`. */
static void assign(struct session *s)
{
    struct hl_error err;
    struct hl_position at[TOPICS] = {{NORMAL, 0, s->next[NORMAL], -1, 0}, {HIGH, 0, s->next[HIGH], -1, 0}};
    assert_int_equal(s->stream->assign(s->stream, at, TOPICS, &err), HL_OK);
}

/* One batch. Records of a topic come in their order, none twice, none left out. */
static size_t poll(struct session *s, int timeout_ms, size_t *high)
{
    size_t n;
    struct hl_error err;
    *high = 0;
    assert_int_equal(s->stream->poll(s->stream, timeout_ms, s->records, BATCH, &n, &err), HL_OK);
    for (size_t i = 0; i < n; i++) {
        uint16_t topic = s->records[i].topic;
        assert_int_equal(s->records[i].offset, s->next[topic]++);
        *high += topic == HIGH;
    }
    s->stream->release(s->stream, s->records, n);
    assert_false(s->stream->changed(s->stream));
    return n;
}

/* Until a topic is read to this offset. */
static void read_to(struct session *s, int topic, int64_t offset)
{
    size_t high;
    for (int i = 0; i < 10000 && s->next[topic] < offset; i++) poll(s, 1, &high);
    assert_true(s->next[topic] >= offset);
}

/* What a test before has left. */
static void read_all(struct session *s)
{
    for (int t = 0; t < TOPICS; t++) read_to(s, t, end[t]);
}

/* 4,000 clicks are fetched, few of them read; then one record comes to the other topic. How many clicks are read before it? */
static int64_t clicks_before_a_late_record(struct session *s)
{
    size_t high = 0;
    read_all(s);
    int64_t start = end[NORMAL];
    put(NORMAL, RECORDS);
    read_to(s, NORMAL, start + 1);
    usleep(300000);
    put(HIGH, 1);
    for (int i = 0; i < 10000 && s->stream->lag(s->stream, HIGH, 0, s->next[HIGH]) < 1; i++) usleep(1000);
    assert_int_equal(s->stream->lag(s->stream, HIGH, 0, s->next[HIGH]), 1); /* the client has heard of it */
    while (!high) poll(s, 1, &high);
    return s->next[NORMAL] - start;
}

static void a_record_of_high_priority_does_not_wait_behind_what_was_fetched_before_it(void **state)
{
    (void)state;
    assert_in_range(clicks_before_a_late_record(&with), 1, RECORDS / 2);
}

static void without_priority_it_waits(void **state)
{
    (void)state;
    assert_in_range(clicks_before_a_late_record(&without), RECORDS / 2 + 1, RECORDS);
}

static void a_flood_of_high_ones_leaves_a_quarter_of_each_batch_to_the_others(void **state)
{
    (void)state;
    size_t high, full = 0;
    read_all(&with);
    put(NORMAL, RECORDS);
    put(HIGH, RECORDS);
    usleep(300000); /* both queues fill */
    for (int i = 0; i < RECORDS / BATCH; i++) {
        size_t n = poll(&with, 1000, &high);
        full += n == BATCH && high == BATCH - BATCH / 4;
        for (size_t k = 0; k < n; k++) assert_int_equal(with.records[k].topic, k < high ? HIGH : NORMAL);
    }
    assert_true(full > RECORDS / BATCH / 2);
}

static void a_record_of_high_priority_ends_the_wait_for_any(void **state)
{
    (void)state;
    size_t high;
    read_all(&with);
    for (int i = 0; i < 5; i++) {
        put(HIGH, 1);
        alarm(30); /* waits for ever if nothing wakes it */
        do poll(&with, -1, &high);
        while (!high);
        alarm(0);
    }
}

static void a_rewind_is_one_for_all_inputs(void **state)
{
    (void)state;
    size_t high;
    put(NORMAL, RECORDS);
    put(HIGH, RECORDS);
    for (int i = 0; i < 20; i++) {
        with.next[NORMAL] = 10 + i;
        with.next[HIGH] = 500 - i;
        assign(&with); /* `poll` sees that nothing of the old positions comes */
        read_to(&with, NORMAL, 14 + i);
        read_to(&with, HIGH, 504 - i);
    }
    struct hl_error err;
    assert_int_equal(with.stream->assign(with.stream, &(struct hl_position){0}, 0, &err), HL_OK);
    for (int k = 0; k < 50; k++) assert_int_equal(poll(&with, 1, &high), 0); /* nothing assigned, nothing read */
    assign(&with);
    read_all(&with);
}

static void the_lag_of_each_input_is_known(void **state)
{
    (void)state;
    read_all(&with);
    for (uint16_t t = 0; t < TOPICS; t++) {
        assert_int_equal(with.stream->lag(with.stream, t, 0, end[t]), 0);
        assert_int_equal(with.stream->lag(with.stream, t, 0, end[t] - 3), 3);
    }
}

/* --- the sessions --- */

static void session_open(struct session *s, const char *group, const bool *priority)
{
    struct hl_error err = {0};
    struct hl_kafka_config c = {
        .properties = &bootstrap,
        .n_properties = 1,
        .group_id = group,
        .identity = group,
        .inputs = NAMES,
        .high_priority = priority,
        .n_inputs = TOPICS,
        .outputs = {"out", "out", "out", "out", "out"},
        .startup_timeout_ms = 10000,
    };
    int32_t partitions;
    assert_int_equal(hl_kafka_new(&c, &s->kafka, &err), HL_OK);
    if (hl_kafka_prepare(s->kafka, &partitions, &err)) fail_msg("%s", err.message);
    if (hl_kafka_stream_new(s->kafka, 0, &s->stream, &err)) fail_msg("%s", err.message);
}

static void session_join(struct session *s)
{
    size_t n;
    struct hl_error err;
    enum hl_assignment_change change;
    const int32_t *partitions;
    for (int i = 0; i < 300 && !s->stream->changed(s->stream); i++)
        assert_int_equal(s->stream->poll(s->stream, 100, s->records, BATCH, &n, &err), HL_OK);
    assert_int_equal(s->stream->assignment(s->stream, &change, &partitions, &n, &err), HL_OK);
    assert_int_equal(change, HL_ASSIGNMENT_GAINED);
    assert_int_equal(n, 1);
    assign(s);
}

static int setup(void **state)
{
    (void)state;
    static const bool priority[TOPICS] = {[HIGH] = true};
    struct hl_error err;
    const char *topics[] = {NAMES[NORMAL], NAMES[HIGH], "out"};
    assert_int_equal(hl_kafka_mock_new(topics, HL_ARRAY_LEN(topics), 1, &mock, &err), HL_OK);
    bootstrap.value = hl_kafka_mock_bootstrap(mock);
    assert_int_equal(hl_kafka_writer_new(bootstrap.value, &writer, &err), HL_OK);
    session_open(&with, "with", priority);
    session_open(&without, "without", NULL);
    session_join(&with);
    session_join(&without);
    for (int t = 0; t < TOPICS; t++) put(t, 1); /* a writer's first record is slow */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct session *sessions[] = {&with, &without};
    for (size_t i = 0; i < HL_ARRAY_LEN(sessions); i++) {
        sessions[i]->stream->free(sessions[i]->stream);
        hl_kafka_free(sessions[i]->kafka);
    }
    hl_kafka_writer_free(writer);
    hl_kafka_mock_free(mock);
    return 0;
}

int main(void)
{
#if UNDER_TSAN
    puts("skipped: the mock cluster does not run under ThreadSanitizer");
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_of_high_priority_does_not_wait_behind_what_was_fetched_before_it),
        cmocka_unit_test(without_priority_it_waits),
        cmocka_unit_test(a_flood_of_high_ones_leaves_a_quarter_of_each_batch_to_the_others),
        cmocka_unit_test(a_record_of_high_priority_ends_the_wait_for_any),
        cmocka_unit_test(a_rewind_is_one_for_all_inputs),
        cmocka_unit_test(the_lag_of_each_input_is_known),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
