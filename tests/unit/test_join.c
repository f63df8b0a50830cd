/* Two contacts become one, and what travels between the workers that have them. */
#include <stddef.h>
#include <stdint.h>

#include "app/onward.h"
#include "core_fixture.h"
#include "hotlead/core/join.h"
#include "hotlead/core/state.h"
#include "hotlead/core/touches.h"

struct two {
    struct fx f; /* f.c takes over */
    struct hl_contact other;
};

static void begin(struct two *t)
{
    struct fx *f = &t->f;
    struct hl_slice id = HL_SLICE_LIT("other");
    fx_init(f);
    fx_usual(f);
    struct hl_score_rule *page = fx_rule(f, "page", FX_TYPE(PAGE_VIEWED), 25, 10 * FX_DAY);
    page->max_times = 3;
    page->window_ms = FX_DAY;
    fx_rule(f, "file", FX_TYPE(FILE_DOWNLOADED), 40, 0);
    fx_rule(f, "gone", FX_TYPE(EMAIL_UNSUBSCRIBED), -7, 3 * FX_DAY);
    f->m->touches_keep = 4;
    f->m->voids_keep = 4;
    fx_seal(f);
    assert_int_equal(hl_contact_init(&t->other, &f->slab, hl_hash64(id), id, 0), HL_OK);
}

static void end(struct two *t)
{
    hl_contact_fini(&t->other, &t->f.slab);
    fx_fini(&t->f);
}

static void to_other(struct two *t, const struct hl_event *ev)
{
    struct hl_outcome out;
    assert_int_equal(hl_apply(&t->other, &t->f.slab, t->f.m, NULL, ev, HL_APPLY_LIVE, &out), HL_OK);
}

static void say_other(struct two *t, enum hl_event_type type, int64_t at, const char *key, const char *value)
{
    struct hl_event ev = fx_event(&t->f, type, at);
    struct hl_kv kv = {hl_slice_of(key), hl_slice_of(value)};
    ev.attributes = &kv;
    ev.n_attributes = *key ? 1 : 0;
    to_other(t, &ev);
}

static enum hl_result join(struct two *t, int64_t at)
{
    struct hl_event ev = {.event_id = HL_SLICE_LIT("merge"), .contact_id = hl_contact_id(&t->f.c), .type = HL_EVENT_CONTACT_MERGED, .occurred_at = at};
    assert_int_equal(hl_join(&t->f.c, &t->f.slab, t->f.m, &t->other, &ev, HL_APPLY_LIVE, &t->f.out), HL_OK);
    return t->f.out.result;
}

/* Random histories, cut in two at random, in any order: the rows of the sum are those of one contact that had it all. */
static void rows_are_to_the_bit_those_of_one_contact(void **state)
{
    uint64_t r = fx_seed();
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct two t;
        begin(&t);
        struct hl_contact all;
        struct hl_slice id = HL_SLICE_LIT("all");
        t.f.m->rules[0].max_times = 0; /* a cap goes by arrival */
        assert_int_equal(hl_contact_init(&all, &t.f.slab, 1, id, 0), HL_OK);
        for (unsigned i = 0; i < 40; i++) {
            static const enum hl_event_type types[] = {HL_EVENT_PAGE_VIEWED, HL_EVENT_FILE_DOWNLOADED, HL_EVENT_EMAIL_UNSUBSCRIBED};
            struct hl_event ev = fx_event(&t.f, types[fx_random(&r) % 3], FX_T0 + (int64_t)(fx_random(&r) % (uint64_t)(900 * FX_DAY)));
            struct hl_outcome out;
            assert_int_equal(hl_apply(&all, &t.f.slab, t.f.m, NULL, &ev, HL_APPLY_REPLAY, &out), HL_OK);
            assert_int_equal(hl_apply(fx_random(&r) % 2 ? &t.f.c : &t.other, &t.f.slab, t.f.m, NULL, &ev, HL_APPLY_REPLAY, &out), HL_OK);
        }
        join(&t, FX_T0);
        assert_int_equal(hl_contact_n_rows(&t.f.c), hl_contact_n_rows(&all));
        for (unsigned i = 0; i < hl_contact_n_rows(&all); i++) fx_same_rows(fx_row(&t.f.c, i), fx_row(&all, i));
        assert_int_equal(t.f.c.clock, all.clock);
        hl_contact_fini(&all, &t.f.slab);
        end(&t);
    }
}

