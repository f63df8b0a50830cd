/* memory.max_bytes: contacts that have been cold for longest leave the table for Redis, until they are wanted again (spill.c; decisions/0019).
 *
 * DESIGN  A contact may leave when lead.state holds exactly what it is, and the copy in Redis has come that far. Both are known by a barrier of its
 * partition: when a commit has ended and the next one has not begun, the place of our last record in the state topic is noted, and the partition's
 * `stamp` goes up by one. Each state record stamps its contact, so every clean contact with an older stamp has its last record before that place. When
 * the marker of the copy has been seen there, the barrier is reached, and these may go.
 *
 *     written, stamp 7 | barrier: stamp is 8, end of the topic 5120 | marker >= 5120: who has stamp 7 or less may leave
 *
 * The stamp is the age, too: who was written long ago goes first. So an event pays nothing for being remembered.
 *
 *   soft limit, 13/16 of the bound: contacts leave, stripe by stripe, so that each finds what it frees when it grows again
 *   hard limit, 15/16: the worker reads no further, until there is room; its session, commits and checkpoints go on. The rest is what slabs have
 *   taken ahead
 *
 * What a stripe uses is asked as its turn comes, a few stripes for each batch. Memory that a slab has taken is not given back: where a stripe has
 * taken more than its part, by chance or because its free blocks are of other sizes, its limit is that much lower.
 *
 * Who stays: contacts with a state to be written, or in the list of a transaction; those for whom time will act (deadlines, decay below `exit`); graves.
 *
 * WHY NOT a second-chance bit: one more write for each event, and one bit of age. WHY NOT a list in order of use: 16 bytes a contact, and two more
 * lines of other contacts to be touched for each event.
 *
 * THREADS  The worker's own, and it sends away only contacts of its own. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/failpoint.h"
#include "hotlead/base/log.h"
#include "hotlead/core/due.h"
#include "worker.h"

#define NS_PER_MS 1000000ll
#define EVENTS_PER_STRIPE 32
#define ASK_NS (50 * NS_PER_MS)       /* between two looks at the marker of a partition */
#define BARRIERS_PER_ROUND 4          /* of the checkpoint, which is how contacts come to be clean */
#define AWAY_NS (1000 * NS_PER_MS)    /* Redis is not asked again for so long, or for ten times what the asking took */
#define PAUSED_NS (100 * NS_PER_MS)   /* between two looks while nothing is read */
#define TELL_NS (30000 * NS_PER_MS)
#define NUDGE_NS (2000 * NS_PER_MS)
#define REDIS_MS 20000 /* the store's own limits are shorter */
#define AGES 256
#define SOFT 13 /* sixteenths of the bound */
#define RESUME 14
#define HARD 15
#define LOOKED_AT 16

