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
/* The thread has ended as it should: it is no longer looked at. */
void hl_health_finish(struct hl_health *h, int thread);
/* After each rebalance and each partition restored. A thread that has never called this is still starting. */
void hl_health_set_partitions(struct hl_health *h, int thread, uint32_t assigned, uint32_t restored);

/* False: `why` (cap bytes) says which thread. */
bool hl_health_is_live(const struct hl_health *h, int64_t now_ns, char *why, size_t cap);
/* Every running thread has started and restored all it was assigned; a standby with nothing assigned is ready. */
bool hl_health_is_ready(const struct hl_health *h, char *why, size_t cap);

#endif
