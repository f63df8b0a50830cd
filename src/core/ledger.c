/* DESIGN
 * What nearly every event looks at lies in one block, two or three cache lines of a typical contact:
 *
 *     | head 16 | id | hashes of event ids, 8 each | entries, by rule |
 *     entry: | rule 2 | length 1 | sizes 2 | near | far | epoch | count | windows |      (unaligned, little endian)
 *     sizes: bytes of near 0..3 (0: no row), far 4..7, epoch 8..10, count 11..13; windows 14..15 (0, 1, 2 of them)
 *     near (1 to 8 bytes, or 12) and far: two's complement; windows: varint newest, its count, distance to the other one, its count
 *
 * Numbers take the bytes that they need: an entry is 12 to 20 bytes instead of the 64 of its two structs. A number is read by one load of the
 * eight bytes that end with it, and a shift; there are always eight before it in the block.
 * An entry is changed by unpacking it, and packing it again in its place; most keep their length, so nothing moves.
 *
 * WHY NOT
 * Arrays of structs, as it was: 379 bytes a contact (10 M of them, two events each), and five blocks to fetch for each event.
 * The stored form (state.c): it says what its numbers mean, so that other models can read it, at twice the bytes and time.
 * An entry of its own size for each contact, to bisect: contacts have few rules, and the rules of an event come in order.
 *
 * THREADS: guarded by the stripe of the contact. */
#include "ledger.h"

#include "hotlead/base/buf.h"

#define HEAD 5
#define NEAR_BYTES 12   /* where eight are not enough */
#define WINDOWS_MAX (2 * (10 + 5))
#define ENTRY_MAX (HEAD + NEAR_BYTES + 8 + 4 + 4 + WINDOWS_MAX)
#define SPARE 8         /* numbers are written by eights, and a varint asks for ten bytes */
#define FIRST_ROOM 40   /* of a new contact: what its first event leaves, mostly */
#define MORE_ROOM 16    /* beyond what is asked for */
#define ID_BYTES sizeof(uint64_t)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are packed by their low bytes");
_Static_assert(ENTRY_MAX <= UINT8_MAX, "the length of an entry is one byte");

/* ---- the block ---- */

static size_t used(const struct hl_body *b)
{
    return b->id_len + ID_BYTES * b->n_event_ids + b->ledger;
}

static uint8_t *event_ids(const struct hl_contact *c)
{
    return c->body->data + c->body->id_len;
}

static uint8_t *entries(const struct hl_contact *c)
{
    return event_ids(c) + ID_BYTES * c->body->n_event_ids;
}

static struct hl_body *body_alloc(struct hl_slab *slab, size_t room)
{
    size_t bytes = hl_slab_usable(sizeof(struct hl_body) + room);
    struct hl_body *b = bytes <= UINT32_MAX ? hl_slab_alloc(slab, bytes) : NULL;
    if (b) *b = (struct hl_body){.cap = (uint32_t)(bytes - sizeof *b)};
    return b;
}

size_t hl_body_bytes(const struct hl_contact *c)
{
    return c->body ? sizeof *c->body + c->body->cap : 0;
}

void hl_body_free(struct hl_contact *c, struct hl_slab *slab)
{
    hl_slab_free(slab, c->body, hl_body_bytes(c));
    c->body = NULL;
}

enum hl_status hl_body_new(struct hl_contact *c, struct hl_slab *slab, struct hl_slice id)
{
    if (id.len > UINT16_MAX) return HL_E_TOO_LARGE;
    c->body = body_alloc(slab, id.len + FIRST_ROOM);
    if (!c->body) return HL_E_NOMEM;
    c->body->id_len = (uint16_t)id.len;
    if (id.len) memcpy(c->body->data, id.data, id.len);
    return HL_OK;
}

static enum hl_status resize(struct hl_contact *c, struct hl_slab *slab, size_t room)
{
    struct hl_body *b = body_alloc(slab, room), *old = c->body;
    if (!b) return HL_E_NOMEM;
    uint32_t cap = b->cap;
    memcpy(b, old, sizeof *b + used(old));
    b->cap = cap;
    hl_body_free(c, slab);
    c->body = b;
    return HL_OK;
}

