/* JSON in: the canonical names, or the Segment/RudderStack shape (https://segment.com/docs/connections/spec/common/).
 * A bounded pull scanner (RFC 8259) over the fields wanted: no tree, no allocation but unescaped strings in the caller's arena. */
#ifndef HOTLEAD_ADAPTER_JSON_H
#define HOTLEAD_ADAPTER_JSON_H

#include "hotlead/port/decoder.h"

enum hl_json_shape {
    HL_JSON_CANONICAL, /* field names as in struct Event, or as the map says */
    HL_JSON_SEGMENT,   /* messageId, userId or anonymousId, event or type, timestamp, context.page.url, properties, traits */
};

/* `auto_segment`: a canonical decoder that meets an object with messageId and no event_id takes it as Segment. */
enum hl_status hl_json_decoder_new(enum hl_json_shape shape, const struct hl_field_map *map, const struct hl_type_alias *aliases,
                                   size_t n_aliases, struct hl_decoder **out, struct hl_error *err) HL_WARN_UNUSED;

/* A transition as JSON, in the names of StageTransition, alone or as the `data` of a CloudEvent; what it does not know is passed over, reasons
 * too. Slices are borrowed from text and arena. HL_E_DECODE, HL_E_MISSING with a message. */
struct hl_transition_view;
enum hl_status hl_json_get_transition(struct hl_slice text, struct hl_arena *arena, struct hl_transition_view *v, struct hl_error *err) HL_WARN_UNUSED;

#endif
