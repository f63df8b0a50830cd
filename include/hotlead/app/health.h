/* Is the process alive, and is it ready: heartbeats of threads and how far the restore of their partitions is. Dependencies play
 * no part: a Redis that is down must not restart a process. One writer a thread; readers anywhere. */
#ifndef HOTLEAD_APP_HEALTH_H
#define HOTLEAD_APP_HEALTH_H

#include "hotlead/base/status.h"

struct hl_health;

/* Every thread counts as having beaten at `now_ns` (hl_clock_mono_ns). stale_ms: silence that means hung; 0: 30,000. NULL: no
 * memory. */
struct hl_health *hl_health_new(int threads, int64_t stale_ms, int64_t now_ns);
void hl_health_free(struct hl_health *h);

void hl_health_beat(struct hl_health *h, int thread, int64_t now_ns);
/* A call that may hang begins, and it is over; both beat. Until then the thread may be silent for limit_ms, where that is longer. The name must be
 * a literal. */
void hl_health_enter(struct hl_health *h, int thread, const char *call, int64_t limit_ms, int64_t now_ns);
void hl_health_leave(struct hl_health *h, int thread, int64_t now_ns);
/* The thread has ended as it should: it is no longer looked at. */
void hl_health_finish(struct hl_health *h, int thread);
/* After each rebalance and each partition restored. A thread that has never called this is still starting. */
void hl_health_set_partitions(struct hl_health *h, int thread, uint32_t assigned, uint32_t restored);
/* How far the restore is that goes on. seconds_left -1: not known yet. */
void hl_health_set_restoring(struct hl_health *h, int thread, unsigned percent, int64_t seconds_left);

/* The thread reads nothing, on purpose, and why: a literal. NULL: it reads on. */
void hl_health_set_paused(struct hl_health *h, int thread, const char *why);

/* False: `why` (cap bytes) says which thread, and which call it waits for. */
bool hl_health_is_live(const struct hl_health *h, int64_t now_ns, char *why, size_t cap);
/* Every running thread has started, has restored all it was assigned, and is not paused; a standby with nothing assigned is ready. */
bool hl_health_is_ready(const struct hl_health *h, char *why, size_t cap);

#endif