enum hl_status hl_body_reserve(struct hl_contact *c, struct hl_slab *slab, size_t more)
{
    size_t need = used(c->body) + more;
    return need <= c->body->cap ? HL_OK : resize(c, slab, need + MORE_ROOM);
}

void hl_body_shrink(struct hl_contact *c, struct hl_slab *slab)
{
    size_t bytes = used(c->body);
    if (hl_slab_usable(sizeof *c->body + bytes) < hl_body_bytes(c)) (void)resize(c, slab, bytes); /* without memory it stays as large as it is */
    memset(c->body->data + bytes, 0, c->body->cap - bytes); /* what was erased is not left behind, either */
}

/* ---- event ids ---- */

void hl_event_ids_clear(struct hl_contact *c)
{
    uint8_t *at = entries(c);
    c->body->n_event_ids = c->body->next_event_id = 0;
    memmove(event_ids(c), at, c->body->ledger);
}

static uint64_t event_id(const struct hl_contact *c, unsigned place)
{
    uint64_t hash;
    memcpy(&hash, event_ids(c) + ID_BYTES * place, ID_BYTES);
    return hash;
}

bool hl_event_ids_has(const struct hl_contact *c, uint64_t hash)
{
    for (unsigned i = 0; i < c->body->n_event_ids; i++)
        if (event_id(c, i) == hash) return true;
    return false;
}

enum hl_status hl_event_ids_add(struct hl_contact *c, struct hl_slab *slab, uint64_t hash)
{
    if (c->body->n_event_ids < HL_EVENT_IDS) {
        enum hl_status status = hl_body_reserve(c, slab, ID_BYTES);
        if (status != HL_OK) return status;
        memmove(entries(c) + ID_BYTES, entries(c), c->body->ledger);
        c->body->n_event_ids++;
    }
    memcpy(event_ids(c) + ID_BYTES * c->body->next_event_id, &hash, ID_BYTES);
    c->body->next_event_id = (uint8_t)((c->body->next_event_id + 1) % HL_EVENT_IDS);
    return HL_OK;
}

uint64_t hl_event_ids_at(const struct hl_contact *c, unsigned i)
{
    unsigned n = c->body->n_event_ids;
    return event_id(c, n < HL_EVENT_IDS ? i : (c->body->next_event_id + i) % HL_EVENT_IDS);
}

/* ---- numbers ---- */

/* The n bytes (1 to 8) at p, which end a longer stretch of the block. */
static int64_t load_signed(const uint8_t *p, unsigned n)
{
    int64_t v;
    memcpy(&v, p + n - sizeof v, sizeof v);
    return v >> (64 - 8 * n); /* gcc and clang: arithmetic */
}

/* The same of 0 to 4 bytes. */
static uint32_t load_unsigned(const uint8_t *p, unsigned n)
{
    uint64_t v;
    memcpy(&v, p + n - sizeof v, sizeof v);
    return (uint32_t)(v >> 1 >> (63 - 8 * n));
}

static unsigned bytes_of_signed(int64_t v)
{
    uint64_t magnitude = (uint64_t)(v ^ (v >> 63));
    return (72 - (unsigned)__builtin_clzll(magnitude | 1)) / 8;
}

static unsigned bytes_of_unsigned(uint32_t v)
{
    return v ? (39 - (unsigned)__builtin_clz(v)) / 8 : 0;
}

/* Eight bytes are written, n of them count. */
static uint8_t *store(uint8_t *p, uint64_t v, unsigned n)
{
    memcpy(p, &v, sizeof v);
    return p + n;
}

/* ---- an entry ---- */

