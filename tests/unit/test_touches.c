/* What a contact touched: first, last, and how often; and that a contact without touches pays nothing. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"
#include "hotlead/core/state.h"
#include "hotlead/core/touches.h"

static void begin(struct fx *f, uint8_t keep)
{
    fx_init(f);
    fx_rule(f, "page", FX_TYPE(PAGE_VIEWED), 1, 0);
    f->m->touches_keep = keep;
    fx_seal(f);
}

static struct hl_event view(struct fx *f, int64_t at, const char *path)
{
    struct hl_event ev = fx_event(f, HL_EVENT_PAGE_VIEWED, at);
    ev.url = hl_slice_of(path);
    return ev;
}

static void send(struct fx *f, int64_t at, const char *path)
{
    struct hl_event ev = view(f, at, path);
    assert_int_equal(fx_apply(f, &ev, HL_APPLY_LIVE), HL_RESULT_SCORED);
}

static struct hl_touches touches(const struct fx *f)
{
    struct hl_touches t;
    assert_true(hl_touches_get(&f->c, &t));
    return t;
}

static void assert_is(struct hl_slice s, const char *text)
{
    if (!hl_slice_eq_cstr(s, text)) fail_msg("'%.*s' is not '%s'", HL_SLICE_ARG(s), text);
}

static void nothing_is_kept_where_the_model_does_not_ask(void **state)
{
    struct fx f;
    struct hl_touches t;
    (void)state;
    begin(&f, 0);
    size_t before = hl_contact_bytes(&f.c);
    fx_say(&f, CHAT_STARTED, FX_T0);
    assert_false(hl_touches_get(&f.c, &t));
    assert_null(f.c.attributes);
    assert_int_equal(hl_contact_bytes(&f.c), before);
    fx_fini(&f);
}

static void the_first_touch_is_the_earliest_with_its_source(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 4);
    send(&f, FX_T0 + 5, "/pricing?plan=pro");
    struct hl_event late = fx_event(&f, HL_EVENT_FORM_SUBMITTED, FX_T0);
    late.form = HL_SLICE_LIT("newsletter");
    late.source = HL_SLICE_LIT("google");
    late.campaign = HL_SLICE_LIT("spring");
    fx_apply(&f, &late, HL_APPLY_LIVE);
    struct hl_touches t = touches(&f);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.first_at, FX_T0);
    assert_string_equal(hl_touch_type_name(t.first_type), "form_submitted");
    assert_is(t.first_what, "newsletter");
    assert_is(t.source, "google");
    assert_is(t.campaign, "spring");
    assert_int_equal(t.n, 2);
    assert_is(t.last[0].what, "/pricing");
    assert_int_equal(t.last[1].last_at, FX_T0);
    assert_null(hl_touch_type_name(12345));
    fx_fini(&f);
}

static void what_is_touched_again_is_counted_and_comes_to_the_front(void **state)
{
    struct fx f;
    (void)state;
    begin(&f, 2);
    send(&f, FX_T0, "/a");
    send(&f, FX_T0 + 1, "/b");
    send(&f, FX_T0 + 2, "/a");
    struct hl_touches t = touches(&f);
    assert_is(t.last[0].what, "/a");
    assert_int_equal(t.last[0].count, 2);
    assert_int_equal(t.last[0].last_at, FX_T0 + 2);
    send(&f, FX_T0 + 3, "/c"); /* no room: /b is the oldest */
    t = touches(&f);
    assert_int_equal(t.n, 2);
    assert_is(t.last[0].what, "/c");
    assert_is(t.last[1].what, "/a");
    send(&f, FX_T0 + 1, "/d"); /* too old to be among the last */
    t = touches(&f);
    assert_is(t.last[1].what, "/a");
    assert_int_equal(t.count, 5);
    fx_fini(&f);
}

static void what_is_no_touch_is_none(void **state)
{
    struct fx f;
    struct hl_touches t;
    (void)state;
    begin(&f, 4);
    fx_say(&f, EMAIL_SENT, FX_T0);
    fx_say(&f, EMAIL_OPENED, FX_T0);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0, "country", "US");
    fx_say(&f, SALES_CONTACT_MADE, FX_T0);
    struct hl_event machine = view(&f, FX_T0, "/a");
    machine.machine = true;
    fx_apply(&f, &machine, HL_APPLY_LIVE);
    assert_false(hl_touches_get(&f.c, &t));
    f.m->touches_on = FX_TYPE(EMAIL_OPENED);
    fx_say(&f, EMAIL_OPENED, FX_T0);
    send(&f, FX_T0, "/a");
    t = touches(&f);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.last[0].what.len, 0);
    fx_fini(&f);
}

static void no_event_sets_the_key(void **state)
{
    struct fx f;
    struct hl_touches t;
    (void)state;
    begin(&f, 4);
    fx_say(&f, CONTACT_IDENTIFIED, FX_T0, "\1touches", "forged", "country", "US");
    assert_false(hl_touches_get(&f.c, &t));
    assert_is(hl_contact_attribute(&f.c, HL_SLICE_LIT("country"), NULL), "US");
    assert_true(hl_slice_is_null(hl_contact_attribute(&f.c, (struct hl_slice){"\1touches", 8}, NULL)));
    fx_fini(&f);
}

