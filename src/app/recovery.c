/* How the assigned partitions come to life. There is one way, for start, rebalance, abort and crash:
 *
 *   1. committed offsets C, and low-water L from their metadata
 *   2. Redis up to its marker M, or nothing when there is no copy, or no Redis
 *   3. the state topic from M (or its beginning) to its end
 *   4. the inputs from L to C, silently: what is replayed moved no stage, since a contact that moved has a state record of that transaction
 *   5. live from C
 *
 * Each step is done for all of them before the next. Those that read Kafka read all that is small in one pass, so that many partitions wait for the
 * brokers once and not each for itself (with a copy in Redis, that is all of them); what is large is read one after the other, which was measured
 * as faster than all at once (decisions/0014).
 *
 * A restored contact remembers the offsets that its state record already holds, and skips them in 4 and, after low-latency delivery, in 5. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/failpoint.h"
#include "hotlead/base/hash.h"
#include "hotlead/base/log.h"
#include "hotlead/core/grave.h"
#include "hotlead/core/state.h"
#include "shadow.h"
#include "worker.h"

#define REDIS_MS 20000 /* between two records; the store's own limits are shorter */
#define SMALL_OFFSETS 1000
#define LOOK_UP_NS 100000000ll
#define ROOM_NS 10000000000ll /* other workers have shrunk by then, if they can: their checkpoints have taken turns */
#define TICK_RECORDS 64 /* the clock is asked once in so many records */

struct recovery {
    struct hl_worker *w;
    struct hl_error *err;
    struct hl_range *ranges; /* of the pass that is on */
    size_t n_ranges;
    int64_t *state_low, *state_high; /* of each assigned partition */
    int64_t *state_from;             /* what Redis did not have; -1: all of it */
    struct hl_partition *loading;    /* from Redis */
    struct hl_progress progress;
    int64_t passed;                  /* offsets of the passes that are over */
    int64_t loaded_of;               /* what the partition being loaded counts for, at most */
    unsigned ticks;
    int64_t look_up_ns;
    enum hl_status looked; /* of look_up: what ended the reading, whatever the reader makes of it */
    bool changed;          /* the assignment did: what is half restored is of no use */
    bool over;             /* memory.max_bytes: what must be in memory is too much */
    int64_t place_ns, redis_ns, state_ns, input_ns;
};

/* --- between records --- */

static int64_t read_so_far(const struct recovery *r)
{
    int64_t n = r->passed;
    for (size_t i = 0; i < r->n_ranges; i++)
        if (r->ranges[i].position > r->ranges[i].from) n += r->ranges[i].position - r->ranges[i].from;
    int64_t loaded = r->loading ? (int64_t)r->loading->restored[HL_RESTORE_REDIS] : 0;
    return n + (loaded < r->loaded_of ? loaded : r->loaded_of);
}

/* Rebalances go on while we read, and who watches over us wants to know that we live. HL_E_END: the assignment has changed. */
static enum hl_status look_up(struct recovery *r)
{
    struct hl_worker *w = r->w;
    size_t n;
    int64_t now = hl_clock_mono_ns();
    hl_health_beat(w->e->health, (int)w->index, now);
    if (r->progress.start_ns) hl_progress_at(w, &r->progress, read_so_far(r), now);
    r->look_up_ns = now + LOOK_UP_NS;
    r->looked = w->stream->poll(w->stream, 0, w->records, HL_BATCH, &n, r->err);
    if (r->looked) return r->looked;
    HL_BUG_ON(n); /* nothing is assigned for reading */
    r->changed = w->stream->changed(w->stream);
    if (r->changed) r->looked = hl_error_set(r->err, HL_E_END, HL_RETRY, "the assignment has changed");
    return r->looked;
}

static enum hl_status tick(struct recovery *r, size_t records)
{
    r->ticks += (unsigned)records;
    if (r->ticks < TICK_RECORDS) return HL_OK;
    if (r->w->bound.max) {
        r->looked = hl_bound_tend_recovery(r->w, r->ticks, r->err);
        r->over = r->looked;
    }
    r->ticks = 0;
    return r->over || hl_clock_mono_ns() < r->look_up_ns ? r->looked : look_up(r);
}

