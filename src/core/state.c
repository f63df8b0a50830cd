/* DESIGN
 * Version 1, in this order. `varint` is LEB128, `long` its zigzag form, `bytes` a long and that many bytes; `time` is a long,
 * counted back from the clock; `name` is the hash of a rule's name, 4 bytes big endian.
 *
 *     u8 version
 *     u8 stage code | kind code << 4           codes below
 *     varint flags                             codes below
 *     varint visit, seq, clock;  time stage_since;  with the flag 128: long clock - time of the erasure
 *     u8 n, then n event ids                   8 bytes little endian each, oldest first
 *     varint n, then n rows:                   name, varint half-life, varint epoch, long near_hi, varint near_lo, long far,
 *                                              varint count
 *                                              half-life: 0 as the row before (of the first: no decay), else 1 + ms
 *     varint n, then n windows:                name, u8 k (1, 2), then k times: time start, varint count; newest first
 *     varint n, then n attributes:             bytes key, bytes value (empty: removed), time
 *     u8 1 if the rest follows, else 0
 *     long manual
 *     u8 presence: 1 << fact code, 32 rejected_at, 64 owner, 128 deadlines; then a time for each of the first six, lowest first
 *     varint n, then n latches:                u8 list (0 hand-raise, 1 qualify), name, time
 *     if there is an owner, or was:            bytes name (empty: it went), time
 *     if deadlines run: varint n, then n:      name, time since, long due - since, varint seq
 *
 * Rows and windows carry what their numbers mean (half-life, start of the window in ms), so that a model with another half-life
 * or another window takes them over at their value instead of reading them wrongly.
 *
 * Decoding trusts nothing. Every item takes at least a byte, so loops end with the input; only what the model knows is kept.
 *
 * WHY NOT the structs as they lie in memory: 2.5 times the size in Redis, and every change of a struct would strand the state
 * of users.
 *
 * THREADS: pure; the contact is guarded by its stripe. */
#include "hotlead/core/state.h"

#include "contact_private.h"
#include "handoff.h"
#include "hotlead/core/score.h"
#include "ledger.h"

#define VERSION 1
/* of the shortest there can be */
#define ROW_BYTES 10
#define WINDOW_BYTES 7
#define ATTRIBUTE_BYTES 3
#define MAX_KEY_BYTES 255
#define MAX_VALUE_BYTES 4096
#define HAS_REJECTED_AT 32
#define HAS_OWNER 64
#define HAS_CLOCKS 128
#define MAX_OWNER_BYTES 255
#define MAX_HALF_LIFE_MS (INT64_C(1) << 45)

static const uint8_t stage_codes[HL_STAGE_COUNT] = {
    [HL_STAGE_ANONYMOUS] = 0, [HL_STAGE_SUBSCRIBER] = 1,  [HL_STAGE_LEAD] = 2,     [HL_STAGE_MQL] = 3,
    [HL_STAGE_SAL] = 4,       [HL_STAGE_SQL] = 5,         [HL_STAGE_OPPORTUNITY] = 6, [HL_STAGE_CUSTOMER] = 7,
    [HL_STAGE_EVANGELIST] = 8, [HL_STAGE_UNQUALIFIED] = 9, [HL_STAGE_DISQUALIFIED] = 10,
};
static const uint8_t kind_codes[] = {[HL_KIND_NONE] = 0, [HL_KIND_ACTIVE] = 1, [HL_KIND_PASSIVE] = 2};
static const uint8_t fact_codes[HL_FACT_COUNT] = {
    [HL_FACT_ACCEPTED] = 0, [HL_FACT_CONTACTED] = 1, [HL_FACT_OPPORTUNITY] = 2, [HL_FACT_WON] = 3, [HL_FACT_ADVOCACY] = 4,
};
static const struct {
    uint32_t flag;
    uint8_t code; /* number of the bit */
} flag_codes[] = {
    {HL_C_SUBSCRIBED, 0}, {HL_C_ARMED_MQL, 1}, {HL_C_ARMED_SQL, 2},    {HL_C_HELD, 3},
    {HL_C_HELD_FIT, 4},   {HL_C_WAS_MQL, 5},   {HL_C_SQL_BY_SCORE, 6}, {HL_C_GRAVE, 8},
    {HL_C_MERGED, 9},
};
#define WAS_ERASED (UINT64_C(1) << 7)
#define MAX_FLAGS ((UINT64_C(1) << 10) - 1)

