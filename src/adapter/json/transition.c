/* StageTransition as JSON, read back: a line of simulate, a record of lead.transitions with outputs.format json, or that within a CloudEvent (`data`). */
#include <stdlib.h>

#include "hotlead/adapter/json.h"
#include "hotlead/port/transition_view.h"
#include "scan.h"

enum need { TRANSITION_ID = 1, CONTACT_ID = 2, FROM = 4, TO = 8, SEQ = 16, OCCURRED_AT = 32, ALL = 63 };

struct reading {
    struct hl_json_scan scan;
    struct hl_arena *arena;
    struct hl_transition_view *v;
    unsigned seen;
    bool nested;
};

static bool refuse(struct reading *r, const char *what)
{
    if (!r->scan.what) r->scan.what = what;
    return false;
}

/* Texts by their places in the view. */
static const struct {
    const char *key;
    size_t at;
    enum need need;
} TEXTS[] = {
#define TEXT(name, need) {#name, offsetof(struct hl_transition_view, name), need}
    TEXT(transition_id, TRANSITION_ID), TEXT(contact_id, CONTACT_ID), TEXT(kind, 0),  TEXT(direction, 0), TEXT(cause, 0), TEXT(rule, 0),
    TEXT(trigger_event_id, 0),          TEXT(grade, 0),               TEXT(owner, 0), TEXT(model, 0),     TEXT(model_version, 0), TEXT(source, 0),
#undef TEXT
};
static const struct {
    const char *key;
    size_t at;
    enum need need;
} NUMBERS[] = {
#define NUMBER(name, need) {#name, offsetof(struct hl_transition_view, name), need}
    NUMBER(seq, SEQ), NUMBER(visit, 0), NUMBER(occurred_at, OCCURRED_AT), NUMBER(emitted_at, 0), NUMBER(time_in_from_ms, 0), NUMBER(sla_due, 0),
#undef NUMBER
};
static const struct {
    const char *key;
    size_t at;
} POINTS[] = {
#define POINT(name) {#name, offsetof(struct hl_transition_view, name)}
    POINT(score), POINT(fit), POINT(behavior),
#undef POINT
};

static bool take_stage(struct reading *r, const struct hl_json_value *value, enum need need, enum hl_stage *out)
{
    if (value->kind != HL_JSON_STRING || !hl_stage_find(value->text, out)) return refuse(r, "no such stage");
    r->seen |= need;
    return true;
}

static bool to_double(struct reading *r, const struct hl_json_value *value, double *out)
{
    char text[64];
    if (value->kind != HL_JSON_NUMBER || value->text.len >= sizeof(text)) return refuse(r, "points that are no number");
    memcpy(text, value->text.data, value->text.len);
    text[value->text.len] = '\0';
    *out = strtod(text, NULL);
    return true;
}

static bool take_known(struct reading *r, struct hl_slice key, const struct hl_json_value *value)
{
    char *view = (char *)r->v;
    for (size_t i = 0; i < HL_ARRAY_LEN(TEXTS); i++) {
        if (!hl_slice_eq_cstr(key, TEXTS[i].key)) continue;
        if (value->kind == HL_JSON_NULL && !TEXTS[i].need) return true;
        if (value->kind != HL_JSON_STRING) return refuse(r, "a text was expected");
        *(struct hl_slice *)(void *)(view + TEXTS[i].at) = value->text;
        r->seen |= TEXTS[i].need;
        return true;
    }
    for (size_t i = 0; i < HL_ARRAY_LEN(NUMBERS); i++) {
        if (!hl_slice_eq_cstr(key, NUMBERS[i].key)) continue;
        if (value->kind == HL_JSON_NULL && !NUMBERS[i].need) return true;
        if (value->kind != HL_JSON_NUMBER || !hl_slice_parse_i64(value->text, (int64_t *)(void *)(view + NUMBERS[i].at)))
            return refuse(r, "a whole number was expected");
        r->seen |= NUMBERS[i].need;
        return true;
    }
    for (size_t i = 0; i < HL_ARRAY_LEN(POINTS); i++)
        if (hl_slice_eq_cstr(key, POINTS[i].key)) return to_double(r, value, (double *)(void *)(view + POINTS[i].at));
    if (hl_slice_eq_cstr(key, "from")) return take_stage(r, value, FROM, &r->v->from);
    if (hl_slice_eq_cstr(key, "to")) return take_stage(r, value, TO, &r->v->to);
    if (hl_slice_eq_cstr(key, "suspect")) r->v->suspect = value->kind == HL_JSON_TRUE;
    return true;
}

static bool read_object(struct reading *r)
{
    struct hl_slice key;
    bool first = true;
    if (!hl_json_scan_enter(&r->scan)) return false;
    while (hl_json_scan_key(&r->scan, r->arena, &first, HL_SLICE_NULL, &key)) {
        struct hl_json_value value;
        if (!r->nested && hl_slice_eq_cstr(key, "data") && hl_json_scan_peek(&r->scan) == HL_JSON_OBJECT) {
            r->nested = true;
            if (!read_object(r)) return false;
            continue;
        }
        if (!hl_json_scan_value(&r->scan, r->arena, &value) || !take_known(r, key, &value)) return false;
    }
    return !r->scan.what;
}

enum hl_status hl_json_get_transition(struct hl_slice text, struct hl_arena *arena, struct hl_transition_view *v, struct hl_error *err)
{
    struct reading r = {.arena = arena, .v = v};
    *v = (struct hl_transition_view){.time_in_from_ms = -1, .sla_due = -1};
    hl_json_scan_init(&r.scan, text, 0);
    if (hl_json_scan_peek(&r.scan) != HL_JSON_OBJECT) return hl_error_set(err, HL_E_DECODE, HL_SKIP, "not a JSON object");
    if (read_object(&r)) hl_json_scan_end(&r.scan);
    if (r.scan.what) return hl_error_set(err, HL_E_DECODE, HL_SKIP, "%s, at byte %zu", r.scan.what, (size_t)(r.scan.p - r.scan.start));
    if (r.seen != ALL) return hl_error_set(err, HL_E_MISSING, HL_SKIP, "not a transition: transition_id, contact_id, seq, from, to and occurred_at are needed");
    return HL_OK;
}
