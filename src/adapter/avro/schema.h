/* Private to adapter/avro: a writer schema as flat arrays, and the plan compiled from it. */
#ifndef HOTLEAD_AVRO_SCHEMA_H
#define HOTLEAD_AVRO_SCHEMA_H

#include <jansson.h>

#include "hotlead/adapter/avro.h"

#define HL_AVRO_MAX_DEPTH 64                /* of nesting, in a schema and in a record */
#define HL_AVRO_MAX_DATUM ((size_t)1 << 20) /* bytes of a record */
#define HL_AVRO_MAX_SCHEMA ((size_t)1 << 20)
#define HL_AVRO_MAX_TYPES 65535
#define HL_AVRO_MAX_NAMED 4096

/* The first eight are the primitive types. */
#define HL_AVRO_KINDS(X)                                                                                             \
    X(NULL, "null") X(BOOLEAN, "boolean") X(INT, "int") X(LONG, "long") X(FLOAT, "float") X(DOUBLE, "double")        \
    X(BYTES, "bytes") X(STRING, "string") X(FIXED, "fixed") X(ENUM, "enum") X(ARRAY, "array") X(MAP, "map")          \
    X(UNION, "union") X(RECORD, "record")

enum hl_avro_kind {
#define X(code, name) HL_AVRO_##code,
    HL_AVRO_KINDS(X)
#undef X
    HL_AVRO_KIND_COUNT,
};
#define HL_AVRO_PRIMITIVES HL_AVRO_FIXED

enum hl_avro_logical {
    HL_AVRO_PLAIN,     /* none, or one that does not matter here */
    HL_AVRO_MILLIS,    /* timestamp-millis, local-timestamp-millis */
    HL_AVRO_MICROS,    /* timestamp-micros, local-timestamp-micros */
    HL_AVRO_NANOS,     /* timestamp-nanos, local-timestamp-nanos */
    HL_AVRO_NO_MOMENT, /* date, time-millis, time-micros: a number, but no moment in ms */
};

struct hl_avro_type {
    uint8_t kind, logical;
    bool constant;     /* every value takes exactly min_size bytes */
    uint8_t mark;      /* for the computation of sizes */
    uint32_t n, first; /* fields, branches or the one item type: kids[first ..]; symbols: symbols[first ..] */
    uint32_t min_size; /* bytes; held to HL_AVRO_MAX_DATUM + 1 */
};

struct hl_avro_kid {
    uint32_t type;
    struct hl_slice name; /* of a record's field */
};

struct hl_avro_schema {
    struct hl_avro_type *types;
    struct hl_avro_kid *kids;
    struct hl_slice *symbols;
    uint32_t n_types, n_kids, n_symbols, root;
    struct hl_arena text; /* names and symbols */
};

const char *hl_avro_kind_name(unsigned kind);
/* HL_E_SCHEMA, HL_E_NOMEM. Whatever comes back, hl_avro_schema_fini is due. */
/* avro-c's opinion of a schema that ours has accepted. */
enum hl_status hl_avro_schema_check(const char *json, struct hl_error *err) HL_WARN_UNUSED;
enum hl_status hl_avro_schema_parse(struct hl_avro_schema *s, const char *json, struct hl_error *err) HL_WARN_UNUSED;
void hl_avro_schema_fini(struct hl_avro_schema *s);

/* The text of a schema as a JSON tree, within the limits above. NULL: err is set. */
json_t *hl_avro_json_load(const char *json, struct hl_error *err);

/* Full name of a definition or of a reference (Avro specification, "Names"). */
#define HL_AVRO_NAME_SIZE 1024
struct hl_avro_name {
    char full[HL_AVRO_NAME_SIZE];
    char space[HL_AVRO_NAME_SIZE]; /* the namespace inside it */
};
/* space_attr: the "namespace" attribute or NULL; enclosing: the namespace around. False: too long or empty. */
bool hl_avro_name_of(struct hl_avro_name *out, const char *name, const char *space_attr, const char *enclosing);

/* --- the plan: see plan.c --- */

enum hl_avro_op {
    HL_OP_END,
    HL_OP_SKIP_BYTES, /* arg bytes */
    HL_OP_SKIP,       /* a value of type arg */
    HL_OP_JUMP,       /* to arg */
    HL_OP_BRANCH,     /* read the index of a union; jumps[arg] is the number of branches, then their targets */
    HL_OP_MARK,       /* remember the place */
    HL_OP_REWIND,     /* back to the place of the last MARK */
    HL_OP_TEXT,       /* string or bytes -> field */
    HL_OP_NULL_OR_TEXT, /* a BRANCH of two, the first of them null and the other one TEXT -> field; the code of both follows, as behind BRANCH */
    HL_OP_TEXT_OR_NULL, /* likewise, in the other order */
    HL_OP_SYMBOL,     /* enum of type arg -> field, as text */
    HL_OP_TIME,       /* long, divided by arg -> occurred_at */
    HL_OP_TIME_TEXT,  /* string -> occurred_at */
    HL_OP_BOOL,       /* -> machine */
    HL_OP_MAP,        /* map with values of type arg -> attributes */
    HL_OP_RECORD,     /* record of type arg -> attributes by field name */
    HL_OP_REFUSE,     /* a value of type arg, which cannot be read as the field */
};

struct hl_avro_insn {
    uint8_t op;
    uint8_t field;
    uint32_t arg;
};

struct hl_avro_plan {
    struct hl_avro_schema schema;
    struct hl_avro_insn *code;
    struct hl_slice *place; /* beside code: the writer's field, for messages */
    uint32_t *jumps;
    uint32_t n_code, n_jumps;
};

/* As hl_avro_plan_decode, but leaves ev->type alone and checks nothing that hl_event_check does. */
enum hl_status hl_avro_plan_run(const struct hl_avro_plan *p, struct hl_slice datum, struct hl_arena *arena, struct hl_event *ev,
                                struct hl_error *err) HL_WARN_UNUSED;
/* The alias of a canonical field at `i`, NULL at the end. The same as in schemas/event.avsc. */
const char *hl_avro_field_alias(enum hl_field f, size_t i);

/* Move *rest behind a value of this type, *used bytes. False: it is malformed, or cut off. decode.c */
bool hl_avro_skip(const struct hl_avro_schema *s, uint32_t type, struct hl_slice *rest, size_t *used);
/* The map of long `applied` of a ContactState. HL_E_DECODE. records.c */
enum hl_status hl_avro_get_applied(struct hl_reader *r, struct hl_applied_slice *applied, size_t cap, size_t *n_applied);

#endif