/* ---- encode ---- */

static void put_time(struct hl_buf *out, const struct hl_contact *c, int64_t t)
{
    hl_buf_put_long(out, (int64_t)((uint64_t)c->clock - (uint64_t)t));
}

uint8_t hl_state_pack_stage(enum hl_stage stage, enum hl_kind kind)
{
    return (uint8_t)(stage_codes[stage] | kind_codes[kind] << 4);
}

static void put_head(struct hl_buf *out, const struct hl_contact *c)
{
    uint64_t flags = 0;
    for (size_t i = 0; i < HL_ARRAY_LEN(flag_codes); i++)
        if (c->flags & flag_codes[i].flag) flags |= UINT64_C(1) << flag_codes[i].code;
    if (c->ext && c->ext->erased_at != HL_NO_TIME) flags |= WAS_ERASED;
    hl_buf_put_u8(out, VERSION);
    hl_buf_put_u8(out, hl_state_pack_stage((enum hl_stage)c->stage, (enum hl_kind)c->kind));
    hl_buf_put_varint(out, flags);
    hl_buf_put_varint(out, c->visit);
    hl_buf_put_varint(out, c->seq);
    hl_buf_put_varint(out, (uint64_t)c->clock);
    put_time(out, c, c->stage_since);
    if (flags & WAS_ERASED) put_time(out, c, c->ext->erased_at);
}

static void put_event_ids(struct hl_buf *out, const struct hl_contact *c)
{
    hl_buf_put_u8(out, c->body->n_event_ids);
    for (unsigned i = 0; i < c->body->n_event_ids; i++) hl_buf_put_u64le(out, hl_event_ids_at(c, i));
}

static void put_rows(struct hl_buf *out, const struct hl_contact *c, const struct hl_model *m)
{
    int64_t half_life = 0;
    struct hl_row row;
    hl_buf_put_varint(out, c->body->n_rows);
    for (size_t pos = 0; hl_contact_next_row(c, &pos, &row);) {
        const struct hl_score_rule *rule = &m->rules[row.rule];
        hl_buf_put_u32be(out, rule->name_hash);
        hl_buf_put_varint(out, rule->half_life.ms == half_life ? 0 : 1 + (uint64_t)rule->half_life.ms);
        half_life = rule->half_life.ms;
        hl_buf_put_varint(out, row.epoch);
        hl_buf_put_long(out, row.near_hi);
        hl_buf_put_varint(out, row.near_lo);
        hl_buf_put_long(out, row.far);
        hl_buf_put_varint(out, row.count);
    }
}

static void put_windows(struct hl_buf *out, const struct hl_contact *c, const struct hl_model *m)
{
    struct hl_window w;
    hl_buf_put_varint(out, c->body->n_windows);
    for (size_t pos = 0; hl_contact_next_window(c, &pos, &w);) {
        const struct hl_score_rule *rule = &m->rules[w.rule];
        uint8_t n = w.window[1] >= 0 ? 2 : 1;
        hl_buf_put_u32be(out, rule->name_hash);
        hl_buf_put_u8(out, n);
        for (unsigned k = 0; k < n; k++) {
            put_time(out, c, w.window[k] * rule->window_ms);
            hl_buf_put_varint(out, w.count[k]);
        }
    }
}

static void put_attributes(struct hl_buf *out, const struct hl_contact *c)
{
    struct hl_slice key, value;
    int64_t time;
    unsigned n = 0;
    for (size_t pos = 0; hl_contact_next_attribute(c, &pos, &key, &value, &time);) n++;
    hl_buf_put_varint(out, n);
    for (size_t pos = 0; hl_contact_next_attribute(c, &pos, &key, &value, &time);) {
        hl_buf_put_bytes(out, key);
        hl_buf_put_bytes(out, value.data ? value : HL_SLICE_LIT(""));
        put_time(out, c, time);
    }
}

static void put_latches(struct hl_buf *out, const struct hl_contact *c, const struct hl_latch_rule *rules, size_t n, uint8_t list)
{
    const int64_t *latches = c->ext->latches + (list ? c->ext->n_hand_raise : 0);
    for (size_t i = 0; i < n; i++) {
        if (latches[i] == HL_NO_TIME) continue;
        hl_buf_put_u8(out, list);
        hl_buf_put_u32be(out, rules[i].name_hash);
        put_time(out, c, latches[i]);
    }
}

