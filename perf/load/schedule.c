#include "schedule.h"

#include <math.h>

#define NS 1e9

const char *hl_profile_name(enum hl_profile p)
{
    static const char *const NAMES[] = {
#define X(name, what) #name,
        HL_PROFILES(X)
#undef X
    };
    return NAMES[p];
}

static void add(struct hl_schedule *s, int64_t length_ns, double from, double to)
{
    s->stretches[s->n++] = (struct hl_stretch){length_ns, from, to};
}

static void add_steps(struct hl_schedule *s, const struct hl_shape *h)
{
    for (unsigned i = 0; i < h->steps; i++) {
        int64_t from = h->length_ns * i / h->steps, to = h->length_ns * (i + 1) / h->steps;
        double rate = h->rate * (i + 1) / h->steps;
        add(s, to - from, rate, rate);
    }
}

static void add_spike(struct hl_schedule *s, const struct hl_shape *h)
{
    int64_t flank = h->length_ns * 2 / 5;
    add(s, flank, h->rate, h->rate);
    add(s, h->length_ns - 2 * flank, h->peak, h->peak);
    add(s, flank, h->rate, h->rate);
}

void hl_schedule_init(struct hl_schedule *s, enum hl_profile profile, const struct hl_shape *shape)
{
    s->n = 0;
    switch (profile) {
    case HL_PROFILE_ramp: add(s, shape->length_ns, shape->from, shape->rate); break;
    case HL_PROFILE_step: add_steps(s, shape); break;
    case HL_PROFILE_spike: add_spike(s, shape); break;
    default: add(s, shape->length_ns, shape->rate, shape->rate);
    }
}

int64_t hl_schedule_length_ns(const struct hl_schedule *s)
{
    int64_t total = 0;
    for (size_t i = 0; i < s->n; i++) total += s->stretches[i].length_ns;
    return total;
}

double hl_schedule_top_rate(const struct hl_schedule *s)
{
    double top = 0;
    for (size_t i = 0; i < s->n; i++) top = fmax(top, fmax(s->stretches[i].from, s->stretches[i].to));
    return top;
}

/* Events in the first t ns of a stretch. */
static double area(const struct hl_stretch *st, double t)
{
    double slope = (st->to - st->from) / (double)st->length_ns;
    return (st->from + slope * t / 2) * t / NS;
}

uint64_t hl_schedule_count(const struct hl_schedule *s, int64_t at_ns)
{
    double sum = 0;
    if (at_ns <= 0) return 0;
    for (size_t i = 0; i < s->n && at_ns > 0; i++) {
        const struct hl_stretch *st = &s->stretches[i];
        sum += area(st, (double)(at_ns < st->length_ns ? at_ns : st->length_ns));
        at_ns -= st->length_ns;
    }
    uint64_t n = (uint64_t)ceil(sum - 1e-6); /* what is due at the very moment is not before it */
    return n ? n : 1;                         /* the first is due at 0, also where the rate begins at 0 */
}

void hl_cursor_init(struct hl_cursor *c, const struct hl_schedule *s)
{
    *c = (struct hl_cursor){.s = s};
    c->area = area(&s->stretches[0], (double)s->stretches[0].length_ns);
}

/* ns into a stretch at which k events have passed: the root of from t + slope t^2 / 2 = k, in the form that also does for slope 0. */
static double moment(const struct hl_stretch *st, double k)
{
    double from = st->from / NS, slope = (st->to - st->from) / NS / (double)st->length_ns, d = from * from + 2 * slope * k;
    return k <= 0 ? 0 : 2 * k / (from + sqrt(d > 0 ? d : 0));
}

int64_t hl_cursor_next(struct hl_cursor *c)
{
    const struct hl_schedule *s = c->s;
    while (c->stretch < s->n && (double)c->next - c->began >= c->area - 1e-6) {
        c->began_ns += s->stretches[c->stretch].length_ns;
        c->began += c->area;
        if (++c->stretch < s->n) c->area = area(&s->stretches[c->stretch], (double)s->stretches[c->stretch].length_ns);
    }
    if (c->stretch == s->n) return -1;
    const struct hl_stretch *st = &s->stretches[c->stretch];
    double t = moment(st, (double)c->next++ - c->began);
    return c->began_ns + (t < (double)st->length_ns ? (int64_t)t : st->length_ns);
}
