/* What is said of models that can be read and mean what they cannot, or twice the same, or something costly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hotlead/app/model_file.h"

/* Every text below starts with these lines, so that what is tested begins at line 4. */
#define HEAD "model: m\nversion: 1\nhand_raise: [{name: h, on: demo_requested}]\n"

static void says_of(const char *text, enum hl_status expected, const char *lines)
{
    struct hl_model *m = NULL;
    struct hl_error err = {0};
    struct hl_buf b;
    hl_buf_init(&b);
    enum hl_status st = hl_model_check_text("m.yaml", hl_slice_of(text), &m, &b, &err);
    hl_buf_put_u8(&b, 0);
    assert_string_equal((const char *)b.data, lines);
    assert_int_equal(st, expected);
    assert_true((m != NULL) == (st == HL_OK));
    if (st != HL_OK) assert_int_equal(err.code, HL_E_CONFIG);
    hl_buf_fini(&b);
    hl_model_free(m);
}

static void refuses(const char *text, const char *lines)
{
    says_of(text, HL_E_CONFIG, lines);
}

static void warns(const char *text, const char *lines)
{
    says_of(text, HL_OK, lines);
}

static void takes(const char *text)
{
    says_of(text, HL_OK, "");
}

#define NO_LEAD                                                                                                                  \
    "m.yaml:1:1: error: no contact comes to lead, for what leads there cannot happen; never reached: lead, mql, sql, "           \
    "opportunity, customer, evangelist, unqualified\n"
#define NO_MQL                                                                                                                   \
    "m.yaml:1:1: error: no contact comes to mql, for what leads there cannot happen; never reached: mql, sql, "                  \
    "opportunity, customer, evangelist, unqualified\n"

static void conditions_that_exclude_themselves_are_errors(void **state)
{
    (void)state;
#define FIT(condition) HEAD "fit: {rules: [{name: a, attribute: b, points: 1, " condition "}]}\n"
#define NEVER "m.yaml:4:15: error: 'a' never holds: what it asks of 'b' excludes itself\n"
    refuses(FIT("in: [x, Y], not_in: [y, ' X ']"), NEVER);
    refuses(FIT("equals: x, in: [y]"), NEVER);
    refuses(FIT("equals: x, not_in: [X]"), NEVER);
    refuses(FIT("equals: abc, at_least: 5"), NEVER);
    refuses(FIT("equals: 4, at_least: 5"), NEVER);
    refuses(FIT("in: [1, 2.5, many], between: [3, 4]"), NEVER);
    refuses(FIT("exists: false, equals: x"), NEVER);
    refuses(FIT("exists: false, matches: x"), NEVER);
    takes(FIT("in: [x, y], not_in: [y]"));
    takes(FIT("equals: 5, at_least: 5, at_most: 5"));
    takes(FIT("not_in: [5], between: [5, 5]")); /* 5.0 is another text, and the same number */
    takes(FIT("exists: true, not_in: [x]"));
    takes(FIT("exists: false"));
    takes(FIT("in: ['']"));            /* blanks */
    takes(FIT("in: [a], matches: b")); /* nothing is known of patterns */
    refuses(HEAD "fit:\n  disqualify: [{name: d, attribute: b, exists: false, equals: x}]\n"
                 "  suspect: [{name: s, attribute: b, equals: x, in: [y]}]\n",
            "m.yaml:5:16: error: 'd' never holds: what it asks of 'b' excludes itself\n"
            "m.yaml:6:13: error: 's' never holds: what it asks of 'b' excludes itself\n");
}

