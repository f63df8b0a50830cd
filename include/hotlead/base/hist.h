/* Log-linear histogram of non-negative 64-bit values (HDR style: 32 linear steps for each power of two, so the relative error is
 * at most 1/32; the idea is Gil Tene's HdrHistogram). One writer; readers may merge at any time (relaxed atomics). */
#ifndef HOTLEAD_BASE_HIST_H
#define HOTLEAD_BASE_HIST_H

#include <stdatomic.h>
#include <stdint.h>

#define HL_HIST_SUB 32
#define HL_HIST_BUCKETS (60 * HL_HIST_SUB)

struct hl_hist {
    _Atomic uint64_t count, sum, max;
    _Atomic uint64_t buckets[HL_HIST_BUCKETS];
};

void hl_hist_init(struct hl_hist *h);
void hl_hist_put(struct hl_hist *h, uint64_t value);
void hl_hist_put_n(struct hl_hist *h, uint64_t value, uint64_t n);
void hl_hist_merge(struct hl_hist *into, const struct hl_hist *from);
/* Smallest value with at least q (0..1) of the counts at or below it; 0 when empty. */
uint64_t hl_hist_quantile(const struct hl_hist *h, double q);
/* Number of values <= bound, for Prometheus buckets. */
uint64_t hl_hist_count_le(const struct hl_hist *h, uint64_t bound);

#endif
