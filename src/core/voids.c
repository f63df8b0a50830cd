/* DESIGN
 * The value of the attribute, in the encodings of base/buf.h:
 *
 *     u8 1 (version)  u64 fingerprint of the model's rules  u8 n, then n deeds, the newest first:
 *     u64 hash of the event's id, long at, u8 what follows, varint n, then n numbers of rules
 *         1: long manual points    2: u8 stage | kind << 4, u8 flags, varint seq    4: it was the opt-in    8: varint latches    16: u8 facts
 *
 * Some 16 bytes for an event that one rule scores. An event reads and writes it anew on the stack, for models that ask for it alone.
 *
 * WHY NOT with the event ids of the contact (struct hl_contact): room in every contact, for what few models want.
 * WHY NOT rules by name, as in state.c: 4 bytes each, and points could still have changed between the event and its voiding.
 *
 * THREADS: pure; the contact is guarded by its stripe. */
#include "hotlead/core/voids.h"

#include "contact_private.h"
#include "hotlead/base/buf.h"
#include "hotlead/base/hash.h"
#include "hotlead/core/state.h"

#define VERSION 1
#define HEAD_BYTES 10
#define DEED_MAX (8 + 10 + 1 + 1 + 3 * HL_DEED_RULES_MAX + 10 + 2 + 5 + 10 + 1)
#define KEY ((struct hl_slice){"\1voids", 6})

enum { MANUAL = 1, MOVED = 2, SUBSCRIBED = 4, LATCHES = 8, FACTS = 16 };

/* ---- fingerprint ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
    return hl_hash64((struct hl_slice){(const char *)(uint64_t[2]){h, v}, 2 * sizeof(uint64_t)});
}

static uint64_t mix_latches(uint64_t h, const struct hl_latch_rule *rules, size_t n)
{
    h = mix(h, n);
    for (size_t i = 0; i < n; i++) h = mix(h, rules[i].name_hash);
    return h;
}

uint64_t hl_voids_fingerprint(const struct hl_model *m)
{
    uint64_t h = m->n_rules;
    for (size_t i = 0; i < m->n_rules; i++) {
        const struct hl_score_rule *r = &m->rules[i];
        h = mix(mix(h, r->name_hash), (uint64_t)r->points);
        h = mix(mix(h, (uint64_t)r->half_life.ms), r->max_times ? (uint64_t)r->window_ms : 0);
    }
    return mix_latches(mix_latches(h, m->hand_raise, m->n_hand_raise), m->qualify, m->n_qualify);
}

/* ---- one deed ---- */

void hl_deed_begin(struct hl_deed *d, const struct hl_contact *c, struct hl_slice event_id, int64_t at)
{
    *d = (struct hl_deed){.event = hl_hash64(event_id), .at = at, .flags = c->flags & HL_DEED_FLAGS, .kind = c->kind};
}

static unsigned parts_of(const struct hl_deed *d)
{
    return (d->manual ? MANUAL : 0u) | (d->seq ? MOVED : 0u) | (d->subscribed ? SUBSCRIBED : 0u) | (d->latches ? LATCHES : 0u) |
           (d->facts ? FACTS : 0u);
}

static uint8_t pack_flags(uint32_t flags)
{
    return (uint8_t)((flags & HL_C_ARMED_MQL ? 1 : 0) | (flags & HL_C_ARMED_SQL ? 2 : 0) | (flags & HL_C_HELD ? 4 : 0) |
                     (flags & HL_C_HELD_FIT ? 8 : 0));
}

static uint32_t unpack_flags(uint8_t packed)
{
    return (packed & 1 ? (uint32_t)HL_C_ARMED_MQL : 0) | (packed & 2 ? (uint32_t)HL_C_ARMED_SQL : 0) | (packed & 4 ? (uint32_t)HL_C_HELD : 0) |
           (packed & 8 ? (uint32_t)HL_C_HELD_FIT : 0);
}

static void read_move(struct hl_reader *r, struct hl_deed *d)
{
    uint8_t packed = hl_reader_u8(r), flags = hl_reader_u8(r);
    enum hl_stage stage;
    enum hl_kind kind;
    if (!hl_state_unpack_stage(packed, &stage, &kind)) r->failed = true;
    d->stage = (uint8_t)stage;
    d->kind = (uint8_t)kind;
    d->flags = unpack_flags(flags);
    d->seq = (uint32_t)hl_reader_varint(r);
}

static bool read_deed(struct hl_reader *r, const struct hl_model *m, struct hl_deed *d)
{
    *d = (struct hl_deed){.event = hl_reader_u64le(r), .at = hl_reader_long(r)};
    unsigned parts = hl_reader_u8(r);
    uint64_t n = hl_reader_varint(r);
    if (r->failed || n > HL_DEED_RULES_MAX || d->at < 0) return false;
    for (; d->n_rules < n; d->n_rules++) {
        uint64_t rule = hl_reader_varint(r);
        if (r->failed || rule >= m->n_rules) return false;
        d->rules[d->n_rules] = (uint16_t)rule;
    }
    if (parts & MANUAL) d->manual = hl_reader_long(r);
    if (parts & MOVED) read_move(r, d);
    d->subscribed = parts & SUBSCRIBED;
    if (parts & LATCHES) d->latches = hl_reader_varint(r);
    if (parts & FACTS) d->facts = hl_reader_u8(r);
    return !r->failed;
}

