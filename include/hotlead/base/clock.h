/* The only callers of the system's clocks. Core never includes this. */
#ifndef HOTLEAD_BASE_CLOCK_H
#define HOTLEAD_BASE_CLOCK_H

#include <stdint.h>

int64_t hl_clock_wall_ms(void); /* since 1970-01-01 UTC */
int64_t hl_clock_mono_ns(void); /* CLOCK_MONOTONIC: for durations and deadlines */

#endif
