/* What travels with committed offsets, there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/kafka/internal.h"

static struct hl_position there_and_back(struct hl_position p)
{
    const char *inputs[] = {"a"};
    struct hl_kafka k = {.config = {.inputs = inputs, .n_inputs = 1}};
    rd_kafka_topic_partition_list_t *list = hl_kafka_positions_list(&k, &p, 1);
    struct hl_position back = {.topic = p.topic, .partition = p.partition};
    hl_kafka_position_read(&list->elems[0], &back);
    rd_kafka_topic_partition_list_destroy(list);
    return back;
}

static void what_goes_there_comes_back(void **state)
{
    static const struct hl_position all[] = {
        {0, 3, 100, 90, 0}, {0, 3, 100, 90, 1}, {0, 3, 100, 0, INT64_MAX - 1}, {0, 3, 100, 100, HL_STATE_REBUILDING},
    };
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(all); i++) {
        struct hl_position back = there_and_back(all[i]);
        assert_int_equal(back.offset, all[i].offset);
        assert_int_equal(back.low_water, all[i].low_water);
        assert_int_equal(back.state_end, all[i].state_end);
    }
}

static void what_others_have_written_is_read_as_far_as_it_goes(void **state)
{
    static const struct {
        const char *text;
        int64_t low_water, state_end;
    } cases[] = {
        {"", -1, 0}, {"L=7", 7, 0}, {"L=7 S=", 7, 0}, {"L=x S=3", -1, 3}, {"L=-1", -1, 0}, {"S=rebuilding", -1, HL_STATE_REBUILDING},
        {"something else", -1, 0}, {" L=7", 7, 0}, {"L=7  S=9 X=2", 7, 9}, {"L=99999999999999999999 S=-5", -1, 0},
    };
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) {
        char text[64];
        struct hl_position p;
        strcpy(text, cases[i].text);
        hl_kafka_position_read(&(rd_kafka_topic_partition_t){.offset = 10, .metadata = text, .metadata_size = strlen(text)}, &p);
        assert_int_equal(p.offset, 10);
        if (p.low_water != cases[i].low_water || p.state_end != cases[i].state_end) fail_msg("'%s': %lld and %lld", text, (long long)p.low_water, (long long)p.state_end);
        hl_kafka_position_read(&(rd_kafka_topic_partition_t){.offset = RD_KAFKA_OFFSET_INVALID, .metadata = text, .metadata_size = strlen(text)}, &p);
        assert_true(p.offset == -1 && p.low_water == -1 && p.state_end == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_there_comes_back),
        cmocka_unit_test(what_others_have_written_is_read_as_far_as_it_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
