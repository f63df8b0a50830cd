/* DESIGN
 *     pointer:       attribute "\1into"    id
 *     who took over: attribute "\1merged"  (bytes id)*, the newest first
 *
 * All that a contact has adds up: rows and counts are sums, of times and attributes the newer one counts. So it does not matter whether an event
 * came to a contact before it was merged, or is passed on to the other afterwards.
 *
 * THREADS: pure; contacts are guarded by their stripes. */
#include "hotlead/core/join.h"

#include "contact_private.h"
#include "handoff.h"
#include "hotlead/base/buf.h"
#include "hotlead/base/hash.h"
#include "hotlead/core/touches.h"
#include "ledger.h"
#include "lifecycle.h"

#define INTO ((struct hl_slice){"\1into", 5})
#define MERGED ((struct hl_slice){"\1merged", 7})

/* ---- pointers ---- */

struct hl_slice hl_merged_into(const struct hl_contact *c)
{
    return c->flags & HL_C_MERGED ? hl_contact_attribute(c, INTO, NULL) : HL_SLICE_NULL;
}

enum hl_status hl_merge_away(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_slice into)
{
    hl_contact_clear(c, slab);
    hl_contact_refit(c, m);
    enum hl_status status = hl_contact_set_own(c, slab, INTO, into);
    if (status == HL_OK) c->flags |= HL_C_MERGED;
    return status;
}

void hl_merge_back(struct hl_contact *c, struct hl_slab *slab)
{
    c->flags &= (uint16_t)~HL_C_MERGED;
    hl_event_ids_clear(c);
    HL_BUG_ON(hl_contact_set_own(c, slab, INTO, HL_SLICE_LIT("")) != HL_OK); /* it shrinks */
}

void hl_merge_relay(const struct hl_contact *c, const struct hl_event *ev, bool is_claim, struct hl_outcome *out)
{
    hl_outcome_clear(out);
    out->buried = hl_contact_is_buried(c, ev->occurred_at);
    if (is_claim || out->buried) return;
    out->result = HL_RESULT_SCORED;
    out->onward = HL_ONWARD_EVENT;
    out->onward_to = hl_merged_into(c);
}

/* ---- the list of those that went into it ---- */

bool hl_merged_next(const struct hl_contact *c, size_t *pos, struct hl_slice *id)
{
    struct hl_slice list = hl_contact_attribute(c, MERGED, NULL);
    if (*pos >= list.len) return false;
    struct hl_reader r = hl_reader_of((struct hl_slice){list.data + *pos, list.len - *pos});
    *id = hl_reader_bytes(&r);
    *pos = list.len - (size_t)(r.end - r.p);
    return !r.failed && id->len > 0;
}

bool hl_merged_has(const struct hl_contact *c, struct hl_slice id)
{
    struct hl_slice each;
    for (size_t pos = 0; hl_merged_next(c, &pos, &each);)
        if (hl_slice_eq(each, id)) return true;
    return false;
}

bool hl_kin_next(const struct hl_contact *c, size_t *pos, struct hl_slice *id)
{
    if (*pos == 0) {
        *pos = 1;
        *id = hl_merged_into(c);
        if (id->len) return true;
    }
    size_t at = *pos - 1;
    bool more = hl_merged_next(c, &at, id);
    *pos = at + 1;
    return more;
}

static void list_add(struct hl_buf *list, const struct hl_contact *owner, struct hl_slice id)
{
    if (id.len > HL_EVENT_MAX_OBJECT || list->len + id.len + 2 > HL_OWN_MAX || hl_slice_eq(id, hl_contact_id(owner))) return;
    hl_buf_put_bytes(list, id);
}

static enum hl_status join_lists(struct hl_contact *c, struct hl_slab *slab, const struct hl_contact *from)
{
    uint8_t bytes[HL_OWN_ROOM];
    struct hl_buf l = hl_buf_over(bytes, sizeof bytes);
    struct hl_slice id;
    list_add(&l, c, hl_contact_id(from));
    for (size_t pos = 0; hl_merged_next(from, &pos, &id);) list_add(&l, c, id);
    for (size_t pos = 0; hl_merged_next(c, &pos, &id);)
        if (!hl_slice_eq(id, hl_contact_id(from)) && !hl_merged_has(from, id)) list_add(&l, c, id);
    return hl_contact_set_own(c, slab, MERGED, hl_buf_slice(&l));
}

/* ---- what is taken over ---- */

static int64_t time_of(const struct hl_contact *c, struct hl_slice key)
{
    struct hl_slice each, value;
    int64_t time;
    for (size_t pos = 0; hl_contact_next_attribute(c, &pos, &each, &value, &time);)
        if (hl_slice_eq(each, key)) return time;
    return HL_NO_TIME;
}

