/* The commit without transactions, against librdkafka's mock cluster: what waits for what, and that the worker need not wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "hotlead/adapter/kafka.h"
#include "under_tsan.h"

#define PRODUCE 0 /* https://kafka.apache.org/protocol#protocol_api_keys */
#define BIG 100000
#define SLOW_MS 1000

static const char *INPUT = "in", *TRANSITIONS = "transitions", *STATE = "state";

struct session {
    rd_kafka_t *host; /* of the mock */
    rd_kafka_mock_cluster_t *mock;
    struct hl_kafka_property bootstrap;
    struct hl_kafka *kafka;
    struct hl_stream *stream;
};

static int open_session(void **state)
{
    struct session *s = calloc(1, sizeof(*s));
    struct hl_error err = {0};
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "2", reason, sizeof(reason));
    s->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    s->mock = rd_kafka_mock_cluster_new(s->host, 1);
    const char *topics[] = {INPUT, TRANSITIONS, STATE, "out"};
    for (size_t i = 0; i < HL_ARRAY_LEN(topics); i++) rd_kafka_mock_topic_create(s->mock, topics[i], 1, 1);
    s->bootstrap = (struct hl_kafka_property){"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(s->mock)};
    struct hl_kafka_config c = {
        .properties = &s->bootstrap,
        .n_properties = 1,
        .group_id = "g",
        .identity = "g",
        .inputs = &INPUT,
        .n_inputs = 1,
        .outputs = {[HL_OUT_TRANSITIONS] = TRANSITIONS, [HL_OUT_STATE] = STATE, [HL_OUT_ALERTS] = "out", [HL_OUT_DEAD_LETTER] = "out", [HL_OUT_MERGES] = "out"},
        .startup_timeout_ms = 10000,
    };
    int32_t partitions;
    if (hl_kafka_new(&c, &s->kafka, &err) || hl_kafka_prepare(s->kafka, &partitions, &err) || hl_kafka_stream_new(s->kafka, 0, &s->stream, &err))
        fail_msg("%s", err.message);
    *state = s;
    return 0;
}

static int close_session(void **state)
{
    struct session *s = *state;
    s->stream->free(s->stream);
    hl_kafka_free(s->kafka);
    rd_kafka_mock_cluster_destroy(s->mock);
    rd_kafka_destroy(s->host);
    free(s);
    return 0;
}

static int64_t end_of(struct session *s, enum hl_output out)
{
    int64_t low, high;
    struct hl_error err;
    /* outputs other than the state topic are known to `bounds` by no number: asked for as what commands read */
    uint16_t topic = out == HL_OUT_STATE ? HL_STATE_TOPIC : HL_TRANSITIONS_TOPIC;
    assert_int_equal(s->stream->bounds(s->stream, topic, 0, &low, &high, &err), HL_OK);
    return high;
}

static enum hl_status put(struct session *s, enum hl_output out, struct hl_slice value, struct hl_error *err)
{
    return s->stream->produce(s->stream, out, 0, hl_slice_of("key"), value, NULL, 0, err);
}

static void put_small(struct session *s, enum hl_output out)
{
    struct hl_error err;
    assert_int_equal(put(s, out, hl_slice_of("value"), &err), HL_OK);
}

static void settle(struct session *s)
{
    struct hl_error err;
    assert_int_equal(s->stream->settle(s->stream, &err), HL_OK);
}

static void begin(struct session *s)
{
    struct hl_error err;
    assert_int_equal(s->stream->commit(s->stream, NULL, 0, &err), HL_OK);
}

static enum hl_status finish(struct session *s, struct hl_error *err)
{
    bool done;
    enum hl_status status = s->stream->finish(s->stream, true, &done, err);
    assert_true(done);
    return status;
}

