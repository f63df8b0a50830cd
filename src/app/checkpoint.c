/* The commit, and the checkpoint that rides in it.
 *
 * DESIGN  A round of the checkpoint starts between two batches: `cut` is where the inputs stand, and the contacts that are dirty then are its work.
 * A commit each commit.max_interval writes a share of them, spread over the interval. A contact that changes before its turn is written as it is then; one that changes
 * after its turn goes to the list of the next round. When the list is empty, everything before `cut` is in the state topic, so low := cut, in the
 * same transaction as the last of these records. A contact that changed stage is written in the transaction of its transition, whatever its turn.
 *
 *     low <= cut <= committed <= next
 *
 * State records are encoded here, between batches, so that "applied offsets" of a record are simply the partition's `next`.
 *
 * The commit itself is waited for by the stream, while the worker goes on with the next batches: what they change is marked dirty, or moved, for the
 * commit after this one, which begins when this one is over. If it fails, the partitions are dropped and recovered, as after any failure: what was
 * scored meanwhile goes with them.
 *
 * WHY NOT one stop-the-world snapshot: at a million dirty contacts it would stall scoring for seconds, and the latency of a hand-raise with it. */
#include <string.h>

#include "flow.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/failpoint.h"
#include "worker.h"

#define NS_PER_MS 1000000ll
#define QUICK_COMMIT_NS 5000000ll /* a transition waits this long for company, where there is time for it */
#define COMMIT_SHARE 4            /* a worker that is behind waits until the commit has taken but one part in this many of the time */
#define EVENTS_PER_COMMIT 500000
#define LATE_NS 1000000000ll /* a commit that takes longer is waited for: something is wrong, and who watches over us must hear what */
#define RECORDS_PER_LOOK 8 /* at the clock, while a round is written */

static int64_t commit_deadline_ns(const struct hl_worker *w)
{
    const struct hl_config *c = w->e->config;
    if (w->flight.on) return INT64_MAX; /* its end will wake us */
    if (w->events_since == 0 && w->outputs_since == 0) return w->checkpoint_due_ns;
    int64_t wait = c->commit_max_interval_ms * NS_PER_MS;
    int64_t quick = c->delivery == HL_EXACTLY_ONCE ? QUICK_COMMIT_NS : wait; /* without transactions nothing waits for it */
    if (w->behind && w->commit_ns * COMMIT_SHARE > quick) quick = w->commit_ns * COMMIT_SHARE;
    int64_t due = w->last_commit_ns + (w->outputs_since && quick < wait ? quick : wait), rested = w->landed_ns + HL_COMMIT_REST_NS;
    return due > rested ? due : rested;
}

bool hl_commit_is_due(const struct hl_worker *w, int64_t now_ns)
{
    return w->events_since >= EVENTS_PER_COMMIT || now_ns >= commit_deadline_ns(w); /* so many events wait for the commit under way */
}

int hl_commit_wait_ms(const struct hl_worker *w, int64_t now_ns)
{
    int64_t deadline = commit_deadline_ns(w);
    if (deadline <= now_ns) return 0;
    int64_t ms = deadline == INT64_MAX ? 100 : (deadline - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    return ms > 100 ? 100 : (int)ms;
}

static enum hl_status write_which(struct hl_worker *w, struct hl_partition *p, bool graves, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < p->moved.n && !status; i++) {
        struct hl_contact *c = p->moved.items[i];
        if (((c->flags & HL_C_GRAVE) != 0) == graves) status = hl_emit_state(w, p, c, err);
    }
    return status;
}

/* Graves first: without transactions, a tombstone that outlives its grave would let the replay begin with nothing. */
static enum hl_status write_moved(struct hl_worker *w, struct hl_partition *p, struct hl_error *err)
{
    enum hl_status status = w->n_graves ? write_which(w, p, true, err) : HL_OK;
    if (!status) status = write_which(w, p, false, err);
    if (p->moved.n) HL_FAILPOINT(COMMIT_MOVED);
    while (p->moved.n) hl_contact_list_pop(&p->moved);
    return status;
}

static void round_start(struct hl_worker *w, struct hl_partition *p, int64_t now)
{
    size_t n = hl_engine_inputs(w->e);
    p->current = p->current == 1 ? 2 : 1;
    p->round_size = p->dirty[p->current - 1].n;
    p->round_start_ns = now;
    memcpy(p->cut, p->next, n * sizeof(*p->cut));
}

