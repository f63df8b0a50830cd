/* config/hotlead.yaml: the process. One table in config.c gives key, type, default and help; the loader, the nearest-name hints and the
 * environment overrides all come from it. */
#ifndef HOTLEAD_APP_CONFIG_H
#define HOTLEAD_APP_CONFIG_H

#include "hotlead/base/status.h"
#include "hotlead/port/decoder.h"

enum hl_format { HL_FORMAT_AVRO, HL_FORMAT_AVRO_SINGLE_OBJECT, HL_FORMAT_JSON, HL_FORMAT_JSON_SEGMENT, HL_FORMAT_CLOUDEVENTS,
                 HL_FORMAT_MERGES /* our own, and nobody's choice */ };
enum hl_delivery { HL_EXACTLY_ONCE, HL_LOW_LATENCY };
enum hl_priority { HL_PRIORITY_NORMAL, HL_PRIORITY_HIGH };
enum hl_wire { HL_WIRE_AVRO, HL_WIRE_JSON };
enum hl_cloudevents { HL_CLOUDEVENTS_NONE, HL_CLOUDEVENTS_BINARY, HL_CLOUDEVENTS_STRUCTURED };
enum hl_on_gap { HL_GAP_STOP, HL_GAP_ACCEPT };

struct hl_input {
    char *topic;
    enum hl_format format;
    enum hl_priority priority;
    struct hl_field_map fields;
    struct hl_type_alias *aliases;
    size_t n_aliases;
};

/* A mapping file: the shape of a record, to be named by inputs (`mapping`) and by simulate. It has the keys of an input but topic and
 * mapping; *out has no topic. Problems as below. hl_input_fini in any case. */
struct hl_buf;
enum hl_status hl_mapping_load(const char *path, struct hl_input *out, struct hl_buf *problems, struct hl_error *err) HL_WARN_UNUSED;
void hl_input_fini(struct hl_input *in);

struct hl_property {
    char *key, *value;
};

struct hl_config {
    char *path; /* of the file */
    /* kafka: librdkafka properties as given (bootstrap.servers and the like), without the ones hotlead owns */
    struct hl_property *kafka;
    size_t n_kafka;
    char *group_id;            /* kafka.group.id */
    char *instance;            /* kafka.instance; "" = host name */
    bool create_topics;        /* kafka.create_topics, true */
    int replication_factor;    /* kafka.replication_factor, -1 = the broker's default */
    bool static_membership;    /* kafka.static_membership, true */
    int64_t startup_timeout_ms; /* kafka.startup_timeout, 30s: how long to wait for a broker before exit 69 */
    struct hl_input *inputs;   /* the users', and last our own: outputs.merges */
    size_t n_inputs;
    char *transitions, *state, *alerts, *dead_letter, *merges; /* outputs.* */
    enum hl_wire outputs_format;             /* of transitions and alerts */
    enum hl_cloudevents outputs_cloudevents; /* likewise */
    enum hl_delivery delivery;
    int64_t commit_max_interval_ms;
    int64_t checkpoint_interval_ms, checkpoint_max_replay_ms;
    double checkpoint_max_share;
    int64_t max_clock_skew_ms;  /* 5m */
    int64_t max_record_bytes;   /* 1MiB: larger values are dead letters of class too-large */
    enum hl_on_gap on_gap;
    char *schemas_registry, *schemas_dir, *schemas_user_file, *schemas_token_file, *schemas_ca_file;
    char *redis_url, *redis_user, *redis_password_file; /* redis.url "" = no Redis */
    char *redis_ca_file, *redis_cert_file, *redis_key_file;
    bool redis_cluster;
    int64_t memory_max_bytes; /* memory.max_bytes; 0 = no bound */
    int threads; /* 0: auto, the number of CPUs this process may use */
    char *model; /* path, made relative to the config file's folder */
    char *shadow_model; /* shadow.model, likewise; "" = none */
    char *http_listen, *http_token_file, *http_hosts; /* http.listen "" = no HTTP */
    int64_t http_hung_after_ms;
    char *log_level;
    bool core_dumps;
};

/* The inputs that were configured. */
static inline size_t hl_config_user_inputs(const struct hl_config *c)
{
    return c->n_inputs - (c->n_inputs && c->inputs[c->n_inputs - 1].format == HL_FORMAT_MERGES);
}

/* Load and check; environment overrides (HOTLEAD_KAFKA__BOOTSTRAP_SERVERS=...) are applied after the file. All problems are printed
 * into `problems` (may be NULL), one a line: "FILE:LINE:COLUMN: error|warning: message", or "VARIABLE: ..."; the first error into err.
 * Warnings do not fail. HL_E_CONFIG, or HL_E_IO when the file cannot be read. */
enum hl_status hl_config_load(const char *path, struct hl_config **out, struct hl_buf *problems, struct hl_error *err) HL_WARN_UNUSED;
/* The same from memory, and no file is opened, whatever the text says. `name` stands for the path; `env` holds "NAME=value" strings and
 * ends with NULL, or is NULL. */
enum hl_status hl_config_load_text(const char *name, struct hl_slice text, const char *const *env, struct hl_config **out,
                                   struct hl_buf *problems, struct hl_error *err) HL_WARN_UNUSED;
void hl_config_free(struct hl_config *c);

/* The reference of all keys as Markdown: config/CONFIGURATION.md. */
void hl_config_print_reference(struct hl_buf *out);
/* The JSON Schema of the file: config/hotlead.schema.json. */
void hl_config_print_schema(struct hl_buf *out);

#endif
