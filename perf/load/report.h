/* What a run came to: for people on a terminal, for programs, and as a page with pictures. */
#ifndef HL_LOAD_REPORT_H
#define HL_LOAD_REPORT_H

#include "hotlead/base/buf.h"
#include "meter.h"
#include "options.h"
#include "probes.h"

struct hl_load_result {
    const struct hl_load_options *options;
    const struct hl_schedule *schedule;
    struct hl_meter *meter; /* its SERVICE latencies are filled from the probes */
    struct hl_probe_sums probes;
    int64_t started_ms;   /* wall clock */
    double seconds;       /* from the start to the last event sent; of a backlog, to the last one acknowledged */
    double planned_rate;  /* on the average, events a second */
    uint32_t run;
    bool interrupted;
    char trouble[400];    /* what the client last complained of; "" */
    struct hl_figures figures;
};

/* Fill `figures`, planned_rate and SERVICE latencies from the rest. */
void hl_load_result_finish(struct hl_load_result *r, const struct hl_probes *probes);
/* False of a backlog, or when nothing came of it. */
bool hl_load_has_latencies(const struct hl_load_result *r);
/* True when a limit is broken. */
bool hl_load_result_failed(const struct hl_load_result *r);

void hl_load_report_text(struct hl_buf *out, const struct hl_load_result *r);
void hl_load_report_json(struct hl_buf *out, const struct hl_load_result *r);
void hl_load_report_html(struct hl_buf *out, const struct hl_load_result *r);

/* "4.31 ms", "512 us", "1.20 s"; three digits. */
#define HL_TIME_TEXT 24
const char *hl_time_text(double ns, char out[HL_TIME_TEXT]);
/* "20,000", "12.5" below 100. */
const char *hl_number_text(double v, char out[HL_TIME_TEXT]);

#endif
