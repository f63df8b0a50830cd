/* Private to the engine: a worker, its partitions, and what recovery, checkpoint and emission share.
 *
 *   worker.c      one batch: poll, decode, apply, emit; when to commit
 *   cloudevents.c CloudEvents in and out
 *   odd.c         events that can be read, and hardly are what was meant
 *   emit.c        transitions, state records and dead letters become Kafka records
 *   checkpoint.c  dirty lists, low-water, the commit itself
 *   timers.c      what time alone does
 *   erase.c       contacts that are to leave no trace
 *   merge.c       contacts that become one; onward.c: how workers tell each other
 *   bound.c       contacts that leave the table for Redis, where memory is bounded
 *   spill.c       contacts that come back from there
 *   recovery.c    how partitions come to life
 *   progress.c    how far that is
 *   rebuild.c     their state anew, from the input alone (a command)
 *   models.c      the model that scores, and those before it
 *   shadow.c      a second model beside it, for figures
 *   mirror.c      the warm copy in Redis, a thread of its own
 *   flow.c        what was just committed, for those who look; census.c: the figures of all partitions, a thread of its own
 *   engine.c      puts them together */
#ifndef HL_APP_WORKER_H
#define HL_APP_WORKER_H

#include <pthread.h>

#include "hotlead/app/engine.h"
#include "hotlead/app/health.h"
#include "hotlead/app/holdings.h"
#include "hotlead/app/trace.h"
#include "hotlead/base/arena.h"
#include "hotlead/core/ghosts.h"
#include "hotlead/port/store.h"
#include "hotlead/port/stream.h"
#include "cloudevents.h"
#include "kafka_setup.h"
#include "models.h"
#include "odd.h"
#include "onward.h"

#define HL_BATCH 2048
#define HL_GROUP 32
#define HL_STRIPES 1024 /* of the table, shared out among the workers: few enough that their heads stay in the second-level cache */

struct hl_contact_list {
    struct hl_contact **items;
    size_t n, cap;
};

/* An entry of a list or of the timers points to the contact, or no longer does. */
static inline void hl_contact_ref(struct hl_contact *c)
{
    c->refs = (uint16_t)(c->refs + (c->refs < UINT16_MAX));
}

static inline void hl_contact_unref(struct hl_contact *c)
{
    HL_DCHECK(c->refs);
    c->refs = (uint16_t)(c->refs - (c->refs < UINT16_MAX));
}

/* Values of hl_contact.dirty: which dirty list of its partition holds the contact (1 or 2), and whether it moved in this transaction. */
#define HL_DIRTY_LIST 3
#define HL_DIRTY_MOVED 0x80
#define HL_DIRTY_ERASED 0x40 /* in the list of erased contacts */

/* A moment at which time alone may move a contact. */
struct hl_timer {
    int64_t moment;
    struct hl_contact *c;
};

struct hl_timers {
    struct hl_timer *items; /* a heap, earliest first */
    size_t n, cap;
};

#define HL_STRANGERS 16

/* Contacts of a partition that are in Redis only; see bound.c and spill.c. Positions are those of the state topic. */
struct hl_away {
    struct hl_ghosts ghosts;
    int64_t reached;    /* the copy has been seen here: it has all ghosts; -1: nowhere yet */
    int64_t barrier;    /* states that were written with an older stamp lie before it; -1: none yet */
    int64_t restored_end; /* behind the last state that was read from the topic; -1: none was */
    int64_t barrier_ns; /* when it was set */
    int64_t ask_ns;     /* the copy is not asked for before */
    int64_t seen_at, seen_ns; /* where the copy was when it was found behind, and since when */
    uint8_t stamp;      /* of states that are written now */
    bool live;          /* not in recovery any more */
    bool changed;       /* since those who look were told */
    uint64_t stages[HL_STAGE_COUNT]; /* of those who are away */
    bool has_strangers;
    uint8_t next_stranger;
    uint64_t strangers[HL_STRANGERS]; /* hashes that look like a ghost's, and are not; 0: none */
};

