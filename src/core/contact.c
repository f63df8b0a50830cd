/* DESIGN
 * Attributes are one block of entries packed end to end:
 *
 *     | key length 1 | value length 2 | time 8 | key | value |   (native byte order, unaligned; the stored form is state.c's)
 *
 * A removed attribute keeps its entry with an empty value, so that an older event that comes late cannot bring it back. A
 * typical contact has three to eight attributes, so a scan of one or two cache lines finds a key; the block is rewritten only
 * when an attribute is set.
 *
 * WHY NOT a hash map: its own overhead would be larger than the data. Not offsets to separate strings: each would cost a slab
 * block.
 *
 * THREADS: guarded by the stripe of the contact. */
#include "hotlead/core/contact.h"

#include "contact_private.h"
#include "hotlead/core/score.h"
#include "ledger.h"

#define ENTRY_HEAD 11
#define MAX_KEYS 64
#define MAX_KEY_BYTES 255
#define MAX_VALUE_BYTES HL_OWN_MAX
#define DOMAIN_BYTES 256
#define AS_BARE INT64_MIN /* fit: there were no attributes when it was worked out, and those that came since say nothing of it */

struct entry {
    size_t at; /* offset of the entry in the block */
    struct hl_slice key, value;
    int64_t time;
};

/* As every contact begins. */
static void start(struct hl_contact *c)
{
    c->visit = 1;
    c->timer = HL_NO_TIME;
    c->stage = HL_STAGE_ANONYMOUS;
    c->flags = HL_C_ARMED_MQL | HL_C_ARMED_SQL;
}

enum hl_status hl_contact_init(struct hl_contact *c, struct hl_slab *slab, uint64_t hash, struct hl_slice id, uint16_t partition)
{
    memset(c, 0, sizeof *c);
    enum hl_status status = hl_body_new(c, slab, id);
    if (status != HL_OK) return status;
    c->hash = hash;
    c->partition = partition;
    start(c);
    return HL_OK;
}

static size_t ext_bytes(const struct hl_contact_ext *ext)
{
    return sizeof *ext + ((size_t)ext->n_hand_raise + ext->n_qualify) * sizeof ext->latches[0];
}

/* What the ext points to. */
static void free_handoff(struct hl_contact_ext *ext, struct hl_slab *slab)
{
    hl_slab_free(slab, ext->owner, ext->owner_len);
    hl_slab_free(slab, ext->clocks, ext->cap_clocks * sizeof *ext->clocks);
    ext->owner = NULL;
    ext->clocks = NULL;
    ext->owner_len = ext->n_clocks = ext->cap_clocks = 0;
}

static size_t attributes_bytes(const struct hl_contact *c)
{
    return c->attributes ? sizeof *c->attributes + c->attributes->cap : 0;
}

static void free_attributes(struct hl_contact *c, struct hl_slab *slab)
{
    hl_slab_free(slab, c->attributes, attributes_bytes(c));
    c->attributes = NULL;
}

static void free_ext(struct hl_contact *c, struct hl_slab *slab)
{
    if (!c->ext) return;
    free_handoff(c->ext, slab);
    hl_slab_free(slab, c->ext, ext_bytes(c->ext));
    c->ext = NULL;
}

void hl_contact_fini(struct hl_contact *c, struct hl_slab *slab)
{
    hl_body_free(c, slab);
    free_attributes(c, slab);
    free_ext(c, slab);
    memset(c, 0, sizeof *c);
}

/* What is in no block but the engine's, and the blocks. */
static struct hl_contact shell(const struct hl_contact *c)
{
    return (struct hl_contact){.hash = c->hash, .body = c->body, .attributes = c->attributes, .ext = c->ext, .partition = c->partition, .worker = c->worker};
}

void hl_contact_restart(struct hl_contact *c, struct hl_slab *slab)
{
    free_attributes(c, slab);
    free_ext(c, slab);
    hl_ledger_clear(c);
    hl_event_ids_clear(c);
    *c = shell(c);
    start(c);
}

static size_t block_bytes(const void *block, size_t bytes)
{
    return block ? hl_slab_usable(bytes) : 0;
}

static size_t all_of_ext(const struct hl_contact_ext *ext)
{
    if (!ext) return 0;
    return hl_slab_usable(ext_bytes(ext)) + block_bytes(ext->owner, ext->owner_len) +
           block_bytes(ext->clocks, ext->cap_clocks * sizeof *ext->clocks);
}

