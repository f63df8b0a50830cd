/* Memory runs out at every allocation there is, one after the other. */
#include <stddef.h>
#include <stdint.h>

#include "hotlead/core/state.h"
#include "random_life.h"

static long left;

static void *failing_alloc(size_t n)
{
    return left-- > 0 ? malloc(n) : NULL;
}

/* Take away what the slab holds in stock, so that each block asked for has to come from the system. */
static void empty_stock(struct hl_slab *slab)
{
    memset(slab->free, 0, sizeof slab->free);
    slab->p = slab->end;
}

/* One event of each type, with a stock that is empty before each; returns false when memory ran out. */
static bool live(struct fx *f)
{
    uint64_t r = 77;
    struct hl_kv kv[2];
    for (int day = 0; day < 60; day++) {
        struct hl_event ev = fx_random_event(f, day, kv, &r);
        ev.type = ev.type == HL_EVENT_LEAD_DISQUALIFIED ? HL_EVENT_DEMO_REQUESTED : ev.type;
        empty_stock(&f->slab);
        enum hl_status status = hl_apply(&f->c, &f->slab, f->m, NULL, &ev, HL_APPLY_LIVE, &f->out);
        if (status == HL_E_NOMEM) return false;
        assert_int_equal(status, HL_OK);
    }
    return true;
}

static void apply_reports_each_failed_allocation_and_leaves_a_valid_contact(void **state)
{
    bool survived = false;
    long n = 0;
    (void)state;
    for (; !survived; n++) {
        struct fx f;
        uint64_t r = 5;
        fx_random_model(&f, &r);
        left = n;
        hl_slab_system_alloc = failing_alloc;
        survived = live(&f);
        hl_slab_system_alloc = malloc;
        assert_true(hl_contact_bytes(&f.c) >= sizeof f.c);
        fx_fini(&f);
    }
    assert_true(n > 5); /* rows, windows, attributes and ext were all refused once */
}

static void decode_reports_each_failed_allocation_and_leaves_a_valid_contact(void **state)
{
    enum hl_status status = HL_E_NOMEM;
    struct fx f;
    uint64_t r = 5;
    struct hl_buf b;
    long n = 0;
    (void)state;
    fx_random_model(&f, &r);
    assert_true(live(&f));
    hl_buf_init(&b);
    hl_state_encode(&f.c, f.m, &b);
    for (; status == HL_E_NOMEM; n++) {
        hl_contact_fini(&f.c, &f.slab);
        fx_new_contact(&f);
        empty_stock(&f.slab);
        left = n;
        hl_slab_system_alloc = failing_alloc;
        status = hl_state_decode(&f.c, &f.slab, f.m, hl_buf_slice(&b));
        hl_slab_system_alloc = malloc;
    }
    assert_int_equal(status, HL_OK);
    assert_true(n > 1);
    hl_buf_fini(&b);
    fx_fini(&f);
}

static void a_contact_that_cannot_be_made_says_so(void **state)
{
    struct hl_slab slab;
    struct hl_contact c;
    (void)state;
    hl_slab_init(&slab);
    left = 0;
    hl_slab_system_alloc = failing_alloc;
    assert_int_equal(hl_contact_init(&c, &slab, 1, HL_SLICE_LIT("a"), 0), HL_E_NOMEM);
    hl_slab_system_alloc = malloc;
    hl_contact_fini(&c, &slab);
    hl_slab_fini(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(apply_reports_each_failed_allocation_and_leaves_a_valid_contact),
        cmocka_unit_test(decode_reports_each_failed_allocation_and_leaves_a_valid_contact),
        cmocka_unit_test(a_contact_that_cannot_be_made_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
