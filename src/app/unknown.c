#include "unknown.h"

#include <inttypes.h>
#include <stdlib.h>

#include "hotlead/base/hash.h"
#include "hotlead/core/event.h"
#include "problem.h"

static void keep_name(struct hl_unknown_type *t, struct hl_slice name)
{
    size_t n = name.len < HL_UNKNOWN_NAME - 1 ? name.len : HL_UNKNOWN_NAME - 1;
    while (n < name.len && n > 0 && ((unsigned char)name.data[n] & 0xC0) == 0x80) n--; /* no character is cut in two */
    for (size_t i = 0; i < n; i++) t->name[i] = (unsigned char)name.data[i] < ' ' || name.data[i] == 0x7F ? '?' : name.data[i];
    t->name[n] = 0;
}

const struct hl_unknown_type *hl_unknown_note(struct hl_unknown *u, struct hl_slice type)
{
    uint64_t hash = hl_hash64(type);
    for (size_t i = 0; i < u->n; i++) {
        if (u->items[i].hash != hash) continue;
        u->items[i].count++;
        return NULL;
    }
    if (u->n == HL_UNKNOWN_KEPT) {
        u->others++;
        return NULL;
    }
    struct hl_unknown_type *t = &u->items[u->n++];
    *t = (struct hl_unknown_type){.hash = hash, .count = 1};
    keep_name(t, type);
    return t;
}

void hl_unknown_hint(const struct hl_unknown_type *t, struct hl_buf *to)
{
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, hl_slice_of(t->name));
    for (int k = 0; k < HL_EVENT_TYPE_COUNT; k++) hl_nearest_offer(&nearest, hl_event_type_name((enum hl_event_type)k));
    hl_buf_printf(to, "%s", hl_nearest_hint(&nearest));
}

static int by_count(const void *a, const void *b)
{
    const struct hl_unknown_type *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return strcmp(x->name, y->name);
}

void hl_unknown_put(struct hl_unknown *u, size_t most, struct hl_buf *to)
{
    uint64_t rest = u->others;
    qsort(u->items, u->n, sizeof(u->items[0]), by_count);
    for (size_t i = 0; i < u->n; i++) {
        const struct hl_unknown_type *t = &u->items[i];
        if (i >= most) {
            rest += t->count;
            continue;
        }
        hl_buf_printf(to, "%s%s %" PRIu64, i ? "; " : "", t->name, t->count);
        hl_unknown_hint(t, to);
    }
    if (rest) hl_buf_printf(to, "; and %" PRIu64 " of others", rest);
}
