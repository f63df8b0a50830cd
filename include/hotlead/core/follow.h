/* What was said of a contact wins: bring a contact that was made anew from its events to where its last emitted transition left it. */
#ifndef HOTLEAD_CORE_FOLLOW_H
#define HOTLEAD_CORE_FOLLOW_H

#include "hotlead/core/apply.h"

/* Of a transition that was emitted. */
struct hl_said {
    enum hl_stage stage; /* after the move */
    enum hl_kind kind;
    enum hl_cause cause;
    uint16_t visit;
    uint32_t seq;
    int64_t at; /* clock of the contact at the move, ms */
};

/* What the stage brings with it is set as entering it would have (deadlines, arms, what a rejection forgets), and what would move the
 * contact on at once goes, since it did not then. Points, attributes and owner stay as they are. HL_E_NOMEM. */
enum hl_status hl_contact_follow(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_said *said) HL_WARN_UNUSED;

#endif
