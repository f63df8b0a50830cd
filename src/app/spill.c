/* Contacts that left for Redis come back when an event is theirs (decisions/0019). Who left is told from who is new by the ghosts of the partition.
 *
 * DESIGN  The ids of a batch, or of a group, that may be ghosts are gathered (`want`) and fetched together. The answer counts only if the copy is at
 * least where it was when the last of them left: at that position the state topic has the last state of each, and the copy is that topic's prefix.
 * So a copy that was emptied, or that lost its last writes, gives nothing until the mirror has filled it again from the topic, and nobody is ever
 * taken for new because Redis forgot.
 *
 * A ghost that a copy does not have, although it has come far enough: either the copy is damaged (a bucket was evicted or deleted), or 54 bits of the
 * hash are like another's. The whole copy is then checked. Damaged, it is discarded and made anew from the topic; whole, the id is a stranger's, and
 * is remembered as one.
 *
 * A ghost must go as soon as the topic has something newer of its contact, be it a tombstone: else the copy would give what was before. In live
 * operation nothing newer comes but from contacts that are back; in recovery, what the topic has behind the copy is fetched first.
 *
 * THREADS  The worker's own. */
#include <inttypes.h>
#include <stdlib.h>

#include "hotlead/adapter/avro.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/failpoint.h"
#include "hotlead/base/hash.h"
#include "hotlead/base/log.h"
#include "hotlead/core/state.h"
#include "worker.h"

#define FETCH_MS 20000 /* the store's own limits are shorter */
#define CHECK_MS 600000

/* --- strangers --- */

static bool is_stranger(const struct hl_away *a, uint64_t hash)
{
    for (size_t i = 0; i < HL_STRANGERS; i++)
        if (a->strangers[i] == hash && hash) return true;
    return false;
}

/* The oldest makes room. */
static void remember_stranger(struct hl_away *a, uint64_t hash)
{
    a->strangers[a->next_stranger] = hash;
    a->next_stranger = (a->next_stranger + 1) % HL_STRANGERS;
    a->has_strangers = true;
}

void hl_spill_forget_stranger(struct hl_partition *p, uint64_t hash)
{
    if (!p->away.has_strangers) return;
    for (size_t i = 0; i < HL_STRANGERS; i++)
        if (p->away.strangers[i] == hash) p->away.strangers[i] = 0;
}

/* --- gathering --- */

bool hl_spill_is_away(const struct hl_partition *p, uint64_t hash)
{
    return hl_ghosts_has(&p->away.ghosts, hash) && !(p->away.has_strangers && is_stranger(&p->away, hash));
}

static bool is_here(struct hl_worker *w, uint64_t hash, struct hl_slice id)
{
    hl_table_acquire(w->e->table, w->index, hash);
    bool here = hl_table_find(w->e->table, w->index, hash, id);
    hl_table_release(w->e->table, w->index, hash);
    return here;
}

void hl_spill_want(struct hl_worker *w, int32_t partition, uint64_t hash, struct hl_slice id)
{
    struct hl_bound *b = &w->bound;
    const struct hl_partition *p = w->by_id[partition];
    if (!p || !hl_spill_is_away(p, hash) || is_here(w, hash, id)) return;
    HL_BUG_ON(b->n_wanted == HL_BATCH);
    b->wanted[b->n_wanted++] = (struct hl_store_wanted){id, hash, p->away.reached, partition};
}

static int compare(const void *pa, const void *pb)
{
    const struct hl_store_wanted *a = pa, *b = pb;
    if (a->partition != b->partition) return a->partition < b->partition ? -1 : 1;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    return hl_slice_compare(a->id, b->id);
}

/* By partition, each id once. */
static void put_in_order(struct hl_bound *b)
{
    size_t kept = 0;
    qsort(b->wanted, b->n_wanted, sizeof(*b->wanted), compare);
    for (size_t i = 0; i < b->n_wanted; i++)
        if (kept == 0 || compare(&b->wanted[kept - 1], &b->wanted[i]) != 0) b->wanted[kept++] = b->wanted[i];
    b->n_wanted = kept;
}

/* --- coming back --- */

struct fetching {
    struct hl_worker *w;
    enum hl_status status; /* of a record that could not be used */
    size_t n_missing;      /* those that the copy does not have: bound.missing */
};

/* Whether the partition has read all that the record holds: then the record's offsets say nothing more. */
static bool is_behind(const struct hl_worker *w, const struct hl_partition *p, const int64_t *applied)
{
    for (size_t t = 0; t < hl_engine_inputs(w->e); t++)
        if (!p->away.live || applied[t] > p->next[t]) return false;
    return true;
}

static enum hl_status applied_of(struct hl_worker *w, struct hl_partition *p, const struct hl_applied_slice *applied, size_t n, uint32_t *out)
{
    int64_t offsets[64];
    hl_applied_offsets(w->e->config, applied, n, offsets);
    *out = 0;
    if (is_behind(w, p, offsets)) return HL_OK;
    *out = hl_partition_applied(p, offsets, hl_engine_inputs(w->e));
    return *out ? HL_OK : HL_E_NOMEM;
}

