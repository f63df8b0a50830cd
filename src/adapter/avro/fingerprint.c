/* Parsing Canonical Form and the CRC-64-AVRO (Rabin) fingerprint of it: Avro specification 1.11, "Parsing Canonical Form for Schemas"
 * and "Schema Fingerprints". */
#include "schema.h"

#include <pthread.h>

#define EMPTY 0xc15d213aa4d7a795u

static uint64_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void)
{
    for (uint64_t i = 0; i < 256; i++) {
        uint64_t v = i;
        for (int bit = 0; bit < 8; bit++) v = (v >> 1) ^ (EMPTY & -(v & 1));
        table[i] = v;
    }
}

static uint64_t crc64(struct hl_slice s)
{
    uint64_t v = EMPTY;
    pthread_once(&table_once, make_table);
    for (size_t i = 0; i < s.len; i++) v = (v >> 8) ^ table[(v ^ (uint8_t)s.data[i]) & 0xff];
    return v;
}

static void put(struct hl_buf *out, const char *text)
{
    hl_buf_put(out, text, strlen(text));
}

static void put_quoted(struct hl_buf *out, const char *text)
{
    hl_buf_put_u8(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') hl_buf_put_u8(out, '\\');
        hl_buf_put_u8(out, (uint8_t)*text);
    }
    hl_buf_put_u8(out, '"');
}

static bool is_primitive(const char *name)
{
    for (unsigned k = 0; k < HL_AVRO_PRIMITIVES; k++)
        if (strcmp(name, hl_avro_kind_name(k)) == 0) return true;
    return false;
}

/* The schema has been parsed before, so its shape and depth are known to be good; names may still be too long. */
static bool canon(struct hl_buf *out, const json_t *j, const char *space);

static bool canon_list(struct hl_buf *out, const json_t *list, const char *space)
{
    put(out, "[");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i) put(out, ",");
        if (!canon(out, json_array_get(list, i), space)) return false;
    }
    put(out, "]");
    return true;
}

static bool canon_fields(struct hl_buf *out, const json_t *fields, const char *space)
{
    put(out, ",\"fields\":[");
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        put(out, i ? ",{\"name\":" : "{\"name\":");
        put_quoted(out, json_string_value(json_object_get(field, "name")));
        put(out, ",\"type\":");
        if (!canon(out, json_object_get(field, "type"), space)) return false;
        put(out, "}");
    }
    put(out, "]}");
    return true;
}

static bool canon_named(struct hl_buf *out, const json_t *j, const char *kind, const char *space)
{
    struct hl_avro_name name;
    const char *given = json_string_value(json_object_get(j, "name"));
    if (!hl_avro_name_of(&name, given, json_string_value(json_object_get(j, "namespace")), space)) return false;
    put(out, "{\"name\":");
    put_quoted(out, name.full);
    put(out, ",\"type\":");
    put_quoted(out, kind);
    if (strcmp(kind, "fixed") == 0) {
        hl_buf_printf(out, ",\"size\":%lld}", (long long)json_integer_value(json_object_get(j, "size")));
        return true;
    }
    if (strcmp(kind, "enum") != 0) return canon_fields(out, json_object_get(j, "fields"), name.space);
    const json_t *symbols = json_object_get(j, "symbols");
    for (size_t i = 0; i < json_array_size(symbols); i++) {
        put(out, i ? "," : ",\"symbols\":[");
        put_quoted(out, json_string_value(json_array_get(symbols, i)));
    }
    put(out, "]}");
    return true;
}

static bool canon_item(struct hl_buf *out, const json_t *item, const char *head, const char *space)
{
    put(out, head);
    if (!canon(out, item, space)) return false;
    put(out, "}");
    return true;
}

static bool canon_name(struct hl_buf *out, const char *given, const char *space)
{
    struct hl_avro_name name;
    if (is_primitive(given)) {
        put_quoted(out, given);
        return true;
    }
    if (!hl_avro_name_of(&name, given, NULL, space)) return false;
    put_quoted(out, name.full);
    return true;
}

static bool canon(struct hl_buf *out, const json_t *j, const char *space)
{
    if (json_is_array(j)) return canon_list(out, j, space);
    if (json_is_string(j)) return canon_name(out, json_string_value(j), space);
    const json_t *of = json_object_get(j, "type");
    const char *kind = json_string_value(of);
    if (!kind) return canon(out, of, space);
    if (strcmp(kind, "array") == 0) return canon_item(out, json_object_get(j, "items"), "{\"type\":\"array\",\"items\":", space);
    if (strcmp(kind, "map") == 0) return canon_item(out, json_object_get(j, "values"), "{\"type\":\"map\",\"values\":", space);
    if (strcmp(kind, "record") == 0 || strcmp(kind, "error") == 0 || strcmp(kind, "enum") == 0 || strcmp(kind, "fixed") == 0)
        return canon_named(out, j, kind, space);
    return canon_name(out, kind, space);
}

enum hl_status hl_avro_fingerprint(const char *schema_json, uint64_t *out, struct hl_error *err)
{
    struct hl_avro_schema checked;
    struct hl_buf form;
    enum hl_status st = hl_avro_schema_parse(&checked, schema_json, err);
    hl_avro_schema_fini(&checked);
    if (st != HL_OK) return st;
    json_t *tree = hl_avro_json_load(schema_json, err);
    if (!tree) return HL_E_SCHEMA;
    hl_buf_init(&form);
    if (!canon(&form, tree, "")) st = hl_error_set(err, HL_E_SCHEMA, HL_SKIP, "schema: a name is too long");
    else if (form.failed) st = hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory for a fingerprint");
    else *out = crc64(hl_buf_slice(&form));
    hl_buf_fini(&form);
    json_decref(tree);
    return st;
}
