/* What decoders of all formats share: the canonical fields of an event, a topic's field map and type aliases, and the last checks. */
#ifndef HOTLEAD_CORE_FIELD_H
#define HOTLEAD_CORE_FIELD_H

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
const char *hl_field_name(enum hl_field f);

/* A topic's own names: for each canonical field where it is in the record; NULL: under the canonical name. A path is names with dots
 * between; JSON knows combinations, too: "a | b" is the first that has something, "a + b" all that have something, joined by ':'; + binds
 * closer. */
struct hl_named_path {
    char *name, *path;
};
#define HL_FIELD_MAX_NAMED 32
struct hl_field_map {
    char *path[HL_FIELD_COUNT];
    struct hl_named_path *named; /* attributes, one by one, beside or instead of the object at path[HL_FIELD_ATTRIBUTES]; JSON only */
    size_t n_named;
    bool seconds; /* a number in occurred_at counts seconds, with or without a fraction, and not milliseconds; JSON only */
};
/* The next path of a combination, which *rest is moved behind; *op is what stands before it: 0 for the first, '|' or '+'. False behind the
 * last. */
bool hl_field_path_next(struct hl_slice *rest, struct hl_slice *path, char *op);
/* How many paths are in combinations; a decoder takes so many. */
size_t hl_field_map_combined(const struct hl_field_map *m);
#define HL_FIELD_MAX_COMBINED 24

/* Other spellings of event types, for instance "Page Viewed" -> page_viewed. Looked up by the exact text before the canonical names. */
struct hl_type_alias {
    char *spelling;
    enum hl_event_type type;
};

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

#endif
