/* The made-up day: the same for the same seed, in order, and readable by the decoder that the service uses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/demo_day.h"
#include "hotlead/adapter/json.h"

#define END INT64_C(1795384610000)
#define DAY_MS INT64_C(86400000)
#define CONTACTS 400

static struct hl_demo_day *made(uint64_t seed)
{
    struct hl_demo_day *d = hl_demo_day_new(seed, CONTACTS, END);
    assert_non_null(d);
    return d;
}

/* The whole day as JSON lines. */
static void encode_all(const struct hl_demo_day *d, struct hl_buf *out)
{
    size_t n;
    const struct hl_demo_event *events = hl_demo_day_events(d, &n);
    for (size_t i = 0; i < n; i++) {
        hl_demo_day_encode(d, &events[i], out);
        hl_buf_put_u8(out, '\n');
    }
    assert_false(out->failed);
}

static bool same_day(uint64_t a, uint64_t b)
{
    struct hl_demo_day *x = made(a), *y = made(b);
    struct hl_buf first, second;
    hl_buf_init(&first);
    hl_buf_init(&second);
    encode_all(x, &first);
    encode_all(y, &second);
    bool same = hl_slice_eq(hl_buf_slice(&first), hl_buf_slice(&second));
    hl_buf_fini(&first);
    hl_buf_fini(&second);
    hl_demo_day_free(x);
    hl_demo_day_free(y);
    return same;
}

static void a_seed_makes_one_day(void **state)
{
    (void)state;
    assert_true(same_day(7, 7));
    assert_false(same_day(7, 8));
}

static void events_are_in_order_and_of_this_day(void **state)
{
    (void)state;
    struct hl_demo_day *d = made(1);
    size_t n, late = 0;
    const struct hl_demo_event *events = hl_demo_day_events(d, &n);
    assert_true(n > CONTACTS);
    for (size_t i = 0; i < n; i++) {
        if (i) assert_true(events[i - 1].at <= events[i].at);
        assert_in_range(events[i].at, END - DAY_MS, END - 1);
        assert_true(events[i].occurred_at <= events[i].at);
        assert_in_range(events[i].contact, 0, CONTACTS - 1);
        assert_in_range(events[i].topic, 0, HL_DEMO_TOPIC_COUNT - 1);
        late += events[i].occurred_at < events[i].at;
    }
    assert_true(late > 0);
    hl_demo_day_free(d);
}

static void every_sound_event_decodes_and_every_broken_one_does_not(void **state)
{
    (void)state;
    struct hl_demo_day *d = made(1);
    struct hl_decoder *decoder = NULL;
    struct hl_error err = {0};
    struct hl_arena arena;
    struct hl_buf text;
    size_t n, seen[HL_DEMO_FAULTS] = {0}, unknown = 0;
    const struct hl_demo_event *events = hl_demo_day_events(d, &n);
    assert_int_equal(hl_json_decoder_new(HL_JSON_CANONICAL, NULL, NULL, 0, &decoder, &err), HL_OK);
    hl_arena_init(&arena, 1 << 16);
    hl_buf_init(&text);
    for (size_t i = 0; i < n; i++) {
        char id[HL_DEMO_ID_SIZE];
        struct hl_event ev;
        hl_buf_clear(&text);
        hl_arena_reset(&arena);
        hl_demo_day_encode(d, &events[i], &text);
        enum hl_status status = decoder->decode(decoder, hl_buf_slice(&text), &arena, &ev, &err);
        seen[events[i].fault]++;
        if (events[i].fault != HL_DEMO_SOUND && events[i].fault != HL_DEMO_FUTURE) {
            assert_int_not_equal(status, HL_OK);
            continue;
        }
        if (status) print_error("%.*s: %s\n", HL_SLICE_ARG(hl_buf_slice(&text)), err.message);
        assert_int_equal(status, HL_OK);
        assert_true(hl_slice_eq_cstr(ev.contact_id, hl_demo_contact_id(events[i].contact, id)));
        assert_int_equal(ev.machine, events[i].machine);
        if (events[i].fault == HL_DEMO_FUTURE)
            assert_true(ev.occurred_at > END);
        else
            assert_true(ev.occurred_at == events[i].occurred_at);
        unknown += ev.type == HL_EVENT_UNKNOWN;
    }
    for (int f = 0; f < HL_DEMO_FAULTS; f++) assert_true(seen[f] > 0);
    assert_true(unknown > 0);
    hl_buf_fini(&text);
    hl_arena_fini(&arena);
    decoder->free(decoder);
    hl_demo_day_free(d);
}

static void an_id_leads_back_to_its_contact(void **state)
{
    (void)state;
    struct hl_demo_day *d = made(1);
    char id[HL_DEMO_ID_SIZE];
    uint32_t contact;
    for (uint32_t c = 0; c < CONTACTS; c++) {
        assert_true(hl_demo_day_find(d, hl_slice_of(hl_demo_contact_id(c, id)), &contact));
        assert_int_equal(contact, c);
    }
    assert_false(hl_demo_day_find(d, hl_slice_of(hl_demo_contact_id(CONTACTS, id)), &contact));
    assert_false(hl_demo_day_find(d, HL_SLICE_LIT("contact-00000"), &contact));
    assert_false(hl_demo_day_find(d, HL_SLICE_LIT("contact-"), &contact));
    assert_false(hl_demo_day_find(d, HL_SLICE_LIT("somebody"), &contact));
    hl_demo_day_free(d);
}

/* Of many MQLs most are accepted; answers come after the move, not in the past, and never after the day. */
static void sales_answers_most_leads_in_time(void **state)
{
    (void)state;
    struct hl_demo_day *d = made(3);
    int64_t occurred = END - DAY_MS / 2, now = occurred + 600000;
    unsigned accepted = 0, silent = 0;
    for (uint32_t c = 0; c < CONTACTS; c++) {
        struct hl_demo_event ev;
        if (!hl_demo_day_react(d, c, 3, HL_STAGE_MQL, HL_KIND_ACTIVE, occurred, now, &ev)) {
            silent++;
            continue;
        }
        assert_true(ev.at >= now && ev.at < END);
        assert_int_equal(ev.contact, c);
        assert_int_equal(ev.topic, HL_DEMO_CRM);
        accepted += strcmp(ev.type, "lead_accepted") == 0;
        assert_false(hl_demo_day_react(d, c, 3, HL_STAGE_MQL, HL_KIND_ACTIVE, END - 1, END, &ev));
    }
    assert_true(accepted > CONTACTS / 2);
    assert_true(silent > 0 && silent < CONTACTS / 2);
    hl_demo_day_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_makes_one_day),
        cmocka_unit_test(events_are_in_order_and_of_this_day),
        cmocka_unit_test(every_sound_event_decodes_and_every_broken_one_does_not),
        cmocka_unit_test(an_id_leads_back_to_its_contact),
        cmocka_unit_test(sales_answers_most_leads_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