static void must_have_that_nobody_has_is_an_error(void **state)
{
    (void)state;
    refuses(HEAD "fit: {must_have: [{name: a, attribute: b, equals: x, in: [y]}]}\n",
            "m.yaml:4:19: error: 'a' never holds: what it asks of 'b' excludes itself\n" NO_LEAD);
    refuses(HEAD "fit:\n  must_have:\n  - {name: a, attribute: land, in: [US, CA]}\n  - {name: b, attribute: size, at_least: 5}\n"
                 "  - {name: c, attribute: land, equals: gb}\n",
            "m.yaml:8:5: error: 'c' and the conditions above it exclude each other: nobody becomes a lead\n" NO_LEAD);
    refuses(HEAD "fit:\n  must_have: [{name: a, attribute: land, in: [US, CA]}]\n"
                 "  disqualify: [{name: far, attribute: land, exists: true}]\n",
            "m.yaml:6:16: error: 'far' holds for everyone whom must_have lets in: nobody becomes a lead\n" NO_LEAD);
    refuses(HEAD "fit:\n  must_have: [{name: a, attribute: size, between: [5, 10]}]\n"
                 "  suspect: [{name: small, attribute: size, at_most: 10}]\n",
            "m.yaml:6:13: error: 'small' holds for everyone whom must_have lets in: nobody becomes an MQL\n" NO_MQL);
    /* neither of the two alone, but both together */
    refuses(HEAD "fit:\n  must_have: [{name: a, attribute: size, between: [5, 10]}]\n"
                 "  suspect: [{name: s, attribute: size, at_most: 7}, {name: t, attribute: size, at_least: 6}]\n",
            NO_MQL);
    takes(HEAD "fit:\n  must_have: [{name: a, attribute: size, between: [5, 10]}]\n"
               "  suspect: [{name: s, attribute: size, at_most: 7}, {name: t, attribute: size, at_least: 8}]\n");
    takes(HEAD "fit:\n  must_have: [{name: a, attribute: land, in: [US, CA]}]\n"
               "  disqualify: [{name: far, attribute: land, not_in: [US, CA]}, {name: t, attribute: title, matches: x}]\n");
}

static void a_suspect_that_is_no_lead_anyway_is_warned_about(void **state)
{
    (void)state;
    warns(
        HEAD "fit:\n  must_have: [{name: a, attribute: mail, not_in: [rival.example, gmail.com]}]\n"
             "  suspect: [{name: rival, attribute: mail, in: [rival.example]}]\n",
        "m.yaml:6:13: warning: 'rival' keeps nobody from becoming an MQL: whom it holds for, must_have or disqualify keeps from "
        "being a lead\n");
    warns(HEAD
          "fit:\n  disqualify: [{name: a, attribute: mail, in: [x, y]}]\n  suspect: [{name: s, attribute: mail, equals: X}]\n",
          "m.yaml:6:13: warning: 's' keeps nobody from becoming an MQL: whom it holds for, must_have or disqualify keeps from "
          "being "
          "a lead\n");
    warns(HEAD
          "fit:\n  disqualify: [{name: a, attribute: title, matches: x}]\n  suspect: [{name: s, attribute: title, matches: x}]\n",
          "m.yaml:6:13: warning: 's' keeps nobody from becoming an MQL: whom it holds for, must_have or disqualify keeps from "
          "being a lead\n");
    takes(HEAD "fit:\n  must_have: [{name: a, attribute: mail, not_in: [gmail.com]}]\n"
               "  suspect: [{name: rival, attribute: mail, in: [rival.example]}]\n");
}

