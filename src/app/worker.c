/* A worker: one consumer, one producer, its partitions.
 *
 *   poll -> decode a group -> apply each under its stripe lock -> emit -> commit when due
 *
 * Everything that goes wrong is decided on here, in handle_failure: skip (dead letter) was dealt with on the way, retry means drop the partitions and
 * recover them from what is committed, stop ends the process. */
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
#include "shadow.h"
#include "worker.h"

#define SCHEMA_RETRY_NS 200000000ll

/* --- one record --- */

static enum hl_status check_record(const struct hl_worker *w, const struct hl_record *r, struct hl_error *err)
{
    if (hl_slice_is_null(r->value) && w->e->config->inputs[r->topic].format != HL_FORMAT_CLOUDEVENTS)
        return hl_error_set(err, HL_E_DECODE, HL_SKIP, "the record has no value (null)");
    if (hl_slice_is_null(r->key) || r->key.len == 0)
        return hl_error_set(err, HL_E_MISSING, HL_SKIP, "the record has no key; key it by contact_id, so that all events of a contact share a partition");
    if (r->value.len > (size_t)w->e->config->max_record_bytes && !hl_engine_is_merges(w->e, r->topic))
        return hl_error_set(err, HL_E_TOO_LARGE, HL_SKIP, "the record has %zu bytes, at most %" PRId64 " are taken", r->value.len,
                            w->e->config->max_record_bytes);
    return HL_OK;
}

/* The clock is the record's own time where that is earlier, so that a replay decides as the first reading did. */
static enum hl_status check_event(const struct hl_worker *w, const struct hl_record *r, const struct hl_event *ev, struct hl_error *err)
{
    if (ev->occurred_at < 0)
        return hl_error_set(err, HL_E_CLOCK, HL_SKIP, "occurred_at %" PRId64 " is before 1970", ev->occurred_at);
    int64_t now = w->wall_ms;
    if (r->timestamp_ms > 0 && r->timestamp_ms < now) now = r->timestamp_ms;
    if (ev->occurred_at > now + w->e->config->max_clock_skew_ms)
        return hl_error_set(err, HL_E_CLOCK, HL_SKIP, "occurred_at %" PRId64 " is %" PRId64 " ms in the future, max_clock_skew is %" PRId64 " ms",
                            ev->occurred_at, ev->occurred_at - now, w->e->config->max_clock_skew_ms);
    if (ev->contact_id.len && ev->contact_id.data[0] == '\0')
        return hl_error_set(err, HL_E_DECODE, HL_SKIP, "contact_id begins with a NUL byte, which no id may");
    if (hl_partition_of(ev->contact_id, w->e->n_partitions) != r->partition)
        return hl_error_set(err, HL_E_DECODE, HL_SKIP, "contact_id belongs to partition %" PRId32 " and the record is in %" PRId32 "; %s",
                            hl_partition_of(ev->contact_id, w->e->n_partitions), r->partition,
                            hl_slice_eq(ev->contact_id, r->key) ? "its key is right, so its producer needs the murmur2 partitioner (librdkafka: murmur2_random)"
                                                                : "its key is not its contact_id: key it by that, with the murmur2 partitioner");
    return HL_OK;
}

enum hl_status hl_worker_decode(struct hl_worker *w, const struct hl_record *r, struct hl_event *ev, struct hl_error *err)
{
    enum hl_status status = check_record(w, r, err);
    if (status) return status;
    struct hl_decoder *d = w->e->decoders[r->topic];
    struct hl_slice value = r->value;
    if (w->e->config->inputs[r->topic].format == HL_FORMAT_CLOUDEVENTS) status = hl_cloudevent_json(w->stream, r, &w->arena, &value, err);
    if (!status) status = d->decode(d, value, &w->arena, ev, err);
    return status ? status : check_event(w, r, ev, err);
}

static void sample_latency(struct hl_worker *w, int64_t timestamp_ms, uint64_t n)
{
    if (timestamp_ms <= 0 || w->samples.n == HL_LATENCY_SAMPLES) return;
    w->samples.of[w->samples.n++] = (struct hl_latency_sample){timestamp_ms, n};
}