/* Per key the newer one; on a tie the contact keeps its own. */
static enum hl_status join_attributes(struct hl_step *s, const struct hl_contact *from)
{
    struct hl_slice key, value;
    int64_t time;
    for (size_t pos = 0; hl_contact_next_attribute(from, &pos, &key, &value, &time);) {
        if (hl_is_own_key(key) || time <= time_of(s->c, key)) continue;
        enum hl_status status = hl_contact_set_attribute(s->c, s->slab, key, value.data ? value : HL_SLICE_LIT(""), time, &(bool){false});
        if (status == HL_E_NOMEM) return status; /* one too many is dropped */
    }
    hl_contact_refit(s->c, s->m);
    return HL_OK;
}

/* Matches of both in the same window are added; the two newest windows stay. */
static void join_window(struct hl_window *w, int64_t window, uint32_t count)
{
    uint32_t *sum = hl_window_slot(w, window);
    if (sum && __builtin_add_overflow(*sum, count, sum)) *sum = UINT32_MAX;
}

static enum hl_status join_ledger(struct hl_step *s, const struct hl_contact *from)
{
    struct hl_entry more, e;
    enum hl_status status = HL_OK;
    for (size_t next = 0, pos = 0; status == HL_OK && hl_ledger_next(from, &next, &more);) {
        hl_ledger_seek(s->c, &pos, more.row.rule, &e);
        if (more.has_row) hl_row_join(&e.row, &more.row);
        e.has_row |= more.has_row;
        for (unsigned k = 0; k < 2; k++)
            if (more.window.window[k] >= 0) join_window(&e.window, more.window.window[k], more.window.count[k]);
        status = hl_ledger_put(s->c, s->slab, &pos, &e);
    }
    return status;
}

/* The newer one, and none from before a rejection of the contact. */
static void keep_newer(int64_t *at, int64_t t, int64_t rejected_at)
{
    if (t > *at && t > rejected_at) *at = t;
}

static enum hl_status join_ext(struct hl_step *s, const struct hl_contact *from)
{
    if (!from->ext) return HL_OK;
    struct hl_contact_ext *ext = hl_contact_ext(s->c, s->slab, s->m);
    if (!ext) return HL_E_NOMEM;
    ext->manual = hl_fixed_add(ext->manual, from->ext->manual);
    for (unsigned f = 0; f < HL_FACT_COUNT; f++) keep_newer(&ext->facts[f], from->ext->facts[f], ext->rejected_at);
    for (unsigned i = 0; i < (unsigned)ext->n_hand_raise + ext->n_qualify; i++) keep_newer(&ext->latches[i], from->ext->latches[i], ext->rejected_at);
    if (ext->owner || !from->ext->owner || from->ext->owner_at <= ext->owner_at) return HL_OK;
    return hl_handoff_set_owner(s->c, s->slab, s->m, hl_contact_owner(from), from->ext->owner_at);
}

static enum hl_status take_over(struct hl_step *s, const struct hl_contact *from)
{
    s->c->flags |= from->flags & HL_C_SUBSCRIBED;
    enum hl_status status = join_attributes(s, from);
    if (status == HL_OK) status = join_ledger(s, from);
    if (status == HL_OK) status = join_ext(s, from);
    if (status == HL_OK) status = hl_touches_join(s->c, s->slab, s->m, from);
    if (status == HL_OK && s->m->voids_keep) status = hl_voids_join(s->c, s->slab, s->m, from);
    return status == HL_OK ? join_lists(s->c, s->slab, from) : status;
}

/* ---- all of it ---- */

/* Its own id, so that it is not taken for the event itself, which may have come to both contacts. */
static enum hl_status remember_join(struct hl_contact *c, struct hl_slab *slab, const struct hl_contact *from, struct hl_slice event_id, bool *known)
{
    uint64_t both[2] = {from->hash, hl_hash64(event_id)};
    return hl_contact_remember(c, slab, hl_hash64((struct hl_slice){(const char *)both, sizeof both}), known);
}

enum hl_status hl_join(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_contact *from, const struct hl_event *ev,
                       enum hl_apply_mode mode, struct hl_outcome *out)
{
    hl_outcome_clear(out);
    if (c->grade == 0) hl_contact_refit(c, m);
    out->buried = hl_contact_is_buried(c, ev->occurred_at);
    if (out->buried) return HL_OK;
    c->flags &= (uint16_t)~HL_C_ERASED;
    bool known;
    enum hl_status status = remember_join(c, slab, from, ev->event_id, &known);
    if (status == HL_OK && known) out->result = HL_RESULT_DUPLICATE;
    if (status != HL_OK || known) return status;
    hl_contact_advance_clock(c, ev->occurred_at);
    hl_contact_advance_clock(c, from->clock);
    struct hl_step s = {.c = c, .slab = slab, .m = m, .ev = ev, .out = out};
    hl_lifecycle_look_at_arms(&s);
    status = take_over(&s, from);
    if (status != HL_OK) return status;
    s.score_known = false;
    out->result = HL_RESULT_SCORED;
    out->changed = out->sinks = true;
    hl_lifecycle_look_at_arms(&s);
    return mode == HL_APPLY_REPLAY ? HL_OK : hl_lifecycle_join(&s, from);
}
