/* DESIGN  The loop that runs a plan over the bytes of a record (see plan.c). Every length, count and index comes from outside and is
 * checked against the bytes that are left before it is used, so the work is bounded by the size of the record, times the depth limit.
 * Strings are borrowed from the record; the only memory taken is the array of attributes and the text of numbers in it, in the arena.
 * A failure notes what was wrong in two numbers; text is made of them once, at the end.
 *
 * THREADS  No state but the arguments. */
#include <inttypes.h>
#include <stdio.h>

#include "hotlead/base/iso8601.h"
#include "schema.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum fault {
    FAULT_NONE,
    FAULT_END,     /* the bytes end too early: b wanted of a left */
    FAULT_VARINT,  /* longer than 10 bytes, or beyond 64 bits */
    FAULT_LENGTH,  /* a < 0, or a > b left */
    FAULT_UTF8,
    FAULT_ENUM,    /* index a of b symbols */
    FAULT_UNION,   /* index a of b branches */
    FAULT_COUNT,   /* a items in b bytes */
    FAULT_BLOCK,   /* block of a bytes, b of them used or left */
    FAULT_BOOLEAN, /* byte a */
    FAULT_DEPTH,
    FAULT_TIME,    /* text is no time */
    FAULT_REFUSED, /* a value of kind a */
    FAULT_MANY,    /* more than a attributes */
    FAULT_REST,    /* a bytes left over */
    FAULT_MEMORY,
};

struct run {
    const uint8_t *p, *end;
    const struct hl_avro_schema *s;
    struct hl_arena *arena;
    struct hl_event *ev;
    bool more; /* bytes behind the record belong to the next one */
    enum fault fault;
    int64_t a, b;
};

static size_t left(const struct run *r)
{
    return (size_t)(r->end - r->p);
}

static void __attribute__((cold, noinline)) note(struct run *r, enum fault fault, int64_t a, int64_t b)
{
    r->fault = fault;
    r->a = a;
    r->b = b;
}

/* Always false, and seen to be so by the compiler. */
static inline bool fail(struct run *r, enum fault fault, int64_t a, int64_t b)
{
    note(r, fault, a, b);
    return false;
}

/* Ten bytes are there: no end to look out for. */
static inline bool read_long_within(struct run *r, int64_t *out)
{
    uint64_t v = 0;
    const uint8_t *p = r->p;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        uint8_t byte = *p++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte >= 0x80) continue;
        r->p = p;
        *out = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
        return true;
    }
    return false;
}

static bool __attribute__((noinline)) read_long_slow(struct run *r, int64_t *out)
{
    uint64_t v = 0;
    if (LIKELY(left(r) >= 10) && LIKELY(read_long_within(r, out))) return true;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (r->p == r->end) return fail(r, FAULT_END, 0, 1);
        uint8_t byte = *r->p++;
        if (shift == 63 && byte > 1) break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
            return true;
        }
    }
    return fail(r, FAULT_VARINT, 0, 0);
}

static inline bool read_long(struct run *r, int64_t *out)
{
    if (LIKELY(r->p < r->end && *r->p < 0x80)) {
        uint8_t v = *r->p++;
        *out = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
        return true;
    }
    return read_long_slow(r, out);
}

static inline bool take(struct run *r, uint64_t n)
{
    if (UNLIKELY(n > left(r))) return fail(r, FAULT_END, (int64_t)left(r), (int64_t)n);
    r->p += n;
    return true;
}

static inline bool read_bytes(struct run *r, struct hl_slice *out)
{
    int64_t n;
    if (UNLIKELY(!read_long(r, &n))) return false;
    if (UNLIKELY(n < 0 || (uint64_t)n > left(r))) return fail(r, FAULT_LENGTH, n, (int64_t)left(r));
    *out = (struct hl_slice){(const char *)r->p, (size_t)n};
    r->p += n;
    return true;
}