static void count(struct recovery *r, struct hl_partition *p, enum hl_restore_source source, size_t n)
{
    p->restored[source] += n;
    hl_counter_add(&r->w->metrics->restore_records[source], n);
}

/* --- state --- */

/* A record of the state topic or of its copy. A group of them is decoded in steps, so that the lines of the table are on their way when they are
 * needed: half of the time of a record went by waiting for them. */
struct stored {
    struct hl_partition *p;
    struct hl_slice id, value;
    uint64_t hash;
    bool grave;
    struct hl_slice engine;
    uint32_t applied;
};

static enum hl_status open_record(struct recovery *r, struct stored *s)
{
    struct hl_applied_slice applied[64];
    int64_t offsets[64];
    size_t n;
    s->grave = hl_grave_read_id(s->id, &s->hash);
    hl_table_prefetch(r->w->e->table, r->w->index, s->hash);
    if (hl_slice_is_null(s->value)) return HL_OK;
    enum hl_status status = hl_avro_get_state(s->value, &s->engine, applied, HL_ARRAY_LEN(applied), &n);
    if (status) return status;
    hl_applied_offsets(r->w->e->config, applied, n, offsets);
    s->applied = hl_partition_applied(s->p, offsets, hl_engine_inputs(r->w->e));
    return s->applied ? HL_OK : HL_E_NOMEM;
}

/* The newer record replaces the older. */
static enum hl_status restore_contact(struct recovery *r, const struct stored *s)
{
    struct hl_engine *e = r->w->e;
    bool created;
    enum hl_status status = HL_OK;
    struct hl_contact *c;
    struct hl_slab *slab = hl_table_acquire(e->table, r->w->index, s->hash);
    if (hl_slice_is_null(s->value)) {
        c = hl_table_find(e->table, r->w->index, s->hash, s->id);
        if (c) hl_table_remove(e->table, c);
    } else if ((c = hl_table_put(e->table, r->w->index, s->hash, s->id, (uint16_t)s->p->id, &created))) {
        if (!created) hl_contact_restart(c, slab);
        status = hl_state_decode(c, slab, r->w->model, s->engine);
        c->applied = s->applied;
        if (!status && hl_bound_restored(r->w, s->p, c, r->loading)) hl_table_remove(e->table, c);
    } else {
        status = HL_E_NOMEM;
    }
    hl_table_release(e->table, r->w->index, s->hash);
    r->w->n_graves += s->grave; /* at least as many as there are */
    return status;
}

/* Contacts that had no room come back. A Redis that cannot give them now is no reason to wait here: what can be had without it is more, from the start. */
static enum hl_status fetch_away(struct recovery *r)
{
    enum hl_status status = hl_spill_fetch(r->w, r->err);
    if (status == HL_E_PENDING) status = r->err->code = HL_E_UNAVAILABLE;
    if (status) r->looked = status;
    return status;
}

/* Those that the state topic has a newer state of, or a tombstone, must not be fetched as the copy has them any more. */
static enum hl_status take_back(struct recovery *r, const struct stored *group, size_t n)
{
    for (size_t i = 0; i < n && r->w->bound.n_ghosts; i++)
        if (!group[i].grave) hl_spill_want(r->w, group[i].p->id, group[i].hash, group[i].id);
    return fetch_away(r);
}

/* *failed: the record that could not be used. */
static enum hl_status restore_group(struct recovery *r, struct stored *group, size_t n, size_t *failed)
{
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < n; i++) hl_table_prefetch_stripe(r->w->e->table, r->w->index, group[i].hash);
    for (size_t i = 0; i < n && !status; i++) status = open_record(r, &group[*failed = i]);
    if (!status && !r->loading) status = take_back(r, group, n);
    for (size_t i = 0; i < n && !status; i++) hl_table_prefetch_contact(r->w->e->table, r->w->index, group[i].hash);
    for (size_t i = 0; i < n && !status; i++) status = restore_contact(r, &group[*failed = i]);
    return status;
}