static unsigned count_latches(const struct hl_contact_ext *ext)
{
    unsigned n = 0;
    for (unsigned i = 0; i < (unsigned)ext->n_hand_raise + ext->n_qualify; i++) n += ext->latches[i] != HL_NO_TIME;
    return n;
}

static uint8_t presence_of(const struct hl_contact_ext *ext)
{
    unsigned bits = ext->rejected_at != HL_NO_TIME ? HAS_REJECTED_AT : 0;
    for (unsigned f = 0; f < HL_FACT_COUNT; f++)
        if (ext->facts[f] != HL_NO_TIME) bits |= 1u << fact_codes[f];
    if (ext->owner_at != HL_NO_TIME) bits |= HAS_OWNER;
    if (ext->n_clocks) bits |= HAS_CLOCKS;
    return (uint8_t)bits;
}

static void put_handoff(struct hl_buf *out, const struct hl_contact *c, const struct hl_model *m)
{
    struct hl_slice owner = hl_contact_owner(c);
    if (c->ext->owner_at != HL_NO_TIME) {
        hl_buf_put_bytes(out, owner.data ? owner : HL_SLICE_LIT(""));
        put_time(out, c, c->ext->owner_at);
    }
    if (c->ext->n_clocks) hl_buf_put_varint(out, c->ext->n_clocks);
    for (unsigned i = 0; i < c->ext->n_clocks; i++) {
        const struct hl_sla_clock *clock = &c->ext->clocks[i];
        hl_buf_put_u32be(out, m->sla[clock->sla].name_hash);
        put_time(out, c, clock->since);
        hl_buf_put_long(out, clock->due - clock->since);
        hl_buf_put_varint(out, clock->seq);
    }
}

static void put_ext(struct hl_buf *out, const struct hl_contact *c, const struct hl_model *m)
{
    const struct hl_contact_ext *ext = c->ext;
    bool any = ext && (ext->manual || presence_of(ext) || count_latches(ext));
    hl_buf_put_u8(out, any);
    if (!any) return;
    hl_buf_put_long(out, ext->manual);
    hl_buf_put_u8(out, presence_of(ext));
    for (unsigned f = 0; f < HL_FACT_COUNT; f++) /* facts are in the order of their codes */
        if (ext->facts[f] != HL_NO_TIME) put_time(out, c, ext->facts[f]);
    if (ext->rejected_at != HL_NO_TIME) put_time(out, c, ext->rejected_at);
    hl_buf_put_varint(out, count_latches(ext));
    put_latches(out, c, m->hand_raise, m->n_hand_raise, 0);
    put_latches(out, c, m->qualify, m->n_qualify, 1);
    put_handoff(out, c, m);
}

void hl_state_encode(const struct hl_contact *c, const struct hl_model *m, struct hl_buf *out)
{
    put_head(out, c);
    put_event_ids(out, c);
    put_rows(out, c, m);
    put_windows(out, c, m);
    put_attributes(out, c);
    put_ext(out, c, m);
}

/* ---- decode ---- */

struct decoder {
    struct hl_reader r;
    struct hl_contact *c;
    struct hl_slab *slab;
    const struct hl_model *m;
    size_t pos;    /* where the entry of a rule that is not below `rule` can be */
    uint16_t rule;
};

/* A malformed value ends the reading like a missing one. */
static void require(struct decoder *d, bool ok)
{
    if (!ok) d->r.failed = true;
}

static uint64_t get_varint(struct decoder *d, uint64_t max)
{
    uint64_t v = hl_reader_varint(&d->r);
    require(d, v <= max);
    return d->r.failed ? 0 : v;
}

static int64_t get_time(struct decoder *d)
{
    int64_t t = (int64_t)((uint64_t)d->c->clock - (uint64_t)hl_reader_long(&d->r));
    require(d, t >= 0);
    return d->r.failed ? 0 : t;
}

/* The place of a code in its table; n: it has no such. */
static uint8_t place_of(const uint8_t *codes, size_t n, uint8_t code)
{
    uint8_t i = code < n && codes[code] == code ? code : 0; /* most are their own place */
    while (i < n && codes[i] != code) i++;
    return i;
}

