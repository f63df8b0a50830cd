/* Framed records: the first byte picks the framing. Schema 1 is known, 2 does not compile, 3 is pending, others do not exist. */
#include <stdlib.h>

#include "hotlead/adapter/avro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char good[] = "{\"type\":\"record\",\"name\":\"W\",\"fields\":[{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"contact_id\",\"type\":\"string\"},"
                           "{\"name\":\"occurred_at\",\"type\":\"long\"},{\"name\":\"type\",\"type\":\"string\"}]}";

static enum hl_status get(struct hl_schemas *s, uint32_t id, char **json, struct hl_error *err)
{
    (void)s;
    if (id == 3) return hl_error_set(err, HL_E_PENDING, HL_RETRY, "later");
    if (id != 1 && id != 2) return hl_error_set(err, HL_E_SCHEMA, HL_SKIP, "no such id");
    *json = strdup(id == 1 ? good : "{");
    return *json ? HL_OK : HL_E_NOMEM;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hl_schemas schemas = {.get = get};
    static struct hl_decoder *decoders[2];
    struct hl_arena arena;
    struct hl_event ev;
    struct hl_error err;
    if (!decoders[0]) {
        if (hl_avro_decoder_new(HL_AVRO_CONFLUENT, &schemas, NULL, NULL, 0, &decoders[0], &err) != HL_OK ||
            hl_avro_decoder_new(HL_AVRO_SINGLE_OBJECT, &schemas, NULL, NULL, 0, &decoders[1], &err) != HL_OK ||
            hl_avro_decoder_add(decoders[1], good, &err) != HL_OK)
            abort();
    }
    if (size == 0) return 0;
    struct hl_decoder *d = decoders[data[0] & 1];
    hl_arena_init(&arena, 1 << 16);
    enum hl_status st = d->decode(d, (struct hl_slice){(const char *)data + 1, size - 1}, &arena, &ev, &err);
    HL_BUG_ON(st == HL_E_PENDING && !(size >= 6 && data[1] == 0 && data[5] == 3));
    HL_BUG_ON(st != HL_OK && (err.code != st || !memchr(err.message, 0, sizeof(err.message))));
    hl_arena_fini(&arena);
    struct hl_applied_slice applied[4];
    struct hl_slice engine;
    size_t n;
    if (hl_avro_get_state((struct hl_slice){(const char *)data + 1, size - 1}, &engine, applied, 4, &n) == HL_OK) HL_BUG_ON(n > 4 || engine.len > size);
    return 0;
}
