#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "hotlead/base/hash.h"
#include "hotlead/core/table.h"

static struct hl_table *t;
static unsigned long allocations_left;

static void *limited(size_t n)
{
    if (allocations_left == 0) return NULL;
    allocations_left--;
    return malloc(n);
}

static int four_stripes(void **state)
{
    (void)state;
    t = hl_table_new(4);
    return t == NULL;
}

static int done(void **state)
{
    (void)state;
    hl_slab_system_alloc = malloc;
    struct hl_error err = {.message = ""};
    bool whole = hl_table_verify(t, &err);
    if (!whole) print_error("%s\n", err.message);
    hl_table_free(t);
    return !whole;
}

static struct hl_slice id_of(unsigned n, char buf[32])
{
    return (struct hl_slice){buf, (size_t)snprintf(buf, 32, "contact-%u", n)};
}

/* The whole life of a caller: lock, put, unlock. */
static struct hl_contact *put(unsigned n, uint16_t partition)
{
    char buf[32];
    struct hl_slice id = id_of(n, buf);
    uint64_t hash = hl_hash64(id);
    hl_table_acquire(t, 0, hash);
    struct hl_contact *c = hl_table_put(t, 0, hash, id, partition, NULL);
    hl_table_release(t, 0, hash);
    return c;
}

static struct hl_contact *find(unsigned n)
{
    char buf[32];
    struct hl_slice id = id_of(n, buf);
    uint64_t hash = hl_hash64(id);
    hl_table_acquire(t, 0, hash);
    struct hl_contact *c = hl_table_find(t, 0, hash, id);
    hl_table_release(t, 0, hash);
    return c;
}

static void take_out(unsigned n)
{
    char buf[32];
    struct hl_slice id = id_of(n, buf);
    uint64_t hash = hl_hash64(id);
    hl_table_acquire(t, 0, hash);
    hl_table_remove(t, hl_table_find(t, 0, hash, id));
    hl_table_release(t, 0, hash);
}

static void an_empty_table_finds_nothing(void **state)
{
    (void)state;
    assert_null(find(1));
    assert_int_equal(hl_table_stats(t).contacts, 0);
    assert_int_equal(hl_table_drop(t, 0, 0), 0);
    hl_table_prefetch_stripe(t, 0, UINT64_MAX);
    hl_table_prefetch(t, 0, 0);
    hl_table_prefetch(t, 0, UINT64_MAX);
    hl_table_prefetch_contact(t, 0, UINT64_MAX);
    hl_table_prefetch_blocks(t, 0, UINT64_MAX);
}

static void put_makes_once_and_then_finds(void **state)
{
    (void)state;
    bool created = false;
    struct hl_slice id = HL_SLICE_LIT("ann");
    uint64_t hash = hl_hash64(id);
    hl_table_acquire(t, 0, hash);
    struct hl_contact *c = hl_table_put(t, 0, hash, id, 7, &created);
    assert_non_null(c);
    assert_true(created);
    assert_true(c->hash == hash);
    assert_int_equal(c->partition, 7);
    assert_true(hl_slice_eq(hl_contact_id(c), id));
    assert_ptr_not_equal(hl_contact_id(c).data, id.data);
    assert_ptr_equal(hl_table_put(t, 0, hash, id, 7, &created), c);
    assert_false(created);
    hl_table_release(t, 0, hash);
    hl_table_prefetch_contact(t, 0, hash);
    hl_table_prefetch_blocks(t, 0, hash);
}

static void addresses_are_stable_while_the_table_grows(void **state)
{
    (void)state;
    enum { N = 5000 };
    static struct hl_contact *at[N];
    for (unsigned i = 0; i < N; i++) assert_non_null(at[i] = put(i, 0));
    for (unsigned i = 0; i < N; i++) assert_ptr_equal(find(i), at[i]);
    assert_null(find(N));
    assert_int_equal(hl_table_stats(t).contacts, N);
}

/* Ids of one and the same hash, and hashes with one home bucket around the end of the index. */
static void equal_hashes_and_runs_over_the_end_are_kept_apart(void **state)
{
    (void)state;
    static const uint64_t hashes[] = {7, 7, 7, 0xf, 6, 0x1000000007, 0, 7};
    struct hl_contact *at[8];
    char buf[32];
    for (unsigned i = 0; i < 6; i++) assert_non_null(at[i] = hl_table_put(t, 0, hashes[i], id_of(i, buf), 0, NULL));
    for (unsigned removed = 0; removed < 6; removed++) {
        struct hl_error err;
        assert_true(hl_table_verify(t, &err));
        for (unsigned i = 0; i < 6; i++) {
            struct hl_contact *c = hl_table_find(t, 0, hashes[i], id_of(i, buf));
            if (i < removed)
                assert_null(c);
            else
                assert_ptr_equal(c, at[i]);
        }
        hl_table_remove(t, at[removed]);
    }
    assert_int_equal(hl_table_stats(t).contacts, 0);
}