static void round_end(struct hl_worker *w, struct hl_partition *p)
{
    memcpy(p->low, p->cut, hl_engine_inputs(w->e) * sizeof(*p->low));
    p->low_since_ns = p->round_start_ns;
    hl_forget_erased(w, p);
    HL_FAILPOINT(CHECKPOINT_ROUND_END);
}

/* How many contacts of the round may still be left after this commit, so that it ends within the interval. */
static size_t round_target(const struct hl_worker *w, const struct hl_partition *p, int64_t now)
{
    int64_t interval = w->e->config->checkpoint_interval_ms * NS_PER_MS;
    int64_t ahead = now - p->round_start_ns + w->e->config->commit_max_interval_ms * NS_PER_MS;
    if (ahead >= interval) return 0;
    return p->round_size - (size_t)((double)p->round_size * ((double)ahead / (double)interval));
}

struct budget {
    int64_t deadline_ns; /* stop writing then */
    bool drain;
};

/* Write contacts of the current round until the target, or the time, is reached. */
static enum hl_status round_write(struct hl_worker *w, struct hl_partition *p, const struct budget *b, int64_t now, struct hl_error *err)
{
    struct hl_contact_list *l = &p->dirty[p->current - 1];
    size_t target = b->drain ? 0 : round_target(w, p, now), written = 0;
    enum hl_status status = HL_OK;
    while (l->n > target && !status) {
        if (!b->drain && written++ % RECORDS_PER_LOOK == 0 && hl_clock_mono_ns() > b->deadline_ns) break;
        struct hl_contact *c = hl_contact_list_pop(l);
        if ((c->dirty & HL_DIRTY_LIST) != p->current) continue; /* written meanwhile, with a transition */
        status = hl_emit_state(w, p, c, err);
        HL_FAILPOINT(CHECKPOINT_RECORD);
    }
    return status;
}

static enum hl_status checkpoint_partition(struct hl_worker *w, struct hl_partition *p, const struct budget *b, int64_t now, struct hl_error *err)
{
    const struct hl_config *c = w->e->config;
    struct hl_contact_list *l = &p->dirty[p->current - 1];
    struct budget mine = *b;
    mine.drain |= now - p->low_since_ns > c->checkpoint_max_replay_ms * NS_PER_MS;
    enum hl_status status = round_write(w, p, &mine, now, err);
    if (status || l->n) return status;
    round_end(w, p);
    if (!b->drain && now - p->round_start_ns < c->checkpoint_interval_ms * NS_PER_MS) return HL_OK;
    round_start(w, p, now);
    if (!b->drain) return HL_OK;
    status = round_write(w, p, &mine, now, err);
    if (!status) round_end(w, p);
    return status;
}

static size_t positions_of(struct hl_worker *w)
{
    struct hl_position *out = w->positions;
    size_t n = 0;
    for (size_t i = 0; i < w->n_parts; i++) {
        struct hl_partition *p = w->parts[i];
        for (uint16_t t = 0; t < hl_engine_inputs(w->e); t++)
            out[n++] = (struct hl_position){t, p->id, p->next[t], p->low[t], p->state_end};
    }
    return n;
}

/* When the checkpoint of a partition has something to do even if no event comes. */
static int64_t checkpoint_due_ns(const struct hl_worker *w, const struct hl_partition *p, int64_t now)
{
    if (p->dirty[p->current - 1].n) return now + w->e->config->commit_max_interval_ms * NS_PER_MS;
    if (memcmp(p->low, p->next, hl_engine_inputs(w->e) * sizeof(*p->low)) == 0) return INT64_MAX;
    return p->round_start_ns + w->e->config->checkpoint_interval_ms * NS_PER_MS;
}

/* The exemplar of this commit, if one of its causes was traced. */
static void show_trace(struct hl_worker *w, int64_t wall)
{
    const struct hl_traced *t = &w->flight.traced;
    int64_t ms = wall - t->timestamp_ms;
    if (t->timestamp_ms) hl_metrics_set_exemplar(w->e->metrics, &t->trace, ms > 0 ? (uint64_t)ms * NS_PER_MS : 0, t->from, t->to);
}

