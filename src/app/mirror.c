/* The warm copy in Redis: a thread that tails the state topic and writes what it reads.
 *
 * DESIGN  The copy of a partition is, at any time, exactly a prefix of its state topic, and the marker says which. So there is nothing to hand over from
 * the workers, nothing to keep while Redis is away (the topic keeps it), and a Redis that lost its last writes is mended by reading its marker again.
 * Writes of an earlier owner are refused by the owner token, writes from a position that Redis does not have by the marker.
 *
 * WHY NOT hand the encoded records over after each commit: it saves reading them back (a few per cent of a core at a checkpoint every 10 s), and costs a
 * bounded queue, a second path for when the queue is full or Redis was away, and a dirty flag a contact. See decisions/0003.
 *
 * THREADS  One; add and remove come from the workers and only leave a note. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hotlead/adapter/avro.h"
#include "hotlead/adapter/kafka.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/failpoint.h"
#include "hotlead/base/hash.h"
#include "hotlead/base/log.h"
#include "worker.h"

#define BATCH_RECORDS 1000
#define BATCH_BYTES (1 << 20)
#define BATCH_AGE_NS 200000000ll
#define RETRY_NS 1000000000ll
#define REDIS_MS 20000 /* the store's own limits are shorter */

struct span {
    size_t key, key_len, value, value_len; /* places in bytes */
    bool tombstone;
};

struct copy { /* of one partition */
    _Atomic uint64_t wish; /* how often it changed, then 1 + the worker that wants the copy, or 0 */
    uint64_t heard;        /* the wish that `owned` is about */
    bool owned;
    uint64_t token;
    int64_t marker;   /* what Redis has */
    int64_t position; /* what has been read */
    int64_t target;   /* of the last catching up; 0 before */
    int64_t since_ns; /* when the batch began */
    struct hl_buf bytes;
    struct span *spans;
    size_t n;
};

struct hl_mirror {
    struct hl_engine *e;
    struct hl_store *store;
    struct hl_kafka_tail *tail;
    struct hl_metrics_thread *metrics;
    struct copy *copies; /* by partition */
    struct hl_store_record *records; /* BATCH_RECORDS */
    struct hl_tail_position *at;     /* by partition */
    pthread_t thread;
    _Atomic bool changed, stop;
    _Atomic int64_t stop_deadline_ns;
    int64_t retry_ns;
};

static void enter(struct hl_mirror *m, const char *call)
{
    hl_health_enter(m->e->health, (int)m->e->n_workers, call, REDIS_MS, hl_clock_mono_ns());
}

static void leave(struct hl_mirror *m)
{
    hl_health_leave(m->e->health, (int)m->e->n_workers, hl_clock_mono_ns());
}

#define WISH_BITS 17
#define WISH_MASK ((UINT64_C(1) << WISH_BITS) - 1)

static bool is_wanted(const struct copy *c)
{
    return c->wish & WISH_MASK;
}

static uint64_t next_wish(uint64_t wish, uint64_t who)
{
    return ((wish >> WISH_BITS) + 1) << WISH_BITS | who;
}

void hl_mirror_add(struct hl_mirror *m, int32_t partition, uint16_t worker)
{
    struct copy *c = &m->copies[partition];
    uint64_t now = c->wish;
    while (!atomic_compare_exchange_weak(&c->wish, &now, next_wish(now, UINT64_C(1) + worker))) continue;
    m->changed = true;
}

void hl_mirror_remove(struct hl_mirror *m, int32_t partition, uint16_t worker)
{
    struct copy *c = &m->copies[partition];
    uint64_t now = c->wish;
    do
        if ((now & WISH_MASK) != UINT64_C(1) + worker) return;
    while (!atomic_compare_exchange_weak(&c->wish, &now, next_wish(now, 0)));
    m->changed = true;
}

static void forget_batch(struct copy *c)
{
    c->n = 0;
    hl_buf_clear(&c->bytes);
}

static void trouble(struct hl_mirror *m, const char *what, int32_t partition, const struct hl_error *err)
{
    char quoted[400];
    hl_log(HL_LOG_WARN, what, "partition=%" PRId32 " reason=%s", partition, hl_log_quote(quoted, sizeof(quoted), err->message));
    if (partition >= 0 && err->code != HL_E_FENCED && err->code != HL_E_GAP) hl_metrics_set_redis_up(m->e->metrics, false);
    m->retry_ns = hl_clock_mono_ns() + RETRY_NS;
    m->changed = true;
}

/* The marker of a partition that is ours now. Where it says that there is no copy, or cannot be read, what may be left of one goes first: the digest
 * that is kept with the marker must count nothing that was there before. */