static enum hl_status on_state_records(void *ctx, const struct hl_record *records, size_t n)
{
    struct recovery *r = ctx;
    struct stored group[HL_READ_GROUP];
    const struct hl_record *of[HL_READ_GROUP];
    size_t k = 0, failed = 0;
    if (n == 0) return look_up(r);
    for (size_t i = 0; i < n; i++) {
        const struct hl_record *rec = &records[i];
        if (rec->key.len == 0) continue; /* not ours: the engine always writes a key */
        struct hl_partition *p = r->w->by_id[rec->partition];
        count(r, p, HL_RESTORE_STATE, 1);
        p->away.restored_end = rec->offset + 1;
        if (HL_FAILPOINT_ERROR(RECOVERY_STATE_RECORD)) return hl_error_set(r->err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
        of[k] = rec;
        group[k++] = (struct stored){.p = p, .id = rec->key, .value = rec->value, .hash = hl_hash64(rec->key)};
    }
    enum hl_status status = restore_group(r, group, k, &failed);
    if (status && !r->looked)
        return hl_error_set(r->err, status, HL_STOP, "state record of partition %" PRId32 " at offset %" PRId64 " cannot be read: %s",
                            of[failed]->partition, of[failed]->offset, hl_status_name(status));
    return status ? status : tick(r, n);
}

static enum hl_status on_redis_records(void *ctx, const struct hl_store_record *records, size_t n)
{
    struct recovery *r = ctx;
    struct stored group[HL_STORE_GROUP];
    size_t failed = 0;
    count(r, r->loading, HL_RESTORE_REDIS, n);
    for (size_t i = 0; i < n; i++) {
        if (HL_FAILPOINT_ERROR(RECOVERY_REDIS_RECORD)) return HL_E_DECODE;
        group[i] = (struct stored){.p = r->loading, .id = records[i].id, .value = records[i].value, .hash = records[i].hash};
    }
    enum hl_status status = restore_group(r, group, n, &failed);
    return status ? status : tick(r, n);
}

static enum hl_status copy_within(int64_t position, int64_t low, int64_t high, struct hl_error *err)
{
    if (position >= low && position <= high) return HL_OK;
    return hl_error_set(err, HL_E_GAP, HL_SKIP, "its marker %" PRId64 " lies outside the state topic's %" PRId64 " to %" PRId64, position, low, high);
}

/* Load the warm copy of the i-th partition. Whatever is wrong with it, the state topic has it all: only look_up can fail. */
static enum hl_status load_redis(struct recovery *r, size_t i)
{
    struct hl_store *store = r->w->store;
    struct hl_partition *p = r->w->parts[i];
    uint64_t token = 0;
    int64_t position;
    struct hl_error err = {0};
    enum hl_status status = store->own(store, p->id, &token, &err);
    if (!status) status = store->marker(store, p->id, &position, &err);
    if (!status && position < 0) return HL_OK;
    if (!status) status = copy_within(position, r->state_low[i], r->state_high[i], &err);
    r->loading = p;
    r->loaded_of = status ? 0 : position - r->state_low[i];
    if (!status) hl_bound_has_copy(r->w, p, position);
    if (!status) status = store->load(store, p->id, position, on_redis_records, r, &err);
    r->loading = NULL;
    if (r->looked) return r->looked;
    if (!status) {
        r->state_from[i] = position;
        r->passed += r->loaded_of; /* 0 only where the topic is empty */
        return HL_OK;
    }
    char quoted[400];
    bool wrong = status == HL_E_DECODE || status == HL_E_GAP; /* else it may be fine, but could not be read */
    hl_log(HL_LOG_WARN, wrong ? "redis_copy_discarded" : "redis_copy_not_used", "partition=%" PRId32 " reason=%s", p->id, hl_log_quote(quoted, sizeof(quoted), err.message));
    hl_table_drop(r->w->e->table, r->w->index, p->id);
    hl_bound_has_copy(r->w, p, -1);
    hl_partition_forget_applied(p);
    p->restored[HL_RESTORE_REDIS] = 0;
    if (wrong && store->discard(store, p->id, token, &err)) /* nothing depends on it: the copy would fail again */
        hl_log(HL_LOG_WARN, "redis_copy_not_discarded", "partition=%" PRId32 " reason=%s", p->id, hl_log_quote(quoted, sizeof(quoted), err.message));
    return HL_OK;
}

static enum hl_status load_copies(struct recovery *r)
{
    int64_t t0 = hl_clock_mono_ns();
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < r->w->n_parts && r->w->store && !status; i++) {
        status = look_up(r);
        hl_health_enter(r->w->e->health, (int)r->w->index, "Redis (loading its copy)", REDIS_MS, hl_clock_mono_ns());
        if (!status) status = load_redis(r, i);
        hl_health_leave(r->w->e->health, (int)r->w->index, hl_clock_mono_ns());
    }
    r->redis_ns = hl_clock_mono_ns() - t0;
    HL_FAILPOINT(RECOVERY_AFTER_REDIS);
    return status;
}

