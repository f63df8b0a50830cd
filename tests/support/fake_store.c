#include "fake_store.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 4096
#define PARTITIONS 256

enum change_kind { OWN, WRITE, DISCARD };

struct change {
    enum change_kind kind;
    int32_t partition;
    uint64_t token;
    int64_t to;
    struct hl_store_record *records; /* ids and values are ours */
    size_t n;
};

/* A contact's record; id and value are borrowed from the journal. */
struct entry {
    struct entry *next;
    int32_t partition;
    struct hl_slice id, value;
};

struct partition {
    uint64_t owner; /* 0: nobody yet */
    int64_t marker;
};

struct note {
    struct note *next;
    int32_t partition;
    char *name;
    struct hl_slice value;
};

struct fake_server {
    pthread_mutex_t lock;
    struct change *journal;
    size_t n, cap;
    struct entry *buckets[BUCKETS];
    struct note *notes;
    struct partition partitions[PARTITIONS];
    uint64_t next_token;
    int fail, lose_answers;
    int cut_load; /* 0: not, else 1 + the records that still come */
};

struct fake_store {
    struct hl_store base;
    struct fake_server *server;
};

static void *must(void *p)
{
    HL_BUG_ON(!p);
    return p;
}

static struct hl_slice copy(struct hl_slice s)
{
    if (hl_slice_is_null(s)) return s;
    char *p = must(malloc(s.len + 1));
    if (s.len) memcpy(p, s.data, s.len);
    p[s.len] = '\0';
    return (struct hl_slice){p, s.len};
}

static void free_slice(struct hl_slice s)
{
    union {
        const char *from;
        void *to;
    } p = {.from = s.data};
    free(p.to);
}

/* --- state: the journal applied --- */

static void clear_state(struct fake_server *f)
{
    for (size_t b = 0; b < BUCKETS; b++) {
        for (struct entry *e = f->buckets[b], *next; e; e = next) {
            next = e->next;
            free(e);
        }
        f->buckets[b] = NULL;
    }
    for (size_t p = 0; p < PARTITIONS; p++) f->partitions[p] = (struct partition){0, -1};
}

static struct entry **place_of(struct fake_server *f, int32_t partition, struct hl_slice id)
{
    struct entry **at = &f->buckets[hl_hash64(id) % BUCKETS];
    while (*at && ((*at)->partition != partition || !hl_slice_eq((*at)->id, id))) at = &(*at)->next;
    return at;
}

static void apply_record(struct fake_server *f, int32_t partition, const struct hl_store_record *r)
{
    struct entry **at = place_of(f, partition, r->id), *e = *at;
    if (hl_slice_is_null(r->value)) {
        if (!e) return;
        *at = e->next;
        free(e);
        return;
    }
    if (!e) *at = e = must(calloc(1, sizeof(*e)));
    *e = (struct entry){e->next, partition, r->id, r->value};
}

static void drop_entries(struct fake_server *f, int32_t partition)
{
    for (size_t b = 0; b < BUCKETS; b++) {
        for (struct entry **at = &f->buckets[b], *e; (e = *at);) {
            if (e->partition != partition) {
                at = &e->next;
                continue;
            }
            *at = e->next;
            free(e);
        }
    }
}

static void apply_change(struct fake_server *f, const struct change *c)
{
    struct partition *p = &f->partitions[c->partition];
    if (c->kind == OWN) p->owner = c->token;
    for (size_t i = 0; i < c->n; i++) apply_record(f, c->partition, &c->records[i]);
    if (c->kind == WRITE) p->marker = c->to;
    if (c->kind != DISCARD) return;
    p->marker = -1;
    drop_entries(f, c->partition);
}

static void change(struct fake_server *f, struct change c, const struct hl_store_record *records)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 64;
        f->journal = must(realloc(f->journal, f->cap * sizeof(*f->journal)));
    }
    c.records = c.n ? must(calloc(c.n, sizeof(*c.records))) : NULL;
    for (size_t i = 0; i < c.n; i++) {
        c.records[i] = (struct hl_store_record){copy(records[i].id), records[i].hash, copy(records[i].value)};
    }
    f->journal[f->n++] = c;
    apply_change(f, &f->journal[f->n - 1]);
}

static void free_change(struct change *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free_slice(c->records[i].id);
        free_slice(c->records[i].value);
    }
    free(c->records);
}

/* --- the port --- */

static struct fake_server *enter(struct hl_store *s, int32_t partition)
{
    struct fake_server *f = ((struct fake_store *)s)->server;
    HL_BUG_ON(partition < 0 || partition >= PARTITIONS);
    pthread_mutex_lock(&f->lock);
    return f;
}

static enum hl_status leave(struct fake_server *f, enum hl_status status)
{
    pthread_mutex_unlock(&f->lock);
    return status;
}

