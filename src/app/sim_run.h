/* A whole simulation: input, threads, the contacts at the end. */
#ifndef HL_APP_SIM_RUN_H
#define HL_APP_SIM_RUN_H

#include <stdio.h>

#include "hotlead/core/ghosts.h"
#include "sim_shard.h"
#include "unknown.h"

#define HL_SIM_MAX_THREADS 64

struct hl_sim_options {
    const struct hl_model *model, *against; /* against: NULL or the other one */
    const struct hl_sim_sources *sources;
    unsigned threads;     /* 1 .. HL_SIM_MAX_THREADS */
    bool by_time;         /* arrival in the order of occurred_at */
    FILE *transitions, *alerts; /* where they go, as JSON; NULL: nowhere */
    bool quiet;           /* problems of records are not told */
    bool progress;        /* a bar on stderr, once it takes longer than a second */
    int64_t until;        /* HL_NO_TIME: no further than the stream */
    enum hl_event_type bought; /* what is a purchase, for the comparison of two models */
};

struct hl_sim {
    struct hl_ghosts pointers; /* hashes of contacts that went into others */
    struct hl_sim_shard *shards;
    unsigned n_shards;
    uint64_t n_events, n_bad;
    struct hl_unknown unknown;
    int64_t from, stream; /* smallest and largest occurred_at, `until` included; HL_NO_TIME: there was no event */
    double seconds;
};

/* Problems of single records are told on stderr and counted in n_bad. On failure err says why. hl_sim_fini is due in any case. */
enum hl_status hl_sim_run(struct hl_sim *sim, const struct hl_sim_options *o, struct hl_error *err) HL_WARN_UNUSED;
void hl_sim_fini(struct hl_sim *sim);

/* What each contact was at the end, in the order of their ids; malloc'ed. With --against, `other` is the same contact under the
 * other model. */
struct hl_sim_contact {
    const struct hl_contact *c, *other;
    const struct hl_sim_memo *memo, *other_memo;
};
enum hl_status hl_sim_contacts(const struct hl_sim *sim, struct hl_sim_contact **out, size_t *n) HL_WARN_UNUSED;

#endif
