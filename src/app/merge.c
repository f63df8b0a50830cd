/* Contacts that become one (decision 0026), from the worker's side.
 *
 *     contact_merged of A, into B       A's state --> merges, key B;  A becomes a pointer          in A's transaction
 *     anonymous_id A of B               claim ------> merges, key A;  as contact_merged of A       in B's, then in A's
 *     an event of A, a pointer          event ------> merges, key B                                in A's
 *     a state that comes to B           B takes it over                                            in B's
 *
 * The topic is one more input, so what has left is read exactly once, by whoever has the other contact. Records that come to a pointer are passed on
 * as they are; those that have gone round a circle of pointers make the one with the smallest id a contact again.
 *
 * An erasure is for all that are one: it is told to those that went into the contact, and to the one that it went into, each of which does the same;
 * who is erased already ignores it, so it ends.
 *
 * A replay says nothing: what it would say was committed with the offsets. */
#include <inttypes.h>

#include "hotlead/base/hash.h"
#include "hotlead/base/log.h"
#include "hotlead/core/join.h"
#include "hotlead/core/state.h"
#include "worker.h"

/* ---- under the stripe's lock ---- */

/* Those that are one with a contact that is to be erased, behind those that are noted already: nothing will tell afterwards. */
static enum hl_status note_kin(struct hl_worker *w, const struct hl_contact *c)
{
    struct hl_slice id;
    size_t n = w->n_kin;
    for (size_t pos = 0; hl_kin_next(c, &pos, &id);) n++;
    struct hl_slice *kin = n > w->n_kin ? hl_arena_alloc(&w->arena, n * sizeof(*kin)) : w->kin;
    if (n > w->n_kin && !kin) return HL_E_NOMEM;
    if (w->n_kin && kin != w->kin) memcpy(kin, w->kin, w->n_kin * sizeof(*kin));
    w->kin = kin;
    for (size_t pos = 0; hl_kin_next(c, &pos, &id);) {
        kin[w->n_kin] = hl_arena_copy(&w->arena, id);
        if (hl_slice_is_null(kin[w->n_kin++])) return HL_E_NOMEM;
    }
    return HL_OK;
}

/* One that went into somebody who was erased after that goes, too. */
static enum hl_status note_from(struct hl_worker *w, const struct hl_onward_record *via)
{
    w->kin = hl_arena_alloc(&w->arena, sizeof(*w->kin));
    if (!w->kin) return HL_E_NOMEM;
    w->kin[w->n_kin++] = via->from;
    return HL_OK;
}

static enum hl_status take_state(struct hl_worker *w, struct hl_slab *slab, struct hl_contact *c, const struct hl_onward_record *via,
                                 enum hl_apply_mode mode, struct hl_outcome *o)
{
    struct hl_contact from;
    const struct hl_model *m = w->model;
    enum hl_status status = hl_contact_init(&from, slab, hl_hash64(via->from), via->from, c->partition);
    if (!status) status = hl_state_decode(&from, slab, m, via->state);
    if (!status) status = hl_join(c, slab, m, &from, &via->ev, mode, o);
    if (!status && o->buried) status = note_from(w, via);
    if (!status && o->buried) status = note_kin(w, &from);
    if (from.body) hl_contact_fini(&from, slab);
    return status;
}

/* It leaves: its state is kept to be sent, and a pointer stays. */
static enum hl_status depart(struct hl_worker *w, struct hl_slab *slab, struct hl_contact *c, struct hl_outcome *o)
{
    hl_buf_clear(&w->engine_buf);
    hl_state_encode(c, w->model, &w->engine_buf);
    if (w->engine_buf.failed) return HL_E_NOMEM;
    return hl_merge_away(c, slab, w->model, o->onward_to);
}

const struct hl_onward_record *hl_merge_read(struct hl_worker *w, const struct hl_record *r, struct hl_error *err)
{
    struct hl_onward_record *via = hl_arena_alloc(&w->arena, sizeof(*via));
    if (via && hl_onward_decode(r->value, &w->arena, via, err) == HL_OK) {
        w->hops = via->hops;
        return via;
    }
    hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory"); /* it was read before */
    return NULL;
}

