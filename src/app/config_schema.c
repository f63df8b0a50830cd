/* config/hotlead.schema.json: JSON Schema of hotlead.yaml for editors, from the tables that read the file. What a schema cannot say (topics
 * that fit together, files that exist) is for `hotlead check`. */
#include "config_read.h"
#include "json_text.h"

static void put_text(struct hl_buf *out, const char *text)
{
    hl_json_put_text(out, hl_slice_of(text));
}

static void put_choices(struct hl_buf *out, const char *const *choices)
{
    hl_buf_printf(out, "\"enum\": [");
    for (int i = 0; choices[i]; i++) {
        hl_buf_printf(out, "%s", i ? ", " : "");
        put_text(out, choices[i]);
    }
    hl_buf_printf(out, "]");
}

static void put_type(struct hl_buf *out, const struct hl_config_key *k)
{
    long long min = k->min, max = k->max;
    switch (k->type) {
    case HL_CONFIG_TEXT: hl_buf_printf(out, "\"type\": [\"string\", \"number\"]"); break;
    case HL_CONFIG_TOPIC: hl_buf_printf(out, "\"type\": \"string\", \"pattern\": \"^[a-zA-Z0-9._-]{1,249}$\""); break;
    case HL_CONFIG_PATH:
    case HL_CONFIG_FILE: hl_buf_printf(out, "\"type\": \"string\""); break;
    case HL_CONFIG_BOOL: hl_buf_printf(out, "\"type\": \"boolean\""); break;
    case HL_CONFIG_COUNT: hl_buf_printf(out, "\"type\": \"integer\", \"minimum\": %lld, \"maximum\": %lld", min, max); break;
    case HL_CONFIG_DURATION: hl_buf_printf(out, "\"type\": \"string\", \"pattern\": \"^[0-9]+(ms|s|m|h|d|w)$\""); break;
    case HL_CONFIG_SIZE:
        hl_buf_printf(out, "\"type\": [\"integer\", \"string\"], \"pattern\": \"^[0-9]+(B|KiB|MiB|GiB)?$\"");
        break;
    case HL_CONFIG_SHARE: hl_buf_printf(out, "\"type\": \"number\", \"exclusiveMinimum\": 0, \"maximum\": 1"); break;
    case HL_CONFIG_THREADS:
        hl_buf_printf(out, "\"anyOf\": [{\"const\": \"auto\"}, {\"type\": \"integer\", \"minimum\": %lld, \"maximum\": %lld}]",
                      min, max);
        break;
    case HL_CONFIG_CHOICE:
    case HL_CONFIG_WORD: put_choices(out, k->choices); break;
    }
}

static bool is_bare(enum hl_config_type type)
{
    return type == HL_CONFIG_BOOL || type == HL_CONFIG_COUNT || type == HL_CONFIG_SHARE;
}

static void put_key(struct hl_buf *out, const char *indent, const struct hl_config_key *k, bool first)
{
    hl_buf_printf(out, "%s\n%s", first ? "" : ",", indent);
    put_text(out, k->key);
    hl_buf_printf(out, ": {");
    put_type(out, k);
    hl_buf_printf(out, ", \"default\": ");
    if (is_bare(k->type))
        hl_json_put_raw(out, k->value);
    else
        put_text(out, k->value);
    hl_buf_printf(out, ", \"description\": ");
    put_text(out, k->help);
    hl_buf_printf(out, "}");
}

/* Properties that hotlead sets itself are refused with the reason; all others go to librdkafka as they are. */
static void put_properties(struct hl_buf *out)
{
    hl_buf_printf(
        out,
        ",\n                \"bootstrap.servers\": {\"type\": \"string\", \"description\": \"Brokers to start with: host:port, "
        "separated by commas. Required.\"}");
    for (const struct hl_config_owned *o = hl_config_owned; o->property; o++) {
        hl_buf_printf(out, ",\n                ");
        put_text(out, o->property);
        hl_buf_printf(out, ": {\"not\": {}, \"description\": ");
        put_text(out, o->reason);
        hl_buf_printf(out, "}");
    }
}

static bool is_first_of_section(const struct hl_config_key *k)
{
    for (const struct hl_config_key *other = hl_config_keys; other < k; other++)
        if (strcmp(other->section, k->section) == 0) return false;
    return true;
}

