/* Private: answers that go on. One thread. */
#ifndef HL_HTTP_STREAM_H
#define HL_HTTP_STREAM_H

#include <microhttpd.h>

#include "guard.h"
#include "hotlead/adapter/http.h"

struct hl_http_stream;
struct hl_http_streams {
    struct hl_http_stream *first;
    unsigned n;
    bool ending;
};

/* The answer to c, with what r->body has as its beginning, which is taken. NULL: no memory; then r->source is the caller's to end. */
struct MHD_Response *hl_http_stream_open(struct hl_http_streams *s, struct MHD_Connection *c, struct hl_http_seat *seat, struct hl_http_response *r);
/* Asks those that wait. True: there are any, so it is to be called again within HL_HTTP_ASK_MS. */
bool hl_http_streams_tick(struct hl_http_streams *s, int64_t now_ns);
/* All come to their end with the next runs of the library. */
void hl_http_streams_end(struct hl_http_streams *s);

#endif
