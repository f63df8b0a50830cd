/* Everything that is kept of a contact, as a page and as JSON. */
#include "app/show.h"
#include "core_fixture.h"
#include "hotlead/base/buf.h"

#define HOUR INT64_C(3600000)

static int make(void **state)
{
    struct fx *f = calloc(1, sizeof *f);
    fx_init(f);
    fx_usual(f);
    f->m->name = strdup("acme");
    f->m->version = strdup("7");
    fx_rule(f, "page", FX_TYPE(PAGE_VIEWED), 40, 10 * FX_DAY);
    fx_sla(f, "first-contact", HL_STAGE_MQL, HL_KIND_NONE, 2 * HOUR);
    fx_seal(f);
    fx_new_contact(f);
    *state = f;
    return 0;
}

static int drop(void **state)
{
    fx_fini(*state);
    free(*state);
    return 0;
}

static void attribute(struct fx *f, const char *key, const char *value)
{
    assert_int_equal(hl_contact_set_attribute(&f->c, &f->slab, hl_slice_of(key), hl_slice_of(value), FX_T0, &(bool){false}), HL_OK);
}

static void apply(struct fx *f, enum hl_event_type type, int64_t at)
{
    struct hl_event ev = fx_event(f, type, at);
    assert_int_equal(hl_apply(&f->c, &f->slab, f->m, NULL, &ev, HL_APPLY_LIVE, &f->out), HL_OK);
}

/* A lead that raised a hand; then asked again, and sales spoke of an opportunity. */
static void live(struct fx *f)
{
    attribute(f, "country", "US");
    attribute(f, "note", "two\nlines \x1b[31m");
    hl_contact_refit(&f->c, f->m);
    apply(f, HL_EVENT_FORM_SUBMITTED, FX_T0);
    apply(f, HL_EVENT_PAGE_VIEWED, FX_T0);
    apply(f, HL_EVENT_DEMO_REQUESTED, FX_T0 + HOUR);
    apply(f, HL_EVENT_DEMO_REQUESTED, FX_T0 + 2 * HOUR);
    apply(f, HL_EVENT_OPPORTUNITY_OPENED, FX_T0 + 2 * HOUR);
    assert_int_equal(f->c.stage, HL_STAGE_MQL);
}

static const char *text(struct fx *f, int64_t now, const struct hl_show_source *source, struct hl_buf *out)
{
    hl_buf_init(out);
    hl_show_put_text(&f->c, f->m, now, now, source, out);
    hl_buf_put_u8(out, 0);
    assert_false(out->failed);
    return (const char *)out->data;
}

static void has(const char *page, const char *part)
{
    if (!strstr(page, part)) fail_msg("no '%s' in:\n%s", part, page);
}

static void the_page_has_all_there_is(void **state)
{
    struct fx *f = *state;
    struct hl_buf out;
    live(f);
    const char *page = text(f, FX_T0 + 10 * FX_DAY, &(struct hl_show_source){.partition = 3}, &out);
    has(page, FX_CONTACT "\n\nstage     MQL, active, since 2024-10-04T01:00:00.000Z (9 d 23 h ago); move 3, visit 1\n");
    has(page, "score     20 = fit 0 (grade D) + behavior 20, as of 2024-10-14T00:00:00.000Z under acme 7\n");
    has(page, "deadline  first-contact: due 2024-10-04T03:00:00.000Z (9 d 21 h ago)\n");
    has(page, "\nattributes\n  country               US\n  note                  two?lines ?[31m\n");
    has(page, "\nrules of behavior that count                    points  times\n  page                                         20.0000      1\n");
    has(page, "\nsales said: opportunity, 2024-10-04T02:00:00.000Z (9 d 22 h ago)\nhand raised: demo, ");
    has(page, "\nlast event of 2024-10-04T02:00:00.000Z (9 d 22 h ago); read from the memory of the process that holds partition 3\n");
    hl_buf_fini(&out);
}

