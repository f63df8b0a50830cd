#include "history.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/clock.h"
#include "json_text.h"
#include "transition_read.h"
#include "view_json.h"

#define FIRST_STEP 20000 /* offsets; each step back is twice as long */
#define MOST_FOUND 1000

struct found {
    size_t at, len; /* in text */
    int64_t offset, seq;
};

struct hl_history_job {
    struct hl_history_job *next;
    _Atomic int users; /* who asked, and the thread */
    _Atomic bool done;
    int32_t partition;
    char *id;
    size_t id_len;
    struct found found[MOST_FOUND];
    size_t n;
    struct hl_buf text;
    bool complete;
    char why[600]; /* "": nothing went wrong */
};

struct hl_history {
    struct hl_kafka *kafka;
    struct hl_kafka_tail *tail; /* NULL: not made yet */
    struct hl_arena arena;      /* of the record in hand */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct hl_history_job *first; /* waiting, in order */
    unsigned n;
    _Atomic bool stop;
};

void hl_history_release(struct hl_history_job *job)
{
    if (atomic_fetch_sub(&job->users, 1) != 1) return;
    hl_buf_fini(&job->text);
    free(job->id);
    free(job);
}

/* --- reading --- */

static bool is_of(const struct hl_history_job *job, const struct hl_record *r)
{
    return r->key.len == job->id_len && memcmp(r->key.data, job->id, job->id_len) == 0;
}

static void take(struct hl_history *h, struct hl_history_job *job, const struct hl_record *r)
{
    struct hl_transition_view v;
    struct hl_error why;
    if (!is_of(job, r) || job->n == MOST_FOUND) return;
    hl_arena_reset(&h->arena);
    if (hl_transition_read(r->value, &h->arena, &v, &why) != HL_OK) return;
    struct found *f = &job->found[job->n++];
    *f = (struct found){.at = job->text.len, .offset = r->offset, .seq = v.seq};
    hl_view_put_json(&job->text, &v);
    f->len = job->text.len - f->at;
}

static bool time_is_up(const struct hl_history *h, int64_t until_ns)
{
    return h->stop || hl_clock_mono_ns() > until_ns;
}

/* [from, to) of the partition. */
static enum hl_status read_range(struct hl_history *h, struct hl_history_job *job, int64_t from, int64_t to, int64_t until_ns, struct hl_error *err)
{
    struct hl_tail_position at = {job->partition, from};
    enum hl_status status = hl_kafka_tail_assign(h->tail, &at, 1, err);
    for (bool over = from >= to; !status && !over;) {
        struct hl_record r;
        bool got, at_end;
        if (time_is_up(h, until_ns)) return HL_E_TIMEOUT;
        status = hl_kafka_tail_poll(h->tail, 100, &r, &got, &at_end, err);
        if (status || !got) continue;
        over = at_end || r.offset >= to - 1;
        if (!at_end && r.offset < to) take(h, job, &r);
        hl_kafka_tail_release(h->tail, &r);
    }
    return status;
}

static bool has_first(const struct hl_history_job *job)
{
    for (size_t i = 0; i < job->n; i++)
        if (job->found[i].seq == 1) return true;
    return false;
}

static enum hl_status read_back(struct hl_history *h, struct hl_history_job *job, struct hl_error *err)
{
    int64_t low, until_ns = hl_clock_mono_ns() + HL_HISTORY_MS * INT64_C(1000000), step = FIRST_STEP;
    enum hl_status status = h->tail ? HL_OK : hl_kafka_tail_new(h->kafka, HL_OUT_TRANSITIONS, &h->tail, err);
    if (status) return status;
    int64_t to = hl_kafka_tail_end(h->tail, job->partition, &low);
    if (to < 0) return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "the broker does not say where the topic ends");
    for (; to > low && !has_first(job) && !status; step *= 2) {
        int64_t from = to - low > step ? to - step : low;
        status = read_range(h, job, from, to, until_ns, err);
        to = from;
    }
    if (status == HL_E_TIMEOUT) return hl_error_set(err, status, HL_SKIP, "older ones were not reached in %d s", HL_HISTORY_MS / 1000);
    return status;
}

static int by_offset(const void *a, const void *b)
{
    int64_t x = ((const struct found *)a)->offset, y = ((const struct found *)b)->offset;
    return (x > y) - (x < y);
}

