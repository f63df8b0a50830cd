#include "hotlead/app/holdings.h"

#include <stdatomic.h>
#include <stdlib.h>

#define HOLD_BITS 2
#define WORKER_BITS 16

struct hl_holdings {
    int32_t n;
    struct {
        _Atomic uint64_t ticket; /* times set, then the worker, then the hold in the low bits */
        _Atomic int64_t away;
        _Atomic uint64_t away_stages[HL_STAGE_COUNT];
    } parts[];
};

struct hl_holdings *hl_holdings_new(int32_t partitions)
{
    struct hl_holdings *h = malloc(sizeof(*h) + (size_t)partitions * sizeof(h->parts[0]));
    if (!h) return NULL;
    h->n = partitions;
    for (int32_t p = 0; p < partitions; p++) {
        atomic_init(&h->parts[p].ticket, HL_HOLD_ELSEWHERE);
        atomic_init(&h->parts[p].away, -1);
        for (int s = 0; s < HL_STAGE_COUNT; s++) atomic_init(&h->parts[p].away_stages[s], 0);
    }
    return h;
}

void hl_holdings_free(struct hl_holdings *h)
{
    free(h);
}

int32_t hl_holdings_partitions(const struct hl_holdings *h)
{
    return h->n;
}

static uint64_t pack(uint64_t times, uint16_t worker, enum hl_hold hold)
{
    return times << (WORKER_BITS + HOLD_BITS) | (uint64_t)worker << HOLD_BITS | (uint64_t)hold;
}

void hl_holdings_set(struct hl_holdings *h, int32_t partition, uint16_t worker, enum hl_hold hold)
{
    if (!h) return;
    HL_BUG_ON(partition < 0 || partition >= h->n);
    uint64_t now = atomic_load(&h->parts[partition].ticket);
    do
        if (hold == HL_HOLD_ELSEWHERE && hl_holdings_worker(now) != worker) return;
    while (!atomic_compare_exchange_weak(&h->parts[partition].ticket, &now, pack((now >> (WORKER_BITS + HOLD_BITS)) + 1, worker, hold)));
}

uint64_t hl_holdings_ticket(const struct hl_holdings *h, int32_t partition)
{
    HL_BUG_ON(partition < 0 || partition >= h->n);
    return atomic_load(&h->parts[partition].ticket);
}

void hl_holdings_set_away(struct hl_holdings *h, int32_t partition, uint16_t worker, int64_t position, const uint64_t stages[HL_STAGE_COUNT])
{
    if (!h || hl_holdings_worker(hl_holdings_ticket(h, partition)) != worker) return;
    atomic_store(&h->parts[partition].away, position);
    for (int s = 0; s < HL_STAGE_COUNT; s++) atomic_store_explicit(&h->parts[partition].away_stages[s], stages[s], memory_order_relaxed);
}

void hl_holdings_count_away(const struct hl_holdings *h, int32_t partition, uint64_t counts[HL_STAGE_COUNT])
{
    HL_BUG_ON(partition < 0 || partition >= h->n);
    for (int s = 0; s < HL_STAGE_COUNT; s++) counts[s] += atomic_load_explicit(&h->parts[partition].away_stages[s], memory_order_relaxed);
}

int64_t hl_holdings_away(const struct hl_holdings *h, int32_t partition)
{
    HL_BUG_ON(partition < 0 || partition >= h->n);
    return atomic_load(&h->parts[partition].away);
}

enum hl_hold hl_holdings_of(uint64_t ticket)
{
    return (enum hl_hold)(ticket & ((1u << HOLD_BITS) - 1));
}

uint16_t hl_holdings_worker(uint64_t ticket)
{
    return (uint16_t)(ticket >> HOLD_BITS);
}