size_t hl_contact_bytes(const struct hl_contact *c)
{
    return hl_slab_usable(sizeof *c) + block_bytes(c->body, hl_body_bytes(c)) + block_bytes(c->attributes, attributes_bytes(c)) + all_of_ext(c->ext);
}

struct hl_slice hl_contact_cut(struct hl_slice s, size_t max)
{
    if (s.len <= max) return s;
    size_t n = max;
    while (n > 0 && max - n < 3 && ((unsigned char)s.data[n] & 0xc0) == 0x80) n--;
    if (((unsigned char)s.data[n] & 0xc0) == 0x80) n = max; /* no UTF-8: any place is as good */
    return (struct hl_slice){s.data, n};
}

/* The entry at offset `at`; false at the end of the block. */
static bool entry_at(const struct hl_contact *c, size_t at, struct entry *e)
{
    if (!c->attributes || at >= c->attributes->len) return false;
    const uint8_t *p = c->attributes->data + at;
    uint16_t value_len;
    memcpy(&value_len, p + 1, sizeof value_len);
    memcpy(&e->time, p + 3, sizeof e->time);
    e->at = at;
    e->key = (struct hl_slice){(const char *)p + ENTRY_HEAD, p[0]};
    e->value = (struct hl_slice){(const char *)p + ENTRY_HEAD + p[0], value_len};
    return true;
}

static size_t entry_end(const struct entry *e)
{
    return e->at + ENTRY_HEAD + e->key.len + e->value.len;
}

static bool entry_find(const struct hl_contact *c, struct hl_slice key, struct entry *e, unsigned *n)
{
    *n = 0;
    for (size_t at = 0; entry_at(c, at, e); at = entry_end(e), (*n)++)
        if (hl_slice_eq(e->key, key)) return true;
    return false;
}

/* Make room for `more` bytes. */
static enum hl_status reserve(struct hl_contact *c, struct hl_slab *slab, size_t more)
{
    struct hl_attributes *old = c->attributes;
    size_t need = (old ? old->len : 0) + more;
    if (old && need <= old->cap) return HL_OK;
    size_t bytes = hl_slab_usable(sizeof *old + need);
    struct hl_attributes *block = hl_slab_alloc(slab, bytes);
    if (!block) return HL_E_NOMEM;
    *block = (struct hl_attributes){.fit = AS_BARE, .cap = (uint32_t)(bytes - sizeof *block)};
    if (old) {
        block->fit = old->fit;
        block->len = old->len;
        memcpy(block->data, old->data, old->len);
        free_attributes(c, slab);
    }
    c->attributes = block;
    return HL_OK;
}

enum hl_status hl_contact_reserve_attributes(struct hl_contact *c, struct hl_slab *slab, size_t n, size_t bytes)
{
    return reserve(c, slab, n * ENTRY_HEAD + bytes);
}

static void entry_append(struct hl_contact *c, struct hl_slice key, struct hl_slice value, int64_t time)
{
    uint8_t *p = c->attributes->data + c->attributes->len;
    uint16_t value_len = (uint16_t)value.len;
    p[0] = (uint8_t)key.len;
    memcpy(p + 1, &value_len, sizeof value_len);
    memcpy(p + 3, &time, sizeof time);
    if (key.len) memcpy(p + ENTRY_HEAD, key.data, key.len);
    if (value.len) memcpy(p + ENTRY_HEAD + key.len, value.data, value.len);
    c->attributes->len += (uint32_t)(ENTRY_HEAD + key.len + value.len);
}

/* Their times count, too: the younger one tells the domain. */
static bool is_about_mail(struct hl_slice key)
{
    return hl_slice_eq_cstr(key, "email") || hl_slice_eq_cstr(key, "email_domain");
}