static inline uint64_t word_at(const char *p)
{
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

/* Most text is ASCII: eight bytes at a time, the last eight once more where they end in between; the full check only when a high bit shows up. */
static inline bool is_text(struct hl_slice s)
{
    uint64_t high = 0;
    if (LIKELY(s.len >= 8)) {
        size_t last = s.len - 8;
        for (size_t i = 0; i < last; i += 8) high |= word_at(s.data + i);
        high |= word_at(s.data + last);
    } else {
        for (size_t i = 0; i < s.len; i++) high |= (uint64_t)(uint8_t)s.data[i];
    }
    return LIKELY((high & 0x8080808080808080u) == 0) || hl_utf8_is_valid(s);
}

static inline bool read_text(struct run *r, struct hl_slice *out)
{
    struct hl_slice s;
    if (UNLIKELY(!read_bytes(r, &s))) return false;
    if (UNLIKELY(!is_text(s))) return fail(r, FAULT_UTF8, 0, 0);
    *out = s;
    return true;
}

static bool read_symbol(struct run *r, const struct hl_avro_type *t, struct hl_slice *out)
{
    int64_t i;
    if (!read_long(r, &i)) return false;
    if (i < 0 || i >= t->n) return fail(r, FAULT_ENUM, i, t->n);
    *out = r->s->symbols[t->first + (uint32_t)i];
    return true;
}

static bool read_bool(struct run *r, bool *out)
{
    if (r->p == r->end) return fail(r, FAULT_END, 0, 1);
    if (*r->p > 1) return fail(r, FAULT_BOOLEAN, *r->p, 0);
    *out = *r->p++ == 1;
    return true;
}

/* Index of a union's branch, below n. */
static inline bool read_branch(struct run *r, uint32_t n, uint32_t *out)
{
    int64_t i;
    if (UNLIKELY(!read_long(r, &i))) return false;
    if (UNLIKELY(i < 0 || i >= n)) return fail(r, FAULT_UNION, i, n);
    *out = (uint32_t)i;
    return true;
}

/* Head of a block of an array or a map: its items, 0 at the end. *bytes is -1, or the size that the block gives for itself. Items of at
 * least one byte cannot be more than the bytes left; items of no bytes cost nothing. */
static bool read_block(struct run *r, uint32_t min_size, uint64_t *count, int64_t *bytes)
{
    int64_t n;
    *bytes = -1;
    if (!read_long(r, &n)) return false;
    if (n < 0) {
        if (!read_long(r, bytes)) return false;
        if (n == INT64_MIN) return fail(r, FAULT_COUNT, n, (int64_t)left(r));
        if (*bytes < 0 || (uint64_t)*bytes > left(r)) return fail(r, FAULT_BLOCK, *bytes, (int64_t)left(r));
        n = -n;
    }
    uint64_t room = *bytes >= 0 ? (uint64_t)*bytes : left(r);
    if (min_size && (uint64_t)n > room / min_size) return fail(r, FAULT_COUNT, n, (int64_t)room);
    *count = (uint64_t)n;
    return true;
}

static bool skip(struct run *r, uint32_t type, int depth);

static bool skip_items(struct run *r, const struct hl_avro_type *t, int depth)
{
    uint32_t of = r->s->kids[t->first].type;
    const struct hl_avro_type *item = &r->s->types[of];
    uint32_t min_size = item->min_size + (t->kind == HL_AVRO_MAP ? 1 : 0);
    for (;;) {
        uint64_t n;
        int64_t bytes;
        struct hl_slice key;
        if (!read_block(r, min_size, &n, &bytes)) return false;
        if (n == 0) return true;
        if (bytes >= 0) {
            r->p += bytes;
            continue;
        }
        if (min_size == 0) continue;
        for (; n > 0; n--)
            if ((t->kind == HL_AVRO_MAP && !read_bytes(r, &key)) || !skip(r, of, depth)) return false;
    }
}

static bool skip(struct run *r, uint32_t type, int depth)
{
    const struct hl_avro_type *t = &r->s->types[type];
    struct hl_slice bytes;
    int64_t number;
    uint32_t branch;
    if (t->constant) return take(r, t->min_size);
    if (depth >= HL_AVRO_MAX_DEPTH) return fail(r, FAULT_DEPTH, 0, 0);
    switch (t->kind) {
    case HL_AVRO_INT:
    case HL_AVRO_LONG:
        return read_long(r, &number);
    case HL_AVRO_BYTES:
    case HL_AVRO_STRING:
        return read_bytes(r, &bytes);
    case HL_AVRO_ENUM:
        return read_symbol(r, t, &bytes);
    case HL_AVRO_ARRAY:
    case HL_AVRO_MAP:
        return skip_items(r, t, depth + 1);
    case HL_AVRO_UNION:
        return read_branch(r, t->n, &branch) && skip(r, r->s->kids[t->first + branch].type, depth + 1);
    default:
        for (uint32_t i = 0; i < t->n; i++)
            if (!skip(r, r->s->kids[t->first + i].type, depth + 1)) return false;
        return true;
    }
}

static bool keep_text(struct run *r, const char *text, int len, struct hl_slice *out)
{
    *out = hl_arena_copy(r->arena, (struct hl_slice){text, (size_t)len});
    return out->data ? true : fail(r, FAULT_MEMORY, 0, 0);
}

/* Shortest decimal that reads back as the same number of its width. */
static bool keep_real(struct run *r, double v, bool is_float, struct hl_slice *out)
{
    char text[40];
    int len = 0;
    for (int digits = is_float ? 6 : 15; digits <= (is_float ? 9 : 17); digits++) {
        double back = 0;
        len = snprintf(text, sizeof(text), "%.*g", digits, v);
        if (sscanf(text, "%lf", &back) == 1 && (is_float ? (float)back == (float)v : back == v)) break;
    }
    return keep_text(r, text, len, out);
}

static bool read_real(struct run *r, bool is_float, struct hl_slice *out)
{
    uint64_t bits = 0;
    double v;
    float f;
    size_t n = is_float ? 4 : 8;
    if (left(r) < n) return fail(r, FAULT_END, (int64_t)left(r), (int64_t)n);
    for (size_t i = 0; i < n; i++) bits |= (uint64_t)r->p[i] << (8 * i);
    r->p += n;
    uint32_t low = (uint32_t)bits;
    memcpy(&v, &bits, 8);
    memcpy(&f, &low, 4);
    return keep_real(r, is_float ? (double)f : v, is_float, out);
}

/* An attribute's value as text. Null and what has parts (array, map, record, fixed) are passed over: *out is null. */
static bool read_attribute(struct run *r, uint32_t type, struct hl_slice *out)
{
    const struct hl_avro_type *t = &r->s->types[type];
    char text[24];
    int64_t number;
    uint32_t branch;
    bool flag;
    *out = HL_SLICE_NULL;
    switch (t->kind) {
    case HL_AVRO_STRING:
    case HL_AVRO_BYTES:
        return read_text(r, out);
    case HL_AVRO_ENUM:
        return read_symbol(r, t, out);
    case HL_AVRO_INT:
    case HL_AVRO_LONG:
        return read_long(r, &number) && keep_text(r, text, snprintf(text, sizeof(text), "%" PRId64, number), out);
    case HL_AVRO_BOOLEAN:
        if (!read_bool(r, &flag)) return false;
        *out = flag ? HL_SLICE_LIT("true") : HL_SLICE_LIT("false");
        return true;
    case HL_AVRO_FLOAT:
    case HL_AVRO_DOUBLE:
        return read_real(r, t->kind == HL_AVRO_FLOAT, out);
    case HL_AVRO_UNION: /* never directly in a union, so this recurs once */
        return read_branch(r, t->n, &branch) && read_attribute(r, r->s->kids[t->first + branch].type, out);
    default:
        return skip(r, type, 2);
    }
}

/* The array of attributes under construction. */
struct list {
    struct hl_kv *kv;
    size_t n, cap;
};

static bool list_reserve(struct run *r, struct list *l, uint64_t more)
{
    size_t want = more > HL_EVENT_MAX_ATTRIBUTES ? HL_EVENT_MAX_ATTRIBUTES : (size_t)more;
    if (want && want < l->n) want = l->n;
    if (l->n + want > HL_EVENT_MAX_ATTRIBUTES) want = HL_EVENT_MAX_ATTRIBUTES - l->n;
    if (l->n + want <= l->cap) return true;
    struct hl_kv *kv = hl_arena_alloc(r->arena, (l->n + want) * sizeof(*kv));
    if (!kv) return fail(r, FAULT_MEMORY, 0, 0);
    if (l->n) memcpy(kv, l->kv, l->n * sizeof(*kv));
    l->kv = kv;
    l->cap = l->n + want;
    return true;
}

static bool list_put(struct run *r, struct list *l, struct hl_slice key, struct hl_slice value)
{
    if (hl_slice_is_null(value)) return true;
    if (l->n == HL_EVENT_MAX_ATTRIBUTES) return fail(r, FAULT_MANY, HL_EVENT_MAX_ATTRIBUTES, 0);
    l->kv[l->n++] = (struct hl_kv){key, value};
    return true;
}

static bool read_map_block(struct run *r, uint32_t values, uint64_t n, struct list *l)
{
    struct hl_slice key, value;
    bool text = r->s->types[values].kind == HL_AVRO_STRING;
    if (!list_reserve(r, l, n)) return false;
    for (; n > 0; n--) {
        if (!read_text(r, &key)) return false;
        if (text ? !read_text(r, &value) : !read_attribute(r, values, &value)) return false;
        if (!list_put(r, l, key, value)) return false;
    }
    return true;
}

static bool read_map(struct run *r, uint32_t values)
{
    struct list l = {0};
    for (;;) {
        uint64_t n;
        int64_t bytes;
        if (!read_block(r, r->s->types[values].min_size + 1, &n, &bytes)) return false;
        if (n == 0) break;
        const uint8_t *start = r->p;
        if (!read_map_block(r, values, n, &l)) return false;
        if (bytes >= 0 && r->p - start != bytes) return fail(r, FAULT_BLOCK, bytes, r->p - start);
    }
    r->ev->attributes = l.kv;
    r->ev->n_attributes = l.n;
    return true;
}

static bool read_record(struct run *r, uint32_t type)
{
    const struct hl_avro_type *t = &r->s->types[type];
    struct list l = {0};
    struct hl_slice value;
    if (!list_reserve(r, &l, t->n)) return false;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct hl_avro_kid *kid = &r->s->kids[t->first + i];
        if (!read_attribute(r, kid->type, &value) || !list_put(r, &l, kid->name, value)) return false;
    }
    r->ev->attributes = l.kv;
    r->ev->n_attributes = l.n;
    return true;
}