static int small_first(const void *a, const void *b)
{
    const struct hl_range *x = a, *y = b;
    return (x->to - x->from > y->to - y->from) - (x->to - x->from < y->to - y->from);
}

/* Read the ranges that were put together: the small ones at once, then the others. */
static enum hl_status read_ranges(struct recovery *r, hl_record_fn *fn)
{
    size_t small = 0;
    struct hl_stream *s = r->w->stream;
    qsort(r->ranges, r->n_ranges, sizeof(*r->ranges), small_first);
    while (small < r->n_ranges && r->ranges[small].to - r->ranges[small].from <= SMALL_OFFSETS) small++;
    enum hl_status status = look_up(r);
    if (!status && small) status = s->read(s, r->ranges, small, fn, r, r->err);
    for (size_t i = small; i < r->n_ranges && !status; i++) status = s->read(s, &r->ranges[i], 1, fn, r, r->err);
    r->passed = read_so_far(r);
    r->n_ranges = 0;
    return status;
}

static enum hl_status timed_read(struct recovery *r, hl_record_fn *fn, enum hl_restore_source source, int64_t *took)
{
    int64_t t0 = hl_clock_mono_ns();
    enum hl_status status = read_ranges(r, fn);
    *took = hl_clock_mono_ns() - t0;
    hl_metrics_count_restore(r->w->metrics, source, (uint64_t)*took);
    return status;
}

/* Whether the state topic still has what it had: one that was deleted and made again would start all contacts anew, in silence. */
static enum hl_status state_gap(struct recovery *r, const struct hl_partition *p, int64_t seen, int64_t end)
{
    const struct hl_config *c = r->w->e->config;
    bool begun = seen == HL_STATE_REBUILDING;
    hl_log(HL_LOG_ERROR, "state_gap", "topic=%s partition=%" PRId32 " seen_end=%" PRId64 " log_end=%" PRId64 " rebuild=%s", c->state, p->id,
           begun ? -1 : seen, end, begun ? "unfinished" : "no");
    if (c->on_gap != HL_GAP_STOP) return HL_OK;
    if (begun)
        return hl_error_set(r->err, HL_E_GAP, HL_STOP, "%s [%" PRId32 "]: 'hotlead rebuild' has begun to make its contacts anew and has not ended; run it again",
                            c->state, p->id);
    return hl_error_set(r->err, HL_E_GAP, HL_STOP, "%s [%" PRId32 "] has reached offset %" PRId64 " and ends at %" PRId64
                        " now: its contacts are lost. 'hotlead rebuild' makes them anew from the kept input; on_gap: accept goes on without them",
                        c->state, p->id, seen, end);
}

