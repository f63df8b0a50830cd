/* DESIGN
 * The value of the attribute, in the encodings of base/buf.h (long: zigzag varint; bytes: a long and that many bytes):
 *
 *     u8 1 (version)  long count
 *     of the first touch:  long at, u32 type, bytes what, bytes source, bytes campaign
 *     u8 n, then n kinds:  long first touch's at less last_at, u32 type, bytes what, long count         newest first
 *
 * An event reads it, changes it and writes it anew on the stack: some 300 ns with ten kinds, for models that ask for it alone.
 * With ten kinds it takes about 350 bytes.
 *
 * WHY NOT a block of its own: a pointer in every contact, and a new version of the stored form, for what few models want.
 *
 * THREADS: pure; the contact is guarded by its stripe. */
#include "hotlead/core/touches.h"

#include "contact_private.h"
#include "hotlead/base/buf.h"
#include "hotlead/base/hash.h"

#define VERSION 1
#define KIND_MAX (10 + 4 + 2 + HL_TOUCH_TEXT_MAX + 6)
#define HEAD_MAX (1 + 6 + 10 + 4 + 3 * (2 + HL_TOUCH_TEXT_MAX) + 1)
_Static_assert(HEAD_MAX + HL_TOUCHES_MAX * KIND_MAX <= HL_OWN_MAX, "all that can be kept fits into a value");

#define KEY ((struct hl_slice){"\1touches", 8})

const char *hl_touch_type_name(uint32_t type)
{
    for (unsigned t = 0; t < HL_EVENT_TYPE_COUNT; t++)
        if (hl_name_hash(hl_slice_of(hl_event_type_name((enum hl_event_type)t))) == type) return hl_event_type_name((enum hl_event_type)t);
    return NULL;
}

/* ---- read ---- */

static bool read_head(struct hl_reader *r, struct hl_touches *t)
{
    if (hl_reader_u8(r) != VERSION) return false;
    t->count = (uint32_t)hl_reader_long(r);
    t->first_at = hl_reader_long(r);
    t->first_type = hl_reader_u32be(r);
    t->first_what = hl_reader_bytes(r);
    t->source = hl_reader_bytes(r);
    t->campaign = hl_reader_bytes(r);
    t->n = hl_reader_u8(r);
    return !r->failed && t->n <= HL_TOUCHES_MAX && t->first_what.len <= HL_TOUCH_TEXT_MAX && t->source.len <= HL_TOUCH_TEXT_MAX &&
           t->campaign.len <= HL_TOUCH_TEXT_MAX;
}

static bool read_value(struct hl_slice value, struct hl_touches *t)
{
    struct hl_reader r = hl_reader_of(value);
    if (!read_head(&r, t)) return false;
    for (unsigned i = 0; i < t->n; i++) {
        struct hl_touch *k = &t->last[i];
        k->last_at = (int64_t)((uint64_t)t->first_at - (uint64_t)hl_reader_long(&r));
        k->type = hl_reader_u32be(&r);
        k->what = hl_reader_bytes(&r);
        k->count = (uint32_t)hl_reader_long(&r);
        if (r.failed || k->what.len > HL_TOUCH_TEXT_MAX) return false;
    }
    return true;
}

bool hl_touches_get(const struct hl_contact *c, struct hl_touches *out)
{
    struct hl_slice value = hl_contact_attribute(c, KEY, NULL);
    if (!hl_slice_is_null(value) && read_value(value, out)) return true;
    out->count = out->n = 0;
    return false;
}

/* ---- write ---- */

static void write_value(struct hl_buf *b, const struct hl_touches *t)
{
    hl_buf_put_u8(b, VERSION);
    hl_buf_put_long(b, t->count);
    hl_buf_put_long(b, t->first_at);
    hl_buf_put_u32be(b, t->first_type);
    hl_buf_put_bytes(b, t->first_what);
    hl_buf_put_bytes(b, t->source);
    hl_buf_put_bytes(b, t->campaign);
    hl_buf_put_u8(b, (uint8_t)t->n);
    for (unsigned i = 0; i < t->n; i++) {
        const struct hl_touch *k = &t->last[i];
        hl_buf_put_long(b, (int64_t)((uint64_t)t->first_at - (uint64_t)k->last_at));
        hl_buf_put_u32be(b, k->type);
        hl_buf_put_bytes(b, k->what);
        hl_buf_put_long(b, k->count);
    }
}

