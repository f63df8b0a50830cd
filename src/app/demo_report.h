/* What the demo ends with: the funnel, the hottest contacts, the balance. */
#ifndef HOTLEAD_APP_DEMO_REPORT_H
#define HOTLEAD_APP_DEMO_REPORT_H

#include "demo_feed.h"

#define HL_DEMO_HOTTEST 10
#define HL_DEMO_REASONS 4

struct hl_demo_hot {
    uint32_t contact;
    enum hl_stage stage;
    enum hl_kind kind;
    char grade;
    hl_fixed score, fit;
    unsigned n_reasons;
    struct hl_reason reasons[HL_DEMO_REASONS]; /* the largest rows */
};

struct hl_demo_report {
    const struct hl_demo_day *day;
    const struct hl_model *model;
    uint64_t sent, contacts;
    uint64_t now[HL_STAGE_COUNT], reached[HL_STAGE_COUNT];
    struct hl_demo_hot hottest[HL_DEMO_HOTTEST];
    unsigned n_hottest;
    struct hl_metrics_totals totals;
    double seconds;
    bool whole; /* the day came to its end */
};

/* Look at the table and the counters; before the engine stops, which empties the table. day, model, sent, seconds and whole
 * are the caller's. */
void hl_demo_report_fill(struct hl_demo_report *r, struct hl_engine *e, struct hl_demo_feed *f);
void hl_demo_report_print(const struct hl_demo_report *r, bool colour, struct hl_buf *out);
void hl_demo_report_print_json(const struct hl_demo_report *r, struct hl_buf *out);
/* Digits in groups of three: "12,345". */
const char *hl_demo_count(uint64_t n, char buf[32]);

#endif
