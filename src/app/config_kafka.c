/* The section `kafka`: hotlead's own keys, and the properties that pass through to librdkafka. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config_read.h"

enum { SECRET_MAX = 64 << 10 };

const char *hl_config_property(const struct hl_config *c, const char *key)
{
    for (size_t i = 0; i < c->n_kafka; i++) {
        if (c->kafka[i].key && strcmp(c->kafka[i].key, key) == 0) return c->kafka[i].value;
    }
    return NULL;
}

/* Takes `value`. */
static void put_property(struct hl_config_reader *r, struct hl_slice key, char *value)
{
    struct hl_config *c = r->c;
    if (!value) return;
    for (size_t i = 0; i < c->n_kafka; i++) {
        if (!c->kafka[i].key || !hl_slice_eq_cstr(key, c->kafka[i].key)) continue;
        free(c->kafka[i].value);
        c->kafka[i].value = value;
        return;
    }
    struct hl_property *grown = realloc(c->kafka, (c->n_kafka + 1) * sizeof(*grown));
    if (!grown) {
        r->p.no_memory = true;
        free(value);
        return;
    }
    c->kafka = grown;
    c->kafka[c->n_kafka++] = (struct hl_property){hl_node_copy(&r->p, key), value};
}

/* The property whose _file twin this is; NULL for any other key. */
static const char *secret_of_file(struct hl_slice key)
{
    for (const char *const *s = hl_config_secrets; *s; s++) {
        size_t len = strlen(*s);
        if (key.len == len + 5 && memcmp(key.data, *s, len) == 0 && memcmp(key.data + len, "_file", 5) == 0) return *s;
    }
    return NULL;
}

static char *read_secret(struct hl_config_reader *r, const struct hl_yaml_node *at, const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = f ? hl_node_alloc(&r->p, SECRET_MAX + 1, 1) : NULL;
    size_t n = text ? fread(text, 1, SECRET_MAX, f) : 0;
    if (!f || ferror(f))
        hl_problem_error(&r->p, at, "%s: %s", path, strerror(errno));
    else if (text) {
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
        text[n] = 0;
        if (n == 0 || memchr(text, 0, n)) hl_problem_error(&r->p, at, "%s: no secret in this file", path);
    }
    if (f) fclose(f);
    return text;
}

static void set_secret(struct hl_config_reader *r, const char *property, const struct hl_yaml_node *value)
{
    if (!r->files) {
        hl_problem_error(&r->p, value, "%s_file: no other file is read here", property);
        return;
    }
    char *path = hl_config_path(r, value->text);
    if (path) put_property(r, hl_slice_of(property), read_secret(r, value, path));
    free(path);
}

static bool is_secret(struct hl_slice key)
{
    for (const char *const *s = hl_config_secrets; *s; s++) {
        if (hl_slice_eq_cstr(key, *s)) return true;
    }
    return false;
}

static bool refuse_owned(struct hl_config_reader *r, struct hl_slice key, const struct hl_yaml_node *at)
{
    for (const struct hl_config_owned *o = hl_config_owned; o->property; o++) {
        if (!hl_slice_eq_cstr(key, o->property)) continue;
        hl_problem_error(&r->p, at, "'%s' is hotlead's to set: %s", o->property, o->reason);
        return true;
    }
    return false;
}

/* A name that is almost a known one is taken for a slip; any other goes through, and librdkafka, which may be newer than the
 * list, decides when its clients start. */
static bool refuse_slip(struct hl_config_reader *r, struct hl_slice key, const struct hl_yaml_node *at)
{
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, key);
    for (const char *const *known = hl_config_properties; *known; known++) {
        if (hl_slice_eq_cstr(key, *known)) return false;
        hl_nearest_offer(&nearest, *known);
    }
    for (size_t i = 0; i < hl_config_n_keys; i++) {
        if (strcmp(hl_config_keys[i].section, "kafka") == 0) hl_nearest_offer(&nearest, hl_config_keys[i].key);
    }
    /* librdkafka's names have dots, hotlead's own have underscores: one without a dot is neither */
    bool slip = (nearest.best && nearest.distance <= 2) || !memchr(key.data, '.', key.len);
    if (slip) hl_problem_error(&r->p, at, "unknown key '%.*s' in kafka%s", HL_SLICE_ARG(key), hl_nearest_hint(&nearest));
    return slip;
}

void hl_config_set_property(struct hl_config_reader *r, struct hl_slice key, const struct hl_yaml_node *at,
                            const struct hl_yaml_node *value)
{
    char what[100];
    snprintf(what, sizeof(what), "kafka.%.*s", HL_SLICE_ARG(key));
    if (!hl_node_is(&r->p, value, HL_YAML_SCALAR, what)) return;
    const char *secret = secret_of_file(key);
    if (secret)
        set_secret(r, secret, value);
    else if (!refuse_owned(r, key, at) && !refuse_slip(r, key, at))
        put_property(r, key, hl_node_copy(&r->p, value->text));
}

static void check_secret(struct hl_config_reader *r, const struct hl_yaml_node *kafka, const struct hl_yaml_node *key)
{
    char twin[80], variable[100];
    if (!is_secret(key->text)) return;
    snprintf(twin, sizeof(twin), "%s_file", key->text.data);
    hl_config_env_name(variable, sizeof(variable), "kafka", key->text.data);
    if (hl_yaml_get(kafka, twin))
        hl_problem_error(&r->p, key, "both %s and %s are given", key->text.data, twin);
    else
        hl_problem_warning(&r->p, key, "%s is readable for all who read this file: use %s, or the variable %s", key->text.data,
                           twin, variable);
}

void hl_config_read_kafka(struct hl_config_reader *r, const struct hl_yaml_node *kafka)
{
    if (!hl_node_is(&r->p, kafka, HL_YAML_MAP, "kafka")) return;
    for (size_t i = 0; i < kafka->n; i++) {
        const struct hl_yaml_node *key = kafka->keys[i], *value = hl_node_find(kafka, key->text.data);
        const struct hl_config_key *own = hl_config_key_find("kafka", key->text);
        check_secret(r, kafka, key);
        if (own && value)
            hl_config_set(r, own, value);
        else if (!own)
            hl_config_set_property(r, key->text, key, kafka->values[i]);
    }
}
