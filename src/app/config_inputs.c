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

/* Index of the choice that stands there; `otherwise` when there is none, or a wrong one. */
static int read_choice(struct hl_config_reader *r, const struct hl_yaml_node *n, const char *key, const char *const *choices, const char *all,
                       int otherwise)
{
    if (!hl_node_is(&r->p, n, HL_YAML_SCALAR, key)) return otherwise;
    struct hl_nearest nearest;
    hl_nearest_init(&nearest, n->text);
    for (int i = 0; choices[i]; i++) {
        if (hl_slice_eq_cstr(n->text, choices[i])) return i;
        hl_nearest_offer(&nearest, choices[i]);
    }
    hl_problem_error(&r->p, n, "%s must be %s, not '%.*s'%s", key, all, HL_SLICE_ARG(n->text), hl_nearest_hint(&nearest));
    return otherwise;
}

static bool is_path(struct hl_slice s)
{
    if (s.len == 0 || s.data[0] == '.' || s.data[s.len - 1] == '.') return false;
    for (size_t i = 0; i < s.len; i++) {
        bool empty = s.data[i] == '.' && s.data[i + 1] == '.'; /* the last byte is no dot */
        if (empty || s.data[i] == '|' || s.data[i] == '+') return false;
    }
    return true;
}

static bool is_field_path(struct hl_slice s)
{
    struct hl_slice rest = s, path;
    char op;
    bool ok = s.len <= 500;
    for (bool first = true; ok && hl_field_path_next(&rest, &path, &op); first = false) ok = is_path(path) && first == (op == 0);
    return ok;
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

/* attributes: {email: who.mail, "*": who.traits}: one by one, and with * the members of an object. */
static void read_attributes(struct hl_config_reader *r, const struct hl_yaml_node *map, struct hl_field_map *fields)
{
    if (map->n > HL_FIELD_MAX_NAMED) {
        hl_problem_error(&r->p, map, "%zu attributes are named, at most %d can be", map->n, HL_FIELD_MAX_NAMED);
        return;
    }
    for (size_t i = 0; i < fields->n_named; i++) { /* a mapping's */
        free(fields->named[i].name);
        free(fields->named[i].path);
    }
    free(fields->named);
    fields->n_named = 0;
    fields->named = hl_node_alloc(&r->p, map->n, sizeof(*fields->named));
    free(fields->path[HL_FIELD_ATTRIBUTES]);
    fields->path[HL_FIELD_ATTRIBUTES] = NULL;
    for (size_t i = 0; fields->named && i < map->n; i++) {
        const struct hl_yaml_node *name = map->keys[i], *path = map->values[i];
        if (!hl_node_is(&r->p, path, HL_YAML_SCALAR, "an attribute's path")) continue;
        if (!is_path(path->text) || path->text.len > 500) {
            hl_problem_error(&r->p, path, "'%.*s' is no path of an attribute: names with dots between", HL_SLICE_ARG(path->text));
            continue;
        }
        char *copy = hl_node_copy(&r->p, path->text);
        if (hl_slice_eq_cstr(name->text, "*")) fields->path[HL_FIELD_ATTRIBUTES] = copy;
        else fields->named[fields->n_named++] = (struct hl_named_path){hl_node_copy(&r->p, name->text), copy};
    }
}

static void read_fields(struct hl_config_reader *r, const struct hl_yaml_node *map, struct hl_input *in)
{
    if (!hl_node_is(&r->p, map, HL_YAML_MAP, "fields")) return;
    for (size_t i = 0; i < map->n; i++) {
        const struct hl_yaml_node *path = map->values[i];
        int f = field_find(r, map->keys[i]);
        if (f == HL_FIELD_ATTRIBUTES && path->kind == HL_YAML_MAP) {
            read_attributes(r, path, &in->fields);
            continue;
        }
        if (f < 0 || !hl_node_is(&r->p, path, HL_YAML_SCALAR, "a field's path")) continue;
        free(in->fields.path[f]); /* a mapping's */
        in->fields.path[f] = hl_node_copy(&r->p, path->text);
        if (!is_field_path(path->text))
            hl_problem_error(&r->p, path, "'%.*s' is no path of a field: names with dots between; 'a | b' and 'a + b' combine paths",
                             HL_SLICE_ARG(path->text));
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
    struct hl_type_alias *all = hl_node_alloc(&r->p, in->n_aliases + map->n, sizeof(*all));
    if (!all) return;
    if (in->n_aliases) memcpy(all, in->aliases, in->n_aliases * sizeof(*all));
    free(in->aliases); /* the texts have moved */
    in->aliases = all;
    for (size_t i = 0; i < map->n; i++) {
        enum hl_event_type type;
        if (!type_find(r, map->values[i], &type)) continue;
        char *spelling = hl_node_copy(&r->p, map->keys[i]->text);
        if (spelling) in->aliases[in->n_aliases++] = (struct hl_type_alias){spelling, type};
    }
}

typedef void read_fn(struct hl_config_reader *r, const struct hl_yaml_node *root, struct hl_input *in);

/* Another file, whose paths start at its own folder. */
static void read_other_file(struct hl_config_reader *r, const char *key, const struct hl_yaml_node *n, read_fn *read, struct hl_input *in)
{
    if (!r->files) {
        hl_problem_error(&r->p, n, "%s: no other file is read here", key);
        return;
    }
    char *path = hl_config_path(r, n->text);
    if (!path) return;
    struct hl_yaml *y = NULL;
    struct hl_error err;
    enum hl_status st = hl_yaml_load_file(path, &y, &err);
    if (st == HL_E_IO) hl_problem_error(&r->p, n, "%s: %s", key, err.message); /* the place that names the file helps more */
    const char *file = r->p.file, *folder_of = r->folder_of;
    r->p.file = r->folder_of = path;
    if (st == HL_OK)
        read(r, hl_yaml_root(y), in);
    else if (st != HL_E_IO)
        hl_problem_yaml(&r->p, &err);
    r->p.file = file;
    r->folder_of = folder_of;
    hl_yaml_free(y);
    free(path);
}

static void read_time_unit(struct hl_config_reader *r, const struct hl_yaml_node *n, struct hl_input *in)
{
    if (!hl_node_is(&r->p, n, HL_YAML_SCALAR, "time_unit")) return;
    in->fields.seconds = hl_slice_eq_cstr(n->text, "s");
    if (!in->fields.seconds && !hl_slice_eq_cstr(n->text, "ms"))
        hl_problem_error(&r->p, n, "time_unit must be ms or s, not '%.*s'", HL_SLICE_ARG(n->text));
}

/* Where the fields are in the JSON form of a CloudEvent, if nothing else is said. */
static void name_cloudevents(struct hl_config_reader *r, struct hl_input *in)
{
    static const char *const paths[HL_FIELD_COUNT] = {
        [HL_FIELD_EVENT_ID] = "id",         [HL_FIELD_CONTACT_ID] = "subject",    [HL_FIELD_OCCURRED_AT] = "time",
        [HL_FIELD_TYPE] = "type",           [HL_FIELD_SOURCE] = "source",         [HL_FIELD_URL] = "data.url",
        [HL_FIELD_ASSET] = "data.asset",    [HL_FIELD_FORM] = "data.form",        [HL_FIELD_CAMPAIGN] = "data.campaign",
        [HL_FIELD_ACTOR] = "data.actor",    [HL_FIELD_REASON] = "data.reason",    [HL_FIELD_MACHINE] = "data.machine",
        [HL_FIELD_ATTRIBUTES] = "data.attributes",
    };
    for (int f = 0; f < HL_FIELD_COUNT; f++)
        if (!in->fields.path[f] && paths[f] && !(f == HL_FIELD_ATTRIBUTES && in->fields.n_named)) in->fields.path[f] = hl_node_copy(&r->p, hl_slice_of(paths[f]));
}

/* What an input says of its records. */
static void read_shape(struct hl_config_reader *r, const struct hl_yaml_node *map, struct hl_input *in)
{
    const struct hl_yaml_node *aliases = hl_node_find(map, "aliases"), *fields = hl_node_find(map, "fields"),
                              *time_unit = hl_node_find(map, "time_unit"), *format = hl_node_find(map, "format");
    in->format = (enum hl_format)read_choice(r, format, "format", hl_config_formats, "avro, avro-single-object, json, segment or cloudevents",
                                             (int)in->format);
    read_time_unit(r, time_unit, in);
    read_fields(r, fields, in);
    if (aliases && aliases->kind == HL_YAML_SCALAR)
        read_other_file(r, "aliases", aliases, read_alias_map, in);
    else if (aliases)
        read_alias_map(r, aliases, in);
    bool avro = in->format == HL_FORMAT_AVRO || in->format == HL_FORMAT_AVRO_SINGLE_OBJECT;
    size_t combined = hl_field_map_combined(&in->fields);
    if (combined > HL_FIELD_MAX_COMBINED)
        hl_problem_error(&r->p, fields ? fields : map, "%zu paths are combined, at most %d can be", combined, HL_FIELD_MAX_COMBINED);
    if (avro && in->fields.n_named)
        hl_problem_error(&r->p, fields ? fields : map, "attributes named one by one are for the formats json, segment and cloudevents");
    if (avro && (combined || in->fields.seconds))
        hl_problem_error(&r->p, time_unit ? time_unit : fields ? fields : map,
                         "paths combined by | or +, and time_unit s, are for the formats json, segment and cloudevents");
    if (in->format == HL_FORMAT_CLOUDEVENTS) name_cloudevents(r, in);
}

static void read_mapping(struct hl_config_reader *r, const struct hl_yaml_node *root, struct hl_input *in)
{
    static const char *const known[] = {"format", "time_unit", "fields", "aliases", NULL};
    if (hl_node_check_map(&r->p, root, "a mapping", known)) read_shape(r, root, in);
}

static void read_input(struct hl_config_reader *r, const struct hl_yaml_node *map, struct hl_input *in)
{
    const struct hl_yaml_node *topic = hl_node_find(map, "topic"), *mapping = hl_node_find(map, "mapping");
    if (!topic) hl_problem_error(&r->p, map, "an input without a topic");
    if (hl_node_is(&r->p, topic, HL_YAML_SCALAR, "topic") && hl_config_check_topic(r, topic))
        in->topic = hl_node_copy(&r->p, topic->text);
    for (const struct hl_input *other = r->c->inputs; in->topic && other < in; other++) {
        if (other->topic && strcmp(other->topic, in->topic) == 0)
            hl_problem_error(&r->p, topic, "the input '%s' is listed twice", in->topic);
    }
    if (hl_node_is(&r->p, mapping, HL_YAML_SCALAR, "mapping")) read_other_file(r, "mapping", mapping, read_mapping, in);
    read_shape(r, map, in); /* over what the mapping says */
    in->priority = (enum hl_priority)read_choice(r, hl_node_find(map, "priority"), "priority", hl_config_priorities, "normal or high",
                                                 HL_PRIORITY_NORMAL);
}

static void warn_of_priority(struct hl_config_reader *r, const struct hl_yaml_node *inputs)
{
    for (size_t i = 0; i < r->c->n_inputs; i++)
        if (r->c->inputs[i].priority != HL_PRIORITY_HIGH) return;
    if (r->c->n_inputs) hl_problem_warning(&r->p, inputs, "priority: high on every input puts none before another");
}

void hl_config_read_inputs(struct hl_config_reader *r, const struct hl_yaml_node *inputs)
{
    static const char *const known[] = {"topic", "priority", "mapping", "format", "time_unit", "fields", "aliases", NULL};
    if (!hl_node_is(&r->p, inputs, HL_YAML_LIST, "inputs")) return;
    r->c->inputs = hl_node_alloc(&r->p, inputs->n + 1, sizeof(*r->c->inputs)); /* and our own */
    for (size_t i = 0; r->c->inputs && i < inputs->n; i++) {
        if (!hl_node_check_map(&r->p, inputs->values[i], "an input", known)) continue;
        read_input(r, inputs->values[i], &r->c->inputs[r->c->n_inputs++]);
    }
    warn_of_priority(r, inputs);
}

enum hl_status hl_mapping_load(const char *path, struct hl_input *out, struct hl_buf *problems, struct hl_error *err)
{
    struct hl_config_reader r = {.p = {.file = path, .lines = problems, .err = err}, .folder_of = path, .files = true};
    struct hl_yaml *y = NULL;
    struct hl_error yaml_err;
    *out = (struct hl_input){.format = HL_FORMAT_AVRO};
    enum hl_status st = hl_yaml_load_file(path, &y, &yaml_err);
    if (st != HL_OK) {
        hl_problem_yaml(&r.p, &yaml_err);
        if (err) err->code = st;
        return st;
    }
    read_mapping(&r, hl_yaml_root(y), out);
    hl_yaml_free(y);
    return hl_problems_status(&r.p);
}

void hl_input_fini(struct hl_input *in)
{
    free(in->topic);
    hl_field_map_fini(&in->fields);
    for (size_t i = 0; i < in->n_aliases; i++) free(in->aliases[i].spelling);
    free(in->aliases);
    *in = (struct hl_input){.topic = NULL};
}