static int64_t seen_end(const struct recovery *r, const struct hl_position *at)
{
    int64_t end = 0;
    for (size_t t = 0; t < hl_engine_inputs(r->w->e); t++)
        if (at[t].state_end > end) end = at[t].state_end;
    return end;
}

/* After the state topic was read: what the broker says of its end before is that of the last transaction whose marker has been written. */
static enum hl_status check_ends(struct recovery *r)
{
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < r->w->n_parts && !status; i++) {
        const struct hl_range *range = &r->ranges[i]; /* in another order than the partitions */
        struct hl_partition *p = r->w->by_id[range->partition];
        int64_t seen = p->state_end, end = range->position > range->to ? range->position : range->to;
        p->state_end = end;
        if (seen > end) status = state_gap(r, p, seen, end);
    }
    return status;
}

static enum hl_status restore_state(struct recovery *r)
{
    enum hl_status status = load_copies(r);
    if (status) return status;
    if (r->passed) hl_metrics_count_restore(r->w->metrics, HL_RESTORE_REDIS, (uint64_t)r->redis_ns);
    for (size_t i = 0; i < r->w->n_parts; i++) {
        int64_t from = r->state_from[i] < 0 ? r->state_low[i] : r->state_from[i];
        r->ranges[r->n_ranges++] = (struct hl_range){HL_STATE_TOPIC, r->w->parts[i]->id, from, r->state_high[i], true, -1};
    }
    status = timed_read(r, on_state_records, HL_RESTORE_STATE, &r->state_ns);
    return status ? status : check_ends(r);
}

/* --- replay --- */

