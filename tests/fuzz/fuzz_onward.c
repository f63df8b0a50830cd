/* Any bytes as a record of the merges: what is taken is written again as it was, and lies within the bytes. */
#include <stdlib.h>
#include <string.h>

#include "app/onward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hl_onward_record r;
    struct hl_error err;
    struct hl_arena arena;
    struct hl_buf b;
    hl_arena_init(&arena, 4096);
    hl_buf_init(&b);
    if (hl_onward_decode((struct hl_slice){(const char *)data, size}, &arena, &r, &err) == HL_OK && r.ev.type != HL_EVENT_UNKNOWN) {
        hl_onward_encode(&b, &r);
        struct hl_onward_record again;
        HL_BUG_ON(hl_onward_decode(hl_buf_slice(&b), &arena, &again, &err) != HL_OK);
        HL_BUG_ON(again.what != r.what || again.ev.type != r.ev.type || again.ev.n_attributes != r.ev.n_attributes || again.hops.n != r.hops.n);
        HL_BUG_ON(!hl_slice_eq(again.ev.contact_id, r.ev.contact_id) || !hl_slice_eq(again.state, r.state));
    }
    hl_buf_fini(&b);
    hl_arena_fini(&arena);
    return 0;
}
