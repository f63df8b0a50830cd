/* Files of contact states. A file may be of another version of hotlead, with more fields or fewer: what restores a contact is found by name, and the
 * rest is passed over. */
#include <stdlib.h>

#include "hotlead/adapter/avro_file.h"
#include "schema.h"

enum part { PART_NONE, PART_ENGINE, PART_APPLIED, PART_ID, PART_PARTITION };

struct hl_avro_states {
    struct hl_avro_schema schema;
    const struct hl_avro_type *record;
    uint8_t *parts; /* of each field */
};

enum hl_status hl_avro_states_schema(const char *contact_state_json, char **out, struct hl_error *err)
{
    json_t *root = hl_avro_json_load(contact_state_json, err);
    if (!root) return HL_E_SCHEMA;
    json_t *fields = json_object_get(root, "fields");
    json_t *more = json_pack("{s:s, s:s, s:i, s:s}", "name", "partition", "type", "int", "default", -1, "doc",
                             "Partition of the state topic that the record came from.");
    bool added = json_is_array(fields) && json_array_append_new(fields, more) == 0;
    if (!added && !json_is_array(fields)) json_decref(more);
    *out = added ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return *out ? HL_OK : hl_error_set(err, HL_E_SCHEMA, HL_STOP, "contact_state.avsc is no schema of a record");
}

static enum part part_of(struct hl_slice name, const struct hl_avro_type *t)
{
    if (hl_slice_eq_cstr(name, "engine") && t->kind == HL_AVRO_BYTES) return PART_ENGINE;
    if (hl_slice_eq_cstr(name, "applied") && t->kind == HL_AVRO_MAP) return PART_APPLIED;
    if (hl_slice_eq_cstr(name, "contact_id") && t->kind == HL_AVRO_STRING) return PART_ID;
    if (hl_slice_eq_cstr(name, "partition") && (t->kind == HL_AVRO_INT || t->kind == HL_AVRO_LONG)) return PART_PARTITION;
    return PART_NONE;
}

static enum hl_status find_parts(struct hl_avro_states *s, struct hl_error *err)
{
    unsigned found = 0;
    s->record = &s->schema.types[s->schema.root];
    s->parts = s->record->kind == HL_AVRO_RECORD ? calloc(s->record->n + 1, 1) : NULL;
    for (uint32_t i = 0; s->parts && i < s->record->n; i++) {
        const struct hl_avro_kid *kid = &s->schema.kids[s->record->first + i];
        s->parts[i] = (uint8_t)part_of(kid->name, &s->schema.types[kid->type]);
        if (s->parts[i] == PART_APPLIED && s->schema.types[s->schema.kids[s->schema.types[kid->type].first].type].kind != HL_AVRO_LONG) s->parts[i] = PART_NONE;
        found |= 1u << s->parts[i];
    }
    unsigned needed = 1u << PART_ENGINE | 1u << PART_APPLIED | 1u << PART_ID;
    if ((found & needed) == needed) return HL_OK;
    return hl_error_set(err, HL_E_SCHEMA, HL_STOP, "it holds no contact states: a ContactState has contact_id, engine and applied");
}

enum hl_status hl_avro_states_new(struct hl_slice schema_json, struct hl_avro_states **out, struct hl_error *err)
{
    struct hl_avro_states *s = calloc(1, sizeof(*s));
    char *text = strndup(schema_json.data ? schema_json.data : "", schema_json.len);
    enum hl_status status = s && text ? hl_avro_schema_parse(&s->schema, text, err) : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    if (!status) status = find_parts(s, err);
    free(text);
    if (status) hl_avro_states_free(s);
    else *out = s;
    return status;
}

void hl_avro_states_free(struct hl_avro_states *s)
{
    if (!s) return;
    hl_avro_schema_fini(&s->schema);
    free(s->parts);
    free(s);
}

static bool take_part(struct hl_avro_state *out, enum part part, struct hl_slice bytes)
{
    struct hl_reader r = hl_reader_of(bytes);
    int64_t n;
    switch (part) {
    case PART_ENGINE: out->engine = hl_reader_bytes(&r); break;
    case PART_ID:
        out->contact_id = hl_reader_bytes(&r);
        if (!hl_utf8_is_valid(out->contact_id) || out->contact_id.len == 0) return false;
        break;
    case PART_APPLIED: return hl_avro_get_applied(&r, out->applied, HL_ARRAY_LEN(out->applied), &out->n_applied) == HL_OK;
    case PART_PARTITION:
        n = hl_reader_long(&r);
        if (n < -1 || n > INT32_MAX) return false;
        out->partition = (int32_t)n;
        break;
    case PART_NONE: break;
    }
    return !r.failed;
}

enum hl_status hl_avro_states_next(const struct hl_avro_states *s, struct hl_slice *rest, struct hl_avro_state *out, struct hl_error *err)
{
    out->partition = -1;
    out->n_applied = 0;
    for (uint32_t i = 0; i < s->record->n; i++) {
        const struct hl_avro_kid *kid = &s->schema.kids[s->record->first + i];
        struct hl_slice value = {rest->data, 0};
        if (!hl_avro_skip(&s->schema, kid->type, rest, &value.len) || !take_part(out, (enum part)s->parts[i], value))
            return hl_error_set(err, HL_E_DECODE, HL_STOP, "field '%.*s' of a record is malformed", HL_SLICE_ARG(kid->name));
    }
    return HL_OK;
}