static bool read_time(struct run *r, uint32_t per_ms)
{
    int64_t v;
    if (!read_long(r, &v)) return false;
    int64_t ms = per_ms == 1 ? v : v / per_ms - (v % per_ms < 0 ? 1 : 0);
    /* HL_TIME_ABSENT is no time; as the most negative one it is refused either way. */
    r->ev->occurred_at = ms == HL_TIME_ABSENT ? ms + 1 : ms;
    return true;
}

static bool read_time_text(struct run *r)
{
    struct hl_slice text;
    int64_t ms;
    if (!read_text(r, &text)) return false;
    if (!hl_time_parse(text, &ms)) return fail(r, FAULT_TIME, 0, 0);
    r->ev->occurred_at = ms == HL_TIME_ABSENT ? ms + 1 : ms;
    return true;
}

static struct hl_slice *slot_of(struct hl_event *ev, unsigned field)
{
    static const uint16_t offsets[HL_FIELD_COUNT] = {
        [HL_FIELD_EVENT_ID] = offsetof(struct hl_event, event_id), [HL_FIELD_CONTACT_ID] = offsetof(struct hl_event, contact_id),
        [HL_FIELD_TYPE] = offsetof(struct hl_event, type_name),    [HL_FIELD_URL] = offsetof(struct hl_event, url),
        [HL_FIELD_ASSET] = offsetof(struct hl_event, asset),       [HL_FIELD_FORM] = offsetof(struct hl_event, form),
        [HL_FIELD_CAMPAIGN] = offsetof(struct hl_event, campaign), [HL_FIELD_SOURCE] = offsetof(struct hl_event, source),
        [HL_FIELD_ACTOR] = offsetof(struct hl_event, actor),       [HL_FIELD_REASON] = offsetof(struct hl_event, reason),
    };
    return (struct hl_slice *)((char *)ev + offsets[field]);
}

