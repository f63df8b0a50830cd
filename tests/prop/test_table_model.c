#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hotlead/core/table.h"

/* Random operations on the table and on an array that is its naive reference. Hashes are drawn from few values, so that ids
 * share hashes, homes and runs; some of them differ above bit 20 only. HL_SEED repeats a run. */

enum { IDS = 400 };

struct reference {
    struct hl_contact *at[IDS]; /* NULL: absent */
    uint32_t mark[IDS];         /* written to c->seq: catches two contacts in one block */
    uint16_t partition[IDS];
    uint64_t hash[IDS];
    unsigned n;
};

static uint64_t seed, rng;

static uint32_t draw(uint32_t below)
{
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((rng >> 33) % below);
}

static void check(bool ok, const char *what, unsigned step)
{
    if (!ok) fail_msg("%s at step %u, HL_SEED=%llu", what, step, (unsigned long long)seed);
}

static struct hl_slice id_of(unsigned i, char buf[64])
{
    return (struct hl_slice){buf, (size_t)snprintf(buf, 64, "%0*u", (int)(1 + i % 48), i)};
}

static void make_hashes(struct reference *ref)
{
    for (unsigned i = 0; i < IDS; i++) {
        uint64_t low = draw(3) ? draw(24) : draw(1u << 24), high = draw(4);
        ref->hash[i] = high << 62 | (uint64_t)draw(2) << 40 | low;
    }
}

static bool put(struct hl_table *t, struct reference *ref, unsigned i, unsigned step)
{
    char buf[64];
    bool created = false;
    uint16_t partition = ref->at[i] ? ref->partition[i] : (uint16_t)draw(5);
    hl_table_acquire(t, 0, ref->hash[i]);
    struct hl_contact *c = hl_table_put(t, 0, ref->hash[i], id_of(i, buf), partition, &created);
    check(created == (c && !ref->at[i]), "created is wrong", step);
    if (ref->at[i]) {
        check(c == ref->at[i] && c->seq == ref->mark[i], "put found another contact", step);
    } else if (c) {
        ref->at[i] = c;
        ref->partition[i] = partition;
        c->seq = ref->mark[i] = draw(UINT32_MAX);
        ref->n++;
    }
    hl_table_release(t, 0, ref->hash[i]);
    return c != NULL;
}

static void find(struct hl_table *t, const struct reference *ref, unsigned i, unsigned step)
{
    char buf[64];
    hl_table_prefetch(t, 0, ref->hash[i]);
    hl_table_prefetch_contact(t, 0, ref->hash[i]);
    hl_table_prefetch_blocks(t, 0, ref->hash[i]);
    hl_table_acquire(t, 0, ref->hash[i]);
    struct hl_contact *c = hl_table_find(t, 0, ref->hash[i], id_of(i, buf));
    check(c == ref->at[i] && (!c || c->seq == ref->mark[i]), "find differs", step);
    hl_table_release(t, 0, ref->hash[i]);
}

static void take_out(struct hl_table *t, struct reference *ref, unsigned i)
{
    if (!ref->at[i]) return;
    hl_table_acquire(t, 0, ref->hash[i]);
    hl_table_remove(t, ref->at[i]);
    hl_table_release(t, 0, ref->hash[i]);
    ref->at[i] = NULL;
    ref->n--;
}

static void drop(struct hl_table *t, struct reference *ref, unsigned step)
{
    uint16_t partition = (uint16_t)draw(5);
    size_t n = 0;
    for (unsigned i = 0; i < IDS; i++) {
        if (!ref->at[i] || ref->partition[i] != partition) continue;
        ref->at[i] = NULL;
        n++;
    }
    ref->n -= (unsigned)n;
    check(hl_table_drop(t, 0, partition) == n, "drop counts differently", step);
}

struct visit {
    struct reference *ref;
    unsigned calls, strangers;
    uint32_t remove_one_in; /* 0: none */
};

