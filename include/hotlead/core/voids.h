/* What each of the last events of a contact did, so that `event_voided` can take it back. Kept only where the model asks for it (`voids`).
 *
 * A deed is what one event did: the rules that scored it, manual points, latches, facts, the opt-in, and how it moved the contact. Rows are
 * sums, so nothing else tells what to subtract. Attributes, owners and touches are not taken back.
 *
 * Deeds lie in the block of attributes, under a key that no event can set, as touches do: other models pay nothing. They are forgotten when the
 * rules of the model change (their numbers would mean something else), and when a rejection resets the points. */
#ifndef HOTLEAD_CORE_VOIDS_H
#define HOTLEAD_CORE_VOIDS_H

#include "hotlead/core/contact.h"

#define HL_VOIDS_MAX 32      /* deeds */
#define HL_DEED_RULES_MAX 24 /* an event that scored under more is not kept */

struct hl_deed {
    uint64_t event; /* hl_hash64 of its id */
    int64_t at;     /* when it occurred */
    hl_fixed manual;
    uint64_t latches; /* bits of hand-raise rules, then of qualify rules from bit 32 on */
    uint32_t seq;     /* of the contact when it had moved it; 0: it moved nobody */
    uint32_t flags;   /* of the contact before; HL_DEED_FLAGS of them */
    uint8_t facts;    /* bits */
    uint8_t stage;    /* before the first move that attributes alone did not make */
    uint8_t kind;
    bool subscribed;
    bool too_much;    /* for a deed to hold */
    uint8_t n_rules;
    uint16_t rules[HL_DEED_RULES_MAX];
};
#define HL_DEED_FLAGS ((uint32_t)(HL_C_ARMED_MQL | HL_C_ARMED_SQL | HL_C_HELD | HL_C_HELD_FIT))

/* Of the event with this id, which comes now. */
void hl_deed_begin(struct hl_deed *d, const struct hl_contact *c, struct hl_slice event_id, int64_t at);
static inline void hl_deed_add_rule(struct hl_deed *d, uint16_t rule)
{
    if (d->n_rules == HL_DEED_RULES_MAX) d->too_much = true;
    else d->rules[d->n_rules++] = rule;
}

/* Keep it as the newest, if it did anything. HL_E_NOMEM; a contact whose attributes are full keeps none. */
enum hl_status hl_voids_add(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_deed *d) HL_WARN_UNUSED;
/* The deed of this event, which is kept no longer: what is taken back once is gone. False: it is not known. HL_E_NOMEM cannot be: it shrinks. */
bool hl_voids_take(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_slice event_id, struct hl_deed *out);
/* Behind those of c, as deeds that moved nobody: rows of the other have become rows of c. HL_E_NOMEM. */
enum hl_status hl_voids_join(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_contact *other) HL_WARN_UNUSED;
void hl_voids_clear(struct hl_contact *c, struct hl_slab *slab);
/* What the numbers in deeds mean: differs between models whose rules do. */
uint64_t hl_voids_fingerprint(const struct hl_model *m);

#endif