static void touches_are_told_and_are_no_attribute(void **state)
{
    struct fx *f = *state;
    struct hl_buf out;
    f->m->touches_keep = 4;
    struct hl_event ev = fx_event(f, HL_EVENT_PAGE_VIEWED, FX_T0);
    ev.url = HL_SLICE_LIT("https://acme.example/pricing?plan=pro");
    ev.source = HL_SLICE_LIT("google\x1b[31m");
    assert_int_equal(hl_apply(&f->c, &f->slab, f->m, NULL, &ev, HL_APPLY_LIVE, &f->out), HL_OK);
    apply(f, HL_EVENT_CHAT_STARTED, FX_T0 + HOUR);
    apply(f, HL_EVENT_CHAT_STARTED, FX_T0 + 2 * HOUR);
    const char *page = text(f, FX_T0 + FX_DAY, &(struct hl_show_source){.partition = 3}, &out);
    has(page, "\ntouches: 3, the first 2024-10-04T00:00:00.000Z (1 d ago)\n  page_viewed, /pricing; source google?[31m\n");
    has(page, "\nwhat was touched last      times\n  2024-10-04T02:00:00.000Z      2  chat_started\n"
              "  2024-10-04T00:00:00.000Z      1  page_viewed, /pricing\n");
    assert_null(strstr(page, "attributes"));
    hl_buf_clear(&out);
    hl_show_put_json(&f->c, f->m, FX_T0 + FX_DAY, &(struct hl_show_source){.partition = 3}, &out);
    hl_buf_put_u8(&out, 0);
    has((const char *)out.data, "\"touches\":{\"count\":3,\"first\":{\"at\":1728000000000,\"type\":\"page_viewed\",\"what\":\"/pricing\","
                                "\"source\":\"google\\u001b[31m\",\"campaign\":null},\"last\":[{\"at\":1728007200000,\"type\":\"chat_started\",\"what\":null,\"count\":2},");
    has((const char *)out.data, ",\"attributes\":{},");
    hl_buf_fini(&out);
}

static void what_is_to_come_is_told_so(void **state)
{
    struct fx *f = *state;
    struct hl_buf out;
    live(f);
    f->c.flags |= HL_C_SUSPECT;
    const char *page = text(f, FX_T0 + 2 * HOUR + 30 * 60000, &(struct hl_show_source){true, 1, 77}, &out);
    has(page, "due 2024-10-04T03:00:00.000Z (in 30 min)\n");
    has(page, "label     suspect");
    has(page, "read from Redis, partition 1, as of position 77 of the state topic\n");
    hl_buf_fini(&out);
}

static void a_fresh_contact_has_a_short_page(void **state)
{
    struct fx *f = *state;
    struct hl_buf out;
    f->c.clock = f->c.stage_since = FX_T0;
    const char *page = text(f, FX_T0 + 5000, &(struct hl_show_source){.partition = 0}, &out);
    has(page, "stage     Anonymous, since 2024-10-04T00:00:00.000Z (5 s ago); move 0, visit 1\n");
    assert_null(strstr(page, "attributes"));
    assert_null(strstr(page, "rules of behavior"));
    assert_null(strstr(page, "sales said"));
    hl_buf_fini(&out);
}

static void the_json_goes_on_behind_the_state(void **state)
{
    struct fx *f = *state;
    struct hl_buf out;
    hl_buf_init(&out);
    live(f);
    hl_show_put_json(&f->c, f->m, FX_T0 + 10 * FX_DAY, &(struct hl_show_source){true, 1, 77}, &out);
    hl_buf_put_u8(&out, 0);
    const char *json = (const char *)out.data;
    has(json, "{\"contact_id\":\"" FX_CONTACT "\",\"stage\":\"mql\"");
    has(json, "\"attributes\":{\"country\":\"US\",\"note\":\"two\\u000alines \\u001b[31m\"},\"facts\":{\"opportunity\":1728007200000},"
              "\"hand_raises\":[{\"rule\":\"demo\",\"at\":1728007200000}],\"deadlines\":[{\"sla\":\"first-contact\",\"since\":1728003600000,"
              "\"due\":1728010800000}],\"source\":{\"from\":\"redis\",\"partition\":1,\"clock\":1728007200000,\"state_position\":77}}\n");
    hl_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_page_has_all_there_is, make, drop),
        cmocka_unit_test_setup_teardown(touches_are_told_and_are_no_attribute, make, drop),
        cmocka_unit_test_setup_teardown(what_is_to_come_is_told_so, make, drop),
        cmocka_unit_test_setup_teardown(a_fresh_contact_has_a_short_page, make, drop),
        cmocka_unit_test_setup_teardown(the_json_goes_on_behind_the_state, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
