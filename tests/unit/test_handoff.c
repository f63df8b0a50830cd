/* Owners and deadlines (decision 0008), one contact at a time. The property test against the reference covers the crowd. */
#include <math.h>

#include "core_fixture.h"
#include "core/handoff.h"
#include "hotlead/core/due.h"
#include "hotlead/core/state.h"

#define HOUR INT64_C(3600000)

static void lead(struct fx *f)
{
    fx_say(f, FORM_SUBMITTED, FX_T0, "country", "US");
    assert_int_equal(f->c.stage, HL_STAGE_LEAD);
}

static void sealed(struct fx *f)
{
    fx_init(f);
    fx_usual(f);
    f->m->sal = false;
}

static void assert_alert(const struct fx *f, unsigned i, const char *name, enum hl_alert_event event, int64_t at)
{
    assert_true(i < f->out.n_alerts);
    const struct hl_alert *a = &f->out.alerts[i];
    if (strcmp(a->sla->name, name) != 0 || a->event != event || a->at != at)
        fail_msg("alert %u: %s %s at T0 + %lld", i, a->sla->name, hl_alert_name(a->event), (long long)(a->at - FX_T0));
}

static void assert_owner(const struct fx *f, const char *name)
{
    struct hl_slice owner = hl_contact_owner(&f->c);
    if (name ? !hl_slice_eq_cstr(owner, name) : !hl_slice_is_null(owner)) fail_msg("owner %.*s", HL_SLICE_ARG(owner));
}

/* ---- owners ---- */

static const char *owner_of(const char *id, size_t n, const uint32_t *weights)
{
    static char name[16];
    struct fx f;
    sealed(&f);
    fx_route(&f, n, weights);
    assert_int_equal(hl_model_seal(f.m), HL_OK);
    struct hl_slice s = hl_slice_of(id);
    assert_int_equal(hl_contact_init(&f.c, &f.slab, hl_hash64(s), s, 0), HL_OK);
    lead(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 1);
    snprintf(name, sizeof name, "%.*s", HL_SLICE_ARG(f.out.transitions[0].owner));
    fx_fini(&f);
    return name;
}

/* The numbers come from the formula of the decision, worked out apart. */
static void the_owner_of_an_id_never_changes(void **state)
{
    (void)state;
    assert_string_equal(owner_of("a", 2, NULL), "o1");
    assert_string_equal(owner_of("b", 2, NULL), "o0");
    assert_string_equal(owner_of("c-1", 3, NULL), "o1");
    assert_string_equal(owner_of("c-2", 3, NULL), "o1");
    assert_string_equal(owner_of("jo\xc3\xa9@example.org", 5, NULL), "o3");
    assert_string_equal(owner_of("c-1", 3, (const uint32_t[]){1000000, 1, 1}), "o0");
}

static void shares_follow_the_weights(void **state)
{
    unsigned even[3] = {0}, weighted[3] = {0};
    (void)state;
    for (int i = 0; i < 6000; i++) {
        char id[24];
        snprintf(id, sizeof id, "contact-%d", i);
        even[owner_of(id, 3, NULL)[1] - '0']++;
        weighted[owner_of(id, 3, (const uint32_t[]){2, 1, 1})[1] - '0']++;
    }
    for (int k = 0; k < 3; k++) assert_in_range(even[k], 2000 - 150, 2000 + 150); /* four standard deviations */
    assert_in_range(weighted[0], 3000 - 160, 3000 + 160);
    assert_in_range(weighted[1], 1500 - 140, 1500 + 140);
}

