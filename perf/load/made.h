/* Made-up events: a month of contacts of four kinds, seeded. The same arguments give the same events, in any order of asking. */
#ifndef PERF_LOAD_MADE_H
#define PERF_LOAD_MADE_H

#include "hotlead/base/buf.h"
#include "hotlead/core/event.h"

#define MADE_PAIRS 8
#define MADE_UUID_BYTES 37

struct source {
    uint64_t events, contacts, seed; /* the month is spread over that many events; what follows is at its end */
    int64_t start_ms;                /* since 1970 */
};

struct made {
    struct hl_event ev; /* borrows from the rest */
    struct hl_kv pairs[MADE_PAIRS];
    char event_id[MADE_UUID_BYTES], contact_id[MADE_UUID_BYTES], url[96], email[40], budget[16];
};

/* Event i of a source. */
void made_event(struct made *e, const struct source *s, uint64_t i);
/* As a datum of schemas/event.avsc, without framing. */
void made_put_datum(struct hl_buf *b, const struct hl_event *ev);

#endif