struct hl_partition {
    int32_t id;
    struct hl_away away;
    /* per input topic */
    int64_t *next;      /* next offset to apply */
    int64_t state_end;  /* see struct hl_position */
    int64_t *low;       /* low-water L: everything below is in the state topic */
    int64_t *cut;       /* `next` at the start of the checkpoint round */
    int64_t *topic_time; /* largest occurred_at read; HL_NO_TIME: none yet */
    bool *blocked;      /* waits for a schema: its records are left alone */
    bool *at_end;       /* read to its end: counts as now */
    int64_t stream_time;
    struct hl_timers timers;
    /* dirty[current - 1] is written out in this round, the other one collects for the next */
    struct hl_contact_list dirty[2];
    uint8_t current;        /* 1 or 2 */
    size_t round_size;      /* contacts in the round at its start */
    int64_t round_start_ns; /* monotonic */
    int64_t low_since_ns;   /* when low last moved: age of the checkpoint */
    struct hl_contact_list moved; /* changed stage in this transaction, or cannot be made again from the input for another reason */
    struct hl_contact_list erased; /* empty contacts, to leave the table when nothing refers to them any more */
    /* Applied offsets that came with restored contacts: vector i (from 1) at [(i - 1) * n_inputs]. */
    int64_t *applied;
    size_t n_applied, cap_applied;
    uint32_t *applied_by_hash; /* 2 * cap_applied places: numbers of vectors, 0: none */
    uint64_t restored[HL_RESTORE_COUNT]; /* records, by where they were read from */
};

/* A record that waits for its schema. */
struct hl_waiting {
    struct hl_partition *part;
    uint16_t topic;
    char *value;
    size_t len;
};

struct hl_latency_sample {
    int64_t timestamp_ms;
    uint64_t n;
};

#define HL_LATENCY_SAMPLES 512

/* A worker's part in keeping memory.max_bytes. */
struct hl_bound {
    size_t max;      /* bytes of the table and all ghosts; 0: no bound, and the rest is not used */
    size_t n_ghosts; /* of all partitions */
    size_t *seen;    /* what each stripe used when it was looked at last */
    size_t used;     /* their sum */
    size_t mine;     /* of which in the stripes of this worker */
    _Atomic uint32_t parts; /* partitions of this worker; read by the others */
    _Atomic bool restoring; /* it needs its share: the others keep to theirs */
    bool beyond;            /* what must be restored does not fit, and there is nothing to be waited for */
    unsigned hand;   /* the stripe to be looked at next */
    unsigned over;   /* stripes of this round that were above their limit */
    bool pressed;    /* some are: contacts should leave */
    bool full;       /* nothing is read until some have left */
    bool waiting;    /* nothing is read until Redis gives back those that are wanted */
    bool told;
    int64_t next_ns, tell_ns, away_until_ns;
    struct hl_error why; /* what Redis said last; HL_OK: nothing is wrong with it */
    struct hl_store_wanted *wanted; /* HL_BATCH */
    uint16_t *missing;              /* HL_BATCH: places in wanted */
    size_t n_wanted;
};

/* The first transition since the last commit whose cause was traced: it will have waited longest. */
struct hl_traced {
    struct hl_trace trace;
    int64_t timestamp_ms; /* 0: none */
    enum hl_stage from, to;
};

struct hl_latency_samples {
    struct hl_latency_sample of[HL_LATENCY_SAMPLES];
    size_t n;
};

struct hl_flow_batch;
struct hl_shadow;
struct hl_shadow_worker;

/* The commit that is under way. */
struct hl_flight {
    bool on;
    int64_t start_ns;
    struct hl_latency_samples samples;
    struct hl_traced traced;
    struct hl_flow_batch *flow;
};

