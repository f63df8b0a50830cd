/* DESIGN  A writer schema and the fields wanted become a short program, once; decode.c runs it over each record. A record is walked in
 * the writer's order; what is not wanted is a skip (neighbours of constant size become one), what is wanted is a capture; a record on
 * the path of a wanted field is walked in line. For {event_id string, at long, user union [null, {id string, age int}]} and the map
 * {contact_id: user.id, occurred_at: at}:
 *
 *    0 TEXT event_id    1 TIME occurred_at /1    2 BRANCH -> 3, 4    3 JUMP 7
 *    4 TEXT contact_id  5 SKIP int               6 JUMP 7            7 END
 *
 * A value that several fields want is read several times, between MARK and REWIND.
 *
 * Resolution (Avro specification, "Schema Resolution") is done here: order and names by looking up, dropped fields by never capturing,
 * promotion and unions by the choice of the instruction. A type that cannot be read as the field is refused here where no branch of a
 * union can, and by REFUSE where some branch can.
 *
 * THREADS  A plan is immutable once compiled. */
#include "schema.h"

#include <stdlib.h>

#define MAX_CODE 65536

/* A field still looked for below the current record. */
struct want {
    enum hl_field field;
    const char *path; /* what is left of the path; NULL: by the canonical name, then the aliases */
};

struct wants {
    struct want at[HL_FIELD_COUNT];
    size_t n;
};

struct compiler {
    struct hl_avro_plan *plan;
    uint32_t cap_code, cap_jumps;
    struct hl_error *err;
    bool fits; /* the last capture could read some value that is not null */
};

const char *hl_avro_field_alias(enum hl_field f, size_t i)
{
    static const char *const aliases[HL_FIELD_COUNT][3] = {
        [HL_FIELD_EVENT_ID] = {"eventId"},
        [HL_FIELD_CONTACT_ID] = {"contactId"},
        [HL_FIELD_OCCURRED_AT] = {"occurredAt"},
        [HL_FIELD_TYPE] = {"event_type", "eventType"},
    };
    return i < 3 ? aliases[f][i] : NULL;
}

static enum hl_status no_memory(struct compiler *c)
{
    return hl_error_set(c->err, HL_E_NOMEM, HL_STOP, "no memory for a decoding plan");
}

static enum hl_status emit(struct compiler *c, enum hl_avro_op op, int field, uint32_t arg, struct hl_slice place)
{
    struct hl_avro_plan *p = c->plan;
    if (p->n_code >= MAX_CODE)
        return hl_error_set(c->err, HL_E_SCHEMA, HL_SKIP, "schema: the paths of the field map lead through too many unions");
    if (p->n_code == c->cap_code) {
        uint32_t cap = c->cap_code ? c->cap_code * 2 : 64;
        struct hl_avro_insn *code = realloc(p->code, cap * sizeof(*code));
        if (code) p->code = code;
        struct hl_slice *places = realloc(p->place, cap * sizeof(*places));
        if (places) p->place = places;
        if (!code || !places) return no_memory(c);
        c->cap_code = cap;
    }
    p->code[p->n_code] = (struct hl_avro_insn){(uint8_t)op, (uint8_t)field, arg};
    p->place[p->n_code++] = place;
    return HL_OK;
}

/* A jump target that a later skip must not be merged over is protected by the instructions of its union: each branch starts with a
 * first instruction of its own, because `mergeable` is the code length at which merging may begin. */
static enum hl_status emit_skip(struct compiler *c, uint32_t type, struct hl_slice place, uint32_t mergeable)
{
    const struct hl_avro_type *t = &c->plan->schema.types[type];
    if (!t->constant) return emit(c, HL_OP_SKIP, 0, type, place);
    if (t->min_size == 0) return HL_OK;
    struct hl_avro_insn *last = c->plan->n_code > mergeable ? &c->plan->code[c->plan->n_code - 1] : NULL;
    if (!last || last->op != HL_OP_SKIP_BYTES) return emit(c, HL_OP_SKIP_BYTES, 0, t->min_size, place);
    if (last->arg <= HL_AVRO_MAX_DATUM) last->arg += t->min_size;
    return HL_OK;
}

