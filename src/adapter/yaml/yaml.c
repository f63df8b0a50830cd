/* YAML text -> tree with positions.
 *
 * DESIGN
 *   libyaml's event parser feeds a stack of open collections. Children of all open collections lie in one array, `pending`; when
 *   a collection ends, its own run of that array (from frame.first on) is copied into the arena:
 *
 *     pending  [ key value key value | item item item | ... ]
 *                ^ frame 0             ^ frame 1
 *
 *   An alias is the anchored node itself, not a copy. Its whole weight counts towards the limit of nodes, as if it were written
 *   out, so that a reader that walks the tree is bounded too, whatever the aliases multiply.
 * WHY NOT libyaml's document loader: it keeps no limit of depth or nodes, and recursion in it and in its users follows the file.
 * THREADS  A tree is read-only once it is built. */
#include "hotlead/adapter/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "hotlead/base/arena.h"
#include "hotlead/base/hash.h"

enum { MAX_DEPTH = 64, MAX_NODES = 100000, MAX_ANCHORS = 1000, MAX_BYTES = 4 << 20 };

struct built {
    struct hl_yaml_node node; /* first, so that a node leads back to this */
    size_t weight;            /* nodes below and itself, aliases written out */
    unsigned height;
    bool open; /* its end is not read yet */
};

struct frame {
    struct built *owner;
    size_t first; /* of its children in pending */
    size_t weight_before;
};

struct anchor {
    struct hl_slice name;
    struct built *target;
    struct anchor *older;
};

struct hl_yaml {
    struct hl_arena arena;
    struct hl_slice name;
    uint64_t fingerprint;
    struct hl_yaml_node *root;
};

struct builder {
    struct hl_yaml *y;
    yaml_parser_t parser;
    struct frame frames[MAX_DEPTH];
    unsigned depth;
    struct hl_yaml_node **pending;
    size_t n_pending, cap_pending;
    size_t weight;
    struct anchor *anchors; /* newest first: a name used again means the newest */
    size_t n_anchors;
    struct hl_error *err;
};

static enum hl_status refuse(struct builder *b, yaml_mark_t at, const char *what)
{
    return hl_error_set(b->err, HL_E_CONFIG, HL_STOP, "%s:%zu:%zu: %s", b->y->name.data, at.line + 1, at.column + 1, what);
}

static enum hl_status no_memory(struct builder *b)
{
    return hl_error_set(b->err, HL_E_NOMEM, HL_STOP, "%s: out of memory", b->y->name.data);
}

static enum hl_status push(struct builder *b, struct hl_yaml_node *node)
{
    if (b->n_pending == b->cap_pending) {
        size_t cap = b->cap_pending ? 2 * b->cap_pending : 64;
        struct hl_yaml_node **grown = realloc(b->pending, cap * sizeof(*grown));
        if (!grown) return no_memory(b);
        b->pending = grown;
        b->cap_pending = cap;
    }
    b->pending[b->n_pending++] = node;
    return HL_OK;
}

static enum hl_status remember_anchor(struct builder *b, const yaml_event_t *e, const yaml_char_t *name, struct built *target)
{
    if (!name) return HL_OK;
    if (b->n_anchors++ == MAX_ANCHORS) return refuse(b, e->start_mark, "more than 1000 anchors");
    struct anchor *a = hl_arena_alloc(&b->y->arena, sizeof(*a));
    if (!a) return no_memory(b);
    *a = (struct anchor){hl_arena_copy(&b->y->arena, hl_slice_of((const char *)name)), target, b->anchors};
    if (hl_slice_is_null(a->name)) return no_memory(b);
    b->anchors = a;
    return HL_OK;
}

/* Room for a node in its place: below the limits, and a scalar where a key is due. */
static enum hl_status check_place(struct builder *b, yaml_mark_t at, enum hl_yaml_kind kind, size_t weight, unsigned height)
{
    if (weight > MAX_NODES - b->weight) return refuse(b, at, "more than 100000 nodes");
    if (b->depth + height > MAX_DEPTH) return refuse(b, at, "nested more than 64 deep");
    if (b->depth == 0) return b->y->root ? refuse(b, at, "a second document in the file") : HL_OK;
    const struct frame *f = &b->frames[b->depth - 1];
    bool is_key = f->owner->node.kind == HL_YAML_MAP && (b->n_pending - f->first) % 2 == 0;
    if (is_key && kind != HL_YAML_SCALAR) return refuse(b, at, "a key must be a plain word, not a list or a map");
    return HL_OK;
}

static enum hl_status place(struct builder *b, struct hl_yaml_node *node)
{
    if (b->depth > 0) return push(b, node);
    b->y->root = node;
    return HL_OK;
}

static struct built *new_node(struct builder *b, enum hl_yaml_kind kind, yaml_mark_t at)
{
    struct built *n = hl_arena_alloc(&b->y->arena, sizeof(*n));
    if (!n) return NULL;
    *n = (struct built){.node = {.kind = kind, .line = (unsigned)at.line + 1, .column = (unsigned)at.column + 1},
                        .weight = 1,
                        .height = kind == HL_YAML_SCALAR ? 0 : 1,
                        .open = kind != HL_YAML_SCALAR};
    return n;
}

