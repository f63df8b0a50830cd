#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/slab.h"

static struct hl_slab s;

static int fresh(void **state)
{
    (void)state;
    hl_slab_init(&s);
    return 0;
}

static int done(void **state)
{
    (void)state;
    hl_slab_fini(&s);
    hl_slab_system_alloc = malloc;
    return 0;
}

static void usable_covers_the_request_and_wastes_less_than_half(void **state)
{
    (void)state;
    for (size_t n = 0; n < 70000; n++) {
        size_t usable = hl_slab_usable(n);
        assert_true(usable >= n);
        assert_int_equal(hl_slab_usable(usable), usable);
        if (n >= 16 && n <= 512) assert_true(usable - n < 16);
        if (n > 512) assert_true(usable < 2 * n);
    }
}

static void every_size_is_aligned_and_can_be_filled(void **state)
{
    (void)state;
    enum { N = 1200 };
    static unsigned char *blocks[N];
    for (size_t i = 0; i < N; i++) {
        size_t n = i * 67 + i % 3;
        blocks[i] = hl_slab_alloc(&s, n);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        if (n && n % 64 == 0) assert_int_equal((uintptr_t)blocks[i] % 64, 0);
        memset(blocks[i], (int)(i & 0xff), hl_slab_usable(n));
    }
    for (size_t i = 0; i < N; i++) {
        size_t n = i * 67 + i % 3;
        for (size_t k = 0; k < hl_slab_usable(n); k += k + 1 < hl_slab_usable(n) ? 61 : 1) assert_int_equal(blocks[i][k], i & 0xff);
        hl_slab_free(&s, blocks[i], n);
    }
    hl_slab_free(&s, NULL, 10);
}

static void whole_lines_stay_aligned_among_odd_sizes_without_gaps(void **state)
{
    (void)state;
    enum { N = 1000 };
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal((uintptr_t)hl_slab_alloc(&s, 192) % 64, 0);
        assert_non_null(hl_slab_alloc(&s, 48));
        assert_non_null(hl_slab_alloc(&s, 16 + i % 7 * 16));
    }
    size_t used = N * (192 + 48 + 64);
    assert_true(s.bytes < used + used / 16 + 8192); /* at most one chunk's worth is idle */
}

static void what_a_chunk_has_left_is_used(void **state)
{
    (void)state;
    assert_non_null(hl_slab_alloc(&s, 16));
    assert_non_null(hl_slab_alloc(&s, 8192)); /* does not fit behind it */
    size_t bytes = s.bytes;
    for (int i = 0; i < 6; i++) assert_non_null(hl_slab_alloc(&s, 512));
    assert_int_equal(s.bytes, bytes);
}

static void a_freed_block_is_used_again(void **state)
{
    (void)state;
    void *p = hl_slab_alloc(&s, 100);
    hl_slab_free(&s, p, 100);
    assert_ptr_equal(hl_slab_alloc(&s, 112), p);
    for (int i = 0; i < 100; i++) hl_slab_alloc(&s, 48);
    size_t bytes = s.bytes;
    for (int i = 0; i < 10000; i++) hl_slab_free(&s, hl_slab_alloc(&s, 48), 48);
    assert_int_equal(s.bytes, bytes);
}

static void little_of_a_grown_slab_is_unused(void **state)
{
    (void)state;
    size_t used = 0;
    uint64_t x = 7;
    for (int i = 0; i < 20000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        size_t n = 1 + (x >> 33) % 400;
        assert_non_null(hl_slab_alloc(&s, n));
        used += hl_slab_usable(n);
    }
    assert_true(s.bytes >= used);
    assert_true(s.bytes - used < used / 4);
}

static void what_is_in_no_block_is_known(void **state)
{
    (void)state;
    enum { N = 3000 };
    static void *blocks[N];
    static size_t sizes[N];
    size_t given = 0, overhead = 0;
    uint64_t x = 11;
    for (int i = 0; i < 60000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        size_t k = (x >> 33) % N, n = 1 + (x >> 45) % 3000;
        if (blocks[k]) {
            hl_slab_free(&s, blocks[k], sizes[k]);
            given -= hl_slab_usable(sizes[k]);
            blocks[k] = NULL;
        } else {
            blocks[k] = hl_slab_alloc(&s, n);
            assert_non_null(blocks[k]);
            given += hl_slab_usable(sizes[k] = n);
        }
        size_t extra = s.bytes - s.unused - given; /* heads of the chunks, and their alignment */
        assert_true(extra >= overhead && extra <= s.bytes / 32);
        overhead = extra;
    }
    for (int k = 0; k < N; k++) hl_slab_free(&s, blocks[k], sizes[k]);
    assert_int_equal(s.bytes - s.unused, overhead);
}

static unsigned long allocations_left;

static void *limited(size_t n)
{
    if (allocations_left == 0) return NULL;
    allocations_left--;
    return malloc(n);
}

static void refused_memory_is_null_and_what_is_there_goes_on_working(void **state)
{
    (void)state;
    hl_slab_system_alloc = limited;
    allocations_left = 1;
    unsigned char *first = hl_slab_alloc(&s, 64);
    assert_non_null(first);
    memset(first, 1, 64);
    unsigned n = 0;
    while (hl_slab_alloc(&s, 64)) n++;
    assert_true(n > 10);
    assert_null(hl_slab_alloc(&s, 64));
    assert_null(hl_slab_alloc(&s, 100000));
    hl_slab_free(&s, first, 64);
    assert_ptr_equal(hl_slab_alloc(&s, 64), first);
    allocations_left = 1;
    assert_non_null(hl_slab_alloc(&s, 64));
}

static void a_large_block_goes_back_to_the_system(void **state)
{
    (void)state;
    size_t before = s.bytes;
    char *p = hl_slab_alloc(&s, 65537);
    assert_non_null(p);
    assert_true(s.bytes >= before + 65537);
    memset(p, 1, 65537);
    hl_slab_free(&s, p, 65537);
    assert_int_equal(s.bytes, before);
    assert_null(hl_slab_alloc(&s, SIZE_MAX));
    assert_null(hl_slab_alloc(&s, SIZE_MAX / 2));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(usable_covers_the_request_and_wastes_less_than_half),
        TEST(every_size_is_aligned_and_can_be_filled),
        TEST(whole_lines_stay_aligned_among_odd_sizes_without_gaps),
        TEST(what_a_chunk_has_left_is_used),
        TEST(a_freed_block_is_used_again),
        TEST(little_of_a_grown_slab_is_unused),
        TEST(what_is_in_no_block_is_known),
        TEST(refused_memory_is_null_and_what_is_there_goes_on_working),
        TEST(a_large_block_goes_back_to_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
