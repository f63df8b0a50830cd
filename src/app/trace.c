#include "hotlead/app/trace.h"

#include <string.h>

/* 00-TRACE_ID-SPAN_ID-FLAGS; a version above 00 may add to it. */
enum { VERSION = 0, TRACE_ID = 3, SPAN_ID = 36, FLAGS = 53, LENGTH = 55 };
#define SAMPLED 1

/* Copies n hexadecimal digits and ends them. False: other bytes, or only zeros, which the standard calls invalid. */
static bool copy_id(const char *from, size_t n, char *to)
{
    bool some = false;
    for (size_t i = 0; i < n; i++) {
        if (hl_hex_digit(from[i]) < 0) return false;
        some |= from[i] != '0';
        to[i] = from[i];
    }
    to[n] = '\0';
    return some;
}

static int byte_at(const char *s)
{
    return hl_hex_digit(s[0]) < 0 || hl_hex_digit(s[1]) < 0 ? -1 : hl_hex_digit(s[0]) * 16 + hl_hex_digit(s[1]);
}

bool hl_trace_parse(struct hl_slice traceparent, struct hl_trace *out)
{
    const char *s = traceparent.data;
    struct hl_trace t;
    if (hl_slice_is_null(traceparent) || traceparent.len < LENGTH) return false;
    int version = byte_at(s), flags = byte_at(s + FLAGS);
    if (version < 0 || version == 255 || flags < 0) return false;
    if (traceparent.len > LENGTH && (version == 0 || s[LENGTH] != '-')) return false;
    if (s[TRACE_ID - 1] != '-' || s[SPAN_ID - 1] != '-' || s[FLAGS - 1] != '-') return false;
    if (!copy_id(s + TRACE_ID, 32, t.trace_id) || !copy_id(s + SPAN_ID, 16, t.span_id) || !(flags & SAMPLED)) return false;
    *out = t;
    return true;
}
