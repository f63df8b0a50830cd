#include "models.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "hotlead/base/clock.h"

struct entry {
    const struct hl_model *m;
    struct hl_model *owned; /* NULL: borrowed */
    size_t users;           /* the newest has one more */
    struct entry *older;
};

struct hl_models {
    pthread_mutex_t lock; /* the list and its numbers */
    struct entry *newest;
    _Atomic(const struct hl_model *) now; /* of the newest */
    struct hl_models_news news;
    size_t n_workers;
    _Atomic(const struct hl_model *) of[]; /* workers */
};

struct hl_models *hl_models_new(const struct hl_model *first, size_t workers)
{
    struct hl_models *ms = calloc(1, sizeof(*ms) + workers * sizeof(ms->of[0]));
    struct entry *e = calloc(1, sizeof(*e));
    if (!ms || !e) {
        free(ms);
        free(e);
        return NULL;
    }
    *e = (struct entry){.m = first, .users = workers + 1};
    pthread_mutex_init(&ms->lock, NULL);
    ms->newest = e;
    ms->news.since_ms = hl_clock_wall_ms();
    ms->n_workers = workers;
    atomic_init(&ms->now, first);
    for (size_t i = 0; i < workers; i++) atomic_init(&ms->of[i], first);
    return ms;
}

static void entry_free(struct entry *e)
{
    hl_model_free(e->owned);
    free(e);
}

void hl_models_free(struct hl_models *ms)
{
    if (!ms) return;
    for (struct entry *older, *e = ms->newest; e; e = older) {
        older = e->older;
        entry_free(e);
    }
    pthread_mutex_destroy(&ms->lock);
    free(ms);
}

/* @locks requires ms->lock. The entry is to be freed when it is released: NULL, or it is out of the list. */
static struct entry *leave(struct hl_models *ms, const struct hl_model *m)
{
    struct entry **at = &ms->newest;
    while (*at && (*at)->m != m) at = &(*at)->older;
    HL_BUG_ON(!*at || (*at)->users == 0);
    struct entry *e = *at;
    if (--e->users) return NULL;
    *at = e->older;
    return e;
}

static void free_left(struct entry *e)
{
    if (e) entry_free(e);
}

enum hl_status hl_models_put(struct hl_models *ms, struct hl_model *m)
{
    struct entry *e = calloc(1, sizeof(*e));
    if (!e) {
        hl_model_free(m);
        return HL_E_NOMEM;
    }
    pthread_mutex_lock(&ms->lock);
    const struct hl_model *before = ms->newest->m;
    *e = (struct entry){.m = m, .owned = m, .users = 1, .older = ms->newest};
    ms->newest = e;
    ms->news = (struct hl_models_news){.since_ms = hl_clock_wall_ms()};
    atomic_store(&ms->now, m);
    e = leave(ms, before);
    pthread_mutex_unlock(&ms->lock);
    free_left(e);
    return HL_OK;
}

/* @locks requires ms->lock */
static void enter(struct hl_models *ms, const struct hl_model *m)
{
    struct entry *e = ms->newest;
    while (e && e->m != m) e = e->older;
    HL_BUG_ON(!e);
    e->users++;
}

const struct hl_model *hl_models_acquire(struct hl_models *ms)
{
    pthread_mutex_lock(&ms->lock);
    const struct hl_model *m = ms->newest->m;
    enter(ms, m);
    pthread_mutex_unlock(&ms->lock);
    return m;
}

void hl_models_release(struct hl_models *ms, const struct hl_model *m)
{
    pthread_mutex_lock(&ms->lock);
    struct entry *e = leave(ms, m);
    pthread_mutex_unlock(&ms->lock);
    free_left(e);
}

void hl_models_refuse(struct hl_models *ms, const char *why)
{
    pthread_mutex_lock(&ms->lock);
    snprintf(ms->news.refused, sizeof(ms->news.refused), "%s", why);
    pthread_mutex_unlock(&ms->lock);
}

void hl_models_news(struct hl_models *ms, struct hl_models_news *out)
{
    pthread_mutex_lock(&ms->lock);
    *out = ms->news;
    pthread_mutex_unlock(&ms->lock);
}

bool hl_models_is_behind(const struct hl_models *ms, size_t worker)
{
    return atomic_load_explicit(&ms->of[worker], memory_order_relaxed) != atomic_load_explicit(&ms->now, memory_order_relaxed);
}

void hl_models_adopt(struct hl_models *ms, size_t worker, const struct hl_model *m)
{
    HL_BUG_ON(worker >= ms->n_workers);
    pthread_mutex_lock(&ms->lock);
    enter(ms, m);
    pthread_mutex_unlock(&ms->lock);
    hl_models_release(ms, atomic_exchange(&ms->of[worker], m));
}

const struct hl_model *hl_models_of(const struct hl_models *ms, size_t worker)
{
    HL_BUG_ON(worker >= ms->n_workers);
    return atomic_load(&ms->of[worker]);
}
