#include "flow.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    uint64_t number; /* 0: empty */
    int32_t partition;
    uint32_t len;
    char bytes[HL_FLOW_BYTES];
};

struct move {
    int32_t partition;
    uint8_t from, to;
    int64_t time_in_from_ms;
};

struct hl_flow_batch {
    struct move *moves; /* all of the transaction */
    size_t n, cap;
    size_t n_kept; /* of them in slots */
    uint64_t left_out;
    struct slot slots[HL_FLOW_KEPT];
};

struct partition {
    struct hl_funnel *figures; /* NULL: none */
    uint64_t version;
};

struct hl_flow {
    pthread_mutex_t lock;
    uint64_t next;
    int32_t n_partitions;
    struct partition *partitions;
    struct slot ring[HL_FLOW_RING]; /* entry i at i % HL_FLOW_RING */
};

struct hl_flow *hl_flow_new(int32_t partitions)
{
    struct hl_flow *f = calloc(1, sizeof(*f));
    if (!f) return NULL;
    f->next = 1;
    f->n_partitions = partitions;
    f->partitions = calloc((size_t)partitions, sizeof(*f->partitions));
    pthread_mutex_init(&f->lock, NULL);
    if (f->partitions) return f;
    hl_flow_free(f);
    return NULL;
}

void hl_flow_free(struct hl_flow *f)
{
    if (!f) return;
    for (int32_t p = 0; f->partitions && p < f->n_partitions; p++) free(f->partitions[p].figures);
    free(f->partitions);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

struct hl_flow_batch *hl_flow_batch_new(void)
{
    return calloc(1, sizeof(struct hl_flow_batch));
}

void hl_flow_batch_free(struct hl_flow_batch *b)
{
    if (b) free(b->moves);
    free(b);
}

/* --- a worker --- */

static bool keep_move(struct hl_flow_batch *b, const struct move *m)
{
    if (b->n == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        struct move *grown = realloc(b->moves, cap * sizeof(*grown));
        if (!grown) return false;
        b->moves = grown;
        b->cap = cap;
    }
    b->moves[b->n++] = *m;
    return true;
}

void hl_flow_note(struct hl_flow_batch *b, int32_t partition, enum hl_stage from, enum hl_stage to, int64_t time_in_from_ms, struct hl_slice value)
{
    if (!b || !keep_move(b, &(struct move){partition, (uint8_t)from, (uint8_t)to, time_in_from_ms})) return;
    if (b->n_kept == HL_FLOW_KEPT || value.len > HL_FLOW_BYTES) {
        b->left_out++;
        return;
    }
    struct slot *s = &b->slots[b->n_kept++];
    s->partition = partition;
    s->len = (uint32_t)value.len;
    memcpy(s->bytes, value.data, value.len);
}

static void count_moves(struct hl_flow *f, const struct hl_flow_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct move *m = &b->moves[i];
        struct partition *p = &f->partitions[m->partition];
        if (!p->figures) continue;
        hl_funnel_add(p->figures, (enum hl_stage)m->from, (enum hl_stage)m->to, m->time_in_from_ms);
        p->version++;
    }
}

static void show(struct hl_flow *f, const struct slot *s)
{
    struct slot *to = &f->ring[f->next % HL_FLOW_RING];
    to->number = f->next++;
    to->partition = s->partition;
    to->len = s->len;
    memcpy(to->bytes, s->bytes, s->len);
}

static void publish(struct hl_flow *f, const struct hl_flow_batch *b)
{
    pthread_mutex_lock(&f->lock);
    count_moves(f, b);
    for (size_t i = 0; i < b->n_kept; i++) show(f, &b->slots[i]);
    f->next += b->left_out;
    pthread_mutex_unlock(&f->lock);
}

void hl_flow_commit(struct hl_flow *f, struct hl_flow_batch *b)
{
    if (!b || b->n == 0) return;
    if (f) publish(f, b);
    hl_flow_drop(b);
}

void hl_flow_drop(struct hl_flow_batch *b)
{
    if (b) b->n = b->n_kept = b->left_out = 0;
}

/* --- the ring --- */

uint64_t hl_flow_next(struct hl_flow *f)
{
    pthread_mutex_lock(&f->lock);
    uint64_t next = f->next;
    pthread_mutex_unlock(&f->lock);
    return next;
}

/* The first number from which on at most `most` entries stand in the ring. */
static uint64_t first_to_read(const struct hl_flow *f, uint64_t from, size_t most)
{
    uint64_t first = f->next;
    uint64_t oldest = f->next > HL_FLOW_RING ? f->next - HL_FLOW_RING : 1;
    if (from > oldest) oldest = from;
    for (size_t n = 0; first > oldest && n < most; first--) n += f->ring[(first - 1) % HL_FLOW_RING].number == first - 1;
    return first;
}

void hl_flow_read(struct hl_flow *f, uint64_t *next, size_t most, struct hl_buf *out, uint64_t *missed)
{
    uint64_t found = 0;
    pthread_mutex_lock(&f->lock);
    uint64_t end = f->next;
    for (uint64_t i = first_to_read(f, *next, most); i < end; i++) {
        const struct slot *s = &f->ring[i % HL_FLOW_RING];
        if (s->number != i) continue; /* left out */
        hl_buf_put_varint(out, i);
        hl_buf_put_varint(out, (uint64_t)s->partition);
        hl_buf_put_bytes(out, (struct hl_slice){s->bytes, s->len});
        found++;
    }
    pthread_mutex_unlock(&f->lock);
    *missed += end > *next ? end - *next - found : 0;
    *next = end;
}

/* --- the figures --- */

bool hl_flow_figures(struct hl_flow *f, int32_t partition, struct hl_funnel *into, uint64_t *version)
{
    struct partition *p = &f->partitions[partition];
    pthread_mutex_lock(&f->lock);
    bool any = p->figures != NULL;
    if (any) hl_funnel_merge(into, p->figures);
    *version = p->version;
    pthread_mutex_unlock(&f->lock);
    return any;
}

enum hl_status hl_flow_begin(struct hl_flow *f, int32_t partition, int64_t since)
{
    if (!f) return HL_OK;
    struct hl_funnel *fresh = calloc(1, sizeof(*fresh));
    if (!fresh) return HL_E_NOMEM;
    fresh->since = since;
    struct partition *p = &f->partitions[partition];
    pthread_mutex_lock(&f->lock);
    if (!p->figures) {
        p->figures = fresh;
        p->version++;
        fresh = NULL;
    }
    pthread_mutex_unlock(&f->lock);
    free(fresh);
    return HL_OK;
}

void hl_flow_add_base(struct hl_flow *f, int32_t partition, const struct hl_funnel *base)
{
    struct partition *p = &f->partitions[partition];
    pthread_mutex_lock(&f->lock);
    if (p->figures) {
        hl_funnel_merge(p->figures, base);
        p->figures->since = base->since;
        p->version++;
    }
    pthread_mutex_unlock(&f->lock);
}

void hl_flow_forget(struct hl_flow *f, int32_t partition)
{
    struct partition *p = &f->partitions[partition];
    pthread_mutex_lock(&f->lock);
    free(p->figures);
    p->figures = NULL;
    pthread_mutex_unlock(&f->lock);
}
