/* The first moment of time of random contacts, against the score itself: below at the moment, not below 1 ms before it, and
 * nowhere below at any earlier time that is looked at. Rows of both signs, of many half-lives or of one, groups with and
 * without a cap. */
#include <stddef.h>
#include <stdint.h>

#include "core_fixture.h"
#include "hotlead/core/due.h"

#define CASES 3000
#define RULES 8
#define GRID 400

struct shape {
    bool one_half_life, no_caps, no_losses;
};

static int64_t random_half_life(uint64_t *r)
{
    static const int64_t some[] = {FX_DAY / 24, FX_DAY, 7 * FX_DAY + 12345, 30 * FX_DAY, 365 * FX_DAY};
    return some[fx_random(r) % HL_ARRAY_LEN(some)];
}

/* Whole points half of the time: then sums like to meet the threshold exactly. */
static double random_points(uint64_t *r, int64_t range)
{
    double whole = (double)(int64_t)(fx_random(r) % (uint64_t)range);
    return fx_random(r) % 2 ? whole : whole + (double)(fx_random(r) % 1000) / 1000;
}

static void random_model(struct fx *f, const struct shape *shape, uint64_t *r)
{
    fx_init(f);
    int64_t shared = random_half_life(r);
    for (unsigned g = 0; g < 2 && !shape->no_caps; g++) {
        fx_group(f, "group", random_points(r, 60));
        f->m->groups[g].has_max = fx_random(r) % 4 != 0;
    }
    for (unsigned i = 0; i < RULES; i++) {
        char name[16];
        snprintf(name, sizeof name, "rule %u", i);
        double points = random_points(r, 50);
        if (!shape->no_losses && fx_random(r) % 3 == 0) points = -points;
        int64_t half_life = shape->one_half_life ? shared : random_half_life(r);
        struct hl_score_rule *rule = fx_rule(f, name, FX_TYPE(PAGE_VIEWED), points, fx_random(r) % 6 ? half_life : 0);
        if (!shape->no_caps) rule->group = (int)(fx_random(r) % 3) - 1;
    }
    f->m->mql = (struct hl_threshold){true, true, HL_FIXED_MAX, FX_POINTS(1 + random_points(r, 40))};
    fx_seal(f);
}

static void random_contact(struct fx *f, uint64_t *r)
{
    f->c.stage = HL_STAGE_MQL;
    f->c.kind = HL_KIND_PASSIVE;
    f->c.clock = FX_T0 + (int64_t)(fx_random(r) % FX_DAY);
    *fx_fit(f) = FX_POINTS(random_points(r, 30));
    for (unsigned n = (unsigned)(fx_random(r) % 12); n > 0; n--) {
        uint16_t rule = (uint16_t)(fx_random(r) % RULES);
        int64_t age = (int64_t)(fx_random(r) % (uint64_t)(fx_random(r) % 2 ? 60 * FX_DAY : FX_DAY));
        fx_add(f, rule, f->c.clock - age);
    }
}

static bool is_below(const struct fx *f, int64_t t)
{
    return fx_score(f, t) < f->m->mql.exit;
}

/* Any time in (clock, moment) at which the score is below by more than `depth`; HL_NO_TIME: none was seen. */
static int64_t seen_below(struct fx *f, int64_t moment, hl_fixed depth, uint64_t *r)
{
    f->m->mql.exit -= depth;
    int64_t from = f->c.clock, length = moment - from;
    for (int64_t i = 1; i <= GRID; i++) {
        int64_t even = from + (int64_t)((__int128)length * i / (GRID + 1)), close = moment - i;
        int64_t near = from + (int64_t)(fx_random(r) % (uint64_t)length >> fx_random(r) % 48); /* each scale alike */
        if (even > from && is_below(f, even)) return even;
        if (near > from && is_below(f, near)) return near;
        if (close > from && is_below(f, close)) return close;
    }
    return HL_NO_TIME;
}

/* Losses beside gains of another half-life may be so close to them that the search gets coarse: what it may then miss is
 * rounding. */
