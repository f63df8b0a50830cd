/* Random contacts survive the codec bit by bit and go on living the same; random damage never does harm. */
#include <stddef.h>
#include <stdint.h>

#include "hotlead/core/state.h"
#include "random_life.h"

static void live(struct fx *f, int from, int to, uint64_t *r)
{
    struct hl_kv kv[2];
    for (int day = from; day < to; day++) {
        struct hl_event ev = fx_random_event(f, day, kv, r);
        fx_apply(f, &ev, HL_APPLY_LIVE);
        for (unsigned i = 0; i < f->out.n_transitions; i++)
            assert_int_equal(f->out.transitions[i].seq, f->c.seq - f->out.n_transitions + 1 + i);
    }
}

static void encode(const struct fx *f, struct hl_buf *b)
{
    hl_buf_clear(b);
    hl_state_encode(&f->c, f->m, b);
    assert_false(b->failed);
}

static enum hl_status renew(struct fx *f, struct hl_slice bytes)
{
    hl_contact_fini(&f->c, &f->slab);
    fx_new_contact(f);
    return hl_state_decode(&f->c, &f->slab, f->m, bytes);
}

static void a_restored_contact_goes_on_as_if_nothing_had_happened(void **state)
{
    uint64_t seed = fx_seed(), r = seed;
    struct hl_buf a, b;
    (void)state;
    hl_buf_init(&a);
    hl_buf_init(&b);
    for (int round = 0; round < 500; round++) {
        struct fx f;
        uint64_t after;
        fx_random_model(&f, &r);
        live(&f, 0, (int)(fx_random(&r) % 60), &r);
        encode(&f, &a);
        after = r;
        unsigned n_events = f.n_events;
        live(&f, 60, 90, &r);
        encode(&f, &b);
        assert_int_equal(renew(&f, hl_buf_slice(&a)), HL_OK);
        f.n_events = n_events;
        live(&f, 60, 90, &after);
        encode(&f, &a);
        if (!hl_slice_eq(hl_buf_slice(&a), hl_buf_slice(&b))) fail_msg("HL_SEED=%llu round %d", (unsigned long long)seed, round);
        fx_fini(&f);
    }
    hl_buf_fini(&a);
    hl_buf_fini(&b);
}

static void damaged_bytes_never_do_harm(void **state)
{
    uint64_t r = fx_seed();
    struct hl_buf a, b;
    unsigned taken = 0;
    (void)state;
    hl_buf_init(&a);
    hl_buf_init(&b);
    for (int round = 0; round < 60; round++) {
        struct fx f;
        fx_random_model(&f, &r);
        live(&f, 0, 40, &r);
        encode(&f, &a);
        for (int k = 0; k < 200; k++) {
            hl_buf_clear(&b);
            hl_buf_put(&b, a.data, a.len);
            for (unsigned n = 1 + (unsigned)(fx_random(&r) % 4); n > 0; n--) b.data[fx_random(&r) % b.len] = (uint8_t)fx_random(&r);
            enum hl_status status = renew(&f, hl_buf_slice(&b));
            assert_true(status == HL_OK || status == HL_E_DECODE);
            if (status != HL_OK) continue;
            taken++;
            encode(&f, &b);
            live(&f, 40, 45, &r);
        }
        fx_fini(&f);
    }
    assert_true(taken > 0);
    hl_buf_fini(&a);
    hl_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_contact_goes_on_as_if_nothing_had_happened),
        cmocka_unit_test(damaged_bytes_never_do_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
