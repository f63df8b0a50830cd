/* config/CONFIGURATION.md, from the tables. */
#include "config_read.h"
#include "hotlead/base/buf.h"
#include "hotlead/core/event.h"

static void print_values(struct hl_buf *out, const struct hl_config_key *k)
{
    static const char *const words[] = {
        [HL_CONFIG_TEXT] = "text",
        [HL_CONFIG_TOPIC] = "topic name",
        [HL_CONFIG_PATH] = "path",
        [HL_CONFIG_FILE] = "path of a file",
        [HL_CONFIG_BOOL] = "true or false",
        [HL_CONFIG_COUNT] = "number",
        [HL_CONFIG_DURATION] = "duration",
        [HL_CONFIG_SIZE] = "size",
        [HL_CONFIG_SHARE] = "above 0, at most 1",
        [HL_CONFIG_THREADS] = "auto, or 1 to 256",
    };
    if (!k->choices) hl_buf_printf(out, "%s", words[k->type]);
    for (int i = 0; k->choices && k->choices[i]; i++) hl_buf_printf(out, "%s%s", i ? ", " : "", k->choices[i]);
}

static void print_key(struct hl_buf *out, const struct hl_config_key *k)
{
    char variable[100];
    hl_config_env_name(variable, sizeof(variable), k->section, k->key);
    hl_buf_printf(out, "| `%s%s%s` | ", k->section, k->section[0] ? "." : "", k->key);
    print_values(out, k);
    hl_buf_printf(out, " | %s%s%s | %s | `%s` |\n", k->value[0] ? "`" : "", k->value[0] ? k->value : "(empty)",
                  k->value[0] ? "`" : "", k->help, variable);
}

static void print_owned(struct hl_buf *out)
{
    hl_buf_printf(out, "\n## Properties of librdkafka\n\n"
                       "Any other key in `kafka` goes to librdkafka as it is (its CONFIGURATION.md lists them); "
                       "`bootstrap.servers` is required.\n"
                       "These are refused, because hotlead sets them:\n\n| property | why |\n|---|---|\n");
    for (const struct hl_config_owned *o = hl_config_owned; o->property; o++)
        hl_buf_printf(out, "| `%s` | %s |\n", o->property, o->reason);
    hl_buf_printf(out, "\n## Secrets\n\nSecrets come from a file of their own or from the environment, never from the command "
                       "line. For each of these "
                       "properties there is a key\nthat ends in `_file` and names the file; the property itself works in "
                       "hotlead.yaml, with a warning:\n\n");
    for (const char *const *s = hl_config_secrets; *s; s++) hl_buf_printf(out, "- `%s_file` for `%s`\n", *s, *s);
}

static void print_types(struct hl_buf *out)
{
    for (int t = 0; t < HL_EVENT_TYPE_COUNT; t++)
        hl_buf_printf(out, "%s`%s`", t == 0 ? "\n  " : t % 8 ? ", " : ",\n  ", hl_event_type_name((enum hl_event_type)t));
    hl_buf_printf(out, ".\n");
}

static void print_inputs(struct hl_buf *out)
{
    hl_buf_printf(
        out, "\n## Inputs\n\n`inputs` is a list of topics, each a map of\n\n"
             "- `topic`: required. All inputs have the same number of partitions and are keyed by contact id.\n- `format`: ");
    for (int i = 0; hl_config_formats[i]; i++) hl_buf_printf(out, "%s`%s`", i ? ", " : "", hl_config_formats[i]);
    hl_buf_printf(out, "; default `%s`.\n- `priority`: ", hl_config_formats[0]);
    for (int i = 0; hl_config_priorities[i]; i++) hl_buf_printf(out, "%s`%s`", i ? ", " : "", hl_config_priorities[i]);
    hl_buf_printf(
        out,
        "; default `%s`. Records of a topic of high priority are taken before all others, so that they do not wait behind a backlog;\n"
        "  of a full batch a quarter is left to the others. Costs one more client for each thread.\n"
        "- `fields`: where a record keeps a field of the event, when its name differs: `{contact_id: user.id}`. "
        "Dots lead into\n  nested records. Fields:",
        hl_config_priorities[0]);
    for (int f = 0; f < HL_FIELD_COUNT; f++) hl_buf_printf(out, "%s `%s`", f ? "," : "", hl_field_name((enum hl_field)f));
    hl_buf_printf(
        out,
        ".\n  In JSON, paths can be combined: `user.id | anonymous_id` is the first that the record has, and that is not null or empty;\n"
        "  `event + severity` is both, joined by a colon (`failed:permanent`), or the one that is there. `+` binds closer. What `fields`\n"
        "  names may be a number where a text is wanted; and as `machine` any text that is not empty, `0`, `false` or `no`.\n"
        "  `attributes` is the path of an object whose members are the attributes, or a map that names them one by one, with `*` for such an\n"
        "  object beside them: `attributes: {email: user.mail, country: user.address.country, \"*\": user.traits}`. JSON only.\n"
        "- `time_unit`: of numbers in `occurred_at`: `ms`, or `s`, with or without a fraction; default `ms`. Text in RFC 3339 with an "
        "offset\n  works with both. JSON only.\n"
        "- `aliases`: other spellings of event types, `{\"Page Viewed\": page_viewed}`, or the path of a YAML file with such a map.\n"
        "  A type that is neither a name of hotlead's nor an alias is counted, named in the log, and ignored. The names:");
    print_types(out);
    hl_buf_printf(
        out,
        "- The format `cloudevents` takes both modes of CloudEvents 1.0 over Kafka, record by record. `fields` then lead into the JSON form:\n"
        "  attributes by their names (`id`, `subject`, also those of extensions), the data under `data`. Without `fields`, the contact is the\n"
        "  `subject`, `time` is when it happened, and the others are looked for in the data by their names: `data.url`, `data.attributes`.\n"
        "- `mapping`: a YAML file with `format`, `time_unit`, `fields` and `aliases`, for instance one of config/examples/inputs. What "
        "stands\n  here, too, comes on top. `hotlead simulate --mapping` reads the same file.\n");
}

void hl_config_print_reference(struct hl_buf *out)
{
    hl_buf_printf(out, "# Configuration\n\n"
                       "Every key of hotlead.yaml, its default, and the environment variable that overrides it. This page is "
                       "printed by hotlead from\n"
                       "the table that reads the file; a test keeps the two the same.\n\n"
                       "Durations have a unit: `100ms`, `10s`, `5m`, `2h`, `30d`, `1w`. Sizes: `4096`, `512KiB`, `1MiB`. "
                       "Relative paths start at the folder of\nthe configuration file, in variables too. Unknown keys and "
                       "unknown `HOTLEAD_...__...` "
                       "variables are errors. `hotlead check` tells\nall problems at once.\n\n"
                       "| key | value | default | what | variable |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < hl_config_n_keys; i++) print_key(out, &hl_config_keys[i]);
    print_inputs(out);
    print_owned(out);
}
