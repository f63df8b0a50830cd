/* Private: what the workers have just committed, for those who look: the latest transitions, and the funnel's figures of each partition.
 *
 * DESIGN  A worker collects the transitions of its open transaction in a batch of its own. After the commit it hands them over, under one lock that
 * is taken once for each commit with transitions; a transaction that fails is dropped. The latest transitions stand in a ring, as the bytes that went
 * to Kafka, and are decoded by who looks. So the cost for scoring is a copy of some hundred bytes for each transition, and nobody who looks can make
 * a worker wait for longer than it takes to copy a part of the ring.
 * Bounded: of one transaction the ring takes HL_FLOW_KEPT transitions, and none longer than HL_FLOW_BYTES; what is left out is counted, and the numbers
 * of the entries go on over it, so a reader sees how many it missed. The figures count every transition.
 *
 * THREADS  A batch belongs to its worker. Everything else may be called by any thread. */
#ifndef HL_APP_FLOW_H
#define HL_APP_FLOW_H

#include "funnel.h"

#define HL_FLOW_RING 1024
#define HL_FLOW_BYTES 1024
#define HL_FLOW_KEPT 256

struct hl_flow;
struct hl_flow_batch;

/* NULL: no memory. */
struct hl_flow *hl_flow_new(int32_t partitions);
void hl_flow_free(struct hl_flow *f);
struct hl_flow_batch *hl_flow_batch_new(void);
void hl_flow_batch_free(struct hl_flow_batch *b);

/* --- for a worker; f or b NULL: nobody looks (tests) --- */

/* value: the record as it was written. Without memory it is left out. */
void hl_flow_note(struct hl_flow_batch *b, int32_t partition, enum hl_stage from, enum hl_stage to, int64_t time_in_from_ms, struct hl_slice value);
/* The transaction was committed, or will not be. Each empties the batch. */
void hl_flow_commit(struct hl_flow *f, struct hl_flow_batch *b);
void hl_flow_drop(struct hl_flow_batch *b);

/* A partition comes to life: its figures begin at `since` (ms), unless they have begun. HL_E_NOMEM. */
enum hl_status hl_flow_begin(struct hl_flow *f, int32_t partition, int64_t since) HL_WARN_UNUSED;

/* --- for those who look --- */

/* Number of the next entry; the first one is 1. */
uint64_t hl_flow_next(struct hl_flow *f);
/* Entries from *next on, at most `most` of them, oldest first: each appended to `out` as its number (varint), partition (varint) and bytes (length first,
 * as hl_buf_put_bytes). Where more than `most` wait, or some are gone, the oldest are passed over: *missed counts them. *next is moved on. */
void hl_flow_read(struct hl_flow *f, uint64_t *next, size_t most, struct hl_buf *out, uint64_t *missed);

/* Figures of a partition since it came here, added to *into. False: there are none. *version changes with each addition. */
bool hl_flow_figures(struct hl_flow *f, int32_t partition, struct hl_funnel *into, uint64_t *version);
/* What was counted before it came here; its beginning becomes theirs. */
void hl_flow_add_base(struct hl_flow *f, int32_t partition, const struct hl_funnel *base);
void hl_flow_forget(struct hl_flow *f, int32_t partition);

#endif
