/* DESIGN  A record, in the encodings of base/buf.h (bytes: a long and that many bytes):
 *
 *     u8 1 (version)  u8 what (1 event, 2 state, 3 claim)
 *     bytes contact_id, event_id, type;  long occurred_at;  u8 machine
 *     u8 which of url, asset, form, campaign, source, actor, reason are there (1, 2, 4 ...), then their bytes
 *     varint n, then n attributes:  bytes key, u8 1 and bytes value, or 0 (null)
 *     varint hops, u8 closing, bytes mark, bytes least
 *     of a state:  bytes from, bytes state
 *
 * The event goes as it was understood, not as it came: whoever takes it need not know the format, mapping and schema of the topic that it came by.
 * Types go by name, so their numbers may change. */
#include "onward.h"

#include <stdlib.h>

#define VERSION 1
#define TEXTS 7

static struct hl_slice *text_of(struct hl_event *ev, unsigned i)
{
    struct hl_slice *const texts[TEXTS] = {&ev->url, &ev->asset, &ev->form, &ev->campaign, &ev->source, &ev->actor, &ev->reason};
    return texts[i];
}

static void put_event(struct hl_buf *out, const struct hl_event *from)
{
    struct hl_event ev = *from;
    unsigned there = 0;
    hl_buf_put_bytes(out, ev.contact_id);
    hl_buf_put_bytes(out, ev.event_id);
    hl_buf_put_bytes(out, hl_slice_of(hl_event_type_name(ev.type)));
    hl_buf_put_long(out, ev.occurred_at);
    hl_buf_put_u8(out, ev.machine);
    for (unsigned i = 0; i < TEXTS; i++) there |= hl_slice_is_null(*text_of(&ev, i)) ? 0 : 1u << i;
    hl_buf_put_u8(out, (uint8_t)there);
    for (unsigned i = 0; i < TEXTS; i++)
        if (there >> i & 1) hl_buf_put_bytes(out, *text_of(&ev, i));
    hl_buf_put_varint(out, ev.n_attributes);
    for (size_t i = 0; i < ev.n_attributes; i++) {
        hl_buf_put_bytes(out, ev.attributes[i].key);
        hl_buf_put_u8(out, !hl_slice_is_null(ev.attributes[i].value));
        if (!hl_slice_is_null(ev.attributes[i].value)) hl_buf_put_bytes(out, ev.attributes[i].value);
    }
}

void hl_onward_encode(struct hl_buf *out, const struct hl_onward_record *r)
{
    hl_buf_put_u8(out, VERSION);
    hl_buf_put_u8(out, (uint8_t)r->what);
    put_event(out, &r->ev);
    hl_buf_put_varint(out, r->hops.n);
    hl_buf_put_u8(out, r->hops.closing);
    hl_buf_put_bytes(out, r->hops.mark);
    hl_buf_put_bytes(out, r->hops.least);
    if (r->what != HL_ONWARD_STATE) return;
    hl_buf_put_bytes(out, r->from);
    hl_buf_put_bytes(out, r->state);
}

/* An empty text is one: null is told apart. */
static struct hl_slice get_text(struct hl_reader *r)
{
    struct hl_slice s = hl_reader_bytes(r);
    return s.len || r->failed ? s : HL_SLICE_LIT("");
}

static enum hl_status get_attributes(struct hl_reader *r, struct hl_arena *arena, struct hl_event *ev)
{
    uint64_t n = hl_reader_varint(r);
    if (r->failed || n > HL_EVENT_MAX_ATTRIBUTES) return HL_E_DECODE;
    struct hl_kv *kv = hl_arena_alloc(arena, n * sizeof(*kv));
    if (!kv) return HL_E_NOMEM;
    for (uint64_t i = 0; i < n; i++) {
        kv[i].key = hl_reader_bytes(r);
        kv[i].value = hl_reader_u8(r) ? get_text(r) : HL_SLICE_NULL;
    }
    ev->attributes = kv;
    ev->n_attributes = (size_t)n;
    return r->failed ? HL_E_DECODE : HL_OK;
}

