/* Erasure (decision 0011): what is left of a contact, and what comes after. */
#include "core_fixture.h"
#include "hotlead/core/due.h"
#include "hotlead/core/grave.h"
#include "hotlead/core/state.h"

/* A contact that has everything there is to erase. */
static void full(struct fx *f)
{
    fx_init(f);
    fx_usual(f);
    struct hl_score_rule *r = fx_rule(f, "page", FX_TYPE(PAGE_VIEWED), 70, FX_DAY);
    r->max_times = 5;
    r->window_ms = FX_DAY;
    fx_sla(f, "call", HL_STAGE_MQL, HL_KIND_NONE, FX_DAY);
    fx_route(f, 2, NULL);
    fx_seal(f);
    fx_say(f, FORM_SUBMITTED, FX_T0, "country", "US", "seniority", "vp");
    fx_say(f, PAGE_VIEWED, FX_T0 + 1);
    fx_say(f, SCORE_ADJUSTED, FX_T0 + 2, "points", "5");
    fx_say(f, MEETING_BOOKED, FX_T0 + 3);
    assert_int_equal(f->c.stage, HL_STAGE_MQL);
    assert_true(f->c.body->n_rows && f->c.body->n_windows && f->c.attributes && hl_contact_owner(&f->c).data);
}

static void assert_same_as_new(const struct fx *f)
{
    const struct hl_contact *c = &f->c;
    const struct hl_contact_ext *ext = c->ext;
    assert_int_equal(c->stage, HL_STAGE_ANONYMOUS);
    assert_int_equal(c->kind, HL_KIND_NONE);
    assert_int_equal(c->visit, 1);
    assert_int_equal(c->seq, 0);
    assert_int_equal(c->clock, 0);
    assert_int_equal(c->stage_since, 0);
    assert_int_equal(c->body->n_rows + c->body->n_windows + c->body->ledger + c->body->n_event_ids, 0);
    assert_null(c->attributes);
    assert_in_range(c->body->cap, c->body->id_len, c->body->id_len + 15u);
    for (unsigned i = c->body->id_len; i < c->body->cap; i++) assert_int_equal(c->body->data[i], 0);
    assert_true(c->timer == HL_NO_TIME);
    assert_int_equal(c->flags & (HL_C_SUBSCRIBED | HL_C_WAS_MQL | HL_C_HELD | HL_C_MUST_HAVE), 0);
    assert_int_equal(c->flags & (HL_C_ARMED_MQL | HL_C_ARMED_SQL), HL_C_ARMED_MQL | HL_C_ARMED_SQL);
    assert_true(ext->manual == 0 && ext->rejected_at == HL_NO_TIME && ext->owner_at == HL_NO_TIME && !ext->owner && !ext->n_clocks);
    for (unsigned i = 0; i < HL_FACT_COUNT; i++) assert_true(ext->facts[i] == HL_NO_TIME);
    for (unsigned i = 0; i < 2; i++) assert_true(ext->latches[i] == HL_NO_TIME);
    assert_true(hl_due_next(c, f->m) == HL_NO_TIME);
}

static void nothing_is_left_but_the_time(void **state)
{
    struct fx f;
    (void)state;
    full(&f);
    assert_int_equal(fx_say(&f, CONTACT_ERASED, FX_T0 + 100), HL_RESULT_SCORED);
    assert_true(f.out.erased && f.out.changed && hl_outcome_is_final(&f.out));
    assert_int_equal(f.out.n_transitions + f.out.n_alerts, 0);
    assert_same_as_new(&f);
    assert_true(f.c.flags & HL_C_ERASED);
    assert_true(f.c.ext->erased_at == FX_T0 + 100);
    fx_fini(&f);
}

static void what_occurred_before_leaves_no_trace(void **state)
{
    struct fx f;
    (void)state;
    full(&f);
    fx_say(&f, CONTACT_ERASED, FX_T0 + 100);
    assert_int_equal(fx_say(&f, PAGE_VIEWED, FX_T0 + 100), HL_RESULT_IGNORED);
    assert_false(f.out.changed);
    assert_int_equal(fx_say(&f, CONTACT_ERASED, FX_T0 + 99), HL_RESULT_IGNORED);
    assert_same_as_new(&f);
    assert_true(f.c.ext->erased_at == FX_T0 + 100);
    struct hl_event ev = fx_event(&f, HL_EVENT_PAGE_VIEWED, FX_T0 + 200);
    ev.machine = true;
    assert_int_equal(fx_apply(&f, &ev, HL_APPLY_LIVE), HL_RESULT_IGNORED);
    assert_same_as_new(&f);
    fx_fini(&f);
}

