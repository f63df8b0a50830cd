/* Events that can be read, and hardly are what was meant: of a type that nothing is known of, or of a time that looks like seconds taken for
 * milliseconds. Each is told in the log once a process, and counted where it was counted anyway. Any worker. */
#ifndef HL_APP_ODD_H
#define HL_APP_ODD_H

#include <stdatomic.h>

#include "hotlead/base/lock.h"
#include "unknown.h"

struct hl_worker;
struct hl_record;
struct hl_event;

/* Of all workers; zeroed: nothing was told yet. */
struct hl_odd {
    struct hl_lock lock; /* of `unknown` */
    struct hl_unknown unknown;
    _Atomic uint64_t early; /* a bit for each input, of at most 64 */
};

void hl_odd_unknown(struct hl_worker *w, const struct hl_record *r, const struct hl_event *ev);
void hl_odd_early(struct hl_worker *w, const struct hl_record *r, const struct hl_event *ev);

#endif
