/* The one thread that sends: everything that is due, and nothing before it is. A second one takes the delivery reports. */
#ifndef HL_LOAD_SENDER_H
#define HL_LOAD_SENDER_H

#include "clients.h"
#include "meter.h"
#include "probes.h"

struct hl_sender;

struct hl_sender_config {
    const struct hl_load_options *options;
    const struct hl_schedule *schedule; /* not looked at in a backlog */
    const int *partitions;              /* for each topic */
    uint32_t schema_id;
    uint32_t run; /* number of this run: in the ids of its events */
    struct hl_meter *meter;
    struct hl_probes *probes; /* NULL: none */
    _Atomic bool *stop;       /* ends the sending early */
};

/* Connects, and takes delivery reports from now on. HL_E_CONFIG, HL_E_NOMEM. */
enum hl_status hl_sender_new(const struct hl_sender_config *config, struct hl_sender **out, struct hl_error *err) HL_WARN_UNUSED;
/* One event outside the schedule, happening now: to contact number `contact` of the circle. HL_E_UNAVAILABLE when it is not taken. */
enum hl_status hl_sender_put_extra(struct hl_sender *s, enum hl_mix_extra extra, uint64_t contact, struct hl_error *err) HL_WARN_UNUSED;
/* Send by the schedule, whose start is meter->start_ns; in a thread of its own, from here to hl_sender_done. */
enum hl_status hl_sender_start(struct hl_sender *s, struct hl_error *err) HL_WARN_UNUSED;
bool hl_sender_done(const struct hl_sender *s);
/* Given to the client, and neither acknowledged nor failed. */
uint64_t hl_sender_outstanding(const struct hl_sender *s);
/* The last thing that the producer complained of. */
void hl_sender_trouble(struct hl_sender *s, char *out, size_t cap);
/* Ends the threads; what is not written by now counts as failed. */
void hl_sender_finish(struct hl_sender *s);
void hl_sender_free(struct hl_sender *s);

#endif