bool hl_state_unpack_stage(uint8_t packed, enum hl_stage *stage, enum hl_kind *kind)
{
    uint8_t s = place_of(stage_codes, HL_STAGE_COUNT, packed & 15), k = place_of(kind_codes, HL_ARRAY_LEN(kind_codes), packed >> 4);
    bool ok = s < HL_STAGE_COUNT && k < HL_ARRAY_LEN(kind_codes);
    *stage = ok ? (enum hl_stage)s : HL_STAGE_ANONYMOUS;
    *kind = ok ? (enum hl_kind)k : HL_KIND_NONE;
    return ok;
}

static void get_stage_and_kind(struct decoder *d)
{
    enum hl_stage stage;
    enum hl_kind kind;
    require(d, hl_state_unpack_stage(hl_reader_u8(&d->r), &stage, &kind));
    if (d->r.failed) return;
    d->c->stage = (uint8_t)stage;
    d->c->kind = (uint8_t)kind;
}

static enum hl_status get_erasure(struct decoder *d)
{
    struct hl_contact_ext *ext = hl_contact_ext(d->c, d->slab, d->m);
    if (!ext) return HL_E_NOMEM;
    ext->erased_at = get_time(d);
    return HL_OK;
}

static enum hl_status get_head(struct decoder *d)
{
    struct hl_contact *c = d->c;
    require(d, hl_reader_u8(&d->r) == VERSION);
    get_stage_and_kind(d);
    uint64_t flags = get_varint(d, MAX_FLAGS);
    c->flags = 0;
    for (size_t i = 0; i < HL_ARRAY_LEN(flag_codes); i++)
        if (flags >> flag_codes[i].code & 1) c->flags |= flag_codes[i].flag;
    c->visit = (uint16_t)get_varint(d, UINT16_MAX);
    require(d, c->visit > 0);
    c->seq = (uint32_t)get_varint(d, UINT32_MAX);
    c->clock = (int64_t)get_varint(d, INT64_MAX);
    c->stage_since = get_time(d);
    return flags & WAS_ERASED ? get_erasure(d) : HL_OK;
}

static enum hl_status get_event_ids(struct decoder *d)
{
    unsigned n = hl_reader_u8(&d->r);
    require(d, n <= HL_EVENT_IDS);
    for (unsigned i = 0; i < n && !d->r.failed; i++) {
        uint64_t hash = hl_reader_u64le(&d->r);
        require(d, hash != 0);
        if (d->r.failed) break;
        enum hl_status status = hl_event_ids_add(d->c, d->slab, hash);
        if (status != HL_OK) return status;
    }
    return HL_OK;
}

/* The place of a rule; rules mostly come in their order. */
static void seek(struct decoder *d, uint16_t index, struct hl_entry *e)
{
    if (index <= d->rule) d->pos = 0;
    d->rule = index;
    hl_ledger_seek(d->c, &d->pos, index, e);
}

/* The row as it was stored, kept under the rule of today's model. */
static enum hl_status keep_row(struct decoder *d, const struct hl_row *stored, int64_t half_life_ms, uint16_t index)
{
    struct hl_entry e;
    seek(d, index, &e);
    require(d, !e.has_row); /* else the rule was there already */
    const struct hl_score_rule *rule = &d->m->rules[index];
    if (half_life_ms == rule->half_life.ms) {
        e.row = *stored;
    } else { /* the half-life has changed: take over what the row is worth now */
        struct hl_score_rule then = {.half_life = hl_half_life_of(half_life_ms)};
        struct hl_score_rule now = {.half_life = rule->half_life, .points = hl_row_value(stored, &then, d->c->clock)};
        hl_row_add(&e.row, &now, d->c->clock);
        e.row.count = stored->count;
    }
    e.row.rule = index;
    e.has_row = true;
    return hl_ledger_put(d->c, d->slab, &d->pos, &e);
}

/* A number of items to come; more than could be in what is left are none. */
static uint64_t get_count(struct decoder *d, size_t least_bytes)
{
    uint64_t n = get_varint(d, UINT16_MAX);
    require(d, n <= (size_t)(d->r.end - d->r.p) / least_bytes);
    return d->r.failed ? 0 : n;
}