static bool visit(void *ctx, struct hl_contact *c)
{
    struct visit *v = ctx;
    v->calls++;
    for (unsigned i = 0; i < IDS; i++) {
        if (v->ref->at[i] != c) continue;
        if (v->remove_one_in == 0 || draw(v->remove_one_in)) return false;
        v->ref->at[i] = NULL;
        v->ref->n--;
        return true;
    }
    v->strangers++;
    return false;
}

static void scan(struct hl_table *t, struct reference *ref, unsigned step)
{
    unsigned n = ref->n;
    struct visit v = {.ref = ref, .remove_one_in = draw(4)};
    check(hl_table_scan(t, visit, &v) == n, "scan returned another number", step);
    check(v.calls == n && v.strangers == 0, "scan showed other contacts", step);
}

static void verify(struct hl_table *t, const struct reference *ref, unsigned step)
{
    struct hl_error err = {.message = ""};
    if (!hl_table_verify(t, &err)) check(false, err.message, step);
    check(hl_table_stats(t).contacts == ref->n, "stats count differently", step);
    for (unsigned i = 0; i < IDS; i++) find(t, ref, i, step);
}

/* Returns false when memory was refused at least once. */
static bool run(struct hl_table *t, struct reference *ref, unsigned steps)
{
    bool whole = true;
    uint32_t filling = 50;
    for (unsigned step = 0; step < steps; step++) {
        if (step % 256 == 0) filling = 20 + draw(60); /* per cent of puts: the table swells and shrinks */
        uint32_t what = draw(100), i = draw(IDS);
        if (what < filling)
            whole &= put(t, ref, i, step);
        else if (what < 95)
            draw(2) ? take_out(t, ref, i) : find(t, ref, i, step);
        else if (what == 95 && draw(8) == 0)
            drop(t, ref, step);
        else if (what == 96 && draw(4) == 0)
            scan(t, ref, step);
        if (step % 64 == 0) verify(t, ref, step);
    }
    verify(t, ref, steps);
    return whole;
}

static void the_table_does_what_an_array_does(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        static struct reference ref;
        ref = (struct reference){.n = 0};
        make_hashes(&ref);
        struct hl_table *t = hl_table_new(1u << draw(4));
        assert_non_null(t);
        assert_true(run(t, &ref, 3000));
        hl_table_free(t);
    }
}

static unsigned long calls, refuse_from, refuse_to;

/* Refuses calls number refuse_from up to refuse_to: one failure, or an outage. */
static void *failing(size_t n)
{
    unsigned long call = calls++;
    return call >= refuse_from && call < refuse_to ? NULL : malloc(n);
}

static bool run_with_refusal(unsigned long from, unsigned long to)
{
    static struct reference ref;
    ref = (struct reference){.n = 0};
    rng = seed;
    make_hashes(&ref);
    calls = 0;
    refuse_from = from;
    refuse_to = to;
    struct hl_table *t = hl_table_new(2);
    if (!t) return false;
    bool whole = run(t, &ref, 1500);
    hl_table_free(t);
    return whole && calls <= from;
}

static void any_refused_allocation_leaves_a_whole_table(void **state)
{
    (void)state;
    hl_slab_system_alloc = failing;
    unsigned long n = 0;
    while (!run_with_refusal(n, n + 1)) n++;
    assert_true(n > 10); /* the runs did allocate */
    for (unsigned long from = 1; from < n; from += 3) run_with_refusal(from, from + 40);
    hl_slab_system_alloc = malloc;
}

static int reset(void **state)
{
    (void)state;
    hl_slab_system_alloc = malloc;
    return 0;
}

int main(void)
{
    const char *given = getenv("HL_SEED");
    seed = given ? strtoull(given, NULL, 10) : 20261122;
    rng = seed;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_does_what_an_array_does),
        cmocka_unit_test_teardown(any_refused_allocation_leaves_a_whole_table, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
