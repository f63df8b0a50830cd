#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hotlead/app/config.h"
#include "hotlead/base/buf.h"

#define SMALL "kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web}]\n"

/* Load a text that must be right, and whose problems (warnings) are `lines`. */
static struct hl_config *load_env(const char *text, const char *const *env, const char *lines)
{
    struct hl_config *c = NULL;
    struct hl_error err = {0};
    struct hl_buf b;
    hl_buf_init(&b);
    enum hl_status st = hl_config_load_text("dir/c.yaml", hl_slice_of(text), env, &c, &b, &err);
    hl_buf_put_u8(&b, 0);
    assert_string_equal((const char *)b.data, lines);
    assert_int_equal(st, HL_OK);
    hl_buf_fini(&b);
    return c;
}

static struct hl_config *load(const char *text)
{
    return load_env(text, NULL, "");
}

static void refuses_env(const char *text, const char *const *env, const char *lines)
{
    struct hl_config *c = NULL;
    struct hl_error err = {0};
    struct hl_buf b;
    hl_buf_init(&b);
    assert_int_equal(hl_config_load_text("c.yaml", hl_slice_of(text), env, &c, &b, &err), HL_E_CONFIG);
    assert_null(c);
    hl_buf_put_u8(&b, 0);
    assert_string_equal((const char *)b.data, lines);
    assert_int_equal(err.code, HL_E_CONFIG);
    hl_buf_fini(&b);
}

static void refuses(const char *text, const char *lines)
{
    refuses_env(text, NULL, lines);
}

static const char *property(const struct hl_config *c, const char *key)
{
    for (size_t i = 0; i < c->n_kafka; i++) {
        if (strcmp(c->kafka[i].key, key) == 0) return c->kafka[i].value;
    }
    return NULL;
}

static void what_is_not_written_has_the_defaults_of_the_contract(void **state)
{
    (void)state;
    struct hl_config *c = load(SMALL);
    assert_string_equal(c->path, "dir/c.yaml");
    assert_string_equal(c->group_id, "hotlead");
    assert_string_equal(c->instance, "");
    assert_true(c->create_topics);
    assert_int_equal(c->replication_factor, -1);
    assert_true(c->static_membership);
    assert_int_equal(c->startup_timeout_ms, 30000);
    assert_string_equal(c->transitions, "lead.transitions");
    assert_string_equal(c->state, "lead.state");
    assert_string_equal(c->alerts, "lead.alerts");
    assert_string_equal(c->dead_letter, "lead.dead-letter");
    assert_int_equal(c->delivery, HL_EXACTLY_ONCE);
    assert_int_equal(c->commit_max_interval_ms, 100);
    assert_int_equal(c->checkpoint_interval_ms, 10000);
    assert_int_equal(c->checkpoint_max_replay_ms, 60000);
    assert_true(c->checkpoint_max_share > 0.1999 && c->checkpoint_max_share < 0.2001);
    assert_int_equal(c->max_clock_skew_ms, 300000);
    assert_int_equal(c->max_record_bytes, 1 << 20);
    assert_int_equal(c->on_gap, HL_GAP_STOP);
    assert_string_equal(c->schemas_registry, "");
    assert_string_equal(c->schemas_dir, "dir/../schemas");
    assert_string_equal(c->redis_url, "redis://localhost:6379/0");
    assert_false(c->redis_cluster);
    assert_int_equal(c->threads, 0);
    assert_string_equal(c->model, "dir/model.yaml");
    assert_string_equal(c->http_listen, "127.0.0.1:8080");
    assert_string_equal(c->http_token_file, "");
    assert_string_equal(c->http_hosts, "");
    assert_string_equal(c->log_level, "info");
    assert_false(c->core_dumps);
    assert_int_equal(hl_config_user_inputs(c), 1);
    assert_int_equal(c->n_inputs, 2);
    assert_string_equal(c->inputs[1].topic, "lead.merges"); /* our own comes last */
    assert_int_equal(c->inputs[1].format, HL_FORMAT_MERGES);
    assert_int_equal(c->inputs[0].format, HL_FORMAT_AVRO);
    assert_int_equal(c->inputs[0].priority, HL_PRIORITY_NORMAL);
    hl_config_free(c);
}

