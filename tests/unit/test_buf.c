#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "hotlead/base/buf.h"

static struct hl_slice bytes(const struct hl_buf *b)
{
    return hl_buf_slice(b);
}

static void longs_have_the_bytes_of_the_avro_specification(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *wire;
        size_t len;
    } cases[] = {{0, "\0", 1}, {-1, "\1", 1}, {1, "\2", 1}, {-2, "\3", 1}, {2, "\4", 1}, {-64, "\x7f", 1}, {64, "\x80\1", 2},
                 {INT64_MAX, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", 10}, {INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hl_buf b = {0};
        hl_buf_put_long(&b, cases[i].value);
        assert_int_equal(b.len, cases[i].len);
        assert_memory_equal(b.data, cases[i].wire, b.len);
        struct hl_reader r = hl_reader_of(bytes(&b));
        assert_true(hl_reader_long(&r) == cases[i].value);
        assert_false(r.failed);
        hl_buf_fini(&b);
    }
}

static void everything_put_is_read_back(void **state)
{
    (void)state;
    struct hl_buf b;
    hl_buf_init(&b);
    hl_buf_put_u8(&b, 0xab);
    hl_buf_put_u32be(&b, 0x01020304);
    hl_buf_put_u64le(&b, 0x1122334455667788);
    hl_buf_put_varint(&b, UINT64_MAX);
    hl_buf_put_double(&b, 1.5);
    hl_buf_put_bytes(&b, HL_SLICE_LIT("hello"));
    hl_buf_put_bytes(&b, HL_SLICE_NULL);
    assert_memory_equal(b.data + 1, "\1\2\3\4\x88", 5);
    struct hl_reader r = hl_reader_of(bytes(&b));
    assert_int_equal(hl_reader_u8(&r), 0xab);
    assert_int_equal(hl_reader_u32be(&r), 0x01020304);
    assert_true(hl_reader_u64le(&r) == 0x1122334455667788);
    assert_true(hl_reader_varint(&r) == UINT64_MAX);
    assert_true(hl_reader_u64le(&r) == 0x3ff8000000000000);
    assert_true(hl_slice_eq(hl_reader_bytes(&r), HL_SLICE_LIT("hello")));
    assert_int_equal(hl_reader_bytes(&r).len, 0);
    assert_false(r.failed);
    assert_ptr_equal(r.p, r.end);
    hl_buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_true(b.cap > 0);
    hl_buf_fini(&b);
}

static void random_longs_survive_the_round_trip(void **state)
{
    (void)state;
    uint64_t x = 1;
    struct hl_buf b = {0};
    for (int i = 0; i < 20000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        hl_buf_put_long(&b, (int64_t)(x >> (x >> 58)));
    }
    struct hl_reader r = hl_reader_of(bytes(&b));
    x = 1;
    for (int i = 0; i < 20000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        assert_true(hl_reader_long(&r) == (int64_t)(x >> (x >> 58)));
    }
    assert_false(r.failed);
    assert_ptr_equal(r.p, r.end);
    hl_buf_fini(&b);
}

static void formatted_text_grows_the_buffer_and_leaves_no_nul(void **state)
{
    (void)state;
    struct hl_buf b = {0};
    for (int i = 0; i < 1000; i++) hl_buf_printf(&b, "%04d", i);
    assert_int_equal(b.len, 4000);
    assert_memory_equal(b.data, "000000010002", 12);
    assert_memory_equal(b.data + 3996, "0999", 4);
    assert_null(memchr(b.data, 0, b.len));
    hl_buf_fini(&b);
}

static void a_reader_past_its_end_fails_and_stays_failed(void **state)
{
    (void)state;
    struct hl_reader r = hl_reader_of(HL_SLICE_LIT("\1\2\3"));
    assert_int_equal(hl_reader_u32be(&r), 0);
    assert_true(r.failed);
    assert_int_equal(hl_reader_u8(&r), 0);
    assert_true(hl_slice_is_null(hl_reader_take(&r, 0)));
    r = hl_reader_of(HL_SLICE_NULL);
    assert_false(hl_slice_is_null(hl_reader_take(&r, 0)));
    assert_false(r.failed);
    assert_true(hl_reader_long(&r) == 0);
    assert_true(r.failed);
}

static void malformed_lengths_and_varints_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct hl_slice wire;
    } cases[] = {
        {"length -1", {"\1", 1}},
        {"length beyond the end", {"\x08" "abc", 4}},
        {"largest length", {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1" "abc", 13}},
        {"smallest length", {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\1" "abc", 13}},
        {"varint cut off", {"\x80\x80", 2}},
        {"eleven bytes", {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\1", 11}},
        {"bit 64", {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\2", 10}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hl_reader r = hl_reader_of(cases[i].wire);
        struct hl_slice s = hl_reader_bytes(&r);
        if (!r.failed || !hl_slice_is_null(s)) fail_msg("%s was taken", cases[i].name);
    }
}

static void a_failed_buffer_ignores_what_follows_until_cleared(void **state)
{
    (void)state;
    struct hl_buf b = {0};
    hl_buf_put_u8(&b, 1);
    b.failed = true;
    hl_buf_put_u8(&b, 2);
    hl_buf_put_varint(&b, 300);
    hl_buf_printf(&b, "text");
    assert_int_equal(b.len, 1);
    hl_buf_clear(&b);
    hl_buf_put_u8(&b, 3);
    assert_int_equal(b.len, 1);
    assert_int_equal(b.data[0], 3);
    volatile size_t too_much = SIZE_MAX; /* not for the compiler to see */
    hl_buf_put(&b, "", too_much); /* more than can be: fails before it copies */
    assert_true(b.failed);
    hl_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longs_have_the_bytes_of_the_avro_specification),
        cmocka_unit_test(everything_put_is_read_back),
        cmocka_unit_test(random_longs_survive_the_round_trip),
        cmocka_unit_test(formatted_text_grows_the_buffer_and_leaves_no_nul),
        cmocka_unit_test(a_reader_past_its_end_fails_and_stays_failed),
        cmocka_unit_test(malformed_lengths_and_varints_are_refused),
        cmocka_unit_test(a_failed_buffer_ignores_what_follows_until_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
