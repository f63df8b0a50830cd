/* What was just committed, for those who look: the ring, what is left out of it, and the figures of partitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/flow.h"

static int make(void **state)
{
    *state = hl_flow_new(4);
    return *state ? 0 : -1;
}

static int drop(void **state)
{
    hl_flow_free(*state);
    return 0;
}

static void note(struct hl_flow_batch *b, int32_t partition, const char *bytes)
{
    hl_flow_note(b, partition, HL_STAGE_LEAD, HL_STAGE_MQL, 1000, hl_slice_of(bytes));
}

/* "1:a 2:b", and what was missed. */
static const char *seen(struct hl_flow *f, uint64_t *next, size_t most, uint64_t *missed)
{
    static char text[20000];
    size_t n = 0;
    struct hl_buf b;
    hl_buf_init(&b);
    *missed = 0;
    text[0] = '\0';
    hl_flow_read(f, next, most, &b, missed);
    for (struct hl_reader r = hl_reader_of(hl_buf_slice(&b)); r.p != r.end;) {
        unsigned long long number = hl_reader_varint(&r);
        hl_reader_varint(&r);
        struct hl_slice v = hl_reader_bytes(&r);
        assert_false(r.failed);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%llu:%.*s", n ? " " : "", number, HL_SLICE_ARG(v));
    }
    hl_buf_fini(&b);
    return text;
}

static void only_what_was_committed_is_shown(void **state)
{
    struct hl_flow_batch *b = hl_flow_batch_new();
    uint64_t next = hl_flow_next(*state), missed;
    note(b, 0, "a");
    assert_string_equal(seen(*state, &next, 10, &missed), "");
    hl_flow_drop(b);
    note(b, 0, "b");
    note(b, 1, "c");
    hl_flow_commit(*state, b);
    hl_flow_commit(*state, b); /* it is empty now */
    assert_string_equal(seen(*state, &next, 10, &missed), "1:b 2:c");
    assert_int_equal(missed, 0);
    assert_string_equal(seen(*state, &next, 10, &missed), "");
    hl_flow_note(NULL, 0, HL_STAGE_LEAD, HL_STAGE_MQL, 0, HL_SLICE_LIT("x")); /* nobody looks */
    hl_flow_commit(*state, NULL);
    hl_flow_batch_free(b);
}

static void what_is_left_out_is_counted(void **state)
{
    struct hl_flow_batch *b = hl_flow_batch_new();
    uint64_t next = 1, missed, again;
    static char large[HL_FLOW_BYTES + 2];
    memset(large, 'x', sizeof large - 1);
    for (int i = 0; i < HL_FLOW_KEPT + 5; i++) note(b, 0, "a");
    note(b, 0, large);
    hl_flow_commit(*state, b);
    assert_int_equal(hl_flow_next(*state), 1 + HL_FLOW_KEPT + 6);
    seen(*state, &next, HL_FLOW_RING, &missed);
    assert_int_equal(missed, 6);
    note(b, 0, "y");
    note(b, 0, "z");
    hl_flow_commit(*state, b);
    again = next;
    assert_string_equal(seen(*state, &next, 1, &missed), "264:z"); /* of two, the newer one */
    assert_int_equal(missed, 1);
    assert_string_equal(seen(*state, &again, 2, &missed), "263:y 264:z");
    hl_flow_batch_free(b);
}

static void the_ring_keeps_the_newest(void **state)
{
    struct hl_flow_batch *b = hl_flow_batch_new();
    uint64_t next = 1, missed;
    for (int i = 0; i < HL_FLOW_RING + 7; i++) {
        note(b, 0, i == 7 ? "first" : "a");
        hl_flow_commit(*state, b);
    }
    const char *all = seen(*state, &next, HL_FLOW_RING, &missed);
    assert_int_equal(missed, 7);
    assert_memory_equal(all, "8:first 9:a ", 12);
    hl_flow_batch_free(b);
}

static void figures_begin_with_a_partition_and_go_with_it(void **state)
{
    struct hl_flow_batch *b = hl_flow_batch_new();
    struct hl_funnel *f = calloc(1, sizeof *f), *base = calloc(1, sizeof *base);
    uint64_t version, before;
    assert_false(hl_flow_figures(*state, 2, f, &version));
    assert_int_equal(hl_flow_begin(*state, 2, 5000), HL_OK);
    assert_int_equal(hl_flow_begin(*state, 2, 9000), HL_OK); /* it has begun */
    assert_int_equal(hl_flow_begin(NULL, 2, 9000), HL_OK);
    for (int i = 0; i < 1000; i++) note(b, 2, "a"); /* more than the ring takes: the figures count all */
    note(b, 3, "a");
    hl_flow_commit(*state, b);
    assert_true(hl_flow_figures(*state, 2, f, &before));
    assert_int_equal(f->moves[HL_STAGE_LEAD][HL_STAGE_MQL], 1000);
    assert_int_equal(f->since, 5000);
    base->since = 1000;
    hl_funnel_add(base, HL_STAGE_LEAD, HL_STAGE_MQL, 1000);
    hl_flow_add_base(*state, 2, base);
    memset(f, 0, sizeof *f);
    assert_true(hl_flow_figures(*state, 2, f, &version));
    assert_int_equal(f->moves[HL_STAGE_LEAD][HL_STAGE_MQL], 1001);
    assert_int_equal(f->since, 1000);
    assert_true(version != before);
    hl_flow_forget(*state, 2);
    assert_false(hl_flow_figures(*state, 2, f, &version));
    free(f);
    free(base);
    hl_flow_batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_what_was_committed_is_shown, make, drop),
        cmocka_unit_test_setup_teardown(what_is_left_out_is_counted, make, drop),
        cmocka_unit_test_setup_teardown(the_ring_keeps_the_newest, make, drop),
        cmocka_unit_test_setup_teardown(figures_begin_with_a_partition_and_go_with_it, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