static void every_key_lands_in_its_field(void **state)
{
    (void)state;
    struct hl_config *c = load("kafka:\n"
                               "  bootstrap.servers: b:1\n  linger.ms: 5\n  group.id: g\n  instance: i\n  create_topics: false\n"
                               "  replication_factor: 3\n  static_membership: false\n  startup_timeout: 2s\n"
                               "inputs:\n"
                               "  - {topic: a, priority: normal}\n  - {topic: b, format: avro-single-object, priority: high}\n  - {topic: c, format: segment}\n"
                               "  - topic: d\n    format: json\n    fields: {contact_id: user.id, type: event_name}\n"
                               "    aliases: {\"Page Viewed\": page_viewed, Signed Up: trial_started}\n"
                               "outputs: {transitions: t, state: s, alerts: al, dead_letter: dl, merges: mg}\n"
                               "delivery: low_latency\ncommit: {max_interval: 1s}\n"
                               "checkpoint: {interval: 1m, max_share: 1, max_replay: 2m}\n"
                               "schemas: {registry: \"https://r\", dir: /abs, user_file: u, token_file: t, ca_file: ca}\n"
                               "redis: {url: unix:///r.sock, user: hot, password_file: pw, cluster: true}\n"
                               "memory: {max_bytes: 4GiB}\nthreads: 256\nmodel: /m.yaml\nhttp: {listen: \"0.0.0.0:80\", token_file: tok, hosts: \"a.example, b\"}\n"
                               "max_clock_skew: 1h\nmax_record_bytes: 512KiB\non_gap: accept\nlog_level: debug\ncore_dumps: true\n");
    assert_int_equal(c->n_kafka, 2);
    assert_string_equal(property(c, "linger.ms"), "5");
    assert_string_equal(c->group_id, "g");
    assert_string_equal(c->instance, "i");
    assert_false(c->create_topics);
    assert_int_equal(c->replication_factor, 3);
    assert_false(c->static_membership);
    assert_int_equal(c->startup_timeout_ms, 2000);
    assert_int_equal(hl_config_user_inputs(c), 4);
    assert_int_equal(c->inputs[0].priority, HL_PRIORITY_NORMAL);
    assert_int_equal(c->inputs[1].priority, HL_PRIORITY_HIGH);
    assert_int_equal(c->inputs[1].format, HL_FORMAT_AVRO_SINGLE_OBJECT);
    assert_int_equal(c->inputs[2].format, HL_FORMAT_JSON_SEGMENT);
    assert_int_equal(c->inputs[3].format, HL_FORMAT_JSON);
    assert_string_equal(c->inputs[3].topic, "d");
    assert_string_equal(c->inputs[3].fields.path[HL_FIELD_CONTACT_ID], "user.id");
    assert_string_equal(c->inputs[3].fields.path[HL_FIELD_TYPE], "event_name");
    assert_null(c->inputs[3].fields.path[HL_FIELD_URL]);
    assert_int_equal(c->inputs[3].n_aliases, 2);
    assert_string_equal(c->inputs[3].aliases[1].spelling, "Signed Up");
    assert_int_equal(c->inputs[3].aliases[1].type, HL_EVENT_TRIAL_STARTED);
    assert_string_equal(c->dead_letter, "dl");
    assert_string_equal(c->inputs[4].topic, "mg");
    assert_int_equal(c->delivery, HL_LOW_LATENCY);
    assert_int_equal(c->commit_max_interval_ms, 1000);
    assert_int_equal(c->checkpoint_max_replay_ms, 120000);
    assert_true(c->checkpoint_max_share > 0.999);
    assert_string_equal(c->schemas_registry, "https://r");
    assert_string_equal(c->schemas_dir, "/abs");
    assert_string_equal(c->schemas_user_file, "dir/u");
    assert_string_equal(c->schemas_token_file, "dir/t");
    assert_string_equal(c->schemas_ca_file, "dir/ca");
    assert_string_equal(c->redis_url, "unix:///r.sock");
    assert_string_equal(c->redis_user, "hot");
    assert_string_equal(c->redis_password_file, "dir/pw");
    assert_true(c->redis_cluster);
    assert_true(c->memory_max_bytes == INT64_C(4) << 30);
    assert_int_equal(c->threads, 256);
    assert_string_equal(c->model, "/m.yaml");
    assert_string_equal(c->http_listen, "0.0.0.0:80");
    assert_int_equal(c->max_clock_skew_ms, 3600000);
    assert_int_equal(c->max_record_bytes, 512 << 10);
    assert_int_equal(c->on_gap, HL_GAP_ACCEPT);
    assert_string_equal(c->log_level, "debug");
    assert_true(c->core_dumps);
    hl_config_free(c);
}

static void a_key_left_empty_keeps_its_default(void **state)
{
    (void)state;
    struct hl_config *c = load(SMALL "threads:\nmemory: {max_bytes: 0}\nredis:\n  url: \"\"\n  user:\nhttp: ~\n");
    assert_int_equal(c->threads, 0);
    assert_int_equal(c->memory_max_bytes, 0);
    assert_string_equal(c->redis_url, "");
    hl_config_free(c);
}

static void unknown_keys_are_refused_with_the_nearest_name(void **state)
{
    (void)state;
    refuses(SMALL "thread: 4\n", "c.yaml:3:1: error: unknown key 'thread', did you mean 'threads'?\n");
    refuses(SMALL "chekpoint: {}\n", "c.yaml:3:1: error: unknown key 'chekpoint', did you mean 'checkpoint'?\n");
    refuses(SMALL "redis: {uri: x}\n", "c.yaml:3:9: error: unknown key 'uri' in redis, did you mean 'url'?\n");
    refuses(SMALL "zzzzzz: 1\n", "c.yaml:3:1: error: unknown key 'zzzzzz'\n");
    refuses("kafka: {bootstrap.servers: b:1, bootstrap.server: x}\ninputs: [{topic: web}]\n",
            "c.yaml:1:33: error: unknown key 'bootstrap.server' in kafka, did you mean 'bootstrap.servers'?\n");
    refuses("kafka: {bootstrap.servers: b:1, create_topic: true}\ninputs: [{topic: web}]\n",
            "c.yaml:1:33: error: unknown key 'create_topic' in kafka, did you mean 'create_topics'?\n");
    refuses("kafka: {bootstrap.servers: b:1, nonsense: true}\ninputs: [{topic: web}]\n",
            "c.yaml:1:33: error: unknown key 'nonsense' in kafka\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, formt: json}]\n",
            "c.yaml:2:23: error: unknown key 'formt' in an input, did you mean 'format'?\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, fields: {contactid: x}}]\n",
            "c.yaml:2:32: error: no field 'contactid' in an event, did you mean 'contact_id'?\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, aliases: {Page: page_view}}]\n",
            "c.yaml:2:39: error: no event type 'page_view', did you mean 'page_viewed'?\n");
}