/* From the newest first one on: an earlier life is not told. What was repeated, as low-latency delivery may, comes once. */
static void tidy(struct hl_history_job *job)
{
    size_t first = job->n, kept = 0;
    qsort(job->found, job->n, sizeof(job->found[0]), by_offset);
    while (first > 0 && job->found[first - 1].seq != 1) first--;
    job->complete = first > 0;
    if (first > 0) first--;
    for (size_t i = first; i < job->n; i++)
        if (kept == 0 || job->found[i].seq > job->found[kept - 1].seq) job->found[kept++] = job->found[i];
    job->n = kept;
}

static void work(struct hl_history *h, struct hl_history_job *job)
{
    struct hl_error err = {0};
    if (read_back(h, job, &err)) snprintf(job->why, sizeof(job->why), "%s", err.message);
    if (h->tail && hl_kafka_tail_assign(h->tail, NULL, 0, &err)) { /* what is fetched ahead is thrown away */
        hl_kafka_tail_free(h->tail);
        h->tail = NULL;
    }
    tidy(job);
    job->done = true;
}

static void *history_main(void *arg)
{
    struct hl_history *h = arg;
    pthread_mutex_lock(&h->lock);
    while (!h->stop) {
        struct hl_history_job *job = h->first;
        if (!job) {
            pthread_cond_wait(&h->more, &h->lock);
            continue;
        }
        h->first = job->next;
        h->n--;
        pthread_mutex_unlock(&h->lock);
        if (job->users > 1) work(h, job); /* else nobody waits for it any more */
        hl_history_release(job);
        pthread_mutex_lock(&h->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* --- life --- */

struct hl_history *hl_history_new(struct hl_kafka *k)
{
    struct hl_history *h = calloc(1, sizeof(*h));
    if (!h) return NULL;
    h->kafka = k;
    hl_arena_init(&h->arena, 1 << 16);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->more, NULL);
    if (pthread_create(&h->thread, NULL, history_main, h) == 0) return h;
    free(h);
    return NULL;
}

void hl_history_free(struct hl_history *h)
{
    if (!h) return;
    pthread_mutex_lock(&h->lock);
    h->stop = true;
    pthread_cond_signal(&h->more);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    for (struct hl_history_job *job = h->first, *next; job; job = next) {
        next = job->next;
        hl_history_release(job);
    }
    hl_kafka_tail_free(h->tail);
    hl_arena_fini(&h->arena);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->more);
    free(h);
}

/* --- who asks --- */

static struct hl_history_job *job_new(int32_t partition, struct hl_slice id)
{
    struct hl_history_job *job = calloc(1, sizeof(*job));
    if (!job) return NULL;
    job->users = 2;
    job->partition = partition;
    job->id = malloc(id.len + 1);
    job->id_len = id.len;
    if (job->id) memcpy(job->id, id.data, id.len);
    if (job->id) return job;
    free(job);
    return NULL;
}

struct hl_history_job *hl_history_ask(struct hl_history *h, int32_t partition, struct hl_slice contact_id)
{
    struct hl_history_job *job = job_new(partition, contact_id), **end = &h->first;
    if (!job) return NULL;
    pthread_mutex_lock(&h->lock);
    bool room = h->n < HL_HISTORY_WAITING;
    if (room) {
        while (*end) end = &(*end)->next;
        *end = job;
        h->n++;
        pthread_cond_signal(&h->more);
    }
    pthread_mutex_unlock(&h->lock);
    if (room) return job;
    job->users = 1;
    hl_history_release(job);
    return NULL;
}

bool hl_history_take(struct hl_history_job *job, struct hl_buf *out)
{
    if (!job->done) return false;
    hl_json_put_key(out, "transitions");
    hl_json_put_raw(out, "[");
    for (size_t i = 0; i < job->n; i++) {
        if (i) hl_json_put_raw(out, ",");
        hl_buf_put(out, job->text.data + job->found[i].at, job->found[i].len);
    }
    hl_json_put_raw(out, "]");
    hl_json_put_key(out, "complete");
    hl_json_put_raw(out, job->complete ? "true" : "false");
    out->failed |= job->text.failed;
    if (job->why[0]) hl_json_put_member(out, "why", hl_slice_of(job->why));
    return true;
}
