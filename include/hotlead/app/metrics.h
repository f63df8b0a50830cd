/* What the process counts, and how it is shown to Prometheus.
 *
 * Each worker thread owns one struct hl_metrics_thread and is its only writer: plain relaxed stores, no lock, no locked
 * instruction. Readers (the HTTP thread, the demo's live line) add the threads up whenever they like; what they see may be a few
 * events old, and balances once the workers rest. Durations are nanoseconds inside and seconds outside.
 *
 * Calls marked @any may come from any thread; hl_metrics_new and hl_metrics_free enclose all others. */
#ifndef HOTLEAD_APP_METRICS_H
#define HOTLEAD_APP_METRICS_H

#include "hotlead/app/trace.h"
#include "hotlead/base/buf.h"
#include "hotlead/base/hist.h"
#include "hotlead/base/status.h"
#include "hotlead/core/apply.h"
#include "hotlead/core/table.h"

/* What became of an input record; the first three are enum hl_result of core/apply.h, number for number. Their sum is what was
 * consumed (promise P4). */
#define HL_TALLIES(X)                                                                                                            \
    X(SCORED, "scored")                                                                                                          \
    X(IGNORED, "ignored") /* unknown types, machines, late for an erased contact ... */                                          \
    X(DUPLICATE, "duplicate")                                                                                                    \
    X(DEAD_LETTER, "dead_letter")

#define HL_TXN_OUTCOMES(X)                                                                                                       \
    X(COMMITTED, "committed")                                                                                                    \
    X(ABORTED, "aborted")                                                                                                        \
    X(FENCED, "fenced")                                                                                                          \
    X(IN_DOUBT, "in_doubt")

/* Where recovery reads from, one after the other. */
#define HL_RESTORE_SOURCES(X)                                                                                                    \
    X(REDIS, "redis")                                                                                                            \
    X(STATE, "state")                                                                                                            \
    X(INPUT, "input")

#define X(code, name) HL_TALLY_##code,
enum hl_tally { HL_TALLIES(X) HL_TALLY_COUNT };
#undef X
#define X(code, name) HL_TXN_##code,
enum hl_txn_outcome { HL_TXN_OUTCOMES(X) HL_TXN_COUNT };
#undef X
#define X(code, name) HL_RESTORE_##code,
enum hl_restore_source { HL_RESTORE_SOURCES(X) HL_RESTORE_COUNT };
#undef X

#define HL_STATUS_COUNT (HL_E_INTERNAL + 1)

typedef _Atomic uint64_t hl_counter;

struct hl_metrics_topic {
    hl_counter consumed;
    hl_counter results[HL_TALLY_COUNT];
};

/* Which of the two models. */
#define HL_MODEL_ROLES(X) X(LIVE, "live") X(SHADOW, "shadow")
#define X(code, name) HL_MODEL_##code,
enum hl_model_role { HL_MODEL_ROLES(X) HL_MODEL_ROLE_COUNT };
#undef X

/* Under which of the two a contact moved. */
#define HL_SHADOW_UNDER(X) X(BOTH, "both") X(LIVE, "live") X(SHADOW, "shadow")
#define X(code, name) HL_UNDER_##code,
enum hl_under { HL_SHADOW_UNDER(X) HL_UNDER_COUNT };
#undef X

/* The live model and its shadow, side by side. */
struct hl_shadow_counts {
    hl_counter contacts[HL_STAGE_COUNT][HL_STAGE_COUNT];            /* by stage under the live one, and under the shadow */
    hl_counter moves[HL_UNDER_COUNT][HL_STAGE_COUNT][HL_STAGE_COUNT]; /* from, to */
};