static enum hl_status get_rows(struct decoder *d)
{
    uint64_t n = get_count(d, ROW_BYTES);
    int64_t half_life_ms = 0;
    for (uint64_t i = 0; i < n && !d->r.failed; i++) {
        uint16_t rule = hl_model_find_rule(d->m, hl_reader_u32be(&d->r));
        uint64_t changed = get_varint(d, 1 + MAX_HALF_LIFE_MS);
        if (changed) half_life_ms = (int64_t)(changed - 1);
        struct hl_row row = {0};
        row.epoch = (uint32_t)get_varint(d, UINT32_MAX);
        row.near_hi = hl_reader_long(&d->r);
        row.near_lo = (uint32_t)get_varint(d, UINT32_MAX);
        row.far = hl_reader_long(&d->r);
        row.count = (uint32_t)get_varint(d, UINT32_MAX);
        if (d->r.failed || rule == HL_NO_RULE) continue;
        enum hl_status status = keep_row(d, &row, half_life_ms, rule);
        if (status != HL_OK) return status;
    }
    return HL_OK;
}

/* Counts of windows that start at start[], as windows of today's length; two may have become one. */
static struct hl_window rewindow(const struct hl_score_rule *rule, uint16_t index, const int64_t *start, const uint32_t *count,
                                 unsigned n)
{
    struct hl_window w = {{start[0] / rule->window_ms, -1}, {count[0], 0}, index};
    if (n < 2) return w;
    int64_t older = start[1] / rule->window_ms;
    unsigned k = older == w.window[0] ? 0 : 1;
    w.window[k] = older;
    if (__builtin_add_overflow(w.count[k], count[1], &w.count[k])) w.count[k] = UINT32_MAX;
    return w;
}

static enum hl_status get_windows(struct decoder *d)
{
    uint64_t n = get_count(d, WINDOW_BYTES);
    for (uint64_t i = 0; i < n && !d->r.failed; i++) {
        uint16_t rule = hl_model_find_rule(d->m, hl_reader_u32be(&d->r));
        unsigned k = hl_reader_u8(&d->r);
        int64_t start[2] = {0, 0};
        uint32_t count[2] = {0, 0};
        require(d, k == 1 || k == 2);
        for (unsigned j = 0; j < k && !d->r.failed; j++) {
            start[j] = get_time(d);
            count[j] = (uint32_t)get_varint(d, UINT32_MAX);
        }
        require(d, k == 1 || start[1] < start[0]);
        if (d->r.failed || rule == HL_NO_RULE || d->m->rules[rule].max_times == 0) continue;
        struct hl_entry e;
        seek(d, rule, &e);
        require(d, e.window.window[0] < 0);
        e.window = rewindow(&d->m->rules[rule], rule, start, count, k);
        enum hl_status status = hl_ledger_put(d->c, d->slab, &d->pos, &e);
        if (status != HL_OK) return status;
    }
    return HL_OK;
}

/* Bytes of keys and values of the n attributes that follow. */
static size_t attribute_bytes(struct hl_reader r, uint64_t n)
{
    size_t bytes = 0;
    for (; n > 0 && !r.failed; n--) {
        bytes += hl_reader_bytes(&r).len;
        bytes += hl_reader_bytes(&r).len;
        hl_reader_long(&r);
    }
    return r.failed ? 0 : bytes;
}

static enum hl_status get_attributes(struct decoder *d)
{
    uint64_t n = get_count(d, ATTRIBUTE_BYTES), kept = 0;
    if (n && hl_contact_reserve_attributes(d->c, d->slab, n, attribute_bytes(d->r, n)) != HL_OK) return HL_E_NOMEM;
    for (uint64_t i = 0; i < n && !d->r.failed; i++) {
        struct hl_slice key = hl_reader_bytes(&d->r), value = hl_reader_bytes(&d->r);
        int64_t time = get_time(d);
        require(d, key.len <= MAX_KEY_BYTES && value.len <= MAX_VALUE_BYTES);
        if (d->r.failed) break;
        enum hl_status status = hl_contact_set_attribute(d->c, d->slab, key, value, time, &(bool){false});
        if (status == HL_E_NOMEM) return status;
        require(d, status == HL_OK);
    }
    struct hl_slice key, value;
    int64_t time;
    for (size_t pos = 0; hl_contact_next_attribute(d->c, &pos, &key, &value, &time);) kept++;
    require(d, kept == n); /* a key that comes twice */
    return HL_OK;
}