static void a_property_that_is_not_known_here_is_left_to_librdkafka(void **state)
{
    (void)state;
    struct hl_config *c =
        load("kafka: {bootstrap.servers: b:1, some.property.of.tomorrow: x, client.id: me}\ninputs: [{topic: web}]\n");
    assert_string_equal(property(c, "some.property.of.tomorrow"), "x");
    assert_string_equal(property(c, "client.id"), "me");
    hl_config_free(c);
}

static void properties_that_hotlead_owns_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const owned[] = {
        "enable.auto.commit",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "isolation.level",
        "enable.idempotence",
        "transactional.id",
        "transaction.timeout.ms",
        "group.instance.id",
        "partition.assignment.strategy",
        "enable.partition.eof",
        "acks",
        "partitioner",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "group.protocol",
        "retries",
        "allow.auto.create.topics",
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(owned); i++) {
        char text[200], start[200];
        struct hl_config *c = NULL;
        struct hl_error err = {0};
        snprintf(text, sizeof(text), "kafka:\n  bootstrap.servers: b:1\n  %s: x\ninputs: [{topic: web}]\n", owned[i]);
        snprintf(start, sizeof(start), "c.yaml:3:3: '%s' is hotlead's to set: ", owned[i]);
        assert_int_equal(hl_config_load_text("c.yaml", hl_slice_of(text), NULL, &c, NULL, &err), HL_E_CONFIG);
        assert_memory_equal(err.message, start, strlen(start));
        assert_true(strlen(err.message) > strlen(start) + 20);
    }
    refuses("kafka: {bootstrap.servers: b:1, isolation.level: read_uncommitted}\ninputs: [{topic: web}]\n",
            "c.yaml:1:33: error: 'isolation.level' is hotlead's to set: uncommitted records must never be scored, and recovery "
            "relies on it\n");
}

static void wrong_values_are_refused_with_what_is_wanted(void **state)
{
    (void)state;
    refuses(SMALL "threads: 0\n", "c.yaml:3:10: error: threads must be auto or a whole number from 1 to 256, not '0'\n");
    refuses(SMALL "threads: 257\n", "c.yaml:3:10: error: threads must be auto or a whole number from 1 to 256, not '257'\n");
    refuses(SMALL "threads: [1]\n", "c.yaml:3:10: error: threads must be a single value, not a list\n");
    refuses(SMALL "commit: {max_interval: 100}\n",
            "c.yaml:3:24: error: max_interval has no unit: write 100ms, 100s, 100m, 100h, 100d or 100w\n");
    refuses(SMALL "commit: {max_interval: soon}\n",
            "c.yaml:3:24: error: max_interval must be a duration such as 30d, 12h, 5m, 10s or 100ms, not 'soon'\n");
    refuses(SMALL "commit: {max_interval: 11s}\n", "c.yaml:3:24: error: max_interval must be from 1ms to 10s, not 11s\n");
    refuses(SMALL "commit: 5s\n", "c.yaml:3:9: error: commit must be a map (name: value), not a single value\n");
    refuses(
        SMALL "delivery: exactly-once\n",
        "c.yaml:3:11: error: delivery must be exactly_once or low_latency, not 'exactly-once', did you mean 'exactly_once'?\n");
    refuses(SMALL "log_level: chatty\n", "c.yaml:3:12: error: log_level must be debug, info, warn or error, not 'chatty'\n");
    refuses(SMALL "redis: {cluster: yes}\n", "c.yaml:3:18: error: cluster must be true or false, not 'yes'\n");
    refuses(SMALL "redis: {url: \"http://x\"}\n", "c.yaml:3:14: error: redis.url must start with redis://, rediss://, redis+sentinel://, "
                                                 "rediss+sentinel:// or unix://\n");
    refuses(SMALL "schemas: {registry: r:8081}\n", "c.yaml:3:21: error: schemas.registry must start with http:// or https://\n");
    refuses(SMALL "max_record_bytes: 1MB\n",
            "c.yaml:3:19: error: max_record_bytes must be a size from 1KiB to 1MiB such as 512KiB or 1MiB, not '1MB'\n");
    refuses(SMALL "max_record_bytes: 1GiB\n",
            "c.yaml:3:19: error: max_record_bytes must be a size from 1KiB to 1MiB such as 512KiB or 1MiB, not '1GiB'\n");
    refuses(SMALL "memory: {max_bytes: 1KiB}\n",
            "c.yaml:3:21: error: max_bytes must be a size from 1MiB to 4096GiB such as 512MiB or 4GiB, or 0, not '1KiB'\n");
    refuses(SMALL "memory: {max_bytes: 64MiB}\nredis: {url: \"\"}\n",
            "c.yaml:3:21: error: memory.max_bytes needs redis.url: at the bound contacts leave memory for Redis, and without one nothing could be read any more\n");
    refuses(SMALL "memory: {max_bytes: 64MiB}\nshadow: {model: new.yaml}\n",
            "c.yaml:4:17: error: shadow.model cannot stand with memory.max_bytes: its contacts all stay in memory\n");
    refuses(SMALL "checkpoint: {max_share: 1.5}\n", "c.yaml:3:25: error: max_share must be above 0 and at most 1, not 1.5\n");
    refuses(SMALL "checkpoint: {max_share: lots}\n",
            "c.yaml:3:25: error: max_share must be a plain number such as 10 or -2.5, not 'lots'\n");
    refuses(SMALL "checkpoint: {interval: 2m, max_replay: 1m}\n",
            "c.yaml:3:13: error: checkpoint.max_replay is below checkpoint.interval\n");
    refuses(SMALL "http: {listen: \"0.0.0.0:8080\"}\n",
            "c.yaml:3:16: error: http.listen is beyond loopback: set http.token_file\n");
    refuses(SMALL "http: {hosts: \"a.example, https://b.example:443\"}\n",
            "c.yaml:3:15: error: http.hosts wants names apart by commas, without scheme, port and path, not 'a.example, https://b.example:443'\n");
    refuses(SMALL "outputs: {state: \"a b\"}\n",
            "c.yaml:3:18: error: 'a b' is no topic name: letters, digits, '.', '_' and '-', at most 249\n");
    refuses("kafka: {bootstrap.servers: b:1, replication_factor: 0}\ninputs: [{topic: web}]\n",
            "c.yaml:1:53: error: replication_factor must not be 0\n");
    refuses("kafka: {bootstrap.servers: [a, b]}\ninputs: [{topic: web}]\n",
            "c.yaml:1:28: error: kafka.bootstrap.servers must be a single value, not a list\n"
            "c.yaml:1:8: error: kafka.bootstrap.servers is missing\n");
    refuses("kafka: {bootstrap.servers: b:1, group.id: \"\"}\ninputs: [{topic: web}]\n",
            "c.yaml:1:43: error: group.id must have from 1 to 200 bytes\n");
    refuses("- a list\n",
            "c.yaml:1:1: error: the file must be a map (name: value), not a list\n"
            "c.yaml: error: no inputs: name at least one topic\nc.yaml: error: kafka.bootstrap.servers is missing\n");
}