/* One byte says which of the two: true. Else the general way decides. */
static inline bool read_optional(struct run *r, uint8_t null_is, struct hl_slice *out, bool *ok)
{
    uint8_t byte = LIKELY(r->p < r->end) ? *r->p : 1;
    if (UNLIKELY(byte != 0 && byte != 2)) return false;
    r->p++;
    *ok = byte == null_is || read_text(r, out);
    return true;
}

/* Runs to END or to the first fault; returns the instruction it stopped at. */
static const struct hl_avro_insn *execute(struct run *r, const struct hl_avro_plan *p)
{
    const uint8_t *mark = r->p;
    const struct hl_avro_insn *i = p->code;
    uint32_t branch;
    bool ok;
    for (;;) {
        const struct hl_avro_insn *next = i + 1;
        switch ((enum hl_avro_op)i->op) {
        case HL_OP_TEXT: ok = read_text(r, slot_of(r->ev, i->field)); break;
        case HL_OP_NULL_OR_TEXT:
        case HL_OP_TEXT_OR_NULL:
            if (LIKELY(read_optional(r, i->op == HL_OP_NULL_OR_TEXT ? 0 : 2, slot_of(r->ev, i->field), &ok))) {
                next = i + 4;
                break;
            }
            ok = read_branch(r, p->jumps[i->arg], &branch);
            if (ok) next = p->code + p->jumps[i->arg + 1 + branch];
            break;
        case HL_OP_BRANCH:
            ok = read_branch(r, p->jumps[i->arg], &branch);
            if (ok) next = p->code + p->jumps[i->arg + 1 + branch];
            break;
        case HL_OP_JUMP: i = p->code + i->arg; continue;
        case HL_OP_SKIP_BYTES: ok = take(r, i->arg); break;
        case HL_OP_SKIP: ok = skip(r, i->arg, 1); break;
        case HL_OP_SYMBOL: ok = read_symbol(r, &r->s->types[i->arg], slot_of(r->ev, i->field)); break;
        case HL_OP_TIME: ok = read_time(r, i->arg); break;
        case HL_OP_TIME_TEXT: ok = read_time_text(r); break;
        case HL_OP_BOOL: ok = read_bool(r, &r->ev->machine); break;
        case HL_OP_MAP: ok = read_map(r, i->arg); break;
        case HL_OP_RECORD: ok = read_record(r, i->arg); break;
        case HL_OP_MARK: mark = r->p; i = next; continue;
        case HL_OP_REWIND: r->p = mark; i = next; continue;
        case HL_OP_REFUSE: ok = fail(r, FAULT_REFUSED, r->s->types[i->arg].kind, 0); break;
        case HL_OP_END:
        default:
            if (!r->more && r->p != r->end) fail(r, FAULT_REST, (int64_t)left(r), 0);
            return i;
        }
        if (UNLIKELY(!ok)) return i;
        i = next;
    }
}

