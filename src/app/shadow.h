/* Private: a second model beside the live one, on the same events. What it would do is counted and shown; nothing of it leaves the process.
 *
 * DESIGN  A second table holds the contacts as they are under the shadow. A partition that comes to life fills it from the live contacts, by encoding and
 * decoding their states: the shadow begins where a restart with it would, and both models agree. From then on each event that the live contact took is
 * applied to its shadow, and time acts on both by the same stream time. Whenever the partitions of a worker are recovered (a rebalance, an abort, another
 * live model), and when the shadow's own model is read again, all begins anew, and `since` says when.
 *
 *     event ── live contact ── transition ──> Kafka       both moved alike: BOTH
 *        └──── shadow contact ── transition ──> counts    else: LIVE, or SHADOW
 *
 * Moves are compared at the end of each record (or look at the clock), by contact, from and to. hl_contact.stamp of a shadow is the stage of the live
 * contact: so the table alone knows who differs.
 *
 * It must not harm what is real: when there is no memory for it, it says so and rests until the next recovery.
 *
 * WHY NOT only from the start of history: what the shadow would have made of the past, `simulate --against` tells. WHY NOT states of its own in Redis
 * or Kafka: after a restart it would be a second truth to be kept and recovered, for figures.
 *
 * THREADS  A worker's calls are for its own part; HTTP reads the table under its stripes. */
#ifndef HL_APP_SHADOW_H
#define HL_APP_SHADOW_H

#include "worker.h"

struct hl_shadow {
    struct hl_models *models;
    struct hl_table *table;
};

/* e->shadow; m is borrowed. HL_E_NOMEM: close it all the same. */
enum hl_status hl_shadow_open(struct hl_engine *e, const struct hl_model *m, size_t stripes, struct hl_error *err) HL_WARN_UNUSED;
void hl_shadow_close(struct hl_engine *e);

/* w->shadow, where the engine has one. HL_E_NOMEM: fini it all the same. */
enum hl_status hl_shadow_init(struct hl_worker *w, struct hl_error *err) HL_WARN_UNUSED;
void hl_shadow_fini(struct hl_worker *w);

/* All below: w->shadow is there. */

bool hl_shadow_needs_time(const struct hl_worker *w);
/* The partitions of the worker have come to life, and have gone. */
void hl_shadow_seed(struct hl_worker *w);
void hl_shadow_drop(struct hl_worker *w);
/* Between two batches: go over to a newer model. */
void hl_shadow_tend(struct hl_worker *w);
/* The live contact took the event, or by `via` another contact, and is in this stage now; o: what came of it. */
void hl_shadow_event(struct hl_worker *w, struct hl_partition *p, const struct hl_event *ev, const struct hl_onward_record *via, uint64_t hash,
                     enum hl_stage live, const struct hl_outcome *o);
/* The live contact moved. */
void hl_shadow_moved(struct hl_worker *w, struct hl_slice contact_id, enum hl_stage from, enum hl_stage to);
/* Moments up to the partition's stream time. */
void hl_shadow_fire(struct hl_worker *w, struct hl_partition *p);
/* What both have done since the last call is compared. */
void hl_shadow_settle(struct hl_worker *w);

#endif