static void counts_of_windows_are_added_and_the_two_newest_stay(void **state)
{
    struct two t;
    (void)state;
    begin(&t);
    fx_say(&t.f, PAGE_VIEWED, FX_T0);
    fx_say(&t.f, PAGE_VIEWED, FX_T0 + 2 * FX_DAY);
    say_other(&t, HL_EVENT_PAGE_VIEWED, FX_T0 + 2 * FX_DAY, "", "");
    say_other(&t, HL_EVENT_PAGE_VIEWED, FX_T0 + 3 * FX_DAY, "", "");
    join(&t, FX_T0 + 3 * FX_DAY);
    struct hl_window w = fx_window(&t.f.c, 0);
    assert_int_equal(w.window[0], FX_T0 / FX_DAY + 3);
    assert_int_equal(w.count[0], 1);
    assert_int_equal(w.window[1], FX_T0 / FX_DAY + 2);
    assert_int_equal(w.count[1], 2);
    end(&t);
}

static void of_attributes_the_newer_count_and_of_touches_the_earlier_first(void **state)
{
    struct two t;
    struct hl_touches touches;
    (void)state;
    begin(&t);
    fx_say(&t.f, CONTACT_IDENTIFIED, FX_T0 + 10, "country", "US", "city", "Oslo");
    say_other(&t, HL_EVENT_CONTACT_IDENTIFIED, FX_T0 + 20, "country", "FR");
    say_other(&t, HL_EVENT_CONTACT_IDENTIFIED, FX_T0 + 10, "city", "Bergen");
    say_other(&t, HL_EVENT_CONTACT_IDENTIFIED, FX_T0, "size", "50");
    fx_say(&t.f, FILE_DOWNLOADED, FX_T0 + 30);
    struct hl_event first = fx_event(&t.f, HL_EVENT_PAGE_VIEWED, FX_T0 + 5);
    first.source = HL_SLICE_LIT("google");
    first.url = HL_SLICE_LIT("/a");
    to_other(&t, &first);
    join(&t, FX_T0 + 40);
    assert_true(hl_slice_eq_cstr(hl_contact_attribute(&t.f.c, HL_SLICE_LIT("country"), NULL), "FR"));
    assert_true(hl_slice_eq_cstr(hl_contact_attribute(&t.f.c, HL_SLICE_LIT("city"), NULL), "Oslo")); /* a tie */
    assert_true(hl_slice_eq_cstr(hl_contact_attribute(&t.f.c, HL_SLICE_LIT("size"), NULL), "50"));
    assert_true(hl_touches_get(&t.f.c, &touches));
    assert_int_equal(touches.count, 2);
    assert_true(hl_slice_eq_cstr(touches.source, "google"));
    assert_int_equal(touches.n, 2);
    end(&t);
}

static void the_further_stage_stays_with_one_transition_and_what_follows(void **state)
{
    struct two t;
    (void)state;
    begin(&t);
    fx_say(&t.f, FORM_SUBMITTED, FX_T0, "country", "US");
    say_other(&t, HL_EVENT_FORM_SUBMITTED, FX_T0, "country", "US");
    say_other(&t, HL_EVENT_DEMO_REQUESTED, FX_T0 + 1, "", "");
    say_other(&t, HL_EVENT_SALES_CONTACT_MADE, FX_T0 + 2, "", "");
    assert_int_equal(t.other.stage, HL_STAGE_SQL);
    assert_int_equal(join(&t, FX_T0 + 5), HL_RESULT_SCORED);
    assert_int_equal(t.f.out.n_transitions, 1);
    assert_int_equal(t.f.out.transitions[0].from, HL_STAGE_LEAD);
    assert_int_equal(t.f.out.transitions[0].to, HL_STAGE_SQL);
    assert_int_equal(t.f.out.transitions[0].cause, HL_CAUSE_MERGE);
    assert_int_equal(t.f.out.transitions[0].direction, HL_DIRECTION_ADVANCE);
    assert_int_equal(t.f.out.transitions[0].seq, 3);
    assert_int_equal(t.f.c.kind, HL_KIND_ACTIVE);
    assert_int_equal(join(&t, FX_T0 + 5), HL_RESULT_DUPLICATE);
    end(&t);
}

