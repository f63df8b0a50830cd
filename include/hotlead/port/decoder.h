/* Bytes of an input record -> event. One decoder a topic, shared by all workers; decode is thread-safe and allocates only from the
 * caller's arena. Implemented by adapter/avro and adapter/json. */
#ifndef HOTLEAD_PORT_DECODER_H
#define HOTLEAD_PORT_DECODER_H

#include "hotlead/base/arena.h"
#include "hotlead/base/status.h"
#include "hotlead/core/event.h"

/* canonical field, required */
#define HL_FIELDS(X)                                                                                                 \
    X(EVENT_ID, "event_id", 1)                                                                                       \
    X(CONTACT_ID, "contact_id", 1)                                                                                   \
    X(OCCURRED_AT, "occurred_at", 1)                                                                                 \
    X(TYPE, "type", 1)                                                                                               \
    X(URL, "url", 0)                                                                                                 \
    X(ASSET, "asset", 0)                                                                                             \
    X(FORM, "form", 0)                                                                                               \
    X(CAMPAIGN, "campaign", 0)                                                                                       \
    X(SOURCE, "source", 0)                                                                                           \
    X(ACTOR, "actor", 0)                                                                                             \
    X(REASON, "reason", 0)                                                                                           \
    X(MACHINE, "machine", 0)                                                                                         \
    X(ATTRIBUTES, "attributes", 0)

enum hl_field {
#define X(code, name, required) HL_FIELD_##code,
    HL_FIELDS(X)
#undef X
    HL_FIELD_COUNT,
};
const char *hl_field_name(enum hl_field f); /* implemented in src/core/field.c */

/* A topic's own names: for each canonical field the path in the record, nested names with dots; NULL: the canonical name. */
struct hl_field_map {
    char *path[HL_FIELD_COUNT];
};

/* Other spellings of event types, for instance "Page Viewed" -> page_viewed. Looked up by the exact text before the canonical names. */
struct hl_type_alias {
    char *spelling;
    enum hl_event_type type;
};

/* Shared by the decoders, all in src/core/field.c. */

/* Deep copy; HL_E_NOMEM leaves `to` empty. from == NULL: an empty map. */
enum hl_status hl_field_map_copy(struct hl_field_map *to, const struct hl_field_map *from) HL_WARN_UNUSED;
void hl_field_map_fini(struct hl_field_map *m);

/* The aliases of a topic, sorted; immutable, so readable from any thread. */
struct hl_type_table;
enum hl_status hl_type_table_new(const struct hl_type_alias *aliases, size_t n, struct hl_type_table **out) HL_WARN_UNUSED;
void hl_type_table_free(struct hl_type_table *t);
/* Type of a spelling: aliases first, then the canonical names. HL_EVENT_UNKNOWN. t == NULL: no aliases. */
enum hl_event_type hl_type_table_find(const struct hl_type_table *t, struct hl_slice spelling);

/* An event before decoding: everything absent, occurred_at = HL_TIME_ABSENT. */
#define HL_TIME_ABSENT INT64_MIN
void hl_event_reset(struct hl_event *ev);
/* What every decoder must still check at the end: required fields present and not empty (HL_E_MISSING), time not negative (HL_E_CLOCK). */
enum hl_status hl_event_check(const struct hl_event *ev, struct hl_error *err) HL_WARN_UNUSED;

struct hl_decoder {
    /* HL_OK: ev is filled; slices borrow from value and arena. Checked: required fields present and not empty (HL_E_MISSING), types of
     * fields, UTF-8 of every string taken. An unknown type is HL_OK with ev->type = HL_EVENT_UNKNOWN. Not checked here: clock skew, key.
     * HL_E_PENDING: the schema is being fetched; pause the partition and ask again. Other codes: dead letter, err->message says why. */
    enum hl_status (*decode)(struct hl_decoder *d, struct hl_slice value, struct hl_arena *arena, struct hl_event *ev, struct hl_error *err);
    void (*free)(struct hl_decoder *d);
};

#endif
