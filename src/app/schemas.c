/* The schemas folder. It keeps nothing but its path: decoders cache what they get, so a look into ids.yaml for each new id is cheap, and
 * finds what was added since. */
#include "hotlead/app/schemas.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hotlead/adapter/yaml.h"
#include "hotlead/app/config.h"

#define MAX_SCHEMA ((size_t)1 << 20)

struct folder {
    struct hl_schemas base;
    char dir[];
};

static enum hl_status load_ids(const struct folder *f, struct hl_yaml **out, struct hl_error *err)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/ids.yaml", f->dir) >= (int)sizeof(path))
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "schemas.dir: the path is too long");
    return hl_yaml_load_file(path, out, err);
}

static bool id_at(const struct hl_yaml_node *key, uint32_t *id)
{
    int64_t n;
    if (!hl_slice_parse_i64(key->text, &n) || n < 0 || n > UINT32_MAX) return false;
    *id = (uint32_t)n;
    return true;
}

/* A file in the folder, never beside it. */
static bool is_file_name(struct hl_slice s)
{
    return s.len > 0 && s.data[0] != '.' && !memchr(s.data, '/', s.len);
}

static enum hl_status check_ids(const struct hl_yaml *ids, struct hl_error *err)
{
    const struct hl_yaml_node *root = hl_yaml_root(ids);
    uint32_t id;
    if (root->kind != HL_YAML_MAP)
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "%s:%u:%u: a map of schema ids to files is wanted", hl_yaml_name(ids), root->line, root->column);
    for (size_t i = 0; i < root->n; i++) {
        const struct hl_yaml_node *k = root->keys[i], *v = root->values[i];
        if (!id_at(k, &id))
            return hl_error_set(err, HL_E_CONFIG, HL_STOP, "%s:%u:%u: '%.*s' is no schema id", hl_yaml_name(ids), k->line, k->column, HL_SLICE_ARG(k->text));
        if (v->kind != HL_YAML_SCALAR || !is_file_name(v->text))
            return hl_error_set(err, HL_E_CONFIG, HL_STOP, "%s:%u:%u: the name of a file in this folder is wanted", hl_yaml_name(ids), v->line, v->column);
    }
    return HL_OK;
}

static enum hl_status read_schema(const char *path, char **json, struct hl_error *err)
{
    FILE *f = fopen(path, "rbe");
    if (!f) return hl_error_set(err, HL_E_SCHEMA, HL_SKIP, "%.300s: %s", path, strerror(errno));
    char *text = malloc(MAX_SCHEMA + 1);
    size_t n = text ? fread(text, 1, MAX_SCHEMA, f) : 0;
    bool bad = !text || ferror(f) || n == MAX_SCHEMA;
    fclose(f);
    if (bad) {
        free(text);
        return hl_error_set(err, HL_E_SCHEMA, HL_SKIP, "%.300s: cannot be read, or is not smaller than %zu bytes", path, MAX_SCHEMA);
    }
    text[n] = '\0';
    char *fit = realloc(text, n + 1);
    *json = fit ? fit : text;
    return HL_OK;
}

/* A folder that cannot be read now says nothing about the id: ask again. */
static enum hl_status get(struct hl_schemas *base, uint32_t id, char **json, struct hl_error *err)
{
    const struct folder *f = (const struct folder *)base;
    struct hl_yaml *ids;
    char path[4096];
    struct hl_error why = {HL_E_IO, HL_RETRY, ""};
    if (load_ids(f, &ids, &why) != HL_OK) return hl_error_set(err, HL_E_PENDING, HL_RETRY, "%.480s", why.message);
    const struct hl_yaml_node *root = hl_yaml_root(ids);
    bool known = false;
    enum hl_status st = HL_E_SCHEMA;
    for (size_t i = 0; root->kind == HL_YAML_MAP && i < root->n; i++) {
        uint32_t at;
        if (!id_at(root->keys[i], &at) || at != id || root->values[i]->kind != HL_YAML_SCALAR || !is_file_name(root->values[i]->text)) continue;
        snprintf(path, sizeof(path), "%s/%.*s", f->dir, HL_SLICE_ARG(root->values[i]->text));
        st = read_schema(path, json, err);
        known = true;
        break;
    }
    hl_yaml_free(ids);
    return known ? st : hl_error_set(err, st, HL_SKIP, "%.300s/ids.yaml has no such id", f->dir);
}

