/* Globs against a naive recursive reference. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"

static const char *next_character(const char *p)
{
    size_t n = 1;
    while ((unsigned char)*p >= 0xc0 && n < 4 && ((unsigned char)p[n] & 0xc0) == 0x80) n++;
    return p + n;
}

static bool naive(const char *glob, const char *value)
{
    if (*glob == '\0') return *value == '\0';
    if (*glob == '*') return naive(glob + 1, value) || (*value && naive(glob, next_character(value)));
    if (*glob == '?') return *value && naive(glob + 1, next_character(value));
    return *glob == *value && naive(glob + 1, value + 1);
}

static void globs_agree_with_the_naive_reference(void **state)
{
    static const char *const in_glob[] = {"a", "b", "/", "*", "?", "*", "\xc3\xa9"};
    static const char *const in_value[] = {"a", "b", "/", "\xc3\xa9", "\xc3", "\xa9"}; /* and halves of a character */
    uint64_t seed = fx_seed(), r = seed;
    (void)state;
    for (int i = 0; i < 300000; i++) {
        char glob[18] = "", value[22] = "";
        for (size_t n = fx_random(&r) % 9; n > 0; n--) strcat(glob, in_glob[fx_random(&r) % HL_ARRAY_LEN(in_glob)]);
        for (size_t n = fx_random(&r) % 11; n > 0; n--) strcat(value, in_value[fx_random(&r) % (i % 2 ? 3 : HL_ARRAY_LEN(in_value))]);
        if (hl_glob_match(glob, hl_slice_of(value)) != naive(glob, value))
            fail_msg("HL_SEED=%llu: \"%s\" on \"%s\"", (unsigned long long)seed, glob, value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(globs_agree_with_the_naive_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
