/* How a partition comes to life. There is one way, for start, rebalance, abort and crash:
 *
 *   1. committed offsets C, and low-water L from their metadata
 *   2. Redis up to its marker M, or nothing when there is no copy, or no Redis
 *   3. the state topic from M (or its beginning) to its end
 *   4. the inputs from L to C, silently: what is replayed moved no stage, since a contact that moved has a state record of that transaction
 *   5. live from C
 *
 * A restored contact remembers the offsets that its state record already holds, and skips them in 4 and, after low-latency delivery, in 5. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/failpoint.h"
#include "hotlead/base/hash.h"
#include "hotlead/base/log.h"
#include "hotlead/core/grave.h"
#include "hotlead/core/state.h"
#include "worker.h"

struct recovery {
    struct hl_worker *w;
    struct hl_partition *p;
    struct hl_error *err;
    uint64_t from_redis, from_changelog, replayed;
    int64_t place_ns, redis_ns, state_ns, input_ns;
};

/* Vector of applied offsets in the order of our inputs; a topic that the record does not know was not applied. 0: no memory. */
static uint32_t applied_vector(struct recovery *r, const struct hl_applied_slice *applied, size_t n)
{
    const struct hl_config *c = r->w->e->config;
    int64_t offsets[64] = {0};
    for (size_t t = 0; t < c->n_inputs; t++)
        for (size_t i = 0; i < n; i++)
            if (hl_slice_eq_cstr(applied[i].topic, c->inputs[t].topic)) offsets[t] = applied[i].offset;
    return hl_partition_applied(r->p, offsets, c->n_inputs);
}

static enum hl_status restore_contact(struct recovery *r, struct hl_slice id, struct hl_slice value)
{
    struct hl_engine *e = r->w->e;
    uint64_t hash;
    bool grave = hl_grave_read_id(id, &hash);
    if (!grave) hash = hl_hash64(id);
    struct hl_slab *slab = hl_table_acquire(e->table, hash);
    struct hl_contact *c = hl_table_find(e->table, r->w->index, hash, id);
    if (c) hl_table_remove(e->table, c); /* the newer record replaces the older */
    r->w->n_graves += grave; /* at least as many as there are */
    enum hl_status status = HL_OK;
    if (!hl_slice_is_null(value)) {
        struct hl_slice engine;
        struct hl_applied_slice applied[64];
        size_t n;
        status = hl_avro_get_state(value, &engine, applied, HL_ARRAY_LEN(applied), &n);
        c = status ? NULL : hl_table_put(e->table, r->w->index, hash, id, (uint16_t)r->p->id, NULL);
        if (!status && !c) status = HL_E_NOMEM;
        if (!status) status = hl_state_decode(c, slab, e->model, engine);
        if (!status) {
            c->applied = applied_vector(r, applied, n);
            if (!c->applied) status = HL_E_NOMEM;
        }
    }
    hl_table_release(e->table, hash);
    return status;
}

