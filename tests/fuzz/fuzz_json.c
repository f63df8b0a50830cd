/* One JSON record, in both shapes, with a map and without. */
#include <stdlib.h>

#include "hotlead/adapter/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hl_decoder *make(enum hl_json_shape shape, const struct hl_field_map *map)
{
    struct hl_type_alias alias = {(char[]){"Page Viewed"}, HL_EVENT_PAGE_VIEWED};
    struct hl_decoder *d;
    struct hl_error err;
    if (hl_json_decoder_new(shape, map, &alias, 1, &d, &err) != HL_OK) abort();
    return d;
}

static void try(struct hl_decoder *d, struct hl_slice text)
{
    struct hl_arena arena;
    struct hl_event ev;
    struct hl_error err;
    hl_arena_init(&arena, 1 << 16);
    if (d->decode(d, text, &arena, &ev, &err) == HL_OK) {
        HL_BUG_ON(ev.event_id.len == 0 || ev.contact_id.len == 0 || ev.type_name.len == 0 || ev.occurred_at < 0);
        HL_BUG_ON(!hl_utf8_is_valid(ev.event_id) || !hl_utf8_is_valid(ev.url) || ev.n_attributes > HL_EVENT_MAX_ATTRIBUTES);
        for (size_t i = 0; i < ev.n_attributes; i++) HL_BUG_ON(!hl_utf8_is_valid(ev.attributes[i].key) || !hl_utf8_is_valid(ev.attributes[i].value));
    }
    hl_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hl_decoder *decoders[4];
    char id[] = "user.id", user[] = "user", ids[] = "user.id | userId", types[] = "event + type", all[] = "event_id + messageId + url | x";
    struct hl_field_map map = {.path = {[HL_FIELD_CONTACT_ID] = id, [HL_FIELD_ATTRIBUTES] = user}};
    if (!decoders[0]) {
        decoders[0] = make(HL_JSON_CANONICAL, NULL);
        decoders[1] = make(HL_JSON_SEGMENT, NULL);
        decoders[2] = make(HL_JSON_CANONICAL, &map);
        struct hl_field_map combined = {.path = {[HL_FIELD_CONTACT_ID] = ids, [HL_FIELD_TYPE] = types, [HL_FIELD_EVENT_ID] = all}, .seconds = true};
        decoders[3] = make(HL_JSON_CANONICAL, &combined);
    }
    for (size_t i = 0; i < 4; i++) try(decoders[i], (struct hl_slice){(const char *)data, size});
    return 0;
}