static void rules_that_match_no_event_are_errors(void **state)
{
    (void)state;
#define RULE(match) HEAD "behavior: {rules: [{name: a, points: 1, " match "}]}\n"
    refuses(RULE("where: {attribute: q, equals: x, in: [y]}"),
            "m.yaml:4:48: error: 'a' matches nothing: what it asks of 'q' excludes itself\n");
    refuses(RULE("where: [{attribute: q, exists: true}, {attribute: p, exists: false, at_least: 1}]"),
            "m.yaml:4:79: error: 'a' matches nothing: what it asks of 'p' excludes itself\n");
    refuses(RULE("where: [{attribute: q, at_least: 5}, {attribute: q, at_most: 4.5}]"),
            "m.yaml:4:48: error: 'a' matches nothing: its conditions exclude each other\n");
    takes(RULE("where: [{attribute: q, at_least: 5}, {attribute: p, at_most: 4.5}]"));
    refuses(RULE("on: page_viewed, path: '/a#b'"),
            "m.yaml:4:64: error: 'a' matches nothing: the path of a url ends before its #\n");
    warns(RULE("on: page_viewed, path: '/search?q=*'"),
          "m.yaml:4:64: warning: 'a': the path of a url ends before its query; ? stands for any one character\n");
    takes(RULE("on: page_viewed, path: '/page-?/*'"));
    refuses(RULE("on: [contact_erased, event_voided]"),
            "m.yaml:4:45: error: 'a' matches nothing: event_voided, contact_merged and contact_erased match no rule\n");
    takes(RULE("on: stage_set"));
    refuses("model: m\nversion: 1\nthresholds: {mql: {enter: 5}}\nbehavior: {rules: [{name: a, points: 5}]}\n"
            "hand_raise: [{name: h, on: stage_set}]\n",
            "m.yaml:5:28: error: 'h' never raises a hand or qualifies: stage_set clears what it would set\n");
}

static void extra_edges_that_nobody_takes_are_errors(void **state)
{
    (void)state;
#define EXTRA(edges) HEAD "stages:\n  extra:\n" edges
    refuses(EXTRA("  - {name: a, from: lead, to: mql, on: stage_set}\n"),
            "m.yaml:6:40: error: 'a' is never taken: stage_set ends its event\n");
    refuses(EXTRA("  - {name: a, from: [lead, mql], to: sql, on: lead_disqualified}\n"),
            "m.yaml:6:47: error: 'a' is never taken: lead_disqualified makes the contact disqualified before\n");
    takes(EXTRA("  - {name: a, from: [lead, customer], to: sql, on: lead_disqualified}\n"));
    refuses(EXTRA("  - {name: a, from: [lead, mql], to: sql, on: [page_viewed, link_clicked], path: '/a*'}\n"
                  "  - {name: b, from: lead, to: opportunity, on: page_viewed, path: '/a/b', asset: x}\n"),
            "m.yaml:7:5: error: 'b' is never taken: 'a' comes first for all that it matches\n");
    refuses(EXTRA("  - {name: a, from: lead, to: sql}\n  - {name: b, from: lead, to: opportunity, form: f, where: {attribute: q, "
                  "equals: x}}\n"),
            "m.yaml:7:5: error: 'b' is never taken: 'a' comes first for all that it matches\n");
    takes(EXTRA("  - {name: a, from: lead, to: sql, on: page_viewed, path: '/a*'}\n"
                "  - {name: b, from: [lead, mql], to: opportunity, on: page_viewed, path: '/a/b'}\n"
                "  - {name: c, from: lead, to: opportunity, on: page_viewed, path: '/*'}\n"
                "  - {name: d, from: lead, to: opportunity, on: chat_started, path: '/a*'}\n"
                "  - {name: e, from: lead, to: opportunity, on: page_viewed}\n"));
}

