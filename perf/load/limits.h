/* The figures of a run by their names, and the limits on them that make a run fail. One table gives the names, the help, and the JSON. */
#ifndef HL_LOAD_LIMITS_H
#define HL_LOAD_LIMITS_H

#include "hotlead/base/hist.h"
#include "hotlead/base/status.h"

/* Series of latencies: name in --fail-if (a prefix with a dot, the first has none), name in JSON, what it is. */
#define HL_LATENCIES(X)                                                                                              \
    X(CORRECTED, "", "latency", "planned send time to transition seen", "what a user waits; a stall counts in full")  \
    X(UNCORRECTED, "uncorrected.", "latency_uncorrected", "real send time to transition seen", "hides what the sender itself was late") \
    X(SERVICE, "service.", "latency_service", "acknowledged by the broker to transition seen", "the part that is hotlead's") \
    X(ACK, "ack.", "latency_ack", "planned send time to acknowledged by the broker", "the part that is Kafka's")

enum hl_latency {
#define X(id, prefix, json, what, why) HL_LATENCY_##id,
    HL_LATENCIES(X)
#undef X
        HL_LATENCY_COUNT
};

struct hl_latency_text {
    const char *prefix, *json, *what, *why;
};
extern const struct hl_latency_text hl_latency_texts[HL_LATENCY_COUNT];

/* Numbers: name in --fail-if and in JSON, what it is. */
#define HL_FIGURES(X)                                                                                         \
    X(lost, "events that had to move a contact, were written, and did not move it before the drain time was over") \
    X(repeated, "transitions that came more than once")                                                       \
    X(gaps, "transitions of a contact that are missing between others, or out of order")                      \
    X(failed, "events that the broker did not acknowledge")                                                   \
    X(unsent, "events that were due and not even given to the client")                                        \
    X(rate, "events a second that were reached")

enum hl_figure {
#define X(name, what) HL_FIGURE_##name,
    HL_FIGURES(X)
#undef X
        HL_FIGURE_COUNT
};
const char *hl_figure_name(enum hl_figure f);

struct hl_figures {
    const struct hl_hist *latencies[HL_LATENCY_COUNT]; /* ns */
    double numbers[HL_FIGURE_COUNT];
    double behind_ns; /* how late the sender was at most: the figure `behind` */
    bool measured;    /* false: no transitions were looked at */
};

enum hl_what { HL_WHAT_QUANTILE, HL_WHAT_MAX, HL_WHAT_MEAN, HL_WHAT_NUMBER, HL_WHAT_BEHIND };

struct hl_limit {
    const char *text; /* as given */
    enum hl_what what;
    enum hl_latency latency;
    enum hl_figure figure;
    double quantile;    /* 0 to 1 */
    char op[3];         /* > >= < <= */
    double bound;       /* ns, or a plain number */
};

/* "p99>50ms", "uncorrected.max>=2s", "lost>0", "rate<20000". `text` is borrowed. HL_E_USAGE. */
enum hl_status hl_limit_parse(const char *text, struct hl_limit *out, struct hl_error *err) HL_WARN_UNUSED;
/* Does the limit only make sense when transitions are looked at? */
bool hl_limit_needs_transitions(const struct hl_limit *l);
/* True when the run fails by it; *value is what was found, *known false when there is nothing to judge by, which fails, too. */
bool hl_limit_broken(const struct hl_limit *l, const struct hl_figures *f, double *value, bool *known);
bool hl_limit_is_time(const struct hl_limit *l);

double hl_latency_mean(const struct hl_hist *h); /* 0 when empty */

#endif