/* A record whose schema is not there yet: leave it and what follows it in its partition for later. */
static enum hl_status block(struct hl_worker *w, struct hl_partition *p, const struct hl_record *r, struct hl_error *err)
{
    struct hl_waiting *grown = realloc(w->waiting, (w->n_waiting + 1) * sizeof(*grown));
    char *copy = malloc(r->value.len + 1);
    if (grown) w->waiting = grown;
    if (!grown || !copy) {
        free(copy);
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    }
    memcpy(copy, r->value.data, r->value.len);
    w->waiting[w->n_waiting++] = (struct hl_waiting){p, r->topic, copy, r->value.len};
    p->blocked[r->topic] = true;
    hl_log(HL_LOG_WARN, "partition_waits_for_schema", "topic=%s partition=%" PRId32 " offset=%" PRId64, w->e->config->inputs[r->topic].topic,
           r->partition, r->offset);
    return HL_OK;
}

static enum hl_status apply_event(struct hl_worker *w, struct hl_partition *p, const struct hl_record *r, const struct hl_event *ev, uint64_t hash,
                                  struct hl_error *err)
{
    struct hl_engine *e = w->e;
    struct hl_outcome *o = w->outcome;
    bool merges = hl_engine_is_merges(e, r->topic);
    const struct hl_onward_record *via = merges ? hl_merge_read(w, r, err) : NULL;
    if (merges && !via) return HL_E_NOMEM;
    w->n_kin = 0;
    hl_outcome_clear(o);
    o->result = HL_RESULT_DUPLICATE;
    struct hl_slab *slab = hl_table_acquire(e->table, w->index, hash);
    bool adopted;
    struct hl_contact *c = hl_contact_for_event(w, slab, p->id, hash, ev->contact_id, &adopted);
    enum hl_status status = c ? HL_OK : HL_E_NOMEM;
    bool taken = false;
    enum hl_stage stage = HL_STAGE_ANONYMOUS;
    if (c && !hl_partition_has_applied(p, c, hl_engine_inputs(e), r->topic, r->offset)) {
        if (via || hl_merge_concerns(ev, c)) status = hl_merge_apply(w, slab, c, ev, via, HL_APPLY_LIVE, o);
        else status = hl_apply(c, slab, w->model, w->matches, ev, HL_APPLY_LIVE, o);
        if (!status && o->erased) status = hl_bury(w, p, c, r, p->next);
        if (!status && o->changed && !hl_partition_mark_dirty(p, c)) status = HL_E_NOMEM;
        if (!status && hl_outcome_is_final(o) && !hl_partition_mark_moved(p, c)) status = HL_E_NOMEM;
        bool may_be_sooner = o->sinks || c->timer == HL_NO_TIME; /* an entry that comes too early is asked again when its time comes */
        if (!status && w->time_acts && o->changed && may_be_sooner && !hl_timers_note(&p->timers, w->model, c)) status = HL_E_NOMEM;
        taken = true;
        stage = c->stage;
    }
    if (adopted && !o->changed) hl_table_remove(e->table, c); /* an old event brings nobody back */
    hl_table_release(e->table, w->index, hash);
    if (status && merges)
        return hl_error_set(err, status, HL_STOP, "%s [%" PRId32 "], offset %" PRId64 ": a contact that was merged cannot be taken over: %s",
                            e->config->inputs[r->topic].topic, r->partition, r->offset, hl_status_name(status));
    if (status) return hl_error_set(err, status, HL_STOP, "applying an event: %s", hl_status_name(status));
    if (o->unknown_void)
        hl_log(HL_LOG_INFO, "void_not_known", "topic=%s partition=%" PRId32 " offset=%" PRId64 " keep=%u reason=\"the event is not among those of the "
               "contact that voids.keep of the model keeps, or did nothing, or was taken back already\"", e->config->inputs[r->topic].topic, r->partition,
               r->offset, w->model->voids_keep);
    if (o->onward || w->n_kin) status = hl_merge_send(w, r, ev, via, o, err);
    if (status) return status;
    if (hl_outcome_is_final(o)) {
        sample_latency(w, r->timestamp_ms, 1);
        status = hl_emit_outcome(w, r, ev, o, err);
        if (status) return status; /* it comes again, and is counted then */
    }
    if (w->shadow && taken) hl_shadow_event(w, p, ev, via, hash, stage, o);
    hl_metrics_count_event(w->metrics, r->topic, (enum hl_tally)o->result);
    return w->time_acts ? hl_timers_fire(w, p, r, err) : HL_OK; /* a late event may bring a moment that is due already */
}

