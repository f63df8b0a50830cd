#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hotlead/base/arena.h"

static void pieces_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    struct hl_arena a;
    hl_arena_init(&a, 1 << 20);
    enum { N = 3000 };
    unsigned char *pieces[N];
    for (size_t i = 0; i < N; i++) {
        pieces[i] = hl_arena_alloc(&a, i % 97);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i & 0xff), i % 97);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < i % 97; k++) assert_int_equal(pieces[i][k], i & 0xff);
    hl_arena_fini(&a);
}

static void zero_bytes_are_not_an_error(void **state)
{
    (void)state;
    struct hl_arena a;
    hl_arena_init(&a, 1 << 20);
    void *p = hl_arena_alloc(&a, 0), *q = hl_arena_alloc(&a, 0);
    assert_non_null(p);
    assert_non_null(q);
    assert_ptr_not_equal(p, q);
    hl_arena_fini(&a);
}

static void a_steady_batch_settles_in_one_chunk(void **state)
{
    (void)state;
    struct hl_arena a;
    hl_arena_init(&a, 1 << 20);
    void *first = NULL;
    for (int batch = 0; batch < 6; batch++) {
        for (int i = 0; i < 200; i++) {
            void *p = hl_arena_alloc(&a, 1000);
            if (i > 0) continue;
            if (batch == 4) first = p;
            if (batch == 5) assert_ptr_equal(p, first);
        }
        hl_arena_reset(&a);
    }
    hl_arena_fini(&a);
}

static void memory_beyond_the_kept_bytes_goes_back_at_reset(void **state)
{
    (void)state;
    struct hl_arena a;
    hl_arena_init(&a, 64 * 1024);
    assert_non_null(hl_arena_alloc(&a, 1000));
    assert_non_null(hl_arena_alloc(&a, 1 << 20));
    hl_arena_reset(&a);
    assert_non_null(a.chunk);
    assert_true((size_t)(a.end - a.p) <= 64 * 1024);
    hl_arena_fini(&a);
    assert_null(a.chunk);
    hl_arena_init(&a, 0);
    assert_non_null(hl_arena_alloc(&a, 100));
    hl_arena_reset(&a);
    assert_null(a.chunk);
    hl_arena_fini(&a);
}

static void a_copy_is_the_same_bytes_with_a_nul_behind(void **state)
{
    (void)state;
    struct hl_arena a;
    hl_arena_init(&a, 4096);
    struct hl_slice s = hl_arena_copy(&a, (struct hl_slice){"a\0b", 3});
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.data, "a\0b", 4);
    s = hl_arena_copy(&a, HL_SLICE_NULL);
    assert_false(hl_slice_is_null(s));
    assert_int_equal(s.data[0], 0);
    hl_arena_fini(&a);
}

static void an_impossible_request_is_null_and_harmless(void **state)
{
    (void)state;
    struct hl_arena a;
    hl_arena_init(&a, 4096);
    assert_null(hl_arena_alloc(&a, (size_t)PTRDIFF_MAX));
    assert_non_null(hl_arena_alloc(&a, 10));
    assert_null(hl_arena_alloc(&a, (size_t)PTRDIFF_MAX));
    assert_non_null(hl_arena_alloc(&a, 10));
    hl_arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),    cmocka_unit_test(zero_bytes_are_not_an_error),
        cmocka_unit_test(a_steady_batch_settles_in_one_chunk),      cmocka_unit_test(memory_beyond_the_kept_bytes_goes_back_at_reset),
        cmocka_unit_test(a_copy_is_the_same_bytes_with_a_nul_behind), cmocka_unit_test(an_impossible_request_is_null_and_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
