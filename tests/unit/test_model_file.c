#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hotlead/app/model_file.h"
#include "hotlead/base/hash.h"

/* Every text below starts with these two lines, so that what is tested begins at line 3. */
#define HEAD "model: m\nversion: 1\n"
#define HAND "hand_raise: [{name: h, on: demo_requested}]\n"

static enum hl_status load_text(const char *text, struct hl_model **m, char **lines, struct hl_error *err)
{
    struct hl_buf b;
    hl_buf_init(&b);
    enum hl_status st = hl_model_load_text("m.yaml", hl_slice_of(text), m, &b, err);
    hl_buf_put_u8(&b, 0);
    *lines = (char *)b.data;
    return st;
}

/* A model that is right, and whose warnings are `warnings`. */
static struct hl_model *load_warned(const char *text, const char *warnings)
{
    struct hl_model *m = NULL;
    struct hl_error err = {0};
    char *lines;
    enum hl_status st = load_text(text, &m, &lines, &err);
    assert_string_equal(lines, warnings);
    assert_int_equal(st, HL_OK);
    free(lines);
    return m;
}

static struct hl_model *load(const char *text)
{
    return load_warned(text, "");
}

static void warns(const char *text, const char *warnings)
{
    hl_model_free(load_warned(text, warnings));
}

static void refuses(const char *text, const char *expected)
{
    struct hl_model *m = NULL;
    struct hl_error err = {0};
    char *lines;
    assert_int_equal(load_text(text, &m, &lines, &err), HL_E_CONFIG);
    assert_null(m);
    assert_string_equal(lines, expected);
    assert_int_equal(err.code, HL_E_CONFIG);
    free(lines);
}

static bool parses(const char *s, int64_t expected)
{
    int64_t ms = -1;
    return hl_duration_parse(hl_slice_of(s), &ms) && ms == expected;
}

static void durations_have_a_unit(void **state)
{
    (void)state;
    assert_true(parses("100ms", 100));
    assert_true(parses("10s", 10000));
    assert_true(parses("5m", 300000));
    assert_true(parses("2h", 7200000));
    assert_true(parses("30d", INT64_C(2592000000)));
    assert_true(parses("1w", 604800000));
    assert_true(parses("0s", 0));
    static const char *const wrong[] = {
        "", "5", "d", "5 d", "-5d", "+5d", "5D", "5dd", "1.5h", " 5d", "99999999999999999999d", "9223372036854775807w"};
    for (size_t i = 0; i < HL_ARRAY_LEN(wrong); i++) {
        int64_t ms;
        if (hl_duration_parse(hl_slice_of(wrong[i]), &ms)) fail_msg("'%s' was taken", wrong[i]);
    }
}

static void the_smallest_model_has_the_defaults(void **state)
{
    (void)state;
    struct hl_model *m = load(HEAD HAND), *fresh = hl_model_new();
    assert_string_equal(m->name, "m");
    assert_string_equal(m->version, "1");
    assert_false(m->score_driven);
    assert_false(m->sal);
    assert_int_equal(m->facts_valid_for_ms, INT64_C(30) * 86400000);
    assert_int_equal(m->cooldown_ms, 0);
    assert_false(m->reset_behavior);
    assert_false(m->mql.has_enter || m->mql.has_exit || m->sql.has_enter || m->sql.has_exit);
    assert_true(m->subscribe_on == fresh->subscribe_on && m->subscribe_on != 0);
    assert_int_equal(m->n_must_have + m->n_fit + m->n_rules + m->n_groups + m->n_grades + m->n_qualify + m->n_extra, 0);
    hl_model_free(m);
    hl_model_free(fresh);
}

