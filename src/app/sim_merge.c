/* DESIGN
 * A merge happens at once, at its place in the stream: the shards have applied what came before it and stand still, and the first thread goes from
 * contact to contact, whichever shard they are in. So the outcome does not depend on the number of threads. In `run` the same takes its way through
 * a topic (merge.c).
 *
 * WHY NOT pass things on between the shards while they run: what is for a contact would come at another place in the stream with another number of
 * threads. */
#include "sim_merge.h"

#include <stdlib.h>

#include "hotlead/base/hash.h"
#include "hotlead/core/join.h"

#define HOPS_MAX 1000 /* longer is no chain of merges but a circle of contacts that were forgotten in the lists */

bool hl_sim_merge_concerns_slowly(const struct hl_sim *sim, const struct hl_sim_batch *b, size_t i)
{
    const struct hl_event *ev = &b->events[i];
    if (ev->type == HL_EVENT_UNKNOWN) return false;
    if (ev->type == HL_EVENT_CONTACT_MERGED || (sim->pointers.n && ev->type == HL_EVENT_CONTACT_ERASED)) return true;
    if (ev->type == HL_EVENT_CONTACT_IDENTIFIED && hl_event_attribute(ev, HL_SLICE_LIT("anonymous_id")).len) return true;
    return hl_ghosts_has(&sim->pointers, b->hashes[i]);
}

/* One event on its way. */
struct way {
    struct hl_sim *sim;
    unsigned side;
    const struct hl_sim_batch *b;
    size_t i;
};

struct spot {
    struct hl_sim_shard *shard;
    struct hl_sim_side *side;
    struct hl_contact *c; /* NULL: no memory */
};

static struct spot find(const struct way *w, struct hl_slice id)
{
    uint64_t hash = hl_hash64(id);
    struct hl_sim_shard *shard = &w->sim->shards[hl_sim_shard_of(hash, w->sim->n_shards)];
    struct spot s = {shard, &shard->sides[w->side], NULL};
    hl_table_acquire(s.side->t, 0, hash);
    s.c = hl_sim_contact(s.side, hash, id);
    hl_table_release(s.side->t, 0, hash);
    return s;
}

static bool apply(const struct way *w, struct spot s, const struct hl_event *ev, const struct hl_contact *joins, struct hl_outcome *out)
{
    return s.c && hl_sim_shard_apply(s.shard, s.side, w->b, w->i, ev, s.c, joins, out);
}

/* The contact, and all that are one with it; each tells of more before it is emptied. Who is erased already ignores it: so it ends. */
static bool erase(const struct way *w, const struct hl_event *ev, struct hl_outcome *first)
{
    struct hl_buf left; /* ids, one behind the other */
    struct hl_event each = *ev;
    struct hl_outcome out;
    char name[HL_EVENT_MAX_OBJECT];
    size_t at = 0;
    bool ok = true, begun = false;
    hl_buf_init(&left);
    do {
        struct spot s = find(w, each.contact_id);
        struct hl_slice id;
        size_t mark = left.len;
        for (size_t pos = 0; s.c && hl_kin_next(s.c, &pos, &id);) hl_buf_put_bytes(&left, id);
        ok = apply(w, s, &each, NULL, &out) && !left.failed;
        if (ok && !out.erased) left.len = mark;
        if (!begun) *first = out;
        begun = true;
        if (at == left.len || !ok) break;
        struct hl_reader r = hl_reader_of((struct hl_slice){(const char *)left.data + at, left.len - at});
        id = hl_reader_bytes(&r);
        HL_BUG_ON(r.failed || id.len > sizeof(name)); /* put above */
        memcpy(name, id.data, id.len); /* the buffer moves when it grows */
        each.contact_id = (struct hl_slice){name, id.len};
        at = left.len - (size_t)(r.end - r.p);
    } while (ok);
    hl_buf_fini(&left);
    return ok;
}

/* `from` belongs to somebody who was erased after it went: it goes, too, with those that went into it. */
static bool bury(const struct way *w, const struct hl_event *ev, struct hl_slice from, int64_t erased_at)
{
    struct hl_event erasure = {.event_id = ev->event_id, .contact_id = from, .type = HL_EVENT_CONTACT_ERASED, .occurred_at = erased_at};
    struct hl_outcome out;
    return erase(w, &erasure, &out);
}

