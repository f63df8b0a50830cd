/* Private: what came in and out of each stage, and how long it took: the figures of `hotlead report` and of /v1/funnel.
 *
 * The unit is a stay: it begins when a contact enters a stage and ends when it leaves it. A stay ends forward (a stage further on the main
 * line), back, or out (Unqualified, Disqualified); until then it is open. Conversion of a stage: of its stays, open ones included, the
 * share that ended forward. So a contact that comes a second time counts a second time; an
 * MQL that becomes active stays where it is.
 *
 * Times are kept in buckets of an eighth of a power of two, each with its count and sum: a median is the mean of the bucket it lies in,
 * exact while the bucket holds equal values, else off by 9 % at most. */
#ifndef HL_APP_FUNNEL_H
#define HL_APP_FUNNEL_H

#include "hotlead/base/buf.h"
#include "hotlead/core/model.h"

#define HL_FUNNEL_STEPS 8     /* in each power of two */
#define HL_FUNNEL_BUCKETS 336 /* up to 2^42 ms, 139 years */
#define HL_FUNNEL_MIN_STAYS 10 /* below that a stage is not judged */

struct hl_funnel_bucket {
    uint64_t n, sum_ms;
};

/* Plain data, about 60 KB: zero is empty. */
struct hl_funnel {
    int64_t since; /* ms: from when on moves were counted; 0: nothing is known */
    uint64_t moves[HL_STAGE_COUNT][HL_STAGE_COUNT];               /* from, to */
    struct hl_funnel_bucket times[HL_STAGE_COUNT][HL_FUNNEL_BUCKETS]; /* in the stage, of the stays that ended forward */
};

/* time_in_from_ms < 0: not known. */
void hl_funnel_add(struct hl_funnel *f, enum hl_stage from, enum hl_stage to, int64_t time_in_from_ms);
/* since becomes the later of the two that are known. */
void hl_funnel_merge(struct hl_funnel *into, const struct hl_funnel *from);
/* The stored form; decode merges into f. HL_E_DECODE. */
void hl_funnel_encode(const struct hl_funnel *f, struct hl_buf *out);
enum hl_status hl_funnel_decode(struct hl_funnel *f, struct hl_slice bytes) HL_WARN_UNUSED;

/* What is known of one stage. Counts of stays; times -1: none is known. */
struct hl_funnel_stage {
    uint64_t open, entered, forward, back, out;
    double conversion; /* -1: there were no stays */
    int64_t median_ms, p90_ms; /* of the stays that ended forward */
};
/* open: stays that have not ended, by count of the contacts that are there now. */
struct hl_funnel_stage hl_funnel_stage(const struct hl_funnel *f, enum hl_stage stage, uint64_t open);
bool hl_funnel_is_forward(enum hl_stage from, enum hl_stage to);
/* The stage behind `stage` on the main line; HL_STAGE_COUNT: none. */
enum hl_stage hl_funnel_next(enum hl_stage stage, bool sal);

/* Of the steps from Subscriber to Customer with enough stays: the one that loses the most (lowest conversion), and the one that takes the
 * longest (largest median). HL_STAGE_COUNT: none can be named. */
struct hl_funnel_verdict {
    enum hl_stage bottleneck, slowest;
};
struct hl_funnel_verdict hl_funnel_judge(const struct hl_funnel *f, const uint64_t open[HL_STAGE_COUNT], bool sal);

/* Members "stages", "bottleneck", "slowest" and "judged_from_stays" of an object that is open. A cohort has stays that moves of other cohorts began: then
 * nothing is said of what `entered`. */
void hl_funnel_put_json(const struct hl_funnel *f, const uint64_t open[HL_STAGE_COUNT], bool sal, bool cohort, struct hl_buf *out);

#endif
