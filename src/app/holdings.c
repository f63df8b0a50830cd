#include "hotlead/app/holdings.h"

#include <stdatomic.h>
#include <stdlib.h>

#define HOLD_BITS 2

struct hl_holdings {
    int32_t n;
    _Atomic uint32_t tickets[]; /* times set, then the hold in the low bits */
};

struct hl_holdings *hl_holdings_new(int32_t partitions)
{
    struct hl_holdings *h = malloc(sizeof(*h) + (size_t)partitions * sizeof(h->tickets[0]));
    if (!h) return NULL;
    h->n = partitions;
    for (int32_t p = 0; p < partitions; p++) atomic_init(&h->tickets[p], HL_HOLD_ELSEWHERE);
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

void hl_holdings_set(struct hl_holdings *h, int32_t partition, enum hl_hold hold)
{
    if (!h) return;
    HL_BUG_ON(partition < 0 || partition >= h->n);
    uint32_t next = ((atomic_load(&h->tickets[partition]) >> HOLD_BITS) + 1) << HOLD_BITS | (uint32_t)hold;
    atomic_store(&h->tickets[partition], next);
}

uint32_t hl_holdings_ticket(const struct hl_holdings *h, int32_t partition)
{
    HL_BUG_ON(partition < 0 || partition >= h->n);
    return atomic_load(&h->tickets[partition]);
}

enum hl_hold hl_holdings_of(uint32_t ticket)
{
    return (enum hl_hold)(ticket & ((1u << HOLD_BITS) - 1));
}
