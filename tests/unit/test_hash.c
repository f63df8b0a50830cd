#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hotlead/base/hash.h"

static void murmur2_equals_the_java_client(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int32_t hash; /* org.apache.kafka.common.utils.UtilsTest */
    } cases[] = {{"21", -973932308}, {"foobar", -790332482}, {"a-little-bit-long-string", -985981536},
                 {"a-little-bit-longer-string", -1486304829}, {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                 {"abc", 479470107}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal((int32_t)hl_murmur2(hl_slice_of(cases[i].key)), cases[i].hash);
}

static void a_partition_is_the_positive_hash_modulo_the_count(void **state)
{
    (void)state;
    assert_int_equal(hl_partition_of(HL_SLICE_LIT("abc"), 8), 479470107 % 8);
    assert_int_equal(hl_partition_of(HL_SLICE_LIT("21"), 12), (int32_t)((uint32_t)-973932308 & 0x7fffffff) % 12);
    for (int32_t n = 1; n < 50; n++) assert_in_range(hl_partition_of(HL_SLICE_LIT("foobar"), n), 0, n - 1);
    assert_int_equal(hl_partition_of(HL_SLICE_NULL, 1), 0);
}

static void name_hash_equals_the_published_vectors(void **state)
{
    (void)state;
    assert_int_equal(hl_name_hash(HL_SLICE_LIT("")), 0x811c9dc5);
    assert_int_equal(hl_name_hash(HL_SLICE_LIT("a")), 0xe40c292c);
    assert_int_equal(hl_name_hash(HL_SLICE_LIT("foobar")), 0xbf9cf968);
}

static void hash64_is_the_unseeded_xxh3(void **state)
{
    (void)state;
    assert_true(hl_hash64(HL_SLICE_LIT("")) == UINT64_C(0x2d06800538d394c2)); /* the empty input's published value */
    assert_true(hl_hash64(HL_SLICE_NULL) == hl_hash64(HL_SLICE_LIT("")));
    assert_true(hl_hash64(HL_SLICE_LIT("contact-1")) != hl_hash64(HL_SLICE_LIT("contact-2")));
}

static void hash64_spreads_like_keys_over_high_and_low_bits(void **state)
{
    (void)state;
    enum { N = 64 * 256 };
    unsigned high[64] = {0}, low[64] = {0};
    for (uint32_t i = 0; i < N; i++) {
        uint64_t h = hl_hash64((struct hl_slice){(char *)&i, sizeof i});
        high[h >> 58]++;
        low[h & 63]++;
    }
    for (int i = 0; i < 64; i++) { /* mean 256, standard deviation 16: eight of them */
        assert_in_range(high[i], 128, 384);
        assert_in_range(low[i], 128, 384);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(murmur2_equals_the_java_client),
        cmocka_unit_test(a_partition_is_the_positive_hash_modulo_the_count),
        cmocka_unit_test(name_hash_equals_the_published_vectors),
        cmocka_unit_test(hash64_is_the_unseeded_xxh3),
        cmocka_unit_test(hash64_spreads_like_keys_over_high_and_low_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