static bool fails(struct fake_server *f, struct hl_error *err)
{
    if (f->fail == 0) return false;
    if (f->fail > 0) f->fail--;
    (void)hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "fake store: away");
    return true;
}

static enum hl_status fenced(struct hl_error *err)
{
    return hl_error_set(err, HL_E_FENCED, HL_STOP, "fake store: another owner");
}

static enum hl_status fake_own(struct hl_store *s, int32_t partition, uint64_t *token, struct hl_error *err)
{
    struct fake_server *f = enter(s, partition);
    if (fails(f, err)) return leave(f, HL_E_UNAVAILABLE);
    *token = ++f->next_token; /* never handed out twice, whatever is forgotten */
    change(f, (struct change){.kind = OWN, .partition = partition, .token = *token}, NULL);
    return leave(f, HL_OK);
}

static enum hl_status fake_marker(struct hl_store *s, int32_t partition, int64_t *position, struct hl_error *err)
{
    struct fake_server *f = enter(s, partition);
    if (fails(f, err)) return leave(f, HL_E_UNAVAILABLE);
    *position = f->partitions[partition].marker;
    return leave(f, HL_OK);
}

static enum hl_status fake_write(struct hl_store *s, int32_t partition, uint64_t token, int64_t from, int64_t to,
                                 const struct hl_store_record *records, size_t n, struct hl_error *err)
{
    struct fake_server *f = enter(s, partition);
    const struct partition *p = &f->partitions[partition];
    if (fails(f, err)) return leave(f, HL_E_UNAVAILABLE);
    if (p->owner == 0 || p->owner != token) return leave(f, fenced(err));
    if (p->marker != from) return leave(f, hl_error_set(err, HL_E_GAP, HL_RETRY, "fake store: the marker has moved"));
    change(f, (struct change){.kind = WRITE, .partition = partition, .to = to, .n = n}, records);
    if (f->lose_answers == 0) return leave(f, HL_OK);
    f->lose_answers--;
    return leave(f, hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "fake store: the answer got lost"));
}

/* In groups of up to three. */
static enum hl_status fake_load(struct hl_store *s, int32_t partition, int64_t position, hl_store_fn *fn, void *ctx, struct hl_error *err)
{
    struct hl_store_record group[3];
    size_t n = 0;
    enum hl_status status = HL_OK;
    struct fake_server *f = enter(s, partition);
    if (fails(f, err)) return leave(f, HL_E_UNAVAILABLE);
    if (position >= 0 && position != f->partitions[partition].marker)
        return leave(f, hl_error_set(err, HL_E_GAP, HL_RETRY, "fake store: the marker has moved"));
    bool cut = false;
    for (size_t b = 0; b < BUCKETS && !cut && !status; b++) {
        for (const struct entry *e = f->buckets[b]; e && !cut && !status; e = e->next) {
            if (e->partition != partition) continue;
            cut = f->cut_load && --f->cut_load == 0;
            if (!cut) group[n++] = (struct hl_store_record){e->id, hl_hash64(e->id), e->value};
            if (n < HL_ARRAY_LEN(group)) continue;
            status = fn(ctx, group, n);
            n = 0;
        }
    }
    if (n && !status) status = fn(ctx, group, n);
    if (status) return leave(f, hl_error_set(err, status, HL_STOP, "fake store: a record was refused"));
    return leave(f, cut ? hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "fake store: went away") : HL_OK);
}

static enum hl_status fake_get(struct hl_store *s, int32_t partition, struct hl_slice id, char **value, size_t *len,
                               struct hl_error *err)
{
    struct fake_server *f = enter(s, partition);
    if (fails(f, err)) return leave(f, HL_E_UNAVAILABLE);
    const struct entry *e = *place_of(f, partition, id);
    *value = NULL;
    *len = 0;
    if (e) {
        *value = must(malloc(e->value.len + 1));
        memcpy(*value, e->value.data, e->value.len + 1);
        *len = e->value.len;
    }
    return leave(f, HL_OK);
}

static enum hl_status fake_fetch(struct hl_store *s, const struct hl_store_wanted *wanted, size_t n,
                                 enum hl_status (*fn)(void *ctx, size_t i, struct hl_slice value), void *ctx, struct hl_error *err)
{
    struct fake_server *f = enter(s, 0);
    if (fails(f, err)) return leave(f, HL_E_UNAVAILABLE);
    for (size_t i = 0; i < n; i++) {
        const struct hl_store_wanted *w = &wanted[i];
        if (f->partitions[w->partition].marker < w->position)
            return leave(f, hl_error_set(err, HL_E_GAP, HL_RETRY, "fake store: the copy has not come that far"));
        const struct entry *e = *place_of(f, w->partition, w->id);
        enum hl_status status = fn(ctx, i, e ? e->value : HL_SLICE_NULL);
        if (status) return leave(f, hl_error_set(err, status, HL_STOP, "fake store: a record was refused"));
    }
    return leave(f, HL_OK);
}

