/* Private: how many contacts are in each stage, who are the hottest, and the funnel's figures: of all partitions, whoever holds them.
 *
 * DESIGN  A thread walks the table from time to time, a stripe at a time, resting ten times as long as it worked: counts by partition and stage, and the
 * HL_CENSUS_TOP hottest of each stage. What it finds, and the figures of the flow, it writes to Redis beside the copies of the partitions, a note of each
 * kind for each partition; the notes of the partitions that others hold it reads. So the figures of the whole group cost a process its own walk and two
 * small reads for each partition that it does not hold, whatever the number of contacts, and every figure has an age, which is told.
 * How often: a walk at most every HL_CENSUS_WANTED_NS while somebody asks, every HL_CENSUS_IDLE_NS otherwise, and never more than a fiftieth (a
 * two-hundredth) of a core. The flow's figures are written every second if they have changed.
 *
 *   worker ── moves ──> flow ──┐                             ┌──> {group:p}:flow      figures of the funnel
 *   table ── walk ──> reading ─┴── this thread, for own p ───┴──> {group:p}:census    counts, the hottest
 *                     others[p] <── this thread, for other p ──── both
 *
 * A note is not fenced: a process that comes back from a long stand-still can write one that is old. Whoever holds the partition writes it again within
 * HL_CENSUS_IDLE_NS; nothing is decided by a note.
 *
 * WHY NOT count in the workers: the stage counts would need a hook in each place that makes, restores, drops or erases a contact, and the order by score
 * changes by itself, all the time. WHY NOT load the copies from Redis: at ten million contacts that takes ten seconds of it.
 *
 * THREADS  Its own; the others ask under its lock, and wait for at most the time they say. */
#ifndef HL_APP_CENSUS_H
#define HL_APP_CENSUS_H

#include "flow.h"
#include "hotlead/app/config.h"
#include "hotlead/app/holdings.h"
#include "hotlead/core/table.h"
#include "hotlead/port/store.h"
#include "models.h"
#include "rank.h"

#define HL_CENSUS_TOP 1000 /* of each stage */
#define HL_CENSUS_WANTED_NS INT64_C(1000000000)
#define HL_CENSUS_IDLE_NS INT64_C(10000000000)

struct hl_census;
struct hl_census_config { /* all borrowed */
    struct hl_table *table;
    struct hl_holdings *holdings;
    struct hl_models *models;
    struct hl_flow *flow;
};

/* NULL: no memory. */
struct hl_census *hl_census_new(const struct hl_census_config *config);
/* Begin to walk by itself; until then a walk is made by who asks. store: for the notes, taken over in any case; NULL: none. */
enum hl_status hl_census_start(struct hl_census *c, struct hl_store *store, struct hl_error *err) HL_WARN_UNUSED;
/* Writes the last figures of the flow, and ends the thread. */
void hl_census_stop(struct hl_census *c);
void hl_census_free(struct hl_census *c);

/* Where the figures of a partition are from. */
enum hl_census_from { HL_CENSUS_NOT_KNOWN, HL_CENSUS_MEMORY, HL_CENSUS_REDIS };
struct hl_census_source {
    int32_t n;                    /* partitions */
    unsigned char *from;          /* of each: enum hl_census_from */
    int64_t own_at, others_at;    /* wall clock, ms: of the walk; of the oldest note. 0: none */
};
/* HL_E_NOMEM. */
enum hl_status hl_census_source_init(struct hl_census_source *s, const struct hl_census *c) HL_WARN_UNUSED;
void hl_census_source_fini(struct hl_census_source *s);

/* Each waits at most wait_ms for figures that are not there yet. HL_E_PENDING: they are still being gathered, or a partition changes hands. */
/* The hottest of a stage or of all (HL_RANK_ANY), r->limit <= HL_CENSUS_TOP, scores of r->at: those of this process are looked at anew, and those who
 * moved since the walk are among them. r is fresh from hl_rank_init, and sorted afterwards. HL_E_NOMEM. */
enum hl_status hl_census_rank(struct hl_census *c, int wait_ms, struct hl_rank *r, struct hl_census_source *s) HL_WARN_UNUSED;
/* Added to *f and now[]. */
enum hl_status hl_census_funnel(struct hl_census *c, int wait_ms, struct hl_funnel *f, uint64_t now[HL_STAGE_COUNT],
                                struct hl_census_source *s) HL_WARN_UNUSED;

#endif