static hl_fixed missable(const struct fx *f, const struct shape *shape)
{
    return shape->no_losses || shape->one_half_life ? 0 : 2 * hl_contact_n_rows(&f->c);
}

static unsigned hold_against_the_score(const struct shape *shape, unsigned case_number, uint64_t seed)
{
    struct fx f;
    uint64_t r = seed * 2654435761u + case_number;
    if (r == 0) r = 1;
    random_model(&f, shape, &r);
    random_contact(&f, &r);
    int64_t moment = hl_due_next(&f.c, f.m), all_gone = f.c.clock + 120 * 365 * FX_DAY;
    bool starts_below = is_below(&f, f.c.clock), moves = moment != HL_NO_TIME;
    if (starts_below && moves) fail_msg("case %u: below at its clock, and yet a moment", case_number);
    if (moves && (moment <= f.c.clock || !is_below(&f, moment) || is_below(&f, moment - 1)))
        fail_msg("case %u: no crossing at clock + %lld", case_number, (long long)(moment - f.c.clock));
    int64_t earlier = starts_below ? HL_NO_TIME : seen_below(&f, moves ? moment : all_gone, missable(&f, shape), &r);
    if (earlier != HL_NO_TIME)
        fail_msg("case %u: below at clock + %lld, moment at clock + %lld", case_number, (long long)(earlier - f.c.clock),
                 moves ? (long long)(moment - f.c.clock) : -1LL);
    fx_fini(&f);
    return moves;
}

static void hold_all(const struct shape *shape)
{
    uint64_t seed = fx_seed();
    unsigned moments = 0;
    for (unsigned i = 0; i < CASES; i++) moments += hold_against_the_score(shape, i, seed);
    print_message("%u of %d cases have a moment\n", moments, CASES);
    assert_true(moments > CASES / 20);
}

static void with_one_half_life_and_no_caps_the_closed_form_is_the_first_moment(void **state)
{
    (void)state;
    hold_all(&(struct shape){true, true, true});
}

static void with_many_half_lives_and_caps_it_is_the_first_moment(void **state)
{
    (void)state;
    hold_all(&(struct shape){false, false, true});
}

static void with_losses_of_the_same_half_life_it_is_the_first_moment(void **state)
{
    (void)state;
    hold_all(&(struct shape){true, true, false});
}

static void with_gains_and_losses_of_any_half_life_and_caps_it_is_the_first_moment(void **state)
{
    (void)state;
    hold_all(&(struct shape){false, false, false});
}

/* The floor that the search rests on: no score in between is lower, and it is the lowest itself where nothing rises. */
static void no_score_between_two_times_is_below_the_floor(void **state)
{
    uint64_t seed = fx_seed();
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct fx f;
        uint64_t r = seed * 40503u + i + 1;
        random_model(&f, &(struct shape){fx_random(&r) % 2, fx_random(&r) % 2, i % 2}, &r);
        random_contact(&f, &r);
        int64_t from = f.c.clock + (int64_t)(fx_random(&r) % (90 * FX_DAY) >> fx_random(&r) % 36);
        int64_t to = from + 1 + (int64_t)(fx_random(&r) % (90 * FX_DAY) >> fx_random(&r) % 36);
        hl_fixed floor = hl_score_floor(&f.c, f.m, from, to);
        if (i % 2) assert_int_equal(floor, fx_score(&f, to));
        for (unsigned k = 0; k < 40; k++) {
            int64_t t = k == 0 ? from : k == 1 ? to : from + (int64_t)(fx_random(&r) % (uint64_t)(to - from));
            if (fx_score(&f, t) < floor) fail_msg("case %u: lower at clock + %lld", i, (long long)(t - f.c.clock));
        }
        fx_fini(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_one_half_life_and_no_caps_the_closed_form_is_the_first_moment),
        cmocka_unit_test(with_many_half_lives_and_caps_it_is_the_first_moment),
        cmocka_unit_test(with_losses_of_the_same_half_life_it_is_the_first_moment),
        cmocka_unit_test(with_gains_and_losses_of_any_half_life_and_caps_it_is_the_first_moment),
        cmocka_unit_test(no_score_between_two_times_is_below_the_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