static void stripes_follow_the_high_bits_of_the_hash(void **state)
{
    (void)state;
    for (uint64_t quarter = 0; quarter < 4; quarter++) {
        struct hl_slab *slab = hl_table_acquire(t, 0, quarter << 62);
        hl_table_release(t, 0, quarter << 62);
        assert_ptr_equal(hl_table_acquire(t, 0, (quarter << 62) + (UINT64_MAX >> 2)), slab);
        hl_table_release(t, 0, quarter << 62);
        if (quarter == 0) continue;
        assert_ptr_not_equal(hl_table_acquire(t, 0, (quarter - 1) << 62), slab);
        hl_table_release(t, 0, (quarter - 1) << 62);
    }
}

static void one_stripe_is_enough(void **state)
{
    (void)state;
    hl_table_free(t);
    t = hl_table_new(1);
    assert_non_null(t);
    for (unsigned i = 0; i < 1000; i++) assert_non_null(put(i, 0));
    for (unsigned i = 0; i < 1000; i++) assert_non_null(find(i));
}

static void growth_failure_keeps_serving(void **state)
{
    (void)state;
    hl_table_free(t);
    t = hl_table_new(1);
    for (unsigned i = 0; i < 6; i++) assert_non_null(put(i, 0)); /* 6 of 8: as full as it gets without growth */
    struct hl_table_stats before = hl_table_stats(t);
    hl_slab_system_alloc = limited;
    allocations_left = 0;
    assert_non_null(put(6, 0));
    assert_null(put(7, 0)); /* the last bucket stays empty */
    for (unsigned i = 0; i < 7; i++) assert_non_null(find(i));
    assert_null(find(7));
    take_out(0);
    assert_non_null(put(8, 0));
    assert_int_equal(hl_table_stats(t).bytes, before.bytes);
    allocations_left = 1;
    assert_non_null(put(9, 0));
    assert_non_null(put(10, 0));
    for (unsigned i = 1; i < 11; i++) assert_true((find(i) != NULL) == (i != 7));
}

static void a_refused_contact_leaves_no_trace(void **state)
{
    (void)state;
    hl_slab_system_alloc = limited;
    for (allocations_left = 0; !put(1, 0); allocations_left++) {
        unsigned long tried = allocations_left;
        assert_int_equal(hl_table_stats(t).contacts, 0);
        assert_null(find(1));
        struct hl_error err;
        assert_true(hl_table_verify(t, &err));
        allocations_left = tried;
        assert_true(tried < 10);
    }
    assert_non_null(find(1));
}

static bool odd(void *ctx, struct hl_contact *c)
{
    unsigned *seen = ctx;
    seen[c->seq]++;
    return c->seq % 2;
}

static void scan_shows_each_contact_once_even_as_it_removes(void **state)
{
    (void)state;
    enum { N = 3000 };
    static unsigned seen[N];
    for (unsigned i = 0; i < N; i++) put(i, 0)->seq = i;
    assert_int_equal(hl_table_scan(t, odd, seen), N);
    for (unsigned i = 0; i < N; i++) assert_int_equal(seen[i], 1);
    for (unsigned i = 0; i < N; i++) assert_true((find(i) != NULL) == (i % 2 == 0));
    assert_int_equal(hl_table_stats(t).contacts, N / 2);
}

static void workers_do_not_see_each_others_contacts(void **state)
{
    struct hl_error err;
    struct hl_slice id = HL_SLICE_LIT("ann");
    uint64_t hash = hl_hash64(id);
    (void)state;
    hl_table_acquire(t, 0, hash);
    struct hl_contact *mine = hl_table_put(t, 1, hash, id, 5, NULL), *theirs = hl_table_put(t, 2, hash, id, 5, NULL);
    assert_ptr_not_equal(mine, theirs);
    assert_ptr_equal(hl_table_find(t, 1, hash, id), mine);
    assert_ptr_equal(hl_table_find(t, 2, hash, id), theirs);
    assert_null(hl_table_find(t, 0, hash, id));
    hl_table_release(t, 0, hash);
    assert_true(hl_table_verify(t, &err));
    assert_int_equal(hl_table_drop(t, 1, 4), 0);
    assert_int_equal(hl_table_drop(t, 1, 5), 1);
    hl_table_acquire(t, 0, hash);
    assert_null(hl_table_find(t, 1, hash, id));
    assert_ptr_equal(hl_table_find(t, 2, hash, id), theirs);
    hl_table_release(t, 0, hash);
    assert_int_equal(hl_table_drop(t, 2, -1), 1);
}