static void rules_that_score_the_same_events_are_warned_about(void **state)
{
    (void)state;
#define TWO(a, b) HEAD "behavior:\n  rules:\n  - {name: a, points: 1, " a "}\n  - {name: b, points: 2, " b "}\n"
#define SAME "m.yaml:7:5: warning: 'b' matches the same events as 'a': both give their points\n"
#define PART "m.yaml:7:5: warning: 'b' matches only events that 'a' matches, too: both give their points\n"
    warns(TWO("on: chat_started", "on: chat_started"), SAME);
    warns(TWO("on: [page_viewed, chat_started]", "on: chat_started"), PART);
    warns(TWO("on: page_viewed, path: '/pricing*'", "on: page_viewed, path: '/pricing/b?g*'"), PART);
    warns(TWO("on: page_viewed, path: '/pricing/big'", "on: page_viewed, path: '/pricing*'"),
          "m.yaml:6:5: warning: 'a' matches only events that 'b' matches, too: both give their points\n");
    warns(TWO("on: form_submitted, form: [x, y]", "on: form_submitted, form: y"), PART);
    warns(TWO("where: {attribute: q, matches: x}", "where: {attribute: q, matches: x}"), SAME);
    takes(TWO("on: page_viewed", "on: page_viewed, path: '/pricing*'")); /* any page, and a page: plainly meant */
    takes(TWO("campaign: c", "on: page_viewed, campaign: c"));           /* anything, and one thing: so is this */
    takes(TWO("on: page_viewed, path: '/a*'", "on: page_viewed, path: '/b*'"));
    takes(TWO("on: page_viewed, path: '/?a*'", "on: page_viewed, path: '/*a'"));
    takes(TWO("on: page_viewed, path: '/a*', source: s", "on: page_viewed, path: '/a/b'"));
    takes(TWO("where: {attribute: q, at_least: 1}", "where: {attribute: q, at_least: 2}"));
    takes(TWO("on: form_submitted, form: x", "on: form_submitted, form: y"));
}

static void conditions_that_ask_the_same_are_warned_about(void **state)
{
    (void)state;
    warns(HEAD
          "fit:\n  rules:\n  - {name: a, attribute: b, in: [x], points: 1}\n  - {name: c, attribute: b, in: [x], points: 2}\n"
          "  suspect:\n  - {name: d, attribute: b, exists: true}\n  - {name: e, attribute: b, exists: true}\n",
          "m.yaml:10:5: warning: 'e' asks the same as 'd'\n"
          "m.yaml:7:5: warning: 'c' asks the same as 'a': both give their points\n");
    takes(HEAD "fit:\n  rules:\n  - {name: a, attribute: b, at_least: 5, points: 1}\n  - {name: c, attribute: b, at_least: 6, "
               "points: 2}\n"
               "  - {name: d, attribute: e, at_least: 6, points: 2}\n");
}

static void points_and_lists_without_effect_are_warned_about(void **state)
{
    (void)state;
    warns(HEAD "lists: {used: [x], idle: [y]}\nfit: {rules: [{name: a, attribute: b, in: $used, points: 0}]}\n"
               "behavior:\n  groups: {g: {max: 0}}\n  rules: [{name: c, points: 0, group: g}]\n",
          "m.yaml:4:20: warning: no rule refers to list 'idle'\n"
          "m.yaml:5:58: warning: 'a' gives no points\n"
          "m.yaml:8:29: warning: 'c' gives no points\n"
          "m.yaml:7:12: warning: group 'g' gives no points: its max is 0\n");
}

#define WEB                                                                                                                      \
    "behavior:\n  half_life: 10d\n  groups: {web: {max: 40}}\n  rules:\n"                                                        \
    "  - {name: page, on: page_viewed, points: 1, group: web}\n  - {name: gone, on: email_unsubscribed, points: -5}\n"

