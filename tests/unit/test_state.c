/* Stored form of a contact. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"
#include "hotlead/core/state.h"

static void rich_model(struct fx *f, bool reversed, int64_t half_life, int64_t window)
{
    fx_init(f);
    fx_usual(f);
    f->m->score_driven = f->m->sal = true;
    for (int i = 0; i < 2; i++) {
        if ((i == 0) != reversed) {
            fx_rule(f, "page", FX_TYPE(PAGE_VIEWED), 10, half_life)->max_times = 3;
            f->m->rules[f->m->n_rules - 1].window_ms = window;
        } else {
            fx_rule(f, "form", FX_TYPE(FORM_SUBMITTED), 5, 0);
        }
    }
    fx_seal(f);
}

static void live_a_little(struct fx *f)
{
    fx_say(f, FORM_SUBMITTED, FX_T0, "country", "US", "email", "a@b.example", "gone", "x");
    fx_say(f, CONTACT_IDENTIFIED, FX_T0 + 1, "gone", "");
    for (int i = 0; i < 5; i++) fx_say(f, PAGE_VIEWED, FX_T0 + i * FX_DAY / 2);
    fx_say(f, SCORE_ADJUSTED, FX_T0, "points", "-3.25");
    fx_say(f, DEMO_REQUESTED, FX_T0 + FX_DAY);
    fx_say(f, MEETING_BOOKED, FX_T0 + 2 * FX_DAY);
    fx_say(f, LEAD_REJECTED, FX_T0 + 2 * FX_DAY);
    fx_say(f, MEETING_BOOKED, FX_T0 + 3 * FX_DAY);
    fx_say(f, SALES_CONTACT_MADE, FX_T0 + 3 * FX_DAY);
}

static struct hl_buf encoded(const struct fx *f)
{
    struct hl_buf b;
    hl_buf_init(&b);
    hl_state_encode(&f->c, f->m, &b);
    assert_false(b.failed);
    return b;
}

static enum hl_status decode(struct fx *f, struct hl_slice bytes)
{
    hl_contact_fini(&f->c, &f->slab);
    fx_new_contact(f);
    return hl_state_decode(&f->c, &f->slab, f->m, bytes);
}

static void a_contact_comes_back_as_it_was(void **state)
{
    struct fx f;
    (void)state;
    rich_model(&f, false, 30 * FX_DAY, FX_DAY);
    live_a_little(&f);
    struct hl_contact was = f.c;
    hl_fixed score = fx_score(&f, f.c.clock), fit = hl_contact_fit(&f.c, f.m);
    struct hl_buf first = encoded(&f);
    assert_true(first.len < 300);
    assert_int_equal(decode(&f, hl_buf_slice(&first)), HL_OK);
    assert_int_equal(f.c.stage, was.stage);
    assert_int_equal(f.c.kind, was.kind);
    assert_int_equal(f.c.flags, was.flags);
    assert_int_equal(f.c.visit, was.visit);
    assert_int_equal(f.c.seq, was.seq);
    assert_int_equal(f.c.clock, was.clock);
    assert_int_equal(f.c.stage_since, was.stage_since);
    assert_int_equal(hl_contact_fit(&f.c, f.m), fit);
    assert_int_equal(f.c.grade, was.grade);
    assert_int_equal(hl_contact_n_rows(&f.c), 2);
    assert_int_equal(f.c.body->n_windows, 1);
    assert_int_equal(f.c.ext->latches[1], FX_T0 + 3 * FX_DAY);
    assert_int_equal(f.c.ext->facts[HL_FACT_CONTACTED], FX_T0 + 3 * FX_DAY);
    assert_int_equal(f.c.ext->rejected_at, FX_T0 + 2 * FX_DAY);
    assert_int_equal(fx_score(&f, f.c.clock), score);
    struct hl_buf second = encoded(&f);
    assert_true(hl_slice_eq(hl_buf_slice(&first), hl_buf_slice(&second)));
    f.n_events--;
    assert_int_equal(fx_say(&f, SALES_CONTACT_MADE, FX_T0), HL_RESULT_DUPLICATE);
    hl_buf_fini(&first);
    hl_buf_fini(&second);
    fx_fini(&f);
}

static void a_contact_never_seen_takes_few_bytes(void **state)
{
    struct fx f;
    (void)state;
    rich_model(&f, false, 30 * FX_DAY, FX_DAY);
    struct hl_buf b = encoded(&f);
    assert_int_equal(b.len, 12);
    assert_int_equal(decode(&f, hl_buf_slice(&b)), HL_OK);
    assert_null(f.c.ext);
    hl_buf_fini(&b);
    fx_fini(&f);
}

static void the_order_of_rules_in_the_model_does_not_matter(void **state)
{
    struct fx f, g;
    (void)state;
    rich_model(&f, false, 30 * FX_DAY, FX_DAY);
    rich_model(&g, true, 30 * FX_DAY, FX_DAY);
    live_a_little(&f);
    struct hl_buf b = encoded(&f);
    assert_int_equal(decode(&g, hl_buf_slice(&b)), HL_OK);
    assert_string_equal(g.m->rules[fx_row(&g.c, 0).rule].name, "form");
    assert_int_equal(fx_score(&g, g.c.clock), fx_score(&f, f.c.clock));
    hl_buf_fini(&b);
    fx_fini(&f);
    fx_fini(&g);
}

static void what_the_model_no_longer_has_is_dropped(void **state)
{
    struct fx f, g;
    (void)state;
    rich_model(&f, false, 30 * FX_DAY, FX_DAY);
    live_a_little(&f);
    struct hl_buf b = encoded(&f);
    fx_init(&g);
    fx_seal(&g);
    assert_int_equal(decode(&g, hl_buf_slice(&b)), HL_OK);
    assert_int_equal(hl_contact_n_rows(&g.c), 0);
    assert_int_equal(g.c.body->n_windows, 0);
    assert_int_equal(fx_score(&g, g.c.clock), 0);
    assert_int_equal(g.c.stage, f.c.stage);
    hl_buf_fini(&b);
    fx_fini(&f);
    fx_fini(&g);
}

static void a_new_half_life_or_window_takes_over_what_was_there(void **state)
{
    const int64_t half_lives[] = {0, 14 * FX_DAY, 300 * FX_DAY};
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(half_lives); i++) {
        struct fx f, g;
        rich_model(&f, false, 30 * FX_DAY, FX_DAY / 2);
        live_a_little(&f);
        struct hl_buf b = encoded(&f);
        rich_model(&g, false, half_lives[i], 7 * FX_DAY);
        assert_int_equal(decode(&g, hl_buf_slice(&b)), HL_OK);
        fx_assert_near(hl_fixed_to_double(fx_score(&g, g.c.clock)), hl_fixed_to_double(fx_score(&f, f.c.clock)), 1e-6);
        struct hl_window w = fx_window(&g.c, 0);
        assert_int_equal(w.window[0], (FX_T0 + 2 * FX_DAY) / (7 * FX_DAY));
        assert_int_equal(w.count[0], 2); /* two windows of half a day became one */
        assert_int_equal(w.window[1], -1);
        hl_buf_fini(&b);
        fx_fini(&f);
        fx_fini(&g);
    }
}