static enum hl_status on_scalar(struct builder *b, const yaml_event_t *e)
{
    struct hl_slice text = {(const char *)e->data.scalar.value, e->data.scalar.length};
    if (memchr(text.data, 0, text.len)) return refuse(b, e->start_mark, "a NUL character in a text");
    enum hl_status st = check_place(b, e->start_mark, HL_YAML_SCALAR, 1, 0);
    if (st != HL_OK) return st;
    struct built *n = new_node(b, HL_YAML_SCALAR, e->start_mark);
    if (!n) return no_memory(b);
    n->node.text = hl_arena_copy(&b->y->arena, text);
    if (hl_slice_is_null(n->node.text)) return no_memory(b);
    n->node.plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    b->weight++;
    st = remember_anchor(b, e, e->data.scalar.anchor, n);
    return st == HL_OK ? place(b, &n->node) : st;
}

static enum hl_status on_alias(struct builder *b, const yaml_event_t *e)
{
    struct hl_slice name = hl_slice_of((const char *)e->data.alias.anchor);
    struct anchor *a = b->anchors;
    while (a && !hl_slice_eq(a->name, name)) a = a->older;
    if (!a) return refuse(b, e->start_mark, "an alias without its anchor");
    if (a->target->open) return refuse(b, e->start_mark, "an anchor that contains itself");
    enum hl_status st = check_place(b, e->start_mark, a->target->node.kind, a->target->weight, a->target->height);
    if (st != HL_OK) return st;
    b->weight += a->target->weight;
    if (b->depth > 0) {
        struct built *owner = b->frames[b->depth - 1].owner;
        if (owner->height < a->target->height + 1) owner->height = a->target->height + 1;
    }
    return place(b, &a->target->node);
}

static enum hl_status on_open(struct builder *b, const yaml_event_t *e, enum hl_yaml_kind kind, const yaml_char_t *anchor)
{
    enum hl_status st = check_place(b, e->start_mark, kind, 1, 1);
    if (st != HL_OK) return st;
    struct built *n = new_node(b, kind, e->start_mark);
    if (!n) return no_memory(b);
    st = remember_anchor(b, e, anchor, n);
    if (st == HL_OK) st = place(b, &n->node);
    if (st != HL_OK) return st;
    b->frames[b->depth++] = (struct frame){n, b->n_pending, b->weight};
    b->weight++;
    return HL_OK;
}

static int by_text(const void *a, const void *b)
{
    const struct hl_yaml_node *x = *(struct hl_yaml_node *const *)a, *y = *(struct hl_yaml_node *const *)b;
    int order = strcmp(x->text.data, y->text.data);
    if (order != 0) return order;
    return x->line != y->line ? (x->line > y->line) - (x->line < y->line) : (x->column > y->column) - (x->column < y->column);
}

static enum hl_status check_duplicates(struct builder *b, const struct hl_yaml_node *map)
{
    if (map->n < 2) return HL_OK;
    struct hl_yaml_node **sorted = malloc(map->n * sizeof(*sorted));
    if (!sorted) return no_memory(b);
    memcpy(sorted, map->keys, map->n * sizeof(*sorted));
    qsort(sorted, map->n, sizeof(*sorted), by_text);
    enum hl_status st = HL_OK;
    for (size_t i = 1; i < map->n && st == HL_OK; i++) {
        if (!hl_slice_eq(sorted[i - 1]->text, sorted[i]->text)) continue;
        st = hl_error_set(b->err, HL_E_CONFIG, HL_STOP, "%s:%u:%u: '%.*s' is written twice, first in line %u", b->y->name.data,
                          sorted[i]->line, sorted[i]->column, HL_SLICE_ARG(sorted[i]->text), sorted[i - 1]->line);
    }
    free(sorted);
    return st;
}

static enum hl_status on_close(struct builder *b)
{
    struct frame f = b->frames[--b->depth];
    struct hl_yaml_node *node = &f.owner->node;
    size_t n = b->n_pending - f.first, step = node->kind == HL_YAML_MAP ? 2 : 1;
    node->n = n / step;
    node->values = hl_arena_alloc(&b->y->arena, node->n * sizeof(*node->values));
    node->keys = step == 2 ? hl_arena_alloc(&b->y->arena, node->n * sizeof(*node->keys)) : NULL;
    if (!node->values || (step == 2 && !node->keys)) return no_memory(b);
    for (size_t i = 0; i < node->n; i++) {
        size_t first = f.first + step * i;
        if (step == 2) node->keys[i] = b->pending[first];
        node->values[i] = b->pending[first + step - 1];
    }
    b->n_pending = f.first;
    f.owner->weight = b->weight - f.weight_before;
    if (b->depth > 0) {
        struct built *outer = b->frames[b->depth - 1].owner;
        if (outer->height < f.owner->height + 1) outer->height = f.owner->height + 1;
    }
    f.owner->open = false;
    return step == 2 ? check_duplicates(b, node) : HL_OK;
}

