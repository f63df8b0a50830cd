/* What the demo shows while it runs: lines of transitions and, on a terminal, a status line below them. Main thread only. */
#ifndef HOTLEAD_APP_DEMO_VIEW_H
#define HOTLEAD_APP_DEMO_VIEW_H

#include <stdio.h>

#include "demo_feed.h"

struct hl_demo_view {
    FILE *out;
    const struct hl_demo_day *day;
    bool terminal, colour;
    bool status_shown;
    unsigned budget;                         /* lines that may be printed now */
    uint64_t left_out;                       /* moves that were not printed */
    uint64_t tick, shown_at[HL_STAGE_COUNT]; /* when a move into a stage was last printed, in ticks */
    int64_t status_due_ns;                   /* the next status */
    int64_t rate_ns;                         /* events/s: the last reading */
    uint64_t rate_events, events_per_s;
};

struct hl_demo_status {
    uint64_t sent, contacts, lost;
    const struct hl_metrics_totals *totals;
    int64_t clock; /* simulated, ms */
    bool redis_up;
};

void hl_demo_view_init(struct hl_demo_view *v, FILE *out, const struct hl_demo_day *day);
#define HL_DEMO_VIEW_MOVES 1024
/* Every tick (about 100 ms): the moves since the last one, at most HL_DEMO_VIEW_MOVES. On a terminal the most telling few
 * are printed, elsewhere all. */
void hl_demo_view_moves(struct hl_demo_view *v, const struct hl_demo_move *moves, size_t n);
void hl_demo_view_status(struct hl_demo_view *v, const struct hl_demo_status *s, int64_t now_ns);
/* A word in place of the status line, on a terminal only. */
void hl_demo_view_note(struct hl_demo_view *v, const char *text);
/* Take the status line away. */
void hl_demo_view_end(struct hl_demo_view *v);

#endif