static enum hl_status emit_branch(struct compiler *c, uint32_t n, struct hl_slice place, uint32_t *first)
{
    struct hl_avro_plan *p = c->plan;
    if (p->n_jumps + n + 1 > c->cap_jumps) {
        uint32_t cap = (p->n_jumps + n + 1) * 2;
        if (cap > 16 * MAX_CODE) return hl_error_set(c->err, HL_E_SCHEMA, HL_SKIP, "schema: too many union branches");
        uint32_t *jumps = realloc(p->jumps, cap * sizeof(*jumps));
        if (!jumps) return no_memory(c);
        p->jumps = jumps;
        c->cap_jumps = cap;
    }
    p->jumps[p->n_jumps] = n;
    *first = p->n_jumps + 1;
    p->n_jumps += n + 1;
    return emit(c, HL_OP_BRANCH, 0, *first - 1, place);
}

/* Code for each branch by `branch`, each closed by a jump to the common end. */
typedef enum hl_status branch_fn(struct compiler *c, uint32_t type, struct hl_slice place, const void *arg, int depth);

static enum hl_status compile_union(struct compiler *c, uint32_t type, struct hl_slice place, branch_fn *branch, const void *arg, int depth)
{
    const struct hl_avro_type *t = &c->plan->schema.types[type];
    uint32_t first = 0, chain = 0; /* jumps to patch, linked through their arg */
    enum hl_status st = emit_branch(c, t->n, place, &first);
    for (uint32_t i = 0; st == HL_OK && i < t->n; i++) {
        c->plan->jumps[first + i] = c->plan->n_code;
        st = branch(c, c->plan->schema.kids[t->first + i].type, place, arg, depth + 1);
        if (st != HL_OK) break;
        st = emit(c, HL_OP_JUMP, 0, chain, place);
        chain = c->plan->n_code; /* position + 1; 0 ends the chain */
    }
    while (st == HL_OK && chain) {
        struct hl_avro_insn *jump = &c->plan->code[chain - 1];
        chain = jump->arg;
        jump->arg = c->plan->n_code;
    }
    return st;
}

/* The instruction that reads a value of type t as field f; HL_OP_REFUSE: none does. */
static struct hl_avro_insn reading(const struct hl_avro_schema *s, uint32_t type, enum hl_field f)
{
    const struct hl_avro_type *t = &s->types[type];
    bool integer = t->kind == HL_AVRO_LONG || t->kind == HL_AVRO_INT, text = t->kind == HL_AVRO_STRING || t->kind == HL_AVRO_BYTES;
    static const uint32_t per_ms[] = {[HL_AVRO_PLAIN] = 1, [HL_AVRO_MILLIS] = 1, [HL_AVRO_MICROS] = 1000, [HL_AVRO_NANOS] = 1000000};
    struct hl_avro_insn refuse = {HL_OP_REFUSE, (uint8_t)f, type}, i = {0, (uint8_t)f, type};
    if (f == HL_FIELD_OCCURRED_AT) {
        if (integer && t->logical != HL_AVRO_NO_MOMENT) return (struct hl_avro_insn){HL_OP_TIME, i.field, per_ms[t->logical]};
        i.op = HL_OP_TIME_TEXT;
        return text ? i : refuse;
    }
    if (f == HL_FIELD_MACHINE) {
        i.op = HL_OP_BOOL;
        return t->kind == HL_AVRO_BOOLEAN ? i : refuse;
    }
    if (f == HL_FIELD_ATTRIBUTES) {
        if (t->kind == HL_AVRO_MAP) return (struct hl_avro_insn){HL_OP_MAP, i.field, s->kids[t->first].type};
        i.op = HL_OP_RECORD;
        return t->kind == HL_AVRO_RECORD ? i : refuse;
    }
    i.op = text ? HL_OP_TEXT : HL_OP_SYMBOL;
    return text || t->kind == HL_AVRO_ENUM ? i : refuse;
}

static enum hl_status capture_one(struct compiler *c, uint32_t type, struct hl_slice place, const void *arg, int depth)
{
    (void)depth;
    if (c->plan->schema.types[type].kind == HL_AVRO_NULL) return HL_OK;
    struct hl_avro_insn i = reading(&c->plan->schema, type, *(const enum hl_field *)arg);
    if (i.op != HL_OP_REFUSE) c->fits = true;
    return emit(c, i.op, i.field, i.arg, place);
}

static bool all_null(const struct hl_avro_schema *s, const struct hl_avro_type *t)
{
    if (t->kind == HL_AVRO_NULL) return true;
    for (uint32_t i = 0; t->kind == HL_AVRO_UNION && i < t->n; i++)
        if (s->types[s->kids[t->first + i].type].kind != HL_AVRO_NULL) return false;
    return t->kind == HL_AVRO_UNION;
}