static enum hl_status get_event(struct hl_reader *r, struct hl_arena *arena, struct hl_event *ev)
{
    hl_event_reset(ev);
    ev->contact_id = hl_reader_bytes(r);
    ev->event_id = hl_reader_bytes(r);
    ev->type_name = hl_reader_bytes(r);
    ev->type = hl_event_type_find(ev->type_name);
    ev->occurred_at = hl_reader_long(r);
    ev->machine = hl_reader_u8(r);
    unsigned there = hl_reader_u8(r);
    for (unsigned i = 0; i < TEXTS; i++)
        if (there >> i & 1) *text_of(ev, i) = get_text(r);
    if (r->failed || ev->contact_id.len == 0 || ev->event_id.len == 0 || ev->occurred_at < 0) return HL_E_DECODE;
    return get_attributes(r, arena, ev);
}

static bool is_whole(const struct hl_onward_record *r)
{
    if (r->what == HL_ONWARD_EVENT) return true;
    if (r->ev.type != HL_EVENT_CONTACT_MERGED) return false;
    return r->what == HL_ONWARD_STATE ? r->from.len > 0 : hl_event_attribute(&r->ev, HL_SLICE_LIT("into")).len > 0;
}

static enum hl_status get_record(struct hl_reader *r, struct hl_arena *arena, struct hl_onward_record *out)
{
    unsigned version = hl_reader_u8(r), what = hl_reader_u8(r);
    *out = (struct hl_onward_record){.what = (enum hl_onward)what};
    if (version != VERSION || what < HL_ONWARD_EVENT || what > HL_ONWARD_CLAIM) return HL_E_DECODE;
    enum hl_status status = get_event(r, arena, &out->ev);
    if (status) return status;
    out->hops.n = (uint32_t)hl_reader_varint(r);
    out->hops.closing = hl_reader_u8(r);
    out->hops.mark = hl_reader_bytes(r);
    out->hops.least = hl_reader_bytes(r);
    if (out->what == HL_ONWARD_STATE) {
        out->from = hl_reader_bytes(r);
        out->state = hl_reader_bytes(r);
    }
    return !r->failed && r->p == r->end && is_whole(out) ? HL_OK : HL_E_DECODE;
}

enum hl_status hl_onward_decode(struct hl_slice value, struct hl_arena *arena, struct hl_onward_record *r, struct hl_error *err)
{
    struct hl_reader reader = hl_reader_of(value);
    enum hl_status status = get_record(&reader, arena, r);
    if (status == HL_E_NOMEM) return hl_error_set(err, status, HL_STOP, "out of memory");
    return status ? hl_error_set(err, status, HL_SKIP, "the record is none that hotlead writes there, or of a newer version") : HL_OK;
}

/* ---- the decoder of the topic ---- */

static enum hl_status decode(struct hl_decoder *d, struct hl_slice value, struct hl_arena *arena, struct hl_event *ev, struct hl_error *err)
{
    struct hl_onward_record r;
    (void)d;
    enum hl_status status = hl_onward_decode(value, arena, &r, err);
    *ev = r.ev;
    return status;
}

static void decoder_free(struct hl_decoder *d)
{
    free(d);
}

enum hl_status hl_onward_decoder_new(struct hl_decoder **out, struct hl_error *err)
{
    *out = calloc(1, sizeof(**out));
    if (!*out) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    **out = (struct hl_decoder){.decode = decode, .free = decoder_free};
    return HL_OK;
}

/* ---- hops ---- */

bool hl_hops_arrive(struct hl_hops *h, struct hl_slice at)
{
    h->closing |= h->n > 0 && hl_slice_eq(h->mark, at);
    return h->closing && hl_slice_eq(h->least, at);
}

void hl_hops_leave(struct hl_hops *h, struct hl_slice at)
{
    if (h->closing) return;
    h->n++;
    if ((h->n & (h->n - 1)) == 0)
        h->mark = h->least = at;
    else if (hl_slice_compare(at, h->least) < 0)
        h->least = at;
}
