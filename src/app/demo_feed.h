/* The demo's two ends: a thread that writes the made-up day into Kafka, and what comes back as transitions. Sales sits
 * between them. */
#ifndef HOTLEAD_APP_DEMO_FEED_H
#define HOTLEAD_APP_DEMO_FEED_H

#include "demo_day.h"
#include "hotlead/adapter/kafka.h"
#include "hotlead/app/engine.h"

/* A transition, as much of it as the demo shows. */
struct hl_demo_move {
    uint32_t contact, seq;
    enum hl_stage from, to;
    enum hl_kind kind;
    enum hl_cause cause;
    const char *rule; /* of the model; may be NULL */
    int64_t occurred_at;
    double score;
    char grade;
    unsigned n_reasons;
    struct {
        const char *rule;
        double points;
    } reasons[3];
};

struct hl_demo_feed;

struct hl_demo_feed_options {
    struct hl_demo_day *day;
    const char *bootstrap;
    uint64_t rate; /* events a second; 0: as fast as they are taken */
};

enum hl_status hl_demo_feed_new(const struct hl_demo_feed_options *options, struct hl_demo_feed **out,
                                struct hl_error *err) HL_WARN_UNUSED;
/* Start writing; `metrics` tell how far the scorer is. */
enum hl_status hl_demo_feed_start(struct hl_demo_feed *f, struct hl_metrics *metrics, struct hl_error *err) HL_WARN_UNUSED;
/* No more after this; waits until everything written is with the broker. */
void hl_demo_feed_stop(struct hl_demo_feed *f);
void hl_demo_feed_free(struct hl_demo_feed *f);

/* An hl_transition_observer; ctx is the feed. */
void hl_demo_feed_observe(void *ctx, const struct hl_transition_record *r);

bool hl_demo_feed_done(const struct hl_demo_feed *f); /* the day is over: all is written and acknowledged */
uint64_t hl_demo_feed_sent(const struct hl_demo_feed *f);
int64_t hl_demo_feed_clock(const struct hl_demo_feed *f); /* simulated time, ms */
/* Whether writing has failed, and why. */
enum hl_status hl_demo_feed_status(const struct hl_demo_feed *f, struct hl_error *err);
/* Take up to cap moves that nobody has seen yet; *lost counts those that came too fast to be kept. */
size_t hl_demo_feed_take(struct hl_demo_feed *f, struct hl_demo_move *moves, size_t cap, uint64_t *lost);
/* How many contacts have ever been in a stage of the main line or beyond it, and in each of the two exits. */
void hl_demo_feed_reached(struct hl_demo_feed *f, uint64_t reached[HL_STAGE_COUNT]);

#endif