struct hl_metrics_thread {
    _Alignas(64) hl_counter transitions[HL_STAGE_COUNT][HL_STAGE_COUNT];
    hl_counter dead_letters[HL_STATUS_COUNT];
    hl_counter alerts[HL_ALERT_COUNT];
    hl_counter unknown_types, rebalances;
    hl_counter txn[HL_TXN_COUNT];
    hl_counter restores[HL_RESTORE_COUNT], restore_ns[HL_RESTORE_COUNT], restore_records[HL_RESTORE_COUNT];
    _Atomic uint64_t restoring, restore_left; /* partitions being restored now; offsets that are still to be read for it */
    _Atomic int64_t checkpoint_ns; /* hl_clock_mono_ns() of the last one; 0: none yet */
    hl_counter evictions, fetches;             /* contacts that left the table for Redis, and came back */
    _Atomic uint64_t ghosts, ghost_bytes;      /* contacts that are in Redis only now, and what remembering them takes */
    _Atomic uint64_t paused;                   /* 1: nothing is read, for the sake of memory.max_bytes */
    struct hl_hist latency, batch, txn_duration, redis_flush, redis_fetch;
    struct hl_shadow_counts *shadow; /* NULL: there is none */
    struct hl_metrics_topic topics[];
};

/* A label of build_info: {"librdkafka", "2.0.2"}. */
struct hl_metrics_label {
    const char *name, *value;
};

struct hl_metrics_config {
    const char *const *topics; /* inputs, by index everywhere below; copied */
    size_t n_topics;
    int partitions; /* of each input topic */
    int threads;
    const struct hl_metrics_label *build; /* copied */
    size_t n_build;
};

struct hl_metrics;

/* NULL: no memory. */
struct hl_metrics *hl_metrics_new(const struct hl_metrics_config *config);
void hl_metrics_free(struct hl_metrics *m);
struct hl_metrics_thread *hl_metrics_thread(struct hl_metrics *m, int thread);

/* --- counting, by the owner of mt --- */

