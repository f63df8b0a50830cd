#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "hotlead/base/hash.h"
#include "hotlead/core/table.h"

/* Four threads of put, find, remove and scan on shared ids. Each write to a contact is made under its stripe's lock, so what the
 * threads count must equal what is in the table at the end. Threads only count; the main thread asserts. */

enum { THREADS = 4, IDS = 3000, STEPS = 120000 };

static struct hl_table *t;

struct worker {
    pthread_t thread;
    uint64_t rng;
    uint64_t created, removed, added; /* added: to c->seq, less what was removed with its contact */
    uint64_t scanned, wrong;
};

static uint32_t draw(struct worker *w, uint32_t below)
{
    w->rng = w->rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((w->rng >> 33) % below);
}

static void step_put(struct worker *w, uint64_t hash, struct hl_slice id)
{
    bool created = false;
    struct hl_contact *c = hl_table_put(t, 0, hash, id, (uint16_t)(hash % 3), &created);
    if (!c) {
        w->wrong++;
        return;
    }
    w->created += created;
    w->wrong += c->hash != hash || !hl_slice_eq(hl_contact_id(c), id);
    c->seq++;
    w->added++;
}

static void step_remove(struct worker *w, uint64_t hash, struct hl_slice id)
{
    struct hl_contact *c = hl_table_find(t, 0, hash, id);
    if (!c) return;
    w->added -= c->seq;
    w->removed++;
    hl_table_remove(t, c);
}

static bool look(void *ctx, struct hl_contact *c)
{
    struct worker *w = ctx;
    w->scanned++;
    bool remove = draw(w, 64) == 0;
    w->removed += remove;
    w->added -= remove ? c->seq : 0;
    return remove;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    for (unsigned step = 0; step < STEPS; step++) {
        char buf[32];
        struct hl_slice id = {buf, (size_t)snprintf(buf, sizeof buf, "contact-%u", (unsigned)draw(w, IDS))};
        uint64_t hash = hl_hash64(id);
        uint32_t what = draw(w, 1000);
        hl_table_prefetch(t, 0, hash);
        hl_table_prefetch_contact(t, 0, hash);
        hl_table_prefetch_blocks(t, 0, hash);
        if (what == 0) {
            hl_table_scan(t, look, w);
            hl_table_stats(t);
            continue;
        }
        hl_table_acquire(t, 0, hash);
        if (what < 600)
            step_put(w, hash, id);
        else if (what < 750)
            step_remove(w, hash, id);
        else if (hl_table_find(t, 0, hash, id))
            w->scanned++;
        hl_table_release(t, 0, hash);
    }
    return NULL;
}

static bool sum_up(void *ctx, struct hl_contact *c)
{
    *(uint64_t *)ctx += c->seq;
    return false;
}

static void threads_lose_and_double_nothing(void **state)
{
    (void)state;
    for (unsigned stripes = 1; stripes <= 64; stripes *= 8) {
        struct worker workers[THREADS] = {0};
        t = hl_table_new(stripes);
        assert_non_null(t);
        for (unsigned i = 0; i < THREADS; i++) {
            workers[i].rng = 1000 * stripes + i;
            assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
        }
        uint64_t contacts = 0, added = 0, sum = 0;
        for (unsigned i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
            assert_int_equal(workers[i].wrong, 0);
            assert_true(workers[i].scanned > 0);
            contacts += workers[i].created - workers[i].removed;
            added += workers[i].added;
        }
        struct hl_error err = {.message = ""};
        if (!hl_table_verify(t, &err)) fail_msg("%s", err.message);
        assert_int_equal(hl_table_scan(t, sum_up, &sum), contacts);
        assert_int_equal(hl_table_stats(t).contacts, contacts);
        assert_true(sum == added);
        hl_table_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_lose_and_double_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
