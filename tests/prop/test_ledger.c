/* The ledger: any order of the same events gives the same bits, and the value is that of the formula. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"

#define MAX_EVENTS 64

static void shuffle(int64_t *t, unsigned n, uint64_t *r)
{
    for (unsigned i = n; i > 1; i--) {
        unsigned k = (unsigned)(fx_random(r) % i);
        int64_t swap = t[i - 1];
        t[i - 1] = t[k];
        t[k] = swap;
    }
}

static struct hl_row row_of(const struct hl_score_rule *rule, const int64_t *t, unsigned n)
{
    struct hl_row row;
    memset(&row, 0, sizeof row);
    for (unsigned i = 0; i < n; i++) hl_row_add(&row, rule, t[i]);
    return row;
}

/* Times around now, often on both sides of an edge of epochs, sometimes very late. */
static unsigned random_times(int64_t *t, int64_t half_life, uint64_t *r)
{
    unsigned n = 1 + (unsigned)(fx_random(r) % MAX_EVENTS);
    int64_t epoch = half_life * HL_EPOCH_HALF_LIVES, center = FX_T0;
    if (half_life && fx_random(r) % 2) center = (FX_T0 / epoch + 1) * epoch;
    int64_t spread = half_life ? half_life * (int64_t)(1 + fx_random(r) % (fx_random(r) % 4 == 0 ? 100 : 4)) : FX_DAY;
    for (unsigned i = 0; i < n; i++) {
        t[i] = center - spread + (int64_t)(fx_random(r) % (uint64_t)(2 * spread + 1));
        if (t[i] < 0) t[i] = 0;
    }
    return n;
}

static void any_order_gives_the_same_bits_and_the_value_of_the_formula(void **state)
{
    const int64_t half_lives[] = {0, 1000, 3600000, 14 * FX_DAY, 30 * FX_DAY, 400 * FX_DAY, 98765};
    uint64_t seed = fx_seed(), r = seed;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        int64_t t[MAX_EVENTS], half_life = half_lives[fx_random(&r) % HL_ARRAY_LEN(half_lives)];
        struct hl_score_rule rule = {.half_life = hl_half_life_of(half_life)};
        rule.points = (hl_fixed)(fx_random(&r) % (uint64_t)HL_FIXED_OF_INT(200)) - HL_FIXED_OF_INT(100);
        unsigned n = random_times(t, half_life, &r);
        struct hl_row row = row_of(&rule, t, n);
        int64_t now = 0;
        for (unsigned i = 0; i < n; i++) now = t[i] > now ? t[i] : now;
        now += half_life ? (int64_t)(fx_random(&r) % (uint64_t)(3 * half_life)) : 5;
        long double exact = 0, points = (long double)rule.points / 0x1p32L;
        for (unsigned i = 0; i < n; i++) exact += half_life ? points * exp2l(-(long double)(now - t[i]) / half_life) : points;
        long double got = (long double)hl_row_value(&row, &rule, now) / 0x1p32L;
        if (fabsl(got - exact) > 1e-6L) fail_msg("HL_SEED=%llu round %d: %Lf is not %Lf", (unsigned long long)seed, round, got, exact);
        shuffle(t, n, &r);
        struct hl_row again = row_of(&rule, t, n);
        if (memcmp(&row, &again, sizeof row) != 0) fail_msg("HL_SEED=%llu round %d: another order, other bits", (unsigned long long)seed, round);
    }
}

static void the_value_never_grows_as_time_passes(void **state)
{
    uint64_t r = fx_seed();
    struct hl_score_rule rule = {.half_life = hl_half_life_of(30 * FX_DAY), .points = FX_POINTS(10)};
    struct hl_row row = {0};
    (void)state;
    int64_t now = FX_T0;
    hl_row_add(&row, &rule, now);
    hl_fixed last = hl_row_value(&row, &rule, now);
    while (last > 0) {
        now += (int64_t)(fx_random(&r) % 10000000);
        hl_fixed value = hl_row_value(&row, &rule, now);
        assert_true(value <= last);
        last = value;
    }
}

