/* Names of contacts in the hashes of Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/redis/field.h"

static void assert_field(struct hl_slice id, struct hl_slice want)
{
    char room[80], text[HL_REDIS_UUID_TEXT];
    assert_true(hl_redis_field_room(id) <= sizeof room);
    struct hl_slice field = hl_redis_field(id, room);
    assert_true(hl_slice_eq(field, want));
    assert_true(field.len <= hl_redis_field_room(id));
    assert_true(hl_slice_eq(hl_redis_field_id(field, text), id));
}

static void an_uuid_takes_17_bytes(void **state)
{
    (void)state;
    assert_field(HL_SLICE_LIT("3f0b6c1e-7d52-4f39-9f0e-0d6c8a5f4b21"),
                 (struct hl_slice){"\1\x3f\x0b\x6c\x1e\x7d\x52\x4f\x39\x9f\x0e\x0d\x6c\x8a\x5f\x4b\x21", 17});
    assert_field(HL_SLICE_LIT("00000000-0000-0000-0000-000000000000"), (struct hl_slice){"\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17});
    assert_field(HL_SLICE_LIT("ffffffff-ffff-ffff-ffff-ffffffffffff"),
                 (struct hl_slice){"\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 17});
}

/* What would not come back letter by letter. */
static void any_other_id_stays_as_it_is(void **state)
{
    static const char *const ids[] = {
        "", "ann", "3F0B6C1E-7D52-4F39-9F0E-0D6C8A5F4B21", "3f0b6c1e-7d52-4f39-9f0e-0d6c8a5f4b2g", "3f0b6c1e-7d52-4f39-9f0e-0d6c8a5f4b2",
        "3f0b6c1e-7d52-4f39-9f0e-0d6c8a5f4b211", "3f0b6c1e_7d52-4f39-9f0e-0d6c8a5f4b21", "3f0b6c1e7d524f399f0e0d6c8a5f4b21", "{3f0b6c1e-7d52-4f39-9f0e-0d6c8a5f4}",
        "3f0b6c1e-7d52-4f39-9f0e-0d6c8a5f4b\xc3\xa4", "-f0b6c1e-7d52-4f39-9f0e-0d6c8a5f4b21",
    };
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) assert_field(hl_slice_of(ids[i]), hl_slice_of(ids[i]));
}

static void what_looks_packed_is_told_apart(void **state)
{
    (void)state;
    assert_field((struct hl_slice){"\1aaaaaaaaaaaaaaaa", 17}, (struct hl_slice){"\2\1aaaaaaaaaaaaaaaa", 18});
    assert_field(HL_SLICE_LIT("\1"), HL_SLICE_LIT("\2\1"));
    assert_field(HL_SLICE_LIT("\2"), HL_SLICE_LIT("\2\2"));
    assert_field(HL_SLICE_LIT("\2\1"), HL_SLICE_LIT("\2\2\1"));
    assert_field((struct hl_slice){"\0grave", 6}, (struct hl_slice){"\0grave", 6});
}

/* As somebody else may have left it. */
static void a_field_of_another_length_is_an_id(void **state)
{
    char text[HL_REDIS_UUID_TEXT];
    (void)state;
    struct hl_slice odd = {"\1abc", 4};
    assert_true(hl_slice_eq(hl_redis_field_id(odd, text), odd));
    assert_int_equal(hl_redis_field_id(HL_SLICE_LIT("\2"), text).len, 0);
    assert_int_equal(hl_redis_field_id(HL_SLICE_LIT(""), text).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_uuid_takes_17_bytes),
        cmocka_unit_test(any_other_id_stays_as_it_is),
        cmocka_unit_test(what_looks_packed_is_told_apart),
        cmocka_unit_test(a_field_of_another_length_is_an_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