enum hl_status hl_contact_set_attribute(struct hl_contact *c, struct hl_slab *slab, struct hl_slice key, struct hl_slice value,
                                        int64_t time, bool *changed)
{
    key = hl_contact_cut(key, MAX_KEY_BYTES);
    value = hl_contact_cut(value, MAX_VALUE_BYTES);
    struct entry e;
    unsigned n;
    bool found = entry_find(c, key, &e, &n);
    if (found && e.time > time) return HL_OK;
    if (found && hl_slice_eq(e.value, value)) {
        *changed |= is_about_mail(key);
        memcpy(c->attributes->data + e.at + 3, &time, sizeof time);
        return HL_OK;
    }
    *changed = true;
    if (!found && n >= MAX_KEYS) return HL_E_TOO_LARGE;
    size_t old = found ? entry_end(&e) - e.at : 0, now = ENTRY_HEAD + key.len + value.len;
    enum hl_status status = now > old ? reserve(c, slab, now - old) : HL_OK;
    if (status != HL_OK) return status;
    if (found) {
        struct hl_attributes *a = c->attributes;
        memmove(a->data + e.at, a->data + e.at + old, a->len - e.at - old);
        a->len -= (uint32_t)old;
    }
    entry_append(c, key, value, time);
    return HL_OK;
}

enum hl_status hl_contact_set_own(struct hl_contact *c, struct hl_slab *slab, struct hl_slice key, struct hl_slice value)
{
    enum hl_status status = hl_contact_set_attribute(c, slab, key, value, c->clock, &(bool){false});
    return status == HL_E_TOO_LARGE ? HL_OK : status;
}

bool hl_contact_next_attribute(const struct hl_contact *c, size_t *pos, struct hl_slice *key, struct hl_slice *value,
                               int64_t *time)
{
    struct entry e;
    if (!entry_at(c, *pos, &e)) return false;
    *pos = entry_end(&e);
    *key = e.key;
    *value = e.value.len ? e.value : HL_SLICE_NULL;
    *time = e.time;
    return true;
}

/* What an e-mail address says of its domain: after the last @, without blanks, lower case; null when there is nothing. */
static struct hl_slice domain_of(struct hl_slice email, char *scratch)
{
    const char *at = email.len ? memrchr(email.data, '@', email.len) : NULL;
    if (!at) return HL_SLICE_NULL;
    struct hl_slice domain = hl_slice_trim((struct hl_slice){at + 1, (size_t)(email.data + email.len - (at + 1))});
    if (domain.len == 0 || domain.len >= DOMAIN_BYTES) return HL_SLICE_NULL;
    for (size_t i = 0; i < domain.len; i++) {
        char ch = domain.data[i];
        scratch[i] = ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch;
    }
    return (struct hl_slice){scratch, domain.len};
}

struct hl_slice hl_contact_attribute(const struct hl_contact *c, struct hl_slice key, char *scratch)
{
    struct entry given = {0}, email; /* set where it is used; newer compilers do not see it */
    unsigned n;
    bool has_given = entry_find(c, key, &given, &n) && given.value.len > 0;
    if (!hl_slice_eq_cstr(key, "email_domain")) return has_given ? given.value : HL_SLICE_NULL;
    struct hl_slice derived = HL_SLICE_NULL;
    if (entry_find(c, HL_SLICE_LIT("email"), &email, &n)) derived = domain_of(email.value, scratch);
    if (has_given && (!derived.data || given.time >= email.time)) return given.value;
    return derived;
}

bool hl_contact_holds(const struct hl_contact *c, const struct hl_condition *when)
{
    char scratch[DOMAIN_BYTES];
    return hl_condition_holds(when, hl_contact_attribute(c, hl_slice_of(when->attribute), scratch));
}

const struct hl_fit_rule *hl_contact_first_rule(const struct hl_contact *c, const struct hl_fit_rule *rules, size_t n,
                                                bool wanted)
{
    for (size_t i = 0; i < n; i++)
        if (hl_contact_holds(c, &rules[i].when) == wanted) return &rules[i];
    return NULL;
}

static uint8_t grade_of(const struct hl_model *m, hl_fixed fit)
{
    for (size_t i = 0; i < m->n_grades; i++)
        if (fit >= m->grades[i].at_least) return (uint8_t)m->grades[i].letter;
    return 'D';
}

#define FIT_FLAGS ((uint32_t)(HL_C_MUST_HAVE | HL_C_DISQUALIFIED_TRAIT | HL_C_SUSPECT))

static hl_fixed fit_of(const struct hl_contact *c, const struct hl_model *m)
{
    hl_fixed fit = 0;
    for (size_t i = 0; i < m->n_fit; i++)
        if (hl_contact_holds(c, &m->fit[i].when)) fit = hl_fixed_add(fit, m->fit[i].points);
    return fit;
}

hl_fixed hl_contact_fit(const struct hl_contact *c, const struct hl_model *m)
{
    return c->attributes && c->attributes->fit != AS_BARE ? c->attributes->fit : m->bare.fit;
}

