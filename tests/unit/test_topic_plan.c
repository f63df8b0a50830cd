/* What the topics should be like: each demand, met and not met. */
#include "app/topic_plan.h"
#include "core_fixture.h"

#define INPUTS 2

struct world {
    struct hl_config config;
    struct hl_topic topics[INPUTS + HL_OUT_COUNT];
    struct hl_topic_plan plan;
};

static void set(struct hl_topic *t, enum hl_topic_setting s, const char *value)
{
    free(t->values[s]);
    t->values[s] = value ? strdup(value) : NULL;
}

/* Eight partitions, three replicas, everything as it should be. */
static int make_good(void **state)
{
    static const char *const good[HL_TOPIC_SETTING_COUNT] = {
        [HL_TOPIC_CLEANUP] = "delete",   [HL_TOPIC_RETENTION_MS] = "604800000", [HL_TOPIC_RETENTION_BYTES] = "-1",
        [HL_TOPIC_MIN_INSYNC] = "2",     [HL_TOPIC_UNCLEAN] = "false",          [HL_TOPIC_MAX_BYTES] = "1048588",
        [HL_TOPIC_DELETE_RETENTION] = "604800000", [HL_TOPIC_SEGMENT_BYTES] = "104857600",    [HL_TOPIC_DIRTY_RATIO] = "0.2",
        [HL_TOPIC_TIMESTAMP_TYPE] = "LogAppendTime"};
    static const char *const names[] = {"web", "crm", "transitions", "state", "alerts", "dead", "merges"};
    struct world *w = calloc(1, sizeof *w);
    w->config.checkpoint_max_replay_ms = 60000;
    w->plan = (struct hl_topic_plan){.config = &w->config, .topics = w->topics, .n = INPUTS + HL_OUT_COUNT};
    for (size_t i = 0; i < w->plan.n; i++) {
        struct hl_topic *t = &w->topics[i];
        t->name = names[i];
        t->role = i < INPUTS ? HL_ROLE_INPUT : hl_topic_role_of((enum hl_output)(i - INPUTS));
        t->partitions = 8;
        t->replication = 3;
        for (int s = 0; s < HL_TOPIC_SETTING_COUNT; s++) set(t, (enum hl_topic_setting)s, good[s]);
        if (t->role == HL_ROLE_STATE) set(t, HL_TOPIC_CLEANUP, "compact");
    }
    *state = w;
    return 0;
}

static int drop(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < w->plan.n; i++)
        for (int s = 0; s < HL_TOPIC_SETTING_COUNT; s++) free(w->topics[i].values[s]);
    free(w);
    return 0;
}

static size_t problems(struct world *w)
{
    size_t n = 0;
    hl_topic_plan_make(&w->plan, 0);
    for (size_t i = 0; i < w->plan.n; i++) n += w->topics[i].n_problems;
    return n;
}

/* The one problem there is: of this topic, with this setting, value wanted and severity. */
static void assert_only(struct world *w, const char *topic, const char *setting, const char *wanted, enum hl_topic_severity severity)
{
    assert_int_equal(problems(w), 1);
    for (size_t i = 0; i < w->plan.n; i++) {
        if (w->topics[i].n_problems == 0) continue;
        const struct hl_topic_problem *p = &w->topics[i].problems[0];
        assert_string_equal(w->topics[i].name, topic);
        assert_string_equal(p->setting, setting);
        assert_string_equal(p->wanted, wanted);
        assert_int_equal(p->severity, severity);
        assert_true(strlen(p->why) > 10);
    }
}

static void good_topics_have_no_problem(void **state)
{
    struct world *w = *state;
    assert_int_equal(problems(w), 0);
    assert_int_equal(w->plan.partitions, 8);
}