/* It is on its way: what comes now counts for the next one. */
static void take_off(struct hl_worker *w, int64_t start)
{
    w->flight.on = true;
    w->flight.start_ns = w->last_commit_ns = start;
    w->flight.samples.n = w->samples.n;
    memcpy(w->flight.samples.of, w->samples.of, w->samples.n * sizeof(w->samples.of[0]));
    w->samples.n = 0;
    struct hl_flow_batch *empty = w->flight.flow;
    w->flight.flow = w->flow;
    w->flow = empty;
    w->flight.traced = w->traced;
    w->traced.timestamp_ms = 0;
    w->events_since = w->outputs_since = 0;
}

static void committed(struct hl_worker *w)
{
    int64_t now = hl_clock_mono_ns(), wall = hl_clock_wall_ms(), oldest = now, took = now - w->flight.start_ns;
    w->flight.on = false;
    w->landed_ns = now;
    hl_flow_commit(w->e->flow, w->flight.flow);
    w->checkpoint_due_ns = INT64_MAX;
    for (size_t i = 0; i < w->n_parts; i++) {
        int64_t due = checkpoint_due_ns(w, w->parts[i], now);
        if (due < w->checkpoint_due_ns) w->checkpoint_due_ns = due;
        if (due != INT64_MAX && w->parts[i]->low_since_ns < oldest) oldest = w->parts[i]->low_since_ns;
    }
    hl_metrics_checkpoint_done(w->metrics, oldest);
    for (size_t i = 0; i < w->flight.samples.n; i++) {
        int64_t ms = wall - w->flight.samples.of[i].timestamp_ms;
        hl_hist_put_n(&w->metrics->latency, ms > 0 ? (uint64_t)ms * NS_PER_MS : 0, w->flight.samples.of[i].n);
    }
    show_trace(w, wall);
    hl_metrics_count_txn(w->metrics, HL_TXN_COMMITTED, (uint64_t)took);
    w->commit_ns += (took - w->commit_ns) / 4; /* smoothed: one slow commit is no habit */
}

/* A share of each round. Where there is time for some of the partitions only, each comes first in its turn: one that never did would grow until
 * max_replay makes it stall the others. */
static enum hl_status write_rounds(struct hl_worker *w, bool drain, int64_t start, struct hl_error *err)
{
    int64_t share = (int64_t)((double)(start - w->rounds_ns) * w->e->config->checkpoint_max_share);
    w->rounds_ns = start;
    struct budget b = {.drain = drain, .deadline_ns = hl_clock_mono_ns() + share + NS_PER_MS};
    enum hl_status status = HL_OK;
    size_t first = w->checkpoint_turn++;
    for (size_t i = 0; i < w->n_parts && !status; i++) status = checkpoint_partition(w, w->parts[(first + i) % w->n_parts], &b, start, err);
    return status;
}

enum hl_status hl_commit_finish(struct hl_worker *w, bool wait, struct hl_error *err)
{
    bool done;
    if (!w->flight.on) return HL_OK;
    bool late = hl_clock_mono_ns() - w->flight.start_ns > LATE_NS;
    enum hl_status status = w->stream->finish(w->stream, wait || late, &done, err);
    if (status || !done) return status;
    HL_FAILPOINT(COMMIT_DONE);
    committed(w);
    hl_bound_landed(w, hl_clock_mono_ns());
    return HL_OK;
}

enum hl_status hl_write_moved(struct hl_worker *w, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < w->n_parts && !status; i++) status = write_moved(w, w->parts[i], err);
    return status;
}

enum hl_status hl_commit(struct hl_worker *w, bool drain, struct hl_error *err)
{
    if (w->n_parts == 0) return HL_OK;
    enum hl_status status = hl_commit_finish(w, true, err);
    HL_FAILPOINT(COMMIT_BEGIN);
    int64_t start = hl_clock_mono_ns();
    /* transitions first: a state record that outlives its transition would hide that it was lost */
    if (!status && w->outputs_since) status = w->stream->settle(w->stream, err);
    if (!status) status = hl_write_moved(w, err);
    /* not with each commit that is made for the sake of a transition: what is written just before a commit is what it waits for */
    bool all = drain || w->bound.full;
    if (!status && (all || start - w->rounds_ns >= w->e->config->commit_max_interval_ms * NS_PER_MS)) status = write_rounds(w, all, start, err);
    if (status) return status;
    status = w->stream->commit(w->stream, w->positions, positions_of(w), err);
    if (status) return status;
    take_off(w, start);
    HL_FAILPOINT(COMMIT_UNDER_WAY);
    return drain ? hl_commit_finish(w, true, err) : HL_OK;
}