static enum hl_status decode_patiently(struct recovery *r, const struct hl_record *rec, struct hl_event *ev, struct hl_error *why)
{
    for (;;) {
        enum hl_status status = hl_worker_decode(r->w, rec, ev, why);
        if (status != HL_E_PENDING || *r->w->e->stop || look_up(r)) return status;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
}

/* An event that is to be applied again. */
struct replayed {
    const struct hl_record *rec;
    uint64_t hash;
};

static enum hl_status replay_event(struct recovery *r, const struct hl_record *rec, const struct hl_event *ev, uint64_t hash)
{
    struct hl_engine *e = r->w->e;
    struct hl_partition *p = r->w->by_id[rec->partition];
    struct hl_slab *slab = hl_table_acquire(e->table, r->w->index, hash);
    struct hl_outcome *o = r->w->outcome;
    bool adopted;
    bool merges = hl_engine_is_merges(e, rec->topic);
    const struct hl_onward_record *via = merges ? hl_merge_read(r->w, rec, r->err) : NULL;
    hl_outcome_clear(o);
    struct hl_contact *c = merges && !via ? NULL : hl_contact_for_event(r->w, slab, p->id, hash, ev->contact_id, &adopted);
    enum hl_status status = c ? HL_OK : HL_E_NOMEM;
    if (c && !hl_partition_has_applied(p, c, hl_engine_inputs(e), rec->topic, rec->offset)) {
        if (via || hl_merge_concerns(ev, c)) status = hl_merge_apply(r->w, slab, c, ev, via, HL_APPLY_REPLAY, o);
        else status = hl_apply(c, slab, r->w->model, r->w->matches, ev, HL_APPLY_REPLAY, o);
        if (!status && o->changed && !hl_partition_mark_dirty(p, c)) status = HL_E_NOMEM;
        if (!status && o->erased) status = hl_bury(r->w, p, c, rec, p->low); /* how far the other inputs were is not known */
        if (!status && o->erased && !hl_partition_mark_moved(p, c)) status = HL_E_NOMEM;
        count(r, p, HL_RESTORE_INPUT, 1);
    }
    if (adopted && !o->changed) hl_table_remove(e->table, c);
    hl_table_release(e->table, r->w->index, hash);
    return status ? hl_error_set(r->err, status, HL_STOP, "replay: %s", hl_status_name(status)) : HL_OK;
}

static enum hl_status on_replayed(void *ctx, const struct hl_record *records, size_t n)
{
    _Static_assert(HL_READ_GROUP <= HL_GROUP, "w->events holds a group");
    struct recovery *r = ctx;
    struct replayed group[HL_READ_GROUP];
    struct hl_error why;
    size_t k = 0;
    enum hl_status status = n ? HL_OK : look_up(r);
    hl_arena_reset(&r->w->arena);
    r->w->wall_ms = hl_clock_wall_ms();
    for (size_t i = 0; i < n; i++) {
        struct hl_event *ev = &r->w->events[k];
        if (HL_FAILPOINT_ERROR(RECOVERY_REPLAY_RECORD)) return hl_error_set(r->err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
        status = decode_patiently(r, &records[i], ev, &why);
        if (r->looked) return r->looked;
        if (status == HL_E_PENDING) return hl_error_set(r->err, HL_E_END, HL_STOP, "stopped while waiting for a schema");
        if (status || ev->type == HL_EVENT_UNKNOWN) continue; /* it went to the dead letters, or was ignored, the first time */
        group[k] = (struct replayed){&records[i], hl_hash64(ev->contact_id)};
        hl_table_prefetch(r->w->e->table, r->w->index, group[k++].hash);
    }
    for (size_t i = 0; i < k && r->w->bound.n_ghosts; i++) hl_spill_want(r->w, group[i].rec->partition, group[i].hash, r->w->events[i].contact_id);
    if (n) status = fetch_away(r);
    for (size_t i = 0; i < k; i++) hl_table_prefetch_contact(r->w->e->table, r->w->index, group[i].hash);
    for (size_t i = 0; i < k && !status; i++) status = replay_event(r, group[i].rec, &r->w->events[i], group[i].hash);
    return status ? status : tick(r, n);
}

/* Where to start and to replay from, checked against what the input still holds. */
static enum hl_status place(struct recovery *r, struct hl_partition *p, const struct hl_position *at, uint16_t t)
{
    struct hl_engine *e = r->w->e;
    const char *topic = e->config->inputs[t].topic;
    int64_t low, high, committed = at->offset, from = at->low_water >= 0 ? at->low_water : at->offset;
    enum hl_status status = r->w->stream->bounds(r->w->stream, t, p->id, &low, &high, r->err);
    if (status) return status;
    if (committed < 0) committed = from = low; /* the group's first start on this partition */
    if (from < low || committed > high) {
        hl_log(HL_LOG_ERROR, "input_gap", "topic=%s partition=%" PRId32 " low_water=%" PRId64 " committed=%" PRId64 " log_start=%" PRId64
               " log_end=%" PRId64, topic, p->id, from, committed, low, high);
        if (e->config->on_gap == HL_GAP_STOP)
            return hl_error_set(r->err, HL_E_GAP, HL_STOP,
                                "%s [%" PRId32 "]: events from offset %" PRId64 " are needed, but the topic holds %" PRId64 " to %" PRId64
                                " only; set on_gap: accept to go on without them",
                                topic, p->id, from, low, high);
        if (committed > high) committed = high;
        if (committed < low) committed = low;
        if (from < low) from = low;
        if (from > committed) from = committed;
    }
    p->next[t] = committed;
    p->low[t] = from;
    return HL_OK;
}

static enum hl_status replay(struct recovery *r)
{
    for (size_t i = 0; i < r->w->n_parts; i++) {
        const struct hl_partition *p = r->w->parts[i];
        for (uint16_t t = 0; t < hl_engine_inputs(r->w->e); t++)
            if (p->low[t] < p->next[t]) r->ranges[r->n_ranges++] = (struct hl_range){t, p->id, p->low[t], p->next[t], false, -1};
    }
    return timed_read(r, on_replayed, HL_RESTORE_INPUT, &r->input_ns);
}

/* --- all together --- */

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
        hl_bound_drop(w, p);
        for (uint16_t t = 0; t < hl_engine_inputs(w->e); t++) hl_metrics_set_lag(w->e->metrics, t, p->id, -1);
        w->by_id[p->id] = NULL;
        hl_partition_free(p);
    }
    if (w->n_parts) hl_table_drop(w->e->table, w->index, -1);
    if (w->n_parts && w->shadow) hl_shadow_drop(w);
    w->n_parts = w->n_graves = 0;
    hl_bound_forget(w);
    for (size_t i = 0; i < w->n_waiting; i++) free(w->waiting[i].value);
    w->n_waiting = 0;
    w->events_since = w->outputs_since = 0;
    w->samples.n = 0;
    w->traced.timestamp_ms = 0;
    hl_flow_drop(w->flow);
    hl_flow_drop(w->flight.flow);
    w->flight.on = false; /* what becomes of it, the committed offsets will tell */
    w->checkpoint_due_ns = INT64_MAX;
}

