/* What a regular expression needs of a value, against PCRE2: a value that matches has all of it. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"
#include "hotlead/adapter/regex.h"

static struct hl_matcher compile(const char *pattern)
{
    struct hl_matcher m;
    struct hl_error err;
    if (hl_regex_compile(pattern, &m, &err) != HL_OK) fail_msg("%s: %s", pattern, err.message);
    return m;
}

static uint64_t bits(const char *s)
{
    return hl_pair_bits(hl_slice_of(s));
}

static void literals_side_by_side_are_needed(void **state)
{
    const struct {
        const char *pattern, *first, *second;
    } cases[] = {
        {"(?i)\\bWord17\\b", "word17", ""},   {"colou?r", "colo", ""},     {"ab+cd", "ab", "cd"},          {"ab{0,2}cd", "a", "cd"},
        {"x(ab|cd)yz", "yz", ""},             {"[abc]def$", "def", ""},    {"a\\.b", "a.b", ""},           {"^https?:(a.)*pq\\.", "http", "pq."},
        {"(?:(x[)]))ab", "ab", ""},           {"[]ab]cd", "cd", ""},       {"(?<=ab)cd(?!ef)", "cd", ""},  {"ab\xc3\xa9""cd", "ab", "cd"},
        {"ab*?cd", "cd", ""},                 {"ab\\d+cd", "ab", "cd"},    {"(?i:ab)cd", "cd", ""},        {"a", "", ""},
        /* given up */
        {"ab|cd", "", ""},                    {"(?x) ab cd", "", ""},      {"\\Qab+\\E", "", ""},          {"(?#ab)cd", "", ""},          {"(?ix)ab cd", "", ""},
        {"(?<n>a)bc", "", ""},                {"(*UCP)ab", "", ""},        {"ab\\x41", "", ""},            {"(a)\\1bc", "", ""},
        {"((\\Q)\\E)ab)?cd", "", ""},
        {"(?|(a)|(b))cd", "", ""},            {"ab{x}cd", "", ""},         {"[[:alpha:]]cd", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) {
        struct hl_matcher m = compile(cases[i].pattern);
        if (m.needs != (bits(cases[i].first) | bits(cases[i].second))) fail_msg("%s", cases[i].pattern);
        m.free(m.state);
    }
}

/* The 65th literal stands in a run of its own; taking one back must not leave it in the run before. */
static void a_long_run_of_literals_is_needed_whole(void **state)
{
    char pattern[80];
    (void)state;
    for (size_t n = 60; n < 70; n++) {
        memset(pattern, 'a', n - 1);
        snprintf(pattern + n - 1, 4, "b?c");
        struct hl_matcher m = compile(pattern);
        assert_int_equal(m.needs, bits("aa"));
        m.free(m.state);
    }
}

static void pairs_are_those_of_the_text_in_whatever_case(void **state)
{
    (void)state;
    assert_int_equal(bits(""), 0);
    assert_int_equal(bits("a"), 0);
    assert_int_equal(bits("aB"), bits("Ab"));
    assert_int_not_equal(bits("ab"), bits("ba"));
    assert_int_equal(bits("xaby") & bits("ab"), bits("ab"));
    assert_int_equal(bits("a\xc3\xa9"), UINT64_MAX); /* no pair is ruled out */
}

static void a_value_that_matches_has_all_that_is_needed(void **state)
{
    static const char *const parts[] = {"a", "b", "s", "k", "ab", "abk", "sab", "A", "\xc3\xa9", ".", "^", "$", "|", "(", "(", ")", ")", "(?:", "(?i)", "(?=",
                                        "(?!", "(?i:", "(?<=", "[", "]", "[^", "-", "*", "+", "?", "{", "}", "{0,1}", "{2}", ",", "1", "\\b",
                                        "\\.", "\\(", "\\d", "\\\\", "\\Q", "\\E", "#", "(?x)", " "};
    static const char *const letters[] = {"a", "b", "s", "k", "ab", "abk", "sab", "A", "S", "\xc3\xa9", "\xe2\x84\xaa", "\xc5\xbf", ".", "(", "1", "-", "{", "}", ",", " ", "#", "\\"};
    uint64_t seed = fx_seed(), r = seed;
    unsigned compiled = 0, telling = 0;
    (void)state;
    for (int i = 0; i < 120000; i++) {
        char pattern[64] = "", value[64];
        struct hl_matcher m;
        struct hl_error err;
        for (size_t n = 1 + fx_random(&r) % 8; n > 0; n--) strcat(pattern, parts[fx_random(&r) % HL_ARRAY_LEN(parts)]);
        if (hl_regex_compile(pattern, &m, &err) != HL_OK) continue;
        compiled++;
        for (int k = 0; k < 12; k++) {
            value[0] = '\0';
            for (size_t n = fx_random(&r) % 10; n > 0; n--) strcat(value, letters[fx_random(&r) % HL_ARRAY_LEN(letters)]);
            if (!m.match(m.state, hl_slice_of(value))) continue;
            telling += m.needs != 0;
            if (m.needs & ~bits(value)) fail_msg("HL_SEED=%llu: \"%s\" matches \"%s\"", (unsigned long long)seed, pattern, value);
        }
        m.free(m.state);
    }
    assert_true(compiled > 10000 && telling > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_side_by_side_are_needed),
        cmocka_unit_test(a_long_run_of_literals_is_needed_whole),
        cmocka_unit_test(pairs_are_those_of_the_text_in_whatever_case),
        cmocka_unit_test(a_value_that_matches_has_all_that_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