/* Sum of what a cap leaves, the plain way: all matches in the order of arrival, one list of counts for each window. */
static void caps_agree_with_counting_by_hand(void **state)
{
    uint64_t seed = fx_seed(), r = seed;
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct fx f;
        fx_init(&f);
        struct hl_score_rule *rule = fx_rule(&f, "page", FX_TYPE(PAGE_VIEWED), 1, 0);
        rule->max_times = 1 + (uint32_t)(fx_random(&r) % 4);
        rule->window_ms = FX_DAY;
        fx_seal(&f);
        unsigned counts[16] = {0}, total = 0;
        for (int i = 0; i < 60; i++) {
            unsigned day = (unsigned)(fx_random(&r) % 12) * (unsigned)i / 60, newer = 0;
            for (unsigned d = day + 1; d < 16; d++) newer += counts[d] > 0;
            if (newer < 2 && counts[day]++ < rule->max_times) total++;
            fx_say(&f, PAGE_VIEWED, FX_T0 + day * FX_DAY + (int64_t)(fx_random(&r) % FX_DAY));
        }
        if (fx_score(&f, f.c.clock) != HL_FIXED_OF_INT(total)) fail_msg("HL_SEED=%llu round %d", (unsigned long long)seed, round);
        fx_fini(&f);
    }
}

#define STREAM 40

struct beat {
    enum hl_event_type type;
    int64_t t;
};

static void live(struct fx *f, const struct beat *beats)
{
    fx_init(f);
    int web = fx_group(f, "web", 50);
    fx_rule(f, "page", FX_TYPE(PAGE_VIEWED), 10, 30 * FX_DAY)->group = web;
    fx_rule(f, "read", FX_TYPE(PAGE_VIEWED) | FX_TYPE(FILE_DOWNLOADED), 3.3, FX_DAY)->group = web;
    fx_rule(f, "gone", FX_TYPE(EMAIL_UNSUBSCRIBED), -20, 14 * FX_DAY);
    fx_rule(f, "any", 0, 0.7, 0);
    fx_seal(f);
    for (int i = 0; i < STREAM; i++) fx_send(f, beats[i].type, beats[i].t, (char *)NULL);
}


static void a_contact_has_the_same_rows_and_score_in_whatever_order_its_events_come(void **state)
{
    static const enum hl_event_type types[] = {HL_EVENT_PAGE_VIEWED, HL_EVENT_FILE_DOWNLOADED, HL_EVENT_EMAIL_UNSUBSCRIBED,
                                               HL_EVENT_EMAIL_OPENED};
    uint64_t seed = fx_seed(), r = seed;
    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct fx a, b;
        struct beat beats[STREAM];
        for (int i = 0; i < STREAM; i++) {
            beats[i].type = types[fx_random(&r) % HL_ARRAY_LEN(types)];
            beats[i].t = FX_T0 + (int64_t)(fx_random(&r) % (100 * FX_DAY));
        }
        live(&a, beats);
        for (int i = STREAM; i > 1; i--) {
            int k = (int)(fx_random(&r) % (unsigned)i);
            struct beat swap = beats[i - 1];
            beats[i - 1] = beats[k];
            beats[k] = swap;
        }
        live(&b, beats);
        struct hl_score of_a = hl_score_at(&a.c, a.m, a.c.clock), of_b = hl_score_at(&b.c, b.m, b.c.clock);
        bool same = hl_contact_n_rows(&a.c) == hl_contact_n_rows(&b.c) && a.c.clock == b.c.clock && memcmp(&of_a, &of_b, sizeof of_a) == 0;
        for (uint16_t rule = 0; rule < a.m->n_rules; rule++) {
            struct hl_row x, y;
            same = same && hl_contact_row(&a.c, rule, &x) == hl_contact_row(&b.c, rule, &y) && memcmp(&x, &y, sizeof x) == 0;
        }
        if (!same) fail_msg("HL_SEED=%llu round %d: another order, another contact", (unsigned long long)seed, round);
        fx_fini(&a);
        fx_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_bits_and_the_value_of_the_formula),
        cmocka_unit_test(a_contact_has_the_same_rows_and_score_in_whatever_order_its_events_come),
        cmocka_unit_test(the_value_never_grows_as_time_passes),
        cmocka_unit_test(caps_agree_with_counting_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