static void points_of_a_visitor_make_a_known_contact_hot_at_once(void **state)
{
    struct two t;
    (void)state;
    begin(&t);
    fx_say(&t.f, FORM_SUBMITTED, FX_T0, "country", "US");
    say_other(&t, HL_EVENT_FILE_DOWNLOADED, FX_T0, "", "");
    say_other(&t, HL_EVENT_FILE_DOWNLOADED, FX_T0, "", "");
    join(&t, FX_T0 + 5);
    assert_int_equal(t.f.out.n_transitions, 1);
    assert_int_equal(t.f.out.transitions[0].cause, HL_CAUSE_SCORE);
    assert_int_equal(t.f.c.stage, HL_STAGE_MQL);
    assert_int_equal(fx_say(&t.f, EVENT_VOIDED, FX_T0 + 6, "event_id", "e3"), HL_RESULT_SCORED); /* a deed of the visitor */
    assert_int_equal(t.f.c.stage, HL_STAGE_LEAD);
    end(&t);
}

static void disqualified_wins_over_all(void **state)
{
    struct two t;
    (void)state;
    begin(&t);
    fx_say(&t.f, FORM_SUBMITTED, FX_T0, "country", "US");
    say_other(&t, HL_EVENT_LEAD_DISQUALIFIED, FX_T0, "", "");
    join(&t, FX_T0 + 5);
    assert_int_equal(t.f.out.n_transitions, 1);
    assert_int_equal(t.f.out.transitions[0].direction, HL_DIRECTION_EXIT);
    assert_int_equal(t.f.c.stage, HL_STAGE_DISQUALIFIED);
    end(&t);
    begin(&t);
    fx_say(&t.f, LEAD_DISQUALIFIED, FX_T0);
    say_other(&t, HL_EVENT_FORM_SUBMITTED, FX_T0, "country", "US");
    join(&t, FX_T0 + 5);
    assert_int_equal(t.f.out.n_transitions, 0);
    assert_int_equal(t.f.c.stage, HL_STAGE_DISQUALIFIED);
    end(&t);
}

static void who_was_erased_takes_nobody_over(void **state)
{
    struct two t;
    (void)state;
    begin(&t);
    fx_say(&t.f, PAGE_VIEWED, FX_T0);
    fx_say(&t.f, CONTACT_ERASED, FX_T0 + 10);
    say_other(&t, HL_EVENT_FILE_DOWNLOADED, FX_T0, "", "");
    assert_int_equal(join(&t, FX_T0 + 10), HL_RESULT_IGNORED);
    assert_true(t.f.out.buried);
    assert_int_equal(hl_contact_n_rows(&t.f.c), 0);
    assert_int_equal(join(&t, FX_T0 + 11), HL_RESULT_SCORED); /* a new life */
    assert_int_equal(hl_contact_n_rows(&t.f.c), 1);
    end(&t);
}

static void a_pointer_keeps_its_event_ids_and_passes_on(void **state)
{
    struct fx f;
    struct hl_buf b;
    (void)state;
    fx_init(&f);
    fx_usual(&f);
    fx_seal(&f);
    struct hl_event ev = fx_event(&f, HL_EVENT_FORM_SUBMITTED, FX_T0);
    ev.event_id = HL_SLICE_LIT("before");
    fx_apply(&f, &ev, HL_APPLY_LIVE);
    assert_int_equal(fx_say(&f, CONTACT_MERGED, FX_T0, "into", FX_CONTACT), HL_RESULT_IGNORED); /* into itself */
    assert_int_equal(fx_say(&f, CONTACT_MERGED, FX_T0, "into", "b"), HL_RESULT_SCORED);
    assert_int_equal(f.out.onward, HL_ONWARD_STATE);
    uint32_t seq = f.c.seq;
    assert_int_equal(hl_merge_away(&f.c, &f.slab, f.m, HL_SLICE_LIT("b")), HL_OK);
    hl_buf_init(&b);
    hl_state_encode(&f.c, f.m, &b);
    hl_contact_restart(&f.c, &f.slab);
    assert_int_equal(hl_state_decode(&f.c, &f.slab, f.m, hl_buf_slice(&b)), HL_OK);
    assert_true(hl_slice_eq_cstr(hl_merged_into(&f.c), "b"));
    assert_int_equal(f.c.stage, HL_STAGE_ANONYMOUS);
    assert_int_equal(f.c.seq, seq);
    assert_int_equal(fx_apply(&f, &ev, HL_APPLY_LIVE), HL_RESULT_DUPLICATE);
    assert_int_equal(f.out.onward, HL_ONWARD_NONE);
    assert_int_equal(fx_say(&f, PAGE_VIEWED, FX_T0), HL_RESULT_SCORED);
    assert_int_equal(f.out.onward, HL_ONWARD_EVENT);
    assert_true(hl_slice_eq_cstr(f.out.onward_to, "b"));
    assert_int_equal(hl_contact_n_rows(&f.c), 0);
    assert_int_equal(fx_say(&f, CONTACT_MERGED, FX_T0, "into", "b"), HL_RESULT_IGNORED); /* it did */
    assert_int_equal(fx_say(&f, CONTACT_MERGED, FX_T0, "into", "c"), HL_RESULT_SCORED);
    assert_int_equal(f.out.onward, HL_ONWARD_EVENT); /* b's affair */
    hl_buf_fini(&b);
    fx_fini(&f);
}