struct hl_mirror;
struct hl_worker {
    struct hl_engine *e;
    uint16_t index;
    pthread_t thread;
    bool started;
    struct hl_stream *stream;
    struct hl_store *store; /* NULL: no Redis */
    struct hl_arena arena;
    struct hl_buf engine_buf, record_buf; /* reused for encoding */
    struct hl_record *records;            /* HL_BATCH */
    struct hl_event *events;              /* HL_GROUP */
    struct hl_outcome *outcome;
    const struct hl_model *model; /* of all its contacts; another one only while it has none */
    struct hl_match_cache *matches;
    struct hl_unknown unknown; /* types that it has met */
    struct hl_hops hops; /* of the record in hand that is passed on */
    struct hl_slice *kin; /* of the contact that is being erased: those that are one with it; in the arena */
    size_t n_kin;
    int64_t erased_at; /* of that erasure */
    size_t n_graves; /* of erased contacts, in the table; 0: nobody looks for one */
    struct hl_partition **by_id; /* by partition number, NULL: not ours */
    struct hl_partition **parts;
    size_t n_parts;
    int32_t *assigned; /* what the group gave us, whether it is alive yet or not */
    size_t n_assigned;
    struct hl_waiting *waiting;
    size_t n_waiting;
    struct hl_metrics_thread *metrics;
    struct hl_flow_batch *flow; /* transitions of the open transaction, for those who look; NULL: nobody does */
    /* since the last commit */
    int64_t last_commit_ns; /* when it began */
    int64_t landed_ns;      /* when it ended */
    int64_t rounds_ns;      /* when rounds of the checkpoint were written */
    int64_t commit_ns; /* what a commit takes, smoothed */
    bool behind;       /* the last poll brought so much that more is waiting */
    uint64_t events_since;
    uint64_t outputs_since; /* transitions and dead letters that wait for a commit */
    struct hl_latency_samples samples;
    struct hl_traced traced;
    struct hl_flight flight;
    size_t checkpoint_turn;    /* which partition's round is written first */
    int64_t checkpoint_due_ns; /* when the checkpoint needs a commit even without events */
    struct hl_position *positions; /* room for every (input, partition) */
    int64_t schema_check_ns, lag_due_ns;
    int64_t wall_ms; /* of the group in hand; the clock is not asked for each event */
    bool time_acts;  /* the model has stages that time alone can end, or its shadow has */
    struct hl_shadow_worker *shadow; /* NULL: no second model is tried */
    struct hl_bound bound;
    enum hl_status status; /* how it ended */
    struct hl_error error;
};

struct hl_engine {
    struct hl_engine_options options;
    const struct hl_config *config;
    const struct hl_model *model; /* at the start */
    struct hl_models *models;     /* NULL: it stays that one (tests, rebuild) */
    struct hl_shadow *shadow;     /* NULL: no second model is tried */
    struct hl_table *table;
    struct hl_kafka *kafka;
    struct hl_schemas *schemas;
    struct hl_decoder **decoders; /* per input */
    uint32_t transition_schema, state_schema, alert_schema;
    int32_t n_partitions;
    struct hl_worker *workers;
    size_t n_workers;
    struct hl_metrics *metrics;
    struct hl_health *health; /* of the workers, then of the mirror */
    struct hl_holdings *holdings; /* NULL: nobody looks (tests) */
    struct hl_mirror *mirror; /* NULL: no Redis */
    struct hl_flow *flow;     /* NULL: nobody looks (tests) */
    struct hl_census *census;
    struct hl_history *history;
    struct hl_http *http;
    struct hl_http_api *api;
    _Atomic bool *stop;
    struct hl_odd odd;
    struct hl_kafka_setup kafka_setup;
};

static inline size_t hl_engine_inputs(const struct hl_engine *e)
{
    return e->config->n_inputs;
}

/* The input by which contacts that are merged come (merge.c). */
static inline bool hl_engine_is_merges(const struct hl_engine *e, uint16_t topic)
{
    return e->config->inputs[topic].format == HL_FORMAT_MERGES;
}

/* engine.c */
size_t hl_engine_threads(const struct hl_config *c); /* workers */
/* Schemas, and a decoder for each input. */
enum hl_status hl_engine_codecs_open(struct hl_engine *e, struct hl_error *err);
void hl_engine_codecs_close(struct hl_engine *e);

/* erase.c */
/* Find or make the contact of an event; a new one takes over what its grave says. NULL: no memory. @locks requires the stripe of hash. */
struct hl_contact *hl_contact_for_event(struct hl_worker *w, struct hl_slab *slab, int32_t partition, uint64_t hash, struct hl_slice id,
                                        bool *adopted);
/* The contact was erased by its event at this place of an input: its grave is to be written with it. `positions`: where the inputs stand.
 * HL_E_NOMEM. @locks requires its stripe. */
