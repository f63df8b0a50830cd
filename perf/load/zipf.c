#include "zipf.h"

#include <math.h>

#include "random.h"

/* (e^x - 1) / x and log(1 + x) / x, whole at 0, so that s = 1 is no special case. */
static double expm1_over(double x)
{
    return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2 * (1 + x / 3);
}

static double log1p_over(double x)
{
    return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2 + x * x / 3;
}

/* The integral of the density x^-s from 1 to x, and the x at which it is u. */
static double integral(double x, double s)
{
    double l = log(x);
    return expm1_over((1 - s) * l) * l;
}

static double inverse(double u, double s)
{
    double t = u * (1 - s);
    if (t < -1) t = -1; /* rounding */
    return exp(log1p_over(t) * u);
}

static double density(double x, double s)
{
    return exp(-s * log(x));
}

void hl_zipf_init(struct hl_zipf *z, uint64_t n, double s, uint64_t seed)
{
    *z = (struct hl_zipf){.n = n, .s = s, .seed = seed};
    z->top = integral(1.5, s) - 1;
    z->bottom = integral((double)n + 0.5, s);
    z->squeeze = 2 - inverse(integral(2.5, s) - density(2, s), s);
}

uint64_t hl_zipf_draw(struct hl_zipf *z)
{
    for (;;) {
        uint64_t h = hl_random_at(z->seed, z->draws++);
        if (z->s == 0) return (uint64_t)((unsigned __int128)h * z->n >> 64);
        double u = z->bottom + hl_random_unit(h) * (z->top - z->bottom), x = inverse(u, z->s), k = floor(x + 0.5);
        if (k < 1) k = 1;
        if (k > (double)z->n) k = (double)z->n;
        if (k - x <= z->squeeze || u >= integral(k + 0.5, z->s) - density(k, z->s)) return (uint64_t)k - 1;
    }
}