static void describe(const struct run *r, char *out, size_t cap)
{
    const char *fmt = "?";
    switch (r->fault) {
    case FAULT_NONE: break;
    case FAULT_END: fmt = "the record ends early: %" PRId64 " bytes left, %" PRId64 " wanted"; break;
    case FAULT_VARINT: fmt = "a number of more than 64 bits"; break;
    case FAULT_LENGTH: fmt = r->a < 0 ? "negative length %" PRId64 : "length %" PRId64 " with %" PRId64 " bytes left"; break;
    case FAULT_UTF8: fmt = "invalid UTF-8"; break;
    case FAULT_ENUM: fmt = "enum index %" PRId64 " of %" PRId64 " symbols"; break;
    case FAULT_UNION: fmt = "union index %" PRId64 " of %" PRId64 " branches"; break;
    case FAULT_COUNT: fmt = "%" PRId64 " items claimed in %" PRId64 " bytes"; break;
    case FAULT_BLOCK: fmt = "a block says %" PRId64 " bytes, there are %" PRId64; break;
    case FAULT_BOOLEAN: fmt = "boolean byte %" PRId64; break;
    case FAULT_DEPTH: fmt = "nested too deeply"; break;
    case FAULT_TIME: fmt = "text is neither RFC 3339 with an offset nor milliseconds"; break;
    case FAULT_REFUSED: snprintf(out, cap, "%s cannot be read as this field", hl_avro_kind_name((unsigned)r->a)); return;
    case FAULT_MANY: fmt = "more than %" PRId64 " attributes"; break;
    case FAULT_REST: fmt = "%" PRId64 " bytes left over"; break;
    case FAULT_MEMORY: fmt = "no memory"; break;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
    snprintf(out, cap, fmt, r->a, r->b);
#pragma GCC diagnostic pop
}

static enum hl_status __attribute__((cold, noinline)) report(const struct run *r, const struct hl_avro_plan *p, const struct hl_avro_insn *at,
                                                             struct hl_error *err)
{
    char what[160];
    describe(r, what, sizeof(what));
    if (r->fault == FAULT_MEMORY) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "%s", what);
    enum hl_status code = r->fault == FAULT_MANY ? HL_E_TOO_LARGE : HL_E_DECODE;
    if (r->fault == FAULT_REST) return hl_error_set(err, code, HL_SKIP, "%s", what);
    struct hl_slice place = p->place[at - p->code];
    return hl_error_set(err, code, HL_SKIP, "field '%.*s': %s", place.len > 100 ? 100 : (int)place.len, place.data, what);
}