static void thresholds_above_all_points_are_errors(void **state)
{
    (void)state;
#define SIZES                                                                                                                    \
    "fit:\n  rules:\n  - {name: a, attribute: size, between: [50, 1000], points: 15}\n"                                          \
    "  - {name: b, attribute: size, at_least: 1001, points: 8}\n  - {name: c, attribute: role, in: [vp, cto], points: 20}\n"     \
    "  - {name: d, attribute: role, equals: head, points: 10.5}\n  - {name: e, attribute: role, matches: x, points: 2}\n"        \
    "  - {name: f, attribute: role, exists: false, points: -50}\n"                                                               \
    "  - {name: g, attribute: role, matches: y, points: -3}\n"
    /* 15 + 20 + 2 of fit, 40 of behavior */
    takes(HEAD "thresholds: {mql: {enter: 77}}\n" SIZES WEB);
    refuses(HEAD "thresholds: {mql: {enter: 77.5}}\n" SIZES WEB,
            "m.yaml:4:27: error: no contact reaches mql.enter 77.5: fit gives at most 37 points, behavior 40\n");
    refuses("model: m\nversion: 1\npreset: score-driven\nthresholds: {mql: {enter: 41}, sql: {enter: 50}}\n" WEB,
            "m.yaml:4:27: error: no contact reaches mql.enter 41: fit gives at most 0 points, behavior 40\n"
            "m.yaml:4:45: error: no contact reaches sql.enter 50: fit gives at most 0 points, behavior 40\n" NO_MQL);
    /* rules that never match give nothing */
    refuses(HEAD "thresholds: {mql: {enter: 41}}\n" WEB "  - {name: never, on: contact_merged, points: 50}\n",
            "m.yaml:11:23: error: 'never' matches nothing: event_voided, contact_merged and contact_erased match no rule\n"
            "m.yaml:4:27: error: no contact reaches mql.enter 41: fit gives at most 0 points, behavior 40\n");
    takes(HEAD "thresholds: {mql: {enter: 1000}}\n" WEB "  - {name: more, on: chat_started, points: 1}\n");
    warns(HEAD "thresholds: {mql: {enter: 10}}\n",
          "m.yaml:4:27: warning: no rule gives points: only score_adjusted takes a contact to mql.enter\n");
    warns(HEAD "thresholds: {mql: {enter: 0}}\n" WEB,
          "m.yaml:4:27: warning: mql.enter is 0, and no score is below 0: every contact comes in at once\n");
}

static void thresholds_above_what_max_times_allows_are_warned_about(void **state)
{
    (void)state;
    /* 3 of 10 points a day, half each day: 30 (1 + 1/2 + 1/4 + ...) for the days that are over, and 30 for today */
#define CAPPED "behavior: {half_life: 1d, rules: [{name: a, on: page_viewed, points: 10, max_times: 3 per 1d}]}\n"
    takes(HEAD "thresholds: {mql: {enter: 90}}\n" CAPPED);
    warns(
        HEAD "thresholds: {mql: {enter: 91}}\n" CAPPED,
        "m.yaml:4:27: warning: no contact reaches mql.enter 91 by itself: fit gives at most 0 points, and behavior 90 at a time, "
        "by max_times and half_life\n");
    /* without decay the windows add up without end */
    takes(HEAD "thresholds: {mql: {enter: 1000}}\nbehavior: {rules: [{name: a, points: 10, max_times: 3 per 1d}]}\n");
}

static void exits_that_nobody_crosses_are_warned_about(void **state)
{
    (void)state;
    warns(HEAD "thresholds: {mql: {enter: 20, exit: 0}}\n" WEB,
          "m.yaml:4:37: warning: mql.exit 0 is never crossed: no score is below 0\n");
    warns(HEAD
          "thresholds: {mql: {enter: 20, exit: 5}}\nfit: {rules: [{name: a, attribute: b, exists: true, points: 9}, {name: c, "
          "attribute: b, exists: false, points: 6}]}\nbehavior: {rules: [{name: d, points: 1}]}\n",
          "m.yaml:4:37: warning: mql.exit 5 is never crossed: no score is below 6\n");
#define FOREVER "behavior: {rules: [{name: a, points: 10}]}\n"
    warns(HEAD "thresholds: {mql: {enter: 20, exit: 5}}\n" FOREVER,
          "m.yaml:4:37: warning: mql.exit is never crossed: no points decay, and none are taken away\n");
    takes(
        HEAD
        "thresholds: {mql: {enter: 20, exit: 5}}\nstages: {extra: [{name: x, from: lead, to: mql, on: chat_started}]}\n" FOREVER);
    takes(HEAD
          "thresholds: {mql: {enter: 20, exit: 5}}\nfit: {rules: [{name: a, attribute: b, exists: true, points: 9}]}\n" FOREVER);
    warns("model: m\nversion: 1\npreset: score-driven\nthresholds: {mql: {enter: 10}, sql: {enter: 20, exit: 15}}\n" FOREVER,
          "m.yaml:4:55: warning: sql.exit is never crossed: no points decay, and none are taken away\n");
}

