/* Private: records of the topic `outputs.merges`, by which workers tell each other what concerns another's contact (decision 0026). */
#ifndef HL_APP_ONWARD_H
#define HL_APP_ONWARD_H

#include "hotlead/base/buf.h"
#include "hotlead/core/apply.h"
#include "hotlead/port/decoder.h"

/* How a record has come from pointer to pointer, so that a circle of them is noticed (Brent, "An improved Monte Carlo factorization algorithm",
 * 1980): `mark` is set anew after 1, 2, 4, 8 ... hops; `least` is the smallest id since. Who meets its own mark has gone round once. */
struct hl_hops {
    uint32_t n;
    bool closing; /* it was round: `least` is to take it */
    struct hl_slice mark, least;
};

struct hl_onward_record {
    enum hl_onward what;
    struct hl_event ev; /* EVENT: what is passed on. STATE, CLAIM: contact_merged, with id and time of the event that brought it about, for CLAIM
                         * with attributes.into. Its contact_id is the one that the record is for. */
    struct hl_slice from, state; /* STATE: who went, and what it had (core/state.h) */
    struct hl_hops hops;
};

void hl_onward_encode(struct hl_buf *out, const struct hl_onward_record *r);
/* Borrows from value and arena. HL_E_DECODE, HL_E_NOMEM. */
enum hl_status hl_onward_decode(struct hl_slice value, struct hl_arena *arena, struct hl_onward_record *r, struct hl_error *err) HL_WARN_UNUSED;
/* Its `ev` alone, for the batch. */
enum hl_status hl_onward_decoder_new(struct hl_decoder **out, struct hl_error *err) HL_WARN_UNUSED;

/* A record comes to a pointer. True: it has come round, and this one is to be a contact again, and take it. */
bool hl_hops_arrive(struct hl_hops *h, struct hl_slice at);
/* It leaves the pointer, or, for the first time, the contact. */
void hl_hops_leave(struct hl_hops *h, struct hl_slice at);

#endif