static uint16_t u16_at(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint16_t rule_at(const uint8_t *entry)
{
    return u16_at(entry);
}

static unsigned length_at(const uint8_t *entry)
{
    return entry[2];
}

static bool has_row(const uint8_t *entry)
{
    return entry[3] & 15;
}

static unsigned windows_of(const uint8_t *entry)
{
    return entry[4] >> 6;
}

/* Where its windows are. */
static const uint8_t *behind_row(const uint8_t *entry)
{
    unsigned sizes = u16_at(entry + 3);
    return entry + HEAD + (sizes & 15) + (sizes >> 4 & 15) + (sizes >> 8 & 7) + (sizes >> 11 & 7);
}

static void unpack_row(const uint8_t *entry, struct hl_row *row)
{
    unsigned sizes = u16_at(entry + 3), near = sizes & 15, far = sizes >> 4 & 15, epoch = sizes >> 8 & 7, count = sizes >> 11 & 7;
    const uint8_t *p = entry + HEAD;
    *row = (struct hl_row){.rule = rule_at(entry)};
    if (near == NEAR_BYTES) {
        memcpy(&row->near_lo, p, sizeof row->near_lo);
        row->near_hi = load_signed(p + sizeof row->near_lo, 8);
    } else {
        int64_t v = load_signed(p, near);
        row->near_lo = (uint32_t)v;
        row->near_hi = v >> 32;
    }
    p += near;
    row->far = far ? load_signed(p, far) : 0;
    row->epoch = load_unsigned(p += far, epoch);
    row->count = load_unsigned(p += epoch, count);
}

static void unpack_window(const uint8_t *entry, struct hl_window *w)
{
    struct hl_slice rest = {(const char *)behind_row(entry), (size_t)(entry + length_at(entry) - behind_row(entry))};
    struct hl_reader r = hl_reader_of(rest);
    unsigned n = windows_of(entry);
    *w = (struct hl_window){{-1, -1}, {0, 0}, rule_at(entry)};
    if (n == 0) return;
    w->window[0] = (int64_t)hl_reader_varint(&r);
    w->count[0] = (uint32_t)hl_reader_varint(&r);
    if (n == 1) return;
    w->window[1] = w->window[0] - (int64_t)hl_reader_varint(&r);
    w->count[1] = (uint32_t)hl_reader_varint(&r);
}

static uint8_t *pack_row(const struct hl_row *row, uint8_t *p, unsigned *sizes)
{
    uint64_t low = (uint64_t)row->near_hi << 32 | row->near_lo;
    unsigned near = row->near_hi == (int32_t)row->near_hi ? bytes_of_signed((int64_t)low) : NEAR_BYTES;
    unsigned far = row->far ? bytes_of_signed(row->far) : 0;
    unsigned epoch = bytes_of_unsigned(row->epoch), count = bytes_of_unsigned(row->count);
    *sizes |= near | far << 4 | epoch << 8 | count << 11;
    store(p, low, 8);
    if (near == NEAR_BYTES) store(p + sizeof row->near_lo, (uint64_t)row->near_hi, 8);
    p = store(p + near, (uint64_t)row->far, far);
    p = store(p, row->epoch, epoch);
    return store(p, row->count, count);
}

static uint8_t *pack_window(const struct hl_window *w, uint8_t *p, unsigned *sizes)
{
    unsigned n = w->window[1] >= 0 ? 2 : 1;
    *sizes |= n << 14;
    struct hl_buf b = hl_buf_over(p, WINDOWS_MAX + SPARE);
    hl_buf_put_varint(&b, (uint64_t)w->window[0]);
    hl_buf_put_varint(&b, w->count[0]);
    if (n == 2) hl_buf_put_varint(&b, (uint64_t)(w->window[0] - w->window[1]));
    if (n == 2) hl_buf_put_varint(&b, w->count[1]);
    HL_DCHECK(!b.failed);
    return p + b.len;
}

/* Length of the entry; 0: there is nothing in it. */
static unsigned pack(const struct hl_entry *e, uint8_t out[ENTRY_MAX + SPARE])
{
    uint8_t *p = out + HEAD;
    unsigned sizes = 0;
    if (e->has_row) p = pack_row(&e->row, p, &sizes);
    if (e->window.window[0] >= 0) p = pack_window(&e->window, p, &sizes);
    if (sizes == 0) return 0;
    memcpy(out, &e->row.rule, 2);
    out[2] = (uint8_t)(p - out);
    out[3] = (uint8_t)sizes;
    out[4] = (uint8_t)(sizes >> 8);
    return out[2];
}

static void unpack(const uint8_t *entry, struct hl_entry *e)
{
    e->has_row = has_row(entry);
    if (e->has_row) unpack_row(entry, &e->row);
    else e->row = (struct hl_row){.rule = rule_at(entry)};
    unpack_window(entry, &e->window);
}

/* ---- all of them ---- */

/* The entry at *pos, which goes on behind it; NULL at the end. */
static const uint8_t *step(const struct hl_contact *c, size_t *pos)
{
    if (*pos >= c->body->ledger) return NULL;
    const uint8_t *entry = entries(c) + *pos;
    *pos += length_at(entry);
    return entry;
}

bool hl_ledger_next(const struct hl_contact *c, size_t *pos, struct hl_entry *e)
{
    const uint8_t *entry = step(c, pos);
    if (entry) unpack(entry, e);
    return entry;
}

bool hl_contact_next_row(const struct hl_contact *c, size_t *pos, struct hl_row *row)
{
    const uint8_t *entry = step(c, pos);
    while (entry && !has_row(entry)) entry = step(c, pos);
    if (entry) unpack_row(entry, row);
    return entry;
}

bool hl_contact_next_window(const struct hl_contact *c, size_t *pos, struct hl_window *window)
{
    const uint8_t *entry = step(c, pos);
    while (entry && !windows_of(entry)) entry = step(c, pos);
    if (entry) unpack_window(entry, window);
    return entry;
}

unsigned hl_contact_n_rows(const struct hl_contact *c)
{
    return c->body->n_rows;
}

void hl_ledger_seek(const struct hl_contact *c, size_t *pos, uint16_t rule, struct hl_entry *e)
{
    const uint8_t *first = entries(c), *end = first + c->body->ledger, *entry = first + *pos;
    while (entry < end && rule_at(entry) < rule) entry += length_at(entry);
    *pos = (size_t)(entry - first);
    if (entry < end && rule_at(entry) == rule) unpack(entry, e);
    else *e = (struct hl_entry){{.rule = rule}, {{-1, -1}, {0, 0}, rule}, false};
}

enum hl_status hl_ledger_put(struct hl_contact *c, struct hl_slab *slab, size_t *pos, const struct hl_entry *e)
{
    uint8_t packed[ENTRY_MAX + SPARE];
    unsigned n = pack(e, packed), was = 0;
    uint8_t *at = entries(c) + *pos;
    bool there = *pos < c->body->ledger && rule_at(at) == e->row.rule, had_row = there && has_row(at), had_window = there && windows_of(at);
    if (there) was = length_at(at);
    if (n > was) {
        enum hl_status status = hl_body_reserve(c, slab, n - was);
        if (status != HL_OK) return status;
        at = entries(c) + *pos;
    }
    struct hl_body *b = c->body;
    if (n != was) memmove(at + n, at + was, b->ledger - *pos - was);
    memcpy(at, packed, n);
    b->ledger += n - was;
    b->n_rows = (uint16_t)(b->n_rows + e->has_row - had_row);
    b->n_windows = (uint16_t)(b->n_windows + (e->window.window[0] >= 0) - had_window);
    *pos += n;
    return HL_OK;
}

bool hl_contact_row(const struct hl_contact *c, uint16_t rule, struct hl_row *row)
{
    struct hl_entry e;
    hl_ledger_seek(c, &(size_t){0}, rule, &e);
    *row = e.row;
    return e.has_row;
}

enum hl_status hl_contact_put_row(struct hl_contact *c, struct hl_slab *slab, const struct hl_row *row)
{
    struct hl_entry e;
    size_t pos = 0;
    hl_ledger_seek(c, &pos, row->rule, &e);
    e.row = *row;
    e.has_row = true;
    return hl_ledger_put(c, slab, &pos, &e);
}

void hl_ledger_drop_rows(struct hl_contact *c)
{
    struct hl_entry e;
    for (size_t pos = 0, next = 0; hl_ledger_next(c, &next, &e); next = pos) {
        e.has_row = false;
        HL_BUG_ON(hl_ledger_put(c, NULL, &pos, &e) != HL_OK); /* it shrinks */
    }
}

void hl_ledger_clear(struct hl_contact *c)
{
    c->body->ledger = 0;
    c->body->n_rows = c->body->n_windows = 0;
}
