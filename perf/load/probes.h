/* The events that must move somebody, and what became of each: was it sent, acknowledged, and seen as a transition?
 *
 * There is a circle of contacts of their own, prepared to be Leads. Probe j goes to contact j modulo their number; in even rounds it raises a hand
 * (to mql), in odd ones sales rejects it (to unqualified). So every probe must lead to a transition, for as long as the test lasts.
 *
 * Threads: one adds (the sender), one acknowledges (delivery reports), one sees (the consumer); the questions are for any of them, or after them.
 * A slot is 24 bytes and is kept to the end. */
#ifndef HL_LOAD_PROBES_H
#define HL_LOAD_PROBES_H

#include "hotlead/base/hist.h"
#include "hotlead/base/status.h"

struct hl_probes;

struct hl_probe_moment {
    int64_t planned_ns, sent_ns; /* since the start */
};

struct hl_probe_sums {
    uint64_t sent;     /* given to the client */
    uint64_t acked;    /* written, as the broker says */
    uint64_t failed;   /* not written, as far as is known */
    uint64_t seen;     /* led to a transition */
    uint64_t lost;     /* written, and no transition came */
    uint64_t repeated; /* transitions that came again: a seq that was there before */
    uint64_t gaps;     /* transitions of a contact that are missing between two others, or came in another order */
};

/* `contacts` >= 1; the contact after them, number `contacts`, is there for the trial. HL_E_NOMEM. */
enum hl_status hl_probes_new(uint32_t contacts, struct hl_probes **out) HL_WARN_UNUSED;
void hl_probes_free(struct hl_probes *p);
uint32_t hl_probes_contacts(const struct hl_probes *p);

/* The sender. The number of the probe, whose slot is there from now on; -1 when there are too many, or no memory. */
int64_t hl_probes_add(struct hl_probes *p, int64_t planned_ns, int64_t sent_ns);
/* Delivery reports; the moment at which the probe was due. */
int64_t hl_probes_acked(struct hl_probes *p, uint64_t n, int64_t at_ns);
void hl_probes_failed(struct hl_probes *p, uint64_t n);
/* The consumer: a transition of a contact (number `contact`), seq as in the record, its new stage (enum hl_stage). */
void hl_probes_moved(struct hl_probes *p, uint64_t contact, int64_t seq, int stage);
/* ... and it was caused by probe n. True the first time, with the moments of the probe. */
bool hl_probes_seen(struct hl_probes *p, uint64_t n, int64_t at_ns, struct hl_probe_moment *m);

/* The stage that a contact was last seen to enter; -1: none yet. */
int hl_probes_stage(const struct hl_probes *p, uint64_t contact);
/* How many of the circle have been seen to enter a stage. */
uint32_t hl_probes_in_stage(const struct hl_probes *p, int stage);
/* Acknowledged and not seen yet. */
uint64_t hl_probes_waiting(const struct hl_probes *p);
/* After all threads: everything counted, and the time from acknowledgement to transition, in ns, put into a histogram. */
void hl_probes_sum(const struct hl_probes *p, struct hl_probe_sums *sums, struct hl_hist *from_ack);

#endif