static void fit_lands_in_the_model(void **state)
{
    (void)state;
    struct hl_model *m = load(HEAD HAND "lists: {free: [gmail.com, yahoo.com], more: [x]}\n"
                                        "fit:\n"
                                        "  must_have:\n"
                                        "    - {name: mail, attribute: email_domain, not_in: $free}\n"
                                        "    - {name: land, attribute: country, in: [NO, $more, $free]}\n"
                                        "  disqualify: [{name: student, attribute: job_title, matches: '(?i)student'}]\n"
                                        "  suspect: [{name: rival, attribute: company, equals: Rival, exists: true}]\n"
                                        "  rules:\n"
                                        "    - {name: size, attribute: company_size, between: [50, 1000], points: 15.5}\n"
                                        "    - {name: small, attribute: company_size, at_most: 9, points: -5}\n"
                                        "    - {name: gone, attribute: phone, exists: false, points: +2}\n"
                                        "  grades: {B: 20, A: 30, C: -10}\n");
    assert_int_equal(m->n_must_have, 2);
    const struct hl_condition *mail = &m->must_have[0].when, *land = &m->must_have[1].when;
    assert_string_equal(mail->attribute, "email_domain");
    assert_int_equal(mail->n_not_in, 2);
    assert_string_equal(mail->not_in[1], "yahoo.com");
    assert_null(mail->in);
    assert_int_equal(mail->exists, -1);
    assert_int_equal(land->n_in, 4);
    assert_string_equal(land->in[0], "NO");
    assert_string_equal(land->in[1], "x");
    assert_string_equal(land->in[3], "yahoo.com");
    assert_string_equal(m->disqualify[0].when.pattern, "(?i)student");
    assert_true(hl_condition_holds(&m->disqualify[0].when, HL_SLICE_LIT("PhD STUDENT")));
    assert_string_equal(m->suspect[0].when.equals, "Rival");
    assert_int_equal(m->suspect[0].when.exists, 1);
    assert_int_equal(m->n_fit, 3);
    assert_true(m->fit[0].when.has_at_least && m->fit[0].when.has_at_most);
    assert_true(m->fit[0].when.at_least == HL_FIXED_OF_INT(50) && m->fit[0].when.at_most == HL_FIXED_OF_INT(1000));
    assert_true(m->fit[0].points == HL_FIXED_OF_INT(31) / 2);
    assert_true(!m->fit[1].when.has_at_least && m->fit[1].when.has_at_most && m->fit[1].points == HL_FIXED_OF_INT(-5));
    assert_int_equal(m->fit[2].when.exists, 0);
    assert_true(m->fit[2].points == HL_FIXED_OF_INT(2));
    assert_int_equal(m->n_grades, 3);
    assert_int_equal(m->grades[0].letter, 'A');
    assert_true(m->grades[0].at_least == HL_FIXED_OF_INT(30) && m->grades[2].at_least == HL_FIXED_OF_INT(-10));
    hl_model_free(m);
}

static void behavior_lands_in_the_model(void **state)
{
    (void)state;
    struct hl_model *m =
        load(HEAD HAND
             "behavior:\n"
             "  half_life: 30d\n"
             "  groups: {email: {max: 40}, web: {}}\n"
             "  rules:\n"
             "    - name: full\n"
             "      on: [page_viewed, link_clicked]\n"
             "      path: \"/pricing*\"\n"
             "      asset: a*\n"
             "      campaign: c*\n"
             "      source: s*\n"
             "      form: [f1, f2]\n"
             "      where: [{attribute: x, equals: \"1\"}, {attribute: y, at_least: 2}]\n"
             "      points: 10\n"
             "      group: web\n"
             "      max_times: 3 per 1d\n"
             "    - {name: mail, on: email_clicked, form: only, where: {attribute: z, exists: true}, points: 3, group: email, "
             "half_life: 14d}\n"
             "    - {name: any, points: -1}\n");
    const struct hl_score_rule *full = &m->rules[0], *mail = &m->rules[1], *any = &m->rules[2];
    assert_int_equal(m->n_rules, 3);
    assert_string_equal(full->name, "full");
    assert_int_equal(full->name_hash, hl_name_hash(HL_SLICE_LIT("full")));
    assert_true(full->match.types == (UINT64_C(1) << HL_EVENT_PAGE_VIEWED | UINT64_C(1) << HL_EVENT_LINK_CLICKED));
    assert_string_equal(full->match.path, "/pricing*");
    assert_string_equal(full->match.asset, "a*");
    assert_string_equal(full->match.campaign, "c*");
    assert_string_equal(full->match.source, "s*");
    assert_int_equal(full->match.n_forms, 2);
    assert_string_equal(full->match.forms[1], "f2");
    assert_int_equal(full->match.n_where, 2);
    assert_string_equal(full->match.where[1].attribute, "y");
    assert_true(full->points == HL_FIXED_OF_INT(10));
    assert_int_equal(full->half_life.ms, INT64_C(30) * 86400000);
    assert_string_equal(m->groups[full->group].name, "web");
    assert_int_equal(full->max_times, 3);
    assert_int_equal(full->window_ms, 86400000);
    assert_int_equal(mail->half_life.ms, INT64_C(14) * 86400000);
    assert_int_equal(mail->match.n_forms, 1);
    assert_int_equal(mail->match.n_where, 1);
    assert_int_equal(mail->max_times, 0);
    assert_true(m->groups[mail->group].has_max && m->groups[mail->group].max == HL_FIXED_OF_INT(40));
    assert_false(m->groups[full->group].has_max);
    assert_int_equal(any->group, -1);
    assert_null(any->match.path);
    assert_true(any->match.types == m->scorable_types);
    assert_false(any->match.types & UINT64_C(1) << HL_EVENT_LEAD_ACCEPTED);
    assert_false(any->match.types & UINT64_C(1) << HL_EVENT_SCORE_ADJUSTED);
    hl_model_free(m);
    m = load(HEAD HAND "behavior: {rules: [{name: forever, points: 1}]}\n");
    assert_int_equal(m->rules[0].half_life.ms, 0);
    hl_model_free(m);
}