static void the_first_route_that_fits_deals_and_an_owner_stays(void **state)
{
    struct fx f;
    (void)state;
    sealed(&f);
    struct hl_route *none = fx_route(&f, 1, NULL);
    none->when = calloc(2, sizeof *none->when);
    none->n_when = 2;
    none->when[0] = (struct hl_condition){.attribute = strdup("country"), .exists = 1};
    none->when[1] = (struct hl_condition){.attribute = strdup("size"), .exists = 1};
    *fx_route(&f, 1, NULL)->to[0] = 'x';
    fx_seal(&f);
    lead(&f);
    assert_owner(&f, NULL);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + HOUR);
    assert_owner(&f, "x0");
    assert_true(hl_slice_eq_cstr(f.out.transitions[0].owner, "x0"));
    fx_say(&f, LEAD_REJECTED, FX_T0 + 2 * HOUR, "size", "1");
    assert_true(hl_slice_eq_cstr(f.out.transitions[0].owner, "x0"));
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 3 * HOUR, "size", "1");
    fx_say(&f, DEMO_REQUESTED, FX_T0 + 4 * HOUR);
    assert_int_equal(f.c.visit, 2);
    assert_owner(&f, "x0");
    fx_fini(&f);
}

static void the_newer_owner_wins_and_an_empty_one_takes_away(void **state)
{
    struct fx f;
    char longer[300];
    (void)state;
    sealed(&f);
    fx_route(&f, 1, NULL);
    fx_seal(&f);
    fx_say(&f, OWNER_ASSIGNED, FX_T0, "owner", "jo");
    assert_owner(&f, "jo");
    fx_say(&f, OWNER_ASSIGNED, FX_T0 - 1, "owner", "late");
    assert_owner(&f, "jo");
    fx_say(&f, OWNER_ASSIGNED, FX_T0, "owner", "same time, came later");
    assert_owner(&f, "same time, came later");
    fx_say(&f, OWNER_ASSIGNED, FX_T0 + 5, "actor", "nobody is named");
    assert_owner(&f, "same time, came later");
    fx_say(&f, OWNER_ASSIGNED, FX_T0 + 5, "owner", "");
    assert_owner(&f, NULL);
    fx_say(&f, OWNER_ASSIGNED, FX_T0 + 4, "owner", "late");
    assert_owner(&f, NULL);
    memset(longer, 'a', sizeof longer - 1);
    memcpy(longer + 254, "\xc3\xa9", 2);
    longer[299] = 0;
    fx_say(&f, OWNER_ASSIGNED, FX_T0 + 6, "owner", longer);
    assert_int_equal(hl_contact_owner(&f.c).len, 254); /* not half a character */
    fx_fini(&f);
}

static void machines_and_the_disqualified_get_no_owner(void **state)
{
    struct fx f;
    (void)state;
    sealed(&f);
    fx_seal(&f);
    struct hl_kv kv = {HL_SLICE_LIT("owner"), HL_SLICE_LIT("jo")};
    struct hl_event ev = fx_event(&f, HL_EVENT_OWNER_ASSIGNED, FX_T0);
    ev.attributes = &kv;
    ev.n_attributes = 1;
    ev.machine = true;
    fx_apply(&f, &ev, HL_APPLY_LIVE);
    assert_owner(&f, NULL);
    fx_say(&f, LEAD_DISQUALIFIED, FX_T0);
    fx_say(&f, OWNER_ASSIGNED, FX_T0 + 1, "owner", "jo");
    assert_owner(&f, NULL);
    fx_fini(&f);
}

/* ---- deadlines ---- */

static void with_deadlines(struct fx *f)
{
    sealed(f);
    fx_sla(f, "call", HL_STAGE_MQL, HL_KIND_ACTIVE, HOUR);
    fx_sla(f, "look", HL_STAGE_MQL, HL_KIND_NONE, 5 * HOUR);
    fx_sla(f, "talk", HL_STAGE_SQL, HL_KIND_NONE, 9 * HOUR);
    fx_rule(f, "page", FX_TYPE(PAGE_VIEWED), 60, FX_DAY);
    fx_seal(f);
    lead(f);
}