enum hl_status hl_bound_init(struct hl_worker *w, struct hl_error *err)
{
    struct hl_bound *b = &w->bound;
    b->max = (size_t)w->e->config->memory_max_bytes;
    if (!b->max) return HL_OK;
    b->seen = calloc(hl_table_stripes(w->e->table), sizeof(*b->seen));
    b->wanted = calloc(HL_BATCH, sizeof(*b->wanted));
    b->missing = calloc(HL_BATCH, sizeof(*b->missing));
    return b->seen && b->wanted && b->missing ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

void hl_bound_fini(struct hl_worker *w)
{
    free(w->bound.seen);
    free(w->bound.wanted);
    free(w->bound.missing);
}

/* --- the books of a partition --- */

void hl_away_init(struct hl_away *a)
{
    *a = (struct hl_away){.stamp = 1, .barrier = -1, .reached = -1, .restored_end = -1};
}

void hl_bound_has_copy(struct hl_worker *w, struct hl_partition *p, int64_t position)
{
    w->bound.n_ghosts -= p->away.ghosts.n;
    hl_ghosts_clear(&p->away.ghosts);
    memset(p->away.stages, 0, sizeof(p->away.stages));
    p->away.barrier = p->away.reached = position;
}

/* --- limits --- */

/* Of all workers. */
static size_t ghost_bytes(const struct hl_engine *e)
{
    size_t sum = 0;
    for (size_t i = 0; i < e->n_workers; i++) sum += atomic_load_explicit(&e->workers[i].metrics->ghost_bytes, memory_order_relaxed);
    return sum;
}

/* To those who look at the table. `leaving`: somebody may be about to. */
static void announce(const struct hl_worker *w, struct hl_partition *p, bool leaving)
{
    struct hl_away *a = &p->away;
    hl_holdings_set_away(w->e->holdings, p->id, w->index, leaving || a->ghosts.n ? a->reached : -1, a->stages);
    a->changed = leaving;
}

static void publish(struct hl_worker *w)
{
    size_t bytes = 0;
    for (size_t i = 0; i < w->n_parts; i++) {
        bytes += w->parts[i]->away.ghosts.bytes;
        if (w->parts[i]->away.changed) announce(w, w->parts[i], false);
    }
    atomic_store_explicit(&w->metrics->ghost_bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&w->metrics->ghosts, w->bound.n_ghosts, memory_order_relaxed);
}

/* What the contacts of this worker may use, by the number of its partitions. */
static size_t fair_share(const struct hl_worker *w, size_t soft)
{
    size_t all = 0, mine = atomic_load_explicit(&w->bound.parts, memory_order_relaxed);
    for (size_t i = 0; i < w->e->n_workers; i++) all += atomic_load_explicit(&w->e->workers[i].bound.parts, memory_order_relaxed);
    return all > mine ? soft / all * mine : soft;
}

static bool is_one_restoring(const struct hl_engine *e)
{
    bool is = false;
    for (size_t i = 0; i < e->n_workers; i++) is |= atomic_load_explicit(&e->workers[i].bound.restoring, memory_order_relaxed);
    return is;
}

/* Of the contacts of all workers. */
static size_t soft_bytes(const struct hl_worker *w)
{
    size_t max = w->bound.max, ghosts = ghost_bytes(w->e);
    return (max - ghosts > max / 4 && ghosts < max ? max - ghosts : max / 4) / 16 * SOFT;
}

/* What a stripe of this worker may use before contacts of it leave. Beyond its share a worker has what nobody else uses; while one restores, its
 * books are not up to date, and what it needs it needs at once: each keeps to its share. */
static size_t soft_limit(const struct hl_worker *w, struct hl_stripe_bytes bytes, bool restoring)
{
    const struct hl_bound *b = &w->bound;
    size_t soft = soft_bytes(w), share = fair_share(w, soft);
    size_t taken = b->mine + soft > b->used ? b->mine + soft - b->used : 0;
    unsigned first, n = hl_table_stripes_of(w->e->table, w->index, &first);
    size_t limit = (restoring || share > taken ? share : taken) / n, part = limit / SOFT * 16;
    size_t excess = bytes.reserved > part ? bytes.reserved - part : 0;
    return limit > excess && limit - excess > part / 2 ? limit - excess : part / 2;
}

/* --- who may leave, and who goes first --- */

/* Those whom sales look at leave last: /v1/rank knows only who is in memory. They are few. */
static bool is_looked_at(const struct hl_contact *c)
{
    return c->stage == HL_STAGE_MQL || c->stage == HL_STAGE_SAL || c->stage == HL_STAGE_SQL || c->stage == HL_STAGE_OPPORTUNITY;
}

/* How many barriers ago the contact was written. */
static unsigned age_of(const struct hl_partition *p, const struct hl_contact *c)
{
    return (uint8_t)(p->away.stamp - c->stamp);
}

/* The larger, the sooner. */
static unsigned turn_of(const struct hl_partition *p, const struct hl_contact *c)
{
    return is_looked_at(c) ? age_of(p, c) / LOOKED_AT : age_of(p, c);
}

static bool is_leavable(const struct hl_worker *w, const struct hl_partition *p, const struct hl_contact *c)
{
    const struct hl_away *a = &p->away;
    if (c->refs || c->dirty || (c->flags & (HL_C_ERASED | HL_C_GRAVE))) return false;
    if (age_of(p, c) < (a->barrier <= a->reached ? 1 : 2)) return false; /* the newest barrier is reached, or the one before it is */
    return !w->time_acts || hl_due_next(c, w->model) == HL_NO_TIME;
}

static bool leave(struct hl_worker *w, struct hl_partition *p, const struct hl_contact *c)
{
    HL_FAILPOINT(BOUND_BEFORE_LEAVE);
    if (!hl_ghosts_add(&p->away.ghosts, c->hash)) return false; /* no memory: it stays */
    hl_spill_forget_stranger(p, c->hash);
    w->bound.n_ghosts++;
    p->away.stages[c->stage]++;
    hl_counter_add(&w->metrics->evictions, 1);
    return true;
}

struct sweep {
    struct hl_worker *w;
    size_t need, freed;
    size_t bytes[AGES]; /* of those that may leave, by turn */
    unsigned from;
};

static struct hl_partition *ours(const struct hl_worker *w, const struct hl_contact *c)
{
    return c->worker == w->index ? w->by_id[c->partition] : NULL;
}

/* @locks the table holds the stripe */
static bool weigh(void *ctx, struct hl_contact *c)
{
    struct sweep *s = ctx;
    struct hl_partition *p = ours(s->w, c);
    if (p && age_of(p, c) > AGES / 2) c->stamp = (uint8_t)(p->away.stamp - AGES / 2); /* before it looks young again */
    if (p && is_leavable(s->w, p, c)) s->bytes[turn_of(p, c)] += hl_contact_bytes(c);
    return false;
}

/* @locks the table holds the stripe */
static bool send(void *ctx, struct hl_contact *c)
{
    struct sweep *s = ctx;
    struct hl_partition *p = s->freed < s->need ? ours(s->w, c) : NULL;
    if (!p || turn_of(p, c) < s->from || !is_leavable(s->w, p, c)) return false;
    size_t bytes = hl_contact_bytes(c);
    if (!leave(s->w, p, c)) return false;
    s->freed += bytes;
    return true;
}

/* The oldest of the stripe leave, `need` bytes of them if there are so many. */
static void sweep(struct hl_worker *w, unsigned stripe, size_t need)
{
    struct sweep s = {.w = w, .need = need};
    for (size_t i = 0; i < w->n_parts; i++) announce(w, w->parts[i], true);
    hl_table_scan_stripe(w->e->table, stripe, weigh, &s);
    size_t sum = 0;
    for (s.from = AGES; s.from > 0 && sum < need;) sum += s.bytes[--s.from];
    if (sum) hl_table_scan_stripe(w->e->table, stripe, send, &s);
}

/* --- looking round --- */

static bool is_mine(const struct hl_worker *w, unsigned stripe)
{
    unsigned first, n = hl_table_stripes_of(w->e->table, w->index, &first);
    return stripe - first < n; /* below `first` it wraps */
}

static struct hl_stripe_bytes note(struct hl_worker *w, unsigned stripe)
{
    struct hl_bound *b = &w->bound;
    struct hl_stripe_bytes bytes = hl_table_stripe_bytes(w->e->table, stripe);
    b->used = b->used + bytes.used - b->seen[stripe];
    if (is_mine(w, stripe)) b->mine = b->mine + bytes.used - b->seen[stripe];
    b->seen[stripe] = bytes.used;
    return bytes;
}

static void look_at(struct hl_worker *w, unsigned stripe)
{
    struct hl_bound *b = &w->bound;
    struct hl_stripe_bytes bytes = note(w, stripe);
    if (!is_mine(w, stripe)) return;
    size_t limit = soft_limit(w, bytes, is_one_restoring(w->e));
    if (bytes.used > limit) {
        b->over++;
        sweep(w, stripe, bytes.used - limit + limit / 16);
        note(w, stripe);
    }
}

/* The next stripes; `pressed` is what the last whole round has found, or this one already. */
static void look_round(struct hl_worker *w, size_t events)
{
    struct hl_bound *b = &w->bound;
    unsigned stripes = hl_table_stripes(w->e->table), n = (unsigned)(events / EVENTS_PER_STRIPE) + 1;
    if (b->full || n > stripes) n = stripes;
    size_t before = b->n_ghosts;
    while (n--) {
        look_at(w, b->hand);
        b->pressed |= b->over > 0;
        if (++b->hand < stripes) continue;
        b->pressed = b->over > 0;
        b->hand = b->over = 0;
    }
    if (b->n_ghosts != before) HL_FAILPOINT(BOUND_LEFT);
    if (b->n_ghosts != before && !b->told) {
        b->told = true;
        hl_log(HL_LOG_INFO, "memory_bound_reached", "worker=%u max_bytes=%zu effect=\"contacts that were cold for longest leave for Redis, and come back "
               "when they are wanted\"", w->index, b->max);
    }
    publish(w);
}

/* --- barriers --- */

static void redis_is_away(struct hl_worker *w, int64_t began, const struct hl_error *err)
{
    struct hl_bound *b = &w->bound;
    int64_t now = hl_clock_mono_ns(), rest = 10 * (now - began);
    b->away_until_ns = now + (rest > AWAY_NS && !b->full && !b->waiting ? rest : AWAY_NS);
    hl_error_set(&b->why, err->code, err->action, "%s", err->message);
}

/* The mirror looks at a copy when there is something to be written. Where nothing is, since we wait, it must be told that its copy is gone. */
static void nudge_mirror(struct hl_worker *w, struct hl_partition *p, int64_t at)
{
    struct hl_away *a = &p->away;
    int64_t now = hl_clock_mono_ns();
    if (at != a->seen_at || now - a->seen_ns > 2 * NUDGE_NS) { /* it moves, or nobody has looked for long */
        a->seen_at = at;
        a->seen_ns = now;
    } else if (now - a->seen_ns > NUDGE_NS && w->e->mirror) {
        a->seen_ns = now;
        hl_mirror_add(w->e->mirror, p->id, w->index);
    }
}

/* HL_OK with *there: the copy has come as far as `position`. */
static enum hl_status is_copy_at(struct hl_worker *w, struct hl_partition *p, int64_t position, bool *there)
{
    int64_t at = -1, began = hl_clock_mono_ns();
    struct hl_error err = {0};
    hl_health_enter(w->e->health, (int)w->index, "Redis (where its copy is)", REDIS_MS, began);
    enum hl_status status = w->store->marker(w->store, p->id, &at, &err);
    hl_health_leave(w->e->health, (int)w->index, hl_clock_mono_ns());
    *there = !status && at >= position;
    if (status) {
        redis_is_away(w, began, &err);
        return status;
    }
    if (*there) return HL_OK;
    nudge_mirror(w, p, at);
    hl_error_set(&w->bound.why, HL_E_GAP, HL_RETRY, "the copy of partition %" PRId32 " in Redis has come to %" PRId64 ", and %" PRId64 " is needed",
                 p->id, at, position);
    return HL_OK;
}

/* All states that were written are committed: those from now on get another stamp. The end is that of our own records, not the one that the broker
 * tells: there, a transaction of somebody else that is still open would hide them. */
static void new_barrier(struct hl_worker *w, struct hl_partition *p, int64_t now)
{
    struct hl_away *a = &p->away;
    int64_t between = w->e->config->checkpoint_interval_ms * (NS_PER_MS / BARRIERS_PER_ROUND), end = w->stream->state_end(w->stream, p->id);
    if (end < 0 || now - a->barrier_ns < (w->bound.full && PAUSED_NS < between ? PAUSED_NS : between)) return;
    a->barrier = end > a->restored_end ? end : a->restored_end;
    a->stamp++;
    a->barrier_ns = a->ask_ns = now;
    HL_FAILPOINT(BOUND_BARRIER);
}

static void ask_copy(struct hl_worker *w, struct hl_partition *p, int64_t now)
{
    struct hl_away *a = &p->away;
    bool there;
    if (now < a->ask_ns || now < w->bound.away_until_ns) return;
    a->ask_ns = now + ASK_NS;
    if (is_copy_at(w, p, a->barrier, &there) || !there) return;
    a->reached = a->barrier;
    a->changed = true;
}

static void move_barriers(struct hl_worker *w, int64_t now)
{
    for (size_t i = 0; i < w->n_parts; i++) {
        struct hl_partition *p = w->parts[i];
        if (p->away.barrier > p->away.reached)
            ask_copy(w, p, now);
        else if (!w->flight.on)
            new_barrier(w, p, now);
    }
}

void hl_bound_landed(struct hl_worker *w, int64_t now)
{
    for (size_t i = 0; i < w->n_parts && w->bound.pressed; i++)
        if (w->parts[i]->away.barrier <= w->parts[i]->away.reached) new_barrier(w, w->parts[i], now);
}

/* --- reading no further --- */

static const char *reason(const struct hl_bound *b)
{
    if (b->waiting) return "a contact that left memory for Redis is wanted back, and Redis cannot give it yet";
    return "memory.max_bytes is reached, and no contact can leave for Redis";
}

static void say(struct hl_worker *w, const char *event, int64_t now)
{
    struct hl_bound *b = &w->bound;
    char quoted[600];
    bool redis = b->why.code != HL_OK;
    b->tell_ns = now + TELL_NS;
    hl_log(HL_LOG_WARN, event, "worker=%u reason=\"%s\" used=%zu max_bytes=%zu contacts_in_redis=%zu redis=%s advice=\"%s\"", w->index, reason(b),
           b->used + ghost_bytes(w->e), b->max, b->n_ghosts, redis ? hl_log_quote(quoted, sizeof(quoted), b->why.message) : "up",
           redis ? "see to Redis; nothing is lost meanwhile, and reading goes on when its copy is whole" : "raise memory.max_bytes");
}

static bool has_dirty(const struct hl_worker *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_parts; i++) n += w->parts[i]->dirty[0].n + w->parts[i]->dirty[1].n;
    return n;
}

