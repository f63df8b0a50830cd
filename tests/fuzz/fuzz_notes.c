/* What is read back of our own from Redis and Kafka: the notes of a census and of a funnel, and transitions in both forms. The first byte says which. What is taken is
 * written again where that is possible, and must come out the same. */
#include <stdlib.h>

#include "app/census_note.h"
#include "app/funnel.h"
#include "app/transition_read.h"
#include "app/view_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_census(struct hl_slice bytes)
{
    struct hl_reader r;
    struct hl_rank_item item;
    uint64_t counts[HL_STAGE_COUNT];
    int64_t at;
    if (hl_census_note_open(&r, bytes, &at, counts) != HL_OK) return;
    while (hl_census_note_next(&r, &item)) HL_BUG_ON(item.stage >= HL_STAGE_COUNT || !hl_utf8_is_valid(item.id));
}

static void try_funnel(struct hl_slice bytes)
{
    struct hl_funnel *f = calloc(1, sizeof(*f)), *again = calloc(1, sizeof(*again));
    struct hl_buf b;
    hl_buf_init(&b);
    HL_BUG_ON(!f || !again);
    if (hl_funnel_decode(f, bytes) == HL_OK) {
        hl_funnel_encode(f, &b);
        HL_BUG_ON(b.failed || hl_funnel_decode(again, hl_buf_slice(&b)) != HL_OK);
        for (int s = 0; s < HL_STAGE_COUNT; s++)
            for (int t = 0; t < HL_STAGE_COUNT; t++) HL_BUG_ON(f->moves[s][t] != again->moves[s][t]);
        hl_buf_clear(&b);
        hl_funnel_put_json(f, (uint64_t[HL_STAGE_COUNT]){0}, true, false, &b);
    }
    hl_buf_fini(&b);
    free(f);
    free(again);
}

static void try_transition(struct hl_slice bytes)
{
    struct hl_transition_view v;
    struct hl_buf b;
    struct hl_arena arena;
    struct hl_error err;
    hl_arena_init(&arena, 1 << 16);
    hl_buf_init(&b);
    if (hl_transition_read(bytes, &arena, &v, &err) == HL_OK) {
        hl_view_put_json(&b, &v);
        HL_BUG_ON(b.failed || !hl_utf8_is_valid(hl_buf_slice(&b)) || memchr(b.data, '\n', b.len));
    }
    hl_buf_fini(&b);
    hl_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(struct hl_slice) = {try_census, try_funnel, try_transition};
    if (size == 0) return 0;
    char *copy = malloc(size); /* of the exact size, so that a sanitizer sees a read too far */
    HL_BUG_ON(!copy);
    memcpy(copy, data + 1, size - 1);
    tries[data[0] % HL_ARRAY_LEN(tries)]((struct hl_slice){copy, size - 1});
    free(copy);
    return 0;
}