static enum hl_status put_back(struct hl_worker *w, struct hl_partition *p, const struct hl_store_wanted *who, struct hl_slice value)
{
    struct hl_slice engine;
    struct hl_applied_slice applied[64];
    size_t n;
    uint32_t vector = 0;
    enum hl_status status = hl_avro_get_state(value, &engine, applied, HL_ARRAY_LEN(applied), &n);
    if (!status) status = applied_of(w, p, applied, n, &vector);
    if (status) return status;
    struct hl_slab *slab = hl_table_acquire(w->e->table, w->index, who->hash);
    struct hl_contact *c = hl_table_put(w->e->table, w->index, who->hash, who->id, (uint16_t)p->id, NULL);
    status = c ? hl_state_decode(c, slab, w->model, engine) : HL_E_NOMEM;
    if (!status) {
        c->applied = vector;
        c->stamp = (uint8_t)(p->away.stamp - !p->away.live); /* it is in use; what is replayed may have to leave before the next barrier */
        w->bound.n_ghosts -= p->away.ghosts.n;
        hl_ghosts_remove(&p->away.ghosts, who->hash);
        w->bound.n_ghosts += p->away.ghosts.n;
        p->away.stages[c->stage]--;
        p->away.changed = true;
    } else if (c) {
        hl_table_remove(w->e->table, c);
    }
    hl_table_release(w->e->table, w->index, who->hash);
    return status;
}

static enum hl_status on_fetched(void *ctx, size_t i, struct hl_slice value)
{
    struct fetching *f = ctx;
    struct hl_bound *b = &f->w->bound;
    if (hl_slice_is_null(value)) {
        b->missing[f->n_missing++] = (uint16_t)i;
        return HL_OK;
    }
    f->status = put_back(f->w, f->w->by_id[b->wanted[i].partition], &b->wanted[i], value);
    hl_counter_add(&f->w->metrics->fetches, f->status == HL_OK);
    return f->status;
}

/* --- who is missing --- */

static enum hl_status on_checked(void *ctx, const struct hl_store_record *records, size_t n)
{
    (void)ctx, (void)records, (void)n;
    return HL_OK;
}

/* Whether the copy is whole. HL_E_DECODE: it is damaged, and has been discarded. */
static enum hl_status check_copy(struct hl_worker *w, const struct hl_partition *p, struct hl_error *err)
{
    struct hl_store *s = w->store;
    uint64_t token;
    int64_t position = -1;
    struct hl_error ignored;
    enum hl_status status = s->own(s, p->id, &token, err); /* nobody writes meanwhile; the mirror takes it over again */
    if (!status) status = s->marker(s, p->id, &position, err);
    if (!status && position < p->away.reached) status = hl_error_set(err, HL_E_GAP, HL_RETRY, "the copy of partition %" PRId32 " went back", p->id);
    if (!status) status = s->load(s, p->id, position, on_checked, NULL, err);
    if (status == HL_E_DECODE && s->discard(s, p->id, token, &ignored)) status = HL_E_UNAVAILABLE; /* it is found again */
    if (w->e->mirror) hl_mirror_add(w->e->mirror, p->id, w->index); /* it is fenced now, and must know */
    return status;
}

static enum hl_status check(struct hl_worker *w, const struct hl_partition *p, struct hl_error *err)
{
    char quoted[600];
    hl_health_enter(w->e->health, (int)w->index, "Redis (checking its copy)", CHECK_MS, hl_clock_mono_ns());
    enum hl_status status = check_copy(w, p, err);
    hl_health_leave(w->e->health, (int)w->index, hl_clock_mono_ns());
    if (status == HL_E_DECODE)
        hl_log(HL_LOG_WARN, "redis_copy_discarded", "partition=%" PRId32 " reason=%s effect=\"a contact that left memory for Redis cannot be had; the copy is "
               "made anew from the state topic, and reading waits for it\"", p->id, hl_log_quote(quoted, sizeof(quoted), err->message));
    return status;
}

static enum hl_status look_for(struct hl_worker *w, const struct hl_store_wanted *who, struct hl_error *err)
{
    struct hl_partition *p = w->by_id[who->partition];
    enum hl_status status = check(w, p, err);
    if (!status) remember_stranger(&p->away, who->hash);
    return status;
}

/* A record was altered, of which partition is not said. */
static enum hl_status check_copies(struct hl_worker *w, struct hl_error *err)
{
    const struct hl_bound *b = &w->bound;
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < b->n_wanted && !status; i++)
        if (i == 0 || b->wanted[i].partition != b->wanted[i - 1].partition) status = check(w, w->by_id[b->wanted[i].partition], err);
    return status ? status : hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "a record in Redis was altered, and is right again");
}

/* A contact of the model or of memory that cannot be had ends the process, as when it is restored; all else is Redis, which will be back. */
static enum hl_status judge(const struct fetching *f, enum hl_status status, struct hl_error *err)
{
    if (f->status) return hl_error_set(err, f->status, HL_STOP, "the state of a contact in Redis cannot be read: %s", hl_status_name(f->status));
    if (status) err->code = HL_E_PENDING;
    return status ? HL_E_PENDING : HL_OK;
}

enum hl_status hl_spill_fetch_wanted(struct hl_worker *w, struct hl_error *err)
{
    struct hl_bound *b = &w->bound;
    struct fetching f = {.w = w};
    put_in_order(b);
    int64_t began = hl_clock_mono_ns();
    hl_health_enter(w->e->health, (int)w->index, "Redis (fetching contacts)", FETCH_MS, began);
    enum hl_status status = HL_OK;
    if (HL_FAILPOINT_ERROR(SPILL_BEFORE_FETCH)) status = hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
    if (!status) status = w->store->fetch(w->store, b->wanted, b->n_wanted, on_fetched, &f, err);
    HL_FAILPOINT(SPILL_FETCHED);
    hl_health_leave(w->e->health, (int)w->index, hl_clock_mono_ns());
    hl_hist_put(&w->metrics->redis_fetch, (uint64_t)(hl_clock_mono_ns() - began));
    if (status == HL_E_DECODE && !f.status) status = check_copies(w, err);
    for (size_t i = 0; i < f.n_missing && !status; i++) status = look_for(w, &b->wanted[b->missing[i]], err);
    b->n_wanted = 0;
    return judge(&f, status, err);
}
