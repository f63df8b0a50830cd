/* Which partitions this process holds, for those who look into the table from outside the workers.
 *
 * Threading: a worker sets its own partitions, anybody reads. Who reads the table compares the tickets of before and after: if they are
 * equal and say live, the partition was whole and in place all the time (a worker takes it off here before it drops its contacts). A worker
 * that finds out late that it lost a partition does not take it off another one of this process, which has it by then. */
#ifndef HOTLEAD_APP_HOLDINGS_H
#define HOTLEAD_APP_HOLDINGS_H

#include "hotlead/core/model.h"

struct hl_holdings;
enum hl_hold { HL_HOLD_ELSEWHERE, HL_HOLD_RESTORING, HL_HOLD_LIVE };

/* All elsewhere. NULL: no memory. */
struct hl_holdings *hl_holdings_new(int32_t partitions);
void hl_holdings_free(struct hl_holdings *h);
int32_t hl_holdings_partitions(const struct hl_holdings *h);

/* h == NULL: nobody looks. ELSEWHERE counts only from the worker that set it last. */
void hl_holdings_set(struct hl_holdings *h, int32_t partition, uint16_t worker, enum hl_hold hold);
/* Another one after each set. */
uint64_t hl_holdings_ticket(const struct hl_holdings *h, int32_t partition);
enum hl_hold hl_holdings_of(uint64_t ticket);
/* Contacts of the partition may have left the table for Redis (memory.max_bytes): they are in its copy from this position of the state topic on. -1:
 * none has. Set before the first of them leaves; how many there are, by stage, follows. h == NULL: nobody looks. Counts only from the worker that set
 * the hold last. */
void hl_holdings_set_away(struct hl_holdings *h, int32_t partition, uint16_t worker, int64_t position, const uint64_t stages[HL_STAGE_COUNT]);
int64_t hl_holdings_away(const struct hl_holdings *h, int32_t partition);
/* Add them to counts of contacts by stage. */
void hl_holdings_count_away(const struct hl_holdings *h, int32_t partition, uint64_t counts[HL_STAGE_COUNT]);
/* Whose contacts they are. */
uint16_t hl_holdings_worker(uint64_t ticket);

#endif