static enum hl_status pause_or_resume(struct hl_worker *w, bool full, bool waiting, int64_t now, struct hl_error *err)
{
    struct hl_bound *b = &w->bound;
    if (full && has_dirty(w)) w->checkpoint_due_ns = now; /* who is written may leave */
    bool was = hl_bound_is_paused(b), is = full || waiting;
    b->full = full;
    b->waiting = waiting;
    if (is == was) {
        if (is && now >= b->tell_ns) say(w, "consumption_is_paused", now);
        return HL_OK;
    }
    hl_health_set_paused(w->e->health, (int)w->index, is ? reason(b) : NULL);
    atomic_store_explicit(&w->metrics->paused, is, memory_order_relaxed);
    if (is)
        say(w, "consumption_paused", now);
    else
        hl_log(HL_LOG_INFO, "consumption_resumed", "worker=%u", w->index);
    return hl_worker_assign(w, err);
}

enum hl_status hl_bound_wait(struct hl_worker *w, const struct hl_error *why, struct hl_error *err)
{
    int64_t now = hl_clock_mono_ns();
    redis_is_away(w, now, why);
    return pause_or_resume(w, w->bound.full, true, now, err);
}

/* Every partition of which a contact may be wanted has a copy again that has them. */
static bool can_fetch(struct hl_worker *w)
{
    for (size_t i = 0; i < w->n_parts; i++) {
        struct hl_partition *p = w->parts[i];
        bool there = true;
        if (p->away.ghosts.n && (is_copy_at(w, p, p->away.reached, &there) || !there)) return false;
    }
    return true;
}

