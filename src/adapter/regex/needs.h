/* Private to the adapter. */
#ifndef HL_REGEX_NEEDS_H
#define HL_REGEX_NEEDS_H

#include <stdint.h>

/* hl_pair_bits that every value has that the pattern matches; `pattern` is one that PCRE2 has compiled. 0: nothing is known. */
uint64_t hl_regex_needs(const char *pattern);

#endif
