/* Schema text, a zero byte, and a datum: compile with two maps, decode, fingerprint. */
#include <stdlib.h>

#include "hotlead/adapter/avro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(const char *schema, const struct hl_field_map *map, struct hl_slice datum)
{
    struct hl_avro_plan *plan;
    struct hl_arena arena;
    struct hl_event ev;
    struct hl_error err;
    if (hl_avro_plan_compile(schema, map, &plan, &err) != HL_OK) return;
    hl_arena_init(&arena, 1 << 16);
    if (hl_avro_plan_decode(plan, datum, &arena, &ev, &err) == HL_OK) HL_BUG_ON(ev.event_id.len == 0 || ev.occurred_at < 0);
    hl_arena_fini(&arena);
    hl_avro_plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char id[] = "user.id", user[] = "user", at[] = "a.b.c";
    struct hl_field_map map = {.path = {[HL_FIELD_EVENT_ID] = id, [HL_FIELD_CONTACT_ID] = id, [HL_FIELD_ATTRIBUTES] = user, [HL_FIELD_OCCURRED_AT] = at}};
    char *schema = malloc(size + 1);
    struct hl_error err;
    uint64_t fingerprint;
    if (!schema) return 0;
    if (size) memcpy(schema, data, size);
    schema[size] = '\0';
    size_t len = strlen(schema);
    struct hl_slice datum = len < size ? (struct hl_slice){(const char *)data + len + 1, size - len - 1} : HL_SLICE_LIT("");
    try(schema, NULL, datum);
    try(schema, &map, datum);
    if (hl_avro_fingerprint(schema, &fingerprint, &err) != HL_OK) HL_BUG_ON(err.code != HL_E_SCHEMA);
    free(schema);
    return 0;
}
