/* Globs, paths of urls, conditions, matching of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hotlead/base/status.h"
#include "hotlead/core/model.h"

static void globs_match_the_whole_string(void **state)
{
    (void)state;
    const struct {
        const char *glob, *value;
        bool holds;
    } cases[] = {
        {"/pricing*", "/pricing", true},     {"/pricing*", "/pricing/eu/2", true}, {"/pricing*", "/en/pricing", false},
        {"/pricing", "/Pricing", false},     {"*", "", true},                      {"", "", true},
        {"", "a", false},                    {"?", "", false},                     {"?", "a", true},
        {"a?c", "abc", true},                {"a?c", "ac", false},                 {"*.pdf", "a/b.pdf", true},
        {"*.pdf", "a.pdf.exe", false},       {"**a**b**", "xxaxxbxx", true},       {"*ab*ab*", "ab", false},
        {"*ab", "aab", true},                {"a*b*c", "abbc", true},              {"a*b*c", "abb", false},
        {"?", "\xc3\xa9", true},             {"??", "\xc3\xa9", false},            {"*?x", "\xe2\x82\xacx", true},
        {"[ab]", "[ab]", true},              {"[ab]", "a", false},                 {"\\*", "\\zz", true},
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++)
        if (hl_glob_match(cases[i].glob, hl_slice_of(cases[i].value)) != cases[i].holds)
            fail_msg("\"%s\" on \"%s\"", cases[i].glob, cases[i].value);
    assert_false(hl_glob_match("*", HL_SLICE_NULL));
}

static void a_hostile_glob_costs_at_most_the_product_of_the_lengths(void **state)
{
    (void)state;
    static char value[20000];
    memset(value, 'a', sizeof value);
    assert_false(hl_glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", (struct hl_slice){value, sizeof value}));
}

static void paths_are_cut_out_of_urls(void **state)
{
    (void)state;
    const struct {
        const char *url, *path;
    } cases[] = {
        {"/pricing", "/pricing"},
        {"/pricing?plan=a#top", "/pricing"},
        {"/a#b?c", "/a"},
        {"https://www.example.com/a/b?c=/d", "/a/b"},
        {"https://www.example.com", "/"},
        {"https://www.example.com?q=1", "/"},
        {"https://www.example.com#x/y", "/"},
        {"HTTP://EXAMPLE.com:8080/X", "/X"},
        {"app+v1.2://screen/home", "/home"},
        {"pricing", NULL},
        {"www.example.com/a", NULL},
        {"mailto:a@b.example", NULL},
        {"://x/y", NULL},
        {"1a://x/y", NULL},
        {"?a", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) {
        struct hl_slice path = hl_url_path(hl_slice_of(cases[i].url));
        if (cases[i].path ? !hl_slice_eq_cstr(path, cases[i].path) || !path.data : path.data != NULL)
            fail_msg("%s gave %.*s", cases[i].url, HL_SLICE_ARG(path));
    }
    assert_true(hl_slice_is_null(hl_url_path(HL_SLICE_NULL)));
}

static bool holds(struct hl_condition c, const char *value)
{
    return hl_condition_holds(&c, hl_slice_of(value));
}

static void texts_compare_trimmed_and_without_case(void **state)
{
    (void)state;
    char us[] = " US ", ca[] = "ca";
    char *list[] = {us, ca};
    struct hl_condition in = {.in = list, .n_in = 2, .exists = -1}, not_in = {.not_in = list, .n_not_in = 2, .exists = -1};
    assert_true(holds(in, "us"));
    assert_true(holds(in, "\tCA\n"));
    assert_false(holds(in, "usa"));
    assert_false(holds(in, NULL));
    assert_false(holds(not_in, " Us"));
    assert_true(holds(not_in, "fr"));
    assert_false(holds(not_in, NULL)); /* missing is false, also for not_in */
    assert_false(holds(not_in, ""));   /* empty is missing */
    struct hl_condition equals = {.equals = ca, .exists = -1};
    assert_true(holds(equals, " CA"));
    assert_false(holds(equals, "c a"));
}

static void numbers_include_both_ends(void **state)
{
    (void)state;
    struct hl_condition between = {.exists = -1, .has_at_least = true, .has_at_most = true, .at_least = HL_FIXED_OF_INT(50),
                                   .at_most = HL_FIXED_OF_INT(1000)};
    assert_true(holds(between, "50"));
    assert_true(holds(between, " 1000 "));
    assert_false(holds(between, "49.99999"));
    assert_false(holds(between, "1000.0001"));
    assert_false(holds(between, "1e2"));
    assert_false(holds(between, "many"));
    assert_false(holds(between, NULL));
}