static void counts_go_by_what_most_inputs_have(void **state)
{
    struct world *w = *state;
    w->topics[2].partitions = 4;
    assert_only(w, "transitions", "partitions", "8", HL_TOPIC_WRONG);
    assert_false(w->topics[2].problems[0].can_set);
    w->topics[2].partitions = 8;
    w->topics[1].partitions = 12; /* a tie among the inputs: the larger, since counts can only grow */
    assert_int_equal(problems(w), 1 + HL_OUT_COUNT);
    assert_int_equal(w->plan.partitions, 12);
    w->topics[1].partitions = 0; /* a missing one has no say, and no problem of its own */
    assert_int_equal(problems(w), 0);
}

static void wanted_partitions_win(void **state)
{
    struct world *w = *state;
    hl_topic_plan_make(&w->plan, 16);
    assert_int_equal(w->plan.partitions, 16);
    assert_string_equal(w->topics[0].problems[0].is, "8");
}

static void cleanup_policies(void **state)
{
    struct world *w = *state;
    set(&w->topics[3], HL_TOPIC_CLEANUP, "compact,delete");
    assert_only(w, "state", "cleanup.policy", "compact", HL_TOPIC_WRONG);
    set(&w->topics[3], HL_TOPIC_CLEANUP, "delete");
    assert_only(w, "state", "cleanup.policy", "compact", HL_TOPIC_WRONG);
    set(&w->topics[3], HL_TOPIC_CLEANUP, "compact");
    set(&w->topics[2], HL_TOPIC_CLEANUP, "compact,delete"); /* the last move of each is kept for good */
    assert_int_equal(problems(w), 0);
    set(&w->topics[2], HL_TOPIC_CLEANUP, "compact");
    assert_only(w, "transitions", "cleanup.policy", "delete", HL_TOPIC_WRONG);
    set(&w->topics[2], HL_TOPIC_CLEANUP, "delete");
    set(&w->topics[0], HL_TOPIC_CLEANUP, "delete,compact");
    assert_only(w, "web", "cleanup.policy", "delete", HL_TOPIC_BETTER);
}

static void retention_is_held_against_the_replay(void **state)
{
    struct world *w = *state;
    set(&w->topics[0], HL_TOPIC_RETENTION_MS, "119999"); /* less than twice max_replay */
    assert_only(w, "web", "retention.ms", "86400000", HL_TOPIC_WRONG);
    set(&w->topics[0], HL_TOPIC_RETENTION_MS, "120000");
    assert_only(w, "web", "retention.ms", "86400000", HL_TOPIC_BETTER);
    set(&w->topics[0], HL_TOPIC_RETENTION_MS, "86400000");
    assert_int_equal(problems(w), 0);
    set(&w->topics[0], HL_TOPIC_RETENTION_MS, "-1");
    assert_int_equal(problems(w), 0);
    w->config.checkpoint_max_replay_ms = 6 * 3600000;
    set(&w->topics[0], HL_TOPIC_RETENTION_MS, "86400000");
    assert_only(w, "web", "retention.ms", "216000000", HL_TOPIC_BETTER);
    set(&w->topics[0], HL_TOPIC_RETENTION_MS, "604800000");
    set(&w->topics[0], HL_TOPIC_RETENTION_BYTES, "1000000000");
    assert_only(w, "web", "retention.bytes", "-1", HL_TOPIC_BETTER);
}

static void replicas(void **state)
{
    struct world *w = *state;
    set(&w->topics[3], HL_TOPIC_MIN_INSYNC, "1");
    assert_only(w, "state", "min.insync.replicas", "2", HL_TOPIC_WRONG);
    set(&w->topics[3], HL_TOPIC_MIN_INSYNC, "2");
    set(&w->topics[0], HL_TOPIC_MIN_INSYNC, "1");
    assert_only(w, "web", "min.insync.replicas", "2", HL_TOPIC_BETTER);
    w->topics[0].replication = 1; /* one replica is what there is: a test cluster */
    assert_int_equal(problems(w), 0);
    set(&w->topics[0], HL_TOPIC_MIN_INSYNC, "2");
    assert_only(w, "web", "min.insync.replicas", "1", HL_TOPIC_WRONG);
    set(&w->topics[0], HL_TOPIC_MIN_INSYNC, "1");
    set(&w->topics[2], HL_TOPIC_UNCLEAN, "true");
    assert_only(w, "transitions", "unclean.leader.election.enable", "false", HL_TOPIC_WRONG);
}