static enum hl_status capture(struct compiler *c, uint32_t type, struct hl_slice place, enum hl_field f)
{
    const struct hl_avro_type *t = &c->plan->schema.types[type];
    c->fits = all_null(&c->plan->schema, t);
    enum hl_status st = t->kind == HL_AVRO_UNION ? compile_union(c, type, place, capture_one, &f, 0) : capture_one(c, type, place, &f, 0);
    if (st != HL_OK || c->fits) return st;
    return hl_error_set(c->err, HL_E_SCHEMA, HL_SKIP, "field '%s': no way to read %s '%.*s' as this field", hl_field_name(f),
                        hl_avro_kind_name(t->kind), HL_SLICE_ARG(place));
}

static bool has_field(const struct hl_avro_schema *s, const struct hl_avro_type *record, struct hl_slice name)
{
    for (uint32_t i = 0; i < record->n; i++)
        if (hl_slice_eq(s->kids[record->first + i].name, name)) return true;
    return false;
}

/* Name that a canonical field has in this record: its own, else the first alias that is there. */
static struct hl_slice name_in(const struct hl_avro_schema *s, const struct hl_avro_type *record, enum hl_field f)
{
    struct hl_slice own = hl_slice_of(hl_field_name(f));
    if (has_field(s, record, own)) return own;
    for (size_t i = 0; hl_avro_field_alias(f, i); i++) {
        struct hl_slice alias = hl_slice_of(hl_avro_field_alias(f, i));
        if (has_field(s, record, alias)) return alias;
    }
    return own;
}

/* First names of the wants' paths in this record. */
static void heads_of(const struct hl_avro_schema *s, const struct hl_avro_type *record, const struct wants *all, struct hl_slice *heads)
{
    for (size_t i = 0; i < all->n; i++) {
        const char *path = all->at[i].path;
        heads[i] = path ? (struct hl_slice){path, strcspn(path, ".")} : name_in(s, record, all->at[i].field);
    }
}

/* Split the wants that this field serves: those that end here, and those that go on below it. */
static void select_wants(const struct wants *all, const struct hl_slice *heads, struct hl_slice name, struct wants *here, struct wants *below)
{
    here->n = below->n = 0;
    for (size_t i = 0; i < all->n; i++) {
        const struct want *w = &all->at[i];
        if (!hl_slice_eq(heads[i], name)) continue;
        if (w->path && w->path[heads[i].len] == '.') below->at[below->n++] = (struct want){w->field, w->path + heads[i].len + 1};
        else here->at[here->n++] = *w;
    }
}

static enum hl_status compile_value(struct compiler *c, uint32_t type, struct hl_slice place, const void *wants, int depth);

static enum hl_status compile_field(struct compiler *c, const struct hl_avro_kid *kid, const struct wants *here, const struct wants *below,
                                    int depth)
{
    struct hl_slice place = kid->name;
    uint32_t type = kid->type;
    size_t left = here->n + (below->n ? 1 : 0);
    enum hl_status st = HL_OK;
    /* One mark is enough: what lies below, and may mark again, is read last. */
    if (left > 1) st = emit(c, HL_OP_MARK, 0, 0, place);
    for (size_t i = 0; st == HL_OK && i < here->n; i++) {
        st = capture(c, type, place, here->at[i].field);
        if (st == HL_OK && --left) st = emit(c, HL_OP_REWIND, 0, 0, place);
    }
    if (st == HL_OK && below->n) st = compile_value(c, type, place, below, depth + 1);
    return st;
}

static enum hl_status compile_record(struct compiler *c, const struct hl_avro_type *t, const struct wants *wants, int depth)
{
    const struct hl_avro_schema *s = &c->plan->schema;
    struct hl_slice heads[HL_FIELD_COUNT];
    uint32_t mergeable = c->plan->n_code;
    enum hl_status st = HL_OK;
    heads_of(s, t, wants, heads);
    for (uint32_t i = 0; st == HL_OK && i < t->n; i++) {
        struct wants here, below;
        const struct hl_avro_kid *kid = &s->kids[t->first + i];
        select_wants(wants, heads, kid->name, &here, &below);
        if (here.n + below.n == 0) {
            st = emit_skip(c, kid->type, kid->name, mergeable);
            continue;
        }
        st = compile_field(c, kid, &here, &below, depth);
        mergeable = c->plan->n_code;
    }
    return st;
}