static enum hl_status id_of(struct hl_schemas *base, const char *topic, const char *file, uint32_t *id, struct hl_error *err)
{
    const struct folder *f = (const struct folder *)base;
    struct hl_yaml *ids;
    enum hl_status st = load_ids(f, &ids, err);
    if (st != HL_OK) return st;
    const struct hl_yaml_node *root = hl_yaml_root(ids);
    st = HL_E_SCHEMA;
    for (size_t i = 0; st != HL_OK && root->kind == HL_YAML_MAP && i < root->n; i++)
        if (root->values[i]->kind == HL_YAML_SCALAR && hl_slice_eq_cstr(root->values[i]->text, file) && id_at(root->keys[i], id)) st = HL_OK;
    hl_yaml_free(ids);
    if (st == HL_OK) return st;
    return hl_error_set(err, st, HL_STOP, "%.300s/ids.yaml has no id for %s, which topic %s is written with", f->dir, file, topic);
}

static void folder_free(struct hl_schemas *base)
{
    free(base);
}

static enum hl_status open_folder(const char *dir, struct hl_schemas **out, struct hl_error *err)
{
    struct hl_yaml *ids;
    struct folder *f = malloc(sizeof(*f) + strlen(dir) + 1);
    if (!f) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory for the schemas folder");
    f->base = (struct hl_schemas){get, id_of, folder_free};
    memcpy(f->dir, dir, strlen(dir) + 1);
    enum hl_status st = load_ids(f, &ids, err);
    if (st == HL_OK) {
        st = check_ids(ids, err);
        hl_yaml_free(ids);
    }
    if (st == HL_OK) *out = &f->base;
    else free(f);
    return st;
}

enum hl_status hl_schemas_open(const struct hl_registry_config *config, struct hl_schemas **out, struct hl_error *err)
{
    if (config->url && *config->url) return hl_registry_new(config, out, err);
    if (config->schemas_dir && *config->schemas_dir) return open_folder(config->schemas_dir, out, err);
    return hl_error_set(err, HL_E_CONFIG, HL_STOP, "schemas: neither a registry nor a folder is given");
}

enum hl_status hl_schemas_teach(const char *dir, struct hl_decoder *d, struct hl_error *err)
{
    struct hl_schemas *s;
    struct hl_yaml *ids;
    enum hl_status st = open_folder(dir, &s, err);
    if (st != HL_OK) return st;
    st = load_ids((const struct folder *)s, &ids, err);
    const struct hl_yaml_node *root = st == HL_OK ? hl_yaml_root(ids) : NULL;
    for (size_t i = 0; st == HL_OK && i < root->n; i++) {
        uint32_t id;
        char *json = NULL;
        if (!id_at(root->keys[i], &id)) continue; /* refused when the folder was opened */
        st = s->get(s, id, &json, err);
        if (st == HL_OK) st = hl_avro_decoder_add(d, json, err);
        free(json);
    }
    if (root) hl_yaml_free(ids);
    s->free(s);
    return st;
}

enum hl_status hl_schemas_read_file(const char *dir, const char *file, char **json, struct hl_error *err)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "schemas.dir: the path is too long");
    return read_schema(path, json, err);
}

/* A setting that was left empty is not there. */
static const char *given(const char *s)
{
    return s && *s ? s : NULL;
}

enum hl_status hl_schemas_open_configured(const struct hl_config *c, struct hl_schemas **out, struct hl_error *err)
{
    struct hl_registry_config r = {
        .url = given(c->schemas_registry),
        .user_file = given(c->schemas_user_file),
        .token_file = given(c->schemas_token_file),
        .ca_file = given(c->schemas_ca_file),
        .schemas_dir = c->schemas_dir,
    };
    return hl_schemas_open(&r, out, err);
}