static void a_claim_is_made_once(void **state)
{
    struct two t;
    (void)state;
    begin(&t);
    fx_say(&t.f, CONTACT_IDENTIFIED, FX_T0, "anonymous_id", "other");
    assert_int_equal(t.f.out.onward, HL_ONWARD_CLAIM);
    assert_true(hl_slice_eq_cstr(t.f.out.onward_to, "other"));
    join(&t, FX_T0);
    size_t pos = 0;
    struct hl_slice id;
    assert_true(hl_merged_next(&t.f.c, &pos, &id) && hl_slice_eq_cstr(id, "other") && !hl_merged_next(&t.f.c, &pos, &id));
    fx_say(&t.f, CONTACT_IDENTIFIED, FX_T0 + 1, "anonymous_id", "other");
    assert_int_equal(t.f.out.onward, HL_ONWARD_NONE);
    fx_say(&t.f, CONTACT_MERGED, FX_T0 + 1, "into", "other"); /* they are one */
    assert_int_equal(t.f.out.onward, HL_ONWARD_NONE);
    fx_say(&t.f, CONTACT_IDENTIFIED, FX_T0 + 1, "anonymous_id", "");
    assert_int_equal(t.f.out.onward, HL_ONWARD_NONE);
    end(&t);
}

static void of_too_many_the_oldest_are_forgotten(void **state)
{
    struct two t;
    (void)state;
    begin(&t);
    for (int i = 0; i < 200; i++) {
        char name[64];
        struct hl_slice id = {name, (size_t)snprintf(name, sizeof name, "%050d", i)};
        hl_contact_fini(&t.other, &t.f.slab);
        assert_int_equal(hl_contact_init(&t.other, &t.f.slab, hl_hash64(id), id, 0), HL_OK);
        join(&t, FX_T0 + i);
    }
    struct hl_slice id;
    size_t n = 0;
    for (size_t pos = 0; hl_merged_next(&t.f.c, &pos, &id); n++) assert_int_equal(id.len, 50);
    assert_int_equal(n, 4096 / 51);
    assert_true(hl_merged_has(&t.f.c, hl_contact_id(&t.other)));
    end(&t);
}

static void a_replay_joins_and_moves_nobody(void **state)
{
    struct two t;
    (void)state;
    begin(&t);
    fx_say(&t.f, FORM_SUBMITTED, FX_T0, "country", "US");
    say_other(&t, HL_EVENT_FILE_DOWNLOADED, FX_T0, "", "");
    say_other(&t, HL_EVENT_FILE_DOWNLOADED, FX_T0, "", "");
    struct hl_event ev = {.event_id = HL_SLICE_LIT("m"), .contact_id = hl_contact_id(&t.f.c), .type = HL_EVENT_CONTACT_MERGED, .occurred_at = FX_T0};
    assert_int_equal(hl_join(&t.f.c, &t.f.slab, t.f.m, &t.other, &ev, HL_APPLY_REPLAY, &t.f.out), HL_OK);
    assert_int_equal(t.f.out.n_transitions, 0);
    assert_int_equal(fx_row(&t.f.c, 0).count, 2);
    struct hl_kv into = {HL_SLICE_LIT("into"), HL_SLICE_LIT("b")};
    ev.attributes = &into;
    ev.n_attributes = 1;
    ev.event_id = HL_SLICE_LIT("n");
    assert_int_equal(hl_apply(&t.f.c, &t.f.slab, t.f.m, NULL, &ev, HL_APPLY_REPLAY, &t.f.out), HL_OK);
    assert_int_equal(t.f.out.onward, HL_ONWARD_NONE); /* who went is stored as a pointer; who did not, had a reason */
    end(&t);
}

/* --- what travels --- */