static void grades_that_no_fit_has_are_told(void **state)
{
    (void)state;
    refuses(HEAD
            "fit:\n  rules: [{name: a, attribute: b, equals: x, points: 10}, {name: c, attribute: b, equals: y, points: 15}]\n"
            "  grades: {A: 20, B: 15, C: 5}\n",
            "m.yaml:6:15: error: no fit reaches grade A: the most that fit.rules give is 15\n");
    warns(HEAD "fit:\n  rules: [{name: a, attribute: b, equals: x, points: 10}, {name: c, attribute: b, equals: y, points: -5}]\n"
               "  grades: {A: 10, B: -5, C: -6}\n",
          "m.yaml:6:22: warning: no fit is below grade B: the least that fit.rules give is -5\n");
    takes(HEAD "fit:\n  rules: [{name: a, attribute: b, equals: x, points: 10}]\n  grades: {A: 10, B: 5, C: 1}\n");
}

static void stages_that_nobody_comes_to_are_told(void **state)
{
    (void)state;
    warns("model: m\nversion: 1\n",
          "m.yaml:1:1: warning: nothing leads to mql; reached only by hand: mql, sql, opportunity, customer, "
          "evangelist, unqualified\n");
    warns("model: m\nversion: 1\nstages: {sal: true}\n",
          "m.yaml:3:9: warning: nothing leads to mql; reached only by hand: mql, sal, sql, opportunity, customer, evangelist, "
          "unqualified\n");
    refuses(
        HEAD "subscribe: {on: contact_merged}\n",
        "m.yaml:1:1: error: no contact comes to subscriber, for what leads there cannot happen; never reached: subscriber, lead, "
        "mql, sql, opportunity, customer, evangelist, unqualified\n");
    /* a way around the lead, and none back */
    warns("model: m\nversion: 1\nstages: {extra: [{name: x, from: anonymous, to: opportunity, on: trial_started}]}\n",
          "m.yaml:3:9: warning: nothing leads to mql; reached only by hand: mql, sql\n"
          "m.yaml:1:1: warning: nothing leads out of unqualified: whom sales reject once never comes back but by hand\n");
    takes(HEAD);
    takes(HEAD "stages: {sal: true}\n");
}

static void deadlines_that_only_a_hand_starts_are_warned_about(void **state)
{
    (void)state;
    warns(HEAD "sla: [{name: s, stage: sal, within: 1h}, {name: p, stage: mql, kind: passive, within: 1h}]\n",
          "m.yaml:4:24: warning: 's' starts only by hand: no contact comes to sal\n"
          "m.yaml:4:70: warning: 'p' starts only by hand: nothing makes a passive MQL\n");
    warns("model: m\nversion: 1\nthresholds: {mql: {enter: 5}}\nbehavior: {rules: [{name: a, points: 5}]}\n"
          "sla: [{name: first, stage: mql, kind: active, within: 5m}]\n",
          "m.yaml:5:39: warning: 'first' starts only by hand: nothing makes an active MQL\n");
    takes(HEAD "stages: {sal: true, extra: [{name: x, from: lead, to: mql, on: chat_started}]}\n"
               "sla: [{name: s, stage: sal, within: 1h}, {name: p, stage: mql, kind: passive, within: 1h}, {name: a, stage: mql, "
               "kind: active, within: 1h}]\n");
}

