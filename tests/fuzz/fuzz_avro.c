/* The first byte picks a writer schema, the rest is a datum of it. */
#include <stdlib.h>

#include "hotlead/adapter/avro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE "{\"type\":\"record\",\"name\":\"W\",\"fields\":[{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"contact_id\",\"type\":[\"null\",\"string\",\"bytes\"]},"

static const char *const schemas[] = {
    BASE "{\"name\":\"occurred_at\",\"type\":\"long\"},{\"name\":\"type\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"page_viewed\",\"x\"]}},"
         "{\"name\":\"url\",\"type\":[\"null\",\"string\"]},{\"name\":\"attributes\",\"type\":{\"type\":\"map\",\"values\":"
         "[\"null\",\"string\",\"long\",\"double\",\"float\",\"boolean\",{\"type\":\"array\",\"items\":\"string\"}]}}]}",
    BASE "{\"name\":\"tree\",\"type\":{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":\"kids\",\"type\":{\"type\":\"array\",\"items\":\"T\"}},"
         "{\"name\":\"v\",\"type\":[\"null\",\"T\",{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}]}]}},"
         "{\"name\":\"occurred_at\",\"type\":\"string\"},{\"name\":\"type\",\"type\":\"bytes\"}]}",
    BASE "{\"name\":\"occurred_at\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"},\"string\"]},"
         "{\"name\":\"maps\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"null\"}}},{\"name\":\"machine\",\"type\":\"boolean\"},"
         "{\"name\":\"type\",\"type\":\"string\"},{\"name\":\"attributes\",\"type\":{\"type\":\"record\",\"name\":\"A\",\"fields\":["
         "{\"name\":\"a\",\"type\":\"double\"},{\"name\":\"b\",\"type\":[\"null\",\"string\"]}]}}]}",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hl_avro_plan *plans[HL_ARRAY_LEN(schemas)];
    struct hl_arena arena;
    struct hl_event ev;
    struct hl_error err;
    if (size == 0) return 0;
    size_t which = data[0] % HL_ARRAY_LEN(schemas);
    if (!plans[which] && hl_avro_plan_compile(schemas[which], NULL, &plans[which], &err) != HL_OK) abort();
    hl_arena_init(&arena, 1 << 16);
    struct hl_slice datum = {(const char *)data + 1, size - 1};
    if (hl_avro_plan_decode(plans[which], datum, &arena, &ev, &err) == HL_OK) {
        /* What is read as good is good: required fields, valid text, bounded attributes. */
        HL_BUG_ON(ev.event_id.len == 0 || ev.contact_id.len == 0 || ev.type_name.len == 0 || ev.occurred_at < 0);
        HL_BUG_ON(!hl_utf8_is_valid(ev.event_id) || !hl_utf8_is_valid(ev.url) || ev.n_attributes > HL_EVENT_MAX_ATTRIBUTES);
        for (size_t i = 0; i < ev.n_attributes; i++) HL_BUG_ON(!hl_utf8_is_valid(ev.attributes[i].key) || !ev.attributes[i].value.data);
    }
    hl_arena_fini(&arena);
    return 0;
}
