/* PCRE2 behind struct hl_matcher: JIT where available, match limits set, unanchored, on raw bytes as UTF-8 text when valid. */
#ifndef HOTLEAD_ADAPTER_REGEX_H
#define HOTLEAD_ADAPTER_REGEX_H

#include "hotlead/core/model.h"

/* On a bad pattern: HL_E_CONFIG, the message gives PCRE2's reason and the offset in the pattern. A match that meets its limit is no match
 * (and is counted: hl_regex_limit_hits). */
enum hl_status hl_regex_compile(const char *pattern, struct hl_matcher *out, struct hl_error *err) HL_WARN_UNUSED;
uint64_t hl_regex_limit_hits(void);
/* True when the match of this value meets a limit. Of a matcher made here; not counted. */
bool hl_regex_meets_limit(const struct hl_matcher *m, struct hl_slice value);

#endif