/* --- a group: decode and hash all, so that the table's lines are on their way when they are needed --- */

struct decoded {
    enum hl_status status;
    uint64_t hash;
    struct hl_error why;
};

static enum hl_status finish_record(struct hl_worker *w, const struct hl_record *r, const struct hl_event *ev, const struct decoded *d,
                                    struct hl_error *err)
{
    struct hl_partition *p = w->by_id[r->partition];
    if (!p || p->blocked[r->topic] || r->offset < p->next[r->topic]) return HL_OK; /* not ours any more, waiting, or seen */
    if (d->status == HL_E_PENDING) return block(w, p, r, err);
    enum hl_status status = w->time_acts && !d->status ? hl_timers_event(w, p, r, ev->occurred_at, err) : HL_OK;
    if (status) return status;
    if (d->status) {
        status = hl_emit_dead_letter(w, r, &d->why, err);
    } else if (ev->type == HL_EVENT_UNKNOWN) {
        hl_metrics_count_unknown_type(w->metrics, r->topic);
        hl_odd_unknown(w, r, ev);
    } else {
        status = apply_event(w, p, r, ev, d->hash, err);
    }
    if (status) return status;
    if (!d->status && hl_event_is_early(ev)) hl_odd_early(w, r, ev);
    if (w->shadow) hl_shadow_settle(w);
    p->next[r->topic] = r->offset + 1;
    hl_metrics_count_consumed(w->metrics, r->topic, 1);
    w->events_since++;
    return HL_OK;
}

#define AHEAD 4
#define LINE 64
#define LINES 3

/* Another thread has unpacked it: the first bytes of a value come from far. */
static void prefetch_value(const struct hl_record *r)
{
    for (size_t at = 0; at < LINES * LINE && at < r->value.len; at += LINE) __builtin_prefetch(r->value.data + at);
}

static enum hl_status do_group(struct hl_worker *w, const struct hl_record *records, size_t n, struct hl_error *err)
{
    struct decoded d[HL_GROUP];
    w->wall_ms = hl_clock_wall_ms();
    for (size_t i = 0; i < AHEAD && i < n; i++) prefetch_value(&records[i]);
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n) prefetch_value(&records[i + AHEAD]);
        d[i].status = hl_worker_decode(w, &records[i], &w->events[i], &d[i].why);
        if (d[i].status) continue;
        d[i].hash = hl_hash64(w->events[i].contact_id);
        if (w->bound.n_ghosts && !hl_slice_eq(w->events[i].contact_id, records[i].key))
            hl_spill_want(w, records[i].partition, d[i].hash, w->events[i].contact_id); /* its key was asked for with the batch */
        hl_table_prefetch_stripe(w->e->table, w->index, d[i].hash); /* the other workers wrote to it */
    }
    for (size_t i = 0; i < n; i++)
        if (!d[i].status) hl_table_prefetch(w->e->table, w->index, d[i].hash);
    for (size_t i = 0; i < n; i++)
        if (!d[i].status) hl_table_prefetch_contact(w->e->table, w->index, d[i].hash);
    enum hl_status status = hl_spill_fetch(w, err);
    for (size_t i = 0; i < n && !status; i++)
        if (!d[i].status) hl_table_prefetch_blocks(w->e->table, w->index, d[i].hash);
    for (size_t i = 0; i < n && !status; i++) status = finish_record(w, &records[i], &w->events[i], &d[i], err);
    return status;
}