static void compaction_and_size(void **state)
{
    struct world *w = *state;
    set(&w->topics[3], HL_TOPIC_SEGMENT_BYTES, "1073741824");
    assert_only(w, "state", "segment.bytes", "104857600", HL_TOPIC_BETTER);
    set(&w->topics[3], HL_TOPIC_SEGMENT_BYTES, "104857600");
    set(&w->topics[3], HL_TOPIC_DELETE_RETENTION, "86400000");
    assert_only(w, "state", "delete.retention.ms", "604800000", HL_TOPIC_BETTER);
    set(&w->topics[3], HL_TOPIC_DELETE_RETENTION, "604800000");
    set(&w->topics[1], HL_TOPIC_MAX_BYTES, "5000000");
    assert_only(w, "dead", "max.message.bytes", "5000000", HL_TOPIC_WRONG);
}

static void outputs_have_the_time_of_the_broker(void **state)
{
    struct world *w = *state;
    set(&w->topics[0], HL_TOPIC_TIMESTAMP_TYPE, "CreateTime"); /* an input is the users' own */
    assert_int_equal(problems(w), 0);
    set(&w->topics[2], HL_TOPIC_TIMESTAMP_TYPE, "CreateTime");
    assert_only(w, "transitions", "message.timestamp.type", "LogAppendTime", HL_TOPIC_BETTER);
}

static void what_the_broker_does_not_tell_is_no_problem(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < w->plan.n; i++)
        for (int s = 0; s < HL_TOPIC_SETTING_COUNT; s++) set(&w->topics[i], (enum hl_topic_setting)s, NULL);
    assert_int_equal(problems(w), 0);
}

/* A topic that is created with these settings has no problem. */
static void what_is_created_is_good(void **state)
{
    struct world *w = *state;
    struct hl_kafka_property settings[HL_TOPIC_SETTING_COUNT];
    set(&w->topics[0], HL_TOPIC_MAX_BYTES, "5000000");
    for (size_t i = INPUTS; i < w->plan.n; i++) {
        struct hl_topic *t = &w->topics[i];
        size_t n = hl_topic_settings(t->role, 3, hl_topic_plan_input_bytes(&w->plan), settings);
        assert_true(n >= 2);
        for (size_t k = 0; k < n; k++)
            for (int s = 0; s < HL_TOPIC_SETTING_COUNT; s++)
                if (strcmp(hl_topic_setting_name((enum hl_topic_setting)s), settings[k].key) == 0) set(t, (enum hl_topic_setting)s, settings[k].value);
    }
    assert_int_equal(problems(w), 0);
    assert_int_equal(hl_topic_settings(HL_ROLE_INPUT, 3, NULL, settings), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_topics_have_no_problem, make_good, drop),
        cmocka_unit_test_setup_teardown(counts_go_by_what_most_inputs_have, make_good, drop),
        cmocka_unit_test_setup_teardown(wanted_partitions_win, make_good, drop),
        cmocka_unit_test_setup_teardown(cleanup_policies, make_good, drop),
        cmocka_unit_test_setup_teardown(retention_is_held_against_the_replay, make_good, drop),
        cmocka_unit_test_setup_teardown(replicas, make_good, drop),
        cmocka_unit_test_setup_teardown(compaction_and_size, make_good, drop),
        cmocka_unit_test_setup_teardown(outputs_have_the_time_of_the_broker, make_good, drop),
        cmocka_unit_test_setup_teardown(what_the_broker_does_not_tell_is_no_problem, make_good, drop),
        cmocka_unit_test_setup_teardown(what_is_created_is_good, make_good, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