static void inputs_and_outputs_must_make_sense_together(void **state)
{
    (void)state;
    refuses("kafka: {bootstrap.servers: b:1}\n", "c.yaml: error: no inputs: name at least one topic\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: []\n", "c.yaml:2:9: error: no inputs: name at least one topic\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: web\n", "c.yaml:2:9: error: inputs must be a list, not a single value\n"
                                                              "c.yaml:2:9: error: no inputs: name at least one topic\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{format: json}]\n", "c.yaml:2:10: error: an input without a topic\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web}, {topic: web}]\n",
            "c.yaml:2:32: error: the input 'web' is listed twice\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: a/b}]\n",
            "c.yaml:2:18: error: 'a/b' is no topic name: letters, digits, '.', '_' and '-', at most 249\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, format: avrp}]\n",
            "c.yaml:2:31: error: format must be avro, avro-single-object, json, segment or cloudevents, not 'avrp', did you mean 'avro'?\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web}]\noutputs: {cloudevents: structured}\n",
             "c.yaml:3:24: error: outputs.cloudevents: structured holds its data as JSON: set outputs.format: json, or take binary\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web}]\noutputs: {cloudevents: binary, format: text}\n",
             "c.yaml:3:40: error: format must be avro or json, not 'text'\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, priority: hihg}]\n",
            "c.yaml:2:33: error: priority must be normal or high, not 'hihg', did you mean 'high'?\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, priority: [high]}]\n",
            "c.yaml:2:33: error: priority must be a single value, not a list\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, fields: {type: a..b}}]\n",
            "c.yaml:2:38: error: 'a..b' is no path of a field: names with dots between; 'a | b' and 'a + b' combine paths\n");
    static const char *const bad[] = {"a|b", "a+b", "a | b.", "a | | b", "a + b +"};
    for (size_t i = 0; i < HL_ARRAY_LEN(bad); i++) {
        char text[200], lines[300];
        snprintf(text, sizeof(text), "kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, format: json, fields: {type: %s}}]\n", bad[i]);
        snprintf(lines, sizeof(lines), "c.yaml:2:52: error: '%s' is no path of a field: names with dots between; 'a | b' and 'a + b' combine "
                 "paths\n", bad[i]);
        refuses(text, lines);
    }
    char many[500] = "kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, format: json, fields: {reason: plain, type: p";
    for (int i = 1; i < 25; i++) strcat(many, " | p");
    strcat(many, "}}]\n");
    refuses(many, "c.yaml:2:45: error: 25 paths are combined, at most 24 can be\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, fields: {type: a | b}}]\n",
            "c.yaml:2:31: error: paths combined by | or +, and time_unit s, are for the formats json, segment and cloudevents\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, time_unit: s}]\n",
            "c.yaml:2:34: error: paths combined by | or +, and time_unit s, are for the formats json, segment and cloudevents\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, fields: {attributes: {email: user.mail}}}]\n",
            "c.yaml:2:31: error: attributes named one by one are for the formats json, segment and cloudevents\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, format: json, fields: {attributes: {email: a | b}}}]\n",
            "c.yaml:2:66: error: 'a | b' is no path of an attribute: names with dots between\n");
    char names[1000] = "kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, format: json, fields: {attributes: {";
    for (int i = 0; i < 33; i++) sprintf(names + strlen(names), "a%d: x, ", i);
    refuses(strcat(names, "}}}]\n"), "c.yaml:2:58: error: 33 attributes are named, at most 32 can be\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, format: json, time_unit: us}]\n",
            "c.yaml:2:48: error: time_unit must be ms or s, not 'us'\n");
    refuses("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: web, mapping: m.yaml}]\n", "c.yaml:2:32: error: mapping: no other file is read here\n");
    refuses(SMALL "outputs: {alerts: web}\n", "c.yaml:3:10: error: the output topic 'web' is an input, too\n");
    refuses(SMALL "outputs: {alerts: lead.state}\n",
            "c.yaml:3:10: error: the output topic 'lead.state' is used for two things\n");
}