static void the_lifecycle_lands_in_the_model(void **state)
{
    (void)state;
    struct hl_model *m = load(
        HEAD
        "preset: score-driven\n"
        "hand_raise:\n"
        "  - {name: demo, on: form_submitted, form: [demo, quote], valid_for: 30d}\n"
        "  - {name: call, on: meeting_booked}\n"
        "qualify: [{name: guide, on: file_downloaded, asset: 'guide/*', valid_for: 1w}]\n"
        "thresholds: {mql: {enter: 60, exit: 30}, sql: {enter: 120.5}}\n"
        "stages:\n"
        "  sal: true\n"
        "  facts_valid_for: 10d\n"
        "  extra: [{name: skip, from: [lead, mql], to: opportunity, on: quote_requested}, {name: back, from: sql, to: lead}]\n"
        "recycle: {cooldown: 90d, reset_behavior: true}\n"
        "subscribe: {on: [chat_started, trial_started]}\n"
        "touches: {keep: 12, on: [page_viewed]}\nvoids: {keep: 9}\n");
    assert_int_equal(m->voids_keep, 9);
    assert_int_equal(m->touches_keep, 12);
    assert_true(m->touches_on == UINT64_C(1) << HL_EVENT_PAGE_VIEWED);
    assert_true(m->score_driven);
    assert_int_equal(m->n_hand_raise, 2);
    assert_string_equal(m->hand_raise[0].match.forms[1], "quote");
    assert_int_equal(m->hand_raise[0].valid_for_ms, INT64_C(30) * 86400000);
    assert_int_equal(m->hand_raise[0].name_hash, hl_name_hash(HL_SLICE_LIT("demo")));
    assert_true(m->hand_raise[1].valid_for_ms == INT64_MAX);
    assert_int_equal(m->n_qualify, 1);
    assert_int_equal(m->qualify[0].valid_for_ms, 604800000);
    assert_true(m->mql.has_enter && m->mql.enter == HL_FIXED_OF_INT(60) && m->mql.has_exit && m->mql.exit == HL_FIXED_OF_INT(30));
    assert_true(m->sql.has_enter && m->sql.enter == HL_FIXED_OF_INT(241) / 2 && !m->sql.has_exit);
    assert_true(m->sal);
    assert_int_equal(m->facts_valid_for_ms, INT64_C(10) * 86400000);
    assert_int_equal(m->n_extra, 2);
    assert_int_equal(m->extra[0].from, 1 << HL_STAGE_LEAD | 1 << HL_STAGE_MQL);
    assert_int_equal(m->extra[0].to, HL_STAGE_OPPORTUNITY);
    assert_true(m->extra[0].match.types == UINT64_C(1) << HL_EVENT_QUOTE_REQUESTED);
    assert_int_equal(m->extra[1].from, 1 << HL_STAGE_SQL);
    assert_int_equal(m->cooldown_ms, INT64_C(90) * 86400000);
    assert_true(m->reset_behavior);
    assert_true(m->subscribe_on == (UINT64_C(1) << HL_EVENT_CHAT_STARTED | UINT64_C(1) << HL_EVENT_TRIAL_STARTED));
    hl_model_free(m);
}

static void yaml_pitfalls_do_no_harm(void **state)
{
    (void)state;
    struct hl_model *m = load("model: on\nversion: 2026.10\n"
                              "fit: {must_have: [{name: no, attribute: country, in: [NO, DE, on, 1.0, null]}]}\n"
                              "hand_raise: [{name: y, on: demo_requested}]\n");
    assert_string_equal(m->name, "on");
    assert_string_equal(m->version, "2026.10");
    assert_string_equal(m->must_have[0].name, "no");
    assert_int_equal(m->must_have[0].when.n_in, 5);
    assert_string_equal(m->must_have[0].when.in[0], "NO");
    assert_string_equal(m->must_have[0].when.in[3], "1.0");
    assert_true(m->hand_raise[0].match.types == UINT64_C(1) << HL_EVENT_DEMO_REQUESTED);
    hl_model_free(m);
}