static bool is_full(const struct hl_worker *w)
{
    const struct hl_bound *b = &w->bound;
    return b->used + ghost_bytes(w->e) >= b->max / 16 * (b->full ? RESUME : HARD);
}

enum hl_status hl_bound_tend(struct hl_worker *w, size_t events, struct hl_error *err)
{
    struct hl_bound *b = &w->bound;
    int64_t now = hl_clock_mono_ns();
    if (w->n_parts == 0 || (hl_bound_is_paused(b) && now < b->next_ns)) return HL_OK;
    b->next_ns = now + PAUSED_NS;
    look_round(w, events);
    if (b->pressed) move_barriers(w, now);
    bool waiting = b->waiting && (now < b->away_until_ns || !can_fetch(w));
    if (!waiting && !b->pressed) b->why.code = HL_OK;
    return pause_or_resume(w, is_full(w), waiting, now, err);
}

/* --- while partitions come to life --- */

enum hl_status hl_bound_tend_recovery(struct hl_worker *w, size_t records, struct hl_error *err)
{
    struct hl_bound *b = &w->bound;
    look_round(w, records);
    if (!is_full(w)) return HL_OK;
    if (!b->beyond) return hl_error_set(err, HL_E_TOO_LARGE, HL_RETRY, "what is restored exceeds memory.max_bytes");
    int64_t now = hl_clock_mono_ns();
    if (now < b->tell_ns) return HL_OK;
    b->tell_ns = now + TELL_NS;
    hl_log(HL_LOG_WARN, "memory_bound_exceeded", "worker=%u used=%zu max_bytes=%zu reason=\"what is not written yet must be restored, and does not fit\" "
           "effect=\"it is restored all the same, and leaves with the next checkpoint\" advice=\"raise memory.max_bytes\"", w->index, b->used + ghost_bytes(w->e),
           b->max);
    return HL_OK;
}

