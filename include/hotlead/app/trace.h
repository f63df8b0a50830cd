/* The W3C trace context of a cause, as far as metrics need it: https://www.w3.org/TR/trace-context/#traceparent-header
 * Pure functions: any thread. */
#ifndef HOTLEAD_APP_TRACE_H
#define HOTLEAD_APP_TRACE_H

#include "hotlead/base/slice.h"

struct hl_trace {
    char trace_id[33], span_id[17]; /* lower-case hexadecimal, ended by NUL */
};

/* False, and *out is left alone: not a valid traceparent, or of a trace that is not sampled, so that nobody could look it up. */
bool hl_trace_parse(struct hl_slice traceparent, struct hl_trace *out);

#endif
