/* DESIGN
 * Names are found by open addressing in a table four times their number, filled once when the program is loaded, before any
 * thread exists. One hash, and as a rule one comparison.
 *
 * THREADS: read-only after loading. */
#include "hotlead/core/event.h"

#include "hotlead/base/status.h"

#define SLOTS 256
_Static_assert(HL_EVENT_TYPE_COUNT * 4 <= SLOTS, "the table of names stays sparse");
_Static_assert(HL_EVENT_TYPE_COUNT <= 64, "sets of types are 64 bits");

static const struct {
    struct hl_slice name;
    enum hl_event_class class;
} types[] = {
#define X(code, name, cls) [HL_EVENT_##code] = {{name, sizeof(name) - 1}, HL_CLASS_##cls},
    HL_EVENT_TYPES(X)
#undef X
};

static uint8_t slots[SLOTS]; /* 1 + type, 0: free */

/* Of the length, the first and the last eight bytes: enough to tell the names apart, and a few instructions. */
static size_t slot_of(struct hl_slice name)
{
    uint64_t first = 0, last = 0;
    size_t n = name.len < 8 ? name.len : 8;
    if (n == 8) {
        memcpy(&first, name.data, 8);
        memcpy(&last, name.data + name.len - 8, 8);
    } else if (n) {
        memcpy(&first, name.data, n);
    }
    uint64_t h = (first ^ (last << 1 | last >> 63) ^ name.len) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(h >> 56) % SLOTS;
}

__attribute__((constructor)) static void fill_slots(void)
{
    for (unsigned t = 0; t < HL_EVENT_TYPE_COUNT; t++) {
        size_t i = slot_of(types[t].name);
        while (slots[i]) i = (i + 1) % SLOTS;
        slots[i] = (uint8_t)(t + 1);
    }
}

enum hl_event_type hl_event_type_find(struct hl_slice name)
{
    if (name.len > 32) return HL_EVENT_UNKNOWN; /* no name is that long: keeps the work constant */
    for (size_t i = slot_of(name); slots[i]; i = (i + 1) % SLOTS)
        if (hl_slice_eq(types[slots[i] - 1].name, name)) return (enum hl_event_type)(slots[i] - 1);
    return HL_EVENT_UNKNOWN;
}

const char *hl_event_type_name(enum hl_event_type type)
{
    return (unsigned)type < HL_EVENT_TYPE_COUNT ? types[type].name.data : "?";
}

enum hl_event_class hl_event_type_class(enum hl_event_type type)
{
    HL_BUG_ON((unsigned)type >= HL_EVENT_TYPE_COUNT);
    return types[type].class;
}

struct hl_slice hl_event_attribute(const struct hl_event *ev, struct hl_slice key)
{
    for (size_t i = ev->n_attributes; i-- > 0;)
        if (hl_slice_eq(ev->attributes[i].key, key)) return ev->attributes[i].value;
    return HL_SLICE_NULL;
}
