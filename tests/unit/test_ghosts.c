#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hotlead/base/hash.h"
#include "hotlead/base/slice.h"
#include "hotlead/core/ghosts.h"

static uint64_t hash_of(unsigned i)
{
    return hl_hash64((struct hl_slice){(const char *)&i, sizeof(i)});
}

static void an_empty_set_has_nobody_and_takes_no_memory(void **state)
{
    struct hl_ghosts g = {0};
    (void)state;
    assert_false(hl_ghosts_has(&g, 1));
    assert_false(hl_ghosts_find(&g, 1));
    hl_ghosts_remove(&g, 1);
    assert_int_equal(g.n, 0);
    assert_int_equal(g.bytes, 0);
    hl_ghosts_clear(&g);
}

static void who_is_added_twice_must_be_removed_twice(void **state)
{
    struct hl_ghosts g = {0};
    (void)state;
    assert_true(hl_ghosts_add(&g, 7) && hl_ghosts_add(&g, 7));
    hl_ghosts_remove(&g, 7);
    assert_true(hl_ghosts_has(&g, 7));
    hl_ghosts_remove(&g, 7);
    assert_false(hl_ghosts_has(&g, 7));
    hl_ghosts_remove(&g, 7);
    assert_int_equal(g.n, 0);
    hl_ghosts_clear(&g);
}

static void a_hash_of_zeros_is_somebody(void **state)
{
    struct hl_ghosts g = {0};
    (void)state;
    assert_true(hl_ghosts_add(&g, 0));
    assert_true(hl_ghosts_has(&g, 0));
    hl_ghosts_remove(&g, 0);
    assert_false(hl_ghosts_has(&g, 0));
    hl_ghosts_clear(&g);
}

/* Against a plain array, with hashes that crowd a few shards and homes. */
static void adding_and_removing_at_random_agrees_with_a_count_of_each(void **state)
{
    enum { HASHES = 3000 };
    static uint8_t count[HASHES];
    struct hl_ghosts g = {0};
    size_t n = 0;
    (void)state;
    srand(20261123);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned i = (unsigned)rand() % HASHES;
        uint64_t hash = i % 3 ? hash_of(i) : (uint64_t)(i + 3) << 18; /* the latter: one shard, homes side by side */
        bool more = step / 40000 % 2 ? rand() % 3 == 0 : rand() % 3;
        if (more && count[i] < 3) {
            assert_true(hl_ghosts_add(&g, hash));
            count[i]++, n++;
        } else if (count[i]) {
            hl_ghosts_remove(&g, hash);
            count[i]--, n--;
        }
        assert_int_equal(g.n, n);
        assert_true(hl_ghosts_has(&g, hash) == (count[i] > 0));
    }
    for (unsigned i = 0; i < HASHES; i++) assert_true(hl_ghosts_has(&g, i % 3 ? hash_of(i) : (uint64_t)(i + 3) << 18) == (count[i] > 0));
    hl_ghosts_clear(&g);
    assert_int_equal(g.bytes, 0);
}

static void a_million_take_twelve_bytes_each_at_most_and_strangers_are_told(void **state)
{
    struct hl_ghosts g = {0};
    (void)state;
    for (unsigned i = 0; i < 1000000; i++) assert_true(hl_ghosts_add(&g, hash_of(i)));
    assert_in_range(g.bytes, 7500000, 12000000);
    for (unsigned i = 0; i < 1000000; i++) assert_true(hl_ghosts_has(&g, hash_of(i)));
    for (unsigned i = 1000000; i < 2000000; i++) assert_false(hl_ghosts_has(&g, hash_of(i))); /* one in 10^10 might; these do not */
    hl_ghosts_clear(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_set_has_nobody_and_takes_no_memory),
        cmocka_unit_test(who_is_added_twice_must_be_removed_twice),
        cmocka_unit_test(a_hash_of_zeros_is_somebody),
        cmocka_unit_test(adding_and_removing_at_random_agrees_with_a_count_of_each),
        cmocka_unit_test(a_million_take_twelve_bytes_each_at_most_and_strangers_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
