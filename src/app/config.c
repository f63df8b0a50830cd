/* hotlead.yaml -> struct hl_config.
 *
 * DESIGN
 *   Three layers through one setter: the defaults of the table, the file, the environment. A later layer replaces what an earlier
 *   one set. Every value is a node, so that a wrong default, a wrong line and a wrong variable are told by the same code. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config_read.h"

const struct hl_config_key *hl_config_key_find(const char *section, struct hl_slice key)
{
    for (size_t i = 0; i < hl_config_n_keys; i++) {
        const struct hl_config_key *k = &hl_config_keys[i];
        if (strcmp(k->section, section) == 0 && hl_slice_eq_cstr(key, k->key)) return k;
    }
    return NULL;
}

char *hl_config_path(struct hl_config_reader *r, struct hl_slice path)
{
    const char *slash = strrchr(r->folder_of, '/');
    if (path.len == 0 || path.data[0] == '/' || !slash) return hl_node_copy(&r->p, path);
    size_t folder = (size_t)(slash - r->folder_of) + 1;
    char *joined = hl_node_alloc(&r->p, folder + path.len + 1, 1);
    if (!joined) return NULL;
    memcpy(joined, r->folder_of, folder);
    memcpy(joined + folder, path.data, path.len);
    return joined;
}

/* --- one value --- */

static void put_text(char **field, char *text)
{
    if (!text) return;
    free(*field);
    *field = text;
}

static void set_text(struct hl_config_reader *r, const struct hl_config_key *k, const struct hl_yaml_node *n, char **field)
{
    if ((int64_t)n->text.len < k->min || (int64_t)n->text.len > k->max)
        hl_problem_error(&r->p, n, "%s must have from %lld to %lld bytes", k->key, (long long)k->min, (long long)k->max);
    put_text(field, hl_node_copy(&r->p, n->text));
}

static void set_path(struct hl_config_reader *r, const struct hl_config_key *k, const struct hl_yaml_node *n, char **field)
{
    put_text(field, hl_config_path(r, n->text));
    if (!*field || !(*field)[0] || k->type != HL_CONFIG_FILE || !r->files) return;
    if (access(*field, R_OK) != 0) hl_problem_error(&r->p, n, "%s: %s: %s", k->key, *field, strerror(errno));
}

static int find_choice(struct hl_config_reader *r, const struct hl_config_key *k, const struct hl_yaml_node *n)
{
    char all[100] = "";
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, n->text);
    for (int i = 0; k->choices[i]; i++) {
        if (hl_slice_eq_cstr(n->text, k->choices[i])) return i;
        hl_nearest_offer(&nearest, k->choices[i]);
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s",
                 i == 0              ? ""
                 : k->choices[i + 1] ? ", "
                                     : " or ",
                 k->choices[i]);
    }
    hl_problem_error(&r->p, n, "%s must be %s, not '%.*s'%s", k->key, all, HL_SLICE_ARG(n->text), hl_nearest_hint(&nearest));
    return -1;
}