enum hl_status hl_merge_apply(struct hl_worker *w, struct hl_slab *slab, struct hl_contact *c, const struct hl_event *ev,
                              const struct hl_onward_record *via, enum hl_apply_mode mode, struct hl_outcome *o)
{
    const struct hl_model *m = w->model;
    enum hl_status status = HL_OK;
    bool pointer = c->flags & HL_C_MERGED, erases = ev->type == HL_EVENT_CONTACT_ERASED;
    bool back = via && pointer && !erases && hl_hops_arrive(&w->hops, hl_contact_id(c));
    w->n_kin = 0;
    if (erases) status = note_kin(w, c);
    if (back) hl_merge_back(c, slab);
    if (status) return status;
    if (via && pointer && !back && !erases) {
        hl_merge_relay(c, ev, via->what == HL_ONWARD_CLAIM, o);
        if (o->buried && via->what == HL_ONWARD_STATE) status = note_from(w, via);
    } else if (via && via->what == HL_ONWARD_STATE) status = take_state(w, slab, c, via, mode, o);
    else status = hl_apply(c, slab, m, w->matches, ev, mode, o);
    o->revived = back;
    o->changed |= back;
    w->erased_at = o->buried ? c->ext->erased_at : ev->occurred_at;
    return !status && o->onward == HL_ONWARD_STATE ? depart(w, slab, c, o) : status;
}

/* ---- afterwards ---- */

static enum hl_status send(struct hl_worker *w, const struct hl_record *r, const struct hl_onward_record *rec, struct hl_error *err)
{
    int32_t partition = hl_partition_of(rec->ev.contact_id, w->e->n_partitions);
    hl_buf_clear(&w->record_buf);
    hl_onward_encode(&w->record_buf, rec);
    if (w->record_buf.failed) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    return hl_emit_onward(w, r, partition, rec->ev.contact_id, err);
}

static enum hl_status send_erasures(struct hl_worker *w, const struct hl_record *r, const struct hl_event *ev, struct hl_error *err)
{
    struct hl_onward_record rec = {.what = HL_ONWARD_EVENT, .ev = {.event_id = ev->event_id, .type = HL_EVENT_CONTACT_ERASED, .occurred_at = w->erased_at}};
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < w->n_kin && !status; i++) {
        rec.ev.contact_id = w->kin[i];
        status = send(w, r, &rec, err);
    }
    return status;
}

enum hl_status hl_merge_send(struct hl_worker *w, const struct hl_record *r, const struct hl_event *ev, const struct hl_onward_record *via,
                             const struct hl_outcome *o, struct hl_error *err)
{
    struct hl_kv into = {HL_SLICE_LIT("into"), ev->contact_id};
    struct hl_onward_record rec = {.what = o->onward, .ev = {.event_id = ev->event_id, .type = HL_EVENT_CONTACT_MERGED, .occurred_at = ev->occurred_at}};
    if ((o->erased || o->buried) && w->n_kin) return send_erasures(w, r, ev, err);
    switch (o->onward) {
    case HL_ONWARD_NONE: return HL_OK;
    case HL_ONWARD_EVENT:
        if (via) rec = *via;
        else rec.ev = *ev;
        rec.hops = via ? w->hops : (struct hl_hops){0};
        hl_hops_leave(&rec.hops, ev->contact_id);
        break;
    case HL_ONWARD_STATE:
        rec.from = ev->contact_id;
        rec.state = hl_buf_slice(&w->engine_buf);
        hl_hops_leave(&rec.hops, ev->contact_id);
        break;
    case HL_ONWARD_CLAIM:
        rec.ev.attributes = &into;
        rec.ev.n_attributes = 1;
        break;
    }
    rec.ev.contact_id = o->onward_to;
    return send(w, r, &rec, err);
}
