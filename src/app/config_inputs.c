/* The section `inputs`. */
#include <stdio.h>
#include <stdlib.h>

#include "config_read.h"

static bool topic_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* Kafka's rule: 1 to 249 of [a-zA-Z0-9._-], not "." and not "..". */
bool hl_config_check_topic(struct hl_config_reader *r, const struct hl_yaml_node *n)
{
    struct hl_slice s = n->text;
    bool ok = s.len >= 1 && s.len <= 249 && !hl_slice_eq_cstr(s, ".") && !hl_slice_eq_cstr(s, "..");
    for (size_t i = 0; ok && i < s.len; i++) ok = topic_byte(s.data[i]);
    if (!ok)
        hl_problem_error(&r->p, n, "'%.*s' is no topic name: letters, digits, '.', '_' and '-', at most 249", HL_SLICE_ARG(s));
    return ok;
}

static void read_format(struct hl_config_reader *r, const struct hl_yaml_node *n, struct hl_input *in)
{
    if (!hl_node_is(&r->p, n, HL_YAML_SCALAR, "format")) return;
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, n->text);
    for (int i = 0; hl_config_formats[i]; i++) {
        hl_nearest_offer(&nearest, hl_config_formats[i]);
        if (!hl_slice_eq_cstr(n->text, hl_config_formats[i])) continue;
        in->format = (enum hl_format)i;
        return;
    }
    hl_problem_error(&r->p, n, "format must be avro, avro-single-object, json or segment, not '%.*s'%s", HL_SLICE_ARG(n->text),
                     hl_nearest_hint(&nearest));
}

static bool is_field_path(struct hl_slice s)
{
    if (s.len == 0 || s.len > 500 || s.data[0] == '.' || s.data[s.len - 1] == '.') return false;
    return !strstr(s.data, "..");
}

static int field_find(struct hl_config_reader *r, const struct hl_yaml_node *key)
{
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, key->text);
    for (int f = 0; f < HL_FIELD_COUNT; f++) {
        const char *name = hl_field_name((enum hl_field)f);
        if (hl_slice_eq_cstr(key->text, name)) return f;
        hl_nearest_offer(&nearest, name);
    }
    hl_problem_error(&r->p, key, "no field '%.*s' in an event%s", HL_SLICE_ARG(key->text), hl_nearest_hint(&nearest));
    return -1;
}

static void read_fields(struct hl_config_reader *r, const struct hl_yaml_node *map, struct hl_input *in)
{
    if (!hl_node_is(&r->p, map, HL_YAML_MAP, "fields")) return;
    for (size_t i = 0; i < map->n; i++) {
        const struct hl_yaml_node *path = map->values[i];
        int f = field_find(r, map->keys[i]);
        if (f < 0 || !hl_node_is(&r->p, path, HL_YAML_SCALAR, "a field's path")) continue;
        if (is_field_path(path->text))
            in->fields.path[f] = hl_node_copy(&r->p, path->text);
        else
            hl_problem_error(&r->p, path, "'%.*s' is no path of a field: names with dots between", HL_SLICE_ARG(path->text));
    }
}

static bool type_find(struct hl_config_reader *r, const struct hl_yaml_node *n, enum hl_event_type *out)
{
    if (!hl_node_is(&r->p, n, HL_YAML_SCALAR, "an event type")) return false;
    *out = hl_event_type_find(n->text);
    if (*out != HL_EVENT_UNKNOWN) return true;
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, n->text);
    for (int t = 0; t < HL_EVENT_TYPE_COUNT; t++) hl_nearest_offer(&nearest, hl_event_type_name((enum hl_event_type)t));
    hl_problem_error(&r->p, n, "no event type '%.*s'%s", HL_SLICE_ARG(n->text), hl_nearest_hint(&nearest));
    return false;
}

static void read_alias_map(struct hl_config_reader *r, const struct hl_yaml_node *map, struct hl_input *in)
{
    if (!hl_node_is(&r->p, map, HL_YAML_MAP, "aliases")) return;
    in->aliases = hl_node_alloc(&r->p, map->n, sizeof(*in->aliases));
    for (size_t i = 0; in->aliases && i < map->n; i++) {
        enum hl_event_type type;
        if (!type_find(r, map->values[i], &type)) continue;
        char *spelling = hl_node_copy(&r->p, map->keys[i]->text);
        if (spelling) in->aliases[in->n_aliases++] = (struct hl_type_alias){spelling, type};
    }
}

static void read_alias_file(struct hl_config_reader *r, const struct hl_yaml_node *n, struct hl_input *in)
{
    if (!r->files) {
        hl_problem_error(&r->p, n, "aliases: no other file is read here");
        return;
    }
    char *path = hl_config_path(r, n->text);
    if (!path) return;
    struct hl_yaml *y = NULL;
    struct hl_error err;
    enum hl_status st = hl_yaml_load_file(path, &y, &err);
    if (st == HL_E_IO) hl_problem_error(&r->p, n, "aliases: %s", err.message); /* the place that names the file helps more */
    const char *outer = r->p.file;
    r->p.file = path;
    if (st == HL_OK)
        read_alias_map(r, hl_yaml_root(y), in);
    else if (st != HL_E_IO)
        hl_problem_yaml(&r->p, &err);
    r->p.file = outer;
    hl_yaml_free(y);
    free(path);
}

static void read_input(struct hl_config_reader *r, const struct hl_yaml_node *map, struct hl_input *in)
{
    const struct hl_yaml_node *topic = hl_node_find(map, "topic"), *aliases = hl_node_find(map, "aliases");
    if (!topic) hl_problem_error(&r->p, map, "an input without a topic");
    if (hl_node_is(&r->p, topic, HL_YAML_SCALAR, "topic") && hl_config_check_topic(r, topic))
        in->topic = hl_node_copy(&r->p, topic->text);
    for (const struct hl_input *other = r->c->inputs; in->topic && other < in; other++) {
        if (other->topic && strcmp(other->topic, in->topic) == 0)
            hl_problem_error(&r->p, topic, "the input '%s' is listed twice", in->topic);
    }
    read_format(r, hl_node_find(map, "format"), in);
    read_fields(r, hl_node_find(map, "fields"), in);
    if (aliases && aliases->kind == HL_YAML_SCALAR)
        read_alias_file(r, aliases, in);
    else if (aliases)
        read_alias_map(r, aliases, in);
}

void hl_config_read_inputs(struct hl_config_reader *r, const struct hl_yaml_node *inputs)
{
    static const char *const known[] = {"topic", "format", "fields", "aliases", NULL};
    if (!hl_node_is(&r->p, inputs, HL_YAML_LIST, "inputs")) return;
    r->c->inputs = hl_node_alloc(&r->p, inputs->n, sizeof(*r->c->inputs));
    for (size_t i = 0; r->c->inputs && i < inputs->n; i++) {
        if (!hl_node_check_map(&r->p, inputs->values[i], "an input", known)) continue;
        read_input(r, inputs->values[i], &r->c->inputs[r->c->n_inputs++]);
    }
}