static enum hl_status fake_discard(struct hl_store *s, int32_t partition, uint64_t token, struct hl_error *err)
{
    struct fake_server *f = enter(s, partition);
    if (fails(f, err)) return leave(f, HL_E_UNAVAILABLE);
    if (f->partitions[partition].owner == 0 || f->partitions[partition].owner != token) return leave(f, fenced(err));
    change(f, (struct change){.kind = DISCARD, .partition = partition}, NULL);
    return leave(f, HL_OK);
}

static struct note *note_of(struct fake_server *f, int32_t partition, const char *name)
{
    for (struct note *n = f->notes; n; n = n->next)
        if (n->partition == partition && strcmp(n->name, name) == 0) return n;
    return NULL;
}

static enum hl_status fake_note_put(struct hl_store *s, int32_t partition, const char *name, struct hl_slice value, struct hl_error *err)
{
    struct fake_server *f = enter(s, partition);
    if (fails(f, err)) return leave(f, HL_E_UNAVAILABLE);
    struct note *n = note_of(f, partition, name);
    if (!n) {
        n = must(calloc(1, sizeof(*n)));
        *n = (struct note){f->notes, partition, must(strdup(name)), HL_SLICE_NULL};
        f->notes = n;
    }
    free_slice(n->value);
    n->value = copy(value);
    return leave(f, HL_OK);
}

static enum hl_status fake_note_get(struct hl_store *s, int32_t partition, const char *name, char **value, size_t *len, struct hl_error *err)
{
    struct fake_server *f = enter(s, partition);
    *value = NULL;
    *len = 0;
    if (fails(f, err)) return leave(f, HL_E_UNAVAILABLE);
    const struct note *n = note_of(f, partition, name);
    if (n) {
        *value = must(malloc(n->value.len + 1));
        memcpy(*value, n->value.data, n->value.len + 1);
        *len = n->value.len;
    }
    return leave(f, HL_OK);
}

static void fake_free(struct hl_store *s)
{
    free(s);
}

struct hl_store *fake_store_new(struct fake_server *f)
{
    struct fake_store *s = must(calloc(1, sizeof(*s)));
    s->base = (struct hl_store){fake_own, fake_marker, fake_write, fake_load, fake_get, fake_fetch, fake_discard, fake_note_put, fake_note_get, fake_free};
    s->server = f;
    return &s->base;
}

/* --- the server --- */

struct fake_server *fake_server_new(void)
{
    struct fake_server *f = must(calloc(1, sizeof(*f)));
    pthread_mutex_init(&f->lock, NULL);
    clear_state(f);
    return f;
}

void fake_server_forget(struct fake_server *f, size_t n)
{
    pthread_mutex_lock(&f->lock);
    clear_state(f);
    for (; n > 0 && f->n > 0; n--) free_change(&f->journal[--f->n]);
    for (size_t i = 0; i < f->n; i++) apply_change(f, &f->journal[i]);
    pthread_mutex_unlock(&f->lock);
}

void fake_server_free(struct fake_server *f)
{
    if (!f) return;
    fake_server_forget(f, SIZE_MAX);
    for (struct note *n = f->notes, *next; n; n = next) {
        next = n->next;
        free(n->name);
        free_slice(n->value);
        free(n);
    }
    pthread_mutex_destroy(&f->lock);
    free(f->journal);
    free(f);
}

void fake_server_fail(struct fake_server *f, int n)
{
    pthread_mutex_lock(&f->lock);
    f->fail = n;
    pthread_mutex_unlock(&f->lock);
}

void fake_server_cut_load(struct fake_server *f, int n)
{
    pthread_mutex_lock(&f->lock);
    f->cut_load = n + 1;
    pthread_mutex_unlock(&f->lock);
}

void fake_server_lose_answers(struct fake_server *f, int n)
{
    pthread_mutex_lock(&f->lock);
    f->lose_answers = n;
    pthread_mutex_unlock(&f->lock);
}

size_t fake_server_changes(struct fake_server *f)
{
    pthread_mutex_lock(&f->lock);
    size_t n = f->n;
    pthread_mutex_unlock(&f->lock);
    return n;
}

size_t fake_server_records(struct fake_server *f, int32_t partition)
{
    size_t n = 0;
    pthread_mutex_lock(&f->lock);
    for (size_t b = 0; b < BUCKETS; b++) {
        for (const struct entry *e = f->buckets[b]; e; e = e->next) n += e->partition == partition;
    }
    pthread_mutex_unlock(&f->lock);
    return n;
}

int64_t fake_server_marker(struct fake_server *f, int32_t partition)
{
    pthread_mutex_lock(&f->lock);
    int64_t at = f->partitions[partition].marker;
    pthread_mutex_unlock(&f->lock);
    return at;
}
