/* The contacts of one thread in `hotlead simulate`: each thread has its own, so no lock is ever waited for. */
#ifndef HL_APP_SIM_SHARD_H
#define HL_APP_SIM_SHARD_H

#include "hotlead/core/apply.h"
#include "hotlead/core/table.h"
#include "sim_batch.h"

/* What simulate remembers of a contact beside its state; hl_contact.applied is its index. hl_contact.timer is the moment at which time moves
 * it. */
struct hl_sim_memo {
    int64_t first_mql_at; /* HL_NO_TIME: it has not been one */
    int64_t bought_at;    /* first event of the type hl_sim_shard.bought; HL_NO_TIME: none */
};

struct hl_sim_moment {
    int64_t at;
    struct hl_contact *c;
};

struct hl_sim_counts {
    uint64_t results[HL_RESULT_COUNT];
    uint64_t unknown;
    uint64_t moves[HL_STAGE_COUNT][HL_STAGE_COUNT];
    uint64_t alerts[HL_MAX_SLA][HL_ALERT_COUNT];
};

/* Contacts under one model. With --against there are two sides for each shard. */
struct hl_sim_side {
    const struct hl_model *m;
    struct hl_match_cache *matches;
    struct hl_table *t;
    struct hl_sim_memo *memos;     /* 0 is unused */
    size_t n_memos, cap_memos;
    struct hl_sim_moment *moments; /* a heap; stale ones are passed over */
    size_t n_moments, cap_moments;
    struct hl_sim_counts counts;
};

/* A transition or an alert of the batch at hand as a line of JSON, and its place among those of the other shards. */
struct hl_sim_line {
    uint64_t event;     /* number of the event that brought it */
    bool by_event;      /* else by time: those come first, in the order of the two below */
    int64_t at;
    const struct hl_contact *c;
    size_t text, len;   /* in the lines' text */
};

struct hl_sim_lines {
    bool wanted; /* of the first side only */
    struct hl_sim_line *items;
    size_t n, cap;
    struct hl_buf text;
};

struct hl_sim_shard {
    unsigned index, n_shards;
    unsigned n_sides;
    struct hl_sim_side sides[2];
    struct hl_sim_lines transitions, alerts;
    uint32_t *own;     /* indexes of this shard's events in a batch */
    size_t cap_own;
    enum hl_status status;
    enum hl_event_type bought; /* what is a purchase, for the comparison of two models */
};

/* HL_E_NOMEM. against may be NULL. */
enum hl_status hl_sim_shard_init(struct hl_sim_shard *s, unsigned index, unsigned n_shards, const struct hl_model *m,
                                 const struct hl_model *against, bool transitions, bool alerts) HL_WARN_UNUSED;
void hl_sim_shard_fini(struct hl_sim_shard *s);
/* The shard's events among those from `from` to before `to` of a batch, and the moments that come due by then, in order. They come in the order of
 * the stream. */
void hl_sim_shard_take(struct hl_sim_shard *s, const struct hl_sim_batch *b, size_t from, size_t to);

/* For sim_merge.c, where an event concerns contacts of several shards; the first thread alone. All: false when memory is out. */
static inline unsigned hl_sim_shard_of(uint64_t hash, unsigned n_shards)
{
    return (unsigned)((hash >> 32) * n_shards >> 32);
}
struct hl_contact *hl_sim_contact(struct hl_sim_side *s, uint64_t hash, struct hl_slice id); /* found or made */
/* Moments up to the time of event i. */
bool hl_sim_shard_reach(struct hl_sim_shard *s, struct hl_sim_side *side, const struct hl_sim_batch *b, size_t i);
/* What came to a contact by event i of the batch: `ev`, or another contact that went into it by `ev`. */
bool hl_sim_shard_apply(struct hl_sim_shard *s, struct hl_sim_side *side, const struct hl_sim_batch *b, size_t i, const struct hl_event *ev,
                        struct hl_contact *c, const struct hl_contact *joins, struct hl_outcome *out);
/* Behind the last event: time goes on to `until`. */
void hl_sim_shard_finish(struct hl_sim_shard *s, int64_t until);
/* Before the next round: the lines have been printed. */
void hl_sim_lines_clear(struct hl_sim_lines *l);

#endif
