/* Percent-encoding (RFC 3986, 2.1). */
#ifndef HOTLEAD_BASE_PERCENT_H
#define HOTLEAD_BASE_PERCENT_H

#include "hotlead/base/buf.h"

/* Decoded copy with a NUL behind it; *len without that, and the bytes may hold others. `+` stays what it is. False: a % without two
 * hexadecimal digits, or more than cap - 1 bytes. */
bool hl_percent_decode(struct hl_slice s, char *out, size_t cap, size_t *len);
/* Encoded as one segment of a path: all but unreserved characters. */
void hl_percent_put(struct hl_buf *b, struct hl_slice s);

#endif
