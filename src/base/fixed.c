/* DESIGN
 * 2^f for a fraction f of 48 bits is a product of four: the three leading bytes of f each pick a factor from a table of 256
 * (Q1.62, correctly rounded), and the last 24 bits, worth y = f ln 2 < 2^-24, give 1 + y + y^2/2. What is left out is y^3/6 <
 * 2^-74; the roundings add up to a few units of 2^-62. Consecutive arguments are 2^13 such units apart, so the result never
 * falls as f grows.
 *
 * WHY NOT exp2() of libm: its last bit differs between machines and versions, and a score that differs in one bit may fire a
 * transition on one machine and not on another. Not one table of 2^16 entries: 512 KiB would push the contacts out of the
 * cache.
 *
 * THREADS: pure functions, constant tables. */
#include "hotlead/base/fixed.h"

static const uint64_t exp2_table[3][256] = {
#include "exp2_table.inc"
};

#define LN2_Q64 UINT64_C(0xb17217f7d1cf79ac) /* ln 2 */

/* Boundaries between two roundings are multiples of 2^-33 and have at most 33 decimals: later digits decide nothing. */
#define PARSE_DECIMALS 33

static uint64_t mul_q62(uint64_t a, uint64_t b)
{
    return (uint64_t)(((unsigned __int128)a * b + ((uint64_t)1 << 61)) >> 62);
}

uint64_t hl_exp2_q62(uint64_t frac48)
{
    uint64_t head = mul_q62(exp2_table[0][frac48 >> 40 & 0xff], exp2_table[1][frac48 >> 32 & 0xff]);
    head = mul_q62(head, exp2_table[2][frac48 >> 24 & 0xff]);
    uint64_t y = (uint64_t)((unsigned __int128)(frac48 & 0xffffff) * LN2_Q64 >> 50); /* Q62 */
    y += (uint64_t)((unsigned __int128)y * y >> 63);
    return head + mul_q62(head, y);
}

struct hl_half_life hl_half_life_of(int64_t ms)
{
    if (ms <= 0) return (struct hl_half_life){0, 0, 0};
    unsigned bits = ms == 1 ? 0 : 64 - (unsigned)__builtin_clzll((uint64_t)ms - 1); /* 2^(bits-1) < ms <= 2^bits */
    uint64_t reciprocal = (uint64_t)(((unsigned __int128)1 << (63 + bits)) / (uint64_t)ms);
    return (struct hl_half_life){ms, reciprocal, bits + 15};
}

uint64_t hl_half_lives(struct hl_half_life h, int64_t dt_ms)
{
    if (dt_ms <= 0) return 0;
    unsigned __int128 x = (unsigned __int128)(uint64_t)dt_ms * h.reciprocal >> h.shift;
    return x > UINT64_MAX ? UINT64_MAX : (uint64_t)x;
}

hl_fixed hl_fixed_add(hl_fixed a, hl_fixed b)
{
    hl_fixed sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b < 0 ? INT64_MIN : INT64_MAX;
}

double hl_fixed_to_double(hl_fixed v)
{
    return (double)v * 0x1p-32;
}

/* The decimals at the start of *s, as a number of *n digits; false when there is none. */
static bool take_decimals(struct hl_slice *s, unsigned __int128 *value, unsigned *n)
{
    size_t i = 0;
    if (s->len == 0) return false;
    *value = 0;
    *n = 0;
    for (; i < s->len && s->data[i] >= '0' && s->data[i] <= '9'; i++) {
        if (*n == PARSE_DECIMALS) continue;
        *value = *value * 10 + (unsigned)(s->data[i] - '0');
        (*n)++;
    }
    s->data += i;
    s->len -= i;
    return i > 0;
}

/* decimals / 10^n in units of 2^-32, to the nearest, ties up: by long division, one binary digit at a time. */
static uint64_t fraction_of(unsigned __int128 decimals, unsigned n)
{
    unsigned __int128 one = 1;
    for (unsigned i = 0; i < PARSE_DECIMALS; i++) one *= 10;
    for (; n < PARSE_DECIMALS; n++) decimals *= 10;
    uint64_t bits = 0;
    for (int i = 0; i < HL_FIXED_BITS + 1; i++) {
        decimals *= 2;
        bits <<= 1;
        if (decimals >= one) {
            decimals -= one;
            bits |= 1;
        }
    }
    return (bits + 1) >> 1;
}

static bool take_integer(struct hl_slice *s, uint64_t *out)
{
    size_t i = 0;
    uint64_t v = 0;
    if (s->len == 0) return false; /* data may be NULL */
    for (; i < s->len && s->data[i] >= '0' && s->data[i] <= '9'; i++) {
        v = v * 10 + (uint64_t)(s->data[i] - '0');
        if (v >> 31) return false;
    }
    s->data += i;
    s->len -= i;
    *out = v;
    return i > 0;
}

bool hl_fixed_parse(struct hl_slice s, hl_fixed *out)
{
    bool negative = s.len > 0 && s.data[0] == '-';
    if (s.len > 0 && (s.data[0] == '-' || s.data[0] == '+')) s = (struct hl_slice){s.data + 1, s.len - 1};
    uint64_t whole, fraction = 0;
    if (!take_integer(&s, &whole)) return false;
    if (s.len > 0 && s.data[0] == '.') {
        unsigned __int128 decimals;
        unsigned n;
        s = (struct hl_slice){s.data + 1, s.len - 1};
        if (!take_decimals(&s, &decimals, &n)) return false;
        fraction = fraction_of(decimals, n);
    }
    uint64_t magnitude = (whole << HL_FIXED_BITS) + fraction;
    if (s.len > 0 || magnitude > INT64_MAX) return false;
    *out = negative ? -(hl_fixed)magnitude : (hl_fixed)magnitude;
    return true;
}