/* Contacts of the batch that left for Redis come back at once, going by the keys of its records. */
static enum hl_status fetch_batch(struct hl_worker *w, const struct hl_record *records, size_t n, struct hl_error *err)
{
    for (size_t i = 0; i < n && w->bound.n_ghosts; i++)
        if (records[i].key.len) hl_spill_want(w, records[i].partition, hl_hash64(records[i].key), records[i].key);
    return hl_spill_fetch(w, err);
}

static enum hl_status do_batch(struct hl_worker *w, const struct hl_record *records, size_t n, struct hl_error *err)
{
    int64_t start = hl_clock_mono_ns();
    enum hl_status status = fetch_batch(w, records, n, err);
    for (size_t i = 0; i < n && !status; i += HL_GROUP) {
        hl_arena_reset(&w->arena);
        status = do_group(w, records + i, n - i < HL_GROUP ? n - i : HL_GROUP, err);
    }
    sample_latency(w, records[0].timestamp_ms, n);
    hl_hist_put(&w->metrics->batch, (uint64_t)(hl_clock_mono_ns() - start));
    if (status != HL_E_PENDING) return status;
    struct hl_error why = *err;
    return hl_bound_wait(w, &why, err); /* what is left of the batch is read again */
}

/* --- assignment --- */

enum hl_status hl_worker_assign(struct hl_worker *w, struct hl_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_parts && !hl_bound_is_paused(&w->bound); i++)
        for (uint16_t t = 0; t < hl_engine_inputs(w->e); t++)
            if (!w->parts[i]->blocked[t]) w->positions[n++] = (struct hl_position){t, w->parts[i]->id, w->parts[i]->next[t], -1, 0};
    return w->stream->assign(w->stream, w->positions, n, err);
}

/* Look whether schemas have arrived, and let their partitions go on. */
static enum hl_status unblock(struct hl_worker *w, int64_t now, struct hl_error *err)
{
    if (w->n_waiting == 0 || now < w->schema_check_ns) return HL_OK;
    w->schema_check_ns = now + SCHEMA_RETRY_NS;
    size_t kept = 0, before = w->n_waiting;
    for (size_t i = 0; i < before; i++) {
        struct hl_waiting *wt = &w->waiting[i];
        struct hl_decoder *d = w->e->decoders[wt->topic];
        struct hl_error why;
        struct hl_event ev;
        hl_arena_reset(&w->arena);
        if (d->decode(d, (struct hl_slice){wt->value, wt->len}, &w->arena, &ev, &why) == HL_E_PENDING) {
            w->waiting[kept++] = *wt;
            continue;
        }
        wt->part->blocked[wt->topic] = false;
        free(wt->value);
    }
    w->n_waiting = kept;
    return kept < before ? hl_worker_assign(w, err) : HL_OK;
}

/* Bring the assigned partitions to life, all or none: a half restored one must never reach a commit. */
static enum hl_status come_to_life(struct hl_worker *w, struct hl_error *err)
{
    hl_health_set_partitions(w->e->health, (int)w->index, (uint32_t)w->n_assigned, 0);
    hl_worker_hold(w, HL_HOLD_RESTORING);
    enum hl_status status = hl_recover(w, err);
    if (status || w->stream->changed(w->stream)) {
        hl_drop_partitions(w);
        return status;
    }
    if (HL_FAILPOINT_ERROR(RECOVERY_BEFORE_ASSIGN)) return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
    status = hl_timers_seed(w, err);
    if (w->shadow && !status) hl_shadow_seed(w);
    if (!status) status = hl_worker_assign(w, err);
    for (size_t i = 0; i < w->n_parts && w->e->mirror; i++) hl_mirror_add(w->e->mirror, w->parts[i]->id, w->index);
    for (size_t i = 0; i < w->n_parts && !status; i++)
        if (hl_flow_begin(w->e->flow, w->parts[i]->id, hl_clock_wall_ms())) status = hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    w->last_commit_ns = w->rounds_ns = w->checkpoint_due_ns = hl_clock_mono_ns();
    if (!status) hl_worker_hold(w, HL_HOLD_LIVE);
    return status;
}

static bool is_behind(const struct hl_worker *w)
{
    return w->e->models && hl_models_is_behind(w->e->models, w->index);
}