static void take_memo(struct spot to, struct spot from)
{
    struct hl_sim_memo *a = &from.side->memos[from.c->applied], *b = &to.side->memos[to.c->applied];
    if (b->first_mql_at == HL_NO_TIME || (a->first_mql_at != HL_NO_TIME && a->first_mql_at < b->first_mql_at)) b->first_mql_at = a->first_mql_at;
    if (b->bought_at == HL_NO_TIME || (a->bought_at != HL_NO_TIME && a->bought_at < b->bought_at)) b->bought_at = a->bought_at;
}

/* `a` goes into the contact of this id, or into whomever that one went into. */
static bool merge(const struct way *w, struct spot a, const struct hl_event *ev, struct hl_slice into)
{
    struct hl_event joined = {.event_id = ev->event_id, .contact_id = into, .type = HL_EVENT_CONTACT_MERGED, .occurred_at = ev->occurred_at};
    struct hl_outcome out = {.buried = false};
    struct spot b = find(w, into);
    for (unsigned n = 0; b.c && b.c != a.c && (b.c->flags & HL_C_MERGED) && n < HOPS_MAX && !out.buried; n++) {
        hl_merge_relay(b.c, &joined, false, &out);
        if (!out.buried) b = find(w, hl_merged_into(b.c));
    }
    if (!b.c) return false;
    if (b.c == a.c || (!out.buried && (b.c->flags & HL_C_MERGED))) return true; /* a circle: it stays what it is */
    joined.contact_id = hl_contact_id(b.c);
    if (!out.buried && !apply(w, b, &joined, a.c, &out)) return false;
    if (out.buried) return bury(w, ev, hl_contact_id(a.c), b.c->ext->erased_at);
    take_memo(b, a);
    struct hl_slab *slab = hl_table_acquire(a.side->t, 0, a.c->hash);
    bool ok = hl_merge_away(a.c, slab, a.side->m, into) == HL_OK;
    hl_table_release(a.side->t, 0, a.c->hash);
    return ok && (hl_ghosts_has(&w->sim->pointers, a.c->hash) || hl_ghosts_add(&w->sim->pointers, a.c->hash));
}

/* The contact of the event is who was known by the other id until now. Who has gone into another stays there. */
static bool claim(const struct way *w, const struct hl_event *ev, struct hl_slice id)
{
    struct hl_kv into = {HL_SLICE_LIT("into"), ev->contact_id};
    struct hl_event merged = {.event_id = ev->event_id, .contact_id = id, .type = HL_EVENT_CONTACT_MERGED, .occurred_at = ev->occurred_at,
                              .attributes = &into, .n_attributes = 1};
    struct hl_outcome out;
    struct spot a = find(w, id);
    if (a.c && (a.c->flags & HL_C_MERGED)) return true;
    if (!apply(w, a, &merged, NULL, &out)) return false;
    return out.onward != HL_ONWARD_STATE || merge(w, a, &merged, ev->contact_id);
}

static bool take(const struct way *w, struct hl_event ev, struct hl_outcome *out)
{
    for (unsigned n = 0; n < HOPS_MAX; n++) {
        struct spot s = find(w, ev.contact_id);
        if (ev.type == HL_EVENT_CONTACT_ERASED && !ev.machine) return erase(w, &ev, out);
        if (!apply(w, s, &ev, NULL, out)) return false;
        if (out->onward == HL_ONWARD_STATE) return merge(w, s, &ev, out->onward_to);
        if (out->onward == HL_ONWARD_CLAIM) return claim(w, &ev, out->onward_to);
        if (out->onward == HL_ONWARD_NONE) break;
        ev.contact_id = out->onward_to;
    }
    return true;
}

void hl_sim_merge_take(struct hl_sim *sim, const struct hl_sim_batch *b, size_t i)
{
    bool ok = true;
    for (unsigned side = 0; side < sim->shards[0].n_sides && ok; side++) {
        struct way w = {sim, side, b, i};
        struct hl_outcome out = {.result = HL_RESULT_IGNORED};
        for (unsigned k = 0; k < sim->n_shards && ok; k++) ok = hl_sim_shard_reach(&sim->shards[k], &sim->shards[k].sides[side], b, i);
        ok = ok && take(&w, b->events[i], &out);
        sim->shards[0].sides[side].counts.results[out.result]++;
    }
    if (!ok) sim->shards[0].status = HL_E_NOMEM;
}