static void all_problems_are_told_and_the_first_is_the_error(void **state)
{
    (void)state;
    struct hl_config *c = NULL;
    struct hl_error err = {0};
    struct hl_buf b;
    hl_buf_init(&b);
    const char *text = SMALL "threads: no\ndelivery: no\non_gap: no\n";
    assert_int_equal(hl_config_load_text("c.yaml", hl_slice_of(text), NULL, &c, &b, &err), HL_E_CONFIG);
    assert_string_equal(err.message, "c.yaml:3:10: threads must be auto or a whole number from 1 to 256, not 'no'");
    size_t lines = 0;
    for (size_t i = 0; i < b.len; i++) lines += b.data[i] == '\n';
    assert_int_equal(lines, 3);
    hl_buf_fini(&b);
}

static void a_wall_of_problems_is_cut(void **state)
{
    (void)state;
    struct hl_config *c = NULL;
    struct hl_buf text, b;
    hl_buf_init(&text);
    hl_buf_init(&b);
    for (int i = 0; i < 500; i++) hl_buf_printf(&text, "x%d: 1\n", i);
    assert_int_equal(hl_config_load_text("c.yaml", hl_buf_slice(&text), NULL, &c, &b, NULL), HL_E_CONFIG);
    size_t lines = 0;
    for (size_t i = 0; i < b.len; i++) lines += b.data[i] == '\n';
    assert_int_equal(lines, 201);
    assert_non_null(memmem(b.data, b.len, "more problems follow, not shown", 31));
    hl_buf_fini(&text);
    hl_buf_fini(&b);
}

static void broken_yaml_is_told_with_its_place(void **state)
{
    (void)state;
    refuses("kafka: {\n", "c.yaml:2:1: error: while parsing a flow node, did not find expected node content\n");
    refuses("a: 1\na: 2\n", "c.yaml:2:1: error: 'a' is written twice, first in line 1\n");
}

static void the_environment_overrides_the_file(void **state)
{
    (void)state;
    static const char *const env[] = {
        "PATH=/bin",
        "HOTLEAD_KAFKA__BOOTSTRAP_SERVERS=broker:9",
        "HOTLEAD_KAFKA__GROUP_ID=other",
        "HOTLEAD_KAFKA__SASL_PASSWORD=hush",
        "HOTLEAD_KAFKA__SOME_NEW_PROPERTY=1",
        "HOTLEAD_REDIS__URL=",
        "HOTLEAD_DELIVERY=low_latency",
        "HOTLEAD_THREADS=3",
        "HOTLEAD_MAX_CLOCK_SKEW=10s",
        "HOTLEAD_MODEL=m2.yaml",
        "HOTLEAD_CHECKPOINT__MAX_SHARE=0.5",
        NULL,
    };
    struct hl_config *c = load_env(SMALL "threads: 2\nredis: {url: redis://a}\n", env, "");
    assert_int_equal(c->n_kafka, 3);
    assert_string_equal(property(c, "bootstrap.servers"), "broker:9");
    assert_string_equal(property(c, "sasl.password"), "hush");
    assert_string_equal(property(c, "some.new.property"), "1");
    assert_string_equal(c->group_id, "other");
    assert_string_equal(c->redis_url, "");
    assert_int_equal(c->delivery, HL_LOW_LATENCY);
    assert_int_equal(c->threads, 3);
    assert_int_equal(c->max_clock_skew_ms, 10000);
    assert_string_equal(c->model, "dir/m2.yaml");
    assert_true(c->checkpoint_max_share > 0.49);
    hl_config_free(c);
}

