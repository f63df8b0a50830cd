/* DESIGN  A schema is JSON; jansson makes a tree of it, once, when the schema is first seen. What is kept is three flat arrays (types,
 * kids, symbols) that point at each other by index, so a recursive schema is a cycle of indexes and nothing else:
 *
 *   types  [0 record n=2 first=0] [1 string] [2 union n=2 first=2] [3 null]
 *   kids   [id -> 1] [next -> 2] [-> 3] [-> 0]
 *
 * WHY NOT avro-c's own tree: it does not keep aliases and logical types, which resolution needs. It is asked for its opinion in the end (check.c). */
#include "schema.h"

#include <stdlib.h>

struct named {
    struct hl_slice full;
    uint32_t type;
};

struct parser {
    struct hl_avro_schema *s;
    struct named *named;
    uint32_t n_named;
    uint32_t cap_types, cap_kids, cap_symbols;
    struct hl_error *err;
};

const char *hl_avro_kind_name(unsigned kind)
{
    static const char *const names[] = {
#define X(code, name) name,
        HL_AVRO_KINDS(X)
#undef X
    };
    return kind < HL_AVRO_KIND_COUNT ? names[kind] : "?";
}

json_t *hl_avro_json_load(const char *json, struct hl_error *err)
{
    json_error_t je;
    size_t len = strlen(json);
    if (len > HL_AVRO_MAX_SCHEMA) {
        hl_error_set(err, HL_E_SCHEMA, HL_SKIP, "schema of %zu bytes, at most %zu are read", len, HL_AVRO_MAX_SCHEMA);
        return NULL;
    }
    json_t *tree = json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &je);
    if (!tree) hl_error_set(err, HL_E_SCHEMA, HL_SKIP, "schema is not JSON: line %d: %s", je.line, je.text);
    return tree;
}

bool hl_avro_name_of(struct hl_avro_name *out, const char *name, const char *space_attr, const char *enclosing)
{
    const char *dot = strrchr(name, '.');
    const char *space = space_attr ? space_attr : enclosing;
    size_t space_len = dot ? (size_t)(dot - name) : strlen(space), base_len = strlen(dot ? dot + 1 : name);
    if (base_len == 0 || space_len + base_len + 2 > HL_AVRO_NAME_SIZE) return false;
    if (dot) space = name;
    /* `out` may hold `enclosing`: move, then build. */
    memmove(out->space, space, space_len);
    out->space[space_len] = '\0';
    memcpy(out->full, out->space, space_len);
    size_t at = space_len;
    if (space_len) out->full[at++] = '.';
    memcpy(out->full + at, dot ? dot + 1 : name, base_len + 1);
    return true;
}

static enum hl_status bad(struct parser *p, const char *what, const char *name)
{
    return hl_error_set(p->err, HL_E_SCHEMA, HL_SKIP, "schema: %s%s%.100s", what, name ? " " : "", name ? name : "");
}

static enum hl_status no_memory(struct parser *p)
{
    return hl_error_set(p->err, HL_E_NOMEM, HL_STOP, "no memory for a schema");
}

/* Room for n more elements behind *count; returns where they start in *first. */
static enum hl_status reserve(struct parser *p, void **array, size_t size, uint32_t *count, uint32_t *cap, size_t n, uint32_t *first)
{
    if (n > HL_AVRO_MAX_SCHEMA || *count + n > HL_AVRO_MAX_SCHEMA) return bad(p, "too large", NULL);
    if (*count + n > *cap) {
        size_t want = (*count + n) * 2;
        void *grown = realloc(*array, want * size);
        if (!grown) return no_memory(p);
        *array = grown;
        *cap = (uint32_t)want;
    }
    *first = *count;
    *count += (uint32_t)n;
    if (n) memset((char *)*array + *first * size, 0, n * size);
    return HL_OK;
}

static enum hl_status new_type(struct parser *p, enum hl_avro_kind kind, uint32_t *type)
{
    if (p->s->n_types >= HL_AVRO_MAX_TYPES) return bad(p, "too many types", NULL);
    void *array = p->s->types;
    enum hl_status st = reserve(p, &array, sizeof(*p->s->types), &p->s->n_types, &p->cap_types, 1, type);
    p->s->types = array;
    if (st == HL_OK) p->s->types[*type].kind = (uint8_t)kind;
    return st;
}

