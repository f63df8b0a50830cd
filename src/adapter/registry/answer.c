#include "answer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum state hl_registry_read_schema(struct hl_slice body, char **json, char *why, size_t cap)
{
    json_t *tree = json_loadb(body.data, body.len, 0, NULL);
    const char *schema = json_string_value(json_object_get(tree, "schema")), *type = json_string_value(json_object_get(tree, "schemaType"));
    enum state state = REFUSED;
    if (!schema) {
        snprintf(why, cap, "the answer holds no schema");
        state = WANTED;
    } else if (type && strcmp(type, "AVRO") != 0) {
        snprintf(why, cap, "a schema of type %.40s; only AVRO is read", type);
    } else if (json_array_size(json_object_get(tree, "references")) > 0) {
        snprintf(why, cap, "the schema has references, which are not supported; register it in one piece");
    } else {
        *json = strdup(schema);
        state = *json ? FOUND : WANTED;
    }
    json_decref(tree);
    return state;
}

bool hl_registry_read_id(struct hl_slice body, uint32_t *id)
{
    json_t *tree = json_loadb(body.data, body.len, 0, NULL);
    const json_t *n = json_object_get(tree, "id");
    bool good = json_is_integer(n) && json_integer_value(n) >= 0 && json_integer_value(n) <= UINT32_MAX;
    *id = good ? (uint32_t)json_integer_value(n) : 0;
    json_decref(tree);
    return good;
}

void hl_registry_describe(long http, struct hl_slice body, char *out, size_t cap)
{
    json_t *tree = json_loadb(body.data, body.len, 0, NULL);
    const char *message = json_string_value(json_object_get(tree, "message"));
    snprintf(out, cap, "HTTP %ld%s%.150s", http, message ? ": " : "", message ? message : "");
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = ' ';
    json_decref(tree);
}
