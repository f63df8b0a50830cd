/* DESIGN
 * See struct hl_row for what a row holds. Rows are kept in the order of their rules (ledger.c), so that the stored state does not show the order
 * of arrival.
 *
 * near is a 96-bit two's complement number. Points are always those of one rule, so all terms of a row have one sign; near
 * saturates at +-2^95 and far at +-2^63, and a saturating sum of terms of one sign does not depend on their order either. A row
 * has to be worth more than 2^23 points (8 million) to come near that.
 *
 * WHY NOT totals kept beside the rows: a score is wanted only where a threshold can matter; a row costs two multiplications
 * then, and nothing on the way in.
 *
 * THREADS: pure. */
#include "hotlead/core/score.h"

#define NEAR_MAX ((((__int128)1) << 95) - 1)

/* magnitude * q62 / 2^down, to the nearest, ties up. 1 <= down <= 126. */
static unsigned __int128 scale(uint64_t magnitude, uint64_t q62, unsigned down)
{
    unsigned __int128 p = (unsigned __int128)magnitude * q62;
    return (p + ((unsigned __int128)1 << (down - 1))) >> down;
}

static __int128 sat96(__int128 v)
{
    return v > NEAR_MAX ? NEAR_MAX : v < -NEAR_MAX ? -NEAR_MAX : v;
}

static __int128 near_get(const struct hl_row *row)
{
    return (__int128)row->near_hi * ((__int128)1 << 32) + row->near_lo;
}

static void near_put(struct hl_row *row, __int128 v)
{
    v = sat96(v);
    row->near_lo = (uint32_t)v;
    row->near_hi = (int64_t)(v >> 32); /* gcc and clang: arithmetic */
}