/* ---- add ---- */

static struct hl_slice what_of(const struct hl_event *ev)
{
    const struct hl_slice said[] = {ev->asset, ev->form, hl_url_path(ev->url), ev->campaign};
    for (size_t i = 0; i < HL_ARRAY_LEN(said); i++)
        if (said[i].len) return hl_contact_cut(said[i], HL_TOUCH_TEXT_MAX);
    return HL_SLICE_LIT("");
}

static struct hl_slice short_text(struct hl_slice s)
{
    return s.len ? hl_contact_cut(s, HL_TOUCH_TEXT_MAX) : HL_SLICE_LIT("");
}

/* Of several at one moment the one whose type, thing and source come first in the order of bytes: the order of arrival does not decide. */
static bool comes_first(const struct hl_touches *t, const struct hl_touches *other)
{
    if (t->count == 0 || other->first_at != t->first_at) return t->count == 0 || other->first_at < t->first_at;
    if (other->first_type != t->first_type) return other->first_type < t->first_type;
    int order = hl_slice_compare(other->first_what, t->first_what);
    return order < 0 || (order == 0 && hl_slice_compare(other->source, t->source) < 0);
}

static void take_first(struct hl_touches *t, const struct hl_touches *other)
{
    if (!comes_first(t, other)) return;
    t->first_at = other->first_at;
    t->first_type = other->first_type;
    t->first_what = other->first_what;
    t->source = other->source;
    t->campaign = other->campaign;
}

static bool is_newer(const struct hl_touch *a, const struct hl_touch *b)
{
    if (a->last_at != b->last_at) return a->last_at > b->last_at;
    if (a->type != b->type) return a->type < b->type;
    return hl_slice_compare(a->what, b->what) < 0;
}

static void count_up(uint32_t *n, uint32_t by)
{
    *n = *n < INT32_MAX - by ? *n + by : INT32_MAX;
}

/* Into its place among the last ones, with its count; of more than `keep` the oldest are forgotten. */
static void add_kind(struct hl_touches *t, struct hl_touch k, unsigned keep)
{
    unsigned at = 0;
    while (at < t->n && (t->last[at].type != k.type || !hl_slice_eq(t->last[at].what, k.what))) at++;
    if (at < t->n) {
        count_up(&k.count, t->last[at].count);
        if (t->last[at].last_at > k.last_at) k.last_at = t->last[at].last_at;
    } else if (t->n < keep) {
        t->n++;
    } else {
        if (t->n > keep) t->n = keep; /* the model keeps fewer than before */
        at = t->n - 1;
        if (!is_newer(&k, &t->last[at])) return;
    }
    for (; at > 0 && is_newer(&k, &t->last[at - 1]); at--) t->last[at] = t->last[at - 1];
    t->last[at] = k;
}

static enum hl_status put(struct hl_contact *c, struct hl_slab *slab, const struct hl_touches *t)
{
    uint8_t bytes[HL_OWN_ROOM];
    struct hl_buf b = hl_buf_over(bytes, sizeof bytes);
    write_value(&b, t);
    return hl_contact_set_own(c, slab, KEY, hl_buf_slice(&b));
}

enum hl_status hl_touches_add(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_event *ev)
{
    struct hl_touches t;
    struct hl_touch k = {.last_at = ev->occurred_at, .what = what_of(ev), .type = hl_name_hash(hl_slice_of(hl_event_type_name(ev->type))), .count = 1};
    hl_touches_get(c, &t);
    take_first(&t, &(struct hl_touches){.first_at = k.last_at, .first_type = k.type, .first_what = k.what, .source = short_text(ev->source),
                                        .campaign = short_text(ev->campaign)});
    count_up(&t.count, 1);
    add_kind(&t, k, m->touches_keep);
    return put(c, slab, &t);
}

enum hl_status hl_touches_join(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_contact *other)
{
    struct hl_touches t, more;
    if (m->touches_keep == 0 || !hl_touches_get(other, &more)) return HL_OK;
    hl_touches_get(c, &t);
    take_first(&t, &more);
    count_up(&t.count, more.count);
    for (unsigned i = 0; i < more.n; i++) add_kind(&t, more.last[i], m->touches_keep);
    return put(c, slab, &t);
}