static void sla_and_routing_are_read_and_checked(void **state)
{
    (void)state;
    struct hl_model *m =
        load(HEAD HAND "sla:\n  - {name: first, stage: mql, kind: active, within: 5m}\n  - {name: talk, stage: sal, within: 2d}\n"
                       "routing:\n  - {name: gb, when: {attribute: country, in: [GB]}, to: [a, b], by: round_robin}\n"
                       "  - {when: [{attribute: a, equals: x}, {attribute: b, exists: true}], to: c}\n"
                       "  - {to: [x, y], by: weight, weights: [2, 1]}\n");
    assert_int_equal(m->n_sla, 2);
    assert_string_equal(m->sla[0].name, "first");
    assert_int_equal(m->sla[0].stage, HL_STAGE_MQL);
    assert_int_equal(m->sla[0].kind, HL_KIND_ACTIVE);
    assert_int_equal(m->sla[0].within_ms, 300000);
    assert_int_equal(m->sla[1].kind, HL_KIND_NONE);
    assert_int_equal(m->n_routing, 3);
    assert_string_equal(m->routing[0].name, "gb");
    assert_string_equal(m->routing[0].when[0].attribute, "country");
    assert_string_equal(m->routing[0].to[1], "b");
    assert_null(m->routing[0].weights);
    assert_int_equal(m->routing[1].n_when, 2);
    assert_int_equal(m->routing[1].n_to, 1);
    assert_int_equal(m->routing[2].n_when, 0);
    assert_int_equal(m->routing[2].weights[0], 2);
    hl_model_free(m);
    refuses(HEAD HAND "sla: [{name: a, stage: mq, kind: hot, within: 5}, {stage: mql, within: 5m, whithin: 1}, {name: a}]\n",
            "m.yaml:4:24: error: no stage 'mq', did you mean 'mql'?\n"
            "m.yaml:4:34: error: kind must be active or passive, not 'hot'\n"
            "m.yaml:4:47: error: within has no unit: write 5ms, 5s, 5m, 5h, 5d or 5w\n"
            "m.yaml:4:76: error: unknown key 'whithin' in a rule of sla, did you mean 'within'?\n"
            "m.yaml:4:51: error: a rule of sla without a name\n"
            "m.yaml:4:89: error: a rule of sla needs stage and within\n"
            "m.yaml:4:96: error: the name 'a' is used twice in sla, first in line 4\n");
    refuses(HEAD HAND "sla: [{name: a, stage: sal, kind: active, within: 5m}, {name: b, stage: disqualified, within: 1d}]\n",
            "m.yaml:4:35: error: only mql has kinds, not sal\n"
            "m.yaml:4:73: error: nobody works a contact that is disqualified\n");
    char text[2000] = HEAD HAND "sla:\n";
    for (int i = 0; i < 17; i++) snprintf(text + strlen(text), 60, "  - {name: n%d, stage: mql, within: 5m}\n", i);
    refuses(text, "m.yaml:5:3: error: sla has 17 rules, more than 16\n");
    refuses(HEAD HAND "routing:\n  - {by: dice}\n  - {to: [a], by: weight, weights: [1, 0]}\n  - {to: [a], weights: [1]}\n  - "
                      "{when: {attribute: x}, to: []}\n",
            "m.yaml:5:5: error: a rule of routing needs to: a list of owners\n"
            "m.yaml:5:10: error: by must be round_robin or weight, not 'dice'\n"
            "m.yaml:5:5: warning: a rule without when takes all: the ones below it are never reached\n"
            "m.yaml:6:36: error: 2 weights for 1 owner\n"
            "m.yaml:6:5: warning: a rule without when takes all: the ones below it are never reached\n"
            "m.yaml:7:5: error: weights and 'by: weight' go together\n"
            "m.yaml:7:5: warning: a rule without when takes all: the ones below it are never reached\n"
            "m.yaml:8:12: error: a condition needs one of in, not_in, equals, exists, between, at_least, at_most, matches\n"
            "m.yaml:8:32: error: to is an empty list\n");
    refuses(HEAD HAND "routing: [{to: [a, ''], by: weight, weights: [1, 0]}]\n",
            "m.yaml:4:16: error: an owner without a name\n"
            "m.yaml:4:50: error: a weight must be a whole number from 1 to 1000000, not '0'\n");
}

static void unknown_names_are_refused_with_the_nearest(void **state)
{
    (void)state;
    refuses(HEAD HAND "treshold: {}\n", "m.yaml:4:1: error: unknown key 'treshold' in the model, did you mean 'thresholds'?\n");
    refuses(HEAD HAND "fit: {musthave: []}\n", "m.yaml:4:7: error: unknown key 'musthave' in fit, did you mean 'must_have'?\n");
    refuses(HEAD HAND "fit: {rules: [{name: a, attribute: b, equal: c, points: 1}]}\n",
            "m.yaml:4:39: error: unknown key 'equal' in a rule of fit.rules, did you mean 'equals'?\n"
            "m.yaml:4:15: error: a condition needs one of in, not_in, equals, exists, between, at_least, at_most, matches\n");
    refuses(HEAD HAND "behavior: {rules: [{name: a, on: page_veiwed, point: 3}]}\n",
            "m.yaml:4:47: error: unknown key 'point' in a rule of behavior.rules, did you mean 'points'?\n"
            "m.yaml:4:34: error: no event type 'page_veiwed', did you mean 'page_viewed'?\n"
            "m.yaml:4:20: error: a rule without points\n");
    refuses(HEAD HAND
            "behavior: {groups: {web: {}}, rules: [{name: a, points: 1, group: wep}, {name: b, points: 1, group: web}]}\n",
            "m.yaml:4:67: error: no group 'wep' in behavior.groups, did you mean 'web'?\n");
    refuses(HEAD HAND "lists: {free_mail: [x]}\nfit: {must_have: [{name: a, attribute: b, in: $freemail}]}\n",
            "m.yaml:5:47: error: no list 'freemail' in lists, did you mean 'free_mail'?\n");
    refuses(HEAD HAND "fit: {must_have: [{name: a, attribute: b, in: $free}]}\n",
            "m.yaml:4:47: error: no list 'free' in lists\n");
    refuses(HEAD HAND "stages: {extra: [{name: a, from: [leed], to: sqll}]}\n",
            "m.yaml:4:35: error: no stage 'leed', did you mean 'lead'?\n"
            "m.yaml:4:46: error: no stage 'sqll', did you mean 'sql'?\n");
    refuses(HEAD HAND "subscribe: {on: [form_submited]}\n",
            "m.yaml:4:18: error: no event type 'form_submited', did you mean 'form_submitted'?\n");
    refuses(HEAD HAND "preset: score\n", "m.yaml:4:9: error: preset must be sales-touch or score-driven, not 'score'\n");
    refuses(HEAD HAND "thresholds: {mql: {entre: 5}, sal: {enter: 3}}\n",
            "m.yaml:4:31: error: unknown key 'sal' in thresholds, did you mean 'sql'?\n"
            "m.yaml:4:20: error: unknown key 'entre' in thresholds.mql, did you mean 'enter'?\n");
}

