/* Points in fixed point, and powers of two from integer tables: the arithmetic that decides.
 *
 * hl_fixed is a signed Q31.32 number of points: 1 point = 2^32. No floating point and no libm take part, so the
 * same input gives the same bits on every machine. */
#ifndef HOTLEAD_BASE_FIXED_H
#define HOTLEAD_BASE_FIXED_H

#include "hotlead/base/slice.h"

typedef int64_t hl_fixed;

#define HL_FIXED_BITS 32
#define HL_FIXED_ONE ((hl_fixed)1 << HL_FIXED_BITS)
#define HL_FIXED_MAX INT64_MAX
#define HL_FIXED_OF_INT(n) ((hl_fixed)(n) * HL_FIXED_ONE)

/* Parse a plain decimal number ("12", "-0.25", "+3.0"; no exponent, no blanks), rounded to the nearest 2^-32, ties
 * away from zero. False if malformed or if |value| >= 2^31. */
bool hl_fixed_parse(struct hl_slice s, hl_fixed *out);

/* Nearest double; exact while |value| < 2^21. For output only, never for a decision. */
double hl_fixed_to_double(hl_fixed v);

/* a + b, saturating at the ends of the range. */
hl_fixed hl_fixed_add(hl_fixed a, hl_fixed b);

/* A half-life prepared for use: reciprocal and shift, so that time / half-life needs no division. */
struct hl_half_life {
    int64_t ms;          /* 1 .. 2^45; 0 = no decay */
    uint64_t reciprocal; /* floor(2^(63 + bits) / ms), normalised; unused when ms = 0 */
    unsigned shift;
};

struct hl_half_life hl_half_life_of(int64_t ms);

/* dt / half-life as unsigned fixed point with 48 fraction bits. dt_ms in 0 .. 2^45. Saturates at UINT64_MAX. */
uint64_t hl_half_lives(struct hl_half_life h, int64_t dt_ms);

/* 2^(frac / 2^48) for frac < 2^48, as Q1.62 in [2^62, 2^63). Error below 2 units of 2^-52 relative.
 * Source of the method: table lookup over slices of the exponent, 2^(a+b) = 2^a * 2^b. */
uint64_t hl_exp2_q62(uint64_t frac48);

#endif
