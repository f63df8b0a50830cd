/* A model of 1,000 rules, 300 with globs and 300 with regular expressions, loads and scores right. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"
#include "hotlead/app/model_file.h"

#define RULES 1000

static void print_rule(FILE *out, int i)
{
    fprintf(out, "    - {name: rule-%d, points: %d, on: %s, ", i, i + 1, i % 10 == 7 ? "form_submitted" : "page_viewed");
    switch (i % 10) {
    case 0: case 1: case 2: fprintf(out, "path: \"/section-%d/*\"}\n", i); break;
    case 3: case 4: case 5: fprintf(out, "where: {attribute: title, matches: \"(?i)\\\\bword-%d\\\\b\"}}\n", i); break;
    case 6: fprintf(out, "campaign: \"*-%d\"}\n", i); break;
    case 7: fprintf(out, "form: [form-%d, other-%d]}\n", i, i); break;
    case 8: fprintf(out, "source: source-%d}\n", i); break;
    default: fprintf(out, "path: /page-%d, where: [{attribute: title, equals: Word}, {attribute: plan, exists: false}]}\n", i);
    }
}

static struct hl_model *load(void)
{
    char *text;
    size_t len;
    struct hl_model *m;
    struct hl_error err;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    fputs("model: many\nversion: \"1\"\nfit: {must_have: []}\nbehavior:\n  rules:\n", out);
    for (int i = 0; i < RULES; i++) print_rule(out, i);
    fputs("thresholds: {mql: {enter: 60}}\n", out);
    assert_int_equal(fclose(out), 0);
    if (hl_model_load_text("many.yaml", (struct hl_slice){text, len}, &m, NULL, &err) != HL_OK) fail_msg("%s", err.message);
    free(text);
    assert_int_equal(m->n_rules, RULES);
    return m;
}

/* The points of a new contact after this event, at most one of each kind of rule. */
static hl_fixed score(const struct hl_model *m, struct hl_match_cache *k, struct hl_event ev)
{
    struct hl_slab slab;
    struct hl_contact c;
    struct hl_outcome out;
    hl_slab_init(&slab);
    assert_int_equal(hl_contact_init(&c, &slab, 1, HL_SLICE_LIT("c"), 0), HL_OK);
    ev.event_id = HL_SLICE_LIT("e");
    ev.contact_id = HL_SLICE_LIT("c");
    ev.occurred_at = FX_T0;
    assert_int_equal(hl_apply(&c, &slab, m, k, &ev, HL_APPLY_LIVE, &out), HL_OK);
    hl_fixed total = hl_score_at(&c, m, FX_T0).total;
    hl_contact_fini(&c, &slab);
    hl_slab_fini(&slab);
    return total;
}

static struct hl_slice print(char *to, const char *format, int i)
{
    return (struct hl_slice){to, (size_t)sprintf(to, format, i)};
}

static void each_of_1000_rules_scores_for_its_event(struct hl_model *m, struct hl_match_cache *k)
{
    char text[64];
    for (int i = 0; i < RULES; i++) {
        struct hl_event ev = {.type = i % 10 == 7 ? HL_EVENT_FORM_SUBMITTED : HL_EVENT_PAGE_VIEWED};
        struct hl_kv title = {HL_SLICE_LIT("title"), HL_SLICE_LIT(" word ")};
        ev.attributes = &title;
        ev.n_attributes = 1;
        switch (i % 10) {
        case 0: case 1: case 2: ev.url = print(text, "https://x.example/section-%d/a?b", i); break;
        case 3: case 4: case 5: title.value = print(text, "A WORD-%d here", i); break;
        case 6: ev.campaign = print(text, "spring-%d", i); break;
        case 7: ev.form = print(text, "other-%d", i); break;
        case 8: ev.source = print(text, "source-%d", i); break;
        default: ev.url = print(text, "/page-%d", i);
        }
        hl_fixed expected = FX_POINTS(i + 1);
        if (score(m, k, ev) != expected) fail_msg("rule-%d: %s", i, text);
        ev.type = HL_EVENT_EMAIL_OPENED; /* no rule asks for that */
        assert_int_equal(score(m, k, ev), 0);
    }
}

static void a_model_of_1000_rules_loads_and_scores_right(void **state)
{
    (void)state;
    struct hl_model *m = load();
    struct hl_match_cache *k = hl_match_cache_new(m, HL_MATCH_CACHE_BYTES);
    assert_non_null(k);
    each_of_1000_rules_scores_for_its_event(m, k);
    each_of_1000_rules_scores_for_its_event(m, k); /* out of the cache */
    each_of_1000_rules_scores_for_its_event(m, NULL);
    hl_match_cache_free(k);
    hl_model_free(m);
}

static void an_event_scores_under_every_rule_that_matches(void **state)
{
    (void)state;
    struct hl_model *m = load();
    struct hl_match_cache *k = hl_match_cache_new(m, HL_MATCH_CACHE_BYTES);
    assert_non_null(k);
    struct hl_kv title = {HL_SLICE_LIT("title"), HL_SLICE_LIT("word-3 word-4, word-995 and word-30")};
    struct hl_event ev = {.type = HL_EVENT_PAGE_VIEWED, .attributes = &title, .n_attributes = 1, .url = HL_SLICE_LIT("/section-11/"),
                          .campaign = HL_SLICE_LIT("a-b-16"), .source = HL_SLICE_LIT("source-8")};
    for (int again = 0; again < 2; again++) assert_int_equal(score(m, k, ev), FX_POINTS(4 + 5 + 996 + 12 + 17 + 9));
    hl_match_cache_free(k);
    hl_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_of_1000_rules_loads_and_scores_right),
        cmocka_unit_test(an_event_scores_under_every_rule_that_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