static void names_are_needed_and_used_once(void **state)
{
    (void)state;
    refuses(HAND, "m.yaml:1:1: error: 'model' is missing: every transition carries it\n"
                  "m.yaml:1:1: error: 'version' is missing: every transition carries it\n");
    refuses("model: \"\"\nversion: [1]\n" HAND, "m.yaml:1:8: error: model has from 1 to 100 bytes\n"
                                                "m.yaml:2:10: error: version must be a single value, not a list\n");
    refuses(HEAD HAND "fit: {rules: [{attribute: a, equals: b, points: 1}]}\n",
            "m.yaml:4:15: error: a rule of fit.rules without a name\n");
    refuses(HEAD HAND "behavior: {rules: [{name: \"\", points: 1}]}\n", "m.yaml:4:27: error: a name has from 1 to 100 bytes\n");
    refuses(HEAD HAND "behavior:\n  rules:\n  - {name: a, points: 1}\n  - {name: b, points: 1}\n  - {name: a, points: 2}\n",
            "m.yaml:8:12: error: the name 'a' is used twice in behavior.rules, first in line 6\n");
    refuses(HEAD "hand_raise: [{name: h, on: demo_requested}, {name: h, on: chat_started}]\n",
            "m.yaml:3:52: error: the name 'h' is used twice in hand_raise, first in line 3\n");
    refuses(HEAD HAND "fit: {suspect: [{name: a, attribute: x, exists: true}, {name: a, attribute: y, exists: true}]}\n",
            "m.yaml:4:63: error: the name 'a' is used twice in fit.suspect, first in line 4\n");
    refuses(HEAD HAND "stages: {extra: [{name: a, from: lead, to: mql}, {name: a, from: lead, to: sql}]}\n",
            "m.yaml:4:57: error: the name 'a' is used twice in stages.extra, first in line 4\n");
    /* the same name in two sections is fine */
    hl_model_free(
        load(HEAD HAND "fit: {suspect: [{name: h, attribute: x, exists: true}]}\nbehavior: {rules: [{name: h, points: 1}]}\n"));
    /* two names that FNV-1a cannot tell apart */
    assert_int_equal(hl_name_hash(HL_SLICE_LIT("costarring")), hl_name_hash(HL_SLICE_LIT("liquid")));
    refuses(HEAD HAND "behavior: {rules: [{name: costarring, points: 1}, {name: liquid, points: 1}]}\n",
            "m.yaml:4:58: error: the names 'costarring' and 'liquid' have the same hash: change one\n");
}