static enum hl_status committed_positions(struct hl_worker *w, struct hl_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_assigned; i++)
        for (uint16_t t = 0; t < hl_engine_inputs(w->e); t++) w->positions[n++] = (struct hl_position){t, w->assigned[i], 0, -1, 0};
    return w->stream->committed(w->stream, w->positions, n, err);
}

/* The partitions with their places, and how much there is to read. */
static enum hl_status survey(struct recovery *r)
{
    struct hl_worker *w = r->w;
    size_t inputs = hl_engine_inputs(w->e);
    int64_t state = 0, input = 0, t0 = hl_clock_mono_ns();
    enum hl_status status = committed_positions(w, r->err);
    for (size_t i = 0; i < w->n_assigned && !status; i++) {
        status = look_up(r);
        if (status) break;
        struct hl_partition *p = hl_partition_new(w->assigned[i], inputs);
        if (!p) return hl_error_set(r->err, HL_E_NOMEM, HL_STOP, "out of memory");
        w->parts[w->n_parts++] = w->by_id[p->id] = p;
        for (uint16_t t = 0; t < inputs && !status; t++) {
            status = place(r, p, &w->positions[i * inputs + t], t);
            input += p->next[t] - p->low[t];
        }
        if (!status) status = w->stream->bounds(w->stream, HL_STATE_TOPIC, p->id, &r->state_low[i], &r->state_high[i], r->err);
        p->state_end = seen_end(r, &w->positions[i * inputs]);
        if (!status && p->state_end == HL_STATE_REBUILDING) {
            status = state_gap(r, p, p->state_end, r->state_high[i]);
            p->state_end = 0; /* accepted */
        }
        state += r->state_high[i] - r->state_low[i];
        r->state_from[i] = -1;
    }
    r->place_ns = hl_clock_mono_ns() - t0;
    if (!status) hl_progress_begin(w, &r->progress, state, input);
    return status;
}

static void ready(struct hl_worker *w, struct hl_partition *p)
{
    HL_FAILPOINT(RECOVERY_DONE);
    hl_bound_is_live(w, p);
    p->low_since_ns = hl_clock_mono_ns();
    p->round_start_ns = p->low_since_ns - w->e->config->checkpoint_interval_ms * 1000000; /* the first round is due */
    memcpy(p->cut, p->low, hl_engine_inputs(w->e) * sizeof(*p->cut));
    hl_log(HL_LOG_INFO, "partition_restored", "partition=%" PRId32 " from_redis=%" PRIu64 " from_changelog=%" PRIu64 " replayed=%" PRIu64, p->id,
           p->restored[HL_RESTORE_REDIS], p->restored[HL_RESTORE_STATE], p->restored[HL_RESTORE_INPUT]);
}