static void wrong_variables_are_told_by_name(void **state)
{
    (void)state;
    static const char *const env[] = {
        "HOTLEAD_REDIS__URI=x",
        "HOTLEAD_THREADS=many",
        "HOTLEAD_KAFKA__ISOLATION_LEVEL=x",
        "HOTLEAD_INPUTS=web",
        "HOTLEAD_KAFKA__bad-name=x",
        "HOTLEAD_KAFKA__BOOTSTRAP_SERVER=x",
        "HOTLEAD_WHAT__EVER=x",
        NULL,
    };
    refuses_env(
        SMALL, env,
        "HOTLEAD_REDIS__URI: error: no such setting, did you mean 'HOTLEAD_REDIS__URL'?\n"
        "HOTLEAD_THREADS: error: threads must be auto or a whole number from 1 to 256, not 'many'\n"
        "HOTLEAD_KAFKA__ISOLATION_LEVEL: error: 'isolation.level' is hotlead's to set: uncommitted records must never be scored, "
        "and "
        "recovery relies on it\n"
        "HOTLEAD_INPUTS: error: inputs are set in the file only\n"
        "HOTLEAD_KAFKA__bad-name: error: names no property: write HOTLEAD_KAFKA__BOOTSTRAP_SERVERS for kafka.bootstrap.servers\n"
        "HOTLEAD_KAFKA__BOOTSTRAP_SERVER: error: unknown key 'bootstrap.server' in kafka, did you mean 'bootstrap.servers'?\n"
        "HOTLEAD_WHAT__EVER: error: no such setting\n");
}

static void variables_of_others_are_ignored_and_slips_are_warned_about(void **state)
{
    (void)state;
    static const char *const env[] = {"HOTLEAD_BUILD_NUMBER=7", "HOTLEAD_THREAD=7", "HOTLEAD_REDIS_URL=x", "HOTLEADER=1", NULL};
    struct hl_config *c = load_env(SMALL, env,
                                   "HOTLEAD_THREAD: warning: this variable is ignored, did you mean 'HOTLEAD_THREADS'?\n"
                                   "HOTLEAD_REDIS_URL: warning: this variable is ignored, did you mean 'HOTLEAD_REDIS__URL'?\n");
    assert_int_equal(c->threads, 0);
    hl_config_free(c);
}

static void one_that_is_first_among_all_is_told_that_it_is_first_before_none(void **state)
{
    (void)state;
    hl_config_free(load_env("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: a, priority: high}, {topic: b, priority: high}]\n", NULL,
                            "dir/c.yaml:2:9: warning: priority: high on every input puts none before another\n"));
    hl_config_free(load("kafka: {bootstrap.servers: b:1}\ninputs: [{topic: a, priority: high}, {topic: b}]\n"));
}

static void a_secret_in_the_file_is_taken_with_a_warning(void **state)
{
    (void)state;
    struct hl_config *c =
        load_env("kafka: {bootstrap.servers: b:1, sasl.password: hush}\ninputs: [{topic: web}]\n", NULL,
                 "dir/c.yaml:1:33: warning: sasl.password is readable for all who read this file: use sasl.password_file, or the "
                 "variable HOTLEAD_KAFKA__SASL_PASSWORD\n");
    assert_string_equal(property(c, "sasl.password"), "hush");
    hl_config_free(c);
    c = load_env(
        SMALL "redis: {url: \"redis://u:hush@h:1\"}\n", NULL,
        "dir/c.yaml:3:14: warning: redis.url holds a password: use redis.password_file, or the variable HOTLEAD_REDIS__URL\n");
    hl_config_free(c);
    c = load_env(SMALL "schemas: {registry: \"http://u:hush@h\"}\n", NULL,
                 "dir/c.yaml:3:21: warning: schemas.registry holds a password: use schemas.user_file\n");
    hl_config_free(c);
    refuses("kafka: {bootstrap.servers: b:1, ssl.key.password: a, ssl.key.password_file: b}\ninputs: [{topic: web}]\n",
            "c.yaml:1:33: error: both ssl.key.password and ssl.key.password_file are given\n"
            "c.yaml:1:77: error: ssl.key.password_file: no other file is read here\n");
}

/* --- with files --- */

static char folder[] = "/tmp/hl_config_XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[100];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static enum hl_status load_file(struct hl_config **c, char *lines, size_t cap)
{
    char path[100];
    struct hl_buf b;
    hl_buf_init(&b);
    snprintf(path, sizeof(path), "%s/hotlead.yaml", folder);
    enum hl_status st = hl_config_load(path, c, &b, NULL);
    snprintf(lines, cap, "%.*s", HL_SLICE_ARG(hl_buf_slice(&b)));
    hl_buf_fini(&b);
    return st;
}

static int make_folder(void **state)
{
    (void)state;
    char sub[100];
    if (!mkdtemp(folder)) return -1;
    snprintf(sub, sizeof(sub), "%s/sub", folder);
    return mkdir(sub, 0700);
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"hotlead.yaml", "secret", "empty", "aliases.yaml", "mapping.yaml", "sub/aliases.yaml", "sub/mapping.yaml"};
    for (size_t i = 0; i < HL_ARRAY_LEN(names); i++) {
        char path[100];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    char sub[100];
    snprintf(sub, sizeof(sub), "%s/sub", folder);
    return rmdir(sub) || rmdir(folder);
}