static void numbers_and_durations_have_their_range(void **state)
{
    (void)state;
    refuses(HEAD HAND "behavior: {rules: [{name: a, points: 100000.5}, {name: b, points: -100001}, {name: c, points: ten}]}\n",
            "m.yaml:4:38: error: points must be from -100000 to 100000\n"
            "m.yaml:4:67: error: points must be from -100000 to 100000\n"
            "m.yaml:4:95: error: points must be a plain number such as 10 or -2.5, not 'ten'\n");
    hl_model_free(load(HEAD HAND "behavior: {rules: [{name: a, points: 100000}, {name: b, points: -100000}]}\n"));
    refuses(HEAD HAND "behavior: {half_life: 30}\n",
            "m.yaml:4:23: error: half_life has no unit: write 30ms, 30s, 30m, 30h, 30d or 30w\n");
    refuses(HEAD HAND "behavior: {half_life: 999ms}\n",
            "m.yaml:4:23: error: half_life must be from 1s to 100 years, not 999ms\n");
    refuses(HEAD HAND "behavior: {half_life: 36526d}\n",
            "m.yaml:4:23: error: half_life must be from 1s to 100 years, not 36526d\n");
    hl_model_free(load(HEAD HAND "behavior: {half_life: 36525d}\n"));
    refuses(HEAD HAND "behavior: {rules: [{name: a, points: 1, half_life: long}]}\n",
            "m.yaml:4:52: error: half_life must be a duration such as 30d, 12h, 5m, 10s or 100ms, not 'long'\n");
    static const char *const caps[] = {"3",          "3 per",    "0 per 1d", "-1 per 1d",        "3 per 1",
                                       "3 per 10ms", "x per 1d", "3per1d",   "4294967296 per 1d"};
    for (size_t i = 0; i < HL_ARRAY_LEN(caps); i++) {
        char text[200], expected[300];
        snprintf(text, sizeof(text), HEAD HAND "behavior: {rules: [{name: a, points: 1, max_times: %s}]}\n", caps[i]);
        snprintf(expected, sizeof(expected),
                 "m.yaml:4:52: error: max_times must read like '3 per 1d' (a count, and a window of 1s or more), not '%s'\n",
                 caps[i]);
        refuses(text, expected);
    }
    refuses(HEAD HAND "behavior: {groups: {a: {max: -1}}, rules: [{name: a, points: 1, group: a}]}\n",
            "m.yaml:4:30: error: max must not be below 0\n");
    refuses(HEAD HAND "recycle: {cooldown: 30, reset_behavior: maybe}\n",
            "m.yaml:4:21: error: cooldown has no unit: write 30ms, 30s, 30m, 30h, 30d or 30w\n"
            "m.yaml:4:41: error: reset_behavior must be true or false, not 'maybe'\n");
    char text[256], expected[256];
    static const char keep[] = "error: touches.keep is how many kinds of touches are kept of a contact: from 1 to 32\n";
    for (size_t i = 0; i < 4; i++) {
        static const char *const wrong[] = {"touches: {keep: 0}\n", "touches: {keep: 33}\n", "touches: {keep: all}\n", "touches: {on: page_viewed}\n"};
        snprintf(text, sizeof(text), HEAD HAND "%s", wrong[i]);
        snprintf(expected, sizeof(expected), "m.yaml:4:%d: %s", i < 3 ? 17 : 10, keep);
        refuses(text, expected);
    }
    for (size_t i = 0; i < 3; i++) {
        static const char *const wrong[] = {"voids: {keep: 0}\n", "voids: {keep: 33}\n", "voids: {keep: all}\n"};
        snprintf(text, sizeof(text), HEAD HAND "%s", wrong[i]);
        refuses(text, "m.yaml:4:15: error: voids.keep is how many of the last events of a contact can be taken back: from 1 to 32\n");
    }
    refuses(HEAD "hand_raise: [{name: h, on: demo_requested, valid_for: 0s}]\n",
            "m.yaml:3:55: error: valid_for must be from 1ms to 100 years, not 0s\n");
    refuses(HEAD HAND "stages: {facts_valid_for: 5}\n",
            "m.yaml:4:27: error: facts_valid_for has no unit: write 5ms, 5s, 5m, 5h, 5d or 5w\n");
}

static void conditions_must_make_sense(void **state)
{
    (void)state;
#define FIT(condition) HEAD HAND "fit: {must_have: [{name: a, " condition "}]}\n"
    refuses(FIT("equals: x"), "m.yaml:4:19: error: a condition without an attribute\n");
    refuses(FIT("attribute: \"\", equals: x"), "m.yaml:4:40: error: an empty attribute name\n");
    refuses(FIT("attribute: b"),
            "m.yaml:4:19: error: a condition needs one of in, not_in, equals, exists, between, at_least, at_most, matches\n");
    refuses(FIT("attribute: b, in: []"), "m.yaml:4:47: error: in is an empty list\n");
    refuses(FIT("attribute: b, in: {a: b}"), "m.yaml:4:47: error: in must be a list, not a map (name: value)\n");
    refuses(FIT("attribute: b, in: [[x]]"), "m.yaml:4:48: error: in must be a single value, not a list\n");
    refuses(FIT("attribute: b, between: [1]"), "m.yaml:4:52: error: between wants two numbers: [lowest, highest]\n");
    refuses(FIT("attribute: b, between: [2, 1]"),
            "m.yaml:4:19: error: no number can be both: the lower limit is above the upper one\n");
    refuses(FIT("attribute: b, between: [1, 2], at_most: 3"),
            "m.yaml:4:19: error: between and at_least or at_most in one condition\n");
    refuses(FIT("attribute: b, at_least: 1k"),
            "m.yaml:4:53: error: at_least must be a plain number such as 10 or -2.5, not '1k'\n");
    refuses(FIT("attribute: b, exists: no"), "m.yaml:4:51: error: exists must be true or false, not 'no'\n");
    refuses(FIT("attribute: b, matches: 'a(b'"),
            "m.yaml:4:52: error: matches: missing closing parenthesis at offset 3 of the pattern\n");
    refuses(FIT("attribute: b, equals: c, points: 3"),
            "m.yaml:4:19: error: a rule of fit.must_have holds or not: it has no points\n");
    refuses(HEAD HAND "behavior: {rules: [{name: a, points: 1, where: [{equals: x}, 3]}]}\n",
            "m.yaml:4:49: error: a condition without an attribute\n"
            "m.yaml:4:62: error: where must be a map (name: value), not a single value\n");
    refuses(HEAD HAND "fit: {grades: {A: 10, B: 20, E: 5}}\n",
            "m.yaml:4:30: error: no grade 'E': cut-offs are for A, B and C, and D is what is below\n"
            "m.yaml:4:26: error: the cut-off of B must be below that of A\n");
    refuses(HEAD HAND "behavior: {rules: [{name: a, path: pricing*, points: 1}]}\n",
            "m.yaml:4:36: error: a path starts with / (or with *): 'pricing*' matches nothing\n");
    refuses(HEAD HAND "behavior: {rules: [{name: a, on: [], form: [], points: 1}]}\n",
            "m.yaml:4:34: error: on is an empty list\n"
            "m.yaml:4:44: error: form is an empty list\n");
}