static enum hl_status new_kids(struct parser *p, uint32_t type, size_t n)
{
    uint32_t first = 0;
    void *array = p->s->kids;
    enum hl_status st = reserve(p, &array, sizeof(*p->s->kids), &p->s->n_kids, &p->cap_kids, n, &first);
    p->s->kids = array;
    if (st != HL_OK) return st;
    p->s->types[type].n = (uint32_t)n;
    p->s->types[type].first = first;
    return HL_OK;
}

static enum hl_status keep_text(struct parser *p, const char *text, struct hl_slice *out)
{
    *out = hl_arena_copy(&p->s->text, hl_slice_of(text));
    return hl_slice_is_null(*out) ? no_memory(p) : HL_OK;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int primitive_of(const char *name)
{
    for (int k = 0; k < HL_AVRO_PRIMITIVES; k++)
        if (strcmp(name, hl_avro_kind_name((unsigned)k)) == 0) return k;
    return -1;
}

static enum hl_avro_logical logical_of(enum hl_avro_kind kind, const char *name)
{
    static const struct {
        const char *name;
        enum hl_avro_kind kind;
        enum hl_avro_logical logical;
    } table[] = {
        {"timestamp-millis", HL_AVRO_LONG, HL_AVRO_MILLIS}, {"local-timestamp-millis", HL_AVRO_LONG, HL_AVRO_MILLIS},
        {"timestamp-micros", HL_AVRO_LONG, HL_AVRO_MICROS}, {"local-timestamp-micros", HL_AVRO_LONG, HL_AVRO_MICROS},
        {"timestamp-nanos", HL_AVRO_LONG, HL_AVRO_NANOS},   {"local-timestamp-nanos", HL_AVRO_LONG, HL_AVRO_NANOS},
        {"time-micros", HL_AVRO_LONG, HL_AVRO_NO_MOMENT},   {"time-millis", HL_AVRO_INT, HL_AVRO_NO_MOMENT},
        {"date", HL_AVRO_INT, HL_AVRO_NO_MOMENT},
    };
    for (size_t i = 0; name && i < HL_ARRAY_LEN(table); i++)
        if (table[i].kind == kind && strcmp(table[i].name, name) == 0) return table[i].logical;
    return HL_AVRO_PLAIN;
}

static enum hl_status parse_type(struct parser *p, const json_t *j, const char *space, int depth, uint32_t *type);

static enum hl_status parse_name(struct parser *p, const char *name, const char *space, uint32_t *type)
{
    struct hl_avro_name full;
    int primitive = primitive_of(name);
    if (primitive >= 0) return new_type(p, (enum hl_avro_kind)primitive, type);
    if (!hl_avro_name_of(&full, name, NULL, space)) return bad(p, "bad name", name);
    struct hl_slice want = hl_slice_of(full.full), bare = hl_slice_of(name);
    /* A bare name may also stand for a type without a namespace. */
    for (int pass = 0; pass < 2; pass++, want = bare) {
        for (uint32_t i = 0; i < p->n_named; i++) {
            if (!hl_slice_eq(p->named[i].full, want)) continue;
            *type = p->named[i].type;
            return HL_OK;
        }
    }
    return bad(p, "unknown type", name);
}

static enum hl_status parse_union(struct parser *p, const json_t *j, const char *space, int depth, uint32_t *type)
{
    size_t n = json_array_size(j);
    if (n == 0) return bad(p, "empty union", NULL);
    enum hl_status st = new_type(p, HL_AVRO_UNION, type);
    if (st == HL_OK) st = new_kids(p, *type, n);
    uint32_t first = st == HL_OK ? p->s->types[*type].first : 0;
    for (size_t i = 0; st == HL_OK && i < n; i++) {
        uint32_t branch;
        const json_t *item = json_array_get(j, i);
        if (json_is_array(item)) return bad(p, "a union directly in a union", NULL);
        st = parse_type(p, item, space, depth + 1, &branch);
        if (st == HL_OK) p->s->kids[first + i].type = branch;
    }
    return st;
}

static enum hl_status parse_item(struct parser *p, const json_t *item, enum hl_avro_kind kind, const char *space, int depth, uint32_t *type)
{
    if (!item) return bad(p, kind == HL_AVRO_MAP ? "map without values" : "array without items", NULL);
    enum hl_status st = new_type(p, kind, type);
    if (st == HL_OK) st = new_kids(p, *type, 1);
    uint32_t first = st == HL_OK ? p->s->types[*type].first : 0, of = 0;
    if (st == HL_OK) st = parse_type(p, item, space, depth + 1, &of);
    if (st == HL_OK) p->s->kids[first].type = of;
    return st;
}

static enum hl_status parse_symbols(struct parser *p, const json_t *j, uint32_t type)
{
    const json_t *symbols = json_object_get(j, "symbols");
    size_t n = json_array_size(symbols);
    uint32_t first = 0;
    if (n == 0) return bad(p, "enum without symbols", NULL);
    void *array = p->s->symbols;
    enum hl_status st = reserve(p, &array, sizeof(*p->s->symbols), &p->s->n_symbols, &p->cap_symbols, n, &first);
    p->s->symbols = array;
    for (size_t i = 0; st == HL_OK && i < n; i++) {
        const char *symbol = json_string_value(json_array_get(symbols, i));
        st = symbol ? keep_text(p, symbol, &p->s->symbols[first + i]) : bad(p, "enum symbol is not a string", NULL);
    }
    p->s->types[type].n = (uint32_t)n;
    p->s->types[type].first = first;
    return st;
}

static enum hl_status parse_fixed(struct parser *p, const json_t *j, uint32_t type)
{
    const json_t *size = json_object_get(j, "size");
    json_int_t n = json_is_integer(size) ? json_integer_value(size) : -1;
    if (n < 0) return bad(p, "fixed without size", NULL);
    p->s->types[type].n = n > (json_int_t)HL_AVRO_MAX_DATUM ? (uint32_t)HL_AVRO_MAX_DATUM + 1 : (uint32_t)n;
    return HL_OK;
}

static enum hl_status parse_fields(struct parser *p, const json_t *j, const char *space, int depth, uint32_t type)
{
    const json_t *fields = json_object_get(j, "fields");
    if (!json_is_array(fields)) return bad(p, "record without fields", NULL);
    size_t n = json_array_size(fields);
    enum hl_status st = new_kids(p, type, n);
    uint32_t first = p->s->types[type].first;
    for (size_t i = 0; st == HL_OK && i < n; i++) {
        const json_t *field = json_array_get(fields, i), *of = json_object_get(field, "type");
        const char *name = text_of(field, "name");
        uint32_t kid;
        if (!name || !*name || !of) return bad(p, "field without name or type", name);
        st = parse_type(p, of, space, depth + 1, &kid);
        if (st != HL_OK) break;
        p->s->kids[first + i].type = kid;
        st = keep_text(p, name, &p->s->kids[first + i].name);
    }
    return st;
}

static enum hl_status define(struct parser *p, const char *full, uint32_t type)
{
    if (p->n_named >= HL_AVRO_MAX_NAMED) return bad(p, "too many named types", NULL);
    for (uint32_t i = 0; i < p->n_named; i++)
        if (hl_slice_eq_cstr(p->named[i].full, full)) return bad(p, "defined twice:", full);
    p->named[p->n_named].type = type;
    return keep_text(p, full, &p->named[p->n_named++].full);
}

/* record, error, enum, fixed. The name is known inside the definition, so a record can contain itself. */
static enum hl_status parse_named(struct parser *p, const json_t *j, enum hl_avro_kind kind, const char *space, int depth, uint32_t *type)
{
    const char *name = text_of(j, "name");
    struct hl_avro_name *full = malloc(sizeof(*full)); /* not on the stack: one for each level */
    if (!full) return no_memory(p);
    enum hl_status st = HL_OK;
    if (!name || !hl_avro_name_of(full, name, text_of(j, "namespace"), space)) st = bad(p, "type without a good name", name);
    if (st == HL_OK) st = new_type(p, kind, type);
    if (st == HL_OK) st = define(p, full->full, *type);
    if (st == HL_OK && kind == HL_AVRO_ENUM) st = parse_symbols(p, j, *type);
    if (st == HL_OK && kind == HL_AVRO_FIXED) st = parse_fixed(p, j, *type);
    if (st == HL_OK && kind == HL_AVRO_RECORD) st = parse_fields(p, j, full->space, depth, *type);
    free(full);
    return st;
}

static enum hl_status parse_object(struct parser *p, const json_t *j, const char *space, int depth, uint32_t *type)
{
    const json_t *of = json_object_get(j, "type");
    const char *name = json_string_value(of);
    if (!of) return bad(p, "object without type", NULL);
    if (!name) return parse_type(p, of, space, depth + 1, type);
    if (strcmp(name, "record") == 0 || strcmp(name, "error") == 0) return parse_named(p, j, HL_AVRO_RECORD, space, depth, type);
    if (strcmp(name, "enum") == 0) return parse_named(p, j, HL_AVRO_ENUM, space, depth, type);
    if (strcmp(name, "fixed") == 0) return parse_named(p, j, HL_AVRO_FIXED, space, depth, type);
    if (strcmp(name, "array") == 0) return parse_item(p, json_object_get(j, "items"), HL_AVRO_ARRAY, space, depth, type);
    if (strcmp(name, "map") == 0) return parse_item(p, json_object_get(j, "values"), HL_AVRO_MAP, space, depth, type);
    enum hl_status st = parse_name(p, name, space, type);
    if (st == HL_OK && p->s->types[*type].kind < HL_AVRO_PRIMITIVES)
        p->s->types[*type].logical = (uint8_t)logical_of(p->s->types[*type].kind, text_of(j, "logicalType"));
    return st;
}

static enum hl_status parse_type(struct parser *p, const json_t *j, const char *space, int depth, uint32_t *type)
{
    if (depth > HL_AVRO_MAX_DEPTH) return bad(p, "nested too deeply", NULL);
    if (json_is_string(j)) return parse_name(p, json_string_value(j), space, type);
    if (json_is_array(j)) return parse_union(p, j, space, depth, type);
    if (json_is_object(j)) return parse_object(p, j, space, depth, type);
    return bad(p, "a type must be a string, an array or an object", NULL);
}

enum { MARK_NEW, MARK_OPEN, MARK_DONE };

static uint32_t held(uint64_t size)
{
    return size > HL_AVRO_MAX_DATUM ? (uint32_t)HL_AVRO_MAX_DATUM + 1 : (uint32_t)size;
}

/* Sizes, through records only: every other cycle passes a union, an array or a map, whose first byte is enough to know. */
static enum hl_status measure(struct parser *p, uint32_t type, int depth)
{
    static const uint8_t primitive[] = {0, 1, 1, 1, 4, 8, 1, 1};
    struct hl_avro_type *t = &p->s->types[type];
    if (t->mark == MARK_DONE) return HL_OK;
    if (t->mark == MARK_OPEN) return bad(p, "a record contains itself without end", NULL);
    if (depth > HL_AVRO_MAX_NAMED) return bad(p, "nested too deeply", NULL);
    t->mark = MARK_OPEN;
    t->min_size = t->kind < HL_AVRO_PRIMITIVES ? primitive[t->kind] : 1;
    t->constant = t->kind == HL_AVRO_NULL || t->kind == HL_AVRO_BOOLEAN || t->kind == HL_AVRO_FLOAT || t->kind == HL_AVRO_DOUBLE;
    if (t->kind == HL_AVRO_FIXED) {
        t->min_size = t->n;
        t->constant = true;
    }
    if (t->kind == HL_AVRO_RECORD) {
        uint64_t sum = 0;
        t->constant = true;
        for (uint32_t i = 0; i < t->n; i++) {
            const struct hl_avro_type *kid = &p->s->types[p->s->kids[t->first + i].type];
            enum hl_status st = measure(p, p->s->kids[t->first + i].type, depth + 1);
            if (st != HL_OK) return st;
            sum = held(sum + kid->min_size);
            t->constant = t->constant && kid->constant;
        }
        t->min_size = held(sum);
    }
    t->mark = MARK_DONE;
    return HL_OK;
}

enum hl_status hl_avro_schema_parse(struct hl_avro_schema *s, const char *json, struct hl_error *err)
{
    struct parser p = {.s = s, .err = err};
    memset(s, 0, sizeof(*s));
    hl_arena_init(&s->text, 0);
    json_t *tree = hl_avro_json_load(json, err);
    if (!tree) return HL_E_SCHEMA;
    p.named = malloc(HL_AVRO_MAX_NAMED * sizeof(*p.named));
    enum hl_status st = p.named ? parse_type(&p, tree, "", 0, &s->root) : no_memory(&p);
    for (uint32_t i = 0; st == HL_OK && i < s->n_types; i++) st = measure(&p, i, 0);
    free(p.named);
    json_decref(tree);
    return st ? st : hl_avro_schema_check(json, err);
}

void hl_avro_schema_fini(struct hl_avro_schema *s)
{
    free(s->types);
    free(s->kids);
    free(s->symbols);
    hl_arena_fini(&s->text);
}