enum hl_status hl_avro_plan_run(const struct hl_avro_plan *p, struct hl_slice datum, struct hl_arena *arena, struct hl_event *ev,
                                struct hl_error *err)
{
    if (datum.len > HL_AVRO_MAX_DATUM)
        return hl_error_set(err, HL_E_TOO_LARGE, HL_SKIP, "record of %zu bytes, at most %zu are read", datum.len, HL_AVRO_MAX_DATUM);
    const uint8_t *start = (const uint8_t *)(datum.data ? datum.data : "");
    struct run r = {.p = start, .end = start + datum.len, .s = &p->schema, .arena = arena, .ev = ev};
    hl_event_reset(ev);
    const struct hl_avro_insn *at = execute(&r, p);
    return LIKELY(r.fault == FAULT_NONE) ? HL_OK : report(&r, p, at, err);
}

enum hl_status hl_avro_plan_decode(const struct hl_avro_plan *p, struct hl_slice datum, struct hl_arena *arena, struct hl_event *ev,
                                   struct hl_error *err)
{
    enum hl_status st = hl_avro_plan_run(p, datum, arena, ev, err);
    if (st != HL_OK) return st;
    ev->type = hl_type_table_find(NULL, ev->type_name);
    return hl_event_check(ev, err);
}

enum hl_status hl_avro_plan_next(const struct hl_avro_plan *p, struct hl_slice *rest, struct hl_arena *arena, struct hl_event *ev, bool *framed,
                                 struct hl_error *err)
{
    const uint8_t *start = (const uint8_t *)(rest->data ? rest->data : "");
    size_t len = rest->len < HL_AVRO_MAX_DATUM ? rest->len : HL_AVRO_MAX_DATUM;
    struct run r = {.p = start, .end = start + len, .s = &p->schema, .arena = arena, .ev = ev, .more = true};
    hl_event_reset(ev);
    const struct hl_avro_insn *at = execute(&r, p);
    *framed = r.fault == FAULT_NONE;
    if (!*framed) return report(&r, p, at, err);
    rest->data += r.p - start;
    rest->len -= (size_t)(r.p - start);
    ev->type = hl_type_table_find(NULL, ev->type_name);
    return hl_event_check(ev, err);
}

bool hl_avro_skip(const struct hl_avro_schema *s, uint32_t type, struct hl_slice *rest, size_t *used)
{
    const uint8_t *start = (const uint8_t *)(rest->data ? rest->data : "");
    struct run r = {.p = start, .end = start + rest->len, .s = s};
    if (!skip(&r, type, 0)) return false;
    *used = (size_t)(r.p - start);
    rest->data += *used;
    rest->len -= *used;
    return true;
}