static void a_newer_event_starts_a_new_contact_that_remembers_the_erasure(void **state)
{
    struct fx f;
    struct hl_buf b;
    (void)state;
    full(&f);
    fx_say(&f, CONTACT_ERASED, FX_T0 + 100);
    assert_int_equal(fx_say(&f, FORM_SUBMITTED, FX_T0 + 101), HL_RESULT_SCORED);
    assert_int_equal(f.c.stage, HL_STAGE_SUBSCRIBER);
    assert_int_equal(f.out.transitions[0].seq, 1);
    assert_int_equal(f.out.transitions[0].visit, 1);
    assert_false(f.c.flags & HL_C_ERASED);
    hl_buf_init(&b);
    hl_state_encode(&f.c, f.m, &b);
    hl_contact_fini(&f.c, &f.slab);
    fx_new_contact(&f);
    assert_int_equal(hl_state_decode(&f.c, &f.slab, f.m, hl_buf_slice(&b)), HL_OK);
    hl_buf_fini(&b);
    assert_int_equal(fx_say(&f, PAGE_VIEWED, FX_T0 + 100), HL_RESULT_IGNORED);
    assert_int_equal(fx_say(&f, CONTACT_ERASED, FX_T0 + 300), HL_RESULT_SCORED);
    assert_same_as_new(&f);
    assert_int_equal(fx_say(&f, PAGE_VIEWED, FX_T0 + 300), HL_RESULT_IGNORED);
    fx_fini(&f);
}

static void a_grave_says_nothing_of_the_id_and_is_found_by_it(void **state)
{
    char text[HL_GRAVE_ID_BYTES];
    struct hl_slice id = HL_SLICE_LIT("jo@example.org"), grave = hl_grave_id(id, hl_hash64(id), text);
    uint64_t hash;
    (void)state;
    assert_int_equal(grave.len, HL_GRAVE_ID_BYTES);
    assert_memory_equal(grave.data, "\0grave:", 7);
    assert_null(memmem(grave.data, grave.len, "jo", 2));
    assert_true(hl_grave_read_id(grave, &hash));
    assert_true(hash == hl_hash64(id));
    assert_false(hl_grave_read_id(id, &hash));
    text[20] = 'x';
    assert_false(hl_grave_read_id(grave, &hash));
    assert_false(hl_grave_read_id((struct hl_slice){text, 10}, &hash));
}

static void a_new_contact_takes_over_from_its_grave(void **state)
{
    struct fx f;
    bool created;
    struct hl_slice id = HL_SLICE_LIT("ann"), other = HL_SLICE_LIT("bob");
    uint64_t hash = hl_hash64(id);
    (void)state;
    fx_init(&f);
    fx_usual(&f);
    fx_seal(&f);
    struct hl_table *t = hl_table_new(4);
    struct hl_slab *slab = hl_table_acquire(t, 0, hash);
    struct hl_contact *c = hl_table_put(t, 3, hash, id, 7, NULL);
    assert_int_equal(hl_contact_erase(c, slab, f.m, FX_T0), HL_OK);
    struct hl_contact *grave = hl_grave_put(t, c, &created);
    assert_true(created);
    assert_int_equal(grave->partition, 7);
    assert_true((grave->flags & HL_C_GRAVE) && grave->clock == FX_T0);
    c->ext->erased_at = FX_T0 + 5;
    assert_ptr_equal(hl_grave_put(t, c, &created), grave);
    assert_false(created);
    grave->applied = 9;
    hl_table_remove(t, c);
    assert_ptr_equal(hl_grave_find(t, 3, hash, id), grave);
    assert_null(hl_grave_find(t, 2, hash, id));
    assert_null(hl_grave_find(t, 3, hl_hash64(other), other));
    c = hl_table_put(t, 3, hash, id, 7, NULL);
    assert_int_equal(hl_grave_adopt(c, slab, f.m, grave), HL_OK);
    assert_true(c->ext->erased_at == FX_T0 + 5 && c->applied == 9 && (c->flags & HL_C_ERASED));
    hl_table_release(t, 0, hash);
    struct hl_error err;
    assert_true(hl_table_verify(t, &err));
    hl_table_free(t);
    fx_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_but_the_time),
        cmocka_unit_test(what_occurred_before_leaves_no_trace),
        cmocka_unit_test(a_newer_event_starts_a_new_contact_that_remembers_the_erasure),
        cmocka_unit_test(a_grave_says_nothing_of_the_id_and_is_found_by_it),
        cmocka_unit_test(a_new_contact_takes_over_from_its_grave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