static void set_size(struct hl_config_reader *r, const struct hl_config_key *k, const struct hl_yaml_node *n, int64_t *field)
{
    static const struct {
        const char *unit;
        int64_t bytes;
    } units[] = {{"", 1}, {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    size_t digits = 0;
    while (digits < n->text.len && n->text.data[digits] >= '0' && n->text.data[digits] <= '9') digits++;
    int64_t v;
    if (digits && hl_slice_parse_i64((struct hl_slice){n->text.data, digits}, &v)) {
        for (size_t i = 0; i < HL_ARRAY_LEN(units); i++) {
            int64_t bytes;
            if (strcmp(n->text.data + digits, units[i].unit) != 0 || __builtin_mul_overflow(v, units[i].bytes, &bytes)) continue;
            if ((bytes < k->min || bytes > k->max) && (bytes || strcmp(k->value, "0") != 0)) break;
            *field = bytes;
            return;
        }
    }
    bool small = k->max < 1 << 30;
    hl_problem_error(&r->p, n, "%s must be a size from %lld%s to %lld%s such as %s%s, not '%.*s'", k->key, (long long)(k->min >> (small ? 10 : 20)),
                     small ? "KiB" : "MiB", (long long)(k->max >> (small ? 20 : 30)), small ? "MiB" : "GiB", small ? "512KiB or 1MiB" : "512MiB or 4GiB",
                     strcmp(k->value, "0") == 0 ? ", or 0" : "", HL_SLICE_ARG(n->text));
}

static void set_share(struct hl_config_reader *r, const struct hl_config_key *k, const struct hl_yaml_node *n, double *field)
{
    hl_fixed v;
    if (!hl_node_fixed(&r->p, n, k->key, &v)) return;
    if (v <= 0 || v > HL_FIXED_ONE)
        hl_problem_error(&r->p, n, "%s must be above 0 and at most 1, not %.*s", k->key, HL_SLICE_ARG(n->text));
    *field = hl_fixed_to_double(v);
}

static void set_int(struct hl_config_reader *r, const struct hl_config_key *k, const struct hl_yaml_node *n, int *field)
{
    int64_t v = 0;
    if (hl_node_int(&r->p, n, k->key, k->min, k->max, &v)) *field = (int)v;
}

static void set_threads(struct hl_config_reader *r, const struct hl_config_key *k, const struct hl_yaml_node *n, int *field)
{
    int64_t v = 0;
    bool is_auto = hl_slice_eq_cstr(n->text, "auto");
    if (is_auto || (hl_slice_parse_i64(n->text, &v) && v >= k->min && v <= k->max))
        *field = (int)v;
    else
        hl_problem_error(&r->p, n, "threads must be auto or a whole number from 1 to 256, not '%.*s'", HL_SLICE_ARG(n->text));
}

static void set_choice(struct hl_config_reader *r, const struct hl_config_key *k, const struct hl_yaml_node *n, void *field)
{
    int choice = find_choice(r, k, n);
    if (choice < 0) return;
    if (k->type == HL_CONFIG_WORD)
        put_text(field, hl_node_copy(&r->p, n->text));
    else
        *(int *)field = choice;
}

void hl_config_set(struct hl_config_reader *r, const struct hl_config_key *k, const struct hl_yaml_node *n)
{
    if (!hl_node_is(&r->p, n, HL_YAML_SCALAR, k->key)) return;
    void *field = (char *)r->c + k->offset;
    switch (k->type) {
    case HL_CONFIG_TEXT: set_text(r, k, n, field); break;
    case HL_CONFIG_TOPIC:
        if (hl_config_check_topic(r, n)) put_text(field, hl_node_copy(&r->p, n->text));
        break;
    case HL_CONFIG_PATH:
    case HL_CONFIG_FILE: set_path(r, k, n, field); break;
    case HL_CONFIG_BOOL: hl_node_bool(&r->p, n, k->key, field); break;
    case HL_CONFIG_COUNT: set_int(r, k, n, field); break;
    case HL_CONFIG_THREADS: set_threads(r, k, n, field); break;
    case HL_CONFIG_DURATION: hl_node_duration(&r->p, n, k->key, k->min, k->max, field); break;
    case HL_CONFIG_SIZE: set_size(r, k, n, field); break;
    case HL_CONFIG_SHARE: set_share(r, k, n, field); break;
    case HL_CONFIG_CHOICE:
    case HL_CONFIG_WORD: set_choice(r, k, n, field); break;
    }
}

/* --- the three layers --- */

static void set_defaults(struct hl_config_reader *r)
{
    for (size_t i = 0; i < hl_config_n_keys; i++) {
        const struct hl_yaml_node n = {.kind = HL_YAML_SCALAR, .text = hl_slice_of(hl_config_keys[i].value)};
        hl_config_set(r, &hl_config_keys[i], &n);
    }
}

static void unknown_key(struct hl_config_reader *r, const char *section, const struct hl_yaml_node *key)
{
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, key->text);
    for (size_t i = 0; i < hl_config_n_keys; i++) {
        const struct hl_config_key *k = &hl_config_keys[i];
        if (strcmp(k->section, section) == 0)
            hl_nearest_offer(&nearest, k->key);
        else if (!section[0])
            hl_nearest_offer(&nearest, k->section);
    }
    if (!section[0]) hl_nearest_offer(&nearest, "inputs");
    hl_problem_error(&r->p, key, "unknown key '%.*s'%s%s%s", HL_SLICE_ARG(key->text), section[0] ? " in " : "", section,
                     hl_nearest_hint(&nearest));
}

static void read_section(struct hl_config_reader *r, const char *section, const struct hl_yaml_node *map)
{
    if (!hl_node_is(&r->p, map, HL_YAML_MAP, section)) return;
    for (size_t i = 0; i < map->n; i++) {
        const struct hl_config_key *k = hl_config_key_find(section, map->keys[i]->text);
        if (!k)
            unknown_key(r, section, map->keys[i]);
        else if (hl_node_find(map, k->key))
            hl_config_set(r, k, map->values[i]);
    }
}

static const char *section_find(struct hl_slice name)
{
    for (size_t i = 0; i < hl_config_n_keys; i++) {
        if (hl_config_keys[i].section[0] && hl_slice_eq_cstr(name, hl_config_keys[i].section)) return hl_config_keys[i].section;
    }
    return NULL;
}

static void read_file(struct hl_config_reader *r, const struct hl_yaml_node *root)
{
    if (!hl_node_is(&r->p, root, HL_YAML_MAP, "the file")) return;
    for (size_t i = 0; i < root->n; i++) {
        const struct hl_yaml_node *key = root->keys[i], *value = hl_node_find(root, key->text.data);
        const struct hl_config_key *k = hl_config_key_find("", key->text);
        const char *section = section_find(key->text);
        if (!k && !section && !hl_slice_eq_cstr(key->text, "inputs"))
            unknown_key(r, "", key);
        else if (!value)
            continue;
        else if (k)
            hl_config_set(r, k, value);
        else if (!section)
            hl_config_read_inputs(r, value);
        else if (strcmp(section, "kafka") == 0)
            hl_config_read_kafka(r, value);
        else
            read_section(r, section, value);
    }
}

/* --- what no single value can see --- */

static bool is_input(const struct hl_config *c, const char *topic)
{
    for (size_t i = 0; i < c->n_inputs; i++) {
        if (c->inputs[i].topic && strcmp(c->inputs[i].topic, topic) == 0) return true;
    }
    return false;
}

static void check_outputs(struct hl_config_reader *r, const struct hl_yaml_node *root)
{
    const struct hl_config *c = r->c;
    const char *outputs[] = {c->transitions, c->state, c->alerts, c->dead_letter, c->merges};
    const struct hl_yaml_node *at = hl_node_find(root, "outputs");
    for (size_t i = 0; i < HL_ARRAY_LEN(outputs); i++) {
        if (!outputs[i]) continue;
        if (is_input(c, outputs[i])) hl_problem_error(&r->p, at, "the output topic '%s' is an input, too", outputs[i]);
        for (size_t k = 0; k < i; k++) {
            if (outputs[k] && strcmp(outputs[i], outputs[k]) == 0)
                hl_problem_error(&r->p, at, "the output topic '%s' is used for two things", outputs[i]);
        }
    }
}

static void check_cloudevents(struct hl_config_reader *r, const struct hl_yaml_node *root)
{
    if (r->c->outputs_cloudevents == HL_CLOUDEVENTS_STRUCTURED && r->c->outputs_format != HL_WIRE_JSON)
        hl_problem_error(&r->p, hl_node_find(hl_node_find(root, "outputs"), "cloudevents"),
                         "outputs.cloudevents: structured holds its data as JSON: set outputs.format: json, or take binary");
}

static bool starts_with(const char *s, const char *prefix)
{
    return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_redis_url(const char *url)
{
    static const char *const schemes[] = {"redis://", "rediss://", "redis+sentinel://", "rediss+sentinel://", "unix://"};
    bool known = false;
    for (size_t i = 0; i < HL_ARRAY_LEN(schemes); i++) known |= starts_with(url, schemes[i]);
    return known;
}

#define HOST_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"

static void check_servers(struct hl_config_reader *r, const struct hl_yaml_node *root)
{
    const struct hl_config *c = r->c;
    const struct hl_yaml_node *redis = hl_node_find(root, "redis"), *schemas = hl_node_find(root, "schemas"),
                              *http = hl_node_find(root, "http");
    if (!hl_config_property(c, "bootstrap.servers") && !hl_config_property(c, "metadata.broker.list"))
        hl_problem_error(&r->p, hl_node_find(root, "kafka"), "kafka.bootstrap.servers is missing");
    if (c->redis_url && c->redis_url[0] && !is_redis_url(c->redis_url))
        hl_problem_error(&r->p, hl_node_find(redis, "url"),
                         "redis.url must start with redis://, rediss://, redis+sentinel://, rediss+sentinel:// or unix://");
    if (c->schemas_registry && c->schemas_registry[0] && !starts_with(c->schemas_registry, "http://") &&
        !starts_with(c->schemas_registry, "https://"))
        hl_problem_error(&r->p, hl_node_find(schemas, "registry"), "schemas.registry must start with http:// or https://");
    const char *listen = c->http_listen;
    bool loopback = starts_with(listen, "127.") || starts_with(listen, "localhost:") || starts_with(listen, "[::1]:");
    if (listen && listen[0] && !loopback && c->http_token_file && !c->http_token_file[0])
        hl_problem_error(&r->p, hl_node_find(http, "listen"), "http.listen is beyond loopback: set http.token_file");
    if (c->http_hosts && c->http_hosts[strspn(c->http_hosts, HOST_LETTERS ", \t")])
        hl_problem_error(&r->p, hl_node_find(http, "hosts"), "http.hosts wants names apart by commas, without scheme, port and path, not '%s'", c->http_hosts);
}

static void check_shadow(struct hl_config_reader *r, const struct hl_yaml_node *root)
{
    const struct hl_config *c = r->c;
    const struct hl_yaml_node *at = hl_node_find(hl_node_find(root, "shadow"), "model");
    if (c->memory_max_bytes && c->shadow_model && c->shadow_model[0])
        hl_problem_error(&r->p, at, "shadow.model cannot stand with memory.max_bytes: its contacts all stay in memory");
}

static void check_memory(struct hl_config_reader *r, const struct hl_yaml_node *root)
{
    const struct hl_config *c = r->c;
    const struct hl_yaml_node *at = hl_node_find(hl_node_find(root, "memory"), "max_bytes");
    if (c->memory_max_bytes && c->redis_url && !c->redis_url[0])
        hl_problem_error(&r->p, at, "memory.max_bytes needs redis.url: at the bound contacts leave memory for Redis, and without one nothing could be read any more");
}

/* What goes to outputs.merges comes back as the last input. */
static void add_own_input(struct hl_config_reader *r)
{
    struct hl_config *c = r->c;
    if (c->n_inputs == 0 || !c->merges) return; /* told */
    char *topic = hl_node_copy(&r->p, hl_slice_of(c->merges));
    if (topic) c->inputs[c->n_inputs++] = (struct hl_input){.topic = topic, .format = HL_FORMAT_MERGES};
}

static void check_whole(struct hl_config_reader *r, const struct hl_yaml_node *root)
{
    const struct hl_config *c = r->c;
    const struct hl_yaml_node *kafka = hl_node_find(root, "kafka");
    if (c->n_inputs == 0) hl_problem_error(&r->p, hl_node_find(root, "inputs"), "no inputs: name at least one topic");
    if (c->replication_factor == 0)
        hl_problem_error(&r->p, hl_node_find(kafka, "replication_factor"), "replication_factor must not be 0");
    if (c->checkpoint_max_replay_ms < c->checkpoint_interval_ms)
        hl_problem_error(&r->p, hl_node_find(root, "checkpoint"), "checkpoint.max_replay is below checkpoint.interval");
    check_outputs(r, root);
    check_cloudevents(r, root);
    check_servers(r, root);
    check_memory(r, root);
    check_shadow(r, root);
}

/* scheme://user:password@host */
static bool holds_password(const struct hl_yaml_node *url)
{
    const char *at = url && url->kind == HL_YAML_SCALAR ? strrchr(url->text.data, '@') : NULL;
    const char *colon = at ? strchr(url->text.data, ':') : NULL;
    colon = colon ? strchr(colon + 1, ':') : NULL;
    return colon && colon < at;
}

static void warn_of_secrets(struct hl_config_reader *r, const struct hl_yaml_node *root)
{
    const struct hl_yaml_node *redis = hl_node_find(hl_node_find(root, "redis"), "url"),
                              *registry = hl_node_find(hl_node_find(root, "schemas"), "registry");
    if (holds_password(redis))
        hl_problem_warning(&r->p, redis, "redis.url holds a password: use redis.password_file, or the variable HOTLEAD_REDIS__URL");
    if (holds_password(registry)) hl_problem_warning(&r->p, registry, "schemas.registry holds a password: use schemas.user_file");
}

static enum hl_status load(const char *name, const struct hl_yaml *y, bool files, const char *const *env, struct hl_config **out,
                           struct hl_problems problems)
{
    struct hl_config_reader r = {.p = problems, .folder_of = name, .files = files};
    r.c = hl_node_alloc(&r.p, 1, sizeof(*r.c));
    if (!r.c) return hl_problems_status(&r.p);
    r.c->path = hl_node_copy(&r.p, hl_slice_of(name));
    set_defaults(&r);
    read_file(&r, hl_yaml_root(y));
    warn_of_secrets(&r, hl_yaml_root(y));
    hl_config_read_env(&r, env);
    check_whole(&r, hl_yaml_root(y));
    add_own_input(&r);
    enum hl_status st = hl_problems_status(&r.p);
    if (st == HL_OK)
        *out = r.c;
    else
        hl_config_free(r.c);
    return st;
}

static enum hl_status finish(const char *name, enum hl_status st, struct hl_yaml *y, const struct hl_error *yaml_err, bool files,
                             const char *const *env, struct hl_config **out, struct hl_buf *problems, struct hl_error *err)
{
    struct hl_problems p = {.file = name, .lines = problems, .err = err};
    if (st == HL_OK) {
        st = load(name, y, files, env, out, p);
        hl_yaml_free(y);
        return st;
    }
    hl_problem_yaml(&p, yaml_err);
    if (err) err->code = st;
    return st;
}

enum hl_status hl_config_load(const char *path, struct hl_config **out, struct hl_buf *problems, struct hl_error *err)
{
    struct hl_yaml *y = NULL;
    struct hl_error yaml_err;
    enum hl_status st = hl_yaml_load_file(path, &y, &yaml_err);
    return finish(path, st, y, &yaml_err, true, (const char *const *)environ, out, problems, err);
}

enum hl_status hl_config_load_text(const char *name, struct hl_slice text, const char *const *env, struct hl_config **out,
                                   struct hl_buf *problems, struct hl_error *err)
{
    static const char *const no_env[] = {NULL};
    struct hl_yaml *y = NULL;
    struct hl_error yaml_err;
    enum hl_status st = hl_yaml_load_text(name, text, &y, &yaml_err);
    return finish(name, st, y, &yaml_err, false, env ? env : no_env, out, problems, err);
}

static bool owns_text(enum hl_config_type t)
{
    return t == HL_CONFIG_TEXT || t == HL_CONFIG_TOPIC || t == HL_CONFIG_PATH || t == HL_CONFIG_FILE || t == HL_CONFIG_WORD;
}

void hl_config_free(struct hl_config *c)
{
    if (!c) return;
    for (size_t i = 0; i < hl_config_n_keys; i++) {
        if (owns_text(hl_config_keys[i].type)) free(*(char **)(void *)((char *)c + hl_config_keys[i].offset));
    }
    for (size_t i = 0; i < c->n_kafka; i++) {
        free(c->kafka[i].key);
        free(c->kafka[i].value);
    }
    for (size_t i = 0; i < c->n_inputs; i++) hl_input_fini(&c->inputs[i]);
    free(c->kafka);
    free(c->inputs);
    free(c->path);
    free(c);
}