enum hl_status hl_bury(struct hl_worker *w, struct hl_partition *p, struct hl_contact *c, const struct hl_record *at, const int64_t *positions)
    HL_WARN_UNUSED;
/* Between two rounds of the checkpoint: erased contacts that nothing refers to leave the table. */
void hl_forget_erased(struct hl_worker *w, struct hl_partition *p);

/* merge.c */
/* What a record of the merges says; NULL: no memory. In the arena. */
const struct hl_onward_record *hl_merge_read(struct hl_worker *w, const struct hl_record *r, struct hl_error *err);
/* hl_apply, where other contacts may be concerned: by an event (via NULL) or a record of the merges. @locks requires the contact's stripe. */
enum hl_status hl_merge_apply(struct hl_worker *w, struct hl_slab *slab, struct hl_contact *c, const struct hl_event *ev,
                              const struct hl_onward_record *via, enum hl_apply_mode mode, struct hl_outcome *o) HL_WARN_UNUSED;
/* What is to be told to others after it, if anything is. */
enum hl_status hl_merge_send(struct hl_worker *w, const struct hl_record *r, const struct hl_event *ev, const struct hl_onward_record *via,
                             const struct hl_outcome *o, struct hl_error *err) HL_WARN_UNUSED;
/* Only these concern others: all else is hl_apply's. */
static inline bool hl_merge_concerns(const struct hl_event *ev, const struct hl_contact *c)
{
    return ev->type == HL_EVENT_CONTACT_MERGED || ev->type == HL_EVENT_CONTACT_ERASED || ev->type == HL_EVENT_CONTACT_IDENTIFIED || (c->flags & HL_C_MERGED);
}

/* worker_init.c: all but its session and its store, which are the caller's to set; fini frees them too. `w` need not be zeroed. HL_E_NOMEM: fini
 * it all the same. */
enum hl_status hl_worker_init(struct hl_worker *w, struct hl_engine *e, unsigned index, struct hl_error *err) HL_WARN_UNUSED;
void hl_worker_fini(struct hl_worker *w);
/* The newest model, and what is made from it. The worker has no contacts. HL_E_NOMEM: it still has the old one. */
enum hl_status hl_worker_adopt_model(struct hl_worker *w, struct hl_error *err) HL_WARN_UNUSED;
/* bound.c */
enum hl_status hl_bound_init(struct hl_worker *w, struct hl_error *err) HL_WARN_UNUSED; /* HL_E_NOMEM: fini it all the same */
void hl_bound_fini(struct hl_worker *w);
void hl_away_init(struct hl_away *a);
static inline bool hl_bound_is_paused(const struct hl_bound *b)
{
    return b->full || b->waiting;
}
/* Between two batches: contacts leave, reading pauses or goes on. events: applied since the last call. */
enum hl_status hl_bound_tend(struct hl_worker *w, size_t events, struct hl_error *err);
/* This worker needs its share of the bound: from the beginning of a recovery until what is assigned to it is live, or nothing is. */
void hl_bound_set_restoring(struct hl_worker *w, bool is);
/* The others use no more than their share. */
bool hl_bound_has_room(struct hl_worker *w);
/* hl_bound_tend during recovery, where only contacts that came from Redis leave. HL_E_TOO_LARGE: the bound does not hold what is not in Redis yet. */
enum hl_status hl_bound_tend_recovery(struct hl_worker *w, size_t records, struct hl_error *err);
/* A commit has ended, and no state was written since it began. */
void hl_bound_landed(struct hl_worker *w, int64_t now);
/* A fetch answered HL_E_PENDING: read nothing until Redis can answer. */
enum hl_status hl_bound_wait(struct hl_worker *w, const struct hl_error *why, struct hl_error *err);
/* The partition, which has no contacts yet, is about to be loaded from its copy at this position; -1: from no copy. */
void hl_bound_has_copy(struct hl_worker *w, struct hl_partition *p, int64_t position);
/* A contact was restored. True: there is no room, and it counts as one that left: take it out of the table. @locks requires its stripe. */
bool hl_bound_restored(struct hl_worker *w, struct hl_partition *p, struct hl_contact *c, bool from_copy);
/* The partition is whole. */
void hl_bound_is_live(struct hl_worker *w, struct hl_partition *p);
/* The partition goes. */
void hl_bound_drop(struct hl_worker *w, struct hl_partition *p);
/* All partitions, and what was in the table of them, are gone. */
void hl_bound_forget(struct hl_worker *w);

