/* Globs against a naive recursive reference. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"

static bool naive(const char *glob, const char *value)
{
    if (*glob == '\0') return *value == '\0';
    if (*glob == '*') return naive(glob + 1, value) || (*value && naive(glob, value + 1));
    return *value && (*glob == '?' || *glob == *value) && naive(glob + 1, value + 1);
}

static void globs_agree_with_the_naive_reference(void **state)
{
    uint64_t seed = fx_seed(), r = seed;
    (void)state;
    for (int i = 0; i < 300000; i++) {
        char glob[9] = "", value[11] = "";
        size_t n_glob = fx_random(&r) % 9, n_value = fx_random(&r) % 11;
        for (size_t k = 0; k < n_glob; k++) glob[k] = "ab/*?*"[fx_random(&r) % 6];
        for (size_t k = 0; k < n_value; k++) value[k] = "ab/"[fx_random(&r) % 3];
        if (hl_glob_match(glob, hl_slice_of(value)) != naive(glob, value))
            fail_msg("HL_SEED=%llu: \"%s\" on \"%s\"", (unsigned long long)seed, glob, value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(globs_agree_with_the_naive_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
