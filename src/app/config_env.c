/* Environment variables over the file: HOTLEAD_KEY for keys at the top, HOTLEAD_SECTION__KEY for the others; dots become
 * underscores. */
#include <stdio.h>

#include "config_read.h"

#define PREFIX "HOTLEAD_"
#define KAFKA PREFIX "KAFKA__"

enum { NAME_MAX_BYTES = 200 };

static char as_in_variable(char c)
{
    if (c >= 'a' && c <= 'z') return (char)(c - 32);
    return c == '.' || c == '-' ? '_' : c;
}

static size_t append(char *buf, size_t cap, size_t n, const char *s)
{
    for (; *s && n + 1 < cap; s++) buf[n++] = as_in_variable(*s);
    buf[n] = 0;
    return n;
}

void hl_config_env_name(char *buf, size_t cap, const char *section, const char *key)
{
    size_t n = append(buf, cap, 0, PREFIX);
    n = append(buf, cap, n, section);
    if (section[0]) n = append(buf, cap, n, "__");
    append(buf, cap, n, key);
}

static const struct hl_config_key *key_of(const char *name)
{
    for (size_t i = 0; i < hl_config_n_keys; i++) {
        char candidate[NAME_MAX_BYTES];
        hl_config_env_name(candidate, sizeof(candidate), hl_config_keys[i].section, hl_config_keys[i].key);
        if (strcmp(name, candidate) == 0) return &hl_config_keys[i];
    }
    return NULL;
}

/* A known property, or the twin of a secret, whose variable this is; into `property`. */
static bool known_property(const char *name, char *property, size_t cap)
{
    char candidate[NAME_MAX_BYTES];
    for (const char *const *known = hl_config_properties; *known; known++) {
        snprintf(property, cap, "%s", *known);
        hl_config_env_name(candidate, sizeof(candidate), "kafka", property);
        if (strcmp(name, candidate) == 0) return true;
    }
    for (const char *const *secret = hl_config_secrets; *secret; secret++) {
        snprintf(property, cap, "%s_file", *secret);
        hl_config_env_name(candidate, sizeof(candidate), "kafka", property);
        if (strcmp(name, candidate) == 0) return true;
    }
    return false;
}

/* BOOTSTRAP_SERVERS -> bootstrap.servers; false if it cannot be a property. */
static bool spell_property(const char *upper, char *property, size_t cap)
{
    size_t n = strlen(upper);
    if (n == 0 || n >= cap || upper[0] == '_' || upper[n - 1] == '_' || strstr(upper, "__")) return false;
    for (size_t i = 0; i <= n; i++) {
        char c = upper[i];
        if (c && c != '_' && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9')) return false;
        property[i] = c == '_' ? '.' : c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return true;
}

static void set_kafka(struct hl_config_reader *r, const char *name, const struct hl_yaml_node *value)
{
    char property[NAME_MAX_BYTES];
    if (known_property(name, property, sizeof(property)) || spell_property(name + strlen(KAFKA), property, sizeof(property)))
        hl_config_set_property(r, hl_slice_of(property), value, value);
    else
        hl_problem_error(&r->p, NULL, "names no property: write HOTLEAD_KAFKA__BOOTSTRAP_SERVERS for kafka.bootstrap.servers");
}

/* The variable that was probably meant. */
static void offer_variables(struct hl_nearest *nearest, char best[NAME_MAX_BYTES])
{
    for (size_t i = 0; i < hl_config_n_keys; i++) {
        char candidate[NAME_MAX_BYTES];
        hl_config_env_name(candidate, sizeof(candidate), hl_config_keys[i].section, hl_config_keys[i].key);
        nearest->best = NULL;
        hl_nearest_offer(nearest, candidate);
        if (nearest->best) memcpy(best, candidate, sizeof(candidate));
    }
    nearest->best = best[0] ? best : NULL;
}

static void unknown_variable(struct hl_config_reader *r, const char *name)
{
    char best[NAME_MAX_BYTES] = "";
    struct hl_nearest nearest;
    bool sectioned = strstr(name, "__") != NULL;
    hl_nearest_init(&nearest, hl_slice_of(name));
    if (!sectioned) nearest.distance = 3; /* others may have variables of this prefix: only a clear slip is told */
    offer_variables(&nearest, best);
    if (strcmp(name, PREFIX "INPUTS") == 0)
        hl_problem_error(&r->p, NULL, "inputs are set in the file only");
    else if (sectioned)
        hl_problem_error(&r->p, NULL, "no such setting%s", hl_nearest_hint(&nearest));
    else if (nearest.best)
        hl_problem_warning(&r->p, NULL, "this variable is ignored%s", hl_nearest_hint(&nearest));
}

static void read_variable(struct hl_config_reader *r, const char *name, const char *text)
{
    const struct hl_yaml_node value = {.kind = HL_YAML_SCALAR, .text = hl_slice_of(text)};
    const struct hl_config_key *k = key_of(name);
    if (k)
        hl_config_set(r, k, &value);
    else if (strncmp(name, KAFKA, strlen(KAFKA)) == 0)
        set_kafka(r, name, &value);
    else
        unknown_variable(r, name);
}

void hl_config_read_env(struct hl_config_reader *r, const char *const *env)
{
    const char *file = r->p.file;
    for (; *env; env++) {
        const char *equals = strchr(*env, '=');
        char name[NAME_MAX_BYTES];
        if (strncmp(*env, PREFIX, strlen(PREFIX)) != 0 || !equals || equals - *env >= NAME_MAX_BYTES) continue;
        snprintf(name, sizeof(name), "%.*s", (int)(equals - *env), *env);
        r->p.file = name; /* what is wrong with a variable is told under its name */
        read_variable(r, name, equals + 1);
    }
    r->p.file = file;
}