static void get_latches(struct decoder *d, struct hl_contact_ext *ext)
{
    uint64_t n = get_varint(d, UINT16_MAX);
    for (uint64_t i = 0; i < n && !d->r.failed; i++) {
        uint8_t list = hl_reader_u8(&d->r);
        uint32_t name = hl_reader_u32be(&d->r);
        int64_t t = get_time(d);
        require(d, list <= 1);
        const struct hl_latch_rule *rules = list ? d->m->qualify : d->m->hand_raise;
        unsigned n_rules = list ? ext->n_qualify : ext->n_hand_raise;
        for (unsigned k = 0; k < n_rules && !d->r.failed; k++)
            if (rules[k].name_hash == name) ext->latches[(list ? ext->n_hand_raise : 0) + k] = t;
    }
}

static enum hl_status get_owner(struct decoder *d)
{
    struct hl_slice name = hl_reader_bytes(&d->r);
    int64_t at = get_time(d);
    require(d, name.len <= MAX_OWNER_BYTES);
    return d->r.failed ? HL_OK : hl_handoff_set_owner(d->c, d->slab, d->m, name, at);
}

/* The deadline of the model with this name, if it applies to the contact; n_sla: none. */
static size_t find_sla(const struct decoder *d, uint32_t name_hash)
{
    size_t i = 0;
    while (i < d->m->n_sla && d->m->sla[i].name_hash != name_hash) i++;
    bool applies = i < d->m->n_sla && hl_sla_applies(&d->m->sla[i], (enum hl_stage)d->c->stage, (enum hl_kind)d->c->kind);
    return applies ? i : d->m->n_sla;
}

static enum hl_status get_clocks(struct decoder *d)
{
    uint64_t n = get_varint(d, HL_MAX_SLA), seen = 0;
    for (uint64_t i = 0; i < n && !d->r.failed; i++) {
        size_t sla = find_sla(d, hl_reader_u32be(&d->r));
        int64_t since = get_time(d), length = hl_reader_long(&d->r);
        uint32_t seq = (uint32_t)get_varint(d, UINT32_MAX);
        require(d, length >= 0);
        if (d->r.failed || sla == d->m->n_sla) continue;
        require(d, !(seen >> sla & 1)); /* a name that comes twice */
        if (d->r.failed) break;
        seen |= UINT64_C(1) << sla;
        struct hl_sla_clock *clock = hl_handoff_clock(d->c, d->slab, d->m, (uint16_t)sla);
        if (!clock) return HL_E_NOMEM;
        clock->since = since;
        clock->due = hl_time_add(since, length);
        clock->seq = seq;
    }
    return HL_OK;
}

static enum hl_status get_ext(struct decoder *d)
{
    uint8_t any = hl_reader_u8(&d->r);
    require(d, any <= 1);
    if (d->r.failed || !any) return HL_OK;
    struct hl_contact_ext *ext = hl_contact_ext(d->c, d->slab, d->m);
    if (!ext) return HL_E_NOMEM;
    ext->manual = hl_reader_long(&d->r);
    unsigned presence = hl_reader_u8(&d->r);
    for (unsigned f = 0; f < HL_FACT_COUNT; f++)
        if (presence >> fact_codes[f] & 1) ext->facts[f] = get_time(d);
    if (presence & HAS_REJECTED_AT) ext->rejected_at = get_time(d);
    get_latches(d, ext);
    enum hl_status status = presence & HAS_OWNER ? get_owner(d) : HL_OK;
    return status == HL_OK && (presence & HAS_CLOCKS) ? get_clocks(d) : status;
}

enum hl_status hl_state_decode(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_slice bytes)
{
    struct decoder d = {.r = hl_reader_of(bytes), .c = c, .slab = slab, .m = m};
    enum hl_status status = get_head(&d);
    if (status != HL_OK) return status;
    status = get_event_ids(&d);
    if (status == HL_OK) status = get_rows(&d);
    if (status == HL_OK) status = get_windows(&d);
    if (status == HL_OK) status = get_attributes(&d);
    if (status == HL_OK) status = get_ext(&d);
    if (status != HL_OK) return status;
    if (d.r.failed || d.r.p != d.r.end) return HL_E_DECODE;
    hl_contact_refit(c, m);
    return HL_OK;
}