/* spill.c: what left is fetched before it is looked for in the table. */
bool hl_spill_is_away(const struct hl_partition *p, uint64_t hash);
/* Fetch the contact with the next call below, if it left. The id must live until then; at most HL_BATCH of them. */
void hl_spill_want(struct hl_worker *w, int32_t partition, uint64_t hash, struct hl_slice id);
enum hl_status hl_spill_fetch_wanted(struct hl_worker *w, struct hl_error *err);
/* HL_E_PENDING: Redis is away, or its copy not whole again: nothing may be applied to these contacts; later. */
static inline enum hl_status hl_spill_fetch(struct hl_worker *w, struct hl_error *err)
{
    return w->bound.n_wanted ? hl_spill_fetch_wanted(w, err) : HL_OK;
}
void hl_spill_forget_stranger(struct hl_partition *p, uint64_t hash);

/* worker.c */
void *hl_worker_main(void *arg);
/* One turn of its loop: poll, score, commit when due. */
enum hl_status hl_worker_step(struct hl_worker *w, struct hl_error *err);
enum hl_status hl_worker_decode(struct hl_worker *w, const struct hl_record *r, struct hl_event *ev, struct hl_error *err);
/* Consume from where the partitions stand, without the blocked ones; nothing while the bound on memory wants that. */
enum hl_status hl_worker_assign(struct hl_worker *w, struct hl_error *err);

/* partition.c */
struct hl_partition *hl_partition_new(int32_t id, size_t n_inputs);
void hl_partition_free(struct hl_partition *p);
bool hl_contact_list_push(struct hl_contact_list *l, struct hl_contact *c);
struct hl_contact *hl_contact_list_pop(struct hl_contact_list *l); /* it has one */
/* Remember that a contact's stored state is behind. @locks requires the contact's stripe. False: no memory. */
bool hl_partition_mark_dirty(struct hl_partition *p, struct hl_contact *c);
bool hl_partition_mark_moved(struct hl_partition *p, struct hl_contact *c);
/* The applied offsets of a state record in the order of our inputs; a topic that the record does not know was not applied. */
void hl_applied_offsets(const struct hl_config *c, const struct hl_applied_slice *applied, size_t n, int64_t offsets[64]);
/* Index of a vector of applied offsets, stored when it is new. 0: no memory. */
uint32_t hl_partition_applied(struct hl_partition *p, const int64_t *offsets, size_t n_inputs);
/* No contact refers to them any more. */
void hl_partition_forget_applied(struct hl_partition *p);
/* True when the contact was restored from a state that already holds this record. */
static inline bool hl_partition_has_applied(const struct hl_partition *p, const struct hl_contact *c, size_t n_inputs, uint16_t topic,
                                            int64_t offset)
{
    return c->applied && offset < p->applied[(c->applied - 1) * n_inputs + topic];
}
/* The state of the contact holds all of its events of a topic below this offset. After low-latency delivery a restored contact can be ahead of
 * its partition, and in one topic more than in another. */
static inline int64_t hl_partition_applied_below(const struct hl_partition *p, const struct hl_contact *c, size_t n_inputs, size_t topic)
{
    int64_t restored = c->applied ? p->applied[(c->applied - 1) * n_inputs + topic] : 0;
    return restored > p->next[topic] ? restored : p->next[topic];
}

/* emit.c */
/* Transitions and alerts of an event. */
enum hl_status hl_emit_outcome(struct hl_worker *w, const struct hl_record *r, const struct hl_event *ev, const struct hl_outcome *o,
                               struct hl_error *err);
/* The record in w->record_buf, for the merges. */
enum hl_status hl_emit_onward(struct hl_worker *w, const struct hl_record *r, int32_t partition, struct hl_slice key, struct hl_error *err);
enum hl_status hl_emit_dead_letter(struct hl_worker *w, const struct hl_record *r, const struct hl_error *why, struct hl_error *err);
/* Those of time alone; r: the record that brought the time, NULL: the clock did. */
enum hl_status hl_emit_by_time(struct hl_worker *w, const struct hl_partition *p, const struct hl_record *r, struct hl_slice contact_id,
                               const struct hl_outcome *o, struct hl_error *err);