static void a_record_comes_back_as_it_was(void **state)
{
    struct hl_kv kv[] = {{HL_SLICE_LIT("k"), HL_SLICE_LIT("v")}, {HL_SLICE_LIT("null"), HL_SLICE_NULL}, {HL_SLICE_LIT("empty"), HL_SLICE_LIT("")}};
    struct hl_onward_record r = {.what = HL_ONWARD_EVENT,
                                 .ev = {.event_id = HL_SLICE_LIT("e"), .contact_id = HL_SLICE_LIT("c"), .type = HL_EVENT_PAGE_VIEWED, .occurred_at = FX_T0,
                                        .machine = true, .url = HL_SLICE_LIT("/x"), .form = HL_SLICE_LIT(""), .attributes = kv, .n_attributes = 3},
                                 .hops = {5, true, HL_SLICE_LIT("m"), HL_SLICE_LIT("l")}}, got;
    struct hl_buf b;
    struct hl_arena arena;
    struct hl_error err;
    (void)state;
    hl_buf_init(&b);
    hl_arena_init(&arena, 1024);
    hl_onward_encode(&b, &r);
    assert_int_equal(hl_onward_decode(hl_buf_slice(&b), &arena, &got, &err), HL_OK);
    assert_int_equal(got.what, HL_ONWARD_EVENT);
    assert_int_equal(got.ev.type, HL_EVENT_PAGE_VIEWED);
    assert_true(got.ev.machine && hl_slice_eq_cstr(got.ev.url, "/x") && hl_slice_is_null(got.ev.asset) && !hl_slice_is_null(got.ev.form) && !got.ev.form.len);
    assert_int_equal(got.ev.n_attributes, 3);
    assert_true(hl_slice_is_null(got.ev.attributes[1].value) && !hl_slice_is_null(got.ev.attributes[2].value));
    assert_true(got.hops.n == 5 && got.hops.closing && hl_slice_eq_cstr(got.hops.least, "l"));
    for (size_t n = 0; n < b.len; n++) /* no part of it is one */
        if (hl_onward_decode((struct hl_slice){(const char *)b.data, n}, &arena, &got, &err) != HL_E_DECODE) fail_msg("%zu bytes of it are taken", n);
    b.data[0] = 2;
    assert_int_equal(hl_onward_decode(hl_buf_slice(&b), &arena, &got, &err), HL_E_DECODE);
    assert_string_equal(err.message, "the record is none that hotlead writes there, or of a newer version");
    hl_buf_fini(&b);
    hl_arena_fini(&arena);
}

/* Pointers in a circle of n behind a tail of m: it ends, and at the smallest id of the circle. */
static void a_circle_ends_at_its_smallest_id(void **state)
{
    static char names[64][16];
    (void)state;
    for (unsigned tail = 0; tail < 6; tail++)
        for (unsigned n = 1; n < 40; n++) {
            struct hl_hops h = {0};
            unsigned at = 0, steps = 0;
            for (unsigned i = 0; i < tail + n; i++)
                snprintf(names[i], sizeof names[i], "%c%02u-%02u", i < tail ? 'a' : 'b', i * 7 % n % 100, i % 100); /* the tail's are smaller */
            hl_hops_leave(&h, HL_SLICE_LIT("start"));
            while (!hl_hops_arrive(&h, hl_slice_of(names[at]))) {
                hl_hops_leave(&h, hl_slice_of(names[at]));
                at = at + 1 < tail + n ? at + 1 : tail;
                assert_true(++steps < 6 * (tail + n) + 6);
            }
            assert_true(at >= tail);
            for (unsigned i = tail; i < tail + n; i++) assert_true(strcmp(names[at], names[i]) <= 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_to_the_bit_those_of_one_contact),
        cmocka_unit_test(counts_of_windows_are_added_and_the_two_newest_stay),
        cmocka_unit_test(of_attributes_the_newer_count_and_of_touches_the_earlier_first),
        cmocka_unit_test(the_further_stage_stays_with_one_transition_and_what_follows),
        cmocka_unit_test(points_of_a_visitor_make_a_known_contact_hot_at_once),
        cmocka_unit_test(disqualified_wins_over_all),
        cmocka_unit_test(who_was_erased_takes_nobody_over),
        cmocka_unit_test(a_pointer_keeps_its_event_ids_and_passes_on),
        cmocka_unit_test(a_claim_is_made_once),
        cmocka_unit_test(of_too_many_the_oldest_are_forgotten),
        cmocka_unit_test(a_replay_joins_and_moves_nobody),
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(a_circle_ends_at_its_smallest_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