/* ---- the list ---- */

/* A list that is written anew, on the stack. */
struct writer {
    uint8_t bytes[HL_OWN_ROOM];
    struct hl_buf buf;
    unsigned n;
};

static void begin(struct writer *w, const struct hl_model *m)
{
    w->buf = hl_buf_over(w->bytes, sizeof w->bytes);
    w->n = 0;
    hl_buf_put_u8(&w->buf, VERSION);
    hl_buf_put_u64le(&w->buf, m->voids_fingerprint);
    hl_buf_put_u8(&w->buf, 0);
}

/* No more than the model wants and a value can hold; what comes later is older. */
static void put_deed(struct writer *w, const struct hl_model *m, const struct hl_deed *d)
{
    struct hl_buf *b = &w->buf;
    if (w->n == m->voids_keep || b->len + DEED_MAX > HL_OWN_MAX) return;
    unsigned parts = parts_of(d);
    hl_buf_put_u64le(b, d->event);
    hl_buf_put_long(b, d->at);
    hl_buf_put_u8(b, (uint8_t)parts);
    hl_buf_put_varint(b, d->n_rules);
    for (unsigned i = 0; i < d->n_rules; i++) hl_buf_put_varint(b, d->rules[i]);
    if (parts & MANUAL) hl_buf_put_long(b, d->manual);
    if (parts & MOVED) {
        hl_buf_put_u8(b, hl_state_pack_stage((enum hl_stage)d->stage, (enum hl_kind)d->kind));
        hl_buf_put_u8(b, pack_flags(d->flags));
        hl_buf_put_varint(b, d->seq);
    }
    if (parts & LATCHES) hl_buf_put_varint(b, d->latches);
    if (parts & FACTS) hl_buf_put_u8(b, d->facts);
    w->n++;
}

static enum hl_status store(struct writer *w, struct hl_contact *c, struct hl_slab *slab)
{
    w->bytes[HEAD_BYTES - 1] = (uint8_t)w->n;
    return hl_contact_set_own(c, slab, KEY, w->n ? hl_buf_slice(&w->buf) : HL_SLICE_LIT(""));
}

/* Where the deeds begin; their number: 0 where there are none, or none of this model. */
static unsigned open_list(const struct hl_contact *c, const struct hl_model *m, struct hl_reader *r)
{
    struct hl_slice value = hl_contact_attribute(c, KEY, NULL);
    if (value.len < HEAD_BYTES) return 0;
    *r = hl_reader_of(value);
    if (hl_reader_u8(r) != VERSION || hl_reader_u64le(r) != m->voids_fingerprint) return 0;
    return hl_reader_u8(r);
}

enum hl_status hl_voids_add(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_deed *d)
{
    struct writer w;
    struct hl_reader r;
    struct hl_deed old;
    if (d->too_much || (d->n_rules == 0 && parts_of(d) == 0)) return HL_OK;
    begin(&w, m);
    put_deed(&w, m, d);
    unsigned n = open_list(c, m, &r);
    for (unsigned i = 0; i < n && read_deed(&r, m, &old); i++) put_deed(&w, m, &old);
    return store(&w, c, slab);
}

bool hl_voids_take(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_slice event_id, struct hl_deed *out)
{
    struct writer w;
    struct hl_reader r;
    struct hl_deed each;
    uint64_t event = hl_hash64(event_id);
    bool found = false;
    begin(&w, m);
    unsigned n = open_list(c, m, &r);
    for (unsigned i = 0; i < n && read_deed(&r, m, &each); i++) {
        if (!found && each.event == event) {
            *out = each;
            found = true;
        } else {
            put_deed(&w, m, &each);
        }
    }
    return found && store(&w, c, slab) == HL_OK;
}

enum hl_status hl_voids_join(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_contact *other)
{
    struct writer w;
    struct hl_reader r, s;
    struct hl_deed each;
    unsigned n = open_list(c, m, &r), more = open_list(other, m, &s);
    if (more == 0) return HL_OK;
    begin(&w, m);
    for (unsigned i = 0; i < n && read_deed(&r, m, &each); i++) put_deed(&w, m, &each);
    for (unsigned i = 0; i < more && read_deed(&s, m, &each); i++) {
        each.seq = 0;
        put_deed(&w, m, &each);
    }
    return store(&w, c, slab);
}

void hl_voids_clear(struct hl_contact *c, struct hl_slab *slab)
{
    if (hl_slice_is_null(hl_contact_attribute(c, KEY, NULL))) return;
    HL_BUG_ON(hl_contact_set_own(c, slab, KEY, HL_SLICE_LIT("")) != HL_OK); /* it shrinks */
}