static enum hl_status on_event(struct builder *b, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT: return on_scalar(b, e);
    case YAML_ALIAS_EVENT: return on_alias(b, e);
    case YAML_MAPPING_START_EVENT: return on_open(b, e, HL_YAML_MAP, e->data.mapping_start.anchor);
    case YAML_SEQUENCE_START_EVENT: return on_open(b, e, HL_YAML_LIST, e->data.sequence_start.anchor);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT: return on_close(b);
    default: /* stream and document marks carry nothing */ return HL_OK;
    }
}

static enum hl_status parser_failed(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_MEMORY_ERROR) return no_memory(b);
    char what[200];
    snprintf(what, sizeof(what), "%s%s%s", p->context ? p->context : "", p->context ? ", " : "",
             p->problem ? p->problem : "not YAML");
    return refuse(b, p->error == YAML_READER_ERROR ? p->mark : p->problem_mark, what);
}

static enum hl_status parse(struct builder *b)
{
    for (bool end = false; !end;) {
        yaml_event_t e;
        if (!yaml_parser_parse(&b->parser, &e)) return parser_failed(b);
        end = e.type == YAML_STREAM_END_EVENT;
        enum hl_status st = on_event(b, &e);
        yaml_event_delete(&e);
        if (st != HL_OK) return st;
    }
    return HL_OK;
}

/* An empty file, or one of comments only, is an empty map. */
static enum hl_status settle_root(struct builder *b)
{
    struct hl_yaml_node *root = b->y->root;
    if (root && !(root->kind == HL_YAML_SCALAR && root->plain && root->text.len == 0)) return HL_OK;
    struct built *n = new_node(b, HL_YAML_MAP, (yaml_mark_t){0, 0, 0});
    if (!n) return no_memory(b);
    b->y->root = &n->node;
    return HL_OK;
}

enum hl_status hl_yaml_load_text(const char *name, struct hl_slice text, struct hl_yaml **out, struct hl_error *err)
{
    if (text.len > MAX_BYTES) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "%s:1:1: larger than 4 MiB", name);
    struct builder b = {.err = err};
    b.y = calloc(1, sizeof(*b.y));
    if (!b.y) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "%s: out of memory", name);
    hl_arena_init(&b.y->arena, 0);
    b.y->name = hl_arena_copy(&b.y->arena, hl_slice_of(name));
    b.y->fingerprint = hl_hash64(text) | 1;
    enum hl_status st = HL_E_NOMEM;
    if (hl_slice_is_null(b.y->name) || !yaml_parser_initialize(&b.parser)) {
        st = hl_error_set(err, HL_E_NOMEM, HL_STOP, "%s: out of memory", name);
        goto out;
    }
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text.data, text.len);
    st = parse(&b);
    yaml_parser_delete(&b.parser);
    if (st == HL_OK) st = settle_root(&b);
    if (st == HL_OK) *out = b.y;
out:
    free(b.pending);
    if (st != HL_OK) hl_yaml_free(b.y);
    return st;
}

static enum hl_status io_error(const char *path, struct hl_error *err)
{
    return hl_error_set(err, HL_E_IO, HL_STOP, "%s: %s", path, strerror(errno));
}

enum hl_status hl_yaml_load_file(const char *path, struct hl_yaml **out, struct hl_error *err)
{
    FILE *f = fopen(path, "re");
    if (!f) return io_error(path, err);
    enum hl_status st;
    char *bytes = malloc(MAX_BYTES + 1);
    size_t n = bytes ? fread(bytes, 1, MAX_BYTES + 1, f) : 0;
    if (!bytes)
        st = hl_error_set(err, HL_E_NOMEM, HL_STOP, "%s: out of memory", path);
    else if (ferror(f))
        st = io_error(path, err);
    else
        st = hl_yaml_load_text(path, (struct hl_slice){bytes, n}, out, err);
    free(bytes);
    fclose(f);
    return st;
}

void hl_yaml_free(struct hl_yaml *y)
{
    if (!y) return;
    hl_arena_fini(&y->arena);
    free(y);
}

const struct hl_yaml_node *hl_yaml_root(const struct hl_yaml *y)
{
    return y->root;
}

const char *hl_yaml_name(const struct hl_yaml *y)
{
    return y->name.data;
}

uint64_t hl_yaml_fingerprint(const struct hl_yaml *y)
{
    return y->fingerprint;
}

const struct hl_yaml_node *hl_yaml_get(const struct hl_yaml_node *map, const char *key)
{
    if (!map || map->kind != HL_YAML_MAP) return NULL;
    for (size_t i = 0; i < map->n; i++) {
        if (hl_slice_eq_cstr(map->keys[i]->text, key)) return map->values[i];
    }
    return NULL;
}