static void dropping_a_partition_leaves_the_others(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 900; i++) put(i, (uint16_t)(i % 3));
    assert_int_equal(hl_table_drop(t, 0, 1), 300);
    for (unsigned i = 0; i < 900; i++) assert_true((find(i) != NULL) == (i % 3 != 1));
    assert_int_equal(hl_table_drop(t, 0, 1), 0);
    assert_int_equal(hl_table_drop(t, 0, 0) + hl_table_drop(t, 0, 2), 600);
    assert_int_equal(hl_table_stats(t).contacts, 0);
}

static void memory_of_removed_contacts_is_used_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2000; i++) put(i, 0);
    uint64_t bytes = hl_table_stats(t).bytes;
    for (int round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 2000; i++) take_out(i);
        for (unsigned i = 0; i < 2000; i++) put(i, 0);
    }
    assert_true(hl_table_stats(t).bytes == bytes);
}

static bool every_other(void *ctx, struct hl_contact *c)
{
    (void)c;
    return ++*(unsigned *)ctx % 2;
}

static void a_stripe_tells_what_it_uses_and_is_scanned_alone(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4000; i++) put(i, 0);
    uint64_t all = hl_table_stats(t).bytes;
    size_t sum = 0;
    assert_int_equal(hl_table_stripes(t), 4);
    for (unsigned s = 0; s < 4; s++) {
        struct hl_stripe_bytes before = hl_table_stripe_bytes(t, s);
        unsigned calls = 0;
        assert_true(before.used <= before.reserved);
        size_t n = hl_table_scan_stripe(t, s, every_other, &calls);
        assert_int_equal(n, calls);
        struct hl_stripe_bytes after = hl_table_stripe_bytes(t, s);
        assert_int_equal(after.reserved, before.reserved);
        assert_int_equal(before.used - after.used, (calls + 1) / 2 * hl_contact_bytes(find(1)));
        sum += after.reserved;
    }
    assert_true(sum < all && all - sum < 4096); /* the table itself */
    assert_in_range(hl_table_stats(t).contacts, 1998, 2000);
}

static void verify_sees_what_is_wrong(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) put(i, 0);
    struct hl_contact *c = find(42);
    struct hl_error err = {.message = ""};
    assert_true(hl_table_verify(t, &err));
    static const uint64_t bits[] = {1, UINT64_C(1) << 40, UINT64_C(1) << 63};
    for (size_t i = 0; i < HL_ARRAY_LEN(bits); i++) {
        c->hash ^= bits[i];
        bool whole = hl_table_verify(t, &err);
        c->hash ^= bits[i];
        /* bit 40 is in neither tag nor stripe: the contact is still where its hash says */
        assert_true(whole == (i == 1));
    }
    struct hl_contact *twin = find(43);
    uint64_t hash = twin->hash;
    struct hl_body *body = twin->body;
    twin->hash = c->hash;
    twin->body = c->body;
    bool whole = hl_table_verify(t, &err);
    twin->hash = hash;
    twin->body = body;
    assert_false(whole);
    assert_non_null(strstr(err.message, "stripe "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, four_stripes, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_table_finds_nothing),
        TEST(put_makes_once_and_then_finds),
        TEST(addresses_are_stable_while_the_table_grows),
        TEST(equal_hashes_and_runs_over_the_end_are_kept_apart),
        TEST(stripes_follow_the_high_bits_of_the_hash),
        TEST(one_stripe_is_enough),
        TEST(growth_failure_keeps_serving),
        TEST(a_refused_contact_leaves_no_trace),
        TEST(scan_shows_each_contact_once_even_as_it_removes),
        TEST(workers_do_not_see_each_others_contacts),
        TEST(dropping_a_partition_leaves_the_others),
        TEST(memory_of_removed_contacts_is_used_again),
        TEST(a_stripe_tells_what_it_uses_and_is_scanned_alone),
        TEST(verify_sees_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