static void who_falls_back_from_sql_without_having_been_an_mql_is_a_passive_one(void **state)
{
    (void)state;
    warns("model: m\nversion: 1\npreset: score-driven\nthresholds: {sql: {enter: 10, exit: 5}}\n"
          "behavior: {half_life: 1d, rules: [{name: a, points: 5}]}\n"
          "stages: {extra: [{name: x, from: lead, to: sal, on: chat_started}]}\n"
          "sla: [{name: p, stage: mql, kind: passive, within: 1h}]\n",
          "m.yaml:1:1: warning: nothing leads out of unqualified: whom sales reject once never comes back but by hand\n");
}

static void rules_of_routing_that_never_deal_are_errors(void **state)
{
    (void)state;
#define ROUTES(a, b) HEAD "routing:\n  - {when: " a ", to: [x]}\n  - {when: " b ", to: [y]}\n  - {to: [z]}\n"
#define TAKEN "m.yaml:6:5: error: this rule never deals: whom it holds for, the rule in line 5 has taken\n"
    refuses(ROUTES("{attribute: a, in: [GB, IE]}", "{attribute: a, in: [ie]}"), TAKEN);
    refuses(ROUTES("{attribute: a, at_least: 5}", "[{attribute: b, equals: x}, {attribute: a, between: [5, 9]}]"), TAKEN);
    refuses(ROUTES("{attribute: a, matches: x}", "{attribute: a, matches: x}"), TAKEN);
    refuses(ROUTES("{attribute: a, exists: true}", "{attribute: a, matches: x}"), TAKEN);
    refuses(ROUTES("{attribute: a, exists: true}", "[{attribute: a, at_most: 3}, {attribute: a, at_least: 4}]"),
            "m.yaml:6:12: error: this rule never deals: its conditions exclude each other\n");
    takes(ROUTES("{attribute: a, in: [GB]}", "{attribute: a, in: [GB, IE]}"));
    takes(ROUTES("[{attribute: a, in: [GB]}, {attribute: b, exists: true}]", "{attribute: a, in: [GB]}"));
    takes(ROUTES("{attribute: a, matches: x}", "{attribute: a, matches: xy}"));
}

static void costly_patterns_are_warned_about(void **state)
{
    (void)state;
#define PATTERN(p) HEAD "fit: {suspect: [{name: a, attribute: b, matches: '" p "'}]}\n"
#define COSTLY(p, bytes)                                                                                                         \
    "m.yaml:4:50: warning: pattern '" p "' is costly: some values of " bytes                                                     \
    " bytes meet the match limit, and count as no match\n"
    warns(PATTERN("^(a+)+$"), COSTLY("^(a+)+$", "64"));
    warns(PATTERN("^x: (\\w*)*;"), COSTLY("^x: (\\w*)*;", "64"));
    warns(PATTERN("(a|a)*b$"), COSTLY("(a|a)*b$", "64"));
    warns(PATTERN("^(.*)(.*)(.*)x$"), COSTLY("^(.*)(.*)(.*)x$", "256"));
    warns(PATTERN("(?:go|stop) now ([^.]+)+\\.$"), "m.yaml:4:50: warning: pattern '(?:go|stop) now ([^.]+)+\\.$' repeats a "
                                                   "repetition ('([^.]+)+'): values that meet the match "
                                                   "limit count as no match\n");
    takes(PATTERN("(?i)\\b(student|intern|trainee)\\b"));
    takes(PATTERN("^[\\w.+-]+@[\\w-]+(\\.[\\w-]+)+$"));
    takes(PATTERN("(\\w+ )+manager"));
    takes(PATTERN("(?>a+)+$"));
    takes(PATTERN("(a++)+$"));
    takes(PATTERN("(a+)++$"));
    takes(PATTERN("go (a+)+")); /* what ends there does not fail behind it */
    takes(PATTERN("(vp|head) of .*(sales|growth)"));
    warns(HEAD "routing:\n  - {when: {attribute: p, matches: '(a+)+$'}, to: [x]}\n",
          "m.yaml:5:36: warning: pattern '(a+)+$' is costly: some values of 64 bytes meet the match limit, and count as no "
          "match\n");
    warns(HEAD
          "behavior: {rules: [{name: a, points: 1, where: [{attribute: p, exists: true}, {attribute: q, matches: '(a+)+$'}]}]}\n",
          "m.yaml:4:103: warning: pattern '(a+)+$' is costly: some values of 64 bytes meet the match limit, and count as no "
          "match\n");
}