static enum hl_status on_state_record(void *ctx, const struct hl_record *rec)
{
    struct recovery *r = ctx;
    if (rec->key.len == 0) return HL_OK; /* not ours: the engine always writes a key */
    enum hl_status status = restore_contact(r, rec->key, rec->value);
    r->from_changelog++;
    if (HL_FAILPOINT_ERROR(RECOVERY_STATE_RECORD)) return hl_error_set(r->err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
    if (status)
        return hl_error_set(r->err, status, HL_STOP, "state record of partition %" PRId32 " at offset %" PRId64 " cannot be read: %s", r->p->id,
                            rec->offset, hl_status_name(status));
    return HL_OK;
}

static enum hl_status on_redis_record(void *ctx, struct hl_slice id, struct hl_slice value)
{
    struct recovery *r = ctx;
    if (r->from_redis++ % 1024 == 0) hl_health_beat(r->w->e->health, (int)r->w->index, hl_clock_mono_ns());
    if (HL_FAILPOINT_ERROR(RECOVERY_REDIS_RECORD)) return HL_E_DECODE;
    return restore_contact(r, id, value);
}

/* Load the warm copy; *position is where the state topic goes on, -1 from its beginning. Whatever is wrong with the copy, the state topic has it all. */
static void load_redis(struct recovery *r, int64_t *position)
{
    struct hl_store *store = r->w->store;
    int32_t p = r->p->id;
    uint64_t token = 0;
    int64_t low, high;
    struct hl_error err = {0};
    *position = -1;
    if (!store) return;
    enum hl_status status = store->own(store, p, &token, &err);
    if (!status) status = store->marker(store, p, position, &err);
    if (!status && *position < 0) return;
    if (!status) status = r->w->stream->bounds(r->w->stream, HL_STATE_TOPIC, p, &low, &high, &err);
    if (!status && (*position > high || *position < low))
        status = hl_error_set(&err, HL_E_GAP, HL_SKIP, "its marker %" PRId64 " lies outside the state topic's %" PRId64 " to %" PRId64, *position, low,
                              high);
    if (!status) status = store->load(store, p, *position, on_redis_record, r, &err);
    if (!status) return;
    char quoted[400];
    bool wrong = status == HL_E_DECODE || status == HL_E_GAP; /* else it may be fine, but could not be read */
    hl_log(HL_LOG_WARN, wrong ? "redis_copy_discarded" : "redis_copy_not_used", "partition=%" PRId32 " reason=%s", p, hl_log_quote(quoted, sizeof(quoted), err.message));
    hl_table_drop(r->w->e->table, r->w->index, p);
    r->p->n_applied = 0;
    r->from_redis = 0;
    *position = -1;
    if (wrong && store->discard(store, p, token, &err)) /* nothing depends on it: the copy would fail again */
        hl_log(HL_LOG_WARN, "redis_copy_not_discarded", "partition=%" PRId32 " reason=%s", p, hl_log_quote(quoted, sizeof(quoted), err.message));
}

static enum hl_status restore_state(struct recovery *r)
{
    int64_t position, end;
    int64_t t0 = hl_clock_mono_ns();
    load_redis(r, &position);
    int64_t t1 = hl_clock_mono_ns();
    HL_FAILPOINT(RECOVERY_AFTER_REDIS);
    enum hl_status status = r->w->stream->read(r->w->stream, HL_STATE_TOPIC, r->p->id, position, -1, on_state_record, r, &end, r->err);
    r->redis_ns = t1 - t0;
    r->state_ns = hl_clock_mono_ns() - t1;
    if (r->from_redis) hl_metrics_count_restore(r->w->metrics, HL_RESTORE_REDIS, (uint64_t)(t1 - t0));
    hl_metrics_count_restore(r->w->metrics, HL_RESTORE_STATE, (uint64_t)r->state_ns);
    return status;
}

/* --- replay --- */

static enum hl_status decode_patiently(struct recovery *r, const struct hl_record *rec, struct hl_event *ev, struct hl_error *why)
{
    for (;;) {
        enum hl_status status = hl_worker_decode(r->w, rec, ev, why);
        if (status != HL_E_PENDING || *r->w->e->stop) return status;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
}

static enum hl_status on_replayed(void *ctx, const struct hl_record *rec)
{
    struct recovery *r = ctx;
    struct hl_engine *e = r->w->e;
    struct hl_event ev;
    struct hl_error why;
    if (HL_FAILPOINT_ERROR(RECOVERY_REPLAY_RECORD)) return hl_error_set(r->err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
    hl_arena_reset(&r->w->arena);
    r->w->wall_ms = hl_clock_wall_ms();
    hl_health_beat(e->health, (int)r->w->index, hl_clock_mono_ns());
    enum hl_status status = decode_patiently(r, rec, &ev, &why);
    if (status == HL_E_PENDING) return hl_error_set(r->err, HL_E_END, HL_STOP, "stopped while waiting for a schema");
    if (status || ev.type == HL_EVENT_UNKNOWN) return HL_OK; /* it went to the dead letters, or was ignored, the first time */
    uint64_t hash = hl_hash64(ev.contact_id);
    struct hl_slab *slab = hl_table_acquire(e->table, hash);
    struct hl_outcome *o = r->w->outcome;
    bool adopted;
    hl_outcome_clear(o);
    struct hl_contact *c = hl_contact_for_event(r->w, slab, r->p->id, hash, ev.contact_id, &adopted);
    status = c ? HL_OK : HL_E_NOMEM;
    if (c && !hl_partition_has_applied(r->p, c, hl_engine_inputs(e), rec->topic, rec->offset)) {
        status = hl_apply(c, slab, e->model, r->w->matches, &ev, HL_APPLY_REPLAY, o);
        if (!status && o->changed && !hl_partition_mark_dirty(r->p, c)) status = HL_E_NOMEM;
        if (!status && o->erased) status = hl_bury(r->w, r->p, c, rec, r->p->low); /* how far the other inputs were is not known */
        if (!status && o->erased && !hl_partition_mark_moved(r->p, c)) status = HL_E_NOMEM;
        r->replayed++;
    }
    if (adopted && !o->changed) hl_table_remove(e->table, c);
    hl_table_release(e->table, hash);
    return status ? hl_error_set(r->err, status, HL_STOP, "replay: %s", hl_status_name(status)) : HL_OK;
}

/* Where to start and to replay from, checked against what the input still holds. */
static enum hl_status place(struct recovery *r, const struct hl_position *at, uint16_t t)
{
    struct hl_engine *e = r->w->e;
    const char *topic = e->config->inputs[t].topic;
    int64_t low, high, committed = at->offset, from = at->low_water >= 0 ? at->low_water : at->offset;
    enum hl_status status = r->w->stream->bounds(r->w->stream, t, r->p->id, &low, &high, r->err);
    if (status) return status;
    if (committed < 0) committed = from = low; /* the group's first start on this partition */
    if (from < low || committed > high) {
        hl_log(HL_LOG_ERROR, "input_gap", "topic=%s partition=%" PRId32 " low_water=%" PRId64 " committed=%" PRId64 " log_start=%" PRId64
               " log_end=%" PRId64, topic, r->p->id, from, committed, low, high);
        if (e->config->on_gap == HL_GAP_STOP)
            return hl_error_set(r->err, HL_E_GAP, HL_STOP,
                                "%s [%" PRId32 "]: events from offset %" PRId64 " are needed, but the topic holds %" PRId64 " to %" PRId64
                                " only; set on_gap: accept to go on without them",
                                topic, r->p->id, from, low, high);
        if (committed > high) committed = high;
        if (committed < low) committed = low;
        if (from < low) from = low;
        if (from > committed) from = committed;
    }
    r->p->next[t] = committed;
    r->p->low[t] = from;
    return HL_OK;
}

static enum hl_status replay(struct recovery *r)
{
    int64_t t0 = hl_clock_mono_ns(), end;
    enum hl_status status = HL_OK;
    for (uint16_t t = 0; t < hl_engine_inputs(r->w->e) && !status; t++)
        if (r->p->low[t] < r->p->next[t])
            status = r->w->stream->read(r->w->stream, t, r->p->id, r->p->low[t], r->p->next[t], on_replayed, r, &end, r->err);
    r->input_ns = hl_clock_mono_ns() - t0;
    hl_metrics_count_restore(r->w->metrics, HL_RESTORE_INPUT, (uint64_t)r->input_ns);
    return status;
}

static enum hl_status recover_one(struct hl_worker *w, struct hl_partition *p, const struct hl_position *at, struct hl_error *err)
{
    struct recovery r = {.w = w, .p = p, .err = err};
    int64_t t0 = hl_clock_mono_ns();
    enum hl_status status = HL_OK;
    for (uint16_t t = 0; t < hl_engine_inputs(w->e) && !status; t++) status = place(&r, &at[t], t);
    r.place_ns = hl_clock_mono_ns() - t0;
    if (!status) status = restore_state(&r);
    HL_FAILPOINT(RECOVERY_AFTER_STATE);
    if (!status) status = replay(&r);
    if (status) return status;
    HL_FAILPOINT(RECOVERY_DONE);
    p->low_since_ns = hl_clock_mono_ns();
    p->round_start_ns = p->low_since_ns - w->e->config->checkpoint_interval_ms * 1000000; /* the first round is due */
    memcpy(p->cut, p->low, hl_engine_inputs(w->e) * sizeof(*p->cut));
    hl_log(HL_LOG_INFO, "partition_restored",
           "partition=%" PRId32 " from_redis=%" PRIu64 " from_changelog=%" PRIu64 " replayed=%" PRIu64
           " seconds=%.3f bounds=%.3f redis=%.3f state=%.3f input=%.3f",
           p->id, r.from_redis, r.from_changelog, r.replayed, (double)(hl_clock_mono_ns() - t0) / 1e9, (double)r.place_ns / 1e9,
           (double)r.redis_ns / 1e9, (double)r.state_ns / 1e9, (double)r.input_ns / 1e9);
    return HL_OK;
}

void hl_worker_hold(const struct hl_worker *w, enum hl_hold hold)
{
    for (size_t i = 0; i < w->n_assigned; i++) hl_holdings_set(w->e->holdings, w->assigned[i], w->index, hold);
}

void hl_drop_partitions(struct hl_worker *w)
{
    hl_worker_hold(w, HL_HOLD_ELSEWHERE); /* first: who reads the table goes by it */
    for (size_t i = 0; i < w->n_parts; i++) {
        struct hl_partition *p = w->parts[i];
        if (w->e->mirror && !*w->e->stop) hl_mirror_remove(w->e->mirror, p->id, w->index); /* at the end it still catches up */
        for (uint16_t t = 0; t < hl_engine_inputs(w->e); t++) hl_metrics_set_lag(w->e->metrics, t, p->id, -1);
        w->by_id[p->id] = NULL;
        hl_partition_free(p);
    }
    if (w->n_parts) hl_table_drop(w->e->table, w->index, -1);
    w->n_parts = w->n_graves = 0;
    for (size_t i = 0; i < w->n_waiting; i++) free(w->waiting[i].value);
    w->n_waiting = 0;
    w->events_since = w->outputs_since = 0;
    w->n_samples = 0;
    w->checkpoint_due_ns = INT64_MAX;
}

static enum hl_status committed_positions(struct hl_worker *w, struct hl_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_assigned; i++)
        for (uint16_t t = 0; t < hl_engine_inputs(w->e); t++) w->positions[n++] = (struct hl_position){t, w->assigned[i], 0, -1};
    return w->stream->committed(w->stream, w->positions, n, err);
}

/* Rebalances go on while we read: notice them between two partitions. */
static enum hl_status look_up(struct hl_worker *w, struct hl_error *err)
{
    size_t n;
    hl_health_beat(w->e->health, (int)w->index, hl_clock_mono_ns());
    enum hl_status status = w->stream->poll(w->stream, 0, w->records, HL_BATCH, &n, err);
    HL_BUG_ON(n); /* nothing is assigned for reading */
    return status;
}

enum hl_status hl_recover(struct hl_worker *w, struct hl_error *err)
{
    if (HL_FAILPOINT_ERROR(RECOVERY_BEGIN)) return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
    enum hl_status status = committed_positions(w, err);
    for (size_t i = 0; i < w->n_assigned && !status; i++) {
        status = look_up(w, err);
        if (status || w->stream->changed(w->stream)) break;
        struct hl_partition *p = hl_partition_new(w->assigned[i], hl_engine_inputs(w->e));
        if (!p) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
        w->parts[w->n_parts++] = w->by_id[p->id] = p;
        status = recover_one(w, p, w->positions + i * hl_engine_inputs(w->e), err);
        hl_health_set_partitions(w->e->health, (int)w->index, (uint32_t)w->n_assigned, (uint32_t)w->n_parts);
    }
    return status;
}