static void lists_are_lists_of_texts(void **state)
{
    (void)state;
    refuses(HEAD HAND "lists: {a: x, b: [[y]], c: [$a]}\n",
            "m.yaml:4:12: error: list 'a' must be a list, not a single value\n"
            "m.yaml:4:19: error: an item of a list must be a single value, not a list\n"
            "m.yaml:4:29: error: a list cannot refer to another list\n");
    refuses(HEAD HAND "lists: [a]\n", "m.yaml:4:8: error: lists must be a map (name: value), not a list\n");
}

static void references_cannot_multiply_without_end(void **state)
{
    (void)state;
    struct hl_buf b;
    struct hl_model *m = NULL;
    struct hl_error err = {0};
    hl_buf_init(&b);
    hl_buf_printf(&b, HEAD HAND "lists:\n  big:\n");
    for (int i = 0; i < 20000; i++) hl_buf_printf(&b, "  - x\n");
    hl_buf_printf(&b, "fit:\n  must_have:\n");
    for (int i = 0; i < 51; i++) hl_buf_printf(&b, "  - {name: r%d, attribute: a, in: $big}\n", i);
    assert_int_equal(hl_model_load_text("m.yaml", hl_buf_slice(&b), &m, NULL, &err), HL_E_CONFIG);
    assert_string_equal(err.message, "m.yaml:20058:35: lists grow beyond 1000000 items over all rules");
    hl_buf_fini(&b);
}

static void stages_and_thresholds_must_make_sense(void **state)
{
    (void)state;
    refuses(HEAD HAND "thresholds: {mql: {enter: 30, exit: 60}}\n",
            "m.yaml:4:37: error: mql.exit is above mql.enter: a contact would fall out as it comes in\n");
    refuses(HEAD HAND "thresholds: {mql: {exit: 60}}\n", "m.yaml:4:26: error: mql.exit without mql.enter\n");
    refuses(HEAD HAND "preset: score-driven\nthresholds: {sql: {enter: 1, exit: 1.5}}\n",
            "m.yaml:5:36: error: sql.exit is above sql.enter: a contact would fall out as it comes in\n");
    hl_model_free(load(HEAD HAND "thresholds: {mql: {enter: 30, exit: 30}}\n"));
    refuses(HEAD HAND "preset: score-driven\n",
            "m.yaml:4:9: error: preset score-driven needs thresholds.sql.enter, or a rule in qualify\n");
    hl_model_free(load(HEAD HAND "preset: score-driven\nqualify: [{name: q, on: meeting_booked}]\n"));
    refuses(HEAD HAND "stages: {extra: [{name: a, from: [lead, mql], to: mql}, {name: b, from: disqualified, to: lead}, {name: "
                      "c, from: []}]}\n",
            "m.yaml:4:51: error: from and to are the same stage 'mql'\n"
            "m.yaml:4:73: error: nothing leads out of disqualified but stage_set\n"
            "m.yaml:4:98: error: a rule of stages.extra needs from and to\n"
            "m.yaml:4:114: error: from is an empty list\n");
}

static void there_are_at_most_32_hand_raise_rules(void **state)
{
    (void)state;
    for (int n = 32; n <= 33; n++) {
        struct hl_buf b;
        hl_buf_init(&b);
        hl_buf_printf(&b, HEAD "hand_raise:\n");
        for (int i = 0; i < n; i++) hl_buf_printf(&b, "  - {name: h%d, on: demo_requested}\n", i);
        hl_buf_put_u8(&b, 0);
        if (n == 32)
            hl_model_free(load((const char *)b.data));
        else
            refuses((const char *)b.data,
                    "m.yaml:4:3: error: hand_raise has 33 rules, more than 32: one rule may list several forms or types\n");
        hl_buf_fini(&b);
    }
}