static uint64_t magnitude_of(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

static hl_fixed to_fixed(unsigned __int128 magnitude, bool negative)
{
    if (magnitude > INT64_MAX) return negative ? -INT64_MAX : INT64_MAX;
    return negative ? -(hl_fixed)magnitude : (hl_fixed)magnitude;
}

/* Length of an epoch; a half-life of up to 2^45 ms keeps it below 2^51. */
static int64_t epoch_ms(const struct hl_half_life *h)
{
    return h->ms * HL_EPOCH_HALF_LIVES;
}

/* Epoch of t and the time in it. Half-lives under 10 ms run out of epochs before the year 2500; the last one then takes all. */
static uint32_t epoch_of(const struct hl_half_life *h, int64_t t, int64_t *in_epoch)
{
    int64_t length = epoch_ms(h), e = t > 0 ? t / length : 0;
    *in_epoch = t > 0 ? t - e * length : 0;
    if (e <= UINT32_MAX) return (uint32_t)e;
    *in_epoch = length - 1;
    return UINT32_MAX;
}

void hl_row_add(struct hl_row *row, const struct hl_score_rule *rule, int64_t t)
{
    if (rule->half_life.ms == 0) {
        near_put(row, near_get(row) + rule->points);
        return;
    }
    int64_t in_epoch;
    uint32_t epoch = epoch_of(&rule->half_life, t, &in_epoch);
    uint64_t x = hl_half_lives(rule->half_life, in_epoch);
    unsigned whole = (unsigned)(x >> 48);
    uint64_t q = hl_exp2_q62(x & ((UINT64_C(1) << 48) - 1)), magnitude = magnitude_of(rule->points);
    bool negative = rule->points < 0;
    __int128 near = (__int128)scale(magnitude, q, 62 - whole);
    hl_fixed far = to_fixed(scale(magnitude, q, 62 + HL_EPOCH_HALF_LIVES - whole), negative);
    near = negative ? -near : near;
    if (epoch > row->epoch) { /* the row moves on: what was far is near now, the rest is worth nothing */
        near_put(row, epoch - row->epoch == 1 ? row->far : 0);
        row->far = 0;
        row->epoch = epoch;
    }
    if (epoch == row->epoch) {
        near_put(row, sat96(near_get(row)) + sat96(near));
        row->far = hl_fixed_add(row->far, far);
    } else if (row->epoch - epoch == 1) {
        near_put(row, near_get(row) + far);
    }
}

void hl_row_join(struct hl_row *row, const struct hl_row *other)
{
    if (row->count == 0) row->epoch = other->epoch;
    if (other->epoch > row->epoch) { /* as in hl_row_add */
        near_put(row, other->epoch - row->epoch == 1 ? row->far : 0);
        row->far = 0;
        row->epoch = other->epoch;
    }
    if (other->epoch == row->epoch) {
        near_put(row, sat96(near_get(row)) + sat96(near_get(other)));
        row->far = hl_fixed_add(row->far, other->far);
    } else if (row->epoch - other->epoch == 1) {
        near_put(row, sat96(near_get(row)) + other->far);
    }
    row->count = row->count + other->count < row->count ? UINT32_MAX : row->count + other->count;
}

/* 2^-(time since the start of an epoch), as q * 2^-(62 + down). */
struct decay {
    int64_t half_life_ms;
    uint32_t epoch;
    uint64_t q;
    uint64_t down;
};

static struct decay decay_of(const struct hl_half_life *h, uint32_t epoch, int64_t now)
{
    struct decay d = {h->ms, epoch, UINT64_C(1) << 62, 0};
    int64_t start;
    if (h->ms == 0 || __builtin_mul_overflow(epoch_ms(h), (int64_t)epoch, &start) || now <= start) return d;
    uint64_t x = hl_half_lives(*h, now - start), fraction = x & ((UINT64_C(1) << 48) - 1);
    d.down = (x >> 48) + (fraction != 0);
    d.q = hl_exp2_q62(fraction ? (UINT64_C(1) << 48) - fraction : 0);
    return d;
}

/* The decays of one contact at one time: its rows share a few half-lives, so most find theirs here. */
#define DECAYS 4
struct decays {
    struct decay of[DECAYS];
    unsigned n;
};

static const struct decay *decay_find(struct decays *known, const struct hl_half_life *h, uint32_t epoch, int64_t now)
{
    unsigned n = known->n < DECAYS ? known->n : DECAYS;
    for (unsigned i = 0; i < n; i++)
        if (known->of[i].half_life_ms == h->ms && known->of[i].epoch == epoch) return &known->of[i];
    struct decay *d = &known->of[known->n++ % DECAYS];
    *d = decay_of(h, epoch, now);
    return d;
}

/* near * q * 2^-(62 + down). The product has 158 bits: `top` leaves out the lowest 32, which cannot change the rounding. */
static hl_fixed decayed(const struct hl_row *row, const struct decay *d)
{
    __int128 near = sat96(near_get(row));
    bool negative = near < 0;
    unsigned __int128 magnitude = (unsigned __int128)(negative ? -near : near);
    if (d->down > 96) return 0;
    unsigned __int128 top = (unsigned __int128)(uint64_t)(magnitude >> 32) * d->q +
                            ((unsigned __int128)(uint32_t)magnitude * d->q >> 32);
    unsigned shift = 62 - 32 + (unsigned)d->down;
    return to_fixed((top + ((unsigned __int128)1 << (shift - 1))) >> shift, negative);
}

hl_fixed hl_row_value(const struct hl_row *row, const struct hl_score_rule *rule, int64_t now)
{
    struct decay d = decay_of(&rule->half_life, row->epoch, now);
    return decayed(row, &d);
}

int64_t hl_row_end(const struct hl_row *row, const struct hl_score_rule *rule)
{
    __int128 near = sat96(near_get(row));
    unsigned __int128 rest = (unsigned __int128)(near < 0 ? -near : near);
    int64_t start, length;
    if (rest == 0 || rule->half_life.ms == 0) return HL_NO_TIME;
    unsigned half_lives = 2; /* rest < 2^n is a quarter of a unit after n + 2 of them */
    for (; rest > 0; rest >>= 1) half_lives++;
    if (__builtin_mul_overflow(epoch_ms(&rule->half_life), (int64_t)row->epoch, &start) ||
        __builtin_mul_overflow(rule->half_life.ms, (int64_t)half_lives, &length) || __builtin_add_overflow(start, length, &start))
        return INT64_MAX;
    return start;
}

unsigned hl_rows_merge(const struct hl_contact *c, const struct hl_model *m, struct hl_row *out, unsigned cap)
{
    unsigned n = 0;
    struct hl_row row;
    for (size_t pos = 0; hl_contact_next_row(c, &pos, &row);) {
        const struct hl_score_rule *rule = &m->rules[row.rule], *kin;
        unsigned k = 0;
        for (; k < n; k++) {
            kin = &m->rules[out[k].rule];
            if (kin->group == rule->group && kin->half_life.ms == rule->half_life.ms && out[k].epoch == row.epoch) break;
        }
        if (k == cap) return 0;
        if (k == n)
            out[n++] = row;
        else
            near_put(&out[k], near_get(&out[k]) + near_get(&row));
    }
    return n;
}

/* A score on its way: falling rows as of `late`, rising ones as of `early`. */
struct sum {
    const struct hl_model *m;
    int64_t early, late;
    struct hl_score s;
    struct decays known[2];
    hl_fixed groups[HL_MAX_GROUPS];
};

static inline void sum_begin(struct sum *sum, const struct hl_contact *c, const struct hl_model *m, int64_t early, int64_t late)
{
    sum->m = m;
    sum->early = early, sum->late = late;
    sum->s = (struct hl_score){hl_contact_fit(c, m), c->ext ? c->ext->manual : 0, 0};
    sum->known[0].n = sum->known[1].n = 0;
    memset(sum->groups, 0, m->n_groups * sizeof sum->groups[0]);
}

static inline void sum_add(struct sum *sum, const struct hl_row *row)
{
    const struct hl_score_rule *rule = &sum->m->rules[row->rule];
    bool rises = sum->early != sum->late && row->near_hi < 0;
    hl_fixed *of = rule->group < 0 ? &sum->s.behavior : &sum->groups[rule->group];
    *of = hl_fixed_add(*of, decayed(row, decay_find(&sum->known[rises], &rule->half_life, row->epoch, rises ? sum->early : sum->late)));
}

static inline struct hl_score sum_end(struct sum *sum)
{
    struct hl_score s = sum->s;
    for (size_t g = 0; g < sum->m->n_groups; g++) {
        const struct hl_group *group = &sum->m->groups[g];
        s.behavior = hl_fixed_add(s.behavior, group->has_max && sum->groups[g] > group->max ? group->max : sum->groups[g]);
    }
    hl_fixed total = hl_fixed_add(s.fit, s.behavior);
    s.total = total > 0 ? total : 0;
    return s;
}

/* Inline: where the times are one, half of it goes. */
static inline __attribute__((always_inline)) struct hl_score score_between(const struct hl_contact *c, const struct hl_model *m,
                                                                           int64_t early, int64_t late)
{
    struct sum sum;
    struct hl_row row;
    sum_begin(&sum, c, m, early, late);
    for (size_t pos = 0; hl_contact_next_row(c, &pos, &row);) sum_add(&sum, &row);
    return sum_end(&sum);
}

struct hl_score hl_score_at(const struct hl_contact *c, const struct hl_model *m, int64_t now)
{
    return score_between(c, m, now, now);
}

hl_fixed hl_score_floor(const struct hl_contact *c, const struct hl_model *m, int64_t from, int64_t to)
{
    return score_between(c, m, from, to).total;
}

hl_fixed hl_score_floor_of(const struct hl_contact *c, const struct hl_model *m, const struct hl_row *rows, unsigned n, int64_t from, int64_t to)
{
    struct sum sum;
    sum_begin(&sum, c, m, from, to);
    for (unsigned i = 0; i < n; i++) sum_add(&sum, &rows[i]);
    return sum_end(&sum).total;
}