static enum hl_status restore_all(struct recovery *r)
{
    struct hl_worker *w = r->w;
    int64_t t0 = hl_clock_mono_ns();
    enum hl_status status = survey(r);
    if (!status) status = restore_state(r);
    HL_FAILPOINT(RECOVERY_AFTER_STATE);
    if (!status) status = replay(r);
    if (status) return status;
    for (size_t i = 0; i < w->n_parts; i++) ready(w, w->parts[i]);
    hl_metrics_set_restoring(w->metrics, 0, 0);
    hl_health_set_partitions(w->e->health, (int)w->index, (uint32_t)w->n_assigned, (uint32_t)w->n_parts);
    hl_log(HL_LOG_INFO, "restored", "worker=%u partitions=%zu seconds=%.3f bounds=%.3f redis=%.3f state=%.3f input=%.3f", w->index, w->n_parts,
           (double)(hl_clock_mono_ns() - t0) / 1e9, (double)r->place_ns / 1e9, (double)r->redis_ns / 1e9, (double)r->state_ns / 1e9,
           (double)r->input_ns / 1e9);
    return HL_OK;
}

/* The copies have come to where the state topic ended when we began. *there stays as it is where Redis is away. */
static void ask_copies(const struct recovery *r, bool *there)
{
    const struct hl_worker *w = r->w;
    int64_t at = 0;
    struct hl_error away;
    for (size_t i = 0; i < w->n_assigned; i++)
        if (w->store->marker(w->store, w->assigned[i], &at, &away) || at < r->state_high[i]) return;
    *there = true;
}

static bool can_begin_anew(const struct recovery *r, bool waited_enough)
{
    bool there = false;
    ask_copies(r, &there);
    return there && (hl_bound_has_room(r->w) || waited_enough);
}

/* More must be in memory than the bound has room for. What is not in Redis yet, the mirror brings there; where other workers have grown beyond their
 * share, they shrink; then we begin anew. Where there is nothing to be waited for, as after a start with a lower bound, the next attempt goes beyond it:
 * what is replayed was in memory before, and will be able to leave with the first checkpoint. */
static enum hl_status await_room(struct recovery *r)
{
    struct hl_worker *w = r->w;
    hl_drop_partitions(w);
    hl_log(HL_LOG_WARN, "restore_waits_for_room", "worker=%u max_bytes=%zu reason=\"what must be in memory exceeds memory.max_bytes: it is not in Redis yet, or "
           "other workers use the room\" advice=\"Redis must be up; if this lasts although it is, raise memory.max_bytes\"", w->index, w->bound.max);
    for (size_t i = 0; i < w->n_assigned && w->e->mirror; i++) hl_mirror_add(w->e->mirror, w->assigned[i], w->index);
    enum hl_status status = HL_OK;
    int64_t began = hl_clock_mono_ns();
    bool enough = false, waited = false;
    for (; !can_begin_anew(r, enough) && !*w->e->stop && !(status = look_up(r)); waited = true) {
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        enough = hl_clock_mono_ns() - began > ROOM_NS;
    }
    w->bound.beyond = enough || !waited;
    for (size_t i = 0; i < w->n_assigned && w->e->mirror; i++) hl_mirror_remove(w->e->mirror, w->assigned[i], w->index);
    if (status) return status;
    return hl_error_set(r->err, HL_E_UNAVAILABLE, HL_RETRY, "what was to be restored exceeded memory.max_bytes");
}

enum hl_status hl_recover(struct hl_worker *w, struct hl_error *err)
{
    if (HL_FAILPOINT_ERROR(RECOVERY_BEGIN)) return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
    size_t n = w->n_assigned, inputs = hl_engine_inputs(w->e);
    struct recovery r = {.w = w, .err = err};
    hl_bound_set_restoring(w, true);
    r.ranges = calloc(n * inputs + 1, sizeof(*r.ranges));
    r.state_low = calloc(3 * n + 1, sizeof(*r.state_low));
    r.state_high = r.state_low + n;
    r.state_from = r.state_low + 2 * n;
    enum hl_status status = r.ranges && r.state_low ? restore_all(&r) : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    if (r.over) status = await_room(&r);
    if (!status) hl_bound_set_restoring(w, false);
    free(r.ranges);
    free(r.state_low);
    return r.changed ? HL_OK : status;
}
