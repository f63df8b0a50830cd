/* The consumer that a user of transitions has: read_committed, from the moment it starts. It notes when each probe's transition can be seen. */
#ifndef HL_LOAD_WATCHER_H
#define HL_LOAD_WATCHER_H

#include "clients.h"
#include "meter.h"
#include "probes.h"

/* What the watcher needs of a transition (schemas/stage_transition.avsc). Slices are borrowed. */
struct hl_seen_transition {
    struct hl_slice contact_id, to;
    struct hl_slice trigger_event_id; /* null slice: time alone */
    int64_t seq;
};
/* From a framed value; false when it is none. */
bool hl_seen_transition_read(struct hl_slice value, struct hl_seen_transition *out);

struct hl_watcher;
struct hl_watcher_config {
    const struct hl_load_options *options;
    uint32_t run;
    struct hl_meter *meter;
    struct hl_probes *probes;
};

/* Reads the topic from its end; by the return it is known where that is. Errors as hl_clients_partitions. */
enum hl_status hl_watcher_new(const struct hl_watcher_config *config, struct hl_watcher **out, struct hl_error *err) HL_WARN_UNUSED;
/* From now on, `meter->start_ns` is set and latencies are noted. */
void hl_watcher_measure(struct hl_watcher *w);
/* True when it cannot go on, with the reason. */
bool hl_watcher_failed(struct hl_watcher *w, char *why, size_t cap);
void hl_watcher_free(struct hl_watcher *w); /* ends its thread; NULL is allowed */

#endif