static void files_named_in_the_file_are_read_from_its_folder(void **state)
{
    (void)state;
    write_file("secret", "hush hush\n");
    write_file("aliases.yaml", "Page Viewed: page_viewed\nQuote: quote_requested\n");
    write_file("hotlead.yaml", "kafka: {bootstrap.servers: b:1, sasl.password_file: secret}\n"
                               "inputs: [{topic: web, aliases: aliases.yaml}]\nredis: {password_file: secret}\n");
    struct hl_config *c = NULL;
    char lines[1000], path[100];
    assert_int_equal(load_file(&c, lines, sizeof(lines)), HL_OK);
    assert_string_equal(lines, "");
    assert_string_equal(property(c, "sasl.password"), "hush hush");
    assert_null(property(c, "sasl.password_file"));
    assert_int_equal(c->inputs[0].n_aliases, 2);
    assert_int_equal(c->inputs[0].aliases[1].type, HL_EVENT_QUOTE_REQUESTED);
    snprintf(path, sizeof(path), "%s/secret", folder);
    assert_string_equal(c->redis_password_file, path);
    hl_config_free(c);
}

static void a_mapping_is_read_and_what_stands_beside_it_comes_on_top(void **state)
{
    (void)state;
    write_file("sub/aliases.yaml", "Page Viewed: page_viewed\nQuote: form_submitted\n");
    write_file("sub/mapping.yaml", "format: json\ntime_unit: s\nfields: {contact_id: user.id | anon, type: kind + why}\naliases: aliases.yaml\n");
    write_file("hotlead.yaml", "kafka: {bootstrap.servers: b:1}\ninputs:\n  - {topic: a, mapping: sub/mapping.yaml}\n"
                               "  - {topic: b, mapping: sub/mapping.yaml, time_unit: ms, fields: {type: event}, aliases: {Quote: quote_requested}}\n");
    struct hl_config *c = NULL;
    char lines[1000];
    assert_int_equal(load_file(&c, lines, sizeof(lines)), HL_OK);
    assert_string_equal(lines, "");
    const struct hl_input *a = &c->inputs[0], *b = &c->inputs[1];
    assert_int_equal(a->format, HL_FORMAT_JSON);
    assert_int_equal(b->format, HL_FORMAT_JSON);
    assert_true(a->fields.seconds);
    assert_false(b->fields.seconds);
    assert_string_equal(a->fields.path[HL_FIELD_TYPE], "kind + why");
    assert_string_equal(b->fields.path[HL_FIELD_TYPE], "event");
    assert_string_equal(b->fields.path[HL_FIELD_CONTACT_ID], "user.id | anon");
    assert_int_equal(a->n_aliases, 2);
    assert_int_equal(b->n_aliases, 3);
    struct hl_type_table *t;
    assert_int_equal(hl_type_table_new(b->aliases, b->n_aliases, &t), HL_OK);
    assert_int_equal(hl_type_table_find(t, HL_SLICE_LIT("Quote")), HL_EVENT_QUOTE_REQUESTED);
    assert_int_equal(hl_type_table_find(t, HL_SLICE_LIT("Page Viewed")), HL_EVENT_PAGE_VIEWED);
    hl_type_table_free(t);
    hl_config_free(c);
}

static void mappings_that_are_missing_or_wrong_are_told(void **state)
{
    (void)state;
    struct hl_config *c = NULL;
    char lines[2000], expected[2000];
    write_file("mapping.yaml", "format: json\ntopic: x\nfields: {contactid: a}\n");
    write_file("hotlead.yaml", "kafka: {bootstrap.servers: b:1}\ninputs:\n  - {topic: a, mapping: none.yaml}\n  - {topic: b, mapping: mapping.yaml}\n");
    assert_int_equal(load_file(&c, lines, sizeof(lines)), HL_E_CONFIG);
    snprintf(expected, sizeof(expected),
             "%1$s/hotlead.yaml:3:25: error: mapping: %1$s/none.yaml: No such file or directory\n"
             "%1$s/mapping.yaml:2:1: error: unknown key 'topic' in a mapping\n"
             "%1$s/mapping.yaml:3:10: error: no field 'contactid' in an event, did you mean 'contact_id'?\n",
             folder);
    assert_string_equal(lines, expected);
    struct hl_input in;
    struct hl_error err = {0};
    assert_int_equal(hl_mapping_load("/nonexistent/m.yaml", &in, NULL, &err), HL_E_IO);
    assert_string_equal(err.message, "/nonexistent/m.yaml: No such file or directory");
    hl_input_fini(&in);
}

static void files_that_are_missing_or_wrong_are_told(void **state)
{
    (void)state;
    struct hl_config *c = NULL;
    char lines[2000], expected[2000];
    write_file("empty", "\n");
    write_file("aliases.yaml", "Page Viewed: page_veiwed\n");
    write_file("hotlead.yaml", "kafka: {bootstrap.servers: b:1, sasl.password_file: none, ssl.key.password_file: empty}\n"
                               "inputs:\n  - {topic: web, aliases: none.yaml}\n  - {topic: web2, aliases: aliases.yaml}\n"
                               "redis: {password_file: none}\n");
    assert_int_equal(load_file(&c, lines, sizeof(lines)), HL_E_CONFIG);
    snprintf(expected, sizeof(expected),
             "%1$s/hotlead.yaml:1:53: error: %1$s/none: No such file or directory\n"
             "%1$s/hotlead.yaml:1:82: error: %1$s/empty: no secret in this file\n"
             "%1$s/hotlead.yaml:3:27: error: aliases: %1$s/none.yaml: No such file or directory\n"
             "%1$s/aliases.yaml:1:14: error: no event type 'page_veiwed', did you mean 'page_viewed'?\n"
             "%1$s/hotlead.yaml:5:24: error: password_file: %1$s/none: No such file or directory\n",
             folder);
    assert_string_equal(lines, expected);
    struct hl_error err = {0};
    assert_int_equal(hl_config_load("/nonexistent/h.yaml", &c, NULL, &err), HL_E_IO);
    assert_string_equal(err.message, "/nonexistent/h.yaml: No such file or directory");
    assert_null(c);
}