static void many_warnings_hide_no_error(void **state)
{
    (void)state;
    struct hl_buf text, lines;
    struct hl_model *m = NULL;
    hl_buf_init(&text);
    hl_buf_init(&lines);
    hl_buf_printf(&text, HEAD "fit: {grades: {A: 5}}\nbehavior:\n  rules:\n");
    for (int i = 0; i < 202; i++) hl_buf_printf(&text, "  - {name: r%d, on: chat_started, points: 1}\n", i);
    assert_int_equal(hl_model_check_text("m.yaml", hl_buf_slice(&text), &m, &lines, NULL), HL_E_CONFIG);
    hl_buf_put_u8(&lines, 0);
    const char *end = strstr((const char *)lines.data, "m.yaml:207:5: warning: 'r200' ");
    assert_non_null(end);
    assert_string_equal(strchr(end, '\n') + 1, "m.yaml: warning: more problems follow, not shown\n"
                                               "m.yaml:4:19: error: no fit reaches grade A: the most that fit.rules give is 0\n");
    hl_buf_fini(&text);
    hl_buf_fini(&lines);
}

static void the_committed_models_have_no_findings(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "config/model.yaml",
        "config/model-score-driven.yaml",
        "config/examples/b2b-saas.yaml",
        "config/examples/services-agency.yaml",
        "config/examples/trial-funnel.yaml",
        "tests/integration/model.yaml",
        "tests/golden/cooling.model.yaml",
        "tests/golden/hand_raise.model.yaml",
        "tests/golden/recycle.model.yaml",
        "tests/golden/trial_funnel.model.yaml",
        "tests/prop/loan/model.yaml",
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(paths); i++) {
        char path[500];
        struct hl_model *m = NULL;
        struct hl_buf b;
        hl_buf_init(&b);
        snprintf(path, sizeof path, "%s/%s", HL_SOURCE_DIR, paths[i]);
        assert_int_equal(hl_model_check(path, &m, &b, NULL), HL_OK);
        hl_buf_put_u8(&b, 0);
        assert_string_equal((const char *)b.data, "");
        hl_buf_fini(&b);
        hl_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_that_exclude_themselves_are_errors),
        cmocka_unit_test(must_have_that_nobody_has_is_an_error),
        cmocka_unit_test(a_suspect_that_is_no_lead_anyway_is_warned_about),
        cmocka_unit_test(rules_that_match_no_event_are_errors),
        cmocka_unit_test(extra_edges_that_nobody_takes_are_errors),
        cmocka_unit_test(rules_that_score_the_same_events_are_warned_about),
        cmocka_unit_test(conditions_that_ask_the_same_are_warned_about),
        cmocka_unit_test(points_and_lists_without_effect_are_warned_about),
        cmocka_unit_test(thresholds_above_all_points_are_errors),
        cmocka_unit_test(thresholds_above_what_max_times_allows_are_warned_about),
        cmocka_unit_test(exits_that_nobody_crosses_are_warned_about),
        cmocka_unit_test(grades_that_no_fit_has_are_told),
        cmocka_unit_test(stages_that_nobody_comes_to_are_told),
        cmocka_unit_test(deadlines_that_only_a_hand_starts_are_warned_about),
        cmocka_unit_test(who_falls_back_from_sql_without_having_been_an_mql_is_a_passive_one),
        cmocka_unit_test(rules_of_routing_that_never_deal_are_errors),
        cmocka_unit_test(costly_patterns_are_warned_about),
        cmocka_unit_test(many_warnings_hide_no_error),
        cmocka_unit_test(the_committed_models_have_no_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
