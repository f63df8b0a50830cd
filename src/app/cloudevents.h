/* Private: CloudEvents 1.0 (https://github.com/cloudevents/spec, "Kafka Protocol Binding"), in and out.
 *
 * In, a record in binary mode becomes the JSON form of its event, as structured mode has it from the start: so one decoder and one map of fields
 * serve both. Out, the id is that of the record (transition_id, alert_id), the subject the contact, the source /hotlead/GROUP. */
#ifndef HL_APP_CLOUDEVENTS_H
#define HL_APP_CLOUDEVENTS_H

#include "hotlead/base/arena.h"
#include "hotlead/base/buf.h"
#include "hotlead/core/apply.h"
#include "hotlead/port/stream.h"

/* The JSON form of a record's event, in the arena, or the record's own bytes. HL_E_DECODE: a batch, or data that is no JSON. */
enum hl_status hl_cloudevent_json(struct hl_stream *s, const struct hl_record *r, struct hl_arena *arena, struct hl_slice *json,
                                  struct hl_error *err) HL_WARN_UNUSED;

#define HL_CLOUDEVENT_TRANSITION "io.hotlead.stage_transition"
#define HL_CLOUDEVENT_ALERT "io.hotlead.alert"

struct hl_cloudevent {
    const char *type, *group;
    struct hl_slice contact_id, trace; /* trace: of the cause; null: none */
    uint32_t seq;
    int64_t time;
    const struct hl_alert *alert; /* NULL: a transition */
};

#define HL_CLOUDEVENT_HEADERS 8 /* at most */

/* Binary mode: adds headers, whose text is in `room`, an empty buffer. */
void hl_cloudevent_put_headers(const struct hl_cloudevent *ce, bool avro, struct hl_buf *room, struct hl_header *headers, size_t *n);
/* Structured mode: the event around its data (JSON), in `room`; adds the content-type. */
struct hl_slice hl_cloudevent_put_structured(const struct hl_cloudevent *ce, struct hl_slice data, struct hl_buf *room, struct hl_header *headers,
                                             size_t *n);

#endif