static void what_is_useless_is_warned_about(void **state)
{
    (void)state;
    warns(HEAD HAND "behavior: {groups: {web: {max: 3}}}\n", "m.yaml:4:21: warning: no rule is in group 'web'\n");
    warns(HEAD HAND "lists: {a: [x], b: [y]}\nfit: {must_have: [{name: a, attribute: b, in: [$b]}]}\n",
          "m.yaml:4:9: warning: no rule refers to list 'a'\n");
    warns(HEAD HAND "thresholds: {sql: {enter: 3}}\nqualify: [{name: q, on: meeting_booked}]\n",
          "m.yaml:4:19: warning: thresholds.sql has no effect with preset sales-touch\n"
          "m.yaml:5:10: warning: qualify has no effect with preset sales-touch\n");
}

static void wrong_shapes_are_refused(void **state)
{
    (void)state;
    refuses("just text\n", "m.yaml:1:1: error: the model must be a map (name: value), not a single value\n");
    refuses(HEAD HAND "fit: 3\nbehavior: []\nstages: x\n",
            "m.yaml:4:6: error: fit must be a map (name: value), not a single value\n"
            "m.yaml:5:11: error: behavior must be a map (name: value), not a list\n"
            "m.yaml:6:9: error: stages must be a map (name: value), not a single value\n");
    refuses(HEAD "hand_raise: {name: a}\nthresholds: {mql: {enter: 1}}\n",
            "m.yaml:3:13: error: hand_raise must be a list, not a map (name: value)\n");
    refuses(HEAD HAND "fit: {rules: [x]}\n",
            "m.yaml:4:15: error: a rule of fit.rules must be a map (name: value), not a single value\n");
    refuses("a: [\n", "m.yaml:2:1: error: while parsing a flow node, did not find expected node content\n");
    hl_model_free(load(HEAD HAND "fit:\nbehavior: ~\nstages: {extra: []}\nlists:\n"));
}

static void the_committed_models_are_right_without_a_warning(void **state)
{
    (void)state;
    static const char *const paths[] = {HL_SOURCE_DIR "/config/model.yaml", HL_SOURCE_DIR "/config/model-score-driven.yaml"};
    for (size_t i = 0; i < HL_ARRAY_LEN(paths); i++) {
        struct hl_model *m = NULL;
        struct hl_error err = {0};
        struct hl_buf b;
        hl_buf_init(&b);
        enum hl_status st = hl_model_load(paths[i], &m, &b, &err);
        hl_buf_put_u8(&b, 0);
        assert_string_equal((const char *)b.data, "");
        assert_int_equal(st, HL_OK);
        assert_true(m->score_driven == (i == 1));
        assert_true(m->n_rules > 5 && m->n_hand_raise > 0 && m->n_must_have > 0);
        hl_model_free(m);
        hl_buf_fini(&b);
    }
}

static void a_model_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    struct hl_model *m = NULL;
    struct hl_error err = {0};
    struct hl_buf b;
    hl_buf_init(&b);
    assert_int_equal(hl_model_load("/nonexistent/m.yaml", &m, &b, &err), HL_E_IO);
    assert_int_equal(err.code, HL_E_IO);
    assert_string_equal(err.message, "/nonexistent/m.yaml: No such file or directory");
    hl_buf_put_u8(&b, 0);
    assert_string_equal((const char *)b.data, "/nonexistent/m.yaml: error: No such file or directory\n");
    hl_buf_fini(&b);
    /* problems and err may be left out */
    assert_int_equal(hl_model_load_text("m", HL_SLICE_LIT("x: y"), &m, NULL, NULL), HL_E_CONFIG);
    assert_null(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_a_unit),
        cmocka_unit_test(the_smallest_model_has_the_defaults),
        cmocka_unit_test(fit_lands_in_the_model),
        cmocka_unit_test(behavior_lands_in_the_model),
        cmocka_unit_test(the_lifecycle_lands_in_the_model),
        cmocka_unit_test(yaml_pitfalls_do_no_harm),
        cmocka_unit_test(sla_and_routing_are_read_and_checked),
        cmocka_unit_test(unknown_names_are_refused_with_the_nearest),
        cmocka_unit_test(names_are_needed_and_used_once),
        cmocka_unit_test(numbers_and_durations_have_their_range),
        cmocka_unit_test(conditions_must_make_sense),
        cmocka_unit_test(lists_are_lists_of_texts),
        cmocka_unit_test(references_cannot_multiply_without_end),
        cmocka_unit_test(stages_and_thresholds_must_make_sense),
        cmocka_unit_test(there_are_at_most_32_hand_raise_rules),
        cmocka_unit_test(what_is_useless_is_warned_about),
        cmocka_unit_test(wrong_shapes_are_refused),
        cmocka_unit_test(the_committed_models_are_right_without_a_warning),
        cmocka_unit_test(a_model_that_cannot_be_read_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