static void the_real_environment_is_used(void **state)
{
    (void)state;
    write_file("hotlead.yaml", SMALL);
    assert_int_equal(setenv("HOTLEAD_KAFKA__BOOTSTRAP_SERVERS", "from-env:1", 1), 0);
    struct hl_config *c = NULL;
    char lines[1000];
    assert_int_equal(load_file(&c, lines, sizeof(lines)), HL_OK);
    unsetenv("HOTLEAD_KAFKA__BOOTSTRAP_SERVERS");
    assert_string_equal(property(c, "bootstrap.servers"), "from-env:1");
    hl_config_free(c);
}

/* --- what is committed --- */

static void the_committed_configuration_is_the_defaults(void **state)
{
    (void)state;
    struct hl_config *c = NULL, *d = load(SMALL);
    struct hl_error err = {0};
    enum hl_status st = hl_config_load(HL_SOURCE_DIR "/config/hotlead.yaml", &c, NULL, &err);
    if (st != HL_OK) print_error("%s\n", err.message);
    assert_int_equal(st, HL_OK);
    assert_string_equal(property(c, "bootstrap.servers"), "localhost:9092");
    assert_int_equal(c->n_kafka, 1);
    assert_int_equal(hl_config_user_inputs(c), 4);
    assert_string_equal(c->model, HL_SOURCE_DIR "/config/model.yaml");
    assert_string_equal(c->group_id, d->group_id);
    assert_string_equal(c->instance, d->instance);
    assert_string_equal(c->transitions, d->transitions);
    assert_string_equal(c->dead_letter, d->dead_letter);
    assert_int_equal(c->delivery, d->delivery);
    assert_int_equal(c->commit_max_interval_ms, d->commit_max_interval_ms);
    assert_int_equal(c->checkpoint_interval_ms, d->checkpoint_interval_ms);
    assert_int_equal(c->checkpoint_max_replay_ms, d->checkpoint_max_replay_ms);
    assert_string_equal(c->redis_url, d->redis_url);
    assert_string_equal(c->http_listen, d->http_listen);
    assert_int_equal(c->threads, d->threads);
    hl_config_free(c);
    hl_config_free(d);
}

static void the_committed_reference_is_current(void **state)
{
    (void)state;
    struct hl_buf now, committed;
    hl_buf_init(&now);
    hl_buf_init(&committed);
    hl_config_print_reference(&now);
    FILE *f = fopen(HL_SOURCE_DIR "/config/CONFIGURATION.md", "r");
    assert_non_null(f);
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0;) hl_buf_put(&committed, chunk, n);
    fclose(f);
    hl_buf_put_u8(&now, 0);
    hl_buf_put_u8(&committed, 0);
    assert_string_equal((const char *)committed.data, (const char *)now.data);
    hl_buf_fini(&now);
    hl_buf_fini(&committed);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) { /* any argument: print the reference, to renew config/CONFIGURATION.md */
        struct hl_buf b;
        hl_buf_init(&b);
        hl_config_print_reference(&b);
        fwrite(b.data, 1, b.len, stdout);
        hl_buf_fini(&b);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_written_has_the_defaults_of_the_contract),
        cmocka_unit_test(every_key_lands_in_its_field),
        cmocka_unit_test(a_key_left_empty_keeps_its_default),
        cmocka_unit_test(unknown_keys_are_refused_with_the_nearest_name),
        cmocka_unit_test(a_property_that_is_not_known_here_is_left_to_librdkafka),
        cmocka_unit_test(properties_that_hotlead_owns_are_refused_with_the_reason),
        cmocka_unit_test(wrong_values_are_refused_with_what_is_wanted),
        cmocka_unit_test(inputs_and_outputs_must_make_sense_together),
        cmocka_unit_test(all_problems_are_told_and_the_first_is_the_error),
        cmocka_unit_test(a_wall_of_problems_is_cut),
        cmocka_unit_test(a_mapping_is_read_and_what_stands_beside_it_comes_on_top),
        cmocka_unit_test(mappings_that_are_missing_or_wrong_are_told),
        cmocka_unit_test(broken_yaml_is_told_with_its_place),
        cmocka_unit_test(the_environment_overrides_the_file),
        cmocka_unit_test(wrong_variables_are_told_by_name),
        cmocka_unit_test(variables_of_others_are_ignored_and_slips_are_warned_about),
        cmocka_unit_test(one_that_is_first_among_all_is_told_that_it_is_first_before_none),
        cmocka_unit_test(a_secret_in_the_file_is_taken_with_a_warning),
        cmocka_unit_test(files_named_in_the_file_are_read_from_its_folder),
        cmocka_unit_test(files_that_are_missing_or_wrong_are_told),
        cmocka_unit_test(the_real_environment_is_used),
        cmocka_unit_test(the_committed_configuration_is_the_defaults),
        cmocka_unit_test(the_committed_reference_is_current),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