/* A value on the path of some wanted fields. Anything but a record has none of them. */
static enum hl_status compile_value(struct compiler *c, uint32_t type, struct hl_slice place, const void *arg, int depth)
{
    const struct hl_avro_type *t = &c->plan->schema.types[type];
    if (depth > HL_AVRO_MAX_DEPTH) return hl_error_set(c->err, HL_E_SCHEMA, HL_SKIP, "schema: a path of the field map is too long");
    if (t->kind == HL_AVRO_RECORD) return compile_record(c, t, arg, depth);
    if (t->kind == HL_AVRO_UNION) return compile_union(c, type, place, compile_value, arg, depth);
    return emit_skip(c, type, place, c->plan->n_code);
}

/* Most optional fields are a union of null and a string: their BRANCH becomes one instruction. What it jumps over stays where it is, for
 * the odd way to write an index (a varint that is longer than it need be).
 *
 *     BRANCH (JUMP end) (TEXT f, JUMP end)     BRANCH (TEXT f, JUMP end) (JUMP end) */
static void fuse(struct hl_avro_plan *p)
{
    for (uint32_t i = 0; i + 3 < p->n_code; i++) {
        struct hl_avro_insn *code = &p->code[i];
        if (code->op != HL_OP_BRANCH || p->jumps[code->arg] != 2 || p->jumps[code->arg + 1] != i + 1) continue;
        bool null_first = code[1].op == HL_OP_JUMP && code[2].op == HL_OP_TEXT && code[3].op == HL_OP_JUMP;
        bool text_first = code[1].op == HL_OP_TEXT && code[2].op == HL_OP_JUMP && code[3].op == HL_OP_JUMP;
        if (p->jumps[code->arg + 2] != i + (null_first ? 2 : 3) || code[3].arg != i + 4) continue;
        if (null_first && code[1].arg == i + 4) *code = (struct hl_avro_insn){HL_OP_NULL_OR_TEXT, code[2].field, code->arg};
        if (text_first && code[2].arg == i + 4) *code = (struct hl_avro_insn){HL_OP_TEXT_OR_NULL, code[1].field, code->arg};
    }
}

static bool holds_record(const struct hl_avro_schema *s)
{
    const struct hl_avro_type *t = &s->types[s->root];
    for (uint32_t i = 0; t->kind == HL_AVRO_UNION && i < t->n; i++)
        if (s->types[s->kids[t->first + i].type].kind == HL_AVRO_RECORD) return true;
    return t->kind == HL_AVRO_RECORD;
}

static enum hl_status compile(struct compiler *c, const char *json, const struct hl_field_map *map)
{
    struct hl_avro_schema *s = &c->plan->schema;
    enum hl_status st = hl_avro_schema_parse(s, json, c->err);
    if (st != HL_OK) return st;
    if (!holds_record(s))
        return hl_error_set(c->err, HL_E_SCHEMA, HL_SKIP, "schema: a record is wanted, not %s", hl_avro_kind_name(s->types[s->root].kind));
    struct wants wants = {.n = HL_FIELD_COUNT};
    for (size_t i = 0; i < HL_FIELD_COUNT; i++) wants.at[i] = (struct want){(enum hl_field)i, map ? map->path[i] : NULL};
    st = compile_value(c, s->root, HL_SLICE_LIT("record"), &wants, 0);
    if (st == HL_OK) st = emit(c, HL_OP_END, 0, 0, HL_SLICE_LIT("record"));
    if (st == HL_OK) fuse(c->plan);
    return st;
}

enum hl_status hl_avro_plan_compile(const char *schema_json, const struct hl_field_map *map, struct hl_avro_plan **out, struct hl_error *err)
{
    struct compiler c = {.plan = calloc(1, sizeof(struct hl_avro_plan)), .err = err};
    if (!c.plan) return no_memory(&c);
    enum hl_status st = compile(&c, schema_json, map);
    if (st == HL_OK) *out = c.plan;
    else hl_avro_plan_free(c.plan);
    return st;
}

void hl_avro_plan_free(struct hl_avro_plan *p)
{
    if (!p) return;
    hl_avro_schema_fini(&p->schema);
    free(p->code);
    free(p->place);
    free(p->jumps);
    free(p);
}