static void put_section(struct hl_buf *out, const char *section)
{
    bool kafka = strcmp(section, "kafka") == 0, first = true;
    hl_buf_printf(out, ",\n        ");
    put_text(out, section);
    hl_buf_printf(
        out, ": {\n            \"type\": \"object\",\n            \"additionalProperties\": %s,\n            \"properties\": {",
        kafka ? "{\"type\": [\"string\", \"number\", \"boolean\"]}" : "false");
    for (size_t i = 0; i < hl_config_n_keys; i++) {
        if (strcmp(hl_config_keys[i].section, section) != 0) continue;
        put_key(out, "                ", &hl_config_keys[i], first);
        first = false;
    }
    if (kafka) put_properties(out);
    hl_buf_printf(out, "\n            }\n        }");
}

static void put_fields(struct hl_buf *out)
{
    hl_buf_printf(
        out,
        "\"fields\": {\"type\": \"object\", \"additionalProperties\": false, \"description\": \"Where a record keeps a field "
        "of the event; dots lead into nested records. JSON: a | b is the first that is there, a + b both, joined by a colon.\", \"properties\": {");
    for (int f = 0; f < HL_FIELD_COUNT; f++)
        hl_buf_printf(out, f == HL_FIELD_ATTRIBUTES ? "%s\"%s\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"object\", \"additionalProperties\": "
                                                      "{\"type\": \"string\"}, \"maxProperties\": 32}]}"
                                                    : "%s\"%s\": {\"type\": \"string\"}", f ? ", " : "", hl_field_name((enum hl_field)f));
    hl_buf_printf(out, "}}");
}

static void put_aliases(struct hl_buf *out)
{
    hl_buf_printf(
        out,
        "\"aliases\": {\"description\": \"Other spellings of event types, or a YAML file with them.\", \"anyOf\": [{\"type\": "
        "\"string\"}, {\"type\": \"object\", \"additionalProperties\": {\"enum\": [");
    for (int t = 0; t < HL_EVENT_TYPE_COUNT; t++)
        hl_buf_printf(out, "%s\"%s\"", t ? ", " : "", hl_event_type_name((enum hl_event_type)t));
    hl_buf_printf(out, "]}}]}");
}

static void put_inputs(struct hl_buf *out)
{
    hl_buf_printf(
        out,
        "        \"inputs\": {\n            \"type\": \"array\",\n            \"minItems\": 1,\n            \"description\": "
        "\"Topics to "
        "read: same partition count, keyed by contact id.\",\n            \"items\": {\n                \"type\": \"object\",\n"
        "                \"required\": [\"topic\"],\n                \"additionalProperties\": false,\n"
        "                \"properties\": {\n                    \"topic\": {\"type\": \"string\", \"pattern\": "
        "\"^[a-zA-Z0-9._-]{1,249}$\"},\n                    \"format\": {");
    put_choices(out, hl_config_formats);
    hl_buf_printf(out, ", \"default\": \"%s\"},\n                    \"priority\": {", hl_config_formats[0]);
    put_choices(out, hl_config_priorities);
    hl_buf_printf(out, ", \"default\": \"%s\", \"description\": \"Records of a topic of high priority are taken before all others.\"},\n"
                       "                    ", hl_config_priorities[0]);
    hl_buf_printf(out, "\"mapping\": {\"type\": \"string\", \"description\": \"A YAML file with format, time_unit, fields and aliases; what "
                       "stands here, too, comes on top.\"},\n                    ");
    hl_buf_printf(out, "\"time_unit\": {\"enum\": [\"ms\", \"s\"], \"default\": \"ms\", \"description\": \"Of numbers in "
                       "occurred_at; JSON only.\"},\n                    ");
    put_fields(out);
    hl_buf_printf(out, ",\n                    ");
    put_aliases(out);
    hl_buf_printf(out, "\n                }\n            }\n        }");
}

void hl_config_print_schema(struct hl_buf *out)
{
    hl_buf_printf(out, "{\n    \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n    \"title\": \"hotlead.yaml\",\n"
                       "    \"description\": \"The process of hotlead. Made from the table that reads the file; a test keeps the "
                       "two the same.\",\n"
                       "    \"type\": \"object\",\n    \"required\": [\"inputs\"],\n    \"additionalProperties\": false,\n    "
                       "\"properties\": {\n");
    put_inputs(out);
    for (size_t i = 0; i < hl_config_n_keys; i++) {
        const struct hl_config_key *k = &hl_config_keys[i];
        if (!k->section[0])
            put_key(out, "        ", k, false);
        else if (is_first_of_section(k))
            put_section(out, k->section);
    }
    hl_buf_printf(out, "\n    }\n}\n");
}