static void existence_is_asked_with_the_rest(void **state)
{
    (void)state;
    char a[] = "a";
    char *list[] = {a};
    assert_true(holds((struct hl_condition){.exists = 1}, "x"));
    assert_false(holds((struct hl_condition){.exists = 1}, NULL));
    assert_true(holds((struct hl_condition){.exists = 0}, NULL));
    assert_true(holds((struct hl_condition){.exists = 0}, ""));
    assert_false(holds((struct hl_condition){.exists = 0}, "x"));
    assert_false(holds((struct hl_condition){.exists = 0, .in = list, .n_in = 1}, NULL));
    assert_false(holds((struct hl_condition){.exists = 1, .in = list, .n_in = 1, .equals = (char[]){"b"}}, "a"));
}

static bool contains_blank(const void *state, struct hl_slice value)
{
    (void)state;
    return value.len && memchr(value.data, ' ', value.len);
}

static void a_pattern_sees_the_raw_value(void **state)
{
    (void)state;
    struct hl_condition c = {.exists = -1, .pattern = (char[]){" "}, .matches = {NULL, contains_blank, NULL}};
    assert_true(holds(c, "x "));
    assert_false(holds(c, "x"));
    assert_false(holds(c, NULL));
}

static void an_event_matches_if_all_parts_do(void **state)
{
    (void)state;
    char path[] = "/pricing*", asset[] = "ebook/*", form[] = "demo", star[] = "*", eu[] = "eu", region[] = "region";
    char *forms[] = {form};
    struct hl_condition where = {.attribute = region, .equals = eu, .exists = -1};
    const struct hl_kv kv = {HL_SLICE_LIT("region"), HL_SLICE_LIT("EU")};
    struct hl_event full = {.type = HL_EVENT_PAGE_VIEWED, .url = HL_SLICE_LIT("https://x.example/pricing/a?b"),
                            .asset = HL_SLICE_LIT("ebook/1"), .form = HL_SLICE_LIT("demo"), .campaign = HL_SLICE_LIT("spring"),
                            .source = HL_SLICE_LIT("mail"), .attributes = &kv, .n_attributes = 1};
    struct hl_event_match match = {.types = UINT64_C(1) << HL_EVENT_PAGE_VIEWED, .path = path, .asset = asset, .campaign = star,
                                   .source = star, .forms = forms, .n_forms = 1, .where = &where, .n_where = 1};
    assert_true(hl_event_match_holds(&match, &full));
    struct hl_event ev;
#define ASSERT_FAILS_WITH(change)                                                                                    \
    do {                                                                                                             \
        ev = full;                                                                                                   \
        change;                                                                                                      \
        assert_false(hl_event_match_holds(&match, &ev));                                                             \
    } while (0)
    ASSERT_FAILS_WITH(ev.type = HL_EVENT_LINK_CLICKED);
    ASSERT_FAILS_WITH(ev.type = HL_EVENT_UNKNOWN);
    ASSERT_FAILS_WITH(ev.url = HL_SLICE_LIT("pricing"));
    ASSERT_FAILS_WITH(ev.url = HL_SLICE_NULL);
    ASSERT_FAILS_WITH(ev.asset = HL_SLICE_NULL);
    ASSERT_FAILS_WITH(ev.campaign = HL_SLICE_NULL); /* a missing value matches nothing, not even * */
    ASSERT_FAILS_WITH(ev.source = HL_SLICE_NULL);
    ASSERT_FAILS_WITH(ev.form = HL_SLICE_LIT("Demo"));
    ASSERT_FAILS_WITH(ev.form = HL_SLICE_NULL);
    ASSERT_FAILS_WITH(ev.n_attributes = 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(globs_match_the_whole_string),
        cmocka_unit_test(a_hostile_glob_costs_at_most_the_product_of_the_lengths),
        cmocka_unit_test(paths_are_cut_out_of_urls),
        cmocka_unit_test(texts_compare_trimmed_and_without_case),
        cmocka_unit_test(numbers_include_both_ends),
        cmocka_unit_test(existence_is_asked_with_the_rest),
        cmocka_unit_test(a_pattern_sees_the_raw_value),
        cmocka_unit_test(an_event_matches_if_all_parts_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