static void what_cannot_be_read_starts_anew(void **state)
{
    static const char *const wrong[] = {"", "\2", "\1", "\1\2\2", "\1\2\2aaaa\2x\2x\2x\77", "\1\2\2aaaa\1"};
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(wrong); i++) {
        struct fx f;
        begin(&f, 4);
        assert_int_equal(hl_contact_set_attribute(&f.c, &f.slab, (struct hl_slice){"\1touches", 8}, hl_slice_of(wrong[i]), 0, &(bool){false}), HL_OK);
        send(&f, FX_T0, "/a");
        assert_int_equal(touches(&f).count, 1);
        fx_fini(&f);
    }
}

static void a_contact_with_full_attributes_goes_on(void **state)
{
    struct fx f;
    struct hl_touches t;
    char key[16];
    (void)state;
    begin(&f, 4);
    for (int i = 0; i < 64; i++) {
        snprintf(key, sizeof key, "k%d", i);
        fx_say(&f, CONTACT_IDENTIFIED, FX_T0, key, "v");
    }
    send(&f, FX_T0, "/a");
    assert_false(hl_touches_get(&f.c, &t));
    assert_int_equal(fx_row(&f.c, 0).count, 1);
    fx_fini(&f);
}

static void long_texts_are_cut_and_the_largest_of_all_fits(void **state)
{
    struct fx f;
    char text[200], path[256];
    (void)state;
    begin(&f, HL_TOUCHES_MAX);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    for (int i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "/%02d%s", i, text);
        struct hl_event ev = view(&f, (i % 2 ? FX_T0 * 2 : 0) + i, path);
        ev.source = ev.campaign = hl_slice_of(text);
        fx_apply(&f, &ev, HL_APPLY_LIVE);
    }
    struct hl_touches t = touches(&f);
    assert_int_equal(t.count, 40);
    assert_int_equal(t.n, HL_TOUCHES_MAX);
    assert_int_equal(t.source.len, HL_TOUCH_TEXT_MAX);
    assert_int_equal(t.last[0].what.len, HL_TOUCH_TEXT_MAX);
    fx_fini(&f);
}

static void touches_are_stored_and_come_back_even_where_nobody_asks_for_them(void **state)
{
    struct fx f;
    struct hl_buf b, again;
    (void)state;
    begin(&f, 4);
    send(&f, FX_T0, "/a");
    fx_say(&f, CHAT_STARTED, FX_T0 + 1);
    hl_buf_init(&b);
    hl_buf_init(&again);
    hl_state_encode(&f.c, f.m, &b);
    f.m->touches_keep = 0; /* a version or a model that knows nothing of them passes them on */
    hl_contact_fini(&f.c, &f.slab);
    fx_new_contact(&f);
    assert_int_equal(hl_state_decode(&f.c, &f.slab, f.m, hl_buf_slice(&b)), HL_OK);
    hl_state_encode(&f.c, f.m, &again);
    assert_true(hl_slice_eq(hl_buf_slice(&b), hl_buf_slice(&again)));
    assert_int_equal(touches(&f).count, 2);
    assert_int_equal(hl_contact_erase(&f.c, &f.slab, f.m, FX_T0 + 2), HL_OK);
    assert_false(hl_touches_get(&f.c, &(struct hl_touches){0}));
    hl_buf_fini(&b);
    hl_buf_fini(&again);
    fx_fini(&f);
}

/* Any order of the same events, as long as all kinds have room. */
static void the_order_of_arrival_does_not_matter(void **state)
{
    static const char *const paths[] = {"/a", "/b", "/c", "/d"};
    uint64_t seed = 20261126;
    struct hl_buf first, b;
    (void)state;
    hl_buf_init(&first);
    hl_buf_init(&b);
    for (int round = 0; round < 50; round++) {
        struct fx f;
        unsigned order[12];
        begin(&f, 4);
        for (unsigned i = 0; i < HL_ARRAY_LEN(order); i++) order[i] = i;
        for (unsigned i = HL_ARRAY_LEN(order); i-- > 1;) {
            unsigned k = (unsigned)(fx_random(&seed) % (i + 1)), was = order[i];
            order[i] = order[k];
            order[k] = was;
        }
        for (unsigned i = 0; i < HL_ARRAY_LEN(order); i++) {
            struct hl_event ev = view(&f, FX_T0 + order[i] / 8, paths[order[i] % 4]);
            ev.source = hl_slice_of(order[i] < 4 ? "google" : "direct");
            assert_int_equal(fx_apply(&f, &ev, HL_APPLY_LIVE), HL_RESULT_SCORED);
        }
        hl_buf_clear(&b);
        struct hl_slice kept = hl_contact_attribute(&f.c, (struct hl_slice){"\1touches", 8}, NULL);
        hl_buf_put(&b, kept.data, kept.len);
        if (round == 0) hl_buf_put(&first, b.data, b.len);
        assert_true(hl_slice_eq(hl_buf_slice(&first), hl_buf_slice(&b)));
        fx_fini(&f);
    }
    hl_buf_fini(&first);
    hl_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_kept_where_the_model_does_not_ask),
        cmocka_unit_test(the_first_touch_is_the_earliest_with_its_source),
        cmocka_unit_test(what_is_touched_again_is_counted_and_comes_to_the_front),
        cmocka_unit_test(what_is_no_touch_is_none),
        cmocka_unit_test(no_event_sets_the_key),
        cmocka_unit_test(what_cannot_be_read_starts_anew),
        cmocka_unit_test(a_contact_with_full_attributes_goes_on),
        cmocka_unit_test(long_texts_are_cut_and_the_largest_of_all_fits),
        cmocka_unit_test(touches_are_stored_and_come_back_even_where_nobody_asks_for_them),
        cmocka_unit_test(the_order_of_arrival_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
