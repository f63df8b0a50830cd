/* Bytes of an input record -> event. One decoder a topic, shared by all workers; decode is thread-safe and allocates only from the
 * caller's arena. Implemented by adapter/avro and adapter/json. */
#ifndef HOTLEAD_PORT_DECODER_H
#define HOTLEAD_PORT_DECODER_H

#include "hotlead/base/arena.h"
#include "hotlead/base/status.h"
#include "hotlead/core/field.h"

struct hl_decoder {
    /* HL_OK: ev is filled; slices borrow from value, arena and decoder. Checked: required fields present and not empty (HL_E_MISSING), types of
     * fields, UTF-8 of every string taken. An unknown type is HL_OK with ev->type = HL_EVENT_UNKNOWN. Not checked here: clock skew, key.
     * HL_E_PENDING: the schema is being fetched; pause the partition and ask again. Other codes: dead letter, err->message says why. */
    enum hl_status (*decode)(struct hl_decoder *d, struct hl_slice value, struct hl_arena *arena, struct hl_event *ev, struct hl_error *err);
    void (*free)(struct hl_decoder *d);
};

#endif
