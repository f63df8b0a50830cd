/* Regions for chunks of slabs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hotlead/base/pool.h"
#include "hotlead/base/slab.h"

static void what_is_taken_is_whole_and_on_a_line(void **state)
{
    (void)state;
    enum { N = 3000 };
    static char *taken[N];
    struct hl_pool pool;
    hl_pool_init(&pool);
    for (size_t i = 0; i < N; i++) { /* over several regions, small and huge */
        taken[i] = hl_pool_take(&pool, 4000 + i);
        assert_non_null(taken[i]);
        assert_int_equal((uintptr_t)taken[i] % 64, 0);
        memset(taken[i], (int)(i % 251), 4000 + i);
    }
    for (size_t i = 0; i < N; i++) {
        assert_int_equal((unsigned char)taken[i][0], i % 251);
        assert_int_equal((unsigned char)taken[i][4000 + i - 1], i % 251);
    }
    hl_pool_fini(&pool);
}

static void more_than_a_region_is_a_region(void **state)
{
    (void)state;
    struct hl_pool pool;
    hl_pool_init(&pool);
    char *large = hl_pool_take(&pool, (size_t)5 << 20), *small = hl_pool_take(&pool, 10);
    assert_non_null(large);
    assert_non_null(small);
    memset(large, 1, (size_t)5 << 20);
    assert_true(small + 10 <= large || small >= large + ((size_t)5 << 20));
    hl_pool_fini(&pool);
}

static void *nothing(size_t bytes)
{
    (void)bytes;
    return NULL;
}

static void without_memory_there_is_none_and_later_there_may_be(void **state)
{
    (void)state;
    struct hl_pool pool;
    hl_pool_init(&pool);
    hl_slab_system_alloc = nothing;
    assert_null(hl_pool_take(&pool, 100));
    hl_slab_system_alloc = malloc;
    assert_non_null(hl_pool_take(&pool, 100));
    hl_pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_whole_and_on_a_line),
        cmocka_unit_test(more_than_a_region_is_a_region),
        cmocka_unit_test(without_memory_there_is_none_and_later_there_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