static void refuse_the_next_record(struct session *s)
{
    rd_kafka_mock_push_request_errors(s->mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
}

/* --- tests --- */

static void a_commit_delivers_what_was_produced_before_it(void **state)
{
    struct session *s = *state;
    struct hl_error err;
    put_small(s, HL_OUT_TRANSITIONS);
    settle(s);
    put_small(s, HL_OUT_STATE);
    put_small(s, HL_OUT_STATE);
    assert_int_equal(end_of(s, HL_OUT_STATE), 0); /* held */
    begin(s);
    assert_int_equal(finish(s, &err), HL_OK);
    assert_int_equal(end_of(s, HL_OUT_TRANSITIONS), 1);
    assert_int_equal(end_of(s, HL_OUT_STATE), 2);
    assert_int_equal(s->stream->state_end(s->stream, 0), 2);
}

static void states_without_a_transition_before_them_go_at_once(void **state)
{
    struct session *s = *state;
    struct hl_error err;
    put_small(s, HL_OUT_STATE);
    begin(s);
    assert_int_equal(finish(s, &err), HL_OK);
    assert_int_equal(end_of(s, HL_OUT_STATE), 1);
}

static void the_worker_goes_on_while_the_commit_waits(void **state)
{
    struct session *s = *state;
    struct hl_error err;
    bool done;
    put_small(s, HL_OUT_TRANSITIONS);
    settle(s);
    put_small(s, HL_OUT_STATE);
    rd_kafka_mock_broker_set_rtt(s->mock, 1, SLOW_MS); /* each answer takes so long */
    begin(s);
    assert_int_equal(s->stream->finish(s->stream, false, &done, &err), HL_OK);
    assert_false(done);
    put_small(s, HL_OUT_TRANSITIONS);
    assert_int_equal(s->stream->finish(s->stream, false, &done, &err), HL_OK);
    assert_false(done);
    assert_int_equal(finish(s, &err), HL_OK);
    rd_kafka_mock_broker_set_rtt(s->mock, 1, 0);
    assert_int_equal(end_of(s, HL_OUT_STATE), 1);
    settle(s); /* of the second one, by the next commit */
    put_small(s, HL_OUT_STATE);
    begin(s);
    assert_int_equal(finish(s, &err), HL_OK);
    assert_int_equal(end_of(s, HL_OUT_TRANSITIONS), 2);
    assert_int_equal(end_of(s, HL_OUT_STATE), 2);
}

static void a_transition_that_is_not_delivered_holds_its_state_back(void **state)
{
    struct session *s = *state;
    struct hl_error err;
    refuse_the_next_record(s);
    put_small(s, HL_OUT_TRANSITIONS);
    settle(s);
    put_small(s, HL_OUT_STATE);
    begin(s);
    assert_int_equal(finish(s, &err), HL_E_IN_DOUBT);
    assert_string_equal(err.message, "kafka: 1 records were not delivered");
    assert_int_equal(s->stream->abort(s->stream, &err), HL_OK);
    begin(s); /* nothing of it is left */
    assert_int_equal(finish(s, &err), HL_OK);
    assert_int_equal(end_of(s, HL_OUT_TRANSITIONS), 0);
    assert_int_equal(end_of(s, HL_OUT_STATE), 0);
}

/* More than is held: the worker waits itself. */
static void many_states_are_not_held(void **state)
{
    struct session *s = *state;
    struct hl_error err;
    char *big = calloc(1, BIG);
    size_t n = (40u << 20) / BIG;
    put_small(s, HL_OUT_TRANSITIONS);
    settle(s);
    for (size_t i = 0; i < n; i++) assert_int_equal(put(s, HL_OUT_STATE, (struct hl_slice){big, BIG}, &err), HL_OK);
    begin(s);
    assert_int_equal(finish(s, &err), HL_OK);
    assert_int_equal(end_of(s, HL_OUT_STATE), n);
    assert_int_equal(s->stream->state_end(s->stream, 0), n);
    free(big);
}

static void nor_are_they_written_without_their_transition(void **state)
{
    struct session *s = *state;
    struct hl_error err;
    char *big = calloc(1, BIG);
    enum hl_status status = HL_OK;
    refuse_the_next_record(s);
    put_small(s, HL_OUT_TRANSITIONS);
    settle(s);
    for (size_t n = (40u << 20) / BIG; n && !status; n--) status = put(s, HL_OUT_STATE, (struct hl_slice){big, BIG}, &err);
    assert_int_equal(status, HL_E_IN_DOUBT);
    assert_string_equal(err.message, "kafka: 1 records were not delivered");
    assert_int_equal(s->stream->abort(s->stream, &err), HL_OK);
    begin(s);
    assert_int_equal(finish(s, &err), HL_OK);
    assert_int_equal(end_of(s, HL_OUT_STATE), 0);
    free(big);
}

static void an_abort_forgets_what_was_held(void **state)
{
    struct session *s = *state;
    struct hl_error err;
    put_small(s, HL_OUT_TRANSITIONS);
    settle(s);
    put_small(s, HL_OUT_STATE);
    assert_int_equal(s->stream->abort(s->stream, &err), HL_OK);
    put_small(s, HL_OUT_TRANSITIONS);
    begin(s);
    assert_int_equal(finish(s, &err), HL_OK);
    assert_int_equal(end_of(s, HL_OUT_TRANSITIONS), 2); /* they were on their way */
    assert_int_equal(end_of(s, HL_OUT_STATE), 0);
}

int main(void)
{
#if UNDER_TSAN
    puts("skipped: the mock cluster does not run under ThreadSanitizer");
    return 0;
#endif
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_session, close_session)
    const struct CMUnitTest tests[] = {
        TEST(a_commit_delivers_what_was_produced_before_it),
        TEST(states_without_a_transition_before_them_go_at_once),
        TEST(the_worker_goes_on_while_the_commit_waits),
        TEST(a_transition_that_is_not_delivered_holds_its_state_back),
        TEST(many_states_are_not_held),
        TEST(nor_are_they_written_without_their_transition),
        TEST(an_abort_forgets_what_was_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