/* The contact's ContactState, as of hl_partition_applied_below. Takes and releases the stripe. */
enum hl_status hl_emit_state(struct hl_worker *w, struct hl_partition *p, struct hl_contact *c, struct hl_error *err);

/* timers.c */
bool hl_timers_needed(const struct hl_model *m);
/* The contact's next moment, after its state changed. @locks requires the contact's stripe. False: no memory. */
bool hl_timers_note(struct hl_timers *h, const struct hl_model *m, struct hl_contact *c);
/* An event of this time was read and is about to be applied: the moments that are due by then fire first. */
enum hl_status hl_timers_event(struct hl_worker *w, struct hl_partition *p, const struct hl_record *r, int64_t occurred_at, struct hl_error *err);
/* Every moment up to the partition's stream time, in order. */
enum hl_status hl_timers_fire(struct hl_worker *w, struct hl_partition *p, const struct hl_record *r, struct hl_error *err);
/* Between batches: inputs that were read to their end follow the clock. */
enum hl_status hl_timers_idle(struct hl_worker *w, struct hl_error *err);
struct hl_timer hl_timers_pop(struct hl_timers *h); /* the earliest; there is one */
/* Entries of erased contacts, which may leave the table now. */
void hl_timers_drop_erased(struct hl_timers *h);
/* All contacts of our partitions, once, when they have come to life. */
enum hl_status hl_timers_seed(struct hl_worker *w, struct hl_error *err);

/* checkpoint.c */
bool hl_commit_is_due(const struct hl_worker *w, int64_t now_ns);
int hl_commit_wait_ms(const struct hl_worker *w, int64_t now_ns);
/* Begin to commit everything since the last one, when that is over. drain: write out all dirty contacts first, so that the next owner replays
 * nothing, and wait for the end. */
enum hl_status hl_commit(struct hl_worker *w, bool drain, struct hl_error *err);
/* The states of those that changed stage, now instead of with the commit: where there are transactions, and time, they are with the brokers by then. */
enum hl_status hl_write_moved(struct hl_worker *w, struct hl_error *err);
/* See how the commit under way ended; wait false: if it has. */
enum hl_status hl_commit_finish(struct hl_worker *w, bool wait, struct hl_error *err);

/* progress.c */
struct hl_progress {
    int64_t total, done; /* offsets */
    int64_t start_ns, tell_ns;
};
/* What is to be read, at most: offsets of the state topic and of the inputs. */
void hl_progress_begin(struct hl_worker *w, struct hl_progress *p, int64_t state, int64_t input);
void hl_progress_at(struct hl_worker *w, struct hl_progress *p, int64_t done, int64_t now);
unsigned hl_progress_percent(const struct hl_progress *p);
int64_t hl_progress_seconds_left(const struct hl_progress *p, int64_t now); /* -1: not known yet */

/* recovery.c: the assigned partitions come to life; w->parts is filled. Ends early, with HL_OK, when the assignment changes meanwhile. */
enum hl_status hl_recover(struct hl_worker *w, struct hl_error *err);
void hl_drop_partitions(struct hl_worker *w);
/* Say where the assigned partitions are. */
void hl_worker_hold(const struct hl_worker *w, enum hl_hold hold);
/* The class of a dead letter: decode, schema, missing-field, too-large or clock. */
const char *hl_dead_letter_class(enum hl_status code);

/* mirror.c */
struct hl_kafka;
enum hl_status hl_mirror_start(struct hl_engine *e, struct hl_store *store, struct hl_mirror **out, struct hl_error *err);
void hl_mirror_add(struct hl_mirror *m, int32_t partition, uint16_t worker);
/* Nothing happens where another worker has added it since. */
void hl_mirror_remove(struct hl_mirror *m, int32_t partition, uint16_t worker);
/* Let it catch up with the state topic, at most timeout_ms, then end it. */
void hl_mirror_stop(struct hl_mirror *m, int timeout_ms);

#endif