void hl_bound_set_restoring(struct hl_worker *w, bool is)
{
    atomic_store_explicit(&w->bound.parts, (uint32_t)w->n_assigned, memory_order_relaxed);
    atomic_store_explicit(&w->bound.restoring, is, memory_order_relaxed);
    if (!is) w->bound.beyond = false;
}

bool hl_bound_has_room(struct hl_worker *w)
{
    for (unsigned i = 0; i < hl_table_stripes(w->e->table); i++) note(w, i);
    size_t soft = soft_bytes(w), others = soft - fair_share(w, soft);
    return w->bound.used <= others + w->bound.max / 16;
}

void hl_bound_is_live(struct hl_worker *w, struct hl_partition *p)
{
    p->away.live = true;
    announce(w, p, false);
}

void hl_bound_drop(struct hl_worker *w, struct hl_partition *p)
{
    hl_bound_has_copy(w, p, -1);
    announce(w, p, false);
}

bool hl_bound_restored(struct hl_worker *w, struct hl_partition *p, struct hl_contact *c, bool from_copy)
{
    c->stamp = (uint8_t)(p->away.stamp - from_copy);
    if (!w->bound.max || !from_copy) return false;
    struct hl_stripe_bytes bytes = hl_table_bytes_at(w->e->table, c->worker, c->hash);
    return bytes.used > soft_limit(w, bytes, true) && is_leavable(w, p, c) && leave(w, p, c);
}

void hl_bound_forget(struct hl_worker *w)
{
    struct hl_bound *b = &w->bound;
    b->n_ghosts = 0;
    b->why.code = HL_OK;
    if (!b->max) return;
    for (unsigned i = 0; i < hl_table_stripes(w->e->table); i++) note(w, i);
    publish(w);
    if (!hl_bound_is_paused(b)) return;
    b->full = b->waiting = false;
    hl_health_set_paused(w->e->health, (int)w->index, NULL);
    atomic_store_explicit(&w->metrics->paused, 0, memory_order_relaxed);
}