void hl_contact_refit(struct hl_contact *c, const struct hl_model *m)
{
    c->flags &= (uint16_t)~FIT_FLAGS;
    if (!c->attributes) { /* as everyone begins */
        c->flags |= m->bare.flags;
        c->grade = m->bare.grade;
        return;
    }
    if (!hl_contact_first_rule(c, m->must_have, m->n_must_have, false)) c->flags |= HL_C_MUST_HAVE;
    if (hl_contact_first_rule(c, m->disqualify, m->n_disqualify, true)) c->flags |= HL_C_DISQUALIFIED_TRAIT;
    if (hl_contact_first_rule(c, m->suspect, m->n_suspect, true)) c->flags |= HL_C_SUSPECT;
    c->attributes->fit = fit_of(c, m);
    c->grade = grade_of(m, c->attributes->fit);
}

void hl_contact_fit_bare(struct hl_model *m)
{
    struct hl_attributes nothing = {.len = 0};
    struct hl_contact bare = {.attributes = &nothing};
    hl_contact_refit(&bare, m);
    m->bare.flags = bare.flags;
    m->bare.fit = nothing.fit;
    m->bare.grade = bare.grade;
}

static void clear_ext(struct hl_contact_ext *ext)
{
    for (unsigned i = 0; i < HL_FACT_COUNT; i++) ext->facts[i] = HL_NO_TIME;
    for (unsigned i = 0; i < (unsigned)ext->n_hand_raise + ext->n_qualify; i++) ext->latches[i] = HL_NO_TIME;
    ext->rejected_at = ext->erased_at = ext->owner_at = HL_NO_TIME;
    ext->manual = 0;
}

struct hl_contact_ext *hl_contact_ext(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m)
{
    if (c->ext) {
        HL_BUG_ON(c->ext->n_hand_raise != m->n_hand_raise || c->ext->n_qualify != m->n_qualify);
        return c->ext;
    }
    struct hl_contact_ext head = {.n_hand_raise = (uint16_t)m->n_hand_raise, .n_qualify = (uint16_t)m->n_qualify};
    struct hl_contact_ext *ext = hl_slab_alloc(slab, ext_bytes(&head));
    if (!ext) return NULL;
    *ext = head;
    clear_ext(ext);
    return c->ext = ext;
}

bool hl_contact_is_buried(const struct hl_contact *c, int64_t occurred_at)
{
    return c->ext && c->ext->erased_at != HL_NO_TIME && occurred_at <= c->ext->erased_at;
}

uint32_t *hl_window_slot(struct hl_window *w, int64_t window)
{
    if (window > w->window[0]) {
        w->window[1] = w->window[0];
        w->count[1] = w->count[0];
        w->window[0] = window;
        w->count[0] = 0;
    } else if (window < w->window[0] && window > w->window[1]) {
        w->window[1] = window;
        w->count[1] = 0;
    }
    for (unsigned i = 0; i < 2; i++)
        if (w->window[i] == window) return &w->count[i];
    return NULL;
}

/* As every contact begins, at its place in the engine. */
static void start_over(struct hl_contact *c)
{
    struct hl_contact was = *c;
    *c = shell(c);
    c->applied = was.applied, c->dirty = was.dirty, c->refs = was.refs, c->stamp = was.stamp;
    start(c);
}

void hl_contact_clear(struct hl_contact *c, struct hl_slab *slab)
{
    int64_t erased_at = c->ext ? c->ext->erased_at : HL_NO_TIME;
    free_attributes(c, slab);
    if (c->ext) {
        free_handoff(c->ext, slab);
        clear_ext(c->ext);
        c->ext->erased_at = erased_at;
    }
    hl_ledger_clear(c);
    hl_body_shrink(c, slab);
    struct hl_contact was = *c;
    start_over(c);
    c->clock = was.clock, c->stage_since = was.stage_since, c->seq = was.seq;
}

enum hl_status hl_contact_erase(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, int64_t at)
{
    struct hl_contact_ext *ext = hl_contact_ext(c, slab, m);
    if (!ext) return HL_E_NOMEM;
    free_attributes(c, slab);
    free_handoff(ext, slab);
    clear_ext(ext);
    ext->erased_at = at;
    hl_ledger_clear(c);
    hl_event_ids_clear(c);
    hl_body_shrink(c, slab);
    start_over(c);
    c->flags |= HL_C_ERASED;
    return HL_OK;
}
