/* Ranks by Zipf's law: rank k of 0 .. n-1 comes with a chance in proportion to 1 / (k + 1)^s. Exact for any s > 0, by rejection-inversion (Hoermann and
 * Derflinger 1996): no table, about one logarithm and one exponential a draw. s = 0: all ranks alike. One thread. */
#ifndef HL_LOAD_ZIPF_H
#define HL_LOAD_ZIPF_H

#include <stdint.h>

struct hl_zipf {
    uint64_t n;
    double s, top, bottom, squeeze; /* H(1.5) - 1, H(n + 0.5), and what may be taken without a second look */
    uint64_t seed, draws;
};

/* n >= 1, 0 <= s <= 10. */
void hl_zipf_init(struct hl_zipf *z, uint64_t n, double s, uint64_t seed);
/* The next rank. */
uint64_t hl_zipf_draw(struct hl_zipf *z);

#endif