static void every_cut_and_every_added_byte_is_refused(void **state)
{
    struct fx f;
    (void)state;
    rich_model(&f, false, 30 * FX_DAY, FX_DAY);
    live_a_little(&f);
    struct hl_buf b = encoded(&f);
    for (size_t len = 0; len < b.len; len++) {
        uint8_t *exact = malloc(len + 1); /* so that a sanitizer sees a read too far */
        memcpy(exact, b.data, len);
        struct hl_slice cut = {(char *)realloc(exact, len ? len : 1), len};
        assert_int_equal(decode(&f, cut), HL_E_DECODE);
        free((void *)(uintptr_t)cut.data);
    }
    hl_buf_put_u8(&b, 0);
    assert_int_equal(decode(&f, hl_buf_slice(&b)), HL_E_DECODE);
    assert_int_equal(decode(&f, HL_SLICE_NULL), HL_E_DECODE);
    hl_buf_fini(&b);
    fx_fini(&f);
}

static void values_out_of_their_domain_are_refused(void **state)
{
    const struct {
        const char *what;
        size_t at;
        uint8_t byte;
    } cases[] = {
        {"version", 0, 2}, {"stage", 1, 11}, {"kind", 1, 0x30}, {"flag", 2, 0x80}, {"visit 0", 3, 0}, {"stage_since before 1970", 6, 2},
        {"nine ids", 7, 9}, {"a row that is not there", 8, 1}, {"a presence that is no bool", 11, 2},
    };
    struct fx f;
    (void)state;
    rich_model(&f, false, 30 * FX_DAY, FX_DAY);
    struct hl_buf b = encoded(&f);
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) {
        uint8_t good = b.data[cases[i].at];
        b.data[cases[i].at] = cases[i].byte;
        if (decode(&f, hl_buf_slice(&b)) != HL_E_DECODE) fail_msg("%s was taken", cases[i].what);
        b.data[cases[i].at] = good;
    }
    assert_int_equal(decode(&f, hl_buf_slice(&b)), HL_OK);
    hl_buf_fini(&b);
    fx_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_contact_comes_back_as_it_was),
        cmocka_unit_test(a_contact_never_seen_takes_few_bytes),
        cmocka_unit_test(the_order_of_rules_in_the_model_does_not_matter),
        cmocka_unit_test(what_the_model_no_longer_has_is_dropped),
        cmocka_unit_test(a_new_half_life_or_window_takes_over_what_was_there),
        cmocka_unit_test(every_cut_and_every_added_byte_is_refused),
        cmocka_unit_test(values_out_of_their_domain_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
