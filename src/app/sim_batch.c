/* Bytes of a unit -> events. What cannot be used is counted and told, and the next one is read. */
#include "sim_batch.h"

#include <stdlib.h>

#include "hotlead/base/hash.h"

void hl_sim_batch_init(struct hl_sim_batch *b)
{
    *b = (struct hl_sim_batch){0};
    hl_arena_init(&b->arena, (size_t)8 << 20);
    hl_buf_init(&b->problems);
    hl_buf_init(&b->unpacked);
}

void hl_sim_batch_fini(struct hl_sim_batch *b)
{
    free(b->events);
    free(b->hashes);
    free(b->stream);
    free(b->refs);
    hl_arena_fini(&b->arena);
    hl_buf_fini(&b->problems);
    hl_buf_fini(&b->unpacked);
}

static bool grow_events(struct hl_sim_batch *b, size_t cap)
{
    struct hl_event *events = realloc(b->events, cap * sizeof(*events));
    if (events) b->events = events;
    uint64_t *hashes = realloc(b->hashes, cap * sizeof(*hashes));
    if (hashes) b->hashes = hashes;
    int64_t *stream = realloc(b->stream, cap * sizeof(*stream));
    if (stream) b->stream = stream;
    return events && hashes && stream;
}

static bool grow_refs(struct hl_sim_batch *b, size_t cap)
{
    struct hl_sim_ref *refs = realloc(b->refs, cap * sizeof(*refs));
    if (refs) b->refs = refs;
    return refs;
}

static bool grow(struct hl_sim_batch *b)
{
    size_t cap = b->cap ? b->cap * 2 : 4096;
    bool ok = b->index ? grow_refs(b, cap) : grow_events(b, cap);
    if (ok) b->cap = cap;
    return ok;
}

/* NULL: no memory. In index mode one event after the other lies in the same place. */
static struct hl_event *place(struct hl_sim_batch *b, struct hl_event *scratch)
{
    if (b->n == b->cap && !grow(b)) {
        b->status = HL_E_NOMEM;
        return NULL;
    }
    return b->index ? scratch : &b->events[b->n];
}

static void keep(struct hl_sim_batch *b, const struct hl_event *ev, struct hl_slice bytes)
{
    if (b->index)
        b->refs[b->n] = (struct hl_sim_ref){.occurred_at = ev->occurred_at, .bytes = bytes, .file = b->unit.file};
    else
        b->hashes[b->n] = hl_hash64(ev->contact_id);
    b->n++;
    if (hl_event_is_early(ev) && b->n_early++ == 0) {
        b->first_early = b->records;
        b->first_early_at = ev->occurred_at;
    }
}

static void refuse(struct hl_sim_batch *b, const struct hl_error *why, uint64_t how_many)
{
    if (why->code == HL_E_NOMEM) b->status = HL_E_NOMEM;
    if (b->n_bad < HL_SIM_MAX_PROBLEMS) {
        hl_buf_put_long(&b->problems, b->records);
        hl_buf_put_bytes(&b->problems, hl_slice_of(why->message));
    }
    b->n_bad += how_many;
}

static void decode_lines(struct hl_sim_batch *b)
{
    struct hl_decoder *json = b->unit.file->json;
    struct hl_event scratch;
    const char *p = b->unit.text.data, *end = p + b->unit.text.len;
    while (p < end && b->status == HL_OK) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        struct hl_slice line = {p, (size_t)((newline ? newline : end) - p)};
        p = newline ? newline + 1 : end;
        b->records++;
        if (hl_slice_trim(line).len == 0) continue;
        struct hl_event *ev = place(b, &scratch);
        if (!ev) return;
        struct hl_error why = {.code = HL_OK};
        if (json->decode(json, line, &b->arena, ev, &why) == HL_OK)
            keep(b, ev, line);
        else
            refuse(b, &why, 1);
    }
}

/* The next record of a container, its type by the mapping's names, too. */
static enum hl_status next_record(struct hl_sim_batch *b, const struct hl_sim_file *f, struct hl_slice *rest, struct hl_event *ev,
                                  bool *framed, struct hl_error *why)
{
    enum hl_status st = hl_avro_plan_next(f->plan, rest, &b->arena, ev, framed, why);
    if (st == HL_OK && f->types) ev->type = hl_type_table_find(f->types, ev->type_name);
    return st;
}

/* The records of a container's block. Where the end of a record is not found, the rest of the block is lost. */
static void decode_block(struct hl_sim_batch *b)
{
    struct hl_event scratch;
    struct hl_slice rest;
    struct hl_error why = {.code = HL_OK};
    int64_t count = b->unit.block.count;
    if (hl_avro_block_unpack(b->unit.file->container.codec, &b->unit.block, &b->unpacked, &rest, &why) != HL_OK) {
        b->records = 1;
        refuse(b, &why, (uint64_t)count);
        b->records = count;
        return;
    }
    for (int64_t i = 0; i < count && b->status == HL_OK; i++) {
        struct hl_slice before = rest;
        struct hl_event *ev = place(b, &scratch);
        bool framed = false;
        if (!ev) return;
        b->records = i + 1;
        enum hl_status st = next_record(b, b->unit.file, &rest, ev, &framed, &why);
        bool lost = !framed || rest.len == before.len; /* records of no bytes: any number of them may be claimed */
        if (st == HL_OK)
            keep(b, ev, (struct hl_slice){before.data, before.len - rest.len});
        else
            refuse(b, &why, lost ? (uint64_t)(count - i) : 1);
        if (lost) break;
    }
    b->records = count;
}

static enum hl_status decode_ref(struct hl_sim_batch *b, const struct hl_sim_ref *r, struct hl_event *ev)
{
    struct hl_error why;
    struct hl_slice rest = r->bytes;
    bool framed;
    if (!r->file->plan) return r->file->json->decode(r->file->json, r->bytes, &b->arena, ev, &why);
    return next_record(b, r->file, &rest, ev, &framed, &why);
}

/* They have been decoded before: only memory can be short. */
static void decode_refs(struct hl_sim_batch *b)
{
    for (size_t i = 0; i < b->unit.n_refs && b->status == HL_OK; i++) {
        struct hl_event *ev = place(b, NULL);
        if (!ev) return;
        if (decode_ref(b, &b->unit.refs[i], ev) == HL_OK)
            keep(b, ev, b->unit.refs[i].bytes);
        else
            b->status = HL_E_NOMEM;
    }
}

void hl_sim_batch_decode(struct hl_sim_batch *b)
{
    b->n = 0;
    b->records = 0;
    b->n_bad = b->n_early = 0;
    b->status = HL_OK;
    hl_buf_clear(&b->problems);
    hl_buf_clear(&b->unpacked);
    hl_arena_reset(&b->arena);
    if (b->unit.refs)
        decode_refs(b);
    else if (b->unit.file->plan)
        decode_block(b);
    else
        decode_lines(b);
    if (b->problems.failed) b->status = HL_E_NOMEM;
}