static enum hl_status find_marker(struct hl_mirror *m, int32_t p, struct hl_error *err)
{
    struct copy *c = &m->copies[p];
    char quoted[400];
    enum hl_status status = m->store->marker(m->store, p, &c->marker, err);
    if (status == HL_E_DECODE) {
        hl_log(HL_LOG_WARN, "redis_copy_discarded", "partition=%" PRId32 " reason=%s", p, hl_log_quote(quoted, sizeof(quoted), err->message));
        c->marker = -1;
        status = HL_OK;
    }
    return status || c->marker >= 0 ? status : m->store->discard(m->store, p, c->token, err);
}

/* Take over the wanted partitions that are not ours yet. */
static void take_over(struct hl_mirror *m)
{
    for (int32_t p = 0; p < m->e->n_partitions; p++) {
        struct copy *c = &m->copies[p];
        struct hl_error err = {0};
        uint64_t wish = c->wish;
        if (wish != c->heard) c->owned = false; /* whoever asked since has taken the partition over in Redis, too */
        c->heard = wish;
        if (!(wish & WISH_MASK) || c->owned) continue;
        enter(m, "Redis (taking over a copy)");
        enum hl_status status = m->store->own(m->store, p, &c->token, &err);
        if (!status && HL_FAILPOINT_ERROR(MIRROR_AFTER_OWN)) status = hl_error_set(&err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
        if (!status) status = find_marker(m, p, &err);
        leave(m);
        if (status) {
            trouble(m, "redis_away", p, &err);
            return;
        }
        hl_metrics_set_redis_up(m->e->metrics, true);
        forget_batch(c);
        c->owned = true;
        c->position = c->marker;
    }
}

static enum hl_status read_on(struct hl_mirror *m, struct hl_error *err)
{
    size_t n = 0;
    for (int32_t p = 0; p < m->e->n_partitions; p++) {
        struct copy *c = &m->copies[p];
        forget_batch(c);
        if (!c->owned) continue;
        c->position = c->marker;
        m->at[n++] = (struct hl_tail_position){p, c->marker};
    }
    return hl_kafka_tail_assign(m->tail, m->at, n, err);
}

/* Write the batch of a partition and move its marker to what has been read. */
static void write_batch(struct hl_mirror *m, int32_t p)
{
    struct copy *c = &m->copies[p];
    struct hl_error err = {0};
    if (!c->owned || c->position == c->marker) return;
    for (size_t i = 0; i < c->n; i++) {
        const struct span *s = &c->spans[i];
        const char *bytes = (const char *)c->bytes.data;
        struct hl_slice id = {bytes + s->key, s->key_len};
        m->records[i] = (struct hl_store_record){id, hl_hash64(id), {s->tombstone ? NULL : bytes + s->value, s->value_len}};
    }
    int64_t start = hl_clock_mono_ns();
    enum hl_status status = HL_OK;
    enter(m, "Redis (writing its copy)");
    if (HL_FAILPOINT_ERROR(MIRROR_BEFORE_WRITE)) status = hl_error_set(&err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
    if (!status) status = m->store->write(m->store, p, c->token, c->marker, c->position, m->records, c->n, &err);
    if (!status && HL_FAILPOINT_ERROR(MIRROR_AFTER_WRITE)) status = hl_error_set(&err, HL_E_UNAVAILABLE, HL_RETRY, "failpoint");
    leave(m);
    hl_hist_put(&m->metrics->redis_flush, (uint64_t)(hl_clock_mono_ns() - start));
    forget_batch(c);
    if (!status) {
        c->marker = c->position;
        return;
    }
    c->owned = false; /* owner and marker are read again, and the topic from there */
    /* Fenced: a worker of this process has recovered it since, or another process has it and our worker will notice; until then we ask again. */
    trouble(m, status == HL_E_FENCED ? "redis_fenced" : "redis_write_failed", p, &err);
    if (status == HL_E_DECODE) (void)!m->store->discard(m->store, p, c->token, &err); /* a key of a wrong type would be in the way for ever */
}

static void take_record(struct hl_mirror *m, const struct hl_record *r)
{
    struct copy *c = &m->copies[r->partition];
    if (!c->owned || r->offset < c->position) return;
    c->position = r->offset + 1;
    if (r->key.len == 0) return;
    if (c->n == 0) c->since_ns = hl_clock_mono_ns();
    struct span s = {.key = c->bytes.len, .key_len = r->key.len, .tombstone = hl_slice_is_null(r->value)};
    hl_buf_put(&c->bytes, r->key.data, r->key.len);
    struct hl_slice core = s.tombstone ? r->value : hl_avro_state_core(r->value); /* the rest is for readers of the topic: more than half */
    s.value = c->bytes.len;
    s.value_len = core.len;
    if (!s.tombstone) hl_buf_put(&c->bytes, core.data, core.len);
    HL_BUG_ON(c->bytes.failed);
    c->spans[c->n++] = s;
    if (c->n == BATCH_RECORDS || c->bytes.len >= BATCH_BYTES) write_batch(m, r->partition);
}

static void poll_tail(struct hl_mirror *m)
{
    struct hl_record r;
    bool got, at_end;
    struct hl_error err = {0};
    for (int i = 0; i < 4 * BATCH_RECORDS; i++) {
        if (hl_kafka_tail_poll(m->tail, i ? 0 : 100, &r, &got, &at_end, &err)) {
            trouble(m, "mirror_cannot_read", -1, &err);
            return;
        }
        if (!got) break;
        if (at_end) {
            struct copy *c = &m->copies[r.partition];
            if (c->owned && r.offset > c->position) c->position = r.offset;
            write_batch(m, r.partition);
        } else {
            take_record(m, &r);
        }
        hl_kafka_tail_release(m->tail, &r);
    }
}

static void write_aged(struct hl_mirror *m, int64_t now)
{
    for (int32_t p = 0; p < m->e->n_partitions; p++)
        if (m->copies[p].n && now - m->copies[p].since_ns > BATCH_AGE_NS) write_batch(m, p);
}

/* At the end: where each copy should get before the process leaves. */
static void set_targets(struct hl_mirror *m)
{
    for (int32_t p = 0; p < m->e->n_partitions; p++)
        if (is_wanted(&m->copies[p])) m->copies[p].target = hl_kafka_tail_end(m->tail, p, NULL);
}

static bool all_caught_up(const struct hl_mirror *m)
{
    for (int32_t p = 0; p < m->e->n_partitions; p++)
        if (is_wanted(&m->copies[p]) && m->copies[p].marker < m->copies[p].target) return false;
    return true;
}

static void *mirror_main(void *arg)
{
    struct hl_mirror *m = arg;
    pthread_setname_np(pthread_self(), "mirror");
    for (bool ending = false;;) {
        int64_t now = hl_clock_mono_ns();
        hl_health_beat(m->e->health, (int)m->e->n_workers, now);
        if (m->stop && !ending) set_targets(m);
        ending = m->stop;
        if (ending && (now > m->stop_deadline_ns || all_caught_up(m))) break;
        if (m->changed && now >= m->retry_ns) {
            struct hl_error err = {0};
            m->changed = false;
            take_over(m);
            if (read_on(m, &err)) trouble(m, "mirror_cannot_read", -1, &err);
        }
        poll_tail(m);
        write_aged(m, hl_clock_mono_ns());
    }
    hl_health_finish(m->e->health, (int)m->e->n_workers);
    return NULL;
}

static void mirror_free(struct hl_mirror *m)
{
    for (int32_t p = 0; m->copies && p < m->e->n_partitions; p++) {
        hl_buf_fini(&m->copies[p].bytes);
        free(m->copies[p].spans);
    }
    hl_kafka_tail_free(m->tail);
    m->store->free(m->store);
    free(m->copies);
    free(m->records);
    free(m->at);
    free(m);
}

static bool allocate(struct hl_mirror *m)
{
    size_t n = (size_t)m->e->n_partitions;
    m->copies = calloc(n, sizeof(*m->copies));
    m->records = calloc(BATCH_RECORDS, sizeof(*m->records));
    m->at = calloc(n, sizeof(*m->at));
    bool ok = m->copies && m->records && m->at;
    for (size_t p = 0; ok && p < n; p++) {
        m->copies[p].marker = m->copies[p].position = -1;
        m->copies[p].spans = calloc(BATCH_RECORDS, sizeof(struct span));
        ok = m->copies[p].spans != NULL;
    }
    return ok;
}

enum hl_status hl_mirror_start(struct hl_engine *e, struct hl_store *store, struct hl_mirror **out, struct hl_error *err)
{
    struct hl_mirror *m = calloc(1, sizeof(*m));
    if (!m) {
        store->free(store);
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    }
    m->e = e;
    m->store = store;
    m->metrics = hl_metrics_thread(e->metrics, (int)e->n_workers);
    enum hl_status status = allocate(m) ? hl_kafka_tail_new(e->kafka, HL_OUT_STATE, &m->tail, err) : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    if (!status && pthread_create(&m->thread, NULL, mirror_main, m) != 0)
        status = hl_error_set(err, HL_E_INTERNAL, HL_STOP, "the mirror's thread does not start");
    if (status) {
        mirror_free(m);
        return status;
    }
    *out = m;
    return HL_OK;
}

void hl_mirror_stop(struct hl_mirror *m, int timeout_ms)
{
    if (!m) return;
    m->stop_deadline_ns = hl_clock_mono_ns() + (int64_t)timeout_ms * 1000000;
    m->stop = true;
    pthread_join(m->thread, NULL);
    mirror_free(m);
}
