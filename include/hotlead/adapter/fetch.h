/* One GET by HTTP (libcurl), for commands that ask a running process. Redirects are not followed. Not for threads that must not wait. */
#ifndef HOTLEAD_ADAPTER_FETCH_H
#define HOTLEAD_ADAPTER_FETCH_H

#include "hotlead/base/buf.h"
#include "hotlead/base/status.h"

struct hl_fetch_request {
    const char *url;
    const char *accept;     /* value of Accept */
    const char *token_file; /* bearer token, its first line; NULL: none */
    int timeout_ms;
};

/* *http: the status of the answer; its body is appended. HL_OK whatever the status is. HL_E_UNAVAILABLE: there was no answer; HL_E_CONFIG: the
 * token cannot be read, or the URL is none; HL_E_TOO_LARGE: more than 16 MiB. */
enum hl_status hl_fetch_get(const struct hl_fetch_request *q, long *http, struct hl_buf *body, struct hl_error *err) HL_WARN_UNUSED;
/* What problem details (RFC 9457) say to people, into out; what the status is called where there are none. */
void hl_fetch_problem(long http, struct hl_slice body, char *out, size_t cap);

#endif