/* The committed truth again, for the same partitions. */
static enum hl_status start_over(struct hl_worker *w, struct hl_error *err)
{
    hl_drop_partitions(w);
    enum hl_status status = w->stream->assign(w->stream, w->positions, 0, err);
    if (!status) status = w->stream->abort(w->stream, err);
    return status || w->stream->changed(w->stream) ? status : come_to_life(w, err);
}

/* A newer model: what is whole is committed and checkpointed under the old one, and the partitions come to life under the new one, as they would after
 * a restart (decisions/0024). */
static enum hl_status change_model(struct hl_worker *w, struct hl_error *err)
{
    HL_FAILPOINT(RELOAD_BEGIN);
    enum hl_status status = hl_commit(w, true, err);
    HL_FAILPOINT(RELOAD_COMMITTED);
    if (status) return status;
    bool alive = w->n_parts > 0;
    hl_drop_partitions(w);
    if (alive) status = w->stream->assign(w->stream, w->positions, 0, err);
    if (!status) status = hl_worker_adopt_model(w, err);
    return status || !alive ? status : come_to_life(w, err);
}

static enum hl_status gained(struct hl_worker *w, const int32_t *ids, size_t n, struct hl_error *err)
{
    enum hl_status status = hl_commit_finish(w, true, err);
    hl_drop_partitions(w);
    if (!status && is_behind(w)) status = hl_worker_adopt_model(w, err); /* who had them before us may have gone over to it already */
    if (n) memcpy(w->assigned, ids, n * sizeof(*ids));
    w->n_assigned = n;
    return status ? status : come_to_life(w, err);
}

/* What is not committed when partitions go is the next owner's to do again. */
static enum hl_status given_back(struct hl_worker *w, bool lost, struct hl_error *err)
{
    HL_FAILPOINT(REBALANCE_GIVE_BACK);
    enum hl_status status = lost ? HL_E_FENCED : hl_commit(w, true, err);
    HL_FAILPOINT(REBALANCE_GIVEN_BACK);
    hl_drop_partitions(w);
    w->n_assigned = 0;
    hl_bound_set_restoring(w, false);
    hl_health_set_partitions(w->e->health, (int)w->index, 0, 0);
    if (status) status = w->stream->abort(w->stream, err);
    struct hl_error other;
    enum hl_status answered = w->stream->assign(w->stream, NULL, 0, status ? &other : err); /* whatever else fails: the group waits for it */
    return status ? status : answered;
}

static enum hl_status follow_assignment(struct hl_worker *w, struct hl_error *err)
{
    enum hl_assignment_change change;
    const int32_t *ids;
    size_t n;
    enum hl_status status = w->stream->assignment(w->stream, &change, &ids, &n, err);
    if (status || change == HL_ASSIGNMENT_SAME) return status;
    static const char *const NAMES[] = {"same", "assigned", "revoked", "lost"};
    hl_counter_add(&w->metrics->rebalances, 1);
    hl_log(HL_LOG_INFO, "rebalance", "worker=%u change=%s partitions=%zu", w->index, NAMES[change],
           change == HL_ASSIGNMENT_GAINED ? n : w->n_assigned);
    return change == HL_ASSIGNMENT_GAINED ? gained(w, ids, n, err) : given_back(w, change == HL_ASSIGNMENT_LOST, err);
}

/* --- the loop --- */

#define LAG_NS 1000000000ll

static void report_lag(struct hl_worker *w, int64_t now)
{
    if (now < w->lag_due_ns) return;
    bool known = w->n_parts > 0;
    for (size_t i = 0; i < w->n_parts; i++)
        for (uint16_t t = 0; t < hl_engine_inputs(w->e); t++) {
            int64_t lag = w->stream->lag(w->stream, t, w->parts[i]->id, w->parts[i]->next[t]);
            hl_metrics_set_lag(w->e->metrics, t, w->parts[i]->id, lag);
            known = known && lag >= 0;
        }
    w->lag_due_ns = now + (known ? LAG_NS : LAG_NS / 20); /* what is not known yet will be soon */
}

