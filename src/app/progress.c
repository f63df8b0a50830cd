/* How far a worker's recovery is: told in the log every few seconds, in /readyz and in the metrics. Counted in offsets to be passed, of which
 * compaction may have left few records; so the share is exact, and the time left as good as the rate is even. */
#include <inttypes.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/log.h"
#include "worker.h"

#define TELL_NS 5000000000ll

void hl_progress_begin(struct hl_worker *w, struct hl_progress *p, int64_t state, int64_t input)
{
    int64_t now = hl_clock_mono_ns();
    *p = (struct hl_progress){.total = state + input, .start_ns = now, .tell_ns = now + TELL_NS};
    hl_log(HL_LOG_INFO, "restore_started", "worker=%u partitions=%zu state_offsets=%" PRId64 " input_offsets=%" PRId64, w->index, w->n_assigned,
           state, input);
    hl_progress_at(w, p, 0, now);
}

unsigned hl_progress_percent(const struct hl_progress *p)
{
    return p->total > 0 ? (unsigned)((double)p->done * 100 / (double)p->total) : 100;
}

int64_t hl_progress_seconds_left(const struct hl_progress *p, int64_t now)
{
    if (p->done <= 0) return -1;
    return (int64_t)((double)(now - p->start_ns) / 1e9 * (double)(p->total - p->done) / (double)p->done + 0.5);
}

void hl_progress_at(struct hl_worker *w, struct hl_progress *p, int64_t done, int64_t now)
{
    p->done = done < p->total ? done : p->total;
    int64_t left = hl_progress_seconds_left(p, now);
    hl_health_set_restoring(w->e->health, (int)w->index, hl_progress_percent(p), left);
    hl_metrics_set_restoring(w->metrics, w->n_assigned, (uint64_t)(p->total - p->done));
    if (now < p->tell_ns) return;
    p->tell_ns = now + TELL_NS;
    hl_log(HL_LOG_INFO, "restoring", "worker=%u percent=%u offsets=%" PRId64 " of=%" PRId64 " seconds=%.0f seconds_left=%" PRId64, w->index,
           hl_progress_percent(p), p->done, p->total, (double)(now - p->start_ns) / 1e9, left);
}
