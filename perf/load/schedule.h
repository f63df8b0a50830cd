/* When each event is to be sent: an open loop, so a moment does not depend on how the ones before it fared.
 *
 * A schedule is a row of stretches, in each of which the rate goes in a straight line from one value to another. Event i, counted from 0, is due
 * when the area under the rate reaches i. Moments are ns since the start. Reading is free for all threads; a cursor belongs to one. */
#ifndef HL_LOAD_SCHEDULE_H
#define HL_LOAD_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#define HL_SCHEDULE_STRETCHES 64

/* name, what it does */
#define HL_PROFILES(X)                                                          \
    X(constant, "the rate, from begin to end (default)")                        \
    X(ramp, "from --from (default 0) up or down to the rate, in a straight line") \
    X(step, "--steps (default 5) stairs of equal height and length up to the rate") \
    X(spike, "the rate, but --peak (default 5 times the rate) in the middle fifth") \
    X(soak, "constant for a long time (default 1h), and the report compares begin and end")

enum hl_profile {
#define X(name, what) HL_PROFILE_##name,
    HL_PROFILES(X)
#undef X
        HL_PROFILE_COUNT
};

struct hl_stretch {
    int64_t length_ns;
    double from, to; /* events a second */
};

struct hl_schedule {
    struct hl_stretch stretches[HL_SCHEDULE_STRETCHES];
    size_t n;
};

struct hl_shape {
    double rate, from, peak; /* events a second; from of a ramp, peak of a spike */
    unsigned steps;          /* of a step, 1 to 64 */
    int64_t length_ns;
};

const char *hl_profile_name(enum hl_profile p);
void hl_schedule_init(struct hl_schedule *s, enum hl_profile profile, const struct hl_shape *shape);
int64_t hl_schedule_length_ns(const struct hl_schedule *s);
double hl_schedule_top_rate(const struct hl_schedule *s);
/* How many events are due before a moment. */
uint64_t hl_schedule_count(const struct hl_schedule *s, int64_t at_ns);

struct hl_cursor {
    const struct hl_schedule *s;
    size_t stretch;
    int64_t began_ns;  /* of the stretch */
    double began, area; /* events before it, and in it */
    uint64_t next;
};

void hl_cursor_init(struct hl_cursor *c, const struct hl_schedule *s);
/* The moment of the next event, and go on to the one after it; never falls. -1: there is none. */
int64_t hl_cursor_next(struct hl_cursor *c);

#endif