static void a_move_names_the_earliest_deadline_and_an_answer_meets_all(void **state)
{
    struct fx f;
    (void)state;
    with_deadlines(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + HOUR);
    assert_int_equal(f.out.n_alerts, 2);
    assert_alert(&f, 0, "call", HL_ALERT_DUE, FX_T0 + HOUR);
    assert_alert(&f, 1, "look", HL_ALERT_DUE, FX_T0 + HOUR);
    assert_true(f.out.transitions[0].sla_due == FX_T0 + 2 * HOUR);
    fx_say(&f, LEAD_ACCEPTED, FX_T0 + 2 * HOUR - 1); /* SAL is off: it moves nobody, and counts as an answer */
    assert_int_equal(f.out.n_transitions, 0);
    assert_int_equal(f.out.n_alerts, 2);
    assert_alert(&f, 0, "call", HL_ALERT_MET, FX_T0 + 2 * HOUR - 1);
    assert_alert(&f, 1, "look", HL_ALERT_MET, FX_T0 + 2 * HOUR - 1);
    assert_true(hl_contact_sla_due(&f.c) == HL_NO_TIME);
    fx_say(&f, SALES_CONTACT_MADE, FX_T0 + 3 * HOUR);
    assert_int_equal(f.out.n_alerts, 1);
    assert_alert(&f, 0, "talk", HL_ALERT_DUE, FX_T0 + 3 * HOUR);
    fx_fini(&f);
}

static void an_answer_at_the_deadline_is_too_late(void **state)
{
    struct fx f;
    (void)state;
    with_deadlines(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + HOUR);
    fx_say(&f, LEAD_REJECTED, FX_T0 + 2 * HOUR);
    assert_int_equal(f.out.n_alerts, 2);
    assert_alert(&f, 0, "call", HL_ALERT_BREACHED, FX_T0 + 2 * HOUR);
    assert_alert(&f, 1, "look", HL_ALERT_MET, FX_T0 + 2 * HOUR);
    fx_fini(&f);
}

static void time_breaches_and_touches_neither_clock_nor_stage(void **state)
{
    struct fx f;
    (void)state;
    with_deadlines(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + HOUR);
    assert_true(hl_due_next(&f.c, f.m) == FX_T0 + 2 * HOUR);
    int64_t clock = f.c.clock;
    assert_int_equal(hl_due_act(&f.c, &f.slab, f.m, FX_T0 + 2 * HOUR, &f.out), HL_OK);
    assert_int_equal(f.out.n_alerts, 1);
    assert_int_equal(f.out.n_transitions, 0);
    assert_true(f.out.changed && f.c.clock == clock);
    assert_alert(&f, 0, "call", HL_ALERT_BREACHED, FX_T0 + 2 * HOUR);
    assert_true(hl_due_next(&f.c, f.m) == FX_T0 + 6 * HOUR);
    fx_say(&f, LEAD_ACCEPTED, FX_T0 + HOUR + 1); /* came late: after `breached` nothing more is said of `call` */
    assert_int_equal(f.out.n_alerts, 1);
    assert_alert(&f, 0, "look", HL_ALERT_MET, FX_T0 + HOUR + 1);
    fx_fini(&f);
}

/* Going back would blow up what came later: a score is never looked at before the contact's clock. */
static void a_deadline_behind_the_clock_shows_the_score_at_the_clock(void **state)
{
    struct fx f;
    (void)state;
    with_deadlines(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + HOUR);
    fx_say(&f, PAGE_VIEWED, FX_T0 + 3 * FX_DAY);
    assert_int_equal(hl_due_act(&f.c, &f.slab, f.m, FX_T0 + 2 * HOUR, &f.out), HL_OK);
    assert_alert(&f, 0, "call", HL_ALERT_BREACHED, FX_T0 + 2 * HOUR);
    assert_true(fabs(hl_fixed_to_double(f.out.alerts[0].score) - 60) < 1e-6);
    assert_int_equal(hl_due_act(&f.c, &f.slab, f.m, FX_T0 + 6 * HOUR, &f.out), HL_OK);
    assert_true(fabs(hl_fixed_to_double(f.out.alerts[0].score) - 60) < 1e-6);
    fx_fini(&f);
}