/* Not with a bound on memory: who was written is taken for committed there, as soon as no commit is under way (bound.c). */
static bool writes_moved_early(const struct hl_worker *w)
{
    return !w->behind && w->e->config->delivery == HL_EXACTLY_ONCE && !w->bound.max;
}

enum hl_status hl_worker_step(struct hl_worker *w, struct hl_error *err)
{
    size_t n;
    int64_t now = hl_clock_mono_ns();
    hl_health_beat(w->e->health, (int)w->index, hl_clock_mono_ns());
    enum hl_status status = hl_commit_finish(w, false, err);
    if (!status && is_behind(w)) status = change_model(w, err);
    if (!status && w->shadow) hl_shadow_tend(w);
    if (!status) status = unblock(w, now, err);
    if (!status) status = w->stream->poll(w->stream, hl_commit_wait_ms(w, now), w->records, HL_BATCH, &n, err);
    if (status) return status;
    w->behind = n >= HL_BATCH / 4;
    if (n) {
        status = do_batch(w, w->records, n, err);
        w->stream->release(w->stream, w->records, n);
    }
    if (!status) status = follow_assignment(w, err);
    if (!status && w->time_acts && !hl_bound_is_paused(&w->bound)) status = hl_timers_idle(w, err); /* what is not read brings no time */
    report_lag(w, now);
    if (!status && writes_moved_early(w)) status = hl_write_moved(w, err);
    if (!status && w->n_parts && hl_commit_is_due(w, hl_clock_mono_ns())) status = hl_commit(w, false, err);
    return !status && w->bound.max ? hl_bound_tend(w, n, err) : status;
}

static bool can_start_over(enum hl_status status)
{
    return status == HL_E_ABORT || status == HL_E_IN_DOUBT || status == HL_E_UNAVAILABLE || status == HL_E_TIMEOUT;
}

/* The one place that decides what a failure means. */
static enum hl_status handle_failure(struct hl_worker *w, enum hl_status status, struct hl_error *err)
{
    char quoted[600];
    int64_t wait_ns = 100000000;
    while (can_start_over(status) && !*w->e->stop) {
        hl_log(HL_LOG_WARN, "worker_starts_over", "worker=%u status=%s reason=%s", w->index, hl_status_name(status),
               hl_log_quote(quoted, sizeof(quoted), err->message));
        hl_metrics_count_txn(w->metrics, status == HL_E_IN_DOUBT ? HL_TXN_IN_DOUBT : HL_TXN_ABORTED, 0);
        status = start_over(w, err);
        if (!status) return HL_OK;
        hl_health_beat(w->e->health, (int)w->index, hl_clock_mono_ns());
        nanosleep(&(struct timespec){.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000}, NULL);
        if (wait_ns < 5000000000) wait_ns *= 2;
    }
    return status;
}

/* The end: what is whole is committed and checkpointed, what is not is left to the next life. */
static enum hl_status finish(struct hl_worker *w, enum hl_status status, struct hl_error *err)
{
    struct hl_error ignored;
    HL_FAILPOINT(FINISH_BEGIN);
    if (!status) status = hl_commit(w, true, err);
    HL_FAILPOINT(FINISH_COMMITTED);
    hl_drop_partitions(w);
    if (status) (void)!w->stream->abort(w->stream, &ignored);
    bool stopping = *w->e->stop;
    return stopping && (can_start_over(status) || status == HL_E_END) ? HL_OK : status;
}

void *hl_worker_main(void *arg)
{
    struct hl_worker *w = arg;
    enum hl_status status = HL_OK;
    char name[16];
    snprintf(name, sizeof(name), "worker-%u", w->index);
    pthread_setname_np(pthread_self(), name); /* for top and perf */
    while (!*w->e->stop && !status) {
        status = hl_worker_step(w, &w->error);
        if (status) status = handle_failure(w, status, &w->error);
    }
    w->status = finish(w, status, &w->error);
    w->stream->free(w->stream);
    w->stream = NULL;
    hl_health_finish(w->e->health, (int)w->index);
    if (w->status) *w->e->stop = true; /* one that cannot go on ends the process; the others commit what they have */
    return NULL;
}