static inline void hl_counter_add(hl_counter *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void hl_metrics_count_consumed(struct hl_metrics_thread *mt, size_t topic, uint64_t n)
{
    hl_counter_add(&mt->topics[topic].consumed, n);
}

/* For dead letters call hl_metrics_count_dead_letter instead. */
static inline void hl_metrics_count_event(struct hl_metrics_thread *mt, size_t topic, enum hl_tally result)
{
    hl_counter_add(&mt->topics[topic].results[result], 1);
}

static inline void hl_metrics_count_dead_letter(struct hl_metrics_thread *mt, size_t topic, enum hl_status error_class)
{
    hl_counter_add(&mt->topics[topic].results[HL_TALLY_DEAD_LETTER], 1);
    hl_counter_add(&mt->dead_letters[error_class], 1);
}

/* An unknown type is also an event with the result `ignored`. */
static inline void hl_metrics_count_unknown_type(struct hl_metrics_thread *mt, size_t topic)
{
    hl_counter_add(&mt->topics[topic].results[HL_TALLY_IGNORED], 1);
    hl_counter_add(&mt->unknown_types, 1);
}

static inline void hl_metrics_count_transition(struct hl_metrics_thread *mt, enum hl_stage from, enum hl_stage to)
{
    hl_counter_add(&mt->transitions[from][to], 1);
}

static inline void hl_metrics_count_alert(struct hl_metrics_thread *mt, enum hl_alert_event event)
{
    hl_counter_add(&mt->alerts[event], 1);
}

static inline void hl_metrics_count_txn(struct hl_metrics_thread *mt, enum hl_txn_outcome outcome, uint64_t ns)
{
    hl_counter_add(&mt->txn[outcome], 1);
    hl_hist_put(&mt->txn_duration, ns);
}

static inline void hl_metrics_set_restoring(struct hl_metrics_thread *mt, uint64_t partitions, uint64_t offsets_left)
{
    atomic_store_explicit(&mt->restoring, partitions, memory_order_relaxed);
    atomic_store_explicit(&mt->restore_left, offsets_left, memory_order_relaxed);
}

static inline void hl_metrics_count_restore(struct hl_metrics_thread *mt, enum hl_restore_source source, uint64_t ns)
{
    hl_counter_add(&mt->restores[source], 1);
    hl_counter_add(&mt->restore_ns[source], ns);
}

static inline void hl_metrics_checkpoint_done(struct hl_metrics_thread *mt, int64_t mono_ns)
{
    atomic_store_explicit(&mt->checkpoint_ns, mono_ns, memory_order_relaxed);
}

/* --- gauges: @any --- */

/* lag < 0: the partition is not ours, the series ends. */
void hl_metrics_set_lag(struct hl_metrics *m, size_t topic, int partition, int64_t lag);
/* Without a Redis never called: the series is absent. */
void hl_metrics_set_redis_up(struct hl_metrics *m, bool up);
/* memory.max_bytes. Without a bound never called: the series about it are absent. */
void hl_metrics_set_bound(struct hl_metrics *m, uint64_t bytes);
/* What became of a model file that was read again. */
enum hl_reload_result { HL_RELOAD_APPLIED, HL_RELOAD_UNCHANGED, HL_RELOAD_REFUSED, HL_RELOAD_COUNT };
/* wall_ms: now. */
void hl_metrics_count_reload(struct hl_metrics *m, enum hl_model_role role, enum hl_reload_result result, int64_t wall_ms);
/* Copied. */
void hl_metrics_set_model(struct hl_metrics *m, enum hl_model_role role, const char *model, const char *version);
/* There is a shadow: each thread gets its counts. Before anybody reads. HL_E_NOMEM. */
enum hl_status hl_metrics_add_shadow(struct hl_metrics *m) HL_WARN_UNUSED;
/* Since when the shadow has scored beside the live model without beginning anew; wall clock. */
void hl_metrics_set_shadow_since(struct hl_metrics *m, int64_t wall_ms);
/* *since as above. False: there is no shadow. */
bool hl_metrics_shadow(const struct hl_metrics *m, struct hl_shadow_counts *sum, int64_t *since_ms);

/* A sampled trace whose transition was committed: OpenMetrics shows it as an exemplar of its latency's bucket and of its transitions, until the
 * next one of the same place. @any, and takes a lock: once a commit, not for each event. */
void hl_metrics_set_exemplar(struct hl_metrics *m, const struct hl_trace *t, uint64_t latency_ns, enum hl_stage from, enum hl_stage to);

/* --- reading: @any --- */

enum hl_metrics_format { HL_METRICS_PROMETHEUS, HL_METRICS_OPENMETRICS };

/* Prometheus text format 0.0.4, or OpenMetrics 1.0.0. `table` may be NULL: no contacts yet. */
void hl_metrics_print(struct hl_metrics *m, const struct hl_table_stats *table, enum hl_metrics_format format,
                      struct hl_buf *out);
/* Content-Type of a format. */
const char *hl_metrics_content_type(enum hl_metrics_format format);

/* Contacts that are in Redis only. */
uint64_t hl_metrics_evicted(const struct hl_metrics *m);

struct hl_metrics_totals {
    uint64_t consumed;
    uint64_t results[HL_TALLY_COUNT];
    uint64_t unknown_types;
    uint64_t transitions[HL_STAGE_COUNT][HL_STAGE_COUNT];
    uint64_t transitions_sum;
    uint64_t latency_p50_ns, latency_p99_ns; /* 0 when nothing was measured */
};
struct hl_metrics_totals hl_metrics_totals(struct hl_metrics *m);

/* What a page about this process shows at a glance. */
struct hl_metrics_glance {
    struct hl_metrics_totals totals;
    struct hl_hist latency;  /* nanoseconds, since the start */
    int redis_up;            /* -1: there is no Redis */
    double checkpoint_age_s; /* -1: there was none yet */
    double start_time;       /* Unix time, seconds */
};
void hl_metrics_glance(struct hl_metrics *m, struct hl_metrics_glance *out);
/* Records of the assigned partitions of an input that are not consumed yet; -1: none is assigned. */
int64_t hl_metrics_topic_lag(struct hl_metrics *m, size_t topic);
/* scored + ignored + duplicates + dead letters = consumed. */
bool hl_metrics_balanced(const struct hl_metrics_totals *totals);

#endif