static void a_raised_hand_starts_its_own_deadline_and_leaves_the_other_running(void **state)
{
    struct fx f;
    (void)state;
    with_deadlines(&f);
    fx_say(&f, PAGE_VIEWED, FX_T0);
    assert_int_equal(f.c.kind, HL_KIND_PASSIVE);
    assert_int_equal(f.out.n_alerts, 1);
    assert_alert(&f, 0, "look", HL_ALERT_DUE, FX_T0);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + HOUR);
    assert_int_equal(f.out.n_alerts, 1);
    assert_alert(&f, 0, "call", HL_ALERT_DUE, FX_T0 + HOUR);
    assert_true(f.out.transitions[0].sla_due == FX_T0 + 2 * HOUR);
    fx_fini(&f);
}

static void decay_ends_a_deadline_without_a_word(void **state)
{
    struct fx f;
    (void)state;
    with_deadlines(&f);
    f.m->sla[1].within_ms = 40 * FX_DAY;
    fx_say(&f, PAGE_VIEWED, FX_T0);
    int64_t moment = hl_due_next(&f.c, f.m);
    assert_true(moment > FX_T0 + 20 * HOUR && moment < FX_T0 + 2 * FX_DAY);
    assert_int_equal(hl_due_act(&f.c, &f.slab, f.m, moment, &f.out), HL_OK);
    assert_int_equal(f.c.stage, HL_STAGE_LEAD);
    assert_int_equal(f.out.n_alerts, 0);
    assert_true(hl_due_next(&f.c, f.m) == HL_NO_TIME);
    fx_fini(&f);
}

static void a_deadline_and_a_fall_at_one_moment_come_in_that_order(void **state)
{
    struct fx f;
    (void)state;
    with_deadlines(&f);
    fx_say(&f, PAGE_VIEWED, FX_T0);
    int64_t moment = hl_due_decay(&f.c, f.m);
    f.c.ext->clocks[0].due = moment;
    assert_int_equal(hl_due_act(&f.c, &f.slab, f.m, moment, &f.out), HL_OK);
    assert_int_equal(f.out.n_alerts, 1);
    assert_alert(&f, 0, "look", HL_ALERT_BREACHED, moment);
    assert_int_equal(f.out.n_transitions, 1);
    fx_fini(&f);
}

static void a_model_without_the_rule_drops_the_deadline(void **state)
{
    struct fx f, other;
    struct hl_buf b;
    (void)state;
    with_deadlines(&f);
    fx_say(&f, DEMO_REQUESTED, FX_T0 + HOUR);
    hl_buf_init(&b);
    hl_state_encode(&f.c, f.m, &b);
    sealed(&other);
    fx_sla(&other, "look", HL_STAGE_MQL, HL_KIND_NONE, FX_DAY);  /* keeps what was announced */
    fx_sla(&other, "call", HL_STAGE_MQL, HL_KIND_PASSIVE, HOUR); /* does not apply any more */
    fx_seal(&other);
    assert_int_equal(hl_state_decode(&other.c, &other.slab, other.m, hl_buf_slice(&b)), HL_OK);
    assert_int_equal(other.c.ext->n_clocks, 1);
    assert_true(hl_contact_sla_due(&other.c) == FX_T0 + 6 * HOUR);
    hl_buf_fini(&b);
    fx_fini(&f);
    fx_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_of_an_id_never_changes),
        cmocka_unit_test(shares_follow_the_weights),
        cmocka_unit_test(the_first_route_that_fits_deals_and_an_owner_stays),
        cmocka_unit_test(the_newer_owner_wins_and_an_empty_one_takes_away),
        cmocka_unit_test(machines_and_the_disqualified_get_no_owner),
        cmocka_unit_test(a_move_names_the_earliest_deadline_and_an_answer_meets_all),
        cmocka_unit_test(an_answer_at_the_deadline_is_too_late),
        cmocka_unit_test(time_breaches_and_touches_neither_clock_nor_stage),
        cmocka_unit_test(a_deadline_behind_the_clock_shows_the_score_at_the_clock),
        cmocka_unit_test(a_raised_hand_starts_its_own_deadline_and_leaves_the_other_running),
        cmocka_unit_test(decay_ends_a_deadline_without_a_word),
        cmocka_unit_test(a_deadline_and_a_fall_at_one_moment_come_in_that_order),
        cmocka_unit_test(a_model_without_the_rule_drops_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
